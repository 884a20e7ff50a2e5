"""Today's answer beside a recorded one: what has changed is said, what has not is not made up."""

import re
from dataclasses import replace
from html import unescape

from results import LOCAL, search_result

from rag.outcomes import Ordering
from rag.records import ModelInfo, SearchResult, StageTime
from rag.ui.runs.then_and_now import comparison


def said(then: SearchResult, now: SearchResult, *, documents_changed: bool = False) -> str:
    """What can be read in the comparison."""
    html = comparison(then, now, documents_changed=documents_changed)
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", html)))


def test_the_same_answer_is_said_to_be_the_same() -> None:
    shown = said(search_result((2, 1, 3)), search_result((2, 1, 3)))
    assert "The reranker is the same." in shown
    assert "The documents are the same." in shown
    assert "all 3 passages that both rank stand in the same order" in shown


def test_another_reranker_is_named_with_the_one_before() -> None:
    now = replace(search_result((1, 2)), reranker=ModelInfo("maker/newer", "a" * 64, "cpu"))
    assert "The reranker was maker/reranker, and is maker/newer now." in said(search_result((1, 2)), now)


def test_other_weights_of_the_same_name_are_no_same_reranker() -> None:
    now = replace(search_result((1, 2)), reranker=replace(LOCAL, sha256="a" * 64))
    assert "The reranker maker/reranker has other weights" in said(search_result((1, 2)), now)


def test_each_passage_has_its_rank_and_score_then_and_now() -> None:
    shown = said(search_result((2, 1)), search_result((1, 2)))
    rows = re.findall(r"(\d) (\d) (\d\.\d{3}) (\d\.\d{3}) book", shown)
    assert rows == [("2", "1", "4.000", "5.000"), ("1", "2", "5.000", "4.000")]


def test_a_passage_that_has_come_or_gone_has_no_rank_where_it_was_not() -> None:
    fewer, more = search_result((1, 2)), search_result((3, 1, 2))
    assert "– 1 – 5.000" in said(fewer, more)
    assert "1 gone 5.000 –" in said(more, fewer)


def test_another_way_to_find_and_to_order_is_told() -> None:
    then = search_result((1, 2))
    now = replace(then, retriever="hybrid", ordering=Ordering("question_language", "", 60, 1.0, 4.0))
    shown = said(then, now)
    assert "The candidates were found by FAISS, and are by FAISS + BM25 now." in shown
    assert "The final order was: the reranker's own. It is now: fused with the retriever's" in shown
    assert "found by FAISS both times" in said(then, then)


def test_a_passage_found_by_words_alone_has_their_score() -> None:
    found = search_result((1, 2), rerank=False)
    hits = tuple(replace(hit, cosine=None, bm25=7.25 - hit.rank) for hit in found.retrieved)
    by_words = replace(found, retriever="lexical", retrieved=hits)
    assert "1 1 6.250 6.250 book" in said(by_words, by_words)


def test_changed_documents_are_told() -> None:
    assert "The documents have changed since." in said(
        search_result((1,)), search_result((1,)), documents_changed=True
    )


def test_a_stage_that_only_one_of_both_had_has_no_time_in_the_other() -> None:
    then = search_result((1,), stages=[StageTime("load", 0.5), StageTime("score", 0.09)])
    shown = said(then, search_result((1,), stages=[StageTime("score", 0.045)]))
    assert "load 500 ms –" in shown
    assert "score 90 ms 45 ms" in shown


def test_hostile_text_stays_text() -> None:
    evil = "<img src=x onerror=alert(1)>"
    html = comparison(search_result((1,), text=evil, name=evil), search_result((1,)), documents_changed=False)
    assert "<img" not in html
    assert "&lt;img" in html


def test_times_of_a_stage_that_ran_twice_are_added_up_and_a_first_use_is_told() -> None:
    then = search_result((1, 2), stages=(StageTime("score", 1.0), StageTime("score", 0.25)))
    now = search_result((1, 2), stages=(StageTime("score", 0.5, cold=True),))
    shown = said(then, now)
    assert "score 1,250 ms 500 ms" in shown
    assert "Times; now with a model's first use" in shown
