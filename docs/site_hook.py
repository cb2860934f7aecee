"""What the site's navigation gains by itself: every decision record, and every guide that no line names.

So a new page is never missing from the site, and whoever writes one need not edit the navigation.
"""

from pathlib import Path
from typing import Any

SECTIONS = {"Decisions": "adr", "Guides": "guides"}


def on_config(config: Any) -> Any:  # noqa: D103 - MkDocs names and documents it
    docs = Path(config["docs_dir"])
    for entry in config["nav"]:
        for name, pages in entry.items():
            if name in SECTIONS:
                named = {page if isinstance(page, str) else next(iter(page.values())) for page in pages}
                found = sorted(path.relative_to(docs).as_posix() for path in (docs / SECTIONS[name]).glob("*.md"))
                pages.extend(page for page in found if page not in named)
    return config
