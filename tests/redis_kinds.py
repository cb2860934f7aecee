"""Real Redis in the shapes operators have it: over TCP and TLS with users, watched by Sentinels, as a Cluster.

Each is made of Debian's own binaries on free loopback ports, lives in a context and ends with it.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from loadtest.rig.ports import free_port, free_port_with_bus

PATIENCE_SECONDS: Final = 20.0
MASTER: Final = "drift"
DOWN_AFTER_MS: Final = 600
"""What a Sentinel waits before it believes that a master is down; long enough for a busy machine."""


def debian(name: str) -> str:
    """A program of Debian's Redis packages. Skips without it, but fails in CI."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"Debian's {name} is not installed")
    return found


def until(true: Callable[[], object], what: str) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.02)


@dataclass(slots=True)
class Server:
    """One process of a Redis on a port of its own."""

    command: Sequence[str]
    port: int
    directory: Path
    client_options: dict[str, object] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.directory / f"{self.port}.log").open("ab")
        with log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.directory)
        until(self._answers, f"port {self.port} answers")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / f"{self.port}.log").read_text()[-2000:]
        try:
            with self.client() as client:
                client.ping()
        except RedisGone:
            return False
        return True

    def client(self) -> "Redis":
        """A plain client, for what a test does behind the store's back."""
        options = {"socket_timeout": 5.0, **self.client_options}
        return Redis(host="127.0.0.1", port=self.port, **options)  # type: ignore[arg-type]  # names and their own types

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


def redis_on(port: int, directory: Path, *more: str, **client_options: object) -> Server:
    """A Redis server over TCP, not yet started."""
    place = directory / str(port)
    place.mkdir()
    command = [debian("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(place), "--save", ""]
    return Server([*command, "--repl-diskless-sync-delay", "0", *more], port, directory, client_options)


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """The servers, one started after the other."""
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
            server.start()
        yield


def replica_in_step(master: Server, replicas: int = 1) -> bool:
    """Whether so many replicas have all that the master has."""
    with master.client() as client:
        info = client.info("replication")
        offset = info["master_repl_offset"]
        return sum(f"offset={offset}" in str(_told(info[f"slave{i}"])) for i in range(info["connected_slaves"])) >= (
            replicas
        )


def _told(replica: object) -> str:
    return ",".join(f"{key}={value}" for key, value in replica.items()) if isinstance(replica, dict) else ""


@dataclass(frozen=True, slots=True)
class Watched:
    """A master with a replica, and three Sentinels that watch them under the name `MASTER`."""

    master: Server
    replica: Server
    sentinels: tuple[Server, ...]

    @property
    def url(self) -> str:
        """As the configuration names it."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{sentinel.port}' for sentinel in self.sentinels)}/{MASTER}"

    def leader_port(self) -> int:
        """The port that the first Sentinel names now."""
        with self.sentinels[0].client() as client:
            named = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(named[1])


@contextmanager
def watched_by_sentinels(directory: Path) -> Iterator[Watched]:
    """A master, a replica that follows it, and Sentinels that know of both and of one another."""
    ports = [free_port() for _ in range(5)]
    master = redis_on(ports[0], directory)
    replica = redis_on(ports[1], directory, "--replicaof", "127.0.0.1", str(ports[0]))
    sentinels = tuple(_sentinel(port, ports[0], directory) for port in ports[2:])
    with running(master, replica, *sentinels):
        made = Watched(master, replica, sentinels)
        until(lambda: replica_in_step(master), "the replica follows")
        until(lambda: all(_knows_all(sentinel) for sentinel in sentinels), "the Sentinels know each other")
        yield made


def _sentinel(port: int, master_port: int, directory: Path) -> Server:
    settings = directory / f"sentinel-{port}.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {directory}\n"
        f"sentinel monitor {MASTER} 127.0.0.1 {master_port} 2\n"
        f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
        f"sentinel failover-timeout {MASTER} 3000\n"
    )
    return Server([debian("redis-sentinel"), str(settings)], port, directory)


def _knows_all(sentinel: Server) -> bool:
    with sentinel.client() as client:
        told = client.execute_command("SENTINEL MASTER", MASTER)
    said = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
    known = {_text(key): _text(value) for key, value in said.items()}
    return known["num-other-sentinels"] == "2" and known["num-slaves"] == "1"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class Clustered:
    """Three masters with a third of the slots each; `replicas[i]` follows `masters[i]`."""

    masters: tuple[Server, ...]
    replicas: tuple[Server, ...]

    @property
    def url(self) -> str:
        """As the configuration names it: two nodes are enough to find the others."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{server.port}' for server in self.masters[:2])}"

    def holder_of(self, slot: int) -> Server:
        """The master that a slot was given to at first."""
        return self.masters[min(slot * 3 // 16_384, 2)]

    def replica_of(self, master: Server) -> Server:
        """The node that follows a master."""
        return self.replicas[self.masters.index(master)]

    def move(self, slot: int) -> None:
        """Move a slot from the master that has it to another one, as `redis-cli --cluster reshard` does."""
        with self.moving(slot):
            pass

    @contextmanager
    def moving(self, slot: int, keys: int = 1_000) -> Iterator[None]:
        """A slot on its way, with so many of its keys there; with the context the move is completed."""
        source = next(master for master in self.masters if self._has(master, slot))
        target = self.masters[(self.masters.index(source) + 1) % len(self.masters)]
        from_name, to_name = (_text(_say(master, "CLUSTER MYID")) for master in (source, target))
        _say(target, f"CLUSTER SETSLOT {slot} IMPORTING {from_name}")
        _say(source, f"CLUSTER SETSLOT {slot} MIGRATING {to_name}")
        self._send(source, target, slot, keys)
        yield
        self._send(source, target, slot, 1_000)
        for node in (target, source):
            _say(node, f"CLUSTER SETSLOT {slot} NODE {to_name}")
        until(lambda: self._has(target, slot) and not self._has(source, slot), "the slot has arrived")

    def _send(self, source: Server, target: Server, slot: int, keys: int) -> None:
        with source.client() as client:
            for name in client.execute_command("CLUSTER GETKEYSINSLOT", slot, keys):
                client.execute_command("MIGRATE", "127.0.0.1", target.port, name, 0, 5_000)

    def _has(self, master: Server, slot: int) -> bool:
        with master.client() as client:
            ranges = client.execute_command("CLUSTER SLOTS")
        return any(first <= slot <= last and int(node[1]) == master.port for first, last, node, *_ in ranges)


@contextmanager
def clustered(directory: Path) -> Iterator[Clustered]:
    """A Cluster that says of itself that all is well."""
    nodes = [
        redis_on(free_port_with_bus(), directory, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
        for _ in range(6)
    ]
    masters, replicas = tuple(nodes[:3]), tuple(nodes[3:])
    with running(*nodes):
        for i, master in enumerate(masters):
            _say(master, f"CLUSTER ADDSLOTSRANGE {-(-i * 16_384 // 3)} {-(-(i + 1) * 16_384 // 3) - 1}")
            _say(master, f"CLUSTER SET-CONFIG-EPOCH {i + 1}")
        for node in nodes[1:]:
            _say(nodes[0], f"CLUSTER MEET 127.0.0.1 {node.port}")
        until(lambda: all(_known_nodes(node) == len(nodes) for node in nodes), "all nodes know each other")
        for master, replica in zip(masters, replicas, strict=True):
            name = _text(_say(master, "CLUSTER MYID"))
            until(lambda: _follows(replica, name), "a replica follows")  # noqa: B023 - waited for within the loop
        until(lambda: all(_is_well(node) for node in nodes), "the Cluster is up")
        until(lambda: all(replica_in_step(master) for master in masters), "the replicas are in step")
        yield Clustered(masters, replicas)


def _say(node: Server, command: str) -> object:
    with node.client() as client:
        answer: object = client.execute_command(*command.split())
    return answer


def _known_nodes(node: Server) -> int:
    return len([line for line in _text(_say(node, "CLUSTER NODES")).splitlines() if line])


def _follows(replica: Server, master_name: str) -> bool:
    try:
        _say(replica, f"CLUSTER REPLICATE {master_name}")
    except RedisError:  # it has not heard of the master yet
        return False
    return True


def _is_well(node: Server) -> bool:
    return "cluster_state:ok" in _text(_say(node, "CLUSTER INFO"))
