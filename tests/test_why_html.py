"""What a score rests on, as shading: every character is there, and what was not read is told apart."""

import re
from html import unescape

from rag.inspect.why import Part, Why
from rag.records import Passage
from rag.ui.inspection.why_html import drawing

TEXT = "It rests. It bakes.\n\nNobody <b>reads</b> this."
READ = TEXT.index("\n")


def passage(text: str = TEXT) -> Passage:
    return Passage("chunk", "0" * 64, "book.txt", text, 0, len(text))


def why(*changes: float, read_until: int = READ, is_logit: bool = True) -> Why:
    """A reason whose sentences of nine characters changed the score so."""
    parts = tuple(
        Part(start, start + 9, TEXT[start : start + 9], 3.0 - change, change)
        for start, change in zip((0, 10), changes, strict=False)
    )
    return Why("rest?", 3.0, is_logit, 12, 7 if read_until < len(TEXT) else 12, read_until, parts, (), ())


def test_every_character_of_the_passage_is_shown_as_it_is() -> None:
    html = drawing(why(1.0, -0.5), passage())
    shown = html.rpartition('<div class="rl-text"')[2].partition(">")[2].partition("</div>")[0]
    assert unescape(re.sub("<[^>]*>", "", re.sub("<sup>.*?</sup>", "", shown))) == TEXT
    assert "<b>reads" not in html


def test_the_unread_tail_is_grey_under_a_badge() -> None:
    html = drawing(why(1.0, -0.5), passage())
    assert "read 7 of 12 tokens" in html
    assert "Nobody" in html.partition('class="rl-unread"')[2]


def test_what_was_read_whole_has_no_tail() -> None:
    html = drawing(why(1.0, -0.5, read_until=len(TEXT)), passage())
    assert "all 12 tokens read" in html
    assert "rl-unread" not in html


def test_the_part_that_counts_most_is_shaded_most() -> None:
    first, second = re.findall(
        r'class="rl-(?:for|against)" style="--w:(\d+)%" title', drawing(why(2.0, -0.5), passage())
    )
    assert int(first) > int(second)


def test_a_part_that_changes_nothing_is_not_shaded() -> None:
    html = drawing(why(2.0, -0.001), passage())
    assert "It bakes.<sup>0</sup>" in html


def test_a_remote_score_is_not_called_a_logit() -> None:
    html = drawing(why(0.2, 0.1, is_logit=False), passage())
    assert "relevance <b>" in html
    assert "logit" not in html.casefold()
