"""Real Redis servers, and a rollout to keep in them."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollback.plan import Budget, Plan, Stage
from rollback.rollout import Rollout
from tests.a_rollout import in_canary
from tests.redis_server import RedisServer, binary_of


@pytest.fixture(scope="session")
def _started() -> Iterator[dict[str, RedisServer]]:
    """The servers started so far, by kind."""
    started: dict[str, RedisServer] = {}
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture
def redis_servers(_started: dict[str, RedisServer]) -> Callable[[str], RedisServer]:
    """Gives an empty server of a kind: `valkey`, which we ship, or `debian`, Redis 7.0. One serves all tests."""

    def empty(kind: str) -> RedisServer:
        if kind not in _started:
            _started[kind] = RedisServer(binary_of(kind), Path(tempfile.mkdtemp(prefix="dg")))
            _started[kind].start()
        with _started[kind].client() as client:
            client.config_set("maxmemory", "0")
            client.flushall()
        return _started[kind]

    return empty


@pytest.fixture(params=["valkey", "debian"])
def redis_server(request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer]) -> RedisServer:
    """An empty server, of each kind in turn."""
    return redis_servers(request.param)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that the test may kill."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        server = RedisServer(binary_of("valkey"), Path(directory))
        server.start()
        yield server
        server.stop()


PLAN = Plan(
    name="quick",
    alpha=0.05,
    lease_seconds=10.0,
    max_blind_seconds=900.0,
    stages=(Stage(0, min_keys=10), Stage(1_000, min_keys=10), Stage(10_000)),
    budgets=(Budget("refusal", max_increase=0.02),),
)


@pytest.fixture
def a_rollout() -> Callable[..., Rollout]:
    """Makes a rollout in its first canary stage; fields can be given."""
    first = in_canary(PLAN)
    return lambda **fields: replace(first, **fields)
