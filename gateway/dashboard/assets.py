"""The files that pages use. The address in a page changes with the content, so a browser keeps each for good.

So a page after the first waits for no style sheet before it paints. Whoever asks without the version gets the file as
well, and asks again the next time.
"""

from functools import cache
from hashlib import blake2b
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from gateway.control.access import ANYBODY, NEEDS

_SCRIPT: Final = "text/javascript; charset=utf-8"
_STYLE: Final = "text/css; charset=utf-8"
_MEDIA: Final = MappingProxyType(
    {
        "live.js": _SCRIPT,
        "charts.js": _SCRIPT,
        "review.js": _SCRIPT,
        "dashboard.css": _STYLE,
        "icon.svg": "image/svg+xml",
        "uplot/uplot.js": _SCRIPT,
        "uplot/uplot.css": _STYLE,
    }
)
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


@cache
def address(name: str) -> str:
    """Where a page finds the file: `/static/live.js?v=…`. Worked out once, as the routes are."""
    return f"/static/{name}?v={_version(_content(name))}"


def routes() -> list[HTTPRouteHandler]:
    """A route for each file."""
    return [_route(name, media) for name, media in _MEDIA.items()]


def _content(name: str) -> bytes:
    return files("gateway.dashboard").joinpath("static", *name.split("/")).read_bytes()


def _version(content: bytes) -> str:
    return blake2b(content, digest_size=6).hexdigest()


def _route(name: str, media_type: str) -> HTTPRouteHandler:
    content = _content(name)
    version = _version(content)

    @get(f"/static/{name}", opt={NEEDS: ANYBODY}, include_in_schema=False, name=f"asset:{name}")
    async def asset(v: FromQuery[str] = "") -> Response[bytes]:
        kept = _FOR_GOOD if v == version else "no-cache"
        return Response(content, media_type=media_type, headers={"cache-control": kept})

    return asset
