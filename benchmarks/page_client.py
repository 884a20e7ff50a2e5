"""Use the page as a browser does, without drawing it: its files over HTTP, its session over a websocket."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

_QUESTION, _CANDIDATES, _ASK = "Question", "Candidates (retrieve k)", "Ask"
_CONNECTIONS = 6  # that a browser opens to one host
_PATIENCE_S = 120.0
_BUSY = "The server is busy"
# The files that the page names itself: its style, its font and some sixty modules.
_FILES = re.compile(r'(?:src|href)="\./((?:static/|favicon)[^"]+)"')


class PageError(Exception):
    """The page did not do what was asked; the message is what it said."""


class RefusedError(Exception):
    """The server said that too many wait already."""


class Visit:
    """An open page, with a session of its own: made by `visit`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._page = ""
        self._widgets: dict[str, str] = {}  # id by label

    async def ask(self, question: str, *, retrieve_k: int) -> str:
        """Set the question and its depth, press Ask, and return the comparison's HTML.

        Raises RefusedError when the page says that the server is busy, PageError when it shows no comparison.
        """
        pressed = await self.run(
            WidgetState(id=self._id(_QUESTION), string_value=question),
            WidgetState(id=self._id(_CANDIDATES), double_value=retrieve_k),
            WidgetState(id=self._id(_ASK), trigger_value=True),
        )
        bodies = [element.html.body or element.text.body for element in pressed]
        shown = [body for body in bodies if '<div class="rl-columns">' in body]
        said = [body for body in bodies if body and body not in shown and "<style" not in body]
        # First, because the comparison before it may still be there.
        if any(_BUSY in body for body in said):
            raise RefusedError(_BUSY)
        if not shown:
            raise PageError(f"The page shows no comparison. It says: {' / '.join(said)}")
        return shown[-1]

    async def run(self, *states: WidgetState) -> list[Element]:
        """Run the page's script with these widgets set, and return what it drew, in order."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.widget_states.widgets.extend(states)
        await self._socket.send(message.SerializeToString())
        drawn = []
        async with asyncio.timeout(_PATIENCE_S):
            while (answer := await self._receive()).WhichOneof("type") != "script_finished":
                if answer.HasField("new_session"):
                    self._page = answer.new_session.page_script_hash
                elif answer.delta.HasField("new_element"):
                    drawn.append(answer.delta.new_element)
                    self._note(answer.delta.new_element)
        if answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return drawn
        raise PageError(f"The script's end was {answer.script_finished}, not success.")

    async def _receive(self) -> ForwardMsg:
        data = await self._socket.recv(decode=False)
        message: ForwardMsg = ForwardMsg.FromString(data)
        return message

    def _note(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise PageError(f"The page shows an exception: {element.exception.type}")
        if kind in ("text_input", "number_input", "button"):
            widget = getattr(element, kind)
            self._widgets[widget.label] = widget.id

    def _id(self, label: str) -> str:
        if label not in self._widgets:
            raise PageError(f"The page has no {label!r}, only {', '.join(self._widgets)}.")
        return self._widgets[label]


@asynccontextmanager
async def visit(url: str) -> AsyncIterator[Visit]:
    """Open the page at `url` as a browser does that has never seen it, and leave when the body is done."""
    await _load_files(url)
    # The server takes the first for the protocol's name, and answers with it.
    protocols = [Subprotocol("streamlit"), Subprotocol("PLACEHOLDER_AUTH_TOKEN")]
    async with connect(
        url.replace("http", "ws", 1) + "/_stcore/stream",
        origin=Origin(url),
        subprotocols=protocols,
        proxy=None,
        max_size=None,
    ) as socket:
        page = Visit(socket)
        await page.run()
        yield page


async def _load_files(url: str) -> None:
    limits = httpx2.Limits(max_connections=_CONNECTIONS)
    async with httpx2.AsyncClient(
        base_url=url, limits=limits, timeout=_PATIENCE_S, trust_env=False
    ) as browser:
        shell = (await browser.get("/")).raise_for_status().text
        paths = [*_FILES.findall(shell), "_stcore/health", "_stcore/host-config"]
        for response in await asyncio.gather(*(browser.get(f"/{path}") for path in paths)):
            response.raise_for_status()
