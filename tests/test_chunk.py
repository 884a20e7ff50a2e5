"""Chunks: exact spans, bounded size, sensible breaks."""

import itertools
import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine import installed
from tokenizers import Tokenizer

from rag.chunk import MAX_TOKENS, TARGETS, check_chunking, split
from rag.records import DEFAULT_CHUNKING, Chunk, Chunking, Document, Heading, Page

TOKENIZER = Tokenizer.from_file(str(installed("embed").tokenizer))
TOKENIZER.no_padding()
TOKENIZER.no_truncation()

SENTENCE = "The boiler on the second floor needs a new valve before the winter starts. "
WORDS = st.sampled_from(
    ["pasta", "perché", "1,234.5", "東京", "naïve", "👩‍🍳", "a" * 130, "\u200b", "x.", "No!"]
)
PROSE = st.lists(st.tuples(WORDS, st.sampled_from([" ", "\n", "\n\n", ""])), max_size=400).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


def offsets(text: str) -> list[tuple[int, int]]:
    return list(TOKENIZER.encode(text, add_special_tokens=False).offsets)


def chunks_of(
    text: str,
    *,
    room: int = MAX_TOKENS,
    pages: tuple[Page, ...] = (),
    headings: tuple[Heading, ...] = (),
    chunking: Chunking = DEFAULT_CHUNKING,
) -> tuple[Chunk, ...]:
    document = Document("d", "d.txt", "txt", text, pages, headings)
    return split(document, offsets, room=room, chunking=chunking)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=3000), PROSE))
def test_every_chunk_is_its_span_and_fits_the_model(text: str) -> None:
    for chunk in chunks_of(text):
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.tokens == len(offsets(chunk.text)) <= MAX_TOKENS
        assert chunk.text == chunk.text.strip() != ""


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=3000), PROSE), st.integers(16, 600))
def test_every_chunk_fits_a_small_window_and_nothing_is_left_out(text: str, room: int) -> None:
    covered = [False] * len(text)
    for chunk in chunks_of(text, room=room):
        assert chunk.tokens == len(offsets(chunk.text)) <= min(room, MAX_TOKENS)
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    assert all(seen or char.isspace() for seen, char in zip(covered, text, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=3000), PROSE))
def test_nothing_but_white_space_is_left_out(text: str) -> None:
    covered = [False] * len(text)
    for chunk in chunks_of(text):
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    assert all(seen or char.isspace() for seen, char in zip(covered, text, strict=True))


@settings(max_examples=50, deadline=None)
@given(PROSE)
def test_chunks_come_in_order_and_never_stand_still(text: str) -> None:
    chunks = chunks_of(text)
    assert [c.start for c in chunks] == sorted({c.start for c in chunks})
    assert [c.end for c in chunks] == sorted(c.end for c in chunks)


def test_a_long_text_gives_chunks_near_the_target_with_an_overlap() -> None:
    chunks = chunks_of(SENTENCE * 120)
    assert all(130 <= chunk.tokens <= 290 for chunk in chunks)
    for before, after in itertools.pairwise(chunks):
        shared = before.text[after.start - before.start :]
        assert 20 <= len(offsets(shared)) <= DEFAULT_CHUNKING.overlap


@pytest.mark.parametrize("room", [MAX_TOKENS, 510, 8190])
def test_in_a_larger_window_chunks_stay_as_they_are(room: int) -> None:
    assert chunks_of(SENTENCE * 120, room=room) == chunks_of(SENTENCE * 120)


def test_in_a_small_window_chunks_are_near_a_smaller_target_with_a_smaller_overlap() -> None:
    chunks = chunks_of(SENTENCE * 120, room=126)
    assert all(55 <= chunk.tokens <= 126 for chunk in chunks)
    for before, after in itertools.pairwise(chunks):
        shared = before.text[after.start - before.start :]
        assert 8 <= len(offsets(shared)) <= 17


@settings(max_examples=100, deadline=None)
@given(PROSE, st.sampled_from(TARGETS), st.floats(0, 0.5))
def test_with_any_length_that_may_be_chosen_nothing_is_left_out(text: str, target: int, share: float) -> None:
    chunking, covered = Chunking(target, int(target * share)), [False] * len(text)
    check_chunking(chunking)
    for chunk in chunks_of(text, chunking=chunking):
        assert chunk.tokens == len(offsets(chunk.text)) <= MAX_TOKENS
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    assert all(seen or char.isspace() for seen, char in zip(covered, text, strict=True))


@pytest.mark.parametrize(
    "chunking", [Chunking(50, 0), Chunking(50, 25), Chunking(120, 30), Chunking(295, 80)]
)
def test_chunks_are_near_the_target_that_was_chosen(chunking: Chunking) -> None:
    chunks = chunks_of(SENTENCE * 120, chunking=chunking)
    assert all(chunking.target * 0.5 <= chunk.tokens <= chunking.target * 1.35 for chunk in chunks[:-1])
    for before, after in itertools.pairwise(chunks):
        shared = before.text[max(0, after.start - before.start) :]
        assert len(offsets(shared)) <= chunking.overlap


def test_a_chunk_ends_at_a_sentence_before_a_word() -> None:
    chunks = chunks_of(SENTENCE * 120)
    assert all(chunk.text.endswith(".") for chunk in chunks)
    assert all(chunk.text.startswith("The boiler") for chunk in chunks)


def test_wrapped_lines_do_not_end_a_chunk_inside_a_sentence() -> None:
    wrapped = textwrap.fill(SENTENCE * 120, 60)
    assert all(chunk.text.endswith(".") for chunk in chunks_of(wrapped))


def test_a_chunk_ends_at_a_paragraph_before_a_sentence() -> None:
    paragraph = SENTENCE * 10
    text = "\n\n".join([paragraph.strip()] * 6)
    assert all(re.match(r"\s*\n\n|$", text[chunk.end :]) for chunk in chunks_of(text))


def test_an_unmarked_title_goes_with_the_text_below_it() -> None:
    section = "Cleaning the valve\n\n" + (SENTENCE * 9).strip()
    chunks = chunks_of("\n\n".join([section] * 6))
    assert not any(chunk.text.endswith("valve") for chunk in chunks)


def test_a_section_of_its_own_is_a_chunk_without_overlap() -> None:
    sections = [f"# Part {n}\n\n{(SENTENCE * 10).strip()}" for n in range(3)]
    text = "\n\n".join(sections)
    headings = tuple(Heading(1, f"Part {n}", text.index(f"# Part {n}")) for n in range(3))
    chunks = chunks_of(text, headings=headings)
    assert [chunk.text for chunk in chunks] == sections
    assert [chunk.headings for chunk in chunks] == [("Part 0",), ("Part 1",), ("Part 2",)]


def test_small_sections_share_a_chunk_and_a_title_goes_with_its_text() -> None:
    text = "# Manual\n\n## Use\n\nPress the button.\n\n## Care\n\nWipe it dry."
    headings = (
        Heading(1, "Manual", 0),
        Heading(2, "Use", text.index("## Use")),
        Heading(2, "Care", text.index("## Care")),
    )
    (chunk,) = chunks_of(text, headings=headings)
    assert chunk.headings == ("Manual", "Use")


def test_a_chunk_knows_the_page_that_holds_most_of_it() -> None:
    first, second = (SENTENCE * 14).strip(), (SENTENCE * 14).strip()
    pages = (Page(3, 0, len(first)), Page(4, len(first) + 2, len(first) + 2 + len(second)))
    chunks = chunks_of(first + "\n\n" + second, pages=pages)
    assert [chunk.page for chunk in chunks] == [3, 4]


@pytest.mark.parametrize("text", ["", "   \n\n\t "])
def test_a_text_without_content_has_no_chunks(text: str) -> None:
    assert chunks_of(text) == ()


def test_a_word_of_a_million_letters_is_cut_rather_than_kept_whole() -> None:
    chunks = chunks_of("x" * 1_000_000)
    assert max(len(chunk.text) for chunk in chunks) <= 2_000
