"""Names are sorted once: what is remembered of them changes no count."""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rollback.layouts import Ints
from rollback.ledger import Ledger, read
from shadow.cells import LATTICE_STEPS

LATTICE = [f"{signal}/{slice_}/{stage}/{i}" for signal in "ab" for slice_ in "*t" for stage in (0, 3) for i in (-20, 7)]
ARMS = ("stable", "candidate")
NAMES = st.sampled_from(
    [
        *(f"p/{each}" for each in LATTICE),
        *(f"wp/{signal}/{window}/{index}" for signal in "ab" for window in (0, 3, 12) for index in (-5, 0, 5)),
        *(f"ws/a/{window}/{weight}/{arm}/1" for window in (0, 9) for weight in (100, 5000) for arm in ARMS),
        *("s/a/*/3/5000/candidate/1", "s/a/*/3/5000/candidate/x", "k/3/split/candidate", "u/3/5000/stable/sent"),
        *("p/a/*/0/99", "wp/a/zero/5", "nothing/known", "ws/a/0/100/nobody/1"),
    ]
)
HASHES = st.lists(st.dictionaries(NAMES, st.integers(1, 900), max_size=25), min_size=1, max_size=8)


def counted(ledger: Ledger) -> Counter[str]:
    """Every counter of a ledger under its name again."""
    found: Counter[str] = Counter()
    for (signal, slice_), held in ledger.paired.items():
        for stage, row in zip(held.stages, held.table, strict=True):
            found.update({f"p/{signal}/{slice_}/{stage}/{at - LATTICE_STEPS}": int(n) for at, n in enumerate(row)})
        assert (
            held.by_index() == sum((held.by_index(stage) for stage in range(5)), np.zeros(41, dtype=np.int64))
        ).all()
    for cells in ledger.split.values():
        found.update({str(cell): count for cell, count in cells})
    found.update({f"k/{stage}/{source}/{arm.value}": n for (stage, source, arm), n in ledger.votes.items()})
    found.update({f"u/{s}/{w}/{arm.value}/{point}": n for (s, w, arm, point), n in ledger.units.items()})
    return +found


def by_window(cells: Mapping[str, int]) -> dict[str, list[tuple[int, dict[str, int]]]]:
    """Counts by kind of each signal's windows, in the order of the windows."""
    found: dict[str, dict[int, dict[str, int]]] = {}
    for name, count in cells.items():
        match name.split("/"):
            case ["wp" | "ws" as source, signal, window, *kind] if window.isdigit() and "nobody" not in kind:
                of = found.setdefault(f"{source}/{signal}", {}).setdefault(int(window), {})
                of["/".join([source, signal, "0", *kind])] = count
    return {signal: sorted(windows.items()) for signal, windows in found.items()}


def tables(ledger: Ledger) -> dict[str, list[dict[str, int]]]:
    """The same of a ledger."""
    pairs = {f"wp/{signal}": rows(each.kinds, each.table) for signal, each in ledger.window_paired.items()}
    return pairs | {f"ws/{signal}": rows(each.kinds, each.table) for signal, each in ledger.window_split.items()}


def rows(kinds: Sequence[object], table: Ints) -> list[dict[str, int]]:
    """The counts of each window by the name of their kind."""
    return [{str(kind): int(n) for kind, n in zip(kinds, row, strict=True) if n} for row in table]


@settings(max_examples=150, deadline=None)
@given(HASHES, st.randoms(use_true_random=False))
def test_whatever_was_looked_at_before_each_counter_is_where_its_name_says(
    hashes: list[dict[str, int]], random: Random
) -> None:
    """Names that come, go, and change their order, of several rollouts in turn."""
    for cells in (*hashes, hashes[0]):
        items = list(cells.items())
        random.shuffle(items)
        ledger = read(dict(items))
        known = {name: n for name, n in cells.items() if name[:2] in ("p/", "s/", "k/", "u/") and "/99" not in name}
        assert counted(ledger) == known
        windows = {place: [row for _, row in rows] for place, rows in by_window(cells).items()}
        assert tables(ledger) == windows


def test_names_that_are_added_one_by_one_give_the_ledger_of_all_at_once() -> None:
    """As a rollout's do, while Redis turns their order round now and then."""
    cells = {f"wp/refusal/{window}/{index}": window + 9 for window in range(40) for index in (5, -5, 0)}
    cells |= {f"p/refusal/*/{stage}/{index}": 7 + index for stage in range(3) for index in (0, 20)}
    so_far: dict[str, int] = {}
    for number, (name, count) in enumerate(cells.items()):
        so_far[name] = count
        if number % 7 == 0:
            so_far = dict(reversed(so_far.items()))
        read(so_far)
    assert tables(read(so_far)) == {place: [row for _, row in rows] for place, rows in by_window(cells).items()}
    assert counted(read(so_far)) == {name: n for name, n in cells.items() if name.startswith("p/")}
