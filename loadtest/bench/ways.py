"""The proxies that the benchmark compares, each started as its own documentation says, with one worker.

A proxy that cannot be had is left out, and the page says so.

Each is started once per model server: one gives whole answers, the other streams.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import httpx

from loadtest.bench.environments import Missing, program
from loadtest.rig.ports import free_port
from loadtest.rig.processes import (
    Gateway,
    Processes,
    descendants,
    talking_to,
    worker_of,
)

ENDPOINT: Final = "chat"
STREAMED: Final = " streams"
"""How the names of processes in front of the stream server end."""
TOLD_SECONDS: Final = 2.0
"""Data workers tell the control process their counters each second."""
START_SECONDS: Final = 90.0
"""LiteLLM's imports alone take ten seconds on a busy machine."""


@dataclass(frozen=True, slots=True)
class Way:
    """A running way to the model server. `pids` are accounted; `beside` are its other processes, shown apart.

    `dropped` says how many requests were served and not handed over to be compared, where there is such a thing.
    """

    name: str
    port: int
    pids: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    dropped: Callable[[], float] | None = None


_NGINX: Final = """\
daemon off;
worker_processes 1;
pid {place}/{name}.pid;
error_log {place}/{name}-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_buffer_size 64k;
  client_body_temp_path {place}/p1; proxy_temp_path {place}/p2; fastcgi_temp_path {place}/p3;
  uwsgi_temp_path {place}/p4; scgi_temp_path {place}/p5;
  upstream models {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://models;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def start_nginx(processes: Processes, name: str, upstream: int) -> Way:
    """Nginx as a plain reverse proxy with kept connections."""
    port = free_port()
    conf = processes.place / f"{name.replace(' ', '-')}.conf"
    conf.write_text(_NGINX.format(place=processes.place, name=name.replace(" ", "-"), upstream=upstream, port=port))
    processes.start(name, ["nginx", "-p", str(processes.place), "-c", str(conf)])
    return Way("nginx", port, (worker_of(processes, name, "worker process"),))


_ENVOY: Final = """\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{{route}, timeout: 0s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
"""
_ENVOY_CLUSTER: Final = """\
  - name: {cluster}
    connect_timeout: 5s
    circuit_breakers: {{thresholds: [{{max_connections: 4096, max_requests: 4096, max_pending_requests: 4096}}]}}
    load_assignment:
      cluster_name: {cluster}
      endpoints:
      - lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}}}]
"""
_ENVOY_SPLIT: Final = """\
weighted_clusters: {clusters: [{name: stable, weight: 50}, {name: candidate, weight: 50}], use_hash_policy: true}, \
hash_policy: [{header: {header_name: x-user-id}}], request_mirror_policies: [{cluster: shadow, \
runtime_fraction: {default_value: {numerator: 20, denominator: HUNDRED}}}]"""
"""Of everything that a rollout here has on, what Envoy can do alone: sticky halves by a header, a fifth mirrored."""


def start_envoy(processes: Processes, name: str, upstream: int) -> Way:
    """Envoy with one worker thread, as a plain reverse proxy."""
    return _start_envoy(processes, name, upstream, "cluster: models", ("models",))


def start_splitting_envoy(processes: Processes, name: str, upstream: int) -> Way:
    """Envoy with one worker thread, which splits and mirrors as a rollout here does."""
    way = _start_envoy(processes, name, upstream, _ENVOY_SPLIT, ("stable", "candidate", "shadow"))
    return replace(way, name="Envoy, split and mirrored")


def _start_envoy(processes: Processes, name: str, upstream: int, route: str, clusters: Sequence[str]) -> Way:
    binary, port = program("envoy", "envoy"), free_port()
    conf = processes.place / f"{name.replace(' ', '-')}.yaml"
    to = [_ENVOY_CLUSTER.format(cluster=cluster, upstream=upstream) for cluster in clusters]
    conf.write_text("".join([_ENVOY.format(route=route, port=port), *to]))
    identity = ["--base-id", str(port), "--log-level", "error"]
    process = processes.start(name, [binary, "-c", str(conf), "--concurrency", "1", *identity])
    _wait_answering(processes, name, port)
    return Way("Envoy", port, (process.pid, *descendants(process.pid)))


def start_vllm_router(processes: Processes, name: str, upstream: int) -> Way:
    """vllm-router with one model server behind it."""
    binary, port = program("vllm-router", "vllm-router"), free_port()
    command = [binary, "--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin", "--log-level", "error"]
    command += ["--worker-urls", f"http://127.0.0.1:{upstream}", "--prometheus-port", str(free_port())]
    process = processes.start(name, command)
    _wait_answering(processes, name, port)
    return Way("vllm-router", port, (process.pid, *descendants(process.pid)))


_LITELLM: Final = """\
model_list:
- model_name: {endpoint}
  litellm_params: {{model: openai/gpt-4o, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
litellm_settings: {{telemetry: false, num_retries: 0}}
general_settings: {{dangerously_permit_weak_or_unset_master_key: true}}
"""


def start_litellm(processes: Processes, name: str, upstream: int) -> Way:
    """LiteLLM's proxy with one worker, and a model name that it knows."""
    binary, port = program("litellm", "litellm"), free_port()
    conf = processes.place / f"{name.replace(' ', '-')}.yaml"
    conf.write_text(_LITELLM.format(endpoint=ENDPOINT, upstream=upstream))
    command = [binary, "--config", str(conf), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    process = processes.start(name, ["env", "LITELLM_LOCAL_MODEL_COST_MAP=True", *command])
    _wait_answering(processes, name, port)
    return Way("LiteLLM", port, (process.pid, *descendants(process.pid)))


_DRIFTGATE: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: {workers}
state_dir: {state}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: half, sticky_by: [header:x-user-id], shadow: {{sample: 20%, noise_floor: 2%}}}}
plans:
  half:
    stages: [{{weight: 50%, bake: 1h}}]
    budgets: {{agreement: off}}
"""


@dataclass(frozen=True, slots=True)
class Arms:
    """Where the two models answer; their servers may be one."""

    stable: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Code:
    """What a gateway runs: a Python, and a directory for PYTHONPATH where its modules are not that Python's own."""

    python: str = sys.executable
    source: Path | None = None


def start_driftgate(
    processes: Processes, name: str, arms: Arms, code: Code, *, workers: int = 1
) -> tuple[Gateway, Way]:
    """A whole gateway; its data workers are accounted, its other processes are beside."""
    values = {"workers": workers, "stable": arms.stable, "candidate": arms.candidate}
    gateway = Gateway.configured(processes, _DRIFTGATE, values, name=name, source=code.source, python=code.python)
    gateway.start()
    gateway.wait_ready(START_SECONDS)
    data = tuple(gateway.children("child data"))
    others = tuple(pid for pid in gateway.children() if pid not in data)
    return gateway, Way(name, gateway.data_port, data, others, lambda: _dropped(gateway))


def _dropped(gateway: Gateway) -> float:
    """How many exchanges the hand-over has dropped so far, once the workers have told the control process."""
    sleep(TOLD_SECONDS)
    lines = gateway.http.get("/metrics").text.splitlines()
    counted = 'driftgate_shadow_dropped_total{reason="handover_'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(counted))


@contextmanager
def under_rollout(gateway: Gateway) -> Iterator[None]:
    """A rollout at 50 % while this context is open."""
    gateway.command(ENDPOINT, "rollouts", {"candidate": "lumen-2", "reason": "bench"})
    try:
        yield
    finally:
        gateway.command(ENDPOINT, "rollback", {"reason": "bench"})


PEERS: Final[Mapping[str, Callable[[Processes, str, int], Way]]] = {
    "nginx": start_nginx,
    "envoy": start_envoy,
    "envoy-split": start_splitting_envoy,
    "vllm-router": start_vllm_router,
    "litellm": start_litellm,
}


def _wait_answering(processes: Processes, name: str, port: int) -> None:
    """Wait until a chat completion comes back, whole or as a stream, as this model server gives them."""
    until = monotonic() + START_SECONDS
    body = {"model": ENDPOINT, "messages": [{"role": "user", "content": "hi"}], "stream": name.endswith(STREAMED)}
    with talking_to(port) as http:
        while monotonic() < until and processes.running[name].poll() is None:
            try:
                with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                    if answer.is_success:
                        return
            except httpx.TransportError:
                pass
            sleep(0.1)
    raise Missing(f"{name} gave no answer within {START_SECONDS:.0f} s:\n{processes.last_words(name)}")
