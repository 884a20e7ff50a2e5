"""How long answers take: each really asked, every score computed, or recorded so."""

from dataclasses import replace

import pytest
from files import text_file

from rag.errors import QueryError
from rag.evidence import RunInfo
from rag.inspect.pace import Pace, measured, recorded
from rag.pipeline import Pipeline
from rag.records import ModelInfo, StageTime
from rag.service import Service

COLLECTION = "paced"
QUESTIONS = ("which pump?", "which valve?", "when is winter?")
RERANKER = ModelInfo("reranker", "abc", "onnxruntime")
RUN = RunInfo(
    "1", "c", "q", "2026-11-02T10:00:00+00:00", "r", ModelInfo("e", "def", "onnxruntime"), RERANKER, 30, 0.8
)


@pytest.fixture(scope="module")
def stocked(service: Service) -> Service:
    files = [text_file(f"{n}.txt", f"Pump {n} needs a new valve before winter.") for n in range(4)]
    service.library.ingest(files, collection=COLLECTION)
    return service


def test_every_question_is_asked_past_the_cache(stocked: Service) -> None:
    stages: list[StageTime] = []
    pipeline = Pipeline(stocked.library, stocked.reranker, observe=stages.extend)
    pace = measured(pipeline, QUESTIONS * 2, collection=COLLECTION, retrieve_k=30)
    assert [(one.items, one.cached) for one in stages if one.stage == "score"] == [(4, 0)] * 6
    assert (len(pace.seconds), pace.candidates, pace.reranker) == (6, 4, stocked.reranker.info)


def test_its_figures_are_of_the_times_measured() -> None:
    pace = Pace((0.5, 0.7, 0.6, 1.2), 30, RERANKER, "", "")
    assert (pace.p50, pace.p95) == (0.6, 1.2)
    assert pace.per_minute == pytest.approx(80)


def test_the_pulse_hears_how_many_are_answered_and_can_end_it(stocked: Service) -> None:
    heard: list[tuple[str, int, int]] = []

    def pulse(stage: str, done: int, of: int) -> None:
        heard.append((stage, done, of))
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured(stocked.pipeline, QUESTIONS, collection=COLLECTION, retrieve_k=30, pulse=pulse)
    assert (heard[0], heard[-1]) == (("pace", 0, 3), ("pace", 1, 3))


def test_without_a_question_nothing_is_measured(stocked: Service) -> None:
    with pytest.raises(QueryError, match="Ask one first"):
        measured(stocked.pipeline, (), collection=COLLECTION, retrieve_k=30)


@pytest.mark.parametrize(
    "other",
    [
        {"cached": 1},
        {"cold": True},
        {"reranker": None},
        {"reranker": replace(RERANKER, sha256="")},
        {"retrieved": 0},
    ],
)
def test_runs_whose_time_is_not_that_of_scoring_do_not_count(other: dict[str, object]) -> None:
    assert recorded([replace(RUN, **other)], RERANKER) is None  # type: ignore[arg-type]


def test_recorded_times_say_from_when_to_when_they_are() -> None:
    later = replace(RUN, asked_at="2026-11-03T10:00:00+00:00", total_s=0.9, retrieved=100)
    pace = recorded([later, RUN], RERANKER)
    assert pace == Pace((0.9, 0.8), 100, RERANKER, RUN.asked_at, later.asked_at)
