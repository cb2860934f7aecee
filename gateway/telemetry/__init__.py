"""Telemetry that leaves the gateway: traces and metrics over OTLP, and the board and alert rules made for /metrics.

Data workers only note what became of a sampled request, as a plain value; the control process exports. So no request
waits for a collector, and no data worker loads OpenTelemetry. Prompts and answers are never part of it.

P  `spans`    what is noted of a sampled request, and the W3C context it came with
P  `usage`    what an answer says of itself: model, finish reasons, tokens
P  `gen_ai`   the `gen_ai.*` attributes and metrics, behind their opt-in
P  `decisions`  a rollout as a trace of its own
P  `points`   counters as OpenTelemetry metrics
S  `otlp`     the exporters, over HTTP or gRPC, and the loop that feeds them
P  `board`    the Grafana board
P  `rules`    the Prometheus alert rules
S  `files`    writes both into deploy/
"""
