"""Take every measure and write benchmarks/RESULTS.md."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    export,
    first_question,
    ingest,
    ingest_memory,
    lexical,
    load,
    memory,
    overhead,
    page,
    rerank,
    startup,
)
from benchmarks.common import Section, machine, run

_RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = """# Results

Written by `make bench`; [README.md](README.md) says how it is measured. Times are medians, with the least and
the greatest in brackets, and belong to this machine:
"""


def _write(sections: Sequence[Section]) -> None:
    parts = [_HEAD, machine(), "", *(section.markdown() for section in sections)]
    _RESULTS.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    measures = (
        rerank.measure,
        startup.measure,
        first_question.measure,
        page.measure,
        memory.measure,
        overhead.measure,
        load.measure,
        export.measure,
        ingest.measure,
        ingest_memory.measure,
        lexical.measure,
    )
    sys.exit(run(*measures, write=_write))
