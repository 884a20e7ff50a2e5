"""Ingestion: files of every sort in one call, read ahead, each with its own outcome."""

import gc
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from files import text_file
from hostile import archive, children, docx
from machine import Machine
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from rag.config import Settings
from rag.embed import Embedder, Embeddings
from rag.file_outcome import FileOutcome
from rag.ingest import SourceFile
from rag.library import Library
from rag.library.embedders import Embedders
from rag.records import Chunking
from rag.service import open_library

SENTENCE = "The boiler on the second floor needs a new valve before the winter starts. "
OTHER = "The museum opens at nine, and its last guided tour begins at half past four. "


@pytest.fixture
def hasty(embedders: Embedders, tmp_path: Path) -> Iterator[Library]:
    """A library that gives no file longer than two seconds."""
    opened = open_library(Settings(home=tmp_path, parse_timeout_s=2, threads=2), embedders)
    yield opened
    opened.close()


def records(*texts: str, first: int = 0) -> bytes:
    lines = [json.dumps({"_id": f"r{n}", "text": text}) for n, text in enumerate(texts, start=first)]
    return "\n".join(lines).encode()


def ingest(library: Library, *files: SourceFile) -> list[FileOutcome]:
    return list(library.ingest(files, collection="c"))


def names(library: Library) -> list[str]:
    return [info.name for info in library.documents("c")]


# What an outcome says


def test_an_outcome_says_language_encoding_and_what_was_guessed(library: Library) -> None:
    text = "Die Prüfung der Heizung auf der Straße ist für Übermorgen geplant, äußerst früh. " * 3
    (outcome,) = ingest(library, text_file("a.txt", text.encode("cp1252")))
    assert (outcome.language, outcome.encoding, outcome.reason) == ("de", "cp1252", None)
    assert outcome.message.startswith("a.txt: 1 chunk, German, cp1252. ")


def test_a_reason_says_why_a_file_failed(library: Library) -> None:
    outcomes = ingest(
        library,
        text_file("a.txt", b""),
        text_file("b.pdf", b"\x89PNG\r\n\x1a\n"),
        text_file("c.docx", archive(("word/document.xml", "<"))),
        SourceFile("d.txt", 2_000_000, lambda: b""),
    )
    assert [outcome.reason for outcome in outcomes] == ["empty", "not_what_it_says", "damaged", "too_large"]
    assert all(outcome.status == "failed" and outcome.message for outcome in outcomes)


def locked_pdf() -> bytes:
    canvas = Canvas("", encrypt=StandardEncryption("open", canPrint=0))
    canvas.drawString(72, 720, SENTENCE)
    return bytes(canvas.getpdfdata())


@pytest.mark.parametrize(
    ("password", "reason"), [(None, "password_needed"), ("wrong", "password_needed"), ("open", None)]
)
def test_a_password_opens_a_file(library: Library, password: str | None, reason: str | None) -> None:
    data = locked_pdf()
    (outcome,) = ingest(library, SourceFile("a.pdf", len(data), lambda: data, password))
    assert outcome.reason == reason
    assert (names(library) == ["a.pdf"]) == (reason is None)


def test_the_file_is_kept_where_its_pages_can_be_shown(library: Library) -> None:
    canvas = Canvas("")
    canvas.drawString(72, 720, SENTENCE)
    data, locked = bytes(canvas.getpdfdata()), locked_pdf()
    ingest(library, text_file("a.pdf", data), SourceFile("b.pdf", len(locked), lambda: locked, "open"))
    assert {info.name: library.original("c", info.id) for info in library.documents("c")} == {
        "a.pdf": data,
        "b.pdf": None,
    }


# Files that harm


def test_files_that_harm_their_reader_cost_themselves_alone(hasty: Library) -> None:
    outcomes = ingest(
        hasty,
        text_file("before.txt", SENTENCE),
        text_file("slow.docx", docx(1_000_000)),
        text_file("after.txt", OTHER),
    )
    assert [outcome.reason for outcome in outcomes] == [None, "took_too_long", None]
    assert names(hasty) == ["after.txt", "before.txt"]


def test_questions_are_answered_while_a_file_is_read(hasty: Library, embedder: Embedder) -> None:
    ingest(hasty, text_file("a.txt", SENTENCE))
    slow = threading.Thread(target=ingest, args=(hasty, text_file("slow.docx", docx(1_000_000))))
    slow.start()
    hits = hasty.searcher("c").nearest(embedder.embed_query("a valve"), 5)
    assert slow.is_alive()
    assert [passage.document for passage, _ in hits] == ["a.txt"]
    slow.join()


# Archives and mails


def test_each_file_in_an_archive_has_an_outcome_of_its_own(library: Library) -> None:
    inner = archive(("museum.txt", OTHER), ("empty.txt", ""))
    outcomes = ingest(library, text_file("a.zip", archive(("boiler.txt", SENTENCE), ("deep/b.zip", inner))))
    assert [(outcome.name, outcome.reason) for outcome in outcomes] == [
        ("a.zip/boiler.txt", None),
        ("a.zip/deep/b.zip/museum.txt", None),
        ("a.zip/deep/b.zip/empty.txt", "empty"),
    ]
    assert names(library) == ["a.zip/boiler.txt", "a.zip/deep/b.zip/museum.txt"]


def test_an_archive_that_fails_or_is_empty_has_an_outcome(library: Library) -> None:
    outcomes = ingest(library, text_file("a.zip", archive()), text_file("b.zip", archive(("x", "y"))[:60]))
    assert [(outcome.name, outcome.reason) for outcome in outcomes] == [
        ("a.zip", "empty"),
        ("b.zip", "damaged"),
    ]


def test_archives_are_opened_to_a_depth(library: Library) -> None:
    data = SENTENCE.encode()
    for name in ("0.txt", "1.zip", "2.zip", "3.zip", "4.zip")[:5]:
        data = archive((name, data))
    (outcome,) = ingest(library, text_file("5.zip", data))
    assert (outcome.name, outcome.reason) == ("5.zip/4.zip/3.zip/2.zip", "archive_limits")


def test_archives_that_unfold_without_end_cost_little(library: Library) -> None:
    data = archive(("zeros.txt", bytes(1_000_000)))
    for level in range(5):  # 8 * 8 * 8 * 8 * 8 MB
        data = archive(*((f"{level}_{n}.zip", data) for n in range(8)))
    ingest(library, text_file("a.txt", SENTENCE))
    readers, began = children(), time.monotonic()
    outcomes = ingest(library, text_file("42.zip", data))
    assert {outcome.reason for outcome in outcomes} == {"archive_limits"}
    assert (len(outcomes), children()) == (8 * 8 * 8, readers)  # none had to be replaced
    assert time.monotonic() - began < 20


def test_what_archives_hold_is_added_up_over_all_that_are_in_one(library: Library) -> None:
    many = archive(*((f"{n}.txt", " ") for n in range(3000)))
    outcomes = ingest(
        library, text_file("a.zip", archive(*((f"{n}.zip", many + b"%d" % n) for n in range(5))))
    )
    assert Counter(outcome.reason for outcome in outcomes) == {"empty": 9995, "archive_limits": 2}


def test_an_archive_of_slow_files_is_given_up_after_a_few(hasty: Library) -> None:
    slow = docx(1_000_000)
    members = [(f"{n}.docx", slow) for n in range(5)]
    data = archive(*members, ("6.txt", SENTENCE), ("7.txt", OTHER))
    *given_up, rest, after = ingest(hasty, text_file("a.zip", data), text_file("b.txt", OTHER))
    assert [outcome.reason for outcome in given_up] == ["took_too_long"] * 5
    assert (rest.name, rest.reason, after.status) == ("a.zip", "took_too_long", "added")
    assert rest.message.startswith("a.zip: 2 files in it not read, because 5 others took too long.")


def test_of_what_could_not_be_read_nothing_stays_in_memory(library: Library) -> None:
    gone: list[str] = []

    class Data(bytes):
        """Bytes that say when they go."""

        def __del__(self) -> None:
            gone.append("gone")

    files = [SourceFile(f"{n}.txt", 4, lambda: Data(b"\x89PNG\r\n")) for n in range(5)]
    seen = list[int]()
    gc.disable()
    try:
        library.ingest(files, collection="c", on_outcome=lambda _: seen.append(len(gone)))
        assert seen[-1] >= 3
    finally:
        gc.enable()


def test_attachments_are_tried_again_when_a_mail_is_there_already(library: Library) -> None:
    mail = (
        "From: a@example.org\nTo: b@example.org\nSubject: The valve\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain\n\n'
        f"{SENTENCE}\n--x\nContent-Type: text/plain\n"
        f'Content-Disposition: attachment; filename="museum.txt"\n\n{OTHER}\n--x--\n'
    ).replace("\n", "\r\n")
    first = ingest(library, text_file("a.eml", mail))
    assert [(outcome.name, outcome.status) for outcome in first] == [
        ("a.eml", "added"),
        ("a.eml/museum.txt", "added"),
    ]
    library.delete(str(first[1].document_id), collection="c")
    assert [outcome.status for outcome in ingest(library, text_file("a.eml", mail))] == ["unchanged", "added"]


# Files of records


def test_a_file_of_records_has_one_outcome(library: Library) -> None:
    (outcome,) = ingest(library, text_file("a.jsonl", records(SENTENCE, OTHER) + b"\nnot JSON"))
    assert (outcome.status, outcome.documents, outcome.reason) == ("added", 2, "partly_unreadable")
    assert outcome.message.startswith("a.jsonl: 3 records, 2 added, 1 not read; 2 chunks, English. ")
    assert "line 3" in outcome.message
    assert names(library) == ["a.jsonl#r0", "a.jsonl#r1"]


def test_a_newer_version_changes_only_the_records_that_changed(library: Library) -> None:
    ingest(library, text_file("a.jsonl", records(SENTENCE, OTHER, "A third text.")))
    (outcome,) = ingest(library, text_file("a.jsonl", records(SENTENCE, "A new second text.")))
    assert outcome.status == "replaced"
    assert outcome.message.startswith("a.jsonl: 2 records, 1 replaced, 1 unchanged, 1 removed; 1 chunk")
    assert names(library) == ["a.jsonl#r0", "a.jsonl#r1"]
    (outcome,) = ingest(library, text_file("a.jsonl", records(SENTENCE, "A new second text.")))
    assert (outcome.status, outcome.documents) == ("unchanged", 2)


def test_records_that_are_missing_from_a_file_that_could_not_all_be_read_stay(library: Library) -> None:
    ingest(library, text_file("a.jsonl", records(SENTENCE, OTHER)))
    ingest(library, text_file("a.jsonl", records(SENTENCE) + b"\n{"))
    assert names(library) == ["a.jsonl#r0", "a.jsonl#r1"]


def test_two_files_of_records_of_one_name_are_kept_apart(library: Library) -> None:
    outcomes = ingest(
        library, text_file("a.jsonl", records(SENTENCE, OTHER)), text_file("a.jsonl", records("A.", "B."))
    )
    assert "kept as a (2).jsonl" in outcomes[1].message
    assert names(library) == ["a (2).jsonl#r0", "a (2).jsonl#r1", "a.jsonl#r0", "a.jsonl#r1"]


def test_records_are_embedded_together(library: Library) -> None:
    seen: list[tuple[int, int]] = []
    texts = [f"{SENTENCE} It is number {n}." for n in range(100)]
    library.ingest(
        [text_file("a.jsonl", records(*texts))],
        collection="c",
        on_progress=lambda _name, done, total: seen.append((done, total)),
    )
    assert (seen[0], seen[-1][0]) == ((0, 0), 100)
    assert all(total >= done for done, total in seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


# Reading ahead, and giving up


class Watched:
    """An embedder that lets go of what it embeds only when `may_go` is set."""

    def __init__(self, embedder: Embedder, may_go: threading.Event) -> None:
        self.__dict__.update(vars(embedder))
        self._embedder = embedder
        self._may_go = may_go

    def __getattr__(self, name: str) -> object:
        return getattr(self._embedder, name)

    def embed_passages(self, texts: list[str]) -> Embeddings:
        assert self._may_go.wait(30)
        return self._embedder.embed_passages(texts)


def test_the_next_file_is_read_while_one_is_embedded(embedder: Embedder, tmp_path: Path) -> None:
    may_go = threading.Event()

    def read_second() -> bytes:
        may_go.set()  # the first is embedded only after the second is read
        return OTHER.encode()

    machine = Machine(Watched(embedder, may_go))  # type: ignore[arg-type]
    library = open_library(Settings(home=tmp_path), machine.embedders())
    outcomes = ingest(
        library,
        text_file("long.txt", SENTENCE * 100),
        SourceFile("second.txt", len(OTHER), read_second),
    )
    library.close()
    assert [outcome.status for outcome in outcomes] == ["added", "added"]


def stop_at(
    what: Callable[[FileOutcome | tuple[str, int, int]], bool],
) -> tuple[list[bool], Callable[..., None]]:
    stopped: list[bool] = []

    def told(*event: object) -> None:
        if what(event if len(event) > 1 else event[0]):  # type: ignore[arg-type]
            stopped.append(True)

    return stopped, told


def test_a_cancelled_ingestion_keeps_what_is_done_and_drops_what_is_underway(library: Library) -> None:
    stopped, told = stop_at(lambda event: event[:2] == ("long.txt", 16))  # type: ignore[index]
    before = children()
    outcomes = library.ingest(
        [text_file("a.txt", OTHER), text_file("long.txt", SENTENCE * 300), text_file("never.txt", "Never.")],
        collection="c",
        on_progress=told,
        cancelled=lambda: bool(stopped),
    )
    assert [(outcome.name, outcome.status) for outcome in outcomes] == [("a.txt", "added")]
    assert names(library) == ["a.txt"]
    assert len(children()) <= len(before) + 1


def test_a_cancelled_file_of_records_says_what_is_in(library: Library) -> None:
    stopped, told = stop_at(lambda event: event[1] >= 32)  # type: ignore[index]
    (outcome,) = library.ingest(
        [text_file("a.jsonl", records(*(f"{SENTENCE} {n}" for n in range(120))))],
        collection="c",
        on_progress=told,
        cancelled=lambda: bool(stopped),
    )
    assert outcome.documents == len(names(library)) > 0
    assert outcome.message.endswith("It was cancelled before its end: add it again for the rest.")


def test_a_reading_that_is_cancelled_ends_at_once(library: Library) -> None:
    begun = threading.Event()
    outcomes = library.ingest(
        [text_file("slow.docx", docx(1_000_000))],
        collection="c",
        on_progress=lambda *_: begun.set(),
        cancelled=begun.is_set,
    )
    assert outcomes == ()


def test_who_gives_up_leaves_nothing_running(library: Library) -> None:
    class GoneError(Exception):
        pass

    def gone(*_: object) -> None:
        raise GoneError

    with pytest.raises(GoneError):
        library.ingest([text_file("slow.docx", docx(1_000_000))], collection="c", on_progress=gone)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("intake")] == []
    assert library.unfinished() == ()


def test_chunks_are_as_long_as_the_collection_wants_them(library: Library) -> None:
    ingest(library, text_file("a.txt", SENTENCE * 60))
    library.rechunk("c", Chunking(64, 0))
    (outcome,) = ingest(library, text_file("b.txt", OTHER * 60))
    (info,) = (info for info in library.documents("c") if info.name == "b.txt")
    assert info.chunking == Chunking(64, 0)
    assert outcome.chunks > 15
