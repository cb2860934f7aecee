"""Rollouts, signals and audit entries as the admin API shows them. Pure; the names are the contract's.

Fractions, not percent; instants are Unix seconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from rollback.audit import AuditEntry
from rollback.audited import Audited, audited
from rollback.freeze import Freeze
from rollback.refusals import RefusalChange, refusal_changes
from rollback.rollout import Phase, Rollout
from rollback.verdict import SignalReport
from routing.exposure import Generation
from shadow.spending import PER_UNIT

View: TypeAlias = dict[str, Any]
"""A JSON object, on its way out."""

REQUESTS: Final = ("stable", "candidate", "fallback", "cancelled", "shadowed", "shed")


def signal_view(report: SignalReport) -> View:
    """One row of the signals table."""
    return {
        "signal": report.signal,
        "slice": report.slice,
        "source": report.source.value,
        "test": report.test.value,
        "side": report.side.value,
        "class": report.budget_class.value,
        "estimate": report.estimate,
        "stable_rate": report.stable_rate,
        "candidate_rate": report.candidate_rate,
        "bound": report.bound,
        "limit": report.limit,
        "burn": report.burn,
        "n": report.n,
        "stage_n": report.stage_n,
        "not_applicable": report.not_applicable,
        "unmeasured": report.unmeasured,
        "harmless": report.harmless,
        "decides_widening": report.decides_widening,
        "verdict": report.verdict.value,
    }


def refusal_view(seen: RefusalChange, corrected: Audited | None = None) -> View:
    """How one kind of refusal changed: counts, an interval with the reader's own errors, and what labels make of it."""
    return {
        "signal": seen.signal,
        "n": seen.counted.n,
        "gained": seen.counted.gained,
        "lost": seen.counted.lost,
        "estimate": seen.change.estimate,
        "low": seen.change.low,
        "high": seen.change.high,
        "audited": None if corrected is None else _audited_view(corrected),
    }


def _audited_view(corrected: Audited) -> View:
    return {
        "estimate": corrected.estimate,
        "low": corrected.low,
        "high": corrected.high,
        "labelled": corrected.labelled,
        "judged": corrected.judged,
        "unsure": corrected.unsure,
    }


def _refusal_views(refusals: Sequence[RefusalChange], counts: Mapping[str, int], epoch: int) -> list[View]:
    """Labels are about what a user feels, so it is `refusal` that they correct."""
    return [
        refusal_view(seen, audited(seen.counted, counts, epoch) if seen.signal == "refusal" else None)
        for seen in refusals
    ]


def spent_view(counts: Mapping[str, int]) -> View:
    """What answers cost, in the currency of the prices: a thousand of each arm's on average, the rest in all.

    None where no price, or no count of tokens, is known.
    """

    def per_thousand(arm: str) -> float | None:
        priced = counts.get(f"priced.{arm}", 0)
        return counts.get(f"spent.{arm}", 0) / priced * 1_000 / PER_UNIT if priced else None

    def in_all(of: str) -> float | None:
        return counts.get(f"spent.{of}", 0) / PER_UNIT if counts.get(f"priced.{of}") else None

    return {
        "stable_per_1000": per_thousand("stable"),
        "candidate_per_1000": per_thousand("candidate"),
        "shadow": in_all("shadow"),
        "judge": in_all("judge"),
        "reasoning_tokens": {arm: counts.get(f"reasoned.{arm}", 0) for arm in ("stable", "candidate")},
    }


def judge_view(counts: Mapping[str, int]) -> View:
    """How often the judge model was asked, and what came of it: comparisons of whole triples."""
    names = ("calls", "tokens", "settled", "labelled", "failed", "shed", "not_allowed")
    return {name: counts.get(f"judge.{name}", 0) for name in names}


def rollout_view(
    rollout: Rollout,
    counts: Mapping[str, int],
    reports: Sequence[SignalReport],
    kept_reports: Sequence[SignalReport] = (),
    *,
    refusals: Sequence[RefusalChange] = (),
) -> View:
    """One rollout with its numbers. `kept_reports` are of the mirrors to the old stable after a promotion."""
    return {
        "id": rollout.id,
        "endpoint": rollout.endpoint,
        "stable": rollout.stable,
        "candidate": rollout.candidate,
        "plan": rollout.plan.name,
        "phase": rollout.phase.value,
        "stage": rollout.stage,
        "stages": len(rollout.plan.stages),
        "stage_weights_bps": [stage.weight_bps for stage in rollout.plan.stages],
        "weight_bps": rollout.weight_bps,
        "include": list(rollout.include),
        "revision": rollout.revision,
        "epoch": rollout.epoch,
        "holding": rollout.holding.value if rollout.holding is not None else None,
        "paused": rollout.paused,
        "approved_by": rollout.approved_by,
        "reason": rollout.reason,
        "actor": rollout.actor,
        "started_at": rollout.started_at,
        "stage_started_at": rollout.stage_started_at,
        "ended_at": rollout.ended_at,
        "kept_until": rollout.kept_until,
        "deciding_slices": list(rollout.slices),
        "peak_burn": rollout.peak_burn,
        "requests": {name: counts.get(name, 0) for name in REQUESTS},
        "signals": [signal_view(report) for report in reports],
        "kept_signals": [signal_view(report) for report in kept_reports],
        "spent": spent_view(counts),
        "judge": judge_view(counts),
        "refusals": _refusal_views(refusals, counts, rollout.epoch),
    }


def latched_view(endpoint: str, rollout: str, revision: int, reason: str) -> View:
    """What can be said of a rolled-back rollout whose document is out of reach."""
    return {
        "id": rollout,
        "endpoint": endpoint,
        "phase": Phase.ROLLED_BACK.value,
        "weight_bps": 0,
        "revision": revision,
        "reason": reason,
    }


def generation_view(generation: Generation) -> View:
    """One generation."""
    return {
        "number": generation.number,
        "model": generation.model,
        "since_at": generation.since_at,
        "by": generation.by,
    }


def freeze_view(freeze: Freeze | None) -> View | None:
    """A freeze; None where there is none."""
    if freeze is None:
        return None
    return {"by": freeze.by, "reason": freeze.reason, "since_at": freeze.since_at, "until_at": freeze.until_at}


def decision_view(entry: AuditEntry) -> View:
    """One audit entry: who did what to the rollout, and why."""
    return {
        "id": entry.id,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "rollout": entry.rollout,
        "phase_from": entry.phase_from.value,
        "phase_to": entry.phase_to.value,
        "stage": entry.stage,
        "weight_bps": entry.weight_bps,
        "include": list(entry.include),
        "revision": entry.revision,
        "reason": entry.reason,
    }


def entry_view(entry: AuditEntry) -> View:
    """The same, with the numbers it was decided on."""
    return {
        **decision_view(entry),
        "signals": [signal_view(report) for report in entry.signals],
        "refusals": [refusal_view(seen) for seen in refusal_changes(entry.cells)],
        "cells": entry.cells,
    }
