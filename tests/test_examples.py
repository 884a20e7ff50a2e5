"""The examples run as they stand, and stay short enough to be read at a glance."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("flask")

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60
QUERY = "what is the capital of Italy"
CHUNKS = ["Milan is known for fashion.", {"text": "We drive north. Rome is the capital of Italy.", "id": 7}]


@pytest.fixture(scope="module")
def flask_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the Flask example, ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("flask") / "log"
    command = [sys.executable, "-m", "examples.flask_app", str(port)]
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out) as server:
        try:
            wait_until_it_listens(server, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_until_it_listens(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"The example does not listen:\n{log.read_text(errors='replace')}", pytrace=False)


def post(url: str, body: object) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def test_the_flask_example_reranks(flask_url: str) -> None:
    status, answer = post(f"{flask_url}/rerank", {"query": QUERY, "chunks": CHUNKS})
    results = answer["results"]
    assert isinstance(results, list)
    assert (status, [result["rerank_rank"] for result in results]) == (200, [1, 2])
    assert (results[0]["id"], results[0]["rerank_score"] > 0 > results[1]["rerank_score"]) == (7, True)


def test_the_flask_example_answers_with_the_place_of_each_sentence(flask_url: str) -> None:
    status, answer = post(f"{flask_url}/answer", {"query": QUERY, "chunks": CHUNKS})
    sentences = answer["sentences"]
    assert isinstance(sentences, list)
    assert (status, len(sentences)) == (200, 3)
    rome = next(sentence for sentence in sentences if "capital" in sentence["text"])
    assert rome["text"] in str(answer["text"])
    assert (rome["source"], rome["start"], rome["chunk"]) == (1, 16, CHUNKS[1])


@pytest.mark.parametrize("route", ["rerank", "answer"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"query": " ", "chunks": CHUNKS}, "The question is empty. Type a question or a few keywords."),
        ({"query": QUERY, "chunks": "Rome"}, 'chunks: expected a list of strings or of mappings with "text"'),
        ({"query": QUERY, "chunks": ["Rome", 5]}, "chunks[1]: expected a string"),
        ({"query": QUERY}, "chunks: expected a list"),
        ([], "query: expected a string"),
    ],
)
def test_the_flask_example_says_what_it_cannot_use(
    flask_url: str, route: str, body: object, message: str
) -> None:
    status, answer = post(f"{flask_url}/{route}", body)
    assert (status, str(answer["error"])[: len(message)]) == (422, message)


def test_the_flask_example_takes_no_chunks_for_none(flask_url: str) -> None:
    assert post(f"{flask_url}/rerank", {"query": QUERY, "chunks": []}) == (200, {"results": []})
    assert post(f"{flask_url}/answer", {"query": QUERY, "chunks": []}) == (200, {"text": "", "sentences": []})


def test_the_flask_example_is_short() -> None:
    assert len((ROOT / "examples" / "flask_app.py").read_text(encoding="utf-8").splitlines()) < 40
