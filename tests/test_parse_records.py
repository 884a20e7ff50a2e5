import json
import tracemalloc
from hashlib import sha256

import pytest

from rag.errors import DamagedDocumentError, EmptyDocumentError
from rag.parse import Failed, open_file
from rag.records import Document


def read(name: str, text: str) -> list[Document]:
    return [item for item in open_file(name, text.encode()) if isinstance(item, Document)]


def failures(name: str, text: str) -> list[Failed]:
    return [item for item in open_file(name, text.encode()) if isinstance(item, Failed)]


def test_a_line_of_a_corpus_is_a_document_with_its_title_as_heading() -> None:
    line = '{"_id": "doc-7", "title": "Tea", "text": "A hot drink.", "metadata": {}}'
    (document,) = read("corpus.jsonl", line + "\n\n")
    assert (document.name, document.kind, document.text) == (
        "corpus.jsonl#doc-7",
        "jsonl",
        "Tea\n\nA hot drink.",
    )
    assert document.id == sha256(line.encode()).hexdigest()
    assert [(heading.title, heading.start) for heading in document.headings] == [("Tea", 0)]


def test_an_unchanged_record_keeps_its_id_wherever_it_stands() -> None:
    one, two = '{"id": 1, "text": "one"}', '{"id": 2, "text": "two"}'
    assert {d.id for d in read("a.jsonl", f"{one}\n{two}")} == {
        d.id for d in read("a.jsonl", f"{two}\r\n{one}\r\n")
    }
    assert read("a.json", f"[{one}]")[0].id == read("a.json", '[{"text":"one","id":1}, {"a": 2}]')[0].id


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"name": "Tea", "price": 2.50, "open": True, "note": None}, "Tea\n\nprice: 2.5\nopen: true"),
        ({"body": "Long text", "tags": ["a", "b"]}, "Long text\n\ntags: a, b"),
        (
            {"title": "T", "by": {"name": "Ann", "at": {"city": "Rome"}}},
            "T\n\nby.name: Ann\nby.at.city: Rome",
        ),
        ({"people": [{"name": "Ann"}, {"name": "Bob"}]}, "people.name: Ann\npeople.name: Bob"),
        ("just a string", "just a string"),
        (["a", ["b", 3]], "a\nb, 3"),
    ],
)
def test_the_fields_of_a_record_are_lines(record: object, text: str) -> None:
    assert read("a.jsonl", json.dumps(record) + '\n{"text": "x"}')[0].text == text


def test_numbers_are_kept_as_they_are_written() -> None:
    written = '{"a": 1.50, "b": 1' + "0" * 5000 + ', "c": NaN}'
    assert read("a.json", written)[0].text == "a: 1.50\nb: 1" + "0" * 5000 + "\nc: NaN"


def test_a_broken_line_is_told_by_its_number_and_the_rest_is_read() -> None:
    text = 'oops\n{"text": "one"}\n{"text": \n' + "[" * 100_000 + '\n{"x": null}\n{"text": "two"}'
    assert [document.name for document in read("a.jsonl", text)] == ["a.jsonl#2", "a.jsonl#6"]
    broken = failures("a.jsonl", text)
    assert [(item.name, item.reason) for item in broken] == [
        *((f"a.jsonl#{line}", "damaged") for line in (1, 3, 4)),
        ("a.jsonl#5", "empty"),
    ]
    assert "line 3 is not JSON (Expecting value at column" in broken[1].message
    assert "nested too deep" in broken[2].message


def test_records_with_one_id_keep_names_of_their_own() -> None:
    text = '{"id": "a", "text": "one"}\n{"id": "a", "text": "two"}'
    assert [document.name for document in read("x.jsonl", text)] == ["x.jsonl#a", "x.jsonl#a (2)"]


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("a.json", '[{"text": "x"}, {"text": "y"}]', ["a.json#1", "a.json#2"]),
        ("a.json", '{"v": 1, "data": [{"text": "x"}, {"text": "y"}]}', ["a.json#1", "a.json#2"]),
        ("a.json", '{"title": "x", "items": [{"text": "y"}]}', ["a.json"]),
        ("a.json", '{"text": "x"}\n{"text": "y"}', ["a.json#1", "a.json#2"]),
        ("a.jsonl", '[\n{"text": "x"},\n{"text": "y"}\n]', ["a.jsonl#1", "a.jsonl#2"]),
        ("a.jsonl", '[{"text": "x"}, {"text": "y"}]', ["a.jsonl#1", "a.jsonl#2"]),
        ("a.ndjson", '{\n"text": "x"\n}', ["a.ndjson"]),
    ],
)
def test_records_are_found_in_either_form(name: str, text: str, names: list[str]) -> None:
    assert [document.name for document in read(name, text)] == names


def test_what_follows_a_break_in_an_array_is_told_to_be_lost() -> None:
    text = '[{"text": "x"}, {"text": "y"}, {"text" "z"}]'
    assert len(read("a.json", text)) == 2
    assert "record 3 and all after it cannot be read" in failures("a.json", text)[0].message


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", '{"a": 1,}', "no JSON", "1 2"])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_is_no_json_is_damaged(name: str, text: str) -> None:
    with pytest.raises(DamagedDocumentError, match=r"not sound JSON|should hold JSON in each line"):
        list(open_file(name, text.encode()))


@pytest.mark.parametrize("text", ["[]", "{}", "null", "\n\n"])
def test_a_file_without_records_is_empty(text: str) -> None:
    with pytest.raises(EmptyDocumentError):
        list(open_file("a.json", text.encode()))


def test_records_are_made_one_at_a_time() -> None:
    data = b'{"text": "' + b"word " * 40 + b'"}\n'
    tracemalloc.start()
    count = sum(1 for _ in open_file("a.jsonl", data * 5000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5000
    assert peak < 5 * len(data) * 5000 + 20_000_000
