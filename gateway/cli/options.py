"""Options that several commands share, declared once so that they read alike everywhere."""

from typing import Annotated, Final, TypeAlias

import typer

LOCAL_ADMIN: Final = "http://127.0.0.1:8081"
"""The admin listener of a gateway on this machine, unless its configuration moved it."""
KEY_VARIABLE: Final = "DRIFTGATE_ADMIN_KEY"
SERVER_VARIABLE: Final = "DRIFTGATE_SERVER"

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Endpoint: TypeAlias = Annotated[str, typer.Argument(help="The endpoint's name.", show_default=False)]
Server: TypeAlias = Annotated[
    str,
    typer.Option("--server", envvar=SERVER_VARIABLE, help="A gateway's admin listener. Its key: DRIFTGATE_ADMIN_KEY."),
]
Servers: TypeAlias = Annotated[
    list[str],
    typer.Option("--server", envvar=SERVER_VARIABLE, help="A gateway's admin listener; repeat it to tell several."),
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; kept in the audit record.")]
