"""Work that a visitor waits for and can end: its progress, and the button that cancels it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from rag.errors import BusyError, RagError
from rag.service import Service
from rag.timing import Pulse
from rag.ui import asking, components, state
from rag.wording import underway

_TICK_S = 0.1


@contextmanager
def progress(what: str, *, on_cancel: Callable[[], None] | None = None) -> Iterator[Pulse]:
    """Draw how far the work in the body is; run it with what keeps saying so.

    The button needs no code of its own: any click ends the run at its next element, and each pulse draws
    one. So this must not be used in a fragment, whose clicks end nothing. `on_cancel` undoes the choice
    that would begin the work again.
    """
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center", key=f"working {what}"):
        bar = st.progress(0.0, what)
        st.button("Cancel", key=f"cancel {what}", on_click=on_cancel)

    def pulse(stage: str, done: int, of: int) -> None:
        if stage == "queue":
            bar.progress(0.0, underway(stage, done, of))
        else:
            bar.progress(min(done / of, 1.0) if of else 0.0, f"{what}: {done:,} of {of:,}")

    turn = state.asking()
    while not turn.acquire(timeout=_TICK_S):
        bar.progress(0.0, "Giving up what was asked before")
    try:
        yield pulse
        place.empty()
    except RagError:
        place.empty()  # nothing runs any more that could be cancelled
        raise
    finally:
        turn.release()


@contextmanager
def problems_told(service: Service) -> Iterator[None]:
    """Where the body raises an error that a person can act on, say it in its place; the page goes on."""
    try:
        yield
    except BusyError as exc:
        components.notices([asking.turned_away(service.pipeline, exc, earlier=False)])
    except RagError as exc:
        components.problem(str(exc))
