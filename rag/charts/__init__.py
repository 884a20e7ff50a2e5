"""Charts as SVG in strings, from records and plain values: the same ones on the page and in the report.

Their looks are in `css()`. Every text in them is escaped; nothing in them asks for anything.
"""

from functools import cache
from pathlib import Path

from rag.charts.bars import Row, interval
from rag.charts.curve import Panel, curve
from rag.charts.flow import Move, flow, links
from rag.charts.waterfall import waterfall

__all__ = ["Move", "Panel", "Row", "css", "curve", "flow", "interval", "links", "waterfall"]


@cache
def css() -> str:
    """Return the colours and the looks of all charts, for a style element.

    Light or dark is as the element's `color-scheme` says.
    """
    return (Path(__file__).parent / "charts.css").read_text(encoding="utf-8")
