"""How long a candidate may take to its first byte before stable answers instead.

Learned from stable's own first-byte times, apart by endpoint, mode and size of the request, since a streamed answer to
a short prompt and a whole answer to a long one have nothing in common. The deadline is a large multiple of stable's
99th percentile: it exists to save a request from a candidate that hangs, not to judge one that is slow (the signals do
that), so a candidate identical to stable must never trip it.
"""

from typing import Final

MULTIPLE: Final = 8.0
"""Of stable's p99. Log-normal first-byte times with σ = 1 exceed it once in 200,000 requests; usual ones never."""
LEAST_SECONDS: Final = 3.0
"""Below this, a pause of the machine would trip it."""
ENOUGH: Final = 100
"""Observations before a p99 means anything."""
_HORIZON: Final = 4_096
"""Above this many observations all counts are halved: last week's speed is forgotten."""
_BINS: Final = 96
_BINS_PER_OCTAVE: Final = 4
_LEAST_MS: Final = 0.25
_REFRESH: Final = 64


class _Times:
    """First-byte times of one class as a histogram of quarter octaves from 0.25 ms up."""

    __slots__ = ("bins", "n", "p99_ms", "since")

    def __init__(self) -> None:
        self.bins = [0] * _BINS
        self.n = 0
        self.since = 0
        self.p99_ms = 0.0

    def add(self, ms: float) -> None:
        octaves = max(0.0, ms / _LEAST_MS)
        whole = int(octaves).bit_length()
        part = octaves / (1 << (whole - 1)) - 1 if whole else 0.0
        index = min(_BINS - 1, max(0, whole - 1) * _BINS_PER_OCTAVE + int(part * _BINS_PER_OCTAVE))
        self.bins[index] += 1
        self.n += 1
        self.since += 1
        if self.since >= _REFRESH or self.n == ENOUGH:
            self._refresh()

    def _refresh(self) -> None:
        self.since = 0
        if self.n > _HORIZON:
            self.bins = [count // 2 for count in self.bins]
            self.n = sum(self.bins)
        left = self.n * 0.01
        for index in range(_BINS - 1, -1, -1):
            left -= self.bins[index]
            if left < 0:
                octave, part = divmod(index, _BINS_PER_OCTAVE)
                self.p99_ms = _LEAST_MS * (1 << octave) * (1 + (part + 1) / _BINS_PER_OCTAVE)
                return


class FirstByteTimes:
    """What one worker knows of stable's first-byte times."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, bool, int], _Times] = {}

    def observe(self, endpoint: str, *, stream: bool, size: int, ms: float) -> None:
        """Stable's first byte came after `ms`, for a request body of `size` bytes."""
        key = (endpoint, stream, _size_class(size))
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = _Times()
        times.add(ms)

    def deadline_seconds(self, endpoint: str, *, stream: bool, size: int, longest: float) -> float:
        """The candidate's deadline, at most `longest`, which also serves while too little is known.

        A class without enough observations takes the deadline of a class of larger requests: those are slower.
        """
        own = _size_class(size)
        for size_class in range(own, own + 8):
            times = self._times.get((endpoint, stream, size_class))
            if times is not None and times.n >= ENOUGH:
                return min(longest, max(LEAST_SECONDS, MULTIPLE * times.p99_ms / 1000))
        return longest


def _size_class(size: int) -> int:
    return size.bit_length() // 2
