import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.stats.resample import Wins, bootstrap, wins
from rag.stats.sign import sign_test

DIFFERENCES = [0.30, -0.10, 0.05, 0.20, 0.0, 0.12, -0.02, 0.40, 0.08, 0.15, -0.25, 0.33]


def test_interval_surrounds_the_mean_and_counts_the_differences() -> None:
    interval = bootstrap(DIFFERENCES)
    assert interval is not None
    assert interval.low < interval.mean < interval.high
    assert (interval.mean, interval.n) == (pytest.approx(0.105), 12)


def test_two_differences_give_the_interval_that_all_their_resamples_give() -> None:
    # Means of two draws from {0, 1}: 0 and 1 with probability 1/4 each, so the middle 40 % is 1/2 alone.
    wide, narrow = bootstrap([0.0, 1.0]), bootstrap([0.0, 1.0], level=0.4)
    assert wide is not None
    assert (wide.low, wide.mean, wide.high) == (0.0, 0.5, 1.0)
    assert narrow is not None
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_interval_equals_the_percentile_interval_of_scipy_within_chance() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    theirs = scipy_stats.bootstrap(
        (DIFFERENCES,), np.mean, method="percentile", n_resamples=10_000, random_state=5
    ).confidence_interval
    ours = bootstrap(DIFFERENCES)
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    chance = random.Random(3)
    samples = [[chance.gauss(0.1, 0.2) for _ in range(40)] for _ in range(200)]
    intervals = [bootstrap(sample, resamples=500) for sample in samples]
    held = sum(one is not None and one.low <= 0.1 <= one.high for one in intervals)
    assert 0.89 <= held / 200 <= 0.99


def test_interval_depends_neither_on_the_order_nor_on_the_moment() -> None:
    shuffled = random.Random(1).sample(DIFFERENCES, len(DIFFERENCES))
    assert bootstrap(DIFFERENCES) == bootstrap(shuffled)
    assert bootstrap(DIFFERENCES) != bootstrap(DIFFERENCES, seed=1)


def test_equal_differences_have_no_spread() -> None:
    interval = bootstrap([0.25] * 5)
    assert interval is not None
    assert (interval.low, interval.mean, interval.high) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("differences", [[], [0.3]])
def test_fewer_than_two_differences_have_no_interval(differences: list[float]) -> None:
    assert bootstrap(differences) is None


def test_many_differences_are_resampled_in_blocks() -> None:
    chance = random.Random(2)
    interval = bootstrap([chance.random() for _ in range(30_000)], resamples=100)
    assert interval is not None
    assert interval.high - interval.low == pytest.approx(4 * 0.2887 / 30_000**0.5, rel=0.3)


def test_a_higher_level_gives_a_wider_interval() -> None:
    usual, wider = bootstrap(DIFFERENCES), bootstrap(DIFFERENCES, level=0.99)
    assert usual is not None
    assert wider is not None
    assert wider.low < usual.low < usual.high < wider.high


def test_wins_are_above_zero_losses_below_and_rounding_is_a_tie() -> None:
    assert wins([0.2, 0.1, 0.0, 1e-12, -1e-12, -0.3]) == Wins(2, 3, 1)
    assert wins([]) == Wins(0, 0, 0)


def test_sign_test_worked_by_hand() -> None:
    # 8 of 10: twice (1 + 10 + 45) / 1024.
    assert sign_test(8, 2) == pytest.approx(112 / 1024)
    assert sign_test(6, 0) == pytest.approx(2 / 64)


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 1), (5, 5), (5, 4)])
def test_an_even_split_is_wholly_likely(won: int, lost: int) -> None:
    assert sign_test(won, lost) == 1.0


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_sign_test_equals_the_binomial_test_of_scipy(won: int, lost: int) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    theirs = scipy_stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert sign_test(won, lost) == pytest.approx(theirs)
    assert sign_test(won, lost) == sign_test(lost, won)


def test_sign_test_of_many_votes_stays_a_number() -> None:
    assert sign_test(2000, 0) == 0.0
    assert sign_test(1010, 990) == pytest.approx(0.67, abs=0.01)
