"""What a new configuration may not change while a gateway serves. Pure.

Where it listens and where its state lies, the processes are made for: that takes a restart. What a running rollout
compares, it compares to its end: another model under an arm's name, or users who move between the arms, would make its
evidence mean something else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.config.model import Config

FIXED: Final = ("listen", "state_dir", "redis")
SPLITS: Final = ("sticky_by", "vote_by", "slices")
"""Options of an endpoint that say who is on which arm, and what counts."""
MEANS: Final = ("base_url", "model", "overrides", "system_prompt")
"""Options of a model that say what answers; how it is reached, its key for example, may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What an endpoint does now: `stable` serves it as `generation`; `arms` are those of `rollout`, where one runs."""

    endpoint: str
    stable: str
    generation: int = 0
    rollout: str = ""
    arms: tuple[str, ...] = ()


def refusals(present: Config, wanted: Config, used: Iterable[InUse]) -> list[str]:
    """Why `wanted` cannot take the place of `present`, a sentence each; empty where it can."""
    return [*_fixed(present, wanted), *(reason for use in used for reason in _in_use(present, wanted, use))]


def _fixed(present: Config, wanted: Config) -> Iterator[str]:
    for option in FIXED:
        if getattr(present, option) != getattr(wanted, option):
            yield f"{option} cannot change while serving: restart to apply it"
    if present.worker_count() != wanted.worker_count():
        yield "workers cannot change while serving: restart to apply it"


def _in_use(present: Config, wanted: Config, use: InUse) -> Iterator[str]:
    if use.endpoint not in wanted.endpoints:
        if use.rollout:
            yield f"endpoints.{use.endpoint} is gone, and {use.rollout} runs there: roll it back, or wait for its end"
        return
    if use.generation and use.stable not in wanted.models:
        yield (
            f"models.{use.stable} is gone, and serves {use.endpoint} as generation {use.generation}: keep it, or go "
            f"back to another with `driftgate rollback {use.endpoint} --to GENERATION --reason …`"
        )
    if use.rollout:
        yield from _rollout(present, wanted, use)


def _rollout(present: Config, wanted: Config, use: InUse) -> Iterator[str]:
    name = use.endpoint
    until = f"while {use.rollout} runs: roll it back, or wait for its end"
    changed = [option for option in SPLITS if _differ(present.endpoints[name], wanted.endpoints[name], option)]
    if not use.generation and _differ(present.endpoints[name], wanted.endpoints[name], "stable"):
        changed.append("stable")
    for option in changed:
        yield f"endpoints.{name}.{option} cannot change {until}"
    for model in dict.fromkeys(use.arms):
        if model not in wanted.models:
            yield f"models.{model} cannot go {until}"
            continue
        if model in present.models:
            for option in MEANS:
                if _differ(present.models[model], wanted.models[model], option):
                    yield f"models.{model}.{option} cannot change {until}"


def _differ(present: object, wanted: object, option: str) -> bool:
    return bool(getattr(present, option) != getattr(wanted, option))
