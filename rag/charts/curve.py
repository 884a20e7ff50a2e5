"""Draw figures over the depth of reranking, one panel below the other on one scale of depths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.charts import svg

_TITLE, _PLOT, _GAP, _AXIS = 18, 92, 16, 30  # pixels

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure: its name, its values by depth, None where not known, and how a value is written.

    The scale goes from 0 to `top`, to the highest value where that is None. `name` becomes part of a
    class: panels of one name look alike everywhere.
    """

    title: str
    points: Sequence[Point]
    shown: Callable[[float], str]
    top: float | None = None
    name: str = "plain"


def curve(
    panels: Sequence[Panel], *, knee: float | None = None, knee_label: str = "knee", x_title: str = "depth"
) -> str:
    """Return the panels over one another; `knee` is marked through all of them. "" without any value."""
    filled = [panel for panel in panels if any(value is not None for _, value in panel.points)]
    if not filled:
        return ""
    xs = [x for panel in filled for x, _ in panel.points]
    scale = _Scale(min(xs), max(xs))
    bottom = len(filled) * (_TITLE + _PLOT + _GAP)
    parts = [_panel(panel, n * (_TITLE + _PLOT + _GAP), scale) for n, panel in enumerate(filled)]
    axis = [
        svg.text(f"{x:g}", svg.percent(scale.share(x)), bottom, class_="rl-axis", text_anchor=anchor)
        for x, anchor in scale.ticks
    ]
    axis.append(svg.text(x_title, "50%", bottom + 14, class_="rl-axis", text_anchor="middle"))
    marked = [] if knee is None else [_knee(knee, knee_label, scale, filled)]
    label = f"{'; '.join(panel.title for panel in filled)} over {x_title} {scale.first:g} to {scale.last:g}"
    said = "" if knee is None else f"; {knee_label} at {knee:g}"
    return svg.drawing(*parts, *axis, *marked, height=bottom + _AXIS - 10, label=label + said)


@dataclass(frozen=True, slots=True)
class _Scale:
    first: float
    last: float

    def share(self, x: float) -> float:
        return (x - self.first) / ((self.last - self.first) or 1)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        ends = ((self.first, "start"), (self.last, "end"))
        if self.last - self.first < 8:
            return ends[: 1 + (self.last > self.first)]
        step = next(s for s in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if (self.last - self.first) / s <= 6)
        inner = [x * step for x in range(1, int(self.last // step) + 1)]
        margin = (self.last - self.first) / 12
        between = [(x, "middle") for x in inner if self.first + margin < x < self.last - margin]
        return (ends[0], *between, ends[1])


def _panel(panel: Panel, y: float, scale: _Scale) -> str:
    known = [(x, value) for x, value in panel.points if value is not None]
    top = _top(panel)
    plot_y = y + _TITLE
    grid = [
        svg.line(0, plot_y + share * _PLOT, "100%", plot_y + share * _PLOT, "rl-grid")
        for share in (0, 0.5, 1)
    ]
    strokes = [
        svg.element(
            "polyline",
            points=" ".join(f"{100 * scale.share(x):.2f},{100 - 100 * v / top:.2f}" for x, v in run),
            class_="rl-curve",
            vector_effect="non-scaling-stroke",
        )
        for run in _runs(panel.points)
    ]
    return svg.element(
        "g",
        *grid,
        svg.stretched(*strokes, y=plot_y, height=_PLOT),
        *(_reach(panel, x, value, top, plot_y, scale, len(known)) for x, value in known),
        svg.text(panel.title, 0, y + 12, class_="rl-name"),
        svg.text(panel.shown(top), "100%", y + 12, class_="rl-axis", text_anchor="end"),
        class_=f"rl-panel rl-panel-{panel.name}",
    )


def _runs(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The stretches of points whose values are known: a gap is not bridged."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x, value))
    return [run for run in runs if run]


def _reach(panel: Panel, x: float, value: float, top: float, y: float, scale: _Scale, n: int) -> str:
    """A strip around a depth that says its value, with a dot that shows under the pointer."""
    wide = 1 / max(n - 1, 1)
    at, height = scale.share(x), _PLOT - _PLOT * value / top
    return svg.element(
        "g",
        svg.title(f"{x:g}: {panel.shown(value)}"),
        svg.element(
            "rect",
            x=svg.percent(max(0.0, at - wide / 2)),
            y=y,
            width=svg.percent(wide),
            height=_PLOT,
            class_="rl-reach-area",
        ),
        svg.element("circle", cx=svg.percent(at), cy=y + height, r=3, class_="rl-dot"),
        class_="rl-point",
    )


def _knee(x: float, label: str, scale: _Scale, panels: Sequence[Panel]) -> str:
    at, marks = svg.percent(scale.share(x)), []
    for n, panel in enumerate(panels):
        plot_y = n * (_TITLE + _PLOT + _GAP) + _TITLE
        marks.append(svg.line(at, plot_y, at, plot_y + _PLOT, "rl-knee"))
        value = _at(panel.points, x)
        if value is not None:
            y = plot_y + _PLOT * (1 - value / _top(panel))
            marks.append(svg.element("circle", cx=at, cy=y, r=4.5, class_="rl-knee-dot"))
    anchor, shift = ("start", 8) if scale.share(x) < 0.5 else ("end", -8)
    words = f"{label} {x:g}"
    # Down at the foot of the first panel: a curve of quality is up there.
    y = _TITLE + _PLOT - 6
    return svg.element(
        "g", *marks, svg.text(words, at, y, dx=shift, class_="rl-name rl-halo", text_anchor=anchor)
    )


def _top(panel: Panel) -> float:
    return panel.top or max(value for _, value in panel.points if value is not None) or 1.0


def _at(points: Sequence[Point], x: float) -> float | None:
    """The value at `x`, or between its neighbours."""
    for (x1, v1), (x2, v2) in pairwise(points):
        if x1 <= x <= x2 and v1 is not None and v2 is not None:
            return v1 + (v2 - v1) * (x - x1) / ((x2 - x1) or 1)
    return next((value for found, value in points if found == x), None)
