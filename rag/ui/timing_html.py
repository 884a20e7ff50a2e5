"""Draw the times of one question as a strip: a bar in proportion to them, and each of them."""

from html import escape

from rag.amounts import milliseconds
from rag.records import SearchResult, StageTime
from rag.wording import stage_counts, stage_marks

_STAGE_HELP = {
    "queue": "From the question's arrival: waiting for those before it. A remote reranker has a queue too.",
    "load": "The collection's index comes into memory, or up to date with its documents.",
    "embed": "The embedder turns the question into a vector.",
    "search": "FAISS finds the nearest chunks.",
    "lexical": "BM25 finds the chunks with the question's words.",
    "phrasing": "What both found is compared with the question's wording: pairs of words, pieces of words.",
    "fuse": "The ranks by vectors, by words and by phrasing become one order.",
    "tokenize": "Question and chunks become tokens, pair by pair.",
    "score": "The cross-encoder reads every pair.",
    "sort": "The pairs are put in order of their scores.",
    "order": "The ranks by the reranker and by what retrieved the candidates become the final order.",
    "answer": "The cross-encoder reads the sentences of the best passages, one by one.",
    "write": "A language model writes the answer.",
    "support": "The cross-encoder reads each sentence of the answer with the passages that it cites.",
    "duplicates": "The hits are compared with each other: those that say the same lie under the first.",
    "network": "The round trip to the remote reranker, less what that says it took itself, if it says so.",
    "server": "The remote reranker's own time, as it reports it.",
}


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


def _stage(stage: StageTime) -> str:
    counts = stage_counts(stage)
    marks = "".join(f' <em class="rl-badge">{escape(mark)}</em>' for mark in stage_marks(stage))
    detail = f" <small>{escape(counts)}</small>" if counts else ""
    return (
        f'<li title="{escape(_STAGE_HELP.get(stage.stage, stage.stage))}">'
        f'<i class="rl-bar-{stage.stage}"></i><b>{escape(stage.stage)}</b> '
        f"<span>{milliseconds(stage.seconds)}</span>{detail}{marks}</li>"
    )
