"""`/info` and `/metrics` of the real server say what is so."""

import hashlib
import time
from importlib.metadata import version

import pytest
from api_client import RERANK_ROUTES, Server

from rag import __version__
from rag.api.limits import LIMITS
from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.instruments import CONTENT_TYPE


@pytest.fixture(scope="module", autouse=True)
def collection(server: Server) -> str:
    """A collection with two documents."""
    name = "figures"
    server.upload(("a.txt", b"The dough rests."), ("b.txt", b"The boiler stops."), collection=name)
    return name


def moved(before: dict[str, float], after: dict[str, float], name: str) -> float:
    """By how much a figure has moved; one that is not there yet is zero."""
    return after.get(name, 0.0) - before.get(name, 0.0)


def test_info_names_versions_and_models(server: Server) -> None:
    info = server.send("GET", "/info").body
    assert info["version"] == __version__
    assert info["versions"]["onnxruntime"] == version("onnxruntime")
    assert info["models"] == server.send("GET", "/healthz").body["models"]
    assert (info["models"]["embedder"]["id"], info["model_id"]) == (DEFAULT_EMBEDDER, DEFAULT_RERANKER)
    assert info["model_sha"] == info["models"]["reranker"]["sha256"]


def test_info_names_the_limits(server: Server) -> None:
    info = server.send("GET", "/info").body
    assert info["limits"] == LIMITS | {"upload_file_bytes": 50_000_000}
    assert (info["max_input_length"], info["max_client_batch_size"]) == (512, LIMITS["passages"])
    assert (info["queue"], info["remote"], info["notices"]) == (32, None, [])
    assert 1 <= info["slots"] <= info["threads"]


def test_metrics_are_in_prometheus_own_format(server: Server) -> None:
    got = server.send("GET", "/metrics")
    assert got.headers["Content-Type"] == CONTENT_TYPE
    assert server.figures()["process_resident_memory_bytes"] > 1e8


def test_each_request_is_counted_by_route_method_and_status(server: Server) -> None:
    before = server.figures()
    server.send("GET", "/healthz")
    server.query(query="")
    server.send("DELETE", f"/api/documents/{hashlib.sha256(b'not here').hexdigest()}")
    after = server.figures()
    for method, route, status in [
        ("GET", "/healthz", 200),
        ("POST", "/api/query", 422),
        ("DELETE", "/api/documents/{id}", 404),
        ("GET", "/metrics", 200),
    ]:
        sample = f'reranklens_requests_total{{method="{method}",route="{route}",status="{status}"}}'
        assert moved(before, after, sample) == 1, sample
        assert moved(before, after, f'reranklens_request_seconds_count{{route="{route}"}}') == 1


def test_no_request_adds_a_label_of_its_own(server: Server) -> None:
    for path in ("/healthz", "/api/query", "/api/nothing"):
        server.send("FOO", path)
    server.send("GET", "/api/some/where")
    server.send("DELETE", "/api/documents/abc")
    before = server.figures()
    for path in ("/healthz", "/api/query", "/api/nothing"):
        server.send("BAR", path)
    server.send("GET", "/api/some/where/else")
    server.send("DELETE", "/api/documents/def")
    assert server.figures().keys() == before.keys()


@pytest.mark.parametrize("path", RERANK_ROUTES)
def test_pairs_are_counted_by_where_their_score_came_from(server: Server, path: str) -> None:
    texts = [f"{path}: {word}" for word in ("one", "two", "three")]
    figures = [server.figures()]
    for _ in range(2):
        assert server.rerank(path, "Counted?", texts).status == 200
        figures.append(server.figures())
    by_model, from_cache = (f'reranklens_pairs_total{{source="{source}"}}' for source in ("model", "cache"))
    assert [moved(figures[i], figures[i + 1], by_model) for i in range(2)] == [3, 0]
    assert [moved(figures[i], figures[i + 1], from_cache) for i in range(2)] == [0, 3]
    assert moved(figures[0], figures[2], "reranklens_cached_scores") == 3


def test_each_stage_of_a_question_is_measured(server: Server, collection: str) -> None:
    before = server.figures()
    times = server.query(query="Measured?", collection=collection).body["timings_ms"]
    after = server.figures()
    for stage in ("queue", "embed", "search", "tokenize", "score", "sort"):
        assert moved(before, after, f'reranklens_stage_seconds_count{{stage="{stage}"}}') == 1, stage
        seconds = moved(before, after, f'reranklens_stage_seconds_sum{{stage="{stage}"}}')
        assert seconds * 1000 == pytest.approx(times[stage], rel=1e-6, abs=1e-6)


def test_a_refused_question_measures_no_stage(server: Server) -> None:
    before = server.figures()
    server.query(query="Nowhere?", collection="nowhere")
    after = server.figures()
    name = 'reranklens_stage_seconds_count{stage="search"}'
    assert moved(before, after, name) == 0


def test_nobody_waits_when_nobody_asks(server: Server) -> None:
    deadline = time.monotonic() + 10
    names = ("reranklens_in_progress", "reranklens_queue_length")
    while any(server.figures()[f'{name}{{reranker="local"}}'] for name in names):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_models_in_memory_are_shown_with_their_size(server: Server) -> None:
    figures = server.figures()
    for task, model in (("embed", DEFAULT_EMBEDDER), ("rerank", DEFAULT_RERANKER)):
        assert figures[f'reranklens_model_file_bytes{{model="{model}",task="{task}"}}'] > 1e7
