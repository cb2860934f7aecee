"""The loop that the gateway runs on, and where recorded answers are."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """asyncio: redis-py and the gateway's transports need it."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded answers; skips where it is absent."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    found = Path(os.environ.get("DRIFTGATE_SHARED_DATA", beside))
    if not found.is_dir():
        pytest.skip(f"the recorded answers are not there: {found} (DRIFTGATE_SHARED_DATA names another place)")
    return found
