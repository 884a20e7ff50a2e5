"""What documents made of pages, slides or sheets have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag.amounts import listed
from rag.errors import TooManyPagesError
from rag.parse.blocks import Block, Content, join_blocks
from rag.parse.limits import MAX_PAGES
from rag.records import Page


def check_page_count(name: str, count: int, noun: str) -> None:
    """Raise TooManyPagesError when the document `name` has more of what `noun` says than are read."""
    if count > MAX_PAGES:
        raise TooManyPagesError(
            f"{name} has {count:,} {noun}, the limit is {MAX_PAGES:,}. Split it and add the pieces."
        )


def join_pages(
    blocks: Iterable[Block], *, page_count: int, unreadable: Sequence[int] = (), notes: Iterable[str] = ()
) -> Content:
    """Return the blocks' clean text; blocks of one page that follow each other make one Page."""
    content = join_blocks(blocks)
    pages: list[Page] = []
    for page in content.pages:
        if pages and pages[-1].number == page.number:
            pages[-1] = replace(pages[-1], end=page.end)
        else:
            pages.append(page)
    return replace(
        content,
        pages=tuple(pages),
        page_count=page_count,
        unreadable=tuple(unreadable),
        notes=tuple(notes),
    )


def named(kind: str, numbers: Sequence[object]) -> str:
    """Return numbers or names with what they are of: "slide 3", "slides 3, 5 and 6"."""
    return f"{kind if len(numbers) == 1 else f'{kind}s'} {listed(numbers)}"
