"""Say what went wrong with a remote reranker, and give none of its secrets away; no network here."""

import json
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from rag.config import RemoteSettings, RemoteStyle
from rag.errors import RemoteError
from rag.parse.clean import clean

MAX_QUOTE_CHARS = 200
_MOST_READ_CHARS = 20_000
_LEAST_SECRET_CHARS = 4
_COMMON_WORDS = {"rerank", "reranking"}  # of a path: to hide them would only spoil a server's message
_MESSAGE_KEYS = ("message", "error", "detail", "msg")  # Cohere, TEI and our own, FastAPI, and one below it
_MESSAGE_DEPTH = 3

_KEY_ADVICE = "Set RAG_REMOTE_API_KEY to a key that it accepts."
_BUSY_ADVICE = "Ask again later, or raise RAG_REMOTE_TIMEOUT_S so that it is asked for longer."
_REFUSALS = {
    401: ("unauthorized", _KEY_ADVICE),
    403: ("unauthorized", _KEY_ADVICE),
    404: ("not_found", "Check the path of MODAL_RERANK_URL, RAG_REMOTE_STYLE and RAG_REMOTE_MODEL."),
    405: ("not_found", "Check the path of MODAL_RERANK_URL, and RAG_REMOTE_STYLE."),
    413: ("request_too_large", "Ask with shorter passages, or raise the server's own limit."),
    429: ("busy", _BUSY_ADVICE),
    503: ("busy", _BUSY_ADVICE),
}
_OTHER_REFUSAL = ("status", "Its own log says more; check RAG_REMOTE_STYLE and RAG_REMOTE_MODEL, too.")


@dataclass(frozen=True, slots=True)
class Peer:
    """The server as messages may speak of it: its host, and what of its address is nobody's business."""

    host: str
    style: RemoteStyle
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, settings: RemoteSettings) -> "Peer":
        """Return the peer that `settings` name."""
        url = urlsplit(settings.url)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
        parts = [url.path, *url.path.split("/"), url.query, *url.query.replace("=", "&").split("&")]
        hidden = {part for part in [*parts, url.username or ""] if len(part) >= _LEAST_SECRET_CHARS}
        hidden |= {part for part in (settings.api_key, url.password) if part}
        spelled = hidden | {unquote(part) for part in hidden}
        # The longest first: what is left of one that lost a piece of itself would no longer be found.
        secrets = sorted(spelled - _COMMON_WORDS, key=len, reverse=True)
        return cls(host if url.port is None else f"{host}:{url.port}", settings.style, tuple(secrets))

    def error(self, kind: str, message: str) -> RemoteError:
        """Return the error `kind`, whose message begins with the host."""
        return RemoteError(f"The remote reranker at {self.host} {message}", kind=kind)

    def quote(self, text: str) -> str:
        """Return `text` of the server as it may be shown: one short line without secrets."""
        line = " ".join(clean(text[:_MOST_READ_CHARS]).split())
        for secret in self.secrets:
            line = line.replace(secret, "…")
        return line if len(line) <= MAX_QUOTE_CHARS else line[: MAX_QUOTE_CHARS - 1] + "…"

    def refusal(self, status: int, body: bytes) -> RemoteError:
        """Return the error for an answer whose `status` is not a success."""
        kind, advice = _REFUSALS.get(status, _OTHER_REFUSAL)
        said = self.quote(_message(parsed_json(body)))
        told = f" and said “{said}”" if said else ""
        return self.error(kind, f"was expected to answer 200; it answered {status}{told}. {advice}")

    def redirect(self, status: int, location: str) -> RemoteError:
        """Return the error for a redirect; following it would take passages where nobody sent them."""
        try:
            host = urlsplit(location).hostname or ""
        except ValueError:
            host = ""
        where = self.quote(host) or "another path"
        message = f"was expected to answer 200; it answered {status}, a redirect to {where}, not followed. "
        return self.error("redirect", message + "Set MODAL_RERANK_URL to the final address.")


def parsed_json(body: bytes) -> object:
    """Return what `body` says, None if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # the latter from a thousand brackets
        return None


def _message(found: object) -> str:
    """Return the message of an error body, "" if it has none in a place that is known."""
    for _ in range(_MESSAGE_DEPTH):
        if isinstance(found, list) and found:
            found = found[0]  # FastAPI lists what it found wrong
        if isinstance(found, dict):
            found = next((found[key] for key in _MESSAGE_KEYS if found.get(key)), None)
    return found if isinstance(found, str) else ""
