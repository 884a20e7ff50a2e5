"""The keys of the session's state, and the only code that writes them."""

import threading
from collections.abc import Sequence

import streamlit as st

from rag.config import DEFAULT_COLLECTION
from rag.jobs import JobKey
from rag.models.once import ExportRequest
from rag.parse.clean import clean
from rag.records import DocumentInfo, FileOutcome, ModelInfo, SearchResult
from rag.wording import is_remote

QUESTION = "question"
RETRIEVE_K = "retrieve_k"
RERANKER = "reranker"
TOP_K = "top_k"
COLLECTION = "collection"
DOCUMENT = "document"
SAMPLE_QUESTION = "sample_question"
MODEL_TASK = "model_task"
MODEL_LANGUAGE = "model_language"
MODEL_COMMERCIAL = "model_commercial"
OTHER_SOURCE = "other_source"
OTHER_TASK = "other_task"
AUTO = "auto"  # the task that the model's own files say
OTHER_WEIGHTS = "other_weights"
OTHER_REVISION = "other_revision"
_RESULT = "result"
_OUTCOMES = "outcomes"
_UPLOADS = "uploads"
_ASKED = "asked"
_ASKING = "asking"
_OPEN_NEXT = "open_next"
_OTHER_EXPORT = "other_export"


def ask_sample_question() -> None:
    """Take the chosen sample question over as the question, and ask it."""
    st.session_state[QUESTION] = st.session_state[SAMPLE_QUESTION]
    st.session_state[_ASKED] = True
    # Free again, so that the same question can be chosen twice.
    st.session_state[SAMPLE_QUESTION] = None


def take_asked() -> bool:
    """Return whether a sample question is waiting to be asked; it is asked once."""
    return bool(st.session_state.pop(_ASKED, False))


def asking() -> threading.Lock:
    """Return what the session's runs hold while they ask, one at a time."""
    lock: threading.Lock = st.session_state.setdefault(_ASKING, threading.Lock())
    return lock


def keep_result(result: SearchResult | None, documents: Sequence[DocumentInfo] = ()) -> None:
    """Keep the last result, and what it was found in, so that a rerun draws it without asking again."""
    st.session_state[_RESULT] = result and (result, tuple(documents))


def last_result(collection: str) -> SearchResult | None:
    """Return the last result of this session, where it was found in `collection`."""
    result, _ = st.session_state.get(_RESULT) or (None, ())
    return result if result and result.collection == collection else None


def is_superseded(local: ModelInfo) -> bool:
    """Return whether the last result was ordered by another local reranker than this one."""
    result, _ = st.session_state.get(_RESULT) or (None, ())
    scored_by = result and result.reranker
    return bool(scored_by and not is_remote(scored_by) and scored_by.sha256 != local.sha256)


def is_outdated(documents: Sequence[DocumentInfo]) -> bool:
    """Return whether the last result was found in other documents than these."""
    _, searched = st.session_state.get(_RESULT) or (None, ())
    return bool(searched != tuple(documents))


def uploader_key() -> str:
    """Return the file uploader's key: a new one after each upload, which empties it."""
    return f"upload_{st.session_state.setdefault(_UPLOADS, 0)}"


def keep_outcomes(outcomes: tuple[FileOutcome, ...], collection: str) -> None:
    """Keep what became of the last files, and empty the uploader."""
    st.session_state[_OUTCOMES] = (collection, outcomes)
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


def forget_outcomes() -> None:
    """Forget what became of the last files: they may be gone."""
    st.session_state.pop(_OUTCOMES, None)


def last_outcomes(collection: str) -> tuple[FileOutcome, ...]:
    """Return what became of the last files, where they went into `collection`."""
    target, outcomes = st.session_state.get(_OUTCOMES, ("", ()))
    return outcomes if target == collection else ()


def open_collection(name: str) -> None:
    """Make `name` the collection in use from the next run on."""
    st.session_state[_OPEN_NEXT] = name


def settle_collection(names: Sequence[str]) -> str:
    """Return the collection in use; call it before the widget that shows it is drawn."""
    fallback = DEFAULT_COLLECTION if DEFAULT_COLLECTION in names or not names else names[0]
    current = st.session_state.pop(_OPEN_NEXT, None) or st.session_state.get(COLLECTION) or fallback
    st.session_state[COLLECTION] = current
    return str(current)


def other_request() -> ExportRequest | None:
    """Return the export that the form for other models asks for, None while it names no model."""
    source, task = clean(st.session_state[OTHER_SOURCE]), st.session_state[OTHER_TASK]
    if not source:
        return None
    return ExportRequest(
        source,
        None if task == AUTO else task,
        st.session_state[OTHER_WEIGHTS],
        clean(st.session_state[OTHER_REVISION]) or None,
    )


def keep_other_export(key: JobKey | None) -> None:
    """Keep what the form for other models has started: an export, or nothing for want of a name."""
    st.session_state[_OTHER_EXPORT] = key


def other_export() -> JobKey | None:
    """Return the export that this session's form has started last."""
    key: JobKey | None = st.session_state.get(_OTHER_EXPORT)
    return key


def is_other_unnamed() -> bool:
    """Return whether the form was sent last without the name of a model."""
    return _OTHER_EXPORT in st.session_state and other_export() is None
