"""Show a document as the models see it: its text with the borders of its chunks, its pages beside it."""

from collections.abc import Sequence

import streamlit as st

from rag.amounts import counted
from rag.errors import NotFoundError, RagError
from rag.page_links import PageLink
from rag.records import Chunk, Document, DocumentInfo
from rag.service import Service
from rag.ui import components, state
from rag.ui.library import cards

_CHUNKS_A_PAGE = 20
_PAGE_WIDTH = 1000  # pixels


def choice(found: Sequence[DocumentInfo]) -> DocumentInfo:
    """Draw the choice of the document to show, and return it."""
    infos = {document.id: document for document in found}
    if st.session_state.get(state.SHOWN) not in infos:
        st.session_state[state.SHOWN] = found[0].id
    chosen = st.selectbox(
        "Document", list(infos), format_func=lambda document_id: infos[document_id].name, key=state.SHOWN
    )
    return infos[chosen]


@st.fragment
def preview(service: Service, collection: str, info: DocumentInfo) -> None:
    """Draw what is known of a document, its text page by page, and for a PDF its pages."""
    try:
        document, chunks = service.library.document(collection, info.id)
    except NotFoundError:  # somebody else has deleted it
        st.text("This document is not there any more.")
        return
    st.html(cards.facts(info))
    if not info.has_original:
        text(document, chunks, key=info.id)
        return
    left, right = st.columns(2)
    with left:
        shown = text(document, chunks, key=info.id)
    with right:
        _page(service, collection, info, cards.first_page(shown, document.pages))


def text(document: Document, chunks: Sequence[Chunk], *, key: str) -> Sequence[Chunk]:
    """Draw the text with the borders of `chunks`, a part at a time; return the chunks shown."""
    parts = max(1, -(-len(chunks) // _CHUNKS_A_PAGE))
    part = 1
    if parts > 1:
        part = min(parts, st.pagination(parts, key=f"part of {key} in {parts}"))
    first = (part - 1) * _CHUNKS_A_PAGE + 1
    last = min(part * _CHUNKS_A_PAGE, len(chunks))
    if parts > 1:
        st.text(f"Chunks {first:,} to {last:,} of {counted(len(chunks), 'chunk')}")
    st.html(cards.text_with_borders(document, chunks, first=first, last=last))
    return chunks[first - 1 : last]


@st.fragment
def _page(service: Service, collection: str, info: DocumentInfo, first: int) -> None:
    most = max(info.pages, 1)
    number = st.number_input(
        f"Page (1 to {most:,})", 1, most, min(first, most), key=f"page of {info.id} from {first}"
    )
    try:
        image = service.page_images.image(PageLink(collection, info.id, number), _PAGE_WIDTH)
    except RagError as exc:
        components.problem(str(exc))
        return
    st.image(image, width="stretch", alt=f"Page {number}")
