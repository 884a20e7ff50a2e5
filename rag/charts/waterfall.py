"""Draw the stages of one question on the time that it took, one below the other."""

from collections.abc import Sequence
from html import escape

from rag.amounts import counted, milliseconds
from rag.charts import svg
from rag.records import StageTime

_ROW, _BAR, _BASE = 34, 9, 13  # pixels: a stage, its bar, and the line that its words stand on


def waterfall(stages: Sequence[StageTime], total_s: float) -> str:
    """Return the chart of `stages`, each where it began and as long as it took, the total below.

    `total_s` is never less than their sum; the little between them ends the chart. What was cold is
    marked, and of cached items how many.
    """
    whole = max(total_s, sum(stage.seconds for stage in stages)) or 1.0
    rows, began = [], 0.0
    for n, stage in enumerate(stages):
        rows.append(_row(n * _ROW, stage, began / whole, stage.seconds / whole))
        began += stage.seconds
    y = len(stages) * _ROW + 6
    last = (
        svg.line(0, y, "100%", y, "rl-grid"),
        svg.text("total", 0, y + 16, class_="rl-name"),
        svg.text(milliseconds(total_s), "100%", y + 16, class_="rl-name", text_anchor="end"),
    )
    told = ", ".join(f"{stage.stage} {milliseconds(stage.seconds)}" for stage in stages)
    label = f"Time of each stage: {told}; total {milliseconds(total_s)}"
    return svg.drawing(*rows, *last, height=y + 24, label=label)


def _row(y: float, stage: StageTime, began: float, share: float) -> str:
    bar_y = y + _BASE + 5
    marks = " · ".join(_marks(stage))
    bar = svg.element(
        "rect",
        x=svg.percent(began),
        y=bar_y,
        width=svg.percent(share),
        height=_BAR,
        rx=2,
        # However short it was, it can be seen.
        style=f"width:max(2px,{svg.percent(share)})",
        class_=f"rl-bar-{stage.stage}{' rl-known' if stage.cached else ''}",
    )
    return svg.element(
        "g",
        svg.title(f"{stage.stage}: {milliseconds(stage.seconds)}, from {100 * began:.0f}% of the whole on"),
        svg.element("rect", x=0, y=bar_y, width="100%", height=_BAR, rx=2, class_="rl-ground"),
        bar,
        _cached(stage, began, share, bar_y),
        svg.element(
            "text",
            svg.element("tspan", escape(stage.stage), class_="rl-name"),
            svg.element("tspan", f" {marks}", class_="rl-axis"),
            x=0,
            y=y + _BASE,
        ),
        svg.text(milliseconds(stage.seconds), "100%", y + _BASE, class_="rl-figure", text_anchor="end"),
    )


def _cached(stage: StageTime, began: float, share: float, y: float) -> str:
    """Hatch the bar of a stage some of whose values were known already."""
    if not stage.cached:
        return ""
    middle = y + _BAR / 2
    return svg.line(svg.percent(began), middle, svg.percent(began + share), middle, "rl-hatch")


def _marks(stage: StageTime) -> tuple[str, ...]:
    cold = ("cold",) if stage.cold else ()
    cached = (f"{stage.cached} cached",) if stage.cached else ()
    items = (counted(stage.items, "item"),) if stage.items else ()
    tokens = (counted(stage.tokens, "token"),) if stage.tokens else ()
    return (*items, *tokens, *cold, *cached)
