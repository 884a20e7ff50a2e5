"""Choose the two rerankers that are compared; the session's keys of the page that does."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import streamlit as st

from rag.evaluation.counting import questions as asked_or_judged
from rag.evaluation.grades import grades
from rag.inspect.versus import Choice, choices, names, precisions
from rag.service import Service
from rag.ui import components

A, B = "versus_a", "versus_b"
VIEW = "versus_view"
_SALT = "versus_salt"


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared on the page: two different rerankers, on a collection as its documents are now."""

    collection: str
    revision: str
    a: Choice
    b: Choice

    @property
    def names(self) -> tuple[str, str]:
        """How people call the two."""
        return names(self.a, self.b)

    @property
    def references(self) -> tuple[str, str]:
        """How settings call the two."""
        return self.a.reference, self.b.reference

    @property
    def asks_for_int8(self) -> bool:
        """Whether B is the int8 form of what A is in fp32."""
        return self.names == ("fp32", "int8")


def pair(service: Service, collection: str) -> Pair | None:
    """Draw the choice of two rerankers; return it, None while it names one of them twice."""
    offered = {choice.reference: choice for choice in choices(service, collection)}
    _settle(list(offered.values()))
    for slot, key, label in zip(st.columns(2), (A, B), ("Reranker A", "Reranker B"), strict=True):
        slot.selectbox(
            label,
            list(offered),
            format_func=lambda reference: offered[reference].label,
            key=key,
            persist_state="session",
        )
    a, b = (offered[st.session_state[key]] for key in (A, B))
    if a == b:
        components.notices(["Both are the same. Choose another one on one of the sides."])
        return None
    return Pair(collection, service.library.store.existing(collection).revision, a, b)


def _settle(offered: Sequence[Choice]) -> None:
    """Choose for who has chosen none: both precisions of the one that answers, or it and no reranking."""
    present, no_reranking = offered[0], offered[-1]
    both = next((two for two in precisions(offered) if present in two), (present, no_reranking))
    for key, first in zip((A, B), both, strict=True):
        if st.session_state.get(key) not in {choice.reference for choice in offered}:
            st.session_state[key] = first.reference


def choose(a: Choice, b: Choice) -> None:
    """Choose these two."""
    st.session_state[A], st.session_state[B] = a.reference, b.reference


def questions(service: Service, collection: str) -> dict[str, bool]:
    """Return the questions that were asked or judged in the collection: whether each is judged."""
    judged = grades(service.library, collection)
    found = asked_or_judged(service.library, collection)
    return {question.text: bool(judged.get(question.text)) for question in found}


def salt() -> str:
    """Return what this session's sides are shuffled with."""
    return str(st.session_state.setdefault(_SALT, uuid4().hex))
