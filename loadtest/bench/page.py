"""What the benchmark found, as docs/bench.md and a picture: medians over the rounds, ranges, and the goals beside."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from loadtest.bench.play import EVEN_RATE, Measured
from loadtest.bench.ways import STREAMED

_DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_ON: Final = "driftgate, everything on"
_OFF: Final = "driftgate, no rollout"
_INTERPRETED: Final = f"{_ON}, interpreted"
_SPLIT: Final = "Envoy, split and mirrored"
_SURCHARGE: Final = (
    "CPU µs that a request under a rollout costs more, all handed over ({rate:,.0f} requests/s): below 25"
)
_WHOLE: Final = (
    "| | CPU µs/request, 1.6 KB | 30 KB | 1.6 KB, {rate:,.0f}/s | other processes µs, 1.6 KB "
    "| requests/s at saturation, 1.6 KB | 30 KB | its core used, % | not handed over, % | the same, {rate:,.0f}/s "
    "| added p50 ms at half of it | added p99 ms | RSS MiB | errors |"
)
_STREAMS: Final = (
    "| streams | | CPU µs/event | first event p50 ms | p99 ms | later events p99 ms | longest ms | RSS MiB | errors |"
)
_ABOUT: Final = """\
Written by `make bench`: {heading}. One worker each, on one core of its own ({cores} cores in all, {machine}); load,
model server and everything else have the others. CPU is the proxying process's own, from /proc; medians over
interleaved rounds (range). Ratios matter more than absolutes, since cores are shared.
{conditions}
"""
_OF_WHOLE: Final = """\
With everything on, every request is assigned at 50 %, captured, counted and handed to the shadow worker, which mirrors
20 % of them; the shadow worker, Valkey and the control process are the other processes. With 2 workers nothing is kept
on one core, and load and model server share the cores, too. "Split and mirrored" is what Envoy can do of that by
itself: sticky halves by the same header, and a mirror of 20 %. The first two columns are at saturation, where many
requests come at each turn; the third is at {rate:,.0f} requests/s, which a saturated proxy's cost says little about.
Added latency is beside the model server asked directly, at half of the way's own rate, by requests that come like those
of users who know nothing of each other. Saturation is of the whole machine: where less than all of a proxy's core is
used (1.6 KB), the load, the model server or, with everything on, the shadow worker had none left. What its core would
serve alone is 10⁶ ÷ its CPU µs. Where the shadow worker cannot keep up, the hand-over drops what it would compare, and
counts it: such a request costs less (no frame is made), so the first column flatters there, and the third does not.
"""
_OF_COMPILED: Final = """\
driftgate's data path is compiled, as it is in the image; "interpreted" is the same sources as they are, which is what
runs in place ([how to have which](deploying.md)). The goals are judged by the compiled one.
"""
_OF_STREAMS: Final = """\
An event every 20 ms in each of 64 streams, every 100 ms in each of 500. Delays run from an event's making in the model
server to its arrival at the reader.
"""


class Figures:
    """Medians and ranges by way and figure."""

    def __init__(self, found: Sequence[Measured]) -> None:
        self._found = found
        self.ways = list(dict.fromkeys(each.way for each in found))

    def all(self, way: str, figure: str) -> list[float]:
        """What each round measured."""
        return [each.figures[figure] for each in self._found if each.way == way and figure in each.figures]

    def middle(self, way: str, figure: str) -> float | None:
        """The median, None where it was not measured."""
        values = self.all(way, figure)
        return median(values) if values else None

    def shown(self, way: str, figure: str, digits: int = 0) -> str:
        """`median (lowest–highest)`."""
        values = self.all(way, figure)
        if not values:
            return "–"
        text = f"{median(values):,.{digits}f}"
        return text if len(values) == 1 else f"{text} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"

    def errors(self, way: str) -> int:
        """Failed requests in all rounds."""
        return sum(each.errors for each in self._found if each.way == way)


def whole_table(figures: Figures) -> list[str]:
    """CPU, throughput, added latency and memory for whole answers."""
    rows = [_WHOLE.format(rate=EVEN_RATE), "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    rows += [_whole_row(figures, way) for way in figures.ways if not way.endswith(STREAMED)]
    return rows


def _whole_row(figures: Figures, way: str) -> str:
    shown = (
        "cpu 1600",
        "cpu 30000",
        "cpu even",
        "beside 1600",
        "rate 1600",
        "rate 30000",
        "share 1600",
        "dropped 1600",
        "dropped even",
    )
    cells = [way, *(figures.shown(way, figure) for figure in shown)]
    cells += [figures.shown(way, "p50", 2), figures.shown(way, "p99", 2), figures.shown(way, "rss")]
    return f"| {' | '.join(cells)} | {figures.errors(way)} |"


def stream_table(figures: Figures, counts: Sequence[int]) -> list[str]:
    """CPU per event and delays, for each number of streams at once."""
    rows = [_STREAMS, "|---|---|---|---|---|---|---|---|---|"]
    for count in counts:
        for way in figures.ways:
            if way.endswith(STREAMED):
                cells = [figures.shown(way, f"{name} {count}", 2) for name in ("first50", "first99", "later99")]
                rows.append(
                    f"| {count} | {way.removesuffix(STREAMED)} | {figures.shown(way, f'chunk {count}', 1)} "
                    f"| {' | '.join(cells)} | {figures.shown(way, f'stall {count}', 1)} "
                    f"| {figures.shown(way, f'rss {count}')} | {sum(figures.all(way, f'errors {count}')):.0f} |"
                )
    return rows


def goals_table(figures: Figures) -> list[str]:
    """Each goal, what this run says of it, and whether it was reached."""
    rows = ["| goal | this run | reached |", "|---|---|---|"]
    for goal, value, limit, at_most in _goals(figures):
        if value is None:
            rows.append(f"| {goal} | not measured in this run | – |")
        else:
            reached = value <= limit if at_most else value >= limit
            rows.append(f"| {goal} | {value:,.2f} | {'yes' if reached else 'no'} |")
    return rows


def _goals(figures: Figures) -> list[tuple[str, float | None, float, bool]]:
    """Goal, value, limit, and whether the value must stay at or below it."""

    def ratio(way: str, other: str, figure: str) -> float | None:
        mine, theirs = figures.middle(way, figure), figures.middle(other, figure)
        return mine / theirs if mine is not None and theirs else None

    def surcharge(figure: str) -> float | None:
        much, little = figures.middle(_ON, figure), figures.middle(_OFF, figure)
        return much - little if much is not None and little is not None else None

    streams = f"{_ON}{STREAMED}"
    stall, straight = figures.middle(streams, "stall 500"), figures.middle(f"direct{STREAMED}", "stall 500")
    return [
        ("CPU per request, everything on, × Envoy's: below 1", ratio(_ON, "Envoy", "cpu 1600"), 1.0, True),
        ("the same: below 1.75 first", ratio(_ON, "Envoy", "cpu 1600"), 1.75, True),
        (f"the same at {EVEN_RATE:,.0f} requests/s: below 1", ratio(_ON, "Envoy", "cpu even"), 1.0, True),
        ("the same, × Envoy's that splits and mirrors: below 1", ratio(_ON, _SPLIT, "cpu 1600"), 1.0, True),
        (
            _SURCHARGE.format(rate=EVEN_RATE),
            surcharge("cpu even"),
            25.0,
            True,
        ),
        ("CPU per request of LiteLLM ÷ ours: at least 50", ratio("LiteLLM", _ON, "cpu 1600"), 50.0, False),
        ("requests/s of one core, × Envoy's: at least 0.5", ratio(_ON, "Envoy", "rate 1600"), 0.5, False),
        ("requests/s of one core, × vllm-router's: at least 0.5", ratio(_ON, "vllm-router", "rate 1600"), 0.5, False),
        ("by its core's time alone, × Envoy's: at least 0.5", ratio("Envoy", _ON, "cpu 1600"), 0.5, False),
        (
            "by its core's time alone, × vllm-router's: at least 0.5",
            ratio("vllm-router", _ON, "cpu 1600"),
            0.5,
            False,
        ),
        ("added latency p50, ms: below 0.5", figures.middle(_ON, "p50"), 0.5, True),
        ("added latency p99, ms: below 3", figures.middle(_ON, "p99"), 3.0, True),
        (
            "500 streams: added longest delay, ms: at most 50",
            stall - straight if stall is not None and straight is not None else None,
            50.0,
            True,
        ),
        ("500 streams: memory of a worker, MiB: below 150", figures.middle(streams, "rss 500"), 150.0, True),
    ]


@dataclass(frozen=True, slots=True)
class Page:
    """What the page is written from. `conditions` are sentences on how it was measured."""

    found: Sequence[Measured]
    heading: str
    conditions: Sequence[str] = ()
    missing: Sequence[str] = ()
    streams: Sequence[int] = (64, 500)


def page(of: Page) -> str:
    """The whole page."""
    figures = Figures(of.found)
    conditions = "\n".join(of.conditions)
    about = _ABOUT.format(heading=of.heading, conditions=conditions, cores=os.cpu_count(), machine=platform.machine())
    parts = [
        "# Benchmarks",
        "",
        about,
        "## Whole answers",
        "",
        *whole_table(figures),
        "",
        _OF_WHOLE.format(rate=EVEN_RATE),
    ]
    if _INTERPRETED in figures.ways:
        parts.append(_OF_COMPILED)
    parts += ["![CPU per request](images/bench.svg)", "", "## Streams", "", *stream_table(figures, of.streams), ""]
    parts += [_OF_STREAMS, "## Goals", "", *goals_table(figures)]
    if of.missing:
        parts += [
            "",
            "## Left out",
            "",
            *(f"- {' … '.join(dict.fromkeys((why.splitlines()[0], why.splitlines()[-1])))}" for why in of.missing),
        ]
    return "\n".join(parts) + "\n"


def picture(figures: Figures, path: Path) -> None:
    """CPU per request by way and size of body, on a logarithmic scale."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only here

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    ways = [way for way in figures.ways if figures.middle(way, "cpu 1600")]
    chart, axes = plt.subplots(figsize=(8, 0.6 + 0.45 * len(ways)))
    for offset, figure, label in ((-0.2, "cpu 1600", "1.6 KB"), (0.2, "cpu 30000", "30 KB")):
        values = [figures.middle(way, figure) or 0.0 for way in ways]
        places = [index + offset for index in range(len(ways))]
        bars = axes.barh(places, values, height=0.38, label=label)
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=2, fontsize=8)
    axes.set_yticks(range(len(ways)), ways)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("CPU per request, µs (median)")
    axes.legend(loc="lower right")
    axes.margins(x=0.15)
    chart.tight_layout()
    path.parent.mkdir(exist_ok=True)
    chart.savefig(path, metadata={"Date": None})


def write_page(of: Page, *, dry: bool) -> None:
    """Print the page; write it and the picture, too, unless it is only to be looked at."""
    text = page(of)
    print(text)
    if not dry:
        (_DOCS / "bench.md").write_text(text, encoding="utf-8")
        picture(Figures(of.found), _DOCS / "images" / "bench.svg")
