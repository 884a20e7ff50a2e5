"""The table of formats: which endings each has, and what reads it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from rag.parse.archive import open_zip
from rag.parse.blocks import Content, Failed, Member
from rag.parse.csv_rows import read_csv
from rag.parse.epub import read_epub
from rag.parse.html import read_html
from rag.parse.mail import open_mail, open_web_archive
from rag.parse.odf import read_odp, read_ods, read_odt
from rag.parse.office.docx import read_docx
from rag.parse.office.pptx import read_pptx
from rag.parse.office.xlsx import read_xlsx
from rag.parse.pdf.read import read_pdf
from rag.parse.records_file import open_json, open_jsonl
from rag.parse.rtf import read_rtf
from rag.parse.text import read_markdown, read_text
from rag.records import Document

# What a reader finds: the file's own content, and whatever else is in it.
Found = Content | Document | Member | Failed
Opener = Callable[[str, bytes, str | None], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is read. `what` is what a person calls a file of it; `open` yields what is in one.

    `is_text` says that its files are text, which has nothing to be recognised by but its name.
    """

    kind: str
    what: str
    endings: tuple[str, ...]
    open: Opener
    is_text: bool = False


def _one(read: Callable[[str, bytes], Content]) -> Opener:
    def open_one(name: str, data: bytes, password: str | None) -> Iterator[Content]:
        yield read(name, data)

    return open_one


def _open_pdf(name: str, data: bytes, password: str | None) -> Iterator[Content]:
    yield read_pdf(name, data, password)


FORMATS = (
    Format("pdf", "PDF", (".pdf",), _open_pdf),
    Format("docx", "Word document", (".docx", ".docm", ".dotx", ".dotm"), _one(read_docx)),
    Format(
        "pptx",
        "PowerPoint presentation",
        (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"),
        _one(read_pptx),
    ),
    Format("xlsx", "Excel workbook", (".xlsx", ".xlsm", ".xltx", ".xltm"), _one(read_xlsx)),
    Format("csv", "table", (".csv", ".tsv"), _one(read_csv), is_text=True),
    Format("html", "web page", (".html", ".htm", ".xhtml"), _one(read_html), is_text=True),
    Format("mhtml", "web archive", (".mhtml", ".mht"), open_web_archive, is_text=True),
    Format("md", "Markdown text", (".md", ".markdown"), _one(read_markdown), is_text=True),
    Format("txt", "text", (".txt", ".text"), _one(read_text), is_text=True),
    Format("json", "JSON file", (".json",), open_json, is_text=True),
    Format("jsonl", "JSON lines file", (".jsonl", ".ndjson"), open_jsonl, is_text=True),
    Format("eml", "e-mail", (".eml",), open_mail, is_text=True),
    Format("epub", "EPUB book", (".epub",), _one(read_epub)),
    Format("rtf", "rich text file", (".rtf",), _one(read_rtf)),
    Format("odt", "OpenDocument text", (".odt", ".ott"), _one(read_odt)),
    Format("ods", "OpenDocument spreadsheet", (".ods", ".ots"), _one(read_ods)),
    Format("odp", "OpenDocument presentation", (".odp", ".otp"), _one(read_odp)),
    Format("zip", "ZIP archive", (".zip",), open_zip),
)

SUPPORTED = tuple(ending for form in FORMATS for ending in form.endings)

_BY_KIND = {form.kind: form for form in FORMATS}
_BY_ENDING = {ending: form for form in FORMATS for ending in form.endings}


def ending_of(name: str) -> str:
    """Return the ending of a file's name in lower case, such as ".pdf"; nothing where it has none."""
    return PurePath(name).suffix.lower()


def named_format(name: str) -> Format | None:
    """Return the format that a file's name promises, None where it promises none that is read."""
    return _BY_ENDING.get(ending_of(name))


def format_of(kind: str) -> Format:
    """Return the format of that `kind`."""
    return _BY_KIND[kind]
