"""driftgate installed as users install it: the locked dependencies and the wheel, in an empty environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
_ASK_VERSION: Final = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
_UNREACHABLE: Final = ("error sending request", "Failed to fetch", "dns error", "timed out")
"""How uv words a network that is not there."""


def run(command: list[str | Path], cwd: Path | None = None) -> str:
    """Run to the end; the test fails with what the command said. Returns its standard output."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        error.add_note(f"{done.stdout[-5_000:]}\n{done.stderr[-5_000:]}")
        raise error
    return done.stdout


def build_wheel(into: Path) -> Path:
    """Build the wheel with the locked build tools of this environment."""
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", into, ROOT])
    (wheel,) = into.glob("*.whl")
    return wheel


@dataclass(frozen=True, slots=True)
class Installation:
    """A virtual environment with driftgate in it, and without pip or any build tool."""

    place: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.place / "bin" / "python"

    @property
    def driftgate(self) -> Path:
        """The command."""
        return self.place / "bin" / "driftgate"

    def add(self, *what: str | Path) -> None:
        """Install more. Skips where no index can be reached, but fails in CI."""
        command: list[str | Path] = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", self.python]
        try:
            run([*command, "--compile-bytecode", "--only-binary", ":all:", *what])
        except subprocess.CalledProcessError as error:
            if os.environ.get("CI") != "true" and any(words in error.stderr for words in _UNREACHABLE):
                pytest.skip(f"no package index can be reached: {error.stderr.splitlines()[0]}")
            pytest.fail(f"{error}\n{error.stderr}")


def install(python: Path, wheel: Path, place: Path) -> Installation:
    """Make an environment of `python` at `place`, and install the locked dependencies, by hash, and the wheel."""
    run([sys.executable, "-m", "uv", "venv", "--quiet", "--no-config", "--python", python, place])
    made = Installation(place)
    made.add("--require-hashes", "-r", ROOT / "requirements.lock")
    made.add("--no-deps", wheel)
    return made


def interpreter(minor: int) -> tuple[Path, str] | None:
    """A working CPython 3.`minor` of this machine and its full version: this one, on the PATH, or one of pyenv's."""
    for candidate in _candidates(f"python3.{minor}"):
        try:
            version = run([candidate, "-c", _ASK_VERSION]).strip()
        except (OSError, subprocess.CalledProcessError):
            continue  # a shim for an interpreter that is not active, or not for this machine
        if version.startswith(f"3.{minor}."):
            return candidate, version
    return None


def _candidates(name: str) -> Iterator[Path]:
    if name.endswith(f".{sys.version_info.minor}"):
        yield Path(sys.executable)
    for directory in os.environ["PATH"].split(os.pathsep):
        if (Path(directory) / name).exists():
            yield Path(directory) / name
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted((root / "versions").glob(f"*/bin/{name}"))
