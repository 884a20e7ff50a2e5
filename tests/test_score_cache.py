"""The score cache: finds what it was given, forgets the oldest, confuses nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import PairScore
from rag.score_cache import ScoreCache, pair_keys

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates among them


def score(logit: float) -> PairScore:
    return PairScore(logit, 5, 5)


def test_what_was_put_is_found_in_the_order_asked() -> None:
    cache, keys = ScoreCache(), pair_keys("model", "query", ["a", "b", "c"])
    cache.put(keys, [score(1), score(2), score(3)])
    assert cache.get(keys[::-1]) == [score(3), score(2), score(1)]


def test_what_was_never_put_is_none() -> None:
    cache = ScoreCache()
    cache.put(pair_keys("model", "query", ["a"]), [score(1)])
    assert cache.get(pair_keys("model", "query", ["b", "a", "c"])) == [None, score(1), None]


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [("other", "q", "p"), ("m", "other", "p"), ("m", "q", "other"), ("m", "p", "q")],
)
def test_a_score_belongs_to_its_model_query_and_passage(model: str, query: str, passage: str) -> None:
    cache = ScoreCache()
    cache.put(pair_keys("m", "q", ["p"]), [score(1)])
    assert cache.get(pair_keys(model, query, [passage])) == [None]


@given(st.lists(st.tuples(TEXTS, TEXTS), unique=True))
def test_different_pairs_have_different_keys(pairs: list[tuple[str, str]]) -> None:
    keys = [key for query, passage in pairs for key in pair_keys("model", query, [passage])]
    assert len(set(keys)) == len(pairs)


def test_over_its_capacity_it_forgets_the_least_recently_used() -> None:
    cache, keys = ScoreCache(capacity=3), pair_keys("model", "query", ["a", "b", "c", "d"])
    cache.put(keys[:3], [score(1), score(2), score(3)])
    cache.get(keys[:1])
    cache.put(keys[3:], [score(4)])
    assert cache.get(keys) == [score(1), None, score(3), score(4)]


def test_it_never_holds_more_than_its_capacity() -> None:
    cache, keys = ScoreCache(capacity=10), pair_keys("model", "query", [str(n) for n in range(100)])
    cache.put(keys, [score(n) for n in range(100)])
    assert len(cache) == 10
    assert cache.get(keys[-10:]) == [score(n) for n in range(90, 100)]


def test_as_many_scores_as_keys_must_be_put() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ScoreCache().put(pair_keys("model", "query", ["a", "b"]), [score(1)])


def test_threads_may_share_it() -> None:
    cache = ScoreCache(capacity=50)

    def use(worker: int) -> bool:
        for turn in range(200):
            keys = pair_keys("model", str((worker + turn) % 7), [str(n) for n in range(20)])
            cache.put(keys, [score(n) for n in range(20)])
            found = cache.get(keys)
            if any(value not in (None, score(n)) for n, value in enumerate(found)):
                return False
        return True

    with ThreadPoolExecutor(8) as workers:
        assert all(workers.map(use, range(8)))
    assert len(cache) == 50
