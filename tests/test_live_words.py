"""The lexical index of a collection: always that of its chunks, whatever came, went, or was killed."""

import multiprocessing
import random
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from files import text_file
from toy_library import add, broken, ingest, names, opened

from rag.errors import NotFoundError
from rag.lexical import LexicalIndex
from rag.library import Library
from rag.library.live_words import LiveWords
from rag.library.reembed import reembed
from rag.records import Chunking
from rag.retrieve import retrieve
from rag.terms import query_terms, terms
from rag.timing import Stopwatch

QUESTION = "How many valves does the boiler of the museum need?"
SENTENCES = (
    "The boiler needs a new valve before the winter starts.",
    "The museum opens at nine and closes at six, except on Mondays.",
    "A plumber has looked at the valves of the second floor.",
    "La garanzia dura due anni dalla data di acquisto del museo.",
    "Le orecchiette si preparano con farina di grano duro e acqua.",
)
FILES = {f"{n}.txt": " ".join(random.Random(n).choices(SENTENCES, k=1 + n % 4)) + f" {n}." for n in range(40)}

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["rag.service", "rag.library.check"])


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        ingest(library, FILES)
        yield library


def matched(library: Library, question: str = QUESTION) -> dict[str, float]:
    """What a search by words finds: the scores by chunk."""
    return {one.chunk_id: score for one, score in library.searcher("c").matching(question, 10_000)}


def by_hand(library: Library, question: str = QUESTION) -> dict[str, float]:
    """What it has to find: an index of the documents that there are, built anew."""
    infos = [library.document("c", info.id) for info in library.documents("c")]
    chunks = [(chunk, document.language) for document, chunks in infos for chunk in chunks]
    index = LexicalIndex()
    index.add(range(len(chunks)), [terms(chunk.text, language) for chunk, language in chunks])
    words = query_terms(question, library.languages("c"))
    ids = [f"{chunk.document_id[:16]}-{chunk.start}-{chunk.end}" for chunk, _ in chunks]
    keys, scores = index.search(words, 10_000)
    return {ids[key]: score for key, score in zip(keys.tolist(), scores.tolist(), strict=True)}


def test_what_is_added_deleted_and_restored_is_found_at_once(library: Library) -> None:
    assert matched(library) == by_hand(library) != {}
    late = add(library, "late.txt", "The boiler of the museum: a late valve.")
    gone = library.documents("c")[0].id
    library.delete(gone, collection="c")
    assert matched(library) == by_hand(library)
    assert any(chunk.startswith(late[:16]) for chunk in matched(library))
    library.restore(gone, collection="c")
    add(library, "0.txt", "In place of the first: another museum.")
    assert matched(library) == by_hand(library)


def test_it_follows_chunks_of_another_length(library: Library) -> None:
    long = "\n\n".join(f"# Part {n}\n\n" + f"The boiler of floor {n} needs a valve. " * 12 for n in range(9))
    add(library, "long.md", long)
    before = matched(library)
    library.rechunk("c", Chunking(60, 10))
    assert matched(library) == by_hand(library)
    assert matched(library).keys() != before.keys()


def test_it_stays_as_it_is_where_only_the_embedder_changes(tmp_path: Path) -> None:
    with opened(tmp_path, "word/counter", "another/counter") as library:
        ingest(library, FILES)
        before = matched(library)
        reembed(library, "c", "another/counter")
        assert matched(library) == before == by_hand(library)


def test_a_restart_reads_the_saved_index_and_what_has_changed_since(library: Library, tmp_path: Path) -> None:
    add(library, "late.txt", "A valve that is not in the file.")
    (file,) = (tmp_path / "index").glob("*.bm25")
    saved = LexicalIndex.load(file)
    with opened(tmp_path) as again:
        assert matched(again) == by_hand(again) == matched(library)
    assert saved is not None
    assert len(saved) == len(library.store.chunk_keys("c")) - 1


def test_without_its_file_it_is_made_anew(library: Library, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "index")
    with opened(tmp_path) as again:
        assert matched(again) == by_hand(library)
    assert [path.suffix for path in sorted((tmp_path / "index").iterdir())] == [".bm25", ".faiss"]


def test_a_library_of_before_there_was_lexical_search_has_it_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        ingest(library, FILES)
        expected = matched(library), library.languages("c")
    for file in (tmp_path / "index").glob("*.bm25"):
        file.unlink()
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as db:
        db.executescript(
            "DROP INDEX documents_by_language; ALTER TABLE collections DROP COLUMN lexical_indexed; "
            "PRAGMA user_version = 4;"
        )
    with opened(tmp_path) as library:
        assert (matched(library), library.languages("c")) == expected
    assert broken(tmp_path) == []


def test_what_another_process_changes_is_seen_by_the_next_search(library: Library, tmp_path: Path) -> None:
    matched(library)
    with opened(tmp_path) as elsewhere:
        add(elsewhere, "late.txt", "Somebody else's valve.")
        elsewhere.delete(elsewhere.documents("c")[3].id, collection="c")
        assert not library.is_current("c")
        assert matched(library) == by_hand(library) == matched(elsewhere)


def test_the_file_of_a_later_library_is_not_taken_for_that_of_a_backup(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup.db"
    with opened(home) as library:
        ingest(library, FILES)
    shutil.copy(home / "library.db", backup)
    with opened(home) as library:
        ingest(library, {f"after {n}.txt": f"A valve after the backup: {n}." for n in range(40)})
    shutil.copy(backup, home / "library.db")
    with opened(home) as library:
        # The same keys now name other chunks.
        ingest(library, {f"another {n}.txt": f"Another museum: {n}." for n in range(40)})
        assert matched(library) == by_hand(library)
    assert broken(home) == []


def test_a_large_collection_is_cut_into_terms_step_by_step(library: Library, tmp_path: Path) -> None:
    words = LiveWords(library.store, tmp_path / "elsewhere")
    n = len(library.store.chunk_keys("c"))
    there = [words.advance("c", at_most=n // 3) for _ in range(4)]
    assert (there, len(words.current("c"))) == ([False] * 3 + [True], n)
    with pytest.raises(NotFoundError, match="There is no collection 'd'"):
        words.advance("d")


def test_a_question_that_needs_no_words_leaves_them_as_they_are(library: Library, tmp_path: Path) -> None:
    with opened(tmp_path) as again:
        again.searcher("c", words=False)
        assert (again.is_current("c", words=False), again.is_current("c")) == (True, False)
        again.searcher("c")
        assert again.is_current("c")


def test_a_collection_that_is_renamed_or_deleted_leaves_no_file_behind(
    library: Library, tmp_path: Path
) -> None:
    library.rename_collection("c", "d")
    library.searcher("d")
    assert len(list((tmp_path / "index").glob("*.bm25"))) == 1
    library.delete_collection("d")
    assert list((tmp_path / "index").glob("*.bm25")) == []


def test_a_search_beside_replacements_finds_one_version_and_both_lists_agree(library: Library) -> None:
    def replace_again_and_again() -> None:
        for n in range(40):
            add(library, "0.txt", f"The museum has a boiler, and valve number {n}.")

    def ask() -> set[str]:
        found = retrieve(QUESTION, library.searcher("c"), k=100, watch=Stopwatch(), retriever="hybrid")
        versions = {hit.passage.document_id for hit in found.hits if hit.passage.document == "0.txt"}
        assert {hit.passage.chunk_id for hit in found.lexical} <= {hit.passage.chunk_id for hit in found.hits}
        return versions

    with ThreadPoolExecutor(1) as other:
        replacing = other.submit(replace_again_and_again)
        seen = [ask()]
        while not replacing.done():
            seen.append(ask())
        replacing.result()
    assert {len(versions) for versions in seen} == {1}
    assert len(set().union(*seen)) > 1


# Killed


def add_one_by_one(sender: Connection, home: Path) -> None:
    with opened(home) as library:
        for name, text in FILES.items():
            library.ingest([text_file(name, text)], collection="c")
            sender.send(name)


def test_a_kill_between_two_documents_leaves_words_and_chunks_together(tmp_path: Path) -> None:
    pick = random.Random(5)
    for moment in range(8):
        home = tmp_path / str(moment)
        here, there = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=add_one_by_one, args=(there, home))
        process.start()
        there.close()
        added = {str(here.recv()) for _ in range(pick.randrange(1, len(FILES)))}
        here.poll(pick.uniform(0, 0.02))
        process.kill()
        process.join(30)
        here.close()
        with opened(home) as library:
            assert added <= names(library)
            assert matched(library) == by_hand(library)
        assert broken(home) == []
