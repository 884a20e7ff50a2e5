import random
from pathlib import Path

import ir_measures
import pytest
from ir_measures import AP, RR, Judged, P, R, nDCG

from rag.errors import InputFileError
from rag.metrics import mean_metrics
from rag.trec import Ranked, read_qrels, read_run, write_run


def write(path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_run_is_read_by_falling_score_and_ties_by_rank(tmp_path: Path) -> None:
    text = "q1 Q0 low 3 0.5 x\nq1 Q0 second 2 1.5 x\nq1 Q0 first 1 1.5 x\n\nq2 Q0 only 1 -2 x\n"
    run = read_run(write(tmp_path / "a.trec", text))
    assert run["q1"] == (Ranked("first", 1.5), Ranked("second", 1.5), Ranked("low", 0.5))
    assert list(run) == ["q1", "q2"]


def test_run_with_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.trec", "q1 Q0 d1 1 2.0 x\r\n", encoding="utf-8-sig")
    assert read_run(path) == {"q1": (Ranked("d1", 2.0),)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 Q0 d2 2 1.0", "expected six fields, .* found 5"),
        ("q1 Q0 d2 two 1.0 x", "expected a whole rank and a score, found 'two' and '1.0'"),
        ("q1 Q0 d2 2 high x", ".*found '2' and 'high'"),
        ("q1 Q0 d2 2 nan x", "expected a finite score, found 'nan'"),
        ("q1 Q0 d1 2 1.0 x", "document 'd1' is ranked twice for query 'q1'"),
    ],
)
def test_bad_line_of_a_run_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "a.trec", f"q1 Q0 d1 1 2.0 x\n{line}\n")
    with pytest.raises(InputFileError, match=f"line 2: {message}"):
        read_run(path)


def test_missing_run_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"absent\.trec: cannot be read \(No such file"):
        read_run(tmp_path / "absent.trec")


def test_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.trec", "q1 Q0 d1 1 2.0 x\nq1 Q0 caf\u00e9 2 1.0 x\n", encoding="latin-1")
    with pytest.raises(InputFileError, match="line 2: expected UTF-8 text, found the byte 0xe9"):
        read_run(path)


def test_scores_that_fall_are_written_exactly(tmp_path: Path) -> None:
    run = {"q1": (Ranked("d1", 0.1 + 0.2), Ranked("d2", -11.203405380249023))}
    write_run(tmp_path / "a.trec", run, tag="t")
    assert read_run(tmp_path / "a.trec") == run
    assert (tmp_path / "a.trec").read_text().startswith("q1 Q0 d1 1 0.30000000000000004 t\n")


def test_ties_are_written_so_that_the_order_survives(tmp_path: Path) -> None:
    # trec_eval breaks ties by falling id, others by rising id: neither may decide.
    order = ["b", "c", "a", "e", "d"]
    write_run(tmp_path / "a.trec", {"q1": [Ranked(name, 0.25) for name in order]}, tag="t")
    back = read_run(tmp_path / "a.trec")["q1"]
    assert [ranked.document_id for ranked in back] == order
    assert len({ranked.score for ranked in back}) == 5


@pytest.mark.parametrize("seed", range(20))
def test_scorers_read_our_order_from_a_written_run_full_of_ties(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"d{number}" for number in range(30)]
    run, qrels = {}, {}
    for query in ("q1", "q2", "q3"):
        # Scores that differ only beyond single precision are ties to trec_eval, which reads floats.
        scores = sorted((chance.randint(0, 4) + chance.random() * 1e-9 for _ in names[:20]), reverse=True)
        run[query] = [Ranked(*pair) for pair in zip(chance.sample(names, 20), scores, strict=True)]
        qrels[query] = {name: chance.randint(0, 2) for name in chance.sample(names, 12)} | {"d0": 1}
    write_run(tmp_path / "a.trec", run, tag="t")

    ranked = {query: [one.document_id for one in documents] for query, documents in run.items()}
    ours = mean_metrics(ranked, qrels, recall_depth=15).by_name
    measures = [nDCG @ 10, RR @ 10, P @ 5, R @ 15, AP, Judged @ 10]
    theirs = ir_measures.calc_aggregate(
        measures, qrels, list(ir_measures.read_trec_run(str(tmp_path / "a.trec")))
    )
    assert list(ours.values()) == pytest.approx([theirs[one] for one in measures], abs=1e-9)


def test_qrels_are_read_with_a_header_and_without(tmp_path: Path) -> None:
    rows = "q1\td1\t2\nq1\td2\t0\nq2\td1\t1\n"
    expected = {"q1": {"d1": 2, "d2": 0}, "q2": {"d1": 1}}
    assert read_qrels(write(tmp_path / "a.tsv", "query-id\tcorpus-id\tscore\n" + rows)) == expected
    assert read_qrels(write(tmp_path / "b.tsv", rows)) == expected


def test_qrels_are_read_as_trec_has_them(tmp_path: Path) -> None:
    path = write(tmp_path / "qrels", "q1 0 d1 2\nq1 0 d2 -2\n")
    assert read_qrels(path) == {"q1": {"d1": 2, "d2": -2}}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1\td2\tgood", "expected a whole number as grade, found 'good'"),
        ("q1\td2\t1.5", "expected a whole number as grade, found '1.5'"),
        ("q1\td2", "expected .* found 2 fields"),
        ("q1\td1\t2", "document 'd1' has two different grades for query 'q1'"),
    ],
)
def test_bad_line_of_qrels_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "qrels.tsv", f"q1\td1\t1\n{line}\n")
    with pytest.raises(InputFileError, match=f"line 2: {message}"):
        read_qrels(path)


def test_a_bad_grade_on_the_first_line_is_not_taken_for_a_header(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="line 1: expected a whole number as grade, found 'good'"):
        read_qrels(write(tmp_path / "qrels.tsv", "q1\td1\tgood\n"))
