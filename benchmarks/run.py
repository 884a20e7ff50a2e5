"""Take every measure and write benchmarks/RESULTS.md."""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import first_question, memory, page, rerank, startup
from benchmarks.common import MeasureError, Section, machine, show

RESULTS = Path(__file__).with_name("RESULTS.md")
_MEASURES: tuple[Callable[[], Section], ...] = (
    rerank.measure,
    startup.measure,
    first_question.measure,
    page.measure,
    memory.measure,
)
_HEAD = """# Results

Written by `make bench`; [README.md](README.md) says how to read it. Times are medians, with the least and the
greatest in brackets. They belong to this machine:
"""


def main() -> int:
    """Return 0 when every promise held, 1 when one was missed, 2 when something could not be measured."""
    try:
        sections = [measure() for measure in _MEASURES]
    except MeasureError as exc:
        print(exc, file=sys.stderr)
        return 2
    RESULTS.write_text("\n".join([_HEAD, machine(), "", *(s.markdown() for s in sections)]), encoding="utf-8")
    return max(map(show, sections))


if __name__ == "__main__":
    sys.exit(main())
