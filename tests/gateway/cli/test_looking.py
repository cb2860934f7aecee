import pytest

from tests.gateway.cli.listener import Admin, MakeRollout, Run

CHAT = "/admin/v1/endpoints/chat"
IDLE = {"name": "chat", "stable": "a", "generation": 0, "rollout": None}


DECISION = {
    "id": "7-0", "at": 1_700_000_000.5, "actor": "driftgate", "action": "widen", "rollout": "chat-1",
    "phase_to": "canary", "stage": 1, "weight_bps": 100, "reason": "refusal shown within its limit; widened to 1 %",
}  # fmt: skip


def test_status_shows_where_the_rollout_stands_and_why(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """Phase, stage, weights, reason, what comes next, a row per signal, decisions: within 80 columns of a pipe."""
    following = {"stage": 2, "weight_bps": 1000, "seconds": 745.0, "waits_for": "refusal"}
    shown = rollout(next=following, actual_share=0.0092)
    shown["signals"][0]["interval"] = [-0.004, 0.01]
    admin.on(f"GET {CHAT}", IDLE | {"rollout": shown, "decisions": [DECISION]})
    lines = run("status", "chat", "--server", admin.url).out.splitlines()
    assert lines[:5] == [
        "chat  ◑ canary · stage 2 of 5 · 1 % on b (stable a) · chat-1",
        "weight: 1 % granted, 0.9 % of requests lately",
        "‖ gathering evidence",
        "refusal: 188 of 1000 pairs are still missing",
        "next: stage 3, 10 %, in about 12 min at this pace (waits for refusal)",
    ]
    assert "candidate 12" in lines[5]
    assert [line.rstrip() for line in lines if " paired " in line] == [
        "refusal paired    2.1 → 2.4 +0.3 [-0.4, 1.0] of 2.0 pp 12 % 812 · not yet",
        "length paired     2.1 → 2.4     -4.9 (-7.7) of -15.0 % 30 % 812 · not yet",
    ]
    assert lines[-1].startswith("11-14 22:13:20 widen by driftgate: canary, 1 % · refusal shown")
    assert max(map(len, lines)) <= 80


def test_what_is_not_in_sight_and_what_is_frozen_is_said(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """A rollout that will not go on by itself does not look like one that will."""
    following = {"stage": None, "weight_bps": None, "seconds": None, "waits_for": "agreement"}
    freeze = {"by": "ann", "reason": "black friday", "since_at": 1.0, "until_at": 1_700_000_000.0}
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(next=following), "freeze": freeze})
    said = run("status", "chat", "--server", admin.url).out
    assert "! frozen by ann (black friday), until 2023-11-14 22:13:20 UTC" in said
    assert "next: promotion, not in sight (waits for agreement)" in said


def test_a_stage_that_exposes_a_ring_alone_is_not_called_nobodys(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """In the headline, in the decisions, and in the history; with a weight, both are named."""
    ring = DECISION | {"weight_bps": 0, "include": ["ring:internal"]}
    shown = rollout(weight_bps=0, include=["ring:internal"])
    admin.on(f"GET {CHAT}", IDLE | {"rollout": shown, "decisions": [ring]})
    admin.on(f"GET {CHAT}/audit", {"entries": [ring, DECISION | {"include": ["ring:beta"]}]})
    lines = run("status", "chat", "--server", admin.url).out.splitlines()
    assert lines[0].startswith("chat  ◑ canary · stage 2 of 5 · ring:internal on b")
    assert "canary, ring:internal · refusal" in lines[-1]
    history = run("history", "chat", "--server", admin.url).out
    assert "stage 2, ring:internal (7-0)" in history
    assert "stage 2, 1 % and ring:beta (7-0)" in history


def test_status_says_when_the_cap_limits_exposure_and_not_the_weight(
    run: Run, admin: Admin, rollout: MakeRollout
) -> None:
    """At a small endpoint a few keys may be most of the traffic; a small share of such keys is not worth a line."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(actual_share=0.002, crowded_share=0.62)})
    said = " ".join(run("status", "chat", "--server", admin.url).out.split())
    assert "the cap on exposure limits it, not the weight: 62 % of requests come from keys that would be the" in said
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(actual_share=0.0092, crowded_share=0.01)})
    assert "the cap" not in run("status", "chat", "--server", admin.url).out


def test_status_shows_every_test_on_request(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """The nearest to harm is enough at a glance; all of them are there."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout()})
    rows = [
        line for line in run("status", "chat", "--all", "--server", admin.url).out.splitlines() if "refusal p" in line
    ]
    assert len(rows) == 2
    assert "1.10 (0.01) of 2.50 ×" in rows[1]


def test_status_as_json_is_the_rollout_itself(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """What the admin API says, untouched."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(new_field=1)})
    assert run("status", "chat", "--json", "--server", admin.url).json == rollout(new_field=1)


def test_an_endpoint_without_a_rollout_is_idle(run: Run, admin: Admin) -> None:
    """Nothing has been rolled out: phase idle, and no error."""
    admin.on(f"GET {CHAT}", IDLE)
    assert "phase: idle" in run("get", "chat", "--server", admin.url).out
    assert run("status", "chat", "--json", "--server", admin.url).json == {
        "endpoint": "chat", "phase": "idle", "stable": "a",
    }  # fmt: skip


@pytest.mark.parametrize(("phase", "code"), [("promoted", 0), ("rolled_back", 1)])
def test_waiting_ends_with_the_rollout(run: Run, admin: Admin, rollout: MakeRollout, phase: str, code: int) -> None:
    """The exit code tells CI how it ended."""
    running, ended = rollout(), rollout(phase=phase, reason="because")
    admin.on(f"GET {CHAT}", IDLE | {"rollout": running}, IDLE | {"rollout": ended})
    done = run("status", "chat", "--wait", "--json", "--server", admin.url)
    assert (done.code, done.json["phase"]) == (code, phase)


def test_waiting_that_takes_too_long_ends_with_2(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """The rollout goes on; only the waiting ends."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout()})
    done = run("status", "chat", "--wait", "--timeout", "1s", "--server", admin.url)
    assert (done.code, "canary" in done.out) == (2, True)


def test_waiting_for_what_cannot_be_told_ends_with_3(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """No gateway, no rollout, no endpoint: none of them is a rollback."""
    assert run("status", "chat", "--wait", "--server", "http://127.0.0.1:9").code == 3
    assert run("status", "chat", "--wait", "--server", admin.url).code == 3
    admin.on(f"GET {CHAT}", IDLE)
    assert run("status", "chat", "--wait", "--server", admin.url).code == 3


def test_waiting_follows_the_rollout_that_ran_at_first(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """One that was replaced is judged by its own end, not by its successor's."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout()}, IDLE | {"rollout": rollout(id="chat-2", phase="promoted")})
    admin.on("GET /admin/v1/rollouts/chat-1", rollout(phase="rolled_back"))
    done = run("status", "chat", "--wait", "--json", "--server", admin.url)
    assert (done.code, done.json["id"]) == (1, "chat-1")


def test_waiting_survives_a_gateway_that_is_out_of_order_for_a_while(
    run: Run, admin: Admin, rollout: MakeRollout
) -> None:
    """A control process that restarts is no verdict."""
    running = (200, IDLE | {"rollout": rollout()})
    ended = (200, IDLE | {"rollout": rollout(phase="promoted")})
    admin.answers[f"GET {CHAT}"] = [running, (503, {"detail": "Redis is gone"}), ended]
    assert run("status", "chat", "--wait", "--json", "--server", admin.url).code == 0


def test_watching_through_a_pipe_prints_each_change_until_the_end(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """No escape sequences, no repetition, and it stops by itself."""
    first, last = IDLE | {"rollout": rollout()}, IDLE | {"rollout": rollout(phase="promoted")}
    admin.on(f"GET {CHAT}", first, first, last)
    done = run("get", "chat", "-w", "--server", admin.url)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert [line.split()[2] for line in done.out.splitlines() if line.startswith("chat ")] == ["canary", "promoted"]


def test_the_list_has_a_line_for_each_endpoint(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """What runs where, at a glance."""
    other = {"name": "other", "stable": "c", "generation": 2, "rollout": None}
    admin.on("GET /admin/v1/endpoints", {"endpoints": [IDLE | {"rollout": rollout()}, other]})
    lines = run("list", "--server", admin.url).out.splitlines()
    assert lines[1].split() == ["chat", "a", "canary", "b", "1", "%", "not", "enough", "evidence"]
    assert lines[2].split() == ["other", "c", "idle", "–", "–", "–"]


def test_history_and_explain_show_who_decided_what_on_which_numbers(
    run: Run, admin: Admin, rollout: MakeRollout
) -> None:
    """Every transition with its reason; one of them with everything it was made on."""
    entry = {
        "id": "7-0", "at": 1_700_000_000.5, "actor": "controller", "action": "widen", "rollout": "chat-1",
        "phase_from": "shadowing", "phase_to": "canary", "stage": 1, "weight_bps": 100, "revision": 2,
        "reason": "every guardrail is shown harmless", "signals": rollout()["signals"], "cells": {"k/x": 3, "k/y": 4},
    }  # fmt: skip
    admin.on(f"GET {CHAT}/audit", {"entries": [entry, entry | {"id": "6-0", "reason": "earlier"}]})
    history = run("history", "chat", "--limit", "5", "--server", admin.url)
    assert history.out.splitlines()[:2] == [
        "2023-11-14 22:13:20 UTC  widen by controller: shadowing → canary, stage 2, 1 % (7-0)",
        "    every guardrail is shown harmless",
    ]
    assert admin.asked[0][0].endswith("?limit=5")
    latest = run("explain", "chat", "--server", admin.url).out
    assert "every guardrail is shown harmless" in latest
    assert "decided on 2 counters (7 counts)" in latest
    assert run("explain", "chat", "6-0", "--json", "--server", admin.url).json["reason"] == "earlier"
    assert run("explain", "chat", "9-9", "--server", admin.url).code == 1


def test_explain_ends_with_how_it_stands_since(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """The latest decision may be a pause: why it does not go on now is what somebody wants to know at night."""
    entry = {"id": "7-0", "at": 1_700_000_000.0, "actor": "ci", "action": "start", "rollout": "chat-1",
             "phase_from": "idle", "phase_to": "shadowing", "reason": "new checkpoint"}  # fmt: skip
    admin.on(f"GET {CHAT}/audit", {"entries": [entry]})
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout()})
    said = run("explain", "chat", "--server", admin.url).out
    assert said.index("new checkpoint") < said.index("gathering evidence") < said.index("refusal paired")
    by_id = run("explain", "chat", "7-0", "--server", admin.url).out
    assert "gathering evidence" not in by_id
