"""The answer above the columns: text that stays text, numbers that lead to cards, and what decided it."""

import re
from dataclasses import replace
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import search_result

from rag.answers.prompt import NOT_ANSWERED
from rag.outcomes import Answer, AnswerSentence, Citation
from rag.records import SearchResult, StageTime
from rag.ui.comparison.answer_html import UNCITED_HELP, answer_panel, answer_underway

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=x> ![x](http://x) [l](javascript:x) $x^2$ :red[x] **b**"
)
QUOTED = Answer(
    "quoted",
    (
        AnswerSentence("The dough rests.", (Citation("chunk-3", 0, 16),), logit=4.5),
        AnswerSentence(
            "It rests long.", (Citation("chunk-1", 0, 14), Citation("chunk-3", 20, 34)), logit=2.25
        ),
    ),
    answered=True,
    model="maker/reranker",
    best_logit=4.5,
    threshold=1.5,
)
WRITTEN = Answer(
    "written",
    (
        AnswerSentence("It rests.", (Citation("chunk-3"),), logit=5.0),
        AnswerSentence("The moon is cheese.", (), supported=False),
    ),
    answered=True,
    model="writer-3b",
    threshold=2.0,
    text="It rests [1]. The moon is cheese.",
)


def answered(answer: Answer, order: tuple[int, ...] = (3, 1, 2), rerank: bool = True) -> SearchResult:
    result = search_result(order, rerank=rerank)
    return replace(result, answer=answer, stages=(*result.stages, StageTime("answer", 0.75, 12)))


def without_tags(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("(?s)<style>.*?</style>|<[^>]*>", "", html)))


def test_without_an_answer_there_is_no_panel() -> None:
    assert answer_panel(search_result((1,))) == ""


def test_a_quoted_answer_has_its_sentences_the_threshold_and_its_time() -> None:
    shown = without_tags(answer_panel(answered(QUOTED)))
    assert "quoted from the documents" in shown
    assert "The dough rests. 1 logit 4.500" in shown
    assert "Best sentence: logit 4.500; an answer needs 1.500." in shown
    assert "maker/reranker · 750 ms" in shown


def test_a_number_is_the_rank_of_the_card_that_it_leads_to() -> None:
    html = answer_panel(answered(QUOTED))
    numbers = re.findall(r'data-c="(\d)" data-goto="(chunk-\d)"[^>]*>(\d)</button>', html)
    assert numbers[:3] == [("3", "chunk-3", "1"), ("1", "chunk-1", "2"), ("3", "chunk-3", "1")]
    assert 'title="Rank 1, book.txt: go to its card"' in html


def test_without_reranking_a_number_is_the_retrieved_rank() -> None:
    html = answer_panel(answered(QUOTED, (1, 2, 3), rerank=False))
    assert 'data-goto="chunk-3"' in html
    assert re.findall(r'data-goto="chunk-3"[^>]*>(\d)<', html)[0] == "3"


def test_each_source_is_named_once_in_the_order_of_the_ranks() -> None:
    sources = answer_panel(answered(QUOTED)).partition('class="rl-sources"')[2]
    assert re.findall(r'data-goto="(chunk-\d)"', sources) == ["chunk-3", "chunk-1"]
    assert "book.txt page 2 · One › Two" in without_tags(sources)


def test_a_citation_and_its_cards_light_each_other_up() -> None:
    html = answer_panel(answered(QUOTED))
    assert (
        'body:has(.rl-cite[data-c="3"]:is(:hover,:focus-visible)) .rl-linked [data-c="3"]{--rl-on:1}' in html
    )
    assert (
        'body:has(.rl-linked [data-c="3"]:is(:hover,:focus-within)) .rl-cite[data-c="3"]{--rl-on:1}' in html
    )


def test_documents_that_do_not_answer_are_said_not_to_and_the_nearest_sentences_are_folded() -> None:
    html = answer_panel(answered(replace(QUOTED, answered=False, best_logit=-2.5)))
    assert "The documents do not answer this. Best sentence: logit -2.500; an answer needs 1.500." in (
        without_tags(html)
    )
    (folded,) = re.findall("<details.*?</details>", html)
    assert "The dough rests." in folded
    assert "rl-sources" in folded


def test_a_quoted_sentence_that_would_be_no_answer_by_itself_says_so() -> None:
    weak = replace(QUOTED.sentences[1], logit=-0.5)
    html = answer_panel(answered(replace(QUOTED, sentences=(QUOTED.sentences[0], weak))))
    first, second = re.findall(r'<p class="(rl-sentence.*?)</p>', html)
    assert "below the threshold" in second
    assert "below the threshold" not in first


def test_what_nothing_supports_is_marked_by_more_than_a_colour() -> None:
    html = answer_panel(answered(WRITTEN))
    first, second = re.findall(r'<p class="(rl-sentence.*?)</p>', html)
    assert "rl-unsupported" in second
    assert "not supported" in second
    assert "not supported" not in first
    assert "1 of 2 sentences supported" in without_tags(html)


def test_a_model_that_finds_no_answer_is_taken_at_its_word() -> None:
    none = replace(WRITTEN, answered=False, sentences=(), text=NOT_ANSWERED)
    shown = without_tags(answer_panel(answered(none)))
    assert "The documents do not answer this." in shown
    assert "supported" not in shown


def test_a_text_without_a_sentence_says_nothing_about_the_documents() -> None:
    shown = without_tags(answer_panel(answered(replace(WRITTEN, answered=False, sentences=(), text="[7]"))))
    assert "There is no answer." in shown
    assert "documents do not" not in shown


def test_what_a_model_writes_beside_its_refusal_is_not_called_the_nearest() -> None:
    html = answer_panel(answered(replace(WRITTEN, answered=False, text=f"It rests. {NOT_ANSWERED}")))
    assert "What it wrote all the same" in html
    assert "nearest sentences" not in html


def test_what_was_not_checked_is_not_said_to_be_unsupported() -> None:
    sentences = (replace(WRITTEN.sentences[0], logit=None, supported=False), WRITTEN.sentences[1])
    html = answer_panel(answered(replace(WRITTEN, sentences=sentences, threshold=None)))
    first, second = re.findall(r'<p class="(rl-sentence.*?)</p>', html)
    assert "not checked" in first
    assert UNCITED_HELP in second
    assert "supported by the passages" not in html


def test_what_the_reader_must_know_is_said() -> None:
    assert "It broke off." in without_tags(
        answer_panel(answered(replace(WRITTEN, notices=("It broke off.",))))
    )


def test_a_citation_of_a_passage_that_was_not_found_is_no_number() -> None:
    foreign = replace(QUOTED.sentences[0], citations=(Citation("chunk-99"),))
    assert "<button" not in answer_panel(answered(replace(QUOTED, sentences=(foreign,))))


@pytest.mark.parametrize("supported", [True, False])
def test_nothing_that_a_model_writes_becomes_markup(supported: bool) -> None:
    sentence = AnswerSentence(HOSTILE, (Citation("chunk-1"),), 1.0, supported)
    hostile = replace(WRITTEN, sentences=(sentence,), model=HOSTILE, notices=(HOSTILE,), text=HOSTILE)
    html = answer_panel(answered(hostile))
    assert escape(HOSTILE) in html
    assert not re.search("<(script|img|a)[ >]", html)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_written_so_far_is_shown_verbatim(text: str) -> None:
    html = answer_underway("written", "The language model writes.", text)
    assert escape(text) in html
    assert 'aria-busy="true"' in html
