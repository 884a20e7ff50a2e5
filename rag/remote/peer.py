"""The remote reranker as messages speak of it."""

from dataclasses import dataclass
from typing import Self

from rag.config import RemoteSettings, RemoteStyle
from rag.remote.server import Server, Terms, host_of, secrets_of

_KEY_ADVICE = "Set RAG_REMOTE_API_KEY to a key that it accepts."
_BUSY_ADVICE = "Ask again later, or raise RAG_REMOTE_TIMEOUT_S so that it is asked for longer."
_TERMS = Terms(
    name="remote reranker",
    address="MODAL_RERANK_URL",
    refusals={
        401: ("unauthorized", _KEY_ADVICE),
        403: ("unauthorized", _KEY_ADVICE),
        404: ("not_found", "Check the path of MODAL_RERANK_URL, RAG_REMOTE_STYLE and RAG_REMOTE_MODEL."),
        405: ("not_found", "Check the path of MODAL_RERANK_URL, and RAG_REMOTE_STYLE."),
        413: ("request_too_large", "Ask with shorter passages, or raise the server's own limit."),
        429: ("busy", _BUSY_ADVICE),
        503: ("busy", _BUSY_ADVICE),
    },
    otherwise=("status", "Its own log says more; check RAG_REMOTE_STYLE and RAG_REMOTE_MODEL, too."),
    common_words=frozenset({"rerank", "reranking"}),
)


@dataclass(frozen=True, slots=True)
class Peer(Server):
    """A remote reranker: a server that speaks a style."""

    style: RemoteStyle

    @classmethod
    def of(cls, settings: RemoteSettings) -> Self:
        """Return the peer that `settings` name."""
        hidden = secrets_of(settings.url, _TERMS, settings.api_key)
        return cls(host_of(settings.url), _TERMS, hidden, settings.style)
