"""Let people vote between two rerankers without seeing which is which, and count what they said."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from rag.amounts import counted
from rag.evidence import Vote, VoteChoice
from rag.records import ModelInfo
from rag.stats.sign import sign_test

_OTHER_SIDE: dict[VoteChoice, VoteChoice] = {
    "a": "b",
    "b": "a",
    "both_good": "both_good",
    "both_bad": "both_bad",
}
SURE = 0.05  # a p-value below it is taken for a difference


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes on one pair of rerankers, and the exact sign test of those that chose one of them.

    `p` is the two-sided p-value: how often chance alone would be as uneven. It is 1 without a choice.
    """

    a_better: int
    b_better: int
    both_good: int
    both_bad: int
    p: float

    @property
    def votes(self) -> int:
        """How many votes there are."""
        return self.a_better + self.b_better + self.both_good + self.both_bad


@dataclass(frozen=True, slots=True)
class Standing:
    """What the votes on all pairs say of one reranker."""

    model: ModelInfo
    better: int
    worse: int
    both_good: int
    both_bad: int

    @property
    def votes(self) -> int:
        """How many votes it took part in."""
        return self.better + self.worse + self.both_good + self.both_bad


def is_swapped(query: str, salt: str) -> bool:
    """Return whether the first reranker is to stand on the side B for this question.

    As good as thrown, but always the same for one `salt`: redrawing the page swaps nothing.
    """
    return bool(sha256(f"{salt}\0{query}".encode("utf-8", "surrogatepass")).digest()[0] & 1)


def unswapped(choice: VoteChoice, *, swapped: bool) -> VoteChoice:
    """Return what a vote on the sides as they were shown says of the first and the second reranker."""
    return _OTHER_SIDE[choice] if swapped else choice


def identity(model: ModelInfo) -> str:
    """Return what tells a model from every other one, whatever runs it."""
    return model.sha256 or f"{model.id} {model.backend}"


def sides(vote: Vote) -> tuple[str, str]:
    """Return the identities of the two rerankers of a vote."""
    return identity(vote.a), identity(vote.b)


def tally(votes: Iterable[Vote], a: str, b: str) -> Tally:
    """Return what `votes` say of the pair with these identities, in whichever order a vote names them."""
    said = [
        vote.choice if sides(vote) == (a, b) else _OTHER_SIDE[vote.choice]
        for vote in _last_said(votes)
        if sides(vote) in ((a, b), (b, a))
    ]
    a_better, b_better = said.count("a"), said.count("b")
    p = sign_test(a_better, b_better)
    return Tally(a_better, b_better, said.count("both_good"), said.count("both_bad"), p)


def _last_said(votes: Iterable[Vote]) -> Iterable[Vote]:
    """Return of each judge's votes on one question and pair the last: a runtime may have changed between."""
    return {(vote.query, vote.judge, frozenset(sides(vote))): vote for vote in votes}.values()


def standings(votes: Iterable[Vote]) -> tuple[Standing, ...]:
    """Return what `votes` say of each reranker in them, those with the most wins over losses first."""
    models: dict[str, ModelInfo] = {}
    seen: dict[str, list[VoteChoice]] = {}
    for vote in _last_said(votes):
        for model, choice in ((vote.a, vote.choice), (vote.b, _OTHER_SIDE[vote.choice])):
            models[identity(model)] = model
            seen.setdefault(identity(model), []).append(choice)
    found = [
        Standing(models[key], *(said.count(choice) for choice in ("a", "b", "both_good", "both_bad")))
        for key, said in seen.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.worse - one.better, one.model.id)))


def tally_in_words(found: Tally, name_a: str, name_b: str) -> str:
    """Return what the votes on a pair say, and how sure it is."""
    if not found.votes:
        return "Nobody has voted on these two yet."
    decided = found.a_better + found.b_better
    said = (
        f"In {counted(found.votes, 'vote')}: {name_a} better {found.a_better}, {name_b} better "
        f"{found.b_better}, both good {found.both_good}, both bad {found.both_bad}."
    )
    if not decided:
        return f"{said} No vote chose one of the two."
    if found.p >= SURE:
        return f"{said} No difference shown (exact sign test on {decided}, p = {found.p:.2g})."
    better = name_a if found.a_better > found.b_better else name_b
    return f"{said} {better} is better (exact sign test on {decided}, p = {found.p:.2g})."
