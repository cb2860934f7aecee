"""Options that several commands share, declared once so that they read alike everywhere."""

import os
from typing import Annotated, Final, TypeAlias

import typer

LOCAL_ADMIN: Final = "http://127.0.0.1:8081"
"""The admin listener of a gateway on this machine, unless its configuration moved it."""
KEY_VARIABLE: Final = "DRIFTGATE_ADMIN_KEY"
SERVER_VARIABLE: Final = "DRIFTGATE_SERVER"
COMPLETE_SECONDS: Final = 1.0
"""Nobody waits longer for a Tab."""

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def offered_endpoints(incomplete: str) -> list[str]:
    """Names for the shell to offer; none where no gateway answers at once."""
    from gateway.cli.client import AdminClient  # noqa: PLC0415  # only a shell that completes asks
    from gateway.cli.errors import CommandFailed  # noqa: PLC0415

    servers = (os.environ.get(SERVER_VARIABLE) or LOCAL_ADMIN).split()
    try:
        with AdminClient(*servers, seconds=COMPLETE_SECONDS) as client:
            names = client.endpoint_names()
    except CommandFailed:
        return []
    return [name for name in names if name.startswith(incomplete)]


Endpoint: TypeAlias = Annotated[
    str, typer.Argument(help="The endpoint's name.", show_default=False, autocompletion=offered_endpoints)
]
Servers: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--server",
        envvar=SERVER_VARIABLE,
        help="A gateway's admin listener; repeat it for several. Their key: DRIFTGATE_ADMIN_KEY.",
    ),
]
LOCAL_ADMINS: Final = [LOCAL_ADMIN]
"""The default of `Servers`: Typer wants a list there, and copies it."""
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; kept in the audit record.")]
