"""Draw one question of a report: both lists, where everything went, the time, and what was judged."""

from collections.abc import Sequence
from html import escape

from rag import charts
from rag.amounts import counted, milliseconds
from rag.charts import Move
from rag.evidence import Judgment
from rag.metrics import RELEVANT, Metrics, named
from rag.records import Hit, Passage, RerankedHit
from rag.report.contents import Asked
from rag.report.markup import paragraphs, signed, table, told
from rag.wording import Movement, after_reranking, after_retrieval, found_by, place, summary

_GRADE_WORDS = {0: "not relevant", 1: "on the subject", 2: "answers in part", 3: "answers"}
_MOST_LABEL = 60  # characters of a document's name on the chart
_MOST_BEGINNING = 90  # characters of a text that stands on the other side


def question(asked: Asked, *, top_k: int, recall_depth: int, precision_depth: int) -> str:
    """Return the part of the report on one question, with the first `top_k` of both lists."""
    result = asked.result
    return (
        f'<article class="r-question" id="q{asked.number}">'
        f'<h3><span class="r-number">{asked.number}</span> {told(asked.question.text)}</h3>'
        f'<p class="r-small">{_particulars(asked)}</p>'
        f'<p class="r-summary">{escape(summary(result, top_k))}</p>'
        f"{paragraphs(_notices(asked), 'r-notice')}"
        f"{_measures(asked, recall_depth, precision_depth)}"
        f'<div class="r-lists rl-linked">{_retrieved(asked, top_k)}{_flow(asked, top_k)}'
        f"{_reranked(asked, top_k)}</div>{_times(asked)}{_judged(asked)}</article>"
    )


def _particulars(asked: Asked) -> str:
    run = asked.run
    at = f"asked {escape(run.asked_at)}"
    return f"{escape(asked.id)} · {at} · {counted(run.retrieved, 'candidate')} · {milliseconds(run.total_s)}"


def _notices(asked: Asked) -> Sequence[str]:
    """Return what the reader must know of the answer, and of how its final order came about."""
    ordering = asked.result.ordering
    because = [ordering.because] if ordering and ordering.because else []
    return [*asked.result.notices, *because]


def _retrieved(asked: Asked, top_k: int) -> str:
    result = asked.result
    ranks_now = {hit.retrieved_rank: hit.rank for hit in result.reranked}
    on_the_right = {hit.retrieved_rank for hit in result.reranked[:top_k]}
    cards = [
        _card(
            asked,
            hit.rank,
            hit,
            after_retrieval(hit.rank, ranks_now, top_k),
            _found(hit),
            _beginning(hit.passage) if hit.rank in on_the_right else _text(hit.passage),
        )
        for hit in result.retrieved[:top_k]
    ]
    return _list("Retrieved", found_by(result), cards, len(result.retrieved))


def _reranked(asked: Asked, top_k: int) -> str:
    result = asked.result
    cards = [
        _card(asked, hit.retrieved_rank, hit, after_reranking(hit, top_k), _scores(hit), _text(hit.passage))
        for hit in result.reranked[:top_k]
    ]
    return _list("Reranked", result.reranker.id if result.reranker else "off", cards, len(result.reranked))


def _list(title: str, model: str, cards: Sequence[str], n_all: int) -> str:
    left_out = n_all - len(cards)
    more = f'<p class="r-small">{left_out} more, left out here.</p>' if left_out else ""
    return (
        f'<section class="r-list" aria-label="{escape(title)}"><h4>{escape(title)}</h4>'
        f'<p class="r-small">{escape(model)} · {len(cards)} of {n_all}</p>{"".join(cards)}{more}</section>'
    )


def _card(
    asked: Asked, key: int, hit: Hit | RerankedHit, moved: Movement | None, scores: str, text: str
) -> str:
    # The key is the retrieved rank: short, and the same rules link the cards of every question.
    passage, grade = hit.passage, asked.grades.get(hit.passage.chunk_id)
    movement = ""
    if moved:
        movement = f'<span class="r-move r-{moved.direction}">{escape(moved.mark)}</span>'
    same = f'<p class="r-small">Says the same as rank {hit.duplicate_of}.</p>' if hit.duplicate_of else ""
    return (
        f'<div class="r-card" data-c="{key}" tabindex="0"><p class="r-head"><b class="r-rank">{hit.rank}</b>'
        f"{movement}{_grade(grade)}<span>{scores}</span></p>"
        f'<p class="r-source">{_source(passage)}</p>{same}{text}</div>'
    )


def _grade(grade: int | None) -> str:
    if grade is None:
        return ""
    worth = "good" if grade >= RELEVANT else "bad"
    return f'<span class="r-grade r-{worth}">{grade} · {_GRADE_WORDS[grade]}</span>'


def _found(hit: Hit) -> str:
    """The numbers that the retriever's order goes by: of both searches, each with its rank in it."""
    of_both = hit.cosine is not None and hit.bm25 is not None
    said = []
    if hit.cosine is not None:
        said.append(f"cosine <b>{hit.cosine:.3f}</b>{_search_rank(hit.dense_rank) if of_both else ''}")
    if hit.bm25 is not None:
        said.append(f"BM25 <b>{hit.bm25:.2f}</b>{_search_rank(hit.lexical_rank) if of_both else ''}")
    if hit.phrasing_rank is not None:
        said.append(f"phrasing (rank {hit.phrasing_rank})")
    return " · ".join(said)


def _search_rank(rank: int | None) -> str:
    return f" (rank {'–' if rank is None else rank})"


def _scores(hit: RerankedHit) -> str:
    read = f"read {hit.tokens_read} of {hit.tokens} tokens · " if hit.is_cut else ""
    own = "" if hit.reranker_rank is None else f" · rank {hit.reranker_rank} by it alone"
    if hit.logit is None:
        return f"{read}relevance <b>{hit.score:.3f}</b>{own}"
    return f"{read}logit <b>{hit.logit:.3f}</b>{own}"


def _source(passage: Passage) -> str:
    where = [place(passage.kind, passage.page)] if passage.page is not None else []
    where += [" › ".join(passage.headings)] if passage.headings else []
    return f"<b>{told(passage.document)}</b> {told(' · '.join(where))}"


def _text(passage: Passage) -> str:
    return (
        f'<details class="r-text"><summary><span dir="auto">{escape(passage.text)}</span></summary></details>'
    )


def _beginning(passage: Passage) -> str:
    """The beginning of a text that stands whole on the right: no text is in the report twice."""
    begins = " ".join(passage.text[: 2 * _MOST_BEGINNING].split())
    more = " …" if len(begins) > _MOST_BEGINNING or len(passage.text) > 2 * _MOST_BEGINNING else ""
    return f'<p class="r-small" dir="auto">{escape(begins[:_MOST_BEGINNING])}{more}</p>'


def _flow(asked: Asked, top_k: int) -> str:
    moves = [
        Move(
            str(hit.retrieved_rank),
            _named(hit.passage),
            hit.retrieved_rank,
            hit.rank,
            asked.grades.get(hit.passage.chunk_id),
        )
        for hit in asked.result.reranked
    ]
    return f'<div class="r-flow">{charts.flow(moves, top_k=top_k)}</div>' if moves else ""


def _named(passage: Passage) -> str:
    where = "" if passage.page is None else f", {place(passage.kind, passage.page)}"
    return f"{passage.document[:_MOST_LABEL]}{where}"


def _times(asked: Asked) -> str:
    chart = charts.waterfall(asked.result.stages, asked.result.total_s)
    return f'<section class="r-times"><h4>Time of each stage</h4>{chart}</section>'


def _measures(asked: Asked, recall_depth: int, precision_depth: int) -> str:
    one = asked.measured
    if one is None:
        return '<p class="r-small">No passage is judged relevant to this question: nothing is measured.</p>'
    depths = {"recall_depth": recall_depth, "precision_depth": precision_depth}

    def by_name(metrics: Metrics) -> dict[str, float]:
        return named(metrics, **depths)

    columns = [
        ("retrieved", by_name(one.retrieved)),
        *([("reranker alone", by_name(one.by_reranker))] if one.run.is_fused else []),
        ("final order" if one.run.is_fused else "reranked", by_name(one.reranked)),
    ]
    change = by_name(one.difference)
    best_before, best_after = by_name(one.retrieved_if_good), by_name(one.reranked_if_good)
    rows = [
        (
            escape(name),
            *(f"{column[name]:.3f}" for _, column in columns),
            signed(change[name]),
            f"{best_before[name]:.3f}",
            f"{best_after[name]:.3f}",
        )
        for name in change
    ]
    head = ("", *(title for title, _ in columns), "difference", "retrieved, if good", "reranked, if good")
    caption = (
        f"{one.judged} of {one.candidates} candidates judged. Unjudged ones count as bad, and in the last "
        "two columns as good."
    )
    return table(caption, head, rows)


def _judged(asked: Asked) -> str:
    """Where the relevant passages were, and what the judges noted."""
    ranks = {hit.passage.chunk_id: hit for hit in asked.result.retrieved}
    now = {hit.passage.chunk_id: hit.rank for hit in asked.result.reranked}
    good = sorted((-grade, chunk_id) for chunk_id, grade in asked.grades.items() if grade >= RELEVANT)
    rows = [
        (
            _source(ranks[chunk_id].passage) if chunk_id in ranks else f"<code>{escape(chunk_id)}</code>",
            _grade(-grade),
            str(ranks[chunk_id].rank) if chunk_id in ranks else "not retrieved",
            str(now.get(chunk_id, "–")),
        )
        for grade, chunk_id in good
    ]
    notes = "".join(map(_note, asked.said))
    shown = (
        table("Passages judged relevant", ("passage", "grade", "retrieved", "reranked"), rows) if rows else ""
    )
    return f"<section><h4>Judgments</h4>{shown}{notes}</section>" if shown or notes else ""


def _note(judgment: Judgment) -> str:
    if not judgment.note:
        return ""
    grade = "cannot judge" if judgment.grade is None else f"grade {judgment.grade}"
    who = told(judgment.judge) if judgment.judge else "a judge"
    return f'<p class="r-small">{who}, {grade}: <span dir="auto">{escape(judgment.note)}</span></p>'
