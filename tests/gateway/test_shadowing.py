"""What the shadow role makes of a configuration."""

from gateway.config.load import load_text
from gateway.own.contained import Contained
from gateway.shadowing import failures_of, sampling_of
from tests.shadow.making import ask, says

TEXT = """
models: {a: {base_url: http://127.0.0.1:1/v1}}
endpoints: {chat: {stable: a, slices: [header:x-route, body:metadata.team, language, task]}}
"""


def test_slices_that_are_read_off_the_request_are_left_to_the_shadow_worker() -> None:
    """The data path has no time to read prompts."""
    assert sampling_of(load_text(TEXT, env={}))["chat"].detected == ("language", "task")


def test_failures_of_ones_own_signals_are_series_of_their_own() -> None:
    """By signal and reason, for whoever looks at /metrics."""
    broken = Contained("own", None)
    broken(ask(), says("Hi"))
    assert list(failures_of([broken]).values()) == [1.0]
    (name,) = failures_of([broken])
    assert name.startswith("driftgate_own_signal_failures_total{")
