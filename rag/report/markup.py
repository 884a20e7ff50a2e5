"""Write HTML as strings: every text escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def told(text: str) -> str:
    """Return somebody's text as HTML, its direction kept to itself."""
    return f"<bdi>{escape(text)}</bdi>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and what is said of them, which is HTML already, as a list of terms."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{said}</dd></div>" for name, said in pairs)
    return f'<dl class="r-facts">{rows}</dl>'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells of `rows` are HTML already, the first of each is its header."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    # Something that can be scrolled must be reachable without a mouse.
    return (
        f'<p class="r-small">{escape(caption)}</p>'
        f'<div class="r-wide" tabindex="0" role="group" aria-label="{escape(caption)}"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def paragraphs(sentences: Iterable[str], class_: str) -> str:
    """Return each sentence as a paragraph of its own."""
    return "".join(f'<p class="{class_}">{escape(sentence)}</p>' for sentence in sentences)


def signed(value: float, digits: int = 3) -> str:
    """Return a difference as it is shown: its sign always, as a word of its own colour."""
    shown = f"{value:+.{digits}f}"
    if float(shown) == 0:
        return f"{0:.{digits}f}"
    return f'<span class="r-{"gain" if value > 0 else "loss"}">{shown.replace("-", "−")}</span>'
