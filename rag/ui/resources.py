"""The one service that page, routes and lifespan share."""

import logging
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from types import FrameType

import anyio.to_thread
import streamlit as st

from rag.config import Settings
from rag.errors import RagError
from rag.machine.sockets import send_at_once
from rag.models import turns
from rag.service import Service, build

_log = logging.getLogger(__name__)

# Set once the server has been told to end.
stopping = threading.Event()

_building = threading.Lock()
_SHOWN = 10  # files by name


# The spinner would need a page to be drawn on; the lifespan and the routes have none.
@st.cache_resource(show_spinner=False)
def _service(settings: Settings) -> Service:
    # Any visitor's browser can tell Streamlit to clear its caches: the service below is still there then.
    with _building:
        return _built(settings)


@cache
def _built(settings: Settings) -> Service:
    # A server that starts and says what is missing helps more than one that does not start.
    service = build(settings, stand_in=True)
    if undone := service.library.unfinished():
        names = ", ".join(f"{entry.name} ({entry.collection})" for entry in undone[:_SHOWN])
        more = f" and {len(undone) - _SHOWN:,} more" if len(undone) > _SHOWN else ""
        _log.warning("Rolled back when the last run was ended: %s%s. Add them again.", names, more)
    return service


def get_service() -> Service:
    """Return the service for the environment's settings; equal settings give the same object."""
    return _service(Settings.from_env())


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, object]]:
    """Load and warm the models before the first answer, and close the library after the last one."""
    _log_starts()
    send_at_once()
    _hear_of_the_end()
    try:
        settings = Settings.from_env()
        for leftover in turns.sweep(settings.model_cache):
            _log.info("Removed what a killed export had left: %s", settings.model_cache / leftover)
        if settings.preload:
            service = await anyio.to_thread.run_sync(get_service)
            await anyio.to_thread.run_sync(service.warm_up)
        yield {}
    except RagError as exc:
        _log.error("RerankLens cannot start. %s", exc)
        raise
    finally:
        _close()


def _close() -> None:
    if _built.cache_info().currsize:
        get_service().close()
    _built.cache_clear()
    _service.clear()


def _hear_of_the_end() -> None:
    """Set `stopping` at SIGTERM and Ctrl-C, besides what the server does then.

    The server waits for all that is under way, which may be a thousand pairs, or a book to embed.
    """
    if threading.current_thread() is threading.main_thread():  # only there can it be heard
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, partial(_end, signal.getsignal(number)))


def _end(before: object, number: int, frame: FrameType | None) -> None:
    stopping.set()
    if callable(before):
        before(number, frame)


def _log_starts() -> None:
    """Let the server's log say which model came from which folder, and in what time."""
    product = logging.getLogger("rag")
    if not product.handlers:  # whoever embeds the app may have set up logging before
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        product.addHandler(handler)
        product.setLevel(logging.INFO)
