"""Read HTML pages: what a visitor came to read, without the page's furniture."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.errors import DamagedDocumentError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.decode import Decoded, declared_encoding, decode
from rag.parse.html_blocks import blocks_of

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_NOT_SHOWN = (
    "head, title, script, style, noscript, template, svg, iframe, object, audio, video, canvas, "
    "button, select, input, textarea, datalist, [hidden], [aria-hidden=true], "
    "[style*='display:none' i], [style*='display: none' i]"
)
# The header of an article keeps its headings and its opening words, but not its menus.
_SAID = ":is(h1, h2, h3, h4, h5, h6, p)"
_FURNITURE = (
    "nav, footer, aside, [role=navigation], [role=contentinfo], "
    ":is(header, [role=banner]):not(main *, article *), "
    f":is(main, article) header *:not({_SAID}, {_SAID} *, :has({_SAID}))"
)
_CONTENT = ("main, [role=main]", "article")
# The share of a page's text above which a part of the page stands for all of it.
_MOST = 0.5

# Browsers stop at 512 levels. The time to build a tree grows with the square of its depth: half a megabyte
# of "<div>" takes 26 s. Pages that forget to close elements stay far below this.
_DEPTH_LIMIT = 10_000
# In the strings of a script a closing tag is often written with a backslash before its slash.
_TAG = re.compile(r"<(\\?/|)([a-z][a-z0-9]*)", re.IGNORECASE)
# Elements that hold nothing, or that end by themselves where the next one begins.
_NOT_NESTED = re.compile(
    "a|area|base|body|br|col|colgroup|d[dt]|embed|frame|head|hr|html|image|img|input|li|link|meta|nobr|optgroup|"
    "option|p|param|r[pt]|source|t[dhr]|tbody|tfoot|thead|track|wbr|"
    "circle|ellipse|line|path|polygon|polyline|rect|stop|use"
)

_XHTML = re.compile(r"\s*<\?xml|(?s:.{0,2000})xmlns=.http://www\.w3\.org/1999/xhtml")
_CLOSED = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)(?:\s[^<>]*)?/>")
_VOID = re.compile(
    "area|base|br|circle|col|embed|hr|image|img|input|line|link|meta|param|path|rect|source|track|use|wbr"
)

_DECLARATION = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_DECLARED_WITHIN = 4096


def read_html(name: str, data: bytes, *, with_title: bool = True) -> Content:
    """Return the text that a page shows: paragraphs, headings, lists ("- item"), tables ("a | b").

    Menus, side bars, forms, headers and footers are left out; so is all outside of the main part where
    that holds most of the text. A page without headings has its title for one, if `with_title`.
    Raises DamagedDocumentError when `data` is not text, or nested beyond reason.
    """
    # Imported here, like every third-party parser: the server should start before it is needed.
    from selectolax.lexbor import LexborHTMLParser

    source = _decode_page(name, data)
    if _depth(source.text) > _DEPTH_LIMIT:
        raise DamagedDocumentError(
            f"{name} has elements nested more than {_DEPTH_LIMIT} deep, as no page that people read has. "
            "Save the page anew from a browser and add that."
        )
    # As with scripting on, where `noscript` is mere text and cannot break up the head.
    page = LexborHTMLParser(_expand_closed(source.text), scripting=True)
    blocks = _main_blocks(page)
    title = page.css_first("head title")
    if with_title and title is not None and blocks and not any(block.level for block in blocks):
        blocks.insert(0, Block(title.text(), level=1))
    return replace(join_blocks(blocks), encoding=source.encoding, notes=source.notes)


def _expand_closed(source: str) -> str:
    """Return XHTML as HTML: there `<title/>` would open a title that takes in all the rest of the page."""
    if not _XHTML.match(source):
        return source
    return _CLOSED.sub(
        lambda tag: tag[0] if _VOID.fullmatch(tag[1].lower()) else f"{tag[0][:-2]}></{tag[1]}>", source
    )


def _main_blocks(page: "LexborHTMLParser") -> list[Block]:
    root = page.body or page.root
    if root is None:
        return []
    not_shown = {node.mem_id for node in page.css(_NOT_SHOWN)}
    furniture = {node.mem_id for node in page.css(_FURNITURE)}
    if forms := page.css("form"):
        # Some servers wrap the whole page in one form.
        most = _MOST * _length(blocks_of(root, not_shown))
        furniture |= {form.mem_id for form in forms if _length(blocks_of(form, not_shown)) <= most}
    skipped = not_shown | furniture
    # A page that is nothing but furniture has that to read.
    whole = blocks_of(root, skipped) or blocks_of(root, not_shown)
    for selector in _CONTENT:
        part = page.css_first(selector)
        blocks = blocks_of(part, skipped) if part is not None else []
        if blocks and _length(blocks) >= _MOST * _length(whole):
            return blocks
    return whole


def _length(blocks: list[Block]) -> int:
    return sum(len(block.text) for block in blocks)


def _depth(source: str) -> int:
    """Return how deep elements are nested at most, without building the tree."""
    depth = deepest = 0
    for tag in _TAG.finditer(source):
        if not _NOT_NESTED.fullmatch(tag[2].lower()):
            depth = max(0, depth - 1) if tag[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _decode_page(name: str, data: bytes) -> Decoded:
    """Return a page's characters: UTF-8 if it is, else as the page declares, else by the best guess."""
    declared = _DECLARATION.search(data, 0, _DECLARED_WITHIN)
    encoding = declared_encoding(declared[1].decode("ascii")) if declared else None
    # Pages saved anew are UTF-8 whatever they still declare. Only ASCII may be ISO-2022-JP as well.
    if encoding and (data.isascii() or not _is_utf8(data)):
        with suppress(UnicodeError):
            return Decoded(data.decode(encoding), encoding)
    return decode(name, data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
