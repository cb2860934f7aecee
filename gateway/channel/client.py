"""A worker's end of the control channel: it connects again for ever, and a worker works without it.

`on_message` applies a message before the acknowledgement goes out, so "acknowledged" means that no later request is
assigned by the old route. It must not block.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from os import getpid
from pathlib import Path
from typing import Final, Protocol

import anyio

from gateway.channel.line import LOST, Line, connected
from gateway.channel.messages import (
    Ack,
    Counters,
    FromControl,
    Hello,
    Leaving,
    Made,
    Spans,
    Welcome,
    frame,
    read_from_control,
)
from gateway.telemetry.spans import Span

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
COUNTERS_EVERY_SECONDS: Final = 1.0
SHARE_EVERY_SECONDS: Final = 0.1
"""Sooner than a client's next turn, if it is not a program."""


class Shared(Protocol):
    """What data workers tell each other."""

    def take_news(self) -> tuple[tuple[int, str], ...]:
        """What was not told yet, some of it."""

    def learn(self, made: Iterable[tuple[int, str]]) -> None:
        """What another worker tells."""


class ControlClient:
    """Keeps one worker in touch with its control process."""

    def __init__(
        self,
        path: Path,
        *,
        role: str,
        index: int,
        on_message: Callable[[FromControl], None],
        counters: Callable[[], Mapping[str, float]] | None = None,
        on_welcome: Callable[[], None] | None = None,
        shared: Shared | None = None,
        spans: Callable[[], tuple[Span, ...]] | None = None,
    ) -> None:
        self._path = path
        self._hello = Hello(role=role, index=index, pid=getpid())
        self._on_message = on_message
        self._counters = counters
        self._on_welcome = on_welcome
        self._shared = shared
        self._spans = spans
        self.connected = False
        self._line: Line | None = None
        self._leaving = False

    async def run(self) -> None:
        """Connect, listen, answer; when the connection ends, begin again after a growing pause, until `leave`."""
        pause = FIRST_PAUSE_SECONDS
        while not self._leaving:
            try:
                async with connected(self._path) as line:
                    await line.send(frame(self._hello))
                    self.connected, pause, self._line = True, FIRST_PAUSE_SECONDS, line
                    await self._converse(line)
            except LOST as error:
                self._log_lost(error)
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def leave(self) -> None:
        """Say that no more requests are accepted here, and do not connect again."""
        self._leaving = True
        if self._line is not None and self.connected:
            try:
                await self._line.send(frame(Leaving()))
            except LOST as error:
                logger.debug("the control process is away: %s", type(error).__name__)

    def _log_lost(self, error: Exception) -> None:
        if self.connected:
            logger.warning("%s lost the control process (%s); connecting again", self._hello.name, type(error).__name__)
        self.connected = False

    async def _converse(self, line: Line) -> None:
        lost: list[Exception] = []

        async def until_lost(side: Callable[[Line], Awaitable[None]]) -> None:
            try:
                await side(line)
            except LOST as error:
                lost.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_lost, self._report)
            tasks.start_soon(until_lost, self._share)
            tasks.start_soon(until_lost, self._listen)
        raise lost[0]

    async def _listen(self, line: Line) -> None:
        while True:
            message = await read_from_control(line)
            if isinstance(message, Welcome):
                if self._on_welcome is not None:
                    self._on_welcome()
                continue
            if isinstance(message, Made):
                if self._shared is not None:
                    self._shared.learn(message.responses)
                continue
            self._on_message(message)
            await line.send(frame(Ack(seq=message.seq)))

    async def _share(self, line: Line) -> None:
        while self._shared is not None:
            if news := self._shared.take_news():
                await line.send(frame(Made(responses=news)))
            await anyio.sleep(SHARE_EVERY_SECONDS)

    async def _report(self, line: Line) -> None:
        while self._counters is not None:
            await line.send(frame(Counters(values=dict(self._counters()))))
            if self._spans is not None and (spans := self._spans()):
                await line.send(frame(Spans(spans=spans)))
            await anyio.sleep(COUNTERS_EVERY_SECONDS)
