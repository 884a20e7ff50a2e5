"""Recognise what a file is by its content, whatever its name says."""

import re

from rag.parse.seen import RUN_OCR, SAVE_AS, UNPACK, Seen
from rag.parse.sniff_ole import LOCKED, OLE_MAGIC, ole_type
from rag.parse.sniff_zip import zip_type
from rag.parse.zips import is_zip

__all__ = ["LOCKED", "OLE_MAGIC", "has_many_controls", "looks_like_mail", "recognise", "seeming_type"]

_PDF = Seen("a PDF", "pdf")
_RTF = Seen("a rich text file (RTF)", "rtf")
_HTML = Seen("an HTML page", "html")
_EML = Seen("an e-mail", "eml")
_MHTML = Seen("a web archive (MHTML)", "mhtml")
_PROGRAM = Seen("a program")
_MEDIA = "a sound or film"
_OLD_EXCEL = Seen("a workbook of an early Excel", None, SAVE_AS.format(".xlsx"))
_OLD_WORD = Seen("a document of an early Word", None, SAVE_AS.format(".docx"))
_FB2 = Seen("an FB2 book", None, "Convert it to EPUB and add that.")

# A PDF may begin with other bytes, but its header has to be in the first 1024.
_PDF_HEADER_WITHIN = 1024
_SIGNATURES = (
    (0, b"\x89PNG\r\n", Seen("a PNG image", None, RUN_OCR)),
    (0, b"\xff\xd8\xff", Seen("a JPEG image", None, RUN_OCR)),
    (0, b"GIF87a", Seen("a GIF image", None, RUN_OCR)),
    (0, b"GIF89a", Seen("a GIF image", None, RUN_OCR)),
    (0, b"II*\x00", Seen("a TIFF image", None, RUN_OCR)),
    (0, b"MM\x00*", Seen("a TIFF image", None, RUN_OCR)),
    (8, b"WEBP", Seen("a WebP image", None, RUN_OCR)),
    (4, b"ftyphei", Seen("a HEIC image", None, RUN_OCR)),
    (4, b"ftypavif", Seen("an AVIF image", None, RUN_OCR)),
    (0, b"AT&TFORM", Seen("a DjVu document", None, SAVE_AS.format("PDF"))),
    (0, b"%!PS", Seen("a PostScript file", None, SAVE_AS.format("PDF"))),
    (0, b"ITSF", Seen("a compiled help file (CHM)", None, "Unpack it (7-Zip can) and add its HTML pages.")),
    (60, b"BOOKMOBI", Seen("a Kindle book", None, "Convert it to EPUB and add that.")),
    (0, b"\x09\x00\x04\x00", _OLD_EXCEL),
    (0, b"\x09\x02\x06\x00", _OLD_EXCEL),
    (0, b"\x09\x04\x06\x00", _OLD_EXCEL),
    (0, b"\x09\x08", _OLD_EXCEL),
    (0, b"\xdb\xa5\x2d\x00", _OLD_WORD),
    (0, b"\x31\xbe\x00\x00", _OLD_WORD),
    (0, b"\xffWPC", Seen("a WordPerfect document", None, SAVE_AS.format(".docx"))),
    (0, b"!BDN", Seen("an Outlook mailbox", None, "Export its messages as .eml and add those.")),
    (4, b"Standard Jet DB", Seen("an Access database", None, "Export its tables as .csv and add those.")),
    (4, b"Standard ACE DB", Seen("an Access database", None, "Export its tables as .csv and add those.")),
    (0, b"SQLite format 3\x00", Seen("an SQLite database", None, "Export its tables as .csv and add those.")),
    (0, b"PAR1", Seen("a Parquet table", None, SAVE_AS.format(".csv"))),
    (0, b"\x1f\x8b\x08", Seen("a gzip archive", None, UNPACK)),
    (0, b"BZh", Seen("a bzip2 archive", None, UNPACK)),
    (0, b"\xfd7zXZ\x00", Seen("an xz archive", None, UNPACK)),
    (0, b"\x28\xb5\x2f\xfd", Seen("a Zstandard archive", None, UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", Seen("a 7-Zip archive", None, UNPACK)),
    (0, b"Rar!\x1a\x07", Seen("a RAR archive", None, UNPACK)),
    (0, b"MSCF\x00\x00\x00\x00", Seen("a cabinet archive", None, UNPACK)),
    (257, b"ustar", Seen("a tar archive", None, UNPACK)),
    (0, b"\x7fELF", _PROGRAM),
    (0, b"\xcf\xfa\xed\xfe", _PROGRAM),
    (0, b"\xca\xfe\xba\xbe", _PROGRAM),
    (0, b"\x00asm", _PROGRAM),
    (0, b"ID3", Seen(_MEDIA)),
    (0, b"OggS", Seen(_MEDIA)),
    (0, b"fLaC", Seen(_MEDIA)),
    (4, b"ftyp", Seen(_MEDIA)),
    (8, b"WAVE", Seen(_MEDIA)),
    (8, b"AVI ", Seen(_MEDIA)),
    (0, b"\x1aE\xdf\xa3", Seen(_MEDIA)),
)
# Signatures of so few letters that a text may begin with them.
_ALSO_WORDS = frozenset(
    {b"BZh", b"PAR1", b"ID3", b"OggS", b"fLaC", b"ITSF", b"WAVE", b"AVI ", b"WEBP", b"\x09\x08"}
)

_START = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--(?>.{0,2000}?-->)\s*)*+"
_HTML_START = re.compile(_START + rb"<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)
_FB2_START = re.compile(_START + rb"<FictionBook[\s>]", re.DOTALL)
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60}):[ \t]?[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n")
_MHTML_TYPE = re.compile(rb"^Content-Type:\s*multipart/related\b[^:]*?text/html", re.I | re.M)
_HEADERS_WITHIN = 4096

# Text needs none. In compressed data every tenth byte is one; of few bytes, a zero is what tells.
_FEW_CONTROLS = 8
_TELLING_SHARE = 8
_C0_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))


def recognise(data: bytes) -> Seen | None:
    """Return what `data` is beyond doubt; None when nothing gives it away, as with most text."""
    if data.startswith(b"%PDF-"):
        return _PDF
    if is_zip(data):
        return zip_type(data)
    if data.startswith(OLE_MAGIC):
        return ole_type(data)
    if data.lstrip()[:5] == b"{\\rtf":
        return _RTF
    if _HTML_START.match(data):
        return _HTML
    if _FB2_START.match(data):
        return _FB2
    return _binary(data)


def _binary(data: bytes) -> Seen | None:
    is_binary = has_many_controls(data[:_HEADERS_WITHIN])
    for at, magic, seen in _SIGNATURES:
        if data.startswith(magic, at) and (is_binary or magic not in _ALSO_WORDS):
            return seen
    if is_binary and data.startswith(b"MZ"):
        return _PROGRAM
    return _PDF if is_binary and b"%PDF-" in data[:_PDF_HEADER_WITHIN] else None


def looks_like_mail(data: bytes) -> Seen | None:
    """Return the kind of message whose headers the text `data` begins with, None where it does not."""
    names, at = set(), 0
    while (header := _HEADER.match(data, at)) and at < _HEADERS_WITHIN:
        names.add(header[1].lower())
        at = header.end()
    if _MHTML_TYPE.search(data, 0, at) and b"mime-version" in names:
        return _MHTML
    sent = names & {b"date", b"message-id", b"received", b"mime-version"}
    return _EML if b"from" in names and sent and names & {b"to", b"subject", b"message-id"} else None


def seeming_type(data: bytes) -> str | None:
    """Return what `data` seems to be, in words such as "a PNG image"; None when nothing gives it away."""
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return _PDF.what
    if seen := recognise(data):
        return seen.what
    return "binary data" if has_many_controls(data) else None


def has_many_controls(data: bytes) -> bool:
    """Return whether `data` has more control characters than a text file may hold by mistake."""
    controls = len(data) - len(data.translate(None, _C0_CONTROLS))
    if controls <= _FEW_CONTROLS:
        return controls * _TELLING_SHARE > len(data) and 0 in data
    return controls * 20 > len(data)
