"""Walk an HTML tree in the order of reading and break it into blocks."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from rag.parse.blocks import Block
from rag.parse.html_tables import NOT_IN_DATA, SIDE_BY_SIDE, table_lines

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_BLOCK = re.compile(
    "address|article|aside|blockquote|body|caption|center|d[dlt]|details|dialog|div|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|header|hgroup|hr|html|legend|li|main|nav|ol|option|p|pre|section|summary|table|tbody|"
    "t[dhr]|tfoot|thead|ul"
)
_LEVELS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# White space as HTML defines it: a non-breaking space is none.
_WHITE_SPACE = re.compile(r"[ \t\r\n\f]+")
_SPACES = re.compile(" {2,}")
_AROUND_BREAK = re.compile(r" *\n *")


def blocks_of(root: "LexborNode", skipped: Collection[int]) -> list[Block]:
    """Return the blocks of text below `root`, without the nodes whose `mem_id` is in `skipped`.

    A list item is "- item", a table is as in write_table, a line break is a newline; `pre` keeps its lines.
    """
    walk = _Walk(skipped)
    # A stack of its own instead of recursion: pages may be nested deeper than Python calls can be.
    stack = [(root, False)]
    while stack:
        node, is_left = stack.pop()
        if is_left:
            walk.leave(node.tag or "")
        elif node.is_text_node:
            walk.add(node.text_content or "")
        elif node.is_element_node and node.mem_id not in skipped and not walk.took(node):
            walk.enter(node.tag or "")
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))
    walk.end_block()
    return walk.blocks


class _Walk:
    """The blocks so far, and the one being gathered."""

    def __init__(self, skipped: Collection[int]) -> None:
        self.blocks: list[Block] = []
        self._skipped = skipped
        self._holds_data: dict[int, bool] = {}
        self._parts: list[str] = []
        self._marker = ""
        self._level = 0
        self._is_pre = False

    def add(self, text: str) -> None:
        """Add text to the block being gathered."""
        self._parts.append(text if self._is_pre else _WHITE_SPACE.sub(" ", text))

    def enter(self, tag: str) -> None:
        """Begin what `tag` begins: a line, or a block."""
        if tag == "br":
            self._parts.append("\n")
        if not _BLOCK.fullmatch(tag):
            return
        self.end_block()
        self._level = _LEVELS.get(tag, self._level)
        self._is_pre = self._is_pre or tag == "pre"
        if tag == "li":
            self._marker = "- "

    def leave(self, tag: str) -> None:
        """End what `tag` began."""
        if not _BLOCK.fullmatch(tag):
            return
        self.end_block()
        if tag in _LEVELS:
            self._level = 0
        elif tag == "pre":
            self._is_pre = False
        elif tag == "li":
            self._marker = ""

    def end_block(self) -> None:
        """Keep the block being gathered, if it says anything, and begin another."""
        text = "".join(self._parts)
        self._parts.clear()
        if not self._is_pre:
            text = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", text)).strip()
        if text.strip():
            in_list = bool(self._marker) and not self._level
            self.blocks.append(Block((self._marker if in_list else "") + text, self._level, in_list=in_list))
            self._marker = ""

    def took(self, node: "LexborNode") -> bool:
        """Return whether `node` is a table of data, or a row of data in another table, after taking it."""
        lines: tuple[str, ...] = ()
        if node.tag == "table":
            lines = table_lines(node, self._skipped, self._text_of) or ()
        elif node.tag == "tr" and self._in_data_table(node) and node.css_first(NOT_IN_DATA) is None:
            lines = (" | ".join(filter(None, map(self._text_of, self._cells(node)))),)
        if lines:
            self.end_block()
            self.blocks += [Block(line, in_list=True) for line in lines if line]
        return bool(lines)

    def _in_data_table(self, row: "LexborNode") -> bool:
        """Return whether some row of the row's table has cells side by side."""
        table: LexborNode | None = row
        while table is not None and table.tag != "table":
            table = table.parent
        if table is None:
            return False
        # Asked once for each table: with each of its rows, the time would grow with their square.
        if table.mem_id not in self._holds_data:
            self._holds_data[table.mem_id] = table.css_first(SIDE_BY_SIDE) is not None
        return self._holds_data[table.mem_id]

    def _cells(self, row: "LexborNode") -> list["LexborNode"]:
        return [cell for cell in row.iter() if cell.mem_id not in self._skipped]

    def _text_of(self, cell: "LexborNode") -> str:
        return _on_one_line(blocks_of(cell, self._skipped))


def _on_one_line(blocks: list[Block]) -> str:
    return " ".join(" ".join(block.text.split()) for block in blocks)
