"""The order in which the shapes of a slide are read: from top to bottom, side by side from left to right."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parse.office.ooxml import LIBRARY_FAILURES

if TYPE_CHECKING:
    from pptx.shapes.base import BaseShape


@dataclass(frozen=True, slots=True)
class Box:
    """Where a shape is, in the units of what holds it."""

    left: int
    top: int
    height: int


def in_reading_order(shapes: "Iterable[BaseShape]") -> "list[BaseShape]":
    """Return shapes row by row. One that begins above the middle of the first of a row is in that row."""
    boxed = sorted(((_box(shape), shape) for shape in shapes), key=lambda one: (one[0].top, one[0].left))
    rows: list[list[tuple[Box, BaseShape]]] = []
    for box, shape in boxed:
        first = rows[-1][0][0] if rows else box
        if rows and box.top < first.top + max(1, first.height // 2):
            rows[-1].append((box, shape))
        else:
            rows.append([(box, shape)])
    return [shape for row in rows for _, shape in sorted(row, key=lambda one: (one[0].left, one[0].top))]


def _box(shape: "BaseShape") -> Box:
    return Box(_or_zero(lambda: shape.left), _or_zero(lambda: shape.top), _or_zero(lambda: shape.height))


def _or_zero(place: Callable[[], int | None]) -> int:
    """Return what the shape says, or its layout; 0 where neither does, or not in whole numbers."""
    try:
        return place() or 0
    except LIBRARY_FAILURES:
        return 0
