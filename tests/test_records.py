"""Records: values that can be compared, copied and sent, and never changed."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import evidence, file_outcome, outcomes, records
from rag.evidence import Judgment, Question, Run, RunInfo, Setup, Vote
from rag.file_outcome import FileOutcome
from rag.outcomes import Answer, AnswerSentence, Citation, Ordering
from rag.records import (
    Chunk,
    Chunking,
    DeletedInfo,
    Document,
    DocumentInfo,
    Heading,
    Hit,
    ModelInfo,
    Page,
    PairScore,
    Passage,
    RerankedHit,
    Reranking,
    Scored,
    SearchResult,
    StageTime,
)

PASSAGE = Passage("c1", "d1", "manual.pdf", "Turn the valve.", 10, 25, page=2, headings=("Care", "Valve"))
HIT = Hit(1, PASSAGE, 0.75)
RERANKED = RerankedHit(-2.5, 5, 5, rank=1, retrieved_rank=3, passage=PASSAGE, cosine=0.75)
MODEL = ModelInfo("a/model", "ab" * 32, "onnxruntime 1 cpu")
STAGES = (StageTime("embed", 0.01, 1, cold=True), StageTime("score", 0.5, 30, 900, cached=4))
RESULT = SearchResult("valve?", "default", (HIT,), (RERANKED,), STAGES, 0.6, MODEL, MODEL, ("Cold.",))
RUN = RunInfo("r1", "default", "valve?", "2026-01-31T12:00:00+00:00", "7", MODEL, MODEL, 1, 0.6)
CITATION = Citation("c1", 0, 15)
SENTENCE = AnswerSentence("Turn the valve.", (CITATION,), 1.5)
EXAMPLES: list[Any] = [
    Page(1, 0, 25),
    Heading(2, "Care", 0),
    Document("d1", "manual.pdf", "pdf", "Turn the valve.", (Page(1, 0, 15),), (Heading(1, "Care", 0),)),
    Chunking(120, 20),
    Chunk("d1", 10, 25, "Turn the valve.", 4, 2, ("Care",)),
    PASSAGE,
    HIT,
    PairScore(-2.5, 5, 5),
    RERANKED,
    *STAGES[:1],
    MODEL,
    RESULT,
    Reranking((RERANKED,), STAGES, 0.6, MODEL, ("Cold.",)),
    Scored((PairScore(-2.5, 5, 5),), STAGES, 0.6, MODEL, ("Cold.",)),
    FileOutcome("manual.pdf", "added", "manual.pdf: 1 chunk.", "d1", "manual.pdf", 1, 1),
    DocumentInfo("d1", "manual.pdf", "pdf", 2048, 1, 1, "2026-01-31T12:00:00+00:00"),
    DeletedInfo("d1", "manual.pdf", "pdf", 2048, 1, 1, "2026-01-31T12:00:00+00:00", deleted_at="2026-02-01"),
    Judgment("valve?", "d1", 10, 25, 3),
    Question("valve?", "q1", "imported"),
    RUN,
    Run(RUN, RESULT),
    Vote("valve?", MODEL, MODEL, "both_good", "Ada"),
    Setup(MODEL, "hybrid", "reranker"),
    Ordering("question_language", "The question is in Italian.", 60, 1.0, 4.0),
    CITATION,
    SENTENCE,
    Answer("quoted", (SENTENCE,), answered=True, model="a/model", best_logit=1.5, threshold=0.0),
]


def reranked(logit: float) -> RerankedHit:
    return replace(RERANKED, logit=logit)


def test_there_is_an_example_of_every_record() -> None:
    classes = {
        value
        for value in (vars(records) | vars(evidence) | vars(outcomes) | vars(file_outcome)).values()
        if isinstance(value, type) and is_dataclass(value)
    }
    assert {type(example) for example in EXAMPLES} == classes


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_survives_pickling_and_copying(record: Any) -> None:
    twins = (pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record), replace(record))
    assert [twin == record for twin in twins] == [True] * 4
    assert {hash(twin) for twin in twins} == {hash(record)}


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_cannot_be_changed_or_extended(record: Any) -> None:
    for field in fields(record):
        with pytest.raises(FrozenInstanceError):
            setattr(record, field.name, None)
    assert not hasattr(record, "__dict__")


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_differs_from_one_with_another_first_field(record: Any) -> None:
    assert replace(record, **{fields(record)[0].name: "another"}) != record


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_score_is_between_0_and_1_and_mirrors_its_opposite(logit: float) -> None:
    assert 0.0 <= reranked(logit).score <= 1.0
    assert math.isclose(reranked(logit).score + reranked(-logit).score, 1.0)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_scores_are_in_the_order_of_logits(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert reranked(low).score <= reranked(high).score


@pytest.mark.parametrize(
    ("logit", "score"), [(0.0, 0.5), (math.log(3), 0.75), (-math.log(3), 0.25), (1e308, 1.0), (-1e308, 0.0)]
)
def test_a_score_is_the_logistic_function_of_the_logit(logit: float, score: float) -> None:
    assert reranked(logit).score == pytest.approx(score)


def test_a_result_is_cold_and_cached_as_its_stages_are() -> None:
    result = SearchResult("q", "c", (HIT,), (RERANKED,), STAGES, 0.6, MODEL, MODEL)
    assert (result.cold, result.cached) == (True, 4)
    assert (replace(result, stages=()).cold, replace(result, stages=()).cached) == (False, 0)


def test_without_a_logit_the_relevance_is_score_and_order() -> None:
    given = PairScore(None, relevance=0.25)
    assert (given.score, given.order, given.is_cut) == (0.25, 0.25, False)


def test_a_pair_of_which_the_model_read_less_is_cut() -> None:
    assert PairScore(1.0, 600, 500).is_cut
    assert not PairScore(1.0, 500, 500).is_cut
