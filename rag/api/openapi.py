"""Describe the routes in OpenAPI 3.1, from the same types that requests and answers are made of."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from rag import __version__
from rag.api.http import Operation, Parameter, Resource

_REF = "#/components/schemas/{name}"
_KEY = {"key": {"type": "http", "scheme": "bearer"}}

Json = dict[str, Any]


def openapi(resources: Sequence[Resource], *, needs_key: bool) -> Json:
    """Return the description of `resources`, as JSON values."""
    operations = [operation for resource in resources for operation in resource.operations.values()]
    types = [kind for operation in operations for kind in (*operation.body, *operation.returns)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    # By position, because a type such as a list cannot be looked up by itself.
    of = {id(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RerankLens",
            "version": __version__,
            "description": "What a FAISS retriever finds, and what a cross-encoder makes of it.",
        },
        "servers": [{"url": "/"}],
        "paths": {
            resource.path: {
                method.lower(): _operation(method, operation, resource, of, needs_key=needs_key)
                for method, operation in resource.operations.items()
            }
            for resource in resources
        },
        "components": {"schemas": components, **({"securitySchemes": _KEY} if needs_key else {})},
    }


def _operation(
    method: str, operation: Operation, resource: Resource, of: dict[int, Any], *, needs_key: bool
) -> Json:
    closed = needs_key and not resource.is_open
    error = {"application/json": {"schema": _error_schema(resource)}}
    refusals = {*operation.refuses, 503}
    if closed:
        refusals.add(401)
    if method != "GET":
        refusals.add(403)
    if operation.body or operation.is_upload:
        refusals.add(408)
    answer = {operation.media_type: {"schema": _any(operation.returns, of)}}
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {
            "200": {"description": "OK", "content": answer},
            **{
                str(status): {"description": HTTPStatus(status).phrase, "content": error}
                for status in sorted(refusals)
            },
        },
    }
    if operation.body:
        content = {"application/json": {"schema": _any(operation.body, of)}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.is_upload:
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
    if closed:
        described["security"] = [{"key": []}]
    return described


_FORM: Json = {
    "type": "object",
    "properties": {
        "collection": {"type": "string"},
        "password": {"type": "string", "description": "opens those of the files that need one"},
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
    },
    "required": ["files"],
}


def _any(kinds: Sequence[object], of: dict[int, Any]) -> Json:
    schemas = [of[id(kind)] for kind in kinds]
    return {"anyOf": schemas} if len(schemas) > 1 else schemas[0] if schemas else {"type": "string"}


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.meaning,
        "schema": _parameter_schema(parameter),
    }


def _parameter_schema(parameter: Parameter) -> Json:
    if parameter.numbers:
        least, most = parameter.numbers
        return {"type": "integer", "minimum": least, "maximum": most}
    return {"type": "string", "minLength": 1, "maxLength": parameter.max_chars}


def _error_schema(resource: Resource) -> Json:
    """Return the schema of this resource's errors, read off an error that it makes."""
    return _like(resource.shape(503, "busy", "The server is busy."))


def _like(value: object) -> Json:
    if isinstance(value, dict):
        fields = {name: _like(field) for name, field in value.items()}
        return {"type": "object", "properties": fields, "required": list(fields)}
    return {"type": "string"}
