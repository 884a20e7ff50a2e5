"""A question on its way: who is to order its hits, and what is said while it waits and is scored."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.amounts import counted
from rag.config import MAX_RETRIEVE_K, RerankerChoice, RetrieverChoice
from rag.errors import BusyError, RagError
from rag.evidence import Question
from rag.outcomes import AnswerKind
from rag.pipeline import Pipeline
from rag.records import SearchResult
from rag.service import Service
from rag.timing import Pulse
from rag.ui import sharing, state
from rag.ui.comparison import answering
from rag.ui.inspection import known
from rag.wording import busy, reranker_label, underway

_TICK_S = 0.1
_RETRIEVERS: Mapping[RetrieverChoice, str] = {
    "auto": "Automatic, by language",
    "dense": "Dense: vectors (FAISS)",
    "lexical": "Lexical: words (BM25)",
    "hybrid": "Hybrid: both, ranks fused",
}
_RETRIEVER_HELP = (
    "What finds the candidates. Automatic takes vectors alone where the embedder reads the question's "
    "language, and words beside them where it does not. The reranker reads what any of them finds."
)


@dataclass(frozen=True, slots=True)
class Form:
    """What the form holds; `sent` says whether this run is due to its button."""

    question: str
    retrieve_k: int
    retriever: RetrieverChoice
    reranker: RerankerChoice
    answer: AnswerKind | None
    sent: bool


def form(service: Service, *, disabled: bool) -> Form:
    """Draw the form that asks; return what it holds."""
    with st.form("ask"):
        first, second = st.columns([6, 1.1], vertical_alignment="bottom")
        question = first.text_input(
            "Question",
            key=state.QUESTION,
            placeholder="Ask in your own words",
            persist_state="session",
        )
        sent = second.form_submit_button("Ask", type="primary", width="stretch", disabled=disabled)
        with st.container(horizontal=True, vertical_alignment="bottom", key="how_to_ask"):
            retrieve_k = st.number_input(
                "Candidates (retrieve k)",
                1,
                MAX_RETRIEVE_K,
                state.usual(state.RETRIEVE_K, service.settings.retrieve_k),
                key=state.RETRIEVE_K,
                persist_state="session",
                help="How many chunks are retrieved. The reranker reads all of them.",
                width=210,
            )
            retriever = _retriever_choice(service)
            reranker = _reranker_choice(service.pipeline)
    answer = _what_else(service)
    return Form(question, retrieve_k, retriever, reranker, answer, sent)


def _what_else(service: Service) -> AnswerKind | None:
    """Offer, before anything is asked, an answer, and to have it recorded or shown in the address or not.

    Return the kind of answer that was chosen.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", key="what_else"):
        answer = answering.choice(service)
        st.toggle(
            "Record what I ask",
            True,
            key=state.RECORD,
            persist_state="session",
            help=state.RECORD_HELP,
        )
        st.toggle(
            "Put this question into the address",
            key=state.IN_ADDRESS,
            persist_state="session",
            on_change=sharing.leave_address,
            help="Whoever opens the address on this server asks the same question of the same collection. "
            "Addresses are kept in browser histories and proxies' logs: leave it off for what is private.",
        )
    return answer


def _retriever_choice(service: Service) -> RetrieverChoice:
    """Offer what finds the candidates; return what was chosen."""
    began = state.usual(state.RETRIEVER, service.settings.retriever)
    return st.selectbox(
        "Retriever",
        list(_RETRIEVERS),
        list(_RETRIEVERS).index(cast(RetrieverChoice, began if began in _RETRIEVERS else "auto")),
        format_func=_RETRIEVERS.__getitem__,
        key=state.RETRIEVER,
        persist_state="session",
        help=_RETRIEVER_HELP,
        width=280,
    )


def _reranker_choice(pipeline: Pipeline) -> RerankerChoice:
    """Where a remote reranker is set up, offer the choice; return what was chosen."""
    remote = pipeline.remote
    if remote is None:
        return "preferred"
    names = {
        "remote": reranker_label(remote.info),
        "local": reranker_label(pipeline.reranker.info),
        "none": "No reranking",
    }
    preferred = "remote" if pipeline.preferred is remote else "local"
    began = state.usual(state.RERANKER, preferred)
    chosen = st.selectbox(
        "Reranker",
        list(names),
        list(names).index(began if began in names else preferred),
        format_func=names.__getitem__,
        key=state.RERANKER,
        persist_state="session",
        help="Who orders what was retrieved. When the preferred remote one fails, the local one takes its "
        "place; one chosen by name is not replaced.",
        width=380,
    )
    # Only for what the settings prefer may another take the place when it fails.
    return "preferred" if chosen == preferred else cast(RerankerChoice, chosen)


@contextmanager
def on_its_way(slot: DeltaGenerator, retrieve_k: int) -> Iterator[Pulse]:
    """Draw in `slot` that a question is on its way; run the body with what keeps saying how far it is.

    A newer click of the same visitor ends the run at its next element, so each pulse draws one. Until that
    has happened to the question before, this one waits: nobody is in the queue twice.
    """
    with slot.container():
        line = st.empty()
        line.text(f"Reading up to {counted(retrieve_k, 'candidate')}")
        outline = st.empty()
        outline.skeleton(height=300)

    def pulse(stage: str, done: int, of: int) -> None:
        line.text(underway(stage, done, of))

    turn = state.asking()
    while not turn.acquire(timeout=_TICK_S):
        line.text("Giving up the question before")
    try:
        yield pulse
        # The answer takes the line's place only: what is drawn second stays as it is until the next run.
        outline.empty()
    finally:
        turn.release()


def turned_away(pipeline: Pipeline, exc: BusyError, *, earlier: bool) -> str:
    """Return the notice for a question that found the queue full, or waited in it for too long."""
    most = max(pipeline.gate.waiting, pipeline.remote_gate.waiting)
    return busy(most, retry_after_s=exc.retry_after_s, earlier=earlier)


def record(service: Service, result: SearchResult, *, revision: str) -> None:
    """Keep the answered question in the library's file, unless this session is not to be recorded.

    `revision` is the collection's as it was before it was asked: what documents it was answered from.

    An answer is drawn all the same where it cannot be kept, as on a full disk; the page says so then.
    """
    if not state.records():
        return
    store = service.library.store
    try:
        store.questions.add(result.collection, [Question(result.query)])
        known.keep(result, known.RECORDED, store.runs.add(result, revision=revision))
    except RagError as exc:
        known.keep(result, known.RECORDED, str(exc))
