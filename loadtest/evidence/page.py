"""The page of the judge's statistics: tables for the terminal and for `docs/statistics.md`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.evidence.combining import WAYS, Combined
from loadtest.evidence.contest import METHODS, Exposure
from loadtest.evidence.figures import LEVEL, Share, Speed
from loadtest.evidence.late_onset import Delay
from loadtest.evidence.speed import Timing
from rollback.budget import LATE_SHARE
from rollback.onset import MOST_WINDOWS
from rollback.verdict import Source

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "statistics.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that one run of the benchmark found."""

    alarms: Sequence[Share]
    by_request: Sequence[Share]
    passes: Sequence[Share]
    paired: Sequence[Speed]
    split: Sequence[Speed]
    harmless: Sequence[Speed]
    late: Sequence[Delay]
    combined: Sequence[Combined]
    documented: Mapping[str, Sequence[Share]]
    exposures: Sequence[Exposure]
    timings: Sequence[Timing]
    seconds: float
    runs: int
    passes_runs: int
    power_runs: int
    contest_runs: int
    documented_runs: int

    def broken(self) -> list[str]:
        """Promises of the mathematics that the simulation contradicts beyond its error. There must be none."""
        return [
            f"{row.name} at {row.alpha:.0%}: {row.rate:.2%}" for row in (*self.alarms, *self.passes) if row.kept == "NO"
        ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary(results: Results) -> str:
    """The bars and what was reached, the worst figure of each kind."""
    rows = [
        _worst_share("false rollbacks, drift exactly at the limit", results.alarms),
        _worst_share("false “harmless”, drift exactly at the margin", results.passes),
        _worst_speed("votes before rollback ÷ bound, pairs", results.paired),
        _worst_speed("votes before rollback ÷ bound, split", results.split),
        _worst_speed("votes until a harmless candidate may widen ÷ bound", results.harmless),
        *_late_rows(results.late),
        _exposed_row(results.exposures),
        *(
            (timing.name, f"≤ {_time(timing.most, timing.unit)}", _time(timing.least, timing.unit), timing.kept)
            for timing in results.timings
        ),
    ]
    return table(("figure", "must reach", "worst measured", "reached"), rows)


def _worst_share(name: str, shares: Sequence[Share]) -> tuple[str, str, str, str]:
    parts = []
    for alpha in sorted({row.alpha for row in shares}):
        worst = max((row for row in shares if row.alpha == alpha), key=lambda row: row.rate)
        parts.append(f"{worst.rate:.2%} of {alpha:.0%} ({worst.name})")
    kept = {row.kept for row in shares}
    reached = "NO" if "NO" in kept else "within error" if "within error" in kept else "yes"
    return name, "≤ alpha", "; ".join(parts), reached


def _worst_speed(name: str, speeds: Sequence[Speed]) -> tuple[str, str, str, str]:
    worst = max(speeds, key=lambda row: row.ratio)
    missed = sum(row.kept == "NO" for row in speeds)
    reached = "yes" if not missed else f"NO: {missed} of {len(speeds)} above"
    return name, f"≤ {worst.most}", f"{worst.ratio:.2f} ({worst.name})", reached


def _late_rows(late: Sequence[Delay]) -> list[tuple[str, str, str, str]]:
    after = max(row.after for row in late)
    rows = []
    for row in late:
        if row.after == after and row.decides:
            reached = "yes" if row.ratio <= 2.0 else "NO"
            rows.append(
                (
                    f"delay of a drift that begins after {after:,} votes ÷ at the start, {row.name}",
                    "≤ 2",
                    f"{row.ratio:.1f}",
                    reached,
                )
            )
    return rows


def _exposed_row(exposures: Sequence[Exposure]) -> tuple[str, str, str, str]:
    compared = len(exposures) * (len(METHODS) - 1)
    lost = sum(len(row.lost_to()) for row in exposures)
    reached = "yes" if not lost else f"NO: not in {lost} of {compared}"
    return (
        "fewer users exposed than each other method tuned to the same false rollbacks",
        "always",
        (f"in {compared - lost} of {compared} comparisons"),
        reached,
    )


def shares_table(shares: Sequence[Share]) -> str:
    """One row for each scene, both levels."""
    by_name: dict[str, list[Share]] = {}
    for row in shares:
        by_name.setdefault(row.name, []).append(row)
    rows = []
    for name, found in by_name.items():
        cells = [
            f"{row.rate:.2%} ({row.limits[0]:.2%} – {row.limits[1]:.2%}){_bounded(row)} {row.kept}" for row in found
        ]
        rows.append((name, *cells))
    levels = [f"alpha {row.alpha:.0%} (95 % limits)" for row in next(iter(by_name.values()))]
    return table(("drift", *levels), rows)


def _bounded(row: Share) -> str:
    return "" if row.at_most is None else f", chance ≤ {row.at_most:.3%}"


def combined_table(combined: Sequence[Combined]) -> str:
    """Requests until harm is shown, each way of using both sources."""
    rows = [
        (
            f"{row.mirrored:.0%}",
            f"{row.weight_bps / 100:.0f} %",
            f"{row.times} ×",
            *(f"{row.requests[way]:,.0f}" for way in WAYS),
            f"{row.requests['product'] / row.requests['Bonferroni']:.2f}",
        )
        for row in combined
    ]
    return table(("mirrored", "weight", "drift", *WAYS, "product ÷ Bonferroni"), rows)


def speeds_table(speeds: Sequence[Speed]) -> str:
    """Votes beside the bound."""
    rows = [
        (
            row.name,
            f"{row.votes:,.0f} ± {row.error:,.0f}",
            f"{row.bound:,.0f}",
            f"{row.ratio:.2f}",
            f"≤ {row.most}",
            row.kept,
        )
        for row in speeds
    ]
    return table(("candidate", "mean votes", "bound", "÷ bound", "must reach", "reached"), rows)


def late_table(late: Sequence[Delay]) -> str:
    """Delays after the onset."""
    rows = [
        (row.name, row.rule, f"{row.after:,}", f"{row.votes:,.0f}", f"{row.ratio:.1f}", f"{row.finished:.0%}")
        for row in late
    ]
    return table(("evidence", "by", "votes before the onset", "mean votes after it", "÷ at the start", "found"), rows)


def documented_table(documented: Mapping[str, Sequence[Share]]) -> str:
    """False rollbacks with documented settings."""
    names = [row.name for row in next(iter(documented.values()))]
    rows = [
        (name, *(f"{shares[index].rate:.1%}" for shares in documented.values())) for index, name in enumerate(names)
    ]
    return table(("traffic", *documented), rows)


def exposures_table(exposures: Sequence[Exposure]) -> str:
    """Exposure at equal false rollbacks."""
    rows = []
    for row in exposures:
        cells = [f"{row.exposed[name]:,.0f} ({row.caught[name]:.0%})" for name in METHODS]
        rows.append((row.ground, f"{row.times} ×", f"{row.false_rate:.1%}", *cells, ", ".join(row.lost_to()) or "–"))
    return table(("traffic", "drift", "false rollbacks", *METHODS, "fewer exposed than driftgate"), rows)


def lost(exposures: Sequence[Exposure]) -> str:
    """Plainly, where another method exposed fewer users."""
    found: dict[str, list[str]] = {}
    for row in exposures:
        for name in row.lost_to():
            found.setdefault(name, []).append(f"{row.ground} at {row.times} ×")
    if not found:
        return "No method exposed fewer users in any of these rows."
    said = "\n".join(f"- {name}: {'; '.join(where)}" for name, where in found.items())
    return (
        f"Fewer users than by driftgate were exposed by\n\n{said}\n\n"
        "Near the limit, where hundreds of events are needed,\n"
        "a rule tuned to the very scene and horizon can be ahead; the settings that the others ship with are\n"
        "not those, as the table before this one shows."
    )


def timings_table(timings: Sequence[Timing]) -> str:
    """Speed."""
    rows = [
        (row.name, _time(row.least, row.unit), _time(row.median, row.unit), f"≤ {_time(row.most, row.unit)}", row.kept)
        for row in timings
    ]
    return table(("what", "least", "median", "must reach", "reached"), rows)


def _time(seconds: float, unit: str) -> str:
    return f"{seconds * {'ms': 1e3, 'µs': 1e6}[unit]:.3g} {unit}"


def tables(results: Results) -> str:
    """The whole page's text."""
    return _TEXT.format(
        runs=results.runs,
        passes_runs=results.passes_runs,
        combined=combined_table(results.combined),
        power_runs=results.power_runs,
        contest_runs=results.contest_runs,
        documented_runs=results.documented_runs,
        level=LEVEL,
        minutes=results.seconds / 60,
        late_paired=LATE_SHARE[Source.PAIRED],
        late_split=LATE_SHARE[Source.SPLIT],
        windows=MOST_WINDOWS,
        summary=summary(results),
        alarms=shares_table(results.alarms),
        by_request=shares_table(results.by_request),
        passes=shares_table(results.passes),
        paired=speeds_table(results.paired),
        split=speeds_table(results.split),
        harmless=speeds_table(results.harmless),
        late=late_table(results.late),
        documented=documented_table(results.documented),
        exposures=exposures_table(results.exposures),
        lost=lost(results.exposures),
        timings=timings_table(results.timings),
    )


def write(results: Results) -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(tables(results), encoding="utf-8")


_TEXT: Final = """\
# The judge, measured

Written by `make evidence` (`python -m loadtest.evidence`), which took {minutes:.0f} minutes. All here is simulated;
`proof.md` has answers of real models. The simulation judges with the product's own priors and factors, and random
moments of every scene are judged by the product itself as well: the numbers must be equal.

{summary}

![False rollbacks over time, and users exposed at equal false rollbacks](images/statistics.svg)

Where the last column says NO, the bar is missed, and the tables below say where and by how much. A share above alpha by
less than the error of its runs is “yes” only where the chance itself is shown to be at most alpha, else “within error”.

## How often it is wrong

A drift exactly at the limit must not be rolled back in more than alpha of all rollouts, although the judge looks after
every one of 30,000 votes. {runs:,} rollouts in each row. Stable fails in 3 % of requests, the limit is 2 points or 2.5
times stable's rate. A daily swing moves stable's rate between .6 % and 5.4 %.

{alarms}

Requests of one session depend on each other. Counted once for each key they do no harm; counted each, which driftgate
does not do, they would:

{by_request}

A drift exactly at the margin must not pass as harmless more often than that. Here the chance is near alpha, because
hardly anything is left over when the bar is reached, so there are {passes_runs:,} rollouts in each row, and the chance
itself is bounded from above by a change of measure (`loadtest/evidence/tilted.py`):

{passes}

## How many votes it needs

Mean votes until the verdict, and the information bound log(1/alpha) / max E[log e]: what the best bet of all would
need, if it were known beforehand. {power_runs:,} rollouts in each row. For harm alpha is {level} (about what one
test has in a plan of 5 %), for no harm it is 5 %. “Mended” is the share of pairs in which the candidate mends a bad
answer while it spoils others. Split votes are requests of both arms.

{paired}

{split}

{harmless}

## Pairs and users together

A guardrail that has both sources tests each at its part of alpha (Bonferroni). A product of e-values does without that,
but only if no key votes in both: mirrored keys then vote in pairs alone. Mean requests until a drift is shown:

{combined}

Bonferroni stays. What the product would save is paid elsewhere: of a key that votes in pairs nothing would be known
that only users see, and with all requests mirrored that is every key; the source of a key must be fixed before its
first request, so mirrors of all other keys would be lost; and a verdict would belong to no row of the table of signals,
and agree with no bound in it.

## A drift that begins late

Five and ten times the limit, after so many votes without any drift. Votes come at 8 a second. The search for a late
onset has a part of the test's alpha, {late_paired:.0%} for pairs and {late_split:.0%} for users, and each of its
{windows} windows has its part of that; the plain test has the rest.

{late}

## Beside what others do

Their methods are written anew from their documentation (`loadtest/evidence/others.py` has the sources and the
settings). An interval is 500 requests; a run has 30,000. The fixed range of Flagger and Argo is “at most 5 % bad”:
stable's rate plus the limit. {documented_runs:,} rollouts in each row.

**With their documented settings**, share of rollouts rolled back. Without drift every one of them is false. At the
limit driftgate promises at most 5 %; a fixed range or a test for any difference promises nothing there.

{documented}

Kayenta is seldom wrong without drift, because it looks seldom and asks for a clear shift of the median. It also sees
little at small weights, and it cannot be told that a drift within the limit is fine. Its own advice is a baseline as
large as the candidate; here it has all of stable's traffic, which only helps it. GrowthBook's sequence is tuned for
5,000 requests and two sides, so it is far from its 5 % here.

**At equal false rollbacks**: requests served by the candidate before the rollback (share of rollouts caught). driftgate
has its normal alpha of 5 %, part of it for the search for a late onset. Each other method got, for each row, the
setting with which it is wrong as rarely as driftgate really was, on drift at the limit in the same traffic. Nobody
could know that setting beforehand. {contest_runs:,} rollouts in each row, only split evidence; where answers are
mirrored, driftgate finds such drifts in pairs before any user is exposed.

{exposures}

{lost}

## How fast it is

{timings}
"""
