"""The cap on actual exposure: keys so big that one of them would be the canary.

A weight is a share of *keys*. Where one key (a batch account, a tenant behind one proxy) is half of the traffic, 1 % of
keys can be 60 % of requests. So, over the last `WINDOW` requests that brought a key:

- a key with more than twice the weight (and more than a point) of them is *crowded*: with one such key, the candidate
  would get more than three times its weight;
- where the candidate's share comes to more than `most(weight)` all the same, because several big keys fell together,
  its biggest key is crowded, and so is every other one of at least that size.

A crowded key is served by stable until the weight changes, so it moves at most once a stage. It is crowded *whatever
its bucket*, and what it asks is no split evidence on either arm: were only the candidate's big keys left out, the two
arms would hold different kinds of users. The rule looks only at requests that came before, so leaving out is fair.

Deterministic, one worker's view, a few dictionary operations a request. A share below 1/200 of the traffic is never
crowded: that many keys are a draw, not one customer.
"""

from typing import Final

from routing.bucketing import WEIGHT_SCALE, bucket
from routing.exposure import Grant

WINDOW: Final = 2_000
"""Requests looked back on: at 1 % a crowded key has had 40 of them, and an ordinary one a handful."""
_HALF: Final = WINDOW // 2
_POINT_BPS: Final = 100
_LEAST: Final = WINDOW // 200
_MOST_CROWDED: Final = 200
"""Keys of at least 1/200 of the traffic each: there cannot be more at a time."""
_LOOK_AGAIN: Final = 50
"""Requests until the candidate's keys are gone through again, where none was big enough."""


def most(weight_bps: int) -> int:
    """The candidate's greatest share of requests at a weight, in basis points."""
    return max(3 * weight_bps, weight_bps + _POINT_BPS)


class KeyShares:
    """The shares of one endpoint's keys. The window goes on over stages; who is crowded is judged anew in each."""

    def __init__(self) -> None:
        self._older: dict[str, int] = {}
        self._newer: dict[str, int] = {}
        self._seen = 0
        self._exposed_older = self._exposed_newer = 0
        self._look_at = 0
        self._judged: Grant | None = None
        self._limit = self._most = float(WINDOW)
        self._crowded: set[str] = set()

    def is_crowded(self, grant: Grant, key: str) -> bool:
        """Note one request of `key` under `grant`, and say whether the key is crowded."""
        if grant is not self._judged and not self._is_judged(grant):
            self._judge_anew(grant)
        newer = self._newer
        count = newer[key] = newer.get(key, 0) + 1
        self._seen += 1
        crowded = key in self._crowded or (count + self._older.get(key, 0) > self._limit and self._crowd(key))
        if not self._seen % _HALF:
            self._turn()
        return crowded

    def _is_judged(self, grant: Grant) -> bool:
        """Whether this grant is the last one renewed."""
        before = self._judged
        same = before is not None and (before.rollout, before.weight_bps) == (grant.rollout, grant.weight_bps)
        if same:
            self._judged = grant
        return same

    def exposed(self, grant: Grant) -> None:
        """A request that was noted went to the candidate."""
        self._exposed_newer += 1
        if self._exposed_newer + self._exposed_older > self._most and self._seen >= self._look_at:
            self._look_at = self._seen + _LOOK_AGAIN
            self._crowd_biggest(grant)

    def _crowd_biggest(self, grant: Grant) -> None:
        shares = {
            key: self._count(key)
            for key in {*self._older, *self._newer} - self._crowded
            if bucket(grant.salt, key) < grant.weight_bps
        }
        biggest = max(shares.values(), default=0)
        if biggest >= _LEAST:
            self._limit = min(self._limit, biggest - 1)
            self._crowd_all()
            self._exposed_older = 0
            self._exposed_newer = sum(count for key, count in shares.items() if key not in self._crowded)

    def _judge_anew(self, grant: Grant) -> None:
        self._judged = grant
        self._limit = max(2 * grant.weight_bps, _POINT_BPS) * WINDOW / WEIGHT_SCALE
        self._crowded.clear()
        self._most = most(grant.weight_bps) * WINDOW / WEIGHT_SCALE
        self._exposed_older = self._exposed_newer = 0
        self._look_at = 0
        self._crowd_all()

    def _crowd_all(self) -> None:
        held = _HALF + self._seen % _HALF if self._seen >= _HALF else WINDOW  # at the start few requests are no share
        for key in {*self._older, *self._newer}:
            if self._count(key) * WINDOW > self._limit * held:
                self._crowd(key)

    def _crowd(self, key: str) -> bool:
        if len(self._crowded) < _MOST_CROWDED:
            self._crowded.add(key)
        return key in self._crowded

    def _count(self, key: str) -> int:
        return self._older.get(key, 0) + self._newer.get(key, 0)

    def _turn(self) -> None:
        self._older, self._newer = self._newer, {}
        self._exposed_older, self._exposed_newer = self._exposed_newer, 0
