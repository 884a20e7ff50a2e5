"""The text of drawings, which Office files of all kinds share: paragraphs, charts and diagrams."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.parse.tables import Row, one_line, write_table
from rag.parse.xml_tree import attribute, tag

if TYPE_CHECKING:
    from lxml.etree import _Element

# Points of a diagram that draw its lines, or repeat what others say.
_UNREAD_POINTS = ("pres", "parTrans", "sibTrans")
_MAX_POINTS = 10_000


def paragraphs(element: "_Element") -> Iterator[str]:
    """Yield the paragraphs (a:p) below `element` that say something."""
    for paragraph in element.iterfind(".//{*}p"):
        text = "".join(_runs(paragraph))
        if text.strip():
            yield text.strip()


def chart_lines(chart: "_Element") -> list[str]:
    """Return the title of a chart, then its figures as a table: a row for each category."""
    header: dict[int, str] = {}
    rows: dict[int, dict[int, str]] = {}
    for column, series in enumerate(chart.iterfind(".//{*}ser"), start=1):
        header[column] = _series_name(series) or f"Series {column}"
        for axis, place in (("cat", 0), ("xVal", 0), ("val", column), ("yVal", column)):
            for index, value in _points(series, axis):
                rows.setdefault(index, {})[place] = value
    body = [Row(dict(sorted(rows[index].items()))) for index in sorted(rows)]
    return [*chart_title(chart), *write_table([Row(header), *body], n_header=1).lines]


def chart_title(chart: "_Element") -> list[str]:
    """Return the title of a chart, nothing when it has none."""
    title = chart.find("./{*}chart/{*}title")
    text = "" if title is None else one_line(" ".join(paragraphs(title)))
    return [text] if text else []


def diagram_lines(data: "_Element") -> list[str]:
    """Return the texts of a diagram (SmartArt)."""
    points = (point for point in data.iterfind(".//{*}pt") if attribute(point, "type") not in _UNREAD_POINTS)
    return [text for point in points if (text := one_line(" ".join(paragraphs(point))))]


def _runs(paragraph: "_Element") -> Iterator[str]:
    for element in paragraph.iter():
        name = tag(element)
        if name == "t":
            yield element.text or ""
        elif name in ("br", "tab"):
            yield "\n" if name == "br" else " "


def _series_name(series: "_Element") -> str:
    return one_line(" ".join(value.text or "" for value in series.iterfind("./{*}tx//{*}v")))


def _points(series: "_Element", axis: str) -> Iterator[tuple[int, str]]:
    for number, point in enumerate(series.iterfind(f"./{{*}}{axis}//{{*}}pt")):
        index, value = attribute(point, "idx"), point.findtext("./{*}v") or ""
        if number < _MAX_POINTS and index.isascii() and index.isdecimal() and value.strip():
            yield int(index[:9]), one_line(value)
