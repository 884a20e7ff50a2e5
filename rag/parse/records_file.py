"""Read JSON and JSON lines: each record is a document of its own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from io import StringIO

from rag.errors import DamagedDocumentError, EmptyDocumentError, TooLargeError
from rag.parse.blocks import Content, Failed
from rag.parse.decode import Decoded, decode
from rag.parse.limits import MAX_DOCUMENT_CHARS
from rag.parse.record_text import record_content, record_id
from rag.records import Document

# Numbers are kept as they are written: however long they are, and with their trailing zeros.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_FAILURES = (ValueError, RecursionError)
_WHITE_SPACE = " \t\n\r"

# A file whose first lines are none of them records holds something else.
_LINES_TRIED = 20
# One array of objects, beside values no longer than these, is a list of records with its particulars.
_PARTICULAR_CHARS = 200


def open_jsonl(name: str, data: bytes, password: str | None = None) -> Iterator[Document | Content | Failed]:
    """Yield a document for each line, named "file.jsonl#id", or by the line's number where it has no id.

    A line that is not JSON is yielded as failed. Raises DamagedDocumentError when no line is.
    """
    decoded = decode(name, data)
    text = decoded.text.strip(_WHITE_SPACE)
    first, _, more = text.partition("\n")
    is_one_array = first.startswith("[") and not more
    if is_one_array or (not _is_json(first) and _is_json(text)):
        return _open_value(name, decoded)  # JSON, perhaps over several lines
    return _Records(name, "jsonl", decoded).lines()


def open_json(name: str, data: bytes, password: str | None = None) -> Iterator[Document | Content | Failed]:
    """Yield a document for each record of an array, or of the one array that an object holds.

    Any other object or value is the one document of the file. Records are named as those of `open_jsonl`
    are, by their place in the array where they have no id. Raises DamagedDocumentError.
    """
    return _open_value(name, decode(name, data))


def _open_value(name: str, decoded: Decoded) -> Iterator[Document | Content | Failed]:
    if decoded.text.lstrip(_WHITE_SPACE).startswith("["):
        yield from _Records(name, "json", decoded).array()
        return
    try:
        value = _JSON.decode(decoded.text)
    except _FAILURES as exc:
        if isinstance(exc, json.JSONDecodeError) and exc.msg == "Extra data" and exc.lineno > 1:
            yield from _Records(name, "jsonl", decoded).lines()
            return
        raise _unsound(name, exc) from exc
    if (records := _array_in(value)) is not None:
        yield from _Records(name, "json", decoded).of(records)
    else:
        yield replace(record_content(value), encoding=decoded.encoding, notes=decoded.notes)


class _Records:
    """Makes documents of the records of one file, each under a name of its own."""

    def __init__(self, name: str, kind: str, decoded: Decoded) -> None:
        self._name = name
        self._kind = kind
        self._decoded = decoded
        self._taken = set[str]()

    def lines(self) -> Iterator[Document | Failed]:
        """Yield the record of each line that is not blank."""
        failed: list[Failed] = []
        is_json = False
        # No other line end than this: in JSON, U+2028 may stand within a string.
        for number, line in enumerate(StringIO(self._decoded.text, newline="\n"), start=1):
            if not (written := line.strip(_WHITE_SPACE)):
                continue
            try:
                item = self._document(_JSON.decode(written), number, written.encode())
            except _FAILURES as exc:
                failed.append(self._failed(number, f"line {number} is not JSON ({_why(exc)})"))
                if not is_json and len(failed) >= _LINES_TRIED:
                    break
                continue
            is_json = True
            yield from (*failed, item)
            failed.clear()
        if not is_json and failed:
            raise DamagedDocumentError(f"{self._name} should hold JSON in each line. {failed[0].message}")
        yield from failed

    def array(self) -> Iterator[Document | Failed]:
        """Yield the records of the array that is the whole file, reading one at a time."""
        text = self._decoded.text
        at, number = _skip(text, _skip(text, 0) + 1), 0
        while text[at : at + 1] != "]":
            number += 1
            try:
                record, at = _JSON.raw_decode(text, at)
                item = self._document(record, number, _canonical(record))
                at = _next_item(text, at)
            except _FAILURES as exc:
                if number == 1:
                    raise _unsound(self._name, exc) from exc
                what = f"record {number} and all after it cannot be read ({_why(exc)})"
                yield self._failed(number, what)
                return
            yield item

    def of(self, records: list[object]) -> Iterator[Document | Failed]:
        """Yield the documents of `records`."""
        for number, record in enumerate(records, start=1):
            try:
                item = self._document(record, number, _canonical(record))
            except RecursionError as exc:
                item = self._failed(number, f"record {number} cannot be read ({_why(exc)})")
            yield item

    def _document(self, record: object, number: int, written: bytes) -> Document | Failed:
        name = self._free_name(record_id(record) or str(number), number)
        content = record_content(record)
        if not content.text:
            return Failed(name, EmptyDocumentError.reason, f"{name} has no text in it.")
        if len(content.text) > MAX_DOCUMENT_CHARS:
            message = (
                f"{name} holds {len(content.text):,} characters; at most {MAX_DOCUMENT_CHARS:,} fit one."
            )
            return Failed(name, TooLargeError.reason, message)
        return Document(
            id=sha256(written).hexdigest(),
            name=name,
            kind=self._kind,
            text=content.text,
            headings=content.headings,
            encoding=self._decoded.encoding,
            notes=self._decoded.notes,
        )

    def _free_name(self, own: str, number: int) -> str:
        name = f"{self._name}#{own}"
        if name in self._taken:  # ids should be unique, but two records under one name would be one
            name += f" ({number})"
        self._taken.add(name)
        return name

    def _failed(self, number: int, what: str) -> Failed:
        message = f"{self._name}: {what}. Correct it and add the file again."
        return Failed(f"{self._name}#{number}", DamagedDocumentError.reason, message)


def _unsound(name: str, exc: Exception) -> DamagedDocumentError:
    return DamagedDocumentError(f"{name} is not sound JSON: {_why(exc)}. Correct it and add it again.")


def _array_in(value: object) -> list[object] | None:
    """Return the records of an object that holds little else, None for any other value."""
    if not isinstance(value, dict):
        return None
    arrays = [v for v in value.values() if isinstance(v, list) and len(v) > 1]
    others = [v for v in value.values() if not any(v is array for array in arrays)]
    if len(arrays) != 1 or not all(isinstance(record, dict) for record in arrays[0]):
        return None
    is_little = all(not isinstance(v, dict | list) and len(str(v)) <= _PARTICULAR_CHARS for v in others)
    return arrays[0] if is_little else None


def _is_json(text: str) -> bool:
    try:
        _JSON.decode(text)
    except _FAILURES:
        return False
    return True


def _canonical(record: object) -> bytes:
    return json.dumps(record, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _WHITE_SPACE:
        at += 1
    return at


def _next_item(text: str, at: int) -> int:
    """Return where the next item of an array begins, or its end is. Raises ValueError."""
    at = _skip(text, at)
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != "]":
        raise json.JSONDecodeError("expected a comma or the end of the array", text, at)
    return at


def _why(exc: Exception) -> str:
    if isinstance(exc, json.JSONDecodeError):
        line = f"line {exc.lineno}, " if "\n" in exc.doc else ""
        return f"{exc.msg} at {line}column {exc.colno}"
    return "it is nested too deep" if isinstance(exc, RecursionError) else str(exc)
