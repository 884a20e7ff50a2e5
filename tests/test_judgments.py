"""Judgments: made on a span, and true of whatever chunk covers it."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_library import add, opened

from rag.errors import LibraryError, NotFoundError
from rag.evidence import Judgment
from rag.library import Library
from rag.records import Chunk, Chunking
from rag.store.judgments import that_counts
from rag.store.migrations import MIGRATIONS

PLACES = st.tuples(st.integers(0, 60), st.integers(1, 60)).map(lambda place: (place[0], sum(place)))
JUDGMENTS = st.builds(lambda place, grade: Judgment("q", "d", *place, grade), PLACES, st.integers(0, 3))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        yield library


def graded(judgments: Sequence[Judgment], chunk: Chunk) -> int | None:
    """The grade that `judgments` of one judge give to `chunk`."""
    one = that_counts(judgments, chunk)
    return one.grade if one else None


def chunk(start: int, end: int, document: str = "d") -> Chunk:
    return Chunk(document, start, end, "x" * (end - start), 1)


@pytest.mark.parametrize(
    ("start", "end", "grade"),
    [
        (10, 20, 2),
        (0, 100, 2),
        (12, 14, 2),
        (15, 30, 2),
        (16, 30, None),
        (0, 15, 2),
        (0, 14, None),
        (20, 30, None),
    ],
)
def test_a_chunk_has_the_grade_of_the_span_it_shares_half_with(
    start: int, end: int, grade: int | None
) -> None:
    assert graded([Judgment("q", "d", 10, 20, 2)], chunk(start, end)) == grade


@given(JUDGMENTS)
def test_the_judged_span_itself_has_its_grade(judgment: Judgment) -> None:
    assert graded([judgment], chunk(judgment.start, judgment.end)) == judgment.grade


@given(JUDGMENTS, PLACES)
def test_a_chunk_within_or_around_the_span_has_its_grade(judgment: Judgment, place: tuple[int, int]) -> None:
    start, end = place
    inside = max(start, judgment.start), min(end, judgment.end)
    around = chunk(min(start, judgment.start), max(end, judgment.end))
    assert graded([judgment], around) == judgment.grade
    if inside[0] < inside[1]:
        assert graded([judgment], chunk(*inside)) == judgment.grade


@given(st.lists(JUDGMENTS, max_size=6), PLACES)
def test_of_several_about_a_chunk_the_highest_grade_counts_in_any_order(
    judgments: list[Judgment], place: tuple[int, int]
) -> None:
    others = [one for one in judgments if (one.start, one.end) != place]
    single = [grade for each in others if (grade := graded([each], chunk(*place))) is not None]
    assert graded(others, chunk(*place)) == max(single, default=None)
    assert graded(others[::-1], chunk(*place)) == graded(others, chunk(*place))


@given(st.lists(JUDGMENTS, max_size=6), PLACES, st.sampled_from([None, 0, 3]))
def test_what_was_said_of_the_very_span_counts_before_all_others(
    judgments: list[Judgment], place: tuple[int, int], grade: int | None
) -> None:
    others = [one for one in judgments if (one.start, one.end) != place]
    exact = Judgment("q", "d", *place, grade)
    assert that_counts([exact, *others], chunk(*place)) == exact
    assert that_counts([*others, exact], chunk(*place)) == exact


def test_of_equal_grades_about_a_chunk_the_last_counts() -> None:
    first, last = (Judgment("q", "d", 0, end, 2, note=f"up to {end}") for end in (8, 9))
    assert that_counts([first, last, Judgment("q", "d", 0, 7, None)], chunk(0, 10)) == last


@given(JUDGMENTS, PLACES)
def test_another_documents_chunk_has_no_grade(judgment: Judgment, place: tuple[int, int]) -> None:
    assert graded([judgment], chunk(*place, document="another")) is None


@given(JUDGMENTS, PLACES, st.integers(0, 1000))
def test_only_where_the_two_lie_to_each_other_matters(
    judgment: Judgment, place: tuple[int, int], shift: int
) -> None:
    moved = Judgment("q", "d", judgment.start + shift, judgment.end + shift, judgment.grade)
    start, end = place
    assert graded([judgment], chunk(start, end)) == graded([moved], chunk(start + shift, end + shift))


def test_a_judgment_takes_the_place_of_an_earlier_one_of_its_span(library: Library) -> None:
    add(library, "a.txt", "The text.")
    for query, grade in (("q", 1), ("another", 0), ("q", 3)):
        library.judge(Judgment(query, "d", 0, 4, grade), collection="c")
    (kept,) = library.judgments("c", "q")
    assert replace(kept, judged_at="") == Judgment("q", "d", 0, 4, 3)
    assert len(library.judgments("c")) == 2


def test_judgments_outlive_another_cut_and_a_deletion(library: Library) -> None:
    document = add(library, "a.txt", "The boiler on this floor needs a valve. " * 60)
    before = library.document("c", document)[1]
    library.judge(Judgment("q", document, before[0].start, before[0].end, 3), collection="c")
    library.rechunk("c", Chunking(60, 10))
    library.delete(document, collection="c")
    library.restore(document, collection="c")
    grades = [graded(library.judgments("c", "q"), each) for each in library.document("c", document)[1]]
    assert grades[0] == 3
    assert grades[-1] is None


@pytest.mark.parametrize(("start", "end", "grade"), [(0, 4, 4), (0, 4, -1), (4, 4, 1), (-1, 4, 1)])
def test_what_is_no_judgment_is_refused(library: Library, start: int, end: int, grade: int) -> None:
    add(library, "a.txt", "The text.")
    with pytest.raises(LibraryError, match="Expected a grade of 0 to 3 for a span, found"):
        library.judge(Judgment("q", "d", start, end, grade), collection="c")
    assert library.judgments("c") == ()


def test_an_unknown_collection_takes_no_judgment(library: Library) -> None:
    add(library, "a.txt", "The text.")
    with pytest.raises(NotFoundError, match=r"There is no collection 'x'\. Collections: c\."):
        library.judge(Judgment("q", "d", 0, 4, 1), collection="x")


def test_each_judge_has_a_judgment_of_his_own(library: Library) -> None:
    library.create_collection("shelf")
    ada, bob = (Judgment("q", "d", 0, 9, grade, judge) for grade, judge in ((3, "Ada"), (1, "Bob")))
    library.store.judgments.put("shelf", [ada, bob, Judgment("q", "d", 0, 9, 2, "Ada", "on second thought")])
    assert [(j.judge, j.grade, j.note) for j in library.judgments("shelf")] == [
        ("Bob", 1, ""),
        ("Ada", 2, "on second thought"),
    ]
    assert library.store.judgments.judges("shelf") == ("Ada", "Bob")
    library.store.judgments.take_back("shelf", bob)
    assert [j.judge for j in library.store.judgments.of("shelf", judge="Bob")] == []


def test_who_cannot_judge_says_nothing_about_the_chunk(library: Library) -> None:
    library.create_collection("shelf")
    library.judge(Judgment("q", "d", 0, 9, None, "Ada"), collection="shelf")
    (kept,) = library.judgments("shelf")
    assert kept.grade is None
    assert graded([kept], chunk(0, 9)) is None


def test_guidelines_belong_to_their_collection(library: Library) -> None:
    library.create_collection("shelf")
    library.store.judgments.set_guidelines("shelf", "Grade 3 answers all of it.")
    assert library.store.judgments.guidelines("shelf") == "Grade 3 answers all of it."
    with pytest.raises(LibraryError, match="20,000 characters, found 20,001"):
        library.store.judgments.set_guidelines("shelf", "x" * 20_001)


def test_judgments_of_an_older_library_are_still_there(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "library.db", isolation_level=None)
    for number, step in enumerate(MIGRATIONS[:3], start=1):
        step(db)
        db.execute(f"PRAGMA user_version = {number}")
    db.execute("INSERT INTO collections (name, revision) VALUES ('shelf', 'r')")
    db.execute("INSERT INTO judgments VALUES (7, 1, 'q', 'd', 0, 9, 2, '2026-01-01T00:00:00+00:00')")
    db.close()
    with opened(tmp_path) as library:
        assert library.judgments("shelf") == (
            Judgment("q", "d", 0, 9, 2, judged_at="2026-01-01T00:00:00+00:00"),
        )
