"""The server that keeps state: is it there, can it be relied on, does it know what the journal knows.

The embedded server listens on a socket of the running gateway; without one there is only its binary to look at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import time  # noqa: TID251  # this machine's clock is what is looked at
from typing import Any, Final, TypeAlias

from gateway import valkey
from gateway.config.model import Config
from gateway.doctor.finding import Finding, fail, ok, skip, warn
from gateway.supervisor.places import Holder
from rollback.journal import JournalState
from rollback.store import Loaded, RolloutStore
from routing.address import RedisAddress
from routing.connecting import connect
from routing.errors import MalformedState, StoreUnavailable
from routing.link import Link
from routing.names import leader_key

ASK_SECONDS: Final = 3.0
OLDEST_MAJOR: Final = 7
"""Before Redis 7 there is no way to let a rollback through when memory is full."""
CLOCK_SECONDS: Final = 2.0
"""A difference that shows in what people read; leases do not depend on clocks that agree."""

Info: TypeAlias = Mapping[str, Any]


@dataclass(slots=True)
class Kept:
    """What Redis has of each endpoint; `error` where it cannot be read."""

    loaded: dict[str, Loaded] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)


async def redis(config: Config, holder: Holder | None, journal: JournalState) -> Iterable[Finding]:
    """Everything about the server, and about what it keeps."""
    external = config.redis.address()
    if external is not None:
        return await _asked(config, external, journal)
    if holder is None or holder.run_dir is None:
        return [_binary(), skip("state", "the embedded server runs with the gateway; start it to look inside")]
    return await _asked(config, valkey.address_of(holder.run_dir), journal)


def _binary() -> Finding:
    try:
        return ok("redis", f"embedded, {valkey.binary().name} is there")
    except valkey.NoServer as error:
        text, _, fix = str(error).partition(": ")
        return fail("redis", text, fix)


async def _asked(config: Config, address: RedisAddress, journal: JournalState) -> list[Finding]:
    link, key = connect(address, timeout_seconds=ASK_SECONDS), leader_key(config.redis.prefix)
    try:
        info: Info = await link.run(key, ASK_SECONDS, lambda client: client.info())
        seconds, micros = await link.run(key, ASK_SECONDS, lambda client: client.time())
        skew = time() - (int(seconds) + int(micros) / 1e6)
        kept = await _kept(config, link)
    except StoreUnavailable as error:
        return [fail("redis", str(error), "start it, or correct redis.url; until then stable serves everything")]
    finally:
        await link.aclose()
    return [*_server(config, info), _clock(skew), *_state(config, kept, journal)]


async def _kept(config: Config, link: Link) -> Kept:
    store, kept = RolloutStore(link, config.redis.prefix, timeout_seconds=ASK_SECONDS), Kept()
    for name in config.endpoints:
        try:
            kept.loaded[name] = await store.load(name)
        except MalformedState as error:
            kept.error[name] = str(error)
    return kept


def _server(config: Config, info: Info) -> Iterator[Finding]:
    version = str(info.get("valkey_version") or info.get("redis_version") or "unknown")
    major = str(info.get("redis_version", "0")).partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_MAJOR:
        yield fail("redis", f"version {version} is too old", f"use Redis {OLDEST_MAJOR} or newer, or Valkey")
    else:
        yield ok("redis", f"answers, version {version}, {info.get('role', 'unknown role')}")
    if info.get("role") in ("slave", "replica"):
        yield fail("redis role", "this is a replica: nothing can be written", "name the primary in redis.url")
    if int(info.get("maxmemory", 0)) and info.get("maxmemory_policy") != "noeviction":
        seen = f"maxmemory-policy {info.get('maxmemory_policy')} throws evidence and state away"
        yield fail("redis memory", seen, "CONFIG SET maxmemory-policy noeviction")
    there, wanted = int(info.get("connected_slaves", 0)), config.redis.replicas
    if there < wanted:
        seen = f"{there} replicas are connected, a durable rollback waits for {wanted}"
        yield fail("redis replicas", seen, "connect them, or lower redis.replicas")
    if not int(info.get("aof_enabled", 0)) and not wanted:
        fix = "CONFIG SET appendonly yes, appendfsync always; or set redis.replicas"
        yield warn("redis disk", "no append-only file and no replicas: a crash loses state", fix)


def _clock(skew: float) -> Finding:
    if abs(skew) > CLOCK_SECONDS:
        return warn("clock", f"this machine's clock is {skew:+.1f} s off Redis'", "synchronise both (NTP)")
    return ok("clock", f"within {CLOCK_SECONDS:g} s of Redis'")


def _state(config: Config, kept: Kept, journal: JournalState) -> Iterator[Finding]:
    for name, error in kept.error.items():
        yield fail(f"state {name}", error, f"`driftgate rollback {name} --reason …` puts it on stable for good")
    for name, loaded in kept.loaded.items():
        yield _generation(config, name, loaded, journal)
        yield from _ended(name, loaded, journal)


def _generation(config: Config, name: str, loaded: Loaded, journal: JournalState) -> Finding:
    """Whether everybody agrees on the endpoint's stable model, and can serve it."""
    check, known, remembered = f"state {name}", loaded.generation, journal.generations.get(name)
    latest = max((each for each in (known, remembered) if each is not None), key=lambda each: each.number, default=None)
    model = latest.model if latest is not None else config.endpoints[name].stable
    if model not in config.models:
        return fail(check, f"its stable is {model}, which the configuration no longer has", f"add models.{model} again")
    if remembered is not None and (known is None or known.number < remembered.number):
        there = f"generation {known.number}" if known is not None else "none"
        seen = f"the journal knows generation {remembered.number} ({remembered.model}), Redis has {there}"
        return warn(check, seen, "a running gateway puts it back; if this stays, look at its log")
    if latest is None:
        return ok(check, f"stable is {model}, as configured; nothing was promoted yet")
    return ok(check, f"stable is {model}, generation {latest.number}")


def _ended(name: str, loaded: Loaded, journal: JournalState) -> Iterator[Finding]:
    rollout, latch = loaded.rollout, journal.latches.get(name)
    if rollout is not None and rollout.is_running and latch is not None and latch.rollout == rollout.id:
        seen = f"{rollout.id} was rolled back here, but runs in Redis at {rollout.weight_bps / 100:g} %"
        yield warn(f"rollout {name}", seen, "a running gateway rolls it back again; if this stays, look at its log")
