"""The Models page's buttons, and what they lead to: live while it runs, a sentence afterwards."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import streamlit as st

from rag.jobs import Job, JobKey
from rag.jobs.models import (
    export_key,
    report_of,
    start_export,
    start_reembedding,
    start_switch,
)
from rag.machine.packages import INSTALL, exporting_finding, missing_for_export
from rag.machine.system import System
from rag.models import turns
from rag.models.cache import EXPORT, InstalledModel
from rag.models.catalog import CatalogEntry
from rag.models.manifest import FORMS, Quantization
from rag.models.once import ExportRequest
from rag.service import Service
from rag.ui import components
from rag.ui.models import cards
from rag.wording import keeping

_TICK_S = 0.5
FORM_LABELS = {"int8": "int8: a quarter of the size", "none": "fp32: unquantized"}


def begin(start: Callable[..., Job], *args: object) -> None:
    """Start a job at the click of a button."""
    start(*args)


def can_export() -> bool:
    """Return whether the packages that exporting needs are installed."""
    return not missing_for_export()


def missing_packages() -> None:
    """Where exporting needs packages that are not installed, say which, and what to do."""
    if missing := missing_for_export():
        contained = System.here().contained
        finding = exporting_finding(missing, contained=contained)
        with st.container(border=True):
            if contained:
                st.text(f"{finding.sentence} {finding.remedy}")
            else:
                st.text(f"{finding.sentence} To export, run this in the folder of RerankLens, once:")
                components.command(INSTALL)


def export_choice(service: Service, entry: CatalogEntry, forms: Sequence[Quantization]) -> None:
    """Offer to export a model of the catalogue in one of `forms`."""
    if entry.remote_code:
        # Whoever may open the page may not therefore run code of their choice on its machine.
        st.text("It runs Python code from its repository. If you trust its authors, export it by hand:")
        components.command(f"{EXPORT} {entry.id} --trust-remote-code")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = forms[0]
        if len(forms) > 1:
            form = st.selectbox(
                "Weights", forms, format_func=FORM_LABELS.__getitem__, key=f"form {entry.id}", width=240
            )
        request = ExportRequest(entry.id, entry.task, form)
        st.button(
            "Export" if len(forms) > 1 else f"Export {FORMS[form]} too",
            key=f"export {entry.id}",
            on_click=begin,
            args=(start_export, service, request),
            disabled=not can_export() or is_underway(service, request),
        )


def exports_elsewhere(service: Service, entry: CatalogEntry, *, place: str) -> None:
    """Show the exports of a catalogue's model by other processes, each with a button that joins it."""
    for form in FORMS:
        request = ExportRequest(entry.id, entry.task, form)
        target = request.target(service.settings.model_cache)
        if not _runs(service, request) and turns.underway(target):
            live_elsewhere(target, f"Export of {request.name}")
            st.button(
                "Join",
                key=f"{place} join {target.name}",
                on_click=begin,
                args=(start_export, service, request),
            )


def is_underway(service: Service, request: ExportRequest) -> bool:
    """Return whether this process or another one exports what `request` asks for."""
    return _runs(service, request) or turns.underway(request.target(service.settings.model_cache)) is not None


def _runs(service: Service, request: ExportRequest) -> bool:
    job = service.jobs.get(export_key(request, service.settings.model_cache))
    return job is not None and job.running


def use_reranker(service: Service, model: InstalledModel, *, place: str) -> None:
    """Offer to answer with `model` from the next question on."""
    if model.sha256 == service.reranker.info.sha256:
        return
    busy = any(job.running and job.key.kind == "use" for job in service.jobs.all())
    st.button(
        f"Use {_form_name(model)}".strip() if place == "card" else "Use this reranker",
        key=f"{place} use {model.id}",
        type="primary",
        on_click=begin,
        args=(start_switch, service, model.id),
        disabled=busy,
    )


def use_embedder(service: Service, model: InstalledModel, *, place: str) -> None:
    """Offer to re-embed a collection with `model`."""
    library = service.library
    refs = {name: library.embedder_ref(name) for name in library.filled()}
    names = [name for name, ref in refs.items() if ref and ref.sha256 != model.sha256]
    if not names:
        every = "Every collection has this embedder." if any(refs.values()) else ""
        st.text(every or "There is no collection to re-embed yet.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Collection", names, key=f"{place} collection {model.id}", width=240)
        running = (job := service.jobs.get(JobKey("reembed", name))) is not None and job.running
        st.button(
            f"Re-embed with {_form_name(model) or 'it'}",
            key=f"{place} reembed {model.id}",
            on_click=begin,
            args=(start_reembedding, service, name, model.id),
            disabled=running,
        )


def keep_reranker(service: Service) -> None:
    """Where another reranker answers than the one of the settings, say how to keep it."""
    if service.loaded.chosen and not service.returns(service.loaded.reranker):
        st.text("To keep it over a restart, start RerankLens with this setting:")
        components.command(keeping("RAG_RERANKER", service.loaded.reranker.id))


def keep_embedders(others: Sequence[str]) -> None:
    """Where collections have `others` than the embedder of new ones, say how new ones get them too."""
    if others:
        which = "it" if len(others) == 1 else "one of them"
        st.text(f"To give {which} to new collections too, start RerankLens with this setting:")
        for embedder_id in others:
            components.command(keeping("RAG_EMBEDDER", embedder_id))


def jobs(service: Service, found: Iterable[Job], *, place: str) -> None:
    """Draw what `found`, the last one first, are doing, and the newest outcome for each model."""
    told: set[str] = set()
    for job in found:
        if job.running:
            live(service, job.key)
        elif job.subject not in told and (job.state == "failed" or _still_holds(service, job)):
            told.add(job.subject)
            _ended(service, job, place=place)


def _ended(service: Service, job: Job, *, place: str) -> None:
    if job.state == "failed":
        box = components.problem(f"{job.title}: {job.outcome}")
        box.button("Dismiss", key=f"{place} dismiss {job.key}", on_click=_dismiss, args=(service, job))
        return
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        st.html(cards.outcome(job), width="stretch")
        st.button("Dismiss", key=f"{place} dismiss {job.key}", on_click=_dismiss, args=(service, job))


def _dismiss(service: Service, job: Job) -> None:
    """Forget a job that has ended, and the earlier ones about its model, which it hid."""
    for one in service.jobs.about(job.subject):
        if one.started_at <= job.started_at:
            service.jobs.forget(one.key)


def _still_holds(service: Service, job: Job) -> bool:
    """Return whether what a finished job says is still so."""
    match job.key.kind:
        case "export":
            return Path(job.key.name).is_dir()
        case "use":
            return service.reranker.info.id == job.subject
        case "reembed":
            ref = service.library.embedder_ref(job.key.name)
            return ref is not None and ref.id == job.subject
        case "ingest" | "rechunk" | "import" | "measure":  # which other pages show
            return False


@st.fragment(run_every=_TICK_S)
def live(service: Service, key: JobKey) -> None:
    """Draw how far a job is, again and again until it ends; then the page is drawn anew."""
    job = service.jobs.get(key)
    if job is None or not job.running:
        st.rerun()
    st.html(cards.progress(job.title, job.report))
    st.progress(job.report.fraction or 0.0)


@st.fragment(run_every=_TICK_S)
def live_elsewhere(target: Path, title: str) -> None:
    """Draw how far another process's export is, until it ends."""
    found = turns.underway(target)
    if found is None:
        st.rerun()
    report = report_of(found)
    st.html(cards.progress(f"{title}, by another process", report))
    st.progress(report.fraction or 0.0)


def _form_name(model: InstalledModel) -> str:
    """Return "fp32" for a model that was not quantized, nothing for the usual one."""
    return "fp32" if model.manifest and model.manifest.quantization == "none" else ""
