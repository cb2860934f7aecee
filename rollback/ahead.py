"""When the next stage may come: what the present one still lacks, at the pace at which this stage has gathered so far.

A look ahead for people, made from the counters alone. It decides nothing, and supposes that what comes is like what
came; a pause, a freeze or a gate is not in it, since none of them is a matter of evidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rollback.evidence import Evidence
from rollback.readiness import bake_left, keys_voted, unanswered
from rollback.verdict import SignalReport


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next stage (None: promotion) with its weight and rings, in how many seconds, and what it waits for longest.

    `seconds` None: not in sight. `waits_for` is a signal's name, `keys` or `time`, empty where nothing is lacking.
    """

    stage: int | None
    weight_bps: int | None
    seconds: float | None
    waits_for: str
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wait:
    name: str
    seconds: float | None

    @property
    def rank(self) -> float:
        return float("inf") if self.seconds is None else self.seconds


def ahead(evidence: Evidence, now: float) -> Ahead:
    """What comes next for a running rollout, at `now` (Unix seconds of the store's clock)."""
    rollout = evidence.rollout
    stages, following = rollout.plan.stages, rollout.stage + 1
    is_last = following >= len(stages)
    longest = max(_waits(evidence, now), key=lambda wait: wait.rank, default=_Wait("", 0.0))
    return Ahead(
        stage=None if is_last else following,
        weight_bps=None if is_last else stages[following].weight_bps,
        seconds=longest.seconds,
        waits_for=longest.name,
        include=() if is_last else stages[following].include,
    )


def _waits(evidence: Evidence, now: float) -> Iterator[_Wait]:
    stage, elapsed = evidence.stage, evidence.rollout.stage_seconds(now)
    if (left := bake_left(evidence, now)) > 0.0:
        yield _Wait("time", left)
    have = keys_voted(evidence)
    if have < stage.min_keys:
        yield _Wait("keys", _until(stage.min_keys - have, have, elapsed))
    for rows in unanswered(evidence, evidence.reports()):
        waits = [_Wait(row.signal, _proof(evidence, row, elapsed)) for row in rows]
        yield min(waits, key=lambda wait: wait.rank)


def _proof(evidence: Evidence, row: SignalReport, elapsed: float) -> float | None:
    needed = evidence.still_needed(row)
    return None if needed is None else _until(needed, row.stage_n, elapsed)


def _until(missing: int, have: int, elapsed: float) -> float | None:
    """Seconds until `missing` more have come, where `have` came in `elapsed`."""
    return missing * elapsed / have if have and elapsed > 0.0 else None
