"""Prometheus alert rules: for those who page from Prometheus, beside or instead of driftgate's own alerts. Pure.

What driftgate tells itself is better, since it is told with its reason; what only Prometheus can tell is that driftgate
is gone. Severities are the same words: page, ticket.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert: for how long its condition must hold, what to do, and the runbook's section that has more of it."""

    name: str
    condition: str
    lasting: str
    severity: str
    summary: str
    do: str
    section: str


RUNBOOK: Final = "docs/runbook.md"
"""Where sections are looked up: in the repository, or in its site (`runbook.html`, with the same anchors)."""

RULES: Final = (
    Rule(
        "DriftgateAbsent",
        "absent(driftgate_build_info)",
        "2m",
        "page",
        "no driftgate answers to Prometheus",
        "driftgate doctor; applications are served by the data workers as long as those run",
        "nobody-answers",
    ),
    Rule(
        "DriftgateStoreDown",
        "min(driftgate_store_up) == 0",
        "1m",
        "page",
        "a gateway has lost Redis: exposure has ended, nothing widens",
        "driftgate doctor; rollback works without Redis",
        "redis-is-lost",
    ),
    Rule(
        "DriftgateNoLeader",
        "sum(driftgate_leader) == 0",
        "1m",
        "ticket",
        "no controller leads: no rollout goes on",
        "driftgate doctor",
        "no-rollout-goes-on",
    ),
    Rule(
        "DriftgateStaleSnapshot",
        "max(driftgate_snapshot_age_seconds) > 30",
        "1m",
        "page",
        "a worker serves from old routing state; its candidate's lease has run out",
        "driftgate doctor; look at the worker's log",
        "a-worker-serves-from-old-state",
    ),
    Rule(
        "DriftgateRolledBack",
        "sum by (trigger) (increase(driftgate_rollbacks_total[10m])) > 0",
        "0m",
        "ticket",
        "a rollout was rolled back ({{ $labels.trigger }}): stable serves",
        "driftgate list; driftgate explain ENDPOINT",
        "a-rollout-was-rolled-back",
    ),
    Rule(
        "DriftgateBurning",
        "max by (endpoint, signal) (driftgate_drift_burn_ratio) >= 0.5",
        "15m",
        "ticket",
        "{{ $labels.signal }} of {{ $labels.endpoint }} is half way to a rollback, and holds",
        "driftgate status {{ $labels.endpoint }}",
        "holds",
    ),
    Rule(
        "DriftgateFallbacks",
        "sum by (endpoint) (rate(driftgate_fallbacks_total[5m])) "
        "> 0.05 * sum by (endpoint) (rate(driftgate_requests_total[5m]))",
        "5m",
        "ticket",
        "the candidate of {{ $labels.endpoint }} fails so often that stable answers for it",
        "driftgate status {{ $labels.endpoint }}; driftgate doctor",
        "the-candidate-fails",
    ),
    Rule(
        "DriftgateErrors",
        'sum by (endpoint) (rate(driftgate_requests_total{outcome="failed"}[5m])) '
        "> 0.05 * sum by (endpoint) (rate(driftgate_requests_total[5m]))",
        "5m",
        "page",
        "applications get errors on {{ $labels.endpoint }}: stable fails",
        "look at the stable model; a rollback does not help",
        "stable-fails",
    ),
    Rule(
        "DriftgateShedding",
        "sum(increase(driftgate_connections_shed_total[5m])) > 0",
        "0m",
        "page",
        "applications get 503: a data worker has no file descriptors left",
        "raise the limit (ulimit -n, LimitNOFILE=), or add gateways",
        "applications-get-503-overloaded",
    ),
    Rule(
        "DriftgateStalled",
        "sum(increase(driftgate_worker_stalled_seconds_total[5m])) > 5",
        "0m",
        "ticket",
        "a data worker did not get to run for seconds: it was frozen, or lacks CPU",
        "look at the node's CPU and its limits; workers: must not exceed the cores",
        "a-worker-does-not-get-to-run",
    ),
    Rule(
        "DriftgateNotCompared",
        "sum by (reason) (rate(driftgate_shadow_dropped_total[10m])) > 1",
        "30m",
        "ticket",
        "more than one exchange a second is not compared ({{ $labels.reason }}): verdicts come later",
        "look at the shadow worker; lower endpoints.*.shadow.sample",
        "nothing-is-measured",
    ),
    Rule(
        "DriftgateAlertsDropped",
        "increase(driftgate_alerts_dropped_total[1h]) > 0",
        "0m",
        "ticket",
        "an alert of driftgate could not be delivered",
        "look at the control process's log; test the webhook",
        "an-alert-was-not-delivered",
    ),
)


def rules() -> dict[str, Any]:
    """The rules as Prometheus reads them."""
    return {"groups": [{"name": "driftgate", "rules": [_rule(rule) for rule in RULES]}]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "alert": rule.name,
        "expr": rule.condition,
        "for": rule.lasting,
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": rule.summary,
            "description": rule.do,
            "runbook": f"{RUNBOOK}#{rule.section}",
        },
    }
