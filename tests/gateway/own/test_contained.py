"""An application's own signal can be wrong in any way, and only its own readings suffer."""

import threading
from collections.abc import Callable

import pytest

from gateway.own.contained import DEADLINE_SECONDS, OFF_SECONDS, STRIKES, Contained, failures
from gateway.own.installed import is_usable
from shadow.answer import Answer, Ask, Json
from shadow.comparison import read
from shadow.reading import Measured, NotApplicable, Reading, Unmeasured
from shadow.signals.catalogue import ALSO
from tests.shadow.making import ask, says

HELLO = says("Hello!")


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def crashes(ask: Ask, answer: Answer) -> bool:
    """Divides by nothing."""
    return bool(len(ask.prompt) // len(answer.refusal))


def hangs(ask: Ask, answer: Answer) -> bool:
    """Never ends, and swallows what it can."""
    while answer.text or ask.prompt:
        try:
            sum(range(100))
        except Exception:  # noqa: BLE001 - as an application's code might
            continue
    return True


@pytest.mark.parametrize(
    ("said", "reading"),
    [(True, Measured(1.0)), (False, Measured(0.0)), (None, NotApplicable()), ("yes", Unmeasured("own_invalid"))],
)
def test_true_false_none_and_nothing_else(said: object, reading: Reading) -> None:
    """What a signal may say, and what another kind of answer reads as."""
    assert Contained("own", lambda _ask, _answer: said, clock=Clock())(ask(), HELLO) == reading


def test_a_crash_is_counted_and_stays_where_it_is() -> None:
    """The other readings of the same answer are there."""
    broken = Contained("own", crashes, clock=Clock())
    readings = read(ask("Hi"), HELLO, {**ALSO, "own": broken}).also
    assert readings["own"] == Unmeasured("own_crash")
    assert readings["empty"] == Measured(0.0)
    assert list(failures([broken])) == [("own", "own_crash", 1)]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError])
def test_not_even_an_exit_leaves_the_signal(error: type[BaseException]) -> None:
    """It would end the shadow worker, or the connection that the exchange came over."""

    def leaves(ask: Ask, answer: Answer) -> bool:
        raise error

    assert Contained("own", leaves, clock=Clock())(ask(), HELLO) == Unmeasured("own_crash")


def test_what_a_signal_writes_into_the_request_reaches_no_other() -> None:
    """Its schema and its tools are copies."""

    def meddles(ask: Ask, answer: Answer) -> bool:
        for given in (ask.schema, *(parameters for _, parameters in ask.tools)):
            assert isinstance(given, dict)
            given.clear()
        return True

    schema: dict[str, Json] = {"type": "object", "required": ["town"]}
    asked = Ask("Which?", wants_json=True, schema=schema, tools=(("look", dict(schema)),), max_tokens=None)
    for _ in range(2):
        readings = read(asked, says("{}"), {"own": Contained("own", meddles, clock=Clock())})
        assert readings.also["own"] == Measured(1.0)
        assert readings.schema == Measured(1.0, "invalid")
    assert asked.tools == (("look", schema),)


def test_an_endless_loop_is_interrupted() -> None:
    """It is over after the deadline, in the main thread, and counted as slow."""
    stuck = Contained("own", hangs)
    assert stuck(ask(), HELLO) == Unmeasured("own_slow")
    assert stuck.failures == {"own_slow": 1}


def slow(clock: Clock) -> Callable[[Ask, Answer], bool]:
    """A signal that takes twice the deadline."""

    def signal(_ask: Ask, _answer: Answer) -> bool:
        clock.now += 2 * DEADLINE_SECONDS
        return True

    return signal


def test_a_slow_signal_is_switched_off_and_tried_again() -> None:
    """After some strikes it costs nothing for a while."""
    clock = Clock()
    own = Contained("own", slow(clock), clock=clock)
    assert {own(ask(), HELLO) for _ in range(STRIKES)} == {Unmeasured("own_slow")}
    assert own(ask(), HELLO) == Unmeasured("own_off")
    clock.now += OFF_SECONDS
    assert own(ask(), HELLO) == Unmeasured("own_slow")


def test_outside_the_main_thread_time_is_still_measured() -> None:
    """There nothing can be interrupted, but what was slow is known."""
    clock = Clock()
    own = Contained("own", slow(clock), clock=clock)
    found: list[Reading] = []
    thread = threading.Thread(target=lambda: found.append(own(ask(), HELLO)))
    thread.start()
    thread.join()
    assert found == [Unmeasured("own_slow")]


def test_one_that_could_not_be_imported_is_always_unmeasured() -> None:
    """It is there all the same, so that its row shows that something is wrong."""
    assert Contained("own", None)(ask(), HELLO) == Unmeasured("own_import")


@pytest.mark.parametrize("name", ["refusal", "lists", "pairs", "a/b", "Loud", "", "x" * 33])
def test_some_names_are_not_to_be_had(name: str) -> None:
    """Those of driftgate's own signals, and what could not stand in a counter's name."""
    assert not is_usable(name)
    assert is_usable("exclaims")
