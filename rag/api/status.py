"""What a server says of itself: ready, what runs here, figures."""

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from rag import __version__
from rag.api.desk import Desk
from rag.api.http import Operation, json_answer
from rag.api.limits import LIMITS, MAX_PASSAGES
from rag.api.schemas import HealthAnswer, InfoAnswer, RemoteBody, models_body
from rag.instruments import CONTENT_TYPE
from rag.service import Service

_PACKAGES = ("streamlit", "onnxruntime", "tokenizers", "faiss-cpu", "numpy")


def health(desk: Desk) -> Operation:
    """Return the operation that says whether the models are loaded, and which."""

    async def answer(_request: Request) -> Response:
        service = await desk.service()
        models = models_body(service.embedder.info, service.pipeline.preferred.info)
        # Without the reasons, which may name folders: this route is open.
        notices = tuple(notice.partition(". ")[0] + "." for notice in service.pipeline.standing)
        return json_answer(HealthAnswer("ok", __version__, models, notices))

    return Operation("health", answer, "Ready, and with which models", returns=(HealthAnswer,))


def info(desk: Desk) -> Operation:
    """Return the operation that says what runs here, and how much may be asked of it."""

    async def answer(_request: Request) -> Response:
        return json_answer(_info(await desk.service()))

    return Operation("info", answer, "Versions, models and limits", returns=(InfoAnswer,))


def metrics(desk: Desk) -> Operation:
    """Return the operation that gives every figure in Prometheus's text format."""

    async def answer(_request: Request) -> Response:
        service = await desk.service()
        # Set as a header, because Starlette would add a second charset.
        return Response(service.instruments.text(), headers={"Content-Type": CONTENT_TYPE})

    return Operation("metrics", answer, "Figures for Prometheus", media_type="text/plain")


def constant(document: dict[str, object]) -> Operation:
    """Return the operation that answers with `document`."""

    async def answer(_request: Request) -> Response:
        return json_answer(document)

    return Operation("description", answer, "The description of all routes")


def _info(service: Service) -> InfoAnswer:
    pipeline, settings = service.pipeline, service.settings
    reranker = service.reranker
    remote = None
    if pipeline.remote and settings.remote:
        there = pipeline.remote.info
        remote = RemoteBody(there.id, there.backend, settings.prefers_remote, settings.remote.timeout_s)
    return InfoAnswer(
        version=__version__,
        model_id=reranker.info.id,
        model_sha=reranker.info.sha256,
        max_input_length=reranker.max_tokens,
        max_client_batch_size=MAX_PASSAGES,
        versions={name: version(name) for name in _PACKAGES},
        models=models_body(service.embedder.info, pipeline.preferred.info),
        remote=remote,
        threads=settings.threads,
        slots=pipeline.gate.slots,
        queue=pipeline.gate.queue,
        limits=LIMITS | {"upload_file_bytes": settings.max_upload_mb * 1_000_000},
        notices=pipeline.standing,
    )
