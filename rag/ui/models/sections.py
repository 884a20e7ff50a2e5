"""The parts of the Models page."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import streamlit as st

from rag.jobs.models import start_export
from rag.machine.places import look
from rag.models.cache import InstalledModel
from rag.models.catalog import CATALOG, CatalogEntry, Preset, entry
from rag.models.manifest import FORMS, Task, variant
from rag.models.once import ExportRequest
from rag.service import Service
from rag.ui import components, state
from rag.ui.models import cards as model_cards
from rag.ui.models import controls
from rag.ui.shelf import Shelf

_TASK_LABELS = {state.AUTO: "as its files say", "rerank": "a reranker", "embed": "an embedder"}
_KINDS: dict[Task, str] = {"rerank": "Rerankers", "embed": "Embedders"}
_ALL = "all"
_LANGUAGES = tuple(dict.fromkeys(code for known in CATALOG for code in known.languages))


def in_use(service: Service, shelf: Shelf) -> None:
    """Draw which reranker answers, and whose vectors each collection has."""
    components.notices(service.pipeline.standing)
    library = service.library
    default = service.embedder.info
    refs = [(name, ref) for name in library.filled() if (ref := library.embedder_ref(name))]
    here = {default.sha256, *(model.sha256 for model in shelf.models)}
    rows = [(name, ref.id, ref.sha256 in here) for name, ref in refs]
    one, other = st.columns(2)
    rerankers = [_local_reranker, _remote_reranker]
    with one:
        for draw in reversed(rerankers) if service.settings.prefers_remote else rerankers:
            draw(service, shelf)
    # Beside two cards, one that is as tall as both would be mostly empty.
    height: Literal["content", "stretch"] = "content" if service.pipeline.remote else "stretch"
    with other.container(border=True, height=height, key="embedders_in_use"):
        st.html(model_cards.embedders_in_use(rows, default.id))
        running = [job for job in service.jobs.all() if job.running and job.key.kind == "reembed"]
        controls.jobs(service, running, place="in use")
        others = {ref.id for _, ref in refs if ref.sha256 in here and ref.sha256 != default.sha256}
        controls.keep_embedders(sorted(others))


def _local_reranker(service: Service, shelf: Shelf) -> None:
    loaded = service.loaded
    with st.container(border=True, height="stretch", key="reranker_in_use"):
        model = shelf.with_fingerprint(loaded.reranker.sha256)
        stands_by = service.settings.prefers_remote
        st.html(model_cards.reranker_in_use(model, loaded, datetime.now(UTC), stands_by=stands_by))
        controls.keep_reranker(service)


def _remote_reranker(service: Service, _shelf: Shelf) -> None:
    remote, how = service.pipeline.remote, service.settings.remote
    if remote and how:
        preferred, local_id = service.settings.prefers_remote, service.reranker.info.id
        with st.container(border=True, key="remote_reranker"):
            st.html(model_cards.remote_reranker(remote.info, how, preferred=preferred, local_id=local_id))


def preset(service: Service, shelf: Shelf, preset: Preset) -> None:
    """Draw a preset: its models, what is missing, and what to do with them once they are here."""
    wanted = [known for name in (preset.reranker, preset.embedder) if (known := entry(name))]
    missing = [known for known in wanted if not shelf.variants(known.id)]
    states = [(known, _state_in_preset(service, shelf, known)) for known in wanted]
    st.html(model_cards.preset(preset, states))
    for known in wanted:
        controls.exports_elsewhere(service, known, place=preset.name)
        controls.jobs(service, service.jobs.about(known.id), place=preset.name)
    requests = [ExportRequest(known.id, known.task) for known in missing]
    if requests:
        busy = any(controls.is_underway(service, request) for request in requests)
        st.button(
            "Export both models" if len(requests) > 1 else "Export the missing model",
            key=f"preset {preset.name}",
            type="primary",
            on_click=_export_all,
            args=(service, requests),
            disabled=busy or not controls.can_export(),
        )
    for known in wanted:
        for model in shelf.variants(known.id)[:1]:
            _use(service, model, place=preset.name)


def _state_in_preset(service: Service, shelf: Shelf, known: CatalogEntry) -> str:
    here = shelf.variants(known.id)
    if not here:
        return model_cards.to_fetch(known)
    return "here, in use" if any(_is_used(service, model) for model in here) else "here"


def _export_all(service: Service, requests: Sequence[ExportRequest]) -> None:
    for request in requests:
        start_export(service, request)


def catalog_filter() -> tuple[CatalogEntry, ...]:
    """Draw the choice of what to show of the catalogue, and return what was chosen."""
    with st.container(horizontal=True, vertical_alignment="center"):
        task = st.segmented_control(
            "Kind", list(_KINDS), default="rerank", required=True, format_func=_KINDS.__getitem__,
            key=state.MODEL_TASK, label_visibility="collapsed",
        )  # fmt: skip
        language = st.selectbox(
            "Language", [_ALL, *_LANGUAGES], format_func=_language_label, key=state.MODEL_LANGUAGE,
            label_visibility="collapsed", width=200,
        )  # fmt: skip
        commercial = st.checkbox("Commercial use allowed", key=state.MODEL_COMMERCIAL)
    return tuple(
        known
        for known in CATALOG
        if known.task == task
        and language in (_ALL, *known.languages)
        and (known.commercial or not commercial)
    )


def _language_label(code: str) -> str:
    return "All languages" if code == _ALL else model_cards.LANGUAGES[code]


def known_model(service: Service, shelf: Shelf, known: CatalogEntry) -> None:
    """Draw a model of the catalogue, its state, and what can be done with it."""
    st.html(model_cards.known_model(known))
    here, missing = shelf.variants(known.id), shelf.missing(known)
    if not here:
        st.html(model_cards.absent(known))
    for model in here:
        _installed(service, model)
    controls.exports_elsewhere(service, known, place="card")
    for name in _names(known):
        controls.jobs(service, service.jobs.about(name), place="card")
    if missing:
        controls.export_choice(service, known, missing)


def other_model(service: Service, model: InstalledModel) -> None:
    """Draw a model that the catalogue does not have."""
    st.html(model_cards.other_model(model))
    _installed(service, model)
    controls.jobs(service, service.jobs.about(model.id), place="card")


def strangers(service: Service, shelf: Shelf) -> None:
    """Draw the jobs and exports that belong to no card, and what the form has led to until it is there."""
    known = {name for e in CATALOG for name in _names(e)}
    carded = known | {model.id for model in shelf.others()}
    pressed = state.other_export()
    found = [
        job
        for job in service.jobs.all()
        if job.subject and (job.subject not in carded or (job.key == pressed and job.state != "done"))
    ]
    controls.jobs(service, found, place="others")
    cache = service.settings.model_cache
    targets = {ExportRequest(e.id, e.task, form).target(cache) for e in CATALOG for form in FORMS}
    for target in shelf.underway:
        ours = any(job.running and job.key.name == str(target) for job in service.jobs.all())
        if target not in targets and not ours:
            controls.live_elsewhere(target, f"Export of {target.name}")


def other_form(service: Service) -> None:
    """Draw the form that exports any model."""
    with st.form("other_model"):
        st.text_input(
            "Hugging Face id, or a folder on this machine",
            key=state.OTHER_SOURCE,
            placeholder="BAAI/bge-reranker-large",
            max_chars=500,
        )
        with st.container(horizontal=True):
            st.selectbox(
                "What it is", list(_TASK_LABELS), format_func=_TASK_LABELS.__getitem__, key=state.OTHER_TASK
            )
            st.selectbox(
                "Weights",
                list(FORMS),
                format_func=controls.FORM_LABELS.__getitem__,
                key=state.OTHER_WEIGHTS,
            )
            st.text_input("Revision", key=state.OTHER_REVISION, placeholder="the newest", max_chars=100)
        st.form_submit_button(
            "Export",
            key="export_other",
            on_click=_export_other,
            args=(service,),
            disabled=not controls.can_export(),
        )
    if state.is_other_unnamed():
        st.text("Name a model first.")


def _export_other(service: Service) -> None:
    request = state.other_request()
    state.keep_other_export(start_export(service, request).key if request else None)


def place(topic: str, folder: Path) -> None:
    """Draw what is known about the place where `folder` is."""
    st.html(model_cards.place(topic, look(folder)))


def broken(shelf: Shelf) -> None:
    """Name the folders of the cache that cannot be used."""
    if shelf.broken:
        with st.container(border=True):
            st.html(model_cards.broken(shelf.broken))


def _installed(service: Service, model: InstalledModel) -> None:
    st.html(model_cards.state(model, in_use=_is_used(service, model)))
    _use(service, model, place="card")


def _is_used(service: Service, model: InstalledModel) -> bool:
    """Return whether the model scores, or made a collection's vectors, or will make those of new ones."""
    library = service.library
    refs = (library.embedder_ref(name) for name in library.collections())
    vectors = {ref.sha256 for ref in refs if ref}
    return model.sha256 in {service.reranker.info.sha256, service.embedder.info.sha256, *vectors}


def _names(known: CatalogEntry) -> tuple[str, ...]:
    return tuple(variant(known.id, form) for form in FORMS)


def _use(service: Service, model: InstalledModel, *, place: str) -> None:
    if model.task == "rerank":
        controls.use_reranker(service, model, place=place)
    else:
        controls.use_embedder(service, model, place=place)
