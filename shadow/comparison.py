"""One request's evidence: readings of its answers, as the counts that its vote adds.

Three votes can come of a request, each with all its signals at once:
- `s:` split: what the assigned arm did for its user, at the weight in force then;
- `p:` paired: candidate − stable on the same request, whichever of the two was the mirror;
- `t:` triple: whether the candidate agrees with stable less than stable agrees with itself.
At weight 0 nobody was exposed, so there is no split evidence; stable's own quantities are kept for freezing quantiles
(`r:`, a mark of its own, so that the key still has its split vote in the next stage).

A reading that does not exist is counted as such, by arm and reason: as *lost* where the arm's own failure took it (the
judge then takes the worst), as missing where it could not be made or does not apply.

The signals that are only observed by default (`catalogue.ALSO`, and an application's own) are counted over all requests
and not in slices: three dozen slices of two dozen signals would be most of what the judge reads.

Not here: whether a request is compared (`sampling`), and what counts mean (`rollback.evidence`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.answer import Answer, Ask, Unreadable
from shadow.casting import (
    Make,
    everywhere,
    missing,
    own_side,
    pair,
    split,
    vote_counted,
    vote_of,
    votes,
    windowed,
)
from shadow.cells import Event, Vote
from shadow.exchange import Exchange, Outcome
from shadow.reading import Measured, NotApplicable, Reading, Unmeasured
from shadow.signals import agreement, length, pace, refusal, schema, tokens
from shadow.signals.agreement import Agreement
from shadow.signals.catalogue import ALSO, Read
from shadow.signals.json_paths import NOTHING, JsonPath
from shadow.spending import Price, cost_reading

KEYLESS_SIGNAL: Final = "pairs"
"""The signal name under which pairs of clients without a key are marked; no signal has it."""

_FREE_IS_GOOD: Final = frozenset({"schema", "unknown_tool", "tool_arguments", "parallel_calls"})
"""Signals of calls: an answer that called nothing is free of their faults, and stands as good beside one that did."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one arm said to the request. `failed`: it gave no usable answer, which is an error of that arm."""

    said: Answer | Unreadable
    failed: bool = False


def heard(said: Answer | Unreadable) -> Heard:
    """A finished answer. One that cannot be read is of no use to an application either."""
    return Heard(said, failed=isinstance(said, Unreadable))


@dataclass(frozen=True, slots=True)
class Readings:
    """What one answer reads as, by signal."""

    refusal: Reading
    schema: Reading
    length: Reading
    tokens: Reading
    also: Mapping[str, Reading]
    prompt_tokens: int | None = None


def read(ask: Ask, said: Answer | Unreadable, also: Mapping[str, Read] = ALSO) -> Readings:
    """All readings of one answer; `also` are the signals beside the three that are always read."""
    if not ask.has_words:
        no = NotApplicable()
        tokens_in = said.prompt_tokens if isinstance(said, Answer) else None
        return Readings(no, no, no, no, dict.fromkeys(also, no), tokens_in)
    if isinstance(said, Unreadable):
        none = Unmeasured(said.reason)
        return Readings(none, none if schema.may_apply(ask) else NotApplicable(), none, none, dict.fromkeys(also, none))
    others = {name: signal(ask, said) for name, signal in also.items()}
    return Readings(
        refusal.read(ask, said),
        schema.read(ask, said),
        length.read(ask, said),
        tokens.read(ask, said),
        others,
        said.prompt_tokens,
    )


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: what was read of an answer, whether there was none to use, and what it cost, if known."""

    readings: Readings
    failed: bool
    cost: int | None = None


def side(ask: Ask, heard_: Heard, also: Mapping[str, Read] = ALSO, price: Price | None = None) -> Side:
    """Read what one arm said."""
    return side_of(read(ask, heard_.said, also), heard_, price)


def side_of(readings: Readings, heard_: Heard, price: Price | None = None) -> Side:
    """The side of an answer that was read already."""
    return Side(readings, heard_.failed, None if price is None else price.billionths(heard_.said))


# ── split ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def split_member(exchange: Exchange) -> str | None:
    """The member that the exchange's split vote is cast under.

    None for what may not be counted: requests whose arm was not drawn, those that were rejected for their own fault,
    and at weight 0 those without an answer.
    """
    if exchange.pinned or not exchange.drawn or exchange.outcome is Outcome.REJECTED:
        return None
    if exchange.weight_bps:
        return f"s:{exchange.vote_key}"
    return f"r:{exchange.vote_key}" if exchange.outcome is Outcome.COMPLETED else None


def split_vote(exchange: Exchange, ask: Ask, own: Readings, slices: tuple[str, ...]) -> Vote | None:
    """What the assigned arm did. `own` are the readings of the answer that the client got, whoever gave it.

    None for what may not be counted, and at weight 0 (`reference_vote`).
    """
    member = split_member(exchange)
    if member is None or exchange.weight_bps == 0:
        return None
    makes = [
        _split(exchange, "refusal", _content(exchange, own.refusal, _event)),
        _split(exchange, "schema", _content(exchange, _schema(ask, exchange, own), _event)),
        _split(exchange, "length", _content(exchange, own.length, _bin)),
        _split(exchange, "ttft", _first_byte(exchange)),
        _split(exchange, "errors", _error(exchange)),
    ]
    also = [_split(exchange, name, _content(exchange, reading, _event)) for name, reading in own.also.items()]
    also += _quantities(exchange, own.length, own.tokens)
    once = vote_counted(exchange, "split")
    return vote_of(member, makes, slices, *everywhere(also), once, *windowed(exchange, makes))


def reference_vote(exchange: Exchange, ask: Ask, said: Answer | Unreadable, slices: tuple[str, ...]) -> Vote | None:
    """What stable's quantiles are frozen from, at weight 0: quantities only, since nothing else is read then."""
    member = split_member(exchange)
    if member is None or exchange.weight_bps:
        return None
    if isinstance(said, Unreadable):
        long: Reading = Unmeasured(said.reason)
        spent: Reading = long
    else:
        long, spent = length.read(ask, said), tokens.read(ask, said)
    makes = [
        _split(exchange, "ttft", _first_byte(exchange)),
        _split(exchange, "length", _content(exchange, long, _bin)),
    ]
    return vote_of(member, makes, slices, *everywhere(_quantities(exchange, long, spent)))


def _quantities(exchange: Exchange, long: Reading, spent: Reading) -> list[Make]:
    """What is compared by its share beyond stable's p95, over all requests."""
    speed = pace.read(
        long,
        stream=exchange.stream,
        first_byte_ms=exchange.first_byte_ms,
        duration_ms=exchange.duration_ms,
    )
    return [
        _split(exchange, "pace", _content(exchange, speed, _bin)),
        _split(exchange, "tokens", _content(exchange, spent, _bin)),
    ]


def _split(exchange: Exchange, signal: str, outcome: "str | Missing") -> Make:
    if isinstance(outcome, Missing):
        return missing(exchange, signal, "split", exchange.assigned, outcome.reason)
    return split(exchange, signal, outcome)


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no observation, for this reason."""

    reason: str


def _assigned_failed(exchange: Exchange) -> bool:
    """Whether the assigned arm did. Where the client left nobody knows: it could have been the request's own fault."""
    if exchange.outcome is Outcome.CANCELLED:
        return False
    return bool(exchange.failure) or exchange.answered is not exchange.assigned or exchange.outcome is Outcome.FAILED


def _content(exchange: Exchange, reading: Reading, event: Callable[[float], str]) -> str | Missing:
    """An event of what the assigned arm said; lost where it said nothing because it failed."""
    if isinstance(reading, NotApplicable):
        return Missing("not_applicable")
    if _assigned_failed(exchange):
        return Event.LOST
    if exchange.outcome is Outcome.CANCELLED:
        return Missing("cancelled")
    if not exchange.complete:
        return Missing("incomplete")
    return Missing(reading.reason) if isinstance(reading, Unmeasured) else event(reading.value)


def _schema(ask: Ask, exchange: Exchange, own: Readings) -> Reading:
    """Where the assigned arm's answer is not there, only the request can say whether a structure was due."""
    if not _assigned_failed(exchange):
        return own.schema
    return Unmeasured("failed") if schema.may_apply(ask) else NotApplicable()


def _event(value: float) -> str:
    return Event.BAD if value else Event.GOOD


def _bin(value: float) -> str:
    return Event.bin_of(value)


def _first_byte(exchange: Exchange) -> str | Missing:
    if exchange.answered is exchange.assigned and exchange.first_byte_ms > 0.0:
        return Event.bin_of(exchange.first_byte_ms)
    return Missing("cancelled") if exchange.outcome is Outcome.CANCELLED else Event.LOST


def _error(exchange: Exchange) -> str | Missing:
    if _assigned_failed(exchange):
        return Event.BAD
    return Missing("cancelled") if exchange.outcome is Outcome.CANCELLED else Event.GOOD


# ── paired ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def paired_member(exchange: Exchange) -> str:
    """The member that the exchange's paired vote is cast under."""
    return f"p:{exchange.vote_key}"


def triple_member(exchange: Exchange) -> str:
    """The member that the exchange's triple is cast under."""
    return f"t:{exchange.vote_key}"


def paired_vote(exchange: Exchange, stable: Side, candidate: Side, slices: tuple[str, ...]) -> Vote:
    """Candidate − stable on one request. `errors` is paired only where mirrors are all there is of one arm."""
    ours, theirs = stable.readings, candidate.readings
    makes = [
        *_events(exchange, "refusal", ours.refusal, theirs.refusal),
        *_events(exchange, "schema", ours.schema, theirs.schema),
        _difference(exchange, "length", ours.length, theirs.length, length.difference),
        _difference(exchange, "length.tail", ours.length, theirs.length, length.tail),
    ]
    if exchange.weight_bps in (0, WEIGHT_SCALE):
        makes += _events(exchange, "errors", Measured(float(stable.failed)), Measured(float(candidate.failed)))
    if exchange.keyless:
        makes.append(missing(exchange, KEYLESS_SIGNAL, "paired", exchange.assigned, "keyless"))
    others = [
        make for name, reading in ours.also.items() for make in _events(exchange, name, reading, theirs.also[name])
    ]
    others += [
        _difference(exchange, "completion", *_completions(ours, theirs), length.difference),
        _difference(exchange, "cost", cost_reading(stable.cost), cost_reading(candidate.cost), length.difference),
    ]
    once = votes(exchange, "paired")
    return vote_of(paired_member(exchange), makes, slices, *everywhere(others), *once, *windowed(exchange, makes))


def _completions(stable: Readings, candidate: Readings) -> tuple[Reading, Reading]:
    """Tokens of both sides, where the same prompt took the same number of them on both: else they are no one unit."""
    same = stable.prompt_tokens is not None and stable.prompt_tokens == candidate.prompt_tokens
    return (stable.tokens, candidate.tokens) if same else (NotApplicable(), NotApplicable())


def _events(exchange: Exchange, signal: str, stable: Reading, candidate: Reading) -> list[Make]:
    """An event on both sides: their difference, and what stable did, from which each arm's own rate follows."""
    seen = _both(exchange, signal, stable, candidate)
    if not isinstance(seen, tuple):
        return [seen]
    ours, theirs = seen
    return [pair(exchange, signal, theirs - ours), *own_side(exchange, signal, ours)]


def _difference(
    exchange: Exchange, signal: str, stable: Reading, candidate: Reading, of: Callable[[float, float], float]
) -> Make:
    """How far apart two quantities are."""
    seen = _both(exchange, signal, stable, candidate)
    return pair(exchange, signal, of(*seen)) if isinstance(seen, tuple) else seen


def _both(exchange: Exchange, signal: str, stable: Reading, candidate: Reading) -> tuple[float, float] | Make:
    """Both sides' values. Not applicable where the request asks for nothing on *either* side.

    For signals of calls one side may be free of them (it called no tool) and the other not: it stands as good.
    """
    if isinstance(stable, Measured) and isinstance(candidate, Measured):
        return stable.value, candidate.value
    for arm, reading in ((Arm.CANDIDATE, candidate), (Arm.STABLE, stable)):
        if isinstance(reading, Unmeasured):
            return missing(exchange, signal, "paired", arm, reading.reason)
    if signal in _FREE_IS_GOOD and not (isinstance(stable, NotApplicable) and isinstance(candidate, NotApplicable)):
        return _or_good(stable), _or_good(candidate)
    return missing(exchange, signal, "paired", Arm.CANDIDATE, "not_applicable")


def _or_good(reading: Reading) -> float:
    return reading.value if isinstance(reading, Measured) else 0.0


# ── triple ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def triple_vote(
    exchange: Exchange,
    ask: Ask,
    stable: Heard,
    again: Heard,
    candidate: Heard,
    slices: tuple[str, ...],
    ignoring: frozenset[JsonPath] = NOTHING,
    judged: Sequence[float] = (),
) -> Vote:
    """agree(s, s′) − ½(agree(s, c) + agree(s′, c)) of a complete triple; an incomplete one is missing.

    `ignoring` are JSON paths that vary by themselves, learned from earlier triples. `judged` are the three agreements
    in that order, where somebody has them already.
    """
    triple = (stable, again, candidate)
    made = _disagreement(exchange, judged) if judged else _agreement(exchange, ask, triple, ignoring)
    return vote_of(triple_member(exchange), made, slices, *votes(exchange, "triple"), *windowed(exchange, made))


def _agreement(
    exchange: Exchange, ask: Ask, triple: tuple[Heard, Heard, Heard], ignoring: frozenset[JsonPath]
) -> list[Make]:
    one, two, other = (heard_.said for heard_ in triple)
    if isinstance(other, Unreadable):
        return [missing(exchange, "agreement", "paired", Arm.CANDIDATE, other.reason)]
    if isinstance(one, Unreadable):
        return [missing(exchange, "agreement", "paired", Arm.STABLE, one.reason)]
    if isinstance(two, Unreadable):
        return [missing(exchange, "agreement", "paired", Arm.STABLE, two.reason)]
    return _disagreement(exchange, [each.value for each in agreements(ask, (one, two, other), ignoring)])


def agreements(ask: Ask, said: tuple[Answer, Answer, Answer], ignoring: frozenset[JsonPath]) -> list[Agreement]:
    """Of stable with itself, of stable with the candidate, of stable again with the candidate."""
    return [agreement.compare(ask, one, other, ignoring) for one, other in combinations(said, 2)]


def _disagreement(exchange: Exchange, agreed: Sequence[float]) -> list[Make]:
    """How much less stable agrees with the candidate than with itself, and how much it disagrees with itself."""
    floor, *crossed = agreed
    return [pair(exchange, "agreement", floor - sum(crossed) / 2.0), *own_side(exchange, "agreement", 1.0 - floor)]
