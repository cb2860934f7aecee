"""Commands that look again and again: `status --watch` and `status --wait`.

Polling, because it needs nothing but the endpoint's document and survives a restart of the gateway in between.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.live import Live

from gateway.cli import printing, showing, wire
from gateway.cli.client import AdminClient, Answer
from gateway.cli.errors import CommandFailed, ExitCode, Refused, Unreachable, WaitCode
from gateway.config.errors import Unusable
from gateway.config.units import duration

POLL_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 30.0
"""A gateway that restarts is back sooner; one that stays silent for longer cannot be waited for."""
OUT_OF_ORDER: Final = 500
"""From this HTTP status on an answer says that the gateway has trouble, not that the question was wrong."""


def rollout_json(answer: Answer) -> dict[str, Any]:  # Any: the gateway's own JSON, printed as it came
    """The latest rollout of an endpoint's document; `phase: idle` where there was none."""
    document = answer.as_json()
    idle = {"endpoint": document.get("name"), "phase": "idle", "stable": document.get("stable")}
    return document.get("rollout") or idle


def wait(servers: Sequence[str], endpoint: str, timeout: str, *, as_json: bool) -> int:
    """Wait until the rollout that runs now has ended; prints how it stands then, and returns the exit code."""
    try:
        deadline = time.monotonic() + duration(timeout)
    except Unusable as error:
        raise CommandFailed(f"--timeout {error}", code=ExitCode.USAGE) from error
    try:
        with AdminClient(*servers) as client:
            code, last = _waited(client, endpoint, deadline)
    except CommandFailed as error:
        raise CommandFailed(error.message, error.fix, WaitCode.COULD_NOT_TELL) from error
    if as_json:
        printing.show_json(last)
    else:
        rollout = Answer(json.dumps(last).encode()).as_(wire.Rollout)
        printing.show(showing.status(wire.Endpoint(endpoint, rollout.stable, rollout=rollout)))
    return code


def _waited(client: AdminClient, endpoint: str, deadline: float) -> tuple[WaitCode, dict[str, Any]]:
    last: dict[str, Any] = {}  # Any: as in rollout_json
    for answer in _polled(client, endpoint):
        if answer is not None:
            last = _followed(client, endpoint, rollout_json(answer), last.get("id", ""))
            if last["phase"] == "promoted":
                return WaitCode.PROMOTED, last
            if last["phase"] == "rolled_back":
                return WaitCode.ROLLED_BACK, last
        if time.monotonic() >= deadline:
            return (WaitCode.COULD_NOT_TELL if answer is None else WaitCode.TIMED_OUT), last
    raise AssertionError("polling ends only by an error")


def _followed(client: AdminClient, endpoint: str, latest: dict[str, Any], followed: str) -> dict[str, Any]:
    """The rollout that was there at first: one that replaced it is another story."""
    if latest.get("phase") == "idle":
        raise CommandFailed(f"{endpoint} has no rollout to wait for", f"`driftgate start {endpoint}` starts one")
    if followed and latest.get("id") != followed:
        document = client.rollout(followed).as_json()
        found: dict[str, Any] = document.get("rollout", document)  # Any: as in rollout_json
        return found
    return latest


def watch(servers: Sequence[str], endpoint: str, *, as_json: bool, every_test: bool) -> None:
    """Show the rollout whenever it changes, until it has ended; on a terminal in place."""
    console = printing.out()
    with AdminClient(*servers) as client:
        if as_json or not console.is_terminal:
            _watch_lines(client, endpoint, as_json=as_json, every_test=every_test)
            return
        with Live(console=console, auto_refresh=False) as live:
            for answer in _polled(client, endpoint):
                if answer is not None:
                    view = answer.as_(wire.Endpoint)
                    live.update(showing.status(view, every_test=every_test), refresh=True)
                    if view.rollout is None or view.rollout.has_ended:
                        return


def _watch_lines(client: AdminClient, endpoint: str, *, as_json: bool, every_test: bool) -> None:
    shown: dict[str, Any] = {}  # Any: JSON that is only compared with its predecessor
    for answer in _polled(client, endpoint):
        if answer is None:
            continue
        seen = rollout_json(answer)
        view = answer.as_(wire.Endpoint)
        if seen != shown and as_json:
            printing.show_json(seen)
        elif seen != shown:
            printing.show(showing.status(view, every_test=every_test), "")
        shown = seen
        if view.rollout is None or view.rollout.has_ended:
            return


def _polled(client: AdminClient, endpoint: str) -> Iterator[Answer | None]:
    """The endpoint's document, again and again; None while a gateway that had answered is silent.

    Silent means unreachable or out of order. A gateway that never answered, that stays silent for longer than
    `PATIENCE_SECONDS`, or that says no, ends it.
    """
    heard_at: float | None = None
    while True:
        answer = None
        try:
            answer = client.endpoint(endpoint)
            heard_at = time.monotonic()
        except (Unreachable, Refused) as error:
            says_no = isinstance(error, Refused) and error.status < OUT_OF_ORDER
            if says_no or heard_at is None or time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise
        yield answer
        time.sleep(POLL_SECONDS)
