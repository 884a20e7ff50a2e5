"""Read the lines of a page of a PDF, and where on the page their words stand."""

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

# pdfium writes U+FFFE for the hyphen at the end of a line that it joined to the next one.
_LINE = re.compile("[^\r\n\ufffe]*[^\\s\ufffe][^\r\n\ufffe]*\ufffe?")
_WORD = re.compile(r"\S+")
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi|cmbx|cmssbx", re.IGNORECASE)
_BOLD_WEIGHT = 600


class Box(NamedTuple):
    """Where something stands on a page as it is read: in points, upwards from the bottom."""

    left: float
    bottom: float
    right: float
    top: float


# A page has hundreds of words, and a named tuple is made in a fraction of a dataclass's time.
class Word(NamedTuple):
    """A word, and where it stands."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page; `box` is None where its place is not known.

    `size` is its letters' in points, 0 where it is not known. `gap` is the widest space between two of its
    `words`, in points. A line that ends inside of a word ends in a hyphen, or in U+FFFE.
    """

    text: str
    box: Box | None = None
    size: float = 0.0
    bold: bool = False
    gap: float = 0.0
    words: tuple[Word, ...] = ()


def read_lines(page: "PdfPage", *, every_word: bool = False) -> list[Line]:
    """Return the lines of `page` that have text, in the order of the file.

    Lines that were set as one piece have no `words`, unless `every_word` asks for them.
    """
    textpage = page.get_textpage()
    text = textpage.get_text_range(errors="surrogatepass")
    ruler = _Ruler(page, textpage, text)
    return [_line(match[0], match.start(), ruler, every_word) for match in _LINE.finditer(text)]


def line_of(words: Sequence[Word], size: float, bold: bool, *, text: str | None = None) -> Line:
    """Return the line that `words` make, with single spaces between them unless `text` is given."""
    text = " ".join(word.text for word in words) if text is None else text
    lefts, rights = [word.box.left for word in words], [word.box.right for word in words]
    gap = max(map(sub, lefts[1:], rights), default=0.0)
    # The height is the first word's: the others may be raised, or of another size.
    box = words[0].box._replace(left=min(lefts), right=max(rights))
    return Line(text, box, size, bold, gap, tuple(words))


def _line(raw: str, start: int, ruler: "_Ruler", every_word: bool) -> Line:
    text = raw.strip()
    first = start + raw.find(text)
    last = first + len(text) - 1
    size, bold = ruler.style(first)
    is_one_piece = ruler.is_one_piece(first, last)
    if not is_one_piece:
        # Bold or large is what begins and ends so: a paragraph may begin with a few bold words.
        end_size, end_bold = ruler.style(last - text.endswith("\ufffe"))
        size, bold = min(size, end_size), bold and end_bold
    if is_one_piece and not every_word:
        return Line(text, ruler.box(first, last), size, bold)
    words = ruler.words(text, first)
    return line_of(words, size, bold, text=text) if words else Line(text, None, size, bold)


class _Ruler:
    """Measures the characters of one page by their place in its text."""

    def __init__(self, page: "PdfPage", textpage: "PdfTextPage", text: str) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._handle = textpage.raw
        # pdfium counts in UTF-16 units.
        self._units = None if text.isascii() or max(text) <= "\uffff" else [0, *accumulate(map(_units, text))]
        # Where it counts characters that it does not write, it has to be asked for each one's number.
        n_units = self._units[-1] if self._units else len(text)
        self._is_mapped = n_units != textpage.count_chars()
        self._rects = (pdfium.FS_RECTF(), pdfium.FS_RECTF())
        self._references = tuple(map(ctypes.byref, self._rects))
        self._matrix = pdfium.FS_MATRIX()
        self._flags = ctypes.c_int()
        self._font = ctypes.create_string_buffer(128)
        self._turn = turning(page)

    def box(self, first: int, last: int) -> Box | None:
        """Return the box around the characters `first` to `last` of a line; None where it is not known."""
        # The loose box is the font's, so that letters with and without descenders stand on one line.
        measure, handle = self._pdfium.FPDFText_GetLooseCharBox, self._handle
        if self._is_mapped or self._units:
            first, last = self._index(first), self._index(last)
        begin, end = self._rects
        if not (measure(handle, first, self._references[0]) and measure(handle, last, self._references[1])):
            return None
        left, right = min(begin.left, end.left), max(begin.right, end.right)
        if self._turn is None:
            return Box(left, begin.bottom, right, begin.top)
        bottom, top = min(begin.bottom, end.bottom), max(begin.top, end.top)
        return self._turn(Box(left, bottom, right, top))

    def words(self, line: str, start: int) -> list[Word]:
        """Return the words of a line that begins at character `start`; none if a place is not known."""
        words = []
        for match in _WORD.finditer(line):
            box = self.box(start + match.start(), start + match.end() - 1)
            if box is None:
                return []
            words.append(Word(match[0], box))
        return words

    def is_one_piece(self, first: int, last: int) -> bool:
        """Return whether one operator of the file sets all the characters from `first` to `last`."""
        first, last = self._index(first), self._index(last)
        return bool(self._pdfium.FPDFText_CountRects(self._handle, first, last - first + 1) == 1)

    def style(self, at: int) -> tuple[float, bool]:
        """Return the size of the character `at` in points, and whether it is bold."""
        index, pdfium = self._index(at), self._pdfium
        size = pdfium.FPDFText_GetFontSize(self._handle, index)
        if pdfium.FPDFText_GetMatrix(self._handle, index, self._matrix):
            size *= (self._matrix.c**2 + self._matrix.d**2) ** 0.5
        self._font.value = b""
        pdfium.FPDFText_GetFontInfo(self._handle, index, self._font, len(self._font), self._flags)
        is_heavy = pdfium.FPDFText_GetFontWeight(self._handle, index) >= _BOLD_WEIGHT
        return round(size, 1), is_heavy or bool(_BOLD_NAME.search(self._font.value))

    def _index(self, at: int) -> int:
        at = self._units[at] if self._units else at
        if not self._is_mapped:
            return at
        return int(self._pdfium.FPDFText_GetCharIndexFromTextIndex(self._handle, at))


def _units(char: str) -> int:
    return 2 if char > "\uffff" else 1


def turning(page: "PdfPage") -> Callable[[Box], Box] | None:
    """Return what turns a box with a page that is shown turned; None for one that is not."""
    return {
        90: lambda box: Box(box.bottom, -box.right, box.top, -box.left),
        180: lambda box: Box(-box.right, -box.top, -box.left, -box.bottom),
        270: lambda box: Box(-box.top, box.left, -box.bottom, box.right),
    }.get(page.get_rotation())


def frame_of(page: "PdfPage") -> Box:
    """Return the edges of `page` as it is shown."""
    turn, box = turning(page), Box(*page.get_bbox())
    return turn(box) if turn else box
