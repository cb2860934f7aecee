"""The shadow role: one shadow worker, put together from the configuration.

It listens where data workers hand over, asks models through the same client as the data path (other connections, other
process), writes counters to Redis, and reports its own over the control channel. It is told of rollbacks there too, but
needs none of it: without a grant no exchange is handed over.
"""

from collections.abc import Iterable, Mapping
from time import time  # noqa: TID251 - how late an exchange comes is told by the clock that stamped it
from typing import Final
from uuid import uuid4

import anyio

from gateway.channel.client import ControlClient
from gateway.channel.messages import FromControl
from gateway.channel.series import series
from gateway.config.model import Config
from gateway.own import contained
from gateway.runtime import Ready, Runtime
from gateway.upstream.asking import Asker, Reply
from gateway.upstream.errors import UpstreamFailure
from routing.connecting import connect
from shadow.errors import MirrorFailed
from shadow.judging import Judge
from shadow.labelling import Labelling
from shadow.means import Means
from shadow.mirror import Mirror
from shadow.review_store import ReviewStore
from shadow.sampling import Sampling
from shadow.signals.catalogue import ALSO
from shadow.slices import DETECTED
from shadow.spending import Price
from shadow.store import WRITE_SECONDS, RedisCellStore
from shadow.worker import ShadowWorker

MIRROR_SECONDS: Final = 120.0
"""Longest wait for a mirrored answer: nobody waits for it, and a model that hangs must not hold every slot for long."""
_SOCKET_MODE: Final = 0o600


class MirrorUpstream:
    """The gateway's asker as the mirror knows it: with the mirror's own error."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def unary(
        self,
        model_name: str,
        path: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        deadline_seconds: float,
    ) -> Reply:
        """The whole answer of a model, streamed or not; raises `MirrorFailed`."""
        try:
            return await self._asker.unary(
                model_name, path, headers, body, deadline_seconds=deadline_seconds, insist=False
            )
        except UpstreamFailure as failure:
            raise MirrorFailed(failure.kind) from failure


async def serve(config: Config, runtime: Runtime, *, ready: Ready, stop: anyio.Event) -> None:
    """Run the shadow worker until `stop`."""
    asker = Asker(config)
    redis = connect(runtime.redis, timeout_seconds=WRITE_SECONDS)
    upstream, policy = MirrorUpstream(asker), config.judge_policy()
    mirror = Mirror(upstream, deadline_seconds=min(MIRROR_SECONDS, config.limits.first_byte_seconds))
    store = RedisCellStore(redis, runtime.redis_prefix)
    own = contained.load()
    reviews = ReviewStore(redis, runtime.redis_prefix)
    judge = None if policy is None else Judge(policy, upstream)
    labelling = None if judge is None else Labelling(reviews, judge)
    means = Means(
        mirror,
        store,
        labelling or reviews,
        judge=judge,
        prices=prices_of(config),
    )
    worker = ShadowWorker(sampling_of(config), means, uuid4().hex, also={**ALSO, **own}, clock=time)
    control = ControlClient(
        runtime.control_socket,
        role="shadow",
        index=0,
        on_message=_heard,
        counters=lambda: {**counters(worker), **failures_of(own.values())},
    )
    listener = await anyio.create_unix_listener(runtime.shadow_socket, mode=_SOCKET_MODE)
    try:
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(control.run)
            if labelling is not None:
                tasks.start_soon(labelling.serve)
            await worker.serve(listener, ready=ready, stop=stop)
            tasks.cancel_scope.cancel()
    finally:
        asker.close()
        with anyio.CancelScope(shield=True), anyio.move_on_after(WRITE_SECONDS):
            await redis.aclose()


def sampling_of(config: Config) -> dict[str, Sampling]:
    """How much of each endpoint is mirrored."""
    return {
        name: Sampling(
            sample=endpoint.shadow.sample,
            noise_floor=endpoint.shadow.noise_floor,
            max_tokens_per_minute=endpoint.shadow.max_tokens_per_minute,
            detected=tuple(str(source) for source in endpoint.slices if str(source) in DETECTED),
            review=endpoint.review.resolve() if endpoint.review is not None else None,
            tenant_share=endpoint.max_tenant_share,
        )
        for name, endpoint in config.endpoints.items()
    }


def prices_of(config: Config) -> dict[str, Price]:
    """Of the models that have one."""
    worth = ((name, model.worth()) for name, model in config.models.items())
    return {name: price for name, price in worth if price is not None}


def counters(worker: ShadowWorker) -> Mapping[str, float]:
    """What `/metrics` shows of the worker itself; everything that has a rollout is counted in Redis."""
    lost = series("driftgate_shadow_dropped_total", reason="malformed_frame")
    return {lost: float(worker.malformed_frames)}


def failures_of(own: Iterable[contained.Contained]) -> Mapping[str, float]:
    """What went wrong in signals of the application's own."""
    name = "driftgate_own_signal_failures_total"
    return {
        series(name, signal=signal, reason=reason): float(count) for signal, reason, count in contained.failures(own)
    }


def _heard(message: FromControl) -> None:
    """Nothing to do: what is acknowledged is that no exchange of an ended rollout will be mirrored from here on.

    The data workers acknowledge for themselves, and hand nothing over without a grant.
    """
    del message
