"""What the page says about a result is true of it, in every case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import LOCAL, REMOTE, search_result

from rag.models.manifest import Manifest, Parity, Quantization, Reading, Task
from rag.models.progress import Progress
from rag.records import ModelInfo, StageTime
from rag.wording import (
    after_reranking,
    after_retrieval,
    busy,
    named,
    parity_in_words,
    place,
    progress_in_words,
    reranker_label,
    stage_counts,
    stage_marks,
    summary,
    underway,
)


@pytest.mark.parametrize(
    ("order", "top_k", "sentence"),
    [
        ((1, 2, 3), 3, "Reranking left the top 3 as it was."),
        ((1, 2, 4, 3), 2, "Reranking left the top 2 as it was."),
        ((2, 1, 3), 3, "The top 3 are the same, reordered; the first came from rank 2."),
        ((1, 3, 2), 3, "The top 3 are the same, reordered; the first stayed first."),
        ((4, 2, 3, 1), 3, "1 of the top 3 is new; the first came from rank 4."),
        ((1, 4, 5, 2, 3), 3, "2 of the top 3 are new; the first stayed first."),
    ],
)
def test_the_sentence_says_what_reranking_did(order: tuple[int, ...], top_k: int, sentence: str) -> None:
    assert summary(search_result(order), top_k) == sentence


def test_with_fewer_hits_than_cards_the_sentence_counts_the_hits() -> None:
    assert (
        summary(search_result((2, 1)), 10) == "The top 2 are the same, reordered; the first came from rank 2."
    )


def test_without_reranking_the_sentence_says_so() -> None:
    assert summary(search_result((1, 2), rerank=False), 2) == "This is the retriever's order."


def test_without_hits_the_sentence_says_so() -> None:
    assert "Nothing was retrieved" in summary(search_result(()), 10)


@given(st.permutations(range(1, 9)), st.integers(1, 10))
def test_the_sentence_counts_the_new_ones_right(order: list[int], top_k: int) -> None:
    new = {retrieved for retrieved in order[:top_k] if retrieved > top_k}
    sentence = summary(search_result(order), top_k)
    assert (f"{len(new)} of the top {top_k}" in sentence) == bool(new)


@pytest.mark.parametrize(
    ("retrieved", "now", "direction", "mark"),
    [(5, 2, "up", "to 2"), (2, 5, "down", "to 5"), (3, 3, "same", "stays"), (1, 12, "out", "out, now 12")],
)
def test_a_retrieved_card_says_where_it_went(retrieved: int, now: int, direction: str, mark: str) -> None:
    movement = after_retrieval(retrieved, {retrieved: now}, 10)
    assert movement is not None
    assert (movement.direction, movement.mark) == (direction, mark)


def test_a_retrieved_card_says_nothing_when_nothing_was_reranked() -> None:
    assert after_retrieval(1, {}, 10) is None


@pytest.mark.parametrize(
    ("order", "rank", "direction", "mark"),
    [
        ((3, 1, 2), 1, "up", "up 2"),
        ((2, 3, 1), 3, "down", "down 2"),
        ((2, 1, 3), 3, "same", "same"),
        ((4, 1, 2, 3), 1, "new", "new, from 4"),
    ],
)
def test_a_reranked_card_says_where_it_came_from(
    order: tuple[int, ...], rank: int, direction: str, mark: str
) -> None:
    movement = after_reranking(search_result(order).reranked[rank - 1], 3)
    assert (movement.direction, movement.mark) == (direction, mark)


@given(st.permutations(range(1, 9)), st.integers(1, 10))
def test_both_columns_tell_the_same_story(order: list[int], top_k: int) -> None:
    result = search_result(order)
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    for hit in result.reranked[:top_k]:
        if hit.retrieved_rank <= top_k:
            went = after_retrieval(hit.retrieved_rank, ranks_now, top_k)
            assert went is not None
            assert went.direction == after_reranking(hit, top_k).direction
    # As many left the top as came into it.
    gone = [after_retrieval(rank, ranks_now, top_k) for rank in range(1, min(top_k, 8) + 1)]
    came = [after_reranking(hit, top_k).direction for hit in result.reranked[:top_k]]
    assert [m.direction for m in gone if m].count("out") == came.count("new")


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (LOCAL, "reranker (local)"),
        (REMOTE, "elsewhere (remote)"),
        (replace(REMOTE, id="remote"), "gpu.example.com:8443 (remote)"),
    ],
)
def test_a_reranker_is_offered_by_a_short_name_and_where_it_runs(model: ModelInfo, label: str) -> None:
    assert reranker_label(model) == label


@pytest.mark.parametrize(
    ("stage", "counts"),
    [
        (StageTime("score", 0.5, items=30, tokens=5412), "30 pairs, 5,412 tokens"),
        (StageTime("search", 0.1, items=30), "30 hits"),
        (StageTime("queue", 0.0), ""),
        (StageTime("network", 0.5, items=30), "30 pairs"),
        (StageTime("network", 0.5), "no answer"),
    ],
)
def test_a_stage_says_what_it_worked_on(stage: StageTime, counts: str) -> None:
    assert stage_counts(stage) == counts


@pytest.mark.parametrize(
    ("stage", "marks"),
    [
        (StageTime("score", 0.5, items=30), ()),
        (StageTime("score", 0.5, items=30, cold=True), ("cold",)),
        (StageTime("score", 0.5, items=30, cached=12), ("12 cached",)),
        (StageTime("score", 0.5, items=30, cached=1, cold=True), ("cold", "1 cached")),
    ],
)
def test_a_stage_admits_what_made_it_slower_or_faster(stage: StageTime, marks: tuple[str, ...]) -> None:
    assert stage_marks(stage) == marks


@pytest.mark.parametrize(
    ("pulse", "words"),
    [
        (("queue", 0, 1), "1 question is before this one."),
        (("queue", 0, 12), "12 questions are before this one."),
        (("score", 7, 1000), "The cross-encoder has read 7 of 1,000 candidates."),
        (("network", 1, 3), "Waiting for the remote reranker: 1 of 3 requests answered."),
    ],
)
def test_a_question_on_its_way_says_how_far_it_is(pulse: tuple[str, int, int], words: str) -> None:
    assert underway(*pulse) == words


@pytest.mark.parametrize(
    ("waiting", "earlier", "words"),
    [
        (3, False, "The server is busy: 3 questions wait. Ask this one again in about 4 s."),
        (1, False, "The server is busy: 1 question waits. Ask this one again in about 4 s."),
        (
            0,
            True,
            "The server is busy. Ask this one again in about 4 s. "
            "Below is the answer to the question before.",
        ),
    ],
)
def test_a_question_that_found_no_room_is_told_when_to_come_again(
    waiting: int, earlier: bool, words: str
) -> None:
    assert busy(waiting, retry_after_s=4, earlier=earlier) == words


def test_a_remote_model_and_no_other_is_named_with_its_host() -> None:
    assert (named(LOCAL), named(REMOTE)) == (LOCAL.id, "maker/elsewhere at gpu.example.com:8443")


def manifest(task: Task, quantization: Quantization, agreement: float | None) -> Manifest:
    return Manifest(
        id="a/model",
        task=task,
        source="a/model",
        revision="0",
        quantization=quantization,
        opset=18,
        reading=Reading(512),
        files={},
        parity=Parity("original", 48, 2e-6, 0.41, 20.0, 120, agreement),
        versions={},
        seconds={},
        created_at="",
    )


def test_the_parity_sentence_has_both_graphs_differences_and_the_order() -> None:
    assert parity_in_words(manifest("rerank", "int8", 0.975)) == (
        "On 48 fixed texts: largest difference of logit from the original 2e-06 in fp32, 0.41 in int8; "
        "97.5% of 120 clearly ordered pairs kept their order."
    )


def test_the_parity_sentence_of_an_unquantized_embedder_speaks_of_cosines_and_of_fp32_alone() -> None:
    sentence = parity_in_words(manifest("embed", "none", None))
    assert "difference of 1 - cosine from the original 2e-06 in fp32; " in sentence
    assert "the original tells no two of the passages clearly apart" in sentence


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("download", 0.2, None), "download, 0.2 s"),
        (Progress("export", 12.0, 40.0), "export, 12 s; about 40 s to go (estimate)"),
        (
            Progress("quantize", 70.0, None, waiting=True),
            "another process exports it: quantize, 1 min 10 s",
        ),
    ],
)
def test_an_exports_progress_names_the_phase_and_calls_the_estimate_one(
    progress: Progress, words: str
) -> None:
    assert progress_in_words(progress) == words


@pytest.mark.parametrize(
    ("kind", "where"),
    [("pdf", "page 3"), ("pptx", "slide 3"), ("xlsx", "sheet 3"), ("epub", "chapter 3"), ("", "page 3")],
)
def test_a_place_is_named_as_its_format_names_it(kind: str, where: str) -> None:
    assert place(kind, 3) == where
