"""The rerank routes speak other services' dialects, and say in each what the reranker said."""

from typing import Any

import pytest
from api_client import RERANK_ROUTES, Answer, Server, error_message

from rag.config import DEFAULT_RERANKER
from rag.records import PairScore
from rag.rerank import Reranker
from rag.timing import Stopwatch

QUERY = "When does the ferry leave?"
TEXTS = [
    "The tower clock strikes every quarter of an hour.",
    "The ferry to the island leaves at noon.",
    "",
    "A ferry is a ship; it leaves when everyone is aboard.",
    "The ferry to the island leaves at noon.",
]
LONG = "The ferry waits for the tide. " * 200
EXTRAS = {"logit", "tokens", "tokens_read"}


@pytest.fixture(scope="module")
def scores(reranker: Reranker) -> tuple[PairScore, ...]:
    """What the same model says of each text, in this process."""
    return reranker.score(QUERY, TEXTS, watch=Stopwatch())


@pytest.fixture(scope="module")
def order(scores: tuple[PairScore, ...]) -> list[int]:
    """The texts' places, best first; of equals, the earlier first."""
    return sorted(range(len(TEXTS)), key=lambda i: (-scores[i].order, i))


def results(got: Answer) -> list[dict[str, Any]]:
    assert got.status == 200, got.body
    found = got.body if isinstance(got.body, list) else got.body["results"]
    assert isinstance(found, list)
    return found


def score_of(result: dict[str, Any]) -> Any:
    return result.get("relevance_score", result.get("score"))


@pytest.mark.parametrize("path", RERANK_ROUTES)
def test_every_dialect_gives_the_models_own_scores_best_first(
    server: Server, path: str, scores: tuple[PairScore, ...], order: list[int]
) -> None:
    found = results(server.rerank(path, QUERY, TEXTS))
    assert [result["index"] for result in found] == order
    assert [score_of(result) for result in found] == [scores[i].score for i in order]


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
def test_beside_each_score_stand_its_logit_and_tokens(
    server: Server, path: str, scores: tuple[PairScore, ...]
) -> None:
    for result in results(server.rerank(path, QUERY, TEXTS)):
        own = scores[result["index"]]
        assert (result["logit"], result["tokens"], result["tokens_read"]) == (
            own.logit,
            own.tokens,
            own.tokens_read,
        )


def test_documents_may_be_objects_with_a_text(server: Server) -> None:
    objects = [{"text": text, "title": "passed over"} for text in TEXTS]
    plain, mixed = TEXTS, [TEXTS[0], *objects[1:]]
    for path in RERANK_ROUTES[:2]:
        answers = [results(server.rerank(path, QUERY, documents)) for documents in (plain, objects, mixed)]
        assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
@pytest.mark.parametrize("top_n", [1, 3, 5, 10**12])
def test_top_n_cuts_the_results(server: Server, path: str, top_n: int, order: list[int]) -> None:
    found = results(server.rerank(path, QUERY, TEXTS, top_n=top_n))
    assert [result["index"] for result in found] == order[:top_n]


# Cohere's


def test_coheres_answer_has_its_fields_and_no_other_promise(server: Server) -> None:
    body = server.rerank("/v2/rerank", QUERY, TEXTS, model=DEFAULT_RERANKER).body
    assert body.keys() == {"id", "results", "meta"}
    assert all(result.keys() == {"index", "relevance_score"} | EXTRAS for result in body["results"])
    assert body["meta"]["api_version"] == {"version": "2", "is_experimental": False}
    # One of the texts is empty.
    nothing = ["Documents with nothing for the model to read, whose scores mean nothing: 1."]
    assert (body["meta"]["model"], body["meta"]["warnings"]) == (DEFAULT_RERANKER, nothing)


def test_each_answer_of_coheres_has_an_id_of_its_own(server: Server) -> None:
    ids = {server.rerank("/v2/rerank", QUERY, TEXTS).body["id"] for _ in range(3)}
    assert len(ids) == 3


def test_coheres_documents_return_when_asked_for(server: Server) -> None:
    for result in results(server.rerank("/v2/rerank", QUERY, TEXTS, return_documents=True)):
        assert result["document"] == {"text": TEXTS[result["index"]]}


def test_coheres_raw_scores_are_logits(server: Server, order: list[int]) -> None:
    found = results(server.rerank("/v2/rerank", QUERY, TEXTS, raw_scores=True))
    assert [result["relevance_score"] for result in found] == [result["logit"] for result in found]
    assert [result["index"] for result in found] == order


def test_max_tokens_per_doc_cuts_the_documents(server: Server) -> None:
    cut = results(server.rerank("/v2/rerank", QUERY, [LONG], max_tokens_per_doc=7))
    short = results(
        server.rerank("/v2/rerank", QUERY, ["The ferry waits for the tide."], max_tokens_per_doc=7)
    )
    assert cut[0]["logit"] == short[0]["logit"], "the rest was not read"
    assert (cut[0]["tokens"], cut[0]["tokens_read"]) == (1400, 7)
    assert (short[0]["tokens"], short[0]["tokens_read"]) == (7, 7)


@pytest.mark.parametrize(
    ("path", "limit"), [("/v2/rerank", "max_tokens_per_doc"), ("/v1/rerank", "max_doc_length")]
)
def test_documents_cut_on_demand_are_warned_of(server: Server, path: str, limit: str) -> None:
    body = server.rerank(path, QUERY, [LONG, "short"], **{limit: 7}).body
    (warning,) = body["meta"]["warnings"] if path == "/v2/rerank" else body["warnings"]
    assert warning == "Documents too long for the model, of which it read only the start: 1."


# Jina's


def test_jinas_answer_has_its_fields(server: Server) -> None:
    body = server.rerank("/v1/rerank", QUERY, TEXTS).body
    own = {"model", "object", "usage", "results"}
    assert body.keys() == own | {"warnings", "timings_ms", "cached"}
    assert (body["model"], body["object"]) == (DEFAULT_RERANKER, "list")
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"]


def test_jinas_documents_return_unless_they_are_not_wanted(server: Server) -> None:
    for result in results(server.rerank("/v1/rerank", QUERY, TEXTS)):
        assert result["document"] == {"text": TEXTS[result["index"]]}
    for result in results(server.rerank("/v1/rerank", QUERY, TEXTS, return_documents=False)):
        assert "document" not in result


def test_jinas_usage_counts_what_the_model_was_fed(server: Server) -> None:
    texts = ["Counted once, and then known.", "Another one."]
    first, again = (server.rerank("/v1/rerank", "How many?", texts).body for _ in range(2))
    # Each pair: a start, the question, an end, the passage, an end.
    fed = sum(result["tokens_read"] for result in first["results"]) + len(texts) * (
        3 + len(["how", "many", "?"])
    )
    assert first["usage"]["total_tokens"] == fed
    assert (again["usage"]["total_tokens"], again["cached"]) == (0, len(texts))


# Text Embeddings Inference's


def test_teis_answer_is_a_bare_list(server: Server) -> None:
    body = server.rerank("/rerank", QUERY, TEXTS).body
    assert isinstance(body, list)
    assert all(result.keys() == {"index", "score"} for result in body)


def test_teis_texts_return_when_asked_for(server: Server) -> None:
    for result in results(server.rerank("/rerank", QUERY, TEXTS, return_text=True)):
        assert result["text"] == TEXTS[result["index"]]


def test_teis_raw_scores_are_logits(server: Server, scores: tuple[PairScore, ...]) -> None:
    raw = results(server.rerank("/rerank", QUERY, TEXTS, raw_scores=True))
    assert {result["index"]: result["score"] for result in raw} == {i: s.logit for i, s in enumerate(scores)}
    assert any(not 0 <= result["score"] <= 1 for result in raw)


@pytest.mark.parametrize("truncate", [{}, {"truncate": False}, {"truncate": None}])
def test_tei_refuses_a_text_that_the_model_cannot_read_whole(
    server: Server, truncate: dict[str, Any]
) -> None:
    message = error_message(server.rerank("/rerank", QUERY, ["short", LONG], **truncate), 413, path="/rerank")
    assert "Text 1 has" in message
    assert "512" in message


def test_tei_cuts_such_a_text_when_asked_to(server: Server) -> None:
    got = server.rerank("/rerank", QUERY, ["short", LONG], truncate=True, truncation_direction="Right")
    assert {result["index"] for result in results(got)} == {0, 1}


def test_tei_does_not_cut_on_the_left(server: Server) -> None:
    got = server.rerank("/rerank", QUERY, TEXTS, truncate=True, truncation_direction="Left")
    assert "truncation_direction" in error_message(got, 422, path="/rerank")


def test_the_bare_route_speaks_coheres_dialect_to_documents(server: Server, order: list[int]) -> None:
    got = server.post("/rerank", {"query": QUERY, "documents": TEXTS, "top_n": 2, "return_documents": True})
    assert got.body.keys() == {"id", "results", "meta"}
    assert [result["index"] for result in results(got)] == order[:2]


# What all of them say


@pytest.mark.parametrize("path", RERANK_ROUTES)
def test_a_refusal_is_spelled_as_the_dialect_spells_it(server: Server, path: str) -> None:
    assert "query" in error_message(server.rerank(path, "", TEXTS), 422, path=path)
    assert error_message(server.send("POST", path, b"{"), 400, path=path)


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
def test_an_unknown_model_is_answered_by_ours_and_named(server: Server, path: str) -> None:
    body = server.rerank(path, QUERY, ["short"], model="rerank-v3.5").body
    warnings = body.get("meta", body)["warnings"]
    assert len(warnings) == 1
    assert "rerank-v3.5" in warnings[0]
    assert DEFAULT_RERANKER in warnings[0]


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
def test_documents_that_were_not_read_whole_are_counted(server: Server, path: str) -> None:
    body = server.rerank(path, QUERY, ["short", LONG]).body
    assert any("read only the start: 1" in warning for warning in body.get("meta", body)["warnings"])
    cut = next(result for result in body["results"] if result["index"] == 1)
    assert cut["tokens_read"] < cut["tokens"]


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
def test_a_question_that_was_not_read_whole_is_said(server: Server, path: str) -> None:
    body = server.rerank(path, "ferry " * 600, ["short"]).body
    assert any("did not read the last" in warning for warning in body.get("meta", body)["warnings"])


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
def test_the_remote_model_is_refused_where_there_is_none(server: Server, path: str) -> None:
    message = error_message(server.rerank(path, QUERY, TEXTS, model="remote"), 422, path=path)
    assert "MODAL_RERANK_URL" in message


@pytest.mark.parametrize("path", RERANK_ROUTES)
def test_the_times_are_in_the_headers(server: Server, path: str) -> None:
    got = server.rerank(path, QUERY, [f"{path}: timed {n}" for n in range(4)])
    names = ("x-total-time", "x-queue-time", "x-tokenization-time", "x-inference-time")
    total, *stages = (int(got.headers[name]) for name in names)
    assert total + len(stages) >= sum(stages)
    assert got.headers["x-inference-time"] != "0"


@pytest.mark.parametrize("path", RERANK_ROUTES[:2])
def test_the_stages_add_up_and_known_pairs_are_counted(server: Server, path: str) -> None:
    body = server.rerank(path, QUERY, TEXTS).body
    again = server.rerank(path, QUERY, TEXTS).body
    times = again.get("meta", again)["timings_ms"]
    assert times.keys() == {"queue", "tokenize", "score", "total"}
    assert times["total"] * 1.000001 >= sum(times.values()) - times["total"]
    assert again.get("meta", again)["cached"] == len(TEXTS)
    assert body["results"] == again["results"]


def test_a_known_pair_is_known_in_every_dialect(server: Server) -> None:
    texts = ["Known to one, known to all."]
    results(server.rerank("/rerank", QUERY, texts))
    assert server.rerank("/v2/rerank", QUERY, texts).body["meta"]["cached"] == 1


def test_a_score_does_not_depend_on_its_neighbours(server: Server, scores: tuple[PairScore, ...]) -> None:
    for index, text in enumerate(TEXTS):
        (alone,) = results(server.rerank("/v2/rerank", QUERY, [text]))
        assert alone["logit"] == scores[index].logit
