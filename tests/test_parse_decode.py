import pytest

from rag.errors import WrongTypeError
from rag.parse import parse
from rag.parse.decode import declared_encoding, decode

GERMAN = "Die Straße führt über die Brücke, größer als alle anderen in der Stadt."
RUSSIAN = "Все люди рождаются свободными и равными в своем достоинстве и правах."
JAPANESE = "すべての人間は、生まれながらにして自由であり、\nかつ、尊厳と権利とについて平等である。"
CHINESE = "人人生而自由，在尊严和权利上一律平等。"
POLISH = "Zażółć gęślą jaźń. Wczoraj poszliśmy do lasu zbierać grzyby i żołędzie."
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια."
CZECH = "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv."
BULGARIAN = "Всички хора се раждат свободни и равни по достойнство и права."
ITALIAN = "L'università gestisce due sedi, e nell'una si può anche abitare."
SCORE = "The Broncos beat the Steelers 23–16 in the round before and the Patriots 20–18 in the last."
TURKISH = "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar."
HEBREW = "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם."
ARABIC = "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق."
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, "a\nb"])
@pytest.mark.parametrize("encoding", UNICODE)
def test_unicode_is_read_with_and_without_a_mark(text: str, encoding: str) -> None:
    decoded = decode("a.txt", text.encode(encoding))
    assert decoded.text == text
    assert decoded.encoding == encoding.removesuffix("-sig")
    assert decoded.guessed == encoding.startswith(("utf-16-", "utf-32-"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((GERMAN, encoding) for encoding in ("cp1252", "latin-1", "iso8859-15", "mac_roman", "cp850")),
        *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8-r", "iso8859-5", "cp866")),
        *((POLISH, encoding) for encoding in ("cp1250", "iso8859-2")),
        *((CZECH, encoding) for encoding in ("cp1250", "iso8859-2")),
        *((ITALIAN, encoding) for encoding in ("cp1252", "mac_roman", "cp850")),
        *((BULGARIAN, "cp1251"), (SCORE, "cp1252")),
        *((JAPANESE, encoding) for encoding in ("shift_jis", "euc_jp", "iso2022_jp")),
        *((CHINESE, encoding) for encoding in ("gb2312", "gb18030")),
        *((GREEK, "cp1253"), (TURKISH, "cp1254"), (HEBREW, "cp1255"), (ARABIC, "cp1256")),
    ],
)
def test_text_in_older_encodings_is_read_and_the_guess_is_told(text: str, encoding: str) -> None:
    decoded = decode("a.txt", text.encode(encoding))
    assert decoded.text == text
    assert decoded.notes == (f"Read as {decoded.encoding}, which is a guess.",)


@pytest.mark.parametrize(
    "text", ["café", "naïve", "Müller", "10 €", "São Paulo", "ß", "The price is £50 – that’s about 58 €."]
)
def test_of_a_few_words_the_guess_is_a_western_one(text: str) -> None:
    assert decode("a.txt", text.encode("cp1252")).text == text


def test_broken_characters_are_counted_where_the_rest_is_sound() -> None:
    decoded = decode("a.txt", (GERMAN * 2).encode() + b"\xff and \xff")
    assert (decoded.encoding, decoded.guessed, decoded.lost) == ("utf-8", False, 2)
    assert decoded.notes == ("2 characters are not valid utf-8 and were replaced.",)


def test_a_replacement_character_that_was_written_is_not_a_broken_one() -> None:
    assert decode("a.txt", "x\ufffdy".encode()).notes == ()


def test_a_zero_byte_or_two_make_no_utf_16() -> None:
    assert decode("a.txt", b"one\x00 two\x00 three and so on").encoding == "utf-8"


def test_a_rare_accent_in_a_large_file_is_found() -> None:
    text = "Nothing but plain letters here.\n" * 20_000 + "Größe und Maß\n"
    assert decode("a.txt", text.encode("cp1252")).text == text


def test_binary_data_is_refused() -> None:
    with pytest.raises(WrongTypeError, match=r"a\.csv should hold text, but seems to be binary data"):
        decode("a.csv", bytes(range(256)) * 4)


def test_the_encoding_and_the_guess_are_kept_with_the_document() -> None:
    document = parse("a.txt", GERMAN.encode("cp1252"))
    assert (document.encoding, document.notes) == ("cp1252", ("Read as cp1252, which is a guess.",))


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("UTF8", "utf-8"),
        (" Latin1 ", "cp1252"),
        ("us-ascii", "cp1252"),
        ("windows-1251", "cp1251"),
        ("iso-8859-15", "iso8859-15"),
        ("cp99", None),
        ("unicode_escape", None),
        ("punycode", None),
        ("base64", None),
        ("", None),
    ],
)
def test_a_declared_encoding_is_one_that_a_file_may_ask_for(label: str, encoding: str | None) -> None:
    assert declared_encoding(label) == encoding
