"""Commands of the admin API beyond start, pause and promote: freeze, approve, retry."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from gateway.plain import LONGEST_REASON
from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio

GATED: Final = """\
  gated:
    lease: 10s
    stages:
      - {weight: 0%, min_keys: 10, approval: true}
      - {weight: 100%, bake: 1h}
    budgets: {refusal: {max_increase: 2pp}}
"""


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process without keys, with a second plan that has a gate."""
    async with own_redis() as redis, running(tmp_path, redis, more=GATED) as found:
        yield found


async def endpoint(gateway: Gateway) -> dict[str, Any]:
    """The endpoint `chat`."""
    found: dict[str, Any] = (await gateway.http.get("/admin/v1/endpoints/chat")).json()
    return found


async def actions(gateway: Gateway) -> list[str]:
    """What the audit record has, newest first."""
    return [entry["action"] for entry in (await gateway.http.get("/admin/v1/endpoints/chat/audit")).json()["entries"]]


async def test_a_frozen_endpoint_neither_starts_nor_widens_but_rolls_back(gateway: Gateway) -> None:
    """A freeze is shown with its end, refuses whatever gives exposure, and never stands in the way of a rollback."""
    frozen = await gateway.post("freeze", {"for": "4h", "reason": "black friday"})
    assert isinstance(frozen["freeze"], dict)
    assert frozen["freeze"]["until_at"] - frozen["freeze"]["since_at"] == pytest.approx(4 * 3600)
    assert (await endpoint(gateway))["freeze"]["reason"] == "black friday"
    refused = await gateway.post("rollouts", {"candidate": "new"}, 409)
    assert "driftgate unfreeze chat" in str(refused["detail"])
    await gateway.post("unfreeze")
    assert (await endpoint(gateway))["freeze"] is None
    await gateway.start()
    await gateway.post("freeze")
    await gateway.post("promote", {"step": True}, 409)
    rolled = await gateway.post("rollback", {"reason": "no more"})
    assert isinstance(rolled["rollout"], dict)
    assert rolled["rollout"]["phase"] == "rolled_back"
    assert await actions(gateway) == ["rollback", "freeze", "start", "unfreeze", "freeze"]


async def test_a_reason_is_one_line_that_steers_nothing(gateway: Gateway) -> None:
    """It stands in terminals, logs and alerts; a long one is cut, for no command may fail on its reason."""
    frozen = await gateway.post("freeze", {"reason": " a\n\tb\x1b[2J\x00 \u202ec " + "x" * 2_000})
    assert isinstance(frozen["freeze"], dict)
    reason = frozen["freeze"]["reason"]
    assert (reason[:11], len(reason), reason[-1]) == ("a b[2J c xx", LONGEST_REASON, "…")
    assert (await gateway.post("unfreeze", {"reason": "back"}))["notes"] == ["unfrozen by anybody (back)"]


async def test_a_freeze_of_no_length_is_refused(gateway: Gateway) -> None:
    """A wrong duration is named; what is not frozen can be unfrozen without harm."""
    assert "is not a duration" in str((await gateway.post("freeze", {"for": "4 parsecs"}, 400))["detail"])
    assert "not frozen" in str((await gateway.post("unfreeze"))["notes"])


async def test_a_gate_is_passed_by_approval(gateway: Gateway) -> None:
    """The consent and who gave it stand in the document; twice is refused, and so is a stage without a gate."""
    await gateway.start(plan="gated")
    approved = await gateway.post("approve", {"reason": "reviewed"})
    assert isinstance(approved["rollout"], dict)
    assert approved["rollout"]["approved_by"] == "anybody"
    assert "already" in str((await gateway.post("approve", {}, 409))["detail"])
    await gateway.post("rollback", {"reason": "next"})
    await gateway.start()
    assert "does not wait for an approval" in str((await gateway.post("approve", {}, 409))["detail"])


async def test_a_retry_wants_a_reason_or_another_candidate(gateway: Gateway) -> None:
    """A new rollout with the plan of the last one; audited as a retry."""
    assert "none to try again" in str((await gateway.post("retry", {}, 409))["detail"])
    first = await gateway.start(plan="gated")
    assert "still" in str((await gateway.post("retry", {"reason": "x"}, 409))["detail"])
    await gateway.post("rollback", {"reason": "too many refusals"})
    assert "too many refusals" in str((await gateway.post("retry", {}, 409))["detail"])
    again = await gateway.post("retry", {"reason": "fixed the template"}, 201)
    assert isinstance(first["rollout"], dict)
    assert isinstance(again["rollout"], dict)
    assert again["rollout"]["id"] != first["rollout"]["id"]
    assert (again["rollout"]["candidate"], again["rollout"]["plan"]) == ("new", "gated")
    assert (await actions(gateway))[0] == "retry"


async def test_a_field_that_a_command_does_not_know_is_an_error(gateway: Gateway) -> None:
    """Nothing is read and ignored."""
    await gateway.start()
    for command, body in (("pause", {"full": True}), ("rollback", {"step": True}), ("freeze", {"until": "noon"})):
        assert "unknown field" in str((await gateway.post(command, body, 400))["detail"])


async def test_an_endpoint_tells_its_latest_decisions_and_what_comes_next(gateway: Gateway) -> None:
    """For one screen: five decisions in short, the next stage, and the share that the candidate really has."""
    await gateway.start(reason="because")
    with anyio.fail_after(10):
        while "next" not in (shown := await endpoint(gateway))["rollout"]:  # noqa: ASYNC110  # only asking shows it
            await anyio.sleep(0.05)
    assert shown["decisions"][0]["action"] == "start"
    assert shown["decisions"][0]["reason"] == "because"
    assert shown["rollout"]["next"] == {
        "stage": 1,
        "weight_bps": 1000,
        "include": [],
        "seconds": None,
        "waits_for": "keys",
    }
    assert shown["rollout"]["actual_share"] == 0.0


async def test_what_runs_is_compared_with_what_a_file_asks_for(gateway: Gateway) -> None:
    """The same wish changes nothing; another expectation, plan or candidate is named, in one sentence each."""
    path, asked = "/admin/v1/endpoints/chat/differences", {"candidate": "new", "expect": "refusal=+1pp..+6pp"}
    assert "no rollout has run" in (await gateway.http.get(path, params=asked)).json()["detail"]
    await gateway.start(expect=["refusal=+1pp..+6pp"])
    assert (await gateway.http.get(path, params=asked)).json()["differences"] == []
    (bare,) = (await gateway.http.get(path, params={"candidate": "new"})).json()["differences"]
    assert bare == "budget refusal: expected is 0.01 … 0.06 where not set is asked for"
    other = (await gateway.http.get(path, params={**asked, "candidate": "broken", "plan": "gated"})).json()
    assert {"candidate: new where broken is asked for", "plan: name is default where gated is asked for"} <= set(
        other["differences"]
    )
    assert (await gateway.http.get(path, params={"candidate": "nobody"})).status_code == 409
