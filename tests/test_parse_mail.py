from email.message import EmailMessage

import pytest

from rag.errors import DamagedDocumentError, EmptyDocumentError, UnsupportedTypeError
from rag.parse import Member, open_file, parse
from rag.records import Document


def message(subject: str = "Tea", text: str = "Do you want some?") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "bob@example.org", subject
    mail["Date"] = "Mon, 01 Jan 2024 10:00:00 +0000"
    mail.set_content(text)
    return mail


def read(mail: EmailMessage) -> tuple[Document, list[Member]]:
    document, *members = open_file("a.eml", mail.as_bytes())
    assert isinstance(document, Document)
    return document, [member for member in members if isinstance(member, Member)]


def test_a_mail_says_who_wrote_what_to_whom() -> None:
    document, members = read(message("Größe, Übersicht", "Schöne Grüße,\nAnn"))
    assert document.text == (
        "Größe, Übersicht\n\nFrom: Ann <ann@example.org>\nTo: bob@example.org\n"
        "Date: Mon, 01 Jan 2024 10:00:00 +0000\n\nSchöne Grüße,\nAnn"
    )
    assert (document.kind, document.headings[0].title, members) == ("eml", "Größe, Übersicht", [])


def test_of_two_versions_the_plain_one_is_read_unless_it_says_next_to_nothing() -> None:
    mail = message(text="Plain words.")
    mail.add_alternative("<h2>Rich</h2><p>words.</p>", subtype="html")
    assert read(mail)[0].text.endswith("Plain words.")
    mail = message(text="See the other.")
    mail.add_alternative(f"<h2>Rich</h2><p>{'words ' * 40}</p>", subtype="html")
    assert [heading.title for heading in read(mail)[0].headings] == ["Tea", "Rich"]


def test_attached_files_are_members_and_pictures_are_named_in_a_note() -> None:
    mail = message()
    mail.add_attachment(b"a,b", maintype="text", subtype="csv", filename="../Menü.csv")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="logo.png")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf")
    mail.add_attachment(message("Inner"))
    document, members = read(mail)
    assert [member.name for member in members] == [
        "a.eml/Menü.csv",
        "a.eml/attachment-2.pdf",
        "a.eml/message-3.eml",
    ]
    assert members[0].data == b"a,b"
    assert parse("inner.eml", members[2].data).headings[0].title == "Inner"
    assert document.notes == ("Attached, but not read: logo.png.",)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Subject: caf\xe9\nTo: x\n\nbody", "café\n\nTo: x\n\nbody"),
        ("Subject: Käse\n\nbody".encode(), "Käse\n\nbody"),
        (b"Subject: =?utf-8?q?bro=ken?= =?nope?b?eA==?=\n\nbody", "bro=ken"),
        (b"From: @@@ <<>>,;\nDate: never\nSubject: x\n\nbody", "x\n\nFrom: @@@ <<>>,;\nDate: never\n\nbody"),
        (b"Subject: x\nContent-Type: text/plain; charset=nope\n\nna\xefve", "x\n\nnaïve"),
        (b"Subject: =?unicode_escape?q?=5Cx41?=\n\nbody", "\\x41"),
        (b"Subject: x\nContent-Type: text/plain; charset=unicode_escape\n\n\\x41", "x\n\n\\x41"),
        (b"Subject: x\nContent-Transfer-Encoding: base64\n\n!!!", "x"),
        (b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbroken off", "x\n\nbroken off"),
        (b"Subject: x\nContent-Type: multipart/mixed\n\nno boundary", "x"),
        ("Subject: x\n\nwide".encode("utf-16"), "x\n\nwide"),
    ],
)
def test_odd_mails_are_read_as_far_as_they_go(raw: bytes, text: str) -> None:
    assert parse("a.eml", raw).text.startswith(text)


def test_a_text_without_headers_is_read_and_said_not_to_be_a_mail() -> None:
    document = parse("a.eml", b"Just some words.")
    assert document.text == "Just some words."
    assert document.notes == ("It has none of the headers of an e-mail.",)


def test_files_attached_to_nothing_are_still_found() -> None:
    raw = b"Content-Disposition: attachment; filename=a.csv\nContent-Type: text/csv\n\na,b"
    assert list(open_file("a.eml", raw)) == [Member("a.eml/a.csv", b"a,b")]


def test_an_encrypted_mail_is_refused_with_what_to_do() -> None:
    raw = (
        b"Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nx"
    )
    with pytest.raises(UnsupportedTypeError, match=r"is encrypted\. Decrypt it in a mail program"):
        parse("a.eml", raw)


def test_blank_lines_are_no_mail() -> None:
    with pytest.raises(EmptyDocumentError):
        parse("a.eml", b"  \n\n \n")


def test_multiparts_in_multiparts_without_end_are_refused() -> None:
    parts = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000))
    with pytest.raises(DamagedDocumentError, match="its parts cannot be told apart"):
        parse("a.eml", b"Subject: x\n" + "".join(parts).encode() + b"\nbody")


def test_a_web_archive_is_the_page_in_it() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Date"] = "<Saved by Browser>", "Tea", "today"
    mail.set_content("<title>Tea</title><p>A hot drink.</p>", subtype="html")
    mail.make_related()
    mail.add_related(b"\x89PNG", maintype="image", subtype="png")
    document = parse("page.mhtml", mail.as_bytes())
    assert (document.kind, document.text) == ("mhtml", "Tea\n\nA hot drink.")
