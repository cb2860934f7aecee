"""All checks in order: first what the others need. A failing one never keeps the others from being made."""

import os
from collections.abc import Iterator
from pathlib import Path

import anyio

from gateway.config.load import examine_file
from gateway.config.model import Config
from gateway.doctor import here
from gateway.doctor.admin import admin
from gateway.doctor.finding import Finding, Level, skip
from gateway.doctor.models import models
from gateway.doctor.redis import redis
from gateway.supervisor.places import Holder, holder_of
from rollback.journal import JournalState


def examine(path: Path, server: str | None, key: str | None) -> Iterator[Finding]:
    """Every finding about the gateway that `path` configures. `server`: its admin listener, else as configured."""
    yield here.versions()
    examined = examine_file(path, unset_is_fatal=True)
    yield from here.configuration(path, examined)
    if examined.config is None:
        yield skip("the rest", "is looked at once the configuration can be read")
        return
    config = examined.config
    yield here.keys(config, os.environ)
    holder = holder_of(config.state_dir)
    yield here.state_dir(config, holder)
    found, journal = here.journal(config)
    yield found
    yield from here.ports(config, holder)
    yield from anyio.run(_asked, config, holder, journal)
    yield from admin(server or f"http://{config.listen.admin}", key, expected=holder is not None or server is not None)


async def _asked(config: Config, holder: Holder | None, journal: JournalState) -> list[Finding]:
    return [*await models(config), *await redis(config, holder, journal)]


def is_well(findings: list[Finding]) -> bool:
    """Whether nothing fails."""
    return all(finding.level is not Level.FAIL for finding in findings)
