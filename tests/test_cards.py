"""The cards show every character as it is, and every number as it was measured."""

import re
from html import escape, unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import REMOTE, search_result

from rag.records import StageTime
from rag.ui.cards import (
    COSINE_HELP,
    LOGIT_HELP,
    RELEVANCE_HELP,
    SIGMOID_HELP,
    comparison,
    highlighted,
    meanings,
    notice,
    timing_strip,
)

ROOT = Path(__file__).resolve().parents[1]
HOSTILE = (
    "<script>alert(1)</script> & \"quoted\" 'too' <img src=x onerror=x> ![x](http://x) $\\LaTeX$ :red[x]"
)


def without_tags(html: str) -> str:
    return unescape(re.sub("<[^>]*>", "", html))


def marked(text: str, query: str) -> list[str]:
    """What the retrieved card of `text` marks for `query`."""
    html = comparison(search_result((1,), text=text, query=query, rerank=False), top_k=1)
    return [unescape(found) for found in re.findall("<mark>(.*?)</mark>", html, re.DOTALL)]


@given(st.text(), st.text(max_size=3))
def test_highlighting_keeps_every_character(text: str, word: str) -> None:
    html = highlighted(text, re.compile(re.escape(word), re.IGNORECASE))
    assert without_tags(html) == text
    assert set(re.findall("<[^>]*>", html)) <= {"<mark>", "</mark>"}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(min_size=1))
def test_a_card_shows_any_text_verbatim_for_any_question(text: str, query: str) -> None:
    html = comparison(search_result((1,), text=text, query=query), top_k=1)
    assert html.count("<article") == 2
    assert escape(text) in html.replace("<mark>", "").replace("</mark>", "")


@pytest.mark.parametrize(
    ("query", "text", "marks"),
    [
        ("olive oil", "Olive oil, and OIL again", ["Olive", "oil", "OIL"]),
        ("art", "party art artful", ["art"]),
        ("what is the oil", "what is the oil", ["oil"]),
        ("perché la città?", "La città è lì perché sì", ["città"]),
        ("c++ (or c#)", "c++ (or c#)", []),
        ("the of is", "the of is", []),
        ("<b> script", "<b>script</b>", ["script"]),
        ("amp lt", "& < amp", ["amp"]),
    ],
)
def test_only_whole_words_of_the_question_are_marked(query: str, text: str, marks: list[str]) -> None:
    assert marked(text, query) == marks


def test_nothing_from_outside_becomes_markup() -> None:
    hostile = search_result((1,), text=HOSTILE, name=HOSTILE, query=HOSTILE, notices=(HOSTILE,))
    html = comparison(hostile, top_k=1)
    assert "<script" not in html
    assert "<img" not in html


def test_a_hostile_name_is_shown_verbatim() -> None:
    assert escape(HOSTILE) in comparison(search_result((1,), name=HOSTILE), top_k=1)


def test_a_card_says_where_its_text_is_from() -> None:
    shown = without_tags(comparison(search_result((1,), name="book.pdf"), top_k=1))
    assert "book.pdf page 2 · One › Two" in shown


def test_each_column_shows_its_own_number() -> None:
    shown = without_tags(comparison(search_result((1,)), top_k=1))
    assert shown.count("cosine 0.900") == 1
    assert shown.count("logit 5.000") == shown.count("sigmoid 0.993") == 1


def test_a_tiny_score_is_not_shown_as_zero() -> None:
    shown = without_tags(comparison(search_result(range(1, 21)), top_k=20))
    assert "logit -14.000" in shown
    assert "sigmoid 8e-07" in shown
    assert "sigmoid 0.000" not in shown


def test_a_text_that_was_not_read_whole_is_marked() -> None:
    assert "read 3 of 5 tokens" in without_tags(comparison(search_result((1,), tokens_read=3), top_k=1))
    assert "of 5 tokens" not in without_tags(comparison(search_result((1,)), top_k=1))


def test_the_columns_are_cut_and_say_of_how_many() -> None:
    html = comparison(search_result((3, 2, 1)), top_k=2)
    assert html.count("<article") == 4
    assert html.count("2 of 3") == 2


def test_both_models_are_named() -> None:
    shown = without_tags(comparison(search_result((1,)), top_k=1))
    assert "maker/embedder" in shown
    assert "maker/reranker" in shown


def test_a_remote_reranker_is_named_with_its_host() -> None:
    shown = without_tags(comparison(search_result((1,), relevances=(0.5,)), top_k=1))
    assert "Reranked · remote" in shown
    assert f"{REMOTE.id} at gpu.example.com:8443 · 1 of 1" in shown


@pytest.mark.parametrize(
    ("relevance", "shown"),
    [(0.98765, "0.988"), (0.0, "0.000"), (2e-7, "2e-07"), (-2.5, "-2.500"), (7, "7.000")],
)
def test_without_a_logit_the_relevance_is_shown_as_it_was_given(relevance: float, shown: str) -> None:
    html = comparison(search_result((1,), relevances=(relevance,)), top_k=1)
    assert f"relevance {shown}" in without_tags(html)
    assert not re.search("logit|sigmoid|read ", without_tags(html))


def test_a_remote_result_tells_how_everything_moved() -> None:
    shown = without_tags(comparison(search_result((3, 1, 2), relevances=(0.9, 0.8, 0.7)), top_k=2))
    assert "1 of the top 2 is new; the first came from rank 3." in shown
    assert "new, from 3" in shown


def test_only_the_numbers_that_occur_are_explained() -> None:
    assert meanings(search_result((1,))) == (COSINE_HELP, LOGIT_HELP, SIGMOID_HELP)
    assert meanings(search_result((1,), relevances=(0.5,))) == (COSINE_HELP, RELEVANCE_HELP)
    assert meanings(search_result((1,), rerank=False)) == (COSINE_HELP,)


def test_every_stage_has_a_colour_and_an_explanation_of_its_own() -> None:
    names = ("queue", "load", "embed", "search", "tokenize", "score", "sort", "network", "server")
    style = (ROOT / "rag" / "ui" / "style.css").read_text(encoding="utf-8")
    colours = [re.findall(rf"\.rl-bar-{name} {{ background: (#\w+); }}", style) for name in names]
    assert len({colour for (colour,) in colours}) == len(names)
    strip = timing_strip(search_result((1,), stages=[StageTime(name, 0.01) for name in names]))
    assert len(set(re.findall('title="([^"]{20,})"', strip))) == len(names) + 1


def test_without_reranking_the_left_column_stands_alone() -> None:
    html = comparison(search_result((1, 2), rerank=False), top_k=2)
    assert html.count("<article") == 2
    assert "logit <b>" not in html


def test_every_notice_is_shown() -> None:
    shown = without_tags(comparison(search_result((1,), notices=("First.", "Second.")), top_k=1))
    assert "First." in shown
    assert "Second." in shown


def test_a_notice_is_announced_to_who_cannot_see_it() -> None:
    assert 'role="status">Mind this.</p>' in notice("Mind this.")


def test_the_strip_has_every_stage_and_the_total_as_measured() -> None:
    stages = (StageTime("embed", 0.012, 1), StageTime("score", 0.3, 30, 5412, 12, cold=True))
    shown = without_tags(timing_strip(search_result((1,), stages=stages)))
    assert "embed 12 ms" in shown
    assert "score 300 ms 30 pairs, 5,412 tokens cold 12 cached" in shown
    assert "total 100 ms" in shown


def test_the_bar_is_in_proportion_to_the_times() -> None:
    stages = (StageTime("embed", 0.02), StageTime("score", 0.07))
    shares = re.findall(r"width:([\d.]+)%", timing_strip(search_result((1,), stages=stages)))
    assert [float(share) for share in shares] == [20, 70], "in hundredths of the total"
