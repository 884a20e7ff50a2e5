"""What a request that cannot be answered is told: a status, a word for programs, a sentence for people."""

from collections.abc import Callable, Mapping

from rag.errors import BusyError, LibraryError, NotFoundError, QueryError, RagError, RemoteError, TooLongError

# What may be over when it is tried again.
_PASSING = ("busy", "timeout", "no_answer", "broken_off")

# How a route spells an error: from its status, type and message to the answer's body.
Shape = Callable[[int, str, str], dict[str, object]]


class RefusedError(RagError):
    """A request is answered with `status`; `type` is the word, and the message the sentence."""

    def __init__(
        self, status: int, type_: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type_
        self.headers = dict(headers or {})


class AbandonedError(Exception):
    """Whoever asked has gone away: nobody is left to read an answer."""


def shutting_down() -> BusyError:
    """Return the error for what a server that is about to end does not finish."""
    return BusyError("The server is shutting down. Ask again when it is back.", retry_after_s=10)


def refusal(exc: RagError) -> RefusedError:
    """Return `exc` as a request is told it."""
    match exc:
        case RefusedError():
            return exc
        case TooLongError():
            return RefusedError(413, "too_large", f"{exc} Or send 'truncate': true.")
        case QueryError():
            return RefusedError(422, "invalid", str(exc))
        case NotFoundError():
            return RefusedError(404, "not_found", str(exc))
        case BusyError():
            return RefusedError(503, "busy", str(exc), {"Retry-After": str(exc.retry_after_s)})
        case RemoteError():
            passing = {"Retry-After": "5"} if exc.kind in _PASSING else None
            return RefusedError(503, "remote_failed", str(exc), passing)
        case LibraryError():
            return RefusedError(503, "library", str(exc))
        case _:
            return RefusedError(503, "unavailable", str(exc))


def own_shape(_status: int, type_: str, message: str) -> dict[str, object]:
    """Return an error as this product's own routes spell it."""
    return {"error": {"type": type_, "message": message}}


def cohere_shape(_status: int, _type: str, message: str) -> dict[str, object]:
    """Return an error as Cohere's API spells it."""
    return {"message": message}


def tei_or_cohere_shape(status: int, type_: str, message: str) -> dict[str, object]:
    """Return an error with the fields of Text Embeddings Inference, and Cohere's beside them."""
    types = {503: "overloaded", 500: "backend"}
    error_type = "empty" if type_ == "empty" else types.get(status, "validation")
    return {"error": message, "error_type": error_type, "message": message}
