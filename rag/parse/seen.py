"""What a file turns out to be."""

from dataclasses import dataclass

SAVE_AS = "Save it as {} and add that."
UNPACK = "Unpack it and add its files, or put them into a .zip."
RUN_OCR = "Run OCR on it (for example with OCRmyPDF) and add the PDF."


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file is by its content: `what` in words, `kind` as in the table of formats.

    `kind` is None for what nothing here reads; then `remedy` is a sentence on what to do instead, if
    anything can be done.
    """

    what: str
    kind: str | None = None
    remedy: str = ""
