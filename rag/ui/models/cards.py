"""Draw models as HTML: every text from an id or a file escaped, every number as it was measured."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from rag.amounts import bytes_in_words, duration
from rag.config import RemoteSettings
from rag.jobs import Job, Report
from rag.machine.places import Place
from rag.models.cache import InstalledModel
from rag.models.catalog import CatalogEntry, Preset
from rag.models.manifest import FORMS
from rag.records import ModelInfo
from rag.service import Loaded
from rag.wording import named, parity_in_words

TASKS = {"rerank": "Reranker", "embed": "Embedder"}
LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "nl": "Dutch",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}

_SURVIVAL = {
    "always": "restarts and new deployments",
    "restart": "restarts, but no new deployment",
    "nothing": "nothing: it is empty after every restart",
    "unknown": "not known",
}
_HOUR_S = 3600

Fact = tuple[str, str]  # what it is, and the text


def known_model(entry: CatalogEntry) -> str:
    """Return what the catalogue says of a model."""
    size = f"{entry.parameters_m} million parameters · reads {entry.max_tokens:,} tokens"
    badges = [_badge(entry.licence)]
    if not entry.commercial:
        badges.append(_badge("not for commercial use", "rl-no"))
    if entry.remote_code:
        badges.append(_badge("runs Python code from its repository", "rl-no"))
    return _model(
        entry.id,
        f"<p>{escape(entry.choose)}</p>"
        f'<p class="rl-small">{TASKS[entry.task]} · {size}<br>{escape(_languages(entry))}</p>'
        f"<p>{' '.join(badges)}</p>",
    )


def other_model(model: InstalledModel) -> str:
    """Return what a model that is not in the catalogue says of itself."""
    manifest = model.manifest
    languages = ", ".join(LANGUAGES.get(code, code) for code in manifest.languages) if manifest else ""
    said = [
        TASKS[model.task],
        f"reads {model.reading.max_tokens:,} tokens",
        *([languages] if languages else []),
    ]
    licence = f"<p>{_badge(manifest.licence)}</p>" if manifest and manifest.licence else ""
    return _model(model.id, f'<p class="rl-small">{escape(" · ".join(said))}</p>{licence}')


def state(model: InstalledModel, *, in_use: bool) -> str:
    """Return that a model is on this machine: where, how large, how true, since when."""
    used = ", in use" if in_use else ""
    return facts([("here", f"{_form(model)}{used}"), *where(model)])


def absent(entry: CatalogEntry) -> str:
    """Return that a model is not on this machine, and what it costs to have it."""
    return facts([("not here", to_fetch(entry))])


def where(model: InstalledModel) -> list[Fact]:
    """Return where a model lies, and how it was made."""
    if model.manifest is None:
        return [
            ("size", bytes_in_words(model.size_bytes)),
            ("folder", f"{model.folder} (came with the program)"),
        ]
    made = f"{_moment(model.manifest.created_at)}"
    if total := model.manifest.seconds.get("total"):
        made += f", in {duration(total)}"
    return [
        ("size", bytes_in_words(model.size_bytes)),
        ("folder", str(model.folder)),
        ("fidelity", parity_in_words(model.manifest)),
        ("made", made),
        *(("note", note) for note in model.manifest.notes),
    ]


def reranker_in_use(
    model: InstalledModel | None, loaded: Loaded, now: datetime, *, stands_by: bool = False
) -> str:
    """Return which local reranker is in memory, and how it came there.

    `stands_by` says that it answers only in place of a remote one.
    """
    ago = max(0.0, (now - loaded.at).total_seconds())
    since = f"{duration(ago)} ago" if ago < _HOUR_S else _moment(loaded.at.isoformat())
    lies = where(model) if model else []
    return _model(
        "Local reranker (takes its place if the remote one fails)" if stands_by else "Reranker",
        facts([("model", loaded.reranker.id), ("loaded", f"{since}, in {duration(loaded.seconds)}"), *lies]),
    )


def remote_reranker(remote: ModelInfo, settings: RemoteSettings, *, preferred: bool, local_id: str) -> str:
    """Return where the remote reranker is, when it is asked, and what happens when it fails."""
    if preferred:
        asked = "for every question that names no reranker"
        fails = f"{local_id} on this machine takes its place, and the answer says so"
    else:
        asked = "only for a question that names it: USE_ONNX_RERANKER is true"
        fails = "the question gets an error and no result"
    rows = [
        ("model", named(remote)),
        ("style", settings.style),
        ("asked", asked),
        ("time limit", f"{settings.timeout_s:g} s for a question, all tries together"),
        ("if it fails", fails),
    ]
    return _model("Remote reranker (in use)" if preferred else "Remote reranker", facts(rows))


def embedders_in_use(rows: Iterable[tuple[str, str, bool]], default_id: str) -> str:
    """Return each collection's embedder, from `rows` of (collection, embedder, whether it is here)."""
    missing = "is not on this machine: re-embed the collection with another"
    said = [(name, model_id if here else f"{model_id} {missing}") for name, model_id, here in rows]
    return _model("Embedder of each collection", facts([*said, ("(new ones)", default_id)]))


def preset(preset: Preset, models: Iterable[tuple[CatalogEntry, str]]) -> str:
    """Return what a preset consists of and costs, from (model, its state)."""
    rows = facts((TASKS[known.task], f"{known.id}: {state}") for known, state in models)
    said = f"{preset.choose} {preset.cost}".rstrip()
    return _model(preset.name, f"<p>{escape(said)}</p>{rows}")


def to_fetch(entry: CatalogEntry) -> str:
    """Return what it costs to have a model that is not here."""
    return f"{bytes_in_words(entry.download_mb * 1_000_000)} to fetch, once"


def place(topic: str, found: Place) -> str:
    """Return where a folder is, whether it survives, how much room is left, and what to do."""
    room = "not known"
    if found.free_bytes is not None:
        room = f"{bytes_in_words(found.free_bytes)} free"
        room += f" of {bytes_in_words(found.total_bytes)}" if found.total_bytes else ""
    writable = [] if found.writable else [("but", "this process may not write there")]
    remedy = [("to do", found.remedy)] if found.remedy else []
    lines = [("where", found.sentence), ("survives", _SURVIVAL[found.survives]), ("room", room)]
    return _model(topic, facts([*lines, *writable, *remedy]))


def broken(folders: Iterable[Fact]) -> str:
    """Return which folders of the cache cannot be used, and what to do about each."""
    return _model("Folders that cannot be used", facts(folders))


def facts(rows: Iterable[Fact]) -> str:
    """Return a list of facts, each under its name."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in rows)
    return f'<dl class="rl rl-facts">{items}</dl>'


def progress(title: str, report: Report) -> str:
    """Return how far a job is."""
    return f'<p class="rl rl-live"><b>{escape(title)}</b><br>{escape(report.text)}</p>'


def outcome(job: Job) -> str:
    """Return what came of a job."""
    return f'<p class="rl rl-done">{escape(job.outcome)}</p>'


def _model(name: str, html: str) -> str:
    return f'<div class="rl rl-model"><h4>{escape(name)}</h4>{html}</div>'


def _badge(text: str, kind: str = "") -> str:
    return f'<span class="rl-badge {kind}">{escape(text)}</span>'


def _form(model: InstalledModel) -> str:
    return FORMS[model.manifest.quantization if model.manifest else "int8"]


def _languages(entry: CatalogEntry) -> str:
    names = ", ".join(LANGUAGES.get(code, code) for code in entry.languages)
    return f"{names} and others" if entry.more_languages else names


def _moment(iso: str) -> str:
    try:
        return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return iso
