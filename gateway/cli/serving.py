"""Commands that run a gateway: `serve` and `demo`. What serves is imported only when one of them is called."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from gateway import logs
from gateway.cli import printing
from gateway.cli.errors import CommandFailed
from gateway.cli.local import DEFAULT_FILE
from gateway.cli.options import Json
from gateway.config.load import examine_file
from gateway.config.model import Config
from gateway.keys import SECRET_VARIABLE, KeyRing, KeySecretMissing


def serve(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = DEFAULT_FILE,
    *,
    as_json: Json = False,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM."""
    loaded = checked(config, as_json=as_json)
    from gateway.supervisor.main import run  # noqa: PLC0415  # only who serves loads what serves

    raise typer.Exit(run(loaded, config_path=config))


def demo(
    *,
    headless: Annotated[bool, typer.Option("--headless", help="No picture; end when both rollouts end.")] = False,
    as_json: Json = False,
) -> None:
    """Run two rollouts between simulated models, live in the terminal.

    One is promoted, the other is rolled back; the dashboard shows both.
    """
    from gateway.demo.main import run  # noqa: PLC0415  # only who serves loads what serves

    raise typer.Exit(run(headless=headless or as_json))


def checked(path: Path, *, as_json: bool) -> Config:
    """The configuration in `path`, if it can be served; what it asks for in vain is said on standard error."""
    examined = examine_file(path, unset_is_fatal=True)
    if examined.config is None:
        for problem in examined.problems:
            printing.warn(f"error: {problem}")
        raise CommandFailed(f"{path} cannot be served", f"correct it, then `driftgate check {path}`")
    try:
        ring = KeyRing.from_config(examined.config.keys, os.environ.get(SECRET_VARIABLE))
    except KeySecretMissing as error:
        raise CommandFailed(str(error)) from error
    warnings = [f"warning: {warning}" for warning in examined.warnings]
    if ring.is_open and not as_json:
        warnings.append("no keys are configured: everything is open, on loopback only")
    _say(examined.config, warnings)
    return examined.config


def _say(config: Config, warnings: list[str]) -> None:
    """On standard error; where the log is for programs, so are these lines."""
    if config.log.format == "human":
        for text in warnings:
            printing.warn(text)
        return
    logs.configure(config.log, "serve")
    for text in warnings:
        logging.getLogger("driftgate").warning("%s", text)
