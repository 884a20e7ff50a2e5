"""What POST /v2/rerank adds to the scoring itself, for 30 passages, warm, one request at a time."""

import http.client
import json
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.common import (
    RETRIEVE_K,
    Limit,
    MeasureError,
    Section,
    progress,
    ratios,
    run,
    sample_home,
    spread,
)
from benchmarks.questions import Question, Questions, bare_reranker
from benchmarks.server import Server, reranklens
from rag.config import usable_cores
from rag.rerank import Reranker
from rag.timing import Stopwatch

ROUNDS = 30
LIMIT_MS = 10
_WARM_UPS = 3
_ENGINE = ("tokenize", "score")  # the stages of the bare call


@dataclass(frozen=True, slots=True)
class Asked:
    """One request's milliseconds, as the client saw it and as its answer states; and the bare call's."""

    client_ms: float
    engine_ms: float
    total_ms: float
    bare_ms: float

    @property
    def added_ms(self) -> float:
        """What the client waited longer than the engine worked for this very request."""
        return self.client_ms - self.engine_ms


def measure(rounds: int = ROUNDS) -> Section:
    """Return requests and bare calls on the same passages, in turn."""
    questions = Questions(seed=13)
    asked = []
    with sample_home() as home, reranklens(home) as server:
        reranker, connection = bare_reranker(), _connection(server)
        for number in range(_WARM_UPS + rounds):
            progress(f"overhead: request {number + 1} of {_WARM_UPS + rounds}")
            question = questions.new_with_passages(RETRIEVE_K, RETRIEVE_K)
            asked.append(_both(connection, reranker, question, bare_first=number % 2 == 1))
        connection.close()
        reranker.close()
    return _section(asked[_WARM_UPS:])


def _connection(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)


def _both(
    connection: http.client.HTTPConnection, reranker: Reranker, question: Question, *, bare_first: bool
) -> Asked:
    """Ask and score the same passages, the one or the other first."""
    bare_ms = _bare_ms(reranker, question) if bare_first else 0.0
    answer, client_ms = _post(connection, question)
    bare_ms = bare_ms or _bare_ms(reranker, question)
    times = answer["meta"]["timings_ms"]
    return Asked(client_ms, sum(times[stage] for stage in _ENGINE), times["total"], bare_ms)


def _post(connection: http.client.HTTPConnection, question: Question) -> tuple[dict[str, Any], float]:
    """Return the answer to `question`, and the milliseconds from sending it until all of it was here."""
    body = json.dumps({"query": question.query, "documents": question.passages})
    began = time.perf_counter()
    connection.request("POST", "/v2/rerank", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    said = response.read()
    client_ms = (time.perf_counter() - began) * 1000
    if response.status != 200:
        raise MeasureError(f"/v2/rerank answered {response.status}: {said[:500]!r}")
    answer = json.loads(said)
    if answer["meta"]["cached"]:
        raise MeasureError("/v2/rerank knew scores before it was asked for them; they must all be new.")
    return answer, client_ms


def _bare_ms(reranker: Reranker, question: Question) -> float:
    began = time.perf_counter()
    reranker.score(question.query, question.passages, watch=Stopwatch())
    return (time.perf_counter() - began) * 1000


def _section(asked: list[Asked]) -> Section:
    added = [one.added_ms for one in asked]
    longer = ratios([one.client_ms for one in asked], [one.bare_ms for one in asked])
    rows = [
        ["the request, as the client sees it", spread([one.client_ms for one in asked], "ms")],
        ["its total, as its answer states it", spread([one.total_ms for one in asked], "ms")],
        [f"its stages {' and '.join(_ENGINE)}", spread([one.engine_ms for one in asked], "ms")],
        ["the request less these stages", spread(added, "ms", digits=1)],
        ["the bare call, in another process", spread([one.bare_ms for one in asked], "ms")],
        ["the request ÷ the bare call", spread(longer, "×", digits=2)],
    ]
    return Section(
        title="What the rerank route adds",
        workload=(
            f"{len(asked)} requests to POST /v2/rerank with {RETRIEVE_K} passages each, one after the other "
            f"over one connection, after {_WARM_UPS} to warm up; no query comes twice. The bare call is the "
            f"reranker's own, on {usable_cores()} workers in the client's process, on the same passages, in "
            "turn before and after the request."
        ),
        columns=["", "time"],
        rows=rows,
        limits=[
            Limit(
                f"the route adds at most {LIMIT_MS} ms to the scoring of the same request",
                f"median {median(added):.1f} ms, greatest {max(added):.1f} ms",
                median(added) <= LIMIT_MS,
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
