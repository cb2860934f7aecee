"""The shadow worker: exchanges in, cells out, and nothing that comes in ends it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import structs

from routing.arms import Arm
from routing.errors import StoreUnavailable
from shadow.exchange import MAX_FRAME_BYTES, Api, Exchange, Outcome, encode
from shadow.judge import JudgePolicy
from shadow.judging import Judge
from shadow.means import Means
from shadow.mirror import Mirror
from shadow.reading import Measured
from shadow.review import KeptPair, Review
from shadow.sampling import Sampling
from shadow.signals.catalogue import ALSO, Read
from shadow.signals.json_paths import LEAST_SEEN
from shadow.spending import Price
from shadow.store import MemoryCellStore
from shadow.worker import ShadowWorker
from tests.shadow.making import completion, exchange, fallback, on_candidate
from tests.shadow.upstream import FakeUpstream, Said, always, fails

pytestmark = pytest.mark.anyio

EVERYTHING = Sampling(sample=1.0, noise_floor=0.0)
JUDGED = JudgePolicy("referee", calls_per_minute=60, low=0.0, high=1.0)
REVIEWED = replace(EVERYTHING, review=Review(share=0.5, keep_seconds=60.0, most=100))


@dataclass
class Kept:
    """Pairs for review, as the worker lets them wait; not while the store is `away`."""

    pairs: dict[str, KeptPair] = field(default_factory=dict)
    away: bool = False

    async def keep(self, endpoint: str, pair: KeptPair, review: Review) -> None:
        """Keep it."""
        if self.away:
            raise StoreUnavailable("the store is away")
        assert (endpoint, review) == ("chat", REVIEWED.review)
        self.pairs[pair.id] = pair


@dataclass
class Running:
    """A worker, its store and its models."""

    worker: ShadowWorker
    store: MemoryCellStore
    reviews: Kept
    upstream: FakeUpstream
    path: Path
    stop: anyio.Event

    @property
    def cells(self) -> dict[str, int]:
        """The evidence of epoch 1."""
        return dict(self.store.cells["chat", 1])

    @property
    def counts(self) -> dict[str, int]:
        """The request counters."""
        return dict(self.store.counts["chat", "chat-1"])

    async def send(self, *exchanges: Exchange) -> None:
        """Hand exchanges over on a connection of their own."""
        async with await anyio.connect_unix(self.path) as stream:
            for each in exchanges:
                await stream.send(framed(encode(each)))

    async def until(self, claim: Callable[[], bool]) -> None:
        """Wait until `claim` holds, flushing meanwhile."""
        with anyio.fail_after(5):
            while not claim():
                await self.worker.flush()
                await anyio.sleep(0.005)


def framed(payload: bytes) -> bytes:
    """A frame as a data worker writes it."""
    return len(payload).to_bytes(4, "big") + payload


@asynccontextmanager
async def running(
    tmp_path: Path,
    sampling: Sampling = EVERYTHING,
    also: Mapping[str, Read] = ALSO,
    clock: Callable[[], float] = lambda: 1_001.0,
    **scripts: object,
) -> AsyncIterator[Running]:
    """A worker on a unix socket, until the end of the block."""
    upstream = FakeUpstream({"old": always("Paris."), "new": always("Rome is the capital."), **scripts})  # type: ignore[dict-item]  # scripts are callables
    store, reviews, stop, ready = MemoryCellStore(), Kept(), anyio.Event(), anyio.Event()
    judge = Judge(JUDGED, upstream) if "referee" in scripts else None
    means = Means(Mirror(upstream), store, reviews, judge, {"new": Price(1.0, 2.0)})
    worker = ShadowWorker({"chat": sampling}, means, "w", also=also, clock=clock)
    path = tmp_path / "shadow.sock"
    listener = await anyio.create_unix_listener(path)
    async with listener, anyio.create_task_group() as tasks:

        async def serve() -> None:
            await worker.serve(listener, ready=ready.set, stop=stop)

        tasks.start_soon(serve)
        with anyio.fail_after(5):
            await ready.wait()
        yield Running(worker, store, reviews, upstream, path, stop)
        stop.set()


async def test_an_exchange_becomes_a_pair(tmp_path: Path) -> None:
    """The candidate is asked, both are read, the vote is flushed and the mirror counted."""
    async with running(tmp_path) as run:
        await run.send(exchange())
        await run.until(lambda: run.counts.get("shadowed") == 1)
        assert run.cells["p/refusal/*/0/0"] == 1
        assert run.cells["k/0/paired/stable"] == 1
        assert [model for model, *_ in run.upstream.asked] == ["new"]


async def test_what_the_candidate_answered_is_mirrored_to_stable(tmp_path: Path) -> None:
    """And split evidence comes of it besides."""
    async with running(tmp_path) as run:
        await run.send(on_candidate())
        await run.until(lambda: run.counts.get("shadowed") == 1)
        assert run.cells["s/errors/*/2/5000/candidate/0"] == 1
        assert [model for model, *_ in run.upstream.asked] == ["old"]


async def test_the_noise_floor_asks_stable_again(tmp_path: Path) -> None:
    """A triple, and the pair with it: whoever served, stable has been heard twice and the candidate once."""
    async with running(tmp_path, Sampling(sample=0.0, noise_floor=1.0)) as run:
        await run.send(exchange("a"), on_candidate("b"))
        await run.until(lambda: run.counts.get("shadowed") == 2)
        triples = {cell: count for cell, count in run.cells.items() if "/triple/" in cell}
        assert triples == {"k/0/triple/stable": 1, "k/2/triple/candidate": 1}
        assert sorted(model for model, *_ in run.upstream.asked) == ["new", "old", "old", "old"]


async def test_a_units_first_request_says_how_far_it_came(tmp_path: Path) -> None:
    """Its second, of another voting key, is the same draw."""
    async with running(tmp_path) as run:
        await run.send(on_candidate("job-1", unit="account"), on_candidate("job-2", unit="account"))
        await run.until(lambda: run.cells.get("k/2/split/candidate") == 2)
        units = {cell: count for cell, count in run.cells.items() if cell.startswith("u/")}
        points = ("assigned", "sent", "completed", "scored")
        assert units == {f"u/2/5000/candidate/{point}": 1 for point in points}


async def test_a_key_is_mirrored_once(tmp_path: Path) -> None:
    """What it has voted on is not asked again; other keys are."""
    async with running(tmp_path) as run:
        await run.send(*(exchange("ann", request_id=f"r{i}") for i in range(5)), exchange("ben"))
        await run.until(lambda: run.counts.get("shadowed") == 2)
        assert run.cells["k/0/paired/stable"] == 2
        assert len(run.upstream.asked) == 2


async def test_a_fallback_is_compared_without_asking_anybody(tmp_path: Path) -> None:
    """The candidate's failure is known."""
    async with running(tmp_path) as run:
        await run.send(fallback(weight_bps=10_000))
        await run.until(lambda: "p/errors/*/2/20" in run.cells)
        assert run.upstream.asked == []


async def test_a_dead_candidate_is_seen_in_the_shadow(tmp_path: Path) -> None:
    """Each failed mirror is an error at weight 0; content is missing, and said to be."""
    async with running(tmp_path, new=fails("refused")) as run:
        await run.send(*(exchange(f"user-{i}") for i in range(20)))
        await run.until(lambda: run.cells.get("p/errors/*/0/20", 0) + run.counts.get("shed", 0) == 20)
        assert run.cells["n/refusal/*/0/paired/candidate/refused"] == run.cells["p/errors/*/0/20"] > 0


VECTORS = b'{"object": "list", "data": [{"index": 0, "embedding": [0.5, -0.5]}], "usage": {"prompt_tokens": 2}}'


@pytest.mark.parametrize(
    ("said", "worse"), [(Said(200, VECTORS), 0), (Said(200, b'{"data": []}'), 20), (Said(500, b"{}"), 20)]
)
async def test_embeddings_are_compared_by_whether_there_are_any(tmp_path: Path, said: Said, worse: int) -> None:
    """Vectors of two models are not comparable: what is counted is an answer that holds none."""
    async with running(tmp_path, new=lambda _: said) as run:
        body = b'{"model": "chat", "input": "x"}'
        asked = exchange(api=Api.EMBEDDINGS, path="/v1/embeddings", request_body=body, drawn=False)
        await run.send(structs.replace(asked, answer_body=VECTORS))
        await run.until(lambda: run.counts.get("shadowed") == 1)
        assert [(model, path) for model, path, *_ in run.upstream.asked] == [("new", "/v1/embeddings")]
        assert run.cells[f"p/errors/*/0/{worse}"] == 1
        assert "n/refusal/*/0/paired/candidate/not_applicable" in run.cells
        assert not [cell for cell in run.cells if cell.startswith("p/refusal")]


async def test_what_fails_on_both_arms_is_no_drift(tmp_path: Path) -> None:
    """Stable failed its user and the candidate fails the mirror: no difference."""
    async with running(tmp_path, new=fails("refused")) as run:
        await run.send(exchange("a", outcome=Outcome.FAILED, status=503, complete=False))
        await run.until(lambda: run.cells.get("p/errors/*/0/0") == 1)


async def test_what_is_not_mirrored_is_counted_by_reason(tmp_path: Path) -> None:
    """And by arm. Unless it was only not sampled."""
    stored = b'{"messages": [], "store": true}'
    async with running(tmp_path) as run:
        await run.send(
            exchange("a", outcome=Outcome.CANCELLED), exchange("b", complete=False), exchange("c", request_body=stored)
        )
        await run.until(lambda: sum(run.counts.values()) == 3)
        assert run.counts == {"lost.cancelled.stable": 1, "lost.incomplete.stable": 1, "lost.stateful.stable": 1}


async def test_a_budget_of_tokens_sheds_and_the_key_keeps_its_vote(tmp_path: Path) -> None:
    """One mirror fits; the key that was shed is free to vote later."""
    one = exchange("a")
    cost = len(one.request_body) // 4 + 5
    async with running(tmp_path, Sampling(1.0, 0.0, max_tokens_per_minute=cost + 1)) as run:
        await run.send(one, exchange("b"), exchange("b", request_id="again"))
        await run.until(lambda: run.counts == {"shadowed": 1, "shed": 2, "shed.tokens.stable": 2})
        assert run.cells["k/0/paired/stable"] == 1


async def test_the_store_may_go_away_and_come_back(tmp_path: Path) -> None:
    """Counters wait, and are added once."""
    async with running(tmp_path) as run:
        run.store.available = False
        await run.send(*(exchange(f"user-{i}") for i in range(10)))
        await run.until(lambda: run.worker.compared == 10)
        assert run.cells == {}
        run.store.available = True
        await run.until(lambda: run.counts.get("shadowed") == 10)
        assert run.cells["k/0/paired/stable"] == 10


async def test_a_stop_finishes_what_is_there_and_flushes(tmp_path: Path) -> None:
    """Exchanges that were handed over before the stop are counted; mirrors that hang are shed."""
    async with running(tmp_path) as run:
        await run.send(exchange("a"))
        run.stop.set()
    assert run.counts == {"shadowed": 1}
    async with running(tmp_path) as run:
        run.upstream.held = anyio.Event()
        await run.send(*(on_candidate(f"user-{i}") for i in range(100)))
        await run.until(lambda: run.upstream.in_flight > 10)
    assert run.counts == {"shed": 100, "shed.stopping.candidate": 100}
    assert run.cells["k/2/split/candidate"] == 100


async def test_no_more_mirrors_are_in_flight_than_allowed(tmp_path: Path) -> None:
    """The others wait in a bounded queue."""
    async with running(tmp_path) as run:
        run.upstream.held = anyio.Event()
        await run.send(*(exchange(f"user-{i}") for i in range(200)))
        await run.until(lambda: run.worker.received == 200)
        run.upstream.held.set()
        await run.until(lambda: run.counts.get("shadowed") == 200)
        assert run.upstream.most_in_flight == 64


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x00\x00\x03abc", (MAX_FRAME_BYTES + 1).to_bytes(4, "big"), b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x00"],
)
async def test_garbage_ends_its_connection_and_nothing_else(tmp_path: Path, garbage: bytes) -> None:
    """Counted; the next connection is served."""
    async with running(tmp_path) as run:
        async with await anyio.connect_unix(run.path) as stream:
            await stream.send(garbage)
            with anyio.fail_after(5), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
        assert run.worker.malformed_frames == 1
        await run.send(exchange())
        await run.until(lambda: run.counts.get("shadowed") == 1)


async def test_a_frame_cut_off_is_left_out(tmp_path: Path) -> None:
    """The data worker died in the middle of it."""
    async with running(tmp_path) as run:
        async with await anyio.connect_unix(run.path) as stream:
            frame = framed(encode(exchange()))
            await stream.send(frame + frame[:20])
        await run.until(lambda: run.counts.get("shadowed") == 1)
        assert run.worker.malformed_frames == 0


async def test_one_exchange_that_cannot_be_handled_is_counted_and_the_next_one_taken(tmp_path: Path) -> None:
    """A surrogate that no encoder takes stands for the unforeseen."""
    async with running(tmp_path) as run:
        run.worker.take(exchange("a", slices=(("tenant", "\ud800"),)))
        await run.send(exchange("b"))
        await run.until(lambda: run.counts.get("shadowed") == 1)
        assert run.counts["lost.error.stable"] == 1


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 5_000, b'{"choices": "x"}', completion(None)])
async def test_any_body_is_taken(tmp_path: Path, body: bytes) -> None:
    """Requests and answers of anybody's making."""
    async with running(tmp_path) as run:
        await run.send(on_candidate(request_body=body, answer_body=body), exchange("b", answered=Arm.STABLE))
        await run.until(lambda: run.counts.get("shadowed", 0) >= 1)
        assert not [name for name in run.counts if name.startswith("lost.error")]


async def test_a_signal_of_ones_own_is_counted_beside_the_others(tmp_path: Path) -> None:
    """It is one more event of the pair and of the split vote, over all requests."""
    shouts: Read = lambda _, said: Measured(float("!" in said.text))  # noqa: E731 - a signal is a function
    async with running(tmp_path, also={**ALSO, "shouts": shouts}, new=always("Paris!")) as run:
        await run.send(on_candidate(slices=(("tenant", "t"),), answer_body=completion("Paris!")))
        await run.until(lambda: run.counts.get("shadowed") == 1)
        assert [cell for cell in sorted(run.cells) if "shouts" in cell] == [
            "p/shouts/*/2/20",
            "s/shouts/*/2/5000/candidate/1",
        ]


async def test_task_and_language_are_slices_where_the_endpoint_asks_for_them(tmp_path: Path) -> None:
    """They are read off the request, beside the slices that came with it."""
    async with running(tmp_path, Sampling(1.0, 0.0, detected=("task", "language"))) as run:
        await run.send(exchange(slices=(("tenant", "t"),)))
        await run.until(lambda: run.counts.get("shadowed") == 1)
        refusals = {cell.split("/")[2] for cell in run.cells if cell.startswith("p/refusal/")}
        assert refusals == {"*", "tenant=t", "task=question", "language=en"}


async def test_what_stable_varies_by_itself_stops_counting_as_disagreement(tmp_path: Path) -> None:
    """A document with a timestamp disagrees with itself in every triple, until the path is known as volatile."""

    def stamped(number: int) -> Said:
        return Said(200, completion(f'{{"town": "Velm", "at": {number}}}'))

    def other(number: int) -> Said:
        return Said(200, completion(f'{{"town": "Velm", "at": {-number - 1}}}'))

    own = completion('{"town": "Velm", "at": 99999}')
    async with running(tmp_path, Sampling(0.0, 1.0), old=stamped, new=other) as run:
        for number in range(LEAST_SEEN + 1):
            await run.send(exchange(f"user-{number}", answer_body=own))
            await run.until(lambda done=number + 1: run.counts.get("shadowed") == done)  # type: ignore[misc]  # a lambda's default has no type to infer
        volatile = run.worker._triples._volatile["chat", "old"]  # what has been learned is the claim
        assert volatile.ignored == {("at",)}


async def test_a_worker_that_is_behind_reads_fewer_exchanges_for_what_is_only_observed(tmp_path: Path) -> None:
    """The evidence that decides is whole, and what was left out is counted."""
    async with running(tmp_path, clock=lambda: 1_060.0) as run:
        await run.send(*(on_candidate(f"user-{i}") for i in range(100)))
        await run.until(lambda: run.cells.get("k/2/split/candidate") == 100)
        observed = sum(count for cell, count in run.cells.items() if cell.startswith("s/urls/*/"))
        assert sum(count for cell, count in run.cells.items() if cell.startswith("s/refusal/*/")) == 100
        assert 20 < observed < 80
        assert run.counts["unobserved"] == 100 - observed


async def test_a_share_of_the_pairs_waits_for_labels_where_the_operator_asked_for_it(tmp_path: Path) -> None:
    """About the share that was asked for, each as it was read; kept once the store is back."""
    async with running(tmp_path, REVIEWED) as run:
        run.reviews.away = True
        await run.send(*(exchange(f"user-{i}") for i in range(100)))
        await run.until(lambda: run.cells.get("k/0/paired/stable") == 100)
        run.reviews.away = False
        await run.until(lambda: len(run.reviews.pairs) > 30)
        assert len(run.reviews.pairs) < 70
        pair = next(iter(run.reviews.pairs.values()))
        assert (pair.stable.refused, pair.candidate.text, pair.candidate.kind) == (
            False,
            "Rome is the capital.",
            "answer",
        )


async def test_nothing_is_kept_without_consent(tmp_path: Path) -> None:
    """Off is the default."""
    async with running(tmp_path) as run:
        await run.send(*(exchange(f"user-{i}") for i in range(100)))
        await run.until(lambda: run.cells.get("k/0/paired/stable") == 100)
        await run.worker.flush()
        assert run.reviews.pairs == {}


async def test_the_judge_settles_what_words_leave_open_and_is_counted(tmp_path: Path) -> None:
    """The candidate says the same in words that only half agree: without the judge it would differ."""
    own, other = completion("Paris, on the river Seine."), always("Paris lies by the Seine in France.")
    cells = []
    for name in ("words", "judge"):
        place = tmp_path / name
        place.mkdir()
        referee: dict[str, Any] = {"referee": always("SAME")} if name == "judge" else {}  # Any: for **
        async with running(place, Sampling(0.0, 1.0), old=lambda _: Said(200, own), new=other, **referee) as run:
            await run.send(exchange(answer_body=own))
            await run.until(lambda run=run: run.counts.get("shadowed") == 1)  # type: ignore[misc]  # a lambda's default has no type to infer
            cells.append([cell for cell in run.cells if cell.startswith("p/agreement/*/0/")])
            expected = (4, 1) if referee else (None, None)
            assert (run.counts.get("judge.calls"), run.counts.get("judge.settled")) == expected
    assert cells[1] == ["p/agreement/*/0/0"] != cells[0]


async def test_what_answers_cost_is_counted_where_prices_and_tokens_are_known(tmp_path: Path) -> None:
    """By arm, and the mirrors apart; stable has no price here."""
    usage = b'"usage": {"prompt_tokens": 10, "completion_tokens": 5}'
    priced = completion("Rome.").replace(b'"usage": {"completion_tokens": 5}', usage)
    async with running(tmp_path, new=lambda _: Said(200, priced)) as run:
        await run.send(exchange(), on_candidate("other", answer_body=priced))
        await run.until(lambda: run.counts.get("shadowed") == 2)
        spent = {name: count for name, count in run.counts.items() if name.startswith(("spent", "priced"))}
        assert spent == {"priced.shadow": 1, "spent.shadow": 20_000, "priced.candidate": 1, "spent.candidate": 20_000}
