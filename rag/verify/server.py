"""Speak to a running server: its answers as records, and whatever goes wrong in one sentence."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from threading import Thread
from typing import Generic, TypeVar

import httpx2
import msgspec

from rag.errors import RagError

T = TypeVar("T")
# A proxy in front of the server has given up; what the server still does with the request, nobody knows.
_GATEWAYS_OWN = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)

_MAX_ANSWER_BYTES = 16 * 2**20

Request = Callable[[], AbstractContextManager[httpx2.Response]]
Files = Sequence[tuple[str, bytes]]  # name and content


class UnusableAnswerError(RagError):
    """A server gave no answer, or not the promised one. `answered` says whether it answered at all.

    `refused`: it did none of what it was asked for. `retry_after` is what a busy one says in that header.
    """

    def __init__(
        self, message: str, *, answered: bool, refused: bool = False, retry_after: str | None = None
    ) -> None:
        super().__init__(message)
        self.answered, self.refused, self.retry_after = answered, refused, retry_after


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """An answer, and the seconds from the start of its request to its last byte."""

    body: T
    seconds: float


class RunningServer:
    """The server at `url`, which may end in a path, as one client sees it.

    Every answer must be there, whole, within `timeout_s`. Raises UnusableAnswerError for any that is not.
    """

    def __init__(self, url: str, *, api_key: str | None, timeout_s: float) -> None:
        self._key_given = api_key is not None
        self._timeout_s = timeout_s
        headers = {"Accept-Encoding": "identity"}  # so that its size is known as it comes
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._client = httpx2.Client(base_url=url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> "RunningServer":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.close()

    def get(self, path: str, form: type[T], **params: str) -> Answered[T]:
        """Return what `GET path` answers."""
        return self.wait(self._begin(form, partial(self._client.stream, "GET", path, params=params)))

    def post(self, path: str, form: type[T], fields: Mapping[str, object]) -> Answered[T]:
        """Return what `POST path` answers to the JSON of `fields`."""
        return self.wait(self._begin(form, partial(self._client.stream, "POST", path, json=fields)))

    def delete(self, path: str, form: type[T], **params: str) -> Answered[T]:
        """Return what `DELETE path` answers."""
        return self.wait(self._begin(form, partial(self._client.stream, "DELETE", path, params=params)))

    def begin_upload(
        self, path: str, form: type[T], files: Files, coming: Future[Answered[T]], **params: str
    ) -> None:
        """Begin what `coming` will hold the answer of, for `wait`.

        The caller has it before anything is sent: an interrupt must not lose what became of the files.
        """
        parts = [("files", file) for file in files]
        request = partial(self._client.stream, "POST", path, params=params, files=parts)
        self._begin(form, request, coming)

    def wait(self, coming: Future[Answered[T]]) -> Answered[T]:
        """Return the answer when it is there."""
        try:
            return coming.result(self._timeout_s)
        except TimeoutError as exc:
            raise self._unreachable(exc) from exc

    def _begin(
        self, form: type[T], request: Request, coming: Future[Answered[T]] | None = None
    ) -> Future[Answered[T]]:
        def ask() -> Answered[T]:
            began = time.perf_counter()
            try:
                with request() as response:
                    body = _body(response)
            except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
                raise self._unreachable(exc) from exc
            return Answered(self._read(response, body, form), time.perf_counter() - began)

        coming = Future() if coming is None else coming
        _in_background(ask, coming)
        return coming

    def _read(self, response: httpx2.Response, body: bytes, form: type[T]) -> T:
        kind = response.headers.get("content-type", "").partition(";")[0].strip() or "no content type"
        if problem := self._refusal(response, body):
            raise _unusable(problem, response)
        if kind != "application/json":
            problem = f"Expected JSON, found {kind}. Is this the address of RerankLens?"
            raise UnusableAnswerError(problem, answered=True)
        try:
            return msgspec.json.decode(body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            problem = f"The answer has not the promised form: {exc!s}."
            raise UnusableAnswerError(problem, answered=True) from exc

    def _refusal(self, response: httpx2.Response, body: bytes) -> str | None:
        status = response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            found = "refused the key" if self._key_given else "wants a key"
            return f"Status 401: the server {found}. Give its key with --api-key or in RAG_API_KEY."
        if response.is_redirect:
            return f"It redirects to {response.headers['location']}: verify that address instead."
        if response.is_success:
            return None
        message = _message(response, body)
        if "host header" in message.lower():
            message += ". Name this host in the server's RAG_ALLOWED_HOSTS"
        return f"Status {status}: {message.rstrip('.')}."

    def _unreachable(self, exc: Exception) -> UnusableAnswerError:
        cause = str(exc).rstrip(".") or type(exc).__name__
        match exc:
            case TimeoutError() | httpx2.TimeoutException():
                problem = f"No answer within {self._timeout_s:g} s. A higher --timeout waits longer."
            case httpx2.ConnectError() if "SSL" in cause or "certificate" in cause.lower():
                problem = f"TLS failed ({cause}). Check the certificate, and https:// in the address."
            case httpx2.ConnectError():
                problem = f"No connection ({cause}). Is the server running, and are host and port right?"
            case _:
                problem = f"The connection gave no HTTP answer ({cause}). Is the port right?"
        return UnusableAnswerError(problem, answered=False)


def _body(response: httpx2.Response) -> bytes:
    """Return what the answer holds, while that is no more than an answer of ours can be."""
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > _MAX_ANSWER_BYTES:
            problem = (
                f"The answer is larger than {_MAX_ANSWER_BYTES:,} bytes. Is this the address of RerankLens?"
            )
            raise UnusableAnswerError(problem, answered=True)
    return bytes(body)


def _unusable(problem: str, response: httpx2.Response) -> UnusableAnswerError:
    status = response.status_code
    busy = status == HTTPStatus.SERVICE_UNAVAILABLE
    return UnusableAnswerError(
        problem,
        answered=status not in _GATEWAYS_OWN,
        refused=response.is_redirect or response.is_client_error,
        retry_after=response.headers.get("retry-after") if busy else None,
    )


def _message(response: httpx2.Response, data: bytes) -> str:
    """Return what an error's body says, in any of the forms in which servers say it."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        is_text = response.headers.get("content-type", "").startswith("text/plain")
        return data.decode("utf-8", "replace")[:500] if is_text else response.reason_phrase
    for name in ("error", "message"):
        body = body.get(name, body) if isinstance(body, dict) else body
    return body if isinstance(body, str) else response.reason_phrase


def _in_background(act: Callable[[], T], future: Future[T]) -> None:
    """Have `future` hold what `act` will return. Its thread keeps nobody from ending."""

    def work() -> None:
        try:
            future.set_result(act())
        except BaseException as exc:  # noqa: BLE001 - whoever waits for the result gets it
            future.set_exception(exc)

    Thread(target=work, daemon=True).start()
