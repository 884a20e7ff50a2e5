"""Draw how today's answer to a question compares with a recorded one."""

from collections.abc import Mapping, Sequence
from html import escape

from rag.amounts import milliseconds
from rag.evaluation.measures import RULES
from rag.outcomes import Ordering
from rag.records import Hit, ModelInfo, Passage, RerankedHit, SearchResult
from rag.stats.agreement import agreement, agreement_sentence
from rag.timing import together
from rag.ui import tables
from rag.wording import RETRIEVER_TITLES, named

_TOP = 10
_CHARS = 80


def comparison(then: SearchResult, now: SearchResult, *, documents_changed: bool) -> str:
    """Return what has changed between the two, in words, and both orders and times in tables."""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in _said(then, now, documents_changed))
    return f'<div class="rl"><ul class="rl-said">{said}</ul></div>{_orders(then, now)}{_times(then, now)}'


def _said(then: SearchResult, now: SearchResult, documents_changed: bool) -> list[str]:
    said = [
        _model("embedder", then.embedder, now.embedder),
        _found(then, now),
        _model("reranker", then.reranker, now.reranker),
        "The documents have changed since." if documents_changed else "The documents are the same.",
        *_ruled(then, now),
    ]
    for what, before, after in (
        ("retrieved", then.retrieved, now.retrieved),
        ("reranked", then.reranked, now.reranked),
    ):
        if before and after:
            alike = agreement(_ids(before), _ids(after))
            said.append(agreement_sentence(alike, f"The {what} order of then", "that of now"))
    return said


def _model(role: str, then: ModelInfo | None, now: ModelInfo | None) -> str:
    if then == now:
        return f"The {role} is the same."
    before, after = (named(model) if model else "none" for model in (then, now))
    if before == after:
        return f"The {role} {before} has other weights, or runs elsewhere, than then."
    return f"The {role} was {before}, and is {after} now."


def _found(then: SearchResult, now: SearchResult) -> str:
    before, after = (RETRIEVER_TITLES[answer.retriever] for answer in (then, now))
    if before == after:
        return f"The candidates were found by {before} both times."
    return f"The candidates were found by {before}, and are by {after} now."


def _ruled(then: SearchResult, now: SearchResult) -> list[str]:
    """Return what to say of the rules by which the final orders came about, if they were not the usual."""
    before, after = ((answer.ordering or Ordering()).rule for answer in (then, now))
    if before == after == "reranker":
        return []
    if before == after:
        return [f"The final order was made by the same rule both times: {RULES[before]}."]
    return [f"The final order was: {RULES[before]}. It is now: {RULES[after]}."]


def _ids(hits: Sequence[Hit | RerankedHit]) -> list[str]:
    return [hit.passage.chunk_id for hit in hits]


def _orders(then: SearchResult, now: SearchResult) -> str:
    """Return the first passages of both, with their ranks and scores then and now."""
    before, after = _ranked(then), _ranked(now)
    first = {hit.passage.chunk_id: hit.passage for hits in (after, before) for hit in _top(hits)}
    rows = [_row(chunk, passage, before, after) for chunk, passage in first.items()]
    heads = ("Rank then", "Rank now", "Score then", "Score now", "Chunk")
    caption = f"The top {_TOP} of now, and what else was in the top {_TOP} then"
    return tables.table(heads, rows, numbers=4, caption=caption)


def _ranked(result: SearchResult) -> Mapping[str, Hit | RerankedHit]:
    hits: Sequence[Hit | RerankedHit] = result.reranked or result.retrieved
    return {hit.passage.chunk_id: hit for hit in hits}


def _top(hits: Mapping[str, Hit | RerankedHit]) -> list[Hit | RerankedHit]:
    return list(hits.values())[:_TOP]


def _row(
    chunk: str,
    passage: Passage,
    before: Mapping[str, Hit | RerankedHit],
    after: Mapping[str, Hit | RerankedHit],
) -> tuple[str, ...]:
    then, now = before.get(chunk), after.get(chunk)
    text = " ".join(passage.text.split())
    return (
        str(then.rank) if then else "–",
        _moved(then, now),
        _score(then),
        _score(now),
        f"<b>{escape(passage.document)}</b> {escape(text[:_CHARS])}{'…' * (len(text) > _CHARS)}",
    )


def _moved(then: Hit | RerankedHit | None, now: Hit | RerankedHit | None) -> str:
    if now is None:
        return '<span class="rl-out">gone</span>'
    if then is None:
        return f'<span class="rl-new">{now.rank}</span>'
    kind = "same" if then.rank == now.rank else "up" if now.rank < then.rank else "down"
    return f'<span class="rl-{kind}">{now.rank}</span>'


def _score(hit: Hit | RerankedHit | None) -> str:
    if hit is None:
        return "–"
    if isinstance(hit, RerankedHit):
        value: float | None = hit.order
    else:
        value = hit.bm25 if hit.cosine is None else hit.cosine
    return "–" if value is None else f"{value:.3f}"


def _times(then: SearchResult, now: SearchResult) -> str:
    # A reranker that another one stood in for has left stages of the same names.
    before = {stage.stage: stage.seconds for stage in together(then.stages)}
    after = {stage.stage: stage.seconds for stage in together(now.stages)}
    rows = [
        (escape(name), *(milliseconds(times[name]) if name in times else "–" for times in (before, after)))
        for name in dict.fromkeys((*before, *after))
    ]
    rows.append(("<b>total</b>", milliseconds(then.total_s), milliseconds(now.total_s)))
    said = ["Times", *([f"{then.cached} scores of then came from the cache"] if then.cached else [])]
    cold = [when for when, answer in (("then", then), ("now", now)) if answer.cold]
    said += [f"{' and '.join(cold)} with a model's first use"] if cold else []
    return tables.table(("Stage", "Then", "Now"), rows, numbers=(1, 2), caption="; ".join(said))
