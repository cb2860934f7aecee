"""The documentation: a site without dead ends, references as the code is, and commands that work."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from loadtest.docs.reference import PAGES, REFERENCE

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"


def test_the_site_builds_and_no_link_leads_nowhere(tmp_path: Path) -> None:
    """Strictly: an unknown page, file or heading in a link is an error. Nothing in it is fetched from elsewhere."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stdout) == (0, ""), built.stderr
    home = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<(?:script|img|link rel="stylesheet")[^>]+(?:src|href)="(https?:[^"]+)"', home) == []
    assert (tmp_path / "site" / "adr" / "0001-processes-and-sockets.html").exists()


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_is_as_the_code_is(name: str) -> None:
    """`make reference` writes it anew."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name]()


def test_pictures_that_pages_show_are_looked_after_by_a_command() -> None:
    """Every picture of the dashboard is one that `make pictures` takes, and none lies there unused by it."""
    taken = set(
        re.findall(r'album\.take\("(\w+)"', (ROOT / "loadtest" / "docs" / "pictures.py").read_text(encoding="utf-8"))
    )
    there = {path.name.split("-")[1] for path in (DOCS / "images").glob("dashboard-*")}
    assert there == taken


def test_readme_links_lead_to_files() -> None:
    """What the README links to within the project is there."""
    linked = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [path for path in linked if not (ROOT / path).exists()] == []
