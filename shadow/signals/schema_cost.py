"""How often a validator would visit a schema, before it does: references can multiply.

Definitions that each refer twice to the next make 2ⁿ visits of one value, and a recursive schema that checks a subtree
twice makes 2^depth. Size and nesting of the document say nothing about either. So visits are counted, each subschema
once per level of the answer, and counting stops at the bound.

The count is of one value per level; an answer with many members multiplies it by at most their number, which the
answer's own size bounds.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from shadow.answer import Json

MAX_VISITS: Final = 20_000
"""About ten milliseconds of validation; honest schemas make dozens to some hundreds."""

_CHILDREN: Final = frozenset(
    {"properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "items",
     "prefixItems", "additionalItems", "unevaluatedItems", "contains"}
)  # fmt: skip
"""Keywords whose subschemas are about a value one level down."""
_SAME: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"})
"""Keywords whose subschemas are about the same value."""
_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})


def is_affordable(schema: Json, depth: int) -> bool:
    """Whether validating an answer nested `depth` deep stays within `MAX_VISITS` visits per member."""
    counting, visits = _Counting(schema), 0
    try:
        # From the shallowest up, so that each level finds the one below it counted, and recursion stays short.
        for level in range(depth + 1):
            visits = counting.visits(schema, level)
    except RecursionError:  # a chain of references this long serves nobody
        return False
    return visits <= MAX_VISITS


class _Counting:
    """Counts visits of a schema and what it refers to; results are kept per subschema and level."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._known: dict[tuple[int, int], int] = {}

    def visits(self, schema: Json, depth: int) -> int:
        """Visits made by validating one value, nested `depth` deep, against `schema`; `MAX_VISITS` + 1 for more."""
        if not isinstance(schema, Mapping):
            return 1
        key = (id(schema), depth)
        if key not in self._known:
            self._known[key] = 1  # a reference back to here on the same value ends there, as it does in the validator
            self._known[key] = min(MAX_VISITS + 1, 1 + self._below(schema, depth))
        return self._known[key]

    def _below(self, schema: Mapping[str, Json], depth: int) -> int:
        total = 0
        for keyword, value in schema.items():
            if keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
                total += self.visits(self._target(value), depth)
            elif keyword in _SAME:
                total += sum(self.visits(each, depth) for each in _subschemas(keyword, value))
            elif keyword in _CHILDREN and depth:
                total += sum(self.visits(each, depth - 1) for each in _subschemas(keyword, value))
            if total > MAX_VISITS:
                break
        return total

    def _target(self, reference: Json) -> Json:
        """What a reference within the document points at; an anchor counts as the whole document."""
        found = self._root
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return found
        for part in unquote(reference[2:]).split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(name)
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return None
        return found


def _subschemas(keyword: str, value: Json) -> list[Json]:
    if keyword in _MAPS and isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else [value]
