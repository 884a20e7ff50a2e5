"""Draw the card of one hit: its rank, its way, its numbers, its text, and who says the same."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rag.amounts import counted
from rag.records import Hit, Passage, RerankedHit
from rag.ui.comparison.grading_html import KEYS, Verdict, grade_buttons
from rag.ui.numbers_html import SIMILARITY_HELP
from rag.ui.passage_html import differences, folded_text, highlighted, page_image, source
from rag.wording import Movement, place

UNJUDGED = Verdict()


@dataclass(frozen=True, slots=True)
class Card:
    """A hit of one column, how it moved, and its numbers as HTML.

    `key` is what its line and its cards in the other columns have too; empty for what was no candidate.
    """

    hit: Hit | RerankedHit
    movement: Movement | None
    scores: str
    key: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What all cards of one answer have in common. Without `verdicts` they cannot be graded."""

    mark: re.Pattern[str]
    collection: str
    drawable: Collection[str]
    verdicts: Mapping[str, Verdict] | None

    def card(self, card: Card, twins: Sequence[Card]) -> str:
        """Return a card, those of its `twins` folded under it."""
        passage = card.hit.passage
        return (
            f'<article class="rl-card{self._judged(passage)}" {self._labels(card)}>{_head(card)}'
            f"{source(passage)}{folded_text(passage.text, self.mark)}{self._page(passage)}"
            f"{self._grades(passage)}{self._twins(card, twins)}</article>"
        )

    def _labels(self, card: Card) -> str:
        passage = card.hit.passage
        where = f", {place(passage.kind, passage.page)}" if passage.page is not None else ""
        keys = f' aria-keyshortcuts="{KEYS}"' if self.verdicts is not None else ""
        linked = f' data-c="{card.key}"' if card.key else ""
        label = f"Rank {card.hit.rank}, {passage.document}{where}"
        return (
            f'data-chunk="{escape(passage.chunk_id)}"{linked} tabindex="0"{keys} aria-label="{escape(label)}"'
        )

    def _judged(self, passage: Passage) -> str:
        worth = (self.verdicts or {}).get(passage.chunk_id, UNJUDGED).worth
        return f" rl-judged-{worth}" if worth else ""

    def _grades(self, passage: Passage) -> str:
        if self.verdicts is None:
            return ""
        return grade_buttons(self.verdicts.get(passage.chunk_id, UNJUDGED))

    def _twins(self, card: Card, twins: Sequence[Card]) -> str:
        if not twins:
            return ""
        ranks = ", ".join(str(twin.hit.rank) for twin in twins)
        what = "the same text" if all(twin.hit.similarity == 1 for twin in twins) else "nearly the same text"
        also = f"{what} at {'rank' if len(twins) == 1 else 'ranks'} {ranks}"
        shown = "".join(self._twin(twin, card.hit.passage.text) for twin in twins)
        return (
            f'<details class="rl-twins"><summary><b>×{len(twins) + 1}</b> {also}</summary>{shown}</details>'
        )

    def _twin(self, twin: Card, text_above: str) -> str:
        passage, likeness = twin.hit.passage, twin.hit.similarity or 0.0
        if likeness == 1:
            said, text = "the same text", highlighted(passage.text, self.mark)
        else:
            text, n_words = differences(text_above, passage.text)
            said = f"similarity {likeness:.3f}, {counted(n_words, 'word')} changed"
        return (
            f'<div class="rl-twin{self._judged(passage)}" role="group" {self._labels(twin)}>{_head(twin)}'
            f"{source(passage)}"
            f'<details><summary title="{escape(SIMILARITY_HELP)}">{escape(said)}</summary>'
            f'<div class="rl-text" dir="auto">{text}</div></details>{self._page(passage)}'
            f"{self._grades(passage)}</div>"
        )

    def _page(self, passage: Passage) -> str:
        return page_image(passage, self.collection) if passage.document_id in self.drawable else ""


def _head(card: Card) -> str:
    moved = ""
    if card.movement:
        moved = (
            f'<span class="rl-move rl-{card.movement.direction}" title="{escape(card.movement.sentence)}">'
            f"{escape(card.movement.mark)}</span>"
        )
    return f'<div class="rl-head"><span class="rl-rank">{card.hit.rank}</span>{moved}{card.scores}</div>'
