"""Parity: what the comparison with the original counts, and that an untrue graph is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import ExportError
from rag.models.export import parity
from rag.models.export.parity import Fixed, compare, fixed_texts, refuse_untrue
from rag.models.export.texts import QUESTIONS
from rag.models.manifest import Parity, Reading

# Two questions with three passages each.
TEXTS = Fixed(("first", "second"), ("a", "b", "c", "d", "e", "f"), (0, 0, 0, 1, 1, 1))
LOGITS = [3.0, 1.0, -1.0, 0.0, 0.5, -4.0]
GOOD = Parity(
    reference="test",
    texts=6,
    fp32_difference=1e-6,
    drift=1e-6,
    spread=10.0,
    clear_pairs=20,
    agreement=1.0,
)


def logits(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def angles(*degrees: float) -> NDArray[np.float32]:
    """Unit vectors in the plane."""
    return np.array([(math.cos(math.radians(d)), math.sin(math.radians(d))) for d in degrees], np.float32)


def compare_logits(found: NDArray[np.float32], before: Parity | None = None) -> Parity:
    return compare(logits(*LOGITS), found, task="rerank", texts=TEXTS, reference="test", before=before)


# What is counted


def test_an_equal_graph_has_no_drift_and_keeps_every_order() -> None:
    found = compare_logits(logits(*LOGITS))
    assert (found.drift, found.fp32_difference, found.spread, found.texts) == (0.0, 0.0, 7.0, 6)
    # Of six pairs, 0.0 and 0.5 lie too close together to be clearly ordered.
    assert (found.clear_pairs, found.agreement) == (5, 1.0)


def test_the_drift_is_the_largest_difference_of_a_logit() -> None:
    assert compare_logits(logits(3.1, 1.0, -1.25, 0.0, 0.5, -4.0)).drift == pytest.approx(0.25)


def test_a_clearly_ordered_pair_that_changes_places_counts_against_the_agreement() -> None:
    assert compare_logits(logits(1.0, 3.0, -1.0, 0.0, 0.5, -4.0)).agreement == pytest.approx(4 / 5)


def test_two_passages_that_lie_close_together_may_change_places() -> None:
    assert compare_logits(logits(3.0, 1.0, -1.0, 0.5, 0.0, -4.0)).agreement == 1.0


def test_passages_of_different_questions_are_not_compared() -> None:
    # Everything of the second question rises above the first's: no order within a question changes.
    assert compare_logits(logits(3.0, 1.0, -1.0, 10.0, 10.5, 6.0)).agreement == 1.0


def test_a_graph_that_gives_every_passage_one_score_keeps_no_order() -> None:
    assert compare_logits(logits(0, 0, 0, 0, 0, 0)).agreement == 0.0


def test_without_clearly_ordered_passages_there_is_no_agreement_to_state() -> None:
    close = logits(0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
    found = compare(close, close, task="rerank", texts=TEXTS, reference="test")
    assert (found.clear_pairs, found.agreement) == (0, None)


def test_the_quantized_comparison_keeps_the_unquantized_difference() -> None:
    found = compare_logits(logits(3.5, 1.0, -1.0, 0.0, 0.5, -4.0), before=GOOD)
    assert (found.fp32_difference, found.drift) == (GOOD.fp32_difference, 0.5)


def test_vectors_are_compared_by_direction_and_their_passages_by_cosine() -> None:
    original = angles(0, 90, 10, 50, 80, 90, 120, 170)  # both questions, then their passages
    turned = angles(0, 90, 10, 50, 20, 90, 120, 170)
    found = compare(original, turned, task="embed", texts=TEXTS, reference="test")
    assert found.drift == pytest.approx(1 - math.cos(math.radians(60)), abs=1e-6)
    assert found.spread == pytest.approx(1 - math.cos(math.radians(80)), abs=1e-6)
    assert found.clear_pairs == 6
    assert found.agreement == pytest.approx(5 / 6)


# What is refused


@pytest.mark.parametrize("task", ["rerank", "embed"])
@pytest.mark.parametrize("quantized", [False, True])
def test_a_true_graph_is_kept(task: str, quantized: bool) -> None:
    refuse_untrue(GOOD, "a/model", task=task, quantized=quantized)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "quantized", "spread", "drift"),
    [
        # An unquantized graph: a thousandth, or a twentieth of a small spread.
        ("rerank", False, 10.0, 1.1e-3),
        ("rerank", False, 0.01, 6e-4),
        ("embed", False, 0.5, 1.1e-3),
        ("embed", False, 0.01, 6e-4),
        # An int8 one: a fifth of the spread, and at least a tenth of a logit; or a twentieth of a cosine.
        ("rerank", True, 10.0, 2.1),
        ("rerank", True, 0.01, 0.11),
        ("embed", True, 0.5, 0.051),
        ("embed", True, 0.01, 0.051),
    ],
)
def test_a_graph_that_drifts_further_than_the_limit_is_refused(
    task: str, quantized: bool, spread: float, drift: float
) -> None:
    found = replace(GOOD, spread=spread, drift=drift)
    with pytest.raises(ExportError, match="is not true to its original"):
        refuse_untrue(found, "a/model", task=task, quantized=quantized)  # type: ignore[arg-type]
    refuse_untrue(replace(found, drift=drift / 1.3), "a/model", task=task, quantized=quantized)  # type: ignore[arg-type]


def judge(expected: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    """Compare an int8 reranker's logits with its original's, and refuse them where they are untrue."""
    compared = compare(expected, found, task="rerank", texts=TEXTS, reference="test", before=GOOD)
    refuse_untrue(compared, "a/model", task="rerank", quantized=True)


@pytest.mark.parametrize("constant", [0.0, 0.175, 0.35])
def test_one_score_for_everything_is_refused_where_the_original_says_little(constant: float) -> None:
    expected = logits(0.35, 0.2, 0.0, 0.3, 0.1, 0.05)
    judge(expected, expected + np.float32(0.05))
    with pytest.raises(ExportError, match="0% of 5 clearly ordered pairs"):
        judge(expected, np.full(6, constant, np.float32))


def test_noise_of_a_fifth_of_the_spread_is_refused() -> None:
    expected = logits(0.93, 0.4, 0.0, 0.9, 0.5, 0.1)
    noise = logits(-0.2, 0.2, -0.2, 0.2, -0.2, 0.2)
    judge(expected, expected + noise * np.float32(0.4))
    with pytest.raises(ExportError, match=r"difference of logit is 0\.2 \(at most 0\.19\)"):
        judge(expected, expected + noise)


def test_an_untrained_model_that_tells_nothing_apart_loses_nothing() -> None:
    expected = logits(0, 0.0001, 0.0002, 0, 0.0001, 0.0002)
    judge(expected, expected + logits(0.0003, 0, -0.0003, 0.0003, 0, -0.0003))
    with pytest.raises(ExportError, match=r"at most 0\.1\)"):
        judge(expected, expected + logits(0.11, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("agreement", [0.0, 0.89, math.nan])
def test_a_graph_that_changes_the_order_is_refused(quantized: bool, agreement: float) -> None:
    with pytest.raises(ExportError, match="kept their order"):
        refuse_untrue(replace(GOOD, agreement=agreement), "a/model", task="rerank", quantized=quantized)


@pytest.mark.parametrize("quantized", [False, True])
def test_a_graph_that_gives_no_number_is_refused(quantized: bool) -> None:
    found = compare_logits(logits(3.0, math.nan, -1.0, 0.0, 0.5, -4.0))
    with pytest.raises(ExportError):
        refuse_untrue(found, "a/model", task="rerank", quantized=quantized)


def test_an_original_that_gives_no_number_is_refused() -> None:
    nothing = logits(*[math.nan] * 6)
    found = compare(nothing, nothing, task="rerank", texts=TEXTS, reference="test")
    with pytest.raises(ExportError):
        refuse_untrue(found, "a/model", task="rerank", quantized=False)


def test_an_original_that_orders_nothing_clearly_is_judged_by_its_drift_alone() -> None:
    unclear = replace(GOOD, clear_pairs=0, agreement=None)
    refuse_untrue(unclear, "a/model", task="rerank", quantized=False)
    with pytest.raises(ExportError):
        refuse_untrue(replace(unclear, drift=0.1), "a/model", task="rerank", quantized=False)


def test_a_refused_int8_graph_names_the_way_out() -> None:
    with pytest.raises(ExportError, match=r"The int8 graph of a/model .* Export it with --quantize none\.$"):
        refuse_untrue(replace(GOOD, agreement=0.5), "a/model", task="rerank", quantized=True)


def test_a_refused_unquantized_graph_states_its_figures_and_no_way_that_does_not_help() -> None:
    with pytest.raises(ExportError) as caught:
        refuse_untrue(replace(GOOD, drift=0.5), "a/model", task="rerank", quantized=False)
    assert "largest difference of logit is 0.5 (at most 0.001)" in str(caught.value)
    assert "--quantize" not in str(caught.value)


# The fixed texts


def test_the_fixed_texts_hold_one_that_is_longer_than_a_usual_window() -> None:
    texts = fixed_texts(Reading(max_tokens=512))
    assert (len(texts.questions), len(texts.passages)) == (8, 49)
    assert len(texts.passages[-1]) > 512 * 10
    assert texts.pairs[-1][0] == texts.questions[0]


def test_a_large_window_is_not_filled() -> None:
    assert len(fixed_texts(Reading(max_tokens=8192)).passages) == 48


def test_a_small_window_gets_short_questions() -> None:
    texts = fixed_texts(Reading(max_tokens=64))
    assert max(map(len, texts.questions)) == 16
    assert texts.passages[0] == QUESTIONS[0][1][0]


def test_the_longest_passages_question_comes_last_and_is_compared_with_itself_alone() -> None:
    # It belongs to the first question but stands at the end: a group of its own.
    texts = Fixed(("first", "second"), ("a", "b", "c"), (0, 1, 0))
    values = logits(3.0, 0.0, -3.0)
    found = compare(values, -values, task="rerank", texts=texts, reference="test")
    assert found.clear_pairs == 0


def test_the_limits_are_those_that_the_tests_above_were_written_for() -> None:
    assert (parity.MAX_FP32_DIFFERENCE, parity.MAX_FP32_SHARE, parity.MIN_AGREEMENT) == (1e-3, 0.05, 0.9)
    assert (parity.MAX_DRIFT_SHARE, parity.MAX_DRIFT_COSINE, parity.LITTLE_LOGIT) == (0.2, 0.05, 0.1)
