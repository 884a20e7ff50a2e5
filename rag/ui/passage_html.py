"""Draw one passage as HTML: where it is from, its text with every character as it is, its page."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from html import escape

from rag.page_links import PageLink, address
from rag.records import Passage
from rag.wording import place

_IMAGE_WIDTH = 900  # pixels; a column has about half as many, a fine screen shows twice of them
# A text of this size needs no folding.
_SHORT_CHARS, _SHORT_LINES = 250, 5
_WORDS = re.compile(r"\s*\S+")
# Words that say nothing about the subject, in the languages of the samples.
_FUNCTION_WORDS = frozenset(
    """
    a an and are as at be by can do does for from how i if in is it my of on or that the this to was
    what when where which who why with you your
    che chi ci come con cosa da dai dal dalla degli dei del della delle di dove e fa gli ha ho i il in la
    le lo ma mi nei nel nella non o per perché più qual quale quali quando quanto quanti si sono sta su
    sul sulla tra un una uno
    """.split()  # noqa: SIM905 - words read better as words
)


def source(passage: Passage) -> str:
    """Return the line that says where a passage is from."""
    where = [place(passage.kind, passage.page)] if passage.page is not None else []
    where += [" › ".join(passage.headings)] if passage.headings else []
    return f'<div class="rl-source"><b>{escape(passage.document)}</b> {escape(" · ".join(where))}</div>'


def folded_text(text: str, mark: re.Pattern[str]) -> str:
    """Return a text, what `mark` matches highlighted; a long one can be unfolded."""
    shown = f'<div class="rl-text" dir="auto">{highlighted(text, mark)}</div>'
    if len(text) <= _SHORT_CHARS and text.count("\n") < _SHORT_LINES:
        return shown
    return f'<details><summary title="Show or hide the whole text">{shown}</summary></details>'


def page_image(passage: Passage, collection: str) -> str:
    """Return the passage's page, to be opened: a browser asks for the image no sooner than that."""
    if passage.page is None:
        return ""
    link = PageLink(collection, passage.document_id, passage.page, passage.start, passage.end)
    named = place(passage.kind, passage.page).capitalize()
    shows = f"{named} of {passage.document}, with this passage marked"
    return (
        f'<details class="rl-page"><summary>{escape(named)}</summary>'
        f'<img loading="lazy" decoding="async" src="{escape(address(link, width=_IMAGE_WIDTH))}" '
        f'alt="{escape(shows)}"></details>'
    )


def marker(query: str) -> re.Pattern[str]:
    """Return a pattern for the query's words, whole and in any case."""
    words = {word for word in re.findall(r"\w{2,}", query.lower()) if word not in _FUNCTION_WORDS}
    alternatives = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.compile(rf"\b(?:{alternatives})\b" if words else r"(?!)", re.IGNORECASE)


def highlighted(text: str, mark: re.Pattern[str]) -> str:
    """Return `text` as HTML that shows it verbatim, with what `mark` matches in `<mark>`."""
    out, reached = [], 0
    for match in mark.finditer(text):
        out += [escape(text[reached : match.start()]), "<mark>", escape(match[0]), "</mark>"]
        reached = match.end()
    return "".join([*out, escape(text[reached:])])


def differences(before: str, now: str) -> tuple[str, int]:
    """Return `now` as HTML, the words that differ from `before` marked, and how many words that are."""
    old, new = _WORDS.findall(before), _WORDS.findall(now)
    out, n_words = [], 0
    for same, gone, come in _runs(old, new):
        came = "".join(come)
        blank = came[: len(came) - len(came.lstrip())]
        lost = " ".join(word.strip() for word in gone)
        out += [escape("".join(same)), blank, f"<del>{escape(lost)}</del>" if gone else ""]
        out.append(f"<ins>{escape(came.lstrip())}</ins>" if came else "")
        n_words += max(len(gone), len(come))
    return "".join(out), n_words


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Yield, from start to end, words that are the same, those gone, and those that came in their place."""
    matcher = SequenceMatcher(None, [w.strip() for w in old], [w.strip() for w in new], autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            yield new[new_from:new_to], [], []
        else:
            yield [], old[old_from:old_to], new[new_from:new_to]
