"""Turn the bytes of a text file into characters."""

import codecs
import re
import unicodedata
from dataclasses import dataclass

from rag.errors import WrongTypeError
from rag.parse.guess import guess_encoding
from rag.parse.sniff import has_many_controls, recognise

# The marks of UTF-32 begin with those of UTF-16, so they come first.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# ISO-2022-JP shifts into Japanese by these and is ASCII otherwise.
_JIS_SHIFTS = (b"\x1b$B", b"\x1b$@")

# A text may have a zero byte by mistake. Of UTF-16 they are half where it is Latin.
_FEW_ZEROS = 8
_COMMON_SHARE = 0.01
_SAMPLE_BYTES = 50_000
_SAMPLE_CHARS = 2000
# One broken character among so many sound ones does not make another encoding of UTF-8.
_SOUND_PER_BROKEN = 4

# Python knows codecs that no file may ask for, such as "unicode_escape" and "punycode".
_DECLARABLE = re.compile(
    r"(?:utf[-_]?8|us-ascii|ascii|latin|iso|windows|cp|koi8|mac|gb|big5|euc|shift|sjis|ks_c|tis)[\w.:-]{0,40}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The characters of a text file, and the encoding that they were read in.

    `guessed` says that nothing in the file proves the encoding; `lost` counts characters that are not valid
    in it and were replaced.
    """

    text: str
    encoding: str
    guessed: bool = False
    lost: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person who added the file should know about it."""
        guess = (f"Read as {self.encoding}, which is a guess.",) if self.guessed else ()
        lost = f"{self.lost:,} characters are not valid {self.encoding} and were replaced."
        one = f"1 character is not valid {self.encoding} and was replaced."
        return guess + ((lost if self.lost > 1 else one,) if self.lost else ())


def declared_encoding(label: str) -> str | None:
    """Return the encoding that a page or a mail calls `label`; None where it is none that one may ask for."""
    label = label.strip().lower()
    if not _DECLARABLE.fullmatch(label):
        return None
    try:
        encoding = codecs.lookup(label).name
    except LookupError:
        return None
    # As browsers do: what calls itself Latin-1 or ASCII was mostly written on Windows.
    return "cp1252" if encoding in ("iso8859-1", "ascii") else encoding


def is_text(data: bytes) -> bool:
    """Return whether `data` reads as text, in whatever encoding."""
    marked = _marked_encoding(data) or ""
    if marked.startswith(("utf-16", "utf-32")):
        return _common_share(data, marked) > _COMMON_SHARE
    return not has_many_controls(data) or _unmarked_wide(data) is not None


def decode(name: str, data: bytes) -> Decoded:
    """Return the characters of `data`: by its byte order mark, as UTF-8, or by the best guess.

    Raises WrongTypeError when `data` is not text.
    """
    if encoding := _marked_encoding(data):
        return _decoded(data, encoding)
    if encoding := _unmarked_wide(data):
        return _decoded(data, encoding, guessed=True)
    if has_many_controls(data):
        seen = recognise(data)
        raise WrongTypeError(
            f"{name} should hold text, but seems to be {seen.what if seen else 'binary data'}. "
            "Save it as text, or give it its proper ending."
        )
    if data.isascii() and any(shift in data for shift in _JIS_SHIFTS):
        return _decoded(data, "iso2022_jp", guessed=True)
    as_utf8 = _decoded(data, "utf-8")
    if _is_mostly_sound(as_utf8, data):
        return as_utf8
    return _decoded(data, _guess(data), guessed=True)


def _decoded(data: bytes, encoding: str, *, guessed: bool = False) -> Decoded:
    text = data.decode(encoding, "replace")
    written = data.count("\ufffd".encode()) if encoding.startswith("utf-8") else 0
    return Decoded(text, encoding.removesuffix("-sig"), guessed, text.count("\ufffd") - written)


def _marked_encoding(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)


def _unmarked_wide(data: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 of text without a mark: there, spaces and line ends have zero bytes."""
    zeros = data.count(0)
    if not zeros or (zeros * _FEW_ZEROS < len(data) and not has_many_controls(data) and _is_utf8(data)):
        return None
    found = [(_common_share(data, encoding), encoding) for encoding in _WIDE]
    share, encoding = max(found)
    return encoding if share > _COMMON_SHARE else None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _common_share(data: bytes, encoding: str) -> float:
    """Return how much of `data` is ASCII or kana when read like that, 0 when it cannot be text."""
    width = 4 if "32" in encoding else 2
    try:
        text = data[: _SAMPLE_CHARS * width].decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    if any(unicodedata.category(c) in ("Cn", "Co") or (c < " " and not c.isspace()) for c in text):
        return 0.0
    return sum(c < "\x7f" or "\u3000" <= c <= "\u30ff" for c in text) / max(1, len(text))


def _is_mostly_sound(decoded: Decoded, data: bytes) -> bool:
    if not decoded.lost:
        return True
    sound = len(decoded.text) - decoded.lost - len(data.translate(None, bytes(range(128, 256))))
    return sound >= _SOUND_PER_BROKEN * decoded.lost


def _guess(data: bytes) -> str:
    # Plain ASCII lines look alike in most encodings.
    lines = b"\n".join(line for line in data.splitlines() if not line.isascii())
    return guess_encoding(lines[:_SAMPLE_BYTES], is_cut=len(lines) > _SAMPLE_BYTES)
