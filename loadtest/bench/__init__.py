"""What a request costs: `python -m loadtest.bench` (`make bench`) writes docs/bench.md.

S  `ways`           the proxies that are compared, each with one worker
S  `environments`   what is installed for it: other gateways, and the Python that ours runs on
S  `upstream`       the model servers behind them
S  `play`           one measurement of one way
P  `page`           what was found, as a page and a picture
S  `cpu`            what a change is worth: CPU per request beside nginx and another checkout
S  `telemetry`      what tracing costs the data path
S  `shadow_worker`  pairs that one shadow worker scores, end to end
S  `capacity`       what one Redis carries
"""
