"""Terms: what lexical search takes for the same word, and what for another."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.terms import PLAIN, STEMMED, query_terms, terms

ANY_LANGUAGE = st.sampled_from([*STEMMED, "ja", None])


def same(one: str, other: str, language: str | None) -> bool:
    return terms(one, language) == terms(other, language)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("l'orecchietta", "orecchietta"),
        ("dell’orecchietta", "orecchietta"),
        ("dall'acqua", "acqua"),
        ("perché", "perche'"),
        ("città", "citta'"),
        ("PERCHÉ", "perche"),
        ("un po'", "un po"),
    ],
)
def test_italian_elisions_and_accents_make_no_other_word(one: str, other: str) -> None:
    assert same(one, other, "it")


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("it", "orecchietta", "orecchiette"),
        ("it", "preparano", "preparare"),
        ("en", "valves", "valve"),
        ("de", "Häuser", "haus"),
        ("fr", "l'école", "ecoles"),
        ("es", "canciones", "canción"),
        ("pt", "canções", "cancoes"),
    ],
)
def test_forms_of_a_word_are_one_term(language: str, one: str, other: str) -> None:
    assert same(one, other, language)


def test_the_same_letters_in_two_languages_are_two_terms() -> None:
    assert terms("come", "it") != terms("come", "en")
    assert terms("come", "ja") == terms("come", None) != terms("come", "en")


def test_an_english_clitic_is_no_word_and_no_elision() -> None:
    assert terms("the dog's", "en") == terms("the dog", "en")
    assert terms("o'clock", "en") == terms("o clock", "en")


def test_a_word_stands_as_often_as_in_the_text_and_in_its_order() -> None:
    assert terms("tea, coffee; tea", "en") == ["en:tea", "en:coffe", "en:tea"]
    assert terms("— … !?", "en") == []


def test_text_without_spaces_is_cut_into_pairs() -> None:
    assert terms("東京都", "ja") == [":東京", ":京都"]
    assert set(terms("京都", "ja")) <= set(terms("東京都の", "ja"))


def test_numbers_and_letters_of_any_script_are_words() -> None:
    assert terms("12,5 mm", None) == [":12", ":5", ":mm"]
    assert terms("привет", "ru") == [":привет"]


@pytest.mark.parametrize("words", ["हिन्दी भाषा", "தமிழ் மொழி", "བོད ཡིག", "ދިވެހި ބަސް"])
def test_a_vowel_that_is_written_as_a_mark_ends_no_word(words: str) -> None:
    assert terms(f"{words}।", None) == [f":{word}" for word in words.split()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Αθήνα", "ΑΘΗΝΑ"),
        ("ὀδυσσεύς", "οδυσσευς"),
        ("كِتَابٌ", "كتاب"),
        ("كـــتاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("İstanbul", "istanbul"),
        ("Ёлка", "елка"),
        ("ḗ", "e"),
    ],
)
def test_accents_and_points_of_any_script_make_no_other_word(one: str, other: str) -> None:
    assert same(one, other, None)
    assert len(terms(one, None)) == 1


def test_another_letter_stays_another_letter() -> None:
    assert not same("мой", "мои", "ru")


def test_a_korean_word_is_found_whatever_particle_it_ends_in() -> None:
    assert set(terms("서울", "ko")) <= set(terms("서울에서", "ko"))


@given(st.text(max_size=60), ANY_LANGUAGE)
def test_every_term_names_its_language_and_no_accent_is_left(text: str, language: str | None) -> None:
    found = terms(text, language)
    assert all(term.startswith(f"{language if language in STEMMED else PLAIN}:") for term in found)
    assert same(text, unicodedata.normalize("NFD", text), language)


# Of a question


def test_a_question_is_read_in_each_language_of_the_texts() -> None:
    words = query_terms("orecchiette", {"it": 3, "en": 1})
    assert words == [tuple(sorted([*terms("orecchiette", "it"), *terms("orecchiette", "en")]))]


def test_a_word_that_is_said_twice_is_looked_for_once() -> None:
    assert query_terms("la pasta, l'ORECCHIETTA e le orecchiette", {"it": 1}) == sorted(
        {(term,) for term in terms("la pasta e le orecchiette", "it")}
    )


def test_idle_words_count_only_in_the_language_of_most_texts() -> None:
    sought = query_terms("come si preparano", {"en": 100, "it": 2})
    every = {term for word in sought for term in word}
    assert not {"it:com", "it:si"} & every
    assert set(terms("come", "en")) <= every
    assert set(terms("preparano", "it")) <= every


def test_a_question_of_idle_words_alone_is_looked_for_all_the_same() -> None:
    assert query_terms("to be or not to be", {"en": 1}) != []
    assert query_terms("essere o non essere", {"de": 2, "it": 1}) != []


def test_idle_words_of_a_rarer_language_are_looked_for_where_there_are_no_others() -> None:
    words = query_terms("essere o non essere", {"en": 100, "it": 2})
    assert set(terms("essere o non", "it")) <= {term for word in words for term in word}


def test_without_texts_and_without_words_nothing_is_looked_for() -> None:
    assert query_terms("?!", {"it": 1}) == []
    assert query_terms("", {}) == []
