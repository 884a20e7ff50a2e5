"""Draw where reranking took each candidate: one line from its retrieved to its reranked rank."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from rag.charts import svg
from rag.metrics import RELEVANT

_LEFT, _RIGHT = 0.17, 0.83  # where the lines begin and end, in shares of the width
_HEAD, _FOOT = 26, 8  # pixels above the first rank and below the last
_MOST_PITCH, _LEAST_PITCH, _WANTED_HEIGHT = 18.0, 7.0, 560.0
_ROOM_FOR_EVERY_RANK = 11.0  # pixels from rank to rank at which all numbers can stand
_WORDS = {"up": "up", "down": "down", "same": "stays"}


@dataclass(frozen=True, slots=True)
class Move:
    """A candidate's way. `key` links it with its cards, `label` names it; `grade` None means unjudged."""

    key: str
    label: str
    retrieved_rank: int
    reranked_rank: int
    grade: int | None = None

    @property
    def direction(self) -> str:
        """Where it went: "up", "down" or "same"."""
        if self.reranked_rank == self.retrieved_rank:
            return "same"
        return "up" if self.reranked_rank < self.retrieved_rank else "down"

    @property
    def worth(self) -> str:
        """What the judges say of it: "good", "bad", or "plain" where they say nothing."""
        if self.grade is None:
            return "plain"
        return "good" if self.grade >= RELEVANT else "bad"


def flow(
    moves: Sequence[Move], *, top_k: int, shown: Collection[str] | None = None, roving: bool = False
) -> str:
    """Return the chart of `moves`, the top `top_k` set off, under it a legend of the kinds that occur.

    Keys that are not in `shown` are drawn faintly, as a background. With `roving`, one line alone can be
    reached with Tab, and whoever shows the chart moves on from it with the arrow keys.
    """
    if not moves:
        return ""
    ordered = sorted(moves, key=lambda move: move.retrieved_rank)
    last = max(max(move.retrieved_rank, move.reranked_rank) for move in ordered)
    scale = _Scale(last, top_k)
    lines, first = [], True
    for move in ordered:
        faint = shown is not None and move.key not in shown
        lines.append(_line(move, scale, faint=faint, reached=first or not roving))
        first = first and faint
    label = f"Rank flow of {len(ordered)} candidates: retrieved rank on the left, reranked rank on the right"
    heads = (
        svg.text("retrieved", svg.percent(_LEFT), 12, class_="rl-axis", text_anchor="middle"),
        svg.text("reranked", svg.percent(_RIGHT), 12, class_="rl-axis", text_anchor="middle"),
    )
    chart = svg.drawing(
        *_ground(scale), *heads, *lines, *_cut_label(scale), height=scale.height, label=label, role="group"
    )
    dense = "" if scale.pitch >= _ROOM_FOR_EVERY_RANK else " rl-dense"
    return f'<figure class="rl-flow{dense}">{chart}{_legend(ordered)}</figure>'


def links(keys: Iterable[str]) -> str:
    """Return the style rules by which whatever has the pointer or the focus lights up all that has its key.

    They hold within every element of the class `rl-linked`. What lights up has `--rl-on` set to 1.
    """
    rules = []
    for key in keys:
        found = f'[data-c="{re.sub(r"[^a-zA-Z0-9]", lambda m: f"{chr(92)}{ord(m[0]):x} ", key)}"]'
        rules.append(f".rl-linked:has({found}:is(:hover,:focus-within)) {found}{{--rl-on:1}}")
    return f"<style>{''.join(rules)}</style>"


@dataclass(frozen=True, slots=True)
class _Scale:
    """How high up a rank is drawn."""

    last: int
    top_k: int

    @property
    def pitch(self) -> float:
        return min(_MOST_PITCH, max(_LEAST_PITCH, _WANTED_HEIGHT / self.last))

    @property
    def height(self) -> float:
        return _HEAD + self.last * self.pitch + _FOOT

    def y(self, rank: float) -> float:
        return _HEAD + (rank - 0.5) * self.pitch

    def is_numbered(self, rank: int) -> bool:
        return self.pitch >= _ROOM_FOR_EVERY_RANK or rank in (1, self.top_k) or rank % 10 == 0


def _ground(scale: _Scale) -> tuple[str, ...]:
    """The ground under the ranks that are on the cards, where not all are."""
    if scale.top_k >= scale.last:
        return ()
    cut = scale.y(scale.top_k + 0.5)
    return (
        svg.element("rect", x=0, y=_HEAD - 4, width="100%", height=cut - _HEAD + 4, class_="rl-top"),
        svg.line(0, cut, "100%", cut, "rl-cut-line"),
    )


def _cut_label(scale: _Scale) -> tuple[str, ...]:
    if scale.top_k >= scale.last:
        return ()
    y = scale.y(scale.top_k + 0.5) + 3.5
    return (svg.text(f"top {scale.top_k}", "50%", y, class_="rl-axis rl-halo", text_anchor="middle"),)


def _line(move: Move, scale: _Scale, *, faint: bool, reached: bool) -> str:
    left, right = svg.percent(_LEFT), svg.percent(_RIGHT)
    y1, y2 = scale.y(move.retrieved_rank), scale.y(move.reranked_rank)
    drawn = svg.line(left, y1, right, y2, "rl-stroke")
    if faint:
        return svg.element("g", drawn, class_=f"{_classes(move)} rl-faint", aria_hidden="true")
    said = _said(move)
    return svg.element(
        "g",
        svg.title(said),
        svg.line(left, y1, right, y2, "rl-reach"),
        drawn,
        svg.element("circle", cx=left, cy=y1, r=2, class_="rl-end"),
        _marker(move, right, y2, min(1.0, scale.pitch / 10)),
        _number(move.retrieved_rank, 0.12, y1, scale, "end"),
        _number(move.reranked_rank, 0.88, y2, scale, "start"),
        class_=_classes(move),
        role="img",
        aria_label=said,
        tabindex=0 if reached else -1,
        data_c=move.key,
    )


def _number(rank: int, x: float, y: float, scale: _Scale, anchor: str) -> str:
    style = "rl-rank-mark" if scale.is_numbered(rank) else "rl-rank-mark rl-hidden"
    return svg.text(str(rank), svg.percent(x), y + 3.5, class_=style, text_anchor=anchor)


def _marker(move: Move, x: str, y: float, size: float = 1.0) -> str:
    """The mark at the end: an arrowhead up or down, a dot for what stays; filled unless judged bad."""
    paths = {"up": "M-4 3L0 -4L4 3Z", "down": "M-4 -3L0 4L4 -3Z", "same": "M-3 -3H3V3H-3Z"}
    scaled = None if size == 1 else f"scale({size:.2f})"
    path = svg.element("path", d=paths[move.direction], transform=scaled, class_="rl-end")
    # A path knows no per cent, a part of the drawing does.
    return svg.element("svg", path, x=x, y=y, overflow="visible")


def _classes(move: Move) -> str:
    return f"rl-way rl-{move.worth} rl-goes-{move.direction}"


def _said(move: Move) -> str:
    way = (
        f"stays at {move.retrieved_rank}"
        if move.direction == "same"
        else f"retrieved {move.retrieved_rank}, reranked {move.reranked_rank}"
    )
    judged = "not judged" if move.grade is None else f"judged {move.worth}, grade {move.grade}"
    return f"{way} · {judged} · {move.label}"


def _legend(moves: Sequence[Move]) -> str:
    """Return the kinds of lines that occur, those that matter most first, and how many there are."""
    kinds = Counter((move.worth, move.direction) for move in moves)
    rows = []
    for worth in ("good", "bad", "plain"):
        for direction, word in _WORDS.items():
            if n := kinds[worth, direction]:
                name = word if worth == "plain" else f"{worth}, {word}"
                rows.append(f"<li>{_sample(worth, direction)}{escape(name)} <b>{n}</b></li>")
    return f'<ul class="rl-legend" aria-label="Kinds of lines">{"".join(rows)}</ul>'


def _sample(worth: str, direction: str) -> str:
    example = Move("", "", 2, {"up": 1, "down": 3, "same": 2}[direction])
    drawn = svg.line(1, 7, 20, 7, "rl-stroke") + _marker(example, "21", 7)
    group = svg.element("g", drawn, class_=f"rl-way rl-{worth} rl-goes-{direction}")
    return svg.element("svg", group, width=28, height=14, class_="rl-chart", aria_hidden="true")
