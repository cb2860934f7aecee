"""The control process: the controller's home, the admin plane, metrics, alerts and the dashboard.

S  `main`        the role: wires everything below and runs it
S  `memory`      gives back what a verdict took for a moment
S  `home`        what this gateway does without Redis: workers, journal, alerts
P  `routes`      what a worker that connects must be told
S  `operations`  what operators can do to an endpoint
S  `rolling`     an operator's rollback, which works with Redis gone
S  `freezing`    freezing an endpoint, and ending that
S  `reviewing`   pairs that wait for a person's label
S  `returning`   going back to an earlier stable model
S  `forecasting` what a plan will take, in words and as JSON
P  `rates`       requests per second, from the workers' counters
S  `probing`     asks a candidate for a small answer before a rollout starts
P  `standing`    intervals, and when the next stage may come
P  `views`       rollouts, signals and audit entries as JSON
S  `desk`        what the routes work with
S  `admin`       the admin API: looking
S  `commanding`  the admin API: commands
S  `labelling`   the admin API: pairs that wait for a label
P  `access`      who may call what: default deny, same origin
P  `problems`    errors as problem details (RFC 9457)
S  `web`         the ASGI application and its server
P  `exposition`  counters as Prometheus text
P  `metrics`     which numbers of the control process are metrics
P  `telling`     what an alert says
S  `alerts`      webhooks and apprise: who is told, once, signed, tried again
"""
