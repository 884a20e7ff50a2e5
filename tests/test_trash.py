"""The trash: what was deleted or replaced comes back whole, and never stands in the way."""

import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_library import add, broken, found, ingest, names, opened

from rag.errors import NotFoundError
from rag.library import Library
from rag.library.reembed import reembed
from rag.records import Chunking
from rag.store.trash import KEPT

LONG = "\n\n".join(f"# Part {n}\n\n" + "The boiler on this floor needs a valve. " * 40 for n in range(4))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path, "first/model", "second/model") as library:
        yield library


def trashed(library: Library) -> list[str]:
    return [info.name for info in library.trash("c")]


def test_what_was_deleted_comes_back_as_it_was(library: Library, tmp_path: Path) -> None:
    document = add(library, "a.md", LONG)
    add(library, "b.txt", "Another text.")
    before = library.documents("c"), found(library), library.store.chunk_keys("c").tolist()
    assert library.delete(document, collection="c") == "a.md"
    assert (names(library), trashed(library), set(found(library))) == ({"b.txt"}, ["a.md"], {"b.txt"})
    assert library.restore(document, collection="c") == "a.md"
    assert (library.documents("c"), found(library), library.store.chunk_keys("c").tolist()) == before
    assert (trashed(library), broken(tmp_path)) == ([], [])


def test_a_replacement_is_undone_and_redone(library: Library, tmp_path: Path) -> None:
    older, newer = add(library, "a.txt", "The older text."), add(library, "a.txt", "The newer text.")
    assert [info.id for info in library.trash("c")] == [older]
    for back, away in ((older, newer), (newer, older)):
        assert library.restore(back, collection="c") == "a.txt"
        assert [info.id for info in library.documents("c")] == [back]
        assert [info.id for info in library.trash("c")] == [away]
    assert (found(library), broken(tmp_path)) == ({"a.txt": "The newer text."}, [])


def test_the_trash_holds_the_last_of_a_name(library: Library) -> None:
    ids = [add(library, "a.txt", f"Version {n} of it.") for n in range(4)]
    assert [info.id for info in library.trash("c")] == [ids[2]]


def test_the_trash_says_when_each_document_came_there(library: Library) -> None:
    documents = [add(library, name, f"The text of {name}.") for name in ("a.txt", "b.txt")]
    before = datetime.now(UTC)
    for document in documents:
        library.delete(document, collection="c")
    later, earlier = [datetime.fromisoformat(info.deleted_at) for info in library.trash("c")]
    assert before <= earlier < later <= datetime.now(UTC)


def test_what_is_added_again_leaves_the_trash(library: Library) -> None:
    document = add(library, "a.txt", "The text.")
    library.delete(document, collection="c")
    assert add(library, "b.txt", "The text.") == document
    assert (names(library), trashed(library)) == ({"b.txt"}, [])


def test_what_was_deleted_last_is_named_first(library: Library) -> None:
    ids = [add(library, f"{n}.txt", f"Text {n}.") for n in range(3)]
    for number in (1, 0, 2):
        library.delete(ids[number], collection="c")
    assert trashed(library) == ["2.txt", "0.txt", "1.txt"]


@pytest.mark.parametrize("collection", ["c", "other", "\n1", "\ud800"])
def test_what_is_not_in_the_trash_cannot_be_restored(library: Library, collection: str) -> None:
    document = add(library, "a.txt", "The text.")
    before = library.store.states()
    with pytest.raises(NotFoundError, match=r"The trash of collection .* kept for 7 days"):
        library.restore(document, collection=collection)
    assert library.store.states() == before


def test_nothing_shows_the_trash_as_a_collection(library: Library) -> None:
    document = add(library, "a.txt", "The text.")
    library.delete(document, collection="c")
    hidden = "\n1"
    assert (library.collections(), library.filled()) == (("c",), ())
    assert (library.documents(hidden), library.store.state(hidden)) == ((), None)
    assert library.store.chunk_keys(hidden).tolist() == []
    with pytest.raises(NotFoundError):
        library.searcher(hidden)


def test_with_its_chunks_of_a_former_length_a_document_is_cut_anew_when_restored(
    library: Library, tmp_path: Path
) -> None:
    document = add(library, "a.md", LONG)
    library.delete(document, collection="c")
    library.rechunk("c", Chunking(80, 10))
    library.restore(document, collection="c")
    (info,) = library.documents("c")
    assert (info.chunking, info.chunks > 8, library.chunking_pending("c")) == (Chunking(80, 10), True, 0)
    assert broken(tmp_path) == []


def test_with_vectors_of_a_former_embedder_a_document_is_embedded_anew_when_restored(
    library: Library, tmp_path: Path
) -> None:
    document = add(library, "a.md", LONG)
    add(library, "b.txt", "Another text.")
    library.delete(document, collection="c")
    reembed(library, "c", "second/model")
    library.restore(document, collection="c")
    assert set(found(library)) == {"a.md", "b.txt"}
    assert broken(tmp_path) == []


def test_what_lay_there_for_a_week_is_gone_at_the_next_opening(library: Library, tmp_path: Path) -> None:
    documents = [add(library, f"{n}.txt", f"Text {n}.") for n in range(2)]
    for document in documents:
        library.delete(document, collection="c")
    with sqlite3.connect(tmp_path / "library.db") as db:
        db.execute("UPDATE documents SET trashed_at = '2026-01-31T12:00:00+00:00' WHERE name = '0.txt'")
    db.close()
    with opened(tmp_path) as again:
        assert (trashed(again), KEPT.days) == (["1.txt"], 7)
    assert broken(tmp_path) == []


def aged(home: Path, name: str) -> None:
    with sqlite3.connect(home / "library.db") as db:
        db.execute("UPDATE documents SET trashed_at = '2026-01-31T12:00:00+00:00' WHERE name = ?", (name,))
    db.close()


def test_what_lay_there_for_a_week_goes_when_something_else_comes(library: Library, tmp_path: Path) -> None:
    older, newer = add(library, "a.txt", "The older."), add(library, "b.txt", "The newer.")
    library.delete(older, collection="c")
    aged(tmp_path, "a.txt")
    library.delete(newer, collection="c")
    assert trashed(library) == ["b.txt"]


def test_what_is_brought_back_at_the_last_moment_is_not_lost(library: Library, tmp_path: Path) -> None:
    older = add(library, "a.txt", "The older text.")
    add(library, "a.txt", "The newer text.")
    aged(tmp_path, "a.txt")
    library.restore(older, collection="c")
    assert found(library) == {"a.txt": "The older text."}


def test_what_is_gone_for_good_cannot_be_read_in_the_file(library: Library, tmp_path: Path) -> None:
    document = add(library, "a.txt", "The secret of the boiler. " * 400)
    library.delete(document, collection="c")
    assert library.store.trash.empty(older_than=timedelta()) == 1
    library.close()
    assert b"secret of the boiler" not in (tmp_path / "library.db").read_bytes()


STEPS = st.tuples(
    st.sampled_from(["add", "add", "delete", "restore"]),
    st.sampled_from(["a.txt", "b.txt"]),
    st.sampled_from(["First text.", "Second text.", "Third text."]),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
def test_no_order_of_steps_loses_or_doubles_a_document(steps: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as library:
        held, trash = dict[str, str](), dict[str, str]()  # texts by name
        for step, name, text in [("add", "z.txt", "The zeroth text."), *steps]:
            if step == "add" and text not in held.values():
                trash = {each: kept for each, kept in trash.items() if kept != text}
                trash |= {name: held[name]} if name in held else {}
                held[name] = text
                ingest(library, {name: text})
            elif step == "delete" and name in held:
                trash[name] = held.pop(name)
                library.delete(next(d.id for d in library.documents("c") if d.name == name), collection="c")
            elif step == "restore" and name in trash:
                back = trash.pop(name)
                trash |= {name: held[name]} if name in held else {}
                held[name] = back
                library.restore(next(d.id for d in library.trash("c") if d.name == name), collection="c")
            assert (found(library), set(trashed(library))) == (held, set(trash))
        assert broken(Path(folder)) == []
