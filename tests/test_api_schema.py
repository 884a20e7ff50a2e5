"""What `/openapi.json` says of the routes is true of every answer, to requests made from it by a machine."""

import jsonschema
import pytest
import schemathesis
from api_client import Server
from hypothesis import HealthCheck, settings
from starlette.applications import Starlette

from rag.api.http import Resource, Unknown
from rag.api.routes import api_routes
from rag.service import Service

# A schema cannot say that a question must hold more than spaces, or that a reranker must be here (422), nor
# how many characters a model reads (413).
CONFIG = {
    "seed": 7,
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "413", "422"]}},
    "operations": [
        {
            # In a form everything is text: what was generated as a wrong type arrives as a right one.
            "include-path": "/api/documents",
            "include-method": "POST",
            "checks": {"negative_data_rejection": {"enabled": False}},
        }
    ],
}


def no_service() -> Service:
    raise AssertionError("nobody asked a question")


ROUTES = api_routes(no_service)
DESCRIPTION = schemathesis.openapi.from_asgi("/openapi.json", Starlette(routes=ROUTES)).raw_schema
api = schemathesis.openapi.from_dict(DESCRIPTION, config=schemathesis.Config.from_dict(CONFIG))


@pytest.fixture(scope="module")
def collection(server: Server) -> str:
    """A collection that questions find something in."""
    name = "described"
    server.upload(("bread.txt", b"The dough rests."), ("boiler.txt", b"The boiler stops."), collection=name)
    return name


@api.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: schemathesis.Case, base_url: str, collection: str) -> None:
    is_right = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    if case.path == "/api/query" and is_right and not case.body.get("collection"):
        # Nobody guesses the name of a collection that is there, or of a reranker.
        case.body.update(collection=collection, document_id=None, reranker=None)
    case.call_and_validate(base_url=base_url, timeout=60)


def test_documents_are_answered_for_as_described(base_url: str, server: Server, collection: str) -> None:
    query = {"collection": collection}
    added = server.upload(("late.txt", b"The ferry leaves."), collection=collection).body["files"][0]
    listing = api["/api/documents"]["GET"].Case(query=query)
    assert listing.call_and_validate(base_url=base_url).json()["documents"]
    path = {"id": added["document_id"]}
    deletion = api["/api/documents/{id}"]["DELETE"].Case(query=query, path_parameters=path)
    assert deletion.call_and_validate(base_url=base_url).status_code == 200


def test_the_server_describes_itself_so(server: Server) -> None:
    assert server.send("GET", "/openapi.json").body == DESCRIPTION


def test_the_description_is_valid_openapi() -> None:
    assert DESCRIPTION["openapi"].startswith("3.1.")
    api.validate()
    for schema in DESCRIPTION["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_description_that_is_none_is_noticed() -> None:
    broken = DESCRIPTION | {"paths": {"/healthz": {"get": {"responses": 7}}}}
    with pytest.raises(Exception, match="7"):
        schemathesis.openapi.from_dict(broken).validate()


def test_every_route_is_described() -> None:
    served = {route.path for route in ROUTES if not isinstance(route.app, Unknown)}
    assert set(DESCRIPTION["paths"]) == served - {"/openapi.json"}
    for route in ROUTES:
        if route.path in DESCRIPTION["paths"]:
            assert isinstance(route.app, Resource)
            assert DESCRIPTION["paths"][route.path].keys() == {name.lower() for name in route.app.operations}


def test_every_operation_has_a_summary_and_an_answer() -> None:
    for ways in DESCRIPTION["paths"].values():
        for way in ways.values():
            assert way["summary"]
            assert "200" in way["responses"]
            assert "503" in way["responses"]
