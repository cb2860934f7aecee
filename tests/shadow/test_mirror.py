"""Asking the other model: what is evidence, what is our own bound, and how it gives way."""

import anyio
import pytest

from shadow.answer import Answer, Unreadable
from shadow.comparison import Heard
from shadow.errors import MirrorShed
from shadow.mirror import Mirror
from tests.shadow.making import chunks, exchange
from tests.shadow.upstream import FakeUpstream, Said, Script, always, fails, status

pytestmark = pytest.mark.anyio


async def test_the_mirror_asks_what_the_application_asked() -> None:
    """The same path, headers and body, and a header that says what it is."""
    upstream = FakeUpstream({"new": always("Rome.")})
    of = exchange()
    heard = await Mirror(upstream).ask(of, "new")
    assert isinstance(heard.said, Answer)
    assert (heard.said.text, heard.failed) == ("Rome.", False)
    assert upstream.asked == [("new", of.path, (*of.headers, (b"x-driftgate-shadow", b"1")), of.request_body)]


async def test_a_streamed_request_is_mirrored_as_a_stream() -> None:
    """Its events are put together."""
    upstream = FakeUpstream({"new": lambda _: Said(200, chunks({"content": "Ro"}, {"content": "me."}))})
    heard = await Mirror(upstream).ask(exchange(stream=True), "new")
    assert isinstance(heard.said, Answer)
    assert heard.said.text == "Rome."


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (status(404), "status_404"),
        (status(500), "status_500"),
        (fails("refused"), "refused"),
        (fails("timeout"), "timeout"),
        (lambda _: Said(200, b"<html>"), "malformed_json"),
    ],
)
async def test_what_failed_there_is_an_error_of_that_arm(script: Script, reason: str) -> None:
    """Statuses, broken connections, and answers that no application could read."""
    assert await Mirror(FakeUpstream({"new": script})).ask(exchange(), "new") == Heard(Unreadable(reason), failed=True)


@pytest.mark.parametrize("kind", ["saturated", "overlong", "unknown_model"])
async def test_what_was_stopped_here_is_evidence_of_nothing(kind: str) -> None:
    """Our connections, our deadline, our configuration."""
    with pytest.raises(MirrorShed) as shed:
        await Mirror(FakeUpstream({"new": fails(kind)})).ask(exchange(), "new")
    assert shed.value.reason == kind


async def test_a_429_pauses_that_model_and_no_other() -> None:
    """At once: the next is not even asked."""
    upstream = FakeUpstream({"new": status(429), "old": always("Paris.")})
    mirror = Mirror(upstream)
    reasons = []
    for _ in range(3):
        with pytest.raises(MirrorShed) as shed:
            await mirror.ask(exchange(), "new")
        reasons.append(shed.value.reason)
    assert reasons == ["rate_limited", "paced", "paced"]
    assert len(upstream.asked) == 1
    assert not (await mirror.ask(exchange(), "old")).failed


async def test_errors_leave_fewer_in_flight_but_never_none() -> None:
    """A failing candidate is asked one by one."""
    upstream = FakeUpstream({"new": fails("refused")})
    mirror = Mirror(upstream, most=8)
    for _ in range(5):
        assert (await mirror.ask(exchange(), "new")).failed
    upstream.held = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mirror.ask, exchange(), "new")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(MirrorShed):
            await mirror.ask(exchange(), "new")
        upstream.held.set()


async def test_a_cancelled_mirror_gives_its_place_back() -> None:
    """Else a few of them would end all mirroring."""
    upstream = FakeUpstream({"new": always("Rome.")}, held=anyio.Event())
    mirror = Mirror(upstream, most=1)
    for _ in range(3):
        with anyio.move_on_after(0.001):
            await mirror.ask(exchange(), "new")
    assert mirror.has_room("new")
