"""`/api/documents`: what a collection holds, one file or many more, one document less."""

from collections.abc import Iterable
from functools import partial
from pathlib import PurePosixPath

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rag.api.body import checked
from rag.api.desk import Desk
from rag.api.errors import RefusedError
from rag.api.http import Operation, Parameter, json_answer
from rag.api.limits import MAX_ID_CHARS, MAX_UPLOAD_FILES, UPLOAD_BODY_FILES
from rag.api.schemas import (
    CollectionBody,
    DeleteAnswer,
    DeletedDocument,
    DocumentsAnswer,
    UploadAnswer,
)
from rag.config import DEFAULT_COLLECTION
from rag.errors import LibraryError
from rag.ingest import SourceFile
from rag.names import MAX_COLLECTION_CHARS, check_collection_name
from rag.service import Service
from rag.timing import Pulse

COLLECTION = Parameter("collection", "query", "default: the collection 'default'", MAX_COLLECTION_CHARS)
ID = Parameter("id", "path", "the document's id, the sha256 of its bytes", MAX_ID_CHARS)
_FEWER = " Send fewer files at a time."
_FORM_OVERHEAD_BYTES = 1_000_000  # the parts' heads, and a field or two


def listing(desk: Desk) -> Operation:
    """Return the operation that lists the documents of a collection."""

    async def answer(request: Request) -> Response:
        return json_answer(await desk.library(partial(_listing, collection_of(request))))

    return Operation(
        "list_documents",
        answer,
        "The documents of a collection, and which collections there are",
        returns=(DocumentsAnswer,),
        parameters=(COLLECTION,),
        refuses=(422,),
    )


def upload(desk: Desk) -> Operation:
    """Return the operation that adds files."""

    async def answer(request: Request) -> Response:
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
            message = f"Expected the files as multipart/form-data, found {content_type[:100] or 'none'}."
            raise RefusedError(415, "not_multipart", message)
        with desk.counted_upload():
            service = await desk.service()
            form = await _form(desk, request, UPLOAD_BODY_FILES * service.settings.max_upload_mb * 1_000_000)
            try:
                collection = collection_of(request, form.get("collection"))
                return json_answer(await desk.upload(request, partial(_upload, form, collection)))
            finally:
                await form.close()

    return Operation(
        "add_documents",
        answer,
        "Add files; each has its own outcome",
        is_upload=True,
        returns=(UploadAnswer,),
        parameters=(COLLECTION,),
        refuses=(400, 413, 415, 422, 503),
    )


def deletion(desk: Desk) -> Operation:
    """Return the operation that deletes a document."""

    async def answer(request: Request) -> Response:
        document_id, collection = document_id_of(request), collection_of(request)
        return json_answer(await desk.library(partial(_delete, document_id, collection)))

    return Operation(
        "delete_document",
        answer,
        "Delete a document",
        returns=(DeleteAnswer,),
        parameters=(ID, COLLECTION),
        refuses=(404, 422),
    )


def collection_of(request: Request, field: object = None) -> str:
    """Return the collection that the address names, or else the form's `field`."""
    asked = request.query_params.get("collection", field)
    name = asked if isinstance(asked, str) else DEFAULT_COLLECTION
    try:
        check_collection_name(name)
    except LibraryError as exc:
        message = str(exc) if len(name) <= MAX_COLLECTION_CHARS else _too_long(len(name))
        raise RefusedError(422, "invalid", message) from exc
    return name


def document_id_of(request: Request) -> str:
    """Return the document that the address names."""
    document_id = str(request.path_params["id"])
    if len(document_id) > MAX_ID_CHARS:
        message = f"A document's id has at most {MAX_ID_CHARS} characters, found {len(document_id):,}."
        raise RefusedError(422, "invalid", message)
    return document_id


def _too_long(n_chars: int) -> str:
    return f"A collection's name has at most {MAX_COLLECTION_CHARS} characters, found {n_chars:,}."


async def _form(desk: Desk, request: Request, most_bytes: int) -> FormData:
    """Return the form, its files on disk, refused as soon as it is known to be too large."""
    most_bytes += _FORM_OVERHEAD_BYTES
    counted = Request(request.scope, checked(request, most_bytes, is_over=desk.is_over, advice=_FEWER))
    try:
        return await counted.form(max_files=MAX_UPLOAD_FILES, max_fields=10)
    except HTTPException as exc:
        status, type_ = (413, "too_large") if exc.detail.startswith("Too many") else (400, "malformed")
        raise RefusedError(status, type_, f"The form cannot be read: {exc.detail}") from exc


def _listing(collection: str, service: Service) -> DocumentsAnswer:
    library = service.library
    held = {name: library.documents(name) for name in {*library.filled(), collection}}
    return DocumentsAnswer(
        collection,
        held[collection],
        [
            CollectionBody(name, len(documents), sum(document.chunks for document in documents))
            for name, documents in sorted(held.items())
            if documents
        ],
    )


def _upload(form: FormData, collection: str, service: Service, pulse: Pulse) -> UploadAnswer:
    password = form.get("password")
    files = list(_files(form, password if isinstance(password, str) and password else None))
    if not files:
        message = "The form holds no file: expected one or more parts with a file each."
        raise RefusedError(422, "invalid", message)

    # What is done when nobody waits for the rest any more, stays.
    def cancelled() -> bool:
        pulse("read", 0, 0)  # which raises when nobody waits any more, while a file is read too
        return False

    outcomes = service.library.ingest(files, collection=collection, on_progress=pulse, cancelled=cancelled)
    return UploadAnswer(collection, outcomes)


def _files(form: FormData, password: str | None) -> Iterable[SourceFile]:
    for _, part in form.multi_items():
        if isinstance(part, UploadFile):
            # A form may name a file with its path on the sender's machine, which is nobody's business.
            name = PurePosixPath(part.filename or "").name
            yield SourceFile(name, part.size or 0, part.file.read, password)


def _delete(document_id: str, collection: str, service: Service) -> DeleteAnswer:
    name = service.library.delete(document_id, collection=collection)
    return DeleteAnswer(collection, DeletedDocument(document_id, name))
