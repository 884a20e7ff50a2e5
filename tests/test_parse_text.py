import pytest

from rag.errors import DamagedDocumentError
from rag.parse import parse
from rag.records import Heading

GERMAN = "Die Straße führt über die Brücke, größer als alle anderen in der Stadt."
RUSSIAN = "Все люди рождаются свободными и равными в своем достоинстве и правах."
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(
            (GERMAN, encoding)
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be")
        ),
        *(
            (text, "cp1252")
            for text in (
                GERMAN,
                "café",
                "The price is £50 – that’s about 58 €.",
                "El niño comió piña mañana.",
                "La città è più",
            )
        ),
        *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8-r")),
        *((JAPANESE, encoding) for encoding in ("shift_jis", "euc_jp")),
    ],
)
def test_text_is_read_in_the_encoding_that_it_was_written_in(text: str, encoding: str) -> None:
    assert parse("a.txt", text.encode(encoding)).text == text


def test_plain_text_keeps_its_lines_and_has_no_headings() -> None:
    document = parse("a.txt", b"# one\r\ntwo\x00\r\n\r\n\r\n\r\nthree")
    assert document.text == "# one\ntwo\n\nthree"
    assert document.headings == ()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (b"PK\x03\x04" + bytes(26) + b"word/document.xml", r"a Word document \(DOCX\)"),
        (b"{\\rtf1\\ansi Hello}", "a rich text file"),
        (bytes(range(256)) * 4, "binary data"),
    ],
)
def test_binary_files_named_as_text_are_refused_by_what_they_seem_to_be(data: bytes, what: str) -> None:
    with pytest.raises(DamagedDocumentError, match=rf"notes\.txt should hold text, but seems to be {what}"):
        parse("notes.txt", data)


MARKDOWN = """\
---
title: Not this
---

# Guide *to* tea #

Some text
---------

> # quoted, not a heading of the page

```sh
# a comment
```

~~~
```
# still code
~~~

Setext
======

- item
---

   ### Third ###
#hashtag
#
"""


def test_markdown_headings_are_found_outside_of_code_and_quotes() -> None:
    found = [(heading.level, heading.title) for heading in parse("a.md", MARKDOWN.encode()).headings]
    assert found == [(1, "Guide *to* tea"), (2, "Some text"), (1, "Setext"), (3, "Third")]


def test_markdown_is_kept_as_written_without_its_front_matter() -> None:
    document = parse("a.md", MARKDOWN.encode())
    assert document.text == clean_body(MARKDOWN)
    assert all(
        heading.title in document.text[heading.start :].split("\n")[0] for heading in document.headings
    )


def clean_body(markdown: str) -> str:
    return markdown.split("---\n", 2)[2].strip()


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    document = parse("a.md", b"---\n\nText\n\n# Heading\n")
    assert document.text.startswith("---\n\nText")
    assert document.headings == (Heading(1, "Heading", 11),)
