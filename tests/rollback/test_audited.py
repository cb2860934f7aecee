"""A change in refusals, corrected by labels: right on average, and honest about what it does not know."""

import numpy as np
import pytest

from rollback.audited import Audited, audited
from shadow.review import Label, label_prefix
from shadow.signals.refusal_change import Counted


def labels(**said: dict[str, int]) -> dict[str, int]:
    """Counts of labels: `lost`, `same` and `gained` are what was read."""
    read = {"lost": -1, "same": 0, "gained": 1}
    return {
        label_prefix(1, read[name]) + Label(label).value: count
        for name, counts in said.items()
        for label, count in counts.items()
    }


def corrected(counted: Counted, counts: dict[str, int]) -> Audited:
    """The correction, where there is one."""
    found = audited(counted, counts, 1)
    assert found is not None
    return found


def test_labels_that_agree_with_what_was_read_leave_the_estimate_alone() -> None:
    """And the more there are, the less wide it is."""
    read = Counted(1_000, 80, 20)
    few = corrected(read, labels(same={"neither": 45}, gained={"candidate": 4}, lost={"stable": 1}))
    many = corrected(read, labels(same={"neither": 900}, gained={"candidate": 80}, lost={"stable": 20}))
    assert few.estimate == many.estimate == pytest.approx(0.06)
    assert few.low < many.low < 0.06 < many.high < few.high
    assert (few.labelled, few.unsure) == (50, 0)


def test_what_the_reader_got_wrong_is_taken_off() -> None:
    """Half of the gained refusals were none: 8 points become 4."""
    found = corrected(Counted(1_000, 80, 0), labels(same={"neither": 92}, gained={"candidate": 4, "neither": 4}))
    assert found.estimate == pytest.approx(0.04)


def test_a_judge_models_labels_count_as_peoples_do_and_are_told_apart() -> None:
    """Together they correct; the report says how many were the judge's."""
    people = labels(same={"neither": 46}, gained={"candidate": 2, "neither": 2})
    judge = {f"judged{name.removeprefix('label')}": count for name, count in people.items()}
    found = corrected(Counted(1_000, 80, 0), people | judge)
    assert (found.labelled, found.judged) == (100, 50)
    assert found.estimate == pytest.approx(0.04)
    assert corrected(Counted(1_000, 80, 0), people).judged == 0


def test_who_cannot_tell_says_nothing() -> None:
    """It is counted, and alone corrects nothing."""
    assert audited(Counted(100, 5, 5), labels(same={"unsure": 3}), 1) is None
    assert corrected(Counted(100, 5, 5), labels(same={"unsure": 3, "both": 7})).unsure == 3


def test_without_labels_or_pairs_nothing_is_corrected() -> None:
    """Labels of another epoch are none."""
    assert audited(Counted(100, 5, 5), {}, 1) is None
    assert audited(Counted(0, 0, 0), labels(same={"both": 7}), 1) is None
    assert audited(Counted(100, 5, 5), labels(same={"both": 7}), 2) is None


def test_the_interval_holds_the_truth_however_often_it_is_looked_at() -> None:
    """A reader that misses a third of the candidate's refusals and invents some; a look after each twenty labels."""
    rng, missed_it = np.random.default_rng(7), 0
    for _ in range(40):
        truth = rng.choice([-1, 0, 1], p=[0.02, 0.83, 0.15], size=2_000)
        read = np.where((truth == 1) & (rng.random(2_000) < 0.33), 0, truth)
        read = np.where((truth == 0) & (rng.random(2_000) < 0.03), -1, read)
        counted = Counted(2_000, int((read == 1).sum()), int((read == -1).sum()))
        said = {-1: Label.STABLE, 0: Label.NEITHER, 1: Label.CANDIDATE}
        held = True
        for n in range(20, 401, 20):
            counts: dict[str, int] = {}
            for was, is_ in zip(read[:n].tolist(), truth[:n].tolist(), strict=True):
                name = label_prefix(1, was) + said[is_].value
                counts[name] = counts.get(name, 0) + 1
            found = corrected(counted, counts)
            held = held and found.low <= 0.13 <= found.high
        missed_it += not held
    assert missed_it <= 2
