"""Decisions as spans, to a real receiver: one trace for each rollout."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from msgspec import structs

from gateway.config.model import TelemetrySpec
from gateway.telemetry.decisions import context_of
from gateway.telemetry.otlp import Exporting
from gateway.telemetry.spans import Span
from rollback.audit import entry_of
from rollback.carrying import Change
from rollback.evidence import judge
from rollback.phases import entered, rolled_back
from rollback.rollout import Holding, Rollout
from tests.gateway.telemetry.collector import attributes, over_http
from tests.gateway.telemetry.test_otlp import ASKED
from tests.rollback import scenes

pytestmark = pytest.mark.anyio

FIRST = replace(scenes.rollout(), started_at=1_000.0, stage_started_at=1_000.0)
WIDENED = entered(FIRST, 1, actor="driftgate", reason="refusal shown within its limit", now=1_300.0)
ENDED = rolled_back(WIDENED, actor="driftgate", reason="refusal +4.1 pp over the limit of 2.0 pp", now=1_500.0)
HARM = judge(WIDENED, scenes.pairs("refusal", stage=1, worse=21, same=178, better=1))


def change(before: Rollout | None, after: Rollout, action: str, at: float) -> Change:
    """A transition that Redis has."""
    signals = HARM if after is ENDED else ()
    return Change(
        before=before,
        after=after,
        entry=entry_of(before, after, at=at, actor=after.actor, action=action, signals=signals),
        generation=None,
        granted_at=0.0,
        lease_ms=10_000,
        replicas=0,
        trigger="guardrail" if after is ENDED else "operator",
    )


async def exported() -> dict[str, Any]:
    """A rollout's decisions, and one request of it, as a collector has them: spans by name."""
    with over_http() as collector:
        exporting = Exporting(TelemetrySpec.model_validate({"otlp": collector.url, "every_seconds": 0.1}), "gateway-1")
        exporting.changed(change(None, FIRST, "start", 1_000.0))
        exporting.held(replace(FIRST, holding=Holding.BAKE, reason="baking"), ())
        exporting.changed(change(FIRST, WIDENED, "widen", 1_300.0))
        exporting.changed(change(WIDENED, ENDED, "roll_back", 1_500.0))
        exporting.offer([asked()])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exporting.run, lambda: {"driftgate_store_up": 1.0})
            await anyio.to_thread.run_sync(lambda: collector.wait(spans=7))
            tasks.cancel_scope.cancel()
    return {span.name: span for span in collector.spans}


def asked() -> Span:
    """The request of the other tests, as part of this rollout."""
    return structs.replace(ASKED, rollout=FIRST.id)


async def test_a_rollout_is_a_trace_with_a_span_for_each_decision() -> None:
    """The whole spans from its start to its end; each decision the stage that it ended; failure is marked as such."""
    spans = await exported()
    whole, widened, ended = spans["rollout"], spans["widen"], spans["roll_back"]
    assert {name for name in spans if "acme" not in name} == {
        *("start", "hold", "widen", "roll_back", "rollout", "POST /v1/chat/completions"),
    }
    of_rollout = [span for name, span in spans.items() if name in ("start", "hold", "widen", "roll_back")]
    assert {span.trace_id for span in of_rollout} == {whole.trace_id}
    assert {span.parent_span_id for span in of_rollout} == {whole.span_id}
    assert (whole.start_time_unix_nano, whole.end_time_unix_nano) == (1_000 * 10**9, 1_500 * 10**9)
    assert (widened.start_time_unix_nano, widened.end_time_unix_nano) == (1_000 * 10**9, 1_300 * 10**9)
    assert (ended.start_time_unix_nano, ended.end_time_unix_nano) == (1_300 * 10**9, 1_500 * 10**9)
    assert (ended.status.code, ended.status.message, widened.status.code) == (2, ENDED.reason, 0)


async def test_a_decision_says_why_and_how_close_it_was() -> None:
    """Rollout, stage, weight, reason and burn, so that a board can be made of nothing but traces."""
    spans = await exported()
    found = attributes(spans["roll_back"])
    assert found.pop("driftgate.plan") == FIRST.plan.name
    assert found == {
        "driftgate.endpoint": "chat",
        "driftgate.rollout": FIRST.id,
        "driftgate.stable": "v12",
        "driftgate.candidate": "v13",
        "driftgate.action": "roll_back",
        "driftgate.actor": "driftgate",
        "driftgate.phase": "rolled_back",
        "driftgate.stage": 1,
        "driftgate.weight_bps": 0,
        "driftgate.epoch": 1,
        "driftgate.revision": ENDED.revision,
        "driftgate.burn": 1.0,
        "driftgate.reason": ENDED.reason,
        "driftgate.trigger": "guardrail",
    }
    assert attributes(spans["hold"])["driftgate.holding"] == "bake"


async def test_a_request_is_linked_to_the_rollout_that_it_was_part_of() -> None:
    """It stays in its caller's trace."""
    spans = await exported()
    (link,) = spans["POST /v1/chat/completions"].links
    assert (link.trace_id, link.span_id) == (spans["rollout"].trace_id, spans["rollout"].span_id)
    assert link.trace_id.hex() == format(context_of(FIRST.id).trace_id, "032x")
    assert spans["POST /v1/chat/completions"].trace_id.hex() == ASKED.trace
