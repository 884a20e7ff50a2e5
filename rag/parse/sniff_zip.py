"""Recognise what a ZIP package is by the parts that it lists."""

import re
import zipfile
from io import BytesIO

from rag.parse.limits import MAX_MEMBERS
from rag.parse.seen import SAVE_AS, Seen
from rag.parse.zips import ZIP_FAILURES, entry_count

ZIP = Seen("a ZIP archive", "zip")
DOCX = Seen("a Word document (DOCX)", "docx")
XLSX = Seen("an Excel workbook (XLSX)", "xlsx")
PPTX = Seen("a PowerPoint presentation (PPTX)", "pptx")
ODT = Seen("an OpenDocument text", "odt")
ODS = Seen("an OpenDocument spreadsheet", "ods")
ODP = Seen("an OpenDocument presentation", "odp")
EPUB = Seen("an EPUB book", "epub")

_MIMETYPES = (
    ("application/epub+zip", EPUB),
    ("application/vnd.oasis.opendocument.text", ODT),
    ("application/vnd.oasis.opendocument.spreadsheet", ODS),
    ("application/vnd.oasis.opendocument.presentation", ODP),
    ("application/vnd.oasis.opendocument", Seen("an OpenDocument drawing", None, SAVE_AS.format("PDF"))),
    ("application/vnd.sun.xml", Seen("an OpenOffice 1 file", None, SAVE_AS.format(".odt or .docx"))),
    ("application/hwp+zip", Seen("a Hangul document", None, SAVE_AS.format(".docx or PDF"))),
)
# What [Content_Types].xml calls the main part of a package.
_CONTENT_TYPES = (
    (rb"wordprocessingml\.(?:document|template)\.main|word\.(?:document|template)\.macroEnabled", DOCX),
    (rb"spreadsheetml\.(?:sheet|template)\.main|excel\.(?:sheet|template)\.macroEnabled", XLSX),
    (
        rb"presentationml\.(?:presentation|slideshow|template)\.main|"
        rb"powerpoint\.(?:presentation|slideshow|template)\.macroEnabled",
        PPTX,
    ),
    (rb"excel\.sheet\.binary", Seen("a binary Excel workbook", None, SAVE_AS.format(".xlsx"))),
    (rb"ms-visio|visio\.drawing", Seen("a Visio drawing", None, SAVE_AS.format("PDF"))),
    (rb"xps-fixeddocument|fixedrepresentation", Seen("an XPS document", None, SAVE_AS.format("PDF"))),
)
# Without such a list: the parts that only one kind of package has.
_PARTS = (
    (r"word/document\d*\.xml", DOCX),
    (r"xl/workbook\.xml", XLSX),
    (r"ppt/presentation\.xml", PPTX),
    (r"META-INF/container\.xml", EPUB),
    (
        r"(?:.*/)?Index/Document\.iwa|(?:.*/)?Index\.zip|index\.(?:xml|apxl)\Z(?<!/index\.xml)",
        Seen("an Apple Pages, Numbers or Keynote file", None, "Export it as .docx, .xlsx, .pptx or PDF."),
    ),
    (r"AndroidManifest\.xml|META-INF/MANIFEST\.MF", Seen("a program", None)),
)
_TYPE_LIST_BYTES = 1_000_000


def zip_type(data: bytes) -> Seen:
    """Return what the ZIP package `data` is; of one too damaged to list, what its first part suggests."""
    if entry_count(data) > MAX_MEMBERS:
        return ZIP
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            names = package.namelist()
            kind = _declared(package, set(names))
    except ZIP_FAILURES:
        return _from_bytes(data)
    return kind or _from_parts(names)


def _declared(package: zipfile.ZipFile, names: set[str]) -> Seen | None:
    """Return what the package says of itself."""
    if "mimetype" in names and (seen := _from_mimetype(_head(package, "mimetype"))):
        return seen
    if "[Content_Types].xml" in names:
        types = _head(package, "[Content_Types].xml")
        return next((seen for pattern, seen in _CONTENT_TYPES if re.search(pattern, types, re.I)), None)
    return None


def _head(package: zipfile.ZipFile, part: str) -> bytes:
    try:
        with package.open(part) as file:
            return file.read(_TYPE_LIST_BYTES)
    except (*ZIP_FAILURES, RuntimeError):  # RuntimeError: encrypted
        return b""


def _from_mimetype(mimetype: bytes) -> Seen | None:
    said = mimetype.decode("latin-1").strip()
    return next((seen for start, seen in _MIMETYPES if said.startswith(start)), None)


def _from_parts(names: list[str]) -> Seen:
    for pattern, seen in _PARTS:
        if any(re.fullmatch(pattern, name) for name in names):
            return seen
    return ZIP


def _from_bytes(data: bytes) -> Seen:
    """Return what a package cut short still shows: the first part, and the names before the cut."""
    if data[30:38] == b"mimetype" and (seen := _from_mimetype(data[38:138])):
        return seen
    marks = ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX))
    return next((seen for mark, seen in marks if mark in data), ZIP)
