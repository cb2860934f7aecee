from pathlib import Path

from gateway.cli.wire import Endpoint, Rollout, Signal
from gateway.config.load import load_text
from gateway.demo import outcome
from gateway.demo.live import worst
from gateway.demo.scene import PARTS, Ports, configuration, free_port, listening

PORTS = Ports(data=8080, admin=8081, stables=9001, candidates=9002)


def ended_as(**phases: str) -> outcome.Ended:
    """Endpoints whose latest rollouts are in these phases."""
    return outcome.ended({name: Endpoint(name, rollout=Rollout(id="r", phase=phase)) for name, phase in phases.items()})


def test_the_demos_configuration_passes_the_check() -> None:
    """The file that the demo writes is one that `driftgate serve` accepts, with both parts' models in it."""
    config = load_text(configuration(PORTS, Path("/tmp/state"), 2), env={})
    assert set(config.endpoints) == {part.endpoint for part in PARTS}
    assert {part.candidate for part in PARTS} <= set(config.models)
    assert [stage.weight_bps for stage in config.plans["demo"].resolve("demo").stages] == [0, 500, 2500, 5000, 10000]


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    """Somebody else's gateway on the default port does not stop the demo."""
    with listening() as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port


def test_the_demo_is_over_only_when_both_rollouts_ended() -> None:
    """One ended rollout of two is not the end."""
    assert not ended_as(support="rolled_back").all
    assert ended_as(chat="promoted", support="rolled_back").all


def test_success_means_that_each_endpoint_ended_as_it_must() -> None:
    """The two outcomes the other way round are a failure, though both rollouts ended."""
    assert ended_as(chat="promoted", support="rolled_back").as_they_must
    assert not ended_as(chat="rolled_back", support="promoted").as_they_must


def test_the_picture_shows_each_signals_hottest_test() -> None:
    """Of several tests of a signal the one that burns most is shown, and slices are left out."""
    rows = (
        Signal(signal="refusal", source="paired", burn=0.1, n=10),
        Signal(signal="refusal", source="split", burn=0.4, n=5),
        Signal(signal="refusal", slice="lang=de", source="split", burn=0.9, n=5),
        Signal(signal="length", source="paired", burn=0.0, n=10),
    )
    assert [(row.signal, row.burn) for row in worst(rows)] == [("refusal", 0.4), ("length", 0.0)]
