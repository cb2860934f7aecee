"""What tracing costs the data path: CPU per request of one data worker, without it, at 1 % and at 100 % sampled.

The latter two with `gen_ai` as well, which reads what sampled answers say of themselves.
`python -m loadtest.bench.telemetry` runs the gateways side by side and plays interleaved rounds of wrk against
each; a collector in this process takes what they export. CPU is the worker's own, from /proc. The table goes to
`docs/telemetry-cost.md`; ratios matter, the cores are shared.
"""

import argparse
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Final

from loadtest.bench.cpu import Round, loads, play
from loadtest.bench.ways import Way
from loadtest.rig import invented
from loadtest.rig.processes import Gateway, Processes, start_replay

ROUNDS: Final = 7
READY_SECONDS: Final = 60.0
_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "telemetry-cost.md"
_OFF: Final = "no export"
_SHARES: Final = {
    _OFF: "",
    "1 % sampled": "sample: 1%",
    "1 % sampled, `gen_ai`": "sample: 1%, gen_ai: true",
    "100 % sampled": "sample: 100%",
    "100 % sampled, `gen_ai`": "sample: 100%, gen_ai: true",
}

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 1
state_dir: {state}
models: {{lumen-1: {{base_url: {stable}}}}}
endpoints: {{chat: {{stable: lumen-1, sticky_by: [header:x-user-id]}}}}
{telemetry}
"""


@contextmanager
def collecting() -> Iterator[str]:
    """A collector that takes everything and keeps nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server finds its methods by this name
            """One export."""
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's own signature
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def measure(place: Path, collector: str, rounds: int) -> list[Round]:
    """Start a gateway for each share, and play the rounds interleaved."""
    with Processes(place) as processes:
        recorded = invented.write(place, "lumen-1", repeat=4)
        stable = start_replay(processes, "stable", "lumen-1", recorded)
        ways = [_gateway(processes, name, share, stable.base_url, collector) for name, share in _SHARES.items()]
        wrk = loads(place, recorded)["unary"]
        for way in ways:
            play(way, "unary", wrk)  # warm
        return [play(way, "unary", wrk) for _ in range(rounds) for way in ways]


def _gateway(processes: Processes, name: str, share: str, stable: str, collector: str) -> Way:
    telemetry = f"telemetry: {{otlp: '{collector}', {share}}}" if share else ""
    process = f"gateway-{list(_SHARES).index(name)}"
    gateway = Gateway.configured(processes, _CONFIG, {"stable": stable, "telemetry": telemetry}, name=process)
    gateway.start()
    gateway.wait_ready(READY_SECONDS)
    return Way(name, gateway.data_port, tuple(gateway.children("child data")))


def table(rounds: Sequence[Round]) -> str:
    """CPU per request of each way, and its ratio to the first."""
    lines = ["| | CPU µs per request | × no export | requests/s |", "|---|---|---|---|"]
    by_way = {name: [each for each in rounds if each.way == name] for name in _SHARES}
    base = median(each.cpu_us for each in by_way[_OFF])
    for name, mine in by_way.items():
        spent = [each.cpu_us for each in mine]
        rate = median(each.per_second for each in mine)
        shown = f"{median(spent):.0f} ({min(spent):.0f}–{max(spent):.0f})"
        lines.append(f"| {name} | {shown} | {median(spent) / base:.2f} | {rate:,.0f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description="What tracing costs the data path.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--dry", action="store_true", help="do not write docs/telemetry-cost.md")
    given = parser.parse_args(arguments)
    if shutil.which("wrk") is None:
        print("telemetry: skipped, wrk is not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as made, collecting() as collector:
        rounds = measure(Path(made), collector, given.rounds)
    text = _PAGE_TEXT.format(table=table(rounds))
    print(text)
    if not given.dry:
        _PAGE.write_text(text, encoding="utf-8")
    return 1 if any(each.errors for each in rounds) else 0


_PAGE_TEXT: Final = """\
# What tracing costs

Written by `python -m loadtest.bench.telemetry`: one data worker, wrk with 32 in flight, a body of 1.6 KB, the gateways
side by side in interleaved rounds. CPU is the data worker's own, median (range); ratios matter, the cores are shared.

{table}

A request that is not sampled costs the look at one header; a sampled one a value in a buffer, which the worker sends to
the control process once a second. The worker keeps a thousand of them: above a thousand sampled requests a second the
rest is dropped, and counted. With `gen_ai: true` answers of sampled requests are kept until they are over, for their
model, finish reasons and token counts; other answers are not looked at. Export itself happens in the control process.
"""

if __name__ == "__main__":
    sys.exit(main())
