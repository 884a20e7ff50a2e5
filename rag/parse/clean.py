"""Text as every later stage may rely on it: NFC, no control characters, no invisible ones."""

import re
import unicodedata

_SURROGATE = re.compile("[\ud800-\udfff]")

# Control characters (but not the white space among them, turned into spaces and newlines below), soft
# hyphens, zero-width and bidi marks, tag characters, noncharacters. The joiners U+200C and U+200D are
# invisible too, but stay: Persian and Indic words are spelled with them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SPACE = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# From the first space on alone: from each of a million, it would take hours.
_TRAILING_SPACE = re.compile("(?<! ) +(?=\n)")
_BLANK_LINES = re.compile("\n{3,}")


def clean(text: str) -> str:
    """Return `text` in NFC without control and invisible characters; cleaning twice changes nothing.

    Lines end in a newline alone, at most one of them is blank in a row, and none ends in spaces.
    Every other white space is a plain space. Lone surrogates become U+FFFD.
    """
    if _SURROGATE.search(text):
        # A round trip through UTF-16 also joins pairs that arrived as two characters.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _LINE_END.sub("\n", _INVISIBLE.sub("", text))
    # Composed only now: a removed character may have stood between a letter and its accent.
    text = unicodedata.normalize("NFC", _SPACE.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", _TRAILING_SPACE.sub("", text)).strip()
