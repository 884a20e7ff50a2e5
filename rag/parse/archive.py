"""Unpack ZIP archives, one file at a time."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import PurePosixPath

from rag.errors import (
    ArchiveLimitError,
    DamagedDocumentError,
    EmptyDocumentError,
    PasswordNeededError,
    TooLargeError,
    UnsupportedTypeError,
)
from rag.parse.blocks import Failed, Member
from rag.parse.clean import clean
from rag.parse.limits import MAX_MEMBERS, MAX_PART_BYTES, MAX_UNPACKED_BYTES
from rag.parse.zips import ZIP_FAILURES, entry_count

# Copies that macOS and Windows put beside the files of a folder.
_CLUTTER = frozenset({"__MACOSX", "thumbs.db", "desktop.ini"})
_ENCRYPTED = 1
_AES = 99
_UTF8_NAME = 0x800


def open_zip(name: str, data: bytes, password: str | None = None) -> Iterator[Member | Failed]:
    """Yield each file of an archive as "archive.zip/folder/file.txt"; hidden files and clutter are left out.

    A file that is damaged, encrypted, too large, or packed in an unknown way is yielded as failed, and the
    others still come. Raises ArchiveLimitError, PasswordNeededError or UnsupportedTypeError where all are
    encrypted, and DamagedDocumentError where not even the list of files can be read.
    """
    with _open(name, data) as archive:
        entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
        if not entries:
            raise EmptyDocumentError(f"{name} is an archive without any file in it.")
        _refuse_bombs(name, entries)
        if password:
            archive.setpassword(password.encode())
        if all(entry.flag_bits & _ENCRYPTED for entry in entries):
            _check_password(name, archive, entries[0], password)
        for entry in entries:
            yield _unpack(archive, entry, f"{name}/{_inner_name(entry)}")


def _open(name: str, data: bytes) -> zipfile.ZipFile:
    if (count := entry_count(data)) > MAX_MEMBERS:
        raise ArchiveLimitError(
            f"{name} holds {count:,} files, the limit is {MAX_MEMBERS:,}. Split it into several archives."
        )
    try:
        return zipfile.ZipFile(BytesIO(data))
    except ZIP_FAILURES as exc:
        raise DamagedDocumentError(
            f"{name} is damaged: its list of files cannot be read. Copy or download it again, in full."
        ) from exc


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(_inner_name(entry)).parts
    hidden = any(part.startswith(".") or part in _CLUTTER for part in parts)
    return bool(parts) and not hidden and not entry.is_dir() and parts[-1].lower() not in _CLUTTER


def _refuse_bombs(name: str, entries: list[zipfile.ZipInfo]) -> None:
    # The sizes that an archive declares can be relied on: zipfile reads no further.
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArchiveLimitError(
            f"{name} unpacks to {unpacked / 1e9:,.1f} GB, the limit is {MAX_UNPACKED_BYTES / 1e9:.0f} GB. "
            "Split it into several archives."
        )
    places = sorted((entry.header_offset, entry.compress_size) for entry in entries)
    if any(start + size > after for (start, size), (after, _) in pairwise(places)):
        raise ArchiveLimitError(f"{name} holds files that overlap, as archives made to do harm do.")


def _check_password(
    name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, password: str | None
) -> None:
    if entry.compress_type == _AES:
        raise UnsupportedTypeError(
            f"{name} is encrypted with AES, which cannot be opened here. Unpack it and add its files."
        )
    if not password:
        raise PasswordNeededError(f"{name} is encrypted. Give its password, or unpack it and add its files.")
    try:
        archive.open(entry).close()
    except RuntimeError as exc:
        raise PasswordNeededError(f"{name} has another password than the one given.") from exc
    except ZIP_FAILURES:
        return  # this one is damaged, which is said when its turn comes


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Member | Failed:
    size = entry.file_size
    if size > MAX_PART_BYTES:
        limit = f"the limit is {MAX_PART_BYTES // 10**6} MB"
        return Failed(
            name, TooLargeError.reason, f"{name} unpacks to {size // 10**6:,} MB, {limit}. Split it."
        )
    if entry.flag_bits & _ENCRYPTED and entry.compress_type == _AES:
        advice = "Unpack the archive with its password and add the file itself."
        return Failed(
            name, UnsupportedTypeError.reason, f"{name} is encrypted with AES, which is not read. {advice}"
        )
    try:
        return Member(name, archive.read(entry))
    except NotImplementedError:
        advice = "Unpack the archive and add the file itself."
        return Failed(
            name, UnsupportedTypeError.reason, f"{name} is packed in a way that is not read. {advice}"
        )
    except RuntimeError:  # no password, or a wrong one
        advice = "Unpack the archive with its password and add the file itself."
        return Failed(name, PasswordNeededError.reason, f"{name} is encrypted. {advice}")
    except ZIP_FAILURES:
        return Failed(name, DamagedDocumentError.reason, f"{name} is damaged and cannot be unpacked.")


def _inner_name(entry: zipfile.ZipInfo) -> str:
    """Return where in its archive a file lies, without anything that leads out of it."""
    path = entry.filename
    if not entry.flag_bits & _UTF8_NAME:
        path = _as_utf8(path)
    parts = (clean(part) for part in path.replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _as_utf8(path: str) -> str:
    # Many programs write UTF-8 without saying so; then zipfile has read it as code page 437.
    try:
        return path.encode("cp437").decode("utf-8")
    except UnicodeError:
        return path
