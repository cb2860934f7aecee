"""The refusal detector's weights: they are what the fit makes, and hold on a source that was left out."""

from pathlib import Path

import pytest

from loadtest.signals.__main__ import missed
from loadtest.signals.coverage import BY_TYPE, coverage
from loadtest.signals.fit import NAMES, TARGET, Examples, fit, invented_examples, labelled_examples, source_text
from loadtest.signals.invented import invent
from loadtest.signals.refusal import left_out, model_pairs
from loadtest.signals.sources import XSTEST, sources
from shadow.signals.refusal_signs import signs_of
from shadow.signals.refusal_weights import WEIGHTS


def f1(of: Examples, said: list[bool]) -> float:
    """The harmonic mean of precision and recall."""
    refused = of.refused > 0.0
    hits = sum(one and bool(true) for one, true in zip(said, refused, strict=True))
    return 2 * hits / (sum(said) + float(refused.sum()))


def test_every_sign_has_a_weight() -> None:
    """And no weight is of a sign that is gone."""
    assert tuple(WEIGHTS) == NAMES
    assert tuple(signs_of("Why?", "I cannot say.")) == NAMES


def test_a_text_without_a_sentence_has_no_signs() -> None:
    """Nothing to weigh, and nothing raises."""
    assert signs_of("Why?", " \n ") == {}


def test_made_up_exchanges_are_the_same_every_time() -> None:
    """Half of them refusals; another seed makes others."""
    assert invent(40, 1) == invent(40, 1)
    assert invent(40, 1) != invent(40, 2)
    assert sum(each.refused for each in invent(40, 1)) == 20


def test_what_ships_is_what_the_fit_makes(shared_data: Path) -> None:
    """Nobody edited a weight by hand, or changed a sign and forgot to fit."""
    labelled = labelled_examples(shared_data)
    text = source_text(fit((*labelled.values(), invented_examples())), (*labelled, "invented exchanges"))
    assert TARGET.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("source", "bar"), [(XSTEST, 0.915), ("chatgpt-refusals", 0.83)])
def test_a_source_that_was_left_out_is_told_apart(shared_data: Path, source: str, bar: float) -> None:
    """One detector, one line, fitted without the source."""
    labelled = labelled_examples(shared_data)
    said = left_out(source, labelled, invented_examples()).scores(labelled[source].signs) > 0.0
    assert f1(labelled[source], [bool(one) for one in said]) >= bar


def test_the_change_between_models_is_right_within_its_interval(shared_data: Path) -> None:
    """Mean error, signs and coverage over all pairs of models, in both meanings of a refusal."""
    labelled = labelled_examples(shared_data)
    pairs = list(model_pairs(sources(shared_data)[XSTEST], labelled, invented_examples()))
    assert len(pairs) == 20
    assert missed([], pairs, []) == []


def test_the_interval_holds_the_truth_in_many_comparisons(shared_data: Path) -> None:
    """Parts of the prompts, pairs at rates that rollouts have; within one type of prompt it is known to fall short."""
    labelled = labelled_examples(shared_data)
    held = list(coverage(sources(shared_data), labelled, invented_examples()))
    assert sum(each.comparisons for each in held) > 1_000
    assert missed([], [], held) == [f"coverage, {BY_TYPE}"]
