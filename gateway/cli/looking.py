"""Commands that only look: `status`, `list`, `history`, `explain`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from gateway.cli import printing, showing, waiting, wire
from gateway.cli.client import AdminClient
from gateway.cli.errors import CommandFailed, Refused
from gateway.cli.options import LOCAL_ADMINS, Endpoint, Json, Servers

EXPLAINED_FROM = 200
"""How many entries back `explain` looks for a decision."""


def status(
    endpoint: Endpoint,
    servers: Servers = LOCAL_ADMINS,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again as it changes, until it ends.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end: 0 promoted, 1 rolled back, 2 timed out, 3 could not tell.")
    ] = False,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait, such as 30m.")] = "30m",
    every: Annotated[bool, typer.Option("--all", help="Show every test and every slice.")] = False,
    as_json: Json = False,
) -> None:
    """Show an endpoint's latest rollout: how it stands, and why."""
    if wait:
        raise typer.Exit(waiting.wait(servers, endpoint, timeout, as_json=as_json))
    if watch:
        waiting.watch(servers, endpoint, as_json=as_json, every_test=every)
        return
    with AdminClient(*servers) as client:
        answer = client.endpoint(endpoint)
    if as_json:
        printing.show_json(waiting.rollout_json(answer))
    else:
        printing.show(showing.status(answer.as_(wire.Endpoint), every_test=every))


def get(
    endpoint: Endpoint,
    servers: Servers = LOCAL_ADMINS,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again as it changes, until it ends.")] = False,
    as_json: Json = False,
) -> None:
    """The same as `status`."""
    status(endpoint, servers, watch=watch, as_json=as_json)


def list_(servers: Servers = LOCAL_ADMINS, *, as_json: Json = False) -> None:
    """List the endpoints and what goes on there."""
    with AdminClient(*servers) as client:
        answer = client.endpoints()
    if as_json:
        printing.show_json(answer.as_json())
    else:
        printing.show(showing.endpoints(answer.as_(wire.Endpoints).endpoints))


def history(
    endpoint: Endpoint,
    servers: Servers = LOCAL_ADMINS,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many entries at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show who did what to an endpoint, and why; newest first."""
    with AdminClient(*servers) as client:
        answer = client.audit(endpoint, limit)
    if as_json:
        printing.show_json(answer.as_json())
        return
    entries = answer.as_(wire.Audit).entries
    printing.show(*showing.history(entries))
    if not entries:
        printing.show(f"{endpoint}: nothing has happened yet")


def explain(
    endpoint: Endpoint,
    decision: Annotated[str | None, typer.Argument(help="The entry's id, from `history`; default: the latest.")] = None,
    servers: Servers = LOCAL_ADMINS,
    *,
    every: Annotated[bool, typer.Option("--all", help="Show every test and every slice.")] = False,
    cells: Annotated[bool, typer.Option("--cells", help="Show the counters too.")] = False,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the decision to a file that `replay` judges again.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a decision with its numbers, and how it stands since.

    The latest one, or one by its id from `history`.
    """
    with AdminClient(*servers) as client:
        answer = client.audit(endpoint, 1 if decision is None else EXPLAINED_FROM)
        present = _present(client, endpoint) if decision is None and not as_json else None
    entries = answer.as_(wire.Audit).entries
    index = next((i for i, entry in enumerate(entries) if decision in (None, entry.id)), None)
    if index is None and decision is None:
        raise CommandFailed(
            f"nothing has been decided about {endpoint} yet", f"`driftgate start {endpoint}` starts a rollout"
        )
    if index is None:
        raise CommandFailed(f"{endpoint} has no decision {decision}", f"`driftgate history {endpoint}` lists the ids")
    document = _exported(endpoint, entries[index], servers, must=export is not None) if export or not as_json else b""
    if export is not None:
        _write(document, export)
    if as_json:
        printing.show_json(answer.as_json()["entries"][index])
    else:
        printing.show(showing.explanation(_with_intervals(entries[index], document), every_test=every, cells=cells))
    if present is not None:
        printing.show(*showing.since(present))


def _present(client: AdminClient, endpoint: str) -> wire.Endpoint | None:
    """The endpoint as it stands; None where that cannot be had, since what was decided is worth showing alone."""
    try:
        return client.endpoint(endpoint).as_(wire.Endpoint)
    except Refused:
        return None


def _exported(endpoint: str, entry: wire.AuditEntry, servers: Sequence[str], *, must: bool) -> bytes:
    """The decision as a document of its own; empty where there is none, unless there must be."""
    if not entry.signals and not must:
        return b""
    try:
        with AdminClient(*servers) as client:
            return client.exported(endpoint, entry.id).raw
    except Refused:
        if must:
            raise
        return b""


def _with_intervals(entry: wire.AuditEntry, document: bytes) -> wire.AuditEntry:
    if not document:
        return entry
    from rollback import again  # noqa: PLC0415  # the judge needs numpy, which other commands do without

    known = again.intervals(again.read(document).entry)
    rows = [
        structs.replace(row, interval=known.get((row.signal, row.slice, row.source, row.test, row.side)))
        for row in entry.signals
    ]
    return structs.replace(entry, signals=tuple(rows))


def _write(document: bytes, path: Path) -> None:
    try:
        path.write_bytes(document)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}", "name another file") from error
    printing.warn(f"wrote {path}: `driftgate replay {path}` judges it again")
