"""Small tables as HTML, read by screen readers as tables."""

from collections.abc import Iterable, Sequence
from html import escape


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: int | Sequence[int] = (),
    caption: str = "",
) -> str:
    """Return a table; every cell is HTML already, so whoever calls escapes what comes from outside it.

    `numbers` are the columns that hold numbers, set flush right: the first so many, or these.
    """
    right = set(range(numbers) if isinstance(numbers, int) else numbers)
    body = "".join(_row(cells, "td", right) for cells in rows)
    return (
        f'<div class="rl rl-scrolls" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f'<table class="rl-table"><caption>{escape(caption)}</caption>'
        f"<thead>{_row(heads, 'th', right)}</thead><tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str], tag: str, right: set[int]) -> str:
    begin = f'{tag} scope="col"' if tag == "th" else tag
    drawn = (
        f'<{begin} class="rl-n">{cell}</{tag}>' if at in right else f"<{begin}>{cell}</{tag}>"
        for at, cell in enumerate(cells)
    )
    return f"<tr>{''.join(drawn)}</tr>"
