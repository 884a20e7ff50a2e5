"""Decide what finds a question's candidates: vectors, words, or both."""

from collections.abc import Mapping
from dataclasses import dataclass

from rag.config import RetrieverChoice
from rag.language_names import language_name
from rag.languages import known_model, may_read
from rag.models.catalog import CatalogEntry
from rag.outcomes import Retriever


@dataclass(frozen=True, slots=True)
class Route:
    """What finds the candidates; `notices` say why, where nobody named it and it is not the usual one."""

    retriever: Retriever
    notices: tuple[str, ...] = ()


def route(
    choice: RetrieverChoice,
    *,
    question_language: str | None,
    documents: Mapping[str | None, int],
    embedder_id: str,
) -> Route:
    """Return the retriever that `choice` names, or that the languages ask for where it is "auto".

    Then it is by vectors alone, unless the embedder does not read the question's language; where that is
    not sure, unless it does not read most of the documents, of which `documents` says how many are in which
    language. An embedder that the catalogue does not know is taken to read everything.
    """
    if choice != "auto":
        return Route(choice)
    known = known_model(embedder_id)
    if known is None:
        return Route("dense")
    language = question_language or _most(documents, known)
    if language is None or may_read(known, language):
        return Route("dense")
    name = language_name(language)
    because = (
        f"{embedder_id} does not read {name}, the language of the question"
        if question_language
        else f"most of the documents are in what {embedder_id} does not read, such as {name}"
    )
    return Route(
        "hybrid",
        (f"Passages were looked for by their words as well as by their vectors, because {because}.",),
    )


def _most(documents: Mapping[str | None, int], model: CatalogEntry) -> str | None:
    """Return the commonest language that `model` does not read, if most documents are in such languages."""
    known = {language: n for language, n in documents.items() if language}
    unread = {language: n for language, n in known.items() if not may_read(model, language)}
    if 2 * sum(unread.values()) <= sum(known.values()):
        return None
    return max(unread, key=lambda language: (unread[language], language))
