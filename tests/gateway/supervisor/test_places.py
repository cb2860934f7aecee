"""The state directory has one owner, and sockets have short names."""

import os
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


def test_the_runtime_directory_is_private_short_and_removed() -> None:
    """Sockets with credentials behind them are nobody else's business."""
    with places.runtime_dir() as made:
        assert made.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(made / "control.sock")) < 108
    assert not made.exists()
