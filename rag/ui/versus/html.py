"""Draw what is said of two rerankers, as HTML: agreement, verdict, votes, times; every text escaped."""

from collections.abc import Sequence
from html import escape

from rag.amounts import milliseconds
from rag.inspect.blind import Standing
from rag.inspect.differences import Verdict
from rag.inspect.versus import Duel, Ordered
from rag.stats.agreement import Agreement, agreement_sentence
from rag.ui.tables import table
from rag.wording import is_remote, stage_marks

_TAU_HELP = "Kendall tau: 1 where all pairs of candidates are in the same order, -1 where all are reversed."
_RBO_HELP = (
    "Rank-biased overlap: how much the two have in common from the top down; the first ranks weigh most."
)


def agreement(found: Agreement, names: tuple[str, str]) -> str:
    """Return how far two orders agree: a sentence, and the figures that it rests on."""
    tau = "–" if found.kendall_tau is None else f"{found.kendall_tau:.3f}"
    figures = [
        ("Kendall tau", tau, _TAU_HELP),
        ("RBO", f"{found.rbo:.3f}", _RBO_HELP),
        (f"In both top {found.k}", f"{found.shared} of {found.k}", "The same chunks, in whatever order."),
        ("Candidates", str(found.n), "Both have ordered the same ones."),
    ]
    cells = "".join(
        f'<div title="{escape(meaning)}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
        for name, value, meaning in figures
    )
    said = escape(agreement_sentence(found, *names))
    return f'<div class="rl"><p class="rl-summary">{said}</p><dl class="rl-figures">{cells}</dl></div>'


def sentence(text: str) -> str:
    """Return a sentence that sums up what follows, or a question that is voted on."""
    return f'<div class="rl"><p class="rl-summary" dir="auto">{escape(text)}</p></div>'


def verdict(found: Verdict) -> str:
    """Return a verdict, and the figures that it rests on."""
    because = "".join(f"<li>{escape(sentence)}</li>" for sentence in found.because)
    return (
        f'<div class="rl rl-verdict rl-is-{found.level}" role="status">'
        f'<p class="rl-summary">{escape(found.sentence)}</p><ul>{because}</ul></div>'
    )


def standings(found: Sequence[Standing], labels: Sequence[str]) -> str:
    """Return a table of what the votes say of each reranker; `labels` are their names, in order."""
    rows = [
        (escape(label), *map(str, (one.better, one.worse, one.both_good, one.both_bad, one.votes)))
        for one, label in zip(found, labels, strict=True)
    ]
    heads = ("Reranker", "Better", "Worse", "Both good", "Both bad", "Votes")
    return table(heads, rows, numbers=range(1, 6), caption="Votes on each reranker, against all others")


def revealed(vote: str, found: Duel, names: tuple[str, str], *, swapped: bool) -> str:
    """Return what was voted, who stood on which side, and the time that each one took."""
    shown = list(zip(names, (found.a, found.b), strict=True))
    said = "".join(
        f"<p>{letter} was <b>{escape(name)}</b> · {took(side)}</p>"
        for letter, (name, side) in zip("AB", shown[::-1] if swapped else shown, strict=True)
    )
    return f'<div class="rl rl-revealed" role="status"><p>Your vote: {escape(vote)}</p>{said}</div>'


def took(side: Ordered) -> str:
    """Return how long a reranker took for the candidates, and what makes that not an ordinary time."""
    if side.reranking is None:
        return "<small>takes no time of its own</small>"
    where = "there and back" if is_remote(side.model) else "in all"
    parts = [
        f"{one.stage} {milliseconds(one.seconds)}" for one in side.reranking.stages if one.stage != "sort"
    ]
    marks = "".join(
        f' <em class="rl-badge">{escape(mark)}</em>'
        for stage in side.reranking.stages
        for mark in stage_marks(stage)
    )
    return (
        f"<span>{milliseconds(side.reranking.total_s)} {where}</span> "
        f"<small>{escape(', '.join(parts))}</small>{marks}"
    )
