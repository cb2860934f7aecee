"""The reference of the admin API and of the metrics, written from the code: `make reference`.

A test compares the pages with what this writes, so they cannot be out of date.
"""

from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path
from typing import Any, Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from gateway.control.access import ANYBODY, NEEDS
from gateway.control.admin import ROUTES
from gateway.control.exposition import METRICS

REFERENCE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
WRITTEN: Final = "Written from the code by `make reference`."
API: Final = f"""\
# The admin API

{WRITTEN} The document for programs is at `/schema`, in OpenAPI's form.

It listens on `listen.admin`. Keys go into `Authorization: Bearer …`; each route says the least role that it needs.
Errors are problem details (RFC 9457): `title`, `status` and a `detail` that says what to do. Shares are fractions,
instants Unix seconds. A rollout's fields are those of `driftgate status --json`.
"""
METRICS_HEAD: Final = f"""\
# Metrics

{WRITTEN} `GET /metrics` on the admin plane has them in Prometheus' text form, all processes of a gateway merged; a key
with the role viewer is enough. Histograms have `_bucket`, `_sum` and `_count`.

| name | kind | |
|---|---|---|
"""


def api() -> str:
    """The page of the admin API."""
    document = Litestar(route_handlers=list(ROUTES)).openapi_schema.to_schema()
    handlers = {
        (method.lower(), path.replace(":str", "")): route
        for route in ROUTES
        for path in route.paths
        for method in route.http_methods
    }
    parts = [API]
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            parts += _operation(method, path, operation, handlers[method, path], document)
    return "\n".join(parts)


def _operation(
    method: str, path: str, operation: dict[str, Any], route: HTTPRouteHandler, document: dict[str, Any]
) -> Iterator[str]:
    yield f"## {operation['summary']}\n"
    need = str(route.opt.get(NEEDS))
    role = "no key" if need == ANYBODY else f"role `{need}`"
    yield f"`{method.upper()} {path}` · {role}\n"
    yield f"{getdoc(route.fn)}\n"
    rows = [
        f"| `{each['name']}` | {each['in']} | {_kind(each.get('schema', {}))} |"
        for each in operation.get("parameters", [])
        if each["in"] == "query"
    ]
    rows += [f"| `{name}` | body | {_kind(schema)} |" for name, schema in _body(operation, document)]
    if rows:
        yield "\n".join(["| field | in | |", "|---|---|---|", *rows]) + "\n"


def _body(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content.get("schema", {})
        for choice in [schema, *schema.get("oneOf", [])]:
            name = choice.get("$ref", "").rpartition("/")[2]
            if name:
                yield from document["components"]["schemas"][name].get("properties", {}).items()


def _kind(schema: dict[str, Any]) -> str:
    if "oneOf" in schema:
        kinds = [_kind(each) for each in schema["oneOf"] if each.get("type") != "null"]
        return f"{', or '.join(kinds)}; optional"
    kind = str(schema.get("type", "any"))
    if kind == "array":
        kind = f"list of {_kind(schema.get('items', {}))}"
    default = schema.get("default")
    return kind if default in (None, "", []) else f"{kind}, default {str(default).lower()}"


def metrics() -> str:
    """The page of the metrics."""
    return METRICS_HEAD + "".join(f"| `{name}` | {kind} | {text} |\n" for name, (kind, text) in METRICS.items())


PAGES: Final = {"api.md": api, "metrics.md": metrics}


def main() -> None:
    """Write the pages."""
    for name, text in PAGES.items():
        (REFERENCE / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
