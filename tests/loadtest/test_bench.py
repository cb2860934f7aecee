"""The parts of the benchmark that figures pass through; the measuring itself is `make bench`."""

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.bench.page import Page, page
from loadtest.bench.play import Measured, Reader, body_of, latency_ms, percentile
from loadtest.bench.upstream import stamped
from loadtest.bench.ways import STREAMED

ON = "driftgate, everything on"


def measured(way: str, cpu: float, **more: float) -> Measured:
    """One round of a way for whole answers."""
    figures = {"cpu 1600": cpu, "cpu 30000": cpu * 1.5, "rate 1600": 1e6 / cpu, "rate 30000": 9e5 / cpu}
    return Measured(way, figures | {"p50": 0.1, "p99": 1.0, "rss": 50.0} | more, 0)


def test_the_page_shows_medians_ranges_and_goals() -> None:
    """A goal that was measured says yes or no; one that was not says so."""
    found = [measured(ON, cpu) for cpu in (90.0, 100.0, 130.0)] + [measured("Envoy", 80.0)]
    text = page(Page(found, "3 rounds", ["On Python 3."], ["litellm gave no answer"]))
    assert "| driftgate, everything on | 100 (90–130) |" in text
    assert "| CPU per request, everything on, × Envoy's: below 1 | 1.25 | no |" in text
    assert "| the same: below 1.75 first | 1.25 | yes |" in text
    assert "| CPU per request of LiteLLM ÷ ours: at least 50 | not measured in this run | – |" in text
    assert "all handed over (1,000 requests/s): below 25 | not measured in this run | – |" in text
    assert "- litellm gave no answer\n" in text
    assert "cores are shared.\nOn Python 3.\n" in text


def test_the_page_judges_the_compiled_data_path_and_shows_the_other() -> None:
    """What the image runs has the goals; where only one was played, nothing is said of two."""
    both = page(Page([measured(ON, 60.0), measured(f"{ON}, interpreted", 90.0), measured("Envoy", 80.0)], "1 round"))
    assert "| CPU per request, everything on, × Envoy's: below 1 | 0.75 | yes |" in both
    assert "The goals are judged by the compiled one." in both
    assert "compiled" not in page(Page([measured(ON, 60.0)], "1 round"))


def test_what_a_rollout_adds_is_a_goal_of_its_own() -> None:
    """Where nothing was dropped: the cost beside the same gateway without a rollout."""
    ways = [measured(ON, 60.0, **{"cpu even": 130.0}), measured("driftgate, no rollout", 50.0, **{"cpu even": 99.5})]
    assert "all handed over (1,000 requests/s): below 25 | 30.50 | no |" in page(Page(ways, "1 round"))


def test_streams_have_a_table_of_their_own() -> None:
    """With a row for the model server asked directly, which has no CPU of a proxy."""
    figures = {"first50 64": 1.0, "first99 64": 2.0, "later99 64": 3.0, "stall 64": 4.0, "errors 64": 0.0}
    text = page(Page([Measured(f"direct{STREAMED}", figures, 0)], "1 round", streams=(64,)))
    assert "| 64 | direct | – | 1.00 | 2.00 | 3.00 | 4.0 | – | 0 |" in text


@given(st.lists(st.integers(1, 400), max_size=20))
def test_the_reader_finds_every_stamp_however_a_stream_is_cut(cuts: list[int]) -> None:
    """Delays are read from whole stamps only, each once."""
    stream = b"".join(stamped() for _ in range(5))
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    loop = asyncio.new_event_loop()
    try:
        reader = Reader(b"", loop.create_future())
        for start, end in pairwise(edges):
            reader.data_received(stream[start:end])
    finally:
        loop.close()
    assert reader.first_ms is not None
    assert len(reader.later_ms) == 4
    assert all(0 <= delay < 60_000 for delay in (reader.first_ms, *reader.later_ms))


@pytest.mark.parametrize("size", [1_600, 30_000])
def test_bodies_have_the_size_that_they_are_named_by(size: int) -> None:
    """Within one word, and they are requests that a gateway takes."""
    body = body_of(size)
    assert abs(len(body) - size) < 10
    assert json.loads(body)["model"] == "chat"


def test_wrks_latencies_are_read_in_milliseconds() -> None:
    """Whatever unit it chose."""
    text = "  Latency Distribution\n     50%  512.00us\n     75%    1.10ms\n     99%    1.25s \n"
    assert [latency_ms(share, text) for share in ("50%", "75%", "99%", "90%")] == [0.512, 1.1, 1250.0, 0.0]


def test_percentiles_of_little_are_what_there_is() -> None:
    """One value is every percentile; of nothing, nothing."""
    assert (percentile([], 99), percentile([7.0], 50)) == (0.0, 7.0)
