"""What a written text's marks cite, and what cannot pass for a citation."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answers.citations import read


def said(text: str, given: int = 5) -> list[tuple[str, tuple[int, ...]]]:
    return [(sentence.text, sentence.numbers) for sentence in read(text, given).sentences]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Boil water [1]. Add salt [2].", [("Boil water.", (1,)), ("Add salt.", (2,))]),
        ("Boil water. [1] Add salt.[2]", [("Boil water.", (1,)), ("Add salt.", (2,))]),
        ("Boil water [1][3].", [("Boil water.", (1, 3))]),
        ("Boil water [3, 1; 3].", [("Boil water.", (3, 1))]),
        ("Boil water [2-4].", [("Boil water.", (2, 3, 4))]),
        ("Boil water 【1】 well [^2].", [("Boil water well.", (1, 2))]),
        ("Boil water. Add salt [2].", [("Boil water.", ()), ("Add salt.", (2,))]),
        ("[1] Boil water.\n[2] Add salt.", [("Boil water.", (1,)), ("Add salt.", (2,))]),
        ("- Boil water [1]\n- [2] Add salt", [("Boil water", (1,)), ("Add salt", (2,))]),
        ("Hours:\n\nFrom 9 to 5 [1].", [("Hours:", ()), ("From 9 to 5.", (1,))]),
        ("42. [1]", [("42.", (1,))]),
        ("Boil water ［１］［0２］, salt [３].", [("Boil water, salt.", (1, 2, 3))]),
        ("... [1]", []),
        ("L'impasto riposa un'ora [1]. Poi si stende [2].",
         [("L'impasto riposa un'ora.", (1,)), ("Poi si stende.", (2,))]),
        ("", []),
    ],
)  # fmt: skip
def test_a_mark_belongs_to_its_sentence(text: str, sentences: list[tuple[str, tuple[int, ...]]]) -> None:
    assert said(text) == sentences


@pytest.mark.parametrize("mark", ["6", "0", "-1", "−2", "99999999999999999999", "7-9"])
def test_a_number_that_was_not_given_is_taken_out_and_named(mark: str) -> None:
    reading = read(f"Boil water [{mark}] now [1].", 5)
    assert [(sentence.text, sentence.numbers) for sentence in reading.sentences] == [
        ("Boil water now.", (1,))
    ]
    assert reading.unknown == (("7", "8", "9") if mark == "7-9" else (mark.replace("−", "-"),))


@pytest.mark.parametrize(
    ("text", "words", "numbers"),
    [
        ("See [the site](http://evil.example/?q=secret) now.", "See the site now.", ()),
        ("![ ](http://evil.example/x.png)Done.", "Done.", ()),
        ("Done [1](http://evil.example).", "Done.", (1,)),
        ("Done [chunk-7] [one].", "Done [chunk-7] [one].", ()),
        ("<a href='#'>Done</a> [doc.pdf, 1].", "<a href='#'>Done</a> [doc.pdf, 1].", ()),
    ],
)
def test_no_link_and_no_name_points_anywhere(text: str, words: str, numbers: tuple[int, ...]) -> None:
    assert said(text) == [(words, numbers)]


@pytest.mark.parametrize("head", ["!" * 2500 + "a cat" + "[1]" * 490, "[1]\n" * 1000, "[9]" * 1333])
def test_no_text_takes_long_to_be_read(head: str) -> None:
    began = time.process_time()
    read(head, 5)
    assert time.process_time() - began < 2


@given(st.text(st.sampled_from("ab1290 .\n-[]【】(),;^!é"), max_size=60), st.integers(0, 12))
def test_every_citation_is_of_a_passage_that_was_given(text: str, given: int) -> None:
    reading = read(text, given)
    assert all(1 <= number <= given for sentence in reading.sentences for number in sentence.numbers)
    assert not any(number.isdigit() and 1 <= int(number) <= given for number in reading.unknown)


@given(st.text(st.sampled_from("abc. \n-:é"), max_size=60))
def test_every_word_is_in_a_sentence(text: str) -> None:
    words = [word for word in "".join(c if c.isalnum() else " " for c in text).split() if len(word) > 3]
    shown = " ".join(sentence.text for sentence in read(text, 3).sentences)
    assert all(word in shown for word in words)
