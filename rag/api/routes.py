"""The HTTP routes."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from starlette.routing import Route

from rag.api import documents, pages, questions, reranking, status
from rag.api.desk import Desk
from rag.api.errors import Shape, cohere_shape, own_shape, tei_or_cohere_shape
from rag.api.http import Access, Operation, Resource, Unknown
from rag.api.openapi import openapi
from rag.service import Service

# Below these, the page would answer, in HTML and with status 200.
_OURS = ("/api", "/v1", "/v2")
_PAGES = "/api/documents/{id}/pages/{n}"

_Table = Mapping[str, Mapping[str, Operation]]


def api_routes(
    get_service: Callable[[], Service],
    access: Access | None = None,
    stopping: threading.Event | None = None,
) -> list[Route]:
    """Return the routes, answered by the service that `get_service` returns, for those with `access`.

    Once `stopping` is set, what is under way ends soon.
    """
    desk, access = Desk(get_service, stopping), access or Access()
    closed: _Table = {
        "/api/query": {"POST": questions.query(desk)},
        "/api/documents": {"GET": documents.listing(desk), "POST": documents.upload(desk)},
        "/api/documents/{id}": {"DELETE": documents.deletion(desk)},
        _PAGES: {"GET": pages.page_image(desk)},
        "/v2/rerank": {"POST": reranking.cohere(desk)},
        "/v1/rerank": {"POST": reranking.jina(desk)},
        "/rerank": {"POST": reranking.tei(desk)},
        "/info": {"GET": status.info(desk)},
        "/metrics": {"GET": status.metrics(desk)},
    }
    shapes: Mapping[str, Shape] = {"/v2/rerank": cohere_shape, "/rerank": tei_or_cohere_shape}
    make = partial(Resource, access=access, observe=desk.observe)
    admits = {_PAGES: pages.is_admitted}
    resources = [
        make("/healthz", {"GET": status.health(desk)}, is_open=True),
        *(
            make(path, operations, shape=shapes.get(path, own_shape), admits=admits.get(path))
            for path, operations in closed.items()
        ),
    ]
    description = openapi(resources, needs_key=access.api_key is not None)
    elsewhere = Unknown("elsewhere", {}, access=access, observe=desk.observe)
    return [
        *(Route(resource.path, resource) for resource in resources),
        Route("/openapi.json", make("/openapi.json", {"GET": status.constant(description)})),
        *(Route(path, elsewhere) for prefix in _OURS for path in (prefix, prefix + "/{rest:path}")),
    ]
