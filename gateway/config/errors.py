"""Errors of the configuration.

ConfigError       the file cannot be used; carries every `Problem` found, not just the first
Unusable          one value cannot be used (a ValueError, so that pydantic collects it and gives it its place)
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, where, and what to do about it. Lines and columns count from 1."""

    source: str
    line: int
    column: int
    path: str
    message: str
    fix: str

    def __str__(self) -> str:
        """`file:line:column: path: message: what to do`, the form that editors and CI jump from."""
        parts = [f"{self.source}:{self.line}:{self.column}", self.path, self.message, self.fix]
        return ": ".join(part for part in parts if part)


class ConfigError(Exception):
    """A configuration that cannot be used."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Unusable(ValueError):
    """One value that cannot be used: what is wrong with it, and what to do."""

    def __init__(self, message: str, fix: str = "") -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}: {fix}" if fix else message)
