"""The library: each file once, whole or not at all, and an index that never lags behind."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from files import text_file
from hypothesis import given, settings
from hypothesis import strategies as st
from machine import Machine, make_embedder
from numpy.typing import NDArray

from rag.config import DEFAULT_EMBEDDER, Settings
from rag.embed import Embedder
from rag.errors import LibraryError, ModelError, NotFoundError
from rag.file_outcome import FileOutcome
from rag.ingest import SourceFile
from rag.library import Library
from rag.library.embedders import Embedders
from rag.parse.limits import MAX_DOCUMENT_CHARS
from rag.service import build, open_library
from rag.store import EmbedderRef

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {name: f"The {name} has a chapter of its own in this book." for name in ("boiler", "museum", "pasta")}
# A section of over a hundred tokens is a chunk of its own.
LONG = "\n\n".join(
    f"# Part {n}\n\n" + "The boiler on the second floor needs a valve. " * 12 for n in range(18)
)

Vector = NDArray[np.float32]


@pytest.fixture(scope="module")
def boiler(embedder: Embedder) -> Vector:
    """A question's vector."""
    return embedder.embed_query("which chapter is about the boiler?")


@pytest.fixture(scope="module")
def other() -> Embedder:
    """A second embedder, with a small window."""
    return make_embedder("another/embedder", "f" * 64, max_tokens=128)


@pytest.fixture
def again(embedders: Embedders, tmp_path: Path) -> Iterator[Callable[..., Library]]:
    """Opens the library in `tmp_path` once more, with a connection and an index of its own."""
    opened: list[Library] = []

    def open_again(embedders: Embedders = embedders) -> Library:
        opened.append(open_library(Settings(home=tmp_path), embedders))
        return opened[-1]

    yield open_again
    for each in opened:
        each.close()


def add(library: Library, name: str, text: str, collection: str = "c") -> FileOutcome:
    (outcome,) = library.ingest([text_file(name, text)], collection=collection)
    return outcome


def found(library: Library, vector: Vector, collection: str = "c") -> list[tuple[str, str, float]]:
    return [
        (passage.document, passage.text, cosine)
        for passage, cosine in library.searcher(collection).nearest(vector, 1000)
    ]


def names(library: Library, collection: str = "c") -> list[str]:
    return [info.name for info in library.documents(collection)]


# Adding and deleting


def test_a_new_file_is_added_and_found(library: Library, boiler: Vector) -> None:
    outcomes = [add(library, f"{name}.txt", text) for name, text in TEXTS.items()]
    assert [(outcome.status, outcome.chunks) for outcome in outcomes] == [("added", 1)] * 3
    assert outcomes[0].message == "boiler.txt: 1 chunk, English."
    assert found(library, boiler)[0][:2] == ("boiler.txt", TEXTS["boiler"])


def test_a_file_takes_the_place_of_an_older_one_of_its_name(library: Library, boiler: Vector) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    outcome = add(library, "a.txt", TEXTS["pasta"])
    assert (outcome.status, outcome.message) == (
        "replaced",
        "a.txt: 1 chunk, English, in place of the older version.",
    )
    assert [text for _, text, _ in found(library, boiler)] == [TEXTS["pasta"]]


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.txt", "a.txt is already there."), ("b.txt", "b.txt is already there as a.txt.")],
)
def test_bytes_that_are_there_are_not_added_again(library: Library, name: str, message: str) -> None:
    first = add(library, "a.txt", TEXTS["boiler"])
    outcome = add(library, name, TEXTS["boiler"])
    assert (outcome.status, outcome.message, outcome.document) == ("unchanged", message, "a.txt")
    assert (outcome.document_id, outcome.chunks, names(library)) == (first.document_id, 1, ["a.txt"])


def test_a_deleted_document_is_not_found(library: Library, boiler: Vector) -> None:
    ids = [add(library, f"{name}.txt", text).document_id for name, text in TEXTS.items()]
    assert library.delete(str(ids[0]), collection="c") == "boiler.txt"
    assert {document for document, _, _ in found(library, boiler)} == {"museum.txt", "pasta.txt"}


def test_what_was_deleted_can_be_added_anew(library: Library, boiler: Vector) -> None:
    first = add(library, "a.txt", TEXTS["boiler"])
    library.delete(str(first.document_id), collection="c")
    assert found(library, boiler) == []
    assert add(library, "a.txt", TEXTS["boiler"]).status == "added"
    assert len(found(library, boiler)) == 1


@pytest.mark.parametrize(
    ("document_id", "collection"), [("0" * 64, "c"), ("0" * 64, "other"), ("\ud800", "c")]
)
def test_what_is_not_there_cannot_be_deleted(library: Library, document_id: str, collection: str) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    with pytest.raises(NotFoundError, match="holds no document with id"):
        library.delete(document_id, collection=collection)
    assert (names(library), library.collections()) == (["a.txt"], ("c",))


def test_collections_are_separate_even_with_the_same_document(library: Library, boiler: Vector) -> None:
    one = add(library, "a.txt", TEXTS["boiler"], "one")
    two = add(library, "b.txt", TEXTS["boiler"], "two")
    assert (one.status, two.status, one.document_id) == ("added", "added", two.document_id)
    library.delete(str(one.document_id), collection="one")
    assert [document for document, *_ in found(library, boiler, "two")] == ["b.txt"]
    assert found(library, boiler, "one") == []


def test_one_documents_passages_can_be_searched_alone(library: Library, boiler: Vector) -> None:
    ids = [add(library, f"{name}.txt", text).document_id for name, text in TEXTS.items()]
    hits = library.searcher("c", document_id=ids[2]).nearest(boiler, 10)
    assert [passage.document for passage, _ in hits] == ["pasta.txt"]


@pytest.mark.parametrize("collection", ["none", "", "\ud800"])
def test_an_unknown_collection_is_answered_with_the_known_ones(library: Library, collection: str) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    with pytest.raises(NotFoundError, match=r"There is no collection .* Collections: c\.$"):
        library.searcher(collection)


def test_an_unknown_document_cannot_be_searched(library: Library, boiler: Vector) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    with pytest.raises(NotFoundError, match="holds no document"):
        library.searcher("c", document_id="0" * 64).nearest(boiler, 10)


# Files as they come


def test_a_file_that_fails_costs_itself_alone(library: Library) -> None:
    def unreadable() -> bytes:
        raise PermissionError(13, "Permission denied")

    files = [
        text_file("good.txt", TEXTS["boiler"]),
        SourceFile("locked.txt", 9, unreadable),
        text_file("image.png", b"\x89PNG\r\n\x1a\n"),
        text_file("empty.txt", ""),
        text_file("blank.md", " \n\n "),
        text_file("fine.md", TEXTS["museum"]),
    ]
    outcomes = library.ingest(files, collection="c")
    statuses = ["added", "failed", "failed", "failed", "failed", "added"]
    assert [outcome.status for outcome in outcomes] == statuses
    assert outcomes[1].message == "locked.txt could not be read: Permission denied."
    assert names(library) == ["fine.md", "good.txt"]


def test_only_failing_files_make_no_collection(library: Library) -> None:
    outcome = add(library, "empty.txt", "")
    assert (outcome.status, outcome.document, outcome.document_id) == ("failed", None, None)
    assert library.collections() == ()


def test_a_file_over_the_limit_is_not_even_read(library: Library) -> None:
    def read() -> bytes:
        raise AssertionError("it was read")

    (outcome,) = library.ingest([SourceFile("big.txt", 1_000_001, read)], collection="c")
    assert outcome.status == "failed"
    assert outcome.message.startswith("big.txt has 1.0 MB; the limit is 1 MB (RAG_MAX_UPLOAD_MB).")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a\x00b\tc\n.txt", "ab c .txt"),
        ("\ud800 half.txt", "� half.txt"),
        ("\u202efdp.exe.txt", "fdp.exe.txt"),
        ("x" * 1000 + ".txt", "x" * 196 + ".txt"),
        ("Citta\u0300.txt", "Citt\u00e0.txt"),
        ("  .hidden name .md", ".hidden name .md"),
    ],
)
def test_any_name_can_be_kept_and_shown(library: Library, name: str, kept: str) -> None:
    outcome = add(library, name, TEXTS["boiler"])
    assert (outcome.status, outcome.name, outcome.document) == ("added", kept, kept)
    assert names(library) == [kept]


def test_a_file_without_a_name_is_called_unnamed(library: Library) -> None:
    assert add(library, "\u200b", TEXTS["boiler"]).message.startswith(
        "unnamed: 1 chunk, English. Its name does"
    )


def test_files_of_one_name_in_one_call_are_all_kept(library: Library) -> None:
    outcomes = library.ingest([text_file("a.txt", text) for text in TEXTS.values()], collection="c")
    assert [outcome.document for outcome in outcomes] == ["a.txt", "a (2).txt", "a (3).txt"]
    assert outcomes[1].message == "a.txt: 1 chunk, English, kept as a (2).txt."
    assert names(library) == ["a (2).txt", "a (3).txt", "a.txt"]


def test_the_same_bytes_twice_in_one_call_are_added_once(library: Library) -> None:
    outcomes = library.ingest(
        [text_file(name, TEXTS["boiler"]) for name in ("a.txt", "b.txt")], collection="c"
    )
    assert [outcome.status for outcome in outcomes] == ["added", "unchanged"]


def test_progress_rises_to_all_chunks_and_outcomes_come_as_they_are_known(library: Library) -> None:
    seen: list[tuple[str, int, int] | FileOutcome] = []
    outcomes = library.ingest(
        [text_file("long.md", LONG), text_file("short.txt", TEXTS["pasta"])],
        collection="c",
        on_progress=lambda *progress: seen.append(progress),
        on_outcome=seen.append,
    )
    long = [("long.md", 0, 0), ("long.md", 16, 18), ("long.md", 18, 18), outcomes[0]]
    assert seen == [*long, ("short.txt", 0, 0), ("short.txt", 1, 1), outcomes[1]]


@pytest.mark.parametrize("name", ["", " c", "a\nb", "a\0", "\ud800", "x" * 65])
def test_a_name_that_cannot_be_shown_makes_no_collection(library: Library, name: str) -> None:
    with pytest.raises(LibraryError, match="cannot name a collection: expected 1 to 64 characters"):
        add(library, "a.txt", TEXTS["boiler"], name)
    assert library.collections() == ()


# The index and the store


STEPS = st.tuples(
    st.sampled_from(["add", "add", "delete", "restart", "lose the index"]),
    st.sampled_from(["a.txt", "b.txt", "c.txt"]),
    st.sampled_from([*TEXTS.values(), "One more text."]),
)


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(STEPS, max_size=10))
def test_after_every_step_a_search_finds_what_the_store_holds(
    embedder: Embedder, steps: list[tuple[str, str, str]]
) -> None:
    held: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        chosen = Settings(home=Path(folder))
        library = open_library(chosen, Machine(embedder).embedders())
        for step, name, text in [("add", "first.txt", "The first text."), *steps]:
            if step == "add":
                change_as_expected(library, held, name, text)
            elif step == "delete":
                delete_if_held(library, held, name)
            else:
                library.close()
                if step == "lose the index":
                    shutil.rmtree(chosen.home / "index", ignore_errors=True)
                library = open_library(chosen, Machine(embedder).embedders())
            check_search(library, held, embedder)
        library.close()


def change_as_expected(library: Library, held: dict[str, str], name: str, text: str) -> None:
    expected = "unchanged" if text in held.values() else "replaced" if name in held else "added"
    assert add(library, name, text).status == expected
    if expected != "unchanged":
        held[name] = text


def delete_if_held(library: Library, held: dict[str, str], name: str) -> None:
    for info in library.documents("c"):
        if info.name == name:
            library.delete(info.id, collection="c")
            del held[name]


def check_search(library: Library, held: dict[str, str], embedder: Embedder) -> None:
    question = embedder.embed_query("which chapter is about the boiler?")
    hits = found(library, question)
    assert {document: text for document, text, _ in hits} == held
    vectors = embedder.embed_passages([text for _, text, _ in hits]).vectors
    assert [cosine for *_, cosine in hits] == pytest.approx((vectors @ question).tolist(), abs=1e-6)
    assert [cosine for *_, cosine in hits] == sorted((cosine for *_, cosine in hits), reverse=True)


def test_after_a_restart_everything_is_there_and_nothing_is_embedded_again(
    library: Library, boiler: Vector, tmp_path: Path
) -> None:
    library.ingest([text_file(f"{name}.txt", text) for name, text in TEXTS.items()], collection="c")
    before = found(library, boiler), library.documents("c")
    restarted = build(Settings(home=tmp_path, threads=1))
    assert (found(restarted.library, boiler), restarted.library.documents("c")) == before
    assert not restarted.embedder.used
    restarted.close()


def test_a_restart_takes_the_saved_index_and_does_without_it(
    library: Library, again: Callable[[], Library], boiler: Vector, tmp_path: Path
) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    before = found(library, boiler)
    change(tmp_path, "UPDATE vectors SET vector = zeroblob(length(vector))")
    assert found(again(), boiler) == before
    shutil.rmtree(tmp_path / "index")
    assert [cosine for *_, cosine in found(again(), boiler)] == [0.0]


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-9], lambda data: data[:-9] + b"x" * 9]
)
def test_a_damaged_index_file_is_made_anew(
    library: Library,
    again: Callable[[], Library],
    boiler: Vector,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
) -> None:
    library.ingest([text_file(f"{name}.txt", text) for name, text in TEXTS.items()], collection="c")
    before = found(library, boiler), library.searcher("c").matching("the boiler's chapter", 9)
    for path in (tmp_path / "index").iterdir():
        path.write_bytes(damage(path.read_bytes()))
    anew = again()
    assert (found(anew, boiler), anew.searcher("c").matching("the boiler's chapter", 9)) == before


def test_there_is_one_index_file_of_each_kind_a_collection(
    library: Library, again: Callable[[], Library], tmp_path: Path
) -> None:
    for opened in (library, again()):
        for text in TEXTS.values():
            add(opened, "a.txt", text, "one")
            add(opened, "a.txt", text, "two")
    suffixes = sorted(path.suffix for path in (tmp_path / "index").iterdir())
    assert suffixes == [".bm25", ".bm25", ".faiss", ".faiss"]


def test_where_no_index_file_can_be_written_documents_are_added_all_the_same(
    library: Library, boiler: Vector, tmp_path: Path
) -> None:
    (tmp_path / "index").write_text("a file where a folder should be")
    assert add(library, "a.txt", TEXTS["boiler"]).status == "added"
    assert len(found(library, boiler)) == 1


def test_what_a_killed_saving_left_behind_is_swept_when_the_library_opens(
    library: Library, again: Callable[..., Library], tmp_path: Path
) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    left_over, being_written = tmp_path / "index" / "old.partial", tmp_path / "index" / "new.partial"
    for path in (left_over, being_written):
        path.write_bytes(b"half an index")
    os.utime(left_over, (0, 0))
    again()
    assert (left_over.exists(), being_written.exists()) == (False, True)


def test_a_search_beside_replacements_always_finds_one_version(library: Library, boiler: Vector) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    with ThreadPoolExecutor(1) as writer:
        versions = [f"Version {n} of the text." for n in range(25)]
        writing = writer.submit(lambda: [add(library, "a.txt", text) for text in versions])
        seen = []
        while not writing.done():
            seen.append(len(found(library, boiler)))
    assert [outcome.status for outcome in writing.result()] == ["replaced"] * 25
    assert set(seen) == {1}


# Collections with embedders of their own


def test_a_new_collection_has_the_default_embedder(library: Library, embedder: Embedder) -> None:
    assert library.embedder("c") is embedder
    assert library.embedder_ref("c") is None
    add(library, "a.txt", TEXTS["boiler"])
    assert library.embedder_ref("c") == EmbedderRef(embedder.info.id, embedder.info.sha256)


def test_a_collection_keeps_its_embedder_when_another_is_the_default(
    library: Library, again: Callable[..., Library], embedder: Embedder, other: Embedder, boiler: Vector
) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    machine = Machine(embedder, other)
    opened = again(machine.embedders(other.info.id))
    assert (opened.embedder("c"), opened.embedder("new")) == (embedder, other)
    assert add(opened, "b.txt", TEXTS["pasta"]).status == "added"
    assert opened.searcher("c").embedder is embedder
    assert len(found(opened, boiler)) == 2


def test_chunks_follow_the_window_of_the_collections_embedder(
    library: Library, again: Callable[..., Library], other: Embedder
) -> None:
    prose = "The boiler on the second floor needs a valve. " * 100
    small = again(Machine(other).embedders(other.info.id))
    assert 2 * add(library, "a.txt", prose).chunks < add(small, "a.txt", prose, "small").chunks
    texts = [text for _, text in small.store.texts(small.store.chunk_keys("small"))]
    assert max(len(other.offsets(text)) for text in texts) <= other.passage_room == 126


@pytest.fixture
def orphan(library: Library, again: Callable[..., Library], embedder: Embedder, other: Embedder) -> Library:
    """A library in which the embedder of the collection "orphan" is missing."""
    add(library, "a.txt", TEXTS["boiler"], "own")
    add(again(Machine(other).embedders(other.info.id)), "a.txt", TEXTS["museum"], "orphan")
    return again(Machine(embedder).embedders())


def test_a_collection_whose_embedder_is_missing_can_neither_be_searched_nor_added_to(orphan: Library) -> None:
    expected = (
        r"'orphan' can neither be searched .*reembed ID --collection orphan.* another/embedder is missing"
    )
    for act in (lambda: add(orphan, "b.txt", TEXTS["pasta"], "orphan"), lambda: orphan.searcher("orphan")):
        with pytest.raises(LibraryError, match=expected):
            act()
    assert names(orphan, "orphan") == ["a.txt"]


def test_a_collection_whose_embedder_is_missing_costs_only_itself(orphan: Library, boiler: Vector) -> None:
    (info,) = orphan.documents("orphan")
    assert orphan.delete(info.id, collection="orphan") == "a.txt"
    assert orphan.documents("orphan") == ()
    assert [name for name, *_ in found(orphan, boiler, "own")] == ["a.txt"]


def test_a_collection_of_the_same_model_with_another_fingerprint_is_refused(
    library: Library, again: Callable[..., Library]
) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    newer = make_embedder(DEFAULT_EMBEDDER, "e" * 64)
    with pytest.raises(LibraryError, match=r"'c' can neither .* is another one of that name"):
        again(Machine(newer).embedders()).searcher("c")


def test_without_a_default_embedder_only_new_collections_cannot_be_made(
    library: Library, again: Callable[..., Library], embedder: Embedder, boiler: Vector
) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    opened = again(Machine(embedder).embedders("not/here"))
    assert len(found(opened, boiler)) == 1
    with pytest.raises(ModelError, match="not/here is missing"):
        add(opened, "a.txt", TEXTS["boiler"], "new")


def test_a_collection_of_another_model_keeps_no_server_from_starting(
    library: Library, again: Callable[..., Library], other: Embedder, tmp_path: Path
) -> None:
    add(library, "a.txt", TEXTS["boiler"], "own")
    add(again(Machine(other).embedders(other.info.id)), "a.txt", TEXTS["museum"], "orphan")
    started = build(Settings(home=tmp_path, threads=1))
    started.warm_up()
    assert started.library.is_current("own")
    assert not started.library.is_current("orphan")
    started.close()


# Other processes

INGEST = """
import sys
from pathlib import Path
from rag.config import Settings
from rag.ingest import SourceFile
from rag.service import open_embedders, open_library

home, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
settings = Settings(home=home, threads=1)
library = open_library(settings, open_embedders(settings))
texts = {n: f"Text number {n}.\\n\\n".encode() * 90 for n in range(first, last)}
files = [SourceFile(f"{n}.txt", len(text), lambda text=text: text) for n, text in texts.items()]
library.ingest(files, collection="c", on_outcome=lambda outcome: print(outcome.document, flush=True))
library.close()
"""


def ingest_elsewhere(home: Path, first: int, last: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", INGEST, str(home), str(first), str(last)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_what_another_process_adds_is_found_by_the_next_search(
    library: Library, boiler: Vector, tmp_path: Path
) -> None:
    add(library, "a.txt", TEXTS["boiler"])
    before = found(library, boiler)
    with ingest_elsewhere(tmp_path, 0, 2) as process:
        assert process.wait(60) == 0
    after = found(library, boiler)
    assert {document for document, *_ in after} == {"a.txt", "0.txt", "1.txt"}
    assert before[0] in after


def change(home: Path, statement: str) -> None:
    """Run `statement` on the library's file, as only damage or another version would."""
    with sqlite3.connect(home / "library.db") as db:
        db.execute(statement)
    db.close()


def test_a_text_too_long_for_one_document_costs_itself_alone(embedders: Embedders, tmp_path: Path) -> None:
    library = open_library(Settings(home=tmp_path, max_upload_mb=50), embedders)
    long = text_file("long.txt", "a b c d e\n" * (MAX_DOCUMENT_CHARS // 10 + 1))
    outcomes = library.ingest([long, text_file("short.txt", "A short one.")], collection="c")
    library.close()
    assert [outcome.status for outcome in outcomes] == ["failed", "added"]
    assert "at most 5,000,000 fit one document" in outcomes[0].message
