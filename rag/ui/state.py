"""The keys of the session's state, and the only code that writes them."""

import threading
from collections.abc import Mapping, Sequence
from typing import TypeVar

import streamlit as st

from rag.config import DEFAULT_COLLECTION
from rag.ingest import SourceFile
from rag.jobs import Job, JobKey
from rag.models.once import ExportRequest
from rag.names import file_name
from rag.parse.clean import clean
from rag.records import DocumentInfo, ModelInfo, SearchResult
from rag.wording import is_remote

# Pages, as Streamlit names them: by the path from the entry script.
COMPARE_PAGE = "rag/ui/pages/compare.py"
RUNS_PAGE = "rag/ui/pages/runs.py"
JUDGE_PAGE = "rag/ui/pages/judge.py"

QUESTION = "question"
RETRIEVE_K = "retrieve_k"
RETRIEVER = "retriever"
RERANKER = "reranker"
ANSWER = "answer_kind"
TOP_K = "top_k"
RECORD = "record"
RECORD_HELP = (
    "Question, texts found, scores and times are stored in the library's file on the server, where they can "
    "be opened again, measured, and deleted (page Runs). Off: nothing more is stored in this session; what "
    "was recorded before stays until it is deleted."
)
IN_ADDRESS = "in_address"
COLLECTION = "collection"
DOCUMENT = "document"
SAMPLE_QUESTION = "sample_question"
SEARCH = "library_search"
SHOWN = "library_shown"
NEW_NAME = "new_collection_name"
SURE = "sure_to_delete"
CHUNK_TARGET = "chunk_target"
CHUNK_OVERLAP = "chunk_overlap"
MODEL_TASK = "model_task"
MODEL_LANGUAGE = "model_language"
MODEL_COMMERCIAL = "model_commercial"
OTHER_SOURCE = "other_source"
OTHER_TASK = "other_task"
AUTO = "auto"  # the task that the model's own files say
OTHER_WEIGHTS = "other_weights"
OTHER_REVISION = "other_revision"
_RESULT = "result"
_FOLLOWED = "followed"
_SOURCES = "sources"
_DELETED = "deleted"
_SELECTED = "selected"
_TABLE = "table"
_PROBLEM = "problem"
_EXPORTED = "exported"
_IMPORTS = "imports"
_UPLOADS = "uploads"
_ASKED = "asked"
_USUAL = "usual"
_ASKING = "asking"
_OPEN_NEXT = "open_next"
_OTHER_EXPORT = "other_export"

T = TypeVar("T", int, str)

MOST_KEPT_BYTES = 200_000_000  # of uploaded files, for the case that one needs a password


def ask_sample_question() -> None:
    """Take the chosen sample question over as the question, and ask it."""
    st.session_state[QUESTION] = st.session_state[SAMPLE_QUESTION]
    st.session_state[_ASKED] = True
    # Free again, so that the same question can be chosen twice.
    st.session_state[SAMPLE_QUESTION] = None


def set_usual(values: Mapping[str, int | str | None]) -> None:
    """Have the form begin with `values`, by key; None leaves one to the settings."""
    st.session_state[_USUAL] = {key: value for key, value in values.items() if value is not None}


def usual(key: str, otherwise: T) -> T:
    """Return what the form begins with: what the address of this visit says, or else `otherwise`."""
    value = st.session_state.get(_USUAL, {}).get(key)
    return value if isinstance(value, type(otherwise)) else otherwise


def ask(question: str) -> None:
    """Take `question` over as the question, and ask it at the next run of the page that asks."""
    st.session_state[QUESTION] = question
    st.session_state[_ASKED] = True


def take_asked() -> bool:
    """Return whether a question that nobody typed is waiting to be asked; it is asked once."""
    return bool(st.session_state.pop(_ASKED, False))


def asking() -> threading.Lock:
    """Return what the session's runs hold while they ask, one at a time."""
    lock: threading.Lock = st.session_state.setdefault(_ASKING, threading.Lock())
    return lock


def keep_result(result: SearchResult | None, documents: Sequence[DocumentInfo] = ()) -> None:
    """Keep the last result, and what it was found in, so that a rerun draws it without asking again."""
    st.session_state[_RESULT] = result and (result, tuple(documents))


def records() -> bool:
    """Return whether this session's questions and answers are to be kept in the library's file."""
    return bool(st.session_state.get(RECORD, True))


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


def keep_upload(job: Job, files: Sequence[SourceFile]) -> None:
    """Follow `job`, which adds `files`; keep them until it is known that none needs a password."""
    follow(job.key)
    if sum(file.size_bytes for file in files) <= MOST_KEPT_BYTES:
        st.session_state.setdefault(_SOURCES, {})[job.key] = tuple(files)
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1  # empties the uploader


def locked_files(job: Job) -> tuple[SourceFile, ...]:
    """Return the files of `job` that need a password, as far as this session has them; drop the others."""
    sources: dict[JobKey, tuple[SourceFile, ...]] = st.session_state.get(_SOURCES, {})
    names = [o.name for o in job.report.outcomes if o.reason == "password_needed"]
    kept = tuple(
        file
        for file in sources.get(job.key, ())
        if any(name == file_name(file.name) or name.startswith(f"{file_name(file.name)}/") for name in names)
    )
    if job.key in sources:
        sources[job.key] = kept
    return kept


def has_files(job: Job) -> bool:
    """Return whether this session kept the files of `job`; a reloaded page is another session."""
    return job.key in st.session_state.get(_SOURCES, {})


def drop_file(job: Job, file: SourceFile) -> None:
    """Keep a file of `job` no longer: another job has it."""
    sources = st.session_state.get(_SOURCES, {})
    sources[job.key] = tuple(kept for kept in sources.get(job.key, ()) if kept is not file)


def follow(key: JobKey) -> None:
    """Show what comes of a job on every page of this session."""
    st.session_state.setdefault(_FOLLOWED, set()).add(key)


def follows(key: JobKey) -> bool:
    """Return whether this session has started the job, or seen it run."""
    return key in st.session_state.get(_FOLLOWED, ())


def forget_jobs() -> None:
    """Show no outcome any longer: what it says may be gone."""
    st.session_state.pop(_FOLLOWED, None)
    st.session_state.pop(_SOURCES, None)


def keep_deleted(collection: str, deleted: Mapping[str, str]) -> None:
    """Keep what was deleted last, id and name, so that it can be brought back by one click."""
    st.session_state[_DELETED] = (collection, dict(deleted))


def last_deleted(collection: str) -> dict[str, str]:
    """Return id and name of what was deleted last, where that was in `collection`."""
    target, deleted = st.session_state.get(_DELETED, ("", {}))
    return deleted if target == collection else {}


def keep_exported(revision: str, file: object) -> None:
    """Keep what holds the export of a collection as it was at `revision`, in place of the one before."""
    st.session_state[_EXPORTED] = (revision, file)


def exported(revision: str) -> object:
    """Return what `keep_exported` was given last, where that was for `revision`."""
    target, file = st.session_state.get(_EXPORTED, ("", None))
    return file if target == revision else None


def import_key() -> str:
    """Return the key of the uploader for exports: a new one after each import, which empties it."""
    return f"import_{st.session_state.setdefault(_IMPORTS, 0)}"


def empty_import() -> None:
    """Empty the uploader for exports."""
    st.session_state[_IMPORTS] = st.session_state.get(_IMPORTS, 0) + 1


def keep_problem(message: str | None) -> None:
    """Keep why a click led to nothing, for the run that follows it."""
    st.session_state[_PROBLEM] = message


def take_problem() -> str | None:
    """Return why the last click led to nothing, once."""
    problem: str | None = st.session_state.pop(_PROBLEM, None)
    return problem


def show_selected(selected: tuple[str, ...]) -> None:
    """Where the selection in the table has changed to one document, make it the one that is shown."""
    if st.session_state.get(_SELECTED) != selected:
        st.session_state[_SELECTED] = selected
        if len(selected) == 1:
            st.session_state[SHOWN] = selected[0]


def first_selection(table: str, rows: list[int]) -> list[int]:
    """Return the rows with which the table `table` began: `rows`, if it begins now."""
    began, before = st.session_state.get(_TABLE, ("", []))
    if began != table:
        st.session_state[_TABLE] = (table, rows)
        return rows
    return list(before)


def selected() -> tuple[str, ...]:
    """Return the ids of the documents selected last."""
    found: tuple[str, ...] = st.session_state.get(_SELECTED, ())
    return found


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
