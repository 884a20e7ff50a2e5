"""Make one ranking of several: reciprocal rank fusion."""

from collections.abc import Sequence


def fused_score(ranks: Sequence[tuple[float, int | None]], constant: int) -> float:
    """Return the sum of ``weight / (constant + rank)`` over pairs of weight and rank, which is from 1.

    A rank of None adds nothing: that ranking does not have it. Source: Cormack, Clarke and Buettcher,
    Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods (SIGIR 2009), there
    without weights.
    """
    return sum(weight / (constant + rank) for weight, rank in ranks if rank is not None)
