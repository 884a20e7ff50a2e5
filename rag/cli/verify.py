"""`verify`: drive a running server as a client would."""

import argparse
import os
from pathlib import Path
from textwrap import fill
from urllib.parse import urlsplit

from rag.amounts import milliseconds
from rag.cli.common import add_json, as_json
from rag.config import Settings
from rag.verify.visit import Check, Plan, verify

_WIDTH = 110
_INDENT = " " * 9
_MARKS = {True: "ok", False: "FAIL", None: "skipped"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("url", type=_address, metavar="URL", help="such as https://rag.example.com")
    parser.add_argument(
        "--document",
        type=_document,
        action="append",
        default=[],
        metavar="FILE",
        help="upload it first and delete it afterwards; may be given several times",
    )
    parser.add_argument(
        "--collection", metavar="C", help="default: a new one for documents, else a filled one"
    )
    parser.add_argument(
        "--query", action="append", default=[], metavar="Q", help="ask it; may be given several times"
    )
    parser.add_argument("--api-key", type=_key, metavar="KEY", help="the server's key (RAG_API_KEY)")
    for name, default, what in (
        ("first", 5.0, "the first question"),
        ("later", 2.0, "every later question or reranking"),
    ):
        parser.add_argument(
            f"--{name}-limit",
            type=_seconds,
            default=default,
            metavar="S",
            help=f"seconds that {what} may take (%(default)g)",
        )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="seconds to wait for an answer (%(default)g)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Verify, one row for each step as it is done; return 1 when one was not ok."""
    plan = Plan(
        url=args.url,
        api_key=args.api_key or Settings.from_env().api_key,
        documents=tuple(args.document),
        collection=args.collection,
        queries=tuple(args.query),
        first_limit_s=args.first_limit,
        later_limit_s=args.later_limit,
        timeout_s=args.timeout,
    )
    checks = verify(plan, None if args.json else _print_row)
    ok = all(check.ok for check in checks)
    if args.json:
        print(as_json({"ok": ok, "url": args.url, "checks": [_fields(check) for check in checks]}))
    else:
        print("", _summary(checks), sep="\n")
    return int(not ok)


def _print_row(check: Check) -> None:
    took = "" if check.seconds is None else milliseconds(check.seconds)
    limit = "" if check.limit_s is None else f"(limit {milliseconds(check.limit_s)})"
    print(f"{_MARKS[check.ok]:9}{check.name:20}{took:>11} {limit}".rstrip())
    # Paths and names stay whole, to be copied.
    shown = fill(
        check.detail,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print(shown, flush=True)


def _summary(checks: tuple[Check, ...]) -> str:
    return ", ".join(f"{sum(check.ok is ok for check in checks)} {mark}" for ok, mark in _MARKS.items())


def _fields(check: Check) -> dict[str, object]:
    """Return the JSON of a check; `ok` is null where it was skipped."""
    return {
        "name": check.name,
        "ok": check.ok,
        "ms": None if check.seconds is None else check.seconds * 1000,
        "limit_ms": None if check.limit_s is None else check.limit_s * 1000,
        "detail": check.detail,
    }


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        bare = "@" not in parts.netloc and not parts.query and not parts.fragment
    except ValueError:  # a port that is no number, half an IPv6 address
        usable = bare = False
    if not (usable and bare):
        # It may hold a secret, so it is not repeated.
        raise argparse.ArgumentTypeError(
            "expected an address such as https://rag.example.com or http://127.0.0.1:8501, "
            "without a user name, ? or #"
        )
    return text.rstrip("/")


def _document(text: str) -> tuple[str, bytes]:
    path = Path(text)
    try:
        if not path.is_file():
            raise argparse.ArgumentTypeError(f"expected a file that can be read, found none at {text!r}")
        # Whatever the locale made of the name's bytes, on disk they are UTF-8 almost everywhere.
        return os.fsencode(path.name).decode("utf-8", "replace"), path.read_bytes()
    except (OSError, ValueError) as exc:
        raise argparse.ArgumentTypeError(f"cannot read {text!r}: {exc}") from exc


def _key(text: str) -> str:
    if not (text and text.isascii() and text.isprintable() and " " not in text):
        raise argparse.ArgumentTypeError("expected a key of printable ASCII characters without spaces")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:  # which no NaN passes either
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, found {text!r}")
    return seconds
