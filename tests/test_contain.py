"""Reading in another process: what a file does to its reader costs that file alone."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile import archive, children, docx, is_running, wait_until
from msgspec import MsgspecError

from rag.errors import (
    DamagedDocumentError,
    DocumentError,
    EmptyDocumentError,
    TookTooLongError,
    TooLargeError,
    WrongTypeError,
)
from rag.parse import open_file
from rag.parse.blocks import Member
from rag.parse.contain import Parsers
from rag.parse.wire import Found, next_answer, send
from rag.records import Document

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted((ROOT / "data" / "samples").iterdir())
ONE_OF_EACH = {path.suffix: path for path in SAMPLES}.values()
TEXT = b"The boiler on the second floor needs a new valve."
SLOW = docx(1_000_000)
RECORDS = b"".join(
    b'{"_id": "%d", "text": "The boiler on floor %d needs a valve."}\n' % (n, n) for n in range(600)
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at through /proc")

Make = Callable[..., Parsers]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes parsers, and closes them."""
    made: list[Parsers] = []

    def make_one(
        *, timeout_s: float = 30, memory_mb: int = 1024, workers: int = 1, idle_s: float = 60
    ) -> Parsers:
        memory_bytes = memory_mb * 1_000_000
        made.append(Parsers(timeout_s=timeout_s, memory_bytes=memory_bytes, workers=workers, idle_s=idle_s))
        return made[-1]

    yield make_one
    for parsers in made:
        parsers.close()


def read(parsers: Parsers, name: str = "a.txt", data: bytes = TEXT) -> str:
    """The text of the one document in the file."""
    (document,) = parsers.open(name, data)
    assert isinstance(document, Document)
    return document.text


def cpu_s(process: int) -> float:
    """The seconds of computing that the process has had."""
    times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def read_too_slow(parsers: Parsers) -> None:
    with pytest.raises(TookTooLongError):
        list(parsers.open("slow.docx", SLOW))


@pytest.mark.parametrize("path", ONE_OF_EACH, ids=lambda path: str(path.suffix))
def test_a_file_reads_as_it_does_here(make: Make, path: Path) -> None:
    name, data = path.name, path.read_bytes()
    assert list(make().open(name, data)) == list(open_file(name, data))


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.txt", b"", EmptyDocumentError),
        ("a.pdf", b"\x89PNG\r\n\x1a\n", WrongTypeError),
        ("a.docx", archive(("word/document.xml", "<w:")), DamagedDocumentError),
    ],
)
def test_a_reader_s_errors_arrive_as_they_are(
    make: Make, name: str, data: bytes, error: type[DocumentError]
) -> None:
    parsers = make()
    with pytest.raises(error) as there:
        list(parsers.open(name, data))
    with pytest.raises(error) as here:
        list(open_file(name, data))
    assert str(there.value) == str(here.value)
    assert read(parsers) == TEXT.decode()


def test_processes_are_begun_when_needed_and_used_again(make: Make) -> None:
    before, parsers = children(), make()
    assert children() == before
    read(parsers)
    (process,) = set(children()) - set(before)
    read(parsers)
    assert set(children()) - set(before) == {process}


def test_the_first_reader_can_be_begun_before_it_is_needed(make: Make) -> None:
    before, parsers = set(children()), make()
    parsers.start()
    parsers.start()
    read(parsers)
    (process,) = set(children()) - before
    parsers.start()
    assert read(parsers) == TEXT.decode()
    assert set(children()) - before == {process}


def test_a_reader_that_is_just_begun_is_ended_too(make: Make) -> None:
    before, parsers = set(children()), make()
    parsers.start()
    parsers.close()
    parsers.start()
    assert set(children()) == before


# What goes wrong


def test_a_file_that_takes_too_long_is_given_up(make: Make) -> None:
    parsers = make(timeout_s=1)
    began = time.monotonic()
    with pytest.raises(TookTooLongError, match=r"slow.docx was not read within 1 s \(RAG_PARSE_TIMEOUT_S\)"):
        list(parsers.open("slow.docx", SLOW))
    assert time.monotonic() - began < 20
    assert read(parsers) == TEXT.decode()


def test_a_file_that_takes_too_much_memory_is_given_up(make: Make) -> None:
    parsers = make(memory_mb=200)
    with pytest.raises(TooLargeError, match=r"bomb.docx needs more than 200 MB .*RAG_PARSE_MEMORY_MB"):
        list(parsers.open("bomb.docx", docx(3_000_000)))
    assert read(parsers) == TEXT.decode()


def test_a_file_that_is_too_much_to_be_taken_in_is_given_up(make: Make) -> None:
    with pytest.raises(TooLargeError, match=r"long.txt needs more than 20 MB"):
        list(make(memory_mb=20).open("long.txt", b"a b c d e\n" * 4_000_000))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL], ids=lambda n: n.name)
def test_a_file_that_crashes_its_reader_costs_itself_alone(make: Make, number: signal.Signals) -> None:
    before, parsers = set(children()), make()
    read(parsers)
    (process,) = set(children()) - before
    threading.Timer(0.5, os.kill, (process, number)).start()
    with pytest.raises(DamagedDocumentError, match=r"slow.docx made its reader crash"):
        list(parsers.open("slow.docx", SLOW))
    assert read(parsers) == TEXT.decode()
    assert not is_running(process)


def test_a_process_that_died_while_it_was_idle_costs_no_file(make: Make) -> None:
    before, parsers = set(children()), make()
    read(parsers)
    (process,) = set(children()) - before
    os.kill(process, signal.SIGKILL)
    assert wait_until(lambda: not is_running(process))
    assert read(parsers) == TEXT.decode()


def test_an_answer_that_is_none_is_refused() -> None:
    said = io.BytesIO()
    send(said, Found(Document("a" * 64, "a.txt", "txt", "A text.")))
    for spoilt in (said.getvalue().replace(b"Found", b"Fount"), b"\xff" * 8, b"\0" * 7 + b"\1\xc1"):
        with pytest.raises((MsgspecError, OverflowError)):
            next_answer(io.BytesIO(spoilt))
    with pytest.raises(EOFError):
        next_answer(io.BytesIO(said.getvalue()[:-1]))


# Who waits for whom


def test_time_in_which_nobody_asks_for_more_costs_a_file_nothing(make: Make) -> None:
    parsers = make(timeout_s=3)
    pieces = parsers.open("a.jsonl", RECORDS)
    first = [next(pieces) for _ in range(10)]
    read_too_slow(parsers)  # for all the time that a file has
    assert len(first) + len(list(pieces)) == 600


def test_a_file_that_is_not_asked_for_more_keeps_nobody_waiting(make: Make) -> None:
    parsers = make(workers=1)
    pieces = parsers.open("a.jsonl", RECORDS)
    next(pieces)
    assert read(parsers) == TEXT.decode()
    assert len(list(pieces)) == 599


def test_a_file_that_is_not_wanted_to_its_end_frees_its_process(make: Make) -> None:
    before, parsers = set(children()), make()
    pieces = parsers.open("a.jsonl", RECORDS)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert set(children()) == before
    assert read(parsers) == TEXT.decode()


def test_a_file_that_nobody_wants_any_more_is_given_up(make: Make) -> None:
    cancelled = threading.Event()
    threading.Timer(1, cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(DocumentError):
        list(make().open("slow.docx", SLOW, cancelled=cancelled.is_set))
    assert time.monotonic() - began < 15


def test_no_more_than_so_many_read_at_a_time(make: Make) -> None:
    before, parsers = set(children()), make(timeout_s=1, workers=2)
    most = 0
    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(read_too_slow, parsers) for _ in range(4)]
        while not all(each.done() for each in running):
            most = max(most, len(set(children()) - before))
            time.sleep(0.05)
    assert [each.exception() for each in running] == [None] * 4
    assert most == 2
    assert len(set(children()) - before) == 0


def test_an_image_of_a_page_is_drawn_beside_a_file_that_is_read(make: Make) -> None:
    parsers = make(timeout_s=3, workers=1)
    (pdf, *_) = (path for path in SAMPLES if path.suffix == ".pdf")
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(read_too_slow, parsers)
        image = parsers.page_image(pdf.read_bytes(), 1, marks=["clock"], width=400)
        assert not slow.done()
    assert image.startswith(b"\x89PNG")
    with pytest.raises(DocumentError):
        parsers.page_image(pdf.read_bytes(), 99, marks=[], width=400)


# How they end


def test_processes_without_work_are_ended(make: Make) -> None:
    before, parsers = set(children()), make(idle_s=0.3)
    read(parsers)
    assert wait_until(lambda: set(children()) == before)
    assert read(parsers) == TEXT.decode()


def test_closing_ends_what_is_read_and_refuses_the_rest(make: Make) -> None:
    before, parsers = set(children()), make()
    threading.Timer(1, parsers.close).start()
    with pytest.raises(DocumentError, match="the program is ending"):
        list(parsers.open("slow.docx", SLOW))
    assert set(children()) == before
    with pytest.raises(DocumentError, match="the program is ending"):
        read(parsers)


ELSEWHERE = """
import sys
from rag.parse.contain import Parsers
parsers = Parsers(timeout_s=100, memory_bytes=10**9, workers=1)
list(parsers.open("a.txt", b"A text."))
print("begun", flush=True)
list(parsers.open("slow.docx", sys.stdin.buffer.read()))
"""


def test_no_process_outlives_one_that_was_killed() -> None:
    command = [sys.executable, "-c", ELSEWHERE]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        parent.stdin.write(SLOW)
        parent.stdin.close()
        assert parent.stdout.readline() == b"begun\n"
        (process,) = children(parent.pid)
        before = cpu_s(process)
        assert wait_until(lambda: cpu_s(process) > before + 0.2)  # it is into the file
        parent.kill()
    assert wait_until(lambda: not is_running(process), 10)


def test_a_reader_finds_no_secret_and_writes_no_file(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_API_KEY", "a-key")
    before, parsers = set(children()), make()
    read(parsers)
    (process,) = set(children()) - before
    assert b"a-key" not in Path(f"/proc/{process}/environ").read_bytes()
    limits = Path(f"/proc/{process}/limits").read_text()
    assert "Max file size             0                    0 " in limits
    assert Path(f"/proc/{process}/oom_score_adj").read_text() == "1000\n"


def test_an_archive_s_files_come_out_as_they_are(make: Make) -> None:
    data = os.urandom(3_000_000)
    pieces = list(make().open("a.zip", archive(("one.bin", data), ("two/three.txt", TEXT))))
    assert pieces == [Member("a.zip/one.bin", data), Member("a.zip/two/three.txt", TEXT)]
