"""How two plans differ, in words: what a rollout is judged by, and what somebody wants it to be judged by. Pure.

A plan is frozen when a rollout starts, so a file that asks for something else is not what runs, whatever its name.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from rollback.plan import Budget, Plan, Stage

_OWN: Final = ("stages", "budgets")
"""Fields of a plan that have a sentence for each part."""


def differences(running: Plan, wanted: Plan) -> tuple[str, ...]:
    """A sentence for each: `budget refusal: max_increase is 0.02 where 0.01 is asked for`."""
    return (
        *_fields("plan", running, wanted),
        *_stages(running.stages, wanted.stages),
        *_budgets(running.budgets, wanted.budgets),
    )


def _stages(running: tuple[Stage, ...], wanted: tuple[Stage, ...]) -> Iterator[str]:
    if len(running) != len(wanted):
        yield f"it has {len(running)} stages where {len(wanted)} are asked for"
        return
    for number, (one, other) in enumerate(zip(running, wanted, strict=True), 1):
        yield from _fields(f"stage {number}", one, other)


def _budgets(running: tuple[Budget, ...], wanted: tuple[Budget, ...]) -> Iterator[str]:
    ours, theirs = ({budget.signal: budget for budget in budgets} for budgets in (running, wanted))
    for signal in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(signal), theirs.get(signal)
        if one is None:
            yield f"budget {signal}: off where on is asked for"
        elif other is None:
            yield f"budget {signal}: on where off is asked for"
        else:
            yield from _fields(f"budget {signal}", one, other)


def _fields(of: str, running: object, wanted: object) -> Iterator[str]:
    for each in fields(running):  # type: ignore[arg-type]  # plans, stages and budgets are dataclasses
        one, other = getattr(running, each.name), getattr(wanted, each.name)
        if each.name not in _OWN and one != other:
            yield f"{of}: {each.name} is {_shown(one)} where {_shown(other)} is asked for"


def _shown(value: object) -> str:
    match value:
        case None:
            return "not set"
        case ():
            return "nothing"
        case tuple():
            return " … ".join(_shown(each) for each in value) if len(value) == 2 else ", ".join(map(str, value))  # noqa: PLR2004
        case float():
            return f"{value:g}"
        case _:
            return str(value)
