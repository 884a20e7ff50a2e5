"""Repeating a question: every time really measured, in a turn of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from files import text_file

from rag.errors import QueryError
from rag.inspect.repeat import MOST_TIMES, Repeats, repeat
from rag.records import SearchResult, StageTime
from rag.service import Service

COLLECTION = "repeated"
ITALIAN = "Quale pompa ha bisogno di una valvola nuova prima dell'inverno?"
STAGES = ["queue", "embed", "search", "tokenize", "score", "sort", "duplicates"]


@pytest.fixture(scope="module")
def result(service: Service) -> SearchResult:
    files = [text_file(f"{n}.txt", f"Pump {n} needs a new valve before winter.") for n in range(4)]
    service.library.ingest(files, collection=COLLECTION)
    return service.pipeline.search("which pump?", collection=COLLECTION, retrieve_k=30)


def runs(*seconds: float) -> Repeats:
    return Repeats(tuple((StageTime("score", s, 30, 1000),) for s in seconds), tuple(seconds))


def test_every_repetition_computes_every_score(service: Service, result: SearchResult) -> None:
    repeats = repeat(service.pipeline, result, times=3, reranker="local")
    assert [[stage.stage for stage in run] for run in repeats.runs] == [STAGES] * 3
    score = [stage for run in repeats.runs for stage in run if stage.stage == "score"]
    assert [(stage.items, stage.cached) for stage in score] == [(4, 0)] * 3
    assert all(None not in stage.each for stage in score)


def test_a_fused_order_is_repeated_with_its_searches_and_a_pure_one_without_the_fusion(
    service: Service, result: SearchResult
) -> None:
    ask = partial(service.pipeline.search, ITALIAN, collection=COLLECTION, retrieve_k=30)
    for fused, pure in ((ask(), False), (ask(order="reranker"), True)):
        repeats = repeat(service.pipeline, fused, times=1, reranker="local")
        assert [stage.stage for stage in repeats.runs[0]] == [
            *("queue", "embed", "search", "lexical", "phrasing", "fuse", "tokenize", "score", "sort"),
            *([] if pure else ["order"]),
            "duplicates",
        ]


def test_the_spread_of_each_stage_and_of_the_whole_was_measured(
    service: Service, result: SearchResult
) -> None:
    repeats = repeat(service.pipeline, result, times=4, reranker="local")
    by_name = {spread.stage: spread for spread in repeats.stages}
    assert list(by_name) == STAGES
    scored = sorted(stage.seconds for run in repeats.runs for stage in run if stage.stage == "score")
    assert (by_name["score"].p50, by_name["score"].p95) == (scored[1], scored[3])
    assert repeats.total.p95 == max(repeats.totals) >= by_name["score"].p95


def test_percentiles_are_nearest_ranks() -> None:
    (score,) = runs(*(n / 100 for n in range(20, 0, -1))).stages
    assert (score.p50, score.p95) == (0.10, 0.19)
    assert runs(0.3).total.p50 == runs(0.3).total.p95 == 0.3


def test_a_stage_that_did_not_always_run_took_no_time_then() -> None:
    repeats = Repeats(((StageTime("load", 2.0), StageTime("score", 1.0)), (StageTime("score", 1.0),)), (3, 1))
    load, _ = repeats.stages
    assert (load.stage, load.p50, load.p95) == ("load", 0.0, 2.0)


def test_tokens_per_second_are_all_tokens_in_all_the_time_of_scoring() -> None:
    assert runs(0.5, 1.5).tokens_per_second == 1000
    assert Repeats(((StageTime("network", 1.0, 30),),), (1.0,)).tokens_per_second is None


def test_without_reranking_only_the_retriever_is_timed(service: Service, result: SearchResult) -> None:
    repeats = repeat(service.pipeline, result, times=2, reranker="none")
    assert "score" not in {stage.stage for run in repeats.runs for stage in run}
    assert repeats.tokens_per_second is None


def test_others_have_their_turn_between_two_repetitions(service: Service, result: SearchResult) -> None:
    begun, ended = threading.Event(), list[int]()

    def pulse(_stage: str, done: int, _of: int) -> None:
        ended.append(done)
        begun.set()

    with ThreadPoolExecutor(1) as thread:
        repeating = thread.submit(repeat, service.pipeline, result, times=30, reranker="local", pulse=pulse)
        assert begun.wait(10)
        service.pipeline.search("which valve?", collection=COLLECTION, retrieve_k=1)
        answered_after = ended[-1]
        assert len(repeating.result(60).runs) == 30
    assert answered_after < 29


def test_who_waits_hears_how_many_are_done_and_can_give_up(service: Service, result: SearchResult) -> None:
    heard: list[tuple[str, int, int]] = []

    def pulse(stage: str, done: int, of: int) -> None:
        heard.append((stage, done, of))
        if done == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        repeat(service.pipeline, result, times=5, reranker="local", pulse=pulse)
    assert sorted(set(heard)) == [("repeat", 0, 5), ("repeat", 1, 5), ("repeat", 2, 5)]
    assert service.pipeline.gate.in_use == 0


def test_a_question_that_finds_other_passages_now_is_not_repeated(service: Service) -> None:
    service.library.ingest([text_file("a.txt", "A pump.")], collection="changing")
    before = service.pipeline.search("pump?", collection="changing", retrieve_k=1)
    (document,) = service.library.documents("changing")
    service.library.delete(document.id, collection="changing")
    service.library.ingest([text_file("b.txt", "Another pump.")], collection="changing")
    with pytest.raises(QueryError, match="'changing' has changed since"):
        repeat(service.pipeline, before, times=2, reranker="local")


@pytest.mark.parametrize("times", [0, -1, MOST_TIMES + 1])
def test_a_number_of_repetitions_out_of_range_is_refused(
    service: Service, result: SearchResult, times: int
) -> None:
    with pytest.raises(QueryError, match=f"found {times}"):
        repeat(service.pipeline, result, times=times, reranker="local")
