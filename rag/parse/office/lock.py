"""Open Office files that are encrypted."""

import struct
from io import BytesIO

from rag.errors import DamagedDocumentError, DocumentError, PasswordNeededError, UnsupportedTypeError
from rag.parse.sniff_ole import LOCKED, ole_type

# Excel encrypts workbooks whose structure alone is protected with this, and opens them without asking.
_DEFAULT_PASSWORD = "VelvetSweatshop"  # noqa: S105 it is no secret

# What msoffcrypto and olefile let through when a container is not as they expect.
_FAILURES = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError),
    *(OSError, EOFError, struct.error, NotImplementedError, RecursionError),
)


def unlock_office(name: str, data: bytes, password: str | None) -> bytes:
    """Return the .docx, .xlsx or .pptx inside an encrypted one.

    Raises PasswordNeededError without a password or with a wrong one, UnsupportedTypeError for
    what Office wrote until 2003, and for encryption by a certificate, and DamagedDocumentError.
    """
    seen = ole_type(data)
    if seen is not LOCKED:
        raise UnsupportedTypeError(f"{name} is {seen.what}, which is not read. {seen.remedy}".rstrip())
    for attempt in (_DEFAULT_PASSWORD, password):
        if attempt and (package := _decrypted(name, data, attempt)) is not None:
            return package
    if password:
        raise PasswordNeededError(
            f"{name} does not open with this password. Check it and add the file again."
        )
    raise PasswordNeededError(
        f"{name} is encrypted and opens only with its password. Give it in the field that the page shows, "
        "with --password on the command line, or as the form field `password` of the API."
    )


def _decrypted(name: str, data: bytes, password: str) -> bytes | None:
    """Return what `password` opens, None when it does not."""
    # Imported here, like every third-party parser: the server should start before it is needed.
    from xml.parsers.expat import ExpatError

    from msoffcrypto import OfficeFile
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError, ParseError

    package = BytesIO()
    try:
        office = OfficeFile(BytesIO(data))
        office.load_key(password=password, verify_password=True)
        office.decrypt(package)
    except InvalidKeyError:
        return None
    except DecryptionError as exc:
        raise _not_by_password(name) from exc
    except (FileFormatError, ParseError, ExpatError, *_FAILURES) as exc:
        raise DamagedDocumentError(
            f"{name} is encrypted, and damaged: it cannot be decrypted. Copy it again and add that."
        ) from exc
    return package.getvalue()


def _not_by_password(name: str) -> DocumentError:
    return UnsupportedTypeError(
        f"{name} is encrypted in a way that takes more than a password. Save a copy that is not and add that."
    )
