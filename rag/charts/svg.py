"""Write SVG as strings: every text and every attribute escaped."""

from html import escape

Value = str | float | None


def element(name: str, *inside: str, **attributes: Value) -> str:
    """Return an element around `inside`, which is markup already; what is None is left out.

    In the names of attributes an underscore stands for a hyphen; one at the end is dropped (`class_`).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def text(words: str, x: str | float, y: float, **attributes: Value) -> str:
    """Return `words` at a place, escaped."""
    return element("text", escape(words), x=x, y=y, **attributes)


def title(words: str) -> str:
    """Return what a pointer that rests on the element around it is told."""
    return element("title", escape(words))


def line(x1: str | float, y1: float, x2: str | float, y2: float, class_: str) -> str:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def drawing(*inside: str, height: float, label: str, role: str = "img") -> str:
    """Return a chart as wide as there is room and `height` pixels high; `label` says what it shows.

    Across, everything in it is placed in per cent, so that it grows without its texts growing too. The
    role is "group" where parts of it can be reached one by one.
    """
    return element(
        "svg", *inside, class_="rl-chart", width="100%", height=height, role=role, aria_label=label
    )


def stretched(*inside: str, y: float, height: float) -> str:
    """Return a part as wide as the chart, in which both directions go from 0 to 100, y downwards."""
    box = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none"}
    return element("svg", *inside, x=0, y=y, width="100%", height=height, **box)


def percent(share: float) -> str:
    """Return a share of 1 as a length."""
    return f"{_number(100 * share)}%"


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
