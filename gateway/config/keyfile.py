"""Changing a key's hash in a configuration file, and nothing else of it: comments, order and spelling stay.

The text between two marks of the parsed document is replaced; what comes out is read again before it is written, so
that a file that was valid stays valid.
"""

from dataclasses import dataclass

import yaml

from gateway.config import document


@dataclass(frozen=True, slots=True)
class HashPlace:
    """Where the hash of a key stands in the text."""

    start: int
    end: int

    def replaced(self, text: str, hashes: tuple[str, ...]) -> str:
        """The text with these hashes there."""
        quoted = [f'"{each}"' for each in hashes]
        written = quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"
        return text[: self.start] + written + text[self.end :]


def hash_place(text: str, name: str) -> HashPlace | None:
    """Where the key called `name` has its hash; None where there is no such key, or none that stands in this text."""
    root = yaml.compose(document.veiled(text), Loader=yaml.SafeLoader)
    for entry in _items(_value(root, "keys")):
        held = _value(entry, "name")
        found = _value(entry, "hash")
        if isinstance(held, yaml.ScalarNode) and held.value == name and found is not None:
            return HashPlace(found.start_mark.index, found.end_mark.index)
    return None


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
