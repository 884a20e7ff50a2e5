"""Turn a JSON record into text: its title, its text, and what else it says as "key: value" lines."""

from collections.abc import Iterable, Iterator, Mapping

from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.clean import clean

# In the order in which they are looked for.
_IDS = ("_id", "id", "docid", "doc_id", "uuid")
_TITLES = ("title", "heading", "headline", "subject", "name")
_TEXTS = ("text", "body", "content", "contents", "passage", "document", "abstract", "description", "summary")

_MAX_ID_CHARS = 120
# Of the keys that lead to a value, the innermost; records nested deeper say little with the others.
_KEYS_SHOWN = 3
_MAX_NAME_CHARS = 300


def record_id(record: object) -> str | None:
    """Return what a record calls itself, None where it has no id."""
    if not isinstance(record, Mapping):
        return None
    for key in _IDS:
        if isinstance(value := record.get(key), str) and (cleaned := " ".join(clean(value).split())):
            return cleaned[:_MAX_ID_CHARS]
    return None


def record_content(record: object) -> Content:
    """Return a record's title as a heading, its text, and then its other values, one in a line."""
    if not isinstance(record, Mapping):
        return join_blocks(_lines("", record))
    title, text = _first(record, _TITLES), _first(record, _TEXTS)
    blocks = []
    if title:
        value = str(record[title])
        blocks.append(Block(value, level=1 if len(value) <= _MAX_NAME_CHARS else 0))
    if text:
        blocks += [Block(paragraph) for paragraph in [str(record[text])]]
    shown = {title, text, *_IDS}
    others = (_lines(str(key), value) for key, value in record.items() if key not in shown)
    return join_blocks([*blocks, *(line for lines in others for line in lines)])


def _first(record: Mapping[str, object], keys: Iterable[str]) -> str | None:
    return next((key for key in keys if isinstance(value := record.get(key), str) and value.strip()), None)


def _lines(key: str, value: object) -> Iterator[Block]:
    """Yield each value below `value` with the keys that lead to it; a list of single values is one line."""
    # A stack of its own instead of recursion: records may be nested deeper than Python calls can be.
    stack: list[tuple[tuple[str, ...], object]] = [((key,) if key else (), value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, Mapping):
            stack += [((*path[1 - _KEYS_SHOWN :], str(k)), v) for k, v in reversed(list(item.items()))]
        elif isinstance(item, list) and any(isinstance(one, Mapping | list) for one in item):
            stack += [(path, one) for one in reversed(item)]
        else:
            said = _said(item)
            yield Block(f"{'.'.join(path)}: {said}" if path and said else said, in_list=True)


def _said(item: object) -> str:
    if isinstance(item, list):
        return ", ".join(filter(None, map(_said, item)))
    if item is None:
        return ""
    return str(item).lower() if isinstance(item, bool) else str(item).strip()
