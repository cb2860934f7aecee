"""The small parts of the data plane, each by itself."""

import random
from collections import Counter
from collections.abc import Mapping

import anyio
from hypothesis import given
from hypothesis import strategies as st

from gateway.data.counts import Counts
from gateway.data.events import FirstEvent, first_event, is_error_object
from gateway.data.firstbyte import ENOUGH, LEAST_SECONDS, FirstByteTimes
from gateway.data.table import RouteTable
from gateway.data.tally import Tally
from routing.errors import StoreUnavailable
from routing.exposure import Generation, Grant, Observation, Route
from shadow.exchange import Outcome

ERRORS = [
    b'data: {"error":{"message":"x"}}\n\n',
    b'data: {"error":"x"}\r\n\r\n',
    b': ping\n\ndata: {"object":"error","error":{}, "type":"error"}\n\n',
    b'event: error\ndata: {"type":"error"}\n\n',
    b'event: response.failed\ndata: {"type":"response.failed"}\n\n',
]
ANSWERS = [
    b'data: {"choices":[]}\n\n',
    b'data: {"error":null,"choices":[]}\n\n',
    b'data: {"choices":[{"delta":{"content":"an \\"error\\" occurred"}}]}\n\n',
    b"data: error\n\n",
    b"data: [DONE]\n\n",
    b"event: message_start\ndata: {}\n\n",
]


@given(
    st.sampled_from([*((e, FirstEvent.ERROR) for e in ERRORS), *((a, FirstEvent.ANSWER) for a in ANSWERS)]), st.data()
)
def test_the_first_event_is_judged_when_it_is_whole(case: tuple[bytes, FirstEvent], data: st.DataObject) -> None:
    """Cut anywhere before its blank line it is incomplete; whole, it is an answer or an error, whatever follows."""
    event, verdict = case
    assert first_event(event, []) is verdict
    assert first_event(event + b"data: anything", []) is verdict
    cut = data.draw(st.integers(0, len(event.rstrip()) - 1))
    assert first_event(event[:cut], []) is FirstEvent.INCOMPLETE


def test_an_endless_first_event_is_an_answer() -> None:
    """Nobody waits for its end: the bytes are passed on."""
    assert first_event(b"data: " + b"x" * 100_000, []) is FirstEvent.ANSWER


def test_an_error_object_is_told_from_an_answer() -> None:
    """A null error beside choices is an answer; an error object is not."""
    assert is_error_object(b'{"error":{"message":"x"}}', [])
    assert not is_error_object(b'{"error":null,"choices":[]}', [])
    assert not is_error_object(b'{"error"', [])
    assert not is_error_object(b'{"choices":[]}', [])


def test_a_candidate_like_stable_never_trips_the_deadline() -> None:
    """20,000 heavy-tailed first-byte times, learned and judged as they come: none is over the deadline."""
    draw = random.Random(7)
    times = FirstByteTimes()
    for number in range(20_000):
        ms = 800 * draw.lognormvariate(0, 0.8)
        if number % 2:
            deadline = times.deadline_seconds("chat", stream=True, size=1_000, longest=120.0)
            assert ms / 1000 < deadline
        else:
            times.observe("chat", stream=True, size=1_000, ms=ms)
    assert LEAST_SECONDS < times.deadline_seconds("chat", stream=True, size=1_000, longest=120.0) < 60


def test_deadlines_are_apart_by_mode_and_size_and_careful_at_first() -> None:
    """What is not known yet gets the whole limit; small requests may take what larger ones are known to take."""
    times = FirstByteTimes()
    for _ in range(ENOUGH):
        times.observe("chat", stream=True, size=5_000, ms=2_000)
    known = times.deadline_seconds("chat", stream=True, size=5_000, longest=120.0)
    assert 16 <= known <= 21
    assert times.deadline_seconds("chat", stream=True, size=500, longest=120.0) == known
    assert times.deadline_seconds("chat", stream=True, size=500_000, longest=120.0) == 120.0
    assert times.deadline_seconds("chat", stream=False, size=5_000, longest=120.0) == 120.0
    assert times.deadline_seconds("other", stream=True, size=5_000, longest=120.0) == 120.0
    assert times.deadline_seconds("chat", stream=True, size=5_000, longest=5.0) == 5.0


def test_a_deadline_follows_a_stable_that_becomes_slower() -> None:
    """Old observations fade: a stable that is slow today gives a candidate today's time."""
    times = FirstByteTimes()
    for ms in [100.0] * 5_000 + [4_000.0] * 500:
        times.observe("chat", stream=True, size=100, ms=ms)
    assert times.deadline_seconds("chat", stream=True, size=100, longest=120.0) > 30


class FlakyStore:
    """A store that applies batches once each, and sometimes fails after it has applied one."""

    def __init__(self, failures: list[str]) -> None:
        self.failures = failures
        self.seen: set[str] = set()
        self.total: Counter[str] = Counter()

    async def add_counts(self, endpoint: str, rollout_id: str, batch_id: str, counts: Mapping[str, int]) -> None:
        """Adds, or fails before or after adding."""
        failure = self.failures.pop() if self.failures else ""
        if failure == "before":
            raise StoreUnavailable("down")
        if batch_id not in self.seen:
            self.seen.add(batch_id)
            self.total.update(counts)
        if failure == "after":
            raise StoreUnavailable("timed out")


@given(st.lists(st.sampled_from(["before", "after", ""]), max_size=20), st.integers(1, 30))
def test_counts_arrive_exactly_once(failures: list[str], rounds: int) -> None:
    """Whether Redis fails before or after it counted, in the end every request was counted once."""

    async def run() -> Counter[str]:
        counts, store = Counts(), FlakyStore(failures)
        for _ in range(rounds):
            counts.add("chat", "r1", ("stable", "assigned.stable"))
            await counts.flush(store)
        while counts.waiting("chat", "r1"):
            await counts.flush(store)
        return store.total

    assert anyio.run(run) == {"stable": rounds, "assigned.stable": rounds}


def test_a_route_to_an_unknown_model_is_not_taken() -> None:
    """A candidate or generation that this worker's configuration cannot ask means the file's stable, and no grant."""
    first = Generation(0, "v12", 0.0, "config")
    table = RouteTable({"chat": Route("chat", first)}, {"chat": "v12"}, ["v12", "v13"])
    known = Grant("r1", "v13", "s", 100, 1, 1, 1)
    table.observe("chat", Observation(None, known, 10.0, 1), 0.0)
    route = table.get("chat")
    assert route is not None
    assert route.live_grant(5.0) == known
    table.observe(
        "chat", Observation(Generation(1, "gone", 1.0, "x"), Grant("r2", "gone", "s", 9, 1, 2, 1), 10.0, 2), 0.0
    )
    route = table.get("chat")
    assert route is not None
    assert route.live_grant(5.0) is None
    assert route.stable.model == "v12"
    assert table.get("nope") is None


def test_tallies_are_prometheus_series() -> None:
    """Counters and cumulative histograms, with their labels in order."""
    tally = Tally()
    tally.count("requests_total", ("endpoint", "chat"))
    tally.count("requests_total", ("endpoint", "chat"))
    for seconds in (0.5, 1.0, 3.0):
        tally.histogram("seconds", (1.0, 2.0)).add(seconds)
    tally.outcomes("asked", ("arm", "stable")).add(Outcome.FAILED)
    assert tally.values() == {
        'requests_total{endpoint="chat"}': 2.0,
        'seconds_bucket{le="1.0"}': 2.0,
        'seconds_bucket{le="2.0"}': 2.0,
        'seconds_bucket{le="+Inf"}': 3.0,
        "seconds_sum": 4.5,
        "seconds_count": 3.0,
        'asked{arm="stable",outcome="failed"}': 1.0,
    }
