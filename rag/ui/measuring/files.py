"""Hand on what was judged and measured as files, and take judgments and data sets over from others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

import streamlit as st

from rag.errors import RagError
from rag.jobs.data_set import start_data_set
from rag.jobs.measure import present_setup
from rag.names import MAX_COLLECTION_CHARS, file_name
from rag.report import exports, imports
from rag.report.html import build
from rag.service import Service
from rag.store.judgments import MAX_JUDGE_CHARS
from rag.ui import components, state
from rag.ui.measuring import view

QRELS, ARCHIVE, FOLDER, NEW_NAME = "measure_qrels", "measure_zip", "measure_folder", "measure_new_name"
_TAKEN = "measure_taken"


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be downloaded; `made` makes it, and is not called before."""

    name: str
    label: str
    mime: str
    holds: str
    made: Callable[[], str]
    needs_runs: bool = False
    needs_judgments: bool = False


def files(service: Service, collection: str, judge: str | None) -> tuple[File, ...]:
    """Return the files that can be downloaded, of the judgments of `judge` (None: of all)."""
    library, by = service.library, present_setup(service)
    stem = file_name(collection).replace("/", "-")
    return (
        File(
            f"{stem}-report.html",
            "Report (HTML)",
            "text/html",
            "One file to read and print anywhere: questions, both orders, measures, times, models.",
            lambda: build(library, collection, judge=judge, setup=by),
            needs_runs=True,
        ),
        File(
            f"{stem}-qrels.txt",
            "Judgments (TREC qrels)",
            "text/plain",
            "Question, chunk and grade, for trec_eval and ir_measures.",
            lambda: exports.qrels_trec(library, collection, judge),
            needs_judgments=True,
        ),
        File(
            f"{stem}-retrieved.trec",
            "Run: retrieved",
            "text/plain",
            "The retriever's order of each question, as TREC has it.",
            lambda: exports.runs_trec(library, collection, "retrieved", setup=by),
            needs_runs=True,
        ),
        File(
            f"{stem}-reranked.trec",
            "Run: reranked",
            "text/plain",
            "The final order of each question, as TREC has it.",
            lambda: exports.runs_trec(library, collection, "reranked", setup=by),
            needs_runs=True,
        ),
        File(
            f"{stem}-judgments.csv",
            "Judgments (CSV)",
            "text/csv",
            "Each judgment with its text, its judge and its note, for a table.",
            lambda: exports.judgments_csv(library, collection, judge),
            needs_judgments=True,
        ),
        File(
            f"{stem}-triples.jsonl",
            "Training triples (JSON Lines)",
            "application/jsonl",
            "Question, good passage, bad passage: the bad ones that a ranking had highest come first.",
            lambda: exports.triples_jsonl(library, collection, judge),
            needs_judgments=True,
        ),
    )


def downloads(found: tuple[File, ...], *, has_runs: bool, has_judgments: bool) -> None:
    """Draw the buttons that download; a file is made when its button is clicked."""
    with st.expander("Download", icon=":material/download:"):
        st.text("Each file is made when you click, from what is judged and recorded then.")
        with st.container(horizontal=True):
            for file in found:
                st.download_button(
                    file.label,
                    file.made,
                    file_name=file.name,
                    mime=file.mime,
                    key=f"download {file.label}",
                    help=file.holds,
                    disabled=(file.needs_runs and not has_runs)
                    or (file.needs_judgments and not has_judgments),
                    on_click="ignore",
                )


def uploads(service: Service, collection: str, *, exists: bool) -> None:
    """Draw what takes over judgments of this collection, and data sets as new ones."""
    with st.expander("Import", icon=":material/upload_file:"):
        if exists:
            _judgments(service, collection)
        _data_set(service, collection)


def _judgments(service: Service, collection: str) -> None:
    limit = service.settings.max_upload_mb
    with st.form("measure_judgments", clear_on_submit=True):
        upload = st.file_uploader(
            "Judgments of this collection: TREC qrels, BEIR qrels (.tsv), or a CSV file downloaded here",
            type=["txt", "qrels", "tsv", "csv", "trec"],
            key=QRELS,
            max_upload_size=limit,
        )
        judge = st.text_input(
            "They are the judgments of", "imported", key="measure_import_judge", max_chars=MAX_JUDGE_CHARS
        )
        if st.form_submit_button("Import judgments") and upload is not None:
            _take(service, collection, upload.name, upload.getvalue(), (judge or "").strip())
    if said := st.session_state.pop(_TAKEN, None):
        st.html(view.done(said))


def _take(service: Service, collection: str, name: str, data: bytes, judge: str) -> None:
    take = imports.judgments_csv if name.lower().endswith(".csv") else imports.qrels
    try:
        taken = take(service.library, collection, data, judge, path=name)
    except RagError as exc:
        components.problem(str(exc))
        return
    st.session_state[_TAKEN] = taken.message
    st.rerun()


def _data_set(service: Service, collection: str) -> None:
    limit = service.settings.max_upload_mb
    archive = st.file_uploader(
        "A BEIR data set as a ZIP archive (corpus.jsonl, queries.jsonl, qrels.tsv), as a new collection",
        type="zip",
        key=state.import_key() + ARCHIVE,
        max_upload_size=limit,
    )
    folder = st.file_uploader(
        "or its folder",
        accept_multiple_files="directory",
        type=["jsonl", "tsv"],
        key=state.import_key() + FOLDER,
        max_upload_size=limit,
    )
    st.text(f"Over {limit} MB, import it on the command line: python -m rag collections import FOLDER")
    chosen: Mapping[str, IO[bytes]] = (
        {archive.name: archive} if archive else {one.name: one for one in folder or ()}
    )
    if not chosen:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name of the new collection", key=NEW_NAME, max_chars=MAX_COLLECTION_CHARS)
        st.button(
            "Import and embed",
            type="primary",
            key="measure_import",
            on_click=_start,
            args=(service, chosen, collection),
        )


def _start(service: Service, chosen: Mapping[str, IO[bytes]], collection: str) -> None:
    try:
        job = start_data_set(service, chosen, st.session_state[NEW_NAME].strip(), seen_from=collection)
    except RagError as exc:
        state.keep_problem(str(exc))
        return
    state.follow(job.key)
    state.empty_import()
