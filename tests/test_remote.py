"""The remote reranker against a real server on this machine, truthful and otherwise."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, get_args

import httpx2
import misbehaving as bad
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.config import RemoteSettings, RemoteStyle
from rag.errors import RemoteError
from rag.logistic import sigmoid
from rag.records import PairScore
from rag.remote.line import explained
from rag.remote.peer import Peer
from rag.remote.reranker import RemoteReranker
from rag.timing import Pulse, Stopwatch

STYLES: tuple[RemoteStyle, ...] = get_args(RemoteStyle)
RAW = ("tei", "infinity")
QUERY = "when does the café open?"
TEXTS = [f"passage {i}" for i in range(7)]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests behind a proxy still reaches this machine without it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[bad.Server]:
    with bad.serving() as running:
        yield running


@pytest.fixture
def reranker(server: bad.Server) -> Iterator[RemoteReranker]:
    """A reranker in Cohere's style, for several calls."""
    with closing(RemoteReranker(RemoteSettings(server.url, timeout_s=5.0))) as made:
        yield made


def ask(
    server: bad.Server | str,
    texts: Sequence[str] = TEXTS,
    *,
    watch: Stopwatch | None = None,
    timeout_s: float = 5.0,
    **changes: Any,
) -> tuple[PairScore, ...]:
    """The scores of `texts`, from a reranker that is made for this call alone."""
    url = server if isinstance(server, str) else server.url
    with closing(RemoteReranker(RemoteSettings(url, timeout_s=timeout_s, **changes))) as reranker:
        return reranker.score(QUERY, texts, watch=watch or Stopwatch())


def expected(style: RemoteStyle, texts: Sequence[str] = TEXTS) -> tuple[PairScore, ...]:
    logits = [bad.truth(QUERY, text) for text in texts]
    if style in RAW:
        return tuple(PairScore(logit) for logit in logits)
    return tuple(PairScore(None, relevance=sigmoid(logit)) for logit in logits)


# What goes well


@pytest.mark.parametrize("style", STYLES)
def test_every_style_gives_the_scores_in_input_order(server: bad.Server, style: RemoteStyle) -> None:
    server.behaviour = bad.shuffled(style, seed=7)
    assert ask(server, style=style) == expected(style)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    style=st.sampled_from(STYLES),
    seed=st.integers(0, 99),
    max_batch=st.none() | st.integers(1, 9),
    limit=st.integers(1, 9),
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=9),
)
def test_no_order_batch_or_limit_changes_a_score(
    server: bad.Server, style: RemoteStyle, seed: int, max_batch: int | None, limit: int, texts: list[str]
) -> None:
    server.behaviour = bad.limited_to(limit, bad.shuffled(style, seed))
    assert ask(server, texts, style=style, max_batch=max_batch) == expected(style, texts)


def test_batches_share_one_connection_and_keep_the_limit(server: bad.Server) -> None:
    ask(server, max_batch=3)
    assert [len(asked.texts) for asked in server.asked] == [3, 3, 1]
    assert len({asked.port for asked in server.asked}) == 1


def test_a_second_call_uses_the_connection_of_the_first(server: bad.Server, reranker: RemoteReranker) -> None:
    for _ in range(2):
        reranker.score(QUERY, TEXTS, watch=Stopwatch())
    assert len(server.asked) == 2
    assert len({asked.port for asked in server.asked}) == 1


def test_a_kept_connection_that_was_closed_is_opened_again(server: bad.Server) -> None:
    server.behaviour = bad.in_turn(bad.truthful("cohere"), bad.closing_at_once, bad.truthful("cohere"))
    assert ask(server, max_batch=4) == expected("cohere")
    assert [len(asked.texts) for asked in server.asked] == [4, 3, 3]


def test_no_passages_need_no_server() -> None:
    with closing(RemoteReranker(RemoteSettings("http://127.0.0.1:1"))) as reranker:
        assert reranker.score(QUERY, [], watch=Stopwatch()) == ()


def test_nothing_is_connected_before_the_first_call(server: bad.Server, reranker: RemoteReranker) -> None:
    assert reranker.query_tokens_unread(QUERY) == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "remote reranker"]
    assert server.asked == []


def test_logits_beside_the_relevance_are_used(server: bad.Server) -> None:
    server.behaviour = bad.telling_logits
    scores = ask(server, max_batch=2)
    assert [score.logit for score in scores] == [bad.truth(QUERY, text) for text in TEXTS]
    assert [(score.tokens, score.tokens_read) for score in scores] == [(len(text), 1) for text in TEXTS]


def test_logits_in_only_some_batches_are_not_mixed_with_relevances(server: bad.Server) -> None:
    server.behaviour = bad.in_turn(bad.telling_logits, bad.truthful("cohere"))
    scores = ask(server, max_batch=4)
    assert [score.logit for score in scores] == [None] * 7
    assert [score.relevance for score in scores] == [score.relevance for score in expected("cohere")]


def test_the_key_goes_in_the_header_and_the_model_in_the_body(server: bad.Server) -> None:
    ask(server, api_key="key-1", model="big")
    asked = server.asked[0]
    assert (asked.headers["authorization"], asked.body["model"]) == ("Bearer key-1", "big")
    assert asked.path == "/v2/rerank"


# The server's limit


@pytest.mark.parametrize(
    ("info", "status", "sizes"),
    [
        ({"max_client_batch_size": 3}, 200, [3, 3, 1]),
        ({"model_id": "x"}, 200, [7]),
        (bad.HTML_PAGE, 404, [7]),
        ({"error": "not ready"}, 503, [7]),
    ],
)
def test_a_tei_server_is_asked_for_its_limit(
    server: bad.Server, info: object, status: int, sizes: list[int]
) -> None:
    server.behaviour = bad.with_info(info, bad.truthful("tei"), status)
    assert ask(server, style="tei") == expected("tei")
    assert [len(asked.texts) for asked in server.posts()] == sizes


def test_a_tei_server_without_a_limit_gets_32_at_once(server: bad.Server) -> None:
    server.behaviour = bad.with_info({}, bad.truthful("tei"))
    ask(server, [f"{i}" for i in range(40)], style="tei")
    assert [len(asked.texts) for asked in server.posts()] == [32, 8]


@pytest.mark.parametrize(("first", "requests"), [({"max_client_batch_size": 9}, 1), ("unready", 2)])
def test_the_limit_is_asked_for_until_it_was_told(server: bad.Server, first: object, requests: int) -> None:
    told = bad.with_info({"max_client_batch_size": 9}, bad.truthful("tei"))
    unready = bad.with_info({}, bad.truthful("tei"), 503)
    server.behaviour = unready if first == "unready" else told
    with closing(RemoteReranker(RemoteSettings(server.url, "tei"))) as reranker:
        reranker.score(QUERY, TEXTS, watch=Stopwatch())
        server.behaviour = told
        for _ in range(2):
            reranker.score(QUERY, TEXTS, watch=Stopwatch())
    assert [asked.method for asked in server.asked].count("GET") == requests


def test_a_server_that_never_tells_its_limit_is_asked_the_question_all_the_same(server: bad.Server) -> None:
    silent = bad.slow(9, bad.replying({}))
    server.behaviour = lambda exchange: (
        silent(exchange) if exchange.asked.method == "GET" else bad.truthful("tei")(exchange)
    )
    assert ask(server, style="tei", timeout_s=2.0) == expected("tei")


def test_a_set_limit_is_not_asked_for(server: bad.Server) -> None:
    server.behaviour = bad.truthful("tei")
    ask(server, style="tei", max_batch=5)
    assert [asked.method for asked in server.asked] == ["POST", "POST"]


def test_a_limit_learned_by_refusal_holds_for_one_question(
    server: bad.Server, reranker: RemoteReranker
) -> None:
    server.behaviour = bad.limited_to(3, bad.truthful("cohere"))
    first = reranker.score(QUERY, TEXTS, watch=Stopwatch())
    assert [len(asked.texts) for asked in server.asked] == [7, 3, 3, 1]
    server.behaviour = bad.truthful("cohere")  # the passages may have been long ones
    server.asked.clear()
    second = reranker.score(QUERY, TEXTS, watch=Stopwatch())
    assert first == second == expected("cohere")
    assert [len(asked.texts) for asked in server.asked] == [7]


def test_one_passage_that_is_too_large_is_an_error(server: bad.Server) -> None:
    server.behaviour = bad.limited_to(0, bad.truthful("cohere"))
    with pytest.raises(RemoteError, match="answered 413 and said “at most 0”") as caught:
        ask(server)
    assert caught.value.kind == "request_too_large"


# What goes wrong

ROW = {"index": 0, "relevance_score": 0.5}


@pytest.mark.parametrize(
    ("behaviour", "kind", "message"),
    [
        (bad.closing_at_once, "no_answer", "was expected to answer in HTTP"),
        (bad.closing_within_the_headers, "no_answer", "was expected to answer in HTTP"),
        (bad.saying(b"\x00\x01\x02 hello\r\n\r\n"), "no_answer", "was expected to answer in HTTP"),
        (bad.closing_within_the_body, "broken_off", "broke off in the middle of its answer"),
        (bad.dripping_headers, "timeout", "7 passages within 0.4 s; 0 of 1 batches"),
        (bad.dripping_body, "timeout", "7 passages within 0.4 s; 0 of 1 batches"),
        (bad.slow(9, bad.truthful("cohere")), "timeout", "7 passages within 0.4 s; 0 of 1 batches"),
        (bad.replying(bad.HTML_PAGE), "html", "expected JSON, found a web page"),
        (bad.replying(b""), "not_json", "expected JSON, found nothing"),
        (bad.replying(b'{"results": '), "not_json", "expected JSON, found something else"),
        (bad.replying({"scores": [1]}), "wrong_shape", "a list of results in “results”"),
        (bad.replying({}, 302, Location="https://a.example/b"), "redirect", "a redirect to a.example, not"),
        (bad.replying({"message": "out of memory"}, 500), "status", "answered 500 and said “out of memory”"),
        (bad.replying({"message": "bad key"}, 401), "unauthorized", "Set RAG_REMOTE_API_KEY"),
        (bad.replying(bad.HTML_PAGE, 404), "not_found", "answered 404. Check the path"),
        (bad.replying({"message": "wait"}, 503), "busy", "answered 503 and said “wait”"),
        (bad.replying({}, 429, Retry_After="60"), "busy", "answered 429"),
        (bad.replying({}, 200, Content_Encoding="gzip"), "compressed", "found it compressed"),
        (bad.too_large, "answer_too_large", "at most 16,777,216 bytes"),
        (bad.changed("cohere", lambda rows: [*rows, rows[0]]), "doubled_index", "two for index 0"),
        (bad.changed("cohere", lambda rows: rows[1:]), "missing_index", "none for index 0"),
        (bad.changed("cohere", lambda rows: [ROW | {"index": 7}]), "index_out_of_range", "found 7"),
        (bad.changed("cohere", lambda rows: [ROW | {"index": True}]), "bad_index", "found true or false"),
        (bad.changed("cohere", lambda rows: [ROW | {"relevance_score": float("nan")}]), "bad_score", "NaN"),
        (bad.changed("cohere", lambda rows: [ROW | {"relevance_score": "1"}]), "bad_score", "a text"),
        (bad.changed("cohere", lambda rows: [ROW | {"relevance_score": None}]), "bad_score", "none"),
    ],
)
def test_each_misbehaviour_has_its_kind_and_its_sentence(
    server: bad.Server, behaviour: bad.Behaviour, kind: str, message: str
) -> None:
    server.behaviour = behaviour
    watch = Stopwatch()
    began = time.perf_counter()
    with pytest.raises(RemoteError, match=f"^The remote reranker at {server.host} .*{message}") as caught:
        ask(server, watch=watch, timeout_s={"timeout": 0.4, "busy": 0.7}.get(kind, 5.0))
    assert caught.value.kind == kind
    assert time.perf_counter() - began < 4.0, "it waited for more than the answer"
    assert [stage.stage for stage in watch.stages] == ["network"]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from(
        [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 101 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
    ),
    rest=st.binary(max_size=60),
)
def test_whatever_bytes_come_back_only_a_remote_error_is_raised(
    server: bad.Server, reranker: RemoteReranker, head: bytes, rest: bytes
) -> None:
    server.behaviour = bad.saying(head + rest)
    with pytest.raises(RemoteError):
        reranker.score(QUERY, TEXTS, watch=Stopwatch())


@pytest.mark.parametrize(("host", "style"), [("127.0.0.1", "cohere"), ("localhost", "tei")])
def test_a_port_where_nothing_listens_refuses(host: str, style: RemoteStyle) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://{host}:{probe.getsockname()[1]}"
        with pytest.raises(RemoteError, match=r"nothing listens there\. Start it") as caught:
            ask(url, style=style)
    assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (f"http://{'x' * 64}.invalid/", "unknown_host"),  # a label too long for any name server to be asked
        ("http://gpu/\x00", "address"),
        ("ftp://gpu/", "address"),
    ],
)
def test_an_address_that_leads_nowhere_is_an_error_at_the_first_call(url: str, kind: str) -> None:
    with pytest.raises(RemoteError, match="Check MODAL_RERANK_URL") as caught:
        ask(url)
    assert caught.value.kind == kind


def test_a_server_that_speaks_no_tls_is_named_as_that(server: bad.Server) -> None:
    with pytest.raises(RemoteError, match="Check that it speaks https") as caught:
        ask(server.url.replace("http:", "https:"))
    assert caught.value.kind == "tls"


def test_a_proxy_setting_that_cannot_be_used_is_named(
    server: bad.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(RemoteError, match="Check HTTP_PROXY") as caught:
        ask(server)
    assert caught.value.kind == "setup"


def library_errors() -> list[Exception]:
    """One of each error that the HTTP library says it raises, and the operating system's below it."""
    named = [getattr(httpx2, name) for name in httpx2.__all__]
    kinds = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Exception)]
    made: list[Exception] = [kind.__new__(kind, "why") for kind in kinds if not issubclass(kind, Warning)]
    return [*made, socket.gaierror(-2, "unknown"), ConnectionResetError(), OSError(28, "No space")]


@pytest.mark.parametrize("error", library_errors(), ids=lambda error: type(error).__name__)
def test_every_error_of_the_library_has_a_sentence(error: Exception) -> None:
    told = explained(Peer.of(RemoteSettings("http://gpu")), error, begun=False)
    assert str(told).startswith("The remote reranker at gpu ")
    assert str(told).endswith(".")


def test_a_host_with_two_addresses_that_both_refuse_refuses() -> None:
    both = OSError("All connection attempts failed")
    both.__cause__ = ExceptionGroup("each", [OSError(99, "No IPv6"), ConnectionRefusedError()])
    assert explained(Peer.of(RemoteSettings("http://gpu")), both, begun=False).kind == "refused"


# Busy servers


def test_a_busy_server_is_asked_again(server: bad.Server) -> None:
    busy = bad.replying({"error": "overloaded"}, 429)
    server.behaviour = bad.in_turn(busy, busy, bad.truthful("cohere"))
    assert ask(server) == expected("cohere")
    assert len(server.asked) == 3


def test_a_busy_server_says_when_to_ask_again(server: bad.Server) -> None:
    server.behaviour = bad.in_turn(bad.replying({}, 503, Retry_After="1"), bad.truthful("cohere"))
    began = time.perf_counter()
    assert ask(server) == expected("cohere")
    assert time.perf_counter() - began >= 1.0


@pytest.mark.parametrize("later", ["60", "9" * 400, "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_server_that_is_busy_for_too_long_is_not_waited_for(server: bad.Server, later: str) -> None:
    server.behaviour = bad.replying({}, 503, Retry_After=later)
    began = time.perf_counter()
    with pytest.raises(RemoteError, match="answered 503"):
        ask(server)
    assert time.perf_counter() - began < 4.0, "the time that a question has is 5 s"


@pytest.mark.parametrize("later", ["soon", "-1", "²", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_time_that_means_nothing_is_not_waited_for(server: bad.Server, later: str) -> None:
    server.behaviour = bad.in_turn(bad.replying({}, 503, Retry_After=later), bad.truthful("cohere"))
    assert ask(server) == expected("cohere")


def test_all_batches_and_retries_share_one_deadline(server: bad.Server) -> None:
    server.behaviour = bad.slow(0.4, bad.truthful("cohere"))
    began = time.perf_counter()
    with pytest.raises(RemoteError, match="of 7 batches came back") as caught:
        ask(server, max_batch=1, timeout_s=1.0)
    assert caught.value.kind == "timeout"
    assert time.perf_counter() - began < 2.5, "all batches take 2.8 s"


# Times


def test_the_servers_own_time_is_taken_off_the_network(server: bad.Server) -> None:
    server.behaviour = bad.slow(0.2, bad.timed("150"))
    watch = Stopwatch()
    ask(server, watch=watch)
    network, own = watch.stages
    assert (network.stage, own.stage, own.seconds, own.items) == ("network", "server", 0.15, 7)
    assert 0.04 < network.seconds < watch.elapsed_s - 0.15


@pytest.mark.parametrize(
    "behaviour",
    [
        bad.truthful("cohere"),
        bad.timed("999999"),
        bad.in_turn(bad.timed("1"), bad.truthful("cohere")),
    ],
)
def test_a_server_that_tells_no_time_or_not_all_or_too_much_has_none(
    server: bad.Server, behaviour: bad.Behaviour
) -> None:
    server.behaviour = behaviour
    watch = Stopwatch()
    ask(server, watch=watch, max_batch=4)
    assert [(stage.stage, stage.items) for stage in watch.stages] == [("network", 7)]


# Pulse, threads, closing


class AbandonedError(Exception):
    """The caller went away."""


def test_what_pulse_raises_ends_a_slow_call_at_once(server: bad.Server) -> None:
    def pulse(stage: str, done: int, of: int) -> None:
        raise AbandonedError(f"{stage} {done}/{of}")

    server.behaviour = bad.waiting_for_the_hang_up
    with closing(RemoteReranker(RemoteSettings(server.url, max_batch=2))) as reranker:
        with pytest.raises(AbandonedError, match="network 0/4"):
            reranker.score(QUERY, TEXTS, watch=Stopwatch(), pulse=pulse)
        assert server.hung_up.wait(2.0)
        server.behaviour = bad.truthful("cohere")
        assert reranker.score(QUERY, TEXTS, watch=Stopwatch()) == expected("cohere")


def test_pulse_hears_in_the_callers_thread_how_many_batches_are_done(server: bad.Server) -> None:
    heard: list[tuple[int, str, int, int]] = []
    pulse: Pulse = lambda *said: heard.append((threading.get_ident(), *said))  # noqa: E731
    server.behaviour = bad.slow(0.25, bad.truthful("cohere"))
    with closing(RemoteReranker(RemoteSettings(server.url, max_batch=4))) as reranker:
        reranker.score(QUERY, TEXTS, watch=Stopwatch(), pulse=pulse)
    assert dict.fromkeys(heard) == dict.fromkeys(
        [(threading.get_ident(), "network", 0, 2), (threading.get_ident(), "network", 1, 2)]
    )


def test_threads_do_not_mix_up_their_questions(server: bad.Server) -> None:
    server.behaviour = bad.slow(0.02, bad.shuffled("tei", seed=3))
    with closing(RemoteReranker(RemoteSettings(server.url, "tei", max_batch=2))) as reranker:

        def asked_by(number: int) -> bool:
            scores = reranker.score(f"question {number}", TEXTS, watch=Stopwatch())
            return scores == tuple(PairScore(bad.truth(f"question {number}", text)) for text in TEXTS)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(asked_by, range(24)))
        loops = [thread for thread in threading.enumerate() if thread.name == "remote reranker"]
        assert len(loops) == 1


def test_closing_ends_the_thread_and_what_is_under_way(server: bad.Server, reranker: RemoteReranker) -> None:
    server.behaviour = bad.slow(9, bad.truthful("cohere"))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(reranker.score, QUERY, TEXTS, watch=Stopwatch())
        while not server.asked:
            time.sleep(0.01)
        began = time.perf_counter()
        reranker.close()
        error = running.exception()
    assert isinstance(error, RemoteError)
    assert error.kind == "closed"
    assert time.perf_counter() - began < 5.0, "the answer takes 9 s"
    assert not [thread for thread in threading.enumerate() if thread.name == "remote reranker"]


def test_a_closed_reranker_says_so(reranker: RemoteReranker) -> None:
    reranker.score(QUERY, TEXTS, watch=Stopwatch())
    reranker.close()
    reranker.close()
    with pytest.raises(RemoteError, match="this server shuts down") as caught:
        reranker.score(QUERY, TEXTS, watch=Stopwatch())
    assert caught.value.kind == "closed"


# Secrets


@pytest.mark.parametrize(
    "behaviour",
    [
        bad.truthful("cohere"),
        lambda exchange: exchange.reply(
            {"message": f"{exchange.asked.path} {exchange.asked.headers['authorization']}"}, 400
        ),
        bad.closing_at_once,
        bad.replying({}, 307, Location="/hidden-path"),
        bad.replying(b"hidden-path sk-hidden"),
    ],
)
def test_neither_key_nor_path_is_ever_told(
    server: bad.Server, behaviour: bad.Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.behaviour = behaviour
    url = f"{server.url}/hidden-path?token=hidden-word"
    with closing(RemoteReranker(RemoteSettings(url, api_key="sk-hidden"))) as reranker:
        told = f"{reranker!r} {reranker.info}"
        try:
            reranker.score(QUERY, TEXTS, watch=Stopwatch())
        except RemoteError as error:
            told += "".join(traceback.format_exception(error))
    assert server.asked[0].headers["authorization"] == "Bearer sk-hidden"
    assert "hidden" not in told + caplog.text


def test_the_model_is_named_and_the_host_shown() -> None:
    plain = RemoteReranker(RemoteSettings("https://user:word@gpu.example.com:8443/s?k=1", "jina"))
    named = RemoteReranker(RemoteSettings("http://gpu", model="big"))
    assert (plain.info.id, plain.info.sha256) == ("remote", "")
    assert plain.info.backend == "remote jina at gpu.example.com:8443"
    assert (named.info.id, named.info.backend) == ("big", "remote cohere at gpu")
