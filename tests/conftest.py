"""What tests of every part may ask for: an environment of their own, processes that end with the test, servers."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from hypothesis import settings

from loadtest.rig.ports import free_port
from loadtest.rig.processes import Gateway, Processes
from tests.redis_server import RedisServer, binary_of

settings.register_profile("driftgate", deadline=None)  # a busy machine is no counterexample
settings.register_profile("brief", deadline=None, max_examples=10)  # where the same tests run at length elsewhere
settings.load_profile("driftgate")

KEPT: Final = ("DRIFTGATE_SHARED_DATA",)
"""Says where recorded data lies; the tests that replay it need it."""

CONFIG: Final = """\
listen: {{data: "127.0.0.1:{data}", admin: "127.0.0.1:{admin}"}}
state_dir: {state}
workers: 1
models:
  old: {{base_url: "http://127.0.0.1:{old}/v1"}}
  new: {{base_url: "http://127.0.0.1:{new}/v1"}}
endpoints:
  chat: {{stable: old}}
"""
"""One endpoint; where nothing else is said, its models are at ports where nobody listens."""

MakeGateway: TypeAlias = Callable[..., Gateway]


@pytest.fixture(scope="session", autouse=True)
def _environment() -> Iterator[None]:
    """A developer's own settings reach no test and none of its processes; proxies are never asked for loopback."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith("DRIFTGATE_") and name not in KEPT:
            del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of hundreds of processes compiles all that it imports
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Processes in a short temporary directory (unix sockets have short names); all end with the test."""
    with tempfile.TemporaryDirectory(prefix="dg") as place, Processes(Path(place)) as running:
        yield running


@pytest.fixture
def make_gateway(processes: Processes) -> Iterator[MakeGateway]:
    """Describes a gateway on free ports, to be started: `old` and `new` are ports of its models, `more` is YAML."""
    made: list[Gateway] = []

    def make(*, old: int = 9, new: int = 9, more: str = "") -> Gateway:
        ports = {"data": free_port(), "admin": free_port()}
        config = processes.place / "driftgate.yaml"
        text = CONFIG.format(state=processes.place / "state", old=old, new=new, **ports)
        config.write_text(text + more, encoding="utf-8")
        made.append(Gateway(processes, config, ports["data"], ports["admin"]))
        return made[-1]

    yield make
    for gateway in made:
        gateway.http.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """The server that we ship, on a unix socket of its own."""
    server = RedisServer(binary_of("valkey"), tmp_path)
    server.start()
    yield server
    server.stop()
