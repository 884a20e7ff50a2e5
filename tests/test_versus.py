"""Two rerankers on the same candidates: how their orders differ, and what is said of it."""

from collections.abc import Iterator

import pytest
from files import text_file
from machine import export_copy

from rag.config import DEFAULT_RERANKER, Settings
from rag.inspect.differences import Difference, Differences, Verdict, difference, verdict
from rag.inspect.versus import Choice, choices, compare, duel, precisions
from rag.service import Service, build

OTHER = "another/reranker"
CHUNKS = tuple(f"c{n}" for n in range(12))
SWAPPED = (CHUNKS[1], CHUNKS[0], *CHUNKS[2:])
TEXTS = {
    "bread.txt": "The dough rests for ninety minutes under a damp cloth.",
    "boiler.txt": "If the boiler stops, read the pressure gauge and open the filling tap.",
    "clocks.txt": "The tower clock of the museum strikes every quarter of an hour.",
}
QUERIES = ("How long does the dough rest?", "What strikes every quarter of an hour?")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a second reranker on its machine: the same model, which reads less of each passage."""
    home = tmp_path_factory.mktemp("versus")
    export_copy(home / "models", OTHER, task="rerank")
    made = build(Settings(home=home, model_cache=home / "models", threads=2))
    made.library.ingest([text_file(*item) for item in TEXTS.items()], collection="c")
    yield made
    made.close()


def judged(*changes: float, a: float = 0.5) -> Differences:
    """Differences of which only nDCG@10 is of interest."""
    same = difference("q", CHUNKS, CHUNKS)
    return Differences(
        "fp32",
        "int8",
        tuple(
            Difference(f"q{n}", same.agreement, True, True, 0, (a, a + change))
            for n, change in enumerate(changes)
        ),
    )


def said(found: Differences) -> Verdict:
    given = verdict(found)
    assert given is not None
    return given


def test_the_same_order_differs_in_nothing() -> None:
    found = difference("q", CHUNKS, CHUNKS)
    assert (found.same_first, found.same_top, found.largest_change) == (True, True, 0)
    assert found.ndcg is None


def test_a_chunk_that_falls_out_of_the_top_is_another_top_and_its_way_is_the_largest_change() -> None:
    fallen = (*CHUNKS[1:], CHUNKS[0])
    found = difference("q", CHUNKS, fallen)
    assert (found.same_first, found.same_top, found.largest_change) == (False, False, 11)


def test_a_question_is_measured_only_where_something_relevant_is_judged() -> None:
    assert difference("q", CHUNKS, SWAPPED, {"c5": 0}).ndcg is None
    change = difference("q", CHUNKS, SWAPPED, {"c0": 1}).ndcg_change
    assert change == pytest.approx(0.6309 - 1, abs=1e-4)  # from rank 1 to rank 2: 1 / log2(3)


def test_without_a_question_there_is_no_verdict() -> None:
    assert verdict(Differences("a", "b", ())) is None


def test_equal_orders_are_safe_and_the_words_say_what_that_leaves_open() -> None:
    alike = Differences("a", "b", tuple(difference(f"q{n}", CHUNKS, CHUNKS) for n in range(30)))
    given = said(alike)
    assert (given.level, given.sentence[:4]) == ("same", "Yes:")
    assert (
        "another chunk for 0 of 30 questions. Of all questions like these, up to 10% may differ"
        in (given.because[0])
    )


def test_where_orders_differ_and_nobody_judged_it_is_open_which_is_right() -> None:
    questions = tuple(difference(f"q{n}", CHUNKS, SWAPPED) for n in range(10))
    given = said(Differences("a", "b", questions))
    assert given.level == "open"
    assert "no question is judged" in given.because[-1]


def test_one_question_in_twenty_with_another_first_chunk_is_nearly_the_same() -> None:
    questions = [difference(f"q{n}", CHUNKS, CHUNKS) for n in range(19)]
    given = said(Differences("a", "b", (*questions, difference("q", CHUNKS, SWAPPED))))
    assert (given.level, given.sentence.split(":")[0]) == ("same", "Nearly")


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ((-0.2, -0.1, -0.3, -0.2, -0.1), "worse"),
        ((0.2, 0.1, 0.3, 0.2, 0.1), "better"),
        ((0.0, 0.001, -0.001, 0.002, -0.002), "same"),
        ((-0.001, -0.002, -0.001, -0.002, -0.001), "same"),  # surely less, by what is taken for none
        ((-0.3, 0.3, -0.2, 0.2, 0.0), "open"),
    ],
)
def test_judged_questions_decide(changes: tuple[float, ...], level: str) -> None:
    given = said(judged(*changes, *changes))
    assert given.level == level
    assert "10 judged questions" in given.because[-1]


def test_equal_measures_are_said_to_be_equal_on_these_questions_and_no_more() -> None:
    given = said(judged(*[0.0] * 10))
    assert given.sentence == "Yes: on 10 judged questions, nDCG@10 is the same for both."
    assert given.because[-1].endswith("Of all questions like these, up to 26% may differ (95%).")


def test_few_judged_questions_decide_nothing() -> None:
    given = said(judged(*[-0.3] * 9))
    assert given.level == "same"  # by the orders, which are alike
    assert "a change of -0.300" in given.because[-1]


def test_of_fewer_candidates_than_ten_the_whole_top_is_the_same() -> None:
    few = CHUNKS[:3]
    given = said(Differences("a", "b", (difference("q", few, few[::-1]),)))
    assert "other chunks for 0 of 1 question; on average 100.0% of them are the same." in given.because[1]


def test_both_rerankers_get_the_same_candidates(two: Service) -> None:
    found = duel(two, QUERIES[0], DEFAULT_RERANKER, OTHER, collection="c", retrieve_k=3)
    ids = {hit.passage.chunk_id for hit in found.retrieved.retrieved}
    assert len(ids) == 3
    assert ids == set(found.a.chunks) == set(found.b.chunks)
    assert (found.a.model.id, found.b.model.id) == (DEFAULT_RERANKER, OTHER)


def test_without_a_reranker_the_order_is_the_retrievers_and_its_model_the_embedder(two: Service) -> None:
    found = duel(two, QUERIES[0], DEFAULT_RERANKER, "none", collection="c", retrieve_k=3)
    assert found.b.chunks == tuple(hit.passage.chunk_id for hit in found.retrieved.retrieved)
    assert (found.b.model, found.b.reranking) == (found.retrieved.embedder, None)
    assert not any("turned off" in notice for notice in found.notices)


def test_anew_every_score_is_computed_by_both(two: Service) -> None:
    known, anew = (
        duel(two, QUERIES[0], DEFAULT_RERANKER, OTHER, collection="c", retrieve_k=3, fresh=fresh)
        for fresh in (False, True)
    )
    for side in (anew.a, anew.b):
        assert side.reranking
        assert sum(stage.cached for stage in side.reranking.stages) == 0
    assert known.a.chunks == anew.a.chunks


def test_all_questions_are_compared_and_every_ranking_is_told(two: Service) -> None:
    told: list[tuple[int, int]] = []
    a, b, *_ = choices(two, "c")
    best = duel(two, QUERIES[0], a.reference, b.reference, collection="c", retrieve_k=3).a.chunks[0]
    found = compare(
        two,
        QUERIES,
        a,
        b,
        collection="c",
        retrieve_k=3,
        grades={QUERIES[0]: {best: 3}},
        pulse=lambda stage, done, of: told.append((done, of)) if stage != "queue" else None,
    )
    assert [question.query for question in found.questions] == list(QUERIES)
    assert [question.ndcg is not None for question in found.questions] == [True, False]
    assert told == sorted(told)
    assert told[-1] == (6, 6)


def test_what_answers_comes_first_and_no_reranking_last(two: Service) -> None:
    offered = choices(two, "c")
    assert [choice.reference for choice in offered] == [DEFAULT_RERANKER, OTHER, "none"]
    assert len({choice.identity for choice in offered}) == 3


def test_two_precisions_of_one_model_are_a_pair_in_this_order() -> None:
    int8, fp32 = Choice("m/one", "one, int8", "1", "int8"), Choice("m/one@fp32", "one, fp32", "2", "fp32")
    alone, nobody = Choice("m/two@fp32", "two", "3", "fp32"), Choice("none", "No reranking", "4")
    assert precisions([int8, alone, nobody, fp32]) == ((fp32, int8),)
