import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.stats.agreement import Agreement, agreement, agreement_sentence, kendall_tau, rbo

ITEMS = [f"d{number}" for number in range(30)]
rankings = st.permutations(ITEMS).flatmap(lambda order: st.integers(0, 30).map(lambda n: order[:n]))


def test_tau_is_the_share_of_pairs_in_the_same_order_less_those_in_the_opposite() -> None:
    # Of six pairs, (a, b) and (c, d) are swapped: (4 - 2) / 6.
    assert kendall_tau("abcd", "badc") == pytest.approx(1 / 3)
    assert (kendall_tau("abcd", "abcd"), kendall_tau("abcd", "dcba")) == (1.0, -1.0)


def test_one_item_has_no_order_to_compare() -> None:
    assert kendall_tau(["a"], ["a"]) is None


@settings(deadline=None)  # the first call imports scipy
@given(st.permutations(ITEMS), st.permutations(ITEMS))
def test_tau_equals_that_of_scipy(a: list[str], b: list[str]) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    theirs = scipy_stats.kendalltau(range(len(ITEMS)), [b.index(one) for one in a]).statistic
    assert kendall_tau(a, b) == pytest.approx(theirs)


def test_rbo_of_two_short_rankings_worked_by_hand() -> None:
    # Shared at depths 1, 2, 3: 0, 2, 2. Equation 32: 0.1 / 0.9 * (2/2 * 0.81 + 2/3 * 0.729) + 2/3 * 0.729.
    assert rbo(["a", "b", "c"], ["b", "a", "d"]) == pytest.approx(0.63)


def test_rbo_of_rankings_of_uneven_length_worked_by_hand() -> None:
    # The shorter agrees wholly so far, and is taken to go on so: at depth 2, (1 + 1) / 2.
    assert rbo(["a"], ["a", "b"]) == pytest.approx(1.0)
    # It shares nothing so far, and is taken to go on so: at depth 2, (1 + 0) / 2, which makes
    # 0.1 / 0.9 * 1/2 * 0.81 + 1/2 * 0.81.
    assert rbo(["b"], ["a", "b"]) == pytest.approx(0.45)


def test_rbo_is_one_for_the_same_ranking_and_zero_without_anything_shared() -> None:
    assert rbo(ITEMS, ITEMS) == pytest.approx(1.0)
    assert (rbo(["a"], ["b", "c"]), rbo([], ["a"]), rbo([], [])) == (0.0, 0.0, 0.0)


def test_rbo_weighs_the_top_more_than_the_bottom() -> None:
    top_swapped = [ITEMS[1], ITEMS[0], *ITEMS[2:]]
    bottom_swapped = [*ITEMS[:-2], ITEMS[-1], ITEMS[-2]]
    assert rbo(ITEMS, top_swapped) < rbo(ITEMS, bottom_swapped) < 1


@settings(deadline=None)
@given(rankings, rankings)
def test_rbo_equals_the_weighted_sum_of_agreements_of_its_definition(a: list[str], b: list[str]) -> None:
    assert rbo(a, b) == pytest.approx(summed(a, b, 0.9), abs=1e-9)
    assert rbo(a, b) == pytest.approx(rbo(b, a))


def summed(a: list[str], b: list[str], p: float) -> float:
    """RBO summed term by term to a depth at which nothing is left, the agreements extrapolated."""
    short, long = sorted((a, b), key=len)
    if not short:
        return 0.0
    s, total, agreed = len(short), 0.0, 0.0
    for depth in range(1, 400):
        if depth <= len(long):
            shared = len({*short[:depth]} & {*long[:depth]})
            unseen = len({*short} & {*long[:s]}) / s * max(0, depth - s)
            agreed = (shared + unseen) / depth
        total += (1 - p) * p ** (depth - 1) * agreed
    return total


def test_agreement_compares_what_both_rank_and_the_tops_of_both() -> None:
    found = agreement(["a", "b", "c", "d"], ["b", "a", "x", "c"], k=3)
    assert found == Agreement(pytest.approx(1 / 3), pytest.approx(rbo("abcd", "baxc")), 2 / 3, 3, 3)
    assert found.shared == 2


def test_the_top_is_no_longer_than_the_rankings() -> None:
    assert (agreement(["a", "b"], ["b", "a"]).k, agreement(["a", "b"], ["b", "a"]).overlap) == (2, 1.0)
    assert agreement([], []) == Agreement(None, 0.0, 0.0, 0, 0)


@settings(deadline=None)
@given(rankings, rankings, st.integers(1, 40))
def test_agreement_lies_in_its_ranges(a: list[str], b: list[str], k: int) -> None:
    found = agreement(a, b, k)
    assert -1 <= (found.kendall_tau or 0) <= 1
    assert 0 <= found.rbo <= 1 + 1e-12
    assert 0 <= found.overlap <= 1
    assert found.shared == len({*a[:k]} & {*b[:k]})


def test_the_sentence_says_how_alike_two_orders_are_in_words_and_figures() -> None:
    reordered = [*ITEMS[:8], ITEMS[15], ITEMS[16], *ITEMS[8:15], *ITEMS[17:]]
    sentence = agreement_sentence(agreement(ITEMS, reordered), "small", "large")
    assert sentence == (
        "small and large agree almost entirely: 8 of the top 10 are the same, "
        "and 97% of all pairs of passages stand in the same order."
    )


def test_the_sentence_for_the_same_order_has_no_percentage() -> None:
    assert agreement_sentence(agreement(ITEMS, ITEMS), "A", "B") == (
        "A and B agree: 10 of the top 10 are the same, "
        "and all 30 passages that both rank stand in the same order."
    )


def test_the_sentence_never_rounds_up_to_all_pairs() -> None:
    many = [str(number) for number in range(100)]
    swapped = [*many[:98], many[99], many[98]]
    assert "99% of all pairs" in agreement_sentence(agreement(many, swapped), "A", "B")


@pytest.mark.parametrize(
    ("least", "words"), [(0.9, "almost"), (0.7, "largely"), (0.4, "in part"), (0, "mostly dis")]
)
def test_each_verdict_begins_at_its_stated_overlap(least: float, words: str) -> None:
    assert words in agreement_sentence(Agreement(0.5, least, 0.5, 10, 30), "A", "B")
    if least:
        assert words not in agreement_sentence(Agreement(0.5, least - 0.001, 0.5, 10, 30), "A", "B")


def test_the_sentence_says_that_there_is_nothing_to_compare() -> None:
    assert "no order to compare" in agreement_sentence(agreement(["a"], ["b"]), "A", "B")


def test_unrelated_orders_have_a_tau_near_zero() -> None:
    chance = random.Random(7)
    taus = [kendall_tau(ITEMS, chance.sample(ITEMS, 30)) or 0.0 for _ in range(200)]
    assert abs(sum(taus) / len(taus)) < 0.03
