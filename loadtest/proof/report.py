"""The proof's tables, for the terminal, `docs/proof.md` and the README."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from loadtest.proof.swaps import Swap

BEGIN: Final = "<!-- proof:begin -->"
END: Final = "<!-- proof:end -->"
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Run:
    """One replayed rollout. `candidate_served` and `pairs` are read from the model servers' logs."""

    swap: Swap
    seed: int
    phase: str
    reason: str
    pairs: int
    requests: int
    candidate_served: int
    seconds: float
    wrong: tuple[str, ...]


def line(run: Run) -> str:
    """One run on one line, and what was wrong with it below."""
    said = (
        f"{run.swap.name} · run {run.seed}: {run.phase} after {run.seconds:.0f} s, {run.pairs:,} pairs, "
        f"{run.requests:,} requests, {run.candidate_served:,} on the candidate: {run.reason}"
    )
    return "\n".join((said, *(f"  WRONG: {text}" for text in run.wrong)))


def summary(runs: Sequence[Run]) -> str:
    """One row for each swap, over all its runs."""
    rows = [
        "| stable → candidate | must end | ended so | pairs | served by the candidate | seconds | reason (first run) |",
        "|---|---|---|---|---|---|---|",
    ]
    for swap in dict.fromkeys(run.swap for run in runs):
        mine = [run for run in runs if run.swap == swap]
        well = sum(not run.wrong for run in mine)
        rows.append(
            f"| {swap.name} | {swap.expectation} | {well} of {len(mine)} | {_range(run.pairs for run in mine)} "
            f"| {_range(run.candidate_served for run in mine)} | {_range(run.seconds for run in mine)} "
            f"| {mine[0].reason} |"
        )
    return "\n".join(rows)


def details(runs: Sequence[Run]) -> str:
    """One row for each run."""
    rows = [
        "| stable → candidate | run | ended | pairs | requests | served by the candidate | seconds | reason |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {run.swap.name} | {run.seed} | {run.phase.replace('_', ' ')} | {run.pairs:,} | {run.requests:,} "
        f"| {run.candidate_served:,} | {run.seconds:.0f} | {run.reason} |"
        for run in runs
    ]
    return "\n".join(rows)


def write(runs: Sequence[Run]) -> None:
    """Put the tables into `docs/proof.md`, and the summary between the README's marks if it has them."""
    page = _ROOT / "docs" / "proof.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(_PAGE.format(summary=summary(runs), details=details(runs)), encoding="utf-8")
    readme = _ROOT / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if BEGIN in text and END in text:
        before, rest = text.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
        readme.write_text(f"{before}{BEGIN}\n{summary(runs)}\n{END}{after}", encoding="utf-8")


def _range(values: Iterable[float]) -> str:
    """Median, and the range where there is one."""
    found = sorted(values)
    low, middle, high = (f"{value:,.0f}" for value in (found[0], median(found), found[-1]))
    return middle if low == high else f"{middle} ({low}–{high})"


_PAGE: Final = """\
# The proof on real outputs

Written by `make proof`. Two replay servers answer 805 prompts with what two real models once said; an application asks
through the gateway, half of the time for a stream, each request with a user of its own, in another order each run.
Everything is mirrored, so that every request makes a pair. Budgets are the defaults, with agreement off (one recorded
answer for each prompt means no noise floor) and schema not applicable (nobody asks for a structure); weights, margins
and least keys of the stages are the defaults too, and bakes take seconds.

Pairs and requests served by the candidate are counted in the replay servers' own logs. Every answer that the
application got was compared with the recording, byte for byte; a single difference or failed request fails the run.
Pairs, requests and seconds are medians, with the range of the runs.

What it does not show: the prompts repeat (about twenty times in the promoted runs, with other users), so these runs say
how the whole behaves on those 805 prompts, and nothing of other ones; false alarms are counted by simulation instead.
Most of a promotion's time goes into the stage of 1 %, where showing that errors rise by less than 3 points takes about
10,600 requests even if there is not a single error.

{summary}

## Every run

{details}
"""
