"""Reading an endpoint's audit stream. What an entry was decided on is unpacked only where it is asked for.

Writing is part of every transition (`store`, `scripts`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rollback import audit
from rollback.audit import AuditEntry
from routing.errors import MalformedState
from routing.link import Link
from routing.names import EndpointKeys

PAGE: Final = 32
"""Entries asked for at once when one rollout's are looked for: its six or so are usually the last."""
MOST_LOOKED_THROUGH: Final = 1_000


class AuditStore:
    """The audit streams of all endpoints. Every call raises `StoreUnavailable`; what cannot be read is left out."""

    def __init__(self, link: Link, prefix: str, timeout_seconds: float) -> None:
        self._link = link
        self._prefix = prefix
        self._timeout = timeout_seconds

    async def latest(self, endpoint: str, limit: int, *, whole: bool) -> tuple[AuditEntry, ...]:
        """The last `limit` entries, newest first; `whole`: with what they were decided on."""
        stored = await self._read(endpoint, "+", limit)
        return tuple(entry for fields in stored if (entry := _entry(*fields, whole=whole)) is not None)

    async def of_rollout(self, endpoint: str, rollout: str) -> tuple[AuditEntry, ...]:
        """All entries of a rollout, newest first. They stand together, so the first that follows them ends the search.

        Empty where it is not among the last `MOST_LOOKED_THROUGH`.
        """
        found: list[AuditEntry] = []
        last, seen = "+", 0
        while seen < MOST_LOOKED_THROUGH:
            stored = await self._read(endpoint, last, PAGE)
            for name, fields in stored:
                head = _entry(name, fields, whole=False)
                if head is not None and head.rollout == rollout:
                    found += [entry for entry in (_entry(name, fields, whole=True),) if entry is not None]
                elif found:
                    return tuple(found)
            if len(stored) < PAGE:
                break
            last, seen = f"({stored[-1][0].decode()}", seen + len(stored)
        return tuple(found)

    async def one(self, endpoint: str, entry_id: str) -> AuditEntry | None:
        """The entry of this id, None where there is none."""
        if not audit.is_id(entry_id):
            return None
        stored = await self._read(endpoint, entry_id, 1, down_to=entry_id)
        return _entry(*stored[0], whole=True) if stored else None

    async def _read(
        self, endpoint: str, last: str, count: int, down_to: str = "-"
    ) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        name = EndpointKeys(self._prefix, endpoint).audit
        stored: Any = await self._link.run(
            name, self._timeout, lambda redis: redis.xrevrange(name, last, down_to, count=count)
        )
        return list(stored)


def _entry(stream_id: bytes, fields: Mapping[bytes, bytes], *, whole: bool) -> AuditEntry | None:
    try:
        return replace(audit.from_fields(fields, whole=whole), id=stream_id.decode())
    except MalformedState:
        return None
