"""The multilingual preset's path, with small models under its names, from the hub to the answer."""

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hub as hubs
import numpy as np
import pytest
from exporting import environment, export, watched
from hub import Repository, commit
from numpy.typing import NDArray
from reference import ask, run_program

from rag.config import DEFAULT_EMBEDDER
from rag.embed import Embedder
from rag.models.catalog import PRESETS
from rag.models.load import load
from rag.rerank import Reranker
from rag.timing import Stopwatch

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

ROOT = Path(__file__).resolve().parents[1]
PRESET = next(preset for preset in PRESETS if preset.name == "Italian / multilingual")
# The names of the small models that are built as the real ones are.
ORIGINALS = {PRESET.embedder: "without-prompts", PRESET.reranker: "xlm-roberta"}
QUESTION = "Come si preparano le orecchiette?"
PASSAGES = (
    "Le orecchiette si trascinano con la punta del coltello.",
    "Il condominio chiude il portone alle ventidue.",
)


@dataclass(frozen=True)
class Preset:
    """The preset's models after their export, as the hub names them, and what the originals say."""

    cache: Path
    manifests: Mapping[str, Mapping[str, Any]]
    vectors: NDArray[np.float32]
    logits: NDArray[np.float32]


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Preset:
    work = tmp_path_factory.mktemp("multilingual")
    cache = work / "cache"
    run_program(ROOT / "tests" / "tiny_models.py", str(work), *ORIGINALS.values(), cache=cache)
    with hubs.running() as hub, ThreadPoolExecutor(1) as beside:
        expected = beside.submit(ask, work, asked(work))
        for name, built in ORIGINALS.items():
            hub.repositories[name] = Repository({commit(name): work / built}, {"main": commit(name)})
        # As docs/multilingual.md has it, and the embedder once more without what int8 changes.
        ran = export(*ORIGINALS, "--json", cache=cache, HF_ENDPOINT=hub.url)
        exact = export(PRESET.embedder, "--quantize", "none", cache=cache, HF_ENDPOINT=hub.url)
    assert (ran.returncode, exact.returncode) == (0, 0), ran.stderr + exact.stderr
    manifests = {one["id"]: one["manifest"] for one in json.loads(ran.stdout)["models"]}
    return Preset(cache, manifests, expected.result()["vectors"], expected.result()["logits"][:, 0])


def asked(work: Path) -> dict[str, dict[str, Any]]:
    """What sentence-transformers is asked, of the originals."""
    vectors = {
        "folder": str(work / ORIGINALS[PRESET.embedder]),
        # Written out, because the model's files state no prompts: its card does.
        "queries": [f"query: {QUESTION}"],
        "passages": [f"passage: {passage}" for passage in PASSAGES],
    }
    pairs = [(QUESTION, passage) for passage in PASSAGES]
    return {
        "vectors": {**vectors, "passage_prompt": None},
        "logits": {"folder": str(work / ORIGINALS[PRESET.reranker]), "pairs": pairs},
    }


class CommandLine:
    """`python -m rag` in processes of their own, with a library of its own and without any network."""

    def __init__(self, home: Path, cache: Path, **settings: str) -> None:
        more = {"RAG_HOME": str(home), "NO_NETWORK": "1", **watched(home), **settings}
        self._environment = environment(cache, **more)

    def __call__(self, *arguments: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "rag", *arguments, "--json"]
        ran = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        said: dict[str, Any] = json.loads(ran.stdout)
        return said


@pytest.fixture(scope="module")
def answers(preset: Preset, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, Any]]:
    """What the command line says to the question, by which embedder and which reranker it has."""
    texts = tmp_path_factory.mktemp("texts")
    for number, passage in enumerate(PASSAGES):
        (texts / f"{number}.txt").write_text(passage, encoding="utf-8")
    said = {}
    for kind, embedder in (("multilingual", PRESET.embedder), ("English", DEFAULT_EMBEDDER)):
        home = tmp_path_factory.mktemp(kind)
        ask_it = CommandLine(home, preset.cache, RAG_EMBEDDER=embedder)
        ask_it("ingest", *map(str, sorted(texts.iterdir())))
        said[kind] = ask_it("search", QUESTION, "--reranker", PRESET.reranker)
    said["English reranker"] = ask_it("search", QUESTION)
    return said


def test_the_exports_have_the_presets_names_and_its_prefixes(preset: Preset) -> None:
    assert set(preset.manifests) == {PRESET.embedder, PRESET.reranker}
    reading = preset.manifests[PRESET.embedder]["reading"]
    assert (reading["pooling"], reading["query_prefix"], reading["passage_prefix"]) == (
        "mean",
        "query: ",
        "passage: ",
    )


def test_the_embedder_reads_question_and_passages_as_its_authors_do(preset: Preset) -> None:
    embedder = Embedder(load(f"{PRESET.embedder}@fp32", "embed", cache=preset.cache, threads=1))
    found = np.vstack([embedder.embed_query(QUESTION), embedder.embed_passages(PASSAGES).vectors])
    embedder.close()
    assert np.abs(found - preset.vectors).max() < 1e-4


def test_the_reranker_tells_passages_apart_as_its_original_does(preset: Preset) -> None:
    reranker = Reranker(load(PRESET.reranker, "rerank", cache=preset.cache, threads=1))
    found = [score.order for score in reranker.score(QUESTION, PASSAGES, watch=Stopwatch())]
    reranker.close()
    drift = preset.manifests[PRESET.reranker]["parity"]["drift"]
    assert np.abs(np.array(found) - preset.logits).max() < 2 * drift


def test_with_the_preset_the_candidates_come_by_vectors_and_the_order_is_the_rerankers(
    answers: Mapping[str, dict[str, Any]],
) -> None:
    said = answers["multilingual"]
    assert (said["language"], said["retriever"], said["ordering"]["rule"]) == ("it", "dense", "reranker")
    logits = [hit["logit"] for hit in said["reranked"]]
    assert logits == sorted(logits, reverse=True)
    assert [said["models"][stage]["id"] for stage in ("embedder", "reranker")] == list(ORIGINALS)
    assert said["notices"] == []


def test_with_its_reranker_alone_words_help_to_find_and_the_order_is_the_rerankers(
    answers: Mapping[str, dict[str, Any]],
) -> None:
    said = answers["English"]
    assert (said["retriever"], said["ordering"]["rule"]) == ("hybrid", "reranker")
    (notice,) = [notice for notice in said["notices"] if PRESET.name in notice]
    assert f"{DEFAULT_EMBEDDER} reads English only" in notice
    assert PRESET.reranker not in notice


def test_without_the_preset_it_is_named_with_what_it_costs(answers: Mapping[str, dict[str, Any]]) -> None:
    said = answers["English reranker"]
    assert (said["retriever"], said["ordering"]["rule"]) == ("hybrid", "question_language")
    (notice,) = [notice for notice in said["notices"] if PRESET.name in notice]
    assert PRESET.cost in notice
