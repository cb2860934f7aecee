"""`driftgate key …`: make, list, exchange and revoke API keys. Files only; a running gateway reads them when told to.

A key itself is shown once and stored nowhere. Exchanging leaves the old one valid for a while beside the new one, so
that no client fails in between; revoking leaves the entry, which the audit record still refers to.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import ValidationError
from rich.table import Table

from gateway.cli import printing
from gateway.cli.errors import CommandFailed, ExitCode
from gateway.cli.local import DEFAULT_FILE
from gateway.cli.options import Json
from gateway.config.complaints import complaints
from gateway.config.errors import Unusable
from gateway.config.fields import PLACEHOLDER, REVOKED
from gateway.config.keyfile import HashPlace, hash_place
from gateway.config.load import examine, examine_file
from gateway.config.model import Config, KeySpec
from gateway.config.units import duration
from gateway.keys import SECRET_VARIABLE, UNTIL, KeySecretMissing, new_token, stored_hash, until_of
from gateway.roles import Role
from gateway.supervisor.places import holder_of

File: TypeAlias = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Named: TypeAlias = Annotated[str, typer.Argument(help="The key's name.", show_default=False)]

KEPT = "24h"
"""How long an exchanged key stays valid unless told otherwise: a day is enough for a deployment of every client."""


def create_key(
    name: Annotated[str, typer.Option("--name", help="Who holds it, for the audit record.", show_default=False)],
    role: Annotated[Role, typer.Option("--role", help="What it may do.", show_default=False)],
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Value of the slice key.tenant.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Only this endpoint; repeat it for several.")
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="Opens nothing from then on: 2027-01-31.")] = None,
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
        entry |= {"expires": expires} if expires else {}
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


def list_keys(config: File = DEFAULT_FILE, *, as_json: Json = False) -> None:
    """List the keys of a configuration: who, what for, until when. Never the keys themselves."""
    rows = [_row(key) for key in _loaded(config).keys]
    if as_json:
        printing.show_json({"keys": rows})
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("name", "role", "tenant", "endpoints", "state"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["name"], row["role"], row["tenant"] or "–", ", ".join(row["endpoints"] or ["all"]), _state(row)
        )
    printing.show(table if rows else f"{config} has no keys: everything is open, on loopback only")


def rotate_key(
    name: Named,
    config: File = DEFAULT_FILE,
    *,
    keep: Annotated[str, typer.Option("--keep", help="How long the old key stays valid.")] = KEPT,
    as_json: Json = False,
) -> None:
    """Exchange a key: writes the new one's hash into the file, prints the key once; the old one ends after a while."""
    try:
        ends = datetime.now(UTC) + timedelta(seconds=duration(keep))
    except Unusable as error:
        raise CommandFailed(f"--keep {error}", code=ExitCode.USAGE) from error
    text, place, key = _found(config, name)
    token = new_token()
    try:
        fresh = stored_hash(os.environ.get(SECRET_VARIABLE, ""), token)
    except KeySecretMissing as error:
        raise CommandFailed(str(error)) from error
    old = next((each for each in key.hashes if each not in (REVOKED, PLACEHOLDER)), None)
    until = f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    kept = () if old is None else (_ending(old, until),)
    _write(config, place.replaced(text, (fresh, *kept)))
    if as_json:
        printing.show_json({"key": token, "name": name, "old_until": until if kept else None})
        return
    printing.show(f"key (shown only now): {token}")
    if kept:
        printing.show(f"the old key of {name} stays valid until {until}")
    printing.show(_in_force(config))


def revoke_key(name: Named, config: File = DEFAULT_FILE, *, as_json: Json = False) -> None:
    """Revoke a key: it opens nothing any more, as soon as the gateway has read the file again."""
    text, place, _ = _found(config, name)
    _write(config, place.replaced(text, (REVOKED,)))
    if as_json:
        printing.show_json({"revoked": name})
    else:
        printing.show(f"{name} is revoked in {config}", _in_force(config))


def _ending(stored: str, until: str) -> str:
    """The stored hash with an end, or with the earlier one that it has."""
    bare, _, earlier = stored.partition(UNTIL)
    return f"{bare}{UNTIL}{min(earlier, until) if earlier else until}"


def _loaded(path: Path) -> Config:
    examined = examine_file(path)
    if examined.problems:
        raise CommandFailed(str(examined.problems[0]), f"correct it, then `driftgate check {path}`")
    if examined.config is None:
        raise CommandFailed(
            f"{path}: {examined.warnings[0]}", "export it: the file is read whole before a key is touched"
        )
    return examined.config


def _found(path: Path, name: str) -> tuple[str, HashPlace, KeySpec]:
    key = next((each for each in _loaded(path).keys if each.name == name), None)
    if key is None:
        raise CommandFailed(f"{path} has no key {name!r}", "`driftgate key list` shows them")
    text = path.read_text(encoding="utf-8")
    place = hash_place(text, name)
    if place is None:
        raise CommandFailed(f"the hash of {name} does not stand in {path} itself", "write it there, not as a variable")
    return text, place, key


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never a file that the gateway would refuse."""
    if problems := examine(text, str(path), os.environ).problems:
        raise CommandFailed(f"the change would break {path}: {problems[0]}", "nothing was written")
    beside = path.with_name(f".{path.name}.new")
    try:
        mode = path.stat().st_mode & 0o777
        beside.write_text(text, encoding="utf-8")
        beside.chmod(mode)
        beside.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}", "nothing was changed") from error


def _in_force(path: Path) -> str:
    holder = holder_of(_loaded(path).state_dir)
    if holder is None:
        return "in force when the gateway starts"
    return f"in force once the gateway reads the file again: kill -HUP {holder.pid}"


def _row(key: KeySpec) -> dict[str, Any]:  # Any: JSON
    return {
        "name": key.name,
        "role": key.role.value,
        "tenant": key.tenant,
        "endpoints": list(key.endpoints) if key.endpoints is not None else None,
        "pin": key.pin,
        "valid": list(_valid(key)),
    }


def _valid(key: KeySpec) -> Iterator[str]:
    """Of each hash that opens the gateway now: until when, or `no end`."""
    now = datetime.now(UTC).timestamp()
    for stored in key.hashes:
        until = until_of(stored, key.expires_at)
        if stored not in (REVOKED, PLACEHOLDER) and (until is None or now < until):
            yield "no end" if until is None else f"{datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _state(row: dict[str, Any]) -> str:  # Any: as above
    valid: list[str] = row["valid"]
    if not valid:
        return "opens nothing (revoked or expired)"
    count = "" if len(valid) == 1 else f"{len(valid)} valid: "
    return count + ", ".join("valid, no end" if end == "no end" else f"until {end}" for end in valid)


def _yaml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f'"{text}"' if ":" in text or text.isdigit() else text
