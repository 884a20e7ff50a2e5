"""What the columns say of a hybrid search and of a fused order, and the way back to the reranker's own."""

import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import search_result

from rag.outcomes import Ordering, Retriever
from rag.records import SearchResult
from rag.ui.comparison.cards import comparison
from rag.ui.comparison.movements import Movements
from rag.ui.comparison.orders import in_reranker_order, is_fused
from rag.ui.numbers_html import (
    BM25_HELP,
    BY_LOGIT,
    COSINE_HELP,
    LOGIT_HELP,
    RANKS_HELP,
    SIGMOID_HELP,
    fused_help,
    meanings,
)
from rag.wording import from_words

RULE = Ordering("question_language", "The question is in Italian: two ranks count.", 60, 1.0, 4.0)


def hybrid(order: tuple[int, ...], language: str | None = "it") -> SearchResult:
    """A hybrid result: by words the other way round than by vectors, the first left out."""
    result = search_result(order)
    n = len(order)

    def ranks(rank: int) -> dict[str, float | int | None]:
        by_words = None if rank == 1 else n + 1 - rank
        return {"dense_rank": rank, "lexical_rank": by_words, "phrasing_rank": rank, "bm25": rank - 1.0}

    hits = tuple(replace(hit, **ranks(hit.rank)) for hit in result.retrieved)  # type: ignore[arg-type]
    reranked = tuple(
        replace(hit, **ranks(hit.retrieved_rank))  # type: ignore[arg-type]
        for hit in result.reranked
    )
    words = [replace(hit, rank=n + 1 - hit.rank, cosine=None) for hit in reversed(hits[1:])]
    return replace(
        result, retrieved=hits, reranked=reranked, lexical=tuple(words), retriever="hybrid", language=language
    )


def fused(order: tuple[int, ...], pure: dict[int, int]) -> SearchResult:
    """A result in a fused order, of which `pure` gives the reranker's rank for each retrieved one."""
    result = hybrid(order)
    reranked = tuple(
        replace(hit, reranker_rank=pure[hit.retrieved_rank], logit=10.0 - pure[hit.retrieved_rank])
        for hit in result.reranked
    )
    return replace(result, reranked=reranked, ordering=RULE)


def shown(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", "", html)))


def column(html: str, title: str) -> str:
    (found,) = re.findall(f'(?s)<section class="rl-column" aria-label="{re.escape(title)}.*?</section>', html)
    return str(found)


@pytest.mark.parametrize(
    ("retriever", "title"),
    [
        ("dense", "Retrieved · FAISS<"),
        ("lexical", "Retrieved · BM25<"),
        ("hybrid", "Retrieved · FAISS + BM25<"),
    ],
)
def test_the_left_column_says_what_retrieved(retriever: Retriever, title: str) -> None:
    assert f"<h3>{title}" in comparison(replace(search_result((1,)), retriever=retriever), top_k=1)


def test_a_hit_of_both_searches_has_both_ranks_and_both_scores() -> None:
    left = shown(column(comparison(hybrid((1, 2, 3)), top_k=3), "Retrieved"))
    assert "dense rank 2lexical rank 2phrasing rank 2cosine 0.890BM25 1.00" in left
    assert "dense rank 1lexical rank –phrasing rank 1cosine 0.900BM25 0.00" in left


def test_by_words_alone_there_is_no_cosine() -> None:
    found = hybrid((1, 2))
    lexical = replace(
        found,
        retriever="lexical",
        retrieved=tuple(replace(hit, cosine=None, dense_rank=None) for hit in found.retrieved),
    )
    left = shown(column(comparison(lexical, top_k=2), "Retrieved"))
    assert "BM25 1.00" in left
    assert not re.search("cosine|rank [0-9–]", left)


def test_the_language_of_the_question_and_the_way_it_was_searched_are_said() -> None:
    assert "Question in Italian · hybrid retrieval, by vectors and words" in shown(
        comparison(hybrid((1,)), top_k=1)
    )
    assert "Question in" not in comparison(hybrid((1,), language=None), top_k=1)


def test_nothing_found_by_words_is_not_called_an_empty_collection() -> None:
    nothing = replace(search_result((), rerank=False), retriever="lexical")
    assert "no passage has a word of the question" in shown(comparison(nothing, top_k=3))


def test_words_alone_are_a_third_column_only_where_it_is_wanted() -> None:
    assert "Words alone" not in comparison(hybrid((1, 2, 3)), top_k=3)
    words = column(comparison(hybrid((1, 2, 3)), top_k=3, words_alone=True), "Words alone")
    assert re.findall('data-chunk="([^"]*)" data-c="(.)"', words) == [("chunk-3", "3"), ("chunk-2", "2")]
    assert "2 of 2" in shown(words)


def test_what_only_words_have_found_is_no_candidate_and_has_no_line() -> None:
    result = hybrid((1, 2))
    other = replace(result.lexical[0], passage=replace(result.lexical[0].passage, chunk_id="elsewhere"))
    words = column(comparison(replace(result, lexical=(other,)), top_k=2, words_alone=True), "Words alone")
    assert "no candidate" in shown(words)
    assert "data-c=" not in words


def test_a_filter_holds_for_the_third_column_too() -> None:
    moved = Movements(at_least=1)
    html = comparison(hybrid((1, 3, 2)), top_k=3, words_alone=True, movements=moved)
    assert re.findall('data-chunk="([^"]*)"', column(html, "Words alone")) == ["chunk-3", "chunk-2"]
    html = comparison(hybrid((1, 2, 3)), top_k=3, words_alone=True, movements=moved)
    assert "<article" not in column(html, "Words alone")


@pytest.mark.parametrize(
    ("candidate", "direction", "mark"),
    [(2, "same", "same"), (1, "up", "to 1"), (9, "down", "to 9"), (None, "out", "no candidate")],
)
def test_a_card_of_words_says_where_it_is_among_the_candidates(
    candidate: int | None, direction: str, mark: str
) -> None:
    movement = from_words(2, candidate)
    assert (movement.direction, movement.mark) == (direction, mark)


def test_a_fused_order_is_said_to_be_one_with_its_rule_and_each_rank_in_it() -> None:
    html = comparison(fused((2, 1, 3), {1: 1, 2: 2, 3: 3}), top_k=3)
    assert "Final order: The question is in Italian: two ranks count." in shown(html)
    right = shown(column(html, "Reranked · cross-encoder, ranks fused"))
    assert "1▲ up 1".replace("▲ ", "") in right
    assert "reranker rank 2logit 8.000" in right


def test_the_numbers_of_a_fused_order_are_explained_with_its_weights() -> None:
    explained = meanings(fused((1,), {1: 1}))
    assert explained == (RANKS_HELP, COSINE_HELP, BM25_HELP, LOGIT_HELP, SIGMOID_HELP, fused_help(RULE))
    assert "weight / (60 + rank) over the reranker's rank (weight 1) and the retriever's (4)" in fused_help(
        RULE
    )
    assert BY_LOGIT in meanings(hybrid((1,)))


def test_the_rerankers_own_order_is_one_step_away_and_says_that_it_is() -> None:
    result = fused((2, 1, 3), {1: 1, 2: 3, 3: 2})
    own = in_reranker_order(result)
    assert [(hit.rank, hit.retrieved_rank) for hit in own.reranked] == [(1, 1), (2, 3), (3, 2)]
    assert (is_fused(result), is_fused(own)) == (True, False)
    html = comparison(own, top_k=3)
    assert "Final order: as you chose, the reranker's own, by its scores alone." in shown(html)
    assert "reranker rank" not in html


@given(st.permutations(range(1, 8)), st.permutations(range(1, 8)))
def test_the_rerankers_own_order_has_the_same_hits_by_falling_logit(final: list[int], own: list[int]) -> None:
    result = fused(tuple(final), {retrieved: rank for rank, retrieved in enumerate(own, 1)})
    hits = in_reranker_order(result).reranked
    assert [hit.retrieved_rank for hit in hits] == own
    assert [hit.rank for hit in hits] == list(range(1, 8))
    logits = [hit.logit or 0.0 for hit in hits]
    assert logits == sorted(logits, reverse=True)


def alike(**texts: str) -> SearchResult:
    """Three hits in a fused order, the second and the third said to be like the first."""
    result = fused((1, 2, 3), {1: 3, 2: 1, 3: 2})
    passages = [replace(hit.passage, text=texts[f"r{hit.rank}"]) for hit in result.reranked]
    first, *others = (
        replace(hit, passage=passage) for hit, passage in zip(result.reranked, passages, strict=True)
    )
    marked = [replace(hit, duplicate_of=1, similarity=0.99) for hit in others]
    return replace(result, reranked=(first, *marked))


def test_those_alike_lie_under_the_one_that_is_first_in_the_rerankers_own_order() -> None:
    same = in_reranker_order(alike(r1="A b.", r2="A b.", r3="A  b.")).reranked
    assert [(hit.duplicate_of, hit.similarity) for hit in same] == [(None, None), (1, 1.0), (1, 1.0)]


def test_where_it_is_not_known_how_near_two_are_each_has_its_own_card() -> None:
    hits = in_reranker_order(alike(r1="A b.", r2="A c.", r3="A d.")).reranked
    by_rank = {hit.retrieved_rank: (hit.duplicate_of, hit.similarity) for hit in hits}
    assert by_rank == {2: (None, None), 3: (None, None), 1: (1, 0.99)}
