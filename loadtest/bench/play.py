"""One measurement of one way: wrk for whole answers, an own client for streams, CPU from process accounting.

CPU is what the proxying processes used by their own accounting in /proc, not what the load generator could push through
them, so a neighbour on a shared core disturbs it little. Latency is measured at half of what the way reached, beside
the model server asked directly at the same rate; the difference is what the way adds.
"""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2s
from math import ceil
from pathlib import Path
from statistics import quantiles
from time import monotonic_ns
from typing import Final

from loadtest.bench.upstream import STAMP
from loadtest.bench.ways import ENDPOINT, Way
from loadtest.rig.accounting import cpu_seconds, rss_mib
from loadtest.rig.processes import ProcessFailed

IN_FLIGHT: Final = 32
FEWEST: Final = 60
"""Requests that a latency is read from: a slow way is asked for longer."""
EVEN_RATE: Final = 1_000.0
"""Requests/s at which all that can take twice as many are measured, too: a saturated proxy finds many requests at each
turn, and each then costs less than where it is not."""
_PAUSED: Final = """\
math.randomseed({seed})
function delay() return math.floor({pause_ms} * -math.log(1 - math.random()) + math.random()) end
"""
"""Requests come like those of users who know nothing of each other: pauses are exponential, in whole milliseconds. With
pauses of one length, connections that once waited for each other stay one behind the other, and come as one burst."""
_LUA: Final = """\
local count = 0
local file = io.open("{body}", "rb")
local body = file:read("*a")
file:close()
function request()
  count = count + 1
  wrk.headers["content-type"] = "application/json"
  wrk.headers["x-user-id"] = "user-" .. {seed} .. "-" .. count
  return wrk.format("POST", "/v1/chat/completions", nil, body)
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True, slots=True)
class Streamed:
    """What the streams' reader measured; delays from an event's making to its arrival."""

    events: int
    first_ms: list[float]
    later_ms: list[float]
    errors: int


def pin(pids: Iterable[int], cores: set[int]) -> None:
    """Keep every thread of some processes on these cores."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def body_of(size: int, *, stream: bool = False) -> bytes:
    """A chat request of about this many bytes: a long system message, a short question."""
    messages = [{"role": "system", "content": ""}, {"role": "user", "content": "How do canaries warn of gas?"}]
    body = {"model": ENDPOINT, "stream": stream, "temperature": 0.2, "messages": messages}
    messages[0]["content"] = "word " * ((size - len(json.dumps(body))) // 5)
    return json.dumps(body).encode()


@contextmanager
def going_first(pids: Iterable[int]) -> Iterator[bool]:
    """Let these processes, and what this one starts meanwhile, run whenever they can; False where it is not allowed.

    Who measures a delay must not wait for whom it measures.
    """
    first: list[int] = []
    try:
        with suppress(PermissionError):
            for pid in (0, *pids):
                os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
                first.append(pid)
        yield bool(first)
    finally:
        for pid in first:
            with suppress(ProcessLookupError):
                os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


class Wrk:
    """Runs wrk with one body; every request has a user of its own."""

    def __init__(self, place: Path, body: bytes) -> None:
        self._place = place
        self._body = place / f"body-{blake2s(body, digest_size=8).hexdigest()}.json"
        self._body.write_bytes(body)
        self._runs = 0

    def run(self, port: int, seconds: float, *, rate: float | None = None) -> Load:
        """As fast as it goes with 32 connections; or at a rate, with many connections that pause."""
        self._runs += 1
        connections = IN_FLIGHT
        lua = _LUA.format(body=self._body, seed=f"{self._runs}{monotonic_ns() % 1_000_000}")
        if rate is not None:
            connections = min(256, max(4, int(rate / 50)))
            lua += _PAUSED.format(seed=self._runs, pause_ms=connections / rate * 1000)
        script = self._place / "load.lua"
        script.write_text(lua)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{ceil(seconds)}s", "--timeout", "10s", "--latency"]
        done = subprocess.run(
            [*command, "-s", str(script), f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, check=True, timeout=seconds + 60,
        )  # fmt: skip
        text = done.stdout
        errors = int(_number(r"Non-2xx or 3xx responses: (\d+)", text))
        for group in re.findall(r"Socket errors: (.+)", text):
            errors += sum(int(each) for each in re.findall(r"\d+", group))
        requests = int(_number(r"(\d+) requests in", text))
        if not requests:
            raise ProcessFailed(f"port {port} answered nothing:\n{text}{done.stderr}")
        per_second = _number(r"Requests/sec:\s+([\d.]+)", text)
        return Load(requests, per_second, latency_ms("50%", text), latency_ms("99%", text), errors)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found.group(1)) if found else 0.0


def latency_ms(share: str, text: str) -> float:
    """A line of wrk's latency distribution, in milliseconds."""
    found = re.search(rf"^\s+{share}\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    if found is None:
        return 0.0
    return float(found.group(1)) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[found.group(2)]


@dataclass
class Reader(asyncio.Protocol):
    """Reads one stream; finds the stamps in whatever pieces its bytes come."""

    request: bytes
    done: "asyncio.Future[None]"
    first_ms: float | None = None
    later_ms: list[float] = field(default_factory=list)
    kept: bytes = b""
    ok: bool = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = transport
        transport.write(self.request)  # type: ignore[attr-defined] # a stream's transport writes

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer, and the instant they came."""
        now = monotonic_ns()
        text = self.kept + data
        marks = _STAMPED.findall(text)
        for mark in marks:
            delay = (now - int(mark)) / 1e6
            if self.first_ms is None:
                self.first_ms = delay
            else:
                self.later_ms.append(delay)
        self.kept = _STAMPED.split(text)[-1][-_KEPT:]
        if b"[DONE]" in text:
            self.ok = True
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever made it."""
        del exc
        if not self.done.done():
            self.done.set_result(None)


_STAMPED: Final = re.compile(STAMP.encode() + rb"(\d{20})")
_KEPT: Final = len(STAMP) + 20


async def read_streams(port: int, count: int) -> Streamed:
    """So many streams at once, to their end."""
    loop = asyncio.get_running_loop()
    body = body_of(1_600, stream=True)
    readers = []
    for number in range(count):
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        head += b"x-user-id: reader-%d-%d\r\ncontent-length: %d\r\n\r\n" % (monotonic_ns(), number, len(body))
        reader = Reader(head + body, loop.create_future())
        readers.append(reader)
        await loop.create_connection(lambda made=reader: made, "127.0.0.1", port)  # type: ignore[misc] # bound now
        if number % 16 == 15:
            await asyncio.sleep(0.005)  # noqa: TID251 - users do not come all in one millisecond
    await asyncio.wait([reader.done for reader in readers], timeout=120.0)
    return Streamed(
        sum(1 + len(reader.later_ms) for reader in readers if reader.first_ms is not None),
        [reader.first_ms for reader in readers if reader.first_ms is not None],
        [delay for reader in readers for delay in reader.later_ms],
        sum(not reader.ok for reader in readers),
    )


def percentile(values: list[float], share: int) -> float:
    """A percentile; of nothing, nothing."""
    return quantiles(values, n=100)[share - 1] if len(values) > 1 else sum(values)


@dataclass(frozen=True, slots=True)
class Measured:
    """One way in one round. CPU in microseconds, memory in MiB, times in milliseconds."""

    way: str
    figures: dict[str, float]
    errors: int


@dataclass(frozen=True, slots=True)
class Direct:
    """The model server without anything before it: its port, and its processes."""

    port: int
    pids: tuple[int, ...]


def measure_whole(way: Way, wrk: dict[int, Wrk], direct: Direct, seconds: float) -> Measured:
    """Whole answers: saturation with each size of body, then latency at half of it, beside the direct way.

    At saturation whoever has work shares the cores: load that went first would leave the shadow worker nothing.
    """
    figures: dict[str, float] = {}
    errors = 0
    for size, load in wrk.items():
        done, spent = _spent(way, load, seconds)
        errors += done.errors
        figures |= {f"{name} {size}": value for name, value in spent.items()}
        figures[f"rate {size}"] = done.per_second
        figures[f"share {size}"] = figures[f"cpu {size}"] * done.per_second / 1e4
    smallest = wrk[min(wrk)]
    half = max(2.0, figures[f"rate {min(wrk)}"] / 2)
    long = max(seconds, FEWEST / half)
    with going_first(direct.pids):
        alone, through = smallest.run(direct.port, long, rate=half), smallest.run(way.port, long, rate=half)
    errors += through.errors
    figures |= {"half": half, "p50": through.p50_ms - alone.p50_ms, "p99": through.p99_ms - alone.p99_ms}
    if half >= EVEN_RATE:
        even, spent = _spent(way, smallest, seconds, rate=EVEN_RATE)
        errors += even.errors
        figures |= {f"{name} even": value for name, value in spent.items()}
    figures["rss"] = rss_mib(way.pids)
    return Measured(way.name, figures, errors)


def _spent(way: Way, wrk: Wrk, seconds: float, *, rate: float | None = None) -> tuple[Load, dict[str, float]]:
    """A load, and what each request cost the way and its other processes; and the share that was not handed over."""
    dropped = way.dropped() if way.dropped else 0.0
    before, beside = cpu_seconds(way.pids), cpu_seconds(way.beside)
    done = wrk.run(way.port, seconds, rate=rate)
    spent = {"cpu": (cpu_seconds(way.pids) - before) / done.requests * 1e6}
    if way.beside:
        spent["beside"] = (cpu_seconds(way.beside) - beside) / done.requests * 1e6
    if way.dropped:
        spent["dropped"] = (way.dropped() - dropped) / done.requests * 100
    return done, spent


def measure_streams(way: Way, counts: Iterable[int]) -> Measured:
    """Streams: CPU per event, and the delay of first and later events."""
    figures: dict[str, float] = {}
    errors = 0
    for count in counts:
        before = cpu_seconds(way.pids)
        done = asyncio.run(read_streams(way.port, count))
        errors += done.errors
        if way.pids:
            figures[f"chunk {count}"] = (cpu_seconds(way.pids) - before) / max(1, done.events) * 1e6
        figures[f"first50 {count}"] = percentile(done.first_ms, 50)
        figures[f"first99 {count}"] = percentile(done.first_ms, 99)
        figures[f"later99 {count}"] = percentile(done.later_ms, 99)
        figures[f"errors {count}"] = done.errors
        figures[f"stall {count}"] = max(done.later_ms, default=0.0)
        if way.pids:
            figures[f"rss {count}"] = rss_mib(way.pids)
    return Measured(way.name, figures, errors)
