"""Judgments and runs as other programs read them: scored by ir_measures, they give the same measures."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import ir_measures
import pytest
from answers import judge, record
from ir_measures import AP, RR, Judged, P, R, nDCG
from toy_library import ingest, opened

from rag.errors import LibraryError, NotFoundError
from rag.evaluation.collection import measure
from rag.evaluation.counting import runs_that_count
from rag.evidence import Judgment, Question, Setup
from rag.library import Library
from rag.report import exports
from rag.report.names import question_ids

TEXTS = {
    f"{name}.txt": f"{name} is told of in this text." for name in ("tea", "coffee", "iron", "owl", "oak")
}
QUERIES = ("what is tea", "coffee or tea", "an owl in an oak")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Five documents, three questions asked and judged, one of them with an id of its own."""
    with opened(tmp_path) as library:
        ingest(library, TEXTS)
        library.store.questions.add("c", [Question(QUERIES[0], "q1", "imported"), Question(QUERIES[1])])
        judge(library, QUERIES[0], {"tea.txt": 3, "coffee.txt": 0, "oak.txt": 1})
        judge(library, QUERIES[1], {"tea.txt": 2, "coffee.txt": 3, "iron.txt": 0, "owl.txt": None})
        judge(library, QUERIES[2], {"owl.txt": 3, "iron.txt": 0})
        for query in QUERIES:
            record(library, query)
        yield library


def scored(library: Library, stage: exports.Stage) -> dict[str, float]:
    """The measures that ir_measures takes of the exported files, by our names."""
    qrels = ir_measures.read_trec_qrels(exports.qrels_trec(library, "c"))  # type: ignore[no-untyped-call]
    run = ir_measures.read_trec_run(exports.runs_trec(library, "c", stage))  # type: ignore[no-untyped-call]
    found = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10, P @ 5, R @ 2, AP, Judged @ 10], qrels, run)
    return {"nDCG@10": found[nDCG @ 10], "MRR@10": found[RR @ 10], "P@5": found[P @ 5],
            "Recall@2": found[R @ 2], "AP": found[AP], "Judged@10": found[Judged @ 10]}  # fmt: skip


@pytest.mark.parametrize("stage", ["retrieved", "reranked"])
def test_ir_measures_takes_the_same_measures_of_the_exported_files(
    library: Library, stage: exports.Stage
) -> None:
    run = next(iter(library.store.runs.of("c")))
    assert run.reranker
    found = measure(library, "c", judge=None, setup=Setup(run.reranker), recall_depth=2)
    ours = getattr(found, stage).by_name
    theirs = scored(library, stage)
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert 0 < theirs["nDCG@10"] < 1


def test_an_exported_run_ends_where_the_measures_end(library: Library) -> None:
    record(library, QUERIES[0], k=3)
    record(library, QUERIES[1], k=3)
    run = next(iter(library.store.runs.of("c")))
    assert run.reranker
    _, depth = runs_that_count(library, "c", setup=Setup(run.reranker))
    lines = exports.runs_trec(library, "c", "reranked").splitlines()
    assert depth == 3
    assert [line.split()[3] for line in lines] == ["1", "2", "3"] * 3


def test_questions_are_named_as_their_data_set_did_or_by_their_text() -> None:
    questions = [Question("a", "q1"), Question("b"), Question("c", "two words"), Question("d", "q9"),
                 Question("e", "q9")]  # fmt: skip
    ids = question_ids(questions, ["f", "a"])
    assert (ids["a"], list(ids)) == ("q1", ["a", "b", "c", "d", "e", "f"])
    assert all(name.startswith("q-") and len(name) == 14 for text, name in ids.items() if text != "a")
    assert ids["b"] == question_ids([], ["b"])["b"]


def test_all_files_give_a_question_the_same_id(library: Library) -> None:
    told = [json.loads(line) for line in exports.questions_jsonl(library, "c").splitlines()]
    ids = {entry["_id"] for entry in told}
    assert [entry["text"] for entry in told] == list(QUERIES)
    assert {line.split()[0] for line in exports.qrels_trec(library, "c").splitlines()} == ids
    assert {line.split()[0] for line in exports.runs_trec(library, "c").splitlines()} == ids


def test_a_question_that_was_removed_is_in_no_file(library: Library) -> None:
    library.store.questions.remove("c", QUERIES[0])
    for written in (
        exports.qrels_trec(library, "c"),
        exports.runs_trec(library, "c"),
        exports.questions_jsonl(library, "c"),
        exports.judgments_csv(library, "c"),
        exports.triples_jsonl(library, "c"),
    ):
        assert question_ids([], [QUERIES[1]])[QUERIES[1]] in written
        assert question_ids([], [QUERIES[0]])[QUERIES[0]] not in written
        assert not re.search(rf"\bq1\b|{QUERIES[0]}", written)


def test_what_nobody_could_judge_is_in_the_csv_alone(library: Library) -> None:
    rows = list(csv.DictReader(io.StringIO(exports.judgments_csv(library, "c"))))
    (unsure,) = (row for row in rows if row["grade"] == "")
    assert (unsure["document"], unsure["judge"], unsure["text"]) == ("owl.txt", "ada", TEXTS["owl.txt"])
    assert len(exports.qrels_trec(library, "c").splitlines()) == len(rows) - 1


def test_no_cell_of_the_csv_is_a_formula(library: Library) -> None:
    tea = next(info.id for info in library.documents("c") if info.name == "tea.txt")
    hostile = Judgment('=HYPERLINK("x")', tea, 0, 3, 1, judge="@ada", note='-1+1\nand more, "quoted"')
    library.judge(hostile, collection="c")
    row = next(csv.DictReader(io.StringIO(exports.judgments_csv(library, "c", "@ada"))))
    assert [row[name][0] for name in ("question", "judge", "note")] == ["'", "'", "'"]


def test_a_triple_is_a_good_passage_and_a_hard_one_that_was_judged_bad(library: Library) -> None:
    triples = [json.loads(line) for line in exports.triples_jsonl(library, "c").splitlines()]
    pairs = {(one["query"], one["positive"], one["negative"]) for one in triples}
    tea, coffee, iron = TEXTS["tea.txt"], TEXTS["coffee.txt"], TEXTS["iron.txt"]
    assert (QUERIES[0], tea, coffee) in pairs
    assert {(QUERIES[1], tea, iron), (QUERIES[1], coffee, iron)} <= pairs
    assert TEXTS["owl.txt"] not in {one["negative"] for one in triples}  # never judged bad


def test_the_hardest_bad_passages_come_first_and_no_more_than_eight(library: Library) -> None:
    bad = {f"bad{n}.txt": f"A bad text, number {n}, of tea." for n in range(12)}
    ingest(library, bad)
    judge(library, "bad tea", {"tea.txt": 3, **dict.fromkeys(bad, 0)})
    record(library, "bad tea", k=20, order=lambda hit: -hit.rank)
    (run,) = library.store.runs.of("c", "bad tea")
    order = [hit.passage.text for hit in library.store.runs.get(run.id).result.retrieved]
    negatives = [json.loads(line)["negative"] for line in exports.triples_jsonl(library, "c").splitlines()
                 if json.loads(line)["query"] == "bad tea"]  # fmt: skip
    assert negatives == [text for text in order if text in bad.values()][:8]


def test_a_collection_that_was_never_asked_has_judgments_to_export_and_no_runs(library: Library) -> None:
    ingest(library, {"new.txt": "A new text changes the collection."})
    assert exports.qrels_trec(library, "c")
    with pytest.raises(
        LibraryError, match="Expected recorded runs of 'c' with its documents as they are now"
    ):
        exports.runs_trec(library, "c")
    with pytest.raises(NotFoundError, match="no collection 'nowhere'"):
        exports.qrels_trec(library, "nowhere")
