"""A rollout as a trace of its own: a span for each decision, all below one that lasts as long as the rollout.

The ids are made from the rollout's own, so that every gateway that decides something adds to the same trace, and so
that the span of a request can be linked to the rollout that it was part of. A decision's span begins with the stage
that it ended, so the trace shows how long each stage took; one that ended no stage takes no time. Decisions are few and
are never sampled away.

Not here: how it is sent (`otlp`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from rollback.carrying import Change
from rollback.plan import BudgetClass
from rollback.rollout import Phase, Rollout
from rollback.verdict import SignalReport

_NS: Final = 1_000_000_000
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8

Value: TypeAlias = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision, as it is exported. Instants are Unix seconds; `began_at` is that of what it ended.

    `burn` is the guardrails' highest; `ends` says that the rollout runs no longer.
    """

    rollout: Rollout
    action: str
    actor: str
    trigger: str
    began_at: float
    at: float
    burn: float
    ends: bool = False


def of_change(change: Change) -> Decided:
    """A transition: widen, step down, promote, roll back, a new epoch, or what an operator did."""
    before, after, entry = change.before, change.after, change.entry
    left = before is not None and before.is_running and (before.stage, before.phase) != (after.stage, after.phase)
    return Decided(
        rollout=after,
        action=entry.action,
        actor=entry.actor,
        trigger=change.trigger,
        began_at=before.stage_started_at if before is not None and left else entry.at,
        at=entry.at,
        burn=_burn(entry.signals),
        ends=before is not None and before.is_running and not after.is_running,
    )


def of_hold(rollout: Rollout, reports: Sequence[SignalReport], now: float) -> Decided:
    """It holds now, for another reason than before, or goes on."""
    action = "hold" if rollout.holding is not None else "go_on"
    return Decided(
        rollout=rollout, action=action, actor="driftgate", trigger="", began_at=now, at=now, burn=_burn(reports)
    )


def _burn(reports: Sequence[SignalReport]) -> float:
    return max((row.burn for row in reports if row.budget_class is BudgetClass.GUARDRAIL), default=0.0)


def context_of(rollout_id: str) -> SpanContext:
    """The span of a whole rollout."""
    trace = blake2b(rollout_id.encode(), digest_size=_TRACE_BYTES).digest()
    return _context(int.from_bytes(trace, "big"), rollout_id)


def _context(trace: int, span_of: str) -> SpanContext:
    span = blake2b(span_of.encode(), digest_size=_SPAN_BYTES, person=b"span").digest()
    return SpanContext(trace, int.from_bytes(span, "big"), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def readable(decided: Decided, resource: Resource, scope: InstrumentationScope) -> Iterator[ReadableSpan]:
    """The decision's span, and the rollout's own once it has ended."""
    rollout = decided.rollout
    whole = context_of(rollout.id)
    status = (
        Status(StatusCode.ERROR, rollout.reason) if rollout.phase is Phase.ROLLED_BACK else Status(StatusCode.UNSET)
    )
    own = _context(whole.trace_id, f"{rollout.id}/{rollout.revision}/{decided.action}/{decided.at}")
    spans: list[tuple[str, SpanContext, SpanContext | None, float]] = [(decided.action, own, whole, decided.began_at)]
    if decided.ends:
        spans.append(("rollout", whole, None, rollout.started_at))
    for name, context, parent, began_at in spans:
        yield ReadableSpan(
            name,
            context=context,
            parent=parent,
            resource=resource,
            attributes=_attributes(decided),
            kind=SpanKind.INTERNAL,
            status=status,
            start_time=int(min(began_at, decided.at) * _NS),
            end_time=int(decided.at * _NS),
            instrumentation_scope=scope,
        )


def _attributes(decided: Decided) -> dict[str, Value]:
    rollout = decided.rollout
    found: dict[str, Value] = {
        "driftgate.endpoint": rollout.endpoint,
        "driftgate.rollout": rollout.id,
        "driftgate.stable": rollout.stable,
        "driftgate.candidate": rollout.candidate,
        "driftgate.plan": rollout.plan.name,
        "driftgate.action": decided.action,
        "driftgate.actor": decided.actor,
        "driftgate.phase": rollout.phase.value,
        "driftgate.stage": rollout.stage,
        "driftgate.weight_bps": rollout.weight_bps,
        "driftgate.epoch": rollout.epoch,
        "driftgate.revision": rollout.revision,
        "driftgate.burn": decided.burn,
        "driftgate.reason": rollout.reason,
    }
    found |= {"driftgate.holding": rollout.holding.value} if rollout.holding is not None else {}
    return found | ({"driftgate.trigger": decided.trigger} if decided.trigger else {})
