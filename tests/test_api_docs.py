"""The documents about HTTP say what the server does: their examples are run, and their tables compared."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from documents import Example, as_shown, differences, examples, first_words, rows, sections, snippets
from servers import ROOT, environment, serving

from rag.api.dialects import CohereRequest, JinaRequest, TeiRequest
from rag.api.limits import MAX_BODY_BYTES, MAX_JSON_DEPTH, MAX_PASSAGE_CHARS, MAX_PASSAGES
from rag.api.routes import api_routes
from rag.api.schemas import QueryRequest
from rag.config import RemoteSettings
from rag.question import MAX_QUERY_CHARS
from rag.remote.dialects import DIALECTS, read_answer, request_body
from rag.remote.peer import Peer
from rag.service import Service

API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8501"
# How a test calls curl, whatever the example: the status comes last, in a line of its own.
_CURL = "curl() { command curl -sS --noproxy '*' --max-time 60 -w '\\n%{http_code}' \"$@\"; }\n"


def answered(example: Example, base_url: str) -> tuple[int, str]:
    """Run `example` against the server at `base_url`; return the status and what was printed."""
    done = subprocess.run(
        ["bash", "-c", _CURL + example.command.replace(ADDRESS, base_url)],
        cwd=ROOT,
        env=os.environ | {"RAG_API_KEY": "any"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    printed, _, status = done.stdout.rpartition("\n")
    return int(status), printed


@pytest.fixture(scope="module")
def own_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of this module's own, which knows the sample collection and nothing else."""
    folder = tmp_path_factory.mktemp("documents")
    env = environment(folder)
    command = [sys.executable, "-m", "rag", "ingest", "data/samples", "--collection", "sample"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=120)
    with serving(env, folder / "log") as url:
        yield url


@pytest.fixture
def curl_url(own_url: str) -> str:
    """The address of that server, where there is a curl to ask it."""
    if not shutil.which("curl"):
        pytest.skip("no curl on this machine: install it to run the examples of the documents")
    return own_url


_DOCUMENTS = (("README.md", README), ("docs/api.md", API))
_WITH_EXAMPLES = [
    pytest.param(found, id=f"{name}: {heading}")
    for name, text in _DOCUMENTS
    for heading, section in sections(text).items()
    if (found := examples(section))
]
_SNIPPETS = [
    pytest.param(*snippet, id=f"{name}: {snippet[0]}")
    for name, text in _DOCUMENTS
    for snippet in snippets(text)
]


@pytest.mark.parametrize("found", _WITH_EXAMPLES)
def test_each_curl_example_answers_as_it_is_shown(found: list[Example], curl_url: str) -> None:
    for example in found:
        status, printed = answered(example, curl_url)
        assert status == example.status, (example.command, printed)
        if example.form == "json":
            assert not list(differences(as_shown(example.shown), json.loads(printed))), example.command
        elif example.form == "http":
            sent = {line.partition(":")[0].lower() for line in printed.splitlines()}
            assert {line.partition(":")[0] for line in example.shown.splitlines()} <= sent


def test_an_example_that_shows_something_else_is_found() -> None:
    shown = as_shown('{"a": [{"b": 1, "c": "x…"}, …], "d": …, "e": {…}}')
    assert not list(differences(shown, {"a": [{"b": 2.5, "c": "xyz"}, 7], "d": None, "e": {"f": 1}}))
    wrong = {"a": [{"b": "1", "c": "y"}], "d": 1, "e": 2}
    assert [line.partition(":")[0] for line in differences(shown, wrong)] == [".a[0].b", ".a[0].c"]


@pytest.mark.parametrize(("package", "code", "shown"), _SNIPPETS)
def test_each_python_example_prints_what_is_shown(
    package: str, code: str, shown: str, own_url: str, tmp_path: Path
) -> None:
    pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, "-c", code.replace(ADDRESS, own_url)],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert (done.returncode, done.stdout) == (0, shown), done.stderr


def _no_service() -> Service:
    raise AssertionError("a table needs no service")


def test_every_route_is_documented() -> None:
    served = {
        f"{method} {route.path}"
        for route in api_routes(_no_service)
        if (operations := getattr(route.endpoint, "operations", {}))
        for method in operations
    }
    opening = API.partition("\n## ")[0]
    assert set(first_words(opening)) == served
    in_readme = {
        route for cells in rows(sections(README)["HTTP"]) for route in re.findall(r"/[^`]*", cells[0])
    }
    assert in_readme == {route.partition(" ")[2] for route in served}


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("POST /api/query", QueryRequest),
        ("POST /v2/rerank (Cohere)", CohereRequest),
        ("POST /v1/rerank (Jina)", JinaRequest),
        ("POST /rerank (TEI)", TeiRequest),
    ],
)
def test_every_field_of_a_request_is_documented(heading: str, fields: type[msgspec.Struct]) -> None:
    section = sections(API)[heading]
    assert first_words(section) == [field.name for field in msgspec.structs.fields(fields)]
    assert f"1 to {MAX_QUERY_CHARS:,} characters" in section


def test_the_limits_are_the_servers() -> None:
    assert (
        API.count(f"1 to {MAX_PASSAGES:,} strings")
        == API.count(f"at most {MAX_PASSAGE_CHARS:,} characters")
        == 3
    )
    assert f"over {MAX_BODY_BYTES:,} bytes" in API
    assert f"deeper than {MAX_JSON_DEPTH} levels" in API


def test_every_error_is_documented() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rag" / "api").glob("*.py"))
    raised = set(re.findall(r'\b([45]\d\d), "([a-z_]+)"', source))
    documented = {
        (cells[0], cells[1].strip("`")) for cells in rows(sections(API)["Errors"]) if len(cells) == 3
    }
    assert documented - {("status", "type")} == raised


def test_every_figure_is_documented(curl_url: str) -> None:
    _, printed = answered(Example(f"curl {ADDRESS}/metrics"), curl_url)
    served = set(re.findall(r"^# HELP (reranklens_\w+)", printed, re.MULTILINE))
    documented = set(first_words(sections(API)["GET /metrics"]))
    assert documented == {name for name in served if not name.endswith("_created")}
    stages = re.findall(r"`([a-z]+)`", "".join(cells[0] for cells in rows(sections(API)["Times"])))
    assert set(re.findall(r'stage="(\w+)"', printed)) <= set(stages)


def _number(text: str) -> int:
    """Return the number at the beginning of `text`, such as 1,000."""
    return int("".join(re.findall(r"^\d+|(?<=,)\d{3}", text)))


def test_every_style_of_remote_rerankers_is_documented() -> None:
    documented = [
        (cells[0].strip("`"), cells[2].strip("`"), _number(cells[3]))
        for cells in rows(sections(API)["A remote reranker"])
        if len(cells) == 5 and cells[0].startswith("`")
    ]
    assert documented == [(style, one.path, one.max_batch) for style, one in DIALECTS.items()]


def test_the_remote_settings_are_those_of_the_readme() -> None:
    names = {name for name in first_words(sections(API)["A remote reranker"]) if name.isupper()}
    settings = set(first_words(sections(README)["Settings"]))
    assert names == {name for name in settings if "REMOTE" in name} | {
        "MODAL_RERANK_URL",
        "USE_ONNX_RERANKER",
    }


def test_an_endpoint_of_ones_own_is_asked_and_read_as_documented() -> None:
    (request,) = re.findall(r"^```json request\n([\s\S]*?)^```", API, re.MULTILINE)
    (response,) = re.findall(r"^```json response\n([\s\S]*?)^```", API, re.MULTILINE)
    asked, settings = json.loads(request), RemoteSettings("https://gpu.example.com")
    assert json.loads(request_body(settings, asked["query"], asked["documents"])) == asked
    answer = read_answer(Peer.of(settings), response.encode(), len(asked["documents"]))
    assert ([score.logit for score in answer.scores], answer.server_s) == ([-11.06, 8.76], 0.0125)
