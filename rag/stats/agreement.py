"""Say how alike two rankings are. A ranking is a sequence of distinct ids, best first."""

from bisect import bisect, insort
from collections.abc import Sequence
from dataclasses import dataclass

PERSISTENCE = 0.9

# From which RBO on two rankings are said to agree in that way.
_VERDICTS = ((0.9, "agree almost entirely"), (0.7, "largely agree"), (0.4, "agree in part"))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two rankings are.

    `kendall_tau` is over the `n` passages that both rank: 1 the same order, 0 unrelated, -1 the reverse,
    None for fewer than two. `rbo` weighs the top most: 0 nothing in common, 1 the same. `overlap` is the
    share of the top `k` that both have, in any order; `k` is less than was asked for where neither
    ranking is that long.
    """

    kendall_tau: float | None
    rbo: float
    overlap: float
    k: int
    n: int

    @property
    def shared(self) -> int:
        """How many passages the two tops have in common."""
        return round(self.overlap * self.k)


def agreement(a: Sequence[str], b: Sequence[str], k: int = 10) -> Agreement:
    """Return how alike the rankings `a` and `b` are, their tops taken at `k`."""
    depth = min(k, max(len(a), len(b)))
    shared = len({*a[:depth]} & {*b[:depth]})
    both = {*a} & {*b}
    return Agreement(
        kendall_tau([one for one in a if one in both], [one for one in b if one in both]),
        rbo(a, b),
        shared / depth if depth else 0.0,
        depth,
        len(both),
    )


def kendall_tau(a: Sequence[str], b: Sequence[str]) -> float | None:
    """Return Kendall's tau of two orders of the same items, None for fewer than two.

    The share of pairs in the same order less the share in opposite order. A ranking has no ties, so that
    tau-a and tau-b are the same. Kendall, A new measure of rank correlation, Biometrika 1938.
    """
    pairs = len(a) * (len(a) - 1) // 2
    if not pairs:
        return None
    place = {one: rank for rank, one in enumerate(b)}
    seen: list[int] = []
    swapped = 0
    for one in a:
        swapped += len(seen) - bisect(seen, place[one])
        insort(seen, place[one])
    return 1 - 2 * swapped / pairs


def rbo(a: Sequence[str], b: Sequence[str], p: float = PERSISTENCE) -> float:
    """Return the rank-biased overlap of two rankings, extrapolated beyond their ends, in [0, 1].

    At each depth the share that both have so far, weighted by `p` to the depth: with 0.9 the first ten
    ranks carry 86 % of the weight. The shorter ranking goes on as it did so far, then both do. Where either
    is empty nothing is shared, so 0. RBO_EXT, equation 32 in Webber, Moffat and Zobel, A similarity measure
    for indefinite rankings, TOIS 2010.
    """
    short, long = sorted((a, b), key=len)
    if not short:
        return 0.0
    place = {one: rank for rank, one in enumerate(long, 1)}
    # The depths at which both rankings have come to an item; so many lie at most at d as both share there.
    meets = sorted(max(rank, place[one]) for rank, one in enumerate(short, 1) if one in place)
    extra = bisect(meets, len(short)) / len(short)
    total = agreed = 0.0
    for depth in range(1, len(long) + 1):
        agreed = (bisect(meets, depth) + extra * max(0, depth - len(short))) / depth
        total += agreed * p**depth
    return total * (1 - p) / p + agreed * p ** len(long)


def agreement_sentence(agreement: Agreement, name_a: str, name_b: str) -> str:
    """Return in words how alike the rankings of `name_a` and `name_b` are. Plain text: names as given.

    They agree almost entirely from an RBO of 0.9 on, largely from 0.7, in part from 0.4; below that they
    mostly disagree.
    """
    both = f"{name_a} and {name_b}"
    if agreement.kendall_tau is None:
        return f"{both} have fewer than two passages in common: there is no order to compare."
    verdict = next((words for least, words in _VERDICTS if agreement.rbo >= least), "mostly disagree")
    if agreement.kendall_tau == 1 and agreement.shared == agreement.k:
        verdict = "agree"
    order = (
        f"all {agreement.n} passages that both rank"
        if agreement.kendall_tau == 1
        # Never "100%" for less than all.
        else f"{min(99, round(50 * (1 + agreement.kendall_tau)))}% of all pairs of passages"
    )
    return (
        f"{both} {verdict}: {agreement.shared} of the top {agreement.k} are the same, "
        f"and {order} stand in the same order."
    )
