"""Draw documents and what becomes of files as HTML: every text escaped, every character shown as it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from rag.amounts import bytes_in_words, counted
from rag.file_outcome import FileOutcome
from rag.jobs import Job
from rag.jobs.ingest import outcomes_in_words
from rag.language_names import language_name
from rag.records import Chunk, Document, DocumentInfo, Page
from rag.wording import place, unit

_MOST_OUTCOMES = 300  # in one list
_RECENT, _NEXT = 5, 5  # files beside the one underway
# A chunk is far shorter, unless it has hardly any white space.
_MOST_CHARS = 100_000


def underway(job: Job) -> str:
    """Return how far an ingestion is: the last files that are done, the one underway, and those to come."""
    report = job.report
    done = [_outcome(outcome) for outcome in report.outcomes[-_RECENT:]]
    earlier = len(report.outcomes) - len(done)
    waiting = [f"<li>waiting: {escape(name)}</li>" for name in report.left[1 : _NEXT + 1]]
    more = len(report.left) - 1 - len(waiting)
    rows = [
        *([f"<li>{counted(earlier, 'file')} before</li>"] if earlier else []),
        *done,
        *(
            [f"<li><b>{escape(report.text)}</b>{_bar(report.part)}</li>"]
            if report.left and report.text
            else []
        ),
        *waiting,
        *([f"<li>and {counted(more, 'other')} after</li>"] if more > 0 else []),
    ]
    return f'<ul class="rl-files rl-live">{"".join(rows)}</ul>'


def _bar(part: float | None) -> str:
    if part is None:
        return ""
    said = f'role="progressbar" aria-label="This file" aria-valuenow="{100 * part:.0f}"'
    return f'<div class="rl-part" {said}><span style="width:{100 * part:.1f}%"></span></div>'


def overall(job: Job) -> str:
    """Return how far a job is as a whole: files done and left, and the time left where it is known."""
    report = job.report
    parts = []
    if job.key.kind == "ingest" and (report.left or report.outcomes):
        parts += [f"{counted(len(report.left), 'file')} left"]
    elif report.text:
        parts += [report.text]
    if report.remaining_s is not None:
        parts += [f"{_coarse(report.remaining_s)} to go (estimate)"]
    if job.cancelled:
        parts += ["cancelling: what is done stays"]
    return f'<p class="rl rl-live"><b>{escape(job.title)}</b><br>{escape(" · ".join(parts))}</p>'


def _coarse(seconds: float) -> str:
    # To the second, an estimate would promise too much.
    if seconds < 10:
        return "less than 10 s"
    if seconds < 55:
        return f"about {10 * round(seconds / 10)} s"
    return f"about {round(seconds / 60)} min"


def outcome(job: Job) -> str:
    """Return what came of a job."""
    failed = job.state == "failed" or job.cancelled or any(o.status == "failed" for o in job.report.outcomes)
    mark = " rl-failed" if failed else ""
    verb = " failed" if job.state == "failed" else ""
    return f'<p class="rl rl-done{mark}">{escape(job.title)}{verb}. <b>{escape(job.outcome)}</b></p>'


def outcomes(found: Sequence[FileOutcome], left: Sequence[str] = ()) -> str:
    """Return what became of each file, failures first; `left` are those that were not begun."""
    rows = sorted(found, key=lambda outcome: (outcome.status != "failed", not outcome.reason))
    shown = [_outcome(outcome) for outcome in rows[:_MOST_OUTCOMES]]
    hidden = len(rows) - len(shown)
    shown += [f"<li>and {counted(hidden, 'other')}: {escape(outcomes_in_words(rows[-hidden:]))}</li>"] * (
        hidden > 0
    )
    shown += [f"<li>not added: {escape(name)}</li>" for name in left[:_MOST_OUTCOMES]]
    return f'<ul class="rl-files rl-scroll" tabindex="0" aria-label="Files">{"".join(shown)}</ul>'


def _outcome(outcome: FileOutcome) -> str:
    return f'<li class="{outcome.status}">{outcome.status}: {escape(outcome.message)}</li>'


def facts(info: DocumentInfo) -> str:
    """Return what is known of a document: what it is, how long, in which language, how it was cut."""
    parts = [
        info.kind.upper(),
        *([counted(info.pages, unit(info.kind))] if info.pages else []),
        counted(info.chunks, "chunk"),
        language_name(info.language) if info.language else "language not clear",
        *([f"encoding {info.encoding}"] if info.encoding else []),
        bytes_in_words(info.size_bytes) if info.size_bytes >= 1000 else counted(info.size_bytes, "byte"),
        f"chunks of about {info.chunking.target} tokens, {info.chunking.overlap} of overlap",
    ]
    notes = "".join(f'<p class="rl-note">{escape(note)}</p>' for note in info.notes)
    return (
        f'<div class="rl rl-model"><h4 dir="auto">{escape(info.name)}</h4>'
        f'<p class="rl-small">{escape(" · ".join(parts))}</p>{notes}</div>'
    )


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a document between two places where a chunk begins or ends.

    `chunks` are the numbers of the chunks that hold it: none, one, or several where they overlap;
    `begins` are those that begin with it. Numbers start at 1.
    """

    start: int
    end: int
    chunks: tuple[int, ...]
    begins: tuple[int, ...]


def stretches(chunks: Sequence[Chunk], *, first: int, start: int, end: int) -> list[Stretch]:
    """Return `text[start:end]` cut wherever one of `chunks` begins or ends; the first has number `first`."""
    numbered = list(enumerate(chunks, first))
    edges = {start, end}
    edges.update(min(max(edge, start), end) for _, chunk in numbered for edge in (chunk.start, chunk.end))
    places = sorted(edges)
    return [
        Stretch(
            at,
            until,
            tuple(number for number, chunk in numbered if chunk.start <= at and until <= chunk.end),
            tuple(number for number, chunk in numbered if chunk.start == at),
        )
        for at, until in pairwise(places)
    ]


def text_with_borders(document: Document, chunks: Sequence[Chunk], *, first: int, last: int) -> str:
    """Return the document's text from its chunk number `first` to `last`, the borders of chunks drawn in.

    Where chunks overlap, the text is shaded. The text before the first chunk and after the last comes too.
    """
    shown = chunks[first - 1 : last]
    start = 0 if first == 1 else shown[0].start
    end = len(document.text) if last >= len(chunks) else max(chunk.end for chunk in shown)
    cut = end - start > _MOST_CHARS
    end = min(end, start + _MOST_CHARS)
    # The end of the chunk before this page's first one lies in it.
    near = max(0, first - 2)
    parts = []
    for stretch in stretches(chunks[near:last], first=near + 1, start=start, end=end):
        parts += [_border(chunks[number - 1], number, document) for number in stretch.begins]
        parts.append(_stretch(document.text[stretch.start : stretch.end], stretch.chunks))
    rest = '<p class="rl-small">The text goes on; it is too long to be shown whole.</p>' if cut else ""
    region = 'tabindex="0" role="region" aria-label="Text with the borders of its chunks"'
    return (
        f'<div class="rl"><div class="rl-text rl-cut" dir="auto" {region}>{"".join(parts)}</div>{rest}</div>'
    )


def _border(chunk: Chunk, number: int, document: Document) -> str:
    parts = [place(document.kind, chunk.page)] if chunk.page is not None else []
    parts += [counted(chunk.tokens, "token")]
    parts += [" › ".join(chunk.headings)] if chunk.headings else []
    said = f"<bdi>{escape(' · '.join(parts))}</bdi>"
    return f'<span class="rl-border" dir="ltr"><b>chunk {number}</b> {said}</span>'


def _stretch(text: str, chunks: Sequence[int]) -> str:
    if len(chunks) < 2:
        return escape(text)
    said = f"In the chunks {' and '.join(map(str, chunks))}"
    return f'<span class="rl-overlap" title="{said}">{escape(text)}</span>'


def first_page(chunks: Sequence[Chunk], pages: Sequence[Page]) -> int:
    """Return the page on which `chunks` begin, 1 where that is not known."""
    return next((chunk.page for chunk in chunks if chunk.page), pages[0].number if pages else 1)


def removed(rows: Iterable[tuple[str, str]]) -> str:
    """Return names, each with a remark."""
    items = "".join(
        f'<li><bdi>{escape(name)}</bdi> <span class="rl-small">{escape(remark)}</span></li>'
        for name, remark in rows
    )
    return f'<ul class="rl-files rl-scroll" tabindex="0" aria-label="Files">{items}</ul>'
