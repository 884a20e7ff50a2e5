"""What the time of a question went into, how much it varies, and what earlier questions took."""

from html import escape

import streamlit as st

from rag.amounts import counted, milliseconds
from rag.charts import waterfall
from rag.evidence import RunInfo
from rag.inspect.repeat import Repeats, repeat
from rag.records import SearchResult
from rag.service import Service
from rag.timing import together
from rag.ui import components, drawing, state, tables, working
from rag.ui.inspection import known, reader

TIMES = 20
REPEAT = "inspect_repeat"
_HISTORY = 12  # questions
_CHARS = 90


def draw(service: Service, result: SearchResult, run: RunInfo | None) -> None:
    """Draw the section."""
    if run is not None:
        when = components.local_time(run.asked_at)
        st.text(f"Measured on {when}. What is repeated below is measured now.")
    drawing.show(f'<div class="rl">{waterfall(result.stages, result.total_s)}</div>', key="inspect_waterfall")
    st.text(_speed(result))
    _repetition(service, result)
    _history(service, result)


def _speed(result: SearchResult) -> str:
    """Return how fast the cross-encoder read."""
    tokens = sum(stage.tokens for stage in result.stages if stage.stage == "score")
    seconds = sum(stage.seconds for stage in result.stages if stage.stage == "score")
    if not result.reranked:
        return "Nothing was reranked."
    if not tokens or not seconds:
        return "Every score was known already, or came from elsewhere: no tokens were read here."
    known = f" {counted(result.cached, 'pair')} came from the cache." if result.cached else ""
    return (
        f"The cross-encoder read {tokens:,} tokens in {milliseconds(seconds)}: "
        f"{tokens / seconds:,.0f} tokens per second.{known}"
    )


def _repetition(service: Service, result: SearchResult) -> None:
    """Offer to ask the question again and again, and say how much its times vary."""
    wanted = st.button(
        f"Repeat {TIMES} ×",
        key=REPEAT,
        icon=":material/repeat:",
        help="Asks the question anew so often, every score computed again past the cache; others who ask "
        "meanwhile have their turns in between.",
    )
    with working.problems_told(service):
        if wanted:
            _repeat(service, result)
        repeats = known.about(result, known.REPEATED)
        if isinstance(repeats, Repeats):
            reader.say_who(reader.reader_of(service, result), result)
            _percentiles(result, repeats)


def _repeat(service: Service, result: SearchResult) -> None:
    by = reader.reader_of(service, result)
    with (
        working.progress("Repetitions") as pulse,
        reader.scorer_of(service, result, by, pulse) as scorer,
    ):
        found = repeat(
            service.pipeline,
            result,
            times=TIMES,
            reranker=reader.choice_of(result),
            scorer=scorer,
            pulse=pulse,
        )
    known.keep(result, known.REPEATED, found)


def _percentiles(result: SearchResult, repeats: Repeats) -> None:
    first = {stage.stage: stage.seconds for stage in together(result.stages)}
    rows: list[tuple[str, ...]] = [
        (
            escape(each.stage),
            milliseconds(first[each.stage]) if each.stage in first else "–",
            milliseconds(each.p50),
            milliseconds(each.p95),
        )
        for each in repeats.stages
    ]
    whole = repeats.total
    times = map(milliseconds, (result.total_s, whole.p50, whole.p95))
    rows.append(("<b>total</b>", *times))
    caption = f"{len(repeats.runs)} repetitions, every score computed anew"
    st.html(tables.table(("Stage", "This answer", "p50", "p95"), rows, numbers=(1, 2, 3), caption=caption))
    st.text(
        "p50 and p95 are measured times (nearest rank): half of the repetitions, and 95 of 100, took "
        "no longer."
    )
    if repeats.tokens_per_second:
        st.text(f"The reranker read {repeats.tokens_per_second:,.0f} tokens per second of scoring.")


def _history(service: Service, result: SearchResult) -> None:
    """List the last questions of the collection with their times."""
    past = service.library.store.runs.of(result.collection, most=_HISTORY)
    if not past:
        st.text("No question of this collection has been recorded.")
        return
    slowest = max(info.total_s for info in past) or 1.0
    heads = ("Time", "", "Candidates", "Asked", "Question")
    rows = [_past(info, slowest, is_this=info.query == result.query) for info in past]
    st.html(tables.table(heads, rows, numbers=(0, 2), caption="The last questions of this collection"))
    st.page_link(state.RUNS_PAGE, label="All recorded runs", icon=":material/history:")


def _past(info: RunInfo, slowest_s: float, *, is_this: bool) -> tuple[str, ...]:
    marks = [*(["cold"] if info.cold else []), *([f"{info.cached} cached"] if info.cached else [])]
    badges = "".join(f' <em class="rl-badge">{mark}</em>' for mark in marks)
    question = escape(shortened(info.query))
    return (
        milliseconds(info.total_s),
        f'<div class="rl-part"><span style="width:{100 * info.total_s / slowest_s:.1f}%"></span></div>',
        str(info.retrieved),
        escape(components.local_time(info.asked_at)),
        (f"<b>{question}</b>" if is_this else question) + badges,
    )


def shortened(text: str, chars: int = _CHARS) -> str:
    """Return `text` as one line of at most `chars` characters."""
    line = " ".join(text.split())
    return line if len(line) <= chars else f"{line[: chars - 1].rstrip()}…"
