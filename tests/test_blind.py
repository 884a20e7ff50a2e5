"""Votes without names: sides shuffled, votes counted whichever way round, and how sure the count is."""

import pytest

from rag.evidence import Vote, VoteChoice
from rag.inspect.blind import identity, is_swapped, standings, tally, tally_in_words, unswapped
from rag.records import ModelInfo

A, B = ModelInfo("maker/a", "a" * 64, "cpu"), ModelInfo("maker/b", "b" * 64, "cpu")
REMOTE = ModelInfo("maker/c", "", "remote cohere at gpu.example.com")


def votes(**counts: int) -> list[Vote]:
    """So many votes of each choice, every other one with the pair the other way round."""
    other: dict[str, VoteChoice] = {"a": "b", "b": "a", "both_good": "both_good", "both_bad": "both_bad"}
    found = []
    for choice, n in counts.items():
        for i in range(n):
            vote = Vote(f"{choice} {i}", A, B, other[other[choice]])
            found.append(vote if i % 2 else Vote(vote.query, B, A, other[choice]))
    return found


def test_a_question_keeps_its_sides_and_about_half_of_all_questions_are_swapped() -> None:
    swapped = [is_swapped(f"question {n}", "salt") for n in range(1000)]
    assert swapped == [is_swapped(f"question {n}", "salt") for n in range(1000)]
    assert 440 < sum(swapped) < 560
    assert swapped != [is_swapped(f"question {n}", "another") for n in range(1000)]


@pytest.mark.parametrize(
    ("shown", "meant"), [("a", "b"), ("b", "a"), ("both_good", "both_good"), ("both_bad", "both_bad")]
)
def test_a_vote_on_swapped_sides_is_for_the_other_reranker(shown: VoteChoice, meant: VoteChoice) -> None:
    assert unswapped(shown, swapped=True) == meant
    assert unswapped(shown, swapped=False) == shown


def test_votes_count_for_the_same_pair_whichever_way_round_it_was_named() -> None:
    found = tally(votes(a=9, b=2, both_good=3, both_bad=1), identity(A), identity(B))
    assert (found.a_better, found.b_better, found.both_good, found.both_bad) == (9, 2, 3, 1)
    assert found.p == pytest.approx(0.0654, abs=1e-4)


def test_a_judge_who_votes_again_on_the_same_has_one_vote_the_last() -> None:
    updated = ModelInfo(A.id, A.sha256, "another version")
    found = [Vote("q", A, B, "a", "ada"), Vote("q", A, B, "a", "bob"), Vote("q", B, updated, "a", "ada")]
    assert tally(found, identity(A), identity(B)).votes == 2
    assert tally(found, identity(A), identity(B)).b_better == 1
    assert [one.votes for one in standings(found)] == [2, 2]


def test_votes_on_other_pairs_are_not_counted() -> None:
    found = tally([Vote("q", A, REMOTE, "a"), *votes(b=1)], identity(A), identity(B))
    assert (found.votes, found.b_better) == (1, 1)


def test_a_model_that_another_version_of_its_runtime_ran_is_the_same_model() -> None:
    later = ModelInfo(A.id, A.sha256, "another version")
    found = tally([Vote("q", later, B, "a"), Vote("r", A, B, "a")], identity(A), identity(B))
    assert found.a_better == 2


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "Nobody has voted"),
        ({"both_good": 2}, "No vote chose one of the two."),
        ({"a": 3, "b": 2}, "No difference shown (exact sign test on 5, p = 1)."),
        ({"a": 9}, "one is better (exact sign test on 9, p = 0.0039)."),
        ({"b": 9}, "two is better"),
    ],
)
def test_the_words_say_no_more_than_the_test_does(counts: dict[str, int], words: str) -> None:
    found = tally(votes(**counts), identity(A), identity(B))
    assert words in tally_in_words(found, "one", "two")


def test_each_reranker_stands_with_all_its_votes_the_most_often_better_first() -> None:
    first, *others = standings([*votes(a=4, b=1, both_bad=2), Vote("x", B, REMOTE, "a")])
    assert (first.model, first.better, first.worse, first.both_bad, first.votes) == (A, 4, 1, 2, 7)
    assert [one.model for one in others] == [REMOTE, B]
