"""Embeddings: unit rows in input order, each a function of its own text alone."""

import random

import numpy as np
import pytest
from machine import installed

from rag.config import DEFAULT_EMBEDDER
from rag.embed import EMBED_BLOCK, Embedder, embed_in_blocks
from rag.service import load_model

PREFIX = "Represent this sentence for searching relevant passages: "
TEXTS = [
    "Rome is the capital of Italy and its largest city.",
    "Il museo è aperto tutti i giorni tranne il lunedì.",
    "x",
    "",
    "👩‍🍳 東京 ٣ naïve",
    "La garanzia dura due anni dalla data di acquisto; conservare lo scontrino. " * 8,
    "The boiler on the second floor needs a new valve before the winter starts. " * 60,
]
# Computed by plain onnxruntime and tokenizers, without code of this repository, one text a run, on a CPU
# with AVX512-VNNI, where they are exact to four digits. Kernels without VNNI may saturate 16-bit sums.
GOLDEN = [
    ("what is the capital of Italy", "Rome is the capital of Italy and its largest city.", 0.8047),
    ("what is the capital of Italy", "Milan is known for fashion and for its cathedral.", 0.6115),
    ("come si cuociono le orecchiette", "Il museo è aperto tutti i giorni tranne il lunedì.", 0.5005),
    (
        "come si cuociono le orecchiette",
        "Cuocere le orecchiette in abbondante acqua salata per dieci minuti, poi "
        "scolarle con le cime di rapa.",
        0.7057,
    ),
    ("quanto dura la garanzia", "The warranty lasts two years from the date of purchase.", 0.4110),
    (
        "quanto dura la garanzia",
        "La garanzia dura due anni dalla data di acquisto; conservare lo scontrino.",
        0.7403,
    ),
]
GOLDEN_TOLERANCE = 0.02


@pytest.fixture(scope="module")
def alone(embedder: Embedder) -> list[bytes]:
    """The bytes of the vector of each of TEXTS, embedded alone."""
    return [embedder.embed_passages([text]).vectors[0].tobytes() for text in TEXTS]


def test_vectors_are_unit_rows_of_the_models_dimension(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(TEXTS).vectors
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), embedder.dim), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-6)


def test_different_texts_have_different_vectors(alone: list[bytes]) -> None:
    assert len(set(alone)) == len(TEXTS)


@pytest.mark.parametrize("seed", range(4))
def test_a_vector_is_bit_equal_whatever_its_neighbours(
    embedder: Embedder, alone: list[bytes], seed: int
) -> None:
    # Shuffled, repeated and partly left out; the list's parts are embedded in calls of their own.
    picks = random.Random(seed).choices(range(len(TEXTS)), k=9)
    cut = seed * 3
    parts = [[TEXTS[i] for i in picks[:cut]], [TEXTS[i] for i in picks[cut:]]]
    vectors = [vector.tobytes() for part in parts for vector in embedder.embed_passages(part).vectors]
    assert vectors == [alone[i] for i in picks]


def test_the_number_of_workers_changes_no_bit(alone: list[bytes]) -> None:
    single = Embedder(load_model(DEFAULT_EMBEDDER, "embed", threads=1))
    assert [vector.tobytes() for vector in single.embed_passages(TEXTS).vectors] == alone


def test_only_a_question_has_the_prefix(embedder: Embedder) -> None:
    question = embedder.embed_query("opening hours")
    plain, prefixed = embedder.embed_passages(["opening hours", PREFIX + "opening hours"]).vectors
    assert question.tobytes() == prefixed.tobytes()
    assert question.tobytes() != plain.tobytes()


def test_tokens_are_counted_and_those_beyond_the_window_too(embedder: Embedder) -> None:
    embeddings = embedder.embed_passages(["", "one two three", "word " * 510, "word " * 600])
    assert embeddings.tokens.tolist() == [0, 3, 510, 600]
    assert embeddings.tokens_read.tolist() == [0, 3, 510, 510]


def test_what_is_beyond_the_window_does_not_count(embedder: Embedder) -> None:
    one, other = embedder.embed_passages(["word " * 510 + "boiler", "word " * 510 + "museum"]).vectors
    assert one.tobytes() == other.tobytes()


def test_a_questions_unread_tokens_are_what_the_prefix_leaves_no_room_for(embedder: Embedder) -> None:
    prefix_tokens = len(embedder.offsets(PREFIX))
    assert embedder.query_tokens_unread("word " * (510 - prefix_tokens)) == 0
    assert embedder.query_tokens_unread("word " * 510) == prefix_tokens


def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    embeddings = embedder.embed_passages([])
    assert embeddings.vectors.shape == (0, embedder.dim)
    assert (embeddings.tokens.shape, embeddings.tokens_read.shape) == ((0,), (0,))


def test_texts_embedded_in_blocks_have_the_vectors_that_they_have_alone(
    embedder: Embedder, alone: list[bytes]
) -> None:
    pauses: list[int] = []
    texts = [TEXTS[0], TEXTS[1]] * EMBED_BLOCK + [TEXTS[2]]
    vectors = embed_in_blocks(embedder, texts, lambda: pauses.append(len(pauses)))
    assert [vector.tobytes() for vector in vectors] == [alone[0], alone[1]] * EMBED_BLOCK + [alone[2]]
    assert pauses == [0, 1, 2]


def test_what_is_raised_in_a_pause_ends_the_embedding(embedder: Embedder) -> None:
    pauses: list[int] = []

    def once() -> None:
        if pauses:
            raise InterruptedError
        pauses.append(1)

    with pytest.raises(InterruptedError):
        embed_in_blocks(embedder, ["x"] * (EMBED_BLOCK + 1), once)
    assert pauses == [1]


def test_an_embedder_says_which_file_it_runs(embedder: Embedder) -> None:
    assert (embedder.info.id, embedder.info.sha256) == (DEFAULT_EMBEDDER, installed("embed").sha256)
    assert embedder.info.backend.startswith("onnxruntime ")


@pytest.mark.parametrize(("query", "passage", "cosine"), GOLDEN)
def test_cosines_are_the_reference_ones(embedder: Embedder, query: str, passage: str, cosine: float) -> None:
    found = float(embedder.embed_query(query) @ embedder.embed_passages([passage]).vectors[0])
    assert found == pytest.approx(cosine, abs=GOLDEN_TOLERANCE)
