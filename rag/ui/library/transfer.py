"""Export the collection as one file, and import one."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import IO

import streamlit as st

from rag.amounts import bytes_in_words, counted
from rag.errors import RagError
from rag.jobs.ingest import start_import
from rag.names import MAX_COLLECTION_CHARS
from rag.service import Service
from rag.transfer import export_file, needs_embedding
from rag.transfer.file import ExportFile
from rag.ui import components, state


class ExportedFile:
    """A collection in a temporary file, which goes with the session that holds this.

    Raises LibraryError where there is no room for it.
    """

    def __init__(self, service: Service, collection: str) -> None:
        folder = Path(tempfile.mkdtemp(prefix="reranklens-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.path = folder / "export.zip"
        export_file(service.library, collection, self.path)


def export_and_import(service: Service, collection: str, *, has_documents: bool) -> None:
    """Draw how the collection gets into a file, and how one gets out of it."""
    with st.expander("Export and import", icon=":material/swap_horiz:"):
        st.text(
            "An export holds everything of this collection: documents, chunks, vectors, judgments and kept "
            "originals. Imported elsewhere, nothing needs to be read or embedded again."
        )
        if has_documents:
            _export(service, collection)
        _import(service, collection)


def _export(service: Service, collection: str) -> None:
    # Once anything has changed, the file is no longer this collection.
    found = service.library.store.state(collection)
    revision = found.revision if found else ""
    file = state.exported(revision)
    if isinstance(file, ExportedFile):
        path = file.path
        st.download_button(
            f"Download the export ({bytes_in_words(path.stat().st_size)})",
            lambda: path.open("rb"),
            file_name=f"{collection}.zip",
            mime="application/zip",
            type="primary",
            key="download_export",
            on_click="ignore",
        )
    elif st.button("Export this collection", key="export"):
        with components.problems_shown(), st.spinner("Writing the export"):
            state.keep_exported(revision, ExportedFile(service, collection))
        st.rerun()


def _import(service: Service, collection: str) -> None:
    limit = service.settings.max_upload_mb
    upload = st.file_uploader(
        "An exported collection to import", type="zip", key=state.import_key(), max_upload_size=limit
    )
    st.text(f"Over {limit} MB, import it on the command line: python -m rag collections import FILE")
    if upload is None:
        return
    try:
        export = ExportFile(upload)
        anew = needs_embedding(service.library, export)
    except RagError as exc:
        components.problem(str(exc))
        return
    manifest = export.manifest
    st.text(
        f"{manifest.name}, exported {manifest.exported_at[:16]}: "
        f"{counted(manifest.documents, 'document')}, {counted(manifest.chunks, 'chunk')}."
    )
    if anew and manifest.embedder:
        st.text(
            f"Its vectors were made by {manifest.embedder.id}, which is not on this machine. The texts are "
            f"embedded anew here, with {service.embedder.info.id}; that takes a while."
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        field = f"import_as {manifest.name}"
        st.text_input("Import as", value=manifest.name, key=field, max_chars=MAX_COLLECTION_CHARS)
        st.button(
            "Import and embed anew" if anew else "Import",
            type="primary",
            key="import",
            on_click=_start,
            args=(service, upload, field, anew, collection),
        )


def _start(service: Service, upload: IO[bytes], field: str, reembed: bool, collection: str) -> None:
    name = st.session_state[field].strip()
    job = start_import(service, upload, name, reembed=reembed, seen_from=collection)
    state.follow(job.key)
    state.empty_import()
