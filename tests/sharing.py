"""How `make test JOBS=2` shares the tests among processes: file by file, but all of tests/chaos in one of them.

Each of those runs two gateways under load; two of them at once would measure each other on a small machine. A plugin
that `make test` names, and no part of conftest: without it tests run in order, in one process, as pytest does it.
"""

from typing import Final

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER: Final = "tests/chaos/"


class Sharing(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """What one process runs as a whole is a file, or that folder."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Sharing:
    """See xdist's hook of this name."""
    return Sharing(config, log)
