"""The configuration as values: what `load` makes of a file, and what every process is handed.

Models are resolved here (`extends` is applied, `system_prompt` is the text): nobody who serves needs the file again.
Attributes name their unit (`bake_seconds`), options in the file do not (`bake: 5m`). Secrets are plain strings left out
of `repr`: never log a dump of this.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue

from gateway.config.addresses import EMBEDDED, Address, AddressField, BaseUrls, HealthPath, RedisUrl, WebhookUrl
from gateway.config.fields import (
    PLACEHOLDER,
    ApiKey,
    Bytes,
    Count,
    Hashes,
    HttpVersion,
    Instant,
    KeyKind,
    KeySource,
    Label,
    ModelName,
    Name,
    PositiveSeconds,
    Seconds,
    Share,
    SliceSource,
    StickySource,
    VoteSource,
    Workers,
)
from gateway.config.labels import JudgeSpec, ReviewSpec
from gateway.config.plans import PlanSpec, Section
from gateway.roles import Role
from rollback.errors import InvalidPlan
from rollback.plan import Plan
from routing.address import RedisAddress, parse
from shadow.judge import JudgePolicy
from shadow.slices import MAX_VALUES, OTHER, name_of
from shadow.spending import Price as TokenPrice

DEFAULT_PLAN: Final = "default"
MIB: Final = 1 << 20

AlertEvent = Literal["rolled_back", "holding", "promoted", "stable_failing", "blind"]


class Listen(Section):
    """Where the two planes listen. Port 0 asks the system for a free port."""

    data: AddressField = Field(default=Address("127.0.0.1", 8080), description="applications ask here")
    admin: AddressField = Field(default=Address("127.0.0.1", 8081), description="operators, dashboard, metrics")
    admin_url: WebhookUrl | None = Field(
        default=None, description="how people reach the admin plane, for links in alerts; default: the listener"
    )

    @property
    def dashboard(self) -> str:
        """Where people see the dashboard."""
        return self.admin_url or f"http://{self.admin}"


class Redis(Section):
    """Where runtime state lives. `replicas`: how many must confirm before a rollback counts as durable."""

    url: RedisUrl = Field(
        default=EMBEDDED,
        repr=False,
        description="embedded, redis://…, redis+sentinel://…, redis+cluster://… (rediss: with TLS) or unix://…",
    )
    prefix: str = Field(default="dg", pattern=r"^[A-Za-z0-9._-]{1,32}$", description="first part of every key's name")
    replicas: int = Field(default=0, ge=0, description="replicas that a rollback waits for (external Redis only)")
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authority that signed the servers' certificates (rediss only)"
    )
    sentinel_username: str | None = Field(default=None, description="for the Sentinels, where they want one")
    sentinel_password: str | None = Field(
        default=None, repr=False, description="for the Sentinels, where they want one; the servers' stands in the url"
    )

    def address(self) -> RedisAddress | None:
        """The operator's Redis; None for the embedded server."""
        if self.url == EMBEDDED:
            return None
        return parse(
            self.url,
            ca_file=None if self.ca_file is None else str(self.ca_file),
            sentinel_username=self.sentinel_username,
            sentinel_password=self.sentinel_password,
        )


class Price(Section):
    """What a model's tokens cost, per million."""

    input: float = Field(ge=0, strict=True, description="per million prompt tokens")
    output: float = Field(ge=0, strict=True, description="per million completion tokens")


class Model(Section):
    """What can be an arm: a model server, and how it is asked.

    `model` is the name that the server knows; `overrides` are merged into each request's body; `headers` are added to
    each request. `timeout_seconds` is the longest wait for the first byte (None: the limits' `first_byte`).
    """

    base_url: BaseUrls = Field(
        description="where the server's API begins, such as http://10.0.0.5:8000/v1; or a list of servers"
    )
    model: str = Field(
        min_length=1, description="the name that the server knows the model by; default: this entry's name"
    )
    api_key: ApiKey | None = Field(default=None, repr=False, description="sent as bearer token, x-api-key to Anthropic")
    headers: Mapping[str, str] = Field(default_factory=dict, repr=False, description="added to every request")
    timeout_seconds: PositiveSeconds | None = Field(
        default=None,
        validation_alias="timeout",
        description="longest wait for the first byte; default: limits.first_byte",
    )
    max_in_flight: int | None = Field(default=None, ge=1, description="users' requests at once on each base_url")
    http: HttpVersion = Field(default="1.1", description="spoken to the server; auto: HTTP/2 where TLS offers it")
    health: HealthPath | None = Field(
        default=None, description="a path on each server, such as /health, that is asked every 5 seconds"
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authority that signed the server's certificate"
    )
    accepts: tuple[Label, ...] | None = Field(
        default=None, description="classes of data that may be sent to it; without, only data without a class"
    )
    price: Price | None = Field(default=None, description="cost per million tokens")
    extends: str | None = Field(default=None, description="another model whose options this one starts from")
    overrides: Mapping[str, JsonValue] = Field(default_factory=dict, description="merged into each request's body")
    system_prompt: str | None = Field(
        default=None,
        description="a file with the system prompt, relative to this one (or the text, if it has several lines)",
    )

    @property
    def base_urls(self) -> tuple[str, ...]:
        """All servers of this model."""
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url

    def worth(self) -> TokenPrice | None:
        """The price as the shadow worker knows it."""
        return None if self.price is None else TokenPrice(self.price.input, self.price.output)

    def takes(self, data_class: str | None) -> bool:
        """Whether data of a class may go there. What has no label fails closed, on either side."""
        return data_class is None if self.accepts is None else data_class in self.accepts


class ShadowSpec(Section):
    """How much is mirrored. `sample` and `noise_floor` are fractions of the requests."""

    sample: Share = Field(default=0.20, description="share of requests that are mirrored to the other arm")
    noise_floor: Share = Field(
        default=0.02, description="share sent to stable twice, to learn how far it varies by itself"
    )
    max_tokens_per_minute: Count | None = Field(default=None, description="the mirror's budget of tokens")


DEFAULT_STICKY: Final = (
    KeySource(KeyKind.HEADER, "x-user-id"),
    KeySource(KeyKind.BODY, "user"),
    KeySource(KeyKind.CONVERSATION),
)


class Endpoint(Section):
    """What applications ask for by `model`. `stable` is only the first one: promotions are generations in Redis."""

    stable: str = Field(description="the model that serves until a promotion")
    plan: str = Field(default=DEFAULT_PLAN, description="the plan that a rollout takes unless it names one")
    sticky_by: tuple[StickySource, ...] = Field(
        default=DEFAULT_STICKY, description="first present source is the key; with none, each request stands for itself"
    )
    vote_by: VoteSource = Field(default=KeySource(KeyKind.STICKY), description="what counts once as evidence")
    slices: tuple[SliceSource, ...] = Field(default=(), description="dimensions in which signals are reported apart")
    max_tenant_share: Share | None = Field(
        default=None, gt=0, description="the most that one tenant may be of the votes; slices must name key.tenant"
    )
    shadow: ShadowSpec = Field(default=ShadowSpec(), description="how much is mirrored")
    review: ReviewSpec | None = Field(default=None, description="keeps a sample of pairs for labels; default: none")
    present_model_as: Literal["upstream", "endpoint"] = Field(
        default="upstream",
        description="the answer's model: as the upstream said it, or the endpoint's name "
        "(compression is then not asked for)",
    )


class KeySpec(Section):
    """One API key: who holds it, and what it may do. `driftgate key create` prints such an entry."""

    name: Name = Field(description="who holds the key; the actor in the audit record")
    role: Role = Field(description="viewer < operator < deployer < admin; app reaches the data plane only")
    hashes: Hashes = Field(
        validation_alias="hash",
        repr=False,
        description="hmac-sha256:… of the key, by `driftgate key create`; two of them while a key is exchanged",
    )
    expires_at: Instant | None = Field(
        default=None, validation_alias="expires", description="from then on the key opens nothing, such as 2027-01-31"
    )
    tenant: Label | None = Field(default=None, description="value of the slice key.tenant")
    ring: Label | None = Field(
        default=None, description="a circle of early users, such as internal or beta, that plans can include"
    )
    data_class: Label | None = Field(
        default=None,
        validation_alias="class",
        description="class of the data it sends: only models that accept it get it",
    )
    endpoints: tuple[str, ...] | None = Field(default=None, description="the only endpoints it may use; default: all")
    pin: bool = Field(default=False, description="may send x-driftgate-arm, x-driftgate-key and x-driftgate-slice")


class Alert(Section):
    """Where events are told, which of them, and those of them that should wake somebody. Either `url` or `apprise`."""

    url: WebhookUrl | None = Field(default=None, repr=False, description="a webhook: the event is posted as JSON")
    apprise: str | None = Field(
        default=None,
        min_length=1,
        repr=False,
        description="a notification URL of apprise, such as slack://… or mailtos://… (needs driftgate[apprise])",
    )
    secret: str | None = Field(
        default=None,
        min_length=16,
        repr=False,
        description="webhooks are signed with it: x-driftgate-signature, HMAC-SHA256 over time and body",
    )
    on: tuple[AlertEvent, ...] = Field(
        default=("rolled_back", "holding", "promoted"), description="events that are sent"
    )
    page: tuple[AlertEvent, ...] = Field(
        default=("rolled_back", "stable_failing", "blind"),
        description="events sent with severity page; the others are tickets",
    )


class LogSpec(Section):
    """How the processes log, on standard error."""

    format: Literal["human", "json"] = Field(default="human", description="lines for people, or a JSON object each")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")


class TelemetrySpec(Section):
    """Export over OTLP: every metric of /metrics, and a span for each sampled request. Prompts and answers never."""

    otlp: WebhookUrl | None = Field(
        default=None, description="a collector, such as http://127.0.0.1:4318; none: nothing is exported"
    )
    protocol: Literal["http", "grpc"] = Field(
        default="http", description="protobuf over HTTP, or gRPC (needs driftgate[otlp-grpc])"
    )
    headers: Mapping[str, str] = Field(default_factory=dict, repr=False, description="sent with each export")
    sample: Share = Field(
        default=0.01, description="share of the requests without a trace context that are traced; others as it says"
    )
    every_seconds: PositiveSeconds = Field(
        default=15.0, validation_alias="every", description="how often metrics are exported"
    )
    gen_ai: bool = Field(default=False, description="add the gen_ai.* attributes, whose conventions still change")


class Limits(Section):
    """Bounds of the data path."""

    max_body_bytes: Bytes = Field(
        default=10 * MIB, validation_alias="max_body", description="largest request body; else 413"
    )
    drain_seconds: Seconds = Field(
        default=30.0, validation_alias="drain", description="how long a stop waits for answers"
    )
    connect_seconds: PositiveSeconds = Field(default=5.0, validation_alias="connect", description="upstream connect")
    first_byte_seconds: PositiveSeconds = Field(
        default=600.0, validation_alias="first_byte", description="longest wait for an upstream's first byte"
    )
    idle_seconds: PositiveSeconds = Field(
        default=60.0, validation_alias="idle", description="longest silence within an upstream's answer"
    )


def _without_tilde(value: object) -> object:
    return str(Path(value).expanduser()) if isinstance(value, str) else value


class Config(Section):
    """One whole, checked configuration."""

    listen: Listen = Field(default=Listen(), description="where the two planes listen")
    workers: Workers = Field(default="auto", description="data workers; auto: one per core")
    state_dir: Annotated[Path, BeforeValidator(_without_tilde)] = Field(
        default_factory=lambda: Path("~/.local/state/driftgate").expanduser(),
        description="embedded server's files and the journal; DRIFTGATE_STATE_DIR overrides it",
    )
    redis: Redis = Field(default=Redis(), description="where runtime state lives")
    models: Mapping[ModelName, Model] = Field(min_length=1, description="what can be an arm")
    endpoints: Mapping[Name, Endpoint] = Field(min_length=1, description="what applications ask for by model")
    plans: Mapping[Name, PlanSpec] = Field(default_factory=dict, description="stages and budgets, by name")
    keys: tuple[KeySpec, ...] = Field(default=(), description="without keys everything is open, on loopback only")
    judge: JudgeSpec | None = Field(default=None, description="settles agreements that words leave open; default: none")
    alerts: tuple[Alert, ...] = Field(default=(), description="webhooks")
    passthrough: Mapping[str, str] = Field(
        default_factory=dict,
        description="other /v1/ paths (/v1/files/* for all below), and the endpoint whose stable model each goes to; "
        "below /v1/responses/ it is the model that made the response",
    )
    log: LogSpec = Field(default=LogSpec(), description="how the processes log")
    telemetry: TelemetrySpec = Field(default=TelemetrySpec(), description="traces and metrics to a collector")
    limits: Limits = Field(default=Limits(), description="bounds of the data path")

    def plan_names(self) -> tuple[str, ...]:
        """Every plan that can be named, the built-in default included."""
        return tuple(sorted({DEFAULT_PLAN, *self.plans}))

    def plan_for(self, endpoint: str, name: str | None = None) -> Plan:
        """The judge's plan for a rollout on `endpoint`; raises `InvalidPlan` where there is none of that name."""
        chosen = name or self.endpoints[endpoint].plan
        if chosen not in self.plan_names():
            raise InvalidPlan(f"there is no plan {chosen!r}; the configuration has {', '.join(self.plan_names())}")
        return self.plans.get(chosen, PlanSpec()).resolve(chosen)

    def deciding_slices(self, endpoint: str) -> tuple[str, ...]:
        """The endpoint's slices by attributes of the caller's key, which no client can choose: `key.tenant=shop`."""
        callers = [key for key in self.keys if key.role in (Role.APP, Role.ADMIN)]
        able = [key for key in callers if key.endpoints is None or endpoint in key.endpoints]
        found: list[str] = []
        for source in self.endpoints[endpoint].slices:
            if source.kind is KeyKind.CALLER:
                values = {key.tenant if source.name == "tenant" else key.name for key in able} - {None}
                ordered = sorted(value for value in values if value)
                shown = [*ordered, OTHER] if len(ordered) > MAX_VALUES else ordered
                found += [name_of(str(source), value) for value in shown]
        return tuple(found)

    def worker_count(self) -> int:
        """How many data workers to run: as configured, or one per core that this process may use."""
        return self.workers if isinstance(self.workers, int) else len(os.sched_getaffinity(0))

    def judge_policy(self) -> JudgePolicy | None:
        """The judge as the shadow worker knows it."""
        if self.judge is None:
            return None
        model, (low, high) = self.models[self.judge.model], self.judge.grey
        return JudgePolicy(self.judge.model, self.judge.calls_per_minute, low, high, model.accepts, model.worth())

    def placeholders(self) -> list[str]:
        """Entries that still hold the placeholder of an example, and so cannot work."""
        notes = [
            f"keys.{key.name}.hash is a placeholder: this key opens nothing"
            for key in self.keys
            if PLACEHOLDER in key.hashes
        ]
        notes += [
            "alerts: a url is a placeholder: nothing is sent to it"
            for alert in self.alerts
            if PLACEHOLDER in (alert.url, alert.apprise)
        ]
        return notes
