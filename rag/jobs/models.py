"""Change models in the background: export one, re-embed a collection, take another reranker."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.amounts import bytes_in_words, counted, duration
from rag.errors import RagError
from rag.jobs.jobs import Job, JobKey, Report
from rag.library.reembed import reembed
from rag.models import turns
from rag.models.once import Exported, ExportRequest, export
from rag.models.progress import Progress
from rag.service import RerankerSwitch, Service
from rag.wording import progress_in_words

_log = logging.getLogger(__name__)


def export_key(request: ExportRequest, cache: Path) -> JobKey:
    """Return the key under which the export of `request` runs: another revision is another job."""
    return JobKey("export", str(request.target(cache)), request.revision or "")


def start_export(service: Service, request: ExportRequest) -> Job:
    """Export the model that `request` asks for, or join whoever exports it already.

    One after the other: each takes all cores, and four times the memory of its weights.
    """
    cache, jobs = service.settings.model_cache, service.jobs

    def work(report: Callable[[Report], None]) -> str:
        waited = False

        def on_progress(progress: Progress) -> None:
            nonlocal waited
            waited = waited or progress.waiting
            report(report_of(progress))

        report(Report("waiting for another export to end"))
        with jobs.alone, _failure_logged(f"Export of {name}"):
            _log.info("Exporting %s into %s", name, target)
            turns.sweep(cache)
            done = export(request, cache, on_progress)
            if done.made:
                _log.info("Exported %s into %s in %s", name, target, duration(done.seconds))
            else:
                _log.info("%s is in %s: nothing was left to export", name, target)
        return exported_in_words(done, waited=waited)

    name, target = request.name, request.target(cache)
    return jobs.start(export_key(request, cache), work, title=f"Export of {name}", subject=name)


def start_reembedding(service: Service, collection: str, embedder_id: str) -> Job:
    """Give `collection` the embedder `embedder_id`; the older vectors answer until all is done."""

    def work(report: Callable[[Report], None]) -> str:
        report(Report("loading the embedder"))

        def on_progress(done: int, total: int) -> None:
            report(Report(f"{done:,} of {counted(total, 'chunk')} embedded", done / total if total else None))

        with _failure_logged(f"Re-embedding of {collection!r} with {embedder_id}"):
            _log.info("Re-embedding %r with %s", collection, embedder_id)
            done = reembed(service.library, collection, embedder_id, on_progress)
            _log.info("Re-embedded %r with %s in %s", collection, embedder_id, duration(done.seconds))
        return done.message

    title = f"Re-embedding of {collection} with {embedder_id}"
    return service.jobs.start(JobKey("reembed", collection), work, title=title, subject=embedder_id)


def start_switch(service: Service, reference: str) -> Job:
    """Score with the reranker `reference` from the next question on, once it is loaded and warm."""

    def work(report: Callable[[Report], None]) -> str:
        report(Report("loading it; the present reranker answers meanwhile"))
        with _failure_logged(f"Change of the reranker to {reference}"):
            _log.info("Changing the reranker to %s", reference)
            switch = service.switch_reranker(reference)
            _log.info("Changed the reranker to %s in %s", reference, duration(switch.seconds))
        return switched_in_words(switch)

    title = f"Change of the reranker to {reference}"
    return service.jobs.start(JobKey("use", reference), work, title=title, subject=reference)


@contextmanager
def _failure_logged(what: str) -> Iterator[None]:
    try:
        yield
    except RagError as exc:
        _log.warning("%s failed: %s", what, exc)
        raise


def report_of(progress: Progress) -> Report:
    """Return how far an export is, as a job reports it: a fraction of the whole, not of its phase."""
    seconds, left = progress.seconds, progress.remaining_s
    fraction = None if left is None else seconds / (seconds + left) if seconds else 0.0
    return Report(progress_in_words(progress), fraction, left)


def exported_in_words(done: Exported, *, waited: bool) -> str:
    """Return what came of an export, in one sentence; `waited` for another process."""
    size = bytes_in_words(done.model.size_bytes)
    if done.made:
        return f"{done.model.id} is here now: exported in {duration(done.seconds)}, {size}."
    if waited:
        return f"{done.model.id} is here now: another process exported it meanwhile, {size}."
    return f"{done.model.id} was here already, {size}. Nothing was exported."


def switched_in_words(switch: RerankerSwitch) -> str:
    """Return how a change of the reranker went: since when, how fast, and what it did to the memory."""
    said = f"{switch.reranker.id} answers from now on, loaded in {duration(switch.seconds)}."
    if switch.resident_before is None or switch.resident_after is None:
        return said
    before, after = bytes_in_words(switch.resident_before), bytes_in_words(switch.resident_after)
    return f"{said} Memory: {before} before, {after} now."
