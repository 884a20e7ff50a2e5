"""Read EPUB books, chapter by chapter."""

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rag.errors import DamagedDocumentError, UnsupportedTypeError
from rag.parse.blocks import Block, Content, join_blocks, join_contents
from rag.parse.html import read_html
from rag.parse.xml_tree import attribute, parse_xml
from rag.parse.zips import damaged, open_package, read_part

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTER = (".xhtml", ".html", ".htm", ".xml")


def read_epub(name: str, data: bytes) -> Content:
    """Return a book's chapters in the order of reading, under the book's title as the first heading.

    The table of contents is left out. Chapters that cannot be read are counted in a note. Raises
    UnsupportedTypeError when the book is locked to an account, TooLargeError, or DamagedDocumentError when
    no chapter can be read.
    """
    with open_package(name, data) as book:
        parts = set(book.namelist())
        if _ENCRYPTION in parts:
            _refuse_locked(name, read_part(name, book, _ENCRYPTION))
        title, chapters = _contents(name, book, parts)
        read = [_chapter(name, book, part, title) for part in chapters]
    found = [content for content in read if content is not None]
    if not found:
        raise damaged(name)
    content = (
        join_contents([join_blocks([Block(title, level=1)]), *found])
        if any(c.text for c in found)
        else Content("")
    )
    lost = len(read) - len(found)
    notes = (f"{lost} of its {len(read)} parts could not be read.",) if lost else ()
    return replace(content, encoding=None, notes=notes)


def _refuse_locked(name: str, encryption: bytes) -> None:
    root = parse_xml(encryption, recover=True)
    # Fonts may be obfuscated in books that are free to read.
    locked = [] if root is None else [attribute(uri, "URI") for uri in root.iterfind(".//{*}CipherReference")]
    if any(unquote(part).lower().endswith(_CHAPTER) for part in locked):
        raise UnsupportedTypeError(
            f"{name} is locked to an account or device (DRM), and no password opens it. "
            "Add a copy that is free of it, if you may have one."
        )


def _contents(name: str, book: zipfile.ZipFile, parts: set[str]) -> tuple[str, list[str]]:
    """Return the book's title, and the parts that are its chapters, in the order of reading."""
    package = _package_part(name, book, parts)
    root = parse_xml(read_part(name, book, package), recover=True) if package else None
    if root is None:
        return "", sorted(part for part in parts if part.lower().endswith(_CHAPTER[:3]))
    folder = posixpath.dirname(package)
    chapters = [posixpath.normpath(posixpath.join(folder, href)) for href in _spine(root)]
    title = root.find(".//{*}metadata//{*}title")
    return "" if title is None else "".join(title.itertext()), list(dict.fromkeys(chapters))


def _package_part(name: str, book: zipfile.ZipFile, parts: set[str]) -> str:
    if _CONTAINER in parts:
        container = parse_xml(read_part(name, book, _CONTAINER), recover=True)
        root_file = None if container is None else container.find(".//{*}rootfile")
        if root_file is not None and (part := unquote(attribute(root_file, "full-path"))) in parts:
            return part
    return next((part for part in sorted(parts) if part.lower().endswith(".opf")), "")


def _spine(package: "_Element") -> Iterator[str]:
    items = {attribute(item, "id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(attribute(reference, "idref"))
        if item is not None and "nav" not in attribute(item, "properties").split():
            yield unquote(attribute(item, "href"))


def _chapter(name: str, book: zipfile.ZipFile, part: str, title: str) -> Content | None:
    """Return a chapter with its headings below the book's title; None when it cannot be read."""
    try:
        content = read_html(f"{name}/{part}", read_part(name, book, part), with_title=False)
    except DamagedDocumentError:
        return None
    if not title:
        return content
    return replace(content, headings=tuple(replace(h, level=h.level + 1) for h in content.headings))
