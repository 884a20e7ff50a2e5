"""Sign the addresses of page images: the page that shows them has no key to send with them."""

import hmac
import secrets
from dataclasses import astuple, dataclass
from urllib.parse import quote, urlencode

# Of this process alone: an address that was copied is worth nothing after the next start.
_SECRET = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page of a document, and which of its text is marked: `start` to `end`, nothing if they are equal."""

    collection: str
    document_id: str
    page: int
    start: int = 0
    end: int = 0


def address(link: PageLink, *, width: int) -> str:
    """Return where the image of `link` is, below the address of the page, with a signature for it alone."""
    query = {
        "collection": link.collection,
        "start": link.start,
        "end": link.end,
        "width": width,
        "signature": signature(link),
    }
    return f"api/documents/{quote(link.document_id, safe='')}/pages/{link.page}?{urlencode(query)}"


def signature(link: PageLink) -> str:
    """Return what only this process can say of `link`."""
    # As a Python tuple, because a name may hold every character that could part it from the rest.
    return hmac.digest(_SECRET, repr(astuple(link)).encode(), "sha256").hex()


def is_signed(link: PageLink, claimed: str) -> bool:
    """Return whether `claimed` is the signature of `link`, by this process."""
    return hmac.compare_digest(signature(link).encode(), claimed.encode())
