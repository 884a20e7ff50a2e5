"""`/api/query` and `/healthz` of the real server keep their contract."""

import asyncio
import json
import math
import os
import subprocess
import sys
from collections.abc import Coroutine, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from api_client import Server, error_message
from servers import ROOT
from starlette.routing import Route, Router

from rag.api.routes import api_routes
from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.errors import MissingModelError
from rag.models.cache import locate
from rag.parse import parse
from rag.service import Service

T = TypeVar("T")
QUESTION = "How long does the dough rest?"
STAGES = {"queue", "embed", "search", "tokenize", "score", "sort", "duplicates"}
PLACE = {
    "chunk_id",
    "document_id",
    "document",
    "kind",
    "language",
    "page",
    "headings",
    "start",
    "end",
    "text",
}
PLACE |= {"cosine", "dense_rank", "lexical_rank", "phrasing_rank", "bm25"}
SAME = {"duplicate_of", "similarity"}
TEXTS = {
    "bread.txt": "The dough rests for ninety minutes under a damp cloth.",
    "pizza.md": "# Pizza\n\nDivide the dough into balls and let them rest.\n\n# Oven\n\nHeat the stone.",
    "boiler.txt": "If the boiler stops, read the pressure gauge.",
    "clocks.txt": "The tower clock strikes every quarter of an hour.",
    "bicycle.txt": "Let the glue dry for five minutes before the patch goes on.",
    "lease.txt": "The deposit is returned within thirty days.",
    "tomatoes.txt": "Black bottoms on tomatoes mean that they lack calcium.",
    "coffee.txt": "Descale the espresso machine every three months.",
    "paper.txt": "A watermark tells the age of an old sheet of paper.",
    "letters.txt": "Città, più, perché, naïve, Œuvre, Straße, 中文, 🎉.",
}
NO_COUNTS: list[object] = [0, -1, 1001, 10**400, 2.5, "10", True, False, [10], {}]
NO_STRINGS: list[object] = [7, True, 1.5, ["default"], {"name": "default"}]


@pytest.fixture(scope="module")
def server_home(server_env: dict[str, str]) -> Path:
    """The RAG_HOME of the server."""
    return Path(server_env["RAG_HOME"])


@pytest.fixture(scope="module", autouse=True)
def texts(server: Server, server_home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """While the server runs, another process puts `TEXTS` into its default collection."""
    assert server.send("GET", "/healthz").status == 200
    folder = tmp_path_factory.mktemp("texts")
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    ingest(server_home, [folder])


@pytest.fixture(scope="module")
def answer(server: Server) -> Any:
    """The body that answers `QUESTION`, with every default."""
    got = server.query(query=QUESTION)
    assert got.status == 200, got.body
    return got.body


def ingest(home: Path, paths: Sequence[Path], *options: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    subprocess.run(
        [sys.executable, "-m", "rag", "ingest", *options, *map(str, paths)],
        cwd=ROOT,
        env=env | {"RAG_HOME": str(home)},
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_healthz_says_ready_and_which_models(server: Server) -> None:
    got = server.send("GET", "/healthz")
    assert (got.status, got.body["status"]) == (200, "ok")
    models = got.body["models"]
    assert (models["embedder"]["id"], models["reranker"]["id"]) == (DEFAULT_EMBEDDER, DEFAULT_RERANKER)
    assert models["embedder"]["sha256"] == locate(DEFAULT_EMBEDDER, "embed", Path("none")).sha256
    assert models["reranker"]["sha256"] == locate(DEFAULT_RERANKER, "rerank", Path("none")).sha256
    assert models["reranker"]["backend"]
    assert got.body["notices"] == [], "no model stands in for another"


def test_healthz_does_not_wait_for_questions(server: Server) -> None:
    with ThreadPoolExecutor(24) as clients:
        # All different, and more than are answered at once.
        asked = [clients.submit(server.query, query=f"{n} why " * 5) for n in range(24)]
        while not any(question.done() for question in asked):
            assert server.send("GET", "/healthz").status == 200
        server.send("GET", "/healthz")
        assert not all(question.done() for question in asked), "it would have been answered after them"


def test_an_answer_has_the_promised_fields(answer: Any) -> None:
    promised = {
        "query",
        "collection",
        "retrieved",
        "reranked",
        "retriever",
        "language",
        "lexical",
        "ordering",
        "answer",
        "timings_ms",
        "cold",
        "cached",
        "models",
        "notices",
    }
    assert answer.keys() == promised
    assert {key for hit in answer["retrieved"] for key in hit} == PLACE | SAME | {"rank"}
    scores = {"logit", "score", "tokens", "tokens_read"}
    reranked = PLACE | SAME | scores | {"rank", "retrieved_rank", "reranker_rank"}
    assert {key for hit in answer["reranked"] for key in hit} == reranked
    assert answer["models"]["embedder"].keys() == {"id", "sha256", "backend"}


def test_an_answer_uses_the_defaults(answer: Any) -> None:
    assert (answer["query"], answer["collection"]) == (QUESTION, "default")
    assert len(answer["retrieved"]) == len({hit["chunk_id"] for hit in answer["retrieved"]}) >= len(TEXTS)
    assert len(answer["reranked"]) == 10
    assert (answer["retriever"], answer["language"], answer["lexical"]) == ("dense", "en", [])
    assert answer["ordering"]["rule"] == "reranker"
    assert (answer["answer"], answer["notices"]) == (None, [])


def test_retrieved_hits_are_ranked_by_cosine(answer: Any) -> None:
    cosines = [hit["cosine"] for hit in answer["retrieved"]]
    assert [hit["rank"] for hit in answer["retrieved"]] == list(range(1, len(cosines) + 1))
    assert cosines == sorted(cosines, reverse=True)
    assert all(-1 <= cosine <= 1 for cosine in cosines)


def test_reranked_hits_are_the_retrieved_ones_in_another_order(server: Server) -> None:
    body = server.query(query=QUESTION, top_k=1000).body
    retrieved = {hit["rank"]: hit for hit in body["retrieved"]}
    assert sorted(hit["retrieved_rank"] for hit in body["reranked"]) == sorted(retrieved)
    for hit in body["reranked"]:
        before = retrieved[hit["retrieved_rank"]]
        assert all(hit[field] == before[field] for field in PLACE)


def test_reranked_hits_are_ranked_by_logit(answer: Any) -> None:
    logits = [hit["logit"] for hit in answer["reranked"]]
    assert [hit["rank"] for hit in answer["reranked"]] == list(range(1, len(logits) + 1))
    assert logits == sorted(logits, reverse=True)
    assert answer["reranked"][0]["document"] == "bread.txt"


def test_a_score_is_the_sigmoid_of_its_logit(answer: Any) -> None:
    for hit in answer["reranked"]:
        assert hit["score"] == pytest.approx(1 / (1 + math.exp(-hit["logit"])), rel=1e-12)
        assert 0 < hit["tokens_read"] == hit["tokens"]


def test_a_hit_is_a_span_of_its_document(answer: Any) -> None:
    for hit in answer["retrieved"]:
        document = parse(hit["document"], TEXTS[hit["document"]].encode())
        assert hit["text"] == document.text[hit["start"] : hit["end"]]
        assert hit["document_id"] == document.id


def test_times_are_of_this_run_and_add_up(answer: Any) -> None:
    times = answer["timings_ms"]
    assert times.keys() - {"load"} == STAGES | {"total"}
    assert all(times[stage] >= 0 for stage in STAGES)
    assert times["total"] * 1.000001 >= sum(times[stage] for stage in STAGES)
    assert times["score"] > 0


def test_no_question_to_a_preloaded_server_is_cold(answer: Any) -> None:
    assert answer["cold"] is False


def test_asking_again_says_how_many_scores_were_known(server: Server) -> None:
    first = server.query(query="Asked twice?").body
    again = server.query(query="Asked twice?").body
    assert (first["cached"], again["cached"]) == (0, len(again["retrieved"]))
    assert again["reranked"] == first["reranked"]


def test_retrieve_k_cuts_both_lists(server: Server) -> None:
    body = server.query(query=QUESTION, retrieve_k=3).body
    assert len(body["retrieved"]) == len(body["reranked"]) == 3


def test_top_k_cuts_the_reranked_list_alone(server: Server, answer: Any) -> None:
    body = server.query(query=QUESTION, top_k=2).body
    assert body["reranked"] == answer["reranked"][:2]
    assert body["retrieved"] == answer["retrieved"]


def test_both_searches_give_each_hit_both_ranks(server: Server) -> None:
    body = server.query(query=QUESTION, retriever="hybrid").body
    first = next(hit for hit in body["retrieved"] if hit["document"] == "bread.txt")
    assert (first["dense_rank"], first["lexical_rank"]) == (1, 1)
    assert {"lexical", "fuse"} <= body["timings_ms"].keys()


def test_words_alone_find_without_vectors(server: Server) -> None:
    body = server.query(query="watermark paper", retriever="lexical").body
    assert [hit["document"] for hit in body["retrieved"]] == ["paper.txt"]
    assert (body["retrieved"][0]["cosine"], body["retriever"]) == (None, "lexical")
    assert body["retrieved"][0]["bm25"] > 0


@pytest.mark.parametrize("answer", ["quoted", True])
def test_a_quoted_answer_has_its_sentences_with_their_places(server: Server, answer: object) -> None:
    body = server.query(query=QUESTION, answer=answer).body
    found = body["answer"]
    assert (found["kind"], found["answered"], found["model"]) == ("quoted", True, DEFAULT_RERANKER)
    assert found["sentences"][0]["text"] == TEXTS["bread.txt"]
    (cited,) = found["sentences"][0]["citations"]
    passage = next(hit for hit in body["retrieved"] if hit["chunk_id"] == cited["chunk_id"])
    assert passage["text"][cited["start"] : cited["end"]] == TEXTS["bread.txt"]
    assert body["timings_ms"]["answer"] > 0


@pytest.mark.parametrize("way", [{"reranker": "none"}, {"retriever": "lexical"}, {"order": "reranker"}])
def test_an_answer_is_quoted_however_the_passages_were_found(server: Server, way: dict[str, str]) -> None:
    body = server.query(query=QUESTION, answer="quoted", **way).body
    assert body["answer"]["sentences"][0]["text"] == TEXTS["bread.txt"]
    assert body["answer"]["model"] == DEFAULT_RERANKER


@pytest.mark.parametrize("answer", ["both", 1, ["quoted"], ""])
def test_an_unknown_kind_of_answer_is_refused(server: Server, answer: object) -> None:
    assert "answer" in error_message(server.query(query=QUESTION, answer=answer), 400, 422)


def test_what_the_documents_do_not_answer_is_said_with_logit_and_threshold(server: Server) -> None:
    found = server.query(query="Who painted the ceiling of the Sistine Chapel?", answer="quoted").body[
        "answer"
    ]
    assert found["answered"] is False
    assert found["best_logit"] < found["threshold"]
    assert found["sentences"]


def test_an_answer_leaves_the_search_as_it_is(server: Server, answer: Any) -> None:
    body = server.query(query=QUESTION, answer="quoted").body
    assert (body["retrieved"], body["reranked"]) == (answer["retrieved"], answer["reranked"])


def test_nobody_writes_an_answer_without_a_server_that_does(server: Server) -> None:
    got = server.query(query=QUESTION, answer="written")
    assert "no server writes answers here" in error_message(got, 422, path="/api/query")


def test_document_id_restricts_to_one_document(server: Server, answer: Any) -> None:
    pizza = next(hit["document_id"] for hit in answer["retrieved"] if hit["document"] == "pizza.md")
    body = server.query(query=QUESTION, document_id=pizza).body
    assert {hit["document"] for hit in body["retrieved"]} == {"pizza.md"}
    assert {hit["rank"] for hit in body["reranked"]} == {hit["rank"] for hit in body["retrieved"]}


def test_without_reranking_only_the_retriever_answers(server: Server, answer: Any) -> None:
    body = server.query(query=QUESTION, reranker="none").body
    assert (body["reranked"], body["models"]["reranker"]) == ([], None)
    assert body["retrieved"] == answer["retrieved"]
    assert body["timings_ms"].keys() == {"queue", "embed", "search", "duplicates", "total"}
    assert body["notices"] == ["Reranking was turned off for this question."]


def test_spelling_out_the_defaults_changes_nothing(server: Server, answer: Any) -> None:
    spelled = server.query(
        query=QUESTION,
        collection="default",
        document_id=None,
        retrieve_k=30,
        top_k=10,
        retriever="auto",
        reranker=DEFAULT_RERANKER,
        order="auto",
        answer=False,
    ).body
    assert (spelled["retrieved"], spelled["reranked"]) == (answer["retrieved"], answer["reranked"])


def test_a_question_longer_than_the_models_is_answered_with_a_notice(server: Server) -> None:
    notices = server.query(query="dough " * 600, retrieve_k=1).body["notices"]
    assert len(notices) == 2
    assert all("did not read the last" in notice for notice in notices)


def test_a_running_server_sees_what_another_process_adds(
    server: Server, server_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "late.txt").write_text("The ferry leaves at noon.")
    error_message(server.query(query="ferry", collection="late"), 404)
    ingest(server_home, [tmp_path / "late.txt"], "--collection", "late")
    hits = server.query(query="ferry", collection="late").body["retrieved"]
    assert [hit["document"] for hit in hits] == ["late.txt"]


def test_questions_asked_at_once_are_all_answered_alike(server: Server) -> None:
    with ThreadPoolExecutor(6) as visitors:
        answers = list(visitors.map(lambda _: server.query(query="Asked by six at once?"), range(6)))
    assert [got.status for got in answers] == [200] * 6
    assert all(got.body["reranked"] == answers[0].body["reranked"] for got in answers)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "query"),
        ({"query": None}, "query"),
        ({"query": 7}, "query"),
        ({"query": True}, "query"),
        ({"query": ["dough"]}, "query"),
        ({"query": {"text": "dough"}}, "query"),
        ({"query": ""}, "query"),
        ({"query": " \n\u200b\x00"}, "empty"),
        ({"query": "x" * 4001}, "4,001"),
        *[
            ({"query": "dough", field: value}, field)
            for field in ("retrieve_k", "top_k")
            for value in NO_COUNTS
        ],
        *[
            ({"query": "dough", field: value}, field)
            for field in ("collection", "document_id", "retriever", "reranker", "order")
            for value in NO_STRINGS
        ],
        ({"query": "dough", "retriever": "oracle"}, "dense"),
        ({"query": "dough", "reranker": "oracle"}, DEFAULT_RERANKER),
        ({"query": "dough", "order": "oracle"}, "order"),
        ({"query": "dough", "answer": "spoken"}, "answer"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(server: Server, fields: dict[str, object], named: str) -> None:
    assert named in error_message(server.query(**fields), 422)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"collection": "nowhere"}, "nowhere"),
        ({"document_id": "0" * 64}, "0" * 64),
        ({"document_id": ""}, "''"),
    ],
)
def test_what_is_not_there_is_not_found(server: Server, fields: dict[str, str], named: str) -> None:
    assert named in error_message(server.query(query="dough", **fields), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/healthz"), ("POST", "/api/query")])
def test_a_service_that_cannot_be_built_is_unavailable_and_says_why(method: str, path: str) -> None:
    def get_service() -> Service:
        raise MissingModelError("model.onnx is not here.", model_id="m", path=Path("model.onnx"))

    status, body = in_a_loop(answer_in_process(api_routes(get_service), method, path))
    assert status == 503
    assert json.loads(body) == {"error": {"type": "unavailable", "message": "model.onnx is not here."}}


def test_a_client_that_leaves_while_sending_is_no_accident() -> None:
    def get_service() -> Service:
        raise MissingModelError("Not even asked for.", model_id="m", path=Path("model.onnx"))

    gone = {"type": "http.disconnect"}
    status, body = in_a_loop(answer_in_process(api_routes(get_service), "POST", "/api/query", gone))
    assert (status, body) == (499, b"")


def in_a_loop(answer: Coroutine[Any, Any, T]) -> T:
    """Run `answer` in a thread: the browser's session keeps an event loop on the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, answer).result()


async def answer_in_process(
    routes: Sequence[Route], method: str, path: str, event: MutableMapping[str, Any] | None = None
) -> tuple[int, bytes]:
    """Return how `routes`, without a server, answer a JSON request with the body {"query": "dough"}."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive() -> MutableMapping[str, Any]:
        return event or {"type": "http.request", "body": b'{"query": "dough"}'}

    async def send(message: Any) -> None:
        sent.append(message)

    await Router(routes)(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]
