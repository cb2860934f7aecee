"""Exposure: what a worker is allowed to do, and until when.

A *generation* says which model is stable; it only ever goes forward. A *grant* is a lease: it names a rollout, its
candidate and its weight, and it runs out by itself on the worker's own monotonic clock. No live grant means 100 %
stable and nothing mirrored. A `Route` is the immutable view of one endpoint that requests are served from; it is
replaced whole, never changed.

Not here: reading Redis (`store`) and choosing an arm (`assignment`).
"""

from dataclasses import dataclass, field, replace

from routing.bucketing import WEIGHT_SCALE, Draws


@dataclass(frozen=True, slots=True)
class Generation:
    """Which model is an endpoint's stable, since when (Unix seconds), and by whom. Number 0 is the config file's."""

    number: int
    model: str
    since_at: float
    by: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease on exposing `candidate`. `weight_bps` 0 permits mirroring only.

    `revision` is the fence: it counts every transition of the endpoint, over all its rollouts. `epoch` names the
    counters that exchanges made under this grant belong to. `started_at` is when the rollout began, in Unix seconds; 0
    where an older controller did not say. `include` are attributes of callers who are on the candidate whatever their
    bucket, `exclude` of those who have no part in the rollout (`ring:beta`, `tenant:shop`, `key:ci`).
    `kept` says that the rollout was promoted: `candidate` is then the model that was stable before, which only mirrors
    go to, and what users are served is no longer counted by arm.
    """

    rollout: str
    candidate: str
    salt: str
    weight_bps: int
    stage: int
    revision: int
    epoch: int
    started_at: float = 0.0
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    kept: bool = False

    @property
    def exposes(self) -> bool:
        """Whether the candidate serves anybody; else it is only mirrored to."""
        return self.weight_bps > 0 or bool(self.include)

    def __post_init__(self) -> None:
        if not 0 <= self.weight_bps <= WEIGHT_SCALE:
            raise ValueError(f"weight_bps must lie in [0, {WEIGHT_SCALE}], not {self.weight_bps}")


@dataclass(frozen=True, slots=True)
class Observation:
    """What Redis, or the control process, says of one endpoint at one moment.

    `revision` is that of the rollout document (0 where there was none yet); `expires_at` is on the observer's monotonic
    clock, reckoned from before the question was asked, so that it is never late.
    """

    generation: Generation | None
    grant: Grant | None
    expires_at: float
    revision: int


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint as a worker serves it.

    `fence` is the highest revision seen: an observation below it is older than what is already known, and can neither
    grant nor renew anything. `latched` is the last rollout that was rolled back here: it never gets weight again.
    """

    endpoint: str
    stable: Generation
    grant: Grant | None = None
    expires_at: float = 0.0
    fence: int = 0
    latched: str = ""
    draws: Draws | None = field(init=False, repr=False, compare=False)
    """The grant's, made once for all requests that take this route."""

    def __post_init__(self) -> None:
        draws = Draws(self.grant.salt, self.grant.weight_bps) if self.grant is not None else None
        object.__setattr__(self, "draws", draws)

    def live_grant(self, now: float) -> Grant | None:
        """The grant, while its lease runs at monotonic time `now`."""
        return self.grant if self.grant is not None and now < self.expires_at else None

    def observed(self, seen: Observation) -> "Route":
        """This route after an observation. Older revisions change nothing: the lease then runs out by itself."""
        revision = max(seen.revision, seen.grant.revision if seen.grant else 0)
        if revision < self.fence:
            return self
        stable = self.stable
        if seen.generation is not None and seen.generation.number >= stable.number:
            stable = seen.generation
        grant = seen.grant
        if grant is not None and grant.rollout == self.latched:
            grant = None
        return replace(self, stable=stable, grant=grant, expires_at=seen.expires_at, fence=revision)

    def rolled_back(self, rollout: str, revision: int) -> "Route":
        """This route with `rollout` latched at weight 0. Needs nothing but its id, so it works with Redis gone."""
        grant = None if self.grant is not None and self.grant.rollout == rollout else self.grant
        return replace(self, grant=grant, fence=max(self.fence, revision), latched=rollout)
