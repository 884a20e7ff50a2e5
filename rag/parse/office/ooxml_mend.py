"""Mend the packages of Office files, so that a library does not refuse a whole file for one part of it."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rag.errors import DamagedDocumentError
from rag.parse.xml_tree import parse_xml
from rag.parse.zips import damaged, read_part

if TYPE_CHECKING:
    from lxml.etree import _Element

_TYPES = "[Content_Types].xml"
_TYPES_NAMESPACE = "http://schemas.openxmlformats.org/package/2006/content-types"
_NO_TYPES = (
    f'<Types xmlns="{_TYPES_NAMESPACE}"><Default Extension="xml" ContentType="application/xml"/><Default '
    'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
).encode()
# Folders that hold none of a document's own text; that of pivot tables can be many times as large.
_UNREAD = re.compile(r"(^|/)(docProps|customXml|pivotCache|externalLinks|theme)/", re.IGNORECASE)
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_USUAL = rb"http://schemas.openxmlformats.org/\1/2006/"
_SAID_OF_RELATIONS = {"Id", "Type", "Target"}


def mended(name: str, source: zipfile.ZipFile, main_type: str) -> tuple[BytesIO, list[str]]:
    """Return a package of the parts of `source` that are whole XML, and the names of those that are damaged.

    Its relations lead to these parts alone, it is in the usual dialect, and its main part is of
    `main_type`, as if it had no macros and were no template. Raises TooLargeError.
    """
    package, lost = BytesIO(), list[str]()
    kept: dict[str, str] = {}
    ties: dict[str, bytes] = {}
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for part, here in _parts(source):
            try:
                content = _whole(name, source, part)
            except DamagedDocumentError:
                lost.append(here)
                continue
            kept[here.lower()] = here
            if here == _TYPES or here.endswith(".rels"):
                ties[here] = content
            else:
                target.writestr(here, content)
        _tie(target, ties, kept, main_type)
    return package, lost


def root_of(content: bytes) -> "_Element":
    """Return the root of a part's XML, as parse_xml does. Raises ValueError where it is none."""
    root = parse_xml(content)
    if root is None:
        raise ValueError("a part is not XML")
    return root


def _parts(source: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield the names of the parts that are XML, each as it is and as it should be, none of them twice."""
    seen = set[str]()
    for part in source.namelist():
        here = part.replace("\\", "/").lstrip("/")
        if here.endswith((".xml", ".rels")) and here.lower() not in seen and not _UNREAD.search(here):
            seen.add(here.lower())
            yield part, here


class _Nothing:
    """Makes nothing of the XML that is parsed."""

    def close(self) -> None:
        """Return nothing: that the end was reached is all there is to know."""


def _whole(name: str, source: zipfile.ZipFile, part: str) -> bytes:
    """Return a part's XML in the usual dialect. Raises DamagedDocumentError where it is none."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    from lxml.etree import LxmlError, XMLParser, fromstring

    content = _STRICT.sub(_USUAL, read_part(name, source, part))
    # It is not held as a tree: sheets may be large. What is wrong with its names, the log alone says then.
    parser = XMLParser(target=_Nothing(), resolve_entities=False, no_network=True)
    try:
        fromstring(content, parser)
    except (LxmlError, ValueError) as exc:
        raise damaged(name) from exc
    if parser.error_log.filter_from_errors():
        raise damaged(name)
    return content


def _tie(target: zipfile.ZipFile, ties: dict[str, bytes], kept: dict[str, str], main_type: str) -> None:
    """Write the relations and the types of a package's parts."""
    from lxml.etree import tostring

    types = root_of(ties.pop(_TYPES, _NO_TYPES))
    main = ""
    for part, content in ties.items():
        relations = root_of(content)
        _relate(relations, posixpath.dirname(posixpath.dirname(part)), kept)
        if part == "_rels/.rels":
            mains = (
                one.get("Target", "") for one in relations if one.get("Type").endswith("/officeDocument")
            )
            main = next(mains, "")
        target.writestr(part, tostring(relations))
    _retype(types, kept, main, main_type)
    target.writestr(_TYPES, tostring(types))


def _relate(relations: "_Element", folder: str, kept: dict[str, str]) -> None:
    """Drop the relations that lead to nothing, or out of the file; let the others name parts as they are."""
    for relation in list(relations):
        target = unquote(relation.get("Target", "")).replace("\\", "/")
        path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        is_outside = relation.get("TargetMode") == "External" or path.lower() not in kept
        if is_outside or not relation.get("Id") or not relation.get("Type"):
            relations.remove(relation)
            continue
        relation.set("Target", f"/{kept[path.lower()]}")
        for name in set(relation.attrib) - _SAID_OF_RELATIONS:
            del relation.attrib[name]


def _retype(types: "_Element", kept: dict[str, str], main: str, main_type: str) -> None:
    for override in types.findall("{*}Override"):
        part = kept.get(override.get("PartName", "").lstrip("/").lower())
        if part is None or f"/{part}" == main:
            types.remove(override)
        else:
            override.set("PartName", f"/{part}")
    if main:
        own = {"PartName": main, "ContentType": main_type}
        types.append(types.makeelement(f"{{{_TYPES_NAMESPACE}}}Override", own))
