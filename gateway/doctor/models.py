"""Every model, asked for a small answer: reachable, key accepted, name known."""

from collections.abc import Iterable
from time import monotonic

import anyio

from gateway.config.model import Config
from gateway.control.probing import ProbeFailed, probe
from gateway.doctor.finding import Finding, fail, ok
from gateway.upstream.asking import Asker

AT_ONCE = 8
"""Models asked at the same time: a file may name many variants of one server."""


async def models(config: Config) -> Iterable[Finding]:
    """One finding for each model, in the file's order."""
    asker = Asker(config)
    found: dict[str, Finding] = {}
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def ask(name: str) -> None:
        async with limit:
            found[name] = await _asked(asker, config, name)

    try:
        async with anyio.create_task_group() as tasks:
            for name in config.models:
                tasks.start_soon(ask, name)
    finally:
        asker.close()
    return [found[name] for name in config.models]


async def _asked(asker: Asker, config: Config, name: str) -> Finding:
    began = monotonic()
    try:
        await probe(asker, name)
    except ProbeFailed as error:
        serves = [endpoint for endpoint, each in config.endpoints.items() if each.stable == name]
        used = f" (stable of {', '.join(serves)})" if serves else ""
        return fail(f"model {name}", error.seen + used, error.fix)
    return ok(f"model {name}", f"answers in {monotonic() - began:.1f} s")
