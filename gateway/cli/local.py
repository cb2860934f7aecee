"""Commands that need no gateway: `init`, `check`, `key create`. They open no connection and load no server."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from gateway.cli import printing
from gateway.cli.errors import CommandFailed, ExitCode
from gateway.cli.options import Json
from gateway.config import starter
from gateway.config.complaints import complaints
from gateway.config.load import examine_file
from gateway.config.model import KeySpec
from gateway.keys import SECRET_VARIABLE, KeyRing, KeySecretMissing, Role, new_token, stored_hash

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
    path: Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration file.")] = DEFAULT_FILE,
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
        printing.show(f"{path}: {'1 error' if count == 1 else f'{count} errors'}" if count else f"{path}: ok")
    if examined.problems:
        raise typer.Exit(ExitCode.FAILED)


def create_key(
    name: Annotated[str, typer.Option("--name", help="Who holds it, for the audit record.", show_default=False)],
    role: Annotated[Role, typer.Option("--role", help="What it may do.", show_default=False)],
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Value of the slice key.tenant.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Only this endpoint; repeat it for several.")
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="May choose the arm and the sticky key of a request.")] = False,
    as_json: Json = False,
) -> None:
    """Make an API key: prints the key, once, and the entry for the configuration's `keys`."""
    token = new_token()
    try:
        entry: dict[str, object] = {"name": name, "role": role.value}
        entry |= {"tenant": tenant} if tenant else {}
        entry |= {"endpoints": endpoint} if endpoint else {}
        entry |= {"pin": True} if pin else {}
        entry["hash"] = stored_hash(os.environ.get(SECRET_VARIABLE, ""), token)
        KeySpec.model_validate(entry)
    except KeySecretMissing as error:
        raise CommandFailed(str(error)) from error
    except ValidationError as error:
        path, message, fix, _ = next(complaints(error, KeySpec))
        raise CommandFailed(f"--{path[0]}: {message}", fix, ExitCode.USAGE) from error
    if as_json:
        printing.show_json({"key": token, "entry": entry})
        return
    written = ", ".join(f"{key}: {_yaml(value)}" for key, value in entry.items())
    printing.show(f"key (shown only now): {token}", "entry for `keys`:", f"  - {{{written}}}")


def _yaml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f'"{text}"' if ":" in text or text.isdigit() else text
