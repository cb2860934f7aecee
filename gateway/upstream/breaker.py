"""When a model server is left alone, and when it is tried again. A value; `now` is an argument.

    closed ── FAILURES in a row without a whole answer between them ──▶ open, for `pause`
      ▲                                                                  │ pause over: one request is let in
      └── it answers ◀── trial ── it fails, or says nothing for as long again ──▶ open, for twice the pause

Why failures in a row, and not a rate: a model server fails all at once (out of memory, restarted, wrong key) or hardly
ever, and a row needs no window. At one failure in ten, seven in a row come once in ten million requests, so a candidate
that is merely bad is judged by the evidence, and only one that is gone is spared its requests.

A trial that nobody ends (its client left) blocks nothing: the next one is due after the same pause.
"""

from typing import Final

import msgspec

FAILURES: Final = 7
"""In a row. Linkerd's default, too; a single restart of a server behind a few connections stays below it."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
"""A server that was gone for long gets its first request back at most this long after it came back."""


class Breaker(msgspec.Struct, frozen=True):
    """One server's state. `pause_seconds` is 0 while closed; `due_at` is when the next trial may begin."""

    failures: int = 0
    pause_seconds: float = 0.0
    due_at: float = 0.0
    on_trial: bool = False

    @property
    def is_open(self) -> bool:
        """Whether requests are kept away, but for a trial now and then."""
        return self.pause_seconds > 0.0

    def admits(self, now: float) -> bool:
        """Whether a request may be sent now."""
        return self.pause_seconds == 0.0 or now >= self.due_at

    def begun(self, now: float) -> "Breaker":
        """A request was sent. In an open breaker it is the trial: no other for one more pause."""
        return msgspec.structs.replace(self, due_at=now + self.pause_seconds, on_trial=True) if self.is_open else self

    def answered(self) -> "Breaker":
        """The server began a usable answer: closed, but one more failure before a whole answer opens it again."""
        return Breaker(failures=FAILURES - 1) if self.is_open else self

    def completed(self) -> "Breaker":
        """A usable answer arrived whole."""
        return CLOSED if self.failures or self.is_open else self

    def failed(self, now: float) -> "Breaker":
        """A request failed by the server's fault.

        What was sent before the breaker opened may fail as late as it likes: only during a trial the pause gets longer.
        """
        if self.is_open:
            pause = min(LONGEST_PAUSE_SECONDS, 2.0 * self.pause_seconds)
            return Breaker(self.failures, pause, now + pause) if self.on_trial else self
        failures = self.failures + 1
        if failures < FAILURES:
            return Breaker(failures=failures)
        return Breaker(failures, FIRST_PAUSE_SECONDS, now + FIRST_PAUSE_SECONDS)


CLOSED: Final = Breaker()
