"""A question's language is told by a few words, and by fewer it is not guessed."""

import json
from pathlib import Path

import pytest

from rag.language_shares import language_shares
from rag.question_language import question_language

ROOT = Path(__file__).resolve().parents[1]
BEIR = ROOT.parent / "shared" / "data" / "beir"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Come si preparano le orecchiette?", "it"),
        ("How are orecchiette made?", "en"),
        ("Wie lange ruht der Teig?", "de"),
        ("¿Cuánto tiempo reposa la masa?", "es"),
        ("Combien de temps la pâte repose-t-elle ?", "fr"),
        ("Por quanto tempo a massa deve descansar?", "pt"),
        ("Сколько времени отдыхает тесто?", "ru"),
        ("面団はどのくらい休ませますか", "ja"),
    ],
)
def test_a_few_words_tell_the_language(question: str, language: str) -> None:
    assert question_language(question) == language


@pytest.mark.parametrize("question", ["", "?", "42", "PDF", "Anna Rossi", "x = 3", "\ud83c"])
def test_what_tells_nothing_has_no_language(question: str) -> None:
    assert question_language(question) is None


@pytest.mark.parametrize(
    "question",
    ["COME SI PREPARANO LE ORECCHIETTE?", "come si preparano\nle orecchiette", "come\x00si preparano"],
)
def test_capitals_lines_and_control_characters_hide_no_language(question: str) -> None:
    assert question_language(question) == "it"


def test_half_a_character_is_no_obstacle() -> None:
    assert question_language("Come si preparano le orecchiette \ud83c?") == "it"


def test_shares_come_with_the_likeliest_language_first() -> None:
    shares = list(language_shares("Quanto riposa la pasta prima della cottura?").values())
    assert shares == sorted(shares, reverse=True)
    assert 0.9 < sum(shares) < 1.001


@pytest.mark.parametrize("in_capitals", [False, True])
def test_the_judged_questions_are_told_apart(in_capitals: bool) -> None:
    lines = (ROOT / "data" / "judged" / "queries.jsonl").read_text("utf-8").splitlines()
    told = {one["_id"]: one["text"] for one in map(json.loads, lines)}
    found = {key: question_language(text.upper() if in_capitals else text) for key, text in told.items()}
    assert all(language in (key[:2], None) for key, language in found.items())
    assert sum(language is not None for language in found.values()) >= 0.9 * len(found)


@pytest.mark.skipif(not BEIR.is_dir(), reason="the shared test files are not here")
@pytest.mark.parametrize(
    ("folder", "language"),
    [("xquad_en", "en"), ("xquad_de", "de"), ("xquad_es", "es"), ("squad_it_600", "it")],
)
def test_of_real_questions_hardly_one_is_missed(folder: str, language: str) -> None:
    lines = (BEIR / folder / "queries.jsonl").read_text("utf-8").splitlines()[:400]
    found = [question_language(json.loads(line)["text"]) for line in lines]
    assert found.count(language) > 0.97 * len(found)
    assert sum(code not in (language, None) for code in found) <= 1
