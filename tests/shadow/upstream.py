"""Model servers for tests: the twin of `shadow.mirror.Upstream`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from shadow.errors import MirrorFailed
from tests.shadow.making import completion


@dataclass(frozen=True)
class Said:
    """A whole answer."""

    status: int
    body: bytes


Script = Callable[[int], Said | MirrorFailed]
"""What a model answers to its n-th request."""


def always(text: str) -> Script:
    """The same completion every time."""
    return lambda _: Said(200, completion(text))


def status(code: int) -> Script:
    """An error every time."""
    return lambda _: Said(code, b'{"error": {}}')


def fails(kind: str) -> Script:
    """No answer, ever."""
    return lambda _: MirrorFailed(kind)


@dataclass
class FakeUpstream:
    """Answers by script, and remembers what it was asked. While `held`, it answers nothing."""

    scripts: dict[str, Script]
    asked: list[tuple[str, str, tuple[tuple[bytes, bytes], ...], bytes]] = field(default_factory=list)
    held: anyio.Event | None = None
    in_flight: int = 0
    most_in_flight: int = 0

    async def unary(
        self,
        model_name: str,
        path: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        deadline_seconds: float,
    ) -> Said:
        """The scripted answer."""
        number = sum(model_name == model for model, *_ in self.asked)
        self.asked.append((model_name, path, tuple(headers), body))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.held is not None:
                await self.held.wait()
            await anyio.lowlevel.checkpoint()
        finally:
            self.in_flight -= 1
        answer = self.scripts[model_name](number)
        if isinstance(answer, MirrorFailed):
            raise answer
        return answer
