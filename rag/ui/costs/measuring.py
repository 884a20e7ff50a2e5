"""How long an answer takes here, and with the remote reranker: measured by a click, or as recorded."""

from typing import Literal

import streamlit as st

from rag.amounts import counted
from rag.inspect.pace import Pace, measured, recorded
from rag.service import Service
from rag.ui import components, state, working
from rag.ui.costs.choices import key
from rag.ui.costs.month import UNKNOWN
from rag.wording import named

MEASURE, MEASURE_REMOTE, USE_REMOTE = "costs_measure", "costs_measure_remote", "costs_use_remote"
_MOST_QUESTIONS = 20
_MEASURED = "costs_measured"

Where = Literal["local", "remote"]


def draw(service: Service, collection: str) -> tuple[Pace | None, tuple[str, ...]]:
    """Draw what was measured here, and the button that measures.

    Return it, None without anything, and in sentences what it rests on.
    """
    st.subheader("How long an answer takes here")
    questions = _questions(service, collection)
    if not questions:
        st.text("No question of this collection was asked yet. Ask some: their times are what is measured.")
        st.page_link(state.COMPARE_PAGE, label="Ask a question", icon=":material/search:")
        return None, ()
    _button(service, collection, questions, "local")
    pace, sentences = _known(service, collection)
    for sentence in sentences:
        st.text(sentence)
    if service.pipeline.remote:
        _remote(service, collection, questions)
    return pace, sentences


def _questions(service: Service, collection: str) -> tuple[str, ...]:
    return tuple(service.library.store.runs.newest(collection))[:_MOST_QUESTIONS]


def _known(service: Service, collection: str) -> tuple[Pace | None, tuple[str, ...]]:
    by = service.reranker.info
    now = _kept(collection, "local")
    if now and now.reranker == by:
        return now, (
            f"Measured by you, {_when(now)}: {_said(now)}",
            _throughput(service, now),
            _start(service),
        )
    then = recorded(service.library.store.runs.of(collection), by)
    if then is None:
        return None, (
            f"{UNKNOWN.capitalize()} yet: of no recorded answer were all scores computed by {by.id}. "
            "Measure it.",
        )
    where = "They were taken wherever this library was then; measure to be sure that it was this machine."
    return then, (
        f"Recorded, {_when(then)}: {_said(then)} {where}",
        _throughput(service, then),
        _start(service),
    )


def _button(service: Service, collection: str, questions: tuple[str, ...], where: Where) -> None:
    there = where == "remote"
    n = counted(len(questions), "question")
    if st.button(
        f"Measure the remote one with {n}" if there else f"Measure with {n}",
        key=MEASURE_REMOTE if there else MEASURE,
        icon=":material/timer:",
        type="secondary" if there else "primary",
        help="The newest questions that were asked here, one after the other, every score computed anew."
        + (" The service bills it." if there else ""),
    ):
        with working.problems_told(service), working.progress("Questions answered") as pulse:
            pace = measured(
                service.pipeline,
                questions,
                collection=collection,
                retrieve_k=service.settings.retrieve_k,
                reranker=where,
                pulse=pulse,
            )
            st.session_state[f"{_MEASURED}_{where}"] = (collection, pace)


def _kept(collection: str, where: Where) -> Pace | None:
    of, pace = st.session_state.get(f"{_MEASURED}_{where}") or ("", None)
    return pace if of == collection else None


def _remote(service: Service, collection: str, questions: tuple[str, ...]) -> None:
    _button(service, collection, questions, "remote")
    if pace := _kept(collection, "remote"):
        st.text(
            f"The remote reranker, {_when(pace)}: {_said(pace)} The slowest took {max(pace.seconds):.2f} s."
        )
        st.button(
            f"Reckon with {pace.p50:.2f} s a question there",
            key=USE_REMOTE,
            on_click=_use,
            args=(round(pace.p50, 2),),
        )


def _use(seconds: float) -> None:
    st.session_state[key("seconds")] = seconds


def _said(pace: Pace) -> str:
    return (
        f"{counted(len(pace.seconds), 'answer')} with up to {counted(pace.candidates, 'candidate')} each, by "
        f"{named(pace.reranker)}, every score computed. {pace.p50:.2f} s (p50), {pace.p95:.2f} s (p95)."
    )


def _throughput(service: Service, pace: Pace) -> str:
    slots = service.pipeline.gate.slots
    more = f" It answers {slots} at once, so that it manages more than that." if slots > 1 else ""
    return f"That is {pace.per_minute:,.0f} questions a minute, one after the other.{more}"


def _start(service: Service) -> str:
    return (
        f"The reranker came into memory in {service.loaded.seconds:.2f} s, once, before the first question: "
        "nobody waits for it again."
    )


def _when(pace: Pace) -> str:
    first, last = components.local_time(pace.first), components.local_time(pace.last)
    return first if first == last else f"{first} to {last}"
