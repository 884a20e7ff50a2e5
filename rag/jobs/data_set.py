"""Make a collection of an uploaded BEIR data set, in the background."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from rag.amounts import counted
from rag.beir import CORPUS, QRELS, QUERIES
from rag.errors import InputFileError, LibraryError
from rag.jobs.ingest import Pace, Tell, logged
from rag.jobs.jobs import Job, JobKey, Report
from rag.names import check_collection_name, file_name
from rag.report.data_sets import beir_folder, beir_zip
from rag.service import Service

_BLOCK = 1_000_000  # bytes


def start_data_set(
    service: Service, files: Mapping[str, IO[bytes]], collection: str, *, seen_from: str
) -> Job:
    """Make the data set in `files`, by their paths, the new collection `collection`; return the job.

    It is one ZIP archive, or the files of a folder. The job is seen where the collection `seen_from` is.
    Raises LibraryError where nothing can be called so.
    """
    check_collection_name(collection)
    key = JobKey("import", seen_from, uuid.uuid4().hex)

    def work(tell: Tell) -> str:
        pace = Pace()

        def on_progress(_name: str, done: int, total: int) -> None:
            fraction = done / total if total else None
            text = f"{done:,} of {counted(total, 'chunk')} embedded"
            tell(Report(text, fraction, pace.remaining_s(fraction)))

        tell(Report("reading the data set"))
        with _on_disk(files) as folder:
            return beir_folder(
                service.library,
                folder,
                collection,
                on_progress=on_progress,
                cancelled=lambda: service.jobs.is_cancelled(key),
            ).message

    title = f"Import of the data set {collection}"
    return service.jobs.start(key, logged(title, work), title=title, subject="")


@contextmanager
def _on_disk(files: Mapping[str, IO[bytes]]) -> Iterator[Path]:
    """Yield the folder of the data set in `files` for as long as the body runs."""
    with tempfile.TemporaryDirectory(prefix="reranklens-") as made:
        try:
            written = [_written(Path(made), name, stream) for name, stream in files.items()]
        except OSError as exc:
            raise LibraryError(f"The data set cannot be unpacked: {exc.strerror or exc}.") from exc
        zipped = [path for path in written if path and path.suffix.lower() == ".zip"]
        if not zipped:
            yield Path(made)
            return
        with beir_zip(zipped[0]) as folder:
            if folder is None:
                expected = f"a ZIP archive with {CORPUS}, {QUERIES} and {' or '.join(QRELS)}"
                raise InputFileError(zipped[0].name, f"expected {expected}; there is no {CORPUS} in it.")
            yield folder


def _written(folder: Path, name: str, stream: IO[bytes]) -> Path | None:
    """Write a file below `folder`, and return where; None for one that belongs to no data set."""
    parts = PurePosixPath(name).parts
    ends = ("/".join(parts[-2:]), file_name("".join(parts[-1:])))
    kept = next(
        (end for end in ends if end in (CORPUS, QUERIES, *QRELS) or end.lower().endswith(".zip")), None
    )
    if kept is None:
        return None
    path = folder / kept
    path.parent.mkdir(exist_ok=True)
    with stream, path.open("wb") as out:
        while block := stream.read(_BLOCK):
            out.write(block)
    return path
