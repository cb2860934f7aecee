"""`driftgate replay FILE`: judges an exported decision again, or a file of recorded pairs. No gateway is needed."""

import sys
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from gateway.cli import printing, showing, wire
from gateway.cli.errors import CommandFailed, ExitCode, ReplayCode
from gateway.cli.options import Json
from gateway.config.errors import ConfigError
from gateway.config.load import STANDARD_INPUT, examine_file
from gateway.config.plans import PlanSpec

if TYPE_CHECKING:  # the judge needs numpy, which other commands do without
    from rollback.plan import Plan
    from rollback.recorded import Judgement
    from rollback.verdict import SignalReport


def replay(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Recorded pairs (JSONL) or an exported decision; `-`: stdin.")
    ],
    *,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Take the plan from this configuration.")
    ] = None,
    plan: Annotated[str | None, typer.Option("--plan", help="The plan's name; default: `default`.")] = None,
    budgets: Annotated[
        Path | None, typer.Option("--budgets", help="A YAML file with a plan's options, in place of --config.")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", help="One budget, such as 'refusal: {max_increase: 1pp}'; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge recorded pairs, or an exported decision, offline.

    Exits 0 harmless, 1 harm, 2 not enough, 3 unreadable.
    """
    from rollback import again  # noqa: PLC0415  # see above
    from rollback.errors import InvalidPlan, Unreadable  # noqa: PLC0415

    try:
        data = sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        _unreadable(f"{path} cannot be read: {error.strerror}")
    data = data.removeprefix(BOM_UTF8)  # some editors and exports begin a file with it
    try:
        if again.is_exported(data):
            code = _decision(data, as_json=as_json)
        else:
            code = _pairs(data, _plan(Judging(config, plan, budgets, tuple(budget or ()))), as_json)
    except Unreadable as error:
        _unreadable(f"{path}: {error}")
    except InvalidPlan as error:
        raise CommandFailed(str(error), "name another with --plan", ReplayCode.UNREADABLE) from error
    if code:
        raise typer.Exit(code)


def _unreadable(message: str) -> NoReturn:
    raise CommandFailed(message, "the reference is docs/guides/gate-in-ci.md", ReplayCode.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Judging:
    """Where the plan comes from: a configuration, by name, or a file of its own; and the budgets given beside it."""

    config: Path | None
    name: str | None
    file: Path | None
    budgets: tuple[str, ...]


def _pairs(data: bytes, plan: "Plan", as_json: bool) -> int:
    from rollback import recorded  # noqa: PLC0415  # see above

    found = recorded.judged(plan, recorded.read(data.splitlines()))
    code = {
        recorded.Outcomes.HARMLESS: ReplayCode.HARMLESS,
        recorded.Outcomes.HARM: ReplayCode.HARM,
        recorded.Outcomes.NOT_ENOUGH: ReplayCode.NOT_ENOUGH,
    }[found.outcome]
    if as_json:
        printing.show_json(_judgement_json(found))
        return code
    printing.show(showing.signals(_rows(found.reports)), "")
    if found.repeated_keys:
        printing.show(f"{found.repeated_keys:,} lines repeat a key and do not count: one vote per key")
    for reason in found.left_out:
        printing.show(f"not judged: {reason}")
    printing.show(f"{found.outcome.value.replace('_', ' ')}: {found.sentence}")
    return code


def _judgement_json(found: "Judgement") -> dict[str, object]:
    from gateway.control.views import signal_view  # noqa: PLC0415  # see above

    return {
        "outcome": found.outcome.value,
        "reason": found.sentence,
        "pairs": found.pairs,
        "repeated_keys": found.repeated_keys,
        "not_judged": list(found.left_out),
        "signals": [signal_view(report) for report in found.reports],
        "cells": found.cells,
    }


def _rows(reports: "tuple[SignalReport, ...]") -> list[wire.Signal]:
    from gateway.control.views import signal_view  # noqa: PLC0415  # see above

    return [msgspec.convert(signal_view(report), wire.Signal) for report in reports if report.slice == "*"]


def _plan(wanted: Judging) -> "Plan":
    from gateway.config.inline import plan_in, with_budgets  # noqa: PLC0415  # see above

    if wanted.file is not None and (wanted.config is not None or wanted.name is not None):
        raise CommandFailed("--budgets is a plan of its own", "leave out --config and --plan", ExitCode.USAGE)
    try:
        if wanted.file is None:
            plan = _configured(wanted.config, wanted.name)
        else:
            plan = plan_in(wanted.file.read_text(encoding="utf-8"), str(wanted.file))
        return with_budgets(plan, wanted.budgets)
    except OSError as error:
        _unreadable(f"{wanted.file} cannot be read: {error.strerror}")
    except ConfigError as error:
        raise CommandFailed(str(error), "the options are those of a plan", ReplayCode.UNREADABLE) from error


def _configured(config: Path | None, name: str | None) -> "Plan":
    if config is None:
        if name not in (None, "default"):
            raise CommandFailed(f"--plan {name} needs --config", "say which file has it", ExitCode.USAGE)
        return PlanSpec().resolve("default")
    examined = examine_file(config)
    if examined.config is None:
        fix = f"`driftgate check {config}` shows where"
        raise CommandFailed(f"{config} has errors", fix, ReplayCode.UNREADABLE)
    first = next(iter(examined.config.endpoints))
    return examined.config.plan_for(first, name)


def _decision(data: bytes, *, as_json: bool) -> int:
    from rollback import again  # noqa: PLC0415  # see above

    found = again.read(data)
    entry, different = found.entry, again.differences(found.entry)
    if as_json:
        shown = [
            {"what": each.what, "recorded": _text(each.recorded), "again": _text(each.again)} for each in different
        ]
        printing.show_json({"same": not different, "entry": entry.id, "reason": entry.reason, "differences": shown})
    elif different:
        printing.show(f"{entry.id} comes out differently (exported by driftgate {found.engine or 'unknown'}):")
        for each in different:
            printing.show(f"  {each.what}: {_text(each.recorded)} → {_text(each.again)}")
    else:
        printing.show(entry.reason, f"{entry.id}: the same to the last bit, on {len(entry.cells)} counters")
    return ReplayCode.DIFFERENT if different else ReplayCode.HARMLESS


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
