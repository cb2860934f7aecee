"""Both rollouts in the terminal: exposure, stage, burn of each signal, and the reason. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.cli.showing import WARM, drift, is_shown
from gateway.cli.wire import Endpoint, Rollout, Signal
from gateway.demo.scene import PARTS, Part
from gateway.demo.traffic import Tally
from routing.bucketing import WEIGHT_SCALE

BAR: Final = 20
"""Characters of the exposure's bar."""
_COLOURS: Final = {"promoted": "green", "rolled_back": "red"}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown. `rate` is answers a second, lately."""

    endpoints: Mapping[str, Endpoint]
    tally: Tally
    rate: float
    elapsed: float
    dashboard: str

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [_panel(part, self.endpoints.get(part.endpoint)) for part in PARTS]
        tally = self.tally
        failures = f"[red]{tally.failed} failed ({tally.last_failure})[/]" if tally.failed else "none failed"
        parts.append(
            Text.from_markup(
                f"{self.elapsed:.0f} s · {self.rate:.0f} answers/s, {failures} · dashboard {self.dashboard}"
            )
        )
        return Group(*parts)


def _panel(part: Part, endpoint: Endpoint | None) -> Panel:
    rollout = endpoint.rollout if endpoint is not None else None
    if rollout is None:
        return Panel(Text("waiting for traffic"), title=part.endpoint, title_align="left")
    colour = _COLOURS.get(rollout.phase, "cyan")
    title = f"{part.endpoint}: {rollout.stable} → {rollout.candidate}, which {part.why}"
    said = Text(rollout.reason, style=colour if rollout.has_ended else "")
    return Panel(Group(_exposure(rollout, colour), _signals(rollout), said), title=title, title_align="left")


def _exposure(rollout: Rollout, colour: str) -> RenderableType:
    weight = rollout.weight_bps / WEIGHT_SCALE
    if rollout.phase == "promoted":
        weight = 1.0
    stage = f"stage {rollout.stage + 1}/{rollout.stage_count}" if not rollout.has_ended else ""
    asked = rollout.requests
    line = Text()
    line.append(f"{rollout.phase.replace('_', ' '):12}", style=f"bold {colour}")
    line.append(f"{weight:5.0%} ")
    line.append(_bar(weight), style=colour)
    line.append(
        f" {stage}\n{asked.stable:,} by stable · {asked.candidate:,} by the candidate · {asked.shadowed:,} shadowed"
    )
    return line


def _signals(rollout: Rollout) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for _ in range(7):
        table.add_column(no_wrap=True)
    for signal in worst(rollout.signals):
        style = "red" if signal.verdict == "harm" else "yellow" if signal.burn >= WARM else "green"
        table.add_row(
            signal.signal,
            signal.source,
            Text(_bar(signal.burn, 10), style=style),
            f"{signal.burn:4.0%}",
            drift(signal),
            f"n {signal.n:,}",
            signal.verdict.replace("_", " "),
        )
    return table


def worst(signals: tuple[Signal, ...]) -> tuple[Signal, ...]:
    """For each signal over all traffic the test that burns most; among equals one of this stage, with most evidence."""
    found: dict[str, Signal] = {}
    for signal in signals:
        best = found.get(signal.signal)
        if signal.slice == "*" and is_shown(signal) and (best is None or _rank(signal) > _rank(best)):
            found[signal.signal] = signal
    return tuple(found.values())


def _rank(signal: Signal) -> tuple[float, bool, int]:
    return signal.burn, signal.verdict != "not_applicable", signal.n


def _bar(share: float, width: int = BAR) -> str:
    full = round(max(0.0, min(1.0, share)) * width)
    return "█" * full + "░" * (width - full)
