"""An export happens once, leaves a whole model or nothing, and every failure says what to do.

Real processes, a real hub on this machine, and a real model, small enough that loading PyTorch is most of
the work.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import hub as hubs
import pytest
from exporting import (
    PATIENCE_S,
    ROOT,
    environment,
    export,
    left_in,
    refused,
    small_disk,
    start,
    wait_until,
    watched,
    workers,
)
from hub import Hub, Repository, commit
from safetensors.numpy import load_file
from toy_model import flip
from toy_original import write_embedder, write_modules, write_original

from rag.errors import CorruptModelError, ExportError, MissingModelError, ModelError
from rag.machine.packages import PACKAGES
from rag.models import turns
from rag.models.cache import check, exported, find, locate
from rag.models.export.download import weights_bytes
from rag.models.exporter import require_packages
from rag.models.manifest import Manifest
from rag.models.naming import model_id
from rag.models.once import Exported, ExportRequest
from rag.models.once import export as export_here
from rag.models.progress import Progress

SOURCES = ["config.json", "model.safetensors", "tokenizer.json"]
MEMORY = "status -9; it was killed, most likely for lack of memory"


@dataclass(frozen=True)
class Made:
    """A model that was exported by the command, from `source` into `cache`, in `seconds`."""

    source: Path
    cache: Path
    seconds: float

    @property
    def id(self) -> str:
        return model_id(str(self.source))

    @property
    def folder(self) -> Path:
        return self.cache / self.id

    def copy(self, place: Path) -> "Made":
        """Return the same model in a cache of its own."""
        return Made(self.source, shutil.copytree(self.cache, place), self.seconds)


@pytest.fixture(scope="session", autouse=True)
def _needs_the_export_packages() -> None:
    try:
        require_packages("the test's model")
    except ExportError as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local folder with a cross-encoder in PyTorch's form."""
    return write_original(tmp_path_factory.mktemp("originals") / "model")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A model that was exported; tests change copies of its cache only."""
    home = tmp_path_factory.mktemp("made")
    source, cache = write_original(home / "source", seed=1), home / "cache"
    began = time.perf_counter()
    ran = export(source, cache=cache)
    assert ran.returncode == 0, ran.stderr
    assert "Tracer" not in ran.stderr  # what the libraries say goes to the log
    return Made(source, cache, time.perf_counter() - began)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A model cache, not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def hub(original: Path) -> Iterator[Hub]:
    """A hub with a model of two commits, `main` at the first and `next` at the second, and a gated one."""
    first, second = commit("first"), commit("second")
    other = write_original(original.with_name("second"), seed=2)
    with hubs.running() as running:
        commits, branches = {first: original, second: other}, {"main": first, "next": second}
        running.repositories["org/model"] = Repository(commits, branches)
        running.repositories["org/gated"] = Repository(commits, branches, gated=True)
        yield running


def manifest_of(reference: object, cache: Path) -> Manifest:
    """Return the manifest of a model whose every file is the promised one."""
    model = find(str(reference), cache)
    check(model, again=True)
    assert model.manifest
    return model.manifest


def export_in_this_process(made: Made, **changes: str) -> Exported:
    """Ask for `made` once more; where it is there, nothing needs PyTorch."""
    request = ExportRequest(str(made.source), **changes)  # type: ignore[arg-type]
    return export_here(request, made.cache, lambda _progress: None)


# Once


def test_of_ten_commands_at_once_one_exports(original: Path, cache: Path, tmp_path: Path) -> None:
    watch = watched(tmp_path) | {"WATCH_TORCH": str(tmp_path / "torch.log")}
    commands = [start(original, cache=cache, **watch) for _ in range(10)]
    outputs = [command.communicate(timeout=PATIENCE_S) for command in commands]
    assert [command.returncode for command in commands] == [0] * 10, outputs
    said = [out.splitlines()[0].partition(": ")[2] for out, _ in outputs]
    assert sum(line.startswith("exported in ") for line in said) == 1
    others = {"another process exported it meanwhile.", "was here already; nothing was exported."}
    assert {line for line in said if not line.startswith("exported in ")} <= others
    assert len({line.split()[0] for line in (tmp_path / "torch.log").read_text().splitlines()}) == 1
    assert left_in(cache) == [model_id(str(original))]
    assert manifest_of(original, cache).revision.startswith("sha256:")


def test_ten_threads_take_turns(cache: Path) -> None:
    at_work, most = 0, 0

    def work() -> None:
        nonlocal at_work, most
        with turns.turn(cache / "model", lambda _progress: None):
            at_work += 1
            most = max(most, at_work)
            time.sleep(0.01)
            at_work -= 1

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, at_work) == (1, 0)


def test_a_second_export_says_that_the_model_was_here_already(made: Made) -> None:
    before = (made.folder / "manifest.json").read_bytes()
    ran = export(made.source, cache=made.cache)
    assert ran.stdout.startswith(f"{made.id}: was here already; nothing was exported.\n")
    assert f"Use it: RAG_RERANKER={made.id}" in ran.stdout
    assert (made.folder / "manifest.json").read_bytes() == before


def test_a_model_in_a_cache_that_is_read_only_is_here_already(made: Made, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        copy = made.copy(disk / "cache")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert not export_in_this_process(copy).made


def test_who_waits_hears_how_far_the_other_is(made: Made, cache: Path) -> None:
    heard: list[Progress] = []
    target = cache / made.id

    def wait() -> None:
        with turns.turn(target, heard.append):
            pass

    waiting = threading.Thread(target=wait)
    with turns.turn(target, lambda _progress: None):
        turns.announce(target, Progress("quantize", 12.0, 3.5, 0.25))
        waiting.start()
        wait_until(lambda: heard, "a report to the one who waits")
        there = turns.underway(target)
    waiting.join()
    assert (heard[0].phase, heard[0].remaining_s, heard[0].waiting) == ("quantize", 3.5, True)
    assert there == Progress("quantize", 12.0, 3.5, 0.25)
    assert turns.underway(target) is None


# Whole or nothing


def test_a_kill_at_any_moment_leaves_nothing_or_a_whole_model(
    original: Path, made: Made, cache: Path
) -> None:
    chance = random.Random(20)
    for quarter in range(4):
        with start(original, cache=cache) as command:
            time.sleep((quarter + chance.random()) / 4 * made.seconds)
            at_work = workers(cache)
            if at_work and chance.random() < 0.3:
                with suppress(ProcessLookupError):
                    os.kill(at_work[0], signal.SIGKILL)
                said = command.communicate(timeout=PATIENCE_S)[1]
                assert command.returncode == 0 or MEMORY in said  # it may have said its last word already
            else:
                command.kill()
                command.wait()
        wait_until(lambda: not workers(cache), "the end of the killed command's worker")
        if (cache / model_id(str(original))).exists():
            manifest_of(original, cache)
            shutil.rmtree(cache / model_id(str(original)))
        assert all(name.startswith(".") for name in left_in(cache))
    ran = export(original, cache=cache)
    assert ran.stdout.startswith(f"{model_id(str(original))}: exported in "), ran.stderr
    assert left_in(cache) == [model_id(str(original))]


def test_a_worker_ends_with_the_command_that_started_it(original: Path, cache: Path, tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    (tmp_path / "huggingface_hub.py").write_text(f"import time; open({str(busy)!r}, 'w'); time.sleep(600)")
    with start(original, cache=cache, PYTHONPATH=str(tmp_path)) as command:
        wait_until(busy.exists, "the start of the export's work")
        assert workers(cache)
        command.kill()
    wait_until(lambda: not workers(cache), "the end of the killed command's worker")


@pytest.mark.parametrize(
    ("last_act", "whole"),
    [("open manifest.json", False), ("os.rename -fp32'", False), ("os.remove .progress", True)],
)
def test_a_kill_around_the_moment_of_publishing(
    original: Path, cache: Path, tmp_path: Path, last_act: str, whole: bool
) -> None:
    ran = export(original, "--quantize", "none", cache=cache, DIE_AT=last_act, **watched(tmp_path))
    assert ran.returncode == -signal.SIGKILL
    found = [name for name in left_in(cache) if not name.startswith(".")]
    assert found == ([f"{model_id(str(original))}-fp32"] if whole else [])
    assert len(turns.sweep(cache)) == (1 if whole else 2)
    assert left_in(cache) == found
    if whole:
        assert manifest_of(original, cache).quantization == "none"


def test_leftovers_are_swept_only_when_nobody_is_at_work_on_them(original: Path, cache: Path) -> None:
    with start(original, cache=cache) as command:
        wait_until(lambda: workers(cache), "the start of the export")
        assert turns.sweep(cache) == ()
        at_work = left_in(cache)
        command.kill()
        command.wait()
    wait_until(lambda: not workers(cache), "the end of the worker")
    assert at_work == left_in(cache)
    assert sorted(turns.sweep(cache)) == at_work
    assert left_in(cache) == []


def test_the_next_command_sweeps_whatever_it_exports(cache: Path) -> None:
    (cache / ".gone_model.0123.partial").mkdir(parents=True)
    (cache / ".gone_model.0123.partial" / "model.onnx").touch()
    (cache / ".gone_model.progress").touch()
    said = export("/no/such/folder", cache=cache).stderr
    assert "Removed what a killed export had left: .gone_model.0123.partial\n" in said
    assert left_in(cache) == []


def test_a_command_that_is_interrupted_cleans_up(original: Path, cache: Path) -> None:
    with start(original, cache=cache) as command:
        wait_until(lambda: workers(cache), "the start of the export")
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=PATIENCE_S)
    assert (command.returncode, "Traceback" in said, left_in(cache)) == (130, False, [])
    wait_until(lambda: not workers(cache), "the end of the worker")


def test_a_worker_that_the_system_kills_is_told_as_a_lack_of_memory(original: Path, cache: Path) -> None:
    with start(original, cache=cache) as command:
        wait_until(lambda: workers(cache), "the start of the export")
        os.kill(workers(cache)[0], signal.SIGKILL)
        _, said = command.communicate(timeout=PATIENCE_S)
    assert f"error: Exporting {original} failed: it ended with {MEMORY}" in said
    assert "Nothing was kept." in said
    assert (command.returncode, left_in(cache)) == (1, [])


def test_a_worker_that_ends_by_itself_is_told_by_its_last_words(
    original: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "huggingface_hub.py").write_text("raise SystemExit('no hub today')")
    said = refused(original, cache=cache, PYTHONPATH=str(tmp_path))
    assert f"Exporting {original} failed: it ended with status 1; its last words were: no hub today." in said


# What cannot be exported


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ["org/none"],
            "There is no model 'org/none': not on the Hugging Face hub .* and no such folder here",
        ),
        (["not an id"], "There is no model 'not an id'"),
        (["org/gated"], "org/gated is only given to those who accepted its terms.*`hf auth login`"),
        (
            ["org/model", "--revision", "no-such"],
            "org/model has no revision 'no-such' on the Hugging Face hub",
        ),
    ],
)
def test_what_the_hub_refuses_is_told_in_a_sentence(
    hub: Hub, cache: Path, arguments: list[str], why: str
) -> None:
    assert re.search(why, refused(*arguments, cache=cache, HF_ENDPOINT=hub.url))


def test_a_hub_that_does_not_answer_is_told_with_the_reason(cache: Path) -> None:
    said = refused("org/model", cache=cache)
    assert "org/model could not be fetched, because the Hugging Face hub does not answer" in said
    assert "(the connection was refused)" in said


@pytest.mark.parametrize("source", ["/no/such/folder", "./model", "../model", "~/no such model", "a/b/c", ""])
def test_what_can_only_be_a_folder_is_asked_of_no_hub(hub: Hub, cache: Path, source: str) -> None:
    assert refused(source, cache=cache, HF_ENDPOINT=hub.url).startswith(f"There is no folder {source!r}.")
    assert (hub.requests, cache.exists()) == ([], False)


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text("utf-8").replace(old, new))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda folder: (folder / "config.json").unlink(), "found no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json cannot be read: Expecting"),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            r"found no weights \(\*\.safetensors, \*\.bin",
        ),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"found no tokenizer \(tokenizer\.json, "),
        (
            lambda folder: edit(folder / "config.json", "ForSequenceClassification", "ForMaskedLM"),
            r"expected a cross-encoder .*found neither \(BertForMaskedLM\)",
        ),
    ],
)
def test_a_folder_that_is_no_model_is_refused_by_what_it_lacks(
    original: Path, cache: Path, tmp_path: Path, damage: Callable[[Path], object], why: str
) -> None:
    source = shutil.copytree(original, tmp_path / "source")
    damage(source)
    assert re.search(why, refused(source, cache=cache))


def test_weights_that_were_cut_are_refused(original: Path, cache: Path, tmp_path: Path) -> None:
    source = shutil.copytree(original, tmp_path / "source")
    os.truncate(source / "model.safetensors", 50_000)
    assert f"Exporting {source} failed: SafetensorError" in refused(source, cache=cache)


def test_missing_packages_are_named_with_the_one_command_that_brings_them(
    original: Path, cache: Path, tmp_path: Path
) -> None:
    said = refused(original, cache=cache, HIDE="torch,onnx", **watched(tmp_path))
    assert "needs Python packages that are not installed: torch, onnx. Run, in the folder of " in said
    assert said.endswith(f"{sys.executable} -m pip install -r requirements.txt")
    assert {"torch", "onnx"} < set(PACKAGES)


# Python code of a model's authors

OWN_CODE = """
import os
from pathlib import Path

Path(os.environ["MARK"]).write_text("the model's own code ran")
raise SystemExit("it ran")
"""
ASKS_FOR_CODE = {"auto_map": {"AutoTokenizer": ["own.Own", None]}}


@pytest.fixture
def with_code(original: Path, tmp_path: Path) -> Path:
    """An embedder, one class of which is in a .py file of its own that leaves a mark when it runs."""
    folder = shutil.copytree(original, tmp_path / "with-code")
    (folder / "own.py").write_text(OWN_CODE)
    write_modules(folder, {"": "own.Own", "1_Pooling": "sentence_transformers.models.Pooling"})
    return folder


def test_a_models_own_module_runs_only_when_it_is_trusted(
    with_code: Path, cache: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    environ = {"MARK": str(mark), "HF_MODULES_CACHE": str(tmp_path / "modules")}
    said = refused(with_code, cache=cache, **environ)
    assert "own.Own in modules.json. If you trust its authors, export it on the command line" in said
    assert not mark.exists()
    assert "it ran" in refused(with_code, "--trust-remote-code", cache=cache, **environ)
    assert mark.exists()


def test_a_models_own_module_is_not_even_fetched(hub: Hub, with_code: Path, cache: Path) -> None:
    at = commit("with code")
    hub.repositories["org/with-code"] = Repository({at: with_code}, {"main": at})
    said = refused("org/with-code", cache=cache, HF_ENDPOINT=hub.url)
    assert said.startswith("org/with-code runs only with Python code of its own")
    assert any(request.endswith("modules.json") for request in hub.requests)
    assert not any(request.endswith(".py") for request in hub.requests)


def test_a_file_that_asks_for_code_is_refused_wherever_it_lies(
    original: Path, cache: Path, tmp_path: Path
) -> None:
    plain, nested = tmp_path / "plain", tmp_path / "nested"
    shutil.copytree(original, plain)
    write_embedder(nested, card="", prompts={})
    for file in (plain / "tokenizer_config.json", nested / "0_Transformer" / "config.json"):
        file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | ASKS_FOR_CODE))
    ran = export(plain, nested, "--json", cache=cache)
    messages = [one["error"]["message"] for one in json.loads(ran.stdout)["models"]]
    for message, name in zip(messages, ("tokenizer_config.json", "config.json"), strict=True):
        assert f"runs only with Python code of its own: {name}. If you trust" in message
    assert left_in(cache) == []


# What an embedder's files say


def test_an_embedder_of_an_older_form_is_exported_with_what_its_files_say(
    hub: Hub, cache: Path, tmp_path: Path
) -> None:
    known = {"search_query": "search_query: ", "search_document": "search_document: "}
    at = commit("embedder")
    folder = write_embedder(tmp_path / "at-the-hub", card="license: [mit, apache-2.0]", prompts=known)
    hub.repositories["org/embedder"] = Repository({at: folder}, {"main": at})
    local = write_embedder(tmp_path / "local", card="license: [mit", prompts={"web": "web: "})
    ran = export("org/embedder", local, "--quantize", "none", "--json", cache=cache, HF_ENDPOINT=hub.url)
    assert ran.returncode == 0, ran.stdout
    manifest = manifest_of("org/embedder@fp32", cache)
    assert (manifest.licence, manifest.notes) == ("mit, apache-2.0", ())
    assert (manifest.reading.query_prefix, manifest.reading.passage_prefix) == tuple(known.values())
    assert any(request.endswith("0_Transformer/model.safetensors") for request in hub.requests)
    unread = manifest_of(f"{model_id(str(local))}@fp32", cache)
    assert (unread.licence, unread.reading.query_prefix, unread.reading.passage_prefix) == (None, "", "")
    assert unread.notes == ("Its prompts (web) are not understood, and not used.",)


def test_weights_count_as_large_as_they_are_in_fp32(original: Path, tmp_path: Path) -> None:
    half = write_embedder(tmp_path / "half", card="", prompts={})
    for folder, width in ((original, 4), (half / "0_Transformer", 2)):
        tensors = load_file(folder / "model.safetensors").values()
        assert {values.itemsize for values in tensors} == {width}
        assert weights_bytes(folder) == 4 * sum(values.size for values in tensors)
    assert weights_bytes(half) == weights_bytes(half / "0_Transformer")


def test_weights_whose_header_cannot_be_read_count_as_large_as_their_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 1000)
    assert weights_bytes(tmp_path) == 1000


# Disks


def test_a_cache_that_is_a_file_is_told_with_the_setting(original: Path, cache: Path) -> None:
    cache.touch()
    ran = export(original, cache=cache)
    assert f"RAG_MODEL_CACHE='{cache}' cannot be used: expected a folder; found a file." in ran.stderr
    assert (ran.returncode, ran.stdout, "Traceback" in ran.stderr) == (2, "", False)


def test_a_cache_that_may_not_be_written_is_told_with_the_setting(original: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        (disk / "cache").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        said = refused(original, cache=disk / "cache")
    assert "Read-only file system. Set RAG_MODEL_CACHE to a folder that this process may write to" in said


def test_a_folder_for_downloads_that_cannot_be_written_is_told_with_its_setting(
    hub: Hub, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    said = refused("org/model", cache=cache, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "file"))
    assert "org/model could not be fetched, because its files cannot be written" in said
    assert "Set HF_HOME" in said


def write_sparse(path: Path, *, numbers: int) -> None:
    """Write a weights file of so many zeros, which takes no room."""
    tensor = {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}
    header = json.dumps({"zeros": tensor}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(path, 8 + len(header) + 4 * numbers)


def test_a_disk_that_is_too_small_is_told_before_the_work(original: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        source = shutil.copytree(original, tmp_path / "source")
        write_sparse(source / "model.safetensors", numbers=25_000_000)
        said = refused(source, cache=disk / "cache")
    assert (
        f"Exporting {source} needs about 250 MB of room in {disk / 'cache'}, of which 1 MB are free" in said
    )
    assert "set RAG_MODEL_CACHE to a folder on a larger disk" in said


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"x" * 4096)


def test_a_disk_that_fills_up_during_the_work_is_told_and_nothing_is_kept(
    original: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        with start(original, cache=disk / "cache") as command:
            assert command.stderr
            # The weights are in memory then, and the graph is about to be written.
            said = next(line for line in command.stderr if f"{original}: export," in line)
            fill(disk)
            said = command.communicate(timeout=PATIENCE_S)[1]
        assert (command.returncode, left_in(disk / "cache")) == (1, [])
    assert re.search(
        r"error: Exporting .* failed: .*Only 0\.0 MB are free in .*/cache: free some, or set", said
    )


# From the hub


def test_a_model_of_the_hub_is_fetched_once_and_the_hub_never_asked_again(hub: Hub, cache: Path) -> None:
    online = {"HF_ENDPOINT": hub.url}
    assert export("org/model", "--revision", "next", cache=cache, **online).returncode == 0
    assert manifest_of("org/model", cache).revision == commit("second")
    assert any(f"/org/model/resolve/{commit('second')}/config.json" in request for request in hub.requests)
    hub.requests.clear()
    again = [[], ["--revision", "next"], ["--revision", commit("second")]]
    ran = [export("org/model", *arguments, cache=cache, **online) for arguments in again]
    assert ["was here already" in one.stdout for one in ran] == [True] * 3
    other = export("org/model", "--revision", "main", cache=cache, **online)
    assert (
        f"{cache / 'org_model'} holds revision {commit('second')} of this model; asked for was main"
        in other.stderr
    )
    assert (other.returncode, hub.requests) == (1, [])
    # A commit, beside it, unquantized.
    fp32 = export("org/model", "--quantize", "none", "--revision", commit("first"), cache=cache, **online)
    assert fp32.stdout.startswith("org/model@fp32: exported in "), fp32.stderr
    assert [manifest_of(f"org/model{at}", cache).revision for at in ("", "@int8", "@fp32")] == [
        commit("second"), commit("second"), commit("first")
    ]  # fmt: skip


# A model that is there, but not as asked


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_changed_model_is_refused_by_loading_and_by_exporting(made: Made, cache: Path, name: str) -> None:
    copy = made.copy(cache)
    flip(copy.folder / name)
    for use in (lambda: locate(copy.id, "rerank", cache), lambda: export_in_this_process(copy)):
        with pytest.raises(CorruptModelError, match=rf"{copy.folder / name} is not the file .*Delete"):
            use()
    assert left_in(cache) == [copy.id]


def test_a_cut_manifest_is_refused_by_exporting(made: Made, cache: Path) -> None:
    copy = made.copy(cache)
    os.truncate(copy.folder / "manifest.json", 100)
    said = export(copy.source, cache=cache)
    assert f"{copy.folder / 'manifest.json'} cannot be read as a manifest" in said.stderr
    assert (said.returncode, left_in(cache)) == (1, [copy.id])


def test_a_missing_file_is_refused_by_exporting(made: Made, cache: Path) -> None:
    copy = made.copy(cache)
    (copy.folder / "tokenizer.json").unlink()
    with pytest.raises(MissingModelError, match=f"Delete {copy.folder} and export it again"):
        export_in_this_process(copy)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_changed_since_is_refused(made: Made, name: str) -> None:
    before = (made.source / name).read_bytes()
    (made.source / name).write_bytes(before + b" ")
    try:
        with pytest.raises(
            ModelError, match=r"holds revision sha256:\w+ of this model; asked for was sha256:"
        ):
            export_in_this_process(made)
    finally:
        (made.source / name).write_bytes(before)
    assert not export_in_this_process(made).made


def test_a_reranker_is_not_given_out_as_an_embedder(made: Made) -> None:
    with pytest.raises(ModelError, match="holds this model as one that can rerank, not embed"):
        export_in_this_process(made, task="embed")


# Without a network, and without PyTorch

SCORE = """
import json, sys
from pathlib import Path
from rag.models.load import load
from rag.rerank import Reranker
from rag.timing import Stopwatch

reranker = Reranker(load(sys.argv[1], "rerank", cache=Path(sys.argv[2]), threads=1))
(score,) = reranker.score("what is the capital of italy", ["Rome."], watch=Stopwatch())
unwanted = {"torch", "transformers", "optimum", "sentence_transformers", "onnx", "huggingface_hub"}
print(json.dumps([score.logit, sorted(unwanted & set(sys.modules))]))
"""


def test_loading_needs_no_network_and_no_pytorch(made: Made, tmp_path: Path) -> None:
    moved = made.copy(tmp_path / "moved")
    outcomes = []
    for reference, cache in ((made.id, made.cache), (made.id, moved.cache), (str(moved.folder), tmp_path)):
        ran = subprocess.run(
            [sys.executable, "-c", SCORE, reference, str(cache)],
            cwd=ROOT,
            env=environment(cache, NO_NETWORK="1", **watched(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
        outcomes.append(ran.stdout or ran.stderr)
    assert len(set(outcomes)) == 1
    assert outcomes[0].endswith(", []]\n"), outcomes[0]


def test_the_network_guard_would_notice(cache: Path, tmp_path: Path) -> None:
    code = "import socket; socket.create_connection(('localhost', 1))"
    env = environment(cache, NO_NETWORK="1", **watched(tmp_path))
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert "AssertionError: socket.getaddrinfo" in ran.stderr


def test_an_exported_model_knows_what_it_came_from(made: Made) -> None:
    model = exported(made.folder)
    assert model.manifest
    assert (model.manifest.source, model.manifest.task) == (str(made.source), "rerank")
    assert set(model.manifest.files) == {"model.onnx", "tokenizer.json"}
    assert model.manifest.parity.fp32_difference < 1e-3
    assert model.manifest.seconds["total"] < made.seconds
