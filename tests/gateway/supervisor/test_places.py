"""The state directory has one owner, and sockets have short names."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.supervisor import places
from gateway.supervisor.errors import BadPlace, StateDirInUse


def test_a_second_owner_is_told_who_has_the_state_directory(tmp_path: Path) -> None:
    """The message names the process and says what to do."""
    with (
        places.locked_state_dir(tmp_path),
        pytest.raises(StateDirInUse, match=f"process {os.getpid()}.*DRIFTGATE_STATE_DIR"),
        places.locked_state_dir(tmp_path),
    ):
        pass


def test_a_lock_freed_in_time_is_waited_for(tmp_path: Path) -> None:
    """A restart right after a kill finds the old children still ending, and does not fail for it."""
    first = places.locked_state_dir(tmp_path)
    first.__enter__()
    release = threading.Timer(0.2, first.__exit__, (None, None, None))
    release.start()
    with places.locked_state_dir(tmp_path) as lock:
        assert lock > 0
    release.join()


def test_the_lock_outlives_its_owner_while_a_child_holds_it(tmp_path: Path) -> None:
    """Valkey inherits the descriptor, so nobody else opens its files while it still writes them."""
    with places.locked_state_dir(tmp_path) as lock:
        kept = os.dup(lock)
    try:
        with pytest.raises(StateDirInUse), places.locked_state_dir(tmp_path):
            pass
    finally:
        os.close(kept)
    with places.locked_state_dir(tmp_path):
        pass


def test_a_state_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadPlace, match="DRIFTGATE_STATE_DIR"), places.locked_state_dir(tmp_path / "file" / "state"):
        pass


def test_the_runtime_directory_is_private_short_and_removed(tmp_path: Path) -> None:
    """Sockets with credentials behind them are nobody else's business."""
    with places.locked_state_dir(tmp_path) as lock, places.runtime_dir(lock) as made:
        assert made.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(made / "control.sock")) < 108
    assert not made.exists()


def test_what_a_killed_supervisor_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """Its runtime directory holds the resolved configuration, secrets included."""
    program = (
        "import os, pathlib, sys\n"
        "from gateway.supervisor import places\n"
        "with places.locked_state_dir(pathlib.Path(sys.argv[1])) as lock, places.runtime_dir(lock) as made:\n"
        "    (made / 'config.json').write_text('secret')\n"
        "    print(made, flush=True)\n"
        "    os._exit(1)\n"
    )
    died = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    left = Path(died.stdout.strip())
    assert (left / "config.json").exists()
    with places.locked_state_dir(tmp_path):
        assert not left.exists()


@pytest.mark.parametrize("written", ["", "[]", '{"pid": 1}', "4711\n", "\udcff".encode(errors="surrogateescape")])
def test_a_lock_file_of_another_version_hinders_nobody(tmp_path: Path, written: str | bytes) -> None:
    """What the lock file says is only a help; holding the lock is what counts."""
    (tmp_path / "lock").write_bytes(written if isinstance(written, bytes) else written.encode())
    with places.locked_state_dir(tmp_path) as lock:
        assert lock > 0


def test_only_a_runtime_directory_is_ever_removed(tmp_path: Path) -> None:
    """A lock file that names something else does not make it go away."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "run_dir": str(precious)}))
    with places.locked_state_dir(tmp_path):
        assert precious.exists()
