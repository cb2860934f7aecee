"""The loop that faults are played on."""

import pytest


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """As in production, where a file does not say otherwise."""
    return "asyncio", {"use_uvloop": True}
