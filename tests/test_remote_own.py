"""A remote reranker in the pipeline: this product's own server in a second process, and one that fails."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import misbehaving
import pytest
from files import text_file

from rag.config import DEFAULT_RERANKER, RemoteSettings, RemoteStyle
from rag.errors import QueryError, RemoteError
from rag.instruments import Instruments
from rag.pipeline import Pipeline
from rag.records import SearchResult
from rag.remote.reranker import RemoteReranker
from rag.rerank import Reranker
from rag.service import Service
from rag.timing import Stopwatch

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "scored elsewhere"
QUESTION = "How long does the dough rest?"
TEXTS = [
    "The dough rests for ninety minutes under a damp cloth.",
    "If the boiler stops, read the pressure gauge.",
    "The deposit is returned within thirty days.",
    "Let the glue dry for five minutes before the patch goes on.",
    "Città, più, perché, naïve, Œuvre, Straße, 中文, 🎉.",
]
SECRET = "a-path-that-nobody-may-read"


@pytest.fixture(scope="module", autouse=True)
def documents(service: Service) -> None:
    files = [text_file(f"{number}.txt", text) for number, text in enumerate(TEXTS)]
    service.library.ingest(files, collection=COLLECTION)


@contextmanager
def pipeline(service: Service, url: str, *, preferred: bool = True) -> Iterator[Pipeline]:
    remote = RemoteReranker(RemoteSettings(url, timeout_s=5))
    yield Pipeline(service.library, service.reranker, remote=remote, prefers_remote=preferred)
    remote.close()


def search(asked: Pipeline, **options: object) -> SearchResult:
    return asked.search(QUESTION, collection=COLLECTION, retrieve_k=5, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("style", ["cohere", "jina", "tei", "infinity"])
def test_our_own_server_gives_the_very_logits_in_every_style_it_speaks(
    base_url: str, reranker: Reranker, style: RemoteStyle
) -> None:
    remote, watch = RemoteReranker(RemoteSettings(base_url, style)), Stopwatch()
    there = remote.score(QUESTION, TEXTS, watch=watch)
    remote.close()
    here = reranker.score(QUESTION, TEXTS, watch=Stopwatch())
    assert [score.logit for score in there] == [score.logit for score in here]
    assert [stage.stage for stage in watch.stages] == ["network", "server"]


def test_batches_by_our_own_server_merge_to_the_same_scores(base_url: str, reranker: Reranker) -> None:
    remote = RemoteReranker(RemoteSettings(base_url, "tei", max_batch=2))
    there = remote.score(QUESTION, TEXTS, watch=Stopwatch())
    remote.close()
    here = reranker.score(QUESTION, TEXTS, watch=Stopwatch())
    assert [score.logit for score in there] == [score.logit for score in here]


def test_the_preferred_remote_reranker_orders_the_hits(service: Service, base_url: str) -> None:
    with pipeline(service, base_url) as asked:
        there, here = search(asked), search(asked, reranker="local")
    assert [hit.passage for hit in there.reranked] == [hit.passage for hit in here.reranked]
    assert there.reranker
    assert there.reranker.backend == f"remote cohere at {base_url.removeprefix('http://')}"
    assert [stage.stage for stage in there.stages] == [
        "queue",
        "embed",
        "search",
        "network",
        "server",
        "sort",
        "duplicates",
    ]
    assert there.total_s >= sum(stage.seconds for stage in there.stages)
    assert there.notices == ()


def test_a_relevance_without_a_logit_orders_the_hits_and_stays_a_relevance(service: Service) -> None:
    with misbehaving.serving() as server, pipeline(service, server.url) as asked:
        server.behaviour = misbehaving.truthful("cohere")
        result = search(asked)
    scores = [hit.score for hit in result.reranked]
    assert scores == sorted(scores, reverse=True)
    assert [hit.logit for hit in result.reranked] == [None] * 5
    assert {hit.retrieved_rank for hit in result.reranked} == {1, 2, 3, 4, 5}


def test_where_the_remote_fails_the_local_one_takes_its_place_and_the_answer_says_so(
    service: Service,
) -> None:
    with misbehaving.serving() as server, pipeline(service, f"{server.url}/{SECRET}") as asked:
        server.behaviour = misbehaving.replying({"message": "out of memory"}, 500)
        result = search(asked)
        expected = search(asked, reranker="local")
    assert result.reranked == expected.reranked
    assert result.reranker == service.reranker.info
    (notice,) = result.notices
    assert "out of memory" in notice
    assert f"{DEFAULT_RERANKER} on this machine took its place" in notice
    assert SECRET not in notice
    assert [stage.stage for stage in result.stages].count("network") == 1, "the time that was lost"


def test_a_remote_reranker_that_was_named_has_no_stand_in(service: Service) -> None:
    with misbehaving.serving() as server, pipeline(service, server.url, preferred=False) as asked:
        server.behaviour = misbehaving.closing_at_once
        with pytest.raises(RemoteError, match=server.url.removeprefix("http://")):
            search(asked, reranker="remote")
        assert search(asked).notices == (), "who names none gets the local one"
        assert (asked.gate.in_use, asked.remote_gate.in_use) == (0, 0)


def test_without_a_remote_reranker_none_can_be_named(service: Service) -> None:
    with pytest.raises(QueryError, match="MODAL_RERANK_URL"):
        search(service.pipeline, reranker="remote")


def test_nobody_waits_at_the_gate_for_somebody_elses_network(service: Service) -> None:
    with misbehaving.serving() as server, pipeline(service, server.url) as asked:

        def answer(exchange: misbehaving.Exchange) -> None:
            local = search(asked, reranker="local")
            assert len(local.reranked) == 5
            misbehaving.truthful("cohere")(exchange)

        server.behaviour = answer
        assert search(asked).notices == ()


def test_the_command_line_can_rerank_with_our_own_server(base_url: str, reranker: Reranker) -> None:
    lines = "\n".join(json.dumps({"id": i, "text": text}) for i, text in enumerate(TEXTS))
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAG_")} | {"MODAL_RERANK_URL": base_url}
    ran = subprocess.run(
        [sys.executable, "-m", "rag", "rerank", "--reranker", "remote", "--query", QUESTION],
        input=lines,
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    got = {row["id"]: row["logit"] for row in map(json.loads, ran.stdout.splitlines())}
    here = reranker.score(QUESTION, TEXTS, watch=Stopwatch())
    assert got == {i: score.logit for i, score in enumerate(here)}


def test_a_command_whose_remote_reranker_fails_says_so_and_ends(base_url: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAG_")}
    env |= {"MODAL_RERANK_URL": f"{base_url}/nowhere/"}
    ran = subprocess.run(
        [sys.executable, "-m", "rag", "rerank", "--reranker", "remote", "--query", QUESTION],
        input=json.dumps({"id": 1, "text": TEXTS[0]}),
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: The remote reranker at ")


def test_a_process_that_never_closes_its_remote_reranker_ends_all_the_same(base_url: str) -> None:
    script = f"""
from rag.config import RemoteSettings
from rag.remote.reranker import RemoteReranker
from rag.timing import Stopwatch
print(len(RemoteReranker(RemoteSettings({base_url!r})).score("q", ["a", "b"], watch=Stopwatch())))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout == "2\n"


def test_failures_of_the_remote_reranker_are_counted_and_logged(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    instruments = Instruments()
    remote = RemoteReranker(RemoteSettings("http://127.0.0.1:9/"))
    asked = Pipeline(
        service.library,
        service.reranker,
        remote=remote,
        prefers_remote=True,
        observe_failure=instruments.observe_failure,
    )
    with caplog.at_level(logging.WARNING, logger="rag"):
        search(asked)
    remote.close()
    assert b'reranklens_remote_failures_total{kind="refused"} 1.0' in instruments.text()
    assert "127.0.0.1:9 refused the connection" in caplog.text
