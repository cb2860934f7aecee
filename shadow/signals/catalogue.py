"""The signals there are, and what their counters mean.

A rollout pins these versions when it starts: counts of a detector that has changed must not be added to the old ones'.
An application's own signals (`driftgate.signals`, see docs/signals-of-your-own.md) come beside these; they are read
like `ALSO`, and are no part of this table, because what is installed is not known here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from shadow.answer import Answer, Ask
from shadow.reading import Reading
from shadow.signals import (
    agreement,
    as_an_ai,
    citations,
    code_fence,
    empty,
    hedging,
    inability,
    language,
    leaked,
    length,
    lists,
    near_limit,
    pace,
    parallel_calls,
    refusal,
    repetition,
    schema,
    tables,
    tokens,
    tool_arguments,
    tool_call,
    truncated,
    unknown_tool,
    unwilling,
    urls,
)

Read: TypeAlias = Callable[[Ask, Answer], Reading]

FAULTS: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "empty": empty.read,
        "truncated": truncated.read,
        "near_limit": near_limit.read,
        "unknown_tool": unknown_tool.read,
        "tool_arguments": tool_arguments.read,
        "repetition": repetition.read,
        "language": language.read,
        "leaked": leaked.read,
    }
)
"""Of `ALSO`, those that nobody wants more of."""

HABITS: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "tool_call": tool_call.read,
        "parallel_calls": parallel_calls.read,
        "hedging": hedging.read,
        "as_an_ai": as_an_ai.read,
        "citations": citations.read,
        "urls": urls.read,
        "code_fence": code_fence.read,
        "lists": lists.read,
        "tables": tables.read,
    }
)
"""Of `ALSO`, those that are neither good nor bad, but change what an application shows."""

REFUSING: Final[Mapping[str, Read]] = MappingProxyType({"unwilling": unwilling.read, "inability": inability.read})
"""Of `ALSO`, the two halves of `refusal`: drift either way is worth a look."""

ALSO: Final[Mapping[str, Read]] = MappingProxyType({**FAULTS, **HABITS, **REFUSING})
"""Signals that are only observed unless a budget says more: 1.0 where the event happened. Counted over all requests,
not in slices."""

EVENTS: Final[Mapping[str, Read]] = MappingProxyType({"refusal": refusal.read, "schema": schema.read, **ALSO})
"""Signals that are good (0.0) or bad (1.0) on each side."""

LOG_RATIOS: Final = frozenset({"length", "completion", "cost"})
"""Signals that are compared by the logarithm of candidate ÷ stable on the same request: `completion` is tokens where
both sides count in one tokenizer, `cost` is tokens at the configured prices."""

VERSIONS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "refusal": refusal.VERSION,
        "schema": schema.VERSION,
        "length": length.VERSION,
        "agreement": agreement.VERSION,
        "errors": 1,
        "ttft": 1,
        "pace": pace.VERSION,
        "tokens": tokens.VERSION,
        "empty": empty.VERSION,
        "truncated": truncated.VERSION,
        "near_limit": near_limit.VERSION,
        "unknown_tool": unknown_tool.VERSION,
        "tool_arguments": tool_arguments.VERSION,
        "repetition": repetition.VERSION,
        "language": language.VERSION,
        "leaked": leaked.VERSION,
        "tool_call": tool_call.VERSION,
        "parallel_calls": parallel_calls.VERSION,
        "hedging": hedging.VERSION,
        "as_an_ai": as_an_ai.VERSION,
        "citations": citations.VERSION,
        "urls": urls.VERSION,
        "code_fence": code_fence.VERSION,
        "lists": lists.VERSION,
        "tables": tables.VERSION,
        "completion": 1,
        "cost": 1,
        "unwilling": unwilling.VERSION,
        "inability": inability.VERSION,
    }
)
"""Every signal's version. `errors`, `ttft`, `completion` and `cost` are read from the exchange and its usage."""
