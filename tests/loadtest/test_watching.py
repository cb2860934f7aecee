"""The recording of `status --watch`: screens as a real terminal gets them, and the SVG that shows them."""

import sys
from xml.etree import ElementTree as ET

from loadtest.docs.watching import Screen, moving, recorded, thinned

SHOWS_THREE = """
from rich.console import Console
from rich.live import Live
from rich.text import Text
with Live(console=Console(), auto_refresh=False) as live:
    for number in (1, 2, 2, 3):
        lines = ["stage", *["row"] * number]
        live.update(Text("\\n".join(lines), style="bold red" if number == 3 else ""), refresh=True)
"""
"""A live display as `status --watch` has one: each screen has a line more."""


def test_each_screen_of_a_live_display_is_found_once() -> None:
    """In order, with its colours, without what moved the cursor."""
    found = recorded([sys.executable, "-c", SHOWS_THREE], {}, seconds=30.0)
    assert [screen.text.count("row") for screen in found] == [1, 2, 3]
    assert "\x1b[1;31m" in found[-1].text
    assert "\x1b[2K" not in "".join(screen.text for screen in found)
    assert [screen.at for screen in found] == sorted(screen.at for screen in found)


def test_the_last_screen_is_never_left_out() -> None:
    """However soon it follows: it is the one that says how it ended."""
    found = [Screen(at, str(at)) for at in (0.0, 0.1, 1.0, 1.1, 1.2)]
    assert [screen.at for screen in thinned(found, 0.9)] == [0.0, 1.0, 1.2]


def test_the_recording_is_an_svg_that_needs_nothing_from_elsewhere() -> None:
    """Well-formed, each screen has its moment, and the only address is the name of the format."""
    text = moving([Screen(3.0, "a & b"), Screen(5.0, "\x1b[32m<c>\x1b[0m\nd")], "what it shows", faster=2.0)
    root = ET.fromstring(text)
    words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [word.strip().replace("\xa0", " ") for word in words if word and word.strip()] == ["a & b", "<c>", "d"]
    assert text.count("translateY(") == 3
    assert text.count("http") == 1
