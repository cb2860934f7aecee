"""Programs that measure, prove and break the gateway from outside. Never in the wheel.

One package for each question, and one for what they share. `python -m loadtest.bench` runs the package's own program,
`python -m loadtest.bench.cpu` one module of it. All start servers, so all are shell; P marks what only computes.

S  `rig`         what a gateway is set up in: processes, recorded model servers, an application
S  `bench`       what a request costs, beside other proxies; what tracing, votes and shadow work cost
S  `evidence`    how often the judge is wrong, how soon it is right, beside what others do
S  `signals`     how well refusals and agreement are seen, and what seeing costs
S  `proof`       recorded swaps of real models, each of which must end as it should
S  `load`        what users notice under load: rollouts, rollbacks, slow candidates, clients that leave
S  `demo`        the running demo, and what a newcomer and an operator do with it
S  `docs`        what writes pages and pictures of the documentation
S  `fuzz`        everything that reads bytes from outside, fuzzed
S  `locustfile`  what applications do to a gateway, for locust
"""
