"""Commands that are imported when they are asked for.

Who rolls back at three in the morning waits for none of what checks a configuration: most of what a command costs is
what it imports.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command


class OnDemandGroup(TyperGroup):
    """A group of commands by name, each at `module:function`; `HIDDEN` are names that help does not list."""

    PLACES: ClassVar[Mapping[str, str]]
    HIDDEN: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **settings: Any) -> None:  # Any: Typer's own
        super().__init__(**settings)
        self.commands = _Commands(self.PLACES, self.HIDDEN, self.commands)


class _Commands(MutableMapping[str, Any]):  # Any: Typer names the class of its commands nowhere public
    def __init__(self, places: Mapping[str, str], hidden: frozenset[str], made: Mapping[str, Any]) -> None:  # as above
        self._places = places
        self._hidden = hidden
        self._made = dict(made)

    def __getitem__(self, name: str) -> Any:  # as above
        if name not in self._made:
            self._made[name] = _imported(self._places[name], name, hidden=name in self._hidden)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:  # as above
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._places, *self._made)))

    def __len__(self) -> int:
        return len({*self._places, *self._made})


def _imported(place: str, name: str, *, hidden: bool) -> Any:  # as above
    module, _, function = place.partition(":")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name, hidden=hidden)(getattr(import_module(module), function))
    return get_command(alone)
