"""Numbers, times and sizes read as people write them."""

import pytest

from rag.amounts import bytes_in_words, counted, duration, listed, milliseconds


def test_one_thing_is_not_many() -> None:
    assert (counted(1, "file"), counted(0, "file"), counted(5412, "file")) == (
        "1 file",
        "0 files",
        "5,412 files",
    )


@pytest.mark.parametrize(("things", "words"), [([3], "3"), ([3, 5], "3 and 5"), ("abc", "a, b and c")])
def test_the_last_of_several_things_comes_after_an_and(things: list[object], words: str) -> None:
    assert listed(things) == words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.00 ms"),
        (0.000314, "0.31 ms"),
        (0.0084, "8.4 ms"),
        (0.562, "562 ms"),
        (12.3456, "12,346 ms"),
    ],
)
def test_a_time_is_shown_with_the_digits_it_deserves(seconds: float, shown: str) -> None:
    assert milliseconds(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (8.44, "8.4 s"), (52.4, "52 s"), (60, "1 min 0 s"), (185.4, "3 min 5 s")],
)
def test_a_longer_time_is_shown_in_seconds_and_minutes(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "0 bytes"),
        (640, "640 bytes"),
        (812_000, "812 kB"),
        (34_000_000, "34 MB"),
        (999_400_000, "999 MB"),
        (2_300_000_000, "2.3 GB"),
    ],
)
def test_a_size_is_shown_in_its_unit(n: int, words: str) -> None:
    assert bytes_in_words(n) == words
