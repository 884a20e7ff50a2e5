"""Say what went wrong with a server elsewhere, and give none of its secrets away; no network here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from rag.errors import RemoteError
from rag.parse.clean import clean

MAX_QUOTE_CHARS = 200
_MOST_READ_CHARS = 20_000
_LEAST_SECRET_CHARS = 4
_MESSAGE_KEYS = ("message", "error", "detail", "msg")  # Cohere, TEI and our own, FastAPI, and one below it
_MESSAGE_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """How messages speak of a kind of server.

    `name` is what it is called, `address` the setting that says where it is. `refusals` give a kind of
    error and an advice for each status that means something, `otherwise` those for any other. Of its
    address, `common_words` are no secrets: to hide them would only spoil a server's message.
    """

    name: str
    address: str
    refusals: Mapping[int, tuple[str, str]]
    otherwise: tuple[str, str]
    common_words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Server:
    """A server as messages may speak of it: its host, and what of its address is nobody's business."""

    host: str
    terms: Terms = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def at(cls, address: str, terms: Terms, api_key: str | None) -> Self:
        """Return the server at `address`, of which `api_key` is a secret too."""
        return cls(host_of(address), terms, secrets_of(address, terms, api_key))

    def error(self, kind: str, message: str) -> RemoteError:
        """Return the error `kind`, whose message begins with the host."""
        return RemoteError(f"The {self.terms.name} at {self.host} {message}", kind=kind)

    def quote(self, text: str) -> str:
        """Return `text` of the server as it may be shown: one short line without secrets."""
        line = " ".join(clean(text[:_MOST_READ_CHARS]).split())
        for secret in self.secrets:
            line = line.replace(secret, "…")
        return line if len(line) <= MAX_QUOTE_CHARS else line[: MAX_QUOTE_CHARS - 1] + "…"

    def refusal(self, status: int, body: bytes) -> RemoteError:
        """Return the error for an answer whose `status` is not a success."""
        kind, advice = self.terms.refusals.get(status, self.terms.otherwise)
        said = self.quote(message_in(parsed_json(body)))
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
        return self.error("redirect", message + f"Set {self.terms.address} to the final address.")


def host_of(address: str) -> str:
    """Return the host of `address`, with its port if one is named."""
    url = urlsplit(address)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    return host if url.port is None else f"{host}:{url.port}"


def secrets_of(address: str, terms: Terms, api_key: str | None) -> tuple[str, ...]:
    """Return all of `address` but its host, in parts and as a whole, and `api_key`; the longest first."""
    url = urlsplit(address)
    parts = [url.path, *url.path.split("/"), url.query, *url.query.replace("=", "&").split("&")]
    hidden = {part for part in [*parts, url.username or ""] if len(part) >= _LEAST_SECRET_CHARS}
    hidden |= {part for part in (api_key, url.password) if part}
    spelled = hidden | {unquote(part) for part in hidden}
    # The longest first: what is left of one that lost a piece of itself would no longer be found.
    return tuple(sorted(spelled - terms.common_words, key=len, reverse=True))


def parsed_json(body: bytes) -> object:
    """Return what `body` says, None if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # the latter from a thousand brackets
        return None


def message_in(found: object) -> str:
    """Return the message of an error body, "" if it has none in a place that is known."""
    for _ in range(_MESSAGE_DEPTH):
        if isinstance(found, list) and found:
            found = found[0]  # FastAPI lists what it found wrong
        if isinstance(found, dict):
            found = next((found[key] for key in _MESSAGE_KEYS if found.get(key)), None)
    return found if isinstance(found, str) else ""
