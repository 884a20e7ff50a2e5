"""The address of a question: what it says, and how it is opened."""

import re

import streamlit as st

from rag.config import MAX_RETRIEVE_K
from rag.errors import RagError
from rag.records import SearchResult
from rag.ui import components, resources, state

RUN = "run"
_COLLECTION, _QUESTION, _RETRIEVE_K, _TOP_K = "collection", "q", "k", "top"
_RETRIEVER, _RERANKER = "retriever", "reranker"
_NAMES = (_COLLECTION, _QUESTION, _RETRIEVE_K, _TOP_K, _RETRIEVER, _RERANKER)
_MAX_TOP_K = 100
_DIGITS = re.compile("[0-9]{1,6}")
_TAKEN = "address_taken"


def take_address() -> None:
    """Where this visit began with the address of a question, fill the form as it says, and ask."""
    if st.session_state.get(_TAKEN):
        return
    st.session_state[_TAKEN] = True
    address = st.query_params.to_dict()
    if question := address.get(_QUESTION):
        collection = address.get(_COLLECTION)
        if collection and (missing := _why_missing(collection)):
            components.notices([missing])
            return
        if collection:
            state.open_collection(collection)
        state.set_usual(
            {
                state.RETRIEVE_K: _number(address.get(_RETRIEVE_K), MAX_RETRIEVE_K),
                state.TOP_K: _number(address.get(_TOP_K), _MAX_TOP_K),
                state.RETRIEVER: address.get(_RETRIEVER),
                state.RERANKER: address.get(_RERANKER),
            }
        )
        state.ask(question)


def _why_missing(collection: str) -> str | None:
    try:
        names = resources.get_service().library.filled()
    except RagError:
        return None  # the page says so itself
    if collection in names:
        return None
    return (
        f"The address asks the collection “{collection:.80}”, which is not here. "
        f"Collections: {', '.join(names) or 'none yet'}."
    )


def _number(text: str | None, most: int) -> int | None:
    if text is None or not _DIGITS.fullmatch(text):
        return None
    return int(text) if 1 <= int(text) <= most else None


def show_in_address(result: SearchResult) -> None:
    """Put the question of `result` into the address where the visitor wants it there, and keep no other."""
    if st.session_state.get(state.IN_ADDRESS):
        st.query_params.from_dict(_address(result))
    elif st.query_params.get(_QUESTION) != result.query:
        leave_address()


def leave_address() -> None:
    """Take the question out of the address."""
    for name in _NAMES:
        if name in st.query_params:
            del st.query_params[name]


def _address(result: SearchResult) -> dict[str, str]:
    """Return the parameters; what the visitor never chose is left to the settings of whoever opens it."""
    chosen = {
        _RETRIEVE_K: state.RETRIEVE_K,
        _TOP_K: state.TOP_K,
        _RETRIEVER: state.RETRIEVER,
        _RERANKER: state.RERANKER,
    }
    said = {name: str(st.session_state[key]) for name, key in chosen.items() if key in st.session_state}
    return {_COLLECTION: result.collection, _QUESTION: result.query, **said}
