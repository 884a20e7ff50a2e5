"""Starting: from the process's birth to /healthz, against an empty Streamlit app."""

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.common import ROOT, Limit, Section, progress, ratios, run, sample_home, spread
from benchmarks.server import Server, reranklens, serving

ROUNDS = 7
LIMIT = 2.5
_OURS, _EMPTY, _EMPTY_APP = "RerankLens", "empty script", "empty st.App"
_SCRIPTS = {
    _EMPTY: 'import streamlit as st\n\nst.title("Empty")\n',
    _EMPTY_APP: (
        "import streamlit as st\n\n"
        'if __name__ == "__main__":\n    st.title("Empty")\n'
        "else:\n    app = st.App(__file__)\n"
    ),
}

Start = Callable[[], AbstractContextManager[Server]]


def measure(rounds: int = ROUNDS) -> Section:
    """Return the times to readiness, interleaved."""
    with sample_home() as home, TemporaryDirectory(prefix="reranklens-bench-") as folder:
        starts: dict[str, Start] = {_OURS: partial(reranklens, home)}
        for i, (name, source) in enumerate(_SCRIPTS.items()):
            script = Path(folder) / str(i) / "app.py"
            shutil.copytree(ROOT / ".streamlit", script.parent / ".streamlit")
            script.write_text(source)
            starts[name] = partial(serving, script, ready="/_stcore/health")
        seconds: dict[str, list[float]] = {name: [] for name in starts}
        for number in range(rounds + 1):
            progress(f"startup: round {number} of {rounds}{'' if number else ', the warm-up'}")
            for name, start in starts.items():
                with start() as server:
                    seconds[name] += [server.ready_s] if number else []
    return _section(seconds, rounds)


def _section(seconds: dict[str, list[float]], rounds: int) -> Section:
    rows = []
    for name, times in seconds.items():
        ratio = "" if name == _OURS else spread(ratios(seconds[_OURS], times), "×", digits=2)
        rows.append([name, spread(times, "s", digits=2), ratio])
    ratio_of_medians = median(seconds[_OURS]) / median(seconds[_EMPTY])
    return Section(
        title="Start",
        workload=(
            "From starting the process to the first 200 of /healthz (RerankLens: both models loaded and "
            "warm, the sample collection's index in memory) or /_stcore/health (empty apps), asked every "
            "10 ms. "
            f"{rounds} rounds after one warm-up, in turn within each round, the same .streamlit/config.toml."
        ),
        columns=["app", "ready after", "RerankLens ÷ this"],
        rows=rows,
        limits=[
            Limit(
                f"at most {LIMIT} times the start of an empty Streamlit app",
                f"{ratio_of_medians:.2f} times (medians)",
                ratio_of_medians <= LIMIT,
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
