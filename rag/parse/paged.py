"""Join the blocks of documents made of slides or sheets."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag.parse.blocks import Block, Content, join_blocks
from rag.records import Page


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
    words = [str(number) for number in numbers]
    if len(words) == 1:
        return f"{kind} {words[0]}"
    return f"{kind}s {', '.join(words[:-1])} and {words[-1]}"
