"""Write numbers as a spreadsheet shows them, by the format of their cell."""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]*)[^\]]*\]|'
    r"\[[^\]]*\]|(?P<digits>[0#?][0#?.,]*)|(?P<power>E[+-]0+)|(?P<general>General)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_SECTION = re.compile(r'(?:"[^"]*"?|\\.|\[[^\]]*\]|[^;])*', re.DOTALL)
_MAX_DECIMALS = 15
_SECONDS_OF_DAY = 86_400


@dataclass(frozen=True, slots=True)
class _Format:
    """One section of a number format, taken apart.

    `digits` is "" where it shows no number, "General" for as many as the number has, None where it
    shows them in a way that is not copied here, as fractions and telephone numbers.
    """

    digits: str | None = ""
    before: str = ""
    after: str = ""
    percent: bool = False
    power: bool = False


def show(value: object, code: str = "General", *, since_1904: bool = False) -> str:
    """Return what a cell shows that holds `value` and has the number format `code`."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    from openpyxl.utils.datetime import to_excel
    from openpyxl.utils.escape import unescape

    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case date() | time() | timedelta():
            return show_number(to_excel(value), code)
        case int() | float():
            return show_number(value, code, since_1904=since_1904)
    return str(unescape(str(value)))


def show_number(value: float, code: str = "General", *, since_1904: bool = False) -> str:
    """Return `value` as a cell with the number format `code` shows it, dates as in ISO 8601."""
    if not math.isfinite(value):
        return str(value)
    if letters := _date_letters(code):
        return _moment(value, letters, since_1904) or _general(value)
    sections = _sections(code)
    own_minus = value < 0 and len(sections) > 1
    shown = sections[1 if own_minus else 2 if value == 0 and len(sections) > 2 else 0]
    if not shown.digits:
        # A section may show words alone, such as "-" for zero. An empty one hides the number.
        return (shown.after.strip() if shown.digits == "" else "") or _general(value)
    sign = "-" if value < 0 and not own_minus else ""
    return f"{sign}{shown.before}{_digits(abs(value), shown)}{shown.after}".strip()


@lru_cache(maxsize=1000)
def _sections(code: str) -> tuple[_Format, ...]:
    parts = [match[0] for match in _SECTION.finditer(code[:500]) if match[0]] or ["General"]
    return tuple(_format(part) for part in parts[:3])


def _format(section: str) -> _Format:
    found = list(_TOKEN.finditer(section))
    runs = [match["digits"] or match["general"] for match in found if match["digits"] or match["general"]]
    others = {match["other"] for match in found}
    if others & {"/", "@"} or len(runs) > 1:
        return _Format(digits=None)
    first = next((at for at, match in enumerate(found) if match["digits"] or match["general"]), 0)
    return _Format(
        digits=runs[0] if runs else "",
        before=_literals(found[:first]),
        after=_literals(found[first:]),
        percent="%" in others,
        power=any(match["power"] for match in found),
    )


def _literals(tokens: list[re.Match[str]]) -> str:
    names = ("quoted", "escaped", "currency", "other")
    return "".join(token[name] for token in tokens for name in names if token[name])


def _digits(value: float, shown: _Format) -> str:
    if shown.digits == "General":
        return _general(value)
    whole, _, fraction = (shown.digits or "").partition(".")
    scale = len(whole) - len(whole.rstrip(",")) if not fraction else len(fraction) - len(fraction.rstrip(","))
    value = value * (100 if shown.percent else 1) / 1000**scale
    decimals = min(sum(fraction.count(one) for one in "0#?"), _MAX_DECIMALS)
    if shown.power:
        return f"{value:.{decimals}E}"
    text = f"{value:{',' if ',' in whole.rstrip(',') else ''}.{decimals}f}"
    if optional := sum(fraction.count(one) for one in "#?"):
        kept = text[-optional:].rstrip("0")
        text = (text[:-optional] + kept).removesuffix(".")
    return text.zfill(whole.count("0")) if "," not in text and decimals == 0 else text


def _general(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.12g}"


@lru_cache(maxsize=1000)
def _date_letters(code: str) -> str:
    """Return what a format of dates, times or durations shows, such as "yyyy-mm-dd"; "" for a number."""
    from openpyxl.styles.numbers import STRIP_RE, is_date_format

    return STRIP_RE.sub("", code.split(";")[0]).lower() if is_date_format(code) else ""


def _moment(value: float, letters: str, since_1904: bool) -> str | None:
    """Return the date, the time or the duration that a number stands for; None when there is no such."""
    from openpyxl.styles.numbers import is_datetime, is_timedelta_format
    from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

    seconds = round(value * _SECONDS_OF_DAY)
    if is_timedelta_format(letters):
        clock = f"{seconds // 3600}:{seconds // 60 % 60:02}"
        return f"{clock}:{seconds % 60:02}" if "s" in letters else clock
    epoch = CALENDAR_MAC_1904 if since_1904 else CALENDAR_WINDOWS_1900
    try:
        moment = from_excel(seconds / _SECONDS_OF_DAY, epoch)
    except OverflowError:
        return None
    if isinstance(moment, time):
        moment = datetime.combine(epoch, moment)
    day = f"{moment:%Y-%m-%d}" if "d" in letters or "y" not in letters else f"{moment:%Y-%m}"
    clock = f"{moment:%H:%M:%S}" if "s" in letters else f"{moment:%H:%M}"
    kind = is_datetime(letters)
    return clock if kind == "time" else f"{day} {clock}" if kind == "datetime" else day
