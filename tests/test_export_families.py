"""The whole export command, on tiny models of every family, against sentence-transformers on other texts."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference import ask, exported, run_program

from rag.embed import Embedder
from rag.models.export.parity import MAX_FP32_DIFFERENCE
from rag.models.load import load
from rag.rerank import Reranker
from rag.timing import Stopwatch

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

ROOT = Path(__file__).resolve().parents[1]
JUDGED = ROOT / "data" / "judged"

# What each model's files say of it, and how it is exported: a command for each line of COMMANDS.
RERANKERS: Mapping[str, Mapping[str, Any]] = {
    "bert": {"max_tokens": 512},
    "distilbert": {"max_tokens": 512},
    "roberta": {"max_tokens": 512},
    "xlm-roberta": {"max_tokens": 512},
    "deberta-v2": {"max_tokens": 64},
    "modernbert": {"max_tokens": 512},
    "sentencepiece": {"max_tokens": 64},
    "two-labels": {"max_tokens": 512, "labels": 2, "relevant_label": 1},
    "custom-code": {"max_tokens": 512},
}
EMBEDDERS: Mapping[str, Mapping[str, Any]] = {
    "cls": {"pooling": "cls", "max_tokens": 512, "query_prefix": "", "passage_prefix": ""},
    "mean": {"pooling": "mean", "max_tokens": 512, "query_prefix": "query: ", "passage_prefix": "passage: "},
    "last": {"pooling": "last", "max_tokens": 128, "query_prefix": "find: ", "passage_prefix": ""},
}
INT8 = ("bert", "xlm-roberta", "cls")
REFUSED = {
    "three-labels": "it gives 3 labels (label_0, label_1, label_2), and one of them must be called",
    "dense": "it is made of Transformer + Pooling + Dense + Normalize; expected Transformer + Pooling",
    "masked": "found neither (BertForMaskedLM)",
    "custom-code": "If you trust its authors, export it on the command line with --trust-remote-code",
}
COMMANDS: tuple[tuple[Sequence[str], Sequence[str]], ...] = (
    (INT8, ()),
    (tuple(REFUSED), ()),
    (("distilbert", "roberta", "deberta-v2"), ("--quantize", "none")),
    (("modernbert", "sentencepiece", "two-labels"), ("--quantize", "none")),
    (("mean", "last"), ("--quantize", "none")),
    (("custom-code",), ("--quantize", "none", "--trust-remote-code")),
)


@dataclass(frozen=True)
class Workshop:
    """Every model after its export: what the command said of it, and what the original says of our texts."""

    cache: Path
    said: Mapping[str, Mapping[str, Any]]
    refused: Mapping[str, str]
    status: Mapping[str, int]
    expected: Mapping[str, NDArray[np.float32]]

    def reranker(self, name: str) -> Reranker:
        return Reranker(load(self.said[name]["id"], "rerank", cache=self.cache, threads=2))

    def embedder(self, name: str) -> Embedder:
        return Embedder(load(self.said[name]["id"], "embed", cache=self.cache, threads=2))


def judged(file: str) -> list[str]:
    """The texts of a file of the judged set."""
    return [json.loads(line)["text"] for line in (JUDGED / file).read_text("utf-8").splitlines()]


def mixed_passages() -> list[str]:
    """Eighteen passages: a few words, a paragraph, more than any window holds, and again."""
    some = judged("corpus.jsonl")[:108]
    groups = [some[i : i + 6] for i in range(0, len(some), 6)]
    return [("A short one.", group[0], " ".join(group))[i % 3] for i, group in enumerate(groups)]


# Short ones, because sentence-transformers cuts a long question otherwise than we do.
QUESTIONS = [question for question in judged("queries.jsonl") if len(question) < 42][:6]
PASSAGES = mixed_passages()
PAIRS = [(QUESTIONS[i // 3], passage) for i, passage in enumerate(PASSAGES)]
LONG = range(2, len(PASSAGES), 3)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    work = tmp_path_factory.mktemp("families")
    models, cache = work / "models", work / "cache"
    models.mkdir()
    run_program(ROOT / "tests" / "tiny_models.py", str(models), cache=cache)
    rerankers: dict[str, dict[str, Any]] = {
        name: {"folder": str(models / name), "pairs": PAIRS} for name in RERANKERS
    }
    # Its own files let sentence-transformers read beyond its positions.
    rerankers["sentencepiece"]["max_tokens"] = RERANKERS["sentencepiece"]["max_tokens"]
    # Its classifier reads the first position, which holds padding where that is on the left.
    rerankers["roberta"]["batch_size"] = 1
    asked_of_embedders = {"queries": QUESTIONS, "passages": PASSAGES}
    embedders: dict[str, dict[str, Any]] = {
        name: {"folder": str(models / name), **asked_of_embedders} for name in EMBEDDERS
    }
    # By itself, sentence-transformers looks for a prompt of another name first, and makes up an empty one.
    embedders["mean"]["passage_prompt"] = "passage"

    def command(names: Sequence[str], options: Sequence[str]) -> tuple[int, list[dict[str, Any]]]:
        return exported(*(models / name for name in names), *options, cache=cache)

    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(ask, work, {**rerankers, **embedders})
        runs = list(pool.map(command, *zip(*COMMANDS, strict=True)))
    results = [result for run in runs for result in run[1]]
    return Workshop(
        cache=cache,
        said={Path(one["source"]).name: one for one in results if "error" not in one},
        refused={Path(one["source"]).name: one["error"]["message"] for one in results if "error" in one},
        status={names[0]: run[0] for (names, _), run in zip(COMMANDS, runs, strict=True)},
        expected=asked.result(),
    )


def logits_of(outputs: NDArray[np.float32], reading: Mapping[str, Any]) -> NDArray[np.float32]:
    """The log-odds of the relevant label, by way of the probabilities."""
    if reading.get("labels", 1) == 1:
        return outputs[:, 0]
    powers = np.exp(outputs.astype(np.float64))
    relevant = (powers / powers.sum(axis=1, keepdims=True))[:, reading["relevant_label"]]
    return np.asarray(np.log(relevant / (1 - relevant)), dtype=np.float32)


def differences(workshop: Workshop, name: str) -> NDArray[np.float32]:
    """How far the exported reranker's logits lie from the original's, pair by pair."""
    reranker = workshop.reranker(name)
    found = [reranker.score(question, [passage], watch=Stopwatch())[0] for question, passage in PAIRS]
    reranker.close()
    assert all(found[i].tokens_read < found[i].tokens for i in LONG)
    expected = logits_of(workshop.expected[name], RERANKERS[name])
    assert np.ptp(expected) > 2, "the scores lie too close together to tell right from wrong"
    return np.asarray(np.abs(expected - np.array([score.logit for score in found])))


def vectors(workshop: Workshop, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The exported embedder's vectors of questions and passages, and the original's at unit length."""
    embedder = workshop.embedder(name)
    embedded = embedder.embed_passages(PASSAGES)
    found = np.vstack([*(embedder.embed_query(question) for question in QUESTIONS), embedded.vectors])
    embedder.close()
    assert all(embedded.tokens_read[i] < embedded.tokens[i] for i in LONG)
    expected = workshop.expected[name]
    return found, expected / np.linalg.norm(expected, axis=1, keepdims=True)


@pytest.mark.parametrize("name", [name for name in RERANKERS if name not in INT8])
def test_an_exported_reranker_says_what_its_original_says(workshop: Workshop, name: str) -> None:
    assert differences(workshop, name).max() < 1e-3


@pytest.mark.parametrize("name", [name for name in RERANKERS if name in INT8])
def test_a_quantized_reranker_drifts_no_more_than_its_manifest_leads_to_expect(
    workshop: Workshop, name: str
) -> None:
    parity = workshop.said[name]["manifest"]["parity"]
    drift = differences(workshop, name).max()
    assert 1e-3 < drift < 2 * parity["drift"] < 0.2 * parity["spread"]


@pytest.mark.parametrize("name", [name for name in EMBEDDERS if name not in INT8])
def test_an_exported_embedder_makes_its_originals_vectors(workshop: Workshop, name: str) -> None:
    found, expected = vectors(workshop, name)
    assert np.abs(found - expected).max() < 1e-4


def test_a_quantized_embedder_keeps_its_originals_directions(workshop: Workshop) -> None:
    found, expected = vectors(workshop, "cls")
    parity = workshop.said["cls"]["manifest"]["parity"]
    drift = (1 - (found * expected).sum(axis=1)).max()
    assert 1e-6 < drift < 2 * parity["drift"] < 0.02


@pytest.mark.parametrize(("name", "facts"), [*RERANKERS.items(), *EMBEDDERS.items()])
def test_a_manifest_says_how_the_model_is_read(
    workshop: Workshop, name: str, facts: Mapping[str, Any]
) -> None:
    said = workshop.said[name]
    assert said["task"] == ("embed" if name in EMBEDDERS else "rerank")
    assert said["manifest"]["reading"].items() >= facts.items()


@pytest.mark.parametrize("name", [*RERANKERS, *EMBEDDERS])
def test_a_manifest_says_how_true_the_unquantized_graph_was(workshop: Workshop, name: str) -> None:
    parity = workshop.said[name]["manifest"]["parity"]
    assert parity["fp32_difference"] <= MAX_FP32_DIFFERENCE
    assert parity["texts"] == (57 if name in EMBEDDERS else 49)
    assert (parity["drift"] == parity["fp32_difference"]) == (name not in INT8)
    assert "PyTorch fp32" in parity["reference"]


def test_a_manifest_names_the_versions_that_made_it(workshop: Workshop) -> None:
    versions = dict(workshop.said["bert"]["manifest"]["versions"])
    assert versions.pop("reranklens")
    assert {"torch", "transformers", "optimum-onnx", "onnxruntime"} <= versions.keys()
    assert versions == {package: version(package) for package in versions}


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("roberta", "padding_side", "left"),
        ("bert", "padding_side", "right"),
        ("xlm-roberta", "activation", "Identity"),
        ("modernbert", "activation", "Sigmoid"),
        ("two-labels", "relevant_label", "relevant"),
        ("cls", "normalize", "True"),
        ("mean", "normalize", "False"),
        ("last", "similarity", "dot"),
    ],
)
def test_a_manifest_keeps_what_else_the_files_say(
    workshop: Workshop, name: str, setting: str, value: str
) -> None:
    assert workshop.said[name]["manifest"]["settings"][setting] == value


def test_a_model_made_for_another_similarity_says_so(workshop: Workshop) -> None:
    (note,) = workshop.said["last"]["manifest"]["notes"]
    assert "trained for the similarity 'dot'" in note
    assert workshop.said["mean"]["manifest"]["notes"] == []


def test_a_models_own_code_runs_when_it_is_trusted(workshop: Workshop) -> None:
    # The same random weights, of which the custom code turns the sign.
    assert np.allclose(workshop.expected["custom-code"], -workshop.expected["bert"], atol=1e-5)
    assert workshop.said["custom-code"]["id"].endswith("@fp32")


@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_a_model_that_cannot_be_used_is_refused_with_the_reason(
    workshop: Workshop, name: str, why: str
) -> None:
    assert why in workshop.refused[name]


def test_only_the_command_with_refused_models_failed(workshop: Workshop) -> None:
    assert workshop.status == {names[0]: int("masked" in names) for names, _ in COMMANDS}


def test_the_cache_holds_the_exported_models_and_nothing_else(workshop: Workshop) -> None:
    folders = {path for path in workshop.cache.iterdir() if path.is_dir()}
    assert folders == {Path(one["path"]) for one in workshop.said.values()}
    parts = {"manifest.json", "model.onnx", "tokenizer.json", "verified.json"}
    assert {path.name for folder in folders for path in folder.iterdir()} == parts
