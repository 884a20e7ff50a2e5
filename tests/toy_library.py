"""A library that needs no model and no process: for what happens between files, not in them."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from files import text_file
from toy_embedder import WordCounter, word_counters

from rag.file_outcome import FileOutcome
from rag.library import Library
from rag.library.check import check_library
from rag.parse import open_file
from rag.parse.blocks import Failed, Member
from rag.parse.contain import Parsers
from rag.records import Document
from rag.store import Store


class InThisProcess(Parsers):
    """Reads files where it is asked to: these have nothing in them to be afraid of."""

    def open(
        self,
        name: str,
        data: bytes,
        *,
        password: str | None = None,
        refusal: str = "",
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Document | Member | Failed]:
        return open_file(name, data, password=password)


@contextmanager
def opened(home: Path, *model_ids: str) -> Iterator[Library]:
    """Open the library in `home`; word counters of these names are its embedders."""
    parsers = InThisProcess(timeout_s=60, memory_bytes=10**9, workers=1)
    store = Store(home / "library.db")
    with closing(
        Library(store, word_counters(*model_ids), parsers, home=home, max_file_bytes=10**8)
    ) as library:
        yield library


def ingest(library: Library, files: dict[str, str], collection: str = "c") -> tuple[FileOutcome, ...]:
    """Add texts by name."""
    return library.ingest([text_file(*item) for item in files.items()], collection=collection)


def add(library: Library, name: str, text: str, collection: str = "c") -> str:
    """Add a text; return its document's id."""
    (outcome,) = ingest(library, {name: text}, collection)
    return str(outcome.document_id)


def names(library: Library, collection: str = "c") -> set[str]:
    """The names of the documents."""
    return {info.name for info in library.documents(collection)}


def found(library: Library, collection: str = "c") -> dict[str, str]:
    """What a search of everything finds: each document's text, its chunks in order."""
    searcher = library.searcher(collection)
    hits = searcher.nearest(searcher.embedder.embed_query("how does it work?"), 10_000)
    passages = sorted((passage.document, passage.start, passage.text) for passage, _ in hits)
    texts: dict[str, str] = {}
    for document, _, text in passages:
        texts[document] = f"{texts[document]} {text}" if document in texts else text
    return texts


def broken(home: Path) -> list[str]:
    """What the check of the library in `home` finds broken."""
    return [found.sentence for found in check_library(home / "library.db") if found.level == "fail"]


__all__ = ["WordCounter", "add", "broken", "found", "ingest", "names", "opened"]
