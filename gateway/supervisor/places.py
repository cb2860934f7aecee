"""The state directory, locked; and the runtime directory, short.

The lock is a `flock` on a file in the state directory, and its descriptor is also given to the embedded Valkey: so the
directory stays locked until the last writer of its files is gone, even when the supervisor was killed. The lock file
names the runtime directory too, so that the next supervisor removes what a killed one left, secrets included.
"""

import errno
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.supervisor.errors import BadPlace, StateDirInUse

LOCK_PATIENCE_SECONDS: Final = 3.0
"""A killed supervisor's children need a moment to end; a restart right after it waits for them."""
_LOCK_RETRY_SECONDS: Final = 0.05
_LONGEST_SOCKET_PATH: Final = 100
"""A unix socket's path may have 107 bytes on Linux, and 103 elsewhere."""
_LONGEST_SOCKET_NAME: Final = len("/control.sock")
_PREFIX: Final = "dg-"
_LONGEST_NOTE: Final = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs on a state directory, and where its sockets are (None: nowhere yet)."""

    pid: str
    run_dir: Path | None


def holder_of(state_dir: Path) -> Holder | None:
    """The gateway that runs on `state_dir`; None where none does, or it cannot be told."""
    with suppress(OSError):
        descriptor = os.open(state_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, run_dir = _noted(descriptor)
            return Holder(pid, Path(run_dir) if run_dir else None)
        finally:
            os.close(descriptor)
    return None


@contextmanager
def locked_state_dir(state_dir: Path) -> Iterator[int]:
    """Make and lock `state_dir`; yields the lock's descriptor. Raises `StateDirInUse` or `BadPlace`."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadPlace(
            f"the state directory {state_dir} cannot be used: {error.strerror}; "
            "set state_dir in the configuration, or DRIFTGATE_STATE_DIR"
        ) from error
    try:
        _lock(descriptor, state_dir)
        _, left_behind = _noted(descriptor)
        _remove(left_behind)
        _note(descriptor, "")
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, state_dir: Path) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise BadPlace(f"{state_dir} cannot be locked: {error.strerror}") from error
            if time.monotonic() > deadline:
                holder, _ = _noted(descriptor)
                raise StateDirInUse(
                    f"another driftgate (process {holder}) uses the state directory {state_dir}; "
                    "stop it first, or give this one its own with DRIFTGATE_STATE_DIR or state_dir"
                ) from None
            time.sleep(_LOCK_RETRY_SECONDS)
        else:
            return


def _note(descriptor: int, run_dir: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "run_dir": run_dir}).encode(), 0)


def _noted(descriptor: int) -> tuple[str, str]:
    """Who holds, or held, the lock, and its runtime directory."""
    try:
        note = json.loads(os.pread(descriptor, _LONGEST_NOTE, 0))
        return str(note["pid"]), str(note["run_dir"])
    except (ValueError, TypeError, KeyError):
        return "unknown", ""


def _remove(run_dir: str) -> None:
    """Remove what a killed supervisor left; only a directory of the kind that `runtime_dir` makes, and only our own."""
    place = Path(run_dir)
    if not place.name.startswith(_PREFIX) or place.is_symlink() or not place.is_dir():
        return
    if place.stat().st_uid == os.geteuid():
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def runtime_dir(lock: int) -> Iterator[Path]:
    """A new private directory for sockets, removed afterwards. Under XDG_RUNTIME_DIR where that is short enough.

    `lock` is what `locked_state_dir` yielded. A shared lock on the directory keeps systemd-tmpfiles from clearing it:
    a worker that starts again after ten days still needs its configuration.
    """
    base = next((place for place in _bases() if _fits(place)), None)
    if base is None:
        raise BadPlace("no directory for sockets has a short enough path; set TMPDIR to a short one, such as /tmp")
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    except OSError as error:
        raise BadPlace(f"no directory for sockets can be made in {base}: {error.strerror}; set TMPDIR") from error
    kept = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(kept, fcntl.LOCK_SH)
        _note(lock, str(made))
        yield made
    finally:
        os.close(kept)
        shutil.rmtree(made, ignore_errors=True)


def _bases() -> Iterator[str]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK | os.X_OK):
        yield runtime
    yield tempfile.gettempdir()


def _fits(base: str) -> bool:
    return len(os.fsencode(base)) + len("/dg-xxxxxxxx") + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH
