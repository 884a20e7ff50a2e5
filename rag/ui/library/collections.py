"""Choose a collection, make a new one, rename or delete one."""

from collections.abc import Callable, Sequence

import streamlit as st

from rag.amounts import counted
from rag.config import DEFAULT_COLLECTION
from rag.errors import RagError
from rag.languages import language_notices
from rag.names import MAX_COLLECTION_CHARS
from rag.records import DocumentInfo, ModelInfo
from rag.service import Service
from rag.ui import components, state
from rag.ui.library import cards
from rag.ui.library.table import totals


def choice(service: Service, names: Sequence[str], collection: str) -> None:
    """Draw which collection is shown, and the buttons that make, rename and delete one."""
    exists = collection in names
    components.collection_choice(names, collection)
    with st.container(horizontal=True):
        if st.button("New", icon=":material/add:", key="new_collection"):
            _new(service)
        if st.button("Rename", icon=":material/edit:", key="rename_collection", disabled=not exists):
            _rename(service, collection)
        if st.button("Delete", icon=":material/delete:", key="delete_collection", disabled=not exists):
            _delete(service, collection)


def unread_languages(service: Service, collection: str, found: Sequence[DocumentInfo]) -> None:
    """Where the models do not read what documents are written in, say so."""
    ref = service.library.embedder_ref(collection)
    embedder = [ModelInfo(ref.id, ref.sha256, "")] if ref else []
    languages = {document.name: document.language for document in found}
    components.notices(language_notices(languages, [*embedder, service.reranker.info]))


def rolled_back(service: Service) -> None:
    """Name the files that were being added when the program ended last: they are not there."""
    found = service.library.unfinished()
    if found:
        with st.container(border=True, key="rolled_back"):
            them = "it" if len(found) == 1 else "them"
            st.text(
                f"RerankLens ended while it added {counted(len(found), 'file')}. What was not done of {them} "
                f"was rolled back. Add {them} again; what is here already stays as it is."
            )
            rows = [
                (one.name, f"to {one.collection}, {components.local_time(one.began_at)}") for one in found
            ]
            st.html(cards.removed(rows))
            st.button("Dismiss", key="acknowledge", on_click=service.library.acknowledge)


@st.dialog("New collection")
def _new(service: Service) -> None:
    st.text_input("Name", key=state.NEW_NAME, max_chars=MAX_COLLECTION_CHARS)
    if st.button("Create", type="primary", key="create", on_click=_create, args=(service,)):
        _settle()


def _create(service: Service) -> None:
    name = st.session_state[state.NEW_NAME].strip()
    _attempt(lambda: service.library.create_collection(name), then_open=name)


@st.dialog("Rename the collection")
def _rename(service: Service, collection: str) -> None:
    busy = _busy(service, collection)
    st.text_input("New name", value=collection, key=f"rename {collection}", max_chars=MAX_COLLECTION_CHARS)
    if st.button(
        "Rename it",
        type="primary",
        key="rename",
        disabled=busy,
        on_click=_renamed,
        args=(service, collection),
    ):
        _settle()


def _renamed(service: Service, collection: str) -> None:
    name = st.session_state[f"rename {collection}"].strip()
    _attempt(lambda: service.library.rename_collection(collection, name), then_open=name)


@st.dialog("Delete the collection")
def _delete(service: Service, collection: str) -> None:
    library, busy = service.library, _busy(service, collection)
    st.text(f"{collection}\n{_what_goes(service, collection)}\nThis cannot be undone.")
    sure = st.checkbox("Delete it with all that is in it", key=f"{state.SURE} {collection}")
    if st.button(
        "Delete it",
        type="primary",
        key="delete_for_good",
        disabled=busy or not sure,
        on_click=_attempt,
        args=(lambda: library.delete_collection(collection),),
        kwargs={"then_open": next((n for n in library.filled() if n != collection), DEFAULT_COLLECTION)},
    ):
        _settle()


def _what_goes(service: Service, collection: str) -> str:
    library = service.library
    parts = [totals(library.documents(collection))]
    if judged := len(library.judgments(collection)):
        parts.append(counted(judged, "judgment"))
    if thrown := len(library.trash(collection)):
        parts.append(f"{counted(thrown, 'document')} deleted or replaced before")
    return f"With it go: {', '.join(parts)}."


def _busy(service: Service, collection: str) -> bool:
    """Return whether a job changes the collection, and say so."""
    busy = any(job.running for job in service.jobs.on(collection, "ingest", "rechunk", "reembed", "import"))
    if busy:
        st.text("It is being changed right now. Wait until that is done, or cancel it.")
    return busy


def _attempt(act: Callable[[], None], *, then_open: str) -> None:
    """Do it and open a collection afterwards, or keep why it could not be done."""
    try:
        act()
    except RagError as exc:
        state.keep_problem(str(exc))
    else:
        state.open_collection(then_open)


def _settle() -> None:
    """Close the dialog, unless there is something to say in it."""
    if problem := state.take_problem():
        components.problem(problem)
    else:
        st.rerun()
