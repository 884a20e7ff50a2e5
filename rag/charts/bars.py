"""Draw figures with how sure they are: a mark on a line from the lowest to the highest."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.charts import svg

_ROW, _BASE, _LINE = 36, 13, 24  # pixels: a row, the line that its words stand on, its axis


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, the interval around it, and how it is written."""

    label: str
    low: float
    middle: float
    high: float
    shown: str


def interval(rows: Sequence[Row], *, label: str, is_difference: bool = True) -> str:
    """Return the rows on one scale that has 0 in it; "" without any.

    Of a difference, one whose whole interval is above 0 is marked as a gain, one below as a loss.
    `label` says what the chart shows.
    """
    if not rows:
        return ""
    low = min(0.0, *(row.low for row in rows), *(row.middle for row in rows))
    high = max(0.0, *(row.high for row in rows), *(row.middle for row in rows))
    span = (high - low) or 1.0
    zero = svg.percent(0.02 + 0.96 * -low / span)
    height = len(rows) * _ROW + 4
    drawn = []
    for n, row in enumerate(rows):
        x1, x, x2 = (
            svg.percent(0.02 + 0.96 * (value - low) / span) for value in (row.low, row.middle, row.high)
        )
        drawn.append(_row(row, n * _ROW, x1, x, x2, _kind(row) if is_difference else "plain"))
    marks = "".join(
        svg.line(zero, n * _ROW + _LINE - 6, zero, n * _ROW + _LINE + 6, "rl-zero") for n in range(len(rows))
    )
    told = "; ".join(f"{row.label} {row.shown}" for row in rows)
    return svg.drawing(*drawn, marks, height=height, label=f"{label}: {told}")


def _kind(row: Row) -> str:
    if row.low > 0:
        return "gain"
    return "loss" if row.high < 0 else "open"


def _row(row: Row, y: float, x1: str, x: str, x2: str, kind: str) -> str:
    axis = y + _LINE
    shapes = {"gain": "M-5 4L0 -5L5 4Z", "loss": "M-5 -4L0 5L5 -4Z"}
    shape = shapes.get(kind, "M-4 0L0 -5L4 0L0 5Z")
    return svg.element(
        "g",
        svg.title(f"{row.label}: {row.shown}"),
        svg.line(0, axis, "100%", axis, "rl-grid"),
        svg.line(x1, axis, x2, axis, "rl-whisker"),
        svg.line(x1, axis - 4, x1, axis + 4, "rl-whisker-end"),
        svg.line(x2, axis - 4, x2, axis + 4, "rl-whisker-end"),
        svg.element("svg", svg.element("path", d=shape, class_="rl-end"), x=x, y=axis, overflow="visible"),
        svg.text(row.label, 0, y + _BASE, class_="rl-name"),
        svg.text(row.shown, "100%", y + _BASE, class_="rl-figure", text_anchor="end"),
        class_=f"rl-interval rl-is-{kind}",
    )
