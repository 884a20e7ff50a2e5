"""The answer above the columns: off by default, made while the page is read, drawn as it comes."""

from typing import cast

import streamlit as st

from rag.errors import RagError
from rag.evidence import RunInfo
from rag.outcomes import AnswerKind
from rag.records import SearchResult
from rag.service import Service
from rag.ui import components, drawing, state
from rag.ui.comparison.answer_html import answer_panel, answer_underway
from rag.ui.comparison.making import Making
from rag.ui.inspection import known

OFF, QUOTED, WRITTEN = "off", "quoted", "written"
_NAMES = {OFF: "No answer", QUOTED: "Quoted", WRITTEN: "Written"}
_HELP = (
    "A third stage, timed by itself. Quoted: the best sentences of the best passages, word for word, chosen "
    "by the local cross-encoder."
)
_WRITTEN_HELP = " Written: what the language model {model} makes of them; it is sent question and passages."
_NO_WRITER_HELP = " Written answers need LLM_BASE_URL and LLM_MODEL."
_DRAWING = "answer"
_MAKINGS = "answers"
_TICK_S = 0.25


def choice(service: Service) -> AnswerKind | None:
    """Draw what chooses the kind of answer; return what was chosen, None for no answer."""
    llm = service.settings.llm
    chosen = st.segmented_control(
        "Answer",
        list(_NAMES) if llm else [OFF, QUOTED],
        default=OFF,
        required=True,
        format_func=_NAMES.__getitem__,
        key=state.ANSWER,
        persist_state="session",
        help=_HELP + (_WRITTEN_HELP.format(model=llm.model) if llm else _NO_WRITER_HELP),
    )
    return None if chosen == OFF else cast(AnswerKind, chosen)


def stop() -> None:
    """Stop what is being made: another question waits for its turn."""
    for making in _makings().values():
        making.stop()


def with_answer(found: SearchResult, wanted: AnswerKind | None) -> SearchResult:
    """Return `found` with the answer that is `wanted`, where that is made already."""
    making = _makings().get(wanted) if wanted else None
    return making.answered if making and making.answered and making.found == found else found


def draw(service: Service, found: SearchResult, wanted: AnswerKind | None) -> None:
    """Draw the answer to `found` that is `wanted`; begin to make it, where it is not made yet."""
    for kind, making in list(_makings().items()):
        if making.found != found or (making.running and kind != wanted):
            making.give_up()
            del _makings()[kind]
    if wanted is None:
        return
    if wanted not in _makings():
        _makings()[wanted] = Making(found, wanted)
        _makings()[wanted].begin(service.answers)
    making = _makings()[wanted]
    if making.running:
        _underway(making)
    else:
        _ended(service, making)


# The rest of the page is left alone while the text comes.
@st.fragment(run_every=_TICK_S)
def _underway(making: Making) -> None:
    if not making.running:
        st.rerun()
    drawing.show(answer_underway(making.kind, making.line, making.text), key=_DRAWING)
    st.button(
        "Stop",
        key="stop_answer",
        icon=":material/stop:",
        on_click=making.stop,
        disabled=making.stopped,
        help="What is written by then is kept." if making.kind == "written" else None,
    )


def _ended(service: Service, making: Making) -> None:
    if making.answered:
        drawing.show(answer_panel(making.answered), key=_DRAWING)
        _record(service, making, making.answered)
        return
    if making.problem:
        components.problem(making.problem)
    else:
        st.text("The answer was stopped.")
    st.button("Try again", key="answer_again", icon=":material/refresh:", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(_MAKINGS, None)


def _record(service: Service, making: Making, answered: SearchResult) -> None:
    """Where the search is recorded, have the record hold the answer too; once, since it may be deleted."""
    recorded = known.about(making.found, known.RECORDED)
    if making.recorded or not isinstance(recorded, RunInfo):
        return
    making.recorded = True
    runs = service.library.store.runs
    try:
        with_it: object = runs.add(answered, revision=recorded.revision)
        runs.delete(recorded.id)
    except RagError as exc:
        with_it = str(exc)
    known.keep(making.found, known.RECORDED, with_it)


def _makings() -> dict[AnswerKind, Making]:
    """Return the answers of this session to its last question, by their kind."""
    makings: dict[AnswerKind, Making] = st.session_state.setdefault(_MAKINGS, {})
    return makings
