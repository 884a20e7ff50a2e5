"""What collections and files may be called."""

from collections.abc import Container
from pathlib import PurePath

from rag.errors import LibraryError
from rag.parse.clean import clean

MAX_NAME_CHARS = 200
MAX_COLLECTION_CHARS = 64


def check_collection_name(name: str) -> None:
    """Raise LibraryError unless `name` can name a collection and be shown as it is."""
    if not (0 < len(name) <= MAX_COLLECTION_CHARS and name == clean(name) and "\n" not in name):
        raise LibraryError(
            f"{name!r} cannot name a collection: expected 1 to {MAX_COLLECTION_CHARS} characters, without "
            "line breaks, control characters or spaces at the ends."
        )


def file_name(name: str) -> str:
    """Return a file's name as it can be stored and shown: one line, at most 200 characters."""
    return " ".join(clean(name).split())[-MAX_NAME_CHARS:].lstrip() or "unnamed"


def free_name(name: str, taken: Container[str | None]) -> str:
    """Return `name`, numbered if it is `taken`."""
    path, number, free = PurePath(name), 2, name
    while free in taken:
        free, number = str(path.with_stem(f"{path.stem} ({number})")), number + 1
    return free
