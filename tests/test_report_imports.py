"""Judgments taken over from files: what matches is kept, what does not is told, a bad line keeps all out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import judge
from toy_library import add, ingest, opened

from rag.errors import InputFileError, NotFoundError
from rag.evaluation.grades import grades
from rag.evidence import Judgment, Question
from rag.library import Library
from rag.records import Chunking
from rag.report import exports, imports

TEXTS = {"tea.txt": "Green tea steeps for two minutes.", "a b.txt": "Coffee is brewed with hot water."}
QUERY = "how long does tea steep"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        ingest(library, TEXTS)
        library.store.questions.add("c", [Question(QUERY, "q1", "imported")])
        yield library


def judged(library: Library, who: str | None = None) -> list[tuple[str, int, int, int | None]]:
    """The judgments: document, span, grade."""
    names = {info.id: info.name for info in library.documents("c")}
    found = library.store.judgments.of("c", judge=who)
    return [(names[one.document_id], one.start, one.end, one.grade) for one in found]


def test_exported_qrels_come_back_as_they_went(library: Library) -> None:
    judge(library, QUERY, {"tea.txt": 3, "a b.txt": 0})
    imported = imports.qrels(library, "c", exports.qrels_trec(library, "c"), "bob")
    assert (imported.judgments, imported.questions, imported.left_out) == (2, 1, 0)
    assert grades(library, "c", "ada") == grades(library, "c", "bob")


def test_exported_judgments_come_back_with_judge_note_and_time(library: Library, tmp_path: Path) -> None:
    tea = next(info.id for info in library.documents("c") if info.name == "tea.txt")
    hostile = Judgment(
        "'=1+1 asks?", tea, 3, 9, None, "@ada", "=cmd()\n'quoted', \"twice\"", "2026-01-31T12:00:00+00:00"
    )
    library.judge(hostile, collection="c")
    data = exports.judgments_csv(library, "c")
    with opened(tmp_path / "other") as other:
        ingest(other, TEXTS)
        imports.judgments_csv(other, "c", data)
        assert other.judgments("c") == (hostile,)
        assert [question.text for question in other.store.questions.of("c")] == [hostile.query]


@pytest.mark.parametrize("name", ["chunk", "sha256", "name"])
def test_a_document_is_known_by_its_chunk_its_id_or_its_name(library: Library, name: str) -> None:
    info = next(one for one in library.documents("c") if one.name == "a b.txt")
    n_chars = len(TEXTS["a b.txt"])
    told = {"chunk": f"{info.id[:16]}-0-{n_chars}", "sha256": info.id, "name": "a b.txt"}[name]
    imports.qrels(library, "c", f"query-id\tcorpus-id\tscore\nq1\t{told}\t2\n")
    assert judged(library) == [("a b.txt", 0, n_chars, 2)]


def test_a_chunk_is_found_though_its_document_is_cut_otherwise_now(library: Library) -> None:
    text = " ".join(f"Sentence {n} of the story of tea." for n in range(60))
    long = add(library, "long.txt", text)
    judge(library, QUERY, {"long.txt": 1})
    before = exports.qrels_trec(library, "c")
    library.rechunk("c", Chunking(64, 0))
    imports.qrels(library, "c", before, "bob")
    assert {span[0] for span in judged(library, "bob")} == {"long.txt"}
    assert all(one.document_id == long for one in library.store.judgments.of("c", judge="bob"))


def test_a_question_is_known_by_its_text_too(library: Library) -> None:
    imports.qrels(library, "c", f"{QUERY}\ttea.txt\t3\n")
    assert judged(library) == [("tea.txt", 0, len(TEXTS["tea.txt"]), 3)]


def test_ids_that_match_nothing_are_counted_and_said(library: Library) -> None:
    lines = "q1 0 tea.txt 3\nq1 0 ghost 1\nq1 0 ghost2 1\nq7 0 tea.txt 1\nq1 0 0123456789abcdef-0-5 1\n"
    imported = imports.qrels(library, "c", lines)
    assert imported.unknown_documents == ("ghost", "ghost2", "0123456789abcdef-0-5")
    assert (imported.unknown_questions, imported.judgments, imported.left_out) == (("q7",), 1, 4)
    assert "3 document ids match nothing in this collection, such as 'ghost'." in imported.message
    assert "1 question id matches none of its questions, such as 'q7'." in imported.message


def test_a_line_that_repeats_another_is_counted_and_kept_once(library: Library) -> None:
    imported = imports.qrels(library, "c", f"q1\ttea.txt\t3\n{QUERY}\ttea.txt\t3\n")
    assert (imported.judgments, len(judged(library))) == (1, 1)
    assert "1 line of the same question and passage as another one." in imported.message


def test_a_grade_below_zero_counts_as_zero(library: Library) -> None:
    imported = imports.qrels(library, "c", "q1 0 tea.txt -1\n")
    assert judged(library)[0][3] == 0
    assert "1 grade below 0 taken as 0." in imported.message


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b"q1 0 tea.txt 3\nq1 0 tea.txt\n", "line 2: expected a whole number as grade, found 'tea.txt'"),
        (b"q1 0 tea.txt 3\nq1 tea\n", "line 2: expected 'query-id, corpus-id, score' or 'qid 0 docid grade'"),
        (b"q1 0 tea.txt 3\n\nq1 0 ghost 4\n", "line 3: expected a grade from 0 to 3, found 4"),
        (b"q1 0 tea.txt 3\nq1 0 tea.txt 1\n", "line 2: one passage has two different grades"),
        (b"q1 0 tea.txt 3\nq1 0 \xff 1\n", "line 2: expected UTF-8 text, found the byte 0xff"),
        (b"q1 0 ghost 3\n", "found 'ghost' and others that match nothing"),
        (b"q9 0 tea.txt 3\n", "expected the ids of this collection's questions"),
        (b"", "expected at least one judgment, found none"),
    ],
)
def test_qrels_that_cannot_be_read_leave_nothing(library: Library, lines: bytes, said: str) -> None:
    with pytest.raises(InputFileError) as caught:
        imports.qrels(library, "c", lines, path="x.qrels")
    assert said in str(caught.value)
    assert str(caught.value).startswith("x.qrels")
    assert library.judgments("c") == ()


HEAD = "question,document_id,start,end,grade,judge,note,judged_at"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("question,grade\n", "line 1: expected the columns question, document_id, start, end, grade;"),
        (f"{HEAD}\nQ,SHA,0,5,2,ada,,\nQ,SHA\n", "line 3: expected 8 cells, as in the header, found 2"),
        (f"{HEAD}\nQ,SHA,0,x,2,ada,,\n", "line 2: expected a whole number as end, found 'x'"),
        (f"{HEAD}\nQ,SHA,0,5,2,ada,,\nQ,SHA,0,6,9,ada,,\n", "line 3: expected a grade from 0 to 3, found 9"),
        (f"{HEAD}\nQ,SHA,0,5,2,ada,,yesterday\n", "line 2: expected a time such as"),
        (f"{HEAD}\n ,SHA,0,5,2,ada,,\n", "line 2: expected a question, found ' '"),
        (f"{HEAD}\nQ,SHA,0,5,2,{'a' * 99},,\n", "line 2: A judge's name may have 80 characters, found 99"),
        (f'{HEAD}\n"Q,SHA,0,5,2,ada,,\n', "line 2: expected CSV, found unexpected end of data"),
        (f"{HEAD}\nQ,SHA,0,5000,2,ada,,\n", "match nothing"),
    ],
)  # fmt: skip
def test_a_csv_file_that_cannot_be_read_leaves_nothing(library: Library, lines: str, said: str) -> None:
    tea = next(info.id for info in library.documents("c") if info.name == "tea.txt")
    with pytest.raises(InputFileError) as caught:
        imports.judgments_csv(library, "c", lines.replace("SHA", tea), path="x.csv")
    assert said in str(caught.value)
    assert library.judgments("c") == ()
    assert len(library.store.questions.of("c")) == 1


def test_an_unknown_collection_is_told(library: Library) -> None:
    with pytest.raises(NotFoundError, match="no collection 'nowhere'"):
        imports.qrels(library, "nowhere", "q1 0 tea.txt 1\n")


def test_an_invisible_character_makes_no_other_judge(library: Library) -> None:
    line = f"{QUERY}\ttea.txt\t2\n"
    imports.qrels(library, "c", line, "bob")
    imports.qrels(library, "c", line, "\u202ebob\x00")
    assert library.store.judgments.judges("c") == ("bob",)
