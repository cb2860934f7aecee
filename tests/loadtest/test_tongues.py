"""Refusals in other languages: the texts that they are measured on, and what may not get worse."""

import pytest

from loadtest.signals.tongues import NAMES, PLACE, read, table, texts


def test_every_language_has_enough_of_both_kinds() -> None:
    """At least 25 refusals and 25 answers each, no text twice."""
    assert {path.stem for path in PLACE.glob("*.txt")} == set(NAMES)
    for code in NAMES:
        found = list(texts(code))
        assert len({text.said for text in found}) == len(found)
        refusals = sum(text.refuses for text in found)
        assert min(refusals, len(found) - refusals) >= 25


@pytest.mark.parametrize("code", sorted(NAMES))
def test_what_was_not_looked_at_is_read_well_enough_to_be_of_use(code: str) -> None:
    """Of the refusals three in four are seen, and of the reports four in five are right."""
    found = read([text for text in texts(code) if not text.seen])
    assert found.recall >= 0.75, found
    assert found.precision >= 0.8, found


def test_the_table_names_every_language() -> None:
    """A row each, under two lines of heading."""
    rows = table().splitlines()
    assert len(rows) == 2 + len(NAMES)
    assert all(any(row.startswith(f"| {name} |") for row in rows) for name in NAMES.values())
