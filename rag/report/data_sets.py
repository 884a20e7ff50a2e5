"""Make a collection of a BEIR data set: its documents, its questions and its judgments."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rag.beir import CORPUS, QRELS, QUERIES, beir_files, read_beir
from rag.errors import InputFileError, LibraryError, QueryError, TooLargeError
from rag.evidence import Question
from rag.ingest import OnProgress, SourceFile
from rag.library import Library
from rag.names import MAX_COLLECTION_CHARS, check_collection_name
from rag.parse.limits import MAX_PART_BYTES
from rag.parse.zips import is_zip, open_package, read_part
from rag.question import checked_query
from rag.report.imports import IMPORTED, Gathered, Imported
from rag.report.names import Places
from rag.store.questions import MAX_ID_CHARS
from rag.trec import numbered_lines, qrel_rows

_UNDERWAY = " (importing)"
_FILES = (CORPUS, QUERIES, *QRELS)


def beir_folder(
    library: Library,
    folder: Path,
    collection: str,
    *,
    judge: str = IMPORTED,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Imported:
    """Make the data set in `folder` the new collection `collection`; return what was judged in it.

    All of its files are read before anything is written. A document that the collection cuts into several
    chunks was judged whole: each of them has its grade. Until all of it is in, the collection is called
    "NAME (importing)". Raises InputFileError naming the file and the line, LibraryError when the name is
    taken, a document cannot be added, or it was cancelled; nothing is imported then.
    """
    check_collection_name(collection)
    if collection in library.collections():
        raise LibraryError(f"There is a collection {collection!r} already. Import it under another name.")
    corpus, _, qrels = beir_files(folder)
    questions = _questions(folder / QUERIES, read_beir(folder).queries)
    staging = collection[: MAX_COLLECTION_CHARS - len(_UNDERWAY)] + _UNDERWAY
    with _staged(library, staging):
        added = _add(library, corpus, staging, on_progress, cancelled)
        imported = _judge(library, staging, qrels, questions, judge)
        library.rename_collection(staging, collection)
    library.searcher(collection)
    return replace(imported, message=f"{added} {imported.message}")


@contextmanager
def beir_zip(path: Path) -> Iterator[Path | None]:
    """Unpack the data set in a ZIP file for as long as the body runs; yield its folder, None without one.

    Only the three files that a data set consists of are unpacked. Raises InputFileError, DocumentError or
    LibraryError where it cannot be.
    """
    package = _package(path)
    if package is None:
        yield None
        return
    with package, tempfile.TemporaryDirectory() as unpacked:
        parts = package.namelist()
        heads = [name.removesuffix(CORPUS) for name in parts if name == CORPUS or name.endswith(f"/{CORPUS}")]
        folder = Path(unpacked, path.name)
        for name in _FILES if heads else ():
            if (part := min(heads, key=len) + name) in parts:
                _write(folder / name, read_part(path.name, package, part))
        yield folder if heads else None


def _package(path: Path) -> zipfile.ZipFile | None:
    """Return the opened archive; None for what is none, or holds more than a data set can."""
    try:
        # An exported collection may have gigabytes, and more parts than any document.
        data = path.read_bytes() if path.stat().st_size <= len(_FILES) * MAX_PART_BYTES else b""
    except OSError as exc:
        raise InputFileError(path, f"it cannot be read: {exc.strerror or exc}.") from exc
    if not is_zip(data):
        return None
    try:
        return open_package(path.name, data)
    except TooLargeError:
        return None


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as exc:
        raise LibraryError(f"{path.name} cannot be unpacked: {exc.strerror or exc}.") from exc


@contextmanager
def _staged(library: Library, staging: str) -> Iterator[None]:
    """Run the body with an empty collection `staging`, which is gone where it fails."""
    with suppress(LibraryError):  # a killed import has left it
        library.delete_collection(staging)
    library.create_collection(staging)
    try:
        yield
    except BaseException:
        with suppress(LibraryError):  # on a full disk, the next import takes it away
            library.delete_collection(staging)
        raise


def _questions(path: Path, queries: Mapping[str, str]) -> dict[str, Question]:
    """Return the questions by their ids, as they will be asked."""
    found: dict[str, Question] = {}
    for name, text in queries.items():
        if len(name) > MAX_ID_CHARS:
            message = f"expected ids of at most {MAX_ID_CHARS} characters, found {name!r:.80}."
            raise InputFileError(path, message)
        try:
            found[name] = Question(checked_query(text), name, "imported")
        except QueryError as exc:
            raise InputFileError(path, f"question {name!r} cannot be asked. {exc}") from exc
    return found


def _add(
    library: Library,
    corpus: Path,
    collection: str,
    on_progress: OnProgress | None,
    cancelled: Callable[[], bool] | None,
) -> str:
    """Add the documents; return a sentence on them."""
    file = SourceFile(corpus.name, corpus.stat().st_size, corpus.read_bytes)
    outcomes = library.ingest([file], collection=collection, on_progress=on_progress, cancelled=cancelled)
    if cancelled and cancelled():
        raise LibraryError("The import was cancelled. Nothing was imported.")
    for outcome in outcomes:
        if outcome.status == "failed":
            raise LibraryError(f"{outcome.message} Nothing was imported.")
    # A document without a text is no reason to have none of the others.
    return " ".join(outcome.message for outcome in outcomes)


def _judge(
    library: Library, collection: str, qrels: Path, questions: Mapping[str, Question], judge: str
) -> Imported:
    """Keep the questions and the judgments of the data set."""
    places, gathered = Places(library, collection), Gathered(str(qrels))
    for row in qrel_rows(qrels, numbered_lines(qrels)):
        question = questions.get(row.query)
        gathered.take(row, question.text if question else None, places.find(row.document), judge)
    library.store.questions.add(collection, questions.values())
    return gathered.keep(library, collection)
