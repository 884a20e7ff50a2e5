"""Change how long the chunks of a collection are, and see beforehand what it would do."""

from collections.abc import Sequence

import streamlit as st

from rag.amounts import counted, duration
from rag.chunk import TARGETS
from rag.errors import RagError
from rag.jobs.ingest import measured_rate, start_rechunk
from rag.records import Chunk, Chunking, DocumentInfo
from rag.service import Service
from rag.ui import components, state
from rag.ui.library import preview


def pending(service: Service, collection: str, found: Sequence[DocumentInfo]) -> None:
    """Where some documents still have chunks of another size than the collection's, offer to go on."""
    wanted = service.library.chunking(collection)
    former = service.library.chunking_pending(collection)
    if former and not _busy(service, collection):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="pending_chunks"):
            st.text(
                f"{former:,} of {counted(len(found), 'document')} "
                f"{'has' if former == 1 else 'have'} chunks of the former size. "
                f"Those of the others have about {wanted.target} tokens, {wanted.overlap} of overlap."
            )
            st.button("Continue", key="continue_chunks", on_click=_start, args=(service, collection, wanted))


@st.fragment
def change(service: Service, collection: str, found: Sequence[DocumentInfo], shown: DocumentInfo) -> None:
    """Draw the size and overlap of chunks, what other values would do, and the button that applies them."""
    now = service.library.chunking(collection)
    wanted = _choice(now, collection)
    if all(document.chunking == wanted for document in found):
        st.text("The documents are cut so now. Change a value to see what it would do.")
        return
    # One that is hardly cut at all would show little.
    shown = shown if shown.chunks > 1 else max(found, key=lambda document: document.chunks)
    try:
        document, before = service.library.document(collection, shown.id)
        after = service.library.preview_chunking(collection, wanted, shown.id)
    except RagError as exc:
        components.problem(str(exc))
        return
    st.text(f"{shown.name}: {_in_words(before)} now; {_in_words(after)} then.")
    st.text(_estimate(service, found, len(before), len(after)))
    if _busy(service, collection):
        st.text("The documents are being cut anew. How far that is stands at the top of the page.")
    elif st.button("Apply to every document", type="primary", key="apply_chunks"):
        start_rechunk(service, collection, wanted)
        st.rerun()
    preview.text(document, after, key=f"{shown.id} {wanted.target} {wanted.overlap}")


def _choice(now: Chunking, collection: str) -> Chunking:
    with st.container(horizontal=True):
        target = st.number_input(
            "Tokens a chunk, about",
            TARGETS[0],
            TARGETS[-1],
            min(max(now.target, TARGETS[0]), TARGETS[-1]),
            key=f"{state.CHUNK_TARGET} {collection}",
            help="By the embedder's count. A chunk ends at a heading, paragraph or sentence near it.",
        )
        most = target // 2
        key = f"{state.CHUNK_OVERLAP} {collection}"
        # A field whose value is over its limit is an error.
        st.session_state[key] = min(st.session_state.get(key, now.overlap), most)
        overlap = st.number_input(
            "Tokens of overlap, up to",
            0,
            most,
            key=key,
            help="How much of the chunk before each chunk begins with, inside a section.",
        )
    return Chunking(target, overlap)


def _in_words(chunks: Sequence[Chunk]) -> str:
    mean = sum(chunk.tokens for chunk in chunks) / len(chunks) if chunks else 0
    return f"{counted(len(chunks), 'chunk')} of {mean:.0f} tokens on average"


def _estimate(service: Service, found: Sequence[DocumentInfo], before: int, after: int) -> str:
    """Return how many chunks the collection would have, and how long they take to embed, as far as known."""
    total = sum(document.chunks for document in found)
    chunks = round(total * after / before) if before else 0
    said = f"The collection would have about {counted(chunks, 'chunk')} (estimate; {total:,} now)"
    rate = measured_rate(service)
    if rate is None:
        return f"{said}. All of them are embedded anew; how long that takes was not measured here yet."
    return f"{said}, embedded anew in about {duration(chunks / rate)} (estimate, at the last measured pace)."


def _start(service: Service, collection: str, chunking: Chunking) -> None:
    start_rechunk(service, collection, chunking)


def _busy(service: Service, collection: str) -> bool:
    return any(job.running for job in service.jobs.on(collection, "rechunk"))
