"""Read values out of environment variables: each as what it is meant to be, or an error that names it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from rag.errors import SettingsError

LOCAL_HOSTS = ("127.0.0.1", "localhost")

# A host name or an IPv4 address, one that covers all below it, or every name.
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")

Word = TypeVar("Word", bound=str)


def whole(env: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    """Return a whole number from 1 to `most`, `default` where the variable is not set."""
    text = env.get(name, "").strip()
    if not text:
        return default
    # Python refuses to read thousands of digits as a number, so their count is looked at first.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise SettingsError(name, text, f"a whole number from 1 to {most}")
    return int(text)


def seconds(env: Mapping[str, str], name: str, default: float, *, most: float) -> float:
    """Return a number of seconds above 0, at most `most`."""
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= most:  # which no NaN passes either
        raise SettingsError(name, text, f"a number of seconds above 0, at most {most:g}")
    return seconds


def truth(env: Mapping[str, str], name: str, default: bool) -> bool:
    """Return what "true", "false" and their like say."""
    text = env.get(name, "").strip().lower()
    if not text:
        return default
    if text not in ("true", "false", "1", "0", "yes", "no"):
        raise SettingsError(name, text, "true or false")
    return text in ("true", "1", "yes")


def one_of(env: Mapping[str, str], name: str, words: tuple[Word, ...]) -> Word:
    """Return one of `words`, the first where the variable is not set."""
    text = env.get(name, "").strip().lower() or words[0]
    for word in words:
        if word == text:
            return word
    raise SettingsError(name, text, f"one of {', '.join(words)}")


def folder(env: Mapping[str, str], name: str, default: str) -> Path:
    """Return a folder, which need not be there yet."""
    text = env.get(name) or default
    try:
        path = Path(text).expanduser()
        if path.exists() and not path.is_dir():
            raise SettingsError(name, text, "a folder; found a file")
    except RuntimeError as exc:
        raise SettingsError(name, text, "a folder; there is no such user's home") from exc
    except (OSError, ValueError) as exc:
        raise SettingsError(name, text, f"a folder; {exc}") from exc
    return path


def address(env: Mapping[str, str], name: str, example: str) -> str:
    """Return a server's address, empty where none is set."""
    url = env.get(name, "").strip()
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, half an IPv6 address
        named = False
    if url and not named:
        # The address may hold a secret, so it is not repeated.
        found = "" if url.startswith(("http://", "https://")) else "; it begins with something else"
        raise SettingsError(name, "…", f"an address such as {example}{found}")
    return url


def secret(env: Mapping[str, str], name: str) -> str | None:
    """Return a key as it can stand in a header: ASCII without spaces; it is never repeated."""
    key = env.get(name, "").strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError(name, "…", "a key of printable ASCII characters without spaces")
    return key or None


def hosts(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return this machine's own names, which are always answered, and those that the variable adds."""
    named = [part.strip().lower() for part in env.get(name, "").split(",") if part.strip()]
    for host in named:
        if not _HOST.fullmatch(host):
            expected = (
                "host names without scheme or port, separated by commas; *.example.org covers all below it"
            )
            raise SettingsError(name, env[name], expected)
    return tuple(dict.fromkeys([*LOCAL_HOSTS, *named]))
