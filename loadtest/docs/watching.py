"""Recordings of `status --watch`, of real rollouts: `make pictures` writes them to docs/images as SVGs that move.

The command runs in a terminal of its own (a pseudo-terminal), beside the running demo. What it writes there is kept
with its times; rich's live display writes each screen anew, so the screens are what stands between its steps back up.
They become one strip of screens that the SVG moves past a window. Nothing in it comes from elsewhere, and a reader who
wants no motion sees the last screen.
"""

import argparse
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Final

from rich.console import Console
from rich.text import Text

from loadtest.demo.running import demo, until
from loadtest.docs.pictures import IMAGES

COLUMNS: Final = 96
ROWS: Final = 40
"""Of the terminal: more than a screen of `status` has lines, which is cut where the terminal ends."""
LINGER_SECONDS: Final = 6.0
"""How long the last screen stands before it begins again."""
APART_SECONDS: Final = 0.9
"""Screens that follow sooner are left out; the last one never is."""
_ANEW: Final = re.compile(rb"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")
"""How rich's live display steps back to the first line of the screen that it replaces."""
_MODES: Final = re.compile(rb"\x1b\[\?\d+[hl]")
"""Hiding the cursor, and showing it again."""
_PARTS: Final = "{styles}\0{lines}\0{backgrounds}\0{matrix}\0{line_height}\0{char_width}"
_SVG: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}">
<style>
.w-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 20px }}
{styles}
.strip {{ animation: play {seconds:.1f}s step-end infinite }}
@keyframes play {{ {steps} }}
@media (prefers-reduced-motion: reduce) {{ .strip {{ animation: none; transform: translateY({last:.1f}px) }} }}
</style>
<defs><clipPath id="w-window"><rect width="{inner:.0f}" height="{shown:.1f}"/></clipPath>{lines}</defs>
<rect width="{width:.0f}" height="{height:.0f}" rx="10" fill="#292929"/>
<g transform="translate(16 14)" clip-path="url(#w-window)"><g class="strip">{backgrounds}
<g class="w-matrix">{matrix}</g></g></g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Film:
    """A rollout of the demo that is watched, how it must end, how many times as fast it is shown, and its caption."""

    endpoint: str
    ends: str
    faster: float
    label: str


FILMS: Final = (
    Film("chat", "promoted", 2.0, "driftgate status chat --watch: a candidate that answers as well is promoted"),
    Film("support", "rolled_back", 1.0, "driftgate status support --watch: one that refuses too much is rolled back"),
)


@dataclass(frozen=True, slots=True)
class Screen:
    """What stood in the terminal, with its colours as a terminal is told them, from `at` seconds on."""

    at: float
    text: str


def recorded(command: Sequence[str], more: Mapping[str, str], *, seconds: float) -> list[Screen]:
    """Run a command in a terminal of its own until it ends, and keep its screens; `more`: of the environment."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **more}
    for name in ("NO_COLOR", "COLUMNS", "LINES", "CI"):
        environment.pop(name, None)
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True)
    os.close(its)
    try:
        return list(screens(_said(ours, monotonic() + seconds)))
    finally:
        os.close(ours)
        process.terminate()
        process.wait(10)


def _said(terminal: int, deadline: float) -> Iterator[tuple[float, bytes]]:
    began = monotonic()
    while monotonic() < deadline:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side has closed it
            return
        if not piece:
            return
        yield monotonic() - began, piece


def screens(said: Iterator[tuple[float, bytes]]) -> Iterator[Screen]:
    """Each screen that was shown, when it was whole; the same one twice in a row is one."""
    whole, starts = b"", [(0, 0.0)]
    for at, piece in said:
        starts.append((len(whole), at))
        whole += piece
    cuts = [0, *(found.start() for found in _ANEW.finditer(whole)), len(whole)]
    last = ""
    for begin, end in pairwise(cuts):
        text = (
            _MODES.sub(b"", _ANEW.sub(b"", whole[begin:end])).replace(b"\r\n", b"\n").decode(errors="replace").rstrip()
        )
        at = max(when for place, when in starts if place <= begin)
        if text and text != last:
            yield Screen(at, text)
            last = text


def thinned(found: Sequence[Screen], apart: float = APART_SECONDS) -> list[Screen]:
    """Those that stood long enough to be read, and the last one."""
    kept: list[Screen] = []
    for screen in found:
        if not kept or screen.at - kept[-1].at >= apart:
            kept.append(screen)
    return kept if kept[-1] is found[-1] else [*kept, found[-1]]


def moving(found: Sequence[Screen], label: str, *, faster: float) -> str:
    """The screens as one SVG, one after the other, `faster` times as fast as they came."""
    tall = max(screen.text.count("\n") + 1 for screen in found) + 1  # an empty line keeps two screens apart
    styles, lines, backgrounds, matrix, line_height, char_width = _strip(found, tall).split("\0")
    step = tall * float(line_height)
    inner, shown = COLUMNS * float(char_width), (tall - 1) * float(line_height) + 4.0
    begins = [(screen.at - found[0].at) / faster for screen in found]
    seconds = begins[-1] + LINGER_SECONDS
    steps = [f"{100 * at / seconds:.2f}% {{transform: translateY({-step * n:.1f}px)}}" for n, at in enumerate(begins)]
    return _SVG.format(
        width=inner + 32,
        height=shown + 28,
        label=label,
        styles=styles,
        seconds=seconds,
        steps=" ".join(steps),
        last=-step * (len(found) - 1),
        inner=inner,
        shown=shown,
        lines=lines,
        backgrounds=backgrounds,
        matrix=matrix,
    )


def _strip(found: Sequence[Screen], tall: int) -> str:
    """All screens below one another, each `tall` lines, as the parts of rich's SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256")
    for screen in found:
        rows = screen.text.split("\n")
        for row in [*rows, *[""] * (tall - len(rows))]:
            console.print(Text.from_ansi(row, no_wrap=True, overflow="crop"), crop=True, highlight=False)
    return console.export_svg(code_format=_PARTS, unique_id="w")


def _watched(film: Film, address: str) -> list[Screen]:
    until(address, film.endpoint, "pending", "shadowing", "canary", "baking")
    command = [sys.executable, "-m", "gateway.cli", "status", film.endpoint, "--watch"]
    found = recorded(command, {"DRIFTGATE_SERVER": address}, seconds=180.0)
    if not found or film.ends not in found[-1].text:
        raise SystemExit(f"{film.endpoint} was not seen to its end:\n{found[-1].text if found else 'nothing'}")
    return found


def main() -> None:
    """Run the demo, watch both of its rollouts, and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=IMAGES, help="where the recordings go")
    into: Path = parser.parse_args().into
    with demo() as address, ThreadPoolExecutor(len(FILMS)) as both:
        seen = list(both.map(lambda film: _watched(film, address), FILMS))
    for film, found in zip(FILMS, seen, strict=True):
        shown = thinned(found, APART_SECONDS * film.faster)
        path = into / f"status-watch-{film.endpoint}.svg"
        path.write_text(moving(shown, film.label, faster=film.faster), encoding="utf-8")
        lasted = found[-1].at - found[0].at
        print(f"{path.name}: {len(shown)} of {len(found)} screens in {lasted:.0f} s, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
