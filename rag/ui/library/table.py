"""The documents of a collection as a table, and what can be done with those selected in it."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import streamlit as st

from rag.amounts import counted
from rag.errors import LibraryError, NotFoundError
from rag.language_names import language_name
from rag.records import DeletedInfo, DocumentInfo
from rag.service import Service
from rag.store.trash import KEPT
from rag.ui import components, state

_FEW = 4  # documents: they need no search box


def documents(found: Sequence[DocumentInfo]) -> tuple[DocumentInfo, ...]:
    """Draw `found` as a table that can be searched, sorted and selected in; return what is selected."""
    matched = found
    if len(found) > _FEW:
        sought = st.text_input(
            "Search the documents",
            key=state.SEARCH,
            placeholder="Search by name, type or language",
            label_visibility="collapsed",
            persist_state="session",
        )
        matched = [document for document in found if _matches(document, sought)]
    if not matched:
        st.text("No document's name, type or language has these words.")
        return ()
    ids = tuple(document.id for document in matched)
    # Rows are selected by number, so other documents are another table.
    key = f"documents {sha256(repr(ids).encode('utf-8', 'replace')).hexdigest()[:16]}"
    chosen = [at for at, document in enumerate(matched) if document.id in state.selected()]
    event = st.dataframe(
        _columns(matched),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": state.first_selection(key, chosen)}},
        hide_index=True,
        placeholder="",
        alt="The documents of this collection",
        column_config={
            "Pages": st.column_config.NumberColumn(help="Pages, slides or sheets", format="%d"),
            "Size": st.column_config.NumberColumn(format="bytes"),
            "Added": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone=st.context.timezone),
        },
    )
    rows = event["selection"]["rows"]
    selected = tuple(matched[row] for row in rows if row < len(matched))
    state.show_selected(tuple(document.id for document in selected))
    return selected


def totals(found: Sequence[DocumentInfo]) -> str:
    """Return how much there is, in words."""
    chunks = sum(document.chunks for document in found)
    return f"{counted(len(found), 'document')}, {counted(chunks, 'chunk')}"


def _matches(document: DocumentInfo, sought: str) -> bool:
    language = language_name(document.language) if document.language else ""
    told = f"{document.name} {document.kind} {language}".casefold()
    return all(word in told for word in sought.casefold().split())


def _columns(found: Sequence[DocumentInfo]) -> dict[str, list[object]]:
    return {
        "Name": [document.name for document in found],
        "Type": [document.kind for document in found],
        "Pages": [document.pages or None for document in found],
        "Chunks": [document.chunks for document in found],
        "Language": [language_name(document.language) if document.language else None for document in found],
        "Size": [document.size_bytes for document in found],
        "Added": [datetime.fromisoformat(document.added_at) for document in found],
    }


def delete_button(service: Service, collection: str, selected: Sequence[DocumentInfo]) -> None:
    """Draw the button that deletes what is selected."""
    st.button(
        f"Delete {counted(len(selected), 'document')}" if selected else "Delete documents",
        key="delete_selected",
        icon=":material/delete:",
        disabled=not selected,
        on_click=_delete,
        args=(service, collection, tuple(selected)),
        help=None if selected else "Select documents in the table first; on the keyboard, with Shift+Space.",
    )


def _delete(service: Service, collection: str, selected: Sequence[DocumentInfo]) -> None:
    deleted: dict[str, str] = {}
    for document in selected:
        try:
            deleted[document.id] = service.library.delete(document.id, collection=collection)
        except NotFoundError:  # somebody else was faster
            continue
        except LibraryError as exc:
            state.keep_problem(str(exc))
            break
    state.keep_deleted(collection, deleted)


def undo(service: Service, collection: str) -> None:
    """After a deletion, say what is gone, and offer to bring it back."""
    deleted = state.last_deleted(collection)
    if deleted:
        with st.container(horizontal=True, vertical_alignment="center", key="undo_row"):
            names = list(deleted.values())
            st.text(f"Deleted: {names[0]}" + (f" and {counted(len(names) - 1, 'other')}" * (len(names) > 1)))
            st.button("Undo", key="undo", on_click=_restore, args=(service, collection, tuple(deleted)))


def trash(service: Service, collection: str) -> None:
    """Offer to bring back what was deleted or replaced within the last days."""
    found = service.library.trash(collection)
    if not found:
        return
    with st.expander(f"Deleted or replaced: {counted(len(found), 'document')}", icon=":material/history:"):
        st.text(f"Each is kept for {KEPT.days} days; the last one deleted or replaced comes first.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Document to restore", found, format_func=_in_trash, key="to_restore", index=None
            )
            st.button(
                "Restore",
                key="restore",
                disabled=chosen is None,
                on_click=_restore,
                args=(service, collection, (chosen.id,) if chosen else ()),
                help="One of the same name that has come since goes here in its place.",
            )


def _in_trash(document: DeletedInfo) -> str:
    until = datetime.fromisoformat(document.deleted_at) + KEPT
    gone, kept = components.local_time(document.deleted_at), components.local_time(until.isoformat())
    return f"{document.name} ({counted(document.chunks, 'chunk')}, deleted {gone}, kept until {kept})"


def _restore(service: Service, collection: str, ids: Sequence[str]) -> None:
    for document_id in ids:
        try:
            service.library.restore(document_id, collection=collection)
        except LibraryError as exc:
            state.keep_problem(str(exc))
            break
    state.keep_deleted(collection, {})
