"""How many candidates are worth reranking: what each depth takes and gives, and what a smaller one misses."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape

import streamlit as st

from rag.amounts import counted, milliseconds
from rag.charts import Panel, curve
from rag.evaluation.grades import placed
from rag.evidence import RunInfo
from rag.inspect.depth import DepthCurve, Missed, depth_curve, kept_by
from rag.inspect.repeat import Repeats
from rag.library import Library
from rag.records import SearchResult
from rag.ui import drawing, tables
from rag.ui.inspection import known
from rag.ui.judging import name
from rag.ui.passage_html import source

K = "inspect_depth_k"
_USUAL_K = 10
_GRADES = "Your own grade counts, and where you have given none, the median of the others'."
_REPEATED = "The times are those of the last repetition, measured in this session."


def draw(library: Library, result: SearchResult, grades: Mapping[str, int], run: RunInfo | None) -> None:
    """Draw the section; `grades` are those of the chunks found, by id, `run` is that of a recorded answer.

    Of chunks that were not found, too, one's own grade counts, else the median of the others'.
    """
    if not result.reranked:
        st.text("Nothing was reranked for this question: there is no depth to look at.")
        return
    grades = {**_of_others(library, result, run), **grades}
    repeats = known.about(result, known.REPEATED)
    # A repetition scores every pair; of the answer itself, scores may have been known.
    repeated = replace(result, stages=repeats.runs[-1]) if isinstance(repeats, Repeats) else None
    found = depth_curve(repeated or result, grades)
    if chart := _chart(found):
        drawing.show(f'<div class="rl">{chart}</div>', key="inspect_curve")
    for sentence in (*_said(found), *([_GRADES] if grades else []), *([_REPEATED] if repeated else [])):
        st.text(sentence)
    st.session_state[K] = min(st.session_state.get(K, _USUAL_K), len(result.reranked))
    k = st.number_input(
        "What would a smaller k have missed?",
        1,
        len(result.reranked),
        key=K,
        width=260,
        help="k is how many candidates are retrieved, and so the most that reranking can bring up.",
    )
    _missed(kept_by(result, grades, int(k)))


def _of_others(library: Library, result: SearchResult, run: RunInfo | None) -> Mapping[str, int]:
    """Return the grades of the chunks that were not found; none where the chunks are others since."""
    state_now = library.store.state(result.collection)
    if run and (state_now is None or state_now.revision != run.revision):
        return {}
    by_all, by_me = (
        placed(library, result.collection, judge).grades.get(result.query, {})
        for judge in (None, name.name())
    )
    found = {hit.passage.chunk_id for hit in result.retrieved}
    return {key: grade for key, grade in {**by_all, **by_me}.items() if key not in found}


def _chart(found: DepthCurve) -> str:
    quality = [(point.depth, point.ndcg) for point in found.points]
    times = [(point.depth, point.seconds) for point in found.points]
    return curve(
        [
            Panel("nDCG@10 of the first candidates, reranked", quality, "{:.3f}".format, 1.0, "quality"),
            Panel("Time to score them", times, milliseconds),
        ],
        knee=found.knee,
        x_title="candidates reranked",
    )


def _said(found: DepthCurve) -> list[str]:
    last = found.points[-1]
    said = []
    if found.knee is not None and (at := found.points[found.knee - 1]).ndcg is not None:
        said.append(
            f"Reranking {counted(found.knee, 'candidate')} is enough for nDCG@10 {at.ndcg:.3f}: "
            f"{found.knee_of}."
        )
        if at.seconds is not None and last.seconds is not None:
            said.append(
                f"Scoring takes {milliseconds(at.seconds)} there, and {milliseconds(last.seconds)} "
                f"at depth {last.depth}."
            )
    elif last.ndcg is None:
        said.append("No chunk found here is judged relevant yet: judge some to see nDCG@10 at each depth.")
    if last.seconds is None:
        said.append(
            "The time of each depth is not known, because scores came from the cache or pairs were not timed "
            "one by one. “Repeat 20 ×”, under Time, scores all of them anew."
        )
    return said


def _missed(found: Missed) -> None:
    """Say which good passages the first k hold, and how many would hold all."""
    if found.smallest_k is None:
        st.text("No chunk found here is judged relevant: there is nothing that could be missed.")
        return
    lost = len(found.missed)
    st.text(
        f"k = {found.k} would have missed {lost} of {counted(len(found.good), 'good chunk')}. "
        f"The smallest k that keeps all of them is {found.smallest_k}."
    )
    if found.not_retrieved:
        were = "was" if found.not_retrieved == 1 else "were"
        st.text(f"{counted(found.not_retrieved, 'chunk')} judged relevant {were} not retrieved at all.")
    rows = [
        (
            str(one.retrieved_rank),
            str(one.reranked_rank),
            str(one.grade),
            "missed" if one.retrieved_rank > found.k else "kept",
            source(one.passage),
        )
        for one in found.good
    ]
    heads = ("Retrieved at", "Reranked to", "Grade", escape(f"With k = {found.k}"), "Chunk")
    st.html(tables.table(heads, rows, numbers=3, caption="Good chunks, in retrieved order"))
