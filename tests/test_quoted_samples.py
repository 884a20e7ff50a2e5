"""How good quoted answers are on the sample collection with the real models, as docs/answers.md says."""

import json
from collections.abc import Iterator
from pathlib import Path

import misbehaving as bad
import pytest

from benchmarks.answers import Asked, measured
from rag.answers.answers import Answers
from rag.beir import read_beir
from rag.config import LlmSettings, Settings
from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.service import Service, build

JUDGED = Path(__file__).resolve().parents[1] / "data" / "judged"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that holds the samples."""
    made = build(Settings(home=tmp_path_factory.mktemp("samples"), threads=2))
    made.library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
    yield made
    made.close()


@pytest.fixture(scope="module")
def asked(samples: Service) -> list[Asked]:
    """The answers to all questions of data/judged."""
    return measured(samples)


def found(asked: list[Asked], language: str) -> float:
    of = [one for one in asked if one.expected and one.language == language]
    return sum(one.is_found for one in of) / len(of)


def test_in_english_an_expected_sentence_is_among_the_first_two_in_four_of_five(asked: list[Asked]) -> None:
    assert found(asked, "en") >= 0.8


def test_in_italian_the_english_models_find_it_in_more_than_half(asked: list[Asked]) -> None:
    assert found(asked, "it") > 0.5


def test_four_of_five_questions_that_the_documents_do_not_answer_are_not_answered(asked: list[Asked]) -> None:
    unanswerable = [one for one in asked if not one.expected]
    assert len(unanswerable) == 20
    assert sum(not one.answer.answered for one in unanswerable) >= 16


def test_an_answer_is_a_stage_of_its_own_and_changes_nothing_else(samples: Service) -> None:
    result = samples.pipeline.search("how to remove a tick", collection=SAMPLE_COLLECTION, retrieve_k=10)
    answered = samples.answers.quoted(result)
    assert (answered.retrieved, answered.reranked) == (result.retrieved, result.reranked)
    added = answered.stages[len(result.stages) :]
    assert [stage.stage for stage in added] == ["queue", "answer"]
    assert answered.total_s >= result.total_s + sum(stage.seconds for stage in added)


def test_where_no_server_writes_the_preferred_answer_is_quoted(samples: Service) -> None:
    result = samples.pipeline.search("how to remove a tick", collection=SAMPLE_COLLECTION, retrieve_k=5)
    answer = samples.answers.preferred(result).answer
    assert answer is not None
    assert answer.kind == "quoted"


def test_where_the_server_fails_the_preferred_answer_is_quoted_and_says_why(samples: Service) -> None:
    result = samples.pipeline.search("how to remove a tick", collection=SAMPLE_COLLECTION, retrieve_k=5)
    with bad.serving() as server:
        server.behaviour = bad.replying({"error": {"message": "crashed"}}, 500)
        answered = Answers(samples.pipeline, LlmSettings(server.url, "small")).preferred(result)
    assert answered.answer is not None
    assert answered.answer.kind == "quoted"
    assert "The answer is quoted instead." in answered.notices[-1]
    added = answered.stages[len(result.stages) :]
    assert [stage.stage for stage in added] == ["write", "queue", "answer"]
    assert answered.total_s >= result.total_s + sum(stage.seconds for stage in added)


def test_every_quoted_sentence_stands_where_it_says(samples: Service) -> None:
    result = samples.pipeline.search(
        "Come si preparano le orecchiette?", collection=SAMPLE_COLLECTION, retrieve_k=10
    )
    answer = samples.answers.quoted(result).answer
    texts = {hit.passage.chunk_id: hit.passage.text for hit in result.retrieved}
    assert answer is not None
    assert len(answer.sentences) == 3
    for sentence in answer.sentences:
        words = {
            " ".join(texts[cited.chunk_id][cited.start : cited.end].casefold().split())
            for cited in sentence.citations
        }
        assert words == {" ".join(sentence.text.casefold().split())}


def lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (JUDGED / name).read_text("utf-8").splitlines()]


def test_every_judged_question_has_expected_sentences_of_its_judged_passages() -> None:
    judged = read_beir(JUDGED)
    assert {line["query_id"] for line in lines("sentences.jsonl")} == judged.queries.keys()
    for line in lines("sentences.jsonl"):
        grades = judged.qrels[str(line["query_id"])]
        texts = [" ".join(judged.corpus[name].split()) for name, grade in grades.items() if grade >= 2]
        assert any(str(line["sentence"]) in text for text in texts), line


def test_twenty_questions_are_not_answered_by_the_samples_half_of_them_in_each_language() -> None:
    unanswered = lines("unanswered.jsonl")
    languages = [line["metadata"] for line in unanswered]
    assert sum(one == {"language": "en", "near": True} for one in languages) == 5
    assert sum(one == {"language": "it", "near": True} for one in languages) == 5
    assert len({line["text"] for line in unanswered}) == 20
