"""The final order: the reranker's own, or one in which the first stage has a share, by stated rules."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.config import DEFAULT_RERANKER
from rag.order import in_final_order, rule_for
from rag.outcomes import Ordering, OrderRule, Retriever
from rag.records import ModelInfo, Passage, RerankedHit

ENGLISH = ModelInfo(DEFAULT_RERANKER, "0" * 64, "onnxruntime")
MULTILINGUAL = ModelInfo("BAAI/bge-reranker-v2-m3", "1" * 64, "onnxruntime")
UNKNOWN = ModelInfo("somebody/a-reranker", "2" * 64, "onnxruntime")


def passages(*languages: str | None) -> list[Passage]:
    return [Passage(f"c{i}", "d", "d.txt", "text", 0, 4, language=code) for i, code in enumerate(languages)]


def hits(*retrieved_ranks: int) -> list[RerankedHit]:
    return [
        RerankedHit(
            -float(rank),
            rank=rank,
            retrieved_rank=retrieved_rank,
            passage=passages(None)[0],
            cosine=0.5,
        )
        for rank, retrieved_rank in enumerate(retrieved_ranks, start=1)
    ]


@pytest.mark.parametrize(
    ("question", "candidates", "reranker", "rule"),
    [
        ("it", ("it",), ENGLISH, "question_language"),
        ("it", ("en", "en"), ENGLISH, "question_language"),
        ("en", ("it", "it"), ENGLISH, "reranker"),
        ("it", ("it",), replace(ENGLISH, id=f"{DEFAULT_RERANKER}@fp32"), "question_language"),
        (None, ("it", "it", "en", None), ENGLISH, "passage_language"),
        (None, ("it", "en"), ENGLISH, "reranker"),
        (None, (None, None), ENGLISH, "reranker"),
        ("it", ("it",), MULTILINGUAL, "reranker"),
        ("it", ("it",), UNKNOWN, "reranker"),
    ],
)
def test_the_rule_follows_from_what_the_reranker_reads(
    question: str | None, candidates: tuple[str | None, ...], reranker: ModelInfo, rule: OrderRule
) -> None:
    found = rule_for(question, passages(*candidates), reranker, retriever="hybrid", choice="auto")
    assert found.rule == rule
    assert bool(found.because) == (rule != "reranker")


@pytest.mark.parametrize("retriever", ["dense", "lexical"])
def test_where_one_search_was_made_the_order_is_the_rerankers(retriever: Retriever) -> None:
    assert rule_for("it", passages("it"), ENGLISH, retriever=retriever, choice="auto") == Ordering()


def test_whoever_asks_for_the_rerankers_order_gets_it() -> None:
    assert rule_for("it", passages("it"), ENGLISH, retriever="hybrid", choice="reranker") == Ordering()


def test_the_sentence_names_language_and_model() -> None:
    because = rule_for("it", passages("it"), ENGLISH, retriever="hybrid", choice="auto").because
    assert "Italian" in because
    assert DEFAULT_RERANKER in because


def test_a_hit_far_up_in_both_orders_comes_before_one_that_is_first_in_one() -> None:
    ordering = Ordering("question_language", "…", 60, 1.0, 4.0)
    final = in_final_order(hits(30, 1, 2), ordering)
    assert [(hit.rank, hit.reranker_rank, hit.retrieved_rank) for hit in final] == [
        (1, 2, 1),
        (2, 3, 2),
        (3, 1, 30),
    ]


def test_the_rerankers_own_order_is_left_as_it_is() -> None:
    given_hits = hits(3, 1, 2)
    assert in_final_order(given_hits, Ordering()) == tuple(given_hits)


@given(st.permutations(range(1, 12)), st.floats(0, 10), st.integers(0, 100))
def test_the_final_order_is_a_permutation_that_remembers_both_ranks(
    ranks: list[int], weight: float, constant: int
) -> None:
    final = in_final_order(hits(*ranks), Ordering("passage_language", "…", constant, 1.0, weight))
    assert [hit.rank for hit in final] == list(range(1, len(ranks) + 1))
    assert {(hit.reranker_rank, hit.retrieved_rank) for hit in final} == set(enumerate(ranks, start=1))
