"""The routes that this worker serves from.

A request takes one immutable `Route` and keeps it to its end; observations replace it. At start the routes come from
the configuration and the journal, so a worker serves before it has heard from anybody.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.config.model import Endpoint
from rollback.journal import JournalState
from routing.exposure import Generation, Observation, Route

logger = logging.getLogger(__name__)


def first_routes(endpoints: Mapping[str, Endpoint], journal: JournalState) -> dict[str, Route]:
    """What is known before Redis or the control process has answered: stable only, and what must not come back."""
    routes = {}
    for name, endpoint in endpoints.items():
        first = Generation(number=0, model=endpoint.stable, since_at=0.0, by="config")
        routes[name] = Route(
            endpoint=name,
            stable=journal.generations.get(name, first),
            fence=journal.revisions.get(name, 0),
            latched=journal.latched.get(name, ""),
        )
    return routes


class RouteTable:
    """Endpoint → route. `models` are those that the configuration can ask: a route to any other is not taken."""

    def __init__(self, routes: Mapping[str, Route], fallbacks: Mapping[str, str], models: Iterable[str]) -> None:
        self._models = frozenset(models)
        self._fallbacks = dict(fallbacks)
        self._missing: dict[str, Generation] = {}
        self._routes = {name: self._askable(route) for name, route in routes.items()}
        self.seen_at: float | None = None

    def get(self, endpoint: str) -> Route | None:
        """The route of an endpoint, None where there is no such endpoint."""
        return self._routes.get(endpoint)

    @property
    def names(self) -> tuple[str, ...]:
        """All endpoints."""
        return tuple(self._routes)

    def missing(self) -> str:
        """Which stable models this worker cannot ask, and what serves instead; empty where there are none."""
        return "; ".join(
            f"models.{stable.model} serves {endpoint} as generation {stable.number} and is not in the configuration: "
            f"{self._fallbacks[endpoint]} serves instead"
            for endpoint, stable in sorted(self._missing.items())
        )

    def observe(self, endpoint: str, seen: Observation, now: float) -> None:
        """Redis or the control process says how the endpoint stands."""
        route = self._routes.get(endpoint)
        if route is not None:
            self._routes[endpoint] = self._askable(route.observed(seen))
            self.seen_at = now

    def roll_back(self, endpoint: str, rollout: str, revision: int) -> None:
        """The rollout gets no weight again; from the next request on."""
        route = self._routes.get(endpoint)
        if route is not None:
            self._routes[endpoint] = route.rolled_back(rollout, revision)

    def _askable(self, route: Route) -> Route:
        """The route without models that this worker cannot ask (taken out of the file, or not yet in it)."""
        known, first = self._missing.get(route.endpoint), self._fallbacks[route.endpoint]
        if route.stable.model in self._models:
            if known is not None and (route.stable.number > known.number or route.stable.model != first):
                del self._missing[route.endpoint]
        else:
            self._missing[route.endpoint] = route.stable
            if known != route.stable:
                logger.error("add it again: %s", self.missing())
            route = replace(route, stable=replace(route.stable, model=first), grant=None)
        if route.grant is not None and route.grant.candidate not in self._models:
            route = replace(route, grant=None)
        return route
