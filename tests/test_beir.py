import json
from pathlib import Path

import pytest

from rag.beir import read_beir
from rag.errors import InputFileError

DOCUMENT = {"_id": "d1", "title": "Tea", "text": "Steep for three minutes."}
QUERY = {"_id": "q1", "text": "How long does tea steep?"}
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(tmp_path / "corpus.jsonl", DOCUMENT)
    write_lines(tmp_path / "queries.jsonl", QUERY)
    (tmp_path / "qrels.tsv").write_text(QRELS, encoding="utf-8")
    return tmp_path


def write_lines(path: Path, *entries: object, encoding: str = "utf-8") -> None:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding=encoding)


def test_passage_is_title_blank_text(folder: Path) -> None:
    data = read_beir(folder)
    assert data.corpus == {"d1": "Tea Steep for three minutes."}
    assert (data.queries, data.qrels) == ({"q1": QUERY["text"]}, {"q1": {"d1": 1}})


@pytest.mark.parametrize("title", [{}, {"title": ""}, {"title": None}])
def test_passage_without_title_is_the_text(folder: Path, title: dict[str, str | None]) -> None:
    write_lines(folder / "corpus.jsonl", {"_id": "d1", "text": "Steep."} | title)
    assert read_beir(folder).corpus == {"d1": "Steep."}


def test_order_of_the_files_is_kept(folder: Path) -> None:
    write_lines(folder / "queries.jsonl", *({"_id": name, "text": name} for name in ("q9", "q1", "q5")))
    assert list(read_beir(folder).queries) == ["q9", "q1", "q5"]


def test_files_with_byte_order_mark_are_read(folder: Path) -> None:
    write_lines(folder / "corpus.jsonl", DOCUMENT, encoding="utf-8-sig")
    (folder / "qrels.tsv").write_text("q1\td1\t1\n", encoding="utf-8-sig")
    data = read_beir(folder)
    assert (list(data.corpus), list(data.qrels)) == (["d1"], ["q1"])


def test_judgments_may_lie_in_a_qrels_folder(folder: Path) -> None:
    (folder / "qrels.tsv").unlink()
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text(QRELS, encoding="utf-8")
    assert read_beir(folder).qrels == {"q1": {"d1": 1}}


def test_incomplete_folder_is_told_which_files_are_expected(folder: Path) -> None:
    (folder / "queries.jsonl").unlink()
    (folder / "qrels.tsv").unlink()
    expected = (
        r"corpus.jsonl, queries.jsonl and qrels.tsv or qrels/test.tsv; it lacks queries.jsonl, qrels.tsv"
    )
    with pytest.raises(InputFileError, match=expected):
        read_beir(folder)


def test_unknown_folder_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"expected a BEIR folder with .* there is no such folder"):
        read_beir(tmp_path / "absent")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "d2", "text": "cut off', "expected one JSON object, found Unterminated string"),
        ('["d2", "text"]', "expected a JSON object, found list"),
        ("[" * 100_000, "expected one JSON object, found maximum recursion depth exceeded"),
        ('{"_id": "d2", "title": "T"}', 'expected text in "text", found only _id, title'),
        ('{"_id": "d2", "text": null}', 'expected text in "text", found None'),
        ('{"_id": "d2", "title": 7, "text": "T"}', 'expected text in "title", found 7'),
        ('{"id": "d2", "text": "T"}', 'expected text in "_id", found only id, text'),
        ('{"_id": 2, "text": "T"}', 'expected text in "_id", found 2'),
        ('{"_id": "d 2", "text": "T"}', "expected an id without blanks in \"_id\", found 'd 2'"),
        ('{"_id": "", "text": "T"}', "expected an id without blanks in \"_id\", found ''"),
        ('{"_id": "d1", "text": "T"}', "the id 'd1' occurs for the second time"),
        ('{"_id": "d2", "text": "\\ud83d"}', '"text" holds half a character'),
    ],
)
def test_bad_line_of_a_corpus_is_named(folder: Path, line: str, message: str) -> None:
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(InputFileError, match=f"corpus.jsonl, line 2: {message}"):
        read_beir(folder)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_file_without_entries_is_an_error(folder: Path, name: str) -> None:
    (folder / name).write_text("\n")
    with pytest.raises(InputFileError, match=f"{name}: expected one JSON object a line, found nothing"):
        read_beir(folder)
