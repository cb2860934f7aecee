"""What can be seen on this machine without asking anybody: files, locks, ports, versions."""

import errno
import os
import platform
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.config.addresses import Address
from gateway.config.load import Examined
from gateway.config.model import Config
from gateway.doctor.finding import Finding, fail, ok, warn
from gateway.keys import SECRET_VARIABLE, KeyRing, KeySecretMissing
from gateway.supervisor.places import Holder
from gateway.version import __version__, data_path
from rollback.errors import JournalFailed
from rollback.journal import JournalState, read_journal

LEAST_FREE_BYTES: Final = 256 * 1024 * 1024
"""The journal is small, but the embedded server rewrites its file beside the old one."""


def versions() -> Finding:
    """What runs here."""
    where = f"Python {platform.python_version()} on {platform.system()}"
    return ok("version", f"driftgate {__version__}, data path {data_path()}, {where}")


def configuration(path: Path, examined: Examined) -> Iterator[Finding]:
    """Every problem and warning of the file."""
    fix = f"correct it, then `driftgate check {path}`"
    for problem in examined.problems:
        yield fail("config", str(problem), fix)
    for text in examined.warnings:
        yield warn("config", text, "see docs/reference/config.md")
    if examined.config is not None:
        found = examined.config
        yield ok("config", f"{path}: {_count(len(found.models), 'model')}, {_count(len(found.endpoints), 'endpoint')}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def keys(config: Config, env: Mapping[str, str]) -> Finding:
    """Whether the configured keys can be checked."""
    try:
        ring = KeyRing.from_config(config.keys, env.get(SECRET_VARIABLE))
    except KeySecretMissing as error:
        return fail("keys", str(error).partition(":")[0], f"export {SECRET_VARIABLE}, the same on every gateway")
    if ring.is_open:
        return warn("keys", "none: everything is open, on loopback only", "`driftgate key create` prints an entry")
    return ok("keys", f"{len(config.keys)} configured")


def state_dir(config: Config, holder: Holder | None) -> Finding:
    """Whether state can be kept."""
    place = config.state_dir
    existing = next(part for part in (place, *place.parents) if part.exists())
    fix = "set state_dir in the configuration, or DRIFTGATE_STATE_DIR"
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return fail("state_dir", f"{place} cannot be written", fix)
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE_BYTES:
        return fail("state_dir", f"only {free >> 20} MiB are free in {place}", "make room, or " + fix)
    use = f"in use by process {holder.pid}" if holder is not None else "not in use"
    return ok("state_dir", f"{place}, {use}, {free >> 30} GiB free")


def journal(config: Config) -> tuple[Finding, JournalState]:
    """What the journal holds, and whether it can be read whole."""
    path = config.state_dir / "journal.jsonl"
    try:
        state = read_journal(path)
    except JournalFailed as error:
        return fail("journal", str(error), "make it readable for the gateway's user"), JournalState()
    if state.damaged:
        seen = f"{path} has {state.damaged} damaged lines: a rollback may be missing from it"
        return fail(
            "journal", seen, "look at `driftgate history` of each endpoint, and roll back again if in doubt"
        ), state
    if not path.exists():
        return ok("journal", "none yet: it begins with the first change"), state
    return ok("journal", f"{len(state.generations)} promotions, {len(state.latches)} rollbacks remembered"), state


def ports(config: Config, holder: Holder | None) -> Iterator[Finding]:
    """Whether a gateway could listen. Where one runs, whether it does is asked of it (`admin`)."""
    for plane, address in (("data", config.listen.data), ("admin", config.listen.admin)):
        check = f"port {plane}"
        if holder is not None:
            yield ok(check, f"{address}, of the running gateway")
        elif reason := _taken(address):
            fix = f"stop what listens there, or set listen.{plane}"
            yield fail(check, f"{address} cannot be listened on: {reason}", fix)
        else:
            yield ok(check, f"{address} is free")


def _taken(address: Address) -> str:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return "another process listens there" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
    return ""
