"""Two JSON answers path by path, and the paths that vary by themselves."""

import json

import pytest

from shadow.signals.agreement import agree
from shadow.signals.json_paths import LEAST_SEEN, MAX_KNOWN, Differences, VolatilePaths, differences
from tests.shadow.making import ask, says


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"a": 1}, {"a": 1}, Differences(2, 0, 0, 0, 0)),
        ({"a": 1, "b": 2}, {"a": 1}, Differences(2, 1, 0, 0, 0)),
        ({"a": 1}, {"a": 1, "c": {"d": 1}}, Differences(2, 0, 2, 0, 0)),
        ({"a": 1}, {"a": "1"}, Differences(1, 0, 0, 1, 0)),
        ({"a": 1}, {"a": 2}, Differences(1, 0, 0, 0, 1)),
        ({"a": 1}, {"a": 1.0}, Differences(2, 0, 0, 0, 0)),
        ([3, 1, 2], [1, 2, 3], Differences(4, 0, 0, 0, 0)),
        ([1, 2], [1, "x", 3], Differences(2, 0, 1, 0, 1)),
    ],
)
def test_paths_are_missing_extra_of_another_type_or_of_another_value(
    one: object, other: object, found: Differences
) -> None:
    """Numbers are compared as numbers, lists without their order."""
    pair = json.loads(json.dumps(one)), json.loads(json.dumps(other))
    assert differences(*pair) == found


def stamped(second: int) -> str:
    """A document with a time in it that is never the same."""
    return json.dumps({"town": "Velm", "made": {"at": f"10:00:{second}"}})


def test_a_path_in_which_stable_differs_from_itself_is_left_out() -> None:
    """A timestamp counts as disagreement only until it is known as one."""
    volatile = VolatilePaths()
    for second in range(LEAST_SEEN):
        assert volatile.ignored == frozenset()
        volatile.learn(stamped(second), stamped(second + 1))
    assert volatile.ignored == {("made", "at")}
    assert agree(ask(), says(stamped(1)), says(stamped(2))) < 1.0
    assert agree(ask(), says(stamped(1)), says(stamped(2)), volatile.ignored) == 1.0


def test_a_path_that_mostly_holds_still_is_compared() -> None:
    """Stable is allowed to change its mind now and then."""
    volatile = VolatilePaths()
    for second in range(10):
        volatile.learn(stamped(0), stamped(int(second % 4 == 0)))
    assert volatile.ignored == frozenset()


def test_generated_keys_do_not_fill_the_memory() -> None:
    """The table is bounded, and texts that are no JSON teach nothing."""
    volatile = VolatilePaths()
    for index in range(MAX_KNOWN // 100 + 5):
        volatile.learn(
            json.dumps({f"k{index}.{i}": 1 for i in range(100)}), json.dumps({f"k{index}.{i}": 2 for i in range(100)})
        )
    volatile.learn("no JSON", "{}")
    assert len(volatile._seen) == MAX_KNOWN  # the bound is the claim


def test_a_long_document_is_compared_to_its_end_and_through_a_code_fence() -> None:
    """Only texts are cut; a fence is `schema`'s business and says nothing about agreement."""
    rows = [{"id": i, "name": f"town {i}"} for i in range(300)]
    one, other = json.dumps(rows), json.dumps([*rows[:-1], {"id": 299, "name": "elsewhere"}])
    assert agree(ask(), says(one), says(f"```json\n{one}\n```")) == 1.0
    assert 0.99 < agree(ask(), says(one), says(other)) < 1.0
