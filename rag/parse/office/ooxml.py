"""Open Office files (.docx, .xlsx, .pptx and kin) with their libraries, and look into what these return.

The libraries refuse a whole file for one part that is damaged or missing, for macros, for being a
template and for the strict dialect; and what they open, they unpack whatever its size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, TypeVar

from rag.errors import DamagedDocumentError, WrongTypeError
from rag.parse.office.lock import unlock_office
from rag.parse.office.ooxml_mend import mended, root_of
from rag.parse.sniff import OLE_MAGIC, recognise
from rag.parse.zips import damaged, open_package

if TYPE_CHECKING:
    from docx.opc.part import Part as WordPart
    from lxml.etree import _Element
    from pptx.opc.package import Part as SlidesPart

# What the libraries let through when a document is not as they expect. Errors of lxml are SyntaxErrors.
LIBRARY_FAILURES = (
    *(LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError),
    *(SyntaxError, OSError, RuntimeError),
)


@dataclass(frozen=True, slots=True)
class OfficeKind:
    """What an Office file should be: its kind, in words, and the type of its main part."""

    kind: str
    what: str
    main_type: str


_OFFICE = "application/vnd.openxmlformats-officedocument"
WORD = OfficeKind("docx", "a Word document", f"{_OFFICE}.wordprocessingml.document.main+xml")
EXCEL = OfficeKind("xlsx", "an Excel workbook", f"{_OFFICE}.spreadsheetml.sheet.main+xml")
POWERPOINT = OfficeKind(
    "pptx", "a PowerPoint presentation", f"{_OFFICE}.presentationml.presentation.main+xml"
)

Opened = TypeVar("Opened")


def open_office(
    name: str, data: bytes, kind: OfficeKind, open_file: Callable[[BytesIO], Opened]
) -> tuple[Opened, list[str]]:
    """Return what a library's `open_file` makes of an Office file, and the names of its damaged parts.

    The library sees the parts that hold text alone, and neither pictures nor what leads outside the file.
    Raises DamagedDocumentError, TooLargeError or WrongTypeError, or what unlock_office raises.
    """
    data = unlock_office(name, data, None) if data.startswith(OLE_MAGIC) else data
    try:
        package, lost = mended(name, open_package(name, data), kind.main_type)
        return open_file(package), lost
    except (DamagedDocumentError, *LIBRARY_FAILURES) as exc:
        seen = recognise(data)
        if seen is None or seen.kind == kind.kind:
            raise damaged(name) from exc
        raise WrongTypeError(
            f"{name} is not {kind.what}: it seems to be {seen.what}. Give it its proper ending."
        ) from exc


def related(part: "WordPart | SlidesPart", kind: str) -> "Iterator[_Element]":
    """Yield the roots of the parts of a kind, such as "header", that `part` relates to."""
    for relation in part.rels.values():
        if relation.reltype.rpartition("/")[2] == kind:
            yield root_of(relation.target_part.blob)


def named_part(part: "WordPart | SlidesPart", element: "_Element", attribute_name: str) -> "_Element | None":
    """Return the root of the part that an attribute of `element` names, None when it is not there."""
    values = (value for key, value in element.items() if key.endswith(f"/relationships}}{attribute_name}"))
    relation = part.rels.get(str(next(values, "")))
    return None if relation is None else root_of(relation.target_part.blob)
