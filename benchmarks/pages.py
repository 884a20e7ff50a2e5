"""Make files of many kinds, full of text that reads like English: the same ones each time.

The sentences are those of the sample documents, in an order of their own and with other figures in them.
A page is 300 words.
"""

import io
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import cycle

import docx
import openpyxl
import pptx
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate

from benchmarks.common import ROOT

PAGE_WORDS = 300
_SECTION_WORDS = 220
_SLIDE_WORDS = 75
_PAGES = (4, 7, 12, 20, 9)  # of a file, in turn
_LEAST_PAGES = 2
_ENGLISH = (
    "bicycle-workshop-guide.md",
    "clock-museum-guide.pdf",
    "employee-handbook.docx",
    "espresso-machine-manual.pdf",
    "guest-guide-casa-lucertola.md",
    "hiking-club-newsletter.md",
    "home-network-guide.html",
    "pasta-shapes-of-apulia.html",
    "sourdough-diary.txt",
)
_SENTENCE = re.compile(r"[A-Z][^.!?]{30,}?[.!?](?=\s|$)")
_FIGURE = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and the paragraphs below it."""

    title: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True)
class MixedFile:
    """A file of the mix: its name, its bytes, and how many pages of 300 words are in it."""

    name: str
    data: bytes
    pages: int


def mix(n_pages: int, seed: int = 7) -> list[MixedFile]:
    """Return files that hold `n_pages` pages together: about a third of them PDF, the rest of six kinds."""
    chance = random.Random(seed)
    files: list[MixedFile] = []
    left = n_pages
    for kind, wanted in zip(cycle(_KINDS), cycle(_PAGES), strict=False):
        pages = min(wanted, left)
        if left - pages < _LEAST_PAGES:  # no file of a page or less at the end
            pages = left
        name = f"report-{len(files) + 1:03d}.{kind}"
        files.append(MixedFile(name, _MAKERS[kind](_sections(chance, pages * PAGE_WORDS)), pages))
        left -= pages
        if not left:
            return files
    return files  # never: both cycles are endless


def paragraph(chance: random.Random, n_words: int) -> str:
    """Return whole sentences of at least `n_words` words together."""
    sentences: list[str] = []
    while sum(len(sentence.split()) for sentence in sentences) < n_words:
        # Other figures, so that no two texts are the same.
        drawn = _FIGURE.sub(lambda found: str(_other(chance, int(found[0]))), chance.choice(_sentences()))
        sentences.append(drawn)
    return " ".join(sentences)


def _other(chance: random.Random, figure: int) -> int:
    return chance.randint(figure // 2 + 1, 2 * figure + 2)


@cache
def _sentences() -> tuple[str, ...]:
    lines = (ROOT / "data" / "judged" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    passages = [json.loads(line) for line in lines]
    texts = [p["text"] for p in passages if p["_id"].partition("#")[0] in _ENGLISH]
    plain = (re.sub(r"\s+", " ", text.partition("\n\n")[2] or text) for text in texts)
    return tuple(sentence for text in plain for sentence in _SENTENCE.findall(text))


def _sections(chance: random.Random, n_words: int) -> list[Section]:
    sections: list[Section] = []
    words = 0
    while words < n_words:
        title = " ".join(chance.choice(_sentences()).rstrip(".!?").split()[:5])
        most = min(chance.randint(_SECTION_WORDS // 2, 2 * _SECTION_WORDS), n_words - words)
        paragraphs: list[str] = []
        while (of_these := sum(len(p.split()) for p in paragraphs)) < most:
            paragraphs.append(paragraph(chance, min(chance.randint(25, 110), most - of_these)))
        sections.append(Section(title, paragraphs))
        words += of_these
    return sections


def _pdf(sections: Sequence[Section]) -> bytes:
    buffer, styles = io.BytesIO(), getSampleStyleSheet()
    story: list[Flowable] = []
    for section in sections:
        story.append(Paragraph(escape(section.title), styles["Heading2"]))
        story += [Paragraph(escape(text), styles["BodyText"]) for text in section.paragraphs]
    SimpleDocTemplate(buffer, pagesize=A4, invariant=1).build(story)
    return buffer.getvalue()


def _docx(sections: Sequence[Section]) -> bytes:
    buffer, document = io.BytesIO(), docx.Document()
    for section in sections:
        document.add_heading(section.title, 2)
        for text in section.paragraphs:
            document.add_paragraph(text)
    document.save(buffer)
    return buffer.getvalue()


def _pptx(sections: Sequence[Section]) -> bytes:
    buffer, show = io.BytesIO(), pptx.Presentation()
    for section in sections:
        for text in _parts(section.paragraphs, _SLIDE_WORDS):
            slide = show.slides.add_slide(show.slide_layouts[1])
            slide.shapes.title.text = section.title
            slide.placeholders[1].text = text
    show.save(buffer)
    return buffer.getvalue()


def _parts(paragraphs: Sequence[str], n_words: int) -> Iterator[str]:
    words = " ".join(paragraphs).split()
    for at in range(0, len(words), n_words):
        yield " ".join(words[at : at + n_words])


def _xlsx(sections: Sequence[Section]) -> bytes:
    buffer, book = io.BytesIO(), openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["number", "subject", "remark"])
    texts = [(section.title, text) for section in sections for text in section.paragraphs]
    for number, (title, text) in enumerate(texts, start=1):
        sheet.append([number, title, text])
    book.save(buffer)
    return buffer.getvalue()


def _html(sections: Sequence[Section]) -> bytes:
    body = "\n".join(
        f"<h2>{escape(section.title)}</h2>\n"
        + "\n".join(f"<p>{escape(text)}</p>" for text in section.paragraphs)
        for section in sections
    )
    page = f"<!doctype html><html lang=en><head><title>Report</title></head><body>{body}</body></html>"
    return page.encode()


def _md(sections: Sequence[Section]) -> bytes:
    return "\n\n".join("\n\n".join([f"## {s.title}", *s.paragraphs]) for s in sections).encode()


def _txt(sections: Sequence[Section]) -> bytes:
    return "\n\n".join("\n\n".join([s.title, *s.paragraphs]) for s in sections).encode()


_MAKERS: dict[str, Callable[[Sequence[Section]], bytes]] = {
    "pdf": _pdf,
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "html": _html,
    "md": _md,
    "txt": _txt,
}
_KINDS = ("pdf", "docx", "md", "pdf", "html", "pptx", "pdf", "txt", "xlsx")
