"""The embedders in memory: each loaded once, when it is needed, and never one in place of another."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from machine import Machine, make_embedder

from rag.config import DEFAULT_EMBEDDER
from rag.embed import Embedder
from rag.errors import MissingModelError, ModelError
from rag.library.embedders import Embedders

OLD, NEW, NEWER = "0" * 64, "f" * 64, "e" * 64


@pytest.fixture(scope="module")
def other() -> Embedder:
    """A second embedder."""
    return make_embedder("another/embedder", NEW)


@pytest.fixture(scope="module")
def newer() -> Embedder:
    """What takes the second one's place under its name."""
    return make_embedder("another/embedder", NEWER)


@pytest.fixture
def machine(embedder: Embedder, other: Embedder) -> Machine:
    return Machine(embedder, other)


def test_nothing_is_loaded_before_it_is_needed(machine: Machine, embedder: Embedder) -> None:
    embedders = machine.embedders()
    assert machine.loads == []
    assert embedders.default is embedder
    assert machine.loads == [DEFAULT_EMBEDDER]


def test_each_embedder_is_loaded_once(machine: Machine, other: Embedder) -> None:
    embedders = machine.embedders()
    assert [embedders.of("another/embedder", NEW), embedders.get("another/embedder")] == [other, other]
    assert machine.loads == ["another/embedder"]


@pytest.mark.parametrize(
    "need",
    [
        lambda embedders: embedders.get("another/embedder"),
        lambda embedders: embedders.of("another/embedder", NEW),
        lambda embedders: embedders.fresh("another/embedder"),
    ],
    ids=["get", "of", "fresh"],
)
def test_threads_that_need_one_embedder_wait_for_one_loading(
    other: Embedder, need: Callable[[Embedders], Embedder]
) -> None:
    loads = []

    def load(reference: str) -> Embedder:
        loads.append(reference)
        time.sleep(0.1)
        return other

    embedders = Embedders(load, lambda _reference: NEW, DEFAULT_EMBEDDER)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(need, [embedders] * 8))
    assert (found, loads) == ([other] * 8, ["another/embedder"])


def test_an_embedder_in_memory_is_there_while_another_loads(embedder: Embedder, other: Embedder) -> None:
    loading, finish = threading.Event(), threading.Event()

    def load(reference: str) -> Embedder:
        if reference == DEFAULT_EMBEDDER:
            return embedder
        loading.set()
        assert finish.wait(10)
        return other

    embedders = Embedders(load, lambda _reference: NEW, DEFAULT_EMBEDDER)
    assert embedders.default is embedder
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(embedders.get, "another/embedder")
        assert loading.wait(10)
        assert embedders.of(DEFAULT_EMBEDDER, embedder.info.sha256) is embedder
        assert not slow.done()
        finish.set()
        assert slow.result(10) is other


def test_the_fingerprint_finds_an_embedder_whatever_it_was_called(machine: Machine, other: Embedder) -> None:
    embedders = machine.embedders()
    embedders.get("another/embedder")
    assert embedders.of("its/older-name", NEW) is other


def test_one_model_under_two_references_is_in_memory_once() -> None:
    loaded: list[Embedder] = []

    def load(reference: str) -> Embedder:
        loaded.append(make_embedder("another/embedder", NEW))
        return loaded[-1]

    embedders = Embedders(load, lambda _reference: NEW, DEFAULT_EMBEDDER)
    assert embedders.get("another/embedder") is embedders.get("./a-folder") is loaded[0]
    with pytest.raises((AttributeError, RuntimeError)):  # it was closed
        loaded[1].embed_query("anything")


def test_a_model_of_the_same_name_with_another_fingerprint_is_refused(machine: Machine) -> None:
    embedders = machine.embedders()
    for _ in range(2):
        with pytest.raises(
            ModelError, match=f"another one of that name: expected .* {OLD[:16]}, found {NEW[:16]}"
        ):
            embedders.of("another/embedder", OLD)
    assert machine.loads == []


@pytest.mark.parametrize(
    "find",
    [
        lambda embedders: embedders.of("another/embedder", NEWER),
        lambda embedders: embedders.fresh("another/embedder"),
    ],
    ids=["of", "fresh"],
)
def test_a_model_whose_folder_was_replaced_is_loaded_afresh(
    machine: Machine, other: Embedder, newer: Embedder, find: Callable[[Embedders], Embedder]
) -> None:
    embedders = machine.embedders()
    assert embedders.get("another/embedder") is other
    machine.has["another/embedder"] = newer
    assert [find(embedders), find(embedders), embedders.get("another/embedder")] == [newer] * 3
    assert machine.loads == ["another/embedder"] * 2


def test_vectors_of_a_model_that_was_replaced_have_no_embedder_any_more(
    machine: Machine, newer: Embedder
) -> None:
    embedders = machine.embedders()
    embedders.get("another/embedder")
    machine.has["another/embedder"] = newer
    embedders.fresh("another/embedder")
    with pytest.raises(ModelError, match=f"expected the fingerprint {NEW[:16]}, found {NEWER[:16]}"):
        embedders.of("another/embedder", NEW)
    assert not embedders.finds("another/embedder", NEW)


def test_the_default_embedder_is_found_by_its_folder_too(machine: Machine, other: Embedder) -> None:
    machine.has = {"./a-folder": other}
    embedders = machine.embedders("./a-folder")
    assert embedders.finds("another/embedder", NEW)
    assert embedders.of("another/embedder", NEW) is embedders.default is other


def test_another_folder_is_found_by_nobody(machine: Machine, other: Embedder) -> None:
    machine.has["./a-folder"] = machine.has.pop("another/embedder")
    embedders = machine.embedders()
    assert embedders.fresh("./a-folder") is other
    assert not embedders.finds("another/embedder", NEW)


def test_a_missing_model_is_looked_for_again(machine: Machine, other: Embedder) -> None:
    embedders = machine.embedders()
    del machine.has["another/embedder"]
    with pytest.raises(MissingModelError, match="another/embedder is missing"):
        embedders.of("another/embedder", NEW)
    machine.has["another/embedder"] = other
    assert embedders.of("another/embedder", NEW) is other


def test_a_released_embedder_leaves_memory_and_comes_back_when_needed() -> None:
    embedders = Embedders(
        lambda reference: make_embedder(reference, NEW), lambda _reference: NEW, DEFAULT_EMBEDDER
    )
    seen = weakref.ref(embedders.get("another/embedder"))
    embedders.release(NEW)
    gc.collect()
    assert seen() is None
    assert embedders.get("another/embedder").info.sha256 == NEW
    embedders.close()


def test_who_is_reading_with_a_released_embedder_reads_on() -> None:
    embedders = Embedders(
        lambda reference: make_embedder(reference, NEW), lambda _reference: NEW, DEFAULT_EMBEDDER
    )
    reading = embedders.get("another/embedder")
    embedders.release(NEW)
    assert reading.embed_query("what is the capital of Italy").shape == (reading.dim,)


def test_the_default_embedder_is_not_released(machine: Machine, embedder: Embedder) -> None:
    embedders = machine.embedders()
    assert embedders.default is embedder
    embedders.release(embedder.info.sha256)
    assert embedders.default is embedder
    assert machine.loads == [DEFAULT_EMBEDDER]


def test_closing_lets_go_of_all() -> None:
    embedders = Embedders(
        lambda reference: make_embedder(reference, reference[0] * 64),
        lambda reference: reference[0] * 64,
        "a/b",
    )
    both = [weakref.ref(embedders.default), weakref.ref(embedders.get("c/d"))]
    embedders.close()
    gc.collect()
    assert [seen() for seen in both] == [None, None]
