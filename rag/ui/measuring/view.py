"""Draw what reranking is worth over a collection, as HTML: both stages, the difference, how sure it is."""

from collections.abc import Sequence
from html import escape

from rag.amounts import counted, milliseconds
from rag.charts.bars import Row, interval
from rag.evaluation.measures import CollectionMeasure, Gain, answered
from rag.language_names import language_name
from rag.metrics import MetricMeans
from rag.stats.resample import FEWEST
from rag.ui.tables import table
from rag.wording import named

_DIFFERENCE = ("Difference", "95% interval", "Better · same · worse", "Sign test p")
_NO_FIGURE = "–"
_ENOUGH_JUDGED = 0.7


def headline(found: CollectionMeasure) -> str:
    """Return what reranking is worth, in a sentence, and what that rests on."""
    gain = found.gains[0]
    before, after = found.retrieved.means.ndcg_at_10, found.reranked.means.ndcg_at_10
    basis = [
        f"Measured: {counted(len(found.questions), 'judged question')}, each with its first "
        f"{counted(found.depth, 'candidate')}, reranked by {named(found.reranker)}. {answered(found)}"
    ]
    if found.latency:
        basis.append(
            f"An answer took {milliseconds(found.latency.p50_s)} (p50) and "
            f"{milliseconds(found.latency.p95_s)} (p95), over the {counted(found.latency.n, 'answer')} whose "
            "scores were all computed then."
        )
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in [*basis, *_cautions(found)])
    summary = escape(f"{_worth(gain)}: nDCG@10 is {before:.3f} as retrieved and {after:.3f} reranked.")
    return f'<div class="rl" role="status"><p class="rl-summary">{summary}</p>{said}</div>'


def _worth(gain: Gain) -> str:
    if gain.interval is None or gain.interval.n < FEWEST:
        n = gain.wins.wins + gain.wins.ties + gain.wins.losses
        return f"{n} of the {FEWEST} questions that it takes to say what reranking is worth"
    if gain.interval.low > 0:
        return "Reranking helps on these questions"
    if gain.interval.high < 0:
        return "Reranking hurts on these questions"
    return "No difference is shown: the interval holds 0"


def _cautions(found: CollectionMeasure) -> Sequence[str]:
    said = []
    share = min(found.retrieved.means.judged_at_10, found.reranked.means.judged_at_10)
    if share < _ENOUGH_JUDGED:
        said.append(
            f"Only {share:.0%} of a top 10 is judged, and what is not judged counts as not relevant: judge "
            "more before you trust these figures. What could change is below."
        )
    left_out = [
        (found.judgments_elsewhere, "is about no passage that is here", "are about no passage that is here"),
        (found.cannot_judge, "says “cannot judge”", "say “cannot judge”"),
    ]
    said += [
        f"{counted(n, 'judgment')} {one if n == 1 else many}, and not counted."
        for n, one, many in left_out
        if n
    ]
    return said


def measures(found: CollectionMeasure) -> str:
    """Return the table of all measures: both stages, the difference, its interval, wins and losses.

    Where ranks were fused, the reranker's own order has a column beside the final one.
    """
    stages = [("Retrieved", found.retrieved), *_orders(found.reranked, found.by_reranker)]
    gains = {gain.name: gain for gain in found.gains}
    rows = [
        (
            name,
            *(f"{means.by_name[name]:.3f}" for _, means in stages),
            *(_gain(gains[name]) if name in gains else [_NO_FIGURE] * 4),
        )
        for name in found.retrieved.by_name
    ]
    heads = ("Measure", *(title for title, _ in stages), *_DIFFERENCE)
    means = table(heads, rows, numbers=range(1, len(heads)), caption="Means over the measured questions")
    return f'<div class="rl-measures">{means}</div>'


def _orders(final: MetricMeans, by_reranker: MetricMeans | None) -> list[tuple[str, MetricMeans]]:
    if by_reranker is None:
        return [("Reranked", final)]
    return [("Reranker alone", by_reranker), ("Final order", final)]


def languages(found: CollectionMeasure) -> str:
    """Return nDCG@10 of each language of the questions as a table; nothing where there is but one."""
    if len(found.languages) < 2:
        return ""
    has_own = found.by_reranker is not None
    rows = [
        (
            "not sure" if one.language is None else escape(language_name(one.language)),
            str(one.reranked.queries),
            f"{one.retrieved.means.ndcg_at_10:.3f}",
            *([f"{(one.by_reranker or one.reranked).means.ndcg_at_10:.3f}"] if has_own else []),
            f"{one.reranked.means.ndcg_at_10:.3f}",
            *_gain(one.gain),
        )
        for one in found.languages
    ]
    titles = (title for title, _ in _orders(found.reranked, found.by_reranker))
    heads = ("Language", "Questions", "Retrieved", *titles, *_DIFFERENCE)
    caption = "nDCG@10 by the language of the question"
    shown = table(heads, rows, numbers=range(1, len(heads)), caption=caption)
    return f'<div class="rl-measures">{shown}</div>'


def _gain(gain: Gain) -> list[str]:
    low, high = (gain.interval.low, gain.interval.high) if gain.interval else (None, None)
    between = _NO_FIGURE if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    counts = gain.wins
    return [f"{gain.mean:+.3f}", between, f"{counts.wins} · {counts.ties} · {counts.losses}", f"{gain.p:.2g}"]


def intervals(found: CollectionMeasure) -> str:
    """Return the differences as a chart, each on its interval; nothing where there are none."""
    rows = [
        Row(gain.name, gain.interval.low, gain.mean, gain.interval.high, f"{gain.mean:+.3f}")
        for gain in found.gains
        if gain.interval
    ]
    chart = interval(rows, label="Reranked less retrieved, with 95% bootstrap intervals")
    said = '<p class="rl-small">Reranked less retrieved, with 95% intervals; the upright line is 0</p>'
    return f'<div class="rl rl-intervals">{said}{chart}</div>' if rows else ""


def bounds(found: CollectionMeasure) -> str:
    """Return what each measure is if all unjudged passages are bad, and if all are good."""
    heads = (
        "Measure",
        *(f"{stage}, unjudged {w}" for stage in ("Retrieved", "Reranked") for w in ("bad", "good")),
    )
    means: tuple[MetricMeans, ...] = (
        found.retrieved,
        found.retrieved_if_good,
        found.reranked,
        found.reranked_if_good,
    )
    worlds = [each.by_name for each in means]
    rows = [(name, *(f"{world[name]:.3f}" for world in worlds)) for name in worlds[0] if name != "Judged@10"]
    return table(
        heads, rows, numbers=range(1, 5), caption="If all unjudged passages were bad, and if all were good"
    )


def done(sentence: str) -> str:
    """Return what came of what a visitor has just done."""
    return f'<p class="rl rl-done" role="status">{escape(sentence)}</p>'
