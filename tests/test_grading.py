"""Grades from the Compare page's cards: whatever a browser sends, only what was on the screen is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from results import search_result
from toy_library import opened

from rag.library import Library
from rag.ui.comparison import grading

KEY = "comparison"
RESULT = search_result((2, 1))
CARD = RESULT.retrieved[0].passage.chunk_id
SENT = {"n": 1, "about": grading.about(RESULT), "chunk": CARD, "grade": "2"}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        library.create_collection(RESULT.collection)
        yield library
        st.session_state.clear()


def sent(library: Library, *marks: object) -> list[int | None]:
    """Have the page take `marks`, as a browser sends them; return the grades that are kept."""
    st.session_state[KEY] = {"marks": list(marks)}
    grading.take(library, RESULT, KEY)
    return [judgment.grade for judgment in library.judgments(RESULT.collection, RESULT.query)]


def test_a_grade_of_what_is_shown_is_kept_once(library: Library) -> None:
    assert sent(library, SENT) == [2]
    assert sent(library, {**SENT, "grade": "0"}) == [2]  # its number is known: it came before


@pytest.mark.parametrize(
    "forged",
    [
        {"grade": "7"},
        {"grade": "-1"},
        {"grade": 2},
        {"grade": "\u00b2"},
        {"chunk": "of another question"},
        {"chunk": None},
        {"about": grading.about(search_result((2, 1), query="another question"))},
        {"n": "1"},
    ],
)
def test_nothing_else_is_kept(library: Library, forged: dict[str, object]) -> None:
    assert sent(library, {**SENT, **forged}) == []
    assert sent(library, "garbage", {**SENT, "n": 2}) == [2]
