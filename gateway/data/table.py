"""The routes that this worker serves from.

A request takes one immutable `Route` and keeps it to its end; observations replace it. At start the routes come from
the configuration and the journal, so a worker serves before it has heard from anybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.config.model import Endpoint
from rollback.journal import JournalState
from routing.exposure import Generation, Observation, Route


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
        self._routes = {name: self._askable(route) for name, route in routes.items()}
        self.seen_at: float | None = None

    def get(self, endpoint: str) -> Route | None:
        """The route of an endpoint, None where there is no such endpoint."""
        return self._routes.get(endpoint)

    @property
    def names(self) -> tuple[str, ...]:
        """All endpoints."""
        return tuple(self._routes)

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
        if route.stable.model not in self._models:
            first = self._fallbacks[route.endpoint]
            route = replace(route, stable=replace(route.stable, model=first), grant=None)
        if route.grant is not None and route.grant.candidate not in self._models:
            route = replace(route, grant=None)
        return route
