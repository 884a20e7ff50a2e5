"""What each style is sent, and what its answers mean: no network here."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.config import RemoteSettings, RemoteStyle
from rag.errors import RemoteError
from rag.records import PairScore
from rag.remote.dialects import (
    DIALECTS,
    address,
    comparable,
    info_address,
    read_answer,
    read_max_batch,
    request_body,
)
from rag.remote.peer import Peer

STYLES: tuple[RemoteStyle, ...] = get_args(RemoteStyle)


def peer(style: RemoteStyle = "cohere") -> Peer:
    return Peer.of(RemoteSettings("http://gpu:9/x", style))


def cohere(*results: dict[str, object], **beside: object) -> bytes:
    return json.dumps({"results": results} | beside).encode()


def test_every_style_that_can_be_set_has_a_dialect() -> None:
    assert set(DIALECTS) == set(STYLES)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("cohere", {"query": "q", "documents": ["a", "b"], "top_n": 2}),
        ("jina", {"query": "q", "documents": ["a", "b"], "top_n": 2, "return_documents": False}),
        ("tei", {"query": "q", "texts": ["a", "b"], "raw_scores": True, "truncate": True}),
        (
            "infinity",
            {
                "query": "q",
                "documents": ["a", "b"],
                "top_n": 2,
                "return_documents": False,
                "raw_scores": True,
            },
        ),
        ("voyage", {"query": "q", "documents": ["a", "b"], "top_k": 2, "return_documents": False}),
    ],
)
def test_each_style_is_asked_in_its_own_words(style: RemoteStyle, expected: dict[str, object]) -> None:
    plain, named = RemoteSettings("http://gpu", style), RemoteSettings("http://gpu", style, model="m")
    assert json.loads(request_body(plain, "q", ["a", "b"])) == expected
    assert json.loads(request_body(named, "q", ["a", "b"])) == expected | {"model": "m"}


def test_a_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    body = request_body(RemoteSettings("http://gpu"), "é\ud800", ["a"])
    assert json.loads(body)["query"] == "é?"


@pytest.mark.parametrize(
    ("url", "style", "expected"),
    [
        ("http://gpu", "cohere", "http://gpu/v2/rerank"),
        ("http://gpu:8080", "jina", "http://gpu:8080/v1/rerank"),
        ("http://gpu?key=1", "tei", "http://gpu/rerank?key=1"),
        ("http://gpu", "infinity", "http://gpu/rerank"),
        ("http://gpu", "voyage", "http://gpu/v1/rerank"),
        ("http://gpu/", "cohere", "http://gpu/"),
        ("http://gpu/own/path#part", "cohere", "http://gpu/own/path"),
        ("http://me:word@gpu/p", "cohere", "http://me:word@gpu/p"),
    ],
)
def test_only_an_address_without_a_path_gets_the_styles_own(
    url: str, style: RemoteStyle, expected: str
) -> None:
    assert address(RemoteSettings(url, style)) == expected


def test_a_key_takes_the_place_of_a_password_in_the_address() -> None:
    assert address(RemoteSettings("http://me:word@gpu/p", api_key="k")) == "http://gpu/p"


def test_a_tei_server_tells_its_limit_beside_its_rerank_route() -> None:
    assert info_address("http://gpu/tei/rerank?key=1") == "http://gpu/tei/info?key=1"
    assert info_address("http://gpu/") == "http://gpu/info"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"max_client_batch_size": 64}', 64),
        (b'{"max_client_batch_size": true}', None),
        (b'{"max_client_batch_size": 0}', None),
        (b'{"max_client_batch_size": "64"}', None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_a_limit_is_a_whole_number_above_zero(body: bytes, expected: int | None) -> None:
    assert read_max_batch(body) == expected


def test_a_score_belongs_to_the_passage_that_its_index_names() -> None:
    body = cohere({"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1})
    scores = read_answer(peer(), body, 2).scores
    assert [score.relevance for score in scores] == [0.1, 0.9]
    assert [score.logit for score in scores] == [None, None]


@pytest.mark.parametrize("style", ["tei", "infinity"])
def test_a_raw_score_is_a_logit(style: RemoteStyle) -> None:
    key = DIALECTS[style].score_key
    results = [{"index": 0, key: -7.5}]
    body = json.dumps(results if style == "tei" else {"results": results}).encode()
    assert comparable(read_answer(peer(style), body, 1).scores) == (PairScore(-7.5),)


def test_logits_are_used_only_where_every_result_has_one() -> None:
    one = {"index": 0, "relevance_score": 0.5, "logit": 0.0, "tokens": 7, "tokens_read": 5}
    two = {"index": 1, "relevance_score": 0.9}
    both = read_answer(peer(), cohere(one, two | {"logit": 2.2}), 2).scores
    some = read_answer(peer(), cohere(one, two), 2).scores
    assert comparable(both) == (PairScore(0.0, 7, 5), PairScore(2.2))
    assert comparable(some) == (PairScore(None, 7, 5, 0.5), PairScore(None, relevance=0.9))


@pytest.mark.parametrize("logit", ["NaN", "Infinity", '"1"', "null", "true", "1" + "0" * 400])
def test_a_logit_that_is_no_finite_number_is_none(logit: str) -> None:
    body = b'{"results": [{"index": 0, "relevance_score": 0.5, "logit": %s}]}' % logit.encode()
    assert comparable(read_answer(peer(), body, 1).scores) == (PairScore(None, relevance=0.5),)


@pytest.mark.parametrize("count", [-1, True, 1.0, "3", 10**30])
def test_a_token_count_that_counts_nothing_is_unknown(count: object) -> None:
    body = cohere({"index": 0, "relevance_score": 0.5, "tokens": count})
    assert read_answer(peer(), body, 1).scores[0].tokens is None


@pytest.mark.parametrize("index", ["true", "0.0", '"0"', "null", "[]", "{}", "NaN"])
def test_an_index_that_is_no_whole_number_is_refused(index: str) -> None:
    body = b'{"results": [{"index": %s, "relevance_score": 0.5}]}' % index.encode()
    with pytest.raises(RemoteError, match="expected a whole number as each result's index") as caught:
        read_answer(peer(), body, 1)
    assert caught.value.kind == "bad_index"


@pytest.mark.parametrize("score", ["NaN", "-Infinity", "null", '"0.5"', "true", "[0.5]", "1" + "0" * 400])
def test_a_score_that_is_no_finite_number_is_refused(score: str) -> None:
    body = b'{"results": [{"index": 0, "relevance_score": %s}]}' % score.encode()
    with pytest.raises(RemoteError, match="expected a finite number") as caught:
        read_answer(peer(), body, 1)
    assert caught.value.kind == "bad_score"


@pytest.mark.parametrize("index", [-1, 2, 10**20, 10**4000])
def test_an_index_of_no_passage_is_refused(index: int) -> None:
    with pytest.raises(RemoteError, match="expected indexes from 0 to 1") as caught:
        read_answer(peer(), cohere({"index": index, "relevance_score": 0.5}), 2)
    assert caught.value.kind == "index_out_of_range"
    assert len(str(caught.value)) < 300


def test_a_doubled_index_is_refused_even_with_the_same_score() -> None:
    result = {"index": 0, "relevance_score": 0.5}
    with pytest.raises(RemoteError, match="found two for index 0") as caught:
        read_answer(peer(), cohere(result, result), 1)
    assert caught.value.kind == "doubled_index"


def test_a_missing_index_is_refused() -> None:
    with pytest.raises(RemoteError, match="found 1 for 3 passages: none for index 1") as caught:
        read_answer(peer(), cohere({"index": 0, "relevance_score": 0.5}), 3)
    assert caught.value.kind == "missing_index"


@pytest.mark.parametrize("body", ["[]", '{"data": []}', '{"results": {}}', '{"results": [0]}', "7", '"x"'])
def test_json_of_another_shape_is_refused(body: str) -> None:
    with pytest.raises(
        RemoteError, match=r"a list of results in “results”.*RAG_REMOTE_STYLE=cohere"
    ) as caught:
        read_answer(peer(), body.encode(), 1)
    assert caught.value.kind == "wrong_shape"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "not_json"),
        (b"\xff\xfe\xfd", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"1" * 5000, "not_json"),
        (b" \n<html>", "html"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(RemoteError, match=r"at gpu:9 gave no usable answer: expected JSON") as caught:
        read_answer(peer(), body, 1)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("beside", "header", "expected"),
    [
        ({}, "", None),
        ({}, "120", 0.12),
        ({}, "-1", None),
        ({}, "9" * 5000, None),
        ({"meta": {"timings_ms": {"total": 12.5}}}, "13", 0.0125),
        ({"timings_ms": {"total": 12.5}}, "", 0.0125),
        ({"meta": {"timings_ms": {"total": -1}}}, "", None),
        ({"meta": {"timings_ms": []}, "timings_ms": {"total": None}}, "", None),
    ],
)
def test_the_servers_own_time_is_read_where_it_tells_it(
    beside: dict[str, Any], header: str, expected: float | None
) -> None:
    body = cohere({"index": 0, "relevance_score": 0.5}, **beside)
    assert read_answer(peer(), body, 1, header).server_s == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["results", "data", "index", "relevance_score", "score", "logit", "meta", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(found=JSON, style=st.sampled_from(STYLES), count=st.integers(1, 3))
def test_any_json_gives_one_score_for_each_passage_or_a_remote_error(
    found: object, style: RemoteStyle, count: int
) -> None:
    try:
        answer = read_answer(peer(style), json.dumps(found).encode(), count)
    except RemoteError as error:
        assert str(error).startswith("The remote reranker at gpu:9 gave no usable answer: expected ")  # noqa: PT017
    else:
        assert len(answer.scores) == count


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ({"message": "no"}, "“no”"),
        ({"error": "no", "error_type": "validation"}, "“no”"),
        ({"error": {"type": "busy", "message": "no"}}, "“no”"),
        ({"detail": [{"loc": [], "msg": "no"}]}, "“no”"),
        ({"message": "a\x1b[31m\n b\u202e"}, "“a[31m b”"),
        ({"message": "x" * 999}, f"“{'x' * 199}…”"),
        ({"message": 7}, "answered 500. "),
        ([], "answered 500. "),
    ],
)
def test_a_refusal_quotes_the_servers_message_shortly(body: object, quoted: str) -> None:
    error = peer().refusal(500, json.dumps(body).encode())
    assert quoted in str(error)
    assert error.kind == "status"


def test_a_refusal_names_no_secret_even_if_the_server_does() -> None:
    settings = RemoteSettings("http://me:pass-word@gpu/hidden/path?t=tok%20en", api_key="sk-1")
    said = "sk-1 s\u200bk-1 pass-word hidden /hidden/path tok en t=tok%20en rerank"
    error = Peer.of(settings).refusal(401, json.dumps({"message": said}).encode())
    assert "“… … … … … … … rerank”" in str(error)
    assert "secrets" not in repr(Peer.of(settings))


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.example.com/?next=s", "to login.example.com,"),
        ("/s", "another path"),
        ("http://[", "path"),
    ],
)
def test_a_redirect_shows_the_host_that_it_leads_to_and_no_more(location: str, shown: str) -> None:
    error = peer().redirect(302, location)
    assert shown in str(error)
    assert "next" not in str(error)


@pytest.mark.parametrize(
    ("url", "host"), [("https://u:p@GPU.example.com/s", "gpu.example.com"), ("http://[::1]:80/s", "[::1]:80")]
)
def test_a_peer_is_called_by_its_host_and_port(url: str, host: str) -> None:
    assert Peer.of(RemoteSettings(url)).host == host
