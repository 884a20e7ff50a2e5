"""Draw what a report says of the whole collection: its measures, its models, its machine, its questions."""

from collections import defaultdict
from html import escape

from rag import charts
from rag.amounts import bytes_in_words, counted, milliseconds
from rag.charts import Row
from rag.evaluation.measures import WHY, CollectionMeasure, Gain, answered
from rag.language_names import language_name
from rag.metrics import MetricMeans
from rag.records import ModelInfo
from rag.report.contents import Asked, Contents
from rag.report.markup import facts, signed, table, told


def overview(contents: Contents) -> str:
    """Return the parts of the report before the questions."""
    return (
        _head(contents) + _measures(contents.measure) + _questions(contents) + _unmeasured(contents.measure)
    )


def _head(contents: Contents) -> str:
    machine, chunking = contents.machine, contents.chunking
    memory = "" if machine.memory_bytes is None else f", {bytes_in_words(machine.memory_bytes)} of memory"
    pairs = [
        ("Collection", told(contents.collection)),
        (
            "Documents",
            f"{counted(contents.documents, 'document')}, {counted(contents.chunks, 'chunk')} of about "
            f"{chunking.target} tokens, up to {chunking.overlap} of them of the chunk before",
        ),
        ("Judgments", _judges(contents)),
        ("Embedder", _model(contents.embedder)),
        ("Reranker", _model(contents.measure.reranker)),
        (
            "Machine",
            escape(f"{machine.processor}, {counted(machine.cores, 'core')}{memory}; {machine.system}"),
        ),
        ("Program", escape(f"RerankLens {contents.version}, Python {machine.python}")),
        ("Made", escape(contents.made_at)),
    ]
    return f"<header><h1>{told(contents.collection)}: before and after reranking</h1>{facts(pairs)}</header>"


def _judges(contents: Contents) -> str:
    found = contents.measure
    names = [contents.judge] if contents.judge is not None else contents.judges
    by = ", ".join(told(name) if name else "a judge without a name" for name in names) or "nobody"
    how = "; of several on one passage, the median" if len(names) > 1 else ""
    said = f"{counted(found.judgments, 'judgment')} by {by}{how}"
    if found.cannot_judge:
        said += f"; {found.cannot_judge:,} of them “cannot judge”"
    if found.judgments_elsewhere:
        said += f"; {found.judgments_elsewhere:,} on passages that are not here any more"
    if contents.guidelines:
        said += f'<details class="r-guide"><summary>Guidelines</summary>{told(contents.guidelines)}</details>'
    return said


def _model(model: ModelInfo) -> str:
    file = f"sha256 <code>{escape(model.sha256)}</code>" if model.sha256 else "its file is not known here"
    return f"{told(model.id)}<br><small>{file} · {escape(model.backend)}</small>"


def _measures(found: CollectionMeasure) -> str:
    if not found.questions:
        return "<section><h2>Measures</h2><p>No question was both asked and judged.</p></section>"
    return (
        f"<section><h2>Measures</h2><p>Means over {counted(len(found.questions), 'question')} with a passage "
        f"judged relevant, {found.depth} candidates each. {escape(answered(found))}</p>{_means(found)}"
        f"{_gains(found)}{_languages(found)}{_latency(found)}"
        "</section>"
    )


def _means(found: CollectionMeasure) -> str:
    stages = [("retrieved", found.retrieved), *_orders(found.reranked, found.by_reranker)]
    before, after = found.retrieved.by_name, found.reranked.by_name
    best_before, best_after = found.retrieved_if_good.by_name, found.reranked_if_good.by_name
    gains = {gain.name: gain for gain in found.gains}
    rows = [
        (
            escape(name),
            *(f"{means.by_name[name]:.4f}" for _, means in stages),
            signed(after[name] - before[name], 4),
            _interval(gains.get(name)),
            _wins(gains.get(name)),
            f"{best_before[name]:.4f}",
            f"{best_after[name]:.4f}",
        )
        for name in before
    ]
    head = (
        "",
        *(title for title, _ in stages),
        "difference",
        "95% interval",
        "won, tied, lost",
        "retrieved, if good",
        "reranked, if good",
    )
    caption = "Unjudged passages count as not relevant; in the last two columns, as good."
    return table(caption, head, rows)


def _orders(final: MetricMeans, by_reranker: MetricMeans | None) -> list[tuple[str, MetricMeans]]:
    if by_reranker is None:
        return [("reranked", final)]
    return [("reranker alone", by_reranker), ("final order", final)]


def _languages(found: CollectionMeasure) -> str:
    """Return nDCG@10 by the language of the questions, nothing where there is but one."""
    if len(found.languages) < 2:
        return ""
    rows = [
        (
            "not sure" if one.language is None else escape(language_name(one.language)),
            str(one.reranked.queries),
            f"{one.retrieved.means.ndcg_at_10:.4f}",
            *([f"{(one.by_reranker or one.reranked).means.ndcg_at_10:.4f}"] if found.by_reranker else []),
            f"{one.reranked.means.ndcg_at_10:.4f}",
            signed(one.gain.mean, 4),
            _interval(one.gain),
            _wins(one.gain),
        )
        for one in found.languages
    ]
    titles = (title for title, _ in _orders(found.reranked, found.by_reranker))
    head = ("", "questions", "retrieved", *titles, "difference", "95% interval", "won, tied, lost")
    return table("nDCG@10 by the language of the question", head, rows)


def _interval(gain: Gain | None) -> str:
    if gain is None or gain.interval is None:
        return "–"
    return f"{gain.interval.low:+.4f} to {gain.interval.high:+.4f}".replace("-", "−")


def _wins(gain: Gain | None) -> str:
    if gain is None:
        return "–"
    won = gain.wins
    return f"{won.wins}, {won.ties}, {won.losses} <small>p = {gain.p:.3g}</small>"


def _gains(found: CollectionMeasure) -> str:
    rows = [
        Row(
            gain.name, gain.interval.low, gain.mean, gain.interval.high, f"{gain.mean:+.4f}".replace("-", "−")
        )
        for gain in found.gains
        if gain.interval
    ]
    chart = charts.interval(rows, label="What reranking changed, with the 95% interval")
    return (
        f'<figure class="r-gains">{chart}<figcaption>Difference of the means, reranked less retrieved, with '
        "its 95% bootstrap interval; p is the sign test's, over questions won and lost.</figcaption>"
        "</figure>"
        if rows
        else ""
    )


def _latency(found: CollectionMeasure) -> str:
    if found.latency is None:
        return "<p>No answer was timed with all of its scores computed anew and the models warm.</p>"
    times = found.latency
    return (
        f"<p>An answer took {milliseconds(times.p50_s)} in the middle (p50) and {milliseconds(times.p95_s)} "
        f"at p95, over {counted(times.n, 'answer')} with all scores computed then and the models warm, "
        "without waiting.</p>"
    )


def _questions(contents: Contents) -> str:
    left = f" Left out: {counted(contents.left_out, 'other question')}." if contents.left_out else ""
    rows = [_row(asked) for asked in contents.asked]
    head = ("question", "nDCG@10 retrieved", "reranked", "difference", "judged", "time")
    listed = table("The questions, each with a link to its part", head, rows)
    return f"<section><h2>Questions</h2><p>{counted(len(rows), 'question')}.{left}</p>{listed}</section>"


def _row(asked: Asked) -> tuple[str, ...]:
    link = f'<a href="#q{asked.number}">{asked.number}. {told(asked.question.text)}</a>'
    one, took = asked.measured, milliseconds(asked.result.total_s)
    if one is None:
        return link, "–", "–", "–", "not judged", took
    before, after = one.retrieved.ndcg_at_10, one.reranked.ndcg_at_10
    judged = f"{one.judged} of {one.candidates}"
    return link, f"{before:.3f}", f"{after:.3f}", signed(after - before), judged, took


def _unmeasured(found: CollectionMeasure) -> str:
    if not found.unmeasured:
        return ""
    by_reason = defaultdict(list)
    for one in found.unmeasured:
        by_reason[one.why].append(one.query)
    parts = "".join(
        f"<details><summary>{len(queries)} · {escape(WHY[why])}</summary>"
        f"<ul>{''.join(f'<li>{told(query)}</li>' for query in queries)}</ul></details>"
        for why, queries in by_reason.items()
    )
    return f'<section class="r-unmeasured"><h2>Not measured</h2>{parts}</section>'
