"""Draw what is said of a passage: the grade of whoever looks at it, that of the others, and the buttons."""

from dataclasses import dataclass
from html import escape

from rag.evidence import Judgment
from rag.metrics import RELEVANT
from rag.store.judgments import GRADES
from rag.ui.judging.guidelines import GRADE_WORDS

KEYS = " ".join([*map(str, GRADES), "x", "u"])
CANNOT, UNDO = "x", "u"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a passage: by this judge, None for nothing, and by the others, their median grade."""

    own: Judgment | None = None
    others: int | None = None

    @property
    def grade(self) -> int | None:
        """The grade that counts here: one's own judgment comes before those of the others."""
        return self.own.grade if self.own else self.others

    @property
    def worth(self) -> str:
        """In a word: "good" or "bad", "unsure" where its judge cannot tell, "" where nobody has said."""
        if self.grade is None:
            return "unsure" if self.own else ""
        return "good" if self.grade >= RELEVANT else "bad"


def grade_buttons(verdict: Verdict) -> str:
    """Return what grades a card, for a pointer: with the keyboard, a card is reached and graded by keys."""
    own = verdict.own
    given = None if own is None else CANNOT if own.grade is None else str(own.grade)
    buttons = [_button(str(grade), str(grade), GRADE_WORDS[grade], given) for grade in GRADES]
    buttons.append(_button(CANNOT, "?", "Cannot judge", given))
    undo = _button(UNDO, "Undo", "Take the last grade of this passage back", given) if own else ""
    others = "" if verdict.others is None else f"<span>others: {verdict.others}</span>"
    return (
        '<div class="rl-grades" role="group" aria-label="Grade this passage">'
        f"{''.join(buttons)}{undo}{others}</div>"
    )


def _button(value: str, face: str, meaning: str, given: str | None) -> str:
    pressed = "" if value == UNDO else f' aria-pressed="{str(value == given).lower()}"'
    return (
        f'<button type="button" tabindex="-1" data-grade="{value}"{pressed} '
        f'title="{escape(meaning)} (key {value.upper()})">{face}'
        f'<span class="rl-unseen"> {escape(meaning)}</span></button>'
    )
