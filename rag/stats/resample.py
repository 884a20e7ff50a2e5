"""Say how far a mean over questions can be trusted, and how often a side won."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SEED = 2026
TIE = 1e-9  # what two measures of one ranking may differ by for rounding alone

_BLOCK = 1_000_000  # draws held in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of `n` differences, and the interval around it that resampling gives."""

    low: float
    high: float
    mean: float
    n: int


@dataclass(frozen=True, slots=True)
class Wins:
    """How many of the differences are above zero, zero, and below."""

    wins: int
    ties: int
    losses: int


# Of fewer differences the interval is narrower than it should be: chance would pass for a difference.
FEWEST = 10


def bootstrap(
    differences: Sequence[float], *, resamples: int = 10_000, seed: int = SEED, level: float = 0.95
) -> Interval | None:
    """Return the mean of `differences` with its bootstrap interval; None for fewer than two of them.

    The interval holds the middle `level` of the means of `resamples` samples, each drawn from
    `differences` with replacement and as large (the percentile method: Efron and Tibshirani, An
    introduction to the bootstrap, 1993, chapter 13). The same differences, in any order, give the same
    interval. Of fewer than `FEWEST` it is narrower than it should be: what was never seen is never drawn.
    """
    n = len(differences)
    if n < 2:
        return None
    values = np.sort(np.asarray(differences, dtype=np.float64))
    chance = np.random.default_rng(seed)
    rows = max(1, _BLOCK // n)
    sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    means = np.concatenate([values[chance.integers(0, n, (size, n))].mean(axis=1) for size in sizes])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), math.fsum(differences) / n, n)


def wins(differences: Sequence[float]) -> Wins:
    """Return how many `differences` are above zero, zero and below; up to 1e-9 is rounding, so zero."""
    won = sum(difference > TIE for difference in differences)
    lost = sum(difference < -TIE for difference in differences)
    return Wins(won, len(differences) - won - lost, lost)
