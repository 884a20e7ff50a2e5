"""Decide whether one side wins more often than chance would have it."""

from math import comb


def sign_test(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of `wins` against `losses`: how likely chance is so uneven.

    Chance gives each side every decided case with probability 1/2: p is the probability of a split at
    least as uneven, 1.0 where nothing is decided. Ties are left out beforehand, as usual for this test.
    Dixon and Mood, The statistical sign test, JASA 1946. With five decided cases or fewer, p is never
    below 0.05, whoever wins.
    """
    decided = wins + losses
    tail = sum(comb(decided, i) for i in range(min(wins, losses) + 1))
    # Both tails; they overlap, and add up to more than 1, where the split is even.
    return min(1.0, 2 * tail / (1 << decided))
