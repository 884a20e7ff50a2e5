"""The cards show every character as it is, and every number as it was measured."""

import re
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import search_result

from rag.records import StageTime
from rag.ui.cards import comparison, highlighted, timing_strip

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


def test_without_reranking_the_left_column_stands_alone() -> None:
    html = comparison(search_result((1, 2), rerank=False), top_k=2)
    assert html.count("<article") == 2
    assert "logit <b>" not in html


def test_every_notice_is_shown() -> None:
    shown = without_tags(comparison(search_result((1,), notices=("First.", "Second.")), top_k=1))
    assert "First." in shown
    assert "Second." in shown


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
