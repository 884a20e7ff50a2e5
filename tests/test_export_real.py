"""An export with real weights: the default reranker, put back into PyTorch, on the judged set's texts."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference import ask, exported, run_program

from rag.config import DEFAULT_RERANKER
from rag.models.cache import locate
from rag.models.load import load
from rag.rerank import Reranker
from rag.timing import Stopwatch

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

ROOT = Path(__file__).resolve().parents[1]
JUDGED = ROOT / "data" / "judged"
PASSAGES_EACH = 6
CLEAR = 1.0  # logits


def pairs() -> list[tuple[str, str]]:
    """The English questions, each with passages about it, from its own document and from elsewhere."""
    lines = {
        name: (JUDGED / name).read_text("utf-8").splitlines() for name in ("queries.jsonl", "corpus.jsonl")
    }
    queries = {one["_id"]: one["text"] for one in map(json.loads, lines["queries.jsonl"])}
    corpus = {one["_id"]: one["text"] for one in map(json.loads, lines["corpus.jsonl"])}
    grades = [line.split("\t") for line in (JUDGED / "qrels.tsv").read_text("utf-8").splitlines()[1:]]
    made = []
    for query in [query for query in queries if query.startswith("en")][:6]:
        judged = sorted((-int(grade), passage) for q, passage, grade in grades if q == query)
        best, worst = judged[: PASSAGES_EACH // 2], judged[-(PASSAGES_EACH // 2) :]
        made += [(queries[query], corpus[passage]) for _, passage in (*best, *worst)]
    everything = " ".join(corpus.values())[:6000]
    return [*made[:-1], (made[-1][0], everything)]


PAIRS = pairs()


@dataclass(frozen=True)
class Real:
    """Logits of PAIRS: the original's in PyTorch, both exports', and the packaged graph's; and manifests."""

    expected: NDArray[np.float32]
    fp32: NDArray[np.float32]
    int8: NDArray[np.float32]
    packaged: NDArray[np.float32]
    parity: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    work = tmp_path_factory.mktemp("real")
    packaged = locate(DEFAULT_RERANKER, "rerank", work)
    folder, cache = work / "MiniLM", work / "cache"
    program = ROOT / "tests" / "dequantize.py"
    run_program(program, str(packaged.graph), str(packaged.tokenizer), str(folder), cache=cache)
    with ThreadPoolExecutor(2) as pool:
        exports = [
            pool.submit(exported, folder, "--quantize", kind, cache=cache) for kind in ("none", "int8")
        ]
        asked = pool.submit(ask, work, {"original": {"folder": str(folder), "pairs": PAIRS}})
        none, int8 = (future.result()[1][0] for future in exports)
    return Real(
        expected=asked.result()["original"][:, 0],
        fp32=logits(none["id"], cache),
        int8=logits(int8["id"], cache),
        packaged=logits(DEFAULT_RERANKER, cache),
        parity={kind: one["manifest"]["parity"] for kind, one in (("none", none), ("int8", int8))},
    )


def logits(name: str, cache: Path) -> NDArray[np.float32]:
    reranker = Reranker(load(name, "rerank", cache=cache, threads=2))
    found = [reranker.score(question, [passage], watch=Stopwatch())[0].logit for question, passage in PAIRS]
    reranker.close()
    return np.array(found, dtype=np.float32)


def agreement(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """The share of one question's clearly ordered passage pairs whose order was kept."""
    kept = [
        (expected[i] > expected[j]) == (found[i] > found[j])
        for i, j in combinations(range(len(PAIRS)), 2)
        if PAIRS[i][0] == PAIRS[j][0] and abs(expected[i] - expected[j]) >= CLEAR
    ]
    assert len(kept) > 50
    return float(np.mean(kept))


def test_the_texts_are_real_work_for_the_model(real: Real) -> None:
    assert np.ptp(real.expected) > 12


def test_the_unquantized_export_says_what_pytorch_says(real: Real) -> None:
    assert np.abs(real.fp32 - real.expected).max() < 1e-3


# Measured: 0.50 for our int8, 0.35 for the packaged one, and every order kept. Another processor's int8
# instructions round otherwise.


def test_the_int8_export_keeps_the_order_and_drifts_little(real: Real) -> None:
    assert agreement(real.expected, real.int8) > 0.95
    assert 1e-3 < np.abs(real.int8 - real.expected).max() < 1.0


def test_the_packaged_graph_is_as_near_to_its_own_weights(real: Real) -> None:
    assert agreement(real.expected, real.packaged) > 0.95
    assert 1e-3 < np.abs(real.packaged - real.expected).max() < 1.0


def test_the_manifests_state_what_was_seen(real: Real) -> None:
    parity = real.parity
    assert parity["none"]["drift"] == parity["none"]["fp32_difference"] == parity["int8"]["fp32_difference"]
    assert parity["none"]["drift"] < 1e-3
    assert parity["int8"]["agreement"] > 0.95
    assert 1e-3 < parity["int8"]["drift"] < 0.1 * parity["int8"]["spread"]
