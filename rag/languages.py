"""Compare what documents are written in with what the models read."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from rag.amounts import counted, listed
from rag.language_names import language_name
from rag.models.catalog import PRESETS, CatalogEntry, Preset, entry
from rag.models.manifest import Task
from rag.records import ModelInfo


def language_notices(
    documents: Mapping[str, str | None], models: Sequence[ModelInfo], *, found: bool = False
) -> tuple[str, ...]:
    """Return what to say where `models` do not read a language of `documents`: none, or one notice.

    `documents` are names with their languages (ISO 639-1); one whose language is not known is passed over,
    and so is a model of which the catalogue does not know what it reads. `found` says that the documents
    are those of a search's hits, not a whole collection.
    """
    entries = [known for model in models if (known := entry(model.id))]
    unread = {
        name: language
        for name, language in documents.items()
        if language and any(not may_read(model, language) for model in entries)
    }
    if not unread:
        return ()
    languages = tuple(dict.fromkeys(unread.values()))
    lacking = [model for model in entries if any(not may_read(model, code) for code in languages)]
    which = _which(unread, len(documents), found=found)
    return (f"{which}; {_reading(lacking)}.{_remedy(lacking, languages)}",)


def may_read(model: CatalogEntry, language: str) -> bool:
    """Return whether `model` reads `language`, or reads so many that it may be one of them."""
    return model.more_languages or language in model.languages


def _which(unread: Mapping[str, str], n_documents: int, *, found: bool) -> str:
    """Return which documents are in which languages, such as "4 of 9 documents found are in Italian"."""
    if len(unread) == 1:
        ((name, language),) = unread.items()
        return f"{name} is in {language_name(language)}"
    (first, n_first), *others = Counter(unread.values()).most_common()
    whole = counted(n_documents, "document") + (" found" if found else "")
    are = "are" if n_first > 1 else "is"
    said = f"{n_first} of {whole} {are} in {language_name(first)}"
    if n_first == n_documents:
        said = f"The {whole} are in {language_name(first)}"
    return said + "".join(f", {n} in {language_name(code)}" for code, n in others)


def _reading(models: Sequence[CatalogEntry]) -> str:
    """Return what `models` read, such as "A reads English only"."""
    together: dict[tuple[str, ...], list[str]] = {}
    for model in models:
        together.setdefault(model.languages, []).append(model.id)
    return ", ".join(
        f"{listed(ids)} {'reads' if len(ids) == 1 else 'read'} {listed(map(language_name, languages))} only"
        for languages, ids in together.items()
    )


def _remedy(lacking: Sequence[CatalogEntry], languages: Sequence[str]) -> str:
    """Return which presets of the catalogue help, the smallest first: a sentence each."""
    tasks = {model.task for model in lacking}
    return "".join(_helps(preset, tasks, languages) for preset in PRESETS)


def _helps(preset: Preset, tasks: Collection[Task], languages: Sequence[str]) -> str:
    """Return which of the preset's models, of those for `tasks`, read `languages`; empty if they do not."""
    models = [model for id_ in (preset.embedder, preset.reranker) if (model := entry(id_))]
    wanted = [model for model in models if model.task in tasks]
    if not all(may_read(model, code) for model in wanted for code in languages):
        return ""
    part = "" if len(tasks) > 1 else f"{'reranker' if 'rerank' in tasks else 'embedder'} of the "
    # That a model reads more languages than the catalogue lists does not say which.
    named = all(code in model.languages for model in wanted for code in languages)
    reads = f"reads {'it' if len(languages) == 1 else 'them'}" if named else "is made for many languages"
    ids = listed(model.id for model in wanted)
    return f" The {part}preset “{preset.name}” (Models page) {reads}: {ids}."
