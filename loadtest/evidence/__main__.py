"""The proof of the judge's statistics: one command, one table, one picture.

`python -m loadtest.evidence` (`make evidence`) simulates rollouts, lets driftgate and re-implementations of what others
do judge them after every request, measures the judge's own speed, and writes `docs/statistics.md` with its picture.
`--quick` takes half a minute, with fewer runs and wider limits, and only prints; a test runs it. Exit status 1 if a
false-alarm figure is above alpha beyond the error of its runs. A missed bar of speed or power is printed as missed, in
the table, and does not fail the command.
"""

import argparse
import sys
from dataclasses import dataclass
from time import monotonic
from typing import Final

from loadtest.evidence import combining, contest, figures, late_onset, page, picture, scenes, speed
from loadtest.evidence.page import Results

SEED: Final = 20_261_121


@dataclass(frozen=True, slots=True)
class Size:
    """How many runs go into each kind of figure."""

    alarms: int
    passes: int
    power: int
    contest: int
    documented: int
    calibration: int
    repetitions: int


FULL: Final = Size(
    alarms=10_000, passes=40_000, power=4_000, contest=2_000, documented=10_000, calibration=4_000, repetitions=11
)
QUICK: Final = Size(alarms=500, passes=500, power=150, contest=100, documented=400, calibration=400, repetitions=3)


def run(size: Size) -> Results:
    """Every figure, with as many runs as `size` says."""
    began = monotonic()

    def done(what: str) -> None:
        print(f"{monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)

    alarms = figures.shares(scenes.at_the_limit(), size.alarms, SEED, is_harm=True)
    once, each = figures.session_shares(size.alarms, SEED)
    searched = late_onset.shares(size.alarms, SEED)
    done("false rollbacks")
    passes = figures.shares(scenes.at_the_margin(), size.passes, SEED, is_harm=False)
    done("false passes")
    paired, split = figures.speeds_paired(size.power, SEED), figures.speeds_split(size.power, SEED)
    harmless = figures.speeds_harmless(size.power, SEED)
    done("votes until a verdict")
    late = late_onset.measure(size.power, SEED)
    done("late onset")
    combined = combining.measure(size.power // 4, SEED)
    done("pairs and users together")
    documented = contest.as_they_come(size.documented, SEED)
    exposures = contest.exposures(size.contest, size.calibration, SEED)
    done("the others")
    timings = speed.measure(size.repetitions)
    done("speed")
    return Results(
        alarms=[*alarms, *once, *searched],
        by_request=each,
        passes=passes,
        paired=paired,
        split=split,
        harmless=harmless,
        late=late,
        combined=combined,
        documented=documented,
        exposures=exposures,
        timings=timings,
        seconds=monotonic() - began,
        runs=size.alarms,
        passes_runs=size.passes,
        power_runs=size.power,
        contest_runs=size.contest,
        documented_runs=size.documented,
    )


def main() -> int:
    """Measure, print, and write the page and the picture."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.evidence", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few runs, print only (half a minute)")
    options = parser.parse_args()
    results = run(QUICK if options.quick else FULL)
    print(page.tables(results))
    if not options.quick:
        page.write(results)
        picture.write(results)
    wrong = results.broken()
    for line in wrong:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
