"""Sentences: where a reader would end them, each with its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencex import segment

from rag.parse.dispatch import parse
from rag.samples import sample_files
from rag.sentences import split_sentences

# Mostly what real documents are made of, so that many examples have several sentences.
PIECES = st.sampled_from(
    ["Il dott. Rossi parla.", " ", "\n", "\n\n", "\r\n", "- ", "1. ", "# ", " | ", "e.g.", "Yes!", "2.5", "…"]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=20).map(
    lambda pieces: "".join(pieces).encode("utf-8", "replace").decode()
)


def sentences_of(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@settings(deadline=None)  # a machine that is busy elsewhere proves nothing about a text
@given(TEXTS)
def test_sentences_follow_one_another_and_have_a_letter_and_no_white_space_around_them(text: str) -> None:
    spans = list(split_sentences(text))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    assert all(any(c.isalpha() for c in text[start:end]) for start, end in spans)


def test_a_very_long_paragraph_has_the_same_sentences_as_its_parts() -> None:
    sentence = "The dott. Rossi came by train at 8.30, he says."
    assert sentences_of(f"{sentence} " * 1000) == [sentence] * 1000


@settings(deadline=None)  # a machine that is busy elsewhere proves nothing about a text
@given(TEXTS)
def test_the_segmenter_gives_pieces_that_add_up_to_its_text(text: str) -> None:
    # On which the spans rely.
    for language in ("en", "it"):
        assert "".join(segment(language, text)) == text


def test_of_each_sample_document_only_headings_page_lines_and_list_marks_are_left_out() -> None:
    for file in sample_files():
        text = parse(file.name, file.read()).text
        spans = list(split_sentences(text))
        quoted = sum(end - start for start, end in spans)
        assert quoted > 0.9 * len(text), file.name
        assert max(end - start for start, end in spans) < 300, file.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Dr. Smith came on Jan. 5th, e.g. by train. Was he late? No!",
            ["Dr. Smith came on Jan. 5th, e.g. by train.", "Was he late?", "No!"],
        ),
        (
            "Il dott. Rossi cita l'art. 5 del D.P.R. n. 44/2000, ecc. ecc., e tace. È vero? Vedi pag. 12.",
            [
                "Il dott. Rossi cita l'art. 5 del D.P.R. n. 44/2000, ecc. ecc., e tace.",
                "È vero?",
                "Vedi pag. 12.",
            ],
        ),
        ("- the red one\n• the blue one\n2. Open the lid", ["the red one", "the blue one", "Open the lid"]),
        ("Room | Price\nDouble | 80 euros", ["Room | Price", "Double | 80 euros"]),
        (
            "In the summer of that year the old doctor went to see\nRome,\nthen left. He slept.",
            [
                "In the summer of that year the old doctor went to see\nRome,\nthen left.",
                "He slept.",
            ],
        ),
        ("Ingredients\nFlour 300 g\nSalt\n\nMix.", ["Ingredients", "Flour 300 g", "Salt", "Mix."]),
        ("# Warranty\nit lasts two years.", ["it lasts two years."]),
        ("これはペンです。それは本です。", ["これはペンです。", "それは本です。"]),
        ("la garanzia dura due anni", ["la garanzia dura due anni"]),
        ("12. 34 – 56!", []),
        (" \n ", []),
    ],
)
def test_a_sentence_ends_where_a_reader_would_end_it(text: str, expected: list[str]) -> None:
    assert sentences_of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Warranty\n\nIt lasts two years.",
        "Warranty\nIt lasts two years.",
        "# Warranty\nIt lasts two years.",
        "How long is the warranty?\n\nIt lasts two years.",
    ],
)
def test_headings_and_questions_above_their_answer_are_left_out(text: str) -> None:
    assert sentences_of(text) == ["It lasts two years."]


def test_a_heading_alone_is_all_that_a_passage_says() -> None:
    assert sentences_of("Two years of warranty\n") == ["Two years of warranty"]


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u3000", "\u2009", "\u205f", "\u1680", "\x0b"])
def test_no_kind_of_space_ends_the_thread(space: str) -> None:
    text = f"Vitamin B{space}. Oui. C{space}. It is{space}there."
    assert all(text[start:end].strip() for start, end in split_sentences(text))
