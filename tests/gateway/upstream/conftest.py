"""The loops that the upstream client is tested on."""

import pytest


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Both: their transports are not the same code. A file may say otherwise."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}
