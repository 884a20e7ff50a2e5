"""Parse XML that may be damaged, or made to do harm."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse_xml(data: bytes, *, recover: bool = False) -> "_Element | None":
    """Return the root of `data`, None when it is not XML. No entity is expanded, and nothing is fetched.

    `recover` reads what can be read of broken XML, up to the break.
    """
    # Imported here, like every third-party parser: the server should start before it is needed.
    from lxml.etree import LxmlError, XMLParser, fromstring

    parser = XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=recover,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return fromstring(data, parser)
    except (LxmlError, ValueError):
        return None


def tag(element: "_Element") -> str:
    """Return an element's name without its namespace; nothing for what is no element."""
    name = element.tag
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def attribute(element: "_Element", name: str) -> str:
    """Return the attribute of that name, in whatever namespace; nothing where there is none."""
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
