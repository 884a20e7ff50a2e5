"""Reranking: a permutation by logit, and a logit is a function of its pair alone."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine import installed

from rag.config import DEFAULT_RERANKER
from rag.records import Hit, PairScore, Passage, RerankedHit, StageTime
from rag.rerank import Reranker, in_order
from rag.score_cache import ScoreCache
from rag.service import load_model
from rag.timing import Stopwatch

QUERY = "come si cuociono le orecchiette"
TEXTS = [
    "Cuocere le orecchiette in abbondante acqua salata per dieci minuti, poi scolarle con le cime di rapa.",
    "Il museo è aperto tutti i giorni tranne il lunedì.",
    "Rome is the capital of Italy and its largest city.",
    "Le orecchiette si fanno con semola e acqua tiepida. " * 20,
    "x",
    "",
    "The boiler on the second floor needs a new valve before the winter starts. " * 60,
]
# Computed by plain onnxruntime and tokenizers, without code of this repository, one pair a run, on a CPU
# with AVX512-VNNI, where they are exact to four digits. Kernels without VNNI may saturate 16-bit sums, so
# elsewhere only the neighbourhood and the order can be promised.
GOLDEN = [
    ("what is the capital of Italy", "Rome is the capital of Italy and its largest city.", 8.6290),
    ("come si cuociono le orecchiette", TEXTS[0], 4.9080),
    (
        "quanto dura la garanzia",
        "La garanzia dura due anni dalla data di acquisto; conservare lo scontrino.",
        4.7357,
    ),
    (
        "how do I descale the coffee machine",
        "Fill the tank with water and descaling solution, then hold the steam button for five seconds.",
        -4.3654,
    ),
    ("what is the capital of Italy", "Milan is known for fashion and for its cathedral.", -4.8074),
    ("quanto dura la garanzia", "The warranty lasts two years from the date of purchase.", -11.2074),
    ("come si cuociono le orecchiette", "Il museo è aperto tutti i giorni tranne il lunedì.", -11.2653),
    (
        "how do I descale the coffee machine",
        "The museum opens at nine and closes at six, except on Mondays.",
        -11.2752,
    ),
]
EXACT, NEAR = 1e-3, 0.5


def hits_of(texts: Sequence[str]) -> list[Hit]:
    return [
        Hit(rank, Passage(f"c{rank}", "d", "d.txt", text, 0, len(text)), 1 - rank / 1000)
        for rank, text in enumerate(texts, start=1)
    ]


def logits_of(reranker: Reranker, texts: Sequence[str]) -> list[float]:
    return [score.logit for score in reranker.score(QUERY, texts, watch=Stopwatch())]


@pytest.fixture(scope="module")
def alone(reranker: Reranker) -> dict[str, float]:
    """The logit of each of TEXTS, scored alone."""
    return {text: logits_of(reranker, [text])[0] for text in TEXTS}


@pytest.fixture(scope="module")
def reranked(reranker: Reranker) -> tuple[RerankedHit, ...]:
    return reranker.rerank(QUERY, hits_of(TEXTS), watch=Stopwatch())


@pytest.fixture(scope="module")
def fresh() -> Reranker:
    """A reranker with a cache, whose model this module alone uses."""
    return Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=1), ScoreCache())


# The order


def test_reranking_gives_back_the_same_passages_ranked_from_1(reranked: tuple[RerankedHit, ...]) -> None:
    assert sorted(hit.passage.chunk_id for hit in reranked) == [f"c{n}" for n in range(1, len(TEXTS) + 1)]
    assert [hit.rank for hit in reranked] == list(range(1, len(TEXTS) + 1))


def test_logits_do_not_increase(reranked: tuple[RerankedHit, ...]) -> None:
    logits = [hit.logit for hit in reranked]
    assert logits == sorted(logits, reverse=True)
    assert reranked[0].passage.text == TEXTS[0]


def test_each_hit_keeps_its_retrieved_rank_and_cosine(reranked: tuple[RerankedHit, ...]) -> None:
    before = {hit.passage.chunk_id: (hit.rank, hit.cosine) for hit in hits_of(TEXTS)}
    assert {hit.passage.chunk_id: (hit.retrieved_rank, hit.cosine) for hit in reranked} == before


@pytest.mark.parametrize("top_n", [0, 1, 3, len(TEXTS), 100])
def test_top_n_is_a_prefix(reranker: Reranker, reranked: tuple[RerankedHit, ...], top_n: int) -> None:
    assert reranker.rerank(QUERY, hits_of(TEXTS), watch=Stopwatch(), top_n=top_n) == reranked[:top_n]


def test_no_hits_are_reranked_to_no_hits(reranker: Reranker) -> None:
    watch = Stopwatch()
    assert reranker.rerank(QUERY, [], watch=watch) == ()
    assert [stage.stage for stage in watch.stages] == ["tokenize", "score", "sort"]


@given(st.lists(st.sampled_from([-1.5, -0.0, 0.0, 2.0]), max_size=30), st.randoms())
def test_ordering_is_a_permutation_by_logit_then_by_retrieved_rank(
    values: list[float], shuffler: random.Random
) -> None:
    logits = dict(zip(hits_of(["t"] * len(values)), values, strict=True))
    hits = list(logits)
    shuffler.shuffle(hits)
    ordered = in_order(hits, [PairScore(logits[hit], 5, 5) for hit in hits])
    assert [hit.rank for hit in ordered] == list(range(1, len(hits) + 1))
    expected = sorted(hits, key=lambda hit: (-logits[hit], hit.rank))
    assert [(hit.passage, hit.retrieved_rank) for hit in ordered] == [(h.passage, h.rank) for h in expected]


def test_as_many_scores_as_hits_are_needed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        in_order(hits_of(["a", "b"]), [PairScore(0.0, 1, 1)])


# A score depends on its pair alone


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_bit_equal_when_shuffled_split_and_repeated(
    reranker: Reranker, alone: dict[str, float], seed: int
) -> None:
    texts = random.Random(seed).choices(TEXTS, k=9)
    cut = seed * 3
    assert logits_of(reranker, texts[:cut]) + logits_of(reranker, texts[cut:]) == [alone[t] for t in texts]


def test_scores_are_bit_equal_from_the_cache_and_with_one_worker(
    fresh: Reranker, alone: dict[str, float]
) -> None:
    first, again = logits_of(fresh, TEXTS), logits_of(fresh, TEXTS[::-1])
    assert first == again[::-1] == list(alone.values())


def test_scores_are_bit_equal_when_only_some_are_cached(alone: dict[str, float], fresh: Reranker) -> None:
    logits_of(fresh, TEXTS[:3])
    assert logits_of(fresh, TEXTS[1:6]) == [alone[text] for text in TEXTS[1:6]]


def test_eight_threads_at_once_get_bit_equal_scores(reranker: Reranker, alone: dict[str, float]) -> None:
    orders = [random.Random(seed).sample(TEXTS[:6], k=4) for seed in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda texts: logits_of(reranker, texts), orders))
    assert found == [[alone[text] for text in texts] for texts in orders]


def test_a_score_depends_on_the_question(reranker: Reranker) -> None:
    (one,), (other,) = (
        reranker.score(query, TEXTS[2:3], watch=Stopwatch())
        for query in ("the capital of Italy", "how to cook rice")
    )
    assert one.logit > other.logit + 5


def test_logits_are_near_the_reference_ones(reranker: Reranker) -> None:
    found = [reranker.score(query, [passage], watch=Stopwatch())[0].logit for query, passage, _ in GOLDEN]
    assert found == pytest.approx([logit for *_, logit in GOLDEN], abs=NEAR)
    # The last three are equally far from their questions: their order is the quantization's.
    assert found[:5] == sorted(found[:5], reverse=True)
    assert max(found[5:]) < min(found[:5])


def test_logits_are_exactly_the_reference_ones_where_int8_products_are_exact(reranker: Reranker) -> None:
    if not has_vnni():
        pytest.skip("this CPU has no AVX512-VNNI, on which the reference was computed")
    found = [reranker.score(query, [passage], watch=Stopwatch())[0].logit for query, passage, _ in GOLDEN]
    assert found == pytest.approx([logit for *_, logit in GOLDEN], abs=EXACT)


# What was read


def test_a_long_passage_says_how_much_of_it_was_read(reranked: tuple[RerankedHit, ...]) -> None:
    long = next(hit for hit in reranked if hit.passage.text == TEXTS[6])
    short = next(hit for hit in reranked if hit.passage.text == TEXTS[4])
    assert 300 < long.tokens_read < 512 < long.tokens
    assert (short.tokens, short.tokens_read) == (1, 1)


def test_where_the_reading_ended_is_where_the_last_token_read_ends(reranker: Reranker) -> None:
    numbered = "".join(f"boiler {number} needs a valve. " for number in range(200))
    whole, cut = reranker.score(QUERY, [TEXTS[0], numbered], watch=Stopwatch())
    end = reranker.read_until(numbered, cut)
    (again,) = reranker.score(QUERY, [numbered[:end]], watch=Stopwatch())
    assert reranker.read_until(TEXTS[0], whole) == len(TEXTS[0])
    assert (again.tokens, again.is_cut, again.logit) == (cut.tokens_read, False, cut.logit)


def test_what_is_beyond_the_window_does_not_count(reranker: Reranker) -> None:
    one, other = logits_of(reranker, ["word " * 600 + "orecchiette", "word " * 600 + "museo"])
    assert one == other


def test_a_long_question_leaves_128_tokens_to_the_passage(reranker: Reranker) -> None:
    (score,) = reranker.score("word " * 500, ["boiler " * 500], watch=Stopwatch())
    assert score.tokens_read == 128 < score.tokens
    assert reranker.query_tokens_unread("word " * 500) == 500 - (512 - 3 - 128)


def test_a_question_that_fits_is_read_whole(reranker: Reranker) -> None:
    assert reranker.query_tokens_unread("word " * (512 - 3 - 128)) == 0


# What was measured


def stages_of(reranker: Reranker, texts: Sequence[str]) -> list[StageTime]:
    watch = Stopwatch()
    reranker.rerank("which stages are there", hits_of(texts), watch=watch)
    return list(watch.stages)


def test_stages_tell_what_was_fed_and_what_was_known() -> None:
    reranker = Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=1), ScoreCache())
    runs = [stages_of(reranker, texts) for texts in ([], ["a", "b c"], ["b c", "d", "a"], ["d", "a"])]
    told = [[(s.stage, s.items, s.tokens, s.cached, s.cold) for s in stages] for stages in runs]
    question = len(["[CLS]", "which", "stages", "are", "there", "[SEP]", "[SEP]"])
    fed = [0, 2 * question + 3, question + 1, 0]
    assert told == [
        [("tokenize", 0, 0, 0, False), ("score", 0, 0, 0, False), ("sort", 0, 0, 0, False)],
        [("tokenize", 2, fed[1], 0, False), ("score", 2, fed[1], 0, True), ("sort", 2, 0, 0, False)],
        [("tokenize", 1, fed[2], 0, False), ("score", 3, fed[2], 2, False), ("sort", 3, 0, 0, False)],
        [("tokenize", 0, 0, 0, False), ("score", 2, 0, 2, False), ("sort", 2, 0, 0, False)],
    ]


def test_the_time_of_each_pair_is_told_in_input_order_and_none_of_a_known_one(fresh: Reranker) -> None:
    watch = Stopwatch()
    fresh.score("told", ["a"], watch=watch)
    fresh.score("told", [TEXTS[6], "a", "b"], watch=watch)
    _, first, _, second = (stage.each for stage in watch.stages)
    (alone,), (long, known, short) = first, second
    assert known is None
    assert (alone or 0.0) > 0
    assert 0 < (short or 0.0) < (long or 0.0) <= watch.stages[3].seconds


def test_a_known_score_is_computed_anew_where_that_is_wanted_and_learned(alone: dict[str, float]) -> None:
    cache, watch = ScoreCache(), Stopwatch()
    reranker = Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=1), cache)
    for scorer in (reranker.anew(), reranker, reranker.anew()):
        (score,) = scorer.score(QUERY, TEXTS[:1], watch=watch)
        assert score.logit == alone[TEXTS[0]]
    stages = [stage for stage in watch.stages if stage.stage == "score"]
    assert [(stage.cached, stage.each == (None,)) for stage in stages] == [(0, False), (1, True), (0, False)]
    assert len(cache) == 1


def test_warming_up_scores_past_the_cache() -> None:
    cache = ScoreCache()
    reranker = Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=1), cache)
    reranker.warm_up("A passage.")
    assert len(cache) == 0
    assert [stage.cold for stage in stages_of(reranker, ["a"])] == [False] * 3


def test_a_reranker_says_which_file_it_runs(reranker: Reranker) -> None:
    assert reranker.info.sha256 == installed("rerank").sha256
    assert (reranker.info.id, reranker.info.backend.split()[0]) == (DEFAULT_RERANKER, "onnxruntime")


def has_vnni() -> bool:
    try:
        return "avx512_vnni" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
