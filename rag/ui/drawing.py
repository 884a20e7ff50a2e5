"""Show drawn HTML with charts in it; `st.html` would drop every SVG."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_component = st.components.v2.component(
    "reranklens_drawing",
    js=Path(__file__).with_name("drawing.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # the page's own style sheet is the one that counts
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A grade as a visitor clicked or typed it: "0" to "3", "x" for "cannot judge", "u" to take one back.

    `n` counts a session's marks from 1, `about` tells what was shown. All but `n` are what a browser sent:
    look before use.
    """

    n: int
    about: str
    chunk_id: str
    grade: str


def show(html: str, *, key: str) -> None:
    """Show `html`, every text from outside escaped. What is shown next under this `key` takes its place."""
    _component(data={"html": html, "seen": 0}, key=key)


def show_graded(html: str, *, key: str, about: str, seen: int, on_marks: Callable[[], None]) -> None:
    """Show `html` whose cards can be graded; `on_marks` is called before anything else of the next run.

    Each mark says which `about` it was made on. Those up to number `seen` are known already, and need not
    come again.
    """
    _component(
        data={"html": html, "about": about, "seen": seen},
        key=key,
        default={"marks": []},
        on_marks_change=on_marks,
    )


def marks(key: str) -> tuple[Mark, ...]:
    """Return, for `on_marks`, what was graded in the drawing `key`, first to last."""
    state: Any = st.session_state.get(key) or {}
    sent = state.get("marks")
    found = []
    for each in sent if isinstance(sent, list) else ():
        match each:
            case {"n": int(n), "about": str(about), "chunk": str(chunk_id), "grade": str(grade)}:
                found.append(Mark(n, about, chunk_id, grade))
    return tuple(sorted(found, key=lambda mark: mark.n))
