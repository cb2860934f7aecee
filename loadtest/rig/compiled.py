"""The compiled data path that `make compiled` leaves in build/compiled, for programs that play it beside the tree."""

import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PLACE: Final = ROOT / "build" / "compiled"
_PACKAGES: Final = ("gateway", "rollback", "shadow", "routing")


class NotCompiled(Exception):
    """There is no compiled data path, or it is not of the sources that are here now."""


def modules_to_compile() -> list[str]:
    """The modules that pyproject.toml wants compiled, as paths within the project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    paths: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["include"]
    return paths


def compiled_tree(root: Path = ROOT, place: Path = PLACE) -> Path:
    """Where it is: a directory for PYTHONPATH. Raises `NotCompiled`, which says what to do."""
    if not list(place.glob("driftgate__mypyc.*.so")):
        raise NotCompiled("there is no compiled data path: `make compiled` makes it, with gcc")
    mine, its = _sources(root), _sources(place)
    if mine != its:
        (first, *_) = sorted(name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name))
        raise NotCompiled(f"the compiled data path is of other sources ({first}): `make compiled` makes it anew")
    return place


def _sources(root: Path) -> dict[str, bytes]:
    paths = [path for package in _PACKAGES for path in (root / package).rglob("*.py")]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}
