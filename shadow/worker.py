"""The shadow process: receives exchanges, casts their votes, mirrors some, and flushes what was counted.

Split evidence needs no mirror, so it is cast as an exchange arrives. What is sampled goes to a bounded queue, from
which a fixed number of tasks ask the other model. Nothing in here can slow a user's request, and nothing that comes in
can end the worker: an exchange that cannot be handled is counted, and the next one is taken.

Counters go to the store every `FLUSH_SECONDS` and once more at the end; while the store is away they wait (`batching`).
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import anyio
from anyio.abc import ByteStream, Listener
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from routing.arms import Arm
from routing.bucketing import fraction
from routing.errors import StoreUnavailable
from routing.purposes import Purpose
from shadow import comparison
from shadow.answer import Answer, Ask, Unreadable
from shadow.batching import Batch, Home, Pending, RecentVoters
from shadow.capture import ask_of, read_answer, read_request
from shadow.cells import Vote
from shadow.comparison import Heard, Readings, Side
from shadow.errors import FlushFailed, MalformedFrame, MirrorShed
from shadow.exchange import Exchange, Outcome
from shadow.intake import exchanges
from shadow.job import Job
from shadow.means import Means
from shadow.mirror import MOST_IN_FLIGHT
from shadow.pacing import Attention, Tokens, estimated_tokens
from shadow.review import KeptPair, Review, kept_pair
from shadow.sampling import UNSAMPLED, Choice, MirrorKind, Sampling, choose
from shadow.signals.catalogue import ALSO, Read
from shadow.slices import SliceNames
from shadow.spending import spending, usage
from shadow.tenants import TenantShares
from shadow.triples import Triples
from shadow.units import unit_member, unit_vote

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 0.25
MIRROR_TASKS: Final = MOST_IN_FLIGHT
MAX_QUEUED: Final = 1_024
MAX_QUEUED_BYTES: Final = 128 * 1024 * 1024
STALE_SECONDS: Final = 30.0
"""An exchange that waited longer is not mirrored: the two models would not have answered at the same time."""
DRAIN_SECONDS: Final = 2.0
"""How long a stop waits for the connections and the mirrors that there are."""
LAST_FLUSH_SECONDS: Final = 2.0
_LOOK_AGAIN_SECONDS: Final = 0.02
MOST_KEPT: Final = 200
"""Pairs for review that wait to be written; while the store is away the oldest make room: nothing depends on them."""


class ShadowWorker:
    """One shadow worker. `worker_id` is unique among all that write to the same store, restarts included.

    `also` are the signals beside the default ones; `clock` tells the Unix time, to see how late exchanges come.
    """

    def __init__(
        self,
        sampling: Mapping[str, Sampling],
        means: Means,
        worker_id: str,
        *,
        also: Mapping[str, Read] = ALSO,
        clock: Callable[[], float],
    ) -> None:
        self._sampling = sampling
        self._also, self._clock = also, clock
        self._attention = Attention()
        self._mirror, self._store, self._reviews, self._prices = means.mirror, means.store, means.reviews, means.prices
        self._triples = Triples(means.judge)
        self._kept: deque[tuple[str, KeptPair, Review]] = deque(maxlen=MOST_KEPT)
        self._pending = Pending(worker_id)
        self._recent = RecentVoters()
        self._tenants = TenantShares()
        self._slices = SliceNames()
        self._tokens: dict[str, Tokens] = {}
        self._connections = 0
        self._jobs = 0
        self._queued_bytes = 0
        self._queue: MemoryObjectSendStream[Job]
        self._queued: MemoryObjectReceiveStream[Job]
        self._queue, self._queued = anyio.create_memory_object_stream[Job](MAX_QUEUED)
        self._flushing = anyio.Lock()
        self._store_up = True
        self.malformed_frames = 0
        self.received = 0
        self.compared = 0

    async def serve(self, listener: Listener[ByteStream], *, ready: Callable[[], None], stop: anyio.Event) -> None:
        """Work until `stop`; then take what is there already, within bounds, and flush."""
        try:
            async with anyio.create_task_group() as tasks, self._queue, self._queued:
                tasks.start_soon(self._flush_for_ever)
                for _ in range(MIRROR_TASKS):
                    tasks.start_soon(self._mirror_for_ever)
                tasks.start_soon(listener.serve, self._converse)
                ready()
                await stop.wait()
                await self._drain()
                self._shed_queued()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_FLUSH_SECONDS):
                await self.flush()

    async def _drain(self) -> None:
        with anyio.move_on_after(DRAIN_SECONDS):
            await anyio.sleep(_LOOK_AGAIN_SECONDS)  # connections that wait to be accepted
            while self._connections or self._jobs:  # noqa: ASYNC110 - two counters, looked at while a process ends
                await anyio.sleep(_LOOK_AGAIN_SECONDS)

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _converse(self, stream: ByteStream) -> None:
        self._connections += 1
        try:
            async with stream:
                async for exchange in exchanges(stream):
                    self.take(exchange)
                    await checkpoint()
        except MalformedFrame as error:
            self.malformed_frames += 1
            logger.warning("a data worker's connection is dropped: %s", error)
        finally:
            self._connections -= 1

    def take(self, exchange: Exchange) -> None:
        """Cast the exchange's split vote, and queue it for mirroring where it is sampled. Never raises."""
        self.received += 1
        late = self._clock() - exchange.started_at - exchange.duration_ms / 1_000.0
        self._attention = self._attention.after(late, anyio.current_time())
        home = Home(exchange.endpoint, exchange.rollout, exchange.epoch)
        try:
            self._take(exchange, home)
        except Exception:  # one exchange, whatever is in it, must not end the worker; logging it is the containment
            logger.exception("an exchange of %s could not be handled, and is not counted", home.endpoint)
            self._lose(home, "error", exchange.assigned)

    def _take(self, exchange: Exchange, home: Home) -> None:
        member = self._claimed(home, exchange, comparison.split_member(exchange))
        unit = unit_member(exchange)
        unit = unit if unit is not None and self._recent.claim(home, unit) else None
        request = read_request(exchange.request_body)
        shares = self._sampling.get(exchange.endpoint)
        choice = Choice(MirrorKind.NONE, UNSAMPLED)
        if shares is not None:
            choice = choose(exchange, request, sample=shares.sample, noise_floor=shares.noise_floor)
        if choice.kind is MirrorKind.NONE and choice.reason != UNSAMPLED:
            self._lose(home, choice.reason, exchange.assigned)
        if member is None and unit is None and choice.kind is MirrorKind.NONE:
            return
        ask, own, slices = ask_of(exchange.api, request), _own_answer(exchange), self._slices.of(exchange)
        model = exchange.stable if exchange.answered is Arm.STABLE else exchange.candidate
        self._count(home, spending(exchange.answered.value, self._prices.get(model), own))
        self._count(home, usage(exchange.answered.value, own))
        if unit is not None:
            self._cast(home, unit_vote(unit, exchange, own))
        if shares is not None and shares.detected:
            slices = (*slices, *self._slices.detected(exchange.endpoint, ask, shares.detected))
        readings = None
        if member is not None:
            readings = self._cast_split(home, exchange, ask, own, slices)
        if choice.kind is not MirrorKind.NONE:
            job = Job(exchange, home, ask, comparison.heard(own), readings, slices, anyio.current_time())
            self._arrange(job, choice.kind)

    def _cast_split(
        self, home: Home, exchange: Exchange, ask: Ask, own: Answer | Unreadable, slices: tuple[str, ...]
    ) -> Readings | None:
        """Cast the split vote. Returns the readings that it took, so that a pair need not take them again."""
        if exchange.weight_bps == 0:
            self._cast(home, comparison.reference_vote(exchange, ask, own, slices))
            return None
        readings = comparison.read(ask, own, self._also_of(home, exchange))
        self._cast(home, comparison.split_vote(exchange, ask, readings, slices))
        return readings

    def _claimed(self, home: Home, exchange: Exchange, member: str | None) -> str | None:
        """The member, where its vote is still open and its tenant is not too much of the evidence."""
        if member is None or not self._recent.claim(home, member):
            return None
        shares = self._sampling.get(exchange.endpoint)
        if shares is None or self._tenants.admit(home, exchange, shares.tenant_share):
            return member
        self._recent.release(home, member)
        self._lose(home, "tenant_share", exchange.assigned)
        return None

    def _arrange(self, job: Job, kind: MirrorKind) -> None:
        """Claim the votes that are still open for the key, and find room for the mirrors that they need."""
        home, exchange = job.home, job.exchange
        pair = self._claimed(home, exchange, comparison.paired_member(exchange)) is not None
        if kind is MirrorKind.KNOWN:
            if pair:
                failed = Heard(Unreadable(exchange.failure or "failed"), failed=True)
                self._cast(home, self._pair_of(job, failed))
            return
        triple = kind is MirrorKind.TRIPLE and self._recent.claim(home, comparison.triple_member(exchange))
        if not (pair or triple):
            return
        job = replace(job, pair=pair, triple=triple)
        reason = self._no_room(job)
        if reason:
            self._shed(job, reason)
            return
        self._queue.send_nowait(job)
        self._jobs += 1
        self._queued_bytes += job.size

    def _no_room(self, job: Job) -> str:
        """Why the job cannot be queued; empty where it can, and then its tokens are spent."""
        if self._queue.statistics().current_buffer_used >= MAX_QUEUED:
            return "queue"
        if self._queued_bytes + job.size > MAX_QUEUED_BYTES:
            return "bytes"
        return "" if self._spend(job) else "tokens"

    def _spend(self, job: Job) -> bool:
        shares = self._sampling[job.exchange.endpoint]
        if shares.max_tokens_per_minute is None:
            return True
        now = anyio.current_time()
        said = job.own.said
        known = said.completion_tokens if isinstance(said, Answer) else None
        exchange, times = job.exchange, 2 if job.triple else 1
        cost = estimated_tokens(len(exchange.request_body), len(exchange.answer_body), known, times)
        tokens = self._tokens.get(exchange.endpoint) or Tokens.full(shares.max_tokens_per_minute, now)
        spent = tokens.spend(cost, now)
        self._tokens[exchange.endpoint] = spent or tokens
        return spent is not None

    # ── mirroring ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _mirror_for_ever(self) -> None:
        async for job in self._queued:
            try:
                await self._mirror_one(job)
            except MirrorShed as shed:
                self._shed(job, shed.reason)
            except anyio.get_cancelled_exc_class():
                self._shed(job, "stopping")
                raise
            except Exception:  # likewise
                logger.exception("a mirror of %s could not be handled, and is not counted", job.home.endpoint)
                self._lose(job.home, "error", job.exchange.assigned)
            finally:
                self._jobs -= 1
                self._queued_bytes -= job.size

    async def _mirror_one(self, job: Job) -> None:
        if anyio.current_time() - job.queued_at > STALE_SECONDS:
            raise MirrorShed("stale")
        exchange, by_stable = job.exchange, job.exchange.answered is Arm.STABLE
        model = exchange.candidate if by_stable else exchange.stable
        other = await self._mirror.ask(exchange, model)
        self._count(job.home, spending("shadow", self._prices.get(model), other.said))
        if job.pair:
            self._cast(job.home, self._pair_of(job, other))
        if job.triple:
            await self._complete(job, *((job.own, other) if by_stable else (other, job.own)))
        self.compared += 1
        self._pending.count(job.home, "shadowed")

    def _pair_of(self, job: Job, other: Heard) -> Vote:
        """The paired vote, whichever side the mirror was."""
        readings = job.readings
        if readings is None:
            readings = comparison.read(job.ask, job.own.said, self._also_of(job.home, job.exchange))
        by_stable, models = job.exchange.answered is Arm.STABLE, (job.exchange.stable, job.exchange.candidate)
        answered, asked = models if by_stable else models[::-1]
        also = {name: self._also[name] for name in readings.also}
        own = job.own, comparison.side_of(readings, job.own, self._prices.get(answered))
        mirrored = other, comparison.side(job.ask, other, also, self._prices.get(asked))
        stable, candidate = (own, mirrored) if by_stable else (mirrored, own)
        self._keep(job, stable, candidate)
        return comparison.paired_vote(job.exchange, stable[1], candidate[1], job.slices)

    def _keep(self, job: Job, stable: tuple[Heard, Side], candidate: tuple[Heard, Side]) -> None:
        """Let the pair wait for a label, where the operator asked for that and it is drawn."""
        shares = self._sampling.get(job.home.endpoint)
        if shares is None or shares.review is None or not job.ask.has_words:
            return
        one, other = stable[0].said, candidate[0].said
        if not (isinstance(one, Answer) and isinstance(other, Answer)):
            return
        sides = (one, stable[1].readings.refusal), (other, candidate[1].readings.refusal)
        pair = kept_pair(shares.review, job.exchange, job.ask.prompt, *sides)
        if pair is not None:
            self._kept.append((job.home.endpoint, pair, shares.review))

    async def _complete(self, job: Job, stable: Heard, candidate: Heard) -> None:
        """Stable once more. Where there is no room for that, the pair is not lost with it."""
        try:
            again = await self._mirror.ask(job.exchange, job.exchange.stable)
        except MirrorShed as shed:
            self._recent.release(job.home, comparison.triple_member(job.exchange))
            self._lose(job.home, f"floor_{shed.reason}", job.exchange.assigned)
            return
        self._count(job.home, spending("shadow", self._prices.get(job.exchange.stable), again.said))
        vote, counts = await self._triples.vote(job, stable, again, candidate)
        self._cast(job.home, vote)
        self._count(job.home, counts)

    def _also_of(self, home: Home, exchange: Exchange) -> Mapping[str, Read]:
        """The signals to read beside the default ones: all, or none where time is short; the same on both arms."""
        drawn = fraction(Purpose.OBSERVE, exchange.salt, exchange.request_id)
        if drawn < self._attention.share:
            return self._also
        self._pending.count(home, "unobserved")
        return {}

    def _shed_queued(self) -> None:
        """Jobs that nobody took before the end."""
        for _ in range(self._queue.statistics().current_buffer_used):
            self._shed(self._queued.receive_nowait(), "stopping")

    # ── counting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _cast(self, home: Home, vote: Vote | None) -> None:
        if vote is not None and not self._pending.vote(home, vote):
            self._recent.release(home, vote.member)

    def _count(self, home: Home, counts: Mapping[str, int]) -> None:
        for name, by in counts.items():
            self._pending.count(home, name, by)

    def _shed(self, job: Job, reason: str) -> None:
        """Stopped by our own bounds: the key may vote with another request."""
        for member in job.members:
            self._recent.release(job.home, member)
        self._pending.count(job.home, "shed")
        self._pending.count(job.home, f"shed.{reason}.{job.exchange.assigned}")

    def _lose(self, home: Home, reason: str, assigned: Arm) -> None:
        self._pending.count(home, f"lost.{reason}.{assigned}")

    # ── flushing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _flush_for_ever(self) -> None:
        while True:
            await anyio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits. A batch that fails waits on, and this round ends: the store is likely away."""
        async with self._flushing:
            for batch in self._pending.cut():
                if not await self._write(batch):
                    return
            await self._write_kept()

    async def _write_kept(self) -> None:
        """Pairs for review, after everything that decides. One that cannot be written waits, and this round ends."""
        while self._kept:
            waiting = self._kept.popleft()
            try:
                await self._reviews.keep(*waiting)
            except StoreUnavailable:
                self._kept.appendleft(waiting)
                return

    async def _write(self, batch: Batch) -> bool:
        try:
            await self._store.flush(batch)
        except FlushFailed as error:
            if self._store_up:
                logger.warning("counters wait in memory: %s", error)
            self._store_up = False
            self._pending.failed(batch)
            return False
        if not self._store_up:
            logger.info("counters are written again")
        self._store_up = True
        self._pending.written(batch)
        return True


def _own_answer(exchange: Exchange) -> Answer | Unreadable:
    """What the client was told, where all of it is here."""
    if exchange.outcome is not Outcome.COMPLETED or not exchange.complete:
        return Unreadable("incomplete" if exchange.outcome is Outcome.COMPLETED else exchange.outcome.value)
    return read_answer(exchange.api, exchange.answer_body, stream=exchange.stream, status=exchange.status)
