"""Where output goes: JSON on request, else text that a pipe and 80 columns can take."""

import json
import sys
from typing import Any

from rich.console import Console, RenderableType


def show(*parts: RenderableType) -> None:
    """Print for a person. Nothing is guessed about the text: no markup, no highlighting."""
    console = out()
    for part in parts:
        console.print(part)


def out() -> Console:
    """Standard output; plain where it is no terminal."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty())


def show_json(value: Any) -> None:  # Any: whatever JSON can say
    """Print one JSON document on one line, as programs read it; indented on a terminal."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Say something that is no result."""
    sys.stderr.write(f"{text}\n")
