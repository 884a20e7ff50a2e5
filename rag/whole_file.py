"""Files that are written whole or not at all, and read back only as they were written."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1 << 20
_CHECKSUM_BYTES = sha256().digest_size

Write = Callable[[bytes], int]


def write_whole(path: Path, content: Callable[[Write], None]) -> None:
    """Write to `path` what `content` hands to its argument, after a checksum of it. Raises OSError.

    It goes to the disk piece by piece: an index of gigabytes has no room in memory twice.
    """
    # A name of its own, because another process may be writing the same file.
    descriptor, partial = tempfile.mkstemp(prefix=path.stem, suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = sha256()

            def write(piece: bytes) -> int:
                digest.update(piece)
                return file.write(piece)

            file.write(bytes(_CHECKSUM_BYTES))
            content(write)
            file.seek(0)
            file.write(digest.digest())
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO | None]:
    """Yield what `write_whole` has written to `path`, to be read; None when it is damaged.

    Raises OSError for a missing file.
    """
    with path.open("rb") as file:
        expected, digest = file.read(_CHECKSUM_BYTES), sha256()
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
        file.seek(_CHECKSUM_BYTES)
        yield file if digest.digest() == expected else None
