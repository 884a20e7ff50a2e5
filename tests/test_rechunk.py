"""Chunks of another length: cut from the stored text, searched all the while, resumed where it stopped."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_embedder import WordCounter
from toy_library import add, broken, found, ingest, opened

from rag.chunk import TARGETS, split
from rag.errors import LibraryError, NotFoundError
from rag.library import Library
from rag.library.reembed import reembed
from rag.records import DEFAULT_CHUNKING, Chunking, Document, Heading
from rag.store.contents import headings_of

SHORT = Chunking(60, 10)
TEXT = "\n\n".join(
    f"# Part {n}\n\nAs an opening.\n\n## Floor {n}\n\n" + "The boiler here needs a valve. " * 80
    for n in range(4)
)
FILES = {f"{n}.md": f"{TEXT}\n\nThe end of {n}." for n in range(5)}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path, "first/model", "second/model") as library:
        ingest(library, FILES)
        yield library


def test_every_document_is_cut_as_if_it_had_been_added_so(library: Library, tmp_path: Path) -> None:
    outcome = library.rechunk("c", SHORT)
    embedder = WordCounter()
    for info in library.documents("c"):
        document, chunks = library.document("c", info.id)
        assert chunks == split(document, embedder.offsets, room=embedder.passage_room, chunking=SHORT)
    assert (outcome.documents, outcome.pending, library.chunking("c")) == (5, 0, SHORT)
    assert outcome.message == (
        "Collection 'c' now has chunks of about 60 tokens, with 10 of the one before: 5 documents cut anew."
    )
    assert broken(tmp_path) == []


def test_there_and_back_is_as_before(library: Library) -> None:
    before = [library.document("c", info.id) for info in library.documents("c")], found(library)
    for chunking in (SHORT, DEFAULT_CHUNKING):
        library.rechunk("c", chunking)
    assert ([library.document("c", info.id) for info in library.documents("c")], found(library)) == before


def test_a_new_file_is_cut_as_its_collection_is(library: Library) -> None:
    library.rechunk("c", SHORT)
    document = add(library, "new.md", f"{TEXT} It is new.")
    info = next(info for info in library.documents("c") if info.id == document)
    assert (info.chunking, info.chunks) == (SHORT, library.documents("c")[0].chunks)


def test_a_run_that_is_cancelled_keeps_what_is_done_and_the_next_goes_on(
    library: Library, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    outcome = library.rechunk(
        "c", SHORT, on_progress=lambda *at: seen.append(at), cancelled=lambda: len(seen) > 2
    )
    assert (seen, outcome.documents, outcome.pending) == ([(0, 5), (1, 5), (2, 5)], 2, 3)
    assert outcome.message.startswith("Cancelled: 2 documents of collection 'c' now have chunks of about 60")
    assert (library.chunking_pending("c"), set(found(library)), broken(tmp_path)) == (3, set(FILES), [])
    assert library.rechunk("c", SHORT).documents == 3
    assert library.chunking_pending("c") == 0


def test_questions_are_answered_all_the_while(library: Library) -> None:
    answered: list[bool] = []
    library.rechunk("c", SHORT, on_progress=lambda *_: answered.append(set(found(library)) == set(FILES)))
    assert answered == [True] * 6


def test_what_is_deleted_meanwhile_is_passed_over(library: Library, tmp_path: Path) -> None:
    last = library.documents("c")[-1]

    def delete(done: int, _total: int) -> None:
        if done == 1:
            library.delete(last.id, collection="c")

    library.rechunk("c", SHORT, on_progress=delete)
    assert (set(found(library)), broken(tmp_path)) == (set(FILES) - {last.name}, [])


def test_a_preview_keeps_nothing(library: Library) -> None:
    (info, *_), before = library.documents("c"), library.store.states()
    preview = library.preview_chunking("c", SHORT, info.id)
    assert library.store.states() == before
    library.rechunk("c", SHORT)
    assert preview == library.document("c", info.id)[1]


@pytest.mark.parametrize(
    "chunking", [Chunking(49, 0), Chunking(TARGETS[-1] + 1, 40), Chunking(100, 51), Chunking(100, -1)]
)
def test_lengths_that_cannot_be_are_refused(library: Library, chunking: Chunking) -> None:
    (info, *_) = library.documents("c")
    for act in (
        lambda: library.rechunk("c", chunking),
        lambda: library.preview_chunking("c", chunking, info.id),
    ):
        with pytest.raises(LibraryError, match=r"Expected chunks of 50 to 295 tokens .* found"):
            act()
    assert library.chunking("c") == DEFAULT_CHUNKING


def test_an_unknown_collection_is_answered_with_the_known_ones(library: Library) -> None:
    with pytest.raises(NotFoundError, match=r"There is no collection 'x'\. Collections: c\."):
        library.rechunk("x", SHORT)


def test_only_one_rebuilds_a_collection_at_a_time(library: Library) -> None:
    refusals = []

    def also(done: int, _total: int) -> None:
        if not done:
            for act in (lambda: library.rechunk("c", SHORT), lambda: reembed(library, "c", "second/model")):
                with pytest.raises(LibraryError, match="re-chunked or imported already") as caught:
                    act()
                refusals.append(caught.value)

    library.rechunk("c", SHORT, on_progress=also)
    assert len(refusals) == 2


# Documents from before headings were kept


def test_a_document_whose_headings_were_not_kept_is_cut_as_the_others(
    library: Library, tmp_path: Path
) -> None:
    (info, *_) = library.documents("c")
    kept, _ = library.document("c", info.id)
    with sqlite3.connect(tmp_path / "library.db") as db:
        db.execute("UPDATE documents SET headings = NULL")
    db.close()
    rebuilt, _ = library.document("c", info.id)
    assert rebuilt.headings == kept.headings
    library.rechunk("c", SHORT)
    assert {len(chunk.headings) for chunk in library.document("c", info.id)[1]} == {1, 2}


def test_headings_are_found_below_each_other_even_with_one_title() -> None:
    text = "One\n\nfirst\n\nTwo\n\nsecond\n\nTwo\n\nthird\n\nThree\n\nfourth"
    levels = {"One": 1, "Two": 2, "Three": 1}
    starts = [(0, "One"), (12, "Two"), (25, "Two"), (37, "Three")]
    headings = tuple(Heading(levels[title], title, start) for start, title in starts)
    document = Document("id", "a.md", "md", text, headings=headings)
    chunks = split(document, lambda text: [(n, n + 1) for n in range(len(text))], room=16)
    assert {heading.title for heading in headings_of(text, chunks)} == {"One", "Two", "Three"}
    for heading in headings_of(text, chunks):
        assert text[heading.start :].startswith(heading.title)


def test_chunks_by_a_former_embedder_are_refused(library: Library, tmp_path: Path) -> None:
    (info, *_) = library.documents("c")
    key, former = library.store.contents.key("c", info.id), library.embedder("c")
    _, chunks = library.document("c", info.id)
    vectors = former.embed_passages([chunk.text for chunk in chunks]).vectors
    reembed(library, "c", "second/model")
    with pytest.raises(LibraryError, match="was given another embedder"):
        library.store.contents.replace_chunks("c", key, chunks, vectors, chunking=SHORT, embedder=former.info)
    assert broken(tmp_path) == []
