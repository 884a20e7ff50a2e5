"""Ask the questions of a collection in the background, so that it can be measured."""

from rag.amounts import counted
from rag.evaluation.asking import Asked, Progress, ask_all, to_ask
from rag.evidence import Setup
from rag.jobs.ingest import Pace, Tell, logged
from rag.jobs.jobs import Job, JobKey, Report
from rag.service import Service


def present_setup(service: Service) -> Setup:
    """Return what answers a question that names neither reranker nor retriever nor order."""
    settings = service.settings
    return Setup(service.pipeline.preferred.info, settings.retriever, settings.order)


def start_measuring(service: Service, collection: str, *, depth: int, anew: bool = False) -> Job:
    """Ask the questions of `collection` of which no recorded run counts any more; return the job that does.

    They are asked with `depth` candidates, of the reranker that scores a question which names none. With
    `anew`, all are asked, and every score is computed. Cancelled, it keeps what it has recorded. Whoever
    asks for it while it runs joins it.
    """
    key, library, pipeline = JobKey("measure", collection), service.library, service.pipeline

    def cancelled() -> bool:
        return service.jobs.is_cancelled(key)

    def work(tell: Tell) -> str:
        asked = ask_all(
            pipeline,
            library,
            collection,
            to_ask(library, collection, setup=present_setup(service), depth=depth, anew=anew),
            depth=depth,
            fresh=anew,
            progress=_telling(tell),
            cancelled=cancelled,
        )
        return asked_in_words(asked, cancelled=cancelled())

    title = f"Asking the questions of {collection}"
    return service.jobs.start(key, logged(title, work), title=title, subject="")


def _telling(tell: Tell) -> Progress:
    """Return what tells how many questions are asked, and how long the others will take."""
    pace = Pace()

    def progress(done: int, total: int) -> None:
        fraction = done / total if total else None
        text = f"{done:,} of {counted(total, 'question')} asked"
        tell(Report(text, fraction, pace.remaining_s(fraction)))

    return progress


def asked_in_words(asked: Asked, *, cancelled: bool) -> str:
    """Return what came of asking, in a few sentences."""
    if not asked.questions:
        return "Nothing was left to ask: each question has a run that counts."
    said = [f"{asked.recorded:,} of {counted(asked.questions, 'question')} asked and recorded."]
    if asked.refused:
        query, why = asked.refused[0]
        said.append(
            f"{counted(len(asked.refused), 'question')} cannot be asked; the first is {query[:80]!r}: {why}"
        )
    left = asked.questions - asked.recorded - len(asked.refused)
    if cancelled and left:
        said.append(f"Cancelled: {counted(left, 'question')} not asked.")
    return " ".join(said)
