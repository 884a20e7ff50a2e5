"""`models list`, `check` and `path`: what they say of the cache, and how they end."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from machine import installed
from toy_model import TOY, export_toy, flip

from rag.__main__ import main
from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.models.cache import EXPORT
from rag.models.catalog import CATALOG

FP32 = f"{TOY}@fp32"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model cache that the commands see, not there yet."""
    monkeypatch.setenv("RAG_MODEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> "Said":
    return Said(capsys)


class Said:
    """What a command says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def by(self, *arguments: str, status: int = 0) -> str:
        """Return what `models …` prints to standard output, and after an error to standard error."""
        assert main(["models", *arguments]) == status
        captured = self._capsys.readouterr()
        return captured.out + captured.err

    def json_by(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        assert main(["models", *arguments, "--json"]) == status
        body: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return body


# list


def test_the_list_says_of_every_known_model_whether_it_is_here(cache: Path, said: Said) -> None:
    _, _, catalogue = said.by("list").partition("\nThe catalogue\n")
    lines = re.findall(r"^  (?:rerank|embed) +(\S+): (here|\d+ MB to fetch)$", catalogue, re.MULTILINE)
    assert [name for name, _ in lines] == [entry.id for entry in CATALOG]
    assert [name for name, state in lines if state == "here"] == [DEFAULT_EMBEDDER, DEFAULT_RERANKER]
    assert not cache.exists()


def test_the_list_warns_of_a_licence_that_forbids_commercial_use(cache: Path, said: Said) -> None:
    text = said.by("list")
    assert text.count("not for commercial use") == sum(not entry.commercial for entry in CATALOG)


def test_the_list_names_every_export_with_its_size_and_folder(cache: Path, said: Said) -> None:
    export_toy(cache)
    fp32 = export_toy(cache, quantization="none")
    here, _, _ = said.by("list").partition("\n\nThe catalogue\n")
    here = here.removeprefix(f"On this machine (cache: {cache})\n")
    names = [line.split()[1] for line in here.splitlines()]
    assert names == [DEFAULT_EMBEDDER, DEFAULT_RERANKER, TOY, FP32]
    assert re.search(rf"^  rerank  {FP32}  \d kB  {fp32}$", here, re.MULTILINE)


def test_the_list_as_json_holds_the_catalogue_and_every_manifest(cache: Path, said: Said) -> None:
    known = next(entry.id for entry in CATALOG if not entry.packaged)
    export_toy(cache, known, quantization="none")
    body = said.json_by("list")
    assert [entry["id"] for entry in body["catalogue"]] == [entry.id for entry in CATALOG]
    assert {entry["id"]: entry["installed"] for entry in body["catalogue"] if entry["installed"]} == {
        DEFAULT_EMBEDDER: [DEFAULT_EMBEDDER],
        DEFAULT_RERANKER: [DEFAULT_RERANKER],
        known: [f"{known}@fp32"],
    }
    assert body["installed"][-1]["manifest"]["parity"]["texts"] == 2
    assert (body["cache"], body["broken"]) == (str(cache), [])


def test_a_broken_folder_is_listed_as_broken_and_hides_no_other(cache: Path, said: Said) -> None:
    broken = export_toy(cache, "a/broken")
    (broken / "manifest.json").write_text('{"format": 1')
    export_toy(cache)
    text = said.by("list", status=1)
    assert f"  broken  {broken / 'manifest.json'} cannot be read as a manifest" in text
    assert f"rerank  {TOY}" in text


def test_a_folder_without_its_manifest_is_broken(cache: Path, said: Said) -> None:
    (export_toy(cache) / "manifest.json").unlink()
    body = said.json_by("list", status=1)
    assert [entry["path"] for entry in body["broken"]] == [str(cache / "toy_model" / "manifest.json")]
    assert len(body["installed"]) == 2


# check


@pytest.mark.parametrize("model", [TOY, "toy_model", DEFAULT_RERANKER])
def test_a_whole_model_passes_the_check(cache: Path, said: Said, model: str) -> None:
    export_toy(cache)
    assert "every file in " in said.by("check", model)
    assert said.json_by("check", model)["ok"] is True


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_changed_file_fails_the_check_by_name(cache: Path, said: Said, name: str) -> None:
    folder = export_toy(cache)
    flip(folder / name)
    assert said.by("check", TOY, status=1).startswith(f"error: {folder / name} is not the file that model")
    error = said.json_by("check", TOY, status=1)["error"]
    assert (error["type"], str(folder / name) in error["message"]) == ("CorruptModelError", True)


def test_a_check_trusts_no_earlier_look(cache: Path, said: Said) -> None:
    folder = export_toy(cache)
    said.by("check", TOY)
    known = json.loads((folder / "verified.json").read_text("utf-8"))
    flip(folder / "model.onnx")
    status = (folder / "model.onnx").stat()
    # As if the file had never been touched since.
    known["model.onnx"][:3] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    (folder / "verified.json").write_text(json.dumps(known))
    assert str(folder) in said.by("path", TOY)
    assert "is not the file" in said.by("check", TOY, status=1)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_fails_the_check_by_name(cache: Path, said: Said, name: str) -> None:
    path = export_toy(cache) / name
    path.unlink()
    assert str(path) in said.by("check", TOY, status=1)


# path


def test_the_path_is_that_of_the_models_folder_alone(cache: Path, said: Said) -> None:
    folder = export_toy(cache, quantization="none")
    assert said.by("path", TOY) == f"{folder}\n"
    assert said.json_by("path", FP32) == {"id": FP32, "path": str(folder)}
    assert said.by("path", DEFAULT_EMBEDDER) == f"{installed('embed').folder}\n"


# Models that are not here


@pytest.mark.parametrize("action", ["check", "path"])
def test_a_model_that_is_not_here_is_a_failure_with_the_command_that_makes_it(
    cache: Path, said: Said, action: str
) -> None:
    known = next(entry.id for entry in CATALOG if not entry.packaged)
    assert f"Export it, once: {EXPORT} {known}" in said.by(action, known, status=1)


@pytest.mark.parametrize("action", ["check", "path"])
def test_a_name_that_nobody_knows_is_a_wrong_usage(cache: Path, said: Said, action: str) -> None:
    assert "error: Model 'a/b' is not in the catalogue" in said.by(action, "a/b", status=2)
    assert said.json_by(action, "a/b", status=2)["error"]["type"] == "UnknownModelError"


@pytest.mark.parametrize(
    "arguments", [[], ["no-such-action"], ["export"], ["export", "a/b", "--quantize", "int4"], ["path"]]
)
def test_a_command_that_is_not_whole_is_a_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["models", *arguments])
    assert caught.value.code == 2


def test_check_without_a_name_checks_every_model_and_tells_each(cache: Path, said: Said) -> None:
    export_toy(cache)
    assert said.by("check").count("is the one that was promised") == 3
    flip(cache / "toy_model" / "tokenizer.json")
    text = said.by("check", status=1)
    assert text.count("is the one that was promised") == 2
    assert f"{cache / 'toy_model' / 'tokenizer.json'} is not the file" in text


def test_a_file_of_another_size_is_listed_as_broken(cache: Path, said: Said) -> None:
    graph = export_toy(cache) / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:50])
    assert f"  broken  {graph} has 50 bytes; the manifest says" in said.by("list", status=1)


def test_a_mistyped_name_is_answered_with_the_nearest(cache: Path, said: Said) -> None:
    export_toy(cache)
    assert f"Did you mean {TOY}?" in said.by("path", TOY + "x", status=2)
