"""What a collection remembers besides its documents: its questions, its recorded runs, its votes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from results import LOCAL, REMOTE, search_result
from toy_library import add, opened

from rag.errors import LibraryError, NotFoundError
from rag.evidence import Question, Vote, VoteChoice
from rag.library import Library
from rag.records import ModelInfo, SearchResult, StageTime
from rag.store import runs as stored_runs

STAGES = (StageTime("embed", 0.01, 1), StageTime("score", 0.2, 3, 90, cached=1, each=(0.05, None, 0.07)))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        library.create_collection("shelf")
        yield library


def result(query: str = "a question") -> SearchResult:
    return search_result((2, 3, 1), query=query, stages=STAGES, notices=["Said then."])


def test_a_recorded_run_is_read_as_it_was_answered(library: Library, tmp_path: Path) -> None:
    info = library.store.runs.add(result())
    with opened(tmp_path) as again:
        assert again.store.runs.get(info.id).result == result()
        assert again.store.runs.get(info.id).info == info


def test_a_list_of_runs_begins_with_the_newest(library: Library) -> None:
    added = [library.store.runs.add(result(query)).id for query in ("one", "two", "one")]
    assert [info.id for info in library.store.runs.of("shelf")] == added[::-1]
    assert [info.id for info in library.store.runs.of("shelf", "one", most=1)] == added[2:]
    assert {q: info.id for q, info in library.store.runs.newest("shelf").items()} == {
        "one": added[2],
        "two": added[1],
    }


def test_a_run_says_which_state_of_the_documents_it_searched(library: Library) -> None:
    before = library.store.runs.add(result())
    add(library, "new.txt", "A text that is new.", "shelf")
    after = library.store.runs.add(result())
    state = library.store.state("shelf")
    assert state is not None
    assert before.revision != after.revision == state.revision


def test_judging_and_recording_leave_the_documents_state_as_it_is(library: Library) -> None:
    before = library.store.state("shelf")
    library.store.runs.add(result())
    library.store.questions.add("shelf", [Question("a question")])
    library.store.judgments.set_guidelines("shelf", "Grade 3 answers all of it.")
    assert library.store.state("shelf") == before


def test_old_runs_make_room_but_the_newest_of_each_question_and_the_kept_ones_stay(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_runs, "MOST_RUNS", 2)
    rare, kept, dropped = (library.store.runs.add(result(query)).id for query in ("rare", "often", "often"))
    library.store.runs.keep(kept)
    newer = [library.store.runs.add(result("often")).id for _ in range(2)]
    assert {info.id for info in library.store.runs.of("shelf")} == {rare, kept, *newer}
    with pytest.raises(NotFoundError, match="no such recorded run"):
        library.store.runs.get(dropped)


def test_a_deleted_run_is_gone_and_one_of_a_deleted_collection_too(library: Library) -> None:
    first, second = library.store.runs.add(result()), library.store.runs.add(result())
    library.store.runs.delete(first.id)
    assert [info.id for info in library.store.runs.of("shelf")] == [second.id]
    library.delete_collection("shelf")
    with pytest.raises(NotFoundError):
        library.store.runs.get(second.id)


def test_runs_follow_their_collection_to_its_new_name(library: Library) -> None:
    run = library.store.runs.add(result())
    library.rename_collection("shelf", "cupboard")
    assert library.store.runs.get(run.id).info.collection == "cupboard"


def test_an_unknown_collection_keeps_nothing(library: Library) -> None:
    with pytest.raises(NotFoundError, match="no collection 'elsewhere'"):
        library.store.runs.add(replace(result(), collection="elsewhere"))
    with pytest.raises(NotFoundError, match="no collection 'elsewhere'"):
        library.store.questions.add("elsewhere", [Question("a question")])


def test_a_question_is_kept_once_and_takes_the_id_that_comes_later(library: Library) -> None:
    questions = library.store.questions
    questions.add("shelf", [Question("asked first"), Question("named", "q7", "imported")])
    questions.add(
        "shelf", [Question("asked first", "q1", "imported"), Question("named", "other", "imported")]
    )
    assert [(q.text, q.id, q.origin) for q in questions.of("shelf")] == [
        ("asked first", "q1", "asked"),
        ("named", "q7", "imported"),
    ]
    questions.remove("shelf", "named")
    assert [q.text for q in questions.of("shelf")] == ["asked first"]
    assert questions.removed("shelf") == {"named"}
    questions.add("shelf", [Question("named", origin="asked")])
    assert [(q.text, q.id) for q in questions.of("shelf")] == [("asked first", "q1"), ("named", "")]
    assert questions.removed("shelf") == frozenset()


def test_an_endless_id_of_a_question_is_refused_whole(library: Library) -> None:
    with pytest.raises(LibraryError, match="may have 200 characters, found 201"):
        library.store.questions.add("shelf", [Question("fine"), Question("not", "x" * 201)])
    assert library.store.questions.of("shelf") == ()


@pytest.mark.parametrize(
    ("a", "b", "choice", "expected"),
    [
        (REMOTE, LOCAL, "a", "a"),
        (LOCAL, REMOTE, "a", "b"),
        (LOCAL, REMOTE, "b", "a"),
        (LOCAL, REMOTE, "both_bad", "both_bad"),
    ],
)
def test_a_vote_is_for_a_model_whichever_side_it_was_on(
    library: Library, a: ModelInfo, b: ModelInfo, choice: VoteChoice, expected: VoteChoice
) -> None:
    library.store.votes.put("shelf", Vote("a question", a, b, choice, "Ada"))
    (vote,) = library.store.votes.of("shelf")
    assert (vote.a, vote.b, vote.choice) == (REMOTE, LOCAL, expected)


def test_a_judge_who_votes_again_has_changed_his_mind(library: Library) -> None:
    for judge, choice in (("Ada", "a"), ("Ada", "both_good"), ("Bob", "b")):
        library.store.votes.put("shelf", Vote("q", REMOTE, LOCAL, choice, judge))  # type: ignore[arg-type]
    assert [(v.judge, v.choice) for v in library.store.votes.of("shelf")] == [
        ("Ada", "both_good"),
        ("Bob", "b"),
    ]


@pytest.mark.parametrize("damaged", ["info = '{'", "info = '{}'", "result = x'00'", "result = 'text'"])
def test_a_damaged_run_is_told_and_costs_no_other(library: Library, tmp_path: Path, damaged: str) -> None:
    bad, good = (library.store.runs.add(result(query)).id for query in ("bad", "good"))
    with closing(sqlite3.connect(tmp_path / "library.db")) as db, db:
        db.execute(f"UPDATE runs SET {damaged} WHERE id = ?", (bad,))
    with pytest.raises(LibraryError, match="cannot be read"):
        library.store.runs.get(bad)
    assert good in {info.id for info in library.store.runs.of("shelf")}
    assert "good" in library.store.runs.newest("shelf")
    assert list(library.store.runs.orders([bad, good]))[-1] == good
