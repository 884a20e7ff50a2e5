"""Have a language model write an answer from passages: one streamed request to an OpenAI-compatible server.

The server gets the question and the passages, and nothing that it sends back is more than text: it is given
no tools, and nothing that it writes is followed, run or rendered.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from rag.answers.prompt import NOT_ANSWERED, Given, messages, within_budget
from rag.answers.stream import EVENT_STREAM, MAX_JSON_BYTES, pieces, spoken
from rag.config import LlmSettings
from rag.errors import RemoteError
from rag.parse.clean import clean
from rag.records import Passage
from rag.remote.line import Incoming, Line
from rag.remote.server import Server, Terms
from rag.timing import Pulse, Stopwatch

MAX_ANSWER_CHARS = 4000  # some 600 words, where five sentences were asked for
_TICK_S = 0.1
_HANG_UP_S = 1.0
_PATH = "/chat/completions"

OnText = Callable[[str], None]
Cancelled = Callable[[], bool]

_KEY_ADVICE = "Set LLM_API_KEY to a key that it accepts."
_PLACE_ADVICE = "Check LLM_MODEL, and that LLM_BASE_URL ends where the server's API begins, often in /v1."
_BUSY_ADVICE = "Ask again later."
_LENGTH_ADVICE = "Check LLM_MODEL: it must be one that chats, and that reads 4,000 tokens or more."
_TERMS = Terms(
    name="language model",
    address="LLM_BASE_URL",
    refusals={
        400: ("bad_request", _LENGTH_ADVICE),
        401: ("unauthorized", _KEY_ADVICE),
        403: ("unauthorized", _KEY_ADVICE),
        404: ("not_found", _PLACE_ADVICE),
        405: ("not_found", _PLACE_ADVICE),
        413: ("request_too_large", _LENGTH_ADVICE),
        429: ("busy", _BUSY_ADVICE),
        503: ("busy", _BUSY_ADVICE),
    },
    otherwise=("status", "Its own log says more."),
    common_words=frozenset({"openai", "chat", "completions"}),
)

_CUT_SHORT = {
    "cancelled": "It was stopped before its end.",
    "too_long": f"It was stopped after {MAX_ANSWER_CHARS:,} characters, the most that are taken.",
    "length": "The language model stopped at its own limit of length, before the end.",
    "content_filter": "The server's content filter cut the answer short.",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a language model wrote, not yet checked, and what it was given."""

    text: str
    model: str
    given: Given
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class _Writing:
    """A text on its way: the event loop fills it in, the calling thread looks on."""

    text: str = ""
    end: str = ""


class Writer:
    """Writes with the model of `settings`. Safe between threads; each answer has a connection of its own."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._server = Server.at(settings.base_url, _TERMS, settings.api_key)
        self._url = address(settings)
        self.backend = f"chat completions at {self._server.host}"

    def write(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        watch: Stopwatch,
        on_text: OnText | None = None,
        cancelled: Cancelled | None = None,
        pulse: Pulse | None = None,
    ) -> Draft:
        """Return what the model writes to `question` from `passages`, which are given best first.

        All of it takes at most the settings' `timeout_s`; it is asked once. `on_text` hears each piece of
        the text as it comes, in the calling thread; all together they are the draft's text, but for a text
        that says that the passages do not answer. Once `cancelled` says so, the writing ends there. `pulse`
        hears how many characters there are; what it raises abandons the answer. `watch` gets the stage
        `write`.

        What breaks off, or is late, is kept with a notice. Raises RemoteError when nothing came.
        """
        given = within_budget(passages)
        if not given.passages:
            return Draft(
                NOT_ANSWERED, self._settings.model, given, ("There are no passages to answer from.",)
            )
        writing, teller = _Writing(), _Teller(on_text)

        def look() -> bool:
            teller.tell(writing.text)
            if pulse:
                pulse("write", len(writing.text), 0)
            return bool(cancelled and cancelled())

        with watch.stage("write") as counts:
            notices = self._attend(_body(self._settings, question, given), writing, look)
            counts.items = len(given.passages)
        teller.tell(writing.text)
        return Draft(clean(writing.text), self._settings.model, given, given.notices + notices)

    def nothing(self) -> Draft:
        """Return what there is of a text that was stopped before anybody was asked for it."""
        return Draft("", self._settings.model, Given((), ()), (_CUT_SHORT["cancelled"],))

    def _attend(self, body: bytes, writing: _Writing, look: Callable[[], bool]) -> tuple[str, ...]:
        """Wait until `writing` has ended, or `look` says that it is to end; return what there is to say."""
        with _event_loop() as portal:
            running = portal.start_task_soon(self._run, body, writing)
            try:
                return self._ended(running, writing, look)
            except RemoteError as exc:
                if not writing.text.strip():
                    raise
                return (f"{exc} What had come until then is kept.",)
            finally:
                running.cancel()

    def _ended(self, running: "Future[None]", writing: _Writing, look: Callable[[], bool]) -> tuple[str, ...]:
        while not wait([running], _TICK_S).done:
            if look():
                return (_CUT_SHORT["cancelled"],)
        running.result()
        if not writing.text.strip():
            advice = "Look at its log; a model that thinks first may need a higher limit of tokens there."
            raise self._server.error("no_text", f"answered without a text. {advice}")
        return (_CUT_SHORT[writing.end],) if writing.end in _CUT_SHORT else ()

    async def _run(self, body: bytes, writing: _Writing) -> None:
        with anyio.move_on_after(self._settings.timeout_s):
            await self._read(body, writing)
            return
        expected = f"was expected to write an answer within {self._settings.timeout_s:g} s"
        advice = "Ask again, or raise LLM_TIMEOUT_S."
        raise self._server.error("timeout", f"{expected}; {len(writing.text):,} characters came. {advice}")

    async def _read(self, body: bytes, writing: _Writing) -> None:
        line = Line(self._server, self._settings.api_key)
        accept = f"{EVENT_STREAM}, application/json"
        try:
            async with line.answering("POST", self._url, body, accept=accept) as incoming:
                await self._refuse(incoming)
                async for piece in spoken(pieces(self._server, incoming)):
                    writing.text = (writing.text + piece.text)[:MAX_ANSWER_CHARS]
                    writing.end = piece.end or writing.end
                    if len(writing.text) == MAX_ANSWER_CHARS:
                        writing.end = "too_long"
                        break
        finally:
            with anyio.move_on_after(_HANG_UP_S, shield=True):
                await line.close()

    async def _refuse(self, incoming: Incoming) -> None:
        if 300 <= incoming.status < 400:
            raise self._server.redirect(incoming.status, incoming.headers.get("location", ""))
        if not 200 <= incoming.status < 300:
            body = b"".join([piece async for piece in incoming.body])
            raise self._server.refusal(incoming.status, body[:MAX_JSON_BYTES])


@contextmanager
def _event_loop() -> Iterator[BlockingPortal]:
    """Yield a way into an event loop in a thread of its own, which ends after the body.

    Nothing there can break off the look-up of a host's name: then nobody waits for its end.
    """
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal(name="writer"))
        running = stack.pop_all()
    try:
        yield portal
    finally:
        ending = threading.Thread(target=running.close, name="end of writer", daemon=True)
        ending.start()
        ending.join(2 * _HANG_UP_S)


class _Teller:
    """Tells a growing text in pieces, clean, and nothing of one that says that there is no answer."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self._told = ""

    def tell(self, text: str) -> None:
        shown = clean(text)
        may_be_none = NOT_ANSWERED.startswith(shown[: len(NOT_ANSWERED)])
        # A character may have changed with the accent that came after it: then the rest is for the end.
        if self._on_text and not may_be_none and shown.startswith(self._told) and shown != self._told:
            new, self._told = shown[len(self._told) :], shown
            self._on_text(new)


def address(settings: LlmSettings) -> str:
    """Return the URL to post to; with a key, a user name or password in the setting's is left out."""
    url = urlsplit(settings.base_url)
    netloc = url.netloc.rpartition("@")[2] if settings.api_key else url.netloc
    path = url.path.rstrip("/").removesuffix(_PATH) + _PATH
    return urlunsplit(url._replace(netloc=netloc, path=path, fragment=""))


def _body(settings: LlmSettings, question: str, given: Given) -> bytes:
    # Nothing but these three: servers and models differ in which others they refuse.
    body = {"model": settings.model, "messages": messages(question, given), "stream": True}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
