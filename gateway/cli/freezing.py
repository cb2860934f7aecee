"""`freeze` and `unfreeze`: for a time nothing widens, on one endpoint or on all. Rolling back stays possible."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

from gateway.cli import printing, wire
from gateway.cli.client import AdminClient, Answer
from gateway.cli.options import LOCAL_ADMINS, Json, Reason, Servers, offered_endpoints

AnyEndpoint: TypeAlias = Annotated[
    str | None,
    typer.Argument(help="The endpoint's name; default: all.", show_default=False, autocompletion=offered_endpoints),
]


def freeze(
    endpoint: AnyEndpoint = None,
    servers: Servers = LOCAL_ADMINS,
    *,
    lasting: Annotated[str, typer.Option("--for", help="For how long, such as 4h; default: until unfrozen.")] = "",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let nothing start, widen or be promoted, for a time.

    Rolling back stays possible.
    """
    _each(servers, endpoint, "freeze", {"for": lasting, "reason": reason}, as_json=as_json)


def unfreeze(
    endpoint: AnyEndpoint = None, servers: Servers = LOCAL_ADMINS, *, reason: Reason = "", as_json: Json = False
) -> None:
    """End a freeze."""
    _each(servers, endpoint, "unfreeze", {"reason": reason}, as_json=as_json)


def _each(servers: Sequence[str], endpoint: str | None, verb: str, body: dict[str, object], *, as_json: bool) -> None:
    chosen = {key: value for key, value in body.items() if value}
    with AdminClient(*servers) as client:
        names = [endpoint] if endpoint is not None else client.endpoint_names()
        answers = {name: client.command(name, verb, chosen) for name in names}
    if as_json:
        printing.show_json({"endpoints": [answer.as_json() for answer in answers.values()]})
        return
    for name, answer in answers.items():
        printing.show(f"{name}: {_said(answer)}")


def _said(answer: Answer) -> str:
    return "; ".join(answer.as_(wire.Commanded).notes)
