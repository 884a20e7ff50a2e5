from pathlib import Path

import numpy as np
import pytest

from rag.errors import InputFileError
from rag.evaluation.checkpoint import FinishedQuery, QueryLines, VectorRows, claim
from rag.trec import Ranked

DIM = 3
QUERY = FinishedQuery("q1", (Ranked("d1", 0.1 + 0.2),), (Ranked("d1", -3.5),), pairs=1, truncated_pairs=0)


def append(rows: VectorRows, *values: float) -> None:
    vectors = np.array([[value] * DIM for value in values], dtype=np.float32)
    rows.append(vectors, np.zeros(len(values), dtype=np.int64))


def values(rows: VectorRows) -> list[float]:
    return [float(vector[0]) for _, vectors in rows.blocks() for vector in vectors]


def cut_last_bytes(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:-n_bytes])


def test_vectors_are_there_again_when_opened_anew(tmp_path: Path) -> None:
    append(VectorRows(tmp_path, DIM), 1.0, 2.0)
    rows = VectorRows(tmp_path, DIM)
    append(rows, 3.0)
    assert (len(rows), values(rows)) == (3, [1.0, 2.0, 3.0])


def test_more_vectors_than_one_block_come_back_in_order(tmp_path: Path) -> None:
    rows = VectorRows(tmp_path, DIM)
    append(rows, *range(10_000))
    assert values(rows) == list(range(10_000))


@pytest.mark.parametrize("n_bytes", [1, 12, 27])
def test_torn_vector_is_dropped_and_its_place_used_again(tmp_path: Path, n_bytes: int) -> None:
    append(VectorRows(tmp_path, DIM), 1.0, 2.0)
    cut_last_bytes(tmp_path / "vectors.rows", n_bytes)
    rows = VectorRows(tmp_path, DIM)
    assert len(rows) == 1
    append(rows, 5.0)
    assert values(VectorRows(tmp_path, DIM)) == [1.0, 5.0]


def test_vectors_out_of_place_are_dropped(tmp_path: Path) -> None:
    # Two evaluations that append to one folder at the same time number their rows alike.
    first, second = VectorRows(tmp_path, DIM), VectorRows(tmp_path, DIM)
    append(first, 1.0, 2.0)
    append(second, 1.0, 2.0)
    append(first, 3.0)
    assert values(VectorRows(tmp_path, DIM)) == [1.0, 2.0]


def test_vectors_that_another_evaluation_mixed_in_are_not_read(tmp_path: Path) -> None:
    first, second = VectorRows(tmp_path, DIM), VectorRows(tmp_path, DIM)
    append(first, 1.0)
    append(second, 1.0)
    append(first, 2.0)
    with pytest.raises(InputFileError, match="another evaluation wrote here at the same time"):
        values(first)


def test_passages_that_were_not_read_whole_are_counted(tmp_path: Path) -> None:
    rows = VectorRows(tmp_path, DIM)
    rows.append(np.ones((3, DIM), dtype=np.float32), np.array([0, 7, 1]))
    assert rows.truncated() == 2


def test_finished_query_is_there_again_exactly(tmp_path: Path) -> None:
    QueryLines(tmp_path).append(QUERY)
    assert QueryLines(tmp_path).finished == {"q1": QUERY}


def test_torn_query_line_is_dropped_and_its_place_used_again(tmp_path: Path) -> None:
    lines = QueryLines(tmp_path)
    for name in ("q1", "q2"):
        lines.append(FinishedQuery(name, QUERY.retrieved, (), 0, 0))
    cut_last_bytes(tmp_path / "queries.jsonl", 1)
    torn = QueryLines(tmp_path)
    assert list(torn.finished) == ["q1"]
    torn.append(FinishedQuery("q3", (), (), 0, 0))
    assert list(QueryLines(tmp_path).finished) == ["q1", "q3"]


def test_damaged_query_line_names_the_folder_to_delete(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text('{"query_id": 3}\n')
    with pytest.raises(InputFileError, match=f"queries.jsonl: is damaged. Delete {tmp_path} to start"):
        QueryLines(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"corpus": [1]}'])
def test_damaged_inputs_name_the_folder_to_delete(tmp_path: Path, content: str) -> None:
    claim(tmp_path, {"corpus": "a"})
    (tmp_path / "inputs.json").write_text(content)
    with pytest.raises(InputFileError, match=f"inputs.json: is damaged. Delete {tmp_path} to start"):
        claim(tmp_path, {"corpus": "a"})


def test_folder_may_be_claimed_again_for_the_same_inputs(tmp_path: Path) -> None:
    claim(tmp_path / "state", {"corpus": "sha256 " + "a" * 64})
    QueryLines(tmp_path / "state").append(QUERY)
    claim(tmp_path / "state", {"corpus": "sha256 " + "a" * 64})
    assert QueryLines(tmp_path / "state").finished == {"q1": QUERY}


def test_folder_claimed_for_other_inputs_says_which_differ(tmp_path: Path) -> None:
    claim(tmp_path, {"corpus": "sha256 " + "a" * 64, "chunk": "no", "retrieve_k": "30"})
    message = (
        r"holds an evaluation of other inputs: corpus was sha256 a{12}… and is sha256 b{12}…; "
        r"retrieve_k was 30 and is 50\. Choose another --out"
    )
    with pytest.raises(InputFileError, match=message):
        claim(tmp_path, {"corpus": "sha256 " + "b" * 64, "chunk": "no", "retrieve_k": "50"})


def test_work_without_a_record_of_its_inputs_is_not_trusted(tmp_path: Path) -> None:
    QueryLines(tmp_path).append(QUERY)
    claim(tmp_path, {"corpus": "x"})
    assert QueryLines(tmp_path).finished == {}


def test_place_that_is_a_file_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputFileError, match=r"cannot keep an evaluation's state .* Choose another --out"):
        claim(tmp_path / "out", {})
