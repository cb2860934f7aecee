"""Recorded pairs, judged offline as a rollout would judge them in the shadow: a gate before any traffic.

Each line of the file is one request with both models' answers, as a JSON object:

    {"prompt": "…", "stable": "…", "candidate": "…"}
    {"request": {"messages": […]}, "stable": {…response body…}, "candidate": {…}, "stable_again": {…}, "key": "u-7"}

`prompt` stands for a request that asks one thing; `request` is the body of a chat request (`api` names another API, as
`shadow.exchange.Api` does). An answer is its text, or a response's body, or null where the model gave none, which is an
error of that model. `stable_again` is stable's answer to the same request once more: without it on any line, agreement
is not judged. `key` says whose request it is: requests of one user depend on each other, so only the first line of a
key counts, as only the first request of a user does. A line without a key stands for itself.

The readings, the counters and the judge are those of a rollout at weight 0, with the plan's budgets and alpha, and the
margin of its first stage. What pairs cannot tell is left out, and named: `ttft`, agreement without a second answer, and
errors where no answer is missing, for a file of answers that all arrived is no proof of that.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import structs

from rollback import commands
from rollback.decision import DecisionKind, Facts, decide
from rollback.errors import Unreadable
from rollback.evidence import examine
from rollback.plan import BudgetClass, Plan, Stage
from rollback.readiness import lacks
from rollback.rollout import Holding
from rollback.sentences import several
from rollback.verdict import SignalReport
from shadow import answer, capture, comparison
from shadow.answer import Answer, Ask, Json
from shadow.comparison import Heard, heard
from shadow.exchange import PLAIN, Api, Exchange
from shadow.wire.tolerant import decode

ONLY_SPLIT: Final = frozenset({"ttft"})
_KNOWN: Final = frozenset({"key", "api", "request", "prompt", "stable", "candidate", "stable_again"})
_SALT: Final = "recorded"
_MISSING: Final = object()


class Outcomes(StrEnum):
    """What the file says of the candidate."""

    HARMLESS = "harmless"
    """Every guardrail that can be judged here is shown to stay within its limit."""
    HARM = "harm"
    NOT_ENOUGH = "not_enough"


@dataclass(frozen=True, slots=True)
class Pair:
    """One line. `again` is stable's second answer, None where there is none."""

    line: int
    key: str
    ask: Ask
    stable: Heard
    candidate: Heard
    again: Heard | None

    @property
    def failed(self) -> bool:
        """Whether an answer is missing or is an error."""
        return self.stable.failed or self.candidate.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The table, the outcome and its sentence. `left_out` are signals not judged, each with the reason."""

    outcome: Outcomes
    sentence: str
    reports: tuple[SignalReport, ...]
    left_out: tuple[str, ...]
    pairs: int
    repeated_keys: int
    cells: dict[str, int]


def read(lines: Iterable[bytes]) -> Iterator[Pair]:
    """The pairs of a JSONL file, empty lines skipped; raises `Unreadable` with the line's number."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _pair(number, line)


def judged(plan: Plan, pairs: Iterable[Pair]) -> Judgement:
    """What the pairs say of the candidate; raises `Unreadable` where there are none."""
    every = tuple(pairs)
    if not every:
        raise Unreadable("there are no pairs in the file")
    shadow_plan, left_out = _shadow_plan(plan, every)
    firsts = {pair.key: pair for pair in reversed(every)}
    cells = _cells(sorted(firsts.values(), key=lambda pair: pair.line))
    rollout = commands.start(
        id="recorded",
        endpoint="recorded",
        stable="stable",
        candidate="candidate",
        plan=shadow_plan,
        salt=_SALT,
        revision=1,
        epoch=1,
        actor="replay",
        reason="",
        now=0.0,
        signal_versions={},
    )
    facts = Facts(cells=cells, counts={}, previous_counts={}, previous_at=0.0, blind_seconds=0.0, store_ok=True)
    decision = decide(rollout, facts, 0.0)
    outcome, sentence = Outcomes.HARMLESS, _harmless(decision.reports, len(firsts))
    evidence = examine(rollout, cells)
    missing = lacks(evidence, decision.reports, 0.0)
    if decision.kind is DecisionKind.ROLL_BACK:
        outcome, sentence = Outcomes.HARM, decision.sentence
    elif decision.after.holding in (Holding.BURN, Holding.SIGNAL_HARM):
        outcome, sentence = Outcomes.NOT_ENOUGH, decision.sentence
    elif missing:
        outcome, sentence = Outcomes.NOT_ENOUGH, missing[0].sentence
    return Judgement(
        outcome=outcome,
        sentence=sentence,
        reports=decision.reports,
        left_out=left_out,
        pairs=len(firsts),
        repeated_keys=len(every) - len(firsts),
        cells=dict(cells),
    )


def _shadow_plan(plan: Plan, pairs: tuple[Pair, ...]) -> tuple[Plan, tuple[str, ...]]:
    """The plan's budgets in one stage at weight 0, without those that the file says nothing about."""
    reasons = dict.fromkeys(ONLY_SPLIT, "needs real traffic")
    if not any(pair.again is not None for pair in pairs):
        reasons["agreement"] = "no line has stable_again"
    if not any(pair.failed for pair in pairs):
        reasons["errors"] = "every answer arrived"
    kept = tuple(budget for budget in plan.budgets if budget.signal not in reasons)
    left_out = tuple(f"{each.signal}: {reasons[each.signal]}" for each in plan.budgets if each.signal in reasons)
    return replace(plan, stages=(Stage(0, margin=plan.stages[0].margin),), budgets=kept), left_out


def _harmless(reports: tuple[SignalReport, ...], pairs: int) -> str:
    decided = [row for row in reports if row.budget_class is not BudgetClass.OBSERVE]
    shown = dict.fromkeys(row.signal for row in decided if row.harmless)
    empty = dict.fromkeys(row.signal for row in decided if row.verdict.value == "not_applicable")
    sentence = f"{', '.join(shown) or 'nothing'} shown within the limits, n = {pairs:,}"
    return sentence + (f"; {several(list(empty))} not applicable" if empty else "")


# ── pairs → counters ──────────────────────────────────────────────────────────────────────────────────────────────────


def _cells(pairs: Iterable[Pair]) -> Counter[str]:
    cells: Counter[str] = Counter()
    for pair in pairs:
        exchange = _exchange(pair)
        vote = comparison.paired_vote(
            exchange, comparison.side(pair.ask, pair.stable), comparison.side(pair.ask, pair.candidate), ()
        )
        cells.update(vote.cells)
        if pair.again is not None:
            triple = comparison.triple_vote(exchange, pair.ask, pair.stable, pair.again, pair.candidate, ())
            cells.update(triple.cells)
    return cells


def _exchange(pair: Pair) -> Exchange:
    """The line as an exchange of a rollout in the shadow."""
    return structs.replace(PLAIN, request_id=f"line-{pair.line}", salt=_SALT, vote_key=pair.key)


# ── lines → pairs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _pair(number: int, line: bytes) -> Pair:
    readable, record = decode(line)
    if not readable or not isinstance(record, dict):
        raise Unreadable(f"line {number}: not a JSON object")
    unknown = sorted(record.keys() - _KNOWN)
    if unknown:
        raise Unreadable(f"line {number}: unknown field {unknown[0]!r}; known are {', '.join(sorted(_KNOWN))}")
    api = _api(number, record.get("api", Api.CHAT.value))
    key = record.get("key")
    if key is not None and not isinstance(key, str | int):
        raise Unreadable(f"line {number}: `key` must be a text")
    return Pair(
        line=number,
        key=f"line {number}" if key is None else f"key {key}",
        ask=_ask(number, api, record),
        stable=_heard(number, api, record, "stable"),
        candidate=_heard(number, api, record, "candidate"),
        again=_heard(number, api, record, "stable_again") if "stable_again" in record else None,
    )


def _api(number: int, name: object) -> Api:
    known = [api.value for api in Api if api is not Api.EMBEDDINGS]
    if name not in known:
        raise Unreadable(f"line {number}: `api` must be one of {', '.join(known)}")
    return Api(name)


def _ask(number: int, api: Api, record: dict[str, Json]) -> Ask:
    request, prompt = record.get("request"), record.get("prompt")
    if isinstance(request, dict) and prompt is None:
        return capture.ask_of(api, request)
    if isinstance(prompt, str) and request is None:
        return Ask(prompt, wants_json=False, schema=None, tools=(), max_tokens=None)
    raise Unreadable(f"line {number}: give `prompt`, a text, or `request`, the body of a request: one of them")


def _heard(number: int, api: Api, record: dict[str, Json], name: str) -> Heard:
    said = record.get(name, _MISSING)
    if said is _MISSING:
        raise Unreadable(f"line {number}: `{name}` is missing; null says that the model gave no answer")
    if isinstance(said, str):
        return heard(
            Answer(said, "", blocked=False, finish="stop", truncated=False, tool_calls=(), completion_tokens=None)
        )
    if said is None:
        return heard(answer.Unreadable("no_answer"))
    if isinstance(said, dict):
        return heard(capture.read_answer(api, msgspec.json.encode(said), stream=False))
    raise Unreadable(f"line {number}: `{name}` must be a text, a response body, or null")
