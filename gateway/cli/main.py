"""The entry point: the commands by name, and the one place where an error becomes a sentence and an exit code.

A command is imported when it is called: rolling back does not wait for what checks a configuration, and what serves
(Litestar, uvicorn) is imported only by the commands that serve.
"""

import os
import signal
import sys
import traceback
from types import MappingProxyType
from typing import Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException

from gateway.cli import printing
from gateway.cli.errors import CommandFailed, ExitCode
from gateway.cli.ondemand import OnDemandGroup
from gateway.version import __version__, data_path

DEBUG_VARIABLE: Final = "DRIFTGATE_DEBUG"
"""Set, an error of driftgate itself shows its traceback as well."""


class Commands(OnDemandGroup):
    """The commands, in the order in which help lists them."""

    PLACES = MappingProxyType(
        {
            "serve": "gateway.cli.serving:serve",
            "demo": "gateway.cli.serving:demo",
            "init": "gateway.cli.local:init",
            "check": "gateway.cli.local:check",
            "doctor": "gateway.cli.examining:doctor",
            "start": "gateway.cli.rollouts:start",
            "apply": "gateway.cli.applying:apply",
            "retry": "gateway.cli.rollouts:retry",
            "status": "gateway.cli.looking:status",
            "get": "gateway.cli.looking:get",
            "list": "gateway.cli.looking:list_",
            "history": "gateway.cli.looking:history",
            "explain": "gateway.cli.looking:explain",
            "plan": "gateway.cli.planning:plan",
            "replay": "gateway.cli.replaying:replay",
            "pause": "gateway.cli.rollouts:pause",
            "resume": "gateway.cli.rollouts:resume",
            "promote": "gateway.cli.rollouts:promote",
            "approve": "gateway.cli.rollouts:approve",
            "rollback": "gateway.cli.rollouts:rollback",
            "abort": "gateway.cli.rollouts:rollback",
            "freeze": "gateway.cli.freezing:freeze",
            "unfreeze": "gateway.cli.freezing:unfreeze",
        }
    )
    HIDDEN = frozenset({"get", "abort"})


class KeyCommands(OnDemandGroup):
    """The commands of `driftgate key`."""

    PLACES = MappingProxyType(
        {
            "create": "gateway.cli.apikeys:create_key",
            "list": "gateway.cli.apikeys:list_keys",
            "rotate": "gateway.cli.apikeys:rotate_key",
            "revoke": "gateway.cli.apikeys:revoke_key",
        }
    )


app = typer.Typer(
    cls=Commands,
    name="driftgate",
    help="Canary rollouts of language models, judged by what they say.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
keys = typer.Typer(cls=KeyCommands, help="API keys.", no_args_is_help=True)
app.add_typer(keys, name="key")


def _version(wanted: bool) -> None:
    if wanted:
        printing.show(f"driftgate {__version__}, data path {data_path()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Show the version, and whether the data path is compiled.",
        ),
    ] = False,
) -> None:
    """Canary rollouts of language models, judged by what they say."""


def main() -> NoReturn:
    """Run the command line; ends the process with the command's exit code."""
    try:
        _run(as_json="--json" in sys.argv[1:])
    except CommandFailed as error:
        _complain(error.message, error.fix)
        sys.exit(error.code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # the reader of the pipe has enough; nothing more can be said to it, not even by the interpreter's last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:  # noqa: BLE001  # the outermost edge: people get a sentence, never a traceback
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        _complain(f"an error of driftgate itself: {type(error).__name__}: {error}", f"{DEBUG_VARIABLE}=1 shows where")
        sys.exit(ExitCode.FAILED)
    raise AssertionError("Typer ends the process")


def _run(*, as_json: bool) -> NoReturn:
    """Run the command. Typer words a wrong command line for people; a program gets it as it gets every other error."""
    if not as_json:
        app(prog_name="driftgate")
    try:
        sys.exit(app(prog_name="driftgate", standalone_mode=False))
    except TyperException as error:
        fix = "`--help` after the command shows what it takes"
        raise CommandFailed(error.format_message().rstrip("."), fix, error.exit_code) from error


def _complain(message: str, fix: str) -> None:
    if "--json" in sys.argv[1:]:
        printing.show_json({"error": {"message": message, "fix": fix}})
    printing.warn(f"driftgate: {message}" + (f": {fix}" if fix else ""))
