"""Properties of the judge over counters of every kind, windows and units included."""

from collections import Counter
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollback.decision import DecisionKind, decide
from rollback.evidence import judge
from rollback.plan import Budget
from rollback.rollout import Phase
from rollback.verdict import Source, TestKind
from tests.rollback.scenes import REFUSAL, facts, forget, pairs, rollout, row, split, total, votes

JUDGED = rollout(Budget("refusal", max_increase=0.02, max_decrease=0.05, max_ratio=2.5, ceiling=0.2), stage=3)

FIELDS = st.sampled_from(
    [
        *(f"p/refusal/*/{stage}/{index}" for stage in (0, 3) for index in (-20, 0, 20)),
        *(f"s/refusal/*/3/5000/{arm}/{event}" for arm in ("stable", "candidate") for event in "01x"),
        *(f"wp/refusal/{window}/{index}" for window in (0, 1, 7) for index in (-5, 0, 5)),
        *(f"ws/refusal/{w}/5000/{arm}/{event}" for w in (0, 4) for arm in ("stable", "candidate") for event in "01x"),
        *(f"u/3/5000/{arm}/assigned" for arm in ("stable", "candidate")),
        "k/3/split/candidate",
    ]
)
COUNTERS = st.dictionaries(FIELDS, st.integers(1, 600), max_size=20)


@settings(max_examples=60, deadline=None)
@given(COUNTERS, COUNTERS, st.randoms(use_true_random=False))
def test_replicas_may_add_their_counters_in_any_order(
    one: dict[str, int], other: dict[str, int], random: object
) -> None:
    """Counters of windows and units too: sums are sums, to the last bit of the verdict."""
    merged = total([one, other])
    turned = dict(sorted(total([other, one]).items(), reverse=True))
    forget()
    decided = decide(JUDGED, facts(merged), 10_000.0)
    forget()
    assert decide(JUDGED, facts(turned), 10_000.0) == decided


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 300), st.integers(0, 20)), min_size=1, max_size=6), st.data()
)
def test_a_good_vote_turned_bad_in_any_window_never_lowers_burn(
    windows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Neither in the windows that the detector has left behind nor in the last one."""
    before = Counter[str]()
    for window, (worse, same, better) in enumerate(windows):
        before.update({f"wp/refusal/{window}/{i}": n for i, n in ((5, worse), (0, same), (-5, better))})
    before += pairs("refusal", same=1)
    window = data.draw(st.integers(0, len(windows) - 1))
    after = before + Counter({f"wp/refusal/{window}/5": 1}) - Counter({f"wp/refusal/{window}/0": 1})
    burns = [row(judge(rollout(), cells), "refusal").burn for cells in (before, after)]
    assert burns[1] >= burns[0] - 1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from([100, 1000, 5000]), st.sampled_from(["stable", "candidate"]), st.sampled_from("01")),
        st.integers(1, 900),
        min_size=1,
    ),
    st.data(),
)
def test_at_any_weight_the_candidates_bad_votes_never_lower_burn_and_stables_never_raise_it(
    counts: dict[tuple[int, str, str], int], data: st.DataObject
) -> None:
    """Evidence of several weights together, points and ratio, a good vote turned into a bad one."""
    before = Counter({f"s/refusal/*/3/{weight}/{arm}/{event}": n for (weight, arm, event), n in counts.items()})
    weight, arm, _ = data.draw(st.sampled_from(sorted(counts)))
    place = f"s/refusal/*/3/{weight}/{arm}"
    before += Counter({f"{place}/0": 1})
    after = before + Counter({f"{place}/1": 1}) - Counter({f"{place}/0": 1})
    for kind in (TestKind.POINTS, TestKind.RATIO):
        burns = [row(judge(JUDGED, cells), "refusal", Source.SPLIT, kind).burn for cells in (before, after)]
        worse, better = burns if arm == "stable" else burns[::-1]
        assert worse >= better - 1e-9


@pytest.mark.parametrize("stage", range(5))
def test_a_stage_without_any_reading_never_widens(stage: int) -> None:
    """However long it waits and however many keys voted."""
    for now in (1e4, 1e7):
        keys = votes(stage, "paired", 5000), votes(stage, "split", 5000), votes(stage, "split", 5000, "stable")
        decision = decide(rollout(REFUSAL, stage=stage), facts(*keys), now)
        assert decision.kind is not DecisionKind.WIDEN
        assert decision.after.phase is not Phase.PROMOTED


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(1, 600), st.floats(1.0, 3.0))
def test_a_looser_margin_is_never_harder_to_show(bad: int, good: int, margin: float) -> None:
    """What is harmless at the limit is harmless at a multiple of it."""
    cells = split("refusal", 3, (bad, bad + good), (bad, bad + good))
    strict = row(judge(JUDGED, cells), "refusal", Source.SPLIT)
    assert strict.bound is None or strict.bound < inf
    wider = rollout(Budget("refusal", max_increase=0.02 * margin), stage=3)
    if strict.harmless:
        assert row(judge(wider, cells), "refusal", Source.SPLIT).harmless
