"""Collections made, renamed and deleted: with all that is theirs, and nothing of the others."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from files import text_file
from toy_library import add, broken, found, names, opened

from rag.errors import LibraryError, NotFoundError
from rag.evidence import Judgment
from rag.library import Library
from rag.records import DEFAULT_CHUNKING

TABLES = ("collections", "documents", "chunks", "vectors", "judgments")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        yield library


def test_an_empty_collection_is_named_and_can_be_searched(library: Library) -> None:
    library.create_collection("new")
    assert (library.collections(), library.filled()) == (("new",), ())
    assert (found(library, "new"), library.documents("new")) == ({}, ())
    assert library.chunking("new") == DEFAULT_CHUNKING
    add(library, "a.txt", "The text.", "new")
    assert found(library, "new") == {"a.txt": "The text."}


@pytest.mark.parametrize("name", ["", " c", "a\nb", "\n1", "x" * 65])
def test_what_cannot_be_a_name_is_refused(library: Library, name: str) -> None:
    add(library, "a.txt", "The text.")
    for act in (lambda: library.create_collection(name), lambda: library.rename_collection("c", name)):
        with pytest.raises(LibraryError, match="cannot name a collection"):
            act()
    assert library.collections() == ("c",)


def test_a_name_that_is_taken_is_refused(library: Library) -> None:
    for collection in ("c", "d"):
        add(library, "a.txt", f"The text of {collection}.", collection)
    for act in (lambda: library.create_collection("d"), lambda: library.rename_collection("c", "d")):
        with pytest.raises(LibraryError, match=r"There is a collection 'd' already\. Choose another name\."):
            act()
    assert found(library, "d") == {"a.txt": "The text of d."}


def test_a_renamed_collection_keeps_everything(library: Library, tmp_path: Path) -> None:
    gone = add(library, "gone.txt", "It was deleted.")
    kept = add(library, "a.txt", "The text.")
    library.delete(gone, collection="c")
    library.judge(Judgment("a question", kept, 0, 4, 3), collection="c")
    found(library)
    library.rename_collection("c", "d")
    assert (library.collections(), found(library, "d")) == (("d",), {"a.txt": "The text."})
    assert len(library.judgments("d")) == 1
    assert library.restore(gone, collection="d") == "gone.txt"
    assert broken(tmp_path) == []


def test_two_collections_may_change_names(library: Library) -> None:
    for collection in ("c", "d"):
        add(library, "a.txt", f"The text of {collection}.", collection)
        found(library, collection)
    for old, new in (("c", "x"), ("d", "c"), ("x", "d")):
        library.rename_collection(old, new)
    assert [found(library, each)["a.txt"] for each in ("c", "d")] == ["The text of d.", "The text of c."]


def test_a_deleted_collection_leaves_nothing(library: Library, tmp_path: Path) -> None:
    for number in range(3):
        document = add(library, f"{number}.txt", f"Text {number}.")
    library.judge(Judgment("a question", document, 0, 4, 3), collection="c")
    library.delete(document, collection="c")
    found(library)
    library.delete_collection("c")
    with sqlite3.connect(tmp_path / "library.db") as db:
        counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    db.close()
    assert (counts, list((tmp_path / "index").iterdir())) == ([0] * 5, [])
    assert (library.collections(), names(library), library.trash("c")) == ((), set(), ())


def test_what_is_not_there_can_neither_be_renamed_nor_deleted(library: Library) -> None:
    add(library, "a.txt", "The text.")
    for act in (lambda: library.rename_collection("x", "y"), lambda: library.delete_collection("x")):
        with pytest.raises(NotFoundError, match=r"There is no collection 'x'\. Collections: c\."):
            act()


def test_a_search_on_its_way_ends_with_an_error_that_says_so(library: Library) -> None:
    add(library, "a.txt", "The text.")
    searcher = library.searcher("c")
    library.delete_collection("c")
    with pytest.raises(NotFoundError, match="There is no collection 'c'"):
        searcher.nearest(searcher.embedder.embed_query("a question"), 10)


def test_while_files_are_added_a_collection_stays(library: Library, tmp_path: Path) -> None:
    add(library, "a.txt", "The text.")
    underway, go_on = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        underway.set()
        assert go_on.wait(30)

    files = [text_file("b.txt", "Another text.")]
    adding = threading.Thread(target=lambda: library.ingest(files, collection="c", on_progress=wait))
    adding.start()
    assert underway.wait(30)
    with opened(tmp_path) as elsewhere, pytest.raises(LibraryError, match="is being added to"):
        elsewhere.delete_collection("c")
    go_on.set()
    adding.join()
    library.rename_collection("c", "d")
    assert names(library, "d") == {"a.txt", "b.txt"}


def test_whoever_begins_to_add_in_the_last_moment_is_seen(library: Library) -> None:
    add(library, "a.txt", "The text.")
    with library.store.journal.adding("c", ["b.txt"]):
        with pytest.raises(LibraryError, match="is being added to"):
            library.store.shelves.rename("c", "d")
        with pytest.raises(LibraryError, match="is being added to"):
            library.store.shelves.delete("c")
    assert library.collections() == ("c",)


def test_what_was_left_undone_follows_its_collection(library: Library, tmp_path: Path) -> None:
    for collection in ("c", "d"):
        add(library, "a.txt", f"The text of {collection}.", collection)
    with sqlite3.connect(tmp_path / "library.db") as db:  # as a process that is gone has left it
        db.executemany(
            "INSERT INTO unfinished (collection, name, owner, began_at) VALUES (?, 'b.txt', 'gone', '')",
            ["c", "d"],
        )
    db.close()
    library.rename_collection("c", "x")
    library.delete_collection("d")
    assert [(each.collection, each.name) for each in library.unfinished()] == [("x", "b.txt")]
