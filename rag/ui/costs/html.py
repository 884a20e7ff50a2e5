"""Draw a month here and a month there as HTML."""

from html import escape

from rag.amounts import duration
from rag.ui.costs import month
from rag.ui.costs.assumptions import ASSUMPTIONS
from rag.ui.costs.choices import is_changed, shown
from rag.ui.costs.month import Month
from rag.ui.tables import table

# What the GPU's time goes into, in the colours of the stages that are most like it.
_PARTS = (("cold starts", "load"), ("answering", "score"), ("idle, and billed all the same", "queue"))


def summary(found: Month) -> str:
    """Return what the month comes to, and what must be known with it."""
    notes = "".join(f'<p class="rl-notice">{escape(said)}</p>' for said in month.cautions(found))
    said = f'<p class="rl-summary">{escape(month.headline(found))}</p>'
    return f'<div class="rl" role="status">{said}{notes}</div>'


def comparison(found: Month) -> str:
    """Return the table that sets both side by side."""
    rows = [tuple(map(escape, row)) for row in month.rows(found)]
    heads = ("", "Reranking here", "With the remote GPU")
    return table(heads, rows, numbers=(1, 2), caption="A month, both ways")


def gpu_time(found: Month) -> str:
    """Return what the remote GPU's time went into; nothing where it was never up."""
    there = found.remote
    if not there.up_s:
        return ""
    seconds = (there.starting_s, there.answering_s, there.idle_s)
    parts = list(zip(_PARTS, seconds, strict=True))
    bar = "".join(
        f'<span class="rl-bar-{colour}" style="width:{100 * part / there.up_s:.3f}%"></span>'
        for (_, colour), part in parts
    )
    items = "".join(
        f'<li><i class="rl-bar-{colour}"></i><b>{name}</b> <span>{_hours(part)}</span></li>'
        for (name, colour), part in parts
    )
    return (
        f'<div class="rl rl-timing" role="group" aria-label="What the GPU\'s time goes into">'
        f"<p><b>The {_hours(there.up_s)} in a month that the GPU is up</b></p>"
        f'<div class="rl-bar" aria-hidden="true">{bar}</div><ul>{items}</ul></div>'
    )


def volumes(found: Month) -> str:
    """Return the costs of fewer and of more questions."""
    rows = [
        (f"{questions:,}", month.money(here), month.money(there))
        for questions, here, there in month.volumes(found)
    ]
    heads = ("Questions a month", "Reranking here", "With the remote GPU")
    return table(heads, rows, numbers=3, caption="Fewer questions, and more")


def sources() -> str:
    """Return every figure that was not measured, with where it is from."""
    rows = [
        (
            escape(each.label),
            escape(shown(each)),
            "" if is_changed(each) else escape(each.as_of),
            "yours" if is_changed(each) else escape(each.source),
        )
        for each in ASSUMPTIONS
    ]
    heads = ("Figure", "Value", "As of", "Where it is from")
    return table(heads, rows, numbers=(1, 2), caption="What is assumed")


def left_out() -> str:
    """Return what no figure here holds."""
    return f'<ul class="rl">{"".join(f"<li>{escape(each)}</li>" for each in month.LEFT_OUT)}</ul>'


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else duration(seconds)
