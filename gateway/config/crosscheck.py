"""What one section says about another: references, plans that cannot work, budgets that guard nothing.

Runs on a configuration whose single values are already right. Each finding is a path, what is wrong, and what to do.
"""

import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from typing import Final, TypeAlias

from gateway.config.document import Path
from gateway.config.fields import PLACEHOLDER, REVOKED, KeyKind
from gateway.config.model import Config, KeySpec
from gateway.config.plans import LIMITS, BudgetSpec, PlanSpec, limits_of
from gateway.config.variants import FIXED_BY_GATEWAY
from gateway.own import installed
from gateway.roles import Role
from rollback.plan import BudgetClass
from routing.address import Kind
from shadow.signals.catalogue import LOG_RATIOS

Finding: TypeAlias = tuple[Path, str, str]


def findings(config: Config) -> Iterator[Finding]:
    """Everything that cannot work, whichever section is to blame."""
    yield from _listeners(config)
    yield from _redis(config)
    yield from _models(config)
    yield from _endpoints(config)
    for name, plan in config.plans.items():
        yield from plan_findings(("plans", name), plan)
    yield from _keys(config)
    yield from _audience(config)
    yield from _data_classes(config)
    yield from _alerts(config)
    if config.telemetry.protocol == "grpc" and find_spec("grpc") is None:
        path: Path = ("telemetry", "protocol")
        yield path, "gRPC is not installed", "pip install 'driftgate[otlp-grpc]', or use http"
    yield from _judge(config)


def cautions(config: Config) -> Iterator[Finding]:
    """What works, but hardly as meant."""
    if config.keys and not any(key.role in (Role.DEPLOYER, Role.ADMIN) for key in config.keys):
        yield ("keys",), "no key may start a rollout", "add one with role deployer"
    for index, key in enumerate(config.keys):
        if key.role not in (Role.APP, Role.ADMIN) and (key.pin or key.tenant):
            yield ("keys", index), "pin and tenant mean nothing for this role", "they are for role app"
    for name, endpoint in config.endpoints.items():
        agreement = config.plan_names().count(endpoint.plan) and any(
            budget.signal == "agreement" and budget.budget_class is BudgetClass.GUARDRAIL
            for budget in config.plan_for(name).budgets
        )
        if agreement and not endpoint.shadow.noise_floor:
            path: Path = ("endpoints", name, "shadow", "noise_floor")
            yield path, "agreement cannot be judged without a noise floor, and holds", "set 2%, or agreement: off"
        known = endpoint.plan in config.plan_names()
        if known and config.plan_for(name).slices_roll_back and not config.deciding_slices(name):
            path = ("endpoints", name, "slices")
            yield (
                path,
                "no slice can roll back: clients can choose all of them",
                "add key.tenant, and keys with a tenant",
            )
        if any(source.kind is KeyKind.CALLER for source in (*endpoint.slices, *endpoint.sticky_by)) and not config.keys:
            yield ("endpoints", name), "key.… is empty without keys", "add keys, or use a header"


def _judge(config: Config) -> Iterator[Finding]:
    judge = config.judge
    if judge is None:
        for name, endpoint in config.endpoints.items():
            if endpoint.review is not None and endpoint.review.judge:
                path: Path = ("endpoints", name, "review", "judge")
                yield path, "there is no judge model to label", "add judge: {model: …}, or set it to false"
        return
    if judge.model not in config.models:
        yield ("judge", "model"), f"there is no model {judge.model!r}", f"use one of {', '.join(sorted(config.models))}"
    if judge.grey[0] >= judge.grey[1]:
        yield ("judge", "grey"), "its first end is not below its second", "write it like [25%, 75%]"


def _listeners(config: Config) -> Iterator[Finding]:
    for plane in ("data", "admin"):
        address = config.listen.data if plane == "data" else config.listen.admin
        if not config.keys and not address.is_loopback:
            message = f"{address} can be reached from elsewhere, and without keys everything is open"
            yield ("listen", plane), message, "add keys (`driftgate key create`), or listen on 127.0.0.1"
    if config.listen.data == config.listen.admin and config.listen.data.port:
        yield ("listen", "admin"), "both planes cannot share one address", "give the admin plane another port"


def _redis(config: Config) -> Iterator[Finding]:
    redis = config.redis
    address = redis.address()
    if address is None and redis.replicas:
        yield ("redis", "replicas"), "the embedded server has no replicas", "leave it away: every write is synced there"
    if redis.ca_file is not None and not (address is not None and address.tls):
        yield ("redis", "ca_file"), "means nothing without TLS", "write rediss:// in the url"
    if (redis.sentinel_username or redis.sentinel_password) and not (address and address.kind is Kind.SENTINEL):
        option = "sentinel_password" if redis.sentinel_password else "sentinel_username"
        yield ("redis", option), "means nothing without Sentinels", "put the server's own credentials into the url"


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 §5.6.2."""


def _models(config: Config) -> Iterator[Finding]:
    for name, model in config.models.items():
        for option in model.overrides:
            if option in FIXED_BY_GATEWAY:
                path: Path = ("models", name, "overrides", option)
                yield (
                    path,
                    f"{option} cannot be overridden",
                    "it belongs to the request; for the model's name use model:",
                )
        for header, value in model.headers.items():
            place: Path = ("models", name, "headers", header)
            if header.lower() in ("authorization", "x-api-key", "content-length", "host", "transfer-encoding"):
                yield place, "this header is the gateway's", "for a key use api_key"
            if not _HEADER_NAME.fullmatch(header):
                yield place, f"{header!r} is no header's name", "use letters, digits and -"
            if not value.isprintable() or not value.isascii():
                yield place, "holds a character that no header has", "use plain ASCII, without line breaks"


def _endpoints(config: Config) -> Iterator[Finding]:
    for name, endpoint in config.endpoints.items():
        if endpoint.stable not in config.models:
            fix = f"use one of {', '.join(sorted(config.models))}"
            yield ("endpoints", name, "stable"), f"there is no model {endpoint.stable!r}", fix
        if endpoint.plan not in config.plan_names():
            fix = f"use one of {', '.join(config.plan_names())}"
            yield ("endpoints", name, "plan"), f"there is no plan {endpoint.plan!r}", fix
        if endpoint.max_tenant_share is not None and "key.tenant" not in map(str, endpoint.slices):
            message = "nothing says whose a request is"
            yield ("endpoints", name, "max_tenant_share"), message, "add key.tenant to the endpoint's slices"
    for path, endpoint_name in config.passthrough.items():
        if not path.startswith("/v1/"):
            yield ("passthrough", path), "not a path below /v1/", "write it in full, such as /v1/audio/speech"
        if "*" in path.removesuffix("/*") or "/." in path:
            yield ("passthrough", path), "not a plain path", "a * stands only at the end, as in /v1/files/*"
        if path in ("/v1/models", "/v1/*"):
            yield ("passthrough", path), "would hide the gateway's own paths", "name the path that you need"
        if endpoint_name not in config.endpoints:
            fix = f"use one of {', '.join(sorted(config.endpoints))}"
            yield ("passthrough", path), f"there is no endpoint {endpoint_name!r}", fix


def plan_findings(place: Path, plan: PlanSpec) -> Iterator[Finding]:
    """Everything that cannot work within one plan, which stands at `place`."""
    yield from _stages(place, plan)
    for signal, budget in plan.budgets.items():
        yield from _budget((*place, "budgets", signal), signal, budget)


def _stages(place: Path, plan: PlanSpec) -> Iterator[Finding]:
    included: set[str] = set()
    for index, (stage, after) in enumerate(pairwise(plan.stages)):
        included |= set(stage.include)
        grows = after.weight_bps == stage.weight_bps and not set(after.include) <= included
        if after.weight_bps <= stage.weight_bps and not grows:
            path: Path = (*place, "stages", index + 1, "weight")
            fix = f"use more than {stage.weight_bps / 100:g}%, or include somebody more"
            yield path, "weights must rise from stage to stage", fix
    for index, stage in enumerate(plan.stages):
        if stage.deadline_seconds is not None and stage.deadline_seconds <= stage.bake_seconds:
            deadline: Path = (*place, "stages", index, "deadline")
            yield deadline, "the deadline passes before the bake does", "make it longer than bake"


def _audience(config: Config) -> Iterator[Finding]:
    """Whom plans include and exclude: a name that no key has would guard nobody."""
    known = {attribute for key in config.keys for attribute in _attributes(key)}
    for name, plan in config.plans.items():
        for position, left_out in enumerate(plan.exclude):
            if left_out not in known:
                yield _no_key(("plans", name, "exclude", position), left_out)
        for index, stage in enumerate(plan.stages):
            for position, included in enumerate(stage.include):
                path: Path = ("plans", name, "stages", index, "include", position)
                if included not in known:
                    yield _no_key(path, included)
                elif included in plan.exclude:
                    yield path, f"{included} is excluded by the plan", "take it out of one of the two"


def _data_classes(config: Config) -> Iterator[Finding]:
    """Data that no model takes, and models that nobody may send data to."""
    for name, endpoint in config.endpoints.items():
        accepted = config.models[endpoint.stable].accepts if endpoint.stable in config.models else None
        if accepted is not None and not any(key.data_class in accepted for key in config.keys):
            fix = f"give a key class: {' or '.join(accepted) or '…'}"
            yield ("endpoints", name, "stable"), f"no key may send data to {endpoint.stable}", fix
    for index, key in enumerate(config.keys):
        reached = [e for name, e in config.endpoints.items() if key.endpoints is None or name in key.endpoints]
        models = [config.models[endpoint.stable] for endpoint in reached if endpoint.stable in config.models]
        if key.data_class is not None and models and not any(model.takes(key.data_class) for model in models):
            fix = f"write accepts: [{key.data_class}] at the models that may get it"
            yield ("keys", index, "class"), f"no stable model accepts data of class {key.data_class!r}", fix


def _attributes(key: KeySpec) -> Iterator[str]:
    yield f"key:{key.name}"
    if key.tenant:
        yield f"tenant:{key.tenant}"
    if key.ring:
        yield f"ring:{key.ring}"


def _no_key(path: Path, attribute: str) -> Finding:
    kind, _, name = attribute.partition(":")
    fix = "name a key of this file" if kind == "key" else f"write {kind}: {name} at the keys that are meant"
    return path, f"no key is {attribute}", fix


def _budget(path: Path, signal: str, budget: BudgetSpec | None) -> Iterator[Finding]:
    allowed = limits_of(signal)
    if not allowed:
        known = ", ".join(sorted({*LIMITS, *installed.names()}))
        yield path, f"there is no signal {signal!r}", f"use one of {known}"
        return
    if signal == "errors" and (budget is None or budget.budget_class is not BudgetClass.GUARDRAIL):
        yield path, "errors is always a guardrail", "the other signals rest on it; widen its limit instead"
    if budget is None:
        return
    for limit in sorted(budget.limits - allowed):
        yield (*path, limit), f"{signal} is not judged by {limit}", f"use {' or '.join(sorted(allowed))}"
    if not budget.limits:
        yield (
            path,
            "a budget without a limit guards nothing",
            f"set {' or '.join(sorted(allowed))}, or write off",
        )
    wanted = budget.expected
    if wanted is not None and wanted.relative != (signal in LOG_RATIOS):
        unit = "relative, in %" if signal in LOG_RATIOS else "in points, pp"
        yield (*path, "expected"), f"a change of {signal} is {unit}", "change the unit"
    if wanted is not None and signal in LOG_RATIOS and wanted.low <= -1:
        yield (*path, "expected"), "nothing can be 100 % shorter", "write a smaller change"


def _keys(config: Config) -> Iterator[Finding]:
    names = Counter(key.name for key in config.keys)
    held = (each.partition(" ")[0] for key in config.keys for each in key.hashes)
    hashes = Counter(each for each in held if each not in (PLACEHOLDER, REVOKED))
    for index, key in enumerate(config.keys):
        if names[key.name] > 1:
            yield (
                ("keys", index, "name"),
                f"two keys are called {key.name}",
                "the audit record needs to tell them apart",
            )
        if any(hashes[each.partition(" ")[0]] > 1 for each in key.hashes):
            yield ("keys", index, "hash"), "two entries hold the same key", "create a key for each"
        for position, endpoint in enumerate(key.endpoints or ()):
            if endpoint not in config.endpoints:
                fix = f"use one of {', '.join(sorted(config.endpoints))}"
                yield ("keys", index, "endpoints", position), f"there is no endpoint {endpoint!r}", fix


def _alerts(config: Config) -> Iterator[Finding]:
    for index, alert in enumerate(config.alerts):
        path: Path = ("alerts", index)
        if (alert.url is None) == (alert.apprise is None):
            yield path, "an alert goes to one place", "write either url or apprise"
        if alert.secret is not None and alert.url is None:
            yield (*path, "secret"), "only webhooks are signed", "remove it, or use url"
        if alert.apprise is not None and find_spec("apprise") is None:
            yield (*path, "apprise"), "apprise is not installed", "pip install 'driftgate[apprise]', or use url"
