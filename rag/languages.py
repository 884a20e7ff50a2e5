"""Compare what questions and documents are written in with what the models read."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from rag.amounts import counted, listed
from rag.language_names import language_name
from rag.models.catalog import PRESETS, CatalogEntry, Preset, entry
from rag.models.manifest import Task
from rag.models.naming import split_form
from rag.records import ModelInfo


def language_notices(
    documents: Mapping[str, str | None], models: Sequence[ModelInfo], *, found: bool = False
) -> tuple[str, ...]:
    """Return what to say where `models` do not read a language of `documents`: none, or one notice.

    `documents` are names with their languages (ISO 639-1); one whose language is not known is passed over,
    and so is a model of which the catalogue does not know what it reads. `found` says that the documents
    are those of a search's hits, not a whole collection.
    """
    entries = _known(models)
    unread = _unread(documents, entries)
    if not unread:
        return ()
    return (_notice(_which(unread, len(documents), found=found), unread.values(), entries),)


def question_notice(
    language: str | None, models: Sequence[ModelInfo], documents: Mapping[str, str | None] | None = None
) -> tuple[str, ...]:
    """Return what to say of a search where `models` do not read the question: none, or one notice.

    `language` is the question's, None where it is not sure. `models` are those that took part.
    `documents` are the names of those found, with their languages: the notice speaks of them too, and
    where only they are not read, it is that of `language_notices`.
    """
    entries = _known(models)
    if language is None or not _unread({"": language}, entries):
        return language_notices(documents or {}, models, found=True)
    unread = _unread(documents or {}, entries)
    which = f"The question is in {language_name(language)}"
    if unread and set(unread.values()) == {language}:
        which += f", and so {_how_many(unread, len(documents or {}))}"
    elif unread:
        which += f", {_which(unread, len(documents or {}), found=True)}"
    return (_notice(which, (language, *unread.values()), entries),)


def _known(models: Sequence[ModelInfo]) -> list[CatalogEntry]:
    return [known for model in models if (known := known_model(model.id))]


def known_model(model_id: str) -> CatalogEntry | None:
    """Return the catalogue's entry for a model in use, whatever its form ("@fp32"); None without one."""
    return entry(split_form(model_id)[0])


def _unread(documents: Mapping[str, str | None], models: Sequence[CatalogEntry]) -> dict[str, str]:
    """Return the documents that one of `models` does not read, with their languages."""
    return {
        name: language
        for name, language in documents.items()
        if language and any(not may_read(model, language) for model in models)
    }


def _notice(which: str, languages: Collection[str], models: Sequence[CatalogEntry]) -> str:
    """Return the notice: `which` are in `languages`, what the models read, and what helps."""
    once = tuple(dict.fromkeys(languages))
    lacking = [model for model in models if any(not may_read(model, code) for code in once)]
    return f"{which}; {_reading(lacking)}.{_remedy(lacking, once)}"


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


def _how_many(unread: Mapping[str, str], n_documents: int) -> str:
    """Return how many of the documents found, such as "are 4 of 9 documents found"."""
    if len(unread) == 1:
        return f"is {next(iter(unread))}"
    whole = counted(n_documents, "document") + " found"
    return f"are the {whole}" if len(unread) == n_documents else f"are {len(unread)} of {whole}"


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
    return f" The {part}preset “{preset.name}” (Models page) {reads}: {ids}. {preset.cost}".rstrip()
