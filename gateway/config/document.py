"""A YAML text as plain data, with the position of every path in it.

PyYAML's nodes carry positions, its constructed objects do not; so the nodes are walked here. Scalars follow YAML 1.2:
only `true` and `false` are booleans, so that `agreement: off` and the key `on:` stay text. Duplicate keys, tags,
several documents and self-references are problems. `${NAME}` is an environment variable (`${NAME:-default}` with a
default), in values only, never in keys; the text it stands for is never parsed as YAML.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from gateway.config.errors import ConfigError, Problem

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"
Path: TypeAlias = tuple[str | int, ...]

MAX_NODES: Final = 100_000
"""Aliases repeat what they name: a file of a few lines must not unfold into gigabytes."""

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}\n]*))?\}")
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Braces end a plain scalar in `{a: ${B}}`, so variables are put in private-use characters while YAML is parsed."""
_VEILED: Final = re.compile(rf"{_OPEN}{_OPEN}([A-Za-z_][A-Za-z0-9_]*)(?::-([^{_CLOSE}]*))?{_CLOSE}")

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_FLOAT: Final = re.compile(r"[+-]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][+-]?[0-9]+)?")
_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """The data of one text, and what is known about its parts.

    `keys` and `values` map paths to places; `unset` holds the paths whose value needs an environment variable that is
    not set, with its name: they are None in `data`.
    """

    source: str
    data: Plain = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    unset: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, fix: str, *, at_key: bool = False) -> Problem:
        """A problem at `path`, or at the nearest part of it that is in the text."""
        known = path
        while known and known not in self.values:
            known = known[:-1]
        place = self.values.get(known, Place(1, 1))
        if (at_key or known != path) and known in self.keys:
            place = self.keys[known]
        return Problem(self.source, place.line, place.column, dotted(path), message, fix)


def dotted(path: Path) -> str:
    """`plans.default.stages[2].weight`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str, source: str, env: Mapping[str, str]) -> Document:
    """Parse `text`; raises `ConfigError` where it is no YAML, and collects every other problem in the document."""
    document = Document(source)
    try:
        nodes = list(yaml.compose_all(veiled(text), Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        message = f"not valid YAML: {error.problem or error.context}"
        problem = Problem(source, place.line, place.column, "", message, "correct the syntax here or just before")
        raise ConfigError([problem]) from error
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            [Problem(source, 1, 1, "", f"not valid YAML: {reason}", "save the file as UTF-8 text")]
        ) from error
    if not nodes or nodes[0] is None:
        fix = "`driftgate init` writes a file to begin with"
        raise ConfigError([Problem(source, 1, 1, "", "the file is empty", fix)])
    if len(nodes) > 1:
        document.values[()] = _place(nodes[1])
        document.problems.append(
            document.problem((), "the file holds more than one document", "keep one; remove `---`")
        )
    walker = _Walker(document, env)
    document.data = walker.plain(nodes[0], ())
    return document


def veiled(text: str) -> str:
    """The text with its variables in characters that YAML takes for letters; as long as before, so places stay."""
    return _VARIABLE.sub(_veil, text)


def _veil(match: re.Match[str]) -> str:
    return _OPEN * 2 + match.group(0)[2:-1] + _CLOSE


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


class _Walker:
    """Turns nodes into plain data; `open` are the nodes being walked, to notice one that holds itself."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.document = document
        self.env = env
        self.open: set[int] = set()
        self.count = 0

    def plain(self, node: yaml.Node, path: Path) -> Plain:
        self.document.values[path] = _place(node)
        self.count += 1
        if id(node) in self.open or self.count > MAX_NODES:
            problem = self.document.problem(path, "an alias repeats too much", "write the values out instead")
            raise ConfigError([problem])
        self.open.add(id(node))
        try:
            return self._of_kind(node, path)
        finally:
            self.open.discard(id(node))

    def _of_kind(self, node: yaml.Node, path: Path) -> Plain:
        if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            self._complain(path, f"the tag {node.tag} is not used here", "remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> Plain:
        result: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            here = (*path, _unveil(key) if key is not None else "?")
            place = _place(key_node)
            if key is None:
                self.document.keys[here] = self.document.values[here] = place
                self._complain(here, "a key must be a simple word", "a value in braces may need quotes")
            elif key == "<<":
                self.document.keys[here] = self.document.values[here] = place
                self._complain(here, "merge keys are not supported", "a model can say `extends`")
            elif here[-1] in result:
                first = self.document.keys[here].line
                problem = Problem(
                    self.document.source,
                    place.line,
                    place.column,
                    dotted(here),
                    f"this key is already set in line {first}",
                    "keep one of them",
                )
                self.document.problems.append(problem)
            else:
                self.document.keys[here] = place
                result[str(here[-1])] = self.plain(value_node, here)
        return result

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Plain:
        text: str = node.value
        if _OPEN in text:
            return self._substituted(text, path)
        if node.style is not None or node.tag.endswith(":binary"):
            return text
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _substituted(self, text: str, path: Path) -> Plain:
        missing = [name for name, default in _VEILED.findall(text) if name not in self.env and not default]
        if missing:
            self.document.unset[path] = missing[0]
            return None
        return _VEILED.sub(lambda match: self.env.get(match.group(1), match.group(2)), text)

    def _complain(self, path: Path, message: str, fix: str) -> None:
        self.document.problems.append(self.document.problem(path, message, fix, at_key=True))


def _unveil(text: str) -> str:
    return text.replace(_OPEN * 2, "${").replace(_CLOSE, "}")
