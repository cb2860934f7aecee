"""Reads a configuration file: text → data with positions → values → cross checks.

Reads files, and nothing else: no connection is made. `examine` collects what `driftgate check` shows and survives unset
environment variables, so that CI can check a file without its secrets; `load_file` and `load_text` want a
configuration that can be served, and raise.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from gateway.config import crosscheck, document, variants
from gateway.config.complaints import complaints
from gateway.config.document import Document
from gateway.config.errors import ConfigError, Problem
from gateway.config.fields import WRITTEN
from gateway.config.model import Config

STANDARD_INPUT: Final = "-"
STATE_DIR_VARIABLE: Final = "DRIFTGATE_STATE_DIR"
_STANDS_IN: Final = "http://unset.invalid"
"""Takes the place of an unset variable while the rest is examined; no option is judged by it."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of one file. `config` is None where there are problems, or values are missing."""

    config: Config | None
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def load_file(path: str | Path, env: Mapping[str, str] | None = None) -> Config:
    """The configuration in `path`; raises `ConfigError` with every problem found."""
    return _or_raise(examine_file(path, env, unset_is_fatal=True))


def load_text(text: str, source: str = "driftgate.yaml", env: Mapping[str, str] | None = None) -> Config:
    """The configuration that `text` holds. `source` names it in errors; paths in it are relative to its directory."""
    return _or_raise(examine(text, source, os.environ if env is None else env, unset_is_fatal=True))


def examine_file(path: str | Path, env: Mapping[str, str] | None = None, *, unset_is_fatal: bool = False) -> Examined:
    """As `examine`, for a file, or for standard input; one that cannot be read is a problem too."""
    try:
        text = (
            sys.stdin.buffer.read().decode() if str(path) == STANDARD_INPUT else Path(path).read_text(encoding="utf-8")
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"
        fix = "name another file with -c, or let `driftgate init` write one"
        return Examined(None, (Problem(str(path), 1, 1, "", f"cannot be read: {reason}", fix),), ())
    source = "stdin" if str(path) == STANDARD_INPUT else str(path)
    return examine(text, source, os.environ if env is None else env, unset_is_fatal=unset_is_fatal)


def examine(text: str, source: str, env: Mapping[str, str], *, unset_is_fatal: bool = False) -> Examined:
    """Everything that is wrong with `text`, and everything worth a warning."""
    here = Path(source).absolute().parent
    try:
        read = document.read(text, source, env)
    except ConfigError as error:
        return Examined(None, error.problems, ())
    if not isinstance(read.data, dict):
        fix = "write `models:` and `endpoints:`; `driftgate init` shows how"
        return Examined(None, (read.problem((), "the file is not made of sections", fix),), ())
    unset = [
        read.problem(path, f"the environment variable {name} is not set", f"export {name}")
        for path, name in read.unset.items()
    ]
    if unset_is_fatal:
        read.problems.extend(unset)
    _fill(read, env, here)
    variants.resolve(read, lambda written: (here / written).read_text(encoding="utf-8"))
    config = _validated(read)
    warnings = [] if unset_is_fatal else [str(problem) for problem in unset]
    if config is not None and not read.problems:
        warnings += _warnings(read, config)
    # a complete configuration is promised only where nothing had to stand in for a value
    usable = config is not None and not read.problems and not read.unset
    return Examined(config if usable else None, tuple(sorted(set(read.problems))), tuple(warnings))


def dump_resolved(config: Config) -> bytes:
    """The configuration for another process, secrets included: write it only where nobody else can read."""
    return config.model_dump_json().encode()


def load_resolved(data: bytes) -> Config:
    """What `dump_resolved` wrote."""
    return Config.model_validate_json(data, by_name=True)


def _or_raise(examined: Examined) -> Config:
    if examined.config is None:
        raise ConfigError(examined.problems)
    return examined.config


def _fill(read: Document, env: Mapping[str, str], here: Path) -> None:
    """Put stand-ins where variables are unset, and apply what the environment overrides."""
    for path in read.unset:
        _replace(read.data, path, _STANDS_IN)
    assert isinstance(read.data, dict)
    chosen = env.get(STATE_DIR_VARIABLE) or read.data.get("state_dir")
    if isinstance(chosen, str):
        base = Path.cwd() if env.get(STATE_DIR_VARIABLE) else here
        read.data["state_dir"] = str(base / Path(chosen).expanduser())
    models = read.data.get("models")
    for model in models.values() if isinstance(models, dict) else ():
        if isinstance(model, dict) and isinstance(model.get("ca_file"), str):
            model["ca_file"] = str(here / Path(str(model["ca_file"])).expanduser())
    redis = read.data.get("redis")
    if isinstance(redis, dict) and isinstance(redis.get("ca_file"), str):
        redis["ca_file"] = str(here / Path(str(redis["ca_file"])).expanduser())


def _replace(data: document.Plain, path: document.Path, value: str) -> None:
    for part in path[:-1]:
        data = data[part]  # type: ignore[index]  # the path was recorded while this very data was built
    data[path[-1]] = value  # type: ignore[index]  # as above


def _validated(read: Document) -> Config | None:
    """The configuration as far as it can be judged, its problems added to the document's."""
    try:
        config = Config.model_validate(read.data, context=WRITTEN, by_alias=True, by_name=False)
    except ValidationError as error:
        for path, message, fix, at_key in complaints(error, Config):
            if not _is_excused(read, path):
                read.problems.append(read.problem(path, message, fix, at_key=at_key))
        return None
    for path, message, fix in crosscheck.findings(config):
        if not _is_excused(read, path):
            read.problems.append(read.problem(path, message, fix))
    return config


def _is_excused(read: Document, path: document.Path) -> bool:
    """Whether a finding at `path` is about a stand-in, or is told already where it was inherited from."""
    if any(path[: len(unset)] == unset for unset in read.unset):
        return True
    inherits = path[:1] == ("models",) and len(path) > 2 and (*path[:2], "extends") in read.values  # noqa: PLR2004  # models, name, option
    return inherits and path[:3] not in read.values


def _warnings(read: Document, config: Config) -> list[str]:
    cautions = [str(read.problem(*caution)) for caution in crosscheck.cautions(config)]
    return [*cautions, *config.placeholders()]
