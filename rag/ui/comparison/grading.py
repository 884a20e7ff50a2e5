"""Grade passages on the Compare page: a grade is on the disk before anything is drawn again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from statistics import median_low

import streamlit as st

from rag.amounts import counted
from rag.errors import RagError
from rag.evidence import Judgment
from rag.library import Library
from rag.records import Passage, SearchResult
from rag.store.judgments import GRADES, that_counts
from rag.ui import drawing
from rag.ui.comparison.grading_html import CANNOT, UNDO, Verdict
from rag.ui.judging import name

_SEEN = "grading_seen"
_BEFORE = "grading_before"
_SAID = "grading_said"

# A question about a passage, in words and by span.
_Where = tuple[str, str, str]


def verdicts(judgments: Iterable[Judgment], passages: Iterable[Passage], judge: str) -> dict[str, Verdict]:
    """Return what `judgments` of one question say of each passage, by chunk id; left out where nothing."""
    by_judge: defaultdict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        by_judge[judgment.judge].append(judgment)
    mine = by_judge.pop(judge, [])
    found = {}
    for passage in passages:
        own = that_counts(mine, passage)
        others = (that_counts(said, passage) for said in by_judge.values())
        grades = [one.grade for one in others if one and one.grade is not None]
        if own or grades:
            found[passage.chunk_id] = Verdict(own, median_low(grades) if grades else None)
    return found


def grades(verdicts: Mapping[str, Verdict]) -> dict[str, int]:
    """Return the grades that count, by chunk id."""
    return {key: verdict.grade for key, verdict in verdicts.items() if verdict.grade is not None}


def of_result(library: Library, result: SearchResult) -> dict[str, Verdict]:
    """Return what is said of the passages of `result`, read anew."""
    return verdicts(
        library.judgments(result.collection, result.query),
        _passages(result).values(),
        name.name(),
    )


def about(result: SearchResult) -> str:
    """Return what tells the drawing of `result` from that of another answer, which may hold its cards."""
    return sha256(repr((result.collection, result.query)).encode("utf-8", "replace")).hexdigest()[:16]


def seen() -> int:
    """Return up to which mark this session's marks are saved."""
    return int(st.session_state.get(_SEEN, 0))


def told(result: SearchResult, verdicts: Mapping[str, Verdict]) -> str:
    """Return how far the judging is, what the last mark came to, and how a card is graded by keys."""
    n_judged = sum(hit.passage.chunk_id in verdicts for hit in result.retrieved)
    judged = f"{n_judged:,} of {counted(len(result.retrieved), 'candidate')} judged."
    last = str(
        st.session_state.get(_SAID) or "On a card, the keys 0 to 3 grade it, X cannot judge, U undoes."
    )
    return f"{judged} {last}"


def take(library: Library, result: SearchResult, key: str) -> None:
    """Save the marks made in the drawing `key` of `result`, those that are not saved yet."""
    passages = _passages(result)
    for mark in drawing.marks(key):
        if mark.n <= seen():
            continue
        st.session_state[_SEEN] = mark.n
        passage = passages.get(mark.chunk_id) if mark.about == about(result) else None
        # The page shows another answer by now, or somebody typed this by hand.
        if passage is None or mark.grade not in (*map(str, GRADES), CANNOT, UNDO):
            st.session_state[_SAID] = "Not saved: the page shows another answer by now."
            continue
        try:
            st.session_state[_SAID] = _do(library, result, passage, mark.grade)
        except RagError as exc:
            st.session_state[_SAID] = f"Not saved. {exc}"


def _do(library: Library, result: SearchResult, passage: Passage, grade: str) -> str:
    """Grade `passage`, or take its last grade back; return what came of it."""
    store, where = library.store.judgments, (result.collection, result.query, passage.chunk_id)
    mine = store.of(result.collection, result.query, name.name())
    before = next((one for one in mine if _span(one) == _span(passage)), None)
    if grade == UNDO:
        return _undo(library, where, before) + f" · {passage.document}"
    made = Judgment(
        result.query,
        passage.document_id,
        passage.start,
        passage.end,
        None if grade == CANNOT else int(grade),
        name.name(),
        before.note if before else "",
    )
    library.judge(made, collection=result.collection)
    _steps(where).append(before)
    return f"Saved: {_named(made)} · {passage.document}"


def _undo(library: Library, where: _Where, now: Judgment | None) -> str:
    if now is None:
        return "Nothing to undo"
    steps = _steps(where)
    earlier = steps[-1] if steps else None
    if earlier:
        library.judge(earlier, collection=where[0])
    else:
        library.store.judgments.take_back(where[0], now)
    if steps:
        steps.pop()
    return f"Taken back: {_named(now)}, {'now ' + _named(earlier) if earlier else 'now without a grade'}"


def _steps(where: _Where) -> list[Judgment | None]:
    """What was said of a passage before each grade of this session, the latest last."""
    steps: dict[_Where, list[Judgment | None]] = st.session_state.setdefault(_BEFORE, {})
    return steps.setdefault(where, [])


def _named(judgment: Judgment) -> str:
    return "cannot judge" if judgment.grade is None else f"grade {judgment.grade}"


def _passages(result: SearchResult) -> dict[str, Passage]:
    """Return what can be graded, by chunk id: the candidates, and what words alone have found."""
    return {hit.passage.chunk_id: hit.passage for hit in (*result.lexical, *result.retrieved)}


def _span(of: Judgment | Passage) -> tuple[str, int, int]:
    return of.document_id, of.start, of.end
