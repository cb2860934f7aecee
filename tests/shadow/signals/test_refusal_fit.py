"""The refusal detector's weights: they are what the fit makes, and hold on a source that was left out."""

from pathlib import Path

import pytest

from loadtest.signals.__main__ import missed
from loadtest.signals.confusion import read_apart
from loadtest.signals.coverage import coverage
from loadtest.signals.fit import NAMES, Examples, fit, labelled_examples, own_examples, own_not_given, shipped
from loadtest.signals.invented import invent
from loadtest.signals.refusal import left_out, model_pairs, reading_scores
from loadtest.signals.sources import CHATGPT, XSTEST, decided, sources
from loadtest.signals.written import ANSWER, PARTIAL, UNABLE, UNWILLING, lacking, written
from shadow.signals import refusal_weights, unable_weights
from shadow.signals.refusal import FELT, read_text
from shadow.signals.refusal_odds import odds_of
from shadow.signals.refusal_signs import opening_of, signs_of
from shadow.signals.refusal_words import buckets


@pytest.fixture(scope="module")
def labelled(shared_data: Path) -> dict[str, Examples]:
    """The labelled sources, with the signs of each answer."""
    return labelled_examples(shared_data)


def f1(of: Examples, said: list[bool]) -> float:
    """The harmonic mean of precision and recall."""
    refused = of.refused > 0.0
    hits = sum(one and bool(true) for one, true in zip(said, refused, strict=True))
    return 2 * hits / (sum(said) + float(refused.sum()))


def test_every_sign_has_a_weight() -> None:
    """And no weight is of a sign that is gone."""
    for weights in (refusal_weights, unable_weights):
        assert tuple(weights.WEIGHTS) == tuple(weights.WEIGHTS_AS_AI) == NAMES
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
    """The files read as they are meant: hundreds, of all labels, none twice."""
    found = (*written(), *lacking())
    assert {each.label for each in written()} == {ANSWER, UNWILLING, UNABLE}
    assert {each.label for each in lacking()} == {ANSWER, UNABLE, PARTIAL}
    assert len({each.text for each in found}) == len(found) > 500
    assert all(each.prompt and "\\n" not in each.text for each in found)


def test_the_product_scores_as_the_fit_does(shared_data: Path, labelled: dict[str, Examples]) -> None:
    """One byte for a word's weight and three digits for a sign's lose less than a tenth in log odds."""
    unwilling = fit((*labelled.values(), *own_examples())).scores(labelled[CHATGPT])
    not_given = fit((*labelled.values(), *own_not_given())).scores(labelled[CHATGPT])
    rows = decided(sources(shared_data)[CHATGPT])[:200]
    for row, one, other in zip(rows, unwilling, not_given, strict=False):
        odds = odds_of(opening_of(row.text), row.prompt)
        assert (odds.unwilling, odds.not_given) == pytest.approx((one, other), abs=0.1)
        assert read_text(row.text, row.prompt).score == odds.unwilling


def test_words_are_read_alike_everywhere() -> None:
    """Buckets are by checksum, not by a hash that differs from run to run; no text has none of its words in them."""
    assert buckets("I cannot.") == buckets("i CANNOT!")
    assert buckets("I cannot.") != buckets("cannot I.")
    assert sorted(buckets("I")) == [442, 2074]
    assert buckets(" … ") == set()


def test_what_ships_is_what_the_fit_makes(labelled: dict[str, Examples]) -> None:
    """Nobody edited a weight by hand, or changed a sign and forgot to fit."""
    for path, text in shipped(labelled).items():
        assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("source", "bar"), [(XSTEST, 0.94), (CHATGPT, 0.88)])
def test_a_source_that_was_left_out_is_told_apart(labelled: dict[str, Examples], source: str, bar: float) -> None:
    """One detector, one line, fitted without the source."""
    said = left_out(source, labelled, own_examples()).scores(labelled[source]) > 0.0
    assert f1(labelled[source], [bool(one) for one in said]) >= bar


def test_the_reading_tells_what_was_left_out_apart(shared_data: Path, labelled: dict[str, Examples]) -> None:
    """Disclaimers before an answer are none of its reports, and it sees what `unwilling` sees."""
    found = reading_scores(sources(shared_data), labelled)
    scored = {each.source: each.f1 for each in found}
    assert scored[XSTEST] >= 0.94
    assert scored[CHATGPT] >= 0.88


def test_disclaimers_before_an_answer_are_told_from_inability(labelled: dict[str, Examples]) -> None:
    """Written exchanges, each read by a fit that knows neither it nor its prompt's other answers."""
    said = [(each.label, kind in FELT) for each, kind in read_apart(labelled)]
    assert said.count((ANSWER, True)) <= 0.08 * sum(label == ANSWER for label, _ in said)
    assert said.count((UNABLE, True)) >= 0.9 * sum(label == UNABLE for label, _ in said)


def test_the_change_between_models_is_right_within_its_interval(
    shared_data: Path, labelled: dict[str, Examples]
) -> None:
    """Mean error, signs and coverage over all pairs of models, in both meanings of a refusal."""
    pairs = list(model_pairs(sources(shared_data)[XSTEST], labelled, own_examples()))
    assert len(pairs) == 20
    assert missed([], pairs, []) == []


def test_the_interval_holds_the_truth_in_many_comparisons(shared_data: Path, labelled: dict[str, Examples]) -> None:
    """Parts of the prompts, one type of prompt, pairs at rates that rollouts have."""
    held = list(coverage(sources(shared_data), labelled, own_examples()))
    assert sum(each.comparisons for each in held) > 1_000
    assert missed([], [], held) == []
