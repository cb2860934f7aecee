"""The pages' text. Everything that is put into a page is escaped, whatever it holds; templates have no `safe`."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.dashboard import assets, words
from gateway.dashboard.glyphs import WIDTH, glyph
from gateway.version import __version__
from routing.wording import duration

_FILTERS: Final = {
    "phase": words.phase,
    "verdict": words.verdict,
    "holding": words.holding,
    "coming": words.coming,
    "when": words.when,
    "action": words.action,
    "percent": words.percent,
    "moment": words.moment,
    "machine_moment": words.machine_moment,
    "count": words.count,
    "duration": duration,
    "exposed": words.exposed,
}


def environment() -> Environment:
    """The templates, with the words that they use."""
    made = Environment(
        loader=PackageLoader("gateway.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(_FILTERS)
    made.globals.update(
        version=__version__,
        asset=assets.address,
        drift=words.drift,
        interval=words.interval,
        test_name=words.test_name,
        ago=words.ago,
        glyph=glyph,
        glyph_width=WIDTH,
        calm=words.CALM,
    )
    return made
