"""`driftgate plan`: what a rollout would take, before it starts. It changes nothing."""

from collections.abc import Callable, Iterator
from typing import Annotated, Final

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli import printing, wire
from gateway.cli.client import AdminClient
from gateway.cli.errors import ExitCode
from gateway.cli.options import LOCAL_ADMINS, Endpoint, Json, Servers
from routing.wording import count, duration, money, weight, whom

_NOTHING: Final = "–"
_RARELY: Final = 0.05
"""Of a drift that is caught less often than this there is no mean to speak of."""


def plan(
    endpoint: Endpoint,
    candidate: Annotated[str, typer.Option("--candidate", help="The model to roll out.", show_default=False)],
    servers: Servers = LOCAL_ADMINS,
    *,
    name: Annotated[str | None, typer.Option("--plan", help="A plan by name; default: the endpoint's.")] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.0, help="Suppose so many requests per second, not today's.")
    ] = None,
    new_keys: Annotated[
        float | None, typer.Option("--new-keys", min=0.0, max=1.0, help="Share of requests that bring a new key.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a rollout would take, before it starts.

    Expected time and exposure of each stage, and how soon a drift is caught.
    """
    options = {"candidate": candidate}
    options |= {"plan": name} if name else {}
    options |= {"rate": str(rate)} if rate is not None else {}
    options |= {"new_keys": str(new_keys)} if new_keys is not None else {}
    with AdminClient(*servers) as client:
        answer = client.plan(endpoint, options)
    found = answer.as_(wire.Planned)
    if as_json:
        printing.show_json(answer.as_json())
    else:
        printing.show(*_shown(found))
    if not found.can_finish:
        raise typer.Exit(ExitCode.FAILED)


def _shown(found: wire.Planned) -> Iterator[RenderableType]:
    yield Text.assemble((found.endpoint, "bold"), f"  plan {found.plan}: {found.candidate} against {found.stable}")
    yield Text(_traffic(found.traffic))
    yield from (Text(f"supposed, not measured: {each}", style="yellow") for each in found.assumed)
    yield Text()
    yield Text("If the candidate is harmless, on average (and what one rollout in ten exceeds):")
    yield _stages(found)
    if found.cost.candidate is not None or found.cost.shadow is not None:
        yield Text()
        yield Text(_tokens(found.cost))
        yield _costs(found)
    if found.drifts:
        yield Text()
        yield Text(
            "If it drifts by so many times a limit: how often it is rolled back, and how many\n"
            "requests it has served by then, in what time:"
        )
        yield _drifts(found)
    if not found.can_finish:
        yield Text()
        yield Text(f"cannot finish: {found.why_not}", style="bold red")


def _traffic(traffic: wire.PlannedTraffic) -> str:
    shares = f"{_percent(traffic.new_keys)} with a new key, {_percent(traffic.sample)} mirrored"
    if traffic.requests_per_second is None:
        return f"no traffic is known yet, so stages are told in requests, {shares}"
    seen = f" (seen for {duration(traffic.seen_for_seconds)})" if traffic.seen_for_seconds else " (supposed)"
    return f"{traffic.requests_per_second:.3g} requests/s{seen}; {shares}"


def _stages(found: wire.Planned) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("weight", "takes", "1 in 10", "requests", "candidate", "waits for"):
        table.add_column(column, justify="left" if column == "waits for" else "right", no_wrap=True)
    for stage in found.stages:
        table.add_row(
            whom(stage.weight_bps, stage.include),
            _told(stage.seconds, duration),
            _told(stage.late_seconds, duration),
            _told(stage.requests, count),
            _told(stage.candidate_requests, count),
            stage.waits_for,
        )
    served = [stage.candidate_requests for stage in found.stages]
    total = None if None in served else sum(each or 0.0 for each in served)
    table.add_row(
        "all", _told(found.seconds, duration), "", _told(found.requests, count), _told(total, count), "", style="bold"
    )
    return table


def _tokens(bill: wire.PlannedBill) -> str:
    """What the sums of money stand on."""
    known = "as counted in the last rollout" if bill.measured else "supposed, not measured"
    each = f"{bill.prompt_tokens:,.0f} prompt and {bill.completion_tokens:,.0f} completion tokens a request"
    return f"In money, at {each}\n({known}):"


def _costs(found: wire.Planned) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("weight", "mirrors", "candidate", "in stable's place", "added"):
        table.add_column(column, justify="right", no_wrap=True)
    for stage in found.stages:
        table.add_row(weight(stage.weight_bps), *_sums(stage.cost))
    table.add_row("all", *_sums(found.cost), style="bold")
    return table


def _sums(cost: wire.PlannedCost) -> tuple[str, ...]:
    sums = (cost.shadow, cost.candidate, cost.saved, cost.added)
    return tuple(_told(value, money) for value in sums)


def _drifts(found: wire.Planned) -> Table:
    """A line for each limit: at each drift the share that is caught, and what the candidate serves until then."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    times = sorted({drift.times for drift in found.drifts})
    table.add_column("limit", no_wrap=True)
    for each in times:
        table.add_column(f"{each:g} ×", justify="right", no_wrap=True)
    by_limit: dict[str, dict[float, wire.PlannedDrift]] = {}
    for drift in found.drifts:
        by_limit.setdefault(_limit(drift), {})[drift.times] = drift
    for name, at in by_limit.items():
        table.add_row(name, *(_caught(at[each]) if each in at else _NOTHING for each in times))
    return table


def _caught(drift: wire.PlannedDrift) -> str:
    """`100 %, 260 in 12 min`; a drift within its limit is hardly ever caught, and then there is no mean to speak of."""
    share = f"{100 * drift.rolled_back:.0f} %"
    if drift.rolled_back < _RARELY or drift.candidate_requests is None:
        return share
    after = f" in {duration(drift.seconds)}" if drift.seconds is not None else ""
    return f"{share}, {count(drift.candidate_requests)}{after}"


def _limit(drift: wire.PlannedDrift) -> str:
    """The signal, and which of its limits where it is not the usual one."""
    names = [drift.signal, *(["less"] if drift.side == "lower" else []), *([drift.limit] * (drift.limit != "points"))]
    return ", ".join(names)


def _told(value: float | None, as_words: Callable[[float], str]) -> str:
    """A value in words, where there is one."""
    return _NOTHING if value is None else as_words(value)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
