"""The refusal detector's weights: they are what the fit makes, and hold on a source that was left out."""

from pathlib import Path

import pytest

from loadtest.signals.__main__ import missed
from loadtest.signals.coverage import coverage
from loadtest.signals.fit import NAMES, TARGET, Examples, fit, labelled_examples, own_examples, shipped
from loadtest.signals.invented import invent
from loadtest.signals.refusal import left_out, model_pairs
from loadtest.signals.sources import CHATGPT, XSTEST, decided, sources
from loadtest.signals.written import ANSWER, UNABLE, UNWILLING, written
from shadow.signals.refusal import read_text
from shadow.signals.refusal_signs import signs_of
from shadow.signals.refusal_weights import WEIGHTS, WEIGHTS_AS_AI
from shadow.signals.refusal_words import buckets


def f1(of: Examples, said: list[bool]) -> float:
    """The harmonic mean of precision and recall."""
    refused = of.refused > 0.0
    hits = sum(one and bool(true) for one, true in zip(said, refused, strict=True))
    return 2 * hits / (sum(said) + float(refused.sum()))


def test_every_sign_has_a_weight() -> None:
    """And no weight is of a sign that is gone."""
    assert tuple(WEIGHTS) == tuple(WEIGHTS_AS_AI) == NAMES
    assert tuple(signs_of("Why?", "I cannot say.")) == NAMES


def test_a_text_without_a_sentence_has_no_signs() -> None:
    """Nothing to weigh, and nothing raises."""
    assert signs_of("Why?", " \n ") == {}


def test_made_up_exchanges_are_the_same_every_time() -> None:
    """Half of them refusals; another seed makes others."""
    assert invent(40, 1) == invent(40, 1)
    assert invent(40, 1) != invent(40, 2)
    assert sum(each.refused for each in invent(40, 1)) == 20


def test_every_written_exchange_has_a_label_and_a_text() -> None:
    """The file reads as it is meant: hundreds, of all three labels, none twice."""
    found = written()
    assert {each.label for each in found} == {ANSWER, UNWILLING, UNABLE}
    assert len({each.text for each in found}) == len(found) > 400
    assert all(each.prompt and "\\n" not in each.text for each in found)


def test_the_product_scores_as_the_fit_does(shared_data: Path) -> None:
    """One byte for a word's weight and three digits for a sign's lose less than a tenth in log odds."""
    labelled = labelled_examples(shared_data)
    detector = fit((*labelled.values(), *own_examples()))
    rows = decided(sources(shared_data)[CHATGPT])[:200]
    for row, score in zip(rows, detector.scores(labelled[CHATGPT]), strict=False):
        assert read_text(row.text, row.prompt).score == pytest.approx(score, abs=0.1)


def test_words_are_read_alike_everywhere() -> None:
    """Buckets are by checksum, not by a hash that differs from run to run; no text has none of its words in them."""
    assert buckets("I cannot.") == buckets("i CANNOT!")
    assert buckets("I cannot.") != buckets("cannot I.")
    assert sorted(buckets("I")) == [442, 2074]
    assert buckets(" … ") == set()


def test_what_ships_is_what_the_fit_makes(shared_data: Path) -> None:
    """Nobody edited a weight by hand, or changed a sign and forgot to fit."""
    labelled = labelled_examples(shared_data)
    assert TARGET.read_text(encoding="utf-8") == shipped(labelled)


@pytest.mark.parametrize(("source", "bar"), [(XSTEST, 0.94), (CHATGPT, 0.88)])
def test_a_source_that_was_left_out_is_told_apart(shared_data: Path, source: str, bar: float) -> None:
    """One detector, one line, fitted without the source."""
    labelled = labelled_examples(shared_data)
    said = left_out(source, labelled, own_examples()).scores(labelled[source]) > 0.0
    assert f1(labelled[source], [bool(one) for one in said]) >= bar


def test_the_change_between_models_is_right_within_its_interval(shared_data: Path) -> None:
    """Mean error, signs and coverage over all pairs of models, in both meanings of a refusal."""
    labelled = labelled_examples(shared_data)
    pairs = list(model_pairs(sources(shared_data)[XSTEST], labelled, own_examples()))
    assert len(pairs) == 20
    assert missed([], pairs, []) == []


def test_the_interval_holds_the_truth_in_many_comparisons(shared_data: Path) -> None:
    """Parts of the prompts, one type of prompt, pairs at rates that rollouts have."""
    labelled = labelled_examples(shared_data)
    held = list(coverage(sources(shared_data), labelled, own_examples()))
    assert sum(each.comparisons for each in held) > 1_000
    assert missed([], [], held) == []
