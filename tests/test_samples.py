"""The sample collection is complete, says what its judgments claim, and comes from its sources."""

import json
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from toy_library import ingest, opened

from data.judge_corpus import corpus_lines
from rag.beir import BeirFolder, read_beir
from rag.config import Settings
from rag.library.embedders import Embedders
from rag.samples import SAMPLE_COLLECTION, SAMPLE_JUDGE, bring_judgments, sample_files
from rag.service import open_library

DATA = Path(__file__).resolve().parents[1] / "data"
SAMPLES = sorted((DATA / "samples").iterdir())
JUDGED = DATA / "judged"


@pytest.fixture(scope="module")
def judged() -> BeirFolder:
    return read_beir(JUDGED)


def test_there_are_enough_documents_in_every_format() -> None:
    formats = Counter(path.suffix for path in SAMPLES)
    assert formats == {".docx": 3, ".html": 3, ".md": 5, ".pdf": 4, ".txt": 3}


def test_half_of_the_documents_are_italian_and_half_english() -> None:
    corpus = [json.loads(line) for line in (JUDGED / "corpus.jsonl").read_text("utf-8").splitlines()]
    languages = Counter(
        _language(" ".join(entry["text"] for entry in corpus if entry["_id"].startswith(f"{path.name}#")))
        for path in SAMPLES
    )
    assert languages == {"it": 9, "en": 9}


def test_the_corpus_is_what_parser_and_chunker_make_today() -> None:
    today, stored = corpus_lines(), (JUDGED / "corpus.jsonl").read_text("utf-8")
    assert today == stored, "run `python -m data.judge_corpus` and read the moved judgments again"
    assert stored.count("\n") >= 80


def test_seven_chunks_name_orecchiette_and_they_are_the_answers_to_it01(judged: BeirFolder) -> None:
    naming = {chunk_id for chunk_id, text in judged.corpus.items() if "orecchiett" in text.lower()}
    assert len(naming) == 7
    assert naming == {chunk_id for chunk_id, grade in judged.qrels["it01"].items() if grade > 0}


def test_the_seven_are_spread_over_documents_and_formats(judged: BeirFolder) -> None:
    names = {chunk_id.split("#")[0] for chunk_id, grade in judged.qrels["it01"].items() if grade > 0}
    assert len(names) >= 3
    assert len({Path(name).suffix for name in names}) >= 3


def test_there_are_thirty_questions_in_two_languages() -> None:
    lines = (JUDGED / "queries.jsonl").read_text("utf-8").splitlines()
    languages = Counter(json.loads(line)["metadata"]["language"] for line in lines)
    assert languages == {"it": 16, "en": 14}


def test_every_question_has_an_answer_and_near_misses(judged: BeirFolder) -> None:
    assert judged.qrels.keys() == judged.queries.keys()
    for query, grades in judged.qrels.items():
        assert max(grades.values()) >= 2, query
        assert 0 in grades.values(), query


def test_judgments_name_only_chunks_that_exist_with_grades_from_0_to_3(judged: BeirFolder) -> None:
    graded = [item for grades in judged.qrels.values() for item in grades.items()]
    assert {chunk_id for chunk_id, _ in graded} <= judged.corpus.keys()
    assert {grade for _, grade in graded} == {0, 1, 2, 3}


def test_building_from_the_sources_gives_the_same_bytes() -> None:
    pytest.importorskip("reportlab", reason="reportlab builds the PDF samples")
    from data.build import build

    built = build()
    assert built.keys() == {path.name for path in SAMPLES if path.suffix in (".pdf", ".docx")}
    # Compared one by one, so that a failure names the file instead of printing two of them.
    assert [name for name, data in built.items() if (DATA / "samples" / name).read_bytes() != data] == []


def _language(text: str) -> str:
    words = Counter(text.lower().split())
    return "it" if words["di"] + words["che"] > words["of"] + words["the"] else "en"


def test_a_sample_collection_has_its_questions_and_judgments(tmp_path: Path, judged: BeirFolder) -> None:
    with opened(tmp_path) as library:
        assert bring_judgments(library) == 0  # there is no such collection yet
        library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
        assert bring_judgments(library) == sum(map(len, judged.qrels.values()))
        told = [(one.text, one.id, one.origin) for one in library.store.questions.of(SAMPLE_COLLECTION)]
        assert told == [(text, name, "sample") for name, text in judged.queries.items()]
        for judgment in library.store.judgments.of(SAMPLE_COLLECTION, told[0][0], SAMPLE_JUDGE):
            text = library.document(SAMPLE_COLLECTION, judgment.document_id)[0].text
            passage = text[judgment.start : judgment.end]
            (passage_id,) = (name for name, told in judged.corpus.items() if told == passage)
            assert judged.qrels["it01"][passage_id] == judgment.grade


def test_judgments_come_once_and_what_a_person_changed_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        library.ingest(sample_files()[:3], collection=SAMPLE_COLLECTION)
        first = bring_judgments(library)
        changed = library.judgments(SAMPLE_COLLECTION)[0]
        library.judge(replace(changed, grade=3, note="mine"), collection=SAMPLE_COLLECTION)
        assert (first > 0, bring_judgments(library)) == (True, 0)
        library.ingest(sample_files()[3:6], collection=SAMPLE_COLLECTION)
        assert bring_judgments(library) > 0
        assert replace(changed, grade=3, note="mine") in [
            replace(one, judged_at=changed.judged_at) for one in library.judgments(SAMPLE_COLLECTION)
        ]


def test_a_document_of_somebody_else_is_not_judged(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        name = sample_files()[0].name
        ingest(library, {name: "Another text under the name of a sample."}, SAMPLE_COLLECTION)
        assert bring_judgments(library) == 0
        assert library.store.questions.of(SAMPLE_COLLECTION) == ()


def test_whoever_opens_a_library_with_samples_finds_them_judged(embedders: Embedders, tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        library.ingest(sample_files()[:2], collection=SAMPLE_COLLECTION)
    with closing(open_library(Settings(home=tmp_path), embedders)) as library:
        assert library.store.judgments.judges(SAMPLE_COLLECTION) == (SAMPLE_JUDGE,)
