"""Exported models: a whole manifest or none, and files that are the promised ones, wherever they lie."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_model import TOY, export_toy, flip, write_manifest

from rag.errors import CorruptModelError, MissingModelError
from rag.models import manifest as manifests
from rag.models.cache import InstalledModel, check, exported, installed, locate
from rag.models.load import load
from rag.models.manifest import FileFacts, Manifest
from rag.models.verified import Verified

NOWHERE = Path("no such cache")
WEIGHTS = "model.onnx.data"
FILES = ["model.onnx", "tokenizer.json", WEIGHTS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An exported model."""
    return export_toy(tmp_path / "cache")


@pytest.fixture
def large(folder: Path) -> Path:
    """An exported model whose weights lie beside its graph, as those above 2 GB do."""
    onnx = pytest.importorskip("onnx")
    ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["batch", "sequence"])
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 1])
    table = onnx.numpy_helper.from_array(np.arange(7, dtype=np.float32).reshape(7, 1), "table")
    nodes = [
        onnx.helper.make_node("Gather", ["table", "input_ids"], ["looked_up"]),
        onnx.helper.make_node("ReduceL1", ["looked_up"], ["logits"], axes=[1], keepdims=0),
    ]
    graph = onnx.helper.make_graph(nodes, "sum", [ids], [logits], [table])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location=WEIGHTS, size_threshold=0)
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    return folder


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Yield a copy of `folder` that nobody, not even root, can write to."""
    place = folder.parent / "read-only"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount")
    try:
        copy = shutil.copytree(folder, place / folder.name)
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        yield copy
    finally:
        subprocess.run(["umount", place], check=True)


def manifest_of(folder: Path) -> Manifest:
    manifest = exported(folder).manifest
    assert manifest
    return manifest


def logit(reference: str, cache: Path) -> float:
    """Return what the model that `reference` names makes of a pair: the sum of its token ids."""
    model = load(reference, "rerank", cache=cache, threads=1)
    (value,) = model.run(model.encode_pairs("one two", ["three"]), lambda output: float(output[0]))
    return value


# The manifest


def test_a_manifest_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    made = write_manifest(export_toy(tmp_path))
    assert manifests.read(tmp_path / "toy_model") == made
    assert made.size_bytes == sum(facts.size_bytes for facts in made.files.values()) > 0


def test_the_files_facts_are_those_that_other_tools_find(folder: Path) -> None:
    theirs = subprocess.run(
        ["sha256sum", "model.onnx"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert manifests.facts(folder)["model.onnx"] == FileFacts(
        theirs.stdout.split()[0], (folder / "model.onnx").stat().st_size
    )


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda fields: fields.pop(name)


def with_(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda fields: fields.update({name: value})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("id"), "TypeError: .*'id'"),
        (without("format"), "KeyError: 'format'"),
        (with_("format", 2), "its format is 2, this version reads 1"),
        (with_("surprise", 1), "unexpected keyword argument 'surprise'"),
        (with_("files", {}), r"its files cannot be used: \{\}"),
        (with_("files", None), "AttributeError"),
        (without("reading"), "KeyError: 'reading'"),
        *((with_(name, 5), f"its {name} cannot be used") for name in ("id", "source", "revision", "licence")),
        (with_("licence", ["mit"]), "its licence cannot be used"),
        (with_("licence", []), "its licence cannot be used"),
        (with_("languages", ["en", None]), "its languages cannot be used"),
        (with_("notes", [{"a": "note"}]), "its notes cannot be used"),
        (with_("parity", {"texts": 1}), "TypeError"),
        (lambda fields: fields["files"].pop("tokenizer.json"), "its files cannot be used"),
        (
            lambda fields: fields["files"].update({"../x": {"sha256": "", "size_bytes": 0}}),
            "its files cannot be used",
        ),
    ],
)
def test_a_manifest_that_is_not_whole_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], why: str
) -> None:
    path = folder / "manifest.json"
    fields = json.loads(path.read_text("utf-8"))
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(
        CorruptModelError, match=rf"{why}.*Delete {folder} and export the model again"
    ) as caught:
        manifests.read(folder)
    assert caught.value.path == path


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_manifest_that_was_cut_is_refused(folder: Path, share: float) -> None:
    path = folder / "manifest.json"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * (len(data) - 1))])
    with pytest.raises(CorruptModelError, match=f"{path} cannot be read as a manifest"):
        locate(TOY, "rerank", folder.parent)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[]", b"null", b"[" * 100_000])
def test_a_file_that_is_no_manifest_at_all_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(CorruptModelError, match="cannot be read as a manifest"):
        exported(folder)


# What a model is told apart by


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"model.onnx": FileFacts("a", 1), "tokenizer.json": FileFacts("c", 1)}},
        {"files": {"model.onnx": FileFacts("a", 1)}},
        {"files": {"other.onnx": FileFacts("a", 1), "tokenizer.json": FileFacts("b", 1)}},
        {"reading": manifests.Reading(max_tokens=9)},
    ],
)
def test_a_fingerprint_changes_with_all_that_a_score_depends_on(
    folder: Path, changes: Mapping[str, Any]
) -> None:
    files = {"model.onnx": FileFacts("a", 1), "tokenizer.json": FileFacts("b", 1)}
    manifest = replace(manifest_of(folder), files=files)
    assert replace(manifest, **changes).fingerprint != manifest.fingerprint


def test_a_fingerprint_depends_on_nothing_else(folder: Path) -> None:
    manifest = manifest_of(folder)
    other = replace(manifest, id="x/y", created_at="", seconds={}, notes=(), versions={}, licence="GPL")
    turned = replace(other, files=dict(reversed(list(manifest.files.items()))))
    assert turned.fingerprint == manifest.fingerprint == exported(folder).sha256


def test_the_reading_of_the_manifest_is_the_one_that_is_used(folder: Path) -> None:
    path = folder / "manifest.json"
    fields = json.loads(path.read_text("utf-8"))
    fields["reading"]["max_tokens"] = 5
    path.write_text(json.dumps(fields))
    model = load(TOY, "rerank", cache=folder.parent, threads=1)
    (pair,) = model.encode_pairs("one", ["two two two two"])
    assert pair.fed == 5
    assert asdict(model.model.reading) == fields["reading"]


# Files that are not the promised ones


@pytest.mark.parametrize("name", FILES)
def test_one_changed_bit_keeps_a_model_from_loading(large: Path, name: str) -> None:
    locate(TOY, "rerank", large.parent)
    flip(large / name)
    with pytest.raises(
        CorruptModelError,
        match=rf"{large / name} is not the file .*Delete {large} and export it again: .* {TOY}$",
    ) as caught:
        load(TOY, "rerank", cache=large.parent, threads=1)
    assert (caught.value.path, caught.value.model_id) == (large / name, TOY)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_keeps_a_model_from_loading(large: Path, name: str) -> None:
    (large / name).unlink()
    with pytest.raises(MissingModelError, match=rf"lacks its file {large / name} .*Delete {large}") as caught:
        load(TOY, "rerank", cache=large.parent, threads=1)
    assert caught.value.path == large / name


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_keeps_a_model_from_loading(large: Path, name: str) -> None:
    os.truncate(large / name, (large / name).stat().st_size - 1)
    with pytest.raises(CorruptModelError, match=f"{large / name} is not the file"):
        load(TOY, "rerank", cache=large.parent, threads=1)


def test_a_broken_folder_hides_no_other_model(tmp_path: Path) -> None:
    export_toy(tmp_path, "a/whole")
    (export_toy(tmp_path, "b/cut") / "manifest.json").write_text("{")
    (export_toy(tmp_path, "c/without-manifest") / "manifest.json").unlink()
    (tmp_path / ".d_growing.0123.partial").mkdir()
    (tmp_path / ".d_growing.0123.partial" / "model.onnx").touch()
    (tmp_path / "no model").mkdir()
    found = [
        model for model in installed(tmp_path) if not isinstance(model, InstalledModel) or model.manifest
    ]
    assert [m.id if isinstance(m, InstalledModel) else m.path.parent.name for m in found] == [
        "a/whole",
        "b_cut",
        "c_without-manifest",
    ]


# Files are read once


def remembered(folder: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads((folder / "verified.json").read_text("utf-8"))
    return found


def test_an_untouched_file_is_not_read_again(folder: Path) -> None:
    locate(TOY, "rerank", folder.parent)
    known = remembered(folder)
    known["model.onnx"][-1] = "not what its content says"
    (folder / "verified.json").write_text(json.dumps(known))
    with pytest.raises(CorruptModelError, match="found not what its content says"):
        locate(TOY, "rerank", folder.parent)


def test_a_check_reads_every_file_again_and_puts_right_what_is_remembered(folder: Path) -> None:
    locate(TOY, "rerank", folder.parent)
    right = remembered(folder)
    (folder / "verified.json").write_text(
        json.dumps(right | {"model.onnx": [*right["model.onnx"][:-1], "x"]})
    )
    check(exported(folder), again=True)
    assert remembered(folder) == right


def test_a_file_put_back_in_place_is_read_again(folder: Path) -> None:
    locate(TOY, "rerank", folder.parent)
    graph = folder / "model.onnx"
    before = graph.stat()
    flip(graph)
    os.utime(graph, ns=(before.st_atime_ns, before.st_mtime_ns))  # as `cp --preserve` would
    with pytest.raises(CorruptModelError, match="is not the file"):
        locate(TOY, "rerank", folder.parent)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model.onnx": 7}', '{"model.onnx": []}', "\0"])
def test_what_cannot_be_made_out_is_computed_again(folder: Path, content: str) -> None:
    (folder / "verified.json").write_text(content)
    locate(TOY, "rerank", folder.parent)
    assert {name: entry[-1] for name, entry in remembered(folder).items()} == {
        name: facts.sha256 for name, facts in manifest_of(folder).files.items()
    }


def test_a_model_that_failed_is_not_remembered_as_good(folder: Path) -> None:
    flip(folder / "tokenizer.json")
    for _ in range(2):
        with pytest.raises(CorruptModelError):
            locate(TOY, "rerank", folder.parent)
    assert not (folder / "verified.json").exists()


def test_a_read_only_model_is_used_as_any_other(folder: Path) -> None:
    with read_only(folder) as copy:
        assert locate(TOY, "rerank", copy.parent).folder == copy
        assert not (copy / "verified.json").exists()
        assert Verified(copy).sha256(copy / "model.onnx") == manifest_of(copy).files["model.onnx"].sha256


def test_where_nothing_can_be_remembered_everything_is_read_each_time(folder: Path) -> None:
    (folder / "verified.json").mkdir()
    locate(TOY, "rerank", folder.parent)
    flip(folder / "model.onnx")
    with pytest.raises(CorruptModelError, match="is not the file"):
        locate(TOY, "rerank", folder.parent)


# Models that move


@pytest.mark.parametrize("move", [shutil.copytree, shutil.move])
def test_a_cache_works_wherever_it_is_moved(
    large: Path, tmp_path: Path, move: Callable[[Path, Path], object]
) -> None:
    before = logit(TOY, large.parent)
    assert before == 1 + 3 + 4 + 2 + 5 + 2
    move(large.parent, tmp_path / "elsewhere")
    assert logit(TOY, tmp_path / "elsewhere") == before
    assert logit(str(tmp_path / "elsewhere" / "toy_model"), NOWHERE) == before


def test_a_cache_works_through_a_link_and_from_another_folder(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(large.parent)
    assert logit(TOY, tmp_path / "link") == 17
    monkeypatch.chdir(large.parent)
    assert logit("./toy_model", NOWHERE) == logit(TOY, Path()) == 17
