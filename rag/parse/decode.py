"""Turn the bytes of a text file into characters."""

import codecs

from rag.errors import DamagedDocumentError
from rag.parse.sniff import binary_type, has_many_controls

# The marks of UTF-32 begin with those of UTF-16, so they come first.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Without a mark, what text outside of UTF-8 is usually in.
_GUESSED = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "koi8_r", "mac_roman"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
)


def decode(name: str, data: bytes) -> str:
    """Return the characters of `data`: by its byte order mark, as UTF-8, or by the best guess.

    Raises DamagedDocumentError when `data` is not text.
    """
    if encoding := _marked_encoding(data) or _unmarked_utf16(data):
        return data.decode(encoding, "replace")
    if what := binary_type(data) or ("binary data" if has_many_controls(data) else None):
        raise DamagedDocumentError(
            f"{name} should hold text, but seems to be {what}. Save it as text, or give it its proper ending."
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _guess(data)


def _marked_encoding(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the UTF-16 in which mostly Latin text, without a mark, has every other byte zero."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    few, many = len(data) // 50, len(data) // 4
    if odd > many and even <= few:
        return "utf-16-le"
    return "utf-16-be" if even > many and odd <= few else None


def _guess(data: bytes) -> str:
    # Imported here, like every third-party parser: the server should start before it is needed.
    from charset_normalizer import from_bytes

    guesses = from_bytes(data, cp_isolation=list(_GUESSED))
    # Left to itself the guess reads "caf\xe9" as UTF-16, and half of Spanish as a Baltic code page.
    western = next((guess for guess in guesses if "cp1252" in guess.could_be_from_charset), None)
    best = western or guesses.best()
    return str(best) if best else data.decode("cp1252", "replace")
