"""Kills, cut-off writes, a full disk, two at once: what was committed stays, and nothing is half there."""

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from files import text_file
from servers import environment, serving
from toy_library import broken, found, ingest, names, opened

from rag.__main__ import main
from rag.library.check import check_library
from rag.records import Chunking

ROOT = Path(__file__).resolve().parents[1]
N_FILES = 20
HERE = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
OTHER_LENGTH = Chunking(90, 10)

# Children begin with all modules in memory: a kill soon after is a kill at work, not at an import.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["rag.service", "rag.library.check"])


def texts(seed: int, n_files: int = N_FILES) -> dict[str, str]:
    """Return texts by file name: pieces of this repository's documents, of one chunk to a dozen."""
    prose = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md")))
    pick = random.Random(seed)
    starts = [pick.randrange(len(prose)) for _ in range(n_files)]
    return {
        f"{n}.md": f"Piece {n} of {seed}.\n\n{prose[start : start + pick.randrange(200, 9000)]}"
        for n, start in enumerate(starts)
    }


@contextmanager
def child(work: Callable[..., None], *args: object) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """Run `work(connection, *args)` in a process; yield what it sends on, and how to kill it."""
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=work, args=(there, *args))
    process.start()
    there.close()

    def kill() -> None:
        process.kill()
        process.join(30)

    try:
        yield here, kill
    finally:
        kill()
        here.close()


def received(messages: Connection) -> list[str]:
    """Return all that was sent before the child ended."""
    got = []
    while True:
        try:
            got.append(str(messages.recv()))
        except EOFError:
            return got


# Killed


def add_then_cut_anew(sender: Connection, home: Path, seed: int, collection: str) -> None:
    with opened(home) as library:
        library.ingest(
            [text_file(*item) for item in texts(seed).items()],
            collection=collection,
            on_progress=lambda *_: sender.send(""),
            on_outcome=lambda outcome: sender.send(str(outcome.document)),
        )
        library.rechunk(collection, OTHER_LENGTH, on_progress=lambda *_: sender.send(""))


def test_a_kill_at_any_moment_costs_no_document_and_leaves_nothing_half_there(tmp_path: Path) -> None:
    pick = random.Random(20)
    for moment in range(20):
        collection = f"c{moment}"
        with child(add_then_cut_anew, tmp_path, moment, collection) as (messages, kill):
            reported = [str(messages.recv()) for _ in range(pick.randrange(1, 3 * N_FILES))]
            messages.poll(pick.uniform(0, 0.01))
            kill()
            reported += received(messages)
        check_after_kill(tmp_path, moment, collection, set(reported) - {""})


def check_after_kill(home: Path, moment: int, collection: str, reported: set[str]) -> None:
    assert broken(home) == []
    with opened(home) as library:
        held = names(library, collection)
        rolled_back = {each.name for each in library.unfinished() if each.collection == collection}
        assert reported <= held
        assert rolled_back == set(texts(moment)) - held
        assert (set(found(library, collection)) if held else held) == held
        library.acknowledge()
        assert library.unfinished() == ()


def test_what_was_rolled_back_is_named_until_it_is_added_again(tmp_path: Path) -> None:
    with child(add_then_cut_anew, tmp_path, 1, "c") as (messages, kill):
        messages.recv()
        kill()
    with opened(tmp_path) as library:
        missing = set(texts(1)) - names(library)
        assert {each.name for each in library.unfinished()} == missing != set()
        warned = [each.sentence for each in check_library(tmp_path / "library.db") if each.level == "warn"]
        assert any("ended before these files were added" in sentence for sentence in warned)
        assert {outcome.status for outcome in ingest(library, texts(1))} <= {"added", "unchanged"}
        assert (library.unfinished(), names(library)) == ((), set(texts(1)))


def test_what_is_being_added_is_not_reported_as_left_undone(tmp_path: Path) -> None:
    with opened(tmp_path) as library, child(add_then_cut_anew, tmp_path, 1, "c") as (messages, kill):
        messages.recv()
        assert library.unfinished() == ()
        kill()
        assert library.unfinished() != ()


def test_locks_of_the_dead_are_swept_away_but_not_those_of_the_living(tmp_path: Path) -> None:
    with opened(tmp_path) as library, library.store.journal.adding("c", ["a.md"]):
        (living,) = tmp_path.glob("adding-*.lock")
        for name in ("adding-dead.lock", "adding-dead.lock-journal"):
            (tmp_path / name).touch()
        for path in tmp_path.glob("adding-*"):
            os.utime(path, (0, 0))
        (tmp_path / "adding-new.lock").touch()
        library.store.journal.sweep()
        assert {path.name for path in tmp_path.glob("adding-*.lock")} == {living.name, "adding-new.lock"}
        assert not (tmp_path / "adding-dead.lock-journal").exists()


def test_cutting_anew_goes_on_where_a_kill_stopped_it(tmp_path: Path) -> None:
    with child(add_then_cut_anew, tmp_path, 1, "c") as (messages, kill):
        seen = [messages.recv() for _ in range(2)]
        while seen[-3:].count("") < 3 or len(set(seen) - {""}) < N_FILES:  # the third of the second pass
            seen.append(messages.recv())
        kill()
    assert broken(tmp_path) == []
    with opened(tmp_path) as library:
        pending = library.chunking_pending("c")
        assert 0 < pending < N_FILES
        assert set(found(library)) == set(texts(1))
        assert library.rechunk("c", OTHER_LENGTH).documents == pending
        assert {info.chunking for info in library.documents("c")} == {OTHER_LENGTH}
    assert broken(tmp_path) == []


# A power cut


def test_a_log_that_was_cut_anywhere_loses_nothing_committed(tmp_path: Path) -> None:
    committed, held = list[tuple[int, str]](), set[int]()
    live, log = tmp_path / "live", tmp_path / "live" / "library.db-wal"
    with opened(live) as library:
        for item in texts(3, 8).items():
            ingest(library, dict([item]))
            committed.append((log.stat().st_size, item[0]))
        shutil.copytree(live, tmp_path / "copy")
    assert [size for size, _ in committed] == sorted(size for size, _ in committed)
    for cut, tail in cuts([size for size, _ in committed]):
        home = tmp_path / "cut"
        shutil.copytree(tmp_path / "copy", home)
        data = (home / "library.db-wal").read_bytes()
        (home / "library.db-wal").write_bytes(data[:cut] + tail)
        (home / "library.db-shm").unlink()
        assert broken(home) == []
        with opened(home) as library:
            assert names(library) >= {name for size, name in committed if size <= cut}
            held.add(len(names(library)))
        shutil.rmtree(home)
    assert held == {6, 7, 8}


def cuts(sizes: Sequence[int]) -> list[tuple[int, bytes]]:
    """Where to cut the log, and what to put there: inside the last two commits, and at their ends."""
    pick = random.Random(4)
    inside = [pick.randrange(sizes[-3], sizes[-1]) for _ in range(40)]
    near = [sizes[-2] + n for n in (-1, 0, 1, 23, 24, 25)] + [sizes[-1] - 1, sizes[-1]]
    return [(at, pick.choice([b"", bytes(4096), pick.randbytes(4096)])) for at in inside + near]


# A full disk


def fill_the_disk(sender: Connection, home: Path) -> None:
    """Add files; then one for which there is no room, and another; then, with room again, both anew."""
    with opened(home) as library:
        sender.send([outcome.status for outcome in ingest(library, texts(5, 5))])
        size = max(path.stat().st_size for path in home.glob("library.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY))
        outcomes = ingest(library, texts(6, 2))
        sender.send([(outcome.status, outcome.reason) for outcome in outcomes])
        sender.send(all(o.message.startswith(f"{o.name} could not be kept: ") for o in outcomes))
        sender.send(sorted(names(library)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sender.send([outcome.status for outcome in ingest(library, {"late.md": "It came late."})])


def test_on_a_full_disk_a_file_fails_alone_and_later_it_works_again(tmp_path: Path) -> None:
    with child(fill_the_disk, tmp_path) as (messages, _):
        assert messages.recv() == ["added"] * 5
        assert messages.recv() == [("failed", "not_stored")] * 2
        assert messages.recv()
        assert messages.recv() == sorted(texts(5, 5))
        assert messages.recv() == ["added"]
    assert broken(tmp_path) == []
    with opened(tmp_path) as library:
        assert names(library) == {*texts(5, 5), "late.md"}


# Two at once


def add_all(sender: Connection, home: Path, order: Sequence[str]) -> None:
    files = texts(7)
    with opened(home) as library:
        outcomes = ingest(library, {name: files[name] for name in order})
        sender.send([outcome.status for outcome in outcomes])


@pytest.mark.parametrize("seed", [1, 2])
def test_two_processes_may_add_overlapping_files_at_once(tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    orders = [pick.sample(list(texts(7)), N_FILES - 5) for _ in range(2)]
    with child(add_all, tmp_path, orders[0]) as (one, _), child(add_all, tmp_path, orders[1]) as (other, _):
        statuses = one.recv() + other.recv()
    assert broken(tmp_path) == []
    with opened(tmp_path) as library:
        assert names(library) == set(orders[0]) | set(orders[1]) == set(found(library))
    assert statuses.count("added") == len(set(orders[0]) | set(orders[1]))
    assert statuses.count("unchanged") == len(set(orders[0]) & set(orders[1]))


# What is said of it at the next start


KILLED = """
import os, signal, sys
from pathlib import Path
from toy_library import opened
from files import text_file
from rag.ingest import SourceFile
def die():
    os.kill(os.getpid(), signal.SIGKILL)
with opened(Path(sys.argv[1])) as library:
    library.ingest([SourceFile(name, 1, die) for name in ("a.txt", "b.txt")], collection="c")
"""


def killed_ingest(home: Path) -> None:
    """Begin to add a.txt and b.txt to the collection c, and be killed at it."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(home)], env=HERE, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_the_command_line_says_what_was_rolled_back_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_ingest(tmp_path)
    monkeypatch.setenv("RAG_HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("")
    told = []
    for _ in range(2):
        main(["ingest", str(tmp_path / "a.txt"), "--collection", "c"])
        told.append(capsys.readouterr().err)
    assert "Rolled back at the last run, and added again now: a.txt." in told[0]
    assert "Rolled back at the last run: b.txt. Add them again." in told[0]
    assert "Rolled back" not in told[1]


def test_the_server_warns_of_what_was_rolled_back(tmp_path: Path) -> None:
    killed_ingest(tmp_path / "library")
    log = tmp_path / "server.log"
    with serving(environment(tmp_path), log):
        pass
    assert "WARNING Rolled back when the last run was ended: a.txt (c), b.txt (c)." in log.read_text()
