"""An address of a page image is good for that image, and for no other."""

from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from rag.page_links import PageLink, address, is_signed, signature

LINK = PageLink("a shelf", "ab" * 32, 4, 100, 250)


def test_an_address_says_which_page_and_how_wide_and_is_signed() -> None:
    parts = urlsplit(address(LINK, width=900))
    said = {name: value for name, (value,) in parse_qs(parts.query).items()}
    assert parts.path == f"api/documents/{LINK.document_id}/pages/4"
    assert is_signed(LINK, said.pop("signature"))
    assert said == {"collection": "a shelf", "start": "100", "end": "250", "width": "900"}


@pytest.mark.parametrize(
    "other",
    [
        {"collection": "another"},
        {"document_id": "cd" * 32},
        {"page": 5},
        {"start": 99},
        {"end": 251},
        {"collection": "a shelf', 'x"},
    ],
)
def test_a_signature_is_good_for_nothing_else(other: dict[str, object]) -> None:
    assert not is_signed(replace(LINK, **other), signature(LINK))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "claimed",
    ["", "0" * 64, "é", signature(LINK).upper(), signature(LINK) + " "],
    ids=["none", "zeros", "not ASCII", "capitals", "a space more"],  # each process signs in its own way
)
def test_another_signature_is_none(claimed: str) -> None:
    assert not is_signed(LINK, claimed)


def test_a_hostile_name_stays_in_its_place() -> None:
    name = "\"><script>&collection=other#'/../x"
    where = address(PageLink(name, "../../x?y", 1), width=100)
    assert not set("<>\"'# ") & set(where)
    assert parse_qs(urlsplit(where).query)["collection"] == [name]
    assert unquote(urlsplit(where).path.split("/")[2]) == "../../x?y"
