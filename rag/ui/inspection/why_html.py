"""Draw why a passage has its score, as shading on its text: every character as it is."""

from collections.abc import Iterator, Sequence
from html import escape

from rag.amounts import counted
from rag.inspect.why import Part, Why
from rag.records import Passage
from rag.ui import tables
from rag.ui.passage_html import source

_STRONGEST = 38  # % of the colour: text keeps its contrast on it
_FAINTEST = 6
_CHARS = 80


def drawing(why: Why, passage: Passage) -> str:
    """Return question and passage with each part shaded by what it is worth, and the figures."""
    strongest = max((abs(part.change) for part in (*why.words, *why.sentences)), default=0.0)
    score = "logit" if why.is_logit else "relevance"
    asked = _shaded(why.question, why.words, strongest)
    read = _shaded(passage.text[: why.read_until], why.sentences, strongest)
    return (
        f'<div class="rl rl-why"><p>{score} <b>{why.logit:.3f}</b> with everything in it {_read(why)}</p>'
        f"{_LEGEND if why.words or why.sentences else ''}"
        f'<h4>Question</h4><div class="rl-text" dir="auto">{asked}</div>'
        f"<h4>Passage</h4>{source(passage)}"
        f'<div class="rl-text" dir="auto">{read}{_tail(passage.text[why.read_until :])}</div>'
        f"{_figures(why, score)}</div>"
    )


def _read(why: Why) -> str:
    """Return the badge that says how much of the passage the reranker read, where that is known."""
    if why.tokens is None or why.tokens_read is None:
        return ""
    if why.tokens_read < why.tokens:
        return f'<em class="rl-badge rl-no">read {why.tokens_read:,} of {why.tokens:,} tokens</em>'
    return f'<em class="rl-badge">all {why.tokens:,} tokens read</em>'


_LEGEND = (
    '<p class="rl-small"><span class="rl-for" style="--w:30%">Underlined</span>: it raises the score, which '
    'falls without it. <span class="rl-against" style="--w:30%">Dashed</span>: it lowers the score. The '
    "small figure is how much; parts act together, so they do not add up.</p>"
)


def _shaded(text: str, parts: Sequence[Part], strongest: float) -> str:
    return "".join(_pieces(text, parts, strongest))


def _pieces(text: str, parts: Sequence[Part], strongest: float) -> Iterator[str]:
    reached = 0
    for part in parts:
        if part.start >= len(text):
            break
        yield escape(text[reached : part.start])
        yield _piece(text[part.start : part.end], part, strongest)
        reached = min(part.end, len(text))
    yield escape(text[reached:])


def _piece(text: str, part: Part, strongest: float) -> str:
    share = abs(part.change) / strongest if strongest else 0.0
    figure = f"{part.change:+.2f}"
    if figure.endswith("0.00"):
        return f"{escape(text)}<sup>0</sup>"
    kind = "for" if part.change > 0 else "against"
    weight = _FAINTEST + (_STRONGEST - _FAINTEST) * share
    without = f"Without it the score is {part.logit:.3f}."
    return (
        f'<span class="rl-{kind}" style="--w:{weight:.0f}%" title="{without}">{escape(text)}</span>'
        f"<sup>{figure}</sup>"
    )


def _tail(unread: str) -> str:
    if not unread:
        return ""
    said = "The reranker did not read this: no room was left."
    return f'<span class="rl-unread" title="{said}">{escape(unread)}</span>'


def _figures(why: Why, score: str) -> str:
    rows = [
        (f"{part.change:+.3f}", f"{part.logit:.3f}", what, escape(part.text[:_CHARS]))
        for what, parts in (("sentence", why.sentences), ("word", why.words))
        for part in sorted(parts, key=lambda part: -abs(part.change))
    ]
    if not rows:
        return ""
    heads = ("Worth", f"{score.capitalize()} without it", "What", "Part")
    shown = tables.table(heads, rows, numbers=2, caption="What each part is worth, the most first")
    summary = f"{counted(len(rows), 'part')} in figures"
    return f'<details class="rl-page"><summary>{summary}</summary>{shown}</details>'
