"""Say what a file seems to be from its first bytes, for messages about files that are not what they say."""

import re

OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
ZIP_MAGIC = b"PK\x03\x04"

# A PDF may begin with other bytes, but its header has to be in the first 1024.
_PDF_HEADER_WITHIN = 1024
_SIGNATURES = (
    (b"{\\rtf", "a rich text file (RTF)"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (OLE_MAGIC, "an Office 97-2003 file, or an encrypted one"),
)
_ZIP_CONTENTS = (
    (b"word/", "a Word document (DOCX)"),
    (b"xl/", "an Excel workbook (XLSX)"),
    (b"ppt/", "a PowerPoint presentation (PPTX)"),
    (b"mimetypeapplication/epub+zip", "an EPUB book"),
    (b"mimetypeapplication/vnd.oasis", "an OpenDocument file"),
)
_HTML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE)
# Text needs none. In compressed data every tenth byte is one.
_FEW_CONTROLS = 8
_C0_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))


def binary_type(data: bytes) -> str | None:
    """Return what kind of binary (or RTF) file `data` is, None when it may be text."""
    if data.startswith(b"%PDF-"):
        return "a PDF"
    if data.startswith(ZIP_MAGIC):
        return next((what for mark, what in _ZIP_CONTENTS if mark in data), "a ZIP archive")
    return next((what for magic, what in _SIGNATURES if data.startswith(magic)), None)


def seeming_type(data: bytes) -> str | None:
    """Return what `data` seems to be, in words such as "a PNG image"; None when nothing gives it away."""
    if _HTML_START.match(data):
        return "an HTML page"
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return "a PDF"
    if what := binary_type(data):
        return what
    return "binary data" if has_many_controls(data) else None


def has_many_controls(data: bytes) -> bool:
    """Return whether `data` has more control characters than a text file may hold by mistake."""
    controls = len(data) - len(data.translate(None, _C0_CONTROLS))
    return controls > _FEW_CONTROLS and controls * 20 > len(data)
