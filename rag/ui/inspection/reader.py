"""Who can read an answer's pairs again: the reranker that ordered it, or who stands in for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rag.config import RerankerChoice
from rag.inspect.rerankers import RerankerOption
from rag.records import SearchResult
from rag.rerank import Scorer
from rag.service import Service
from rag.timing import Pulse
from rag.wording import is_remote


def reader_of(service: Service, result: SearchResult) -> RerankerOption:
    """Return the reranker that ordered the answer; the present one where that is not here, or was none."""
    choices = service.rerankers.choices()
    by = result.reranker
    # Nobody knows the file of a remote one: there is but one such.
    same = [choice for choice in choices if by and choice.sha256 == by.sha256]
    return same[0] if same else next(choice for choice in choices if choice.present)


def say_who(reader: RerankerOption, result: SearchResult) -> None:
    """Say which reranker reads the pairs, where it is not the one that ordered the answer."""
    if result.reranker and reader.sha256 != result.reranker.sha256:
        st.text(f"With {reader.label}: the reranker of this answer, {result.reranker.id}, is not here.")


@contextmanager
def scorer_of(
    service: Service, result: SearchResult, reader: RerankerOption, pulse: Pulse
) -> Iterator[Scorer | None]:
    """Yield what scores the answer's candidates again while the body runs; None where nothing did."""
    if result.reranker is None:
        yield None
        return
    with service.rerankers.using(reader.reference, pulse=pulse) as scorer:
        yield scorer


def choice_of(result: SearchResult) -> RerankerChoice:
    """Return who is to order the same question's hits today, that it be as they were ordered."""
    if result.reranker is None:
        return "none"
    return "remote" if is_remote(result.reranker) else "local"
