"""`driftgate.schema.json`: what editors complete and underline the configuration with.

    python -m gateway.config.schema > driftgate.schema.json

Made from the same models that check the file, so the two cannot disagree by more than this: cross checks, and what
`extends` supplies, are beyond a schema. A test keeps the file current.
"""

import json
import sys
from typing import Any

from gateway.config.model import Config, Model

TITLE = "driftgate configuration"


def schema() -> dict[str, Any]:  # Any: a JSON document, whose shape pydantic decides
    """The JSON Schema (draft 2020-12) of the file as written."""
    document = Config.model_json_schema(by_alias=True, mode="validation")
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": TITLE}
    _allow_variants(document["$defs"][Model.__name__])
    for part in (document, *document["$defs"].values()):
        _tidy(part)
    return document


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _allow_variants(model: dict[str, Any]) -> None:  # Any: as above
    """A model takes its address from the one that it extends, and its name from its entry."""
    model.pop("required")
    model["anyOf"] = [{"required": ["base_url"]}, {"required": ["extends"]}]


def _tidy(part: dict[str, Any]) -> None:  # Any: as above
    """Drop the titles that only repeat a key, and defaults that are not as one would write them."""
    for option in part.get("properties", {}).values():
        option.pop("title", None)
        option.pop("default", None)


if __name__ == "__main__":
    sys.stdout.write(text())
