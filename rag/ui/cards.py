"""Draw a comparison as HTML: every text escaped, every character shown as it is."""

import re
from collections.abc import Sequence
from html import escape

from rag.records import Passage, RerankedHit, SearchResult, StageTime
from rag.wording import (
    Movement,
    after_reranking,
    after_retrieval,
    is_remote,
    milliseconds,
    named,
    stage_counts,
    stage_marks,
    summary,
)

COSINE_HELP = (
    "Cosine: how close question and passage lie in the embedder's space, from -1 to 1. "
    "The retriever read them apart from each other."
)
LOGIT_HELP = (
    "Logit: the cross-encoder's raw score for question and passage read together. Unbounded; "
    "comparable only within one question. The order on this side is by logit."
)
SIGMOID_HELP = (
    "Sigmoid of the logit: the same order squeezed into 0 to 1, for display only. Not a probability."
)
RELEVANCE_HELP = (
    "Relevance: the score as the remote reranker gave it; it tells no logit. The order on this side is by "
    "relevance."
)

_STAGE_HELP = {
    "queue": "From the question's arrival: waiting for those before it. A remote reranker has a queue too.",
    "load": "The collection's index comes into memory, or up to date with its documents.",
    "embed": "The embedder turns the question into a vector.",
    "search": "FAISS finds the nearest chunks.",
    "tokenize": "Question and chunks become tokens, pair by pair.",
    "score": "The cross-encoder reads every pair.",
    "sort": "The pairs are put in order of their scores.",
    "network": "The round trip to the remote reranker, less what that says it took itself, if it says so.",
    "server": "The remote reranker's own time, as it reports it.",
}
# A text of this size needs no folding.
_SHORT_CHARS, _SHORT_LINES = 250, 5
# Words that say nothing about the subject, in the languages of the samples.
_FUNCTION_WORDS = frozenset(
    """
    a an and are as at be by can do does for from how i if in is it my of on or that the this to was
    what when where which who why with you your
    che chi ci come con cosa da dai dal dalla degli dei del della delle di dove e fa gli ha ho i il in la
    le lo ma mi nei nel nella non o per perché più qual quale quali quando quanto quanti si sono sta su
    sul sulla tra un una uno
    """.split()  # noqa: SIM905 - words read better as words
)


def comparison(result: SearchResult, *, top_k: int) -> str:
    """Return both rankings side by side, cut to `top_k`, under one sentence and the timing strip."""
    mark = _marker(result.query)
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    left = [
        _card(
            hit.passage,
            hit.rank,
            after_retrieval(hit.rank, ranks_now, top_k),
            scores=_number("cosine", f"{hit.cosine:.3f}", COSINE_HELP),
            mark=mark,
        )
        for hit in result.retrieved[:top_k]
        if hit.cosine is not None
    ]
    right = [
        _card(hit.passage, hit.rank, after_reranking(hit, top_k), scores=_rerank_scores(hit), mark=mark)
        for hit in result.reranked[:top_k]
    ]
    reranker = named(result.reranker) if result.reranker else "off"
    kind = "remote" if result.reranker and is_remote(result.reranker) else "cross-encoder"
    notices = "".join(map(_notice, result.notices))
    return (
        f'<div class="rl"><p class="rl-summary">{escape(summary(result, top_k))}</p>{notices}'
        f"{timing_strip(result)}"
        '<div class="rl-columns">'
        f"{_column('Retrieved · FAISS', result.embedder.id, left, len(result.retrieved))}"
        f"{_column(f'Reranked · {kind}', reranker, right, len(result.reranked))}"
        "</div></div>"
    )


def meanings(result: SearchResult) -> tuple[str, ...]:
    """Return what each number on the cards of `result` means."""
    if any(hit.logit is None for hit in result.reranked):
        return (COSINE_HELP, RELEVANCE_HELP)
    return (COSINE_HELP, LOGIT_HELP, SIGMOID_HELP) if result.reranked else (COSINE_HELP,)


def notice(sentence: str) -> str:
    """Return a sentence that a visitor should know before asking."""
    return f'<div class="rl">{_notice(sentence)}</div>'


def timing_strip(result: SearchResult) -> str:
    """Return the stages of this question: a bar in proportion to their times, and the times."""
    shares = [(stage.stage, 100 * stage.seconds / result.total_s) for stage in result.stages]
    bar = "".join(f'<span class="rl-bar-{name}" style="width:{share:.3f}%"></span>' for name, share in shares)
    rows = "".join(map(_stage, result.stages))
    total = (
        '<li class="rl-total" title="The stages, and the little between them."><b>total</b> '
        f"<span>{milliseconds(result.total_s)}</span></li>"
    )
    return (
        '<div class="rl-timing" role="group" aria-label="Time of each stage of this question">'
        f'<div class="rl-bar" aria-hidden="true">{bar}</div><ul>{rows}{total}</ul></div>'
    )


def _notice(sentence: str) -> str:
    return f'<p class="rl-notice" role="status">{escape(sentence)}</p>'


def _stage(stage: StageTime) -> str:
    counts = stage_counts(stage)
    marks = "".join(f' <em class="rl-badge">{escape(mark)}</em>' for mark in stage_marks(stage))
    detail = f" <small>{escape(counts)}</small>" if counts else ""
    return (
        f'<li title="{escape(_STAGE_HELP.get(stage.stage, stage.stage))}">'
        f'<i class="rl-bar-{stage.stage}"></i><b>{escape(stage.stage)}</b> '
        f"<span>{milliseconds(stage.seconds)}</span>{detail}{marks}</li>"
    )


def _column(title: str, model_id: str, cards: Sequence[str], n_all: int) -> str:
    shown = f"{len(cards)} of {n_all}"
    return (
        f'<section class="rl-column" aria-label="{escape(title)}"><header><h3>{escape(title)}</h3>'
        f"<p>{escape(model_id)} · {shown}</p></header>{''.join(cards)}</section>"
    )


def _card(
    passage: Passage, rank: int, movement: Movement | None, *, scores: str, mark: re.Pattern[str]
) -> str:
    moved = ""
    if movement:
        moved = (
            f'<span class="rl-move rl-{movement.direction}" title="{escape(movement.sentence)}">'
            f"{escape(movement.mark)}</span>"
        )
    place = [f"page {passage.page}"] if passage.page is not None else []
    place += [" › ".join(passage.headings)] if passage.headings else []
    return (
        f'<article class="rl-card" data-chunk="{escape(passage.chunk_id)}">'
        f'<div class="rl-head"><span class="rl-rank">{rank}</span>{moved}{scores}</div>'
        f'<div class="rl-source"><b>{escape(passage.document)}</b> {escape(" · ".join(place))}</div>'
        f"{_text(passage.text, mark)}</article>"
    )


def _text(text: str, mark: re.Pattern[str]) -> str:
    shown = f'<div class="rl-text">{highlighted(text, mark)}</div>'
    if len(text) <= _SHORT_CHARS and text.count("\n") < _SHORT_LINES:
        return shown
    return f'<details><summary title="Show or hide the whole text">{shown}</summary></details>'


def _rerank_scores(hit: RerankedHit) -> str:
    read = ""
    if hit.is_cut:
        read = _number("read", f"{hit.tokens_read} of {hit.tokens} tokens", "The rest did not fit the model.")
    if hit.logit is None:
        return read + _number("relevance", _shown(hit.score), RELEVANCE_HELP)
    return (
        read
        + _number("logit", f"{hit.logit:.3f}", LOGIT_HELP)
        + _number("sigmoid", _shown(hit.score), SIGMOID_HELP)
    )


def _shown(score: float) -> str:
    # A score that is not 0 is not shown as 0.
    return f"{score:.3f}" if score == 0 or abs(score) >= 0.0005 else f"{score:.0e}"


def _number(name: str, value: str, help_text: str) -> str:
    return f'<span class="rl-number" title="{escape(help_text)}">{name} <b>{escape(value)}</b></span>'


def _marker(query: str) -> re.Pattern[str]:
    """Return a pattern for the query's words, whole and in any case."""
    words = {word for word in re.findall(r"\w{2,}", query.lower()) if word not in _FUNCTION_WORDS}
    alternatives = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.compile(rf"\b(?:{alternatives})\b" if words else r"(?!)", re.IGNORECASE)


def highlighted(text: str, mark: re.Pattern[str]) -> str:
    """Return `text` as HTML that shows it verbatim, with what `mark` matches in `<mark>`."""
    out, reached = [], 0
    for match in mark.finditer(text):
        out += [escape(text[reached : match.start()]), "<mark>", escape(match[0]), "</mark>"]
        reached = match.end()
    return "".join([*out, escape(text[reached:])])
