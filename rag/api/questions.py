"""`POST /api/query`: both stages, every time, and an answer where one is asked for."""

from starlette.requests import Request
from starlette.responses import Response

from rag.api.body import decoded, require_json
from rag.api.desk import Desk
from rag.api.errors import RefusedError
from rag.api.http import Operation, json_answer
from rag.api.schemas import QueryAnswer, QueryRequest, search_body
from rag.config import DEFAULT_COLLECTION, RERANKER_NONE, RERANKER_REMOTE, RerankerChoice, reranker_choice
from rag.service import Service
from rag.timing import Pulse, Stopwatch


def query(desk: Desk) -> Operation:
    """Return the operation that answers a question."""

    async def answer(request: Request) -> Response:
        require_json(request)
        return json_answer(await desk.work(request, _answer))

    return Operation(
        "query",
        answer,
        "Ask a question: what was retrieved, and what the reranker made of it",
        body=(QueryRequest,),
        returns=(QueryAnswer,),
        refuses=(400, 404, 413, 415, 422, 503),
    )


def _answer(service: Service, body: bytes, watch: Stopwatch, pulse: Pulse) -> QueryAnswer:
    asked = decoded(body, QueryRequest)
    if asked.answer == "written" and not service.answers.can_write:
        message = "'answer' must be true, false or \"quoted\": no server writes answers here."
        raise RefusedError(422, "invalid", message)
    settings = service.settings
    result = service.pipeline.search(
        asked.query,
        collection=asked.collection or DEFAULT_COLLECTION,
        retrieve_k=asked.retrieve_k or settings.retrieve_k,
        reranker=_choice(asked.reranker, service),
        document_id=asked.document_id,
        retriever=asked.retriever,
        order=asked.order,
        watch=watch,
        pulse=pulse,
    )
    match asked.answer:
        case True:
            result = service.answers.preferred(result, pulse=pulse)
        case "quoted":
            result = service.answers.quoted(result, pulse=pulse)
        case "written":
            result = service.answers.written(result, pulse=pulse)
    return search_body(result, top_k=asked.top_k or settings.top_k)


def _choice(name: str | None, service: Service) -> RerankerChoice:
    """Return which reranker `name` means; an id must be that of the one in memory."""
    choice, local = reranker_choice(name), service.reranker.info.id
    if choice == "local" and name != local:
        remote = f"{RERANKER_REMOTE}, " if service.pipeline.remote else ""
        message = f"'reranker' must be one of {local}, {remote}{RERANKER_NONE}, found {name!r}."
        raise RefusedError(422, "invalid", message)
    return choice
