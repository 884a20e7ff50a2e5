"""A BEIR data set becomes a collection with its questions and judgments, or nothing of it does."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_library import names, opened

from rag.errors import DamagedDocumentError, InputFileError, LibraryError
from rag.evaluation.grades import grades
from rag.library import Library
from rag.report.data_sets import beir_folder, beir_zip

CORPUS = [
    {"_id": "d1", "title": "Tea", "text": "Steep it for three minutes."},
    {"_id": "d2", "title": "", "text": "Owls hunt mice by ear."},
    {"_id": "d3", "title": "Long", "text": " ".join(f"Sentence {n} of a long story." for n in range(120))},
]
QUERIES = [{"_id": "q1", "text": "How long does tea steep?"}, {"_id": "q2", "text": "What is long?"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1\n"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path / "home") as library:
        yield library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "teas"
    made.mkdir()
    write(made / "corpus.jsonl", CORPUS)
    write(made / "queries.jsonl", QUERIES)
    (made / "qrels.tsv").write_text(QRELS)
    return made


def write(path: Path, entries: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_a_data_set_is_a_collection_with_questions_and_judgments(library: Library, folder: Path) -> None:
    imported = beir_folder(library, folder, "teas", judge="beir")
    assert names(library, "teas") == {f"corpus.jsonl#d{n}" for n in (1, 2, 3)}
    told = [(one.text, one.id, one.origin) for one in library.store.questions.of("teas")]
    assert told == [(query["text"], query["_id"], "imported") for query in QUERIES]
    assert (imported.judgments, imported.questions) == (3, 2)
    assert library.store.judgments.judges("teas") == ("beir",)
    assert "3 judgments of 2 questions imported." in imported.message


def test_a_document_judged_whole_is_judged_in_each_of_its_chunks(library: Library, folder: Path) -> None:
    beir_folder(library, folder, "teas")
    long = next(info for info in library.documents("teas") if info.name.endswith("#d3"))
    found = grades(library, "teas")
    assert long.chunks > 1
    assert list(found["What is long?"].values()) == [1] * long.chunks
    assert sorted(found["How long does tea steep?"].values()) == [0, 2]


def test_it_can_be_searched_at_once(library: Library, folder: Path) -> None:
    beir_folder(library, folder, "teas")
    searcher = library.searcher("teas")
    ((passage, _), *_) = searcher.nearest(searcher.embedder.embed_query("owls hunt mice"), 1)
    assert passage.document == "corpus.jsonl#d2"


def test_ids_of_the_judgments_that_match_nothing_are_counted(library: Library, folder: Path) -> None:
    (folder / "qrels.tsv").write_text(QRELS + "q1\tghost\t1\nq9\td1\t1\n")
    imported = beir_folder(library, folder, "teas")
    assert (imported.unknown_documents, imported.unknown_questions, imported.left_out) == (
        ("ghost",),
        ("q9",),
        2,
    )


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("corpus.jsonl", "{}", "corpus.jsonl, line 4: expected text in"),
        ("queries.jsonl", "no JSON", "queries.jsonl, line 3: expected one JSON object"),
        ("queries.jsonl", '{"_id": "q3", "text": " "}', "question 'q3' cannot be asked"),
        ("qrels.tsv", "q1\td1\tnine", "qrels.tsv, line 5: expected a whole number as grade, found 'nine'"),
        ("qrels.tsv", "q2\td2\t7", "qrels.tsv, line 5: expected a grade from 0 to 3, found 7"),
    ],
)
def test_a_line_that_cannot_be_read_keeps_all_out(
    library: Library, folder: Path, file: str, line: str, said: str
) -> None:
    with (folder / file).open("a") as out:
        out.write(line + "\n")
    with pytest.raises(InputFileError) as caught:
        beir_folder(library, folder, "teas")
    assert said in str(caught.value)
    assert library.collections() == ()


def test_a_cancelled_import_leaves_nothing(library: Library, folder: Path) -> None:
    with pytest.raises(LibraryError, match="cancelled"):
        beir_folder(library, folder, "teas", cancelled=lambda: True)
    assert library.collections() == ()


def test_a_taken_name_is_refused_and_a_killed_import_is_replaced(library: Library, folder: Path) -> None:
    library.create_collection("teas (importing)")
    beir_folder(library, folder, "teas")
    assert library.collections() == ("teas",)
    with pytest.raises(LibraryError, match="There is a collection 'teas' already"):
        beir_folder(library, folder, "teas")


def test_a_zipped_data_set_is_unpacked_as_far_as_it_is_one(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "teas.zip"
    with zipfile.ZipFile(path, "w") as package:
        for name in ("corpus.jsonl", "queries.jsonl"):
            package.write(folder / name, f"teas/{name}")
        package.write(folder / "qrels.tsv", "teas/qrels/test.tsv")
        package.writestr("teas/../../evil.txt", "x")
    with beir_zip(path) as unpacked:
        assert unpacked
        assert beir_folder(library, unpacked, "teas").judgments == 3
        assert sorted(one.name for one in unpacked.iterdir()) == ["corpus.jsonl", "qrels", "queries.jsonl"]
    assert not unpacked.exists()


def test_an_export_of_many_documents_is_no_data_set(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as package:
        for n in range(10_001):
            package.writestr(f"originals/{n}", b"")
    with beir_zip(path) as unpacked:
        assert unpacked is None


def test_what_is_no_data_set_is_told_apart(tmp_path: Path) -> None:
    other, damaged = tmp_path / "other.zip", tmp_path / "damaged.zip"
    with zipfile.ZipFile(other, "w") as package:
        package.writestr("manifest.json", "{}")
    damaged.write_bytes(b"PK\x03\x04 and no more")
    with beir_zip(other) as unpacked:
        assert unpacked is None
    with pytest.raises(DamagedDocumentError, match="damaged"), beir_zip(damaged):
        pass
    with pytest.raises(InputFileError, match="cannot be read"), beir_zip(tmp_path / "nowhere.zip"):
        pass
