"""The vector index: exact, as brute force is, after any change and across a save."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag.index import VectorIndex

ROOT = Path(__file__).resolve().parents[1]
DIM = 3
# Small whole numbers: their products are exact in float32, so ties are ties in any order of adding.
VECTORS = st.lists(st.integers(-3, 3).map(float), min_size=DIM, max_size=DIM)
UNIT = np.eye(4, dtype=np.float32)


def index_of(vectors: NDArray[np.float32], ids: list[int] | None = None) -> VectorIndex:
    index = VectorIndex(vectors.shape[1])
    index.add(np.array(ids or range(1, len(vectors) + 1), dtype=np.int64), vectors)
    return index


def array(rows: list[list[float]] | list[float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32).reshape(-1, DIM)


def found(
    index: VectorIndex, vector: NDArray[np.float32], k: int, **only: list[int]
) -> list[tuple[int, float]]:
    ids, cosines = index.search(vector, k, within=only.get("within"))
    return list(zip(ids.tolist(), cosines.tolist(), strict=True))


def brute_force(held: dict[int, list[float]], query: list[float], k: int) -> list[tuple[int, float]]:
    products = {key: float(np.dot(vector, query)) for key, vector in held.items()}
    best = sorted(products, key=lambda key: (-products[key], key))[:k]
    return [(key, min(1.0, max(-1.0, products[key]))) for key in best]


@settings(deadline=None)
@given(st.lists(VECTORS, max_size=40), VECTORS, st.integers(1, 50), st.data())
def test_a_search_finds_what_brute_force_finds(
    rows: list[list[float]], query: list[float], k: int, data: st.DataObject
) -> None:
    held = {key: [value / 32 for value in row] for key, row in enumerate(rows, start=7)}
    some_ids = st.lists(st.sampled_from(sorted(held)), unique=True) if held else st.just([])
    removed, within = data.draw(some_ids), data.draw(some_ids)
    index = index_of(array(list(held.values())), list(held))
    index.remove(np.array(removed, dtype=np.int64))
    left = {key: row for key, row in held.items() if key not in removed}
    assert index.ids.tolist() == sorted(left)
    assert found(index, array(query)[0], k) == brute_force(left, query, k)
    only = {key: row for key, row in left.items() if key in within}
    assert found(index, array(query)[0], k, within=within) == brute_force(only, query, k)


GROWTH = """
from pathlib import Path
import numpy as np
from rag.index import VectorIndex

def peak():  # what getrusage tells is the parent's, where that had more
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) * 1024

index = VectorIndex(384)
before = peak()
index.reserve(45_000)
for at in range(0, 45_000, 5_000):
    index.add(np.arange(at, at + 5_000), np.full((5_000, 384), 0.05, dtype=np.float32))
print(len(index), peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_vectors_that_come_in_blocks_take_little_more_memory_than_their_own() -> None:
    ran = subprocess.run([sys.executable, "-c", GROWTH], cwd=ROOT, capture_output=True, text=True, timeout=60)
    n, grown = map(int, ran.stdout.split())
    assert (n, grown < 1.3 * 45_000 * 384 * 4) == (45_000, True)


def test_room_that_is_made_holds_no_vector() -> None:
    index = index_of(UNIT)
    index.reserve(100)
    assert (len(index), found(index, UNIT[2], 1)) == (4, [(3, 1.0)])


def test_two_hundred_equal_vectors_are_cut_by_id() -> None:
    index = index_of(np.tile(UNIT[0], (200, 1)))
    assert [key for key, _ in found(index, UNIT[0], 150)] == list(range(1, 151))


@pytest.mark.parametrize("k", [2, 5, 14, 18])
def test_among_equal_vectors_the_last_place_goes_to_the_lowest_id(k: int) -> None:
    # The nearest come last, and each takes a place from one of the equal ones.
    index = index_of(np.concatenate([np.tile(UNIT[0], (18, 1)), UNIT[1:2], UNIT[1:2]]))
    expected = [19, 20, *range(1, 19)]
    assert [key for key, _ in found(index, UNIT[1], k)] == expected[:k]
    assert [key for key, _ in found(index, UNIT[1], k, within=list(range(1, 21)))] == expected[:k]


def test_more_than_there_are_cannot_be_found() -> None:
    assert len(found(index_of(UNIT), UNIT[0], 1000)) == 4


@pytest.mark.parametrize("within", [None, [], [3]])
def test_an_empty_index_finds_nothing(within: list[int] | None) -> None:
    ids, cosines = VectorIndex(4).search(UNIT[0], 10, within=within)
    assert (ids.tolist(), cosines.tolist()) == ([], [])
    assert (ids.dtype, cosines.dtype) == (np.int64, np.float32)


def test_within_no_ids_nothing_is_found() -> None:
    assert found(index_of(UNIT), UNIT[0], 10, within=[]) == []


def test_ids_that_are_not_there_are_passed_over() -> None:
    index = index_of(UNIT)
    index.remove(np.array([2, 77], dtype=np.int64))
    assert index.ids.tolist() == [1, 3, 4]
    assert found(index, UNIT[0], 10, within=[3, 2, 99]) == [(3, 0.0)]


def test_cosines_never_leave_their_range() -> None:
    vectors = np.random.default_rng(0).normal(size=(300, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = index_of(vectors)
    nearest = [found(index, vector, 1)[0] for vector in vectors]
    assert [key for key, _ in nearest] == list(range(1, 301))
    assert min(cosine for _, cosine in nearest) > 0.9999
    assert max(cosine for _, cosine in nearest) <= 1.0


@pytest.mark.parametrize("shape", [(3, 4), (2, 5)])
def test_vectors_of_another_number_or_dimension_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"expected 2 vectors of 4 dimensions, found"):
        VectorIndex(4).add(np.array([1, 2], dtype=np.int64), np.zeros(shape, dtype=np.float32))


# Saved and loaded


def test_a_saved_index_searches_alike_and_can_be_changed(tmp_path: Path) -> None:
    index = index_of(UNIT[:3])
    index.save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", dim=4)
    assert loaded is not None
    for either in (index, loaded):
        either.remove(np.array([1], dtype=np.int64))
        either.add(np.array([9], dtype=np.int64), UNIT[3:])
    assert found(loaded, UNIT[3], 10) == found(index, UNIT[3], 10) == [(9, 1.0), (2, 0.0), (3, 0.0)]


def test_an_empty_index_can_be_saved(tmp_path: Path) -> None:
    VectorIndex(4).save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", dim=4)
    assert loaded is not None
    assert len(loaded) == 0


def test_saving_replaces_the_older_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    index_of(UNIT[:1]).save(tmp_path / "i.faiss")
    index_of(UNIT).save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", dim=4)
    assert loaded is not None
    assert (len(loaded), [path.name for path in tmp_path.iterdir()]) == (4, ["i.faiss"])


def test_a_missing_file_is_no_index(tmp_path: Path) -> None:
    assert VectorIndex.load(tmp_path / "i.faiss", dim=4) is None
    assert VectorIndex.load(tmp_path, dim=4) is None


def test_an_index_of_another_dimension_is_none(tmp_path: Path) -> None:
    index_of(UNIT).save(tmp_path / "i.faiss")
    assert VectorIndex.load(tmp_path / "i.faiss", dim=5) is None


@pytest.mark.parametrize("length", [0, 1, 32, 33, 100, -1])
def test_a_file_that_was_cut_off_is_no_index(tmp_path: Path, length: int) -> None:
    path = tmp_path / "i.faiss"
    index_of(UNIT).save(path)
    path.write_bytes(path.read_bytes()[:length])
    assert VectorIndex.load(path, dim=4) is None


def test_no_changed_byte_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    index_of(UNIT).save(path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert VectorIndex.load(path, dim=4) is None, at
