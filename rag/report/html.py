"""Write a report on a collection: one HTML file that asks for nothing, on screen and on paper."""

from collections.abc import Collection
from functools import cache
from html import escape
from pathlib import Path

from rag import __version__, charts
from rag.config import Settings
from rag.evidence import Setup
from rag.library import Library
from rag.report.contents import Contents, gather
from rag.report.overview import overview
from rag.report.question_html import question

# Nothing may be fetched, run or sent, whatever the texts in the report say.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def build(
    library: Library,
    collection: str,
    *,
    judge: str | None = None,
    setup: Setup | None = None,
    queries: Collection[str] | None = None,
    top_k: int | None = None,
) -> str:
    """Return the report on `collection` as HTML: what its questions were answered, and what was measured.

    It tells of the runs by `setup`, by default that of the newest run, of the judgments of `judge`, None
    for all, and of all questions, or those in `queries`. Lists have `top_k` passages, by default as many as
    the page shows. Raises LibraryError where no recorded run counts, NotFoundError for an unknown
    collection, or where none of `queries` has one.
    """
    contents = gather(library, collection, judge=judge, setup=setup, queries=queries, version=__version__)
    return _page(contents, top_k or Settings().top_k)


def _page(contents: Contents, top_k: int) -> str:
    depths = {
        "recall_depth": contents.measure.retrieved.recall_depth,
        "precision_depth": contents.measure.retrieved.precision_depth,
    }
    questions = "".join(question(asked, top_k=top_k, **depths) for asked in contents.asked)
    deepest = max(len(asked.result.retrieved) for asked in contents.asked)
    links = charts.links(str(rank) for rank in range(1, deepest + 1))
    title = escape(f"RerankLens: {contents.collection}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{charts.css()}{_style()}</style>{links}</head>"
        f'<body class="rl"><main>{overview(contents)}<h2>Each question</h2>{questions}</main></body></html>\n'
    )


@cache
def _style() -> str:
    return (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
