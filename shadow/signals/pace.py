"""How fast an answer comes once it has begun: microseconds per character of a stream.

Per character and not per token, because tokenizers differ between models and readers read characters. Compared as the
share of answers that come slower than stable's p95. Only users' own answers have a pace: mirrors wait in other queues.
"""

from typing import Final

from shadow.reading import Measured, NotApplicable, Reading, Unmeasured

VERSION: Final = 1

LEAST_CHARACTERS: Final = 40
"""A shorter answer is one or two pieces, and its pace the network's."""
_US_PER_MS: Final = 1_000.0


def read(said: Reading, *, stream: bool, first_byte_ms: float, duration_ms: float) -> Reading:
    """Microseconds per character after the first byte. `said` is the length reading of the same answer."""
    if isinstance(said, Unmeasured):
        return said
    if not stream or isinstance(said, NotApplicable) or said.value < LEAST_CHARACTERS or first_byte_ms <= 0.0:
        return NotApplicable()
    return Measured(max(1.0, (duration_ms - first_byte_ms) * _US_PER_MS / said.value))
