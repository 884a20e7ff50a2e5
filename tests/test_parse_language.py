import json
from pathlib import Path

import pytest

from rag.parse import parse
from rag.parse.language import detect

BEIR = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "beir"

ENGLISH = "All human beings are born free and equal in dignity and rights."
ITALIAN = "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (ITALIAN, "it"),
        ("Alle Menschen sind frei und gleich an Würde und Rechten geboren.", "de"),
        ("Все люди рождаются свободными и равными в своем достоинстве и правах.", "ru"),
        ("すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。", "ja"),
        ("人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。", "zh"),
    ],
)
def test_the_language_of_a_sentence_is_found(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("text", ["", "Hello", "OK", "1 2 3 4 5 6.7 8\n" * 30, "x = 3; y = 4", "abc " * 40])
def test_what_is_too_short_or_no_language_has_none(text: str) -> None:
    assert detect(text) is None


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (ITALIAN, "it")])
def test_capitals_do_not_hide_the_language(text: str, language: str) -> None:
    assert detect(text.upper()) == language


def test_a_long_document_is_judged_by_several_of_its_places() -> None:
    foreword = f"{ITALIAN}\n" * 30
    assert detect(foreword + f"{ENGLISH}\n" * 20_000) == "en"


def test_addresses_do_not_hide_the_language() -> None:
    lines = (f"http://{word * 9}.onion/ {word}@example.org" for word in "abcdefgh")
    assert detect("\n".join(lines) + ENGLISH) == "en"


def test_a_document_knows_its_language() -> None:
    assert parse("a.txt", ITALIAN.encode()).language == "it"


@pytest.mark.skipif(not BEIR.is_dir(), reason="the shared test files are not here")
@pytest.mark.parametrize(
    ("folder", "language"),
    [("xquad_en", "en"), ("xquad_de", "de"), ("xquad_es", "es"), ("squad_it_600", "it")],
)
def test_what_is_sure_is_right(folder: str, language: str) -> None:
    lines = (BEIR / folder / "corpus.jsonl").read_text("utf-8").splitlines()[:200]
    found = [detect(json.loads(line)["text"][:200]) for line in lines]
    assert set(found) <= {language, None}
    assert found.count(language) > 0.97 * len(found)
