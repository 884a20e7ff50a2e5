"""A Flask service with RerankLens in it. From the repository's root: python -m examples.flask_app 5000."""

import sys
from typing import Any

from flask import Flask, Response, jsonify, request

from rag import generate_answer, preload_model, rerank_chunks_onnx
from rag.errors import QueryError

app = Flask(__name__)


@app.post("/rerank")
def rerank() -> Response:
    """{"query", "chunks"} -> {"results"}: the chunks, best first, with their scores."""
    return jsonify(results=rerank_chunks_onnx(**_asked()))


@app.post("/answer")
def answer() -> Response:
    """{"query", "chunks"} -> {"text", "sentences"}: the chunks' own sentences, and where each stands."""
    found = generate_answer(**_asked())
    return jsonify(text=found.text, sentences=found.sentences)


@app.errorhandler(QueryError)
def _refuse(error: QueryError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 422


def _asked() -> dict[str, Any]:
    body = request.get_json()
    return {name: body.get(name) if isinstance(body, dict) else None for name in ("query", "chunks")}


if __name__ == "__main__":
    preload_model()  # before the first question, so that nobody waits for it
    app.run(host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
