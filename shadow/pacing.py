"""How fast the mirror may ask, decided before it asks: shadow work is the first to give way.

Three values, replaced and never changed. `Pace` is for one model: requests in flight halve with each failure and grow
by one with each answer, and a 429 brings a pause that doubles. Errors slow down but do not stop: a failing candidate
must still be seen to fail. `Tokens` is an endpoint's budget per minute, filled continuously (a token bucket).
`Attention` is the worker's own: while it falls behind, fewer exchanges are read for the signals that are only observed.

`now` is monotonic seconds.
"""

from dataclasses import dataclass, replace
from typing import Final

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
LATE_SECONDS: Final = 0.5
"""Exchanges are handed over within milliseconds of their end; where it takes this long, the worker is behind."""
ATTENTION_SECONDS: Final = 1.0
"""How long a change of attention is left to work."""
LEAST_ATTENTION: Final = 1 / 16
CHARACTERS_PER_TOKEN: Final = 4
"""The usual rule of thumb for English; a budget needs no better."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many mirrors one model may have in flight, and until when it gets none."""

    most: int
    limit: float
    paused_until: float = 0.0
    pause_seconds: float = 0.0

    @classmethod
    def full(cls, most: int) -> "Pace":
        """Nothing has gone wrong yet."""
        return cls(most=most, limit=float(most))

    def allows(self, in_flight: int, now: float) -> bool:
        """Whether one more may be asked."""
        return now >= self.paused_until and in_flight < self.limit

    def after_answer(self) -> "Pace":
        """One more in flight; the next pause is short again."""
        return replace(self, limit=min(float(self.most), self.limit + 1.0), pause_seconds=0.0)

    def after_failure(self) -> "Pace":
        """Half as many, but always one."""
        return replace(self, limit=max(1.0, self.limit / 2.0))

    def after_too_many(self, now: float) -> "Pace":
        """The server said 429: pause. Answers to what was in flight already do not lengthen the pause."""
        if now < self.paused_until:
            return self
        pause = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, self.pause_seconds * 2.0))
        limit = max(1.0, self.limit / 2.0)
        return replace(self, limit=limit, paused_until=now + pause, pause_seconds=pause)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A budget of tokens per minute; a minute's worth may be saved up."""

    per_minute: int
    level: float
    filled_at: float

    @classmethod
    def full(cls, per_minute: int, now: float) -> "Tokens":
        """A whole minute's budget."""
        return cls(per_minute, float(per_minute), now)

    def spend(self, tokens: int, now: float) -> "Tokens | None":
        """The budget after spending, or None where it does not hold so many."""
        level = min(float(self.per_minute), self.level + (now - self.filled_at) * self.per_minute / 60.0)
        return replace(self, level=level - tokens, filled_at=now) if tokens <= level else None


@dataclass(frozen=True, slots=True)
class Attention:
    """The share of exchanges that are read for more than the default signals.

    Halved each second in which exchanges come late, and taken up again by a quarter: a worker that did not give way
    here would lose whole exchanges, and with them the evidence that decides. Which exchanges are left out depends on
    the time and on a hash of the request, never on the arm, so what is read is still a fair sample of both.
    """

    share: float = 1.0
    changed_at: float = -ATTENTION_SECONDS

    def after(self, late_seconds: float, now: float) -> "Attention":
        """With an exchange taken `late_seconds` after it ended."""
        if now - self.changed_at < ATTENTION_SECONDS:
            return self
        if late_seconds > LATE_SECONDS:
            return Attention(max(LEAST_ATTENTION, self.share / 2.0), now)
        return Attention(min(1.0, self.share * 1.25), now) if self.share < 1.0 else self


def estimated_tokens(request_bytes: int, answer_bytes: int, completion_tokens: int | None, times: int) -> int:
    """About how many tokens asking `times` more will take, judged by the exchange that there was."""
    answer = completion_tokens if completion_tokens is not None else answer_bytes // CHARACTERS_PER_TOKEN
    return times * (request_bytes // CHARACTERS_PER_TOKEN + answer)
