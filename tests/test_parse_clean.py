import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.parse.blocks import Block, join_blocks
from rag.parse.clean import clean

ANY_TEXT = st.text(st.characters(categories=None), max_size=60)
TRICKY_TEXT = st.text(
    st.sampled_from("aé e\u0301\u00ad\u200b\u200d\ud83d\ude00\ufeff\t \r\n\x0b\x0c\x85\u2028\xa0\x00")
)


@given(ANY_TEXT | TRICKY_TEXT)
@example("e\u00ad\u0301")
@example("a\r\x00\nb")
@example("a \u00ad\n \n\n b")
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@given(ANY_TEXT | TRICKY_TEXT)
def test_clean_text_is_composed_and_has_no_control_characters_but_newlines(text: str) -> None:
    cleaned = clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("cafe\u0301", "café"),
        ("co\u00adop\u200be\u2066r\u2069ate\ufeff", "cooperate"),
        ("a\x00b\x07c\x9fd", "abcd"),
        ("a\r\nb\rc\x0cd\u2028e\u2029f\x85g", "a\nb\nc\nd\ne\nf\ng"),
        ("a\u00a0b\tc\u3000d", "a b c d"),
        ("a  \n\n\n\n  b", "a\n\n  b"),
        (" \n a \n ", "a"),
        ("\ud83d\ude00 \ud83d", "\U0001f600 \ufffd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_clean(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@given(
    st.lists(
        st.builds(Block, ANY_TEXT | TRICKY_TEXT, st.integers(0, 6), st.none(), st.booleans()), max_size=6
    )
)
def test_joined_blocks_are_clean_and_headings_begin_where_it_says(blocks: list[Block]) -> None:
    content = join_blocks(blocks)
    assert clean(content.text) == content.text
    for heading in content.headings:
        assert content.text[heading.start :].startswith(heading.title)


def test_pages_span_their_own_text() -> None:
    content = join_blocks([Block(" one\x00 ", page=1), Block(" ", page=2), Block("three", page=3)])
    assert content.text == "one\n\nthree"
    assert [(page.number, content.text[page.start : page.end]) for page in content.pages] == [
        (1, "one"),
        (3, "three"),
    ]


def test_list_items_stand_on_neighbouring_lines_between_blank_ones() -> None:
    blocks = [Block("Buy:"), Block("- tea", in_list=True), Block("- milk", in_list=True), Block("Then rest.")]
    assert join_blocks(blocks).text == "Buy:\n\n- tea\n- milk\n\nThen rest."
