"""What this session has found out about its answers: kept, so that a rerun does not do it again."""

import streamlit as st

from rag.records import SearchResult

# What there is to know of an answer besides itself.
REPEATED = "repeated"
EXPLAINED = "explained"
TODAY = "today"
RECORDED = "recorded"  # as which run an answer is kept, or why it could not be

_KNOWN = "known"
_MOST = 4  # answers


def keep(result: SearchResult, what: str, found: object) -> None:
    """Keep what was found out about `result`, as about the last few others."""
    others = [(of, kept) for of, kept in _everything() if of != result]
    st.session_state[_KNOWN] = [(result, {**_all_about(result), what: found}), *others][:_MOST]


def about(result: SearchResult, what: str) -> object:
    """Return what `keep` was given for this very answer, None where it was nothing."""
    return _all_about(result).get(what)


def _all_about(result: SearchResult) -> dict[str, object]:
    # No two answers took the same time to the last digit, so that equal ones are the same.
    return next((kept for of, kept in _everything() if of == result), {})


def _everything() -> list[tuple[SearchResult, dict[str, object]]]:
    found: list[tuple[SearchResult, dict[str, object]]] = st.session_state.get(_KNOWN, [])
    return found
