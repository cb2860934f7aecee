from pathlib import Path

import pytest

from tests.gateway.cli.listener import Admin, Json, MakeRollout, Run

CHAT = "/admin/v1/endpoints/chat"
IDLE: Json = {"name": "chat", "stable": "a", "generation": 0, "rollout": None}
AS_ASKED: Json = {"rollout": "chat-1", "differences": []}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A rollout of b."""
    path = tmp_path / "rollout.yaml"
    path.write_text("endpoint: chat\ncandidate: b\nplan: default\nreason: ${WHY:-nightly}\n", encoding="utf-8")
    return path


def test_applying_starts_what_is_not_there_yet(run: Run, admin: Admin, rollout: MakeRollout, file: Path) -> None:
    """The file becomes the request."""
    admin.on(f"GET {CHAT}", IDLE)
    admin.on(f"POST {CHAT}/rollouts", {"rollout": rollout(), "notes": []}, status=201)
    done = run("apply", "-f", "rollout.yaml", "--server", admin.url, "--json")
    assert (done.code, done.json["action"], done.json["rollout"]["id"]) == (0, "started", "chat-1")
    assert admin.asked[1][1] == {"candidate": "b", "plan": "default", "reason": "nightly"}


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({"phase": "canary"}, "chat: unchanged: chat-1 is under way (canary)"),
        ({"phase": "baking"}, "chat: unchanged: chat-1 is under way (baking)"),
        ({"phase": "promoted", "stable": "b"}, "chat: unchanged: b is the stable model already"),
    ],
)
def test_applying_again_changes_nothing(
    run: Run, admin: Admin, rollout: MakeRollout, file: Path, endpoint: Json, said: str
) -> None:
    """A pipeline may run the same file as often as it likes."""
    admin.on(f"GET {CHAT}/differences", AS_ASKED)
    admin.on(f"GET {CHAT}", IDLE | {"stable": endpoint.pop("stable", "a"), "rollout": rollout(**endpoint)})
    done = run("apply", "-f", "rollout.yaml", "--server", admin.url)
    assert (done.code, done.out.strip()) == (0, said)
    assert all(request.startswith("GET") for request, _, _ in admin.asked)


def test_a_candidate_that_was_rolled_back_is_not_started_again(
    run: Run, admin: Admin, rollout: MakeRollout, file: Path
) -> None:
    """A repeated pipeline must not repeat an incident; a person may, with a reason."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(phase="rolled_back", reason="refusal +4 pp")})
    done = run("apply", "-f", "rollout.yaml", "--server", admin.url)
    assert done.code == 1
    assert "was rolled back: refusal +4 pp" in done.err
    assert "driftgate retry chat --reason" in done.err


def test_another_rollout_is_replaced_only_where_the_file_says_so(
    run: Run, admin: Admin, rollout: MakeRollout, file: Path
) -> None:
    """What somebody else started is not rolled back by the way."""
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(candidate="c")})
    admin.on(f"GET {CHAT}/differences", AS_ASKED | {"differences": ["candidate: c where b is asked for"]})
    refused = run("apply", "-f", "rollout.yaml", "--server", admin.url)
    assert (refused.code, "replace: true" in refused.err) == (1, True)
    admin.on(f"POST {CHAT}/rollouts", {"rollout": rollout(), "notes": []}, status=201)
    file.write_text("{endpoint: chat, candidate: b, replace: true}", encoding="utf-8")
    assert run("apply", "-f", "rollout.yaml", "--server", admin.url).code == 0
    assert admin.asked[-1][1] == {"candidate": "b", "replace": True}


def test_a_file_that_asks_for_other_budgets_says_what_is_not_so(
    run: Run, admin: Admin, rollout: MakeRollout, file: Path
) -> None:
    """What runs was frozen at its start: an expectation that came later is not in it, and is not ignored."""
    file.write_text("{endpoint: chat, candidate: b, expect: [refusal=+1pp..+6pp, length=-30%..-10%]}", encoding="utf-8")
    admin.on(f"GET {CHAT}", IDLE | {"rollout": rollout(candidate="b")})
    unlike = "budget refusal: expected is not set where 0.01 … 0.06 is asked for"
    admin.on(f"GET {CHAT}/differences", AS_ASKED | {"differences": [unlike]})
    refused = run("apply", "-f", "rollout.yaml", "--server", admin.url)
    assert (refused.code, unlike in refused.err, "replace: true" in refused.err) == (1, True, True)
    asked = admin.asked[-1][0]
    assert asked.endswith("candidate=b&expect=refusal%3D%2B1pp..%2B6pp&expect=length%3D-30%25..-10%25")


def test_a_stable_model_stays_whatever_else_runs(run: Run, admin: Admin, rollout: MakeRollout, file: Path) -> None:
    """It is what the file asks for; what somebody else rolls out is said, and left alone."""
    admin.on(f"GET {CHAT}", IDLE | {"stable": "b", "rollout": rollout(candidate="c", phase="canary")})
    done = run("apply", "-f", "rollout.yaml", "--server", admin.url)
    assert (done.code, "b is the stable model already; chat-1 of c is running" in done.out) == (0, True)


def test_two_pipelines_at_once_start_one_rollout(run: Run, admin: Admin, rollout: MakeRollout, file: Path) -> None:
    """The one that came second finds its wish fulfilled."""
    admin.on(f"GET {CHAT}", IDLE, IDLE | {"rollout": rollout(phase="shadowing")})
    admin.on(f"GET {CHAT}/differences", AS_ASKED)
    admin.on(f"POST {CHAT}/rollouts", {"title": "not possible now", "detail": "chat-1 is running"}, status=409)
    done = run("apply", "-f", "rollout.yaml", "--server", admin.url)
    assert (done.code, "unchanged: chat-1 is under way" in done.out) == (0, True)


def test_an_error_in_the_file_is_named_with_its_place(run: Run, file: Path) -> None:
    """Before anything is asked."""
    file.write_text("endpoint: chat\ncanditate: b\n", encoding="utf-8")
    done = run("apply", "-f", "rollout.yaml", "--server", "http://127.0.0.1:9")
    assert done.code == 1
    assert "rollout.yaml:2:1: canditate: unknown key: did you mean candidate?" in done.err
    assert "candidate: missing" in done.err
