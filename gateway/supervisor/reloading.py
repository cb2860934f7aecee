"""Reading the configuration again while serving: what it says, and whether it may be applied.

It is applied whole or not at all. What runs is asked of Redis; where Redis does not answer, the journal knows whether
something runs, but not what, and then nothing is applied.
"""

import os
from pathlib import Path
from typing import Final

import anyio

from gateway.config.load import examine_file
from gateway.config.model import Config
from gateway.keys import SECRET_VARIABLE, KeyRing, KeySecretMissing
from gateway.runtime import Runtime
from gateway.supervisor.changes import InUse, refusals
from gateway.supervisor.errors import ConfigRefused
from rollback.errors import JournalFailed
from rollback.journal import JournalState, read_journal
from rollback.rollout import Rollout
from rollback.store import WRITE_SECONDS, RolloutStore
from routing.connecting import connect
from routing.errors import MalformedState, StoreUnavailable
from routing.exposure import Generation

_AGAIN: Final = "send SIGHUP again when it is back"


async def reread(path: Path, present: Config, runtime: Runtime) -> Config:
    """The configuration in `path`, if it may take the place of `present`; raises `ConfigRefused` with every reason."""
    examined = await anyio.to_thread.run_sync(lambda: examine_file(path, unset_is_fatal=True))
    wanted = examined.config
    if wanted is None:
        raise ConfigRefused([str(problem) for problem in examined.problems])
    try:
        KeyRing.from_config(wanted.keys, os.environ.get(SECRET_VARIABLE))
    except KeySecretMissing as error:
        raise ConfigRefused([str(error)]) from error
    reasons = refusals(present, wanted, await in_use(present, runtime))
    if reasons:
        raise ConfigRefused(reasons)
    return wanted


async def in_use(config: Config, runtime: Runtime) -> list[InUse]:
    """What each endpoint does now; raises `ConfigRefused` where that cannot be seen."""
    try:
        journal = await anyio.to_thread.run_sync(read_journal, runtime.journal)
    except JournalFailed as error:
        raise ConfigRefused([f"what runs cannot be seen: {error}"]) from error
    link = connect(runtime.redis, timeout_seconds=WRITE_SECONDS)
    store = RolloutStore(link, runtime.redis_prefix)
    try:
        return [await _of(endpoint, config, store, journal) for endpoint in config.endpoints]
    finally:
        await link.aclose()


async def _of(endpoint: str, config: Config, store: RolloutStore, journal: JournalState) -> InUse:
    rollout: Rollout | None = None
    known: Generation | None = None
    try:
        loaded = await store.load(endpoint)
        rollout, known = loaded.rollout, loaded.generation
    except MalformedState as error:
        raise ConfigRefused([f"what runs on {endpoint} cannot be read: {error}"]) from error
    except StoreUnavailable as error:
        running = journal.running.get(endpoint)
        if running is not None:
            raise ConfigRefused([f"{running.rollout} runs on {endpoint}, and {error}: {_AGAIN}"]) from error
    latest = max((g for g in (known, journal.generations.get(endpoint)) if g), key=lambda g: g.number, default=None)
    runs = rollout is not None and rollout.is_running
    return InUse(
        endpoint=endpoint,
        stable=latest.model if latest is not None else config.endpoints[endpoint].stable,
        generation=latest.number if latest is not None else 0,
        rollout=rollout.id if rollout is not None and runs else "",
        arms=(rollout.stable, rollout.candidate) if rollout is not None and runs else (),
    )
