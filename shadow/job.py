"""One exchange on its way to being mirrored, with what is known of it already."""

from dataclasses import dataclass

from shadow import comparison
from shadow.answer import Ask
from shadow.batching import Home
from shadow.comparison import Heard, Readings
from shadow.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Job:
    """One exchange to be mirrored. `pair` and `triple` say which votes are to come of it.

    `readings` are those of its own answer, where they were taken already.
    """

    exchange: Exchange
    home: Home
    ask: Ask
    own: Heard
    readings: Readings | None
    slices: tuple[str, ...]
    queued_at: float
    pair: bool = False
    triple: bool = False

    @property
    def members(self) -> tuple[str, ...]:
        """The votes that are claimed for this job."""
        pair = (comparison.paired_member(self.exchange),) if self.pair else ()
        return (*pair, comparison.triple_member(self.exchange)) if self.triple else pair

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.exchange.request_body) + len(self.exchange.answer_body)
