"""The store: whole documents or none, across restarts, processes and damage."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.config import DEFAULT_EMBEDDER
from rag.errors import LibraryError, NotFoundError
from rag.records import Chunk, Document, ModelInfo, Page
from rag.store import EmbedderRef, Store
from rag.store.migrations import m001_documents_chunks_vectors

ROOT = Path(__file__).resolve().parents[1]
DIM = 4
MODEL = ModelInfo("an/embedder", "m" * 64, "cpu")
OTHER = ModelInfo("another/embedder", "o" * 64, "cpu")
TABLES = ("collections", "documents", "pages", "chunks", "vectors")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "library.db")
    yield opened
    opened.close()


def put(
    store: Store,
    name: str,
    *,
    text: str = "",
    collection: str = "c",
    n_chunks: int = 3,
    dim: int = DIM,
    embedder: ModelInfo = MODEL,
) -> str:
    """Put a document whose chunks are the first `n_chunks` characters of its text."""
    text = text or f"{name} says something"
    document = Document(f"id of {text}", name, "txt", text, pages=(Page(1, 0, 5), Page(2, 5, len(text))))
    chunks = [Chunk(document.id, n, n + 1, text[n], 1, 1, ("Über", '"x"')) for n in range(n_chunks)]
    vectors = np.arange(n_chunks * dim, dtype=np.float32).reshape(n_chunks, dim) + len(text)
    return store.put_document(
        collection, document, size_bytes=len(text), chunks=chunks, vectors=vectors, embedder=embedder
    )


def vectors_of(store: Store, collection: str = "c", model: ModelInfo = MODEL) -> NDArray[np.float32]:
    return store.vectors.of(store.chunk_keys(collection), model=model.sha256, dim=DIM)


def add_vectors(store: Store, keys: NDArray[np.int64], *, dim: int = DIM, collection: str = "c") -> None:
    """Give the chunks `keys` vectors by OTHER: each its own key."""
    vectors = np.repeat(keys.astype(np.float32)[:, np.newaxis], dim, axis=1)
    store.vectors.add(collection, keys.tolist(), vectors, model=OTHER.sha256)


def revision(store: Store, collection: str = "c") -> str | None:
    state = store.state(collection)
    return state.revision if state else None


def counts(path: Path) -> dict[str, int]:
    db = sqlite3.connect(path)
    found = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    db.close()
    return found


def test_what_was_put_is_there_after_reopening(tmp_path: Path) -> None:
    first = Store(tmp_path / "deep" / "library.db")
    put(first, "a.txt", text="alpha beta")
    first.close()
    second = Store(tmp_path / "deep" / "library.db")
    (info,) = second.documents("c")
    assert (info.id, info.name, info.kind, info.size_bytes) == ("id of alpha beta", "a.txt", "txt", 10)
    assert (info.pages, info.chunks, info.added_at[-6:]) == (2, 3, "+00:00")
    assert vectors_of(second).tolist() == (np.arange(12).reshape(3, 4) + 10).tolist()
    second.close()


def test_a_passage_is_the_chunk_with_its_documents_name(store: Store) -> None:
    put(store, "a.txt", text="alpha beta")
    passage = store.passages(store.chunk_keys("c")[1:2])[0]
    assert (passage.document, passage.document_id, passage.text) == ("a.txt", "id of alpha beta", "l")
    assert (passage.start, passage.end, passage.page, passage.headings) == (1, 2, 1, ("Über", '"x"'))


def test_passages_and_vectors_come_in_the_order_asked_even_for_a_thousand(store: Store) -> None:
    put(store, "a.txt", text="x" * 1200, n_chunks=1200)
    keys = store.chunk_keys("c")
    shuffled = np.random.default_rng(0).permutation(keys)
    assert [passage.start for passage in store.passages(shuffled)] == (shuffled - keys[0]).tolist()
    rows = store.vectors.of(shuffled, model=MODEL.sha256, dim=DIM)[:, 0]
    assert rows.tolist() == ((shuffled - keys[0]) * DIM + 1200).tolist()


def test_chunk_ids_tell_documents_and_spans_apart(store: Store) -> None:
    put(store, "a.txt", text="first")
    put(store, "b.txt", text="second")
    ids = [passage.chunk_id for passage in store.passages(store.chunk_keys("c"))]
    assert ids == [f"id of {text}-{n}-{n + 1}" for text in ("first", "second") for n in range(3)]


def test_a_document_takes_the_place_of_one_of_its_name(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt", text="old text")
    before = set(store.chunk_keys("c").tolist())
    assert put(store, "a.txt", text="new text") == "replaced"
    assert [info.id for info in store.documents("c")] == ["id of new text"]
    assert before.isdisjoint(store.chunk_keys("c").tolist())
    store.trash.empty(older_than=timedelta())
    assert counts(tmp_path / "library.db") == dict(zip(TABLES, (2, 1, 2, 3, 3), strict=True))


def test_an_emptied_trash_leaves_no_rows_and_no_key_is_given_twice(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt")
    before = store.chunk_keys("c").tolist()
    store.delete_document("c", "id of a.txt says something")
    assert store.trash.empty(older_than=timedelta()) == 1
    assert counts(tmp_path / "library.db") == dict(zip(TABLES, (2, 0, 0, 0, 0), strict=True))
    put(store, "a.txt")
    assert min(store.chunk_keys("c")) > max(before)


def test_deleting_what_is_not_there_changes_nothing(store: Store) -> None:
    put(store, "a.txt")
    before = store.states()
    with pytest.raises(NotFoundError, match="holds no document with id 'nothing'"):
        store.delete_document("c", "nothing")
    assert (store.states(), len(store.documents("c"))) == (before, 1)


def test_collections_know_nothing_of_each_other(store: Store) -> None:
    put(store, "a.txt", collection="one")
    put(store, "a.txt", collection="two")
    store.delete_document("one", "id of a.txt says something")
    assert (store.collections(), store.documents("one")) == (("one", "two"), ())
    assert store.name_of("two", "id of a.txt says something") == "a.txt"


def test_every_change_gives_a_new_revision_to_its_collection_alone(store: Store) -> None:
    put(store, "a.txt", collection="one")
    put(store, "a.txt", collection="two")
    before = revision(store, "one"), revision(store, "two")
    put(store, "b.txt", collection="one")
    assert revision(store, "one") not in (None, before[0])
    assert revision(store, "two") == before[1]


def test_reading_changes_no_revision(store: Store) -> None:
    put(store, "a.txt")
    before = revision(store)
    store.passages(store.chunk_keys("c"))
    store.documents("c")
    assert revision(store) == before


@pytest.mark.parametrize("name", ["other", "", "C", "c\0", "\ud800"])
def test_an_unknown_collection_is_empty(store: Store, name: str) -> None:
    put(store, "a.txt")
    assert (store.state(name), store.documents(name), store.name_of(name, "x")) == (None, (), None)
    assert store.chunk_keys(name).tolist() == []


def test_a_document_that_cannot_be_put_whole_changes_nothing(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt", text="old text")
    before = revision(store), counts(tmp_path / "library.db")
    chunks = [Chunk("id", 0, 1, "n", 1), Chunk("id", 0, 1, "n", 1)]  # twice the same span
    document = Document("id", "a.txt", "txt", "new text")
    with pytest.raises(LibraryError, match=r"could not be written: UNIQUE .* Nothing was changed"):
        store.put_document(
            "c", document, size_bytes=8, chunks=chunks, vectors=np.zeros((2, DIM), np.float32), embedder=MODEL
        )
    assert (revision(store), counts(tmp_path / "library.db")) == before


def test_fewer_vectors_than_chunks_change_nothing(store: Store) -> None:
    chunks = [Chunk("id", 0, 1, "n", 1), Chunk("id", 1, 2, "e", 1)]
    with pytest.raises(ValueError, match="shorter"):
        store.put_document(
            "c",
            Document("id", "a.txt", "txt", "new"),
            size_bytes=3,
            chunks=chunks,
            vectors=np.zeros((1, DIM), np.float32),
            embedder=MODEL,
        )
    assert (store.collections(), store.documents("c")) == ((), ())


def test_the_same_bytes_under_another_name_change_nothing(store: Store) -> None:
    put(store, "a.txt", text="text")
    assert put(store, "b.txt", text="text") == "unchanged"
    assert [info.name for info in store.documents("c")] == ["a.txt"]


def test_a_passage_deleted_since_is_an_error_not_a_gap(store: Store) -> None:
    put(store, "a.txt")
    keys = store.chunk_keys("c")
    store.delete_document("c", "id of a.txt says something")
    store.trash.empty(older_than=timedelta())
    for read in (store.passages, lambda keys: store.vectors.of(keys, model=MODEL.sha256, dim=DIM)):
        with pytest.raises(LibraryError, match="deleted while it was being searched"):
            read(keys)


def test_threads_may_share_it(store: Store) -> None:
    names = [f"{n}.txt" for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: put(store, name), random.Random(0).sample(names, k=40)))
    assert sorted(info.name for info in store.documents("c")) == sorted(names)
    assert vectors_of(store).shape == (120, DIM)


def test_within_a_snapshot_nothing_changes(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt")
    elsewhere = Store(tmp_path / "library.db")
    with store.snapshot():
        before = store.documents("c")
        put(elsewhere, "b.txt")
        assert store.documents("c") == before
    assert len(store.documents("c")) == 2
    elsewhere.close()


# One embedder a collection


def test_the_first_documents_embedder_is_the_collections(store: Store) -> None:
    put(store, "a.txt", collection="one")
    put(store, "a.txt", collection="two", embedder=OTHER)
    assert [state.embedder for state in store.states()] == [
        EmbedderRef(MODEL.id, MODEL.sha256),
        EmbedderRef(OTHER.id, OTHER.sha256),
    ]


def test_another_embedders_document_is_refused_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt", text="old text")
    before = store.states(), counts(tmp_path / "library.db")
    with pytest.raises(LibraryError, match=r"'c' was given another embedder.* Add the file again"):
        put(store, "a.txt", text="new text", embedder=OTHER)
    assert (store.states(), counts(tmp_path / "library.db")) == before


def test_the_same_id_with_another_fingerprint_is_another_embedder(store: Store) -> None:
    put(store, "a.txt")
    with pytest.raises(LibraryError, match="another embedder"):
        put(store, "b.txt", embedder=ModelInfo(MODEL.id, "n" * 64, "cpu"))


def test_a_collection_that_was_emptied_is_there_and_not_filled(store: Store) -> None:
    put(store, "a.txt")
    assert store.filled() == ("c",)
    store.delete_document("c", "id of a.txt says something")
    assert (store.collections(), store.filled()) == (("c",), ())


def test_a_collection_that_was_emptied_keeps_its_embedder(store: Store) -> None:
    put(store, "a.txt")
    store.delete_document("c", "id of a.txt says something")
    with pytest.raises(LibraryError, match="another embedder"):
        put(store, "a.txt", embedder=OTHER)


@pytest.mark.parametrize("dim", [1, DIM - 1, DIM + 1])
def test_vectors_of_another_length_are_refused(store: Store, dim: int) -> None:
    put(store, "a.txt")
    with pytest.raises(LibraryError, match=rf"Expected a vector of {dim} numbers, found one of {DIM}"):
        store.vectors.of(store.chunk_keys("c"), model=MODEL.sha256, dim=dim)
    with pytest.raises(LibraryError, match=rf"Expected a vector of {DIM} numbers, found one of {dim}"):
        put(store, "b.txt", dim=dim)
    assert [info.name for info in store.documents("c")] == ["a.txt"]


# Vectors of another embedder beside them


def test_added_vectors_lie_beside_the_others_and_are_no_change(store: Store) -> None:
    put(store, "a.txt")
    before = store.states(), vectors_of(store).tolist()
    add_vectors(store, store.chunk_keys("c")[:2])
    assert (store.states(), vectors_of(store).tolist()) == before
    assert store.vectors.missing("c", model=OTHER.sha256).tolist() == store.chunk_keys("c")[2:].tolist()


def test_added_vectors_of_chunks_that_are_gone_or_had_are_passed_over(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt")
    keys = store.chunk_keys("c")
    add_vectors(store, keys)
    add_vectors(store, np.append(keys, keys[-1] + 1))
    assert vectors_of(store, model=OTHER)[:, 0].tolist() == keys.tolist()
    assert counts(tmp_path / "library.db")["vectors"] == 6


def test_added_vectors_are_all_of_one_length(store: Store) -> None:
    put(store, "a.txt")
    keys = store.chunk_keys("c")
    add_vectors(store, keys[:1], dim=DIM)
    with pytest.raises(LibraryError, match="Expected a vector of 4 numbers, found one of 2"):
        add_vectors(store, keys[1:], dim=2)


def test_a_collection_changes_over_only_when_no_vector_is_missing(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt")
    before = store.states()
    add_vectors(store, store.chunk_keys("c")[1:])
    assert not store.vectors.switch("c", OTHER)
    assert (store.states(), counts(tmp_path / "library.db")["vectors"]) == (before, 5)


def test_a_collection_that_changed_over_has_the_new_vectors_alone(store: Store, tmp_path: Path) -> None:
    put(store, "a.txt")
    put(store, "a.txt", collection="beside")
    before = revision(store)
    add_vectors(store, store.chunk_keys("c"))
    assert store.vectors.switch("c", OTHER)
    assert revision(store) not in (None, before)
    assert [state.embedder and state.embedder.id for state in store.states()] == [MODEL.id, OTHER.id]
    assert counts(tmp_path / "library.db")["vectors"] == 6
    assert vectors_of(store, model=OTHER)[:, 0].tolist() == store.chunk_keys("c").tolist()
    assert len(vectors_of(store, "beside")) == 3


def test_only_one_at_a_time_re_embeds_a_collection(store: Store, tmp_path: Path) -> None:
    elsewhere = Store(tmp_path / "library.db")
    with (
        store.sole_rebuild("c") as first,
        elsewhere.sole_rebuild("c") as second,
        elsewhere.sole_rebuild("another \ud800") as beside,
    ):
        assert (first, second, beside) == (True, False, True)
    with elsewhere.sole_rebuild("c") as later:
        assert later
    elsewhere.close()


# Opening


def old_library(path: Path) -> None:
    """Make a library as the first version did: one filled collection, and one that was emptied."""
    db = sqlite3.connect(path)
    m001_documents_chunks_vectors(db)
    db.executescript(
        f"""PRAGMA user_version = 1;
        INSERT INTO collections VALUES (1, 'c', 'r1'), (2, 'emptied', 'r2');
        INSERT INTO documents VALUES (5, 1, 'id', 'a.txt', 'txt', 2, 'ab', '2026-01-31T12:00:00+00:00');
        INSERT INTO chunks VALUES (7, 5, 0, 1, 'a', 1, NULL, '[]'), (9, 5, 1, 2, 'b', 1, NULL, '[]');
        INSERT INTO vectors VALUES (7, '{MODEL.sha256}', x'0000803f00000000'),
                                   (9, '{MODEL.sha256}', x'000000000000803f');"""
    )
    db.close()


def test_an_older_library_keeps_its_vectors_and_learns_which_embedder_made_them(tmp_path: Path) -> None:
    old_library(tmp_path / "library.db")
    store = Store(tmp_path / "library.db")
    assert [(s.name, s.revision, s.embedder) for s in store.states()] == [
        ("c", "r1", EmbedderRef(DEFAULT_EMBEDDER, MODEL.sha256)),
        ("emptied", "r2", None),
    ]
    keys = store.chunk_keys("c")
    assert store.vectors.of(keys, model=MODEL.sha256, dim=2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    store.close()


def test_an_older_library_takes_vectors_of_a_second_embedder(tmp_path: Path) -> None:
    old_library(tmp_path / "library.db")
    store = Store(tmp_path / "library.db")
    add_vectors(store, store.chunk_keys("c"))
    assert store.vectors.switch("c", OTHER)
    store.delete_document("c", "id")
    store.trash.empty(older_than=timedelta())
    store.close()
    assert counts(tmp_path / "library.db") == dict(zip(TABLES, (3, 0, 0, 0, 0), strict=True))


def test_an_older_library_that_cannot_be_brought_up_to_date_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    old_library(path)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE vectors_by_model (in_the_way TEXT)")
    with pytest.raises(LibraryError, match="cannot be opened: table vectors_by_model already exists"):
        Store(path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert [row[1] for row in db.execute("PRAGMA table_info(collections)")] == ["key", "name", "revision"]
    db.close()


def test_an_unknown_collection_is_answered_with_the_known_ones(store: Store) -> None:
    put(store, "a.txt")
    with pytest.raises(NotFoundError, match=r"There is no collection 'other'\. Collections: c\.$"):
        store.existing("other")


def test_a_home_that_is_a_file_is_refused_with_the_setting_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(LibraryError, match=r"cannot be opened: .* RAG_HOME must name a folder"):
        Store(tmp_path / "home" / "library.db")


def test_a_home_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="RAG_HOME must name a folder"):
        Store(Path("/proc/no-folder-here/library.db"))


def test_a_file_that_is_no_library_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    path.write_bytes(b"something else entirely, but precious " * 100)
    with pytest.raises(LibraryError, match="not a database"):
        Store(path)
    assert path.read_bytes().startswith(b"something else entirely")


def test_a_library_of_a_newer_version_is_refused(store: Store, tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "library.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LibraryError, match=r"schema 99, made by a newer version.* Install the newer"):
        Store(tmp_path / "library.db")


def test_a_page_that_was_overwritten_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    store = Store(path)
    put(store, "a.txt", text="x" * 2000, n_chunks=1500)
    store.close()
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'documents'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    damaged = Store(path)
    with pytest.raises(LibraryError, match=r"could not be read: .* set RAG_HOME to another folder"):
        damaged.documents("c")
    damaged.close()


def test_several_processes_may_open_a_new_library_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rag.store import Store\n"
        "Store(Path(sys.argv[1])).close(); print('open')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "library.db")]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=60) for process in processes] == [("open\n", "")] * 4
