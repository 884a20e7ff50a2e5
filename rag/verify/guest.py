"""Put documents into a running server, and take away again what was put there."""

import secrets
import time
from concurrent.futures import Future
from urllib.parse import quote

from rag.verify.promises import Deleted, Listing, Uploaded, UploadedFile
from rag.verify.server import Answered, Files, RunningServer, UnusableAnswerError

_PATH = "/api/documents"


class Guest:
    """The documents of one visit: in a new collection, unless one is named."""

    def __init__(self, server: RunningServer, collection: str | None) -> None:
        self._server = server
        self._is_own = collection is None
        self._coming: Future[Answered[Uploaded]] | None = None
        self.collection = collection or f"verify-{secrets.token_hex(3)}"

    def upload(self, files: Files) -> Answered[Uploaded]:
        """Return what became of `files`."""
        self._coming = Future()
        self._server.begin_upload(_PATH, Uploaded, files, self._coming, collection=self.collection)
        return self._server.wait(self._coming)

    @property
    def has_uploaded(self) -> bool:
        """Whether an upload was ever begun."""
        return self._coming is not None

    @property
    def was_refused(self) -> bool:
        """Whether the upload is known to have added nothing."""
        failure = self._coming.exception() if self._coming and self._coming.done() else None
        return isinstance(failure, UnusableAnswerError) and failure.refused

    def delete(self) -> Answered[str]:
        """Delete what the upload added, and nothing else; return that in a sentence.

        An upload that an interrupt left behind is waited for. Raises UnusableAnswerError when something may
        have stayed, once all that can be deleted is.
        """
        began = time.perf_counter()
        files, lost = self._uploaded()
        added = [file.document_id for file in files if file.status == "added" and file.document_id]
        # Whatever its own collection holds, this visit has put there.
        doomed = self._listed() if self._is_own else added
        failures = [problem for document_id in doomed if (problem := self._delete(document_id))]
        if failures:
            raise UnusableAnswerError(
                f"{len(failures)} of {len(doomed)} documents stay in collection {self.collection!r}: "
                f"{failures[0]}",
                answered=True,
            )
        if lost:
            raise UnusableAnswerError(
                f"The upload was never answered: look into collection {self.collection!r} for what it may "
                f"still have added. {len(doomed)} deleted.",
                answered=False,
            )
        stay = [f"{file.name} was {file.status} and stays." for file in files if self._was_there(file)]
        return Answered(" ".join([f"{len(doomed)} deleted.", *stay]), time.perf_counter() - began)

    def _uploaded(self) -> tuple[tuple[UploadedFile, ...], bool]:
        """Return what became of the files, and whether nobody knows."""
        if self._coming is None:
            return (), False
        try:
            return self._server.wait(self._coming).body.files, False
        except UnusableAnswerError as exc:
            return (), not exc.answered

    def _listed(self) -> list[str]:
        listing = self._server.get(_PATH, Listing, collection=self.collection)
        return [document.id for document in listing.body.documents]

    def _delete(self, document_id: str) -> str | None:
        path = f"{_PATH}/{quote(document_id, safe='')}"
        try:
            self._server.delete(path, Deleted, collection=self.collection)
        except UnusableAnswerError as exc:
            return str(exc)
        return None

    def _was_there(self, file: UploadedFile) -> bool:
        return not self._is_own and file.status in ("replaced", "unchanged")
