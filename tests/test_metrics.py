import math
import random
from dataclasses import astuple

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, Judged, P, R, nDCG

from rag.metrics import (
    Grades,
    Metrics,
    average_precision,
    dcg,
    judged,
    mean_metrics,
    measure,
    named,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    worlds,
)

GRADES = {"a": 3, "b": 2, "c": 0, "d": 1}


def test_dcg_gains_the_grade_itself_and_discounts_by_log2_of_rank_plus_one() -> None:
    assert dcg([3, 2, 0, 1]) == pytest.approx(3 + 2 / math.log2(3) + 1 / math.log2(5))


def test_ndcg_divides_by_the_best_order_of_all_judged_documents() -> None:
    # "b" and the unjudged "x" are found, "a" and "d" are not, but count in the ideal.
    ideal = 3 + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["x", "b"], GRADES) == pytest.approx((2 / math.log2(3)) / ideal)
    assert ndcg(["a", "b", "d", "c"], GRADES) == pytest.approx(1.0)


def test_ndcg_takes_a_negative_grade_for_no_gain() -> None:
    assert ndcg(["spam", "a"], {"spam": -2, "a": 1}) == pytest.approx(1 / math.log2(3))


def test_reciprocal_rank_stops_at_the_tenth_rank() -> None:
    misses = [f"x{n}" for n in range(9)]
    assert reciprocal_rank([*misses, "a"], GRADES) == pytest.approx(0.1)
    assert reciprocal_rank([*misses, "y", "a"], GRADES) == 0.0


def test_precision_divides_by_five_even_for_a_shorter_ranking() -> None:
    assert precision(["a", "c"], GRADES) == pytest.approx(0.2)


def test_precision_is_taken_and_named_at_the_depth_asked_for() -> None:
    metrics = measure(["a", "c", "b"], GRADES, recall_depth=2, precision_depth=3)
    assert metrics.precision == pytest.approx(2 / 3)
    assert list(named(metrics, recall_depth=2, precision_depth=3))[2:4] == ["P@3", "Recall@2"]


def test_recall_counts_all_relevant_documents_in_the_denominator() -> None:
    assert recall(["c", "b", "a"], GRADES, 2) == pytest.approx(1 / 3)


def test_average_precision_counts_relevant_documents_that_were_not_found() -> None:
    assert average_precision(["a", "c", "d"], GRADES) == pytest.approx((1 / 1 + 2 / 3) / 3)


def test_judged_counts_grade_zero_and_divides_by_what_was_ranked() -> None:
    assert judged(["c", "x", "a"], GRADES) == pytest.approx(2 / 3)


@pytest.mark.parametrize("grades", [{}, {"a": 0, "b": 0}])
def test_a_question_without_relevant_documents_measures_zero(grades: Grades) -> None:
    metrics = measure(["a", "b"], grades, recall_depth=10)
    assert metrics == Metrics(judged_at_10=1.0 if grades else 0.0)


def test_an_empty_ranking_measures_zero() -> None:
    assert measure([], GRADES, recall_depth=10) == Metrics()


def test_means_count_an_unranked_question_as_zero_and_leave_out_one_without_relevant_documents() -> None:
    qrels = {"found": {"a": 1}, "not ranked": {"a": 1}, "nothing relevant": {"a": 0}}
    means = mean_metrics({"found": ["a"], "unjudged": ["a"]}, qrels, recall_depth=30)
    assert (means.queries, means.recall_depth) == (2, 30)
    assert means.means == Metrics(0.5, 0.5, 0.1, 0.5, 0.5, 0.5)


def test_means_are_named_with_the_depth_of_recall() -> None:
    names = mean_metrics({"q": ["a"]}, {"q": {"a": 1}}, recall_depth=30).by_name
    assert list(names) == ["nDCG@10", "MRR@10", "P@5", "Recall@30", "AP", "Judged@10"]
    assert (names["P@5"], names["Recall@30"]) == (0.2, 1.0)


def test_means_are_named_with_the_depth_of_precision() -> None:
    names = mean_metrics({"q": ["a"]}, {"q": {"a": 1}}, recall_depth=30, precision_depth=2).by_name
    assert names["P@2"] == 0.5


def test_means_over_no_questions_are_zero() -> None:
    assert mean_metrics({}, {}, recall_depth=30).means == Metrics()


def test_worlds_take_unjudged_documents_for_bad_and_then_for_fully_relevant() -> None:
    # "b" is graded 1; "x" is ranked and "y" was found by the other stage, both without a grade.
    all_bad, all_good = worlds(["x", "b"], {"b": 1}, ["x", "b", "y"], recall_depth=10)
    assert all_bad.ndcg_at_10 == pytest.approx(1 / math.log2(3))
    ideal = 3 + 3 / math.log2(3) + 1 / math.log2(4)
    assert all_good.ndcg_at_10 == pytest.approx((3 + 1 / math.log2(3)) / ideal)
    assert (all_bad.recall, all_good.recall) == (1.0, pytest.approx(2 / 3))


def test_worlds_say_how_much_was_truly_judged() -> None:
    assert [world.judged_at_10 for world in worlds(["x", "b"], {"b": 1}, [], recall_depth=10)] == [0.5, 0.5]


def test_worlds_count_what_is_ranked_though_the_pool_lacks_it() -> None:
    all_bad, all_good = worlds(["x", "b"], {"b": 1}, [], recall_depth=10, precision_depth=2)
    assert (all_bad.precision, all_good.precision) == (0.5, 1.0)


def test_worlds_are_one_where_everything_is_judged() -> None:
    all_bad, all_good = worlds(["b", "a", "d", "c"], GRADES, GRADES, recall_depth=10)
    assert all_bad == all_good == measure(["b", "a", "d", "c"], GRADES, recall_depth=10)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_precision_and_mrr_lie_between_the_worlds_whatever_the_unjudged_are(seed: int) -> None:
    chance = random.Random(seed)
    ranked = [f"d{number}" for number in range(chance.randint(1, 15))]
    grades = {one: chance.randint(0, 3) for one in chance.sample(ranked, chance.randint(0, len(ranked)))}
    truth = {one: chance.randint(0, 3) for one in ranked} | grades
    all_bad, all_good = worlds(ranked, grades, ranked, recall_depth=30)
    true = measure(ranked, truth, recall_depth=30)
    assert all_bad.precision <= true.precision <= all_good.precision
    assert all_bad.mrr_at_10 <= true.mrr_at_10 <= all_good.mrr_at_10


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    recall_depth=st.sampled_from([1, 5, 30, 100]),
    precision_depth=st.sampled_from([1, 5, 10]),
)
def test_measures_equal_those_of_trec_eval(seed: int, recall_depth: int, precision_depth: int) -> None:
    rankings, qrels = random_rankings(random.Random(seed))
    ours = mean_metrics(rankings, qrels, recall_depth=recall_depth, precision_depth=precision_depth)
    theirs = reference(rankings, qrels, recall_depth, precision_depth)
    assert astuple(ours.means) == pytest.approx(theirs, abs=1e-9)


def random_rankings(chance: random.Random) -> tuple[dict[str, list[str]], dict[str, dict[str, int]]]:
    """Return rankings of 0 to 40 documents for up to 6 questions, each with a relevant one in 0 to 20."""
    names = [f"d{number}" for number in range(60)]
    rankings, qrels = {}, {}
    for query in (f"q{number}" for number in range(chance.randint(1, 6))):
        qrels[query] = {name: chance.randint(-1, 3) for name in chance.sample(names, chance.randint(0, 20))}
        qrels[query][chance.choice(names)] = chance.randint(1, 3)
        if chance.random() < 0.9:
            rankings[query] = chance.sample(names, chance.randint(1, 40))
    return rankings, qrels


def reference(
    rankings: dict[str, list[str]],
    qrels: dict[str, dict[str, int]],
    recall_depth: int,
    precision_depth: int,
) -> tuple[float, ...]:
    run = {
        query: {name: -float(rank) for rank, name in enumerate(ranked)} for query, ranked in rankings.items()
    }
    measures = [nDCG @ 10, RR @ 10, P @ precision_depth, R @ recall_depth, AP, Judged @ 10]
    means = ir_measures.calc_aggregate(measures, qrels, run)
    return tuple(means[one] for one in measures)
