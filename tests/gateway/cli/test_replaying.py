"""`replay`, and `explain --export` that writes what it reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.control.views import signal_view
from rollback import again
from tests.gateway.cli.listener import Admin, Run
from tests.rollback import scenes
from tests.rollback.scenes import facts
from tests.rollback.test_again import HARMED, entry

CONFIG = """
models: {a: {base_url: "http://h/v1"}}
endpoints: {chat: {stable: a}}
plans:
  lenient: {budgets: {refusal: {max_increase: 30pp}, length: off, schema: off, agreement: off}}
"""


def pairs(path: Path, refused: int, of: int) -> str:
    """A file of recorded pairs in which the candidate refuses so many."""
    sorry, paris = "I'm sorry, but I can't help with that.", "The capital of France is Paris."
    lines = [
        json.dumps({"prompt": f"p{i}", "stable": paris, "candidate": sorry if i < refused else paris})
        for i in range(of)
    ]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize(
    ("refused", "of", "code", "says"),
    [
        (0, 600, 0, "harmless: refusal, length shown within the limits, n = 600"),
        (60, 400, 1, "harm: refusal +15.0 pp"),
        (0, 30, 2, "not enough: "),
    ],
)
def test_recorded_pairs_end_with_the_code_of_their_outcome(
    run: Run, tmp_path: Path, refused: int, of: int, code: int, says: str
) -> None:
    """The table, what was not judged, and one sentence: a gate before any traffic."""
    ran = run("replay", pairs(tmp_path / "pairs.jsonl", refused, of))
    assert ran.code == code, ran.err
    assert ran.out.splitlines()[-1].startswith(says)
    assert "refusal paired" in ran.out
    assert "not judged: ttft: needs real traffic" in ran.out


def test_recorded_pairs_as_json(run: Run, tmp_path: Path) -> None:
    """Outcome, reason, the rows as the admin API has them, the counters."""
    shown = run("replay", pairs(tmp_path / "pairs.jsonl", 60, 400), "--json").json
    assert (shown["outcome"], shown["pairs"], shown["repeated_keys"]) == ("harm", 400, 0)
    assert {"signal", "estimate", "bound", "limit", "burn", "verdict"} <= shown["signals"][0].keys()
    assert shown["cells"]["p/refusal/*/0/20"] == 60


def test_the_plan_comes_from_a_configuration(run: Run, tmp_path: Path) -> None:
    """By name; a name without a file, and a name that is not there, are told apart from a verdict."""
    (tmp_path / "driftgate.yaml").write_text(CONFIG)
    path = pairs(tmp_path / "pairs.jsonl", 60, 400)
    assert run("replay", path, "-c", "driftgate.yaml", "--plan", "lenient").code == 0
    assert run("replay", path, "-c", "driftgate.yaml").code == 1
    assert run("replay", path, "--plan", "lenient").code == 2
    unknown = run("replay", path, "-c", "driftgate.yaml", "--plan", "no")
    assert (unknown.code, "there is no plan 'no'" in unknown.err) == (3, True)


def test_budgets_may_be_given_without_a_configuration(run: Run, tmp_path: Path) -> None:
    """One by one on the command line, or as a plan's options in a file; `off` takes one away."""
    path = pairs(tmp_path / "pairs.jsonl", 60, 400)
    lenient = ("--budget", "refusal: {max_increase: 30pp}", "--budget", "{length: off, schema: off}")
    assert run("replay", path).code == 1
    assert run("replay", path, *lenient).code == 0
    (tmp_path / "budgets.yaml").write_text("alpha: 1%\nbudgets:\n  refusal: {max_increase: 30pp}\n  length: off\n")
    shown = run("replay", path, "--budgets", "budgets.yaml", "--json").json
    assert shown["outcome"] == "harmless"
    assert "length" not in {row["signal"] for row in shown["signals"]}
    assert run("replay", path, "--budgets", "budgets.yaml", "--budget", "refusal: {max_increase: 2pp}").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--budget", "refusal: {max_increase: 2}"), 3, "--budget:1:25: refusal.max_increase: 2 has no unit"),
        (("--budget", "zork: {max_increase: 2pp}"), 3, "there is no signal 'zork'"),
        (("--budget", "refusal: {within: 5%}"), 3, "refusal is not judged by within"),
        (("--budget", "2pp"), 3, "not made of options"),
        (("--budgets", "bad.yaml"), 3, "bad.yaml:1:1: stage: unknown key: did you mean stages?"),
        (("--budgets", "gone.yaml"), 3, "gone.yaml cannot be read"),
        (("--budgets", "bad.yaml", "--plan", "p"), 2, "--budgets is a plan of its own"),
    ],
)
def test_budgets_that_cannot_be_read_are_no_verdict(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """Code 3, with the place and what to write, as in a configuration."""
    (tmp_path / "bad.yaml").write_text("stage: 1\n")
    ran = run("replay", pairs(tmp_path / "pairs.jsonl", 0, 10), *arguments)
    assert (ran.code, says in ran.err) == (code, True), ran.err


@pytest.mark.parametrize(
    ("text", "says"),
    [('{"prompt": "a"}', "line 1: `stable` is missing"), ("", "no pairs"), ("\n{", "line 2: not a JSON")],
)
def test_an_unreadable_file_is_no_verdict(run: Run, tmp_path: Path, text: str, says: str) -> None:
    """Code 3, with the line."""
    (tmp_path / "pairs.jsonl").write_text(text)
    ran = run("replay", "pairs.jsonl")
    assert (ran.code, says in ran.err) == (3, True)
    assert run("replay", "nowhere.jsonl").code == 3


def test_standard_input_is_read_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    """A pipeline needs no file between its steps; some exports begin with the mark."""
    pairs = "\ufeff" + json.dumps({"prompt": "2+2?", "stable": "4", "candidate": "4"}) + "\n"
    command = [sys.executable, "-m", "gateway.cli", "replay", "-", "--json"]
    done = subprocess.run(command, input=pairs, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["pairs"]) == (2, 1)


def test_an_exported_decision_is_judged_again(run: Run, admin: Admin, tmp_path: Path) -> None:
    """`explain --export` writes it, `replay` finds it the same; one altered counter, and it says what differs."""
    made = entry(scenes.rollout(), facts(HARMED))
    rows = [signal_view(report) for report in made.signals]
    shown = {"id": made.id, "action": made.action, "reason": made.reason, "cells": made.cells, "signals": rows}
    admin.on("GET /admin/v1/endpoints/chat/audit", {"entries": [shown]})
    admin.on("GET /admin/v1/endpoints/chat/audit/1-0/export", again.exported(made, "0.1"))
    explained = run("explain", "chat", "--cells", "--export", "decision.json", "--server", admin.url)
    assert explained.code == 0
    assert "p/refusal/*/0/20 = 40" in explained.out
    (refusal,) = (line for line in explained.out.splitlines() if line.startswith("refusal paired"))
    low, high = again.intervals(made)["refusal", "*", "paired", "points", "upper"]
    assert f"+19.4 [{100 * low:.0f}, {100 * high:.0f}] of 2.0 pp 100 % 201 ✗ harm" in refusal
    same = run("replay", "decision.json")
    assert (same.code, "the same to the last bit, on 4 counters" in same.out) == (0, True)
    assert run("replay", "decision.json", "--json").json["same"] is True
    document = tmp_path / "decision.json"
    document.write_bytes(document.read_bytes().replace(b'"p/refusal/*/0/20": 40', b'"p/refusal/*/0/20": 41'))
    changed = run("replay", "decision.json")
    assert (changed.code, "refusal[*] paired points upper: " in changed.out) == (1, True)
    assert {"what", "recorded", "again"} <= run("replay", "decision.json", "--json").json["differences"][0].keys()


def test_an_export_that_is_damaged_says_so(run: Run, tmp_path: Path) -> None:
    """Code 3, not a traceback."""
    (tmp_path / "decision.json").write_text('{"kind": "driftgate.decision", "entry": {}}')
    ran = run("replay", "decision.json")
    assert (ran.code, "cannot be read" in ran.err) == (3, True)
