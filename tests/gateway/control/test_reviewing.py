"""Review through the admin API: blind lists, labels, and the corrected change."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from routing.address import parse
from routing.connecting import connect
from shadow.review import KeptAnswer, KeptPair, Label, Review
from shadow.review_store import ReviewStore
from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio

REVIEW = Review(share=1.0, keep_seconds=60.0, most=100)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process without keys."""
    async with own_redis() as redis, running(tmp_path, redis) as found:
        yield found


async def keep(gateway: Gateway, rollout: dict[str, object], number: int, *, refused: bool) -> KeptPair:
    """Let a pair of the rollout wait, as the shadow worker does."""
    candidate = KeptAnswer("I can't." if refused else "Rome.", "unwilling" if refused else "answer", refused)
    pair = KeptPair(
        f"{number:016x}", str(rollout["id"]), int(str(rollout["epoch"])), 1_000.0, number / 100, f"Where {number}?",
        KeptAnswer("Paris.", "answer", refused=False), candidate,
    )  # fmt: skip
    link = connect(parse(gateway.redis.url), timeout_seconds=2.0)
    await ReviewStore(link, "dg").keep("chat", pair, REVIEW)
    await link.aclose()
    return pair


async def started(gateway: Gateway) -> dict[str, object]:
    """A running rollout."""
    rollout = (await gateway.start())["rollout"]
    assert isinstance(rollout, dict)
    return rollout


async def review(gateway: Gateway, **params: str) -> dict[str, object]:
    """What is listed."""
    answer = await gateway.http.get("/admin/v1/endpoints/chat/review", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_without_a_rollout_nothing_waits(gateway: Gateway) -> None:
    """And `on` says that the configuration keeps nothing."""
    found = await review(gateway)
    assert (found["on"], found["rollout"], found["kept"], found["pairs"]) == (False, None, 0, [])


async def test_pairs_are_listed_blind_and_in_order(gateway: Gateway) -> None:
    """Two answers, nothing that says whose they are, and the candidate is first in just the odd ones."""
    rollout = await started(gateway)
    for number in (2, 1):
        await keep(gateway, rollout, number, refused=True)
    found = await review(gateway, limit="5")
    assert (found["kept"], found["waiting"], found["labelled"]) == (2, 2, 0)
    assert found["pairs"] == [
        {"id": f"{1:016x}", "at": 1_000.0, "prompt": "Where 1?", "first": "I can't.", "second": "Paris."},
        {"id": f"{2:016x}", "at": 1_000.0, "prompt": "Where 2?", "first": "Paris.", "second": "I can't."},
    ]


async def test_what_was_gained_is_shown_openly_and_cannot_be_labelled_from_there(gateway: Gateway) -> None:
    """Prompt, both answers, what was read; no id."""
    rollout = await started(gateway)
    await keep(gateway, rollout, 1, refused=True)
    await keep(gateway, rollout, 2, refused=False)
    assert (await review(gateway, show="gained"))["pairs"] == [
        {
            "at": 1_000.0,
            "prompt": "Where 1?",
            "stable": {"text": "Paris.", "kind": "answer", "refused": False},
            "candidate": {"text": "I can't.", "kind": "unwilling", "refused": True},
        }
    ]
    assert (await review(gateway, show="lost"))["pairs"] == []


async def test_a_label_is_about_the_shown_order_and_can_be_changed(gateway: Gateway) -> None:
    """The answer tells whose was whose; a labelled pair waits no longer."""
    rollout = await started(gateway)
    pair = await keep(gateway, rollout, 1, refused=True)
    first = await gateway.post(f"review/{pair.id}", {"refused": "second"})
    assert first == {
        "id": pair.id, "refused": "second", "first": "candidate", "second": "stable", "replaced": None
    }  # fmt: skip
    assert (await gateway.post(f"review/{pair.id}", {"refused": "first"}))["replaced"] == "second"
    found = await review(gateway)
    assert (found["waiting"], found["labelled"], found["pairs"]) == (0, 1, [])


async def test_a_judges_labels_are_counted_apart_and_their_pairs_still_wait(gateway: Gateway) -> None:
    """Until a person has said something of the same pair."""
    rollout = await started(gateway)
    pairs = [await keep(gateway, rollout, number, refused=True) for number in (1, 2)]
    link = connect(parse(gateway.redis.url), timeout_seconds=2.0)
    for pair in pairs:
        await ReviewStore(link, "dg").judge("chat", pair, Label.CANDIDATE, "referee", {})
    await link.aclose()
    found = await review(gateway)
    assert (found["waiting"], found["labelled"], found["judged"]) == (2, 0, 2)
    await gateway.post(f"review/{pairs[0].id}", {"refused": "first"})
    found = await review(gateway)
    assert (found["waiting"], found["labelled"], found["judged"]) == (1, 1, 1)


async def test_labels_correct_the_change_that_the_rollout_shows(gateway: Gateway) -> None:
    """Beside the counted one, in the same place."""
    rollout = await started(gateway)
    redis = Redis.from_url(gateway.redis.url)
    await redis.hset(f"dg:{{chat}}:cells:{rollout['epoch']}", mapping={"p/refusal/*/0/20": 20, "p/refusal/*/0/0": 80})
    await redis.aclose()
    for number in range(4):
        pair = await keep(gateway, rollout, 2 * number, refused=True)
        await gateway.post(f"review/{pair.id}", {"refused": "second" if number else "neither"})

    async def shown() -> dict[str, dict[str, float]]:
        answer = (await gateway.http.get("/admin/v1/endpoints/chat")).json()["rollout"]["refusals"]
        return dict(answer[0]) if answer else {}

    with anyio.fail_after(10):
        while (found := (await shown()).get("audited") or {}).get("labelled") != 4:  # noqa: ASYNC110 - another task
            await anyio.sleep(0.05)
    assert found["estimate"] == pytest.approx(0.2 - 0.25)
    assert found["low"] < 0.0 < found["high"]


async def test_what_cannot_be_labelled_says_why(gateway: Gateway) -> None:
    """A pair that is gone, one of an earlier rollout, and an answer that is none."""
    rollout = await started(gateway)
    pair = await keep(gateway, rollout, 1, refused=True)
    assert "expired" in str((await gateway.post("review/none", {"refused": "both"}, 404))["detail"])
    await gateway.post(f"review/{pair.id}", {"refused": "maybe"}, 400)
    await gateway.post("rollback", {"reason": "enough"})
    await started(gateway)
    assert "is over" in str((await gateway.post(f"review/{pair.id}", {"refused": "both"}, 409))["detail"])
