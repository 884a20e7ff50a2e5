"""Recognise what is in the container (OLE) that Office used until 2003, and still uses for encryption."""

from io import BytesIO

from rag.parse.seen import SAVE_AS, Seen

OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")

# A .docx, .xlsx or .pptx behind a password: to be unlocked first, then it is what it is.
LOCKED = Seen("an encrypted Office document", "locked")

# By the streams that each has.
_STREAMS = (
    ("EncryptedPackage", LOCKED),
    ("WordDocument", Seen("a Word 97-2003 document", None, SAVE_AS.format(".docx"))),
    ("Workbook", Seen("an Excel 97-2003 workbook", None, SAVE_AS.format(".xlsx"))),
    ("Book", Seen("an Excel 5 workbook", None, SAVE_AS.format(".xlsx"))),
    ("PowerPoint Document", Seen("a PowerPoint 97-2003 presentation", None, SAVE_AS.format(".pptx"))),
    (
        "__properties_version1.0",
        Seen("an Outlook message", None, "Save it as .eml (other mail programs can) and add that."),
    ),
    ("VisioDocument", Seen("a Visio drawing", None, SAVE_AS.format("PDF"))),
    ("FileHeader", Seen("a Hangul document", None, SAVE_AS.format(".docx or PDF"))),
)
_OTHER = Seen("an Office 97-2003 file", None, SAVE_AS.format(".docx, .xlsx, .pptx or PDF"))


def ole_type(data: bytes) -> Seen:
    """Return what the container `data` holds."""
    streams = _streams(data)
    # Of a damaged one the names are looked for anywhere: they are kept in UTF-16.
    found = (seen for stream, seen in _STREAMS if _has(stream, streams, data))
    return next(found, _OTHER)


def _has(stream: str, streams: set[str] | None, data: bytes) -> bool:
    return stream.encode("utf-16-le") in data if streams is None else stream.lower() in streams


def _streams(data: bytes) -> set[str] | None:
    """Return the names at the root, in lower case; None when the container is damaged."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    import olefile

    try:
        with olefile.OleFileIO(BytesIO(data)) as container:
            return {path[0].lower() for path in container.listdir(streams=True, storages=False)}
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return None
