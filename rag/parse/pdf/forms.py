"""Read what stands on a page of a PDF without being its text: the values of form fields, and comments."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from rag.parse.pdf.open import string_of

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_MOST_ANNOTATIONS = 2_000  # of a page
_OFF = ("", "Off")


def read_annotations(pdf: "PdfDocument", page: "PdfPage") -> list[str]:
    """Return a line for each filled field of the page, "label: value", and for each comment on it."""
    import pypdfium2.raw as pdfium

    count = min(pdfium.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)
    lines: list[str] = []
    for index in range(max(count, 0)):
        with _annotation(page, index) as annotation:
            line = _line(pdf, annotation) if annotation else ""
        if line and line not in lines:
            lines.append(line)
    return lines


@contextmanager
def _annotation(page: "PdfPage", index: int) -> Iterator[Any]:
    import pypdfium2.raw as pdfium

    annotation = pdfium.FPDFPage_GetAnnot(page, index)
    try:
        yield annotation
    finally:
        if annotation:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _line(pdf: "PdfDocument", annotation: Any) -> str:  # noqa: ANN401 - a ctypes pointer
    import pypdfium2.raw as pdfium

    subtype = pdfium.FPDFAnnot_GetSubtype(annotation)
    if subtype == pdfium.FPDF_ANNOT_WIDGET:
        return _field(pdf, annotation)
    if subtype in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP):
        return ""
    return string_of(partial(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents"))


def _field(pdf: "PdfDocument", annotation: Any) -> str:  # noqa: ANN401 - a ctypes pointer
    import pypdfium2.raw as pdfium

    form = pdf.formenv
    # Buttons that do something, and signatures, have no value to read.
    unread = (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE)
    if form is None or pdfium.FPDFAnnot_GetFormFieldType(form, annotation) in unread:
        return ""
    value, label, name = (
        string_of(partial(read, form, annotation))
        for read in (
            pdfium.FPDFAnnot_GetFormFieldValue,
            pdfium.FPDFAnnot_GetFormFieldAlternateName,
            pdfium.FPDFAnnot_GetFormFieldName,
        )
    )
    if value in _OFF:
        return ""
    return f"{label or name}: {value}".removeprefix(": ")
