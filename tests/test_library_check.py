"""The check of a library: silent about a sound one, and not about any damage; it changes nothing."""

import json
import re
import sqlite3
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from toy_library import add, broken, found, opened

from rag.__main__ import main
from rag.library.check import check_library
from rag.library.reembed import reembed
from rag.machine.findings import Finding
from rag.records import Chunk, Chunking, Document, ModelInfo, Page
from rag.store import Store

LONG = "\n\n".join(f"# Part {n}\n\n" + "The boiler on this floor needs a valve. " * 40 for n in range(4))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a library with two collections, and something in the trash."""
    with opened(tmp_path) as library:
        gone = add(library, "gone.txt", "It was deleted.")
        add(library, "a.md", LONG)
        add(library, "b.txt", "Another text.", "beside")
        library.delete(gone, collection="c")
        found(library)
    return tmp_path


def change(home: Path, statement: str) -> None:
    """Change the library's file as only damage, or a fault of the program, would."""
    db = sqlite3.connect(home / "library.db", isolation_level=None)
    db.execute("PRAGMA ignore_check_constraints = ON")
    db.execute(statement)
    db.close()


def findings(home: Path, *levels: str) -> list[Finding]:
    return [each for each in check_library(home / "library.db") if each.level in levels]


def test_a_sound_library_is_told_to_be_so(home: Path) -> None:
    assert findings(home, "warn", "fail") == []
    said = " ".join(each.sentence for each in findings(home, "ok"))
    assert "library.db holds 2 collections, 2 documents, 9 chunks" in said
    assert "Every chunk has its vector." in said
    assert "In the trash: 1 document" in said


def test_where_there_is_no_library_none_is_made(tmp_path: Path) -> None:
    (only,) = check_library(tmp_path / "none" / "library.db")
    assert (only.level, "There is no library at" in only.sentence) == ("ok", True)
    assert list(tmp_path.iterdir()) == []


def test_looking_changes_nothing(home: Path) -> None:
    change(home, "UPDATE documents SET trashed_at = '2026-01-31T12:00:00+00:00' WHERE name = 'gone.txt'")
    before = (home / "library.db").read_bytes()
    check_library(home / "library.db")
    assert (home / "library.db").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE chunks SET text = 'x' || text WHERE key = 2", "'a.md' .* is not its text there"),
        ("UPDATE documents SET text = substr(text, 1, 500) WHERE name = 'a.md'", "is not its text there"),
        ("UPDATE chunks SET tokens = 0 WHERE key = 3", "has 0 tokens"),
        ("UPDATE chunks SET page = 7 WHERE key = 3", "is on page 7, which there is not"),
        ("UPDATE chunks SET key = 99 WHERE key = 2", "(out of order|belongs to no row)"),
        ("DELETE FROM chunks WHERE document = 3", "'b.txt' .* it has no chunks"),
        ("INSERT INTO pages VALUES (2, 1, 0, 99999999)", "a page is outside its text"),
        ("INSERT INTO pages VALUES (2, 1, 50, 60), (2, 2, 10, 20)", "its pages are out of order"),
        ("UPDATE documents SET headings = '[[1, \"x\", 9999999]]' WHERE key = 2", "a heading is outside"),
        ("INSERT INTO originals VALUES (2, x'00')", "its original is another file"),
        ("DELETE FROM vectors WHERE chunk = 4", "Collection 'c': 1 chunk without a vector"),
        ("DELETE FROM vectors WHERE chunk = 1", "The trash: 1 chunk without a vector"),
        ("UPDATE vectors SET vector = substr(vector, 1, 60) WHERE chunk = 4", "has 60 bytes, others 64"),
        ("UPDATE vectors SET vector = zeroblob(64) WHERE chunk = 4", "has the length 0, expected 1"),
        (
            "UPDATE vectors SET vector = CAST(x'0000c07f' || substr(vector, 5) AS BLOB) WHERE chunk = 4",
            "length nan",
        ),
        ("INSERT INTO vectors VALUES (777, 'model', x'00')", "of vectors belongs to no row of chunks"),
        ("INSERT INTO pages VALUES (777, 1, 0, 1)", "of pages belongs to no row of documents"),
        ("INSERT INTO originals VALUES (777, x'00')", "of originals belongs to no row of documents"),
        ("UPDATE documents SET trashed_at = 'now' WHERE key = 2", "'a.md' is neither in a collection nor"),
    ],
)
def test_damage_is_found_and_named(home: Path, damage: str, said: str) -> None:
    change(home, damage)
    sentences = " ".join(each.sentence for each in findings(home, "fail"))
    assert sentences != ""
    assert re.search(said, sentences)


def test_a_file_that_is_damaged_fails_with_what_to_do(home: Path) -> None:
    path = home / "library.db"
    data = bytearray(path.read_bytes())
    data[8192:40960] = b"\xff" * (40960 - 8192)
    path.write_bytes(data)
    assert any("SQLite says" in sentence or "could not be read" in sentence for sentence in broken(home))


def test_a_library_of_another_schema_is_not_checked(home: Path) -> None:
    change(home, "PRAGMA user_version = 2")
    (only,) = check_library(home / "library.db")
    assert (only.level, "Start the server once" in only.sentence) == ("fail", True)


def test_many_problems_are_counted(home: Path) -> None:
    change(home, "UPDATE chunks SET tokens = 0")
    (only,) = findings(home, "fail")
    assert only.sentence.count("has 0 tokens") == 3
    assert "And 7 problems more like this." in only.sentence


# What is only to be known


def test_an_index_that_is_missing_or_damaged_is_rebuilt(home: Path) -> None:
    for kind in ("*.faiss", "*.bm25"):
        one, other = sorted((home / "index").glob(kind))
        one.unlink()
        other.write_bytes(other.read_bytes()[:-5])
    warned = [each.sentence for each in findings(home, "warn", "fail")]
    assert warned == [
        f"The {kind} index of collection {name!r} is missing or damaged, and will be rebuilt."
        for name in ("beside", "c")
        for kind in ("vector", "lexical")
    ]
    with opened(home) as library:
        assert (set(found(library)), set(found(library, "beside"))) == ({"a.md"}, {"b.txt"})
    assert findings(home, "warn", "fail") == []


def test_an_index_of_other_vectors_fails_and_names_the_file(home: Path) -> None:
    change(home, "UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE chunk = 1) WHERE chunk = 4")
    (only,) = findings(home, "fail")
    assert "The vector index of collection 'c' is not that of its chunks" in only.sentence
    Path(only.remedy.removeprefix("Delete ").partition(":")[0]).unlink()
    with opened(home) as library:
        found(library)
    assert findings(home, "warn", "fail") == []


def test_what_is_underway_is_told(home: Path) -> None:
    with opened(home, "word/counter", "another/counter") as library:
        library.rechunk("c", Chunking(60, 10), cancelled=lambda: True)

        def stop(done: int, _total: int) -> None:
            if done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            reembed(library, "beside", "another/counter", stop)
    warned = " ".join(each.sentence for each in findings(home, "warn"))
    assert "1 document of collection 'c' have chunks of a former length" in warned
    assert "Collection 'beside' is being re-embedded, or was: it has 1 vector by another embedder" in warned
    assert broken(home) == []


def test_pages_and_originals_that_are_right_are_no_problem(tmp_path: Path) -> None:
    data, text = b"the file itself", "Page one. Page two."
    document = Document(
        sha256(data).hexdigest(), "a.pdf", "pdf", text, pages=(Page(1, 0, 9), Page(3, 10, 19)), page_count=3
    )
    chunks = [Chunk(document.id, 0, 9, text[:9], 3, 1), Chunk(document.id, 10, 19, text[10:], 3, 3)]
    store = Store(tmp_path / "library.db")
    store.put_document(
        "c",
        document,
        size_bytes=len(data),
        chunks=chunks,
        vectors=np.eye(2, dtype=np.float32),
        embedder=ModelInfo("a/model", "a" * 64, "cpu"),
        original=data,
    )
    store.close()
    assert broken(tmp_path) == []


# The command line


def test_the_command_checks_and_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_HOME", str(home))
    assert main(["doctor", "--library"]) == 0
    assert capsys.readouterr().out.startswith("library check\n  ok    ")
    change(home, "UPDATE chunks SET tokens = 0")
    assert main(["doctor", "--library", "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert body["ok"] is False
    assert [each["topic"] for each in body["findings"] if each["level"] == "fail"] == ["library check"]
