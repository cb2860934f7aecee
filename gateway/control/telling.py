"""What an alert says: what happened, whether one may sleep, what happens next by itself, and the command to act. Pure.

Written for whoever is woken at three: the first sentence is enough to decide whether to get up. Links only show things;
what acts is a command that somebody types, since chat programs and mail scanners open links by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.control.views import signal_view
from rollback.rollout import Holding, Phase, Rollout
from rollback.verdict import SignalReport
from routing import wording
from shadow.cells import EVERY

NUMBERS: Final = 3
"""Rows of the signals table in an alert: those nearest to harm."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether one may sleep, what happens next without anybody, and what to type. `{e}` is the endpoint."""

    safe_to_sleep: bool
    next: str
    command: str


_ROLL_BACK: Final = "driftgate rollback {e} --reason TEXT"
_STATUS: Final = "driftgate status {e}"

_ENDED: Final[Mapping[Phase, Advice]] = {
    Phase.ROLLED_BACK: Advice(
        True, "nothing: all traffic is on {stable}, and the rollout has ended", "driftgate explain {e}"
    ),
    Phase.PROMOTED: Advice(True, "nothing: {candidate} is the stable model now", "driftgate history {e}"),
}

_HELD: Final[Mapping[Holding, Advice]] = {
    Holding.BURN: Advice(True, "it rolls back by itself at 100 % burn, and goes on below 50 %", _STATUS),
    Holding.SIGNAL_HARM: Advice(True, "it stays at {weight} until this clears; a guardrail still rolls back", _STATUS),
    Holding.UNMEASURED: Advice(
        False, "it stays at {weight}; harm of what cannot be read is not seen", "driftgate explain {e}"
    ),
    Holding.MISMATCH: Advice(
        False, "it stays at {weight} until the shares agree again; what is scored may mislead", "driftgate explain {e}"
    ),
    Holding.DEADLINE: Advice(
        True, "it stays at {weight}; a guardrail still rolls back", "driftgate promote {e} --step"
    ),
    Holding.APPROVAL: Advice(
        True, "it stays at {weight} until somebody approves; a guardrail still rolls back", "driftgate approve {e}"
    ),
    Holding.STABLE_FAILING: Advice(
        False, "nothing widens until {stable} recovers; applications see its errors", "driftgate doctor"
    ),
    Holding.BLIND: Advice(
        False, "it goes one stage back when it stays blind; harm cannot be seen meanwhile", _ROLL_BACK
    ),
}
"""Holds that somebody is told of. The others are how a stage begins, or what an operator has asked for."""


_OVER: Final = "exposure has ended within one lease, stable serves; it goes on when"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the gateway itself lacks under a running rollout, in words, and what to know of it."""

    what: str
    advice: Advice


def store_lost(fault: str) -> Trouble:
    """Redis does not answer."""
    return Trouble(f"Redis is lost ({fault})", Advice(True, f"{_OVER} Redis is back", "driftgate doctor"))


def journal_lost(fault: str) -> Trouble:
    """The journal cannot be written: the disk is full, most likely."""
    advice = Advice(True, f"{_OVER} the disk has room; a rollback is remembered until a restart", "driftgate doctor")
    return Trouble(fault, advice)


def is_told(holding: Holding) -> bool:
    """Whether anybody wants to be told that a rollout holds for this."""
    return holding in _HELD


def advice(rollout: Rollout) -> Advice:
    """What to know about the present state of a rollout that is told of; where users are not exposed, all may sleep."""
    found = _ENDED.get(rollout.phase) or (_HELD.get(rollout.holding) if rollout.holding is not None else None)
    assert found is not None  # only what has advice is told
    words = {
        "e": rollout.endpoint,
        "stable": rollout.stable,
        "candidate": rollout.candidate,
        "weight": wording.weight(rollout.weight_bps),
    }
    harmless = rollout.weight_bps == 0 and rollout.holding is not Holding.STABLE_FAILING
    return Advice(found.safe_to_sleep or harmless, found.next.format(**words), found.command.format(**words))


def numbers(rows: Sequence[SignalReport]) -> list[dict[str, Any]]:
    """The rows nearest to harm, as the API shows them."""
    ranked = sorted((row for row in rows if row.slice == EVERY), key=lambda row: -row.burn)
    return [signal_view(row) for row in ranked[:NUMBERS] if row.burn > 0.0]


def title(rollout: Rollout, kind: str) -> str:
    """`chat: acme-v13 rolled back`."""
    what = kind.replace("_", " ")
    if rollout.holding is not None and kind == "holding":
        what = f"holds ({rollout.holding.value.replace('_', ' ')})"
    return f"{rollout.endpoint}: {rollout.candidate} {what}"


def text(rollout: Rollout, kind: str, told: Advice, dashboard: str) -> str:
    """The whole alert in a few lines, for people."""
    sleep = "safe to sleep" if told.safe_to_sleep else "NOT safe to sleep"
    return (
        f"{title(rollout, kind)}: {rollout.reason}\n{sleep}; next: {told.next}\nact: {told.command}\nsee: {dashboard}"
    )
