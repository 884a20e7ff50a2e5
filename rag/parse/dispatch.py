"""Choose a file's reader by the ending of its name."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType

from rag.errors import EmptyDocumentError, UnsupportedTypeError
from rag.parse.blocks import Content
from rag.parse.docx import read_docx
from rag.parse.html import read_html
from rag.parse.pdf import read_pdf
from rag.parse.text import read_markdown, read_text
from rag.records import Document

Reader = Callable[[str, bytes], Content]

_READERS: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        ".txt": ("txt", read_text),
        ".text": ("txt", read_text),
        ".md": ("md", read_markdown),
        ".markdown": ("md", read_markdown),
        ".pdf": ("pdf", read_pdf),
        ".docx": ("docx", read_docx),
        ".html": ("html", read_html),
        ".htm": ("html", read_html),
    }
)

SUPPORTED = tuple(_READERS)


def parse(name: str, data: bytes) -> Document:
    """Return the document in the file `name`, whose ending says how to read `data`.

    The same bytes under the same name make equal documents. Raises a DocumentError that says, to the
    person who added the file, what is wrong with it: UnsupportedTypeError, EmptyDocumentError,
    PasswordNeededError, NoTextLayerError or DamagedDocumentError.
    """
    ending = PurePath(name).suffix.lower()
    if ending not in _READERS:
        found = f"files ending in {ending}" if ending else "files without an ending"
        raise UnsupportedTypeError(
            f"{name} cannot be added: {found} are not read, only {', '.join(SUPPORTED)}."
        )
    if not data:
        raise EmptyDocumentError(
            f"{name} is empty: it has 0 bytes. Check that it was saved or copied in full."
        )
    kind, read = _READERS[ending]
    content = read(name, data)
    if not content.text:
        raise EmptyDocumentError(f"{name} was read, but there is no text in it to search.")
    return Document(
        id=hashlib.sha256(data).hexdigest(),
        name=name,
        kind=kind,
        text=content.text,
        pages=content.pages,
        headings=content.headings,
        page_count=content.page_count or len(content.pages),
        unreadable=content.unreadable,
        encoding=content.encoding,
        notes=content.notes,
    )
