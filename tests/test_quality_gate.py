"""The gate: measures against a saved baseline, worse by more than a margin or not."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from rag.errors import InputFileError, QueryError
from rag.evaluation.gate import Baseline, Margins, Verdict, compare, read_baseline, save_baseline
from rag.records import ModelInfo

BASELINE = Baseline(
    collection="c",
    judge=None,
    depth=30,
    reranker=ModelInfo("maker/reranker", "f" * 64, "cpu"),
    ndcg_at_10={"one": 0.5, "two": 0.7},
    p95_s=1.0,
    timed=2,
    threads=2,
    judgments=40,
    saved_at="2026-01-31T12:00:00+00:00",
)


WHOLE = msgspec.json.encode(BASELINE).decode()


def verdict(now: Baseline, margins: Margins | None = None) -> Verdict:
    return compare(BASELINE, now, margins or Margins())


def test_what_is_measured_as_before_passes() -> None:
    found = verdict(BASELINE)
    assert found.passed
    assert found.notes == ()
    assert [check.sentence for check in found.checks] == [
        "nDCG@10 is 0.6000, it was 0.6000 (+0.0000, at most 0.01 less allowed), over 2 questions.",
        "p95 latency is 1,000 ms, it was 1,000 ms (+0.0%, at most 20% more allowed), over 2 answers.",
    ]


@pytest.mark.parametrize(
    ("one", "margin", "passed"),
    [(0.5, 0.0, True), (0.48, 0.01, True), (0.479, 0.01, False), (0.4, 0.05, True), (0.9, 0.0, True)],
)
def test_ndcg_may_fall_by_its_margin_and_no_further(one: float, margin: float, passed: bool) -> None:
    now = replace(BASELINE, ndcg_at_10={"one": one, "two": 0.7})
    assert verdict(now, Margins(ndcg=margin)).passed is passed


@pytest.mark.parametrize(
    ("p95", "margin", "passed"), [(1.2, 0.2, True), (1.21, 0.2, False), (1.01, 0.0, False), (0.1, 0.0, True)]
)
def test_p95_may_grow_by_its_margin_and_no_further(p95: float, margin: float, passed: bool) -> None:
    assert verdict(replace(BASELINE, p95_s=p95), Margins(p95=margin)).passed is passed


def test_latency_that_nobody_measured_is_not_compared() -> None:
    found = verdict(replace(BASELINE, p95_s=None, timed=0))
    assert [check.ok for check in found.checks] == [True, None]
    assert found.passed


def test_only_questions_that_both_measured_are_compared() -> None:
    found = verdict(replace(BASELINE, ndcg_at_10=BASELINE.ndcg_at_10 | {"new": 0.0}))
    assert found.passed
    assert found.notes == ("Measured now and not for the baseline, so not compared: 1 question.",)


def test_a_question_that_is_not_measured_any_more_does_not_pass() -> None:
    found = verdict(replace(BASELINE, ndcg_at_10={"two": 0.7}))
    assert not found.passed
    assert found.checks[-1].sentence.startswith("Measured for the baseline and not now: 1 question.")


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (replace(BASELINE, ndcg_at_10={"three": 1.0}), "no question in common"),
        (replace(BASELINE, judge="ada"), "of all judges, this measurement by those of 'ada'"),
    ],
)
def test_what_cannot_be_compared_is_refused(now: Baseline, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        verdict(now)


def test_what_differs_besides_is_noted() -> None:
    other = ModelInfo("maker/other", "0" * 64, "cpu")
    found = verdict(replace(BASELINE, reranker=other, threads=8, judgments=52))
    assert found.notes == (
        "The reranker was maker/reranker (ffffffffffff) and is maker/other (000000000000).",
        "The number of threads was 2 and is 8.",
        "The number of judgments was 40 and is 52.",
    )


def test_a_baseline_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    baseline = replace(BASELINE, ndcg_at_10={'Wie lange? "lang"\n': 1 / 3}, p95_s=None)
    save_baseline(tmp_path / "b.json", baseline)
    assert read_baseline(tmp_path / "b.json") == baseline
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "\x00", '{"format": "another"}', "[" * 100_000, WHOLE.replace("1.0", "1e999")]
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InputFileError, match="is not a baseline of this version"):
        read_baseline(tmp_path / "b.json")


def test_a_baseline_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be read as a baseline"):
        read_baseline(tmp_path / "nowhere.json")


def test_a_baseline_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be written"):
        save_baseline(tmp_path / "no folder" / "b.json", BASELINE)
