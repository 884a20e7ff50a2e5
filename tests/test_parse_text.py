import time

import pytest

from rag.errors import WrongTypeError
from rag.parse import parse
from rag.records import Heading


def test_plain_text_keeps_its_lines_and_has_no_headings() -> None:
    document = parse("a.txt", b"# one\r\ntwo\x00\r\n\r\n\r\n\r\nthree")
    assert document.text == "# one\ntwo\n\nthree"
    assert document.headings == ()


def test_what_is_no_text_at_all_is_not_read_as_text() -> None:
    with pytest.raises(WrongTypeError, match=r"notes\.txt should hold text, but seems to be binary data"):
        parse("notes.txt", bytes(range(256)) * 4)


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


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_lines_of_nothing_but_spaces_take_no_time(name: str) -> None:
    began = time.monotonic()
    document = parse(name, b"# tea" + b" " * 500_000 + b"x \nend")
    assert document.text.endswith("x\nend")
    assert time.monotonic() - began < 10
