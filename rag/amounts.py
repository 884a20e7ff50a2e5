"""Say how many, how much and how long."""

from collections.abc import Iterable


def counted(n: int, noun: str) -> str:
    """Return how many there are: 1 file, 5,412 files."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(things: Iterable[object]) -> str:
    """Return things one after the other, of which there is at least one: 3; 3 and 5; 3, 5 and 6."""
    *most, last = map(str, things)
    return f"{', '.join(most)} and {last}" if most else last


def milliseconds(seconds: float) -> str:
    """Return a time as it is shown: 0.31 ms, 8.4 ms, 562 ms."""
    ms = seconds * 1000
    digits = 2 if ms < 1 else 1 if ms < 10 else 0
    return f"{ms:,.{digits}f} ms"


def duration(seconds: float) -> str:
    """Return a longer time as it is shown: 8.4 s, 52 s, 3 min 5 s."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def bytes_in_words(n: int) -> str:
    """Return a size as it is shown: 640 bytes, 812 kB, 34 MB, 2.3 GB."""
    if n >= 1e9:
        return f"{n / 1e9:.1f} GB"
    if n >= 1e6:
        return f"{n / 1e6:.0f} MB"
    return f"{n / 1e3:.0f} kB" if n >= 1e3 else counted(n, "byte")
