"""`driftgate doctor`: what is wrong, and what to do about it."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from gateway.cli import printing
from gateway.cli.errors import ExitCode
from gateway.cli.local import DEFAULT_FILE
from gateway.cli.options import KEY_VARIABLE, Json
from gateway.doctor.finding import Finding, Level

_SHOWN: Final = {
    Level.OK: ("✓", "ok", "green"),
    Level.WARN: ("!", "warn", "yellow"),
    Level.FAIL: ("✗", "fail", "bold red"),
    Level.SKIP: ("–", "skip", "dim"),
}


def doctor(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = DEFAULT_FILE,
    server: Annotated[
        str | None, typer.Option("--server", help="The gateway's admin listener; default: as configured.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Look at everything a gateway needs, and say what to do.

    Models and Redis included; exits 1 where something fails.
    """
    from gateway.doctor.main import examine  # noqa: PLC0415  # the clients of models and Redis, for this command only

    findings: list[Finding] = []
    for finding in examine(config, server, os.environ.get(KEY_VARIABLE)):
        findings.append(finding)
        if not as_json:
            _show(finding)
    failing = sum(finding.level is Level.FAIL for finding in findings)
    if as_json:
        printing.show_json({"ok": not failing, "findings": [asdict(finding) for finding in findings]})
    else:
        warned = sum(finding.level is Level.WARN for finding in findings)
        printing.show(f"{len(findings)} looked at: {failing} failing, {warned} to look at")
    if failing:
        raise typer.Exit(ExitCode.FAILED)


def _show(finding: Finding) -> None:
    symbol, word, style = _SHOWN[finding.level]
    printing.show(Text.assemble((f"{symbol} {word:<5}", style), (f"{finding.check}: ", "bold"), finding.seen))
    if finding.fix:
        printing.show(f"        → {finding.fix}")
