"""Values as text and tables: what a person reads. Fits 80 columns, and needs no terminal.

Numbers carry the unit of their test: points for a rate, per cent for a length, a multiple for a ratio.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.wire import AuditEntry, Commanded, Decision, Durability, Endpoint, Next, Refusals, Rollout, Signal
from routing.wording import duration, weight, whom

_PHASES: Final = {
    "pending": ("○", "bold cyan"),
    "shadowing": ("◔", "bold cyan"),
    "canary": ("◑", "bold yellow"),
    "baking": ("◕", "bold yellow"),
    "promoted": ("✓", "bold green"),
    "rolled_back": ("✗", "bold red"),
}
"""Symbol and colour of each phase; the word always stands beside them."""
_VERDICTS: Final = {
    "harm": ("✗ harm", "red"),
    "no_harm": ("✓ no harm", "green"),
    "not_enough": ("· not yet", ""),
    "unmeasured": ("? unread", "yellow"),
    "not_applicable": ("– n/a", "dim"),
}
_CALM: Final = {"not_enough_evidence": "gathering evidence", "bake": "baking: the stage's time is not over"}
"""Reasons for holding that end by themselves in the usual course of a rollout."""
_NOTHING: Final = "–"

TWO_DIGITS: Final = 10
TOLD_CROWDED: Final = 0.05
"""Share of requests from which on the cap on exposure is told of."""
WARM: Final = 0.5
"""Half of the proof of harm is there: time to look, even at what is only observed."""


def status(endpoint: Endpoint, *, every_test: bool = False) -> RenderableType:
    """One endpoint and its latest rollout on one screen: where it stands, why, what comes next, what was decided."""
    rollout = endpoint.rollout
    parts: list[RenderableType] = []
    if rollout is None or rollout.phase == "idle":
        idle = Text.assemble((endpoint.name, "bold"), "  phase: idle · all traffic on ", (endpoint.stable, "bold"))
        return Group(idle, *_troubles(endpoint), *decisions(endpoint.decisions))
    parts += [headline(endpoint.name, rollout), *_troubles(endpoint), *_course(rollout)]
    parts += [Text(requests(rollout), style="dim"), *costs(rollout)]
    shown = list(rollout.signals) if every_test else list(foremost(rollout.signals))
    if shown:
        parts += [Text(), signals(shown)]
    kept = [row for row in foremost(rollout.kept_signals) if row.n]
    if kept and rollout.phase == "promoted":
        parts += [Text(), Text("since the promotion", style="dim"), signals(kept)]
    parts += refusals(rollout.refusals, every_kind=every_test)
    return Group(*parts, *decisions(endpoint.decisions))


def headline(name: str, rollout: Rollout) -> Text:
    """`chat  ◑ canary · stage 2 of 5 · 1 % on b (stable a) · rollout r-1`."""
    place = f" · stage {rollout.stage + 1}"
    if rollout.stage_count is not None:
        place += f" of {rollout.stage_count}"
    running = f"{place} · {whom(rollout.weight_bps, rollout.include)} on {rollout.candidate} (stable {rollout.stable})"
    ended = f" · {rollout.candidate} against {rollout.stable}"
    symbol, style = _PHASES.get(rollout.phase, ("·", "bold"))
    return Text.assemble(
        (name, "bold"),
        "  ",
        (f"{symbol} {rollout.phase}", style),
        ended if rollout.has_ended else running,
        f" · {rollout.id}",
    )


def _troubles(endpoint: Endpoint) -> Iterator[Text]:
    if endpoint.fault:
        yield Text(f"! fault: {endpoint.fault}", style="red")
    if endpoint.freeze is not None:
        freeze = endpoint.freeze
        until = f"until {moment(freeze.until_at)}" if freeze.until_at is not None else "until it is unfrozen"
        why = f" ({freeze.reason})" if freeze.reason else ""
        yield Text(f"! frozen by {freeze.by}{why}, {until}", style="yellow")


def _course(rollout: Rollout) -> Iterator[Text]:
    """Weights, what it waits for, and when it may go on."""
    if not rollout.has_ended and rollout.actual_share is not None:
        target = weight(rollout.weight_bps)
        yield Text(f"weight: {target} granted, {percent(rollout.actual_share)} of requests lately")
        crowded = rollout.crowded_share or 0.0
        if crowded >= TOLD_CROWDED:
            limits = (
                f"! the cap on exposure limits it, not the weight: {percent(crowded)} of requests come from keys that"
            )
            yield Text(f"{limits} would be the canary by themselves, and stay on stable", style="yellow")
    if rollout.holding:
        yield Text(f"‖ {_held(rollout.holding)}", style="yellow")
    if rollout.reason:
        yield Text(rollout.reason)
    if rollout.next is not None and not rollout.has_ended:
        yield Text(f"next: {_coming(rollout.next)}")
    if rollout.phase == "promoted" and rollout.kept_until is not None:
        yield Text(
            f"{rollout.stable} is kept and mirrored to until {moment(rollout.kept_until)}: late harm brings it back"
        )


def _held(holding: str) -> str:
    """Why it does not widen now; what needs nobody is not called a hold."""
    return _CALM.get(holding, f"holding: {holding.replace('_', ' ')}")


def _coming(following: Next) -> str:
    what = f"stage {following.stage + 1}" if following.stage is not None else "promotion"
    if following.stage is not None and following.weight_bps is not None:
        what += f", {whom(following.weight_bps, following.include)}"
    if following.seconds is None:
        return f"{what}, not in sight (waits for {following.waits_for})"
    if not following.waits_for:
        return f"{what}, nothing is lacking"
    return f"{what}, in about {duration(following.seconds)} at this pace (waits for {following.waits_for})"


def decisions(latest: Iterable[Decision]) -> Iterator[RenderableType]:
    """One line for each, cut where the terminal ends."""
    for index, entry in enumerate(latest):
        if index == 0:
            yield Text()
            yield Text("last decisions", style="dim")
        at = moment(entry.at).removesuffix(" UTC")[5:]
        what = f"{entry.action} by {entry.actor}: {entry.phase_to}, {whom(entry.weight_bps, entry.include)}"
        yield Text.assemble((at, "dim"), " ", (what, "bold"), f" · {entry.reason}", no_wrap=True, overflow="ellipsis")


def requests(rollout: Rollout) -> str:
    """How many requests went where; what should be zero is named only where it is not."""
    seen = rollout.requests
    text = f"requests: stable {seen.stable:,} · candidate {seen.candidate:,} · shadowed {seen.shadowed:,}"
    for name in ("fallback", "cancelled", "shed"):
        count: int = getattr(seen, name)
        text += f" · {name} {count:,}" if count else ""
    return text


def costs(rollout: Rollout) -> Iterator[Text]:
    """What answers cost and what the judge was asked, where there is anything to say."""
    spent, judge = rollout.spent, rollout.judge
    named = (
        ("stable", spent.stable_per_1000, " per 1,000"),
        ("candidate", spent.candidate_per_1000, " per 1,000"),
        ("mirrors", spent.shadow, " in all"),
        ("judge", spent.judge, " in all"),
    )
    parts = [f"{name} {value:,.4g}{unit}" for name, value, unit in named if value is not None]
    if parts:
        yield Text(f"cost: {' · '.join(parts)}", style="dim")
    if judge.calls or judge.shed:
        text = f"judge: {judge.calls:,} calls, {judge.tokens:,} tokens, {judge.settled:,} triples settled"
        left = judge.failed + judge.shed + judge.not_allowed
        yield Text(f"{text}, {left:,} left as the words had them", style="dim")


def foremost(rows: Iterable[Signal]) -> Iterator[Signal]:
    """Of each signal, slice and source the test that is nearest to harm.

    Of those that are only observed just the ones that moved: there are many, and nothing follows from them.
    """
    chosen: dict[tuple[str, str, str], Signal] = {}
    for row in rows:
        place = (row.signal, row.slice, row.source)
        if is_shown(row) and (place not in chosen or row.burn > chosen[place].burn):
            chosen[place] = row
    return iter(chosen.values())


def is_shown(row: Signal) -> bool:
    """Whether a row belongs in a short table: over all traffic, and able to decide something, or warm, or failing.

    Of slices those that may decide, and are warm.
    """
    noteworthy = row.burn >= WARM or row.verdict == "unmeasured"
    if row.slice != "*":
        return row.burn >= WARM and row.budget_class != "observe"
    return row.budget_class != "observe" or noteworthy


def signals(rows: Iterable[Signal]) -> Table:
    """The table that a decision is made on: what both arms did, the drift with its interval and limit, the verdict."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("signal", overflow="fold")  # the one that gives way where a terminal is narrow
    for column in ("both arms, %", "drift [interval] of limit", "burn", "n"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        word, style = _VERDICTS.get(row.verdict, (row.verdict, ""))
        if row.verdict == "harm" and row.budget_class == "observe":
            word = f"({word})"  # only observed: this is what a guardrail would have rolled back for
        name = row.signal if row.slice == "*" else f"{row.signal}[{row.slice}]"
        table.add_row(
            f"{name} {row.source}",
            rates(row),
            drift(row),
            percent(row.burn, digits=0),
            f"{row.n:,}",
            Text(word, style=style),
        )
    return table


def refusals(seen: Iterable[Refusals], *, every_kind: bool) -> Iterator[Text]:
    """`refusal: the candidate gained 12 and lost 3 on 812 pairs; +1.1 pp [−0.2, +2.4] with the detector's errors`."""
    for row in seen:
        if every_kind or row.signal == "refusal":
            yield Text(
                f"{row.signal}: gained {row.gained:,}, lost {row.lost:,} on {row.n:,} pairs; "
                f"{_points(row.estimate, row.low, row.high)} with the reader's own errors",
                style="dim",
            )
            if row.audited is not None:
                seen_by_people = _points(row.audited.estimate, row.audited.low, row.audited.high)
                judged = f", {row.audited.judged:,} of them by a model" if row.audited.judged else ""
                corrected = f"{seen_by_people} corrected by {row.audited.labelled:,} labels{judged}"
                yield Text(f"{row.signal}: {corrected}", style="dim")


def _points(estimate: float, low: float, high: float) -> str:
    return f"{estimate * 100:+.1f} pp [{low * 100:+.1f} … {high * 100:+.1f}]"


def rates(row: Signal) -> str:
    """`2.1 → 2.4`: the share of bad answers of both arms, in percent."""
    if row.stable_rate is None and row.candidate_rate is None:
        return _NOTHING
    return " → ".join(percent(rate).removesuffix(" %") for rate in (row.stable_rate, row.candidate_rate))


def drift(row: Signal) -> str:
    """`+0.3 [-0.4, 1.0] of 2.0 pp`; with only the bound on the limit's side known, `+0.3 (1.1) of 2.0 pp`."""
    unit = _unit(row)
    between = ""
    if row.interval is not None:
        low, high = (_plain(row, value, rough=True) for value in row.interval)
        between = f" [{low}, {high}]"
    elif row.bound is not None:
        between = f" ({_plain(row, row.bound, rough=True)})"
    estimate = _plain(row, row.estimate, sign="+" if row.test in ("points", "tail") else "")
    return f"{estimate}{between} of {_plain(row, row.limit)} {unit}"


def _unit(row: Signal) -> str:
    if row.test == "ratio":
        return "×"
    return "%" if row.test == "ceiling" or _is_log_ratio(row) else "pp"


def _is_log_ratio(row: Signal) -> bool:
    return row.signal in ("length", "completion", "cost") and row.test == "points" and row.source == "paired"


def _plain(row: Signal, value: float | None, sign: str = "", *, rough: bool = False) -> str:
    """`value` in the unit of the row's test, without it; `rough`: two digits, enough for a bound."""
    if value is None or not math.isfinite(value):
        return _NOTHING
    if row.test == "ratio":
        return f"{value:.2f}"
    shown = 100 * (math.expm1(value) if _is_log_ratio(row) else value)
    return f"{shown:{sign}.{0 if rough and abs(shown) >= TWO_DIGITS else 1}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """`2.1 %`; whole numbers without decimals."""
    if value is None or not math.isfinite(value):
        return _NOTHING
    shown = value * 100
    return f"{shown:.{0 if shown == int(shown) else digits}f} %"


def endpoints(rows: Iterable[Endpoint]) -> Table:
    """One line for each endpoint."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("endpoint", "stable", "phase", "candidate", "weight", "holding"):
        table.add_column(column, overflow="fold")
    for row in rows:
        rollout = row.rollout or Rollout()
        running = rollout.phase != "idle"
        table.add_row(
            row.name,
            row.stable,
            Text(rollout.phase, style=_PHASES.get(rollout.phase, ("", ""))[1]),
            rollout.candidate if running else _NOTHING,
            weight(rollout.weight_bps) if running and not rollout.has_ended else _NOTHING,
            _standing_still(row, rollout),
        )
    return table


def _standing_still(endpoint: Endpoint, rollout: Rollout) -> str:
    held = rollout.holding.replace("_", " ") if rollout.holding else ""
    return ", ".join(filter(None, (held, "frozen" if endpoint.freeze is not None else ""))) or _NOTHING


def since(endpoint: Endpoint) -> Iterator[RenderableType]:
    """How a running rollout stands since its last decision, which may have been a pause or its start."""
    rollout = endpoint.rollout
    if rollout is None or not rollout.is_running:
        return
    yield from (Text(), Text("now", style="dim"), headline(endpoint.name, rollout))
    yield from (*_troubles(endpoint), *_course(rollout))
    shown = list(foremost(rollout.signals))
    if shown:
        yield from (Text(), signals(shown))


def history(entries: Iterable[AuditEntry]) -> Iterator[RenderableType]:
    """Two lines for each entry: what happened, and why."""
    for entry in entries:
        yield transition(entry)
        yield Text(f"    {entry.reason}")


def transition(entry: AuditEntry) -> Text:
    """`2026-01-31 12:00:00 UTC  widen by controller: canary → canary, stage 2, 10 % (id)`."""
    moved = f"{entry.phase_from} → {entry.phase_to}" if entry.phase_from != entry.phase_to else entry.phase_to
    place = f"stage {entry.stage + 1}, {whom(entry.weight_bps, entry.include)}"
    return Text.assemble(
        (moment(entry.at), "dim"), "  ", (entry.action, "bold"), f" by {entry.actor}: {moved}, {place} ({entry.id})"
    )


def explanation(entry: AuditEntry, *, every_test: bool = False, cells: bool = False) -> RenderableType:
    """One decision with what it was made on: the tests that can decide something or moved, or every one."""
    parts: list[RenderableType] = [transition(entry), Text(f"rollout {entry.rollout}, revision {entry.revision}")]
    parts += [Text(), Text(entry.reason)]
    if entry.signals:
        shown = list(entry.signals) if every_test else list(foremost(entry.signals))
        parts += [Text(), signals(shown), *refusals(entry.refusals, every_kind=every_test)]
    if entry.cells:
        count = sum(entry.cells.values())
        more = "" if cells else "; --all shows every test, --cells the counters"
        parts += [Text(), Text(f"decided on {len(entry.cells)} counters ({count:,} counts){more}")]
        parts += [Text(f"    {name} = {value:,}") for name, value in sorted(entry.cells.items()) if cells]
    return Group(*parts)


def moment(at: float) -> str:
    """An instant, in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def commanded(name: str, answer: Commanded) -> Iterator[RenderableType]:
    """What a command led to."""
    if answer.rollout is not None:
        yield headline(name, answer.rollout)
        if answer.rollout.reason:
            yield Text(answer.rollout.reason)
    for note in answer.notes:
        yield Text(f"· {note}")


def durability(server: str, seen: Durability) -> Iterator[RenderableType]:
    """How safe a rollback is, place by place."""
    pending = f", waiting for {', '.join(seen.workers.pending)}" if seen.workers.pending else ""
    style = "green" if seen.state == "durable" else "red"
    yield Text.assemble(f"{server}: ", (seen.state, style))
    yield Text(f"    journal  {seen.journal or 'not reported'}")
    yield Text(f"    redis    {seen.redis or 'not reported'}")
    yield Text(f"    workers  {seen.workers.acknowledged} acknowledged{pending}")
