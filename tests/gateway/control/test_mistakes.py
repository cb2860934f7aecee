"""What operators do wrong, or two of them at once: refused with a sentence that says what to do, or harmless."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio

AT_ONCE: Final = 12


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process with its Redis and a worker."""
    async with own_redis() as redis, running(tmp_path, redis) as found:
        yield found


async def sent(gateway: Gateway, command: str, **body: object) -> httpx.Response:
    """A command, whatever comes of it."""
    return await gateway.http.post(f"/admin/v1/endpoints/chat/{command}", json=body)


async def latest(gateway: Gateway) -> Any:  # a JSON object
    """The endpoint's latest rollout."""
    return (await gateway.http.get("/admin/v1/endpoints/chat")).json()["rollout"]


async def test_two_people_start_at_once(gateway: Gateway) -> None:
    """One rollout begins; everybody else is told that one runs, and how to replace it."""
    answers = await asyncio.gather(*(sent(gateway, "rollouts", candidate="new") for _ in range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert all("--replace" in answer.json()["detail"] for answer in answers if answer.status_code == 409)
    entries = (await gateway.http.get("/admin/v1/endpoints/chat/audit")).json()["entries"]
    assert [entry["action"] for entry in entries] == ["start"]


async def test_two_people_widen_at_once_and_it_is_one_stage_each(gateway: Gateway) -> None:
    """Each `promote` that is answered with success has moved one stage, and the audit has as many steps as answers."""
    await gateway.start()
    answers = await asyncio.gather(*(sent(gateway, "promote", step=True, reason="go") for _ in range(2)))
    done = [answer for answer in answers if answer.is_success]
    assert all(answer.status_code in (200, 409) for answer in answers)
    assert (await latest(gateway))["stage"] == len(done)
    entries = (await gateway.http.get("/admin/v1/endpoints/chat/audit")).json()["entries"]
    assert len([entry for entry in entries if entry["action"] != "start"]) == len(done)


async def test_a_rollback_among_other_commands_wins(gateway: Gateway) -> None:
    """Promote, pause, resume and roll back all at once: whatever the order was, it ends on stable and stays there."""
    await gateway.start()
    commands: list[tuple[str, dict[str, object]]] = [
        ("promote", {"step": True, "reason": "go"}),
        ("pause", {"reason": "wait"}),
        ("rollback", {"reason": "stop"}),
        ("resume", {}),
        ("promote", {"full": True, "reason": "sure"}),
    ]
    await gateway.post("promote", {"step": True, "reason": "go"})
    answers = await asyncio.gather(*(sent(gateway, command, **body) for command, body in commands))
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    assert answers[2].json()["durability"]["state"] == "durable"
    assert (await latest(gateway))["phase"] == "rolled_back"
    assert (gateway.worker.weight, gateway.worker.route.stable.model) == (None, "old")


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("promote", {"step": True, "reason": "go"}),
        ("promote", {"full": True, "reason": "sure"}),
        ("pause", {"reason": "wait"}),
        ("resume", {}),
    ],
)
async def test_nothing_moves_what_was_rolled_back(gateway: Gateway, command: str, body: dict[str, object]) -> None:
    """The answer says that the rollout has ended, and the worker's route stays as it was."""
    await gateway.start()
    await gateway.post("rollback", {"reason": "stop"})
    refused = await sent(gateway, command, **body)
    assert refused.status_code == 409
    assert "chat" in refused.json()["detail"]
    assert (await latest(gateway))["phase"] == "rolled_back"
    assert gateway.worker.weight is None


async def test_going_back_to_a_generation_that_never_was(gateway: Gateway) -> None:
    """What runs is stopped all the same; the answer says so, and which generations there are."""
    await gateway.start()
    refused = await sent(gateway, "rollback", reason="stop", to=7)
    assert refused.status_code == 409
    assert refused.json()["detail"] == "the rollout is rolled back, but no further: chat has no generation 7; it has 0"
    assert (await latest(gateway))["phase"] == "rolled_back"


async def test_a_candidate_that_is_stable_already(gateway: Gateway) -> None:
    """It is refused as such, also after a promotion has made it so."""
    assert "stable model" in (await sent(gateway, "rollouts", candidate="old")).json()["detail"]
    await gateway.start()
    await gateway.post("promote", {"full": True, "reason": "sure"})
    refused = await sent(gateway, "rollouts", candidate="new")
    assert (refused.status_code, "stable model" in refused.json()["detail"]) == (409, True)
