"""`plan`: the forecast as a table."""

from tests.gateway.cli.listener import Admin, Json, Run

PLAN = "GET /admin/v1/endpoints/chat/plan"
STAGE: Json = {
    "weight_bps": 1000, "requests": 18_123.0, "late_requests": 25_000.0, "candidate_requests": 1812.3,
    "seconds": 906.0, "late_seconds": 1250.0, "waits_for": "errors",
}  # fmt: skip
DRIFT: Json = {
    "signal": "refusal", "times": 2.0, "rolled_back": 1.0, "promoted": 0.0, "candidate_requests": 143.0,
    "late_candidate_requests": 260.0, "seconds": 71.0,
}  # fmt: skip


def forecast(**changes: object) -> Json:
    """What the admin API says."""
    traffic = {"requests_per_second": 20.0, "seen_for_seconds": 3600.0, "new_keys": 0.5, "sample": 0.2}
    unseen = DRIFT | {"times": 0.5, "rolled_back": 0.0, "candidate_requests": None, "seconds": None}
    return {
        "endpoint": "chat", "stable": "a", "candidate": "b", "plan": "default", "can_finish": True, "why_not": "",
        "seconds": 906.0, "requests": 18_123.0, "traffic": traffic, "assumed": ["stable's own schema"],
        "stages": [STAGE], "drifts": [unseen, DRIFT],
    } | changes  # fmt: skip


def test_a_plan_shows_time_and_exposure(run: Run, admin: Admin) -> None:
    """Per stage and altogether, and what a drift costs; within 80 columns."""
    admin.on(PLAN, forecast())
    arguments = ("--plan", "fast", "--rate", "20", "--new-keys", "0.5")
    ran = run("plan", "chat", "--candidate", "b", *arguments, "--server", admin.url)
    assert ran.code == 0
    assert admin.asked[0][0].endswith("/plan?candidate=b&plan=fast&rate=20.0&new_keys=0.5")
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["10", "%", "15", "min", "21", "min", "18,000", "1,800", "errors"] in lines
    assert ["all", "15", "min", "18,000", "1,800"] in lines
    assert ["limit", "0.5", "×", "2", "×"] in lines
    assert ["refusal", "0", "%", "100", "%,", "140", "in", "71", "s"] in lines
    assert "supposed, not measured: stable's own schema" in ran.out
    assert "20 requests/s (seen for 60 min); 50 % with a new key, 20 % mirrored" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_a_stage_for_a_ring_has_the_rings_name(run: Run, admin: Admin) -> None:
    """`0 %` would say that nobody is exposed."""
    ring, both = STAGE | {"weight_bps": 0, "include": ["ring:internal"]}, STAGE | {"include": ["ring:beta"]}
    admin.on(PLAN, forecast(stages=[ring, both]))
    lines = run("plan", "chat", "--candidate", "b", "--server", admin.url).out.splitlines()
    assert [line.strip().split("  ")[0] for line in lines if "ring:" in line] == ["ring:internal", "10 % and ring:beta"]


def test_a_drift_is_named_by_its_limit_where_there_are_several(run: Run, admin: Admin) -> None:
    """Downwards, and beyond a ratio."""
    less, ratio = DRIFT | {"side": "lower", "limit": "points"}, DRIFT | {"side": "upper", "limit": "ratio"}
    admin.on(PLAN, forecast(drifts=[DRIFT, less, ratio]))
    ran = run("plan", "chat", "--candidate", "b", "--server", admin.url)
    named = [line.partition("  100 %")[0].strip() for line in ran.out.splitlines() if "140 in 71 s" in line]
    assert named == ["refusal", "refusal, less", "refusal, ratio"]


def test_a_plan_that_cannot_finish_fails_with_the_reason(run: Run, admin: Admin) -> None:
    """So that a pipeline stops before it starts a rollout."""
    never = STAGE | dict.fromkeys(("requests", "late_requests", "candidate_requests", "seconds", "late_seconds"))
    why = "stage 1 (10 %) asks about agreement, and nothing there measures it"
    changes: Json = {"can_finish": False, "why_not": why, "stages": [never], "seconds": None, "requests": None}
    admin.on(PLAN, forecast(**changes))
    ran = run("plan", "chat", "--candidate", "b", "--server", admin.url)
    assert (ran.code, f"cannot finish: {why}" in ran.out) == (1, True)
    assert run("plan", "chat", "--candidate", "b", "--server", admin.url, "--json").json["why_not"] == why


def test_without_traffic_a_plan_says_so(run: Run, admin: Admin) -> None:
    """Then stages are told in requests."""
    unknown = STAGE | {"seconds": None, "late_seconds": None}
    admin.on(PLAN, forecast(traffic={"new_keys": 0.5, "sample": 0.2}, stages=[unknown], seconds=None))
    ran = run("plan", "chat", "--candidate", "b", "--server", admin.url)
    assert "no traffic is known yet, so stages are told in requests" in ran.out
    assert ["10", "%", "–", "–", "18,000", "1,800", "errors"] in [line.split() for line in ran.out.splitlines()]


def test_a_plan_shows_what_it_costs_where_prices_are_configured(run: Run, admin: Admin) -> None:
    """Mirrors, the candidate's answers, stable's in their place, and what is added; with the tokens it stands on."""
    cost: Json = {"candidate": 120.0, "shadow": 34.56, "saved": 160.0, "added": -5.44}
    bill = cost | {"prompt_tokens": 900.0, "completion_tokens": 300.0, "measured": True}
    admin.on(PLAN, forecast(stages=[STAGE | {"cost": cost}], cost=bill))
    ran = run("plan", "chat", "--candidate", "b", "--server", admin.url)
    assert "at 900 prompt and 300 completion tokens a request" in ran.out
    assert "(as counted in the last rollout)" in ran.out
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["10", "%", "35", "120", "160", "−5.4"] in lines
    assert ["all", "35", "120", "160", "−5.4"] in lines
    assert max(map(len, ran.out.splitlines())) <= 80
    admin.on(PLAN, forecast())
    assert "In money" not in run("plan", "chat", "--candidate", "b", "--server", admin.url).out
