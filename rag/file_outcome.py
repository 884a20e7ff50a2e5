"""What became of a file that was added."""

from dataclasses import dataclass
from typing import Literal

FileStatus = Literal["added", "replaced", "unchanged", "failed"]

# Why a file was not added, or not all of it ("partly_unreadable"). Each has a sentence of its own.
Reason = Literal[
    "password_needed", "no_text_layer", "partly_unreadable", "damaged", "not_what_it_says", "empty",
    "too_large", "too_many_pages", "archive_limits", "took_too_long", "unsupported", "not_read", "not_stored",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file. `message` is a sentence for the person who dropped it.

    `document` is the name under which the library holds it, None when it failed. `reason` says in a word
    why it failed, or that a part of it could not be read. A file of records, such as a JSONL file, is as
    many `documents`; then `document_id` and `document` are None.
    """

    name: str
    status: FileStatus
    message: str
    document_id: str | None = None
    document: str | None = None
    pages: int = 0
    chunks: int = 0
    reason: Reason | None = None
    language: str | None = None
    encoding: str | None = None
    documents: int = 0
