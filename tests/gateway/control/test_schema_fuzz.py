"""Requests made from the admin plane's own OpenAPI schema: whatever comes, no answer is a server error.

They are sent from a thread to a real control process. Both what the schema allows and what it forbids is made.
"""

import tempfile
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from gateway.control.admin import ROUTES
from tests.gateway.control.gateways import own_redis, running

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

EXAMPLES: Final = 15
"""Requests of each kind for each operation: enough to meet every sort of wrong value, in seconds."""
ENDLESS: Final = "/admin/v1/events"


async def test_nothing_that_can_be_asked_is_a_server_error() -> None:
    """An answer of 400 or more is a problem that says what is wrong; and the process goes on."""
    with tempfile.TemporaryDirectory(prefix="dg") as state:
        async with own_redis() as redis, running(Path(state), redis) as gateway:
            asked = await anyio.to_thread.run_sync(_ask_everything, gateway.address)
            assert (await gateway.http.get("/readyz")).json() == {"status": "ok"}
    rollback = "POST /admin/v1/endpoints/{endpoint}/rollback"
    assert {mode for label, mode in asked if label == rollback} == set(GenerationMode)
    assert {label for label, mode in asked if mode is GenerationMode.POSITIVE} >= _operations() - {f"GET {ENDLESS}"}


def _operations() -> set[str]:
    """What the table of routes says there is."""
    shown = [route for route in ROUTES if route.include_in_schema is not False]
    paths = [(method, path) for route in shown for method in route.http_methods for path in route.paths]
    return {f"{method} {path.replace(':str', '')}" for method, path in paths}


def _ask_everything(address: str) -> list[tuple[str, GenerationMode]]:
    schema = schemathesis.openapi.from_url(f"{address}/schema").exclude(path=ENDLESS)
    asked = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in GenerationMode:
            try:
                _ask(address, operation.as_strategy(generation_mode=mode))
            except Unsatisfiable:
                continue  # an operation without any value has none that could be wrong
            asked.append((operation.label, mode))
    return asked


def _ask(address: str, cases: SearchStrategy[Case[Any]]) -> None:
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: Case[Any]) -> None:
        answer = case.call(base_url=address)
        case.validate_response(answer, checks=[not_a_server_error])
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0].startswith("application/problem+json"), (
                case.as_curl_command(),
                answer.text,
            )
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["detail"], case.as_curl_command()

    ask()
