"""Say what became of a file, in one sentence and its notes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag.amounts import counted
from rag.errors import DocumentError, LibraryError
from rag.file_outcome import FileOutcome, FileStatus, Reason
from rag.language_names import language_name
from rag.parse.blocks import Failed
from rag.records import Document
from rag.wording import unit

_USUAL = ("utf-8", "ascii")
_SHOWN = 3  # records that could not be read, in full


def document_outcome(name: str, document: Document, n_chunks: int, status: FileStatus) -> FileOutcome:
    """Return the outcome of the file `name`, kept as `document`."""
    n_pages = document.page_count or len(document.pages)
    parts = [counted(n_pages, unit(document.kind))] if n_pages else []
    parts += [counted(n_chunks, "chunk"), *_writing(document.language, document.encoding)]
    if document.name != name:
        parts.append(f"kept as {document.name}")
    if status == "replaced":
        parts.append("in place of the older version")
    return FileOutcome(
        name,
        status,
        " ".join([f"{name}: {', '.join(parts)}.", *document.notes]),
        document_id=document.id,
        document=document.name,
        pages=n_pages,
        chunks=n_chunks,
        reason="partly_unreadable" if document.unreadable else None,
        language=document.language,
        encoding=document.encoding,
    )


def unchanged_outcome(name: str, document_id: str, held_as: str, n_chunks: int) -> FileOutcome:
    """Return the outcome of the file `name`, which is in the collection already, called `held_as`."""
    known_as = "" if held_as == name else f" as {held_as}"
    message = f"{name} is already there{known_as}."
    return FileOutcome(name, "unchanged", message, document_id, held_as, chunks=n_chunks)


def failed_outcome(name: str, error: DocumentError | LibraryError) -> FileOutcome:
    """Return the outcome of a file that could not be added."""
    # What is wrong with a document names it; what is wrong with the library does not.
    message = str(error) if isinstance(error, DocumentError) else f"{name} could not be kept: {error}"
    return FileOutcome(name, "failed", message, reason=_reason(error))


def lost_outcome(failed: Failed) -> FileOutcome:
    """Return the outcome of a file in another one that could not be taken out."""
    return FileOutcome(failed.name, "failed", failed.message, reason=failed.reason)


@dataclass(slots=True)
class Tally:
    """What became of the records of one file so far, under the name `kept`."""

    kept: str
    counts: Counter[FileStatus] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    chunks: int = 0
    languages: Counter[str | None] = field(default_factory=Counter)
    encoding: str | None = None
    lost: list[Failed] = field(default_factory=list)
    n_lost: int = 0
    n_removed: int = 0
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, document: Document, n_chunks: int, status: FileStatus) -> None:
        """Count a record that is in the collection now."""
        self.counts[status] += 1
        self.ids.add(document.id)
        self.chunks += n_chunks
        self.languages[document.language] += 1
        self.encoding = document.encoding
        if len(self.notes) < _SHOWN:
            self.notes.update(dict.fromkeys(document.notes))

    def lose(self, failed: Failed) -> None:
        """Count a record that could not be read."""
        self.n_lost += 1
        if len(self.lost) < _SHOWN:
            self.lost.append(failed)


def records_outcome(
    name: str, tally: Tally, error: DocumentError | LibraryError | None, *, cancelled: bool = False
) -> FileOutcome:
    """Return the outcome of a file of records; `error` is why not all of it was read."""
    documents, language = tally.counts.total(), _main_language(tally.languages)
    reason: Reason | None = "partly_unreadable" if tally.n_lost else None
    if error:
        reason = _reason(error)
    elif not documents and tally.lost:
        reason = tally.lost[0].reason
    return FileOutcome(
        name,
        _records_status(tally, failed=bool(error) or (not documents and not cancelled)),
        " ".join([_account(name, tally, language), *_records_notes(tally, error, cancelled=cancelled)]),
        chunks=tally.chunks,
        reason=reason,
        language=language,
        encoding=tally.encoding,
        documents=documents,
    )


def _records_status(tally: Tally, *, failed: bool) -> FileStatus:
    if failed:
        return "failed"
    changed = tally.counts["added"] + tally.counts["replaced"] + tally.n_removed
    if not changed:
        return "unchanged"
    return "added" if changed == tally.counts["added"] and not tally.counts["unchanged"] else "replaced"


def _account(name: str, tally: Tally, language: str | None) -> str:
    counts: Mapping[str, int] = {
        "added": tally.counts["added"],
        "replaced": tally.counts["replaced"],
        "unchanged": tally.counts["unchanged"],
        "not read": tally.n_lost,
        "removed": tally.n_removed,
    }
    said = ", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or "none read"
    rest = [counted(tally.chunks, "chunk")] if tally.chunks else []
    rest += _writing(language, tally.encoding)
    if tally.kept != name:
        rest.append(f"kept as {tally.kept}")
    n_records = tally.counts.total() + tally.n_lost
    return f"{name}: {counted(n_records, 'record')}, {said}{'; ' if rest else ''}{', '.join(rest)}."


def _records_notes(
    tally: Tally, error: DocumentError | LibraryError | None, *, cancelled: bool
) -> Sequence[str]:
    notes = [failed.message for failed in tally.lost]
    if tally.n_lost > len(tally.lost):
        notes.append(f"And {tally.n_lost - len(tally.lost):,} more.")
    notes += tally.notes
    if error:
        notes.append(str(error))
    if cancelled:
        notes.append("It was cancelled before its end: add it again for the rest.")
    return notes


def _main_language(languages: Counter[str | None]) -> str | None:
    known = [(n, code) for code, n in languages.items() if code]
    return max(known)[1] if known else None


def _writing(language: str | None, encoding: str | None) -> list[str]:
    said = [language_name(language)] if language else []
    return said + ([encoding] if encoding and encoding.lower() not in _USUAL else [])


def _reason(error: DocumentError | LibraryError) -> Reason:
    return error.reason if isinstance(error, DocumentError) else "not_stored"
