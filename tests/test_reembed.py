"""Re-embedding: the same chunks under another embedder, at no moment under two or under none."""

import gc
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files import text_file
from machine import Machine, export_copy, make_embedder, relabelled
from numpy.typing import NDArray

from rag.__main__ import main
from rag.config import DEFAULT_EMBEDDER, Settings
from rag.embed import Embedder, Embeddings
from rag.errors import LibraryError, MissingModelError, NotFoundError
from rag.library import Library
from rag.library.embedders import Embedders
from rag.library.reembed import BLOCK, reembed
from rag.models.session import OnnxModel
from rag.service import open_embedders, open_library
from rag.store import EmbedderRef

ROOT = Path(__file__).resolve().parents[1]
OTHER, OTHER_PRINT = "another/embedder", "f" * 64
# Sections of about 130 tokens: a chunk each.
TEXTS = {
    f"{n}.md": "\n\n".join(
        f"# Part {n}-{part}\n\n" + f"The boiler on floor {part} needs a new valve. " * 12
        for part in range(10)
    )
    for n in range(4)
}
N_CHUNKS = 40
QUESTION = "which floor's boiler needs a valve?"


@pytest.fixture(scope="module")
def other() -> Embedder:
    """A second embedder, whose window is smaller than a chunk."""
    return make_embedder(OTHER, OTHER_PRINT, max_tokens=64)


@pytest.fixture
def machine(embedder: Embedder, other: Embedder) -> Machine:
    return Machine(embedder, other)


@pytest.fixture(scope="module")
def filled(embedders: Embedders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a library with a filled collection, closed, to be copied."""
    home = tmp_path_factory.mktemp("filled")
    opened = open_library(Settings(home=home), embedders)
    opened.ingest([text_file(name, text) for name, text in TEXTS.items()], collection="c")
    opened.close()
    return home / "library.db"


@pytest.fixture
def library(filled: Path, machine: Machine, tmp_path: Path) -> Iterator[Library]:
    """A library with a filled collection."""
    shutil.copy(filled, tmp_path)
    opened = open_library(Settings(home=tmp_path), machine.embedders())
    yield opened
    opened.close()


class TwoNumbers(Embedder):
    """An embedder whose vectors are the first two numbers of the default one's."""

    def __init__(self) -> None:
        super().__init__(OnnxModel(relabelled("embed", "two/numbers", "2" * 64), threads=1))
        self.dim = 2

    def embed_query(self, query: str) -> NDArray[np.float32]:
        return _unit(super().embed_query(query)[np.newaxis, :2])[0]

    def embed_passages(self, texts: Sequence[str]) -> Embeddings:
        embeddings = super().embed_passages(texts)
        return replace(embeddings, vectors=_unit(embeddings.vectors[:, :2]))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def ask(library: Library) -> dict[str, float]:
    """The cosine of each chunk that a question finds."""
    searcher = library.searcher("c")
    hits = searcher.nearest(searcher.embedder.embed_query(QUESTION), 1000)
    return {passage.chunk_id: cosine for passage, cosine in hits}


def expected(library: Library, embedder: Embedder) -> dict[str, float]:
    """What `ask` must find when all vectors are by `embedder`."""
    passages = library.store.passages(library.store.chunk_keys("c"))
    vectors = embedder.embed_passages([passage.text for passage in passages]).vectors
    cosines = (vectors @ embedder.embed_query(QUESTION)).tolist()
    return dict(zip([passage.chunk_id for passage in passages], cosines, strict=True))


def models_of(home: Path) -> dict[str, int]:
    """How many vectors there are by each model."""
    db = sqlite3.connect(home / "library.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = dict(db.execute("SELECT model, count(*) FROM vectors GROUP BY model").fetchall())
    db.close()
    return found


# The change


def test_the_same_chunks_are_found_by_new_vectors(library: Library, tmp_path: Path) -> None:
    narrow = TwoNumbers()
    library.embedders = Machine(library.embedders.default, narrow).embedders()
    before = library.store.chunk_keys("c").tolist()
    outcome = reembed(library, "c", "two/numbers")
    assert (outcome.changed, outcome.chunks, outcome.embedder) == (True, N_CHUNKS, narrow.info)
    assert library.store.chunk_keys("c").tolist() == before
    assert ask(library) == pytest.approx(expected(library, narrow), abs=1e-6)
    assert models_of(tmp_path) == {narrow.info.sha256: N_CHUNKS}


def test_the_collection_names_its_new_embedder_and_takes_documents_with_it(
    library: Library, other: Embedder
) -> None:
    reembed(library, "c", OTHER)
    assert library.embedder_ref("c") == EmbedderRef(OTHER, OTHER_PRINT)
    (outcome,) = library.ingest([text_file("new.txt", "A new text.")], collection="c")
    assert (outcome.status, len(ask(library))) == ("added", N_CHUNKS + 1)
    assert library.searcher("c").embedder is other


def test_after_a_restart_the_new_embedder_is_in_use(
    library: Library, other: Embedder, tmp_path: Path
) -> None:
    reembed(library, "c", OTHER)
    before = ask(library)
    restarted = open_library(Settings(home=tmp_path), Machine(other).embedders())
    assert ask(restarted) == before
    restarted.close()


def test_other_collections_keep_theirs(library: Library, embedder: Embedder, tmp_path: Path) -> None:
    library.ingest([text_file("a.txt", "A text.")], collection="beside")
    reembed(library, "c", OTHER)
    assert library.searcher("beside").embedder is embedder
    assert models_of(tmp_path) == {embedder.info.sha256: 1, OTHER_PRINT: N_CHUNKS}


def test_an_outcome_counts_the_chunks_that_are_too_long_for_the_window(library: Library) -> None:
    outcome = reembed(library, "c", OTHER)
    assert (outcome.unread, outcome.embedded) == (N_CHUNKS, N_CHUNKS)
    assert outcome.message == (
        "Collection 'c' now has the embedder another/embedder: 40 chunks. "
        "Longer than its window, and not read whole: 40 chunks."
    )
    back = reembed(library, "c", DEFAULT_EMBEDDER)
    assert back.message == f"Collection 'c' now has the embedder {DEFAULT_EMBEDDER}: 40 chunks."
    assert back.seconds > 0


def test_the_embedder_in_use_is_left_alone(library: Library, tmp_path: Path) -> None:
    before = library.store.states()
    outcome = reembed(library, "c", DEFAULT_EMBEDDER)
    assert (outcome.changed, outcome.embedded, library.store.states()) == (False, 0, before)
    assert outcome.message == f"Collection 'c' has the embedder {DEFAULT_EMBEDDER} already: nothing was done."


def test_progress_rises_to_all_chunks(library: Library) -> None:
    seen: list[tuple[int, int]] = []
    reembed(library, "c", OTHER, lambda *progress: seen.append(progress))
    assert seen == [(0, 40), (16, 40), (32, 40), (40, 40)]


def test_an_emptied_collection_changes_over_too(library: Library) -> None:
    for info in library.documents("c"):
        library.delete(info.id, collection="c")
    assert reembed(library, "c", OTHER).chunks == 0
    assert library.embedder_ref("c") == EmbedderRef(OTHER, OTHER_PRINT)


def test_a_collection_whose_embedder_is_missing_can_be_searched_again(
    library: Library, other: Embedder, tmp_path: Path
) -> None:
    moved = open_library(Settings(home=tmp_path), Machine(other).embedders(OTHER))
    with pytest.raises(LibraryError, match="can neither be searched"):
        moved.searcher("c")
    reembed(moved, "c", OTHER)
    assert len(ask(moved)) == N_CHUNKS
    moved.close()


# What cannot be done


def test_an_unknown_collection_is_answered_with_the_known_ones(library: Library, machine: Machine) -> None:
    machine.loads.clear()
    with pytest.raises(NotFoundError, match=r"There is no collection 'none'\. Collections: c\.$"):
        reembed(library, "none", OTHER)
    assert (library.collections(), machine.loads) == (("c",), [])


def test_a_missing_embedder_changes_nothing(library: Library) -> None:
    before = library.store.states()
    with pytest.raises(MissingModelError):
        reembed(library, "c", "not/here")
    assert library.store.states() == before


def open_with(home: Path, embedder: Path) -> Library:
    """Open the library with the folder `embedder` as the default, as a new process does."""
    settings = Settings(home=home, model_cache=home / "models", embedder=str(embedder), threads=1)
    return open_library(settings, open_embedders(settings))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """An exported embedder's folder, outside the model cache."""
    export_copy(tmp_path / "elsewhere", OTHER)
    (folder,) = (tmp_path / "elsewhere").iterdir()
    return folder


def test_the_default_embedder_may_lie_outside_the_cache(outside: Path, tmp_path: Path) -> None:
    for name in ("first.txt", "second.txt"):  # by a process each
        opened = open_with(tmp_path / "home", outside)
        (outcome,) = opened.ingest([text_file(name, f"The text of {name}.")], collection="c")
        assert (outcome.status, opened.embedder_ref("c").id) == ("added", OTHER)  # type: ignore[union-attr]
        opened.close()
    opened = open_with(tmp_path / "home", outside)
    assert len(ask(opened)) == 2
    opened.close()


def test_re_embedding_to_the_default_outside_the_cache_lasts(
    library: Library, outside: Path, tmp_path: Path
) -> None:
    opened = open_with(tmp_path, outside)
    assert reembed(opened, "c", str(outside)).changed
    opened.close()
    opened = open_with(tmp_path, outside)
    assert (len(ask(opened)), opened.searcher("c").embedder.info.id) == (N_CHUNKS, OTHER)
    opened.close()


def test_an_embedder_outside_the_cache_that_is_not_the_default_is_refused(
    home: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(home / "models")
    before = models_of(home)
    status, body = run_json(capsys, "reembed", str(outside), "--collection", "c")
    assert (status, models_of(home)) == (1, before)
    assert f"{outside} would be lost to collection 'c' at the next start" in body["error"]["message"]
    assert f"name it by its id, {OTHER}." in body["error"]["message"]


def test_a_refused_embedder_leaves_memory(library: Library, machine: Machine) -> None:
    machine.has["./a-folder"] = make_embedder("not/in-the-cache", "d" * 64)
    seen = weakref.ref(machine.has["./a-folder"])
    with pytest.raises(LibraryError, match="would be lost"):
        reembed(library, "c", "./a-folder")
    del machine.has["./a-folder"]
    gc.collect()
    assert seen() is None


def test_a_second_run_at_the_same_collection_is_refused(library: Library) -> None:
    library.ingest([text_file("a.txt", "A text.")], collection="beside")
    refusals = []

    def again(done: int, _total: int) -> None:
        if done == 0:
            with pytest.raises(LibraryError) as caught:
                reembed(library, "c", DEFAULT_EMBEDDER)
            refusals.append(str(caught.value))
            assert reembed(library, "beside", OTHER).chunks == 1

    assert reembed(library, "c", OTHER, again).changed
    assert refusals == [
        "Collection 'c' is being re-embedded, re-chunked or imported already. Wait until that is done, or "
        "cancel it."
    ]


def test_a_run_that_fails_leaves_the_older_vectors_in_use_and_the_next_goes_on(
    library: Library, embedder: Embedder
) -> None:
    before = ask(library)

    def fail(done: int, _total: int) -> None:
        if done == 2 * BLOCK:
            raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="the terminal is gone"):
        reembed(library, "c", OTHER, fail)
    assert (ask(library), library.searcher("c").embedder) == (before, embedder)
    assert reembed(library, "c", OTHER).embedded == N_CHUNKS - 2 * BLOCK


def test_what_a_run_to_a_third_embedder_left_is_deleted(library: Library, tmp_path: Path) -> None:
    library.embedders = Machine(
        library.embedders.default, library.embedders.get(OTHER), make_embedder("a/third", "3" * 64)
    ).embedders()

    def stop(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reembed(library, "c", "a/third", stop)
    reembed(library, "c", OTHER)
    assert models_of(tmp_path) == {OTHER_PRINT: N_CHUNKS}


# Meanwhile


def test_questions_are_answered_from_the_older_vectors_until_the_change(
    library: Library, embedder: Embedder
) -> None:
    before = ask(library)
    seen = []
    reembed(library, "c", OTHER, lambda *_: seen.append(ask(library) == before))
    assert seen == [True] * 4
    assert ask(library) != before


def test_every_question_meanwhile_gets_the_answer_of_one_embedder(
    library: Library, embedder: Embedder, other: Embedder
) -> None:
    right = {each.info.sha256: expected(library, each) for each in (embedder, other)}
    done, wrong, asked = threading.Event(), list[str](), set[str]()

    def go_on_asking() -> None:
        while not done.is_set():
            searcher = library.searcher("c")
            vector = searcher.embedder.embed_query(QUESTION)
            time.sleep(0.02)  # long enough for the change to come in between
            hits = {passage.chunk_id: cosine for passage, cosine in searcher.nearest(vector, 1000)}
            asked.add(searcher.embedder.info.sha256)
            if hits != pytest.approx(right[searcher.embedder.info.sha256], abs=1e-6):
                wrong.append(searcher.embedder.info.id)

    threads = [threading.Thread(target=go_on_asking) for _ in range(2)]
    for thread in threads:
        thread.start()
    for embedder_id in (OTHER, DEFAULT_EMBEDDER, OTHER):
        reembed(library, "c", embedder_id)
    done.set()
    for thread in threads:
        thread.join()
    assert (wrong, asked) == ([], {embedder.info.sha256, OTHER_PRINT})


def test_a_question_on_its_way_during_the_change_is_answered_from_the_older_vectors(library: Library) -> None:
    before = ask(library)
    searcher = library.searcher("c")
    vector = searcher.embedder.embed_query(QUESTION)
    reembed(library, "c", OTHER)
    library.searcher("c")
    hits = {passage.chunk_id: cosine for passage, cosine in searcher.nearest(vector, 1000)}
    assert hits == before


def test_documents_added_and_deleted_meanwhile_are_handled(library: Library, tmp_path: Path) -> None:
    gone = library.documents("c")[0]

    def change(done: int, _total: int) -> None:
        if done == BLOCK:
            library.ingest([text_file("late.txt", "It came late.")], collection="c")
            library.delete(gone.id, collection="c")

    outcome = reembed(library, "c", OTHER, change)
    assert (outcome.chunks, len(ask(library))) == (N_CHUNKS - 9, N_CHUNKS - 9)
    assert {info.name for info in library.documents("c")} == {"late.txt", "1.md", "2.md", "3.md"}
    library.store.trash.empty(older_than=timedelta())
    assert models_of(tmp_path) == {OTHER_PRINT: N_CHUNKS - 9}


def test_a_document_that_another_process_adds_at_the_last_moment_is_embedded_too(
    library: Library, machine: Machine, tmp_path: Path
) -> None:
    elsewhere = open_library(Settings(home=tmp_path), machine.embedders())

    def change(done: int, total: int) -> None:
        if done == total == N_CHUNKS:
            elsewhere.ingest([text_file("late.txt", "It came late.")], collection="c")

    assert reembed(library, "c", OTHER, change).embedded == N_CHUNKS + 1
    assert len(ask(elsewhere)) == N_CHUNKS + 1
    elsewhere.close()


def test_a_file_on_its_way_keeps_the_collection_from_changing_over(library: Library, tmp_path: Path) -> None:
    all_embedded, threads = threading.Event(), list[threading.Thread]()

    def begin(_name: str, done: int, total: int) -> None:
        if done and done == total:
            report = {N_CHUNKS: all_embedded.set}
            run = partial(reembed, library, "c", OTHER, lambda done, _total: report.get(done, int)())
            threads.append(threading.Thread(target=run))
            threads[0].start()
            assert all_embedded.wait(30)
            time.sleep(0.1)  # long enough to change over

    (outcome,) = library.ingest([text_file("late.txt", "It came late.")], collection="c", on_progress=begin)
    threads[0].join()
    assert outcome.status == "added"
    assert models_of(tmp_path) == {OTHER_PRINT: N_CHUNKS + 1}


def test_a_file_read_with_the_older_embedder_is_refused_after_the_change(
    library: Library, machine: Machine, tmp_path: Path
) -> None:
    elsewhere = open_library(Settings(home=tmp_path), machine.embedders())

    def change_over(_name: str, done: int, total: int) -> None:
        if done and done == total:
            reembed(elsewhere, "c", OTHER)

    late = [text_file("late.txt", "It came late.")]
    (outcome,) = library.ingest(late, collection="c", on_progress=change_over)
    assert (outcome.status, outcome.message[-19:]) == ("failed", "Add the file again.")
    (outcome,) = library.ingest(late, collection="c")
    assert (outcome.status, len(ask(library))) == ("added", N_CHUNKS + 1)
    elsewhere.close()


def test_the_older_embedder_leaves_memory_once_nobody_needs_it(library: Library) -> None:
    default = library.embedders.default

    def load(reference: str) -> Embedder:
        return default if reference == DEFAULT_EMBEDDER else make_embedder(reference, reference[0] * 64)

    def fingerprint(reference: str) -> str:
        return default.info.sha256 if reference == DEFAULT_EMBEDDER else reference[0] * 64

    library.embedders = Embedders(load, fingerprint, DEFAULT_EMBEDDER)
    reembed(library, "c", "a/first")
    seen = weakref.ref(library.embedder("c"))
    reembed(library, "c", "b/second")
    gc.collect()
    assert seen() is None
    assert library.embedder("c").info.id == "b/second"


def test_an_embedder_that_another_collection_needs_stays(library: Library, machine: Machine) -> None:
    library.ingest([text_file("a.txt", "A text.")], collection="beside")
    reembed(library, "beside", OTHER)
    reembed(library, "c", OTHER)
    machine.loads.clear()
    reembed(library, "c", DEFAULT_EMBEDDER)
    assert library.searcher("beside").embedder.info.id == OTHER
    assert machine.loads == []


# Other processes

REEMBED = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from machine import Machine, make_embedder
from rag.config import Settings
from rag.library.reembed import reembed
from rag.service import open_embedders, open_library

machine = Machine(make_embedder(sys.argv[2], sys.argv[3]))
library = open_library(Settings(home=Path(sys.argv[1])), machine.embedders())
reembed(library, "c", sys.argv[2], lambda done, total: print(done, flush=True))
print("changed", flush=True)
"""


def reembed_elsewhere(home: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", REEMBED, str(home), OTHER, OTHER_PRINT]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_what_another_process_re_embedded_is_noticed_by_the_next_search(
    library: Library, other: Embedder, tmp_path: Path
) -> None:
    before = ask(library)
    with reembed_elsewhere(tmp_path) as process:
        assert process.wait(60) == 0
    assert library.searcher("c").embedder is other
    assert ask(library).keys() == before.keys()


def test_a_process_killed_while_re_embedding_leaves_the_older_vectors_in_use(
    library: Library, embedder: Embedder, tmp_path: Path
) -> None:
    before = ask(library), library.store.states()
    with reembed_elsewhere(tmp_path) as process:
        assert process.stdout
        assert [process.stdout.readline().strip() for _ in range(2)] == ["0", str(BLOCK)]
        with pytest.raises(LibraryError, match="re-chunked or imported already"):
            reembed(library, "c", OTHER)
        process.send_signal(signal.SIGKILL)
        assert "changed" not in process.stdout.read()
    assert (ask(library), library.store.states()) == before
    outcome = reembed(library, "c", OTHER)
    assert (outcome.changed, BLOCK <= N_CHUNKS - outcome.embedded < N_CHUNKS) == (True, True)
    assert models_of(tmp_path) == {OTHER_PRINT: N_CHUNKS}


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.01])
def test_a_process_killed_around_the_change_leaves_the_collection_with_one_embedder(
    library: Library, embedder: Embedder, other: Embedder, tmp_path: Path, delay_s: float
) -> None:
    with reembed_elsewhere(tmp_path) as process:
        assert process.stdout
        assert any(line.strip() == str(N_CHUNKS) for line in process.stdout)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
    in_use = library.searcher("c").embedder
    assert in_use in (embedder, other)
    assert ask(library).keys() == expected(library, in_use).keys()
    assert models_of(tmp_path)[in_use.info.sha256] == N_CHUNKS


# The command line


@pytest.fixture
def home(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library's home, and beside it a model cache in which "another/embedder" lies."""
    library.close()
    monkeypatch.setenv("RAG_HOME", str(tmp_path))
    monkeypatch.setenv("RAG_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.setenv("RAG_THREADS", "1")
    export_copy(tmp_path / "models", OTHER)
    return tmp_path


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    status = main([*argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_command_re_embeds_and_a_question_is_asked_with_the_new_embedder(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = run_json(capsys, "reembed", OTHER, "--collection", "c")
    assert (status, body["changed"], body["embedder"]["id"], body["chunks"]) == (0, True, OTHER, N_CHUNKS)
    status, body = run_json(capsys, "search", QUESTION, "--collection", "c", "--reranker", "none")
    assert (status, body["models"]["embedder"]["id"]) == (0, OTHER)


def test_the_command_says_what_it_did(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reembed", OTHER, "--collection", "c"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Collection 'c' now has the embedder {OTHER}: 40 chunks.")
    assert "40/40" in err
    assert main(["reembed", OTHER, "--collection", "c"]) == 0
    assert capsys.readouterr().out.endswith("already: nothing was done.\n")


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["reembed", OTHER, "--collection", "cellar"], 1, "There is no collection 'cellar'"),
        (["reembed", "bert", "--collection", "c"], 2, DEFAULT_EMBEDDER),
    ],
)
def test_the_command_that_fails_says_why(
    home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], status: int, message: str
) -> None:
    found, body = run_json(capsys, *argv)
    assert (found, message in body["error"]["message"]) == (status, True)
