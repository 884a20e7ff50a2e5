"""Every error that RerankLens raises on purpose.

RagError
├── SettingsError          a setting has a value that cannot be used
├── ModelError             a model cannot be used
│   ├── UnknownModelError      its name is not in the catalogue
│   ├── MissingModelError      its files are not on this machine
│   ├── CorruptModelError      a file is not the one that was promised
│   └── ExportError            it cannot be exported to ONNX, or not as true to its original as it must be
├── DocumentError          one file cannot be ingested (the others still can)
│   ├── UnsupportedTypeError   a type that no parser reads
│   ├── EmptyDocumentError     nothing in it
│   ├── NoTextLayerError       a scan: pages without text
│   ├── PasswordNeededError    encrypted, and its password missing or wrong
│   ├── DamagedDocumentError   its parser could not read it
│   ├── WrongTypeError         it is not what its name says, nor anything that could be read instead
│   ├── TooLargeError          over the upload limit, or takes too much memory to read
│   ├── TooManyPagesError      more pages than a document may have
│   ├── ArchiveLimitError      an archive too deep, or with too much in it
│   └── TookTooLongError       it could not be read within the time that a file has
├── LibraryError           the library cannot be opened, read or written
│   └── NotFoundError          it holds no such collection or document
├── QueryError             a question or its parameters cannot be used
│   └── TooLongError           a passage that had to be read whole does not fit the model
├── BusyError              as many questions wait as may wait, or this one has waited too long
├── RemoteError            a server elsewhere did not answer, or not as it must: reranker or language model
└── InputFileError         a file handed to the command line is not in the expected form

A message says what was expected, what was found and what to do next. Attributes carry the
evidence, for callers who want to react rather than print.
"""

from pathlib import Path

from rag.file_outcome import Reason


class RagError(Exception):
    """Something went wrong that a person can understand and act on."""


class SettingsError(RagError):
    """A setting has a value that cannot be used."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name}={value!r} cannot be used: expected {expected}.")
        self.name = name
        self.value = value
        self.expected = expected


class ModelError(RagError):
    """A model cannot be used."""

    def __init__(self, message: str, *, model_id: str) -> None:
        super().__init__(message)
        self.model_id = model_id


class UnknownModelError(ModelError):
    """A model's name is not in the catalogue."""


class MissingModelError(ModelError):
    """A model's files are not on this machine."""

    def __init__(self, message: str, *, model_id: str, path: Path) -> None:
        super().__init__(message, model_id=model_id)
        self.path = path


class CorruptModelError(ModelError):
    """A model file is not the one that was promised."""

    def __init__(self, message: str, *, model_id: str, path: Path) -> None:
        super().__init__(message, model_id=model_id)
        self.path = path


class ExportError(ModelError):
    """A model cannot be exported; nothing of the attempt was kept."""


class DocumentError(RagError):
    """One file cannot be ingested; the others still can. `reason` is the same in a word, for programs."""

    reason: Reason = "not_read"


class UnsupportedTypeError(DocumentError):
    """A file has a type that no parser reads."""

    reason: Reason = "unsupported"


class EmptyDocumentError(DocumentError):
    """A file has nothing in it to index."""

    reason: Reason = "empty"


class NoTextLayerError(DocumentError):
    """A PDF has pages, but no text on them."""

    reason: Reason = "no_text_layer"


class PasswordNeededError(DocumentError):
    """A file is encrypted and cannot be opened without its password."""

    reason: Reason = "password_needed"


class DamagedDocumentError(DocumentError):
    """A file is not readable as what its name says."""

    reason: Reason = "damaged"


class WrongTypeError(DocumentError):
    """A file is not what its name says, nor anything that could be read instead."""

    reason: Reason = "not_what_it_says"


class TooLargeError(DocumentError):
    """A file is larger than the upload limit, or takes too much memory to read."""

    reason: Reason = "too_large"


class TooManyPagesError(DocumentError):
    """A document has more pages than one may have."""

    reason: Reason = "too_many_pages"


class ArchiveLimitError(DocumentError):
    """An archive is nested too deep, or holds too many or too large files."""

    reason: Reason = "archive_limits"


class TookTooLongError(DocumentError):
    """A file could not be read within the time that one has."""

    reason: Reason = "took_too_long"


class LibraryError(RagError):
    """The library cannot be opened, read or written."""


class NotFoundError(LibraryError):
    """The library holds no such collection or document."""


class QueryError(RagError):
    """A question or one of its parameters cannot be used."""


class TooLongError(QueryError):
    """A passage that had to be read whole does not fit the model."""


class BusyError(RagError):
    """As many questions wait as may wait, or this one has waited too long.

    `retry_after_s` is when another attempt is likely to be let in, in whole seconds.
    """

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RemoteError(RagError):
    """A server elsewhere did not answer, or not as it must.

    It is a remote reranker, which owes one score for each passage, or a language model, which owes a text.
    `kind` says in a word what went wrong, such as "timeout" or "missing_index".
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class InputFileError(RagError):
    """A file handed to the command line is not in the expected form."""

    def __init__(self, path: str | Path, message: str, *, line: int | None = None) -> None:
        where = f"{path}, line {line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}")
        self.path = Path(path)
        self.line = line
