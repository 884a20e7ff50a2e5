from collections.abc import Callable

import pytest
from packages import package

from rag.errors import (
    ArchiveLimitError,
    DamagedDocumentError,
    DocumentError,
    EmptyDocumentError,
    PasswordNeededError,
    UnsupportedTypeError,
)
from rag.parse import Failed, Member, open_file, parse
from rag.parse.limits import MAX_MEMBERS, MAX_UNPACKED_BYTES

# a.txt, which says "hello", in the old encryption of ZIP; the password is "secret".
LOCKED = bytes.fromhex(
    "504b03040a00090000000000215886a61036110000000500000005000000612e747874b8f5d562a94e5af5522f55e64c"
    "9e88b77b504b070886a610361100000005000000504b01021e030a00090000000000215886a610361100000005000000"
    "050000000000000000000000a48100000000612e747874504b0506000000000100010033000000440000000000"
)
CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"


def opened(data: bytes, password: str | None = None) -> list[Member | Failed]:
    items = open_file("a.zip", data, password=password)
    return [item for item in items if isinstance(item, Member | Failed)]


def patched(data: bytes, mark: bytes, at: int, new: bytes) -> bytes:
    """Return `data` with `new` in each record that begins with `mark`, `at` bytes into it."""
    found = data.find(mark)
    while found >= 0:
        data = data[: found + at] + new + data[found + at + len(new) :]
        found = data.find(mark, found + 4)
    return data


def test_each_file_is_a_member_under_its_place_in_the_archive() -> None:
    assert opened(package({"notes/tea.txt": "hot", "b.pdf": b"%PDF-"})) == [
        Member("a.zip/notes/tea.txt", b"hot"),
        Member("a.zip/b.pdf", b"%PDF-"),
    ]


def test_folders_hidden_files_and_clutter_are_left_out() -> None:
    names = ["x/", "__MACOSX/._a.txt", ".DS_Store", "x/.git/config", "x/Thumbs.db", "desktop.ini", "x/a.txt"]
    assert [item.name for item in opened(package(dict.fromkeys(names, "text")))] == ["a.zip/x/a.txt"]


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("../../etc/passwd.txt", "etc/passwd.txt"),
        ("/root/a.txt", "root/a.txt"),
        ("C:\\folder\\a.txt", "C:/folder/a.txt"),
        ("a\nb\x1b[0m.txt", "a\nb[0m.txt"),
        ("Größe.txt", "Größe.txt"),
    ],
)
def test_no_name_leads_out_of_the_archive(name: str, inner: str) -> None:
    assert opened(package({name: "text"}))[0].name == f"a.zip/{inner}"


def test_names_in_utf_8_that_do_not_say_so_are_read() -> None:
    data = package({"Größe.txt": "text"})
    for mark, at in ((b"PK\x03\x04", 6), (CENTRAL, 8)):
        data = patched(data, mark, at, b"\0\0")
    assert opened(data)[0].name == "a.zip/Größe.txt"


def test_a_damaged_file_costs_only_itself() -> None:
    data = package({"a.txt": "hello " * 50, "b.txt": "fine"})
    at = data.index(b"a.txt") + 8
    one, two = opened(data[:at] + b"\xff\xff\xff" + data[at + 3 :])
    assert isinstance(one, Failed)
    assert (one.reason, one.message) == ("damaged", "a.zip/a.txt is damaged and cannot be unpacked.")
    assert two == Member("a.zip/b.txt", b"fine")


def test_an_encrypted_archive_opens_with_its_password() -> None:
    assert opened(LOCKED, "secret") == [Member("a.zip/a.txt", b"hello")]
    with pytest.raises(PasswordNeededError, match="is encrypted"):
        opened(LOCKED)
    with pytest.raises(PasswordNeededError, match="another password"):
        opened(LOCKED, "wrong")


def test_encryption_that_cannot_be_opened_says_so() -> None:
    data = patched(patched(LOCKED, CENTRAL, 10, b"\x63\0"), b"PK\x03\x04", 8, b"\x63\0")
    with pytest.raises(UnsupportedTypeError, match="encrypted with AES"):
        opened(data, "secret")


def test_a_file_among_others_that_is_encrypted_so_asks_for_no_password() -> None:
    data = package({"a.txt": "open", "b.txt": "hello"})
    last = data.rfind(CENTRAL)
    member, failed = opened(data[:last] + patched(data[last:], CENTRAL, 8, b"\1\0\x63\0"))
    assert isinstance(failed, Failed)
    assert (member, failed.reason) == (Member("a.zip/a.txt", b"open"), "unsupported")


def test_a_document_with_encrypted_parts_asks_for_no_password() -> None:
    mimetype = "application/vnd.oasis.opendocument.text"
    data = package({"mimetype": mimetype, "content.xml": "<a/>"})
    last = data.rfind(CENTRAL)
    data = data[:last] + patched(data[last:], CENTRAL, 8, b"\1\0")
    with pytest.raises(UnsupportedTypeError, match=r"a\.odt is encrypted in a way that no password opens"):
        parse("a.odt", data)


def test_a_packing_that_is_not_known_is_told() -> None:
    data = package({"a.txt": "hello"})
    data = patched(patched(data, CENTRAL, 10, b"\x61\0"), b"PK\x03\x04", 8, b"\x61\0")
    (failed,) = opened(data)
    assert isinstance(failed, Failed)
    assert failed.reason == "unsupported"


def declared_huge() -> bytes:
    return patched(
        package({"a.txt": "x", "b.txt": "y"}), CENTRAL, 24, (MAX_UNPACKED_BYTES - 1).to_bytes(4, "little")
    )


def of_many_files() -> bytes:
    return package({f"{number}.txt": "" for number in range(MAX_MEMBERS + 1)})


def overlapping() -> bytes:
    data = package({"a.txt": "x" * 9, "b.txt": "y" * 9})
    return patched(data, CENTRAL, 42, b"\0\0\0\0")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (declared_huge, r"unpacks to 4\.0 GB, the limit is 2 GB"),
        (of_many_files, r"holds 10,001 files, the limit is 10,000"),
        (overlapping, r"files that overlap"),
    ],
)
def test_archives_made_to_do_harm_are_refused(make: Callable[[], bytes], what: str) -> None:
    with pytest.raises(ArchiveLimitError, match=what):
        opened(make())


def test_a_huge_file_costs_only_itself() -> None:
    data = patched(package({"a.txt": "x"}), CENTRAL, 24, (999_000_000).to_bytes(4, "little"))
    (failed,) = opened(data)
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.message) == (
        "too_large",
        "a.zip/a.txt unpacks to 999 MB, the limit is 200 MB. Split it.",
    )


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (package({"folder/": ""}), EmptyDocumentError),
        (package({}), EmptyDocumentError),
        (package({"a.txt": "x" * 99})[:60], DamagedDocumentError),
        (b"PK\x03\x04" + bytes(100), DamagedDocumentError),
    ],
    ids=["a folder alone", "nothing", "cut off", "zeros behind the mark"],  # a ZIP's bytes hold the time
)
def test_an_archive_without_files_says_why(data: bytes, error: type[DocumentError]) -> None:
    with pytest.raises(error, match=r"a\.zip is"):
        opened(data)


def test_an_archive_in_an_archive_is_a_member_to_open_in_its_turn() -> None:
    inner = package({"b.txt": "text"})
    (member,) = opened(package({"inner.zip": inner}))
    assert member == Member("a.zip/inner.zip", inner)
