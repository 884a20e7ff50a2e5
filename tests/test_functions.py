"""RerankLens inside another program: three functions, one model a process, no page."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import chatting
import misbehaving as bad
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag import generate_answer, preload_model, rerank_chunks_onnx
from rag.answers.given import Chunk
from rag.config import DEFAULT_RERANKER, LlmSettings
from rag.errors import QueryError, RemoteError
from rag.rerank import Reranker
from rag.timing import Stopwatch

ROOT = Path(__file__).resolve().parents[1]
QUERY = "what is the capital of Italy"
ROME = "Rome is the capital of Italy and its largest city."
MILAN = "Milan is known for fashion and for its cathedral."
PASTA = "Orecchiette are cooked in salted water."

HEAVY = ("streamlit", "torch", "transformers", "starlette", "faiss", "sqlite3", "onnxruntime", "numpy")
IMPORTED = "import sys; print(*sorted(set(sys.modules) & set(sys.argv[1:])))"
ONE_LOAD = """
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from rag import preload_model, rerank_chunks_onnx
from rag.functions import _reranker

logging.basicConfig(level=logging.INFO, format="%(message)s")
together = Barrier(8)

def preload(_):
    together.wait()
    return preload_model(), id(_reranker())

with ThreadPoolExecutor(8) as threads:
    print(len(set(threads.map(preload, range(8)))))
rerank_chunks_onnx("a question", ["a text"])
"""
FORKED = """
import os, sys
from rag import preload_model, rerank_chunks_onnx
from rag.functions import _reranker

def score():
    (result,) = rerank_chunks_onnx("what is the capital of Italy", ["Rome is the capital of Italy."])
    return result["rerank_score"]

parents, expected = _reranker(), score()
child = os.fork()
if not child:
    same = _reranker() is parents
    sys.exit(10 * same + (score() != expected))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), score() == expected)
"""


def run(code: str, *args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("RAG_")} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if ran.returncode:
        pytest.fail(ran.stderr, pytrace=False)
    return ran


def texts_of(results: Sequence[dict[str, object]]) -> list[object]:
    return [result["text"] for result in results]


def test_reranking_loads_neither_page_nor_server_nor_training_library() -> None:
    code = "from rag import *; generate_answer('a question', ['A text.'])\n" + IMPORTED
    assert run(code, *HEAVY).stdout.split() == ["numpy", "onnxruntime"]


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert run("import rag\n" + IMPORTED, *HEAVY, "tokenizers", "sentencex").stdout.split() == []


def test_the_package_lists_its_functions_and_knows_no_others() -> None:
    assert {"preload_model", "rerank_chunks_onnx", "generate_answer"} <= set(dir(rag))
    with pytest.raises(ImportError, match="cannot import name 'nonsense' from 'rag'"):
        from rag import nonsense  # noqa: F401


def test_threads_that_preload_at_once_share_one_model_which_is_loaded_once() -> None:
    ran = run(ONE_LOAD)
    assert ran.stdout.split() == ["1"]
    assert ran.stderr.count(f"Loaded {DEFAULT_RERANKER}") == 1


def test_preloading_tells_which_model_the_process_uses() -> None:
    assert preload_model() == preload_model()
    assert preload_model().id == DEFAULT_RERANKER


def test_a_model_that_the_environment_names_and_nobody_has_is_refused() -> None:
    code = """
import rag
from rag.errors import ModelError
for attempt in range(2):
    try:
        rag.preload_model()
    except ModelError as error:
        print(error)
"""
    first, second = run(code, RAG_RERANKER="no/such").stdout.splitlines()
    assert first == second
    assert "no/such" in first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_child_loads_a_model_of_its_own_that_scores_alike() -> None:
    assert run(FORKED).stdout.split() == ["0", "True"]


def test_chunks_come_back_best_first_with_their_own_keys_and_their_scores(reranker: Reranker) -> None:
    (expected,) = reranker.score(QUERY, [ROME], watch=Stopwatch())
    best, second = rerank_chunks_onnx(query=QUERY, chunks=[MILAN, {"text": ROME, "id": 7}])
    assert second | {"rerank_score": None} == {
        "text": MILAN,
        "rerank_score": None,
        "rerank_rank": 2,
        "tokens": 10,
        "tokens_read": 10,
    }
    assert (best["id"], best["rerank_rank"], best["rerank_score"]) == (7, 1, expected.logit)
    assert json.loads(json.dumps(best)) == best


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=20)), st.integers(1, 5))
def test_the_results_are_the_best_of_the_chunks_and_ties_keep_their_order(
    texts: list[str], top_k: int
) -> None:
    chunks = [{"text": text, "at": position} for position, text in enumerate(texts)]
    whole = rerank_chunks_onnx(QUERY, chunks, len(chunks) + 1)
    order = [(-cast(float, result["rerank_score"]), result["at"]) for result in whole]
    assert order == sorted(order)
    assert sorted(result["at"] for result in whole) == list(range(len(texts)))
    assert rerank_chunks_onnx(QUERY, chunks, top_k) == whole[:top_k]


def test_the_callers_chunks_stay_as_they_were() -> None:
    chunk = {"text": ROME, "rerank_score": "mine"}
    (result,) = rerank_chunks_onnx(QUERY, [chunk])
    assert chunk == {"text": ROME, "rerank_score": "mine"}
    assert isinstance(result["rerank_score"], float)


def test_what_the_model_did_not_read_is_visible() -> None:
    (cut,) = rerank_chunks_onnx(QUERY, [f"{ROME} " * 200])
    assert 400 < cast(int, cut["tokens_read"]) < 512 < cast(int, cut["tokens"])


def test_half_a_surrogate_pair_in_a_chunk_is_scored_and_comes_back_as_it_was() -> None:
    (result,) = rerank_chunks_onnx(QUERY, [f"\ud800 {ROME}"])
    (sentence,) = generate_answer(QUERY, [f"\ud800 {ROME}"]).sentences
    assert result["text"] == sentence.text == f"\ud800 {ROME}"


def test_chunks_may_come_from_a_generator() -> None:
    assert texts_of(rerank_chunks_onnx(QUERY, (text for text in (MILAN, ROME)))) == [ROME, MILAN]


def test_no_chunks_give_no_results_and_an_empty_answer() -> None:
    assert rerank_chunks_onnx(QUERY, []) == []
    assert (generate_answer(QUERY, []).text, generate_answer(QUERY, []).sentences) == ("", ())


@pytest.mark.parametrize("function", [rerank_chunks_onnx, generate_answer])
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"query": " "}, "The question is empty"),
        ({"query": "q" * 4001}, "4,001 characters"),
        ({"query": None}, "query: expected a string; found NoneType"),
        ({"chunks": [ROME, 5]}, r"chunks\[1\]: expected a string or a mapping .* found int"),
        ({"chunks": [{"body": ROME}]}, r'chunks\[0\]: .* found one without "text"'),
        ({"chunks": [ROME, {"text": None}]}, r'chunks\[1\]: .* whose "text" is NoneType'),
        ({"chunks": ROME}, "chunks: expected a list of .*; found str"),
        ({"chunks": {"text": ROME}}, "chunks: expected a list of .*; found dict"),
        ({"chunks": None}, "chunks: expected a list of .*; found NoneType"),
        ({"top_k": 0}, "top_k: expected a whole number, 1 or more; found 0"),
        ({"top_k": 2.5}, "top_k: expected a whole number, 1 or more; found 2.5"),
        ({"chunks": [], "query": ""}, "The question is empty"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_position(
    function: object, asked: dict[str, object], message: str
) -> None:
    assert callable(function)
    with pytest.raises(QueryError, match=message):
        function(**{"query": QUERY, "chunks": [ROME]} | asked)


def test_an_answer_quotes_the_callers_own_chunks_by_their_positions() -> None:
    chunks: list[Chunk] = [PASTA, {"text": f"Geography\n\n{ROME} It is old.", "page": 3}, MILAN]
    answer = generate_answer(QUERY, chunks, max_sentences=1)
    (sentence,) = answer.sentences
    assert (answer.text, sentence.text, sentence.source) == (ROME, ROME, 1)
    assert sentence.chunk is chunks[1]
    assert f"Geography\n\n{ROME} It is old."[sentence.start : sentence.end] == ROME


def test_an_answer_looks_into_the_best_chunks_alone_and_puts_them_first() -> None:
    answer = generate_answer(QUERY, [PASTA, MILAN, ROME], top_k=2)
    assert [sentence.source for sentence in answer.sentences] == [2, 1]


def test_each_chunk_that_says_the_same_is_cited() -> None:
    (sentence,) = generate_answer(QUERY, [ROME, PASTA, f"Note. {ROME}"], max_sentences=1).sentences
    assert (sentence.text, sentence.sources) == (ROME, (0, 2))


def test_a_language_models_answer_cites_the_callers_own_chunks_and_no_others() -> None:
    chunks: list[Chunk] = [PASTA, {"text": ROME, "page": 3}, MILAN]
    pieces: list[str] = []
    with bad.serving() as server:
        server.behaviour = chatting.writing("Rome is the capital of Italy [1]. So is Milan [7].")
        llm = LlmSettings(f"{server.url}/v1", "small")
        answer = generate_answer(QUERY, chunks, llm=llm, on_text=pieces.append)
    assert (answer.kind, answer.answered) == ("written", True)
    assert [(one.chunk, one.sources, one.supported) for one in answer.sentences] == [
        (chunks[1], (1,), True),
        (None, (), False),
    ]
    assert "".join(pieces) == "Rome is the capital of Italy [1]. So is Milan [7]."
    assert any("not given" in notice for notice in answer.notices)


def test_a_language_model_that_fails_is_an_error() -> None:
    with bad.serving() as server:
        server.behaviour = bad.replying({"error": {"message": "crashed"}}, 500)
        with pytest.raises(RemoteError, match="The language model at"):
            generate_answer(QUERY, [ROME], llm=LlmSettings(server.url, "small"))


def test_an_answer_has_at_least_one_sentence_to_hold() -> None:
    with pytest.raises(QueryError, match="max_sentences: expected a whole number, 1 or more; found 0"):
        generate_answer(QUERY, [ROME], max_sentences=0)


def test_a_low_logit_tells_that_the_chunks_do_not_answer() -> None:
    related, unrelated = (generate_answer(QUERY, [text], max_sentences=1) for text in (ROME, PASTA))
    assert (related.answered, unrelated.answered) == (True, False)
    assert (related.best_logit or 0) > (related.threshold or 0) > (unrelated.best_logit or 0)
