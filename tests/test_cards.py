"""The cards show every character as it is, and every number as it was measured."""

import re
from dataclasses import replace
from html import escape, unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import REMOTE, search_result

from rag.charts import css
from rag.evidence import Judgment
from rag.page_links import PageLink, is_signed
from rag.records import SearchResult, StageTime
from rag.ui.comparison.cards import comparison, notice
from rag.ui.comparison.grading_html import Verdict
from rag.ui.comparison.movements import Movements
from rag.ui.numbers_html import (
    BY_LOGIT,
    BY_RELEVANCE,
    COSINE_HELP,
    LOGIT_HELP,
    RELEVANCE_HELP,
    SIGMOID_HELP,
    SIMILARITY_HELP,
    meanings,
)
from rag.ui.passage_html import differences, highlighted
from rag.ui.timing_html import timing_strip

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


def with_duplicates(order: tuple[int, ...], texts: dict[int, str], **same: tuple[int, float]) -> SearchResult:
    """A result whose hits, by their retrieved rank, have these texts; `same` says which are alike."""
    result = search_result(order, text=ONE)
    passages = {hit.rank: replace(hit.passage, text=texts.get(hit.rank, ONE)) for hit in result.retrieved}
    retrieved = tuple(replace(hit, passage=passages[hit.rank]) for hit in result.retrieved)
    reranked = tuple(replace(hit, passage=passages[hit.retrieved_rank]) for hit in result.reranked)
    first, *others = retrieved
    marked = [
        replace(hit, duplicate_of=same[f"r{hit.rank}"][0], similarity=same[f"r{hit.rank}"][1])
        if f"r{hit.rank}" in same
        else hit
        for hit in others
    ]
    return replace(result, retrieved=(first, *marked), reranked=reranked)


ONE = "Turn the valve to the left."


def test_who_says_the_same_lies_folded_under_the_first_with_its_rank_and_source() -> None:
    html = comparison(with_duplicates((1, 2, 3), {2: "Another."}, r3=(1, 1.0)), top_k=3)
    left = html.partition("Reranked ·")[0]
    assert left.count("<article") == 2
    (folded,) = re.findall(r'<details class="rl-twins">.*?</article>', left)
    assert "×2 the same text at rank 3" in without_tags(folded)
    assert "3" in re.findall(r'<span class="rl-rank">(\d+)</span>', folded)
    assert "book.txt page 2" in without_tags(folded)
    assert "3 of 3" in without_tags(left), "nothing is taken away: the folded ones count"


def test_what_nearly_says_the_same_shows_how_near_it_is_and_each_word_that_differs() -> None:
    html = comparison(with_duplicates((1, 2), {2: "Turn the tap to the <left>."}, r2=(1, 0.9873)), top_k=2)
    folded = html.partition("Reranked ·")[0].partition('<details class="rl-twins">')[2]
    assert "nearly the same text at rank 2" in without_tags(folded)
    assert "similarity 0.987, 2 words changed" in without_tags(folded)
    assert re.findall("<del>(.*?)</del><ins>(.*?)</ins>", folded) == [
        ("valve", "tap"),
        ("left.", "&lt;left&gt;."),
    ]


def test_a_duplicate_beyond_the_cut_is_not_counted() -> None:
    html = comparison(with_duplicates((1, 2, 3), {2: "Another."}, r3=(1, 1.0)), top_k=2)
    assert "rl-twins" not in html


def test_the_first_of_a_side_is_the_first_there() -> None:
    result = search_result((3, 1, 2), text=ONE)
    same = [replace(hit, duplicate_of=1, similarity=1.0) if hit.rank > 1 else hit for hit in result.reranked]
    right = comparison(replace(result, reranked=tuple(same)), top_k=3).partition("Reranked ·")[2]
    assert "×3 the same text at ranks 2, 3" in without_tags(right)
    assert re.findall(r'class="rl-rank">(\d)<', right) == ["1", "2", "3"]


@given(st.text(), st.text())
def test_marking_what_differs_keeps_every_character(before: str, now: str) -> None:
    html, n_words = differences(before, now)
    kept = re.sub("<del>.*?</del>", "", html, flags=re.DOTALL)
    assert without_tags(kept).rstrip() == now.rstrip()
    assert (n_words == 0) == (before.split() == now.split())


def test_a_page_is_asked_for_no_sooner_than_it_is_opened() -> None:
    result = search_result((1,), name=HOSTILE)
    html = comparison(result, top_k=1, drawable={result.retrieved[0].passage.document_id})
    shown = re.findall(r'<details class="rl-page"><summary>Page 2</summary><img ([^>]*)>', html)
    assert len(shown) == 2
    assert all('loading="lazy"' in image and f'alt="Page 2 of {escape(HOSTILE)}' in image for image in shown)
    (source,) = set(re.findall('src="([^"]*)"', html))
    address = urlsplit(unescape(source))
    asked = {name: value for name, (value,) in parse_qs(address.query).items()}
    assert address.path == f"api/documents/{'0' * 64}/pages/2"
    assert is_signed(PageLink("shelf", "0" * 64, 2, 0, len("A text.")), asked["signature"])


def test_a_document_without_its_file_has_no_page_to_open() -> None:
    assert "<img" not in comparison(search_result((1,)), top_k=1)
    assert "<img" not in comparison(search_result((1,)), top_k=1, drawable={"another"})


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
    assert meanings(search_result((1,))) == (COSINE_HELP, LOGIT_HELP, SIGMOID_HELP, BY_LOGIT)
    assert meanings(search_result((1,), relevances=(0.5,))) == (COSINE_HELP, RELEVANCE_HELP, BY_RELEVANCE)
    assert meanings(search_result((1,), rerank=False)) == (COSINE_HELP,)
    alike = with_duplicates((1, 2), {}, r2=(1, 1.0))
    assert meanings(replace(alike, reranked=())) == (COSINE_HELP, SIMILARITY_HELP)


def test_every_stage_has_a_colour_and_an_explanation_of_its_own() -> None:
    names = (
        "queue",
        "load",
        "embed",
        "search",
        "tokenize",
        "score",
        "sort",
        "network",
        "server",
        "duplicates",
        "lexical",
        "phrasing",
        "fuse",
        "order",
        "answer",
        "write",
        "support",
    )
    colours = [re.findall(rf"--rl-{name}: (light-dark\(.*?\));", css()) for name in names]
    assert len({colour for (colour,) in colours}) == len(names)
    assert all(
        f".rl-bar-{name} {{ background: var(--rl-{name}); fill: var(--rl-{name}); }}" in css()
        for name in names
    )
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


def test_the_flow_and_both_cards_of_a_candidate_share_a_key() -> None:
    html = comparison(search_result((3, 1, 2)), top_k=3)
    for key in ("1", "2", "3"):
        assert html.count(f' data-c="{key}"') == 3
        assert f'.rl-linked:has([data-c="{key}"]' in html


def test_candidates_without_a_card_have_a_line() -> None:
    html = comparison(search_result(range(20, 0, -1)), top_k=2)
    assert html.count("<article") == 4
    assert len(re.findall(r'<g [^>]*data-c="', html)) == 20


def test_without_reranking_there_is_no_flow() -> None:
    assert "rl-middle" not in comparison(search_result((1, 2), rerank=False), top_k=2)


def test_a_filter_shows_those_that_crossed_the_cut_and_fades_the_lines_of_the_others() -> None:
    result = search_result((3, 1, 2, 4))
    entered = comparison(result, top_k=2, movements=Movements(entered=True))
    assert re.findall(r'<article[^>]* data-chunk="chunk-(\d)"', entered) == ["3"]
    left = comparison(result, top_k=2, movements=Movements(left=True))
    assert re.findall(r'<article[^>]* data-chunk="chunk-(\d)"', left) == ["2"]
    assert entered.count("rl-faint") == left.count("rl-faint") == 3


@pytest.mark.parametrize(
    ("movements", "kept"),
    [
        (Movements(), [(1, 1), (12, 3), (2, 15), (40, 20)]),
        (Movements(at_least=9), [(12, 3), (2, 15), (40, 20)]),
        (Movements(at_least=10), [(2, 15), (40, 20)]),
        (Movements(entered=True), [(12, 3)]),
        (Movements(left=True), [(2, 15)]),
        (Movements(entered=True, left=True), [(12, 3), (2, 15)]),
        (Movements(at_least=10, entered=True, left=True), [(2, 15)]),
    ],
)
def test_movements_are_those_asked_for(movements: Movements, kept: list[tuple[int, int]]) -> None:
    ways = [(1, 1), (12, 3), (2, 15), (40, 20)]
    assert [way for way in ways if movements.include(*way, top_k=10)] == kept


def test_who_says_the_same_as_a_card_that_is_filtered_out_has_a_card_of_its_own() -> None:
    alike = with_duplicates((1, 3, 2), {}, r2=(1, 1.0), r3=(1, 1.0))
    html = comparison(alike, top_k=3, movements=Movements(at_least=1)).partition("Reranked ·")[0]
    assert re.findall(r'<article[^>]* data-chunk="chunk-(\d)"', html) == ["2", "3"]


def verdict(grade: int | None, others: int | None = None) -> Verdict:
    return Verdict(Judgment("a question", "0" * 64, 0, 7, grade), others)


def test_a_card_shows_its_judges_grade_and_that_of_the_others() -> None:
    html = comparison(search_result((1, 2)), top_k=2, verdicts={"chunk-1": verdict(0, others=3)})
    card = html[html.index('data-chunk="chunk-1"') : html.index('data-chunk="chunk-2"')]
    assert re.findall(r'data-grade="(.)" aria-pressed="true"', card) == ["0"]
    assert "others: 3" in card
    assert html.count("rl-judged-bad") == 2
    assert "judged bad, grade 0" in html


def test_who_cannot_judge_leaves_the_line_unjudged() -> None:
    html = comparison(search_result((1,)), top_k=1, verdicts={"chunk-1": verdict(None, others=3)})
    assert html.count("rl-judged-unsure") == 2
    assert "not judged" in html


def test_cards_are_graded_only_where_somebody_listens() -> None:
    assert "<button" not in comparison(search_result((1,)), top_k=1)
    gradable = comparison(search_result((1,)), top_k=1, verdicts={})
    assert gradable.count('aria-keyshortcuts="0 1 2 3 x u"') == 2
    assert gradable.count("<button") == 10
