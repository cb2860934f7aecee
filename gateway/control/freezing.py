"""Freezing an endpoint, and ending that. It moves no rollout, so there is no revision to compare: the last word counts.

Both are written with their audit entry in one script; the script that commits a transition sees the freeze.
"""

from collections.abc import Callable, Mapping

from gateway.control.views import View, freeze_view
from rollback import audit
from rollback.freeze import Freeze, frozen
from rollback.store import RolloutStore
from rollback.watching import Watched


class Freezing:
    """Freezes and unfreezes. `check` raises `UnknownEndpoint`."""

    def __init__(self, store: RolloutStore, watched: Mapping[str, Watched], check: Callable[[str], None]) -> None:
        self._store = store
        self._watched = watched
        self._check = check

    async def freeze(self, endpoint: str, actor: str, reason: str, seconds: float | None) -> View:
        """Let nothing gain exposure, for `seconds` (None: without an end); in the place of an earlier freeze."""
        self._check(endpoint)
        loaded = await self._store.load(endpoint)
        made = frozen(actor=actor, reason=reason, now=loaded.now, seconds=seconds)
        sentence = made.sentence(endpoint)
        entry = audit.noted(loaded.rollout, at=loaded.now, actor=actor, action="freeze", reason=sentence)
        await self._store.freeze(endpoint, made, entry)
        return self._answer(endpoint, made, sentence)

    async def unfreeze(self, endpoint: str, actor: str, reason: str) -> View:
        """End a freeze."""
        self._check(endpoint)
        loaded = await self._store.load(endpoint)
        said = f"unfrozen by {actor}" + (f" ({reason})" if reason else "")
        entry = audit.noted(loaded.rollout, at=loaded.now, actor=actor, action="unfreeze", reason=said)
        there = await self._store.unfreeze(endpoint, entry)
        return self._answer(endpoint, None, said if there else f"{endpoint} was not frozen")

    def _answer(self, endpoint: str, freeze: Freeze | None, note: str) -> View:
        self._watched[endpoint].freeze = freeze
        return {"endpoint": endpoint, "freeze": freeze_view(freeze), "notes": [note]}
