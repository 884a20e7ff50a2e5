"""What each grade means: what is written for those who judge in a collection, and may be rewritten."""

from html import escape

import streamlit as st

from rag.errors import RagError
from rag.library import Library
from rag.parse.clean import clean
from rag.store.judgments import MAX_GUIDELINES_CHARS
from rag.ui import state

# Beside its key, each grade has a word of its own on its button.
GRADE_WORDS = ("Not relevant", "On the subject", "Answers in part", "Answers fully")
DEFAULT = """\
Ask of each passage: how well does it answer this question, for somebody who reads nothing else?

3  Answers fully. Nothing else needs to be read.
2  Answers in part. Something is missing, or has to be inferred.
1  On the subject, without an answer.
0  Not relevant, even if it shares words with the question.
X  Cannot judge: unreadable, beyond your knowledge, or the question is unclear. It counts for nothing.

Grade what the passage itself says, not how well it is written, nor where it is from.
An answer in another language is an answer. Passages that say the same get the same grade.
In doubt between two grades, give the lower one, and say why in a note (N).
"""
_TEXT = "judge_guidelines"
EDITING = "judge_editing_guidelines"


def draw(library: Library, collection: str) -> None:
    """Draw the guidelines of `collection`, and what rewrites them."""
    written = library.store.judgments.guidelines(collection)
    st.subheader("Guidelines")
    if st.session_state.get(EDITING):
        _edit(library, collection, written or DEFAULT)
        return
    st.html(f'<div class="rl"><p class="rl-text" dir="auto">{escape(written or DEFAULT)}</p></div>')
    st.button("Edit", key="edit_guidelines", icon=":material/edit:", type="tertiary", on_click=_open)


def _edit(library: Library, collection: str, text: str) -> None:
    st.text_area("Guidelines", text, height=320, key=_TEXT, max_chars=MAX_GUIDELINES_CHARS)
    with st.container(horizontal=True):
        st.button("Save", type="primary", key="save_guidelines", on_click=_save, args=(library, collection))
        st.button("Back to ours", key="default_guidelines", on_click=_keep, args=(library, collection, ""))
        st.button("Cancel", key="leave_guidelines", on_click=_close)


def _open() -> None:
    st.session_state[EDITING] = True


def _close() -> None:
    st.session_state[EDITING] = False


def _save(library: Library, collection: str) -> None:
    text = clean(st.session_state[_TEXT])
    _keep(library, collection, "" if text == clean(DEFAULT) else text)


def _keep(library: Library, collection: str, text: str) -> None:
    try:
        library.store.judgments.set_guidelines(collection, text)
    except RagError as exc:
        state.keep_problem(str(exc))
    else:
        _close()
