"""Which slices may roll back is fixed when a rollout starts, by the keys that the configuration has then."""

from pathlib import Path
from typing import Any, Final

import pytest

from gateway.keys import SECRET_VARIABLE, stored_hash
from tests.gateway.control.gateways import own_redis, running

pytestmark = pytest.mark.anyio

SECRET: Final = "a secret of these tests"
KEYS: Final = "keys:\n" + "".join(
    f"  - {{name: {name}, role: {role}, hash: '{stored_hash(SECRET, f'token-{name}')}'}}\n"
    for name, role in (("shop", "app"), ("toys", "app"), ("ops", "deployer"))
)
SLICED: Final = "  sliced: {slices_roll_back: true}\n"


async def test_a_start_names_the_slices_that_may_roll_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the keys that may ask the endpoint, if the plan says so."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with own_redis() as redis, running(tmp_path, redis, more=SLICED + KEYS, key="token-ops") as gateway:
        first: Any = await gateway.start(plan="sliced")
        assert first["rollout"]["deciding_slices"] == ["key.name=shop", "key.name=toys"]
        second: Any = await gateway.start(plan="default", replace=True)
        assert second["rollout"]["deciding_slices"] == []
