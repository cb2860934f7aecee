"""Commands that need no gateway: `init`, `check`. They open no connection and load no server."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import printing
from gateway.cli.errors import CommandFailed, ExitCode
from gateway.cli.options import Json
from gateway.config import starter
from gateway.config.load import STANDARD_INPUT, examine_file
from gateway.keys import SECRET_VARIABLE, KeyRing, KeySecretMissing

DEFAULT_FILE = Path("driftgate.yaml")


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = DEFAULT_FILE,
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented configuration to begin with."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(starter.TEXT)
    except FileExistsError as error:
        raise CommandFailed(f"{path} is there already", "name another file, or overwrite it with --force") from error
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}", "name another file") from error
    if as_json:
        printing.show_json({"written": str(path)})
    else:
        printing.show(f"wrote {path}; put your models in, then `driftgate check {path}`")


def check(
    path: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The configuration file; `-` reads standard input.")
    ] = DEFAULT_FILE,
    *,
    as_json: Json = False,
) -> None:
    """Check a configuration: every error with its line and column. Connects to nothing, needs no secrets."""
    examined = examine_file(path)
    warnings = list(examined.warnings)
    if examined.config is not None:
        try:
            KeyRing.from_config(examined.config.keys, os.environ.get(SECRET_VARIABLE))
        except KeySecretMissing as error:
            warnings.append(str(error))
    if as_json:
        problems = [asdict(problem) for problem in examined.problems]
        printing.show_json({"ok": not problems, "problems": problems, "warnings": warnings})
    else:
        for problem in examined.problems:
            printing.show(f"error: {problem}")
        for warning in warnings:
            printing.show(f"warning: {warning}")
        count = len(examined.problems)
        shown = "stdin" if str(path) == STANDARD_INPUT else path
        printing.show(f"{shown}: {'1 error' if count == 1 else f'{count} errors'}" if count else f"{shown}: ok")
    if examined.problems:
        raise typer.Exit(ExitCode.FAILED)
