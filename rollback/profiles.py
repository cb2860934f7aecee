"""What is known of an endpoint before a rollout starts: its traffic, and how stable behaves by itself.

Stable's own rates come from the counters of an earlier rollout on the endpoint, where there are any: its split votes
for a rate, and how often two answers to one request differed for the pairs. What no counter says is assumed, and named
as assumed, so that nobody takes it for a measurement.

Not here: what follows for a plan (`rollback.forecast`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from types import MappingProxyType
from typing import Final

from rollback.evidence import KEYLESS_LIMIT
from rollback.ledger import Ledger, read
from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import EVERY, LATTICE_STEPS, Event

LEAST_COUNTS: Final = 100
"""Fewer observations than this say less of a rate than the assumption does."""

ASSUMED_CORRELATION: Final = 0.5
"""Of bad events in two models' answers to one prompt. Measured between generations of one family: .4 to .9."""

ASSUMED_NEW_KEYS: Final = 0.5
"""The share of requests that bring a key which has not voted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalProfile:
    """How one signal behaves while nothing is wrong.

    `rate` is stable's rate of the event. `differing` is the share of pairs in which the two answers differ, on each
    side. `spread` is the standard deviation of a pair's difference, for signals that are no event. `applies` is the
    share of requests on which the signal has a meaning; where that is none, nothing waits for it. `measured` says
    whether counters stand behind all this.
    """

    rate: float = 0.0
    differing: float = 0.0
    spread: float = 0.0
    applies: float = 1.0
    measured: bool = False


def _event(rate: float) -> SignalProfile:
    return SignalProfile(rate=rate, differing=rate * (1.0 - rate) * (1.0 - ASSUMED_CORRELATION))


ASSUMED: Final[Mapping[str, SignalProfile]] = MappingProxyType(
    {
        "refusal": _event(0.02),
        "schema": _event(0.005),
        "errors": _event(0.002),
        "ttft": SignalProfile(rate=0.05),  # slower than stable's own p95, by definition
        "length": SignalProfile(spread=0.25),  # between models of one family: .22 to .31 of the clipped range
        "completion": SignalProfile(spread=0.25),  # as length: the same answers, counted otherwise
        "cost": SignalProfile(spread=0.25),
        "length.tail": SignalProfile(differing=0.015),  # likewise .009 to .03 each way
        "agreement": SignalProfile(spread=0.15),
    }
)
"""What is supposed of a signal that nothing is known of. A signal that is not listed is an event at 1 %."""

_OTHER: Final = _event(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What reaches the endpoint. `requests_per_second` None: nobody has asked anything yet.

    `seconds` is over how long the rate was seen (0: it was given, not seen). `new_keys` is the share of requests that
    bring a key which has not voted yet; `new_keys_measured` says whether it was counted or supposed. `sample` and
    `noise_floor` are the shares of requests that are mirrored, and sent to stable twice. `keyless`: clients give no key
    to vote by, so that pairs only warn.
    """

    requests_per_second: float | None
    seconds: float = 0.0
    new_keys: float = ASSUMED_NEW_KEYS
    new_keys_measured: bool = False
    sample: float = 0.2
    noise_floor: float = 0.02
    keyless: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """Stable's behaviour by the signal's cell name, such as `refusal` or `length.tail`."""

    signals: Mapping[str, SignalProfile]

    def of(self, cell_signal: str) -> SignalProfile:
        """What is known or supposed of a signal."""
        return self.signals.get(cell_signal) or ASSUMED.get(cell_signal, _OTHER)


def profile_of(cells: Mapping[str, int]) -> Profile:
    """What an earlier rollout's counters say; an empty mapping says nothing, and all is assumed."""
    ledger = read(cells)
    names = {place[0] for place in (*ledger.split, *ledger.paired, *ledger.missing) if place[1] == EVERY}
    found = {name: _measured(ledger, name) for name in sorted(names)}
    return Profile({name: each for name, each in found.items() if each is not None})


def new_keys_of(cells: Mapping[str, int], counts: Mapping[str, int]) -> float | None:
    """The share of an earlier rollout's requests that voted; None where it has too few.

    A key votes once with its first request, so votes over requests is the share of new keys. It votes anew when users
    are first exposed: at weight 0 its first answer is read for stable's own quantities, which every such vote has one
    observation of.
    """
    ledger = read(cells)
    votes = sum(count for (_, source, _), count in ledger.votes.items() if source == "split")
    votes += sum(count for cell, count in ledger.split.get(("ttft", EVERY), ()) if not cell.weight_bps)
    requests = sum(counts.get(f"assigned.{arm.value}", 0) for arm in Arm)
    return min(1.0, votes / requests) if votes >= LEAST_COUNTS and requests else None


def is_keyless(cells: Mapping[str, int]) -> bool:
    """Whether too many of an earlier rollout's pairs came from clients without a key."""
    return read(cells).keyless_share() > KEYLESS_LIMIT


def _measured(ledger: Ledger, name: str) -> SignalProfile | None:
    assumed = ASSUMED.get(name, _OTHER)
    rate = _stable_rate(ledger, name)
    held = ledger.paired.get((name, EVERY))
    by_index = Counter[int]()
    if held is not None:
        by_index.update({at - LATTICE_STEPS: count for at, count in enumerate(held.by_index().tolist()) if count})
    pairs = by_index.total()
    if rate is None and pairs < LEAST_COUNTS:
        never = not pairs and _not_applicable(ledger, name) >= LEAST_COUNTS
        return SignalProfile(applies=0.0, measured=True) if never else None
    profile = replace(assumed if rate is None else _like(assumed, rate), measured=True)
    if pairs < LEAST_COUNTS:
        return profile
    applies = pairs / (pairs + _not_applicable(ledger, name))
    if assumed.spread:
        return replace(profile, spread=_spread(by_index), applies=applies)
    # the smaller side: an earlier candidate that drifted added to the other one
    smaller = min(by_index[LATTICE_STEPS], by_index[-LATTICE_STEPS])
    return replace(profile, differing=(smaller + 0.5) / (pairs + 1.0), applies=applies)


def _like(assumed: SignalProfile, rate: float) -> SignalProfile:
    return assumed if assumed.spread else _event(rate)


def _stable_rate(ledger: Ledger, name: str) -> float | None:
    """Stable's rate over all its split votes, away from 0 as far as a count of zero allows to say."""
    seen = Counter[str]()
    for cell, count in ledger.split.get((name, EVERY), ()):
        if cell.arm is Arm.STABLE and 0 < cell.weight_bps < WEIGHT_SCALE:
            seen[cell.event] += count
    n = seen[Event.GOOD] + seen[Event.BAD]
    return (seen[Event.BAD] + 0.5) / (n + 1.0) if n >= LEAST_COUNTS else None


def _not_applicable(ledger: Ledger, name: str) -> int:
    found = ledger.missing.get((name, EVERY), {})
    return sum(each.not_applicable for (_, source, _), each in found.items() if source == "paired")


def _spread(by_index: Counter[int]) -> float:
    n = by_index.total()
    mean = sum(index * count for index, count in by_index.items()) / n
    square = sum((index - mean) ** 2 * count for index, count in by_index.items()) / n
    return max(1.0, sqrt(square)) / LATTICE_STEPS
