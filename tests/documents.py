"""The documents' examples and tables, and the rule by which an answer is as shown.

An answer in the documents is JSON in which … stands for what was left out: at the end of a list or a text,
or in place of any value. An object shows all its names. A number stands for any number, because times and
last digits belong to a machine.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LEFT_OUT = "…"

# A string as it is; outside strings, "…" or an object or list of nothing else.
_SHOWN = re.compile(r'"(?:[^"\\]|\\.)*"|\{…\}|\[…\]|…')
# A command goes on in the lines that are indented more; what it answers may stand right below it.
_EXAMPLE = re.compile(
    r"^    (?P<command>curl .*(?:\n     +.*)*)"
    r"(?:\n\n```(?P<form>json|http)(?: (?P<status>\d+))?\n(?P<shown>[\s\S]*?)^```)?",
    re.MULTILINE,
)
_SNIPPET = re.compile(r"^```python\n([\s\S]*?)^```(?:\n\n```text\n([\s\S]*?)^```)?", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A command of the documents, and what they say that it answers."""

    command: str
    form: str | None = None
    status: int = 200
    shown: str = ""


def examples(text: str) -> list[Example]:
    """Return the commands of `text`, in order."""
    return [
        Example(found["command"], found["form"], int(found["status"] or 200), found["shown"] or "")
        for found in _EXAMPLE.finditer(text)
    ]


def snippets(text: str) -> list[tuple[str, str, str]]:
    """Return each piece of Python in `text`: the first package that it imports, itself, what it prints."""
    return [
        (re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)[0], code, shown)
        for code, shown in _SNIPPET.findall(text)
    ]


def sections(text: str) -> dict[str, str]:
    """Return what stands below each heading of the second level, by the heading."""
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the tables in `text`, their heads included."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def first_words(text: str) -> list[str]:
    """Return the first cell of each row of the tables in `text` that is one piece of code."""
    return [word for cells in rows(text) for word in re.findall(r"^`([^`]+)`$", cells[0])]


def as_shown(text: str) -> Any:
    """Return the JSON of the documents, with the string "…" for what was left out."""
    return json.loads(_SHOWN.sub(lambda m: m[0] if m[0].startswith('"') else f'"{LEFT_OUT}"', text))


def differences(shown: object, real: object, where: str = "") -> Iterator[str]:
    """Yield each place where the answer `real` is not as `shown`."""
    match shown, real:
        case (str(), _) if shown == LEFT_OUT:
            return
        case dict(), dict() if shown.keys() == real.keys():
            for name in shown:
                yield from differences(shown[name], real[name], f"{where}.{name}")
        case list(), list():
            yield from _in_list(shown, real, where)
        case _ if not _is_same(shown, real):
            yield f"{where}: expected {shown!r}, found {real!r}"


def _in_list(shown: Sequence[object], real: Sequence[object], where: str) -> Iterator[str]:
    expected = [value for value in shown if value != LEFT_OUT]
    if len(real) < len(expected) or (len(real) > len(expected) == len(shown)):
        yield f"{where}: expected {len(expected)} items, found {len(real)}"
    for number, (one, other) in enumerate(zip(expected, real, strict=False)):
        yield from differences(one, other, f"{where}[{number}]")


def _is_same(shown: object, real: object) -> bool:
    if isinstance(shown, str) and isinstance(real, str) and shown.endswith(LEFT_OUT):
        return real.startswith(shown.removesuffix(LEFT_OUT))
    if isinstance(shown, dict | str | bool | None) or isinstance(real, bool):
        return shown == real
    return isinstance(shown, int | float) and isinstance(real, int | float)
