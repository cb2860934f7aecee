"""A plan, or some budgets, given apart from a configuration: for judging recorded pairs where there is no gateway.

The options are those of `plans.NAME` in a configuration, checked in the same way and complained about by line and
column.
"""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from gateway.config import crosscheck, document
from gateway.config.complaints import complaints
from gateway.config.document import Document, Path
from gateway.config.errors import ConfigError, Problem
from gateway.config.fields import WRITTEN
from gateway.config.plans import PlanSpec
from rollback.plan import Plan

_FIX = "write the options of a plan, such as `budgets: {refusal: {max_increase: 1pp}}`"


def plan_in(text: str, source: str) -> Plan:
    """The plan that `text` holds; raises `ConfigError`, or `InvalidPlan` where its stages contradict one another."""
    return _spec(text, source, within=()).resolve(source)


def with_budgets(plan: Plan, texts: Iterable[str]) -> Plan:
    """`plan` with the budgets that the texts name, such as `refusal: {max_increase: 1pp}` or `length: off`."""
    budgets = {budget.signal: budget for budget in plan.budgets}
    for text in texts:
        for signal, spec in _spec(text, "--budget", within=("budgets",)).budgets.items():
            budgets.pop(signal, None)
            if spec is not None:
                budgets[signal] = spec.resolve(signal)
    return replace(plan, budgets=tuple(budgets.values()))


def _spec(text: str, source: str, *, within: Path) -> PlanSpec:
    """The plan whose part at `within` (all of it, or its budgets) is written in `text`."""
    read = document.read(text, source, {})
    if not isinstance(read.data, dict):
        raise ConfigError([read.problem((), "not made of options", _FIX)])
    unset = [read.problem(path, "variables are not filled in here", "write the value") for path in read.unset]
    if read.problems or unset:
        raise ConfigError([*read.problems, *unset])
    try:
        data = {within[0]: read.data} if within else read.data
        spec = PlanSpec.model_validate(data, context=WRITTEN, by_alias=True, by_name=False)
    except ValidationError as error:
        found = complaints(error, PlanSpec)
        raise ConfigError(
            [_problem(read, within, path, message, fix, at_key=key) for path, message, fix, key in found]
        ) from error
    problems = [_problem(read, within, path, message, fix) for path, message, fix in crosscheck.plan_findings((), spec)]
    if problems:
        raise ConfigError(problems)
    return spec


def _problem(read: Document, within: Path, path: Path, message: str, fix: str, *, at_key: bool = False) -> Problem:
    return read.problem(path[len(within) :], message, fix, at_key=at_key)
