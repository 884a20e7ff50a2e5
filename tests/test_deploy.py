"""The image, and the page about where the program runs: as they are written, and as they start."""

import fnmatch
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from rag.__main__ import parser
from rag.config import LOCAL_HOSTS, Settings
from rag.errors import SettingsError
from rag.machine import capacity
from rag.machine.hosts import HOSTS
from rag.machine.places import BAKED, classify, describe
from rag.machine.system import System
from rag.models.catalog import PRESETS, entry

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile: its instructions, in order."""

    instructions: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [rest for instruction, rest in self.instructions if instruction == name]


def stages() -> tuple[str, Stage, Stage]:
    """What stands before the first stage, the one that exports, and the one that serves."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", " ", text)
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith("FROM ")]
    assert len(starts) == 2
    parts = (lines[: starts[0]], lines[starts[0] : starts[1]], lines[starts[1] :])
    head, *rest = ([line.partition(" ")[::2] for line in part] for part in parts)
    export, serve = (Stage(tuple((name, value) for name, value in part)) for part in rest)
    return "\n".join(" ".join(line) for line in head), export, serve


HEAD, EXPORT, SERVE = stages()


def environment(stage: Stage) -> dict[str, str]:
    words = [word for line in stage.all("ENV") for word in shlex.split(line)]
    return dict(word.split("=", 1) for word in words)


def copied(stage: Stage) -> list[str]:
    """What a stage copies out of the build's context."""
    copies = [shlex.split(line) for line in stage.all("COPY")]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets `path` into the build: of the patterns that match, the last decides."""
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    sent = True
    for rule in (rule.strip() for rule in rules if rule.strip() and not rule.startswith("#")):
        pattern = rule.removeprefix("!").rstrip("/").removeprefix("**/")
        # A rule for a folder holds for all that is in it.
        parts = PurePosixPath(path).parts
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        names = above + (list(parts) if "**/" in rule else [])
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            sent = rule.startswith("!")
    return sent


def test_pytorch_is_installed_only_where_models_are_exported_and_only_then() -> None:
    (install,) = [run for run in EXPORT.all("RUN") if "-r requirements.txt" in run]
    assert install.startswith('if [ -n "$EXPORT_MODELS" ]')
    assert not [run for run in SERVE.all("RUN") if "-r requirements.txt" in run]
    assert [run for run in SERVE.all("RUN") if "-r requirements-serve.txt" in run]


def test_the_exports_end_up_where_the_server_looks_for_them() -> None:
    cache = environment(EXPORT)["RAG_MODEL_CACHE"]
    assert f"--from=export {cache} {cache}" in SERVE.all("COPY")
    assert environment(SERVE)["RAG_MODEL_CACHE"] == cache


def test_the_build_always_leaves_the_mark_that_the_doctor_looks_for() -> None:
    (export,) = [run for run in EXPORT.all("RUN") if "rag models export" in run]
    cache = environment(EXPORT)["RAG_MODEL_CACHE"]
    assert f"; done && touch {cache}/{BAKED} && chmod -R a+rX {cache}" in " ".join(export.split())


def test_the_server_runs_as_a_user_of_its_own_who_owns_the_library_alone() -> None:
    names = [name for name, _ in SERVE.instructions]
    assert SERVE.all("USER") == ["reranklens"]
    assert names.index("USER") < names.index("CMD")
    assert not [copy for copy in SERVE.all("COPY") if "--chown" in copy]
    assert environment(SERVE)["RAG_HOME"] == "/data"


def test_its_user_can_read_what_was_copied_from_a_private_checkout() -> None:
    last_copy = max(at for at, (name, _) in enumerate(SERVE.instructions) if name == "COPY")
    later = [rest for name, rest in SERVE.instructions[last_copy:] if name == "RUN"]
    assert any("chmod -R a+rX /app" in run for run in later)


def test_there_is_no_volume_without_a_name() -> None:
    assert EXPORT.all("VOLUME") + SERVE.all("VOLUME") == []


def test_both_stages_build_on_the_same_python() -> None:
    assert {line.split(" ")[0] for line in EXPORT.all("FROM") + SERVE.all("FROM")} == {"${PYTHON}"}
    assert re.search(r"PYTHON=python:3\.1[1-9]-slim", HEAD)


def test_the_build_arguments_set_the_models_in_use() -> None:
    exporting = [arg.partition("=")[0] for arg in EXPORT.all("ARG")]
    assert exporting == ["EXPORT_MODELS", "PIP_EXTRA_INDEX_URL"]
    assert [arg.partition("=")[0] for arg in SERVE.all("ARG")] == ["EMBEDDER", "RERANKER"]
    values = environment(SERVE)
    assert (values["RAG_EMBEDDER"], values["RAG_RERANKER"]) == ("${EMBEDDER}", "${RERANKER}")
    assert Settings.from_env({"RAG_EMBEDDER": "", "RAG_RERANKER": ""}).reranker == Settings().reranker


@pytest.mark.parametrize("stage", [EXPORT, SERVE])
def test_what_is_copied_is_there_and_is_sent_to_the_build(stage: Stage) -> None:
    for source in copied(stage):
        assert (ROOT / source).exists(), source
        assert is_sent(source.rstrip("/")), source


@pytest.mark.parametrize(
    "path",
    [
        "streamlit_app.py",
        ".streamlit/config.toml",
        "requirements-serve.txt",
        "rag/__main__.py",
        "rag/cli/doctor.py",
        "rag/ui/style.css",
        "data/judged/queries.jsonl",
        *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "data" / "samples").iterdir())[:3]),
    ],
)
def test_what_the_server_reads_is_in_the_image(path: str) -> None:
    assert (ROOT / path).is_file()
    assert is_sent(path)
    assert any(path == source or path.startswith(source) for source in copied(SERVE))


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".rag/library.db",
        "tests/conftest.py",
        "rag/__pycache__/config.cpython-311.pyc",
        "data/sources/a.md",
        ".streamlit/secrets.toml",
        "docs/screenshots/compare-light-1440.png",
    ],
)
def test_nothing_else_is_sent_to_the_build(path: str) -> None:
    assert not is_sent(path)


# As it starts


@dataclass(frozen=True)
class Server:
    """The server as the image's own command starts it."""

    process: "subprocess.Popen[bytes]"
    port: int
    env: dict[str, str]

    def status(self, host: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/healthz", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=START_TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def websocket_status(self, host: str) -> int:
        """The status of the answer to the page's own handshake."""
        lines = [
            "GET /_stcore/stream HTTP/1.1",
            f"Host: {host}",
            f"Origin: https://{host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: streamlit",
        ]
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_TIMEOUT_S) as line:
            line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            return int(line.recv(100).split(b" ")[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("image")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    env = {name: value for name, value in environment(SERVE).items() if "$" not in value} | {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "PORT": str(port),
        "RAG_HOME": str(home / "data"),
        "RAG_MODEL_CACHE": str(home / "models"),
        "RAG_ALLOWED_HOSTS": "rerank.example.org,*.example.net",
    }
    command = json.loads(SERVE.all("CMD")[0])
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(port, process, home / "log")
            yield Server(process, port, env)
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"The command of the image did not start a server:\n{log.read_text()}", pytrace=False)


def test_the_server_of_the_image_is_healthy_by_its_own_check(server: Server) -> None:
    check = json.loads(SERVE.all("HEALTHCHECK")[0].partition(" CMD ")[2])
    assert subprocess.run(check, env=server.env, timeout=START_TIMEOUT_S).returncode == 0


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1", True),
        ("localhost:8501", True),
        ("rerank.example.org", True),
        ("a.example.net", True),
        ("example.com", False),
    ],
)
def test_one_variable_names_the_hosts_of_routes_and_page(server: Server, host: str, answered: bool) -> None:
    expected = (200, 101) if answered else (400, 400)
    assert (server.status(host), server.websocket_status(host)) == expected


def test_sigterm_reaches_the_server_itself(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=START_TIMEOUT_S) in (0, -signal.SIGTERM)


def test_this_machines_own_names_are_always_answered() -> None:
    assert Settings.from_env({"RAG_ALLOWED_HOSTS": "a.example"}).allowed_hosts == (*LOCAL_HOSTS, "a.example")
    assert Settings.from_env({}).allowed_hosts == LOCAL_HOSTS


@pytest.mark.parametrize(
    "value", ["https://a.example", "a.example:80", "*.", "a*.example", "a b", "*a.example"]
)
def test_what_is_no_host_name_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^RAG_ALLOWED_HOSTS="):
        Settings.from_env({"RAG_ALLOWED_HOSTS": f"b.example,{value}"})


# The page


def test_every_command_on_the_page_is_one_that_there_is() -> None:
    (commands,) = [a.choices or () for a in parser()._actions if a.dest == "command"]
    named = set(re.findall(r"-m rag ([a-z]+)", PAGE))
    assert {"doctor", "models"} <= named
    assert named <= set(commands)


def test_every_build_argument_and_setting_on_the_page_is_read() -> None:
    declared = {arg.partition("=")[0] for arg in EXPORT.all("ARG") + SERVE.all("ARG")}
    read = set(re.findall(r'"(RAG_[A-Z_]+)"', (ROOT / "rag" / "config.py").read_text()))
    assert set(re.findall(r"--build-arg ([A-Z_]+)=", PAGE)) <= declared
    assert set(re.findall(r"\bRAG_[A-Z_]+\b", PAGE + DOCKERFILE)) <= read


def test_the_page_lists_each_host_that_the_doctor_knows() -> None:
    rows = re.findall(r"^\| ([A-Z][^|]+?) \| (?:everything)", PAGE, re.MULTILINE)
    assert set(rows) == {host.name for host in HOSTS}


@pytest.mark.parametrize(
    "volume", ["", "2240 2201 230:16 / /data rw,relatime - ext4 /dev/zd16 rw\n"], ids=["without", "with"]
)
def test_the_page_quotes_the_doctor(volume: str) -> None:
    mounts = f"2201 2100 0:1411 / / rw,relatime - overlay overlay rw\n{volume}"
    nature = classify(PurePosixPath("/data"), System(mounts, frozenset({"RAILWAY_PROJECT_ID"})))
    for sentence in filter(None, describe(Path("/data"), nature)):
        assert sentence in PAGE


def test_the_variables_for_railway_are_read_by_the_build_or_the_server() -> None:
    declared = {arg.partition("=")[0] for arg in EXPORT.all("ARG")}
    named = dict(re.findall(r"^       ([A-Z_]+)=(.+)$", PAGE, re.MULTILINE))
    assert declared < named.keys()
    assert named.keys() - declared - {"RAILWAY_RUN_UID"} == {
        "RAG_RERANKER",
        "RAG_EMBEDDER",
        "RAG_ALLOWED_HOSTS",
    }
    assert named["EXPORT_MODELS"].split() == [named["RAG_RERANKER"], named["RAG_EMBEDDER"]]
    settings = Settings.from_env(named)
    assert "healthcheck.railway.app" in settings.allowed_hosts


def test_the_page_and_the_image_name_models_that_are_known_and_go_together() -> None:
    named = set(re.findall(r"(?:cross-encoder|intfloat|BAAI)/[\w.-]+", PAGE + DOCKERFILE))
    assert all(entry(name) for name in named)
    assert any(named == {preset.embedder, preset.reranker} for preset in PRESETS)


def test_the_page_states_the_factors_of_the_estimate() -> None:
    page = " ".join(PAGE.split())
    assert f"{capacity.BASE_BYTES // 10**6} MB for the server" in page
    assert (capacity.LOADED_PER_GRAPH_BYTE, capacity.LOADED_PER_MAPPED_BYTE) == (2, 1)
    assert f"{capacity.LOADED_PER_TOKENIZER_BYTE:g} times its `tokenizer.json`" in page
    assert f"{capacity.WORKING_BYTES_PER_THREAD // 10**6} MB for each thread" in page


def test_the_backup_on_the_page_copies_what_is_not_yet_in_the_file(tmp_path: Path) -> None:
    (code,) = re.findall(r'docker exec reranklens python -c "(.*)"$', PAGE, re.MULTILINE)
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("CREATE TABLE t (x)")
        live.execute("INSERT INTO t VALUES (42)")
        here = code.replace("/data", str(tmp_path))
        subprocess.run([sys.executable, "-c", here], check=True, env=dict(os.environ), timeout=60)
    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        assert copy.execute("SELECT x FROM t").fetchall() == [(42,)]


def test_the_page_links_to_files_that_are_there() -> None:
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / path).exists(), path
