"""Rolling back by hand: at once, truly told, twice the same, and with Redis gone."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from gateway.control.rolling import Durability
from rollback.journal import read_journal
from routing.names import EndpointKeys
from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio

KEYS = EndpointKeys("dg", "chat")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process whose Redis the test may kill."""
    async with own_redis() as redis, running(tmp_path, redis) as found:
        yield found


async def canary(gateway: Gateway) -> str:
    """A rollout with 10 % on its worker; its id."""
    started: Any = await gateway.start()
    await gateway.post("promote", {"step": True})
    await gateway.until(lambda: gateway.worker.weight == 1_000)
    found: str = started["rollout"]["id"]
    return found


async def rolled_back(gateway: Gateway, reason: str = "too chatty", **more: object) -> tuple[Any, Any]:
    """Roll back; the rollout and its durability."""
    answer: Any = await gateway.post("rollback", {"reason": reason, **more})
    return answer["rollout"], answer["durability"]


async def test_a_rollback_is_durable_and_everywhere(gateway: Gateway) -> None:
    """The answer comes when workers, journal and Redis have it, and says so."""
    rollout_id = await canary(gateway)
    rollout, durability = await rolled_back(gateway)
    assert (rollout["id"], rollout["phase"], rollout["weight_bps"]) == (rollout_id, "rolled_back", 0)
    assert rollout["reason"] == "too chatty"
    assert durability == {
        "state": "durable",
        "journal": "synced",
        "redis": "committed",
        "workers": {"acknowledged": 1, "pending": []},
    }
    assert gateway.worker.weight is None
    assert gateway.worker.route.latched == rollout_id
    assert read_journal(gateway.runtime.journal).latched == {"chat": rollout_id}


async def test_twice_is_the_same_answer(gateway: Gateway) -> None:
    """The second rollback changes nothing, and keeps the first one's reason."""
    await canary(gateway)
    first, _ = await rolled_back(gateway, "first")
    again, durability = await rolled_back(gateway, "second")
    assert (again["id"], again["revision"], again["reason"]) == (first["id"], first["revision"], "first")
    assert durability["state"] == "durable"


async def test_an_idle_endpoint_has_nothing_to_roll_back(gateway: Gateway) -> None:
    """It is refused with what could be meant, and stable goes on serving."""
    problem = await gateway.post("rollback", {"reason": "x"}, 409)
    assert "nothing is running on chat" in str(problem["detail"])
    assert "--to" in str(problem["detail"])


async def test_with_redis_gone_it_works_here_and_says_what_is_pending(gateway: Gateway) -> None:
    """Workers and journal have it at once; the answer says that Redis has not."""
    rollout_id = await canary(gateway)
    gateway.redis.stop()
    rollout, durability = await rolled_back(gateway)
    assert gateway.worker.weight is None
    assert (rollout["id"], rollout["phase"]) == (rollout_id, "rolled_back")
    assert durability["state"] == "pending"
    assert durability["journal"] == "synced"
    assert durability["redis"].startswith("unreachable")
    again, _ = await rolled_back(gateway)
    assert (again["id"], again["phase"]) == (rollout_id, "rolled_back")


async def test_it_is_asserted_again_when_redis_returns(gateway: Gateway) -> None:
    """Redis comes back with the rollout running, and it is rolled back there too, with the operator's reason."""
    await canary(gateway)
    gateway.redis.stop()
    await rolled_back(gateway, "by hand")
    gateway.redis.start()
    with anyio.fail_after(10):
        while (await _phase(gateway)) != "rolled_back":  # noqa: ASYNC110  # the controller has no event for this
            await anyio.sleep(0.05)
    entries = (await gateway.http.get("/admin/v1/endpoints/chat/audit")).json()["entries"]
    assert (entries[0]["action"], entries[0]["reason"]) == ("reassert", "by hand")
    _, durability = await rolled_back(gateway)
    assert durability["state"] == "durable"
    assert gateway.worker.weight is None


async def test_a_restarted_control_process_knows_what_runs_from_its_journal(tmp_path: Path) -> None:
    """With Redis gone and nothing in memory, the rollout is still found, latched, and asserted again later."""
    async with own_redis() as redis:
        async with running(tmp_path, redis) as before:
            rollout_id = await canary(before)
        redis.stop()
        async with running(tmp_path, redis) as after:
            rollout, durability = await rolled_back(after)
            assert (rollout["id"], durability["state"]) == (rollout_id, "pending")
            assert after.worker.route.latched == rollout_id
        redis.start()
        async with running(tmp_path, redis) as again:
            with anyio.fail_after(10):
                while (await _phase(again)) != "rolled_back":  # noqa: ASYNC110  # the controller has no event for this
                    await anyio.sleep(0.05)
            await again.until(lambda: again.worker.route.latched == rollout_id)


async def test_a_frozen_redis_delays_the_answer_and_not_the_rollback(gateway: Gateway) -> None:
    """The worker is on stable long before the wait for Redis ends."""
    await canary(gateway)
    gateway.redis.freeze()
    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rolled_back, gateway)
        await gateway.until(lambda: gateway.worker.weight is None)
        assert time.monotonic() - began < 1.0
    gateway.redis.thaw()


async def test_a_full_redis_takes_the_rollback(gateway: Gateway) -> None:
    """Memory that is full stops everything but shrinking."""
    await canary(gateway)
    with gateway.redis.client() as client:
        client.config_set("maxmemory", "1")
    _, durability = await rolled_back(gateway)
    assert durability["state"] == "durable"


async def test_a_rollback_that_no_replica_has_is_not_durable(tmp_path: Path) -> None:
    """Where one is asked for: a failover could still lose it, and the answer says what is missing."""
    more = 'redis: {url: "redis://127.0.0.1:1", replicas: 1}'
    async with own_redis() as redis, running(tmp_path, redis, more=more) as gateway:
        await canary(gateway)
        rollout, durability = await rolled_back(gateway)
    assert rollout["phase"] == "rolled_back"
    assert (durability["state"], durability["journal"]) == ("pending", "synced")
    assert durability["redis"] == "written, but 1 of 1 replicas are missing"


async def test_a_rollout_of_a_newer_version_is_rolled_back_without_being_understood(gateway: Gateway) -> None:
    """A newer gateway started it and renews its lease: so the document itself must say that it has ended."""
    rollout_id = await canary(gateway)
    with gateway.redis.client() as client:
        stored = json.loads(client.get(KEYS.rollout) or b"")
        newer = {**stored, "version": 9, "revision": stored["revision"] + 1, "tide": [1.5, {"high": []}]}
        client.set(KEYS.rollout, json.dumps(newer))
    rollout, durability = await rolled_back(gateway)
    assert (rollout["id"], rollout["phase"]) == (rollout_id, "rolled_back")
    assert (durability["state"], durability["redis"]) == ("durable", "committed")
    with gateway.redis.client() as client:
        after = json.loads(client.get(KEYS.rollout) or b"")
        assert client.get(KEYS.grant) is None
    assert (after["phase"], after["weight_bps"], after["revision"]) == ("rolled_back", 0, newer["revision"] + 1)
    assert (after["version"], after["tide"], after["plan"]) == (9, newer["tide"], newer["plan"])
    entries = (await gateway.http.get("/admin/v1/endpoints/chat/audit")).json()["entries"]
    assert (entries[0]["action"], entries[0]["reason"], entries[0]["revision"]) == (
        "rollback",
        "too chatty",
        after["revision"],
    )


async def test_an_unreadable_document_is_rolled_back_by_its_lease(gateway: Gateway) -> None:
    """What cannot be read cannot be rewritten, but nothing is exposed any more, anywhere."""
    await canary(gateway)
    with gateway.redis.client() as client:
        client.set("dg:{chat}:rollout", b"\x00")
    _, durability = await rolled_back(gateway)
    assert "lease is deleted" in durability["redis"]
    assert gateway.worker.weight is None
    with gateway.redis.client() as client:
        assert client.get("dg:{chat}:grant") is None


async def test_a_flushed_redis_cannot_bring_exposure_back(gateway: Gateway) -> None:
    """Redis forgot all; the rollback is durable, and the next rollout counts on from the journal."""
    await canary(gateway)
    with gateway.redis.client() as client:
        client.flushall()
    rollout, durability = await rolled_back(gateway)
    assert rollout["phase"] == "rolled_back"
    assert durability["state"] == "durable"
    again: Any = await gateway.start()
    assert again["rollout"]["revision"] > rollout["revision"]
    assert again["rollout"]["epoch"] == 2
    await gateway.until(lambda: gateway.worker.weight == 0)


async def test_after_a_promotion_the_old_model_comes_back(gateway: Gateway) -> None:
    """A late regression: rolling back makes a new generation with the old stable."""
    await canary(gateway)
    await gateway.post("promote", {"full": True, "reason": "sure"})
    await gateway.until(lambda: gateway.worker.route.stable.model == "new")
    rollout, durability = await rolled_back(gateway)
    assert (rollout["phase"], durability["state"]) == ("rolled_back", "durable")
    shown = (await gateway.http.get("/admin/v1/endpoints/chat")).json()
    assert (shown["stable"], shown["generation"]) == ("old", 2)
    assert (gateway.worker.route.stable.model, gateway.worker.route.stable.number) == ("old", 2)


async def test_after_a_promotion_it_works_without_redis_too(gateway: Gateway) -> None:
    """This gateway serves the old model at once, and Redis learns of it when it is back."""
    await canary(gateway)
    await gateway.post("promote", {"full": True, "reason": "sure"})
    gateway.redis.stop()
    _, durability = await rolled_back(gateway)
    assert durability["state"] == "pending"
    assert gateway.worker.route.stable.model == "old"
    gateway.redis.start()
    with anyio.fail_after(10):
        while (await gateway.http.get("/admin/v1/endpoints/chat")).json().get("generations", [])[-1:] != [  # noqa: ASYNC110
            {"number": 2, "model": "old", "by": "anybody", "since_at": pytest.approx(time.time(), abs=60)}  # noqa: TID251
        ]:
            await anyio.sleep(0.05)


async def test_going_back_to_a_named_generation(gateway: Gateway) -> None:
    """`to` names it; one that never was is refused with those there are."""
    await canary(gateway)
    await gateway.post("promote", {"full": True, "reason": "sure"})
    problem = await gateway.post("rollback", {"to": 7}, 409)
    assert "no generation 7; it has 0, 1" in str(problem["detail"])
    await rolled_back(gateway, to=0)
    shown = (await gateway.http.get("/admin/v1/endpoints/chat")).json()
    assert (shown["stable"], shown["generation"]) == ("old", 2)


async def test_another_gateway_on_the_same_redis_latches_it_too(gateway: Gateway, tmp_path: Path) -> None:
    """The second gateway hears of it from Redis, tells its workers, and remembers it in its own journal."""
    async with running(tmp_path / "other", gateway.redis) as other:
        rollout_id = await canary(gateway)
        await rolled_back(gateway)
        await other.until(lambda: other.worker.route.latched == rollout_id)
        assert read_journal(other.runtime.journal).latched == {"chat": rollout_id}


async def test_a_worker_that_is_gone_is_pending_by_name(tmp_path: Path) -> None:
    """Nobody says "durable" while a process may still hold a lease."""
    async with own_redis() as redis, running(tmp_path, redis, lease="3s") as gateway:
        await canary(gateway)
        gateway.stop_worker()
        with anyio.fail_after(10):
            while "workers_connected 1" in (await gateway.http.get("/metrics")).text:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        _, durability = await rolled_back(gateway)
        assert durability["state"] == "pending"
        assert durability["workers"]["pending"] == ["data-0 (disconnected)"]
        with anyio.fail_after(10):
            while (await rolled_back(gateway))[1]["state"] != "durable":  # noqa: ASYNC110  # its lease ends by time alone
                await anyio.sleep(0.1)


async def _phase(gateway: Gateway) -> str | None:
    """The phase that Redis has; None while it does not answer."""
    shown = (await gateway.http.get("/admin/v1/endpoints/chat")).json()
    if shown.get("fault") or not shown["rollout"]:
        return None
    phase: str = shown["rollout"]["phase"]
    return phase


@pytest.mark.parametrize(
    ("journal", "redis", "pending", "state"),
    [
        ("synced", "committed", (), "durable"),
        ("synced", "committed", ("data-0",), "pending"),
        ("synced", "unreachable: gone", (), "pending"),
        ("failed: disk full", "committed", (), "pending"),
        ("failed: disk full", "unreachable: gone", (), "failed"),
    ],
)
def test_durable_is_said_only_when_it_is_everywhere(
    journal: str, redis: str, pending: tuple[str, ...], state: str
) -> None:
    """Kept in one place it is pending; kept in none it has failed, however many workers know."""
    assert Durability(journal=journal, redis=redis, acknowledged=1, pending=pending).state == state
