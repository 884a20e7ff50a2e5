"""`/api/documents` of the real server: files go in, are listed, are found, and are gone again."""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from api_client import Answer, Server, error_message, multipart
from servers import ROOT

TEXT = b"The dough rests for ninety minutes under a damp cloth."
OTHER = b"If the boiler stops, read the pressure gauge."
MB = 1_000_000
_numbers = count()


@pytest.fixture
def collection() -> str:
    """The name of a collection that no other test uses."""
    return f"documents {next(_numbers)}"


def path_of(collection: str, document_id: str = "") -> str:
    return (
        f"/api/documents{'/' if document_id else ''}{document_id}?collection={collection.replace(' ', '%20')}"
    )


def listed(server: Server, collection: str) -> list[dict[str, Any]]:
    got = server.send("GET", path_of(collection))
    assert (got.status, got.body["collection"]) == (200, collection)
    return list(got.body["documents"])


def outcomes(got: Answer) -> list[tuple[str, str]]:
    assert got.status == 200, got.body
    return [(file["name"], file["status"]) for file in got.body["files"]]


def test_a_file_goes_in_is_found_and_is_gone_again(server: Server, collection: str) -> None:
    got = server.upload(("bread.txt", TEXT), ("boiler.txt", OTHER), collection=collection)
    assert outcomes(got) == [("bread.txt", "added"), ("boiler.txt", "added")]
    bread = hashlib.sha256(TEXT).hexdigest()
    assert [document["id"] for document in listed(server, collection) if document["name"] == "bread.txt"] == [
        bread
    ]

    hits = server.query(query="dough", collection=collection, document_id=bread).body["retrieved"]
    assert [hit["document"] for hit in hits] == ["bread.txt"]

    gone = server.send("DELETE", path_of(collection, bread))
    assert gone.body == {"collection": collection, "deleted": {"id": bread, "name": "bread.txt"}}
    assert [document["name"] for document in listed(server, collection)] == ["boiler.txt"]
    assert bread in error_message(server.send("DELETE", path_of(collection, bread)), 404)
    error_message(server.query(query="dough", collection=collection, document_id=bread), 404)


def test_an_outcome_says_what_was_added(server: Server, collection: str) -> None:
    (file,) = server.upload(("bread.txt", TEXT), collection=collection).body["files"]
    assert file == {
        "name": "bread.txt",
        "status": "added",
        "message": "bread.txt: 1 chunk, English.",
        "document_id": hashlib.sha256(TEXT).hexdigest(),
        "document": "bread.txt",
        "pages": 0,
        "chunks": 1,
        "reason": None,
        "language": "en",
        "encoding": "utf-8",
        "documents": 0,
    }


def test_a_listing_says_what_each_document_is(server: Server, collection: str) -> None:
    server.upload(("bread.txt", TEXT), collection=collection)
    (document,) = listed(server, collection)
    of_its_text = {"language": "en", "encoding": "utf-8", "notes": [], "has_original": False}
    assert of_its_text.items() <= document.items()
    assert document["chunking"] == {"target": 220, "overlap": 40}
    assert (document["size_bytes"], document["chunks"], document["pages"]) == (len(TEXT), 1, 0)
    assert document.keys() - of_its_text.keys() == {
        *("id", "name", "kind", "size_bytes", "pages", "chunks", "added_at", "chunking")
    }


def test_a_listing_names_every_collection_that_holds_something(server: Server, collection: str) -> None:
    server.upload(("bread.txt", TEXT), ("boiler.txt", OTHER), collection=collection)
    body = server.send("GET", "/api/documents").body
    assert {"name": collection, "documents": 2, "chunks": 2} in body["collections"]
    assert body["collection"] == "default"


def test_a_collection_that_does_not_exist_is_listed_as_empty(server: Server, collection: str) -> None:
    got = server.send("GET", path_of(collection))
    assert got.body["documents"] == []
    assert collection not in [other["name"] for other in got.body["collections"]]


def test_the_address_may_name_the_collection(server: Server, collection: str) -> None:
    got = server.upload(("bread.txt", TEXT), path=path_of(collection))
    assert got.body["collection"] == collection
    assert [document["name"] for document in listed(server, collection)] == ["bread.txt"]


def test_where_both_name_a_collection_the_address_counts(server: Server, collection: str) -> None:
    got = server.upload(("bread.txt", TEXT), path=path_of(collection), collection="overruled")
    assert got.body["collection"] == collection


def test_the_same_file_twice_is_unchanged(server: Server, collection: str) -> None:
    twice = server.upload(("bread.txt", TEXT), ("bread.txt", TEXT), collection=collection)
    assert outcomes(twice) == [("bread.txt", "added"), ("bread.txt", "unchanged")]
    again = server.upload(("loaf.txt", TEXT), collection=collection)
    assert outcomes(again) == [("loaf.txt", "unchanged")]
    assert "bread.txt" in again.body["files"][0]["message"]


def test_a_new_version_takes_the_older_ones_place(server: Server, collection: str) -> None:
    server.upload(("bread.txt", TEXT), collection=collection)
    assert outcomes(server.upload(("bread.txt", OTHER), collection=collection)) == [("bread.txt", "replaced")]
    assert [document["id"] for document in listed(server, collection)] == [hashlib.sha256(OTHER).hexdigest()]


def test_a_file_that_fails_costs_itself_alone(server: Server, collection: str) -> None:
    got = server.upload(
        ("empty.txt", b""), ("bread.txt", TEXT), ("x.exe", b"MZ\x00\x01"), collection=collection
    )
    assert outcomes(got) == [("empty.txt", "failed"), ("bread.txt", "added"), ("x.exe", "failed")]
    assert all(file["message"] for file in got.body["files"])


def test_the_server_answers_while_it_reads_a_file_that_takes_long(server: Server, collection: str) -> None:
    server.upload(("bread.txt", TEXT), collection=collection)
    with ThreadPoolExecutor(1) as thread:
        upload = thread.submit(server.upload, ("commas.csv", b"," * 8_000_000), collection=collection)
        waits = []
        while not upload.done():
            began = time.monotonic()
            assert server.send("GET", "/healthz").status == 200
            assert server.query(query=f"bread {began}", collection=collection).status == 200
            waits.append(time.monotonic() - began)
    assert outcomes(upload.result()) == [("commas.csv", "failed")]
    assert len(waits) >= 3
    assert max(waits) < 1


def test_every_kind_of_the_samples_goes_in(server: Server, collection: str) -> None:
    samples = {path.suffix: path for path in sorted((ROOT / "data").rglob("*.*")) if path.suffix in KINDS}
    got = server.upload(*((path.name, path.read_bytes()) for path in samples.values()), collection=collection)
    assert {status for _, status in outcomes(got)} == {"added"}
    assert len(samples) > 1


KINDS = (".txt", ".md", ".html", ".pdf", ".docx")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\notes.txt", "notes.txt"),
        ("a\tb.txt", "a b.txt"),
        ("bell\x07.txt", "bell.txt"),
        ("🎉 Città.txt", "🎉 Città.txt"),
        ("x" * 1000 + ".txt", "x" * 196 + ".txt"),
        ("%2e%2e%2fa.txt", "%2e%2e%2fa.txt"),
        ("'; DROP TABLE documents; --.txt", "'; DROP TABLE documents; --.txt"),
    ],
    ids=["climbs", "windows", "tab", "bell", "emoji", "long", "percent", "sql"],
)
def test_a_file_name_is_shown_as_one_plain_line(
    server: Server, server_env: dict[str, str], collection: str, sent: str, kept: str
) -> None:
    got = server.upload((sent, TEXT + sent.encode()), collection=collection)
    assert outcomes(got) == [(kept, "added")]
    assert [document["name"] for document in listed(server, collection)] == [kept]
    assert not list(Path(server_env["RAG_HOME"]).rglob("*passwd*"))


def test_a_hundred_files_are_the_most(server: Server, collection: str) -> None:
    files = [(f"{n}.txt", b"") for n in range(101)]
    assert "100" in error_message(server.upload(*files, collection=collection), 413)
    assert len(outcomes(server.upload(*files[:100], collection=collection))) == 100


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
    ],
)
def test_what_is_no_form_is_refused(server: Server, content_type: str | None) -> None:
    got = server.send("POST", "/api/documents", b"--x--", content_type=content_type)
    assert "multipart/form-data" in error_message(got, 415)


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=", b"--x--"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n--y--"),
        ("multipart/form-data; boundary=x", b"--x\r\nno colon here\r\n\r\nabc\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nabc\r\n--x--"),
        ("multipart/form-data; boundary=x", b"\x00" * 1000),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
        ("multipart/form-data; boundary=\u00e9", b"--\xc3\xa9--"),
    ],
    ids=["none", "empty", "another", "head", "nameless", "nuls", "long", "not ascii"],
)
def test_a_broken_form_is_malformed(server: Server, content_type: str, data: bytes) -> None:
    error_message(server.send("POST", "/api/documents", data, content_type=content_type), 400)


@pytest.mark.parametrize("data", [b"", b"--x--\r\n", b"--x\r\n", TEXT])
def test_a_form_that_breaks_off_adds_nothing(server: Server, data: bytes) -> None:
    got = server.send("POST", "/api/documents", data, content_type="multipart/form-data; boundary=x")
    error_message(got, 400, 422)


def test_a_form_without_a_file_is_refused(server: Server, collection: str) -> None:
    assert "no file" in error_message(server.upload(collection=collection), 422)


def test_a_file_that_breaks_off_is_not_added(server: Server, collection: str) -> None:
    whole, content_type = multipart([("bread.txt", TEXT)], {"collection": collection})
    cut = whole[: whole.rindex(TEXT) + len(TEXT) - 10]
    error_message(server.send("POST", "/api/documents", cut, content_type=content_type), 400, 422)
    assert listed(server, collection) == []


def test_a_field_without_end_is_refused(server: Server) -> None:
    error_message(server.upload(("bread.txt", TEXT), collection="x" * 2 * MB), 400, 413)


@pytest.mark.parametrize("name", ["x" * 65, " ", "a\nb", "\x00"])
def test_what_cannot_name_a_collection_is_refused(server: Server, name: str) -> None:
    message = error_message(server.upload(("bread.txt", TEXT), collection=name), 422)
    assert "64" in message
    assert "x" * 65 not in message


def test_a_file_over_the_limit_fails_alone(server: Server, collection: str) -> None:
    got = server.upload(("big.txt", b"x" * (50 * MB + 1)), ("bread.txt", TEXT), collection=collection)
    assert outcomes(got) == [("big.txt", "failed"), ("bread.txt", "added")]
    assert "RAG_MAX_UPLOAD_MB" in got.body["files"][0]["message"]


def test_an_endless_upload_is_cut_off(server: Server) -> None:
    head, content_type = multipart([("big.txt", b"@")])
    before, after = head.split(b"@")

    def parts() -> Iterator[bytes]:
        yield before
        for _ in range(500):
            yield b"x" * MB
        yield after

    resident = server.figures()["process_resident_memory_bytes"]
    got, sent = server.stream("/api/documents", parts(), content_type=content_type)
    assert "Send fewer files" in error_message(got, 413)
    assert sent < 230 * MB
    assert server.figures()["process_resident_memory_bytes"] - resident < 60 * MB


def test_uploads_at_once_are_all_taken(server: Server, collection: str) -> None:
    got: list[Answer] = []
    threads = [
        threading.Thread(
            target=lambda n=n: got.append(
                server.upload((f"{n}.txt", f"Text number {n}.".encode()), collection=collection)
            )
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in got) == [200] * 4
    assert len(listed(server, collection)) == 4
