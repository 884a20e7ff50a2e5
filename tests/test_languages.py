"""Whoever asks in a collection that the models cannot read is told so, and which models can."""

import pytest

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.language_names import language_name
from rag.languages import language_notices, question_notice
from rag.models.catalog import PRESETS
from rag.records import ModelInfo

ENGLISH = [ModelInfo(DEFAULT_EMBEDDER, "e" * 64, "cpu"), ModelInfo(DEFAULT_RERANKER, "f" * 64, "cpu")]
(MULTILINGUAL, *_) = PRESETS
BOTH_MULTILINGUAL = [
    ModelInfo(MULTILINGUAL.embedder, "a", "cpu"),
    ModelInfo(MULTILINGUAL.reranker, "b", "cpu"),
]


def test_a_document_that_neither_model_reads_is_named_with_its_language_both_models_and_the_preset() -> None:
    (notice,) = language_notices({"regolamento.pdf": "it"}, ENGLISH)
    assert notice == (
        f"regolamento.pdf is in Italian; {DEFAULT_EMBEDDER} and {DEFAULT_RERANKER} read English only. "
        f"The preset “{MULTILINGUAL.name}” (Models page) reads it: "
        f"{MULTILINGUAL.embedder} and {MULTILINGUAL.reranker}. {MULTILINGUAL.cost}"
    )


def test_where_only_the_reranker_does_not_read_it_only_a_reranker_is_named() -> None:
    (notice,) = language_notices({"a.pdf": "it"}, [BOTH_MULTILINGUAL[0], ENGLISH[1]])
    assert f"; {DEFAULT_RERANKER} reads English only. The reranker of the preset" in notice
    assert MULTILINGUAL.embedder not in notice


@pytest.mark.parametrize(
    ("documents", "models"),
    [
        ({"a": "en", "b": "en"}, ENGLISH),
        ({"a": None}, ENGLISH),
        ({"a": "it", "b": "de"}, BOTH_MULTILINGUAL),
        ({"a": "it"}, [ModelInfo("maker/of-ones-own", "f", "cpu")]),
        ({"a": "it"}, [ModelInfo("elsewhere", "", "remote cohere at gpu.example.com")]),
        ({"a": "it"}, []),
        ({}, ENGLISH),
    ],
    ids=["read", "unknown language", "multilingual", "unknown model", "remote", "no model", "no document"],
)
def test_where_nothing_is_amiss_or_known_nothing_is_said(
    documents: dict[str, str | None], models: list[ModelInfo]
) -> None:
    assert language_notices(documents, models) == ()


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        (["it", "it", "en"], "2 of 3 documents are in Italian;"),
        (["it", "it", "de", None], "2 of 4 documents are in Italian, 1 in German;"),
        (["it", "it"], "The 2 documents are in Italian;"),
        (["it", "de"], "1 of 2 documents is in Italian, 1 in German;"),
    ],
)
def test_many_documents_make_one_sentence_with_counts(languages: list[str | None], said: str) -> None:
    (notice,) = language_notices({str(n): code for n, code in enumerate(languages)}, ENGLISH)
    assert notice.startswith(said)
    (notice,) = language_notices({str(n): code for n, code in enumerate(languages)}, ENGLISH, found=True)
    assert "documents found" in notice


def test_models_that_read_different_languages_are_told_apart() -> None:
    (notice,) = language_notices({"a": "it"}, [ENGLISH[0], ModelInfo("BAAI/bge-reranker-base", "f", "cpu")])
    assert "reads English only, BAAI/bge-reranker-base reads English and Chinese only." in notice


def test_a_language_that_the_catalogue_does_not_list_is_not_promised() -> None:
    (notice,) = language_notices({"a": "pl"}, ENGLISH)
    assert "a is in Polish" in notice
    assert "is made for many languages: " in notice


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ({}, "The question is in Italian; "),
        ({"a.pdf": "it"}, "The question is in Italian, and so is a.pdf; "),
        ({"a": "it", "b": "it"}, "The question is in Italian, and so are the 2 documents found; "),
        (
            {"a": "it", "b": "it", "c": "en"},
            "The question is in Italian, and so are 2 of 3 documents found; ",
        ),
        ({"a": "de"}, "The question is in Italian, a is in German; "),
        ({"a": "en"}, "The question is in Italian; "),
    ],
)
def test_one_notice_speaks_of_a_question_that_is_not_read_and_of_what_it_found(
    documents: dict[str, str | None], said: str
) -> None:
    (notice,) = question_notice("it", ENGLISH, documents)
    assert notice.startswith(f"{said}{DEFAULT_EMBEDDER} and {DEFAULT_RERANKER} read English only.")
    assert notice.endswith(f"{MULTILINGUAL.reranker}. {MULTILINGUAL.cost}")


def test_of_a_question_that_is_read_only_the_documents_are_told() -> None:
    documents: dict[str, str | None] = {"a": "it", "b": "en"}
    expected = language_notices(documents, ENGLISH, found=True)
    assert question_notice("en", ENGLISH, documents) == question_notice(None, ENGLISH, documents) == expected


@pytest.mark.parametrize(
    ("language", "models"),
    [
        ("it", BOTH_MULTILINGUAL),
        ("en", ENGLISH),
        (None, ENGLISH),
        ("it", []),
        ("it", [ModelInfo("x/y", "", "")]),
    ],
    ids=["multilingual", "read", "not sure", "no model", "unknown model"],
)
def test_a_question_that_is_read_as_far_as_is_known_needs_no_notice(
    language: str | None, models: list[ModelInfo]
) -> None:
    assert question_notice(language, models, {"a": "en"}) == ()


@pytest.mark.parametrize(
    ("code", "name"), [("it", "Italian"), ("ZH", "Chinese"), ("kik", "Kikuyu"), ("qqq", "qqq")]
)
def test_a_language_has_its_english_name(code: str, name: str) -> None:
    assert language_name(code) == name
