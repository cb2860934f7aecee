"""The alert rules and the board's queries, evaluated by Prometheus' own tool: each alert fires when it must.

Series are written as `promtool` reads them: `0x5` is 0 and five times the same, `0+60x5` grows by 60 each minute.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gateway.telemetry.board import PANELS
from gateway.telemetry.rules import RULES, RUNBOOK, Rule, rules

Series = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """What Prometheus sees when an alert must fire, when it must not, and the labels that it then has.

    `minutes` is when it is looked at: after the time for which the condition must hold.
    """

    fires: Series
    quiet: Series
    minutes: int
    labels: Mapping[str, str]


CHAT: Final = {"endpoint": "chat"}
SCENES: Final[Mapping[str, Scene]] = {
    "DriftgateAbsent": Scene({"up": "0x10"}, {"driftgate_build_info": "1x10"}, 3, {}),
    "DriftgateStoreDown": Scene(
        {'driftgate_store_up{instance="a"}': "1x10", 'driftgate_store_up{instance="b"}': "0x10"},
        {'driftgate_store_up{instance="a"}': "1x10", 'driftgate_store_up{instance="b"}': "0 1x10"},
        3,
        {},
    ),
    "DriftgateNoLeader": Scene(
        {'driftgate_leader{instance="a"}': "0x10", 'driftgate_leader{instance="b"}': "0x10"},
        {'driftgate_leader{instance="a"}': "0x10", 'driftgate_leader{instance="b"}': "1x10"},
        3,
        {},
    ),
    "DriftgateStaleSnapshot": Scene(
        {"driftgate_snapshot_age_seconds": "10+60x10"}, {"driftgate_snapshot_age_seconds": "2x10"}, 3, {}
    ),
    "DriftgateRolledBack": Scene(
        {'driftgate_rollbacks_total{trigger="guardrail"}': "0x3 1x10"},
        {'driftgate_rollbacks_total{trigger="guardrail"}': "1x20"},
        5,
        {"trigger": "guardrail"},
    ),
    "DriftgateBurning": Scene(
        {'driftgate_drift_burn_ratio{endpoint="chat",signal="refusal"}': "0.6x30"},
        {'driftgate_drift_burn_ratio{endpoint="chat",signal="refusal"}': "0.4x30"},
        16,
        {**CHAT, "signal": "refusal"},
    ),
    "DriftgateFallbacks": Scene(
        {
            'driftgate_fallbacks_total{endpoint="chat",reason="status"}': "0+10x20",
            'driftgate_requests_total{endpoint="chat",arm="candidate",outcome="ok"}': "0+100x20",
        },
        {
            'driftgate_fallbacks_total{endpoint="chat",reason="status"}': "0+4x20",
            'driftgate_requests_total{endpoint="chat",arm="candidate",outcome="ok"}': "0+100x20",
        },
        12,
        CHAT,
    ),
    "DriftgateErrors": Scene(
        {
            'driftgate_requests_total{endpoint="chat",arm="stable",outcome="failed"}': "0+10x20",
            'driftgate_requests_total{endpoint="chat",arm="stable",outcome="ok"}': "0+90x20",
        },
        {
            'driftgate_requests_total{endpoint="chat",arm="stable",outcome="failed"}': "0+4x20",
            'driftgate_requests_total{endpoint="chat",arm="stable",outcome="ok"}': "0+96x20",
        },
        12,
        CHAT,
    ),
    "DriftgateShedding": Scene(
        {"driftgate_connections_shed_total": "0x3 5x10"}, {"driftgate_connections_shed_total": "5x20"}, 5, {}
    ),
    "DriftgateStalled": Scene(
        {"driftgate_worker_stalled_seconds_total": "0x3 20x10"},
        {"driftgate_worker_stalled_seconds_total": "0x3 1x10"},
        5,
        {},
    ),
    "DriftgateNotCompared": Scene(
        {'driftgate_shadow_dropped_total{reason="full"}': "0+120x60"},
        {'driftgate_shadow_dropped_total{reason="full"}': "0+30x60"},
        45,
        {"reason": "full"},
    ),
    "DriftgateAlertsDropped": Scene(
        {'driftgate_alerts_dropped_total{instance="a"}': "0x3 1x10"},
        {'driftgate_alerts_dropped_total{instance="a"}': "1x20"},
        5,
        {"instance": "a"},
    ),
}


def promtool(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it. Skips without it, but fails in CI."""
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is not installed")
        pytest.skip("promtool (of Debian's package prometheus) is not installed")
    return subprocess.run([found, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def _case(rule: Rule, series: Series, minutes: int, alerts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": rule.name, "exp_alerts": alerts}],
    }


def _alert(rule: Rule, labels: Mapping[str, str]) -> dict[str, Any]:
    """The alert as it is delivered, with its labels filled in."""

    def filled(text: str) -> str:
        return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)

    return {
        "exp_labels": {"severity": rule.severity, **labels},
        "exp_annotations": {
            "summary": filled(rule.summary),
            "description": filled(rule.do),
            "runbook": f"docs/runbook.md#{rule.section}",
        },
    }


def judged(place: Path, cases: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """What `promtool` says of cases for the rules."""
    (place / "rules.yaml").write_text(yaml.safe_dump(rules()), encoding="utf-8")
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases}
    (place / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
    return promtool("test", "rules", "test.yaml", cwd=place)


def test_every_rule_has_its_scene() -> None:
    """A rule that was never seen to fire may never fire."""
    assert set(SCENES) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_alert_fires_when_it_must_and_not_else(rule: Rule, tmp_path: Path) -> None:
    """With the labels and the sentences that it is delivered with; and not before it has lasted."""
    scene = SCENES[rule.name]
    cases = [
        _case(rule, scene.fires, scene.minutes, [_alert(rule, scene.labels)]),
        _case(rule, scene.quiet, scene.minutes, []),
    ]
    if rule.lasting != "0m":
        cases.append(_case(rule, scene.fires, 0, []))
    said = judged(tmp_path, cases)
    assert said.returncode == 0, said.stdout + said.stderr


def test_an_alert_that_does_not_fire_would_be_noticed(tmp_path: Path) -> None:
    """The tool is really asked: the wrong expectation fails."""
    rule = RULES[0]
    said = judged(tmp_path, [_case(rule, SCENES[rule.name].quiet, 3, [_alert(rule, {})])])
    assert said.returncode != 0


def test_prometheus_reads_every_query_of_the_board(tmp_path: Path) -> None:
    """As rules, with what Grafana fills in put in their place."""
    queries = [query for panel in PANELS for query, _ in panel.queries]
    filled = [
        query.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$endpoint", "chat|mail")
        for query in queries
    ]
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(filled)]
    (tmp_path / "board.yaml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": recorded}]}))
    said = promtool("check", "rules", "board.yaml", cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(queries)} rules found" in said.stdout


def test_every_alert_names_a_section_of_the_runbook() -> None:
    """Whoever is paged finds the section under the anchor that the alert carries."""
    text = (Path(__file__).parents[3] / RUNBOOK).read_text(encoding="utf-8")
    titles = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}
    assert {rule.name: rule.section for rule in RULES if rule.section not in anchors} == {}
