"""The page that puts two rerankers side by side, without a browser."""

import re
from collections.abc import Iterator

import pytest
import recorded
from drawings import drawn
from machine import export_copy
from recorded import QUESTION, run, service, shown, visit
from streamlit.testing.v1 import AppTest

from rag.config import DEFAULT_RERANKER
from rag.evidence import Question
from rag.ui.versus import blind, one_question
from rag.ui.versus import choice as versus_choice

PAGE = "rag/ui/pages/rerankers.py"
COPY = "maker/copy"
CLOCK = "What strikes every quarter of an hour?"
HOSTILE = "<img src=x onerror=hacked()> [dough](javascript:hacked()) **rests**"


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library, on a machine with a second reranker in both precisions; each test fills a collection."""
    home = tmp_path_factory.mktemp("rerankers")
    for quantization in ("int8", "none"):
        export_copy(home / "models", COPY, task="rerank", quantization=quantization)
    with recorded.own_library(home), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_MODEL_CACHE", str(home / "models"))
        yield


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> str:
    """A collection of three texts."""
    return recorded.fill(request.node.name[-60:].replace("_", " ").strip())


def compare(shelf: str, a: str, b: str, view: str = "One question") -> AppTest:
    """The page, with two rerankers chosen."""
    page = visit(shelf).switch_page(PAGE)
    page.session_state[versus_choice.A], page.session_state[versus_choice.B] = a, b
    page.session_state[versus_choice.VIEW] = view
    return run(page)


def ask(page: AppTest, question: str = QUESTION) -> AppTest:
    page.text_input(key=one_question.QUESTION).set_value(question)
    next(button for button in page.button if button.label == "Compare").click()
    return run(page)


def add_questions(shelf: str, *queries: str) -> None:
    service().library.store.questions.add(shelf, [Question(query) for query in queries])


def columns(page: AppTest) -> str:
    """The cards, as HTML."""
    (element,) = page.get("bidi_component")
    return drawn(element)


def test_candidates_that_words_have_found_are_said_to_be_so_and_each_side_has_its_own_order(
    shelf: str,
) -> None:
    html = columns(ask(compare(shelf, DEFAULT_RERANKER, "none"), "Per quanto tempo riposa l'impasto?"))
    by_both = "BAAI/bge-small-en-v1.5 and words, ranks fused"
    assert f"<h3>Retrieved</h3><p>{by_both}</p>" in html
    assert f"the retriever&#x27;s order: {by_both}" in html
    assert html.count("lexical rank") >= 3


def test_an_empty_collection_says_that_documents_come_first() -> None:
    page = visit("nothing here").switch_page(PAGE)
    assert "This collection is empty" in shown(run(page))


def test_the_one_that_answers_is_compared_with_no_reranking_where_it_has_no_other_precision(
    shelf: str,
) -> None:
    page = run(visit(shelf).switch_page(PAGE))
    assert page.selectbox(key=versus_choice.A).value == DEFAULT_RERANKER
    assert page.selectbox(key=versus_choice.B).value == "none"


def test_one_reranker_twice_is_no_comparison(shelf: str) -> None:
    assert "Both are the same." in shown(compare(shelf, COPY, COPY))


def test_three_columns_hold_the_same_candidates_with_agreement_and_each_ones_time(shelf: str) -> None:
    page = ask(compare(shelf, DEFAULT_RERANKER, "none"))
    html, said = columns(page), shown(page)
    assert html.count('<section class="rl-column"') == 3
    assert html.count("bread.txt") == html.count("clocks.txt") == 3
    assert "of the top 3 are the same" in said
    assert "takes no time of its own" in said
    assert "Reranking was turned off" not in said


def test_a_text_from_outside_is_shown_and_never_drawn(shelf: str) -> None:
    page = ask(compare(shelf, DEFAULT_RERANKER, "none"), HOSTILE)
    assert "<img" not in columns(page)
    assert not any("hacked" in each.value for each in page.markdown)


def test_a_question_that_cannot_be_asked_is_said_to_be_so(shelf: str) -> None:
    assert "That did not work" in shown_with_markdown(ask(compare(shelf, DEFAULT_RERANKER, "none"), " "))


def shown_with_markdown(page: AppTest) -> str:
    return " ".join([shown(page), *(each.value for each in page.markdown)])


def test_without_questions_there_is_nothing_to_compare_on(shelf: str) -> None:
    said = shown(compare(shelf, DEFAULT_RERANKER, "none", "All questions"))
    assert "has no questions yet" in said


def test_where_only_one_precision_is_here_the_command_that_exports_the_other_is_said(shelf: str) -> None:
    page = compare(shelf, DEFAULT_RERANKER, "none", "All questions")
    assert f"python -m rag models export {DEFAULT_RERANKER} --quantize none" in [c.value for c in page.code]


def test_whether_int8_is_safe_is_said_over_all_questions(shelf: str) -> None:
    add_questions(shelf, QUESTION, CLOCK)
    page = compare(shelf, DEFAULT_RERANKER, "none", "All questions")
    page.button(key=f"versus_precisions {COPY}@fp32").click()
    run(page)
    assert page.selectbox(key=versus_choice.A).value == f"{COPY}@fp32"
    page.button(key="versus_compare").click()
    said = shown(run(page))
    assert "Is int8 safe on my documents?" in said
    assert "Yes: for all 2 questions, both put the same chunk first" in said
    assert "nDCG@10: no question is judged" in said
    (table,) = page.dataframe
    assert table.value["Question"].to_list() == [QUESTION, CLOCK]


def test_judged_questions_are_measured_for_both(shelf: str) -> None:
    add_questions(shelf, QUESTION, CLOCK)
    recorded.judge(shelf, {"bread.txt": 3})
    page = compare(shelf, DEFAULT_RERANKER, "none", "All questions")
    page.button(key="versus_compare").click()
    assert "nDCG@10 on 1 judged question: 1.000 and" in shown(run(page))


def begin_vote(shelf: str, *queries: str, cards: int = 3) -> AppTest:
    add_questions(shelf, *queries)
    page = compare(shelf, DEFAULT_RERANKER, "none", "Blind vote")
    page.number_input(key=blind.CARDS).set_value(cards)
    run(page).button(key="versus_next").click()
    return run(page)


def vote_for(page: AppTest, choice: str) -> AppTest:
    (label,) = [label for each, label, _ in blind.VOTES if each == choice]
    next(button for button in page.button if button.label == label).click()
    return run(page)


def differing(shelf: str) -> tuple[str, ...]:
    """Questions on which the retriever and the reranker put the three texts into different orders."""
    candidates = (QUESTION, CLOCK, "pressure", "water", "an hour", "evening", "What stops?", "tower oven")
    results = [recorded.answer(shelf, query) for query in candidates]
    return tuple(
        result.query
        for result in results
        if [hit.retrieved_rank for hit in result.reranked] != list(range(1, len(result.reranked) + 1))
    )


def test_names_scores_and_times_are_hidden_until_the_vote(shelf: str) -> None:
    page = begin_vote(shelf, differing(shelf)[0])
    html = columns(page)
    assert html.count('<section class="rl-column"') == 2
    for told in ("logit", "cosine", "sigmoid", " ms", "MiniLM", "bge", "up ", "down "):
        assert told not in html
    assert not page.subheader, "no results while somebody decides"


@pytest.mark.parametrize("choice", ["a", "b", "both_good", "both_bad"])
def test_a_vote_is_kept_for_who_stood_on_that_side_and_the_names_are_revealed(
    shelf: str, choice: str
) -> None:
    page = begin_vote(shelf, differing(shelf)[0])
    side_a = re.findall('data-chunk="([^"]*)"', columns(page).partition('aria-label="B"')[0])
    said = shown(vote_for(page, choice))
    (vote,) = service().library.store.votes.of(shelf)
    result = recorded.answer(shelf, vote.query)
    reranker_is_a = [hit.passage.chunk_id for hit in result.reranked] == side_a
    preferred = vote.a if vote.choice == "a" else vote.b
    if choice in ("a", "b"):
        assert (preferred == result.reranker) == (reranker_is_a == (choice == "a"))
    else:
        assert vote.choice == choice
    shown_as_a = f"{DEFAULT_RERANKER}, int8" if reranker_is_a else "No reranking"
    assert f"A was {shown_as_a}" in said
    assert "Votes on each reranker" in said


def test_a_question_is_voted_on_once_and_one_without_a_difference_never(shelf: str) -> None:
    queries = differing(shelf)[:2]
    page = begin_vote(shelf, *queries)
    for _ in queries:
        vote_for(page, "both_good").button(key="versus_next").click()
        run(page)
    assert "No question is left" in shown(page)
    assert [vote.query for vote in service().library.store.votes.of(shelf)] == list(queries)
