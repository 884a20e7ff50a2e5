"""What finds the candidates where nobody says it."""

import pytest

from rag.config import DEFAULT_EMBEDDER, RetrieverChoice
from rag.outcomes import Retriever
from rag.route import Route, route

MULTILINGUAL = "intfloat/multilingual-e5-small"
ITALIAN = {"it": 5, "en": 2, None: 9}


@pytest.mark.parametrize("choice", ["dense", "lexical", "hybrid"])
def test_a_named_retriever_is_taken_as_it_is(choice: RetrieverChoice) -> None:
    assert route(choice, question_language="it", documents=ITALIAN, embedder_id=DEFAULT_EMBEDDER) == Route(
        choice  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("embedder", "question", "documents", "retriever"),
    [
        (DEFAULT_EMBEDDER, "en", {"it": 5}, "dense"),
        (DEFAULT_EMBEDDER, "it", {"en": 5}, "hybrid"),
        (DEFAULT_EMBEDDER, None, ITALIAN, "hybrid"),
        (DEFAULT_EMBEDDER, None, {"en": 5, "it": 2}, "dense"),
        (DEFAULT_EMBEDDER, None, {None: 3}, "dense"),
        (DEFAULT_EMBEDDER, None, {}, "dense"),
        (MULTILINGUAL, "it", ITALIAN, "dense"),
        (MULTILINGUAL, "fi", ITALIAN, "dense"),
        ("my/own-embedder", "it", ITALIAN, "dense"),
    ],
)
def test_words_help_where_the_embedder_does_not_read_the_question(
    embedder: str, question: str | None, documents: dict[str | None, int], retriever: Retriever
) -> None:
    found = route("auto", question_language=question, documents=documents, embedder_id=embedder)
    assert (found.retriever, bool(found.notices)) == (retriever, retriever == "hybrid")


def test_the_notice_says_why() -> None:
    asked = route("auto", question_language="it", documents={}, embedder_id=DEFAULT_EMBEDDER)
    held = route("auto", question_language=None, documents=ITALIAN, embedder_id=DEFAULT_EMBEDDER)
    why = f"{DEFAULT_EMBEDDER} does not read"
    assert f"because {why} Italian, the language of the question." in asked.notices[0]
    assert f"because most of the documents are in what {why}, such as Italian." in held.notices[0]


def test_of_as_many_documents_in_either_language_none_decides() -> None:
    half = {"en": 9, "it": 9, None: 3}
    found = route("auto", question_language=None, documents=half, embedder_id=DEFAULT_EMBEDDER)
    assert found == Route("dense")
