"""Open ZIP packages that may be damaged, or made to do harm."""

import struct
import zipfile
import zlib
from io import BytesIO

from rag.errors import DamagedDocumentError, TooLargeError, UnsupportedTypeError
from rag.parse.limits import MAX_MEMBERS, MAX_PART_BYTES

ZIP_MAGIC = b"PK\x03\x04"
EMPTY_ZIP_MAGIC = b"PK\x05\x06"

# What zipfile lets through when a package is not as it expects.
ZIP_FAILURES = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, NotImplementedError),
    *(ValueError, OverflowError, IndexError, KeyError),
)

_END = struct.Struct("<4s4H2LH")
_ZIP64_END_SIZE = 56 + 20
_IN_ZIP64 = 0xFFFFFFFF


def is_zip(data: bytes) -> bool:
    """Return whether `data` begins as ZIP packages do."""
    return data.startswith((ZIP_MAGIC, EMPTY_ZIP_MAGIC))


def entry_count(data: bytes) -> int:
    """Return how many files a package lists, or a few more; cheap, whatever it lists."""
    at = data.rfind(_END.pack(EMPTY_ZIP_MAGIC, *[0] * 7)[:4])
    if at < 0 or len(data) - at < _END.size:
        return 0
    size = _END.unpack_from(data, at)[5]
    start = 0 if size == _IN_ZIP64 else max(0, at - size - _ZIP64_END_SIZE)
    # zipfile makes an object of each; what lists millions would take gigabytes before it could be counted.
    return data.count(b"PK\x01\x02", start, at)


def open_package(name: str, data: bytes) -> zipfile.ZipFile:
    """Return the zipped document `data`, open for reading. Raises DamagedDocumentError or TooLargeError."""
    if (count := entry_count(data)) > MAX_MEMBERS:
        raise TooLargeError(
            f"{name} consists of {count:,} parts, the limit is {MAX_MEMBERS:,}. Save it anew, or split it."
        )
    try:
        return zipfile.ZipFile(BytesIO(data))
    except ZIP_FAILURES as exc:
        raise damaged(name) from exc


def read_part(name: str, package: zipfile.ZipFile, part: str) -> bytes:
    """Return the bytes of one part of the document `name`.

    Raises TooLargeError, UnsupportedTypeError for an encrypted one, or DamagedDocumentError where it is
    missing or broken.
    """
    try:
        entry = package.getinfo(part)
        if entry.flag_bits & 1:
            raise UnsupportedTypeError(
                f"{name} is encrypted in a way that no password opens here. Save a copy without its password "
                "and add that."
            )
        # The size that a package declares can be relied on: zipfile reads no further.
        if entry.file_size > MAX_PART_BYTES:
            raise TooLargeError(
                f"{name} unpacks to {entry.file_size // 10**6:,} MB, the limit is "
                f"{MAX_PART_BYTES // 10**6} MB. Remove what is not text, or split it."
            )
        return package.read(entry)
    except ZIP_FAILURES as exc:
        raise damaged(name) from exc


def damaged(name: str) -> DamagedDocumentError:
    """Return the error that says that the document `name` is broken."""
    return DamagedDocumentError(
        f"{name} is damaged: not all of its parts can be read. Save it anew, or copy it again, and add that."
    )
