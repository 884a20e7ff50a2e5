"""A collection in one file: what comes out goes in again, and what nobody exported does not."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_library

from rag.config import Settings
from rag.errors import LibraryError, NotFoundError
from rag.evidence import Judgment, Question
from rag.ingest import SourceFile
from rag.library import Library
from rag.library.embedders import Embedders
from rag.library.reembed import reembed
from rag.records import Chunking
from rag.service import open_library
from rag.store import Store
from rag.transfer import export_collection, export_file, import_collection
from rag.transfer.parts import DOCUMENTS, JUDGMENTS, MANIFEST, ORIGINALS, QUESTIONS, VECTORS

BREAD = b"# Bread\n\nThe dough rests for ninety minutes under a cloth.\n\n# Oven\n\nIt is cleaned on Fridays."
BOILER = "Se la caldaia si ferma, leggi il manometro \u2066e apri\u2069 il rubinetto. فتح الصنبور.".encode()
FILES = (("bread <b>.md", BREAD), ("boiler.txt", BOILER))

Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, embedders: Embedders) -> Iterator[Library]:
    """A library whose collection "shelf" holds two documents, one with its file, and a judgment."""
    library = open_library(Settings(home=tmp_path_factory.mktemp("transfer")), embedders)
    library.ingest(
        [SourceFile(name, len(data), partial(bytes, data)) for name, data in FILES], collection="shelf"
    )
    _again_with_original(library)
    library.judge(Judgment("How long?", sha256(BREAD).hexdigest(), 9, 30, 3), collection="shelf")
    unsure = Judgment("How long?", sha256(BREAD).hexdigest(), 9, 40, None, "Ada <b>", "which dough?")
    library.judge(unsure, collection="shelf")
    library.store.questions.add("shelf", [Question("How long?", "q1", "imported"), Question("Quanto?")])
    library.store.questions.remove("shelf", "Was it asked?")
    library.store.judgments.set_guidelines("shelf", "3 answers it fully.")
    yield library
    library.close()


@pytest.fixture
def filled(stocked: Library) -> Iterator[Library]:
    """The same library for each test, which may add to it, but not take from it."""
    yield stocked
    for name in set(stocked.collections()) - {"shelf"}:
        stocked.delete_collection(name)


def _again_with_original(library: Library) -> None:
    info = next(one for one in library.documents("shelf") if one.name == "bread <b>.md")
    document, chunks = library.document("shelf", info.id)
    keys = library.store.chunk_keys("shelf", document_id=info.id)
    embedder = library.embedder("shelf")
    vectors = library.store.vectors.of(keys, model=embedder.info.sha256, dim=embedder.dim)
    library.delete(info.id, collection="shelf")
    library.store.put_document(
        "shelf", document, size_bytes=info.size_bytes, chunks=chunks, vectors=vectors,
        embedder=embedder.info, chunking=Chunking(100, 20), original=BREAD,
    )  # fmt: skip


def exported(library: Library, name: str = "shelf") -> bytes:
    out = io.BytesIO()
    export_collection(library, name, out)
    return out.getvalue()


def parts_of(data: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(parts: Parts) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


def signed(parts: Parts, **told: Any) -> bytes:
    """The export with these parts, its manifest telling their true sizes and hashes, and what is `told`."""
    named = {name: data for name, data in parts.items() if name != MANIFEST}
    sizes = {name: {"bytes": len(d), "sha256": sha256(d).hexdigest()} for name, d in named.items()}
    manifest = {**json.loads(parts[MANIFEST]), "parts": sizes, **told}
    return packed({**named, MANIFEST: json.dumps(manifest).encode()})


def with_document(parts: Parts, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The export with its first document changed."""
    lines = parts[DOCUMENTS].splitlines()
    record = json.loads(lines[0])
    change(record)
    return signed({**parts, DOCUMENTS: b"\n".join([json.dumps(record).encode(), *lines[1:], b""])})


def test_what_was_exported_comes_back_equal(filled: Library) -> None:
    outcome = import_collection(filled, io.BytesIO(exported(filled)), "copy")
    assert (outcome.documents, outcome.judgments, outcome.questions, outcome.embedded) == (2, 2, 2, False)
    before, after = filled.documents("shelf"), filled.documents("copy")
    assert [replace(one, added_at="") for one in before] == [replace(one, added_at="") for one in after]
    for info in before:
        assert filled.document("shelf", info.id) == filled.document("copy", info.id)
        assert filled.original("shelf", info.id) == filled.original("copy", info.id)
    assert filled.judgments("shelf") == filled.judgments("copy")
    assert filled.store.questions.of("shelf") == filled.store.questions.of("copy")
    assert filled.store.questions.removed("copy") == {"Was it asked?"}
    assert filled.store.judgments.guidelines("copy") == "3 answers it fully."


def test_a_second_export_has_the_same_documents_vectors_and_judgments(filled: Library) -> None:
    first = exported(filled)
    import_collection(filled, io.BytesIO(first), "copy")
    one, other = parts_of(first), parts_of(exported(filled, "copy"))
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == {MANIFEST}


_NEW_FIELDS = ("questions", "removed", "guidelines")


def as_first_version(parts: Parts) -> bytes:
    """The export as the first version wrote it: no questions, no guidelines, no judges."""
    told = {k: v for k, v in json.loads(parts[MANIFEST]).items() if k not in _NEW_FIELDS}
    judgment = {"query": "How long?", "document_id": sha256(BREAD).hexdigest(), "start": 9, "end": 30}
    lines = json.dumps({**judgment, "grade": 3}).encode() + b"\n"
    kept = {name: data for name, data in parts.items() if name != QUESTIONS}
    return signed({**kept, JUDGMENTS: lines, MANIFEST: json.dumps(told).encode()}, version=1, judgments=1)


def test_an_export_of_the_first_version_is_still_read(filled: Library) -> None:
    outcome = import_collection(filled, io.BytesIO(as_first_version(parts_of(exported(filled)))), "copy")
    assert (outcome.documents, outcome.judgments, outcome.questions) == (2, 1, 0)
    (judgment,) = filled.judgments("copy")
    assert (judgment.grade, judgment.judge, judgment.note) == (3, "", "")


def test_an_imported_collection_is_searched_like_the_first(filled: Library) -> None:
    import_collection(filled, io.BytesIO(exported(filled)), "copy")
    vector = filled.embedders.default.embed_query("How long does the dough rest?")
    found = [filled.searcher(name).nearest(vector, 2) for name in ("shelf", "copy")]
    assert found[0] == found[1]


def test_an_empty_collection_can_be_taken_along(library: Library) -> None:
    library.create_collection("bare")
    import_collection(library, io.BytesIO(exported(library, "bare")), "copy")
    assert library.documents("copy") == ()
    with pytest.raises(NotFoundError):
        exported(library, "nowhere")


def test_the_name_is_the_exports_own_unless_another_is_given(filled: Library, library: Library) -> None:
    data = exported(filled)
    with pytest.raises(LibraryError, match="There is a collection 'shelf' already"):
        import_collection(filled, io.BytesIO(data))
    assert import_collection(library, io.BytesIO(data)).collection == "shelf"


def test_vectors_of_an_embedder_that_is_not_here_are_refused_unless_made_anew(filled: Library) -> None:
    parts = parts_of(exported(filled))
    data = signed(parts, embedder={"id": "try/embedder", "sha256": "0" * 64})
    with pytest.raises(LibraryError, match="made by try/embedder, which is not on this machine"):
        import_collection(filled, io.BytesIO(data), "copy")
    outcome = import_collection(filled, io.BytesIO(data), "copy", reembed=True)
    assert outcome.embedded
    assert parts_of(exported(filled, "copy"))[VECTORS] == parts[VECTORS]


def test_a_cancelled_import_leaves_nothing(filled: Library) -> None:
    looks = iter([False, True])
    with pytest.raises(LibraryError, match="was cancelled"):
        import_collection(filled, io.BytesIO(exported(filled)), "copy", cancelled=lambda: next(looks))
    assert filled.collections() == ("shelf",)


def test_what_a_killed_import_left_is_replaced_by_the_next(filled: Library) -> None:
    data = exported(filled)
    import_collection(filled, io.BytesIO(data), "copy (importing)")
    import_collection(filled, io.BytesIO(data), "copy")
    assert filled.collections() == ("copy", "shelf")


def not_a_zip(_parts: Parts) -> bytes:
    return b"PK\x03\x04 and no more"


def damaged(parts: Parts) -> bytes:
    return packed({**parts, VECTORS: parts[VECTORS][:-1] + b"\x00"})


def without_vectors(parts: Parts) -> bytes:
    return signed({name: data for name, data in parts.items() if name != VECTORS})


def with_a_stranger(parts: Parts) -> bytes:
    return signed({**parts, "../../etc/cron.d/x": b"* * * * * root x"})


def of_another_version(parts: Parts) -> bytes:
    return signed(parts, version=3)


def fewer_than_told(parts: Parts) -> bytes:
    return signed(parts, documents=3)


def vectors_without_end(parts: Parts) -> bytes:
    rows = np.frombuffer(parts[VECTORS], dtype="<f4").copy()
    rows[5] = np.nan
    return signed({**parts, VECTORS: rows.tobytes()})


def vectors_of_length_two(parts: Parts) -> bytes:
    return signed({**parts, VECTORS: (np.frombuffer(parts[VECTORS], dtype="<f4") * 2).tobytes()})


def a_span_outside(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["chunks"][0].update(end=10**6))


def spans_of_words(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["chunks"][0].update(start="0"))


def an_unclean_text(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["document"].update(text="x\x00" * 500))


def an_unclean_name(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["document"].update(name="\u202efdp.exe"))


def an_id_that_is_none(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["document"].update(id="../x"))


def a_file_that_is_not_there(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record.update(original="f" * 64))


def a_file_under_a_false_name(parts: Parts) -> bytes:
    return signed({**parts, ORIGINALS + "e" * 64: b"another"})


def a_document_twice(parts: Parts) -> bytes:
    lines = parts[DOCUMENTS].splitlines(keepends=True)
    return signed({**parts, DOCUMENTS: lines[0] * 2})


def a_judgment_of_four(parts: Parts) -> bytes:
    return signed({**parts, JUDGMENTS: parts[JUDGMENTS].replace(b'"grade":3', b'"grade":4')})


def a_judge_with_too_long_a_name(parts: Parts) -> bytes:
    return signed({**parts, JUDGMENTS: parts[JUDGMENTS].replace(b"Ada", b"A" * 100)})


def judged_at_no_time(parts: Parts) -> bytes:
    lines = parts[JUDGMENTS].replace(b'"judged_at":"', b'"judged_at":"<script>')
    return signed({**parts, JUDGMENTS: lines})


def a_question_of_nothing(parts: Parts) -> bytes:
    return signed({**parts, QUESTIONS: parts[QUESTIONS].replace(b'"Quanto?"', b'""')})


def fewer_questions_than_told(parts: Parts) -> bytes:
    return signed({**parts, QUESTIONS: b""})


def guidelines_without_end(parts: Parts) -> bytes:
    return signed(parts, guidelines="x" * 30_000)


def deeply_nested(parts: Parts) -> bytes:
    return signed({**parts, DOCUMENTS: b"[" * 200_000 + b"\n"})


def a_bomb(parts: Parts) -> bytes:
    return signed({**parts, DOCUMENTS: b" " * 150_000_000})


def without_chunks(parts: Parts) -> bytes:
    n = len(json.loads(parts[DOCUMENTS].splitlines()[0])["chunks"])
    chunks = json.loads(parts[MANIFEST])["chunks"] - n
    dim = json.loads(parts[MANIFEST])["dim"]
    lines = parts[DOCUMENTS].splitlines()
    first = json.dumps({**json.loads(lines[0]), "chunks": []}).encode()
    documents = b"\n".join([first, *lines[1:], b""])
    return signed({**parts, DOCUMENTS: documents, VECTORS: parts[VECTORS][n * dim * 4 :]}, chunks=chunks)


def a_chunk_of_no_tokens(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["chunks"][0].update(tokens=0))


def a_chunk_on_no_page(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["chunks"][0].update(page=7))


def a_chunk_below_a_book(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record["chunks"][0].update(headings=["x" * 20_000]))


def headings_out_of_order(parts: Parts) -> bytes:
    headings = [{"level": 1, "title": "x", "start": start} for start in (9, 2)]
    return with_document(parts, lambda record: record["document"].update(headings=headings))


def chunks_of_one_token(parts: Parts) -> bytes:
    return with_document(parts, lambda record: record.update(chunking={"target": 1, "overlap": 0}))


def chunks_that_are_all_the_text(parts: Parts) -> bytes:
    spans = [{"start": n, "end": 5000, "tokens": 9} for n in range(20)]
    record = json.loads(parts[DOCUMENTS].splitlines()[0])
    record = {
        **record,
        "document": {**record["document"], "text": "x" * 5000, "headings": []},
        "chunks": spans,
    }
    dim = json.loads(parts[MANIFEST])["dim"]
    vectors = np.eye(1, dim, dtype="<f4").repeat(20, axis=0).tobytes()
    documents = json.dumps(record).encode() + b"\n"
    return signed({**parts, DOCUMENTS: documents, VECTORS: vectors}, documents=1, chunks=20)


def a_file_of_another_document(parts: Parts) -> bytes:
    digest = sha256(b"another").hexdigest()
    changed = parts_of(with_document(parts, lambda record: record.update(original=digest, size_bytes=7)))
    return signed({**changed, ORIGINALS + digest: b"another"})


def a_manifest_that_cannot_be_unpacked(parts: Parts) -> bytes:
    data, name = bytearray(packed(parts)), MANIFEST.encode()
    start = data.index(name) + len(name)
    data[start : start + 40] = b"\xff" * 40
    return bytes(data)


def packed_another_way(parts: Parts) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


def nothing_that_was_removed(parts: Parts) -> bytes:
    return signed(parts, removed=[""])


HOSTILE = [
    not_a_zip, damaged, without_vectors, with_a_stranger, of_another_version, fewer_than_told,
    vectors_without_end, vectors_of_length_two, a_span_outside, spans_of_words, an_unclean_text,
    an_unclean_name, an_id_that_is_none, a_file_that_is_not_there, a_file_under_a_false_name,
    a_document_twice, a_judgment_of_four, deeply_nested, a_bomb, without_chunks, a_chunk_of_no_tokens,
    a_chunk_on_no_page, a_chunk_below_a_book, headings_out_of_order, chunks_of_one_token,
    chunks_that_are_all_the_text, a_file_of_another_document, a_manifest_that_cannot_be_unpacked,
    packed_another_way, a_judge_with_too_long_a_name, judged_at_no_time, a_question_of_nothing,
    fewer_questions_than_told, guidelines_without_end, nothing_that_was_removed,
]  # fmt: skip


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_what_nobody_exported_is_refused_and_leaves_nothing(
    filled: Library, spoil: Callable[[Parts], bytes]
) -> None:
    data = spoil(parts_of(exported(filled)))
    with pytest.raises(LibraryError, match="no collection that RerankLens has exported, or it is damaged"):
        import_collection(filled, io.BytesIO(data), "copy")
    assert filled.collections() == ("shelf",)


def test_a_file_in_it_may_be_no_larger_than_one_that_is_added(filled: Library, tmp_path: Path) -> None:
    home, embedders = tmp_path, filled.embedders
    store, parsers = Store(home / "library.db"), filled.parsers
    small = Library(store, embedders, parsers, home=home, max_file_bytes=50)
    with closing(store), pytest.raises(LibraryError, match="RAG_MAX_UPLOAD_MB"):
        import_collection(small, io.BytesIO(exported(filled)))
    with closing(Store(home / "library.db")) as again:
        assert again.collections() == ()


class Watched(io.BytesIO):
    """Remembers the most that was asked for at once."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        self.most = max(self.most, size or 0)
        return super().read(size)


def test_a_list_of_parts_without_end_is_not_read(filled: Library) -> None:
    data = bytearray(bytes(30_000_000) + exported(filled))
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 16] = (25_000_000).to_bytes(4, "little")
    with pytest.raises(LibraryError, match="it is no ZIP file"):
        import_collection(filled, stream := Watched(data), "copy")
    assert stream.most < 25_000_000


def test_what_is_being_imported_is_left_alone(filled: Library) -> None:
    data, refused = exported(filled), []

    def interfere(done: int, _total: int) -> None:
        for other in (
            lambda: import_collection(filled, io.BytesIO(data), "copy"),
            lambda: filled.delete_collection("copy (importing)"),
            lambda: filled.rename_collection("copy (importing)", "mine"),
        ):
            with pytest.raises(LibraryError, match="is being") as caught:
                other()
            refused.append(caught.value)

    import_collection(filled, io.BytesIO(data), "copy", on_progress=interfere)
    assert (len(refused), len(filled.documents("copy"))) == (6, 2)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_export_is_refused(filled: Library, cut: float) -> None:
    data = exported(filled)
    with pytest.raises(LibraryError, match="Export it again"):
        import_collection(filled, io.BytesIO(data[: int(len(data) * cut)]), "copy")
    assert filled.collections() == ("shelf",)


def test_an_export_that_the_disk_has_no_room_for_is_said_and_leaves_no_file(
    filled: Library, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    out, limits = tmp_path / "shelf.zip", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(LibraryError, match="cannot be written: File too large"):
            export_file(filled, "shelf", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    export_file(filled, "shelf", out)
    assert list(tmp_path.iterdir()) == [out]


def test_an_export_does_not_go_on_with_another_collection(tmp_path: Path) -> None:
    with toy_library.opened(tmp_path, "a/model", "second/model") as library:
        toy_library.ingest(library, {f"{n}.txt": f"The text of {n}." for n in range(3)})

        def change(done: int, _total: int) -> None:
            if done == 1:
                reembed(library, "c", "second/model")

        def rename(done: int, total: int) -> None:
            if done == total:
                library.rename_collection("c", "d")

        for act in (change, rename):
            with pytest.raises(LibraryError, match="changed while it was exported"):
                export_collection(library, "c", io.BytesIO(), on_progress=act)
