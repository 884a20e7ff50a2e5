"""Find what is printed on every page of a PDF: running headers and footers, and page numbers."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rag.parse.pdf.margins import Pages, Place, in_margins
from rag.parse.pdf.words import Box, Line

_SAME_PLACE_POINTS = 6.0
_LEAST_PAGES = 3
_MOST_OF = 0.4  # of all pages: a header of the left pages alone is on less than half
_RUN_OF = 5  # pages in a row, or every other page, are enough in a long document
_TRACKING = 0.8  # of the pages where a line stands, how many it has to number
_LARGER_THAN_BODY = 1.3
_MOST_NOTES = 3
_QUOTED_CHARS = 60

# A number as long as a page is none that can count pages, and more than int() takes.
_NUMBER = re.compile(r"\d{1,9}")
# With what parts it from the text, but not with a bracket or quotation mark that belongs to that.
_OUTER_NUMBER = re.compile(r"""^\W*\d+[^\w«“„‘"'(\[¿¡]+|[^\w»”’"')\]?!%…]*\d+\W*$""")
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?:page|pagina|página|seite|pag|pág|pg|p|s)\b\.?\s*)?#(?:\s*(?:/|\||of|di|von|de|sur)\s*#)?\W*"
)
_NAMED_NUMBER = re.compile(
    r"\W*(?:page|pagina|página|seite|pag\.?|pág\.?)\s*(\d{1,9})(?:\s*(?:/|\||of|di|von|de|sur)\s*\d+)?\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Running:
    """A line that stands in one place on many pages; a page number is not worth keeping even once."""

    text: str
    places: tuple[Place, ...]
    is_number: bool


def fold_running(pages: Pages, frames: Sequence[Box]) -> tuple[list[list[Line]], list[str]]:
    """Return the pages with each running line on the first of its pages alone, and notes that say so.

    A line is running where it stands in the margin of many pages, at the same height and with nothing but
    running lines beyond it. Its numbers may change if they count the pages. Page numbers are left out
    altogether; a page with nothing else keeps what it has. `frames` are the edges of the pages.
    """
    margins = {at_top: list(in_margins(pages, frames, at_top=at_top)) for at_top in (True, False)}
    running = _running_lines(pages, margins)
    dropped: dict[int, set[int]] = defaultdict(set)
    for page, line in _lone_page_numbers(pages, margins):
        dropped[page].add(line)
    for found in running:
        kept = None if found.is_number else min(found.places, key=lambda place: place.page)
        for place in found.places:
            if place is not kept:
                dropped[place.page].add(place.line)
    # A page with nothing else keeps what it has.
    bare = {number for number, page in enumerate(pages) if len(dropped[number]) == len(page)}
    folded = [
        [line for at, line in enumerate(page) if number in bare or at not in dropped[number]]
        for number, page in enumerate(pages)
    ]
    return folded, _notes([found for found in running if {place.page for place in found.places} - bare])


def _running_lines(pages: Pages, margins: Mapping[bool, Sequence[Place]]) -> list[_Running]:
    """Return the running lines, those at the edges of the pages first."""
    n_pages = sum(bool(page) for page in pages)
    if n_pages < _LEAST_PAGES:
        return []
    body = _body_size(pages)
    groups: dict[tuple[bool, str], list[Place]] = defaultdict(list)
    for at_top, in_margin in margins.items():
        for place in in_margin:
            groups[at_top, _masked(pages[place.page][place.line].text)].append(place)
    found: list[_Running] = []
    taken: set[tuple[bool, int, int]] = set()
    for (at_top, mask), places in sorted(groups.items(), key=lambda item: _mean_rank(item[1])):
        there = [place for place in _at_one_height(pages, places) if _beyond_is_taken(place, at_top, taken)]
        lines = [pages[place.page][place.line] for place in there]
        is_number = bool(_PAGE_NUMBER.fullmatch(mask))
        if is_number:
            is_running = len(there) >= _LEAST_PAGES and _counts_pages(lines, there)
        else:
            is_running = _is_on_many(there, n_pages) and _is_one_line(lines, there, body)
        if is_running:
            taken |= {(at_top, place.page, place.rank) for place in there}
            same = len({line.text for line in lines}) == 1
            text = lines[0].text if same else _OUTER_NUMBER.sub("", lines[0].text)
            found.append(_Running(text, tuple(there), is_number))
    return found


def _masked(text: str) -> str:
    return _NUMBER.sub("#", " ".join(text.casefold().split()))


def _mean_rank(places: Sequence[Place]) -> float:
    return sum(place.rank for place in places) / len(places)


def _at_one_height(pages: Pages, places: Sequence[Place]) -> list[Place]:
    """Return those of the places that are as high on their page as most; one a page."""
    heights = {place: box.bottom for place in places if (box := pages[place.page][place.line].box)}
    usual = median(heights.values())
    near = [place for place, height in heights.items() if abs(height - usual) <= _SAME_PLACE_POINTS]
    return list({place.page: place for place in reversed(near)}.values())[::-1]


def _beyond_is_taken(place: Place, at_top: bool, taken: set[tuple[bool, int, int]]) -> bool:
    return all((at_top, place.page, rank) in taken for rank in range(place.rank))


def _is_on_many(places: Sequence[Place], n_pages: int) -> bool:
    if len(places) < _LEAST_PAGES:
        return False
    if len(places) >= _MOST_OF * n_pages:
        return True
    span = max(place.page for place in places) - min(place.page for place in places) + 1
    return len(places) >= _RUN_OF and len(places) >= _MOST_OF * span


def _is_one_line(lines: Sequence[Line], places: Sequence[Place], body: float) -> bool:
    """Return whether the lines say the same, or are the same but for numbers that count the pages."""
    if len({line.text for line in lines}) == 1:
        return True
    return lines[0].size <= _LARGER_THAN_BODY * body and _counts_pages(lines, places)


def _counts_pages(lines: Sequence[Line], places: Sequence[Place]) -> bool:
    """Return whether a number in the lines, and every one that changes, goes up with the pages."""
    columns = list(zip(*(map(int, _NUMBER.findall(line.text)) for line in lines), strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    offsets = [
        Counter(number - place.page for number, place in zip(column, places, strict=True))
        for column in varying
    ]
    return bool(varying) and all(offset.most_common(1)[0][1] >= _TRACKING * len(places) for offset in offsets)


def _lone_page_numbers(pages: Pages, margins: Mapping[bool, Sequence[Place]]) -> Iterator[tuple[int, int]]:
    """Yield where the first or last line of a page says which page it is, in so many words."""
    for in_margin in margins.values():
        for place in in_margin:
            named = _NAMED_NUMBER.fullmatch(pages[place.page][place.line].text)
            if place.rank == 0 and named and int(named[1]) == place.page + 1:
                yield place.page, place.line


def _body_size(pages: Pages) -> float:
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _notes(running: Sequence[_Running]) -> list[str]:
    headers = [found for found in running if not found.is_number]
    notes = [
        f'"{_quoted(found.text)}" is printed on {len(found.places)} pages: it was kept once.'
        for found in headers[:_MOST_NOTES]
    ]
    if len(headers) > _MOST_NOTES:
        notes.append(f"{len(headers) - _MOST_NOTES} more such lines were kept once each.")
    numbers = [len(found.places) for found in running if found.is_number]
    return [*notes, f"The page numbers on {sum(numbers)} pages were left out."] if numbers else notes


def _quoted(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else text[: _QUOTED_CHARS - 1].rstrip() + "…"
