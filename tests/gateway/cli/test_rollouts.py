import pytest

from tests.gateway.cli.listener import Admin, MakeRollout, Run

DURABLE = {
    "state": "durable", "journal": "synced", "redis": "committed", "workers": {"acknowledged": 2, "pending": []},
}  # fmt: skip
PENDING = {
    "state": "pending", "journal": "synced", "redis": "unreachable: connection refused",
    "workers": {"acknowledged": 1, "pending": ["data-1"]},
}  # fmt: skip
CHAT = "/admin/v1/endpoints/chat"
NOBODY = "http://127.0.0.1:9"


def test_start_says_what_it_started_and_what_to_know(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """The options become the request; the answer's notes are shown."""
    admin.on(
        f"POST {CHAT}/rollouts",
        {"rollout": rollout(phase="shadowing", stage=0, weight_bps=0), "notes": ["no traffic yet"]},
    )
    arguments = ("--plan", "fast", "--expect", "refusal=+1pp..+6pp", "--reason", "new checkpoint", "--replace")
    started = run("start", "chat", "--candidate", "b", *arguments, "--server", admin.url, DRIFTGATE_ADMIN_KEY="k1")
    assert started.code == 0
    assert "chat  ◔ shadowing · stage 1 of 5 · 0 % on b (stable a) · chat-1" in started.out
    assert "· no traffic yet" in started.out
    assert admin.asked == [
        (
            f"POST {CHAT}/rollouts",
            {
                "candidate": "b",
                "plan": "fast",
                "expect": ["refusal=+1pp..+6pp"],
                "reason": "new checkpoint",
                "replace": True,
            },
            "Bearer k1",
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "verb", "body"),
    [
        (("pause", "chat", "--reason", "lunch"), "pause", {"reason": "lunch"}),
        (("resume", "chat"), "resume", {}),
        (("approve", "chat"), "approve", {}),
        (("retry", "chat", "--reason", "fixed"), "retry", {"reason": "fixed"}),
        (("retry", "chat", "--candidate", "c", "--plan", "slow"), "retry", {"candidate": "c", "plan": "slow"}),
        (("promote", "chat"), "promote", {"full": False, "step": True}),
        (
            ("promote", "chat", "--full", "--reason", "known"),
            "promote",
            {"full": True, "step": False, "reason": "known"},
        ),
    ],
)
def test_a_command_asks_for_what_it_says(
    run: Run, admin: Admin, rollout: MakeRollout, arguments: tuple[str, ...], verb: str, body: dict[str, object]
) -> None:
    """Each verb has its own address, and the answer is printed whole as JSON."""
    admin.on(f"POST {CHAT}/{verb}", {"rollout": rollout()})
    done = run(*arguments, "--server", admin.url, "--json")
    assert (done.code, done.json) == (0, {"rollout": rollout()})
    assert admin.asked == [(f"POST {CHAT}/{verb}", body, None)]


def test_a_freeze_without_an_endpoint_is_for_all_of_them(run: Run, admin: Admin) -> None:
    """One answer for each endpoint, with what ends it."""
    admin.on("GET /admin/v1/endpoints", {"endpoints": [{"name": "chat"}, {"name": "mail"}]})
    for name in ("chat", "mail"):
        admin.on(f"POST /admin/v1/endpoints/{name}/freeze", {"endpoint": name, "notes": [f"frozen until {name}"]})
    done = run("freeze", "--for", "4h", "--reason", "black friday", "--server", admin.url)
    assert (done.code, done.out) == (0, "chat: frozen until chat\nmail: frozen until mail\n")
    assert [body for _, body, _ in admin.asked[1:]] == [{"for": "4h", "reason": "black friday"}] * 2


def test_a_freeze_of_one_endpoint_leaves_the_others_alone(run: Run, admin: Admin) -> None:
    """And ends by the same way."""
    admin.on(f"POST {CHAT}/unfreeze", {"endpoint": "chat", "freeze": None, "notes": ["chat was not frozen"]})
    done = run("unfreeze", "chat", "--json", "--server", admin.url)
    assert (done.code, done.json["endpoints"][0]["freeze"]) == (0, None)
    assert [request for request, _, _ in admin.asked] == [f"POST {CHAT}/unfreeze"]


def test_going_past_all_evidence_needs_a_reason(run: Run) -> None:
    """`promote --full` is refused before anything is asked."""
    refused = run("promote", "chat", "--full")
    assert refused.code == 2
    assert "needs a reason" in refused.err


def test_of_several_gateways_the_first_that_can_be_reached_is_asked(
    run: Run, admin: Admin, rollout: MakeRollout
) -> None:
    """They share one Redis, so any of them will do; that one is away is no failure."""
    admin.on(f"POST {CHAT}/pause", {"rollout": rollout()})
    assert run("pause", "chat", "--server", NOBODY, "--server", admin.url).code == 0
    refused = run("pause", "chat", "--server", NOBODY, "--server", "http://127.0.0.1:1")
    assert refused.code == 1
    assert "127.0.0.1:9" in refused.err
    assert "127.0.0.1:1 " in refused.err


def test_a_rollback_that_is_durable_ends_with_0(run: Run, admin: Admin, rollout: MakeRollout) -> None:
    """Journal, Redis and every worker have it."""
    admin.on(f"POST {CHAT}/rollback", {"rollout": rollout(phase="rolled_back"), "durability": DURABLE})
    done = run("rollback", "chat", "--reason", "bad answers", "--to", "3", "--server", admin.url)
    assert done.code == 0
    assert f"{admin.url}: durable" in done.out
    assert admin.asked[0][1] == {"reason": "bad answers", "to": 3}


def test_a_rollback_that_is_not_durable_yet_ends_with_4_and_says_where(
    run: Run, admin: Admin, rollout: MakeRollout
) -> None:
    """Somebody must look after what is pending."""
    admin.on(f"POST {CHAT}/rollback", {"rollout": rollout(phase="rolled_back"), "durability": PENDING}, status=202)
    done = run("abort", "chat", "--reason", "bad answers", "--server", admin.url)
    assert done.code == 4
    assert f"{admin.url}: pending" in done.out
    assert "redis    unreachable: connection refused" in done.out
    assert "1 acknowledged, waiting for data-1" in done.out


def test_a_rollback_goes_to_every_server_and_one_that_is_silent_makes_it_4(
    run: Run, admin: Admin, rollout: MakeRollout
) -> None:
    """A gateway that did not hear of it may still expose the candidate until its lease ends."""
    admin.on(f"POST {CHAT}/rollback", {"rollout": rollout(phase="rolled_back"), "durability": DURABLE})
    done = run("rollback", "chat", "--reason", "r", "--server", NOBODY, "--server", admin.url)
    assert done.code == 4
    assert f"{admin.url}: durable" in done.out
    assert f"{NOBODY}: no gateway answers" in done.err
    as_json = run("rollback", "chat", "--reason", "r", "--server", NOBODY, "--server", admin.url, "--json")
    assert as_json.code == 4
    assert set(as_json.json["servers"]) == {NOBODY, admin.url}


def test_a_rollback_that_was_refused_ends_with_1(run: Run, admin: Admin) -> None:
    """Nothing is under way: the gateway said no."""
    admin.on(f"POST {CHAT}/rollback", {"title": "Conflict", "detail": "chat has no rollout to roll back."}, status=409)
    done = run("rollback", "chat", "--reason", "r", "--server", admin.url)
    assert done.code == 1
    assert "chat has no rollout to roll back" in done.err


def test_a_rollback_whose_answer_cannot_be_read_ends_with_4(run: Run, admin: Admin) -> None:
    """Something said yes; whether it was a gateway that rolled back is an open question."""
    admin.on(f"POST {CHAT}/rollback", b"<html>proxy</html>")
    assert run("rollback", "chat", "--reason", "r", "--server", admin.url).code == 4
    assert run("rollback", "chat", "--reason", "r", "--server", "nowhere").code == 2


@pytest.mark.parametrize("status", [500, 503])
def test_a_rollback_with_an_open_end_ends_with_4(run: Run, admin: Admin, status: int) -> None:
    """A gateway in trouble may have begun it."""
    admin.on(f"POST {CHAT}/rollback", {"detail": "out of order"}, status=status)
    done = run("rollback", "chat", "--reason", "r", "--server", admin.url)
    assert done.code == 4
    assert "is not known" in done.err


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (401, {"detail": "this key is not known"}, "this key is not known: set DRIFTGATE_ADMIN_KEY"),
        (403, {"detail": "role viewer may not pause"}, "use a key with a higher role"),
        (404, {"detail": "there is no endpoint 'chat'"}, "`driftgate list` shows the endpoints"),
        (502, b"<html>proxy</html>", "answered 502, and not as a driftgate gateway would"),
        (200, b"<html>proxy</html>", "answer makes no sense here"),
    ],
)
def test_a_gateways_no_is_one_sentence_and_the_next_step(
    run: Run, admin: Admin, status: int, answer: object, said: str
) -> None:
    """Problem details are shown as a sentence, and exit code 1."""
    admin.on(f"POST {CHAT}/pause", answer, status=status)
    done = run("pause", "chat", "--server", admin.url)
    assert done.code == 1
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_a_gateway_that_is_not_there_is_one_sentence(run: Run) -> None:
    """The commonest mistake: nothing runs, or elsewhere."""
    done = run("pause", "chat", "--server", NOBODY, "--json")
    assert done.code == 1
    assert done.err.startswith(f"driftgate: no gateway answers at {NOBODY} (")
    assert done.json["error"]["fix"].startswith("is it running?")


def test_an_address_that_is_none_is_a_usage_error(run: Run) -> None:
    """Said before anything is asked."""
    assert run("list", "--server", "127.0.0.1:8081").code == 2


def test_what_others_wrote_cannot_steer_the_terminal(run: Run, admin: Admin) -> None:
    """A reason, or a model server's own words in an error, reach the terminal without control characters."""
    note = "frozen (evil\x1b[2J\x07 \u202egnitar): nothing widens"
    admin.on(f"POST {CHAT}/freeze", {"notes": [note]})
    assert run("freeze", "chat", "--server", admin.url).out == "chat: frozen (evil[2J gnitar): nothing widens\n"
    admin.on(
        f"POST {CHAT}/pause", {"title": "no", "detail": "it said \x1b[31mno; `driftgate start` begins one"}, status=409
    )
    refused = run("pause", "chat", "--server", admin.url)
    assert refused.err == "driftgate: it said [31mno; `driftgate start` begins one\n", "one next step, not two"
