"""Hours in which a rollout may widen: whose clock, past midnight, and what a deadline makes of them."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rollback.decision import DecisionKind, decide
from rollback.hours import Hours, waits_until
from rollback.plan import OnDeadline
from rollback.rollout import Holding, Rollout
from tests.rollback.scenes import STAGES, facts, pairs, rollout, votes

PROOF = pairs("refusal", same=400) + votes(0, "paired", 400, "stable")
OFFICE = Hours((0, 1, 2, 3, 4), 9 * 60, 17 * 60, "Europe/Berlin")
NIGHT = Hours((4,), 22 * 60, 6 * 60)


def at(written: str, zone: str = "UTC") -> float:
    """Unix seconds of an instant on a zone's clock; 2026-11-20 is a Friday."""
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).timestamp()


def during(*hours: Hours, stages: object = STAGES) -> Rollout:
    """A rollout that may widen in these hours only."""
    made = rollout(stages=stages)  # type: ignore[arg-type]  # the scene's own stages
    return replace(made, plan=replace(made.plan, widen_during=hours))


@pytest.mark.parametrize(
    ("hours", "instant", "allowed"),
    [
        (OFFICE, at("2026-11-20 09:00", "Europe/Berlin"), True),
        (OFFICE, at("2026-11-20 08:59", "Europe/Berlin"), False),
        (OFFICE, at("2026-11-20 17:00", "Europe/Berlin"), False),
        (OFFICE, at("2026-11-21 12:00", "Europe/Berlin"), False),
        (NIGHT, at("2026-11-20 23:00"), True),
        (NIGHT, at("2026-11-21 05:59"), True),
        (NIGHT, at("2026-11-21 06:00"), False),
        (NIGHT, at("2026-11-21 23:00"), False),
    ],
)
def test_hours_are_of_the_zones_clock_and_belong_to_the_day_they_begin_on(
    hours: Hours, instant: float, allowed: bool
) -> None:
    """The end is outside; a night that begins on Friday ends on Saturday."""
    assert hours.holds_at(instant) is allowed


def test_summer_time_moves_the_hours_with_the_clock() -> None:
    """Nine in Berlin is 07:00 UTC in July and 08:00 UTC in November."""
    assert OFFICE.holds_at(at("2026-07-17 07:00"))
    assert not OFFICE.holds_at(at("2026-11-20 07:59"))


def test_proof_outside_the_hours_waits_for_the_next_and_says_when() -> None:
    """Saturday noon: the office opens on Monday at nine."""
    saturday = at("2026-11-21 12:00")
    decision = decide(during(OFFICE), facts(PROOF), saturday)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.OUTSIDE_HOURS)
    assert "widens at 2026-11-23 08:00 UTC, within mon-fri 09:00-17:00 Europe/Berlin" in decision.sentence
    assert decide(during(OFFICE), facts(PROOF), at("2026-11-23 08:00")).kind is DecisionKind.WIDEN


def test_any_of_several_hours_allows_and_the_first_to_open_is_named() -> None:
    """Office and Friday night together."""
    both = (OFFICE, NIGHT)
    assert waits_until(both, at("2026-11-20 23:00")) is None
    opens = waits_until(both, at("2026-11-20 18:00"))
    assert opens is not None
    assert datetime.fromtimestamp(opens, UTC) == datetime(2026, 11, 20, 22, tzinfo=UTC)
    assert waits_until((), 0.0) is None


def test_harm_rolls_back_at_any_hour_and_no_deadline_counts_the_night() -> None:
    """The hours forbid to widen, and nothing else."""
    saturday = at("2026-11-21 12:00")
    harm = facts(pairs("refusal", worse=20, same=180))
    assert decide(during(OFFICE), harm, saturday).kind is DecisionKind.ROLL_BACK
    stages = (replace(STAGES[0], deadline_seconds=3600.0, on_deadline=OnDeadline.ROLL_BACK), *STAGES[1:])
    assert decide(during(OFFICE, stages=stages), facts(PROOF), saturday).after.holding is Holding.OUTSIDE_HOURS
