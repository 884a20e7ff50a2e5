"""The saved index: it may lag behind, and is never taken for one of another library."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from toy_library import add, broken, found, ingest, names, opened

from rag.library import Library
from rag.library.live_vectors import LiveVectors
from rag.records import Chunk, Document, ModelInfo
from rag.store import Store

FILES = {f"{n}.txt": f"The text of number {n}." for n in range(40)}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        ingest(library, FILES)
        yield library


def saved(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "index").iterdir())


def test_one_more_document_does_not_write_the_whole_index_anew(library: Library, tmp_path: Path) -> None:
    before = saved(tmp_path)
    for n in range(3):
        add(library, f"late {n}.txt", f"It came late, as number {n}.")
    assert (saved(tmp_path), len(before)) == (before, 2)
    add(library, "late 3.txt", "A tenth is not in the file.")
    add(library, "late 4.txt", "It is worth saving.")
    assert (len(saved(tmp_path)), set(saved(tmp_path)) & set(before)) == (2, set())


def test_what_came_and_went_since_is_read_at_the_next_start(library: Library, tmp_path: Path) -> None:
    before = saved(tmp_path)
    add(library, "late.txt", "It came late.")
    library.delete(library.documents("c")[0].id, collection="c")
    with opened(tmp_path) as again:
        assert set(found(again)) == names(library) == {*FILES, "late.txt"} - {"0.txt"}
    assert (saved(tmp_path), broken(tmp_path)) == (before, [])


def test_the_index_of_a_later_library_is_not_taken_for_that_of_a_backup(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup.db"
    with opened(home) as library:
        ingest(library, FILES)
    shutil.copy(home / "library.db", backup)
    with opened(home) as library:
        ingest(library, {f"after {n}.txt": f"After the backup: {n}." for n in range(40)})
    shutil.copy(backup, home / "library.db")
    with opened(home) as library:
        # The same keys now name other chunks.
        ingest(library, {f"another {n}.txt": f"Something else: {n}." for n in range(40)})
    assert broken(home) == []
    with opened(home) as library:
        assert set(found(library)) == names(library)


def test_an_index_that_was_lost_is_saved_again_by_the_first_search(library: Library, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "index")
    with opened(tmp_path) as again:
        found(again)
    assert len(saved(tmp_path)) == 2


def test_what_another_process_took_away_is_let_go(library: Library, tmp_path: Path) -> None:
    indexes = LiveVectors(library.store, tmp_path / "index")
    for collection in ("c", "d"):
        add(library, "a.txt", "The text.", collection)
        indexes.current(collection, model="w" * 64, dim=16)
    with opened(tmp_path) as elsewhere:
        elsewhere.delete_collection("d")
    indexes.prune()
    assert (indexes.model("c"), indexes.model("d")) == ("w" * 64, None)


def test_an_index_of_more_vectors_than_are_read_at_once_has_them_all(tmp_path: Path) -> None:
    n = 20_003
    vectors = np.random.default_rng(7).normal(size=(n, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    document = Document("d" * 64, "long.txt", "txt", "x" * n)
    store = Store(tmp_path / "library.db")
    store.put_document(
        "c",
        document,
        size_bytes=n,
        chunks=[Chunk(document.id, at, at + 1, "x", 1) for at in range(n)],
        vectors=vectors,
        embedder=ModelInfo("a/model", "a" * 64, "none"),
    )
    index = LiveVectors(store, tmp_path / "index").current("c", model="a" * 64, dim=8)
    store_keys = store.chunk_keys("c")
    store.close()
    assert index is not None
    assert np.array_equal(index.ids, store_keys)
    assert [index.search(vectors[at], 1)[0][0] for at in (0, 9_999, 10_000, n - 1)] == [
        store_keys[at] for at in (0, 9_999, 10_000, n - 1)
    ]
