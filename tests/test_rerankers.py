"""The rerankers of a machine: which there are, and one more than the present one at a time in memory."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from files import text_file
from machine import export_copy
from toy_model import export_toy

from rag.config import DEFAULT_RERANKER, RemoteSettings, Settings
from rag.errors import ModelError, QueryError
from rag.rerank import Reranker, Scorer
from rag.service import Service, build
from rag.timing import Stopwatch

ONE, TWO = "maker/one", "maker/two"
TEXT = "Rome is the capital of Italy."
REMOTE = RemoteSettings("http://127.0.0.1:9/v2/rerank", model="maker/elsewhere")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model cache with the rerankers ONE and TWO."""
    folder = tmp_path_factory.mktemp("cache")
    export_copy(folder, ONE, task="rerank", max_tokens=128)
    export_copy(folder, TWO, task="rerank", max_tokens=256)
    return folder


@pytest.fixture
def service(tmp_path: Path, cache: Path) -> Iterator[Service]:
    made = build(Settings(home=tmp_path, threads=1, model_cache=cache))
    made.library.ingest([text_file("a.txt", TEXT)], collection="c")
    yield made
    made.close()


def scored(scorer: Scorer, query: str = "capital?") -> float | None:
    (score,) = scorer.score(query, [TEXT], watch=Stopwatch())
    return score.logit


def closed(reranker: Scorer) -> bool:
    assert isinstance(reranker, Reranker)
    try:
        reranker.warm_up("anything")
    except (RuntimeError, AttributeError):
        return True
    return False


# Which there are


def test_the_choices_are_every_reranker_of_the_machine_and_no_embedder(service: Service) -> None:
    options = service.rerankers.choices()
    assert [(option.reference, option.weights, option.kind) for option in options] == [
        (DEFAULT_RERANKER, "int8", "local"),
        (ONE, "int8", "local"),
        (TWO, "int8", "local"),
    ]
    assert [(option.present, option.in_memory) for option in options] == [(True, True), *[(False, False)] * 2]


def test_each_form_of_a_model_is_a_choice_with_a_label_of_its_own(tmp_path: Path) -> None:
    for quantization in ("int8", "none"):
        export_toy(tmp_path, "maker/toy", quantization=quantization)
        export_toy(tmp_path, DEFAULT_RERANKER, quantization=quantization)
    damaged = export_toy(tmp_path, "maker/damaged")
    (damaged / "model.onnx").unlink()
    with_remote = build(Settings(home=tmp_path, model_cache=tmp_path, remote=REMOTE))
    options = with_remote.rerankers.choices()
    with_remote.close()
    assert {option.reference: option.label for option in options} == {
        DEFAULT_RERANKER: f"{DEFAULT_RERANKER}, int8",
        f"{DEFAULT_RERANKER}@int8": f"{DEFAULT_RERANKER}, int8, exported here",
        f"{DEFAULT_RERANKER}@fp32": f"{DEFAULT_RERANKER}, fp32",
        "maker/toy": "maker/toy, int8",
        "maker/toy@fp32": "maker/toy, fp32",
        "remote": "elsewhere (remote)",
    }
    assert (options[-1].kind, options[-1].sha256, options[-1].weights) == ("remote", "", "")


def test_what_scored_an_answer_is_found_again_while_it_is_here(service: Service, tmp_path: Path) -> None:
    rerankers = service.rerankers
    with rerankers.using(TWO) as two:
        assert rerankers.reference_of(two.info) == TWO
        assert rerankers.reference_of(service.reranker.info) == DEFAULT_RERANKER
        assert rerankers.reference_of(replace(two.info, sha256="0" * 64)) is None
        assert rerankers.reference_of(replace(two.info, sha256="")) is None


# Using one


def test_a_further_reranker_is_loaded_once_warm_and_that_is_timed(service: Service) -> None:
    watch, again = Stopwatch(), Stopwatch()
    with service.rerankers.using(ONE, watch=watch) as first:
        result = service.pipeline.search("capital?", collection="c", retrieve_k=3, scorer=first, watch=watch)
    with service.rerankers.using(ONE, watch=again) as second:
        assert second is first
    assert [stage.stage for stage in result.stages][:2] == ["load", "queue"]
    assert (result.stages[0].seconds > 0, again.stages) == (True, ())
    assert result.reranker == first.info
    assert "score" not in [stage.stage for stage in result.stages if stage.cold]


def test_only_one_more_is_in_memory_and_the_one_before_it_is_closed(service: Service) -> None:
    with service.rerankers.using(ONE) as one:
        in_memory = [option.reference for option in service.rerankers.choices() if option.in_memory]
    with service.rerankers.using(TWO) as two:
        assert closed(one)
        assert not closed(two)
        assert [name for (task, name), _ in service.models_in_memory() if task == "rerank"] == [
            two.info.id,
            DEFAULT_RERANKER,
        ]
    assert in_memory == [DEFAULT_RERANKER, ONE]


def test_the_present_reranker_is_used_as_it_is_in_memory(service: Service) -> None:
    with service.rerankers.using(DEFAULT_RERANKER) as present:
        assert present is service.reranker
    assert service.rerankers.in_memory() == (service.reranker,)


def test_all_share_one_cache_and_no_score_is_taken_for_anothers(service: Service) -> None:
    stages = []
    for reference in (DEFAULT_RERANKER, ONE, DEFAULT_RERANKER, TWO, ONE):
        watch = Stopwatch()
        with service.rerankers.using(reference) as scorer:
            scorer.score("capital?", [TEXT], watch=watch)
        stages.append(watch.stages[-1].cached)
    assert stages == [0, 0, 1, 0, 1]


def test_what_is_not_here_cannot_be_used_and_nothing_is_let_go_for_it(service: Service) -> None:
    with service.rerankers.using(ONE) as one:
        scored(one)
    with pytest.raises(ModelError, match="not in the catalogue"), service.rerankers.using("not/here"):
        pass
    with pytest.raises(QueryError, match="no remote reranker"), service.rerankers.using("remote"):
        pass
    assert not closed(one)


def test_the_remote_reranker_is_used_without_loading_anything(tmp_path: Path) -> None:
    with_remote = build(Settings(home=tmp_path, threads=1, remote=REMOTE))
    with with_remote.rerankers.using("remote") as scorer:
        assert scorer is with_remote.pipeline.remote
    assert with_remote.rerankers.reference_of(scorer.info) == "remote"
    with_remote.close()


# Several at once


def test_who_wants_another_one_waits_until_nobody_uses_the_one_in_memory(service: Service) -> None:
    heard, waits = list[tuple[str, int, int]](), threading.Event()

    def pulse(stage: str, done: int, of: int) -> None:
        heard.append((stage, done, of))
        waits.set()

    def use_two() -> float | None:
        with service.rerankers.using(TWO, pulse=pulse) as two:
            return scored(two)

    with ThreadPoolExecutor(1) as thread:
        with service.rerankers.using(ONE) as one:
            waiting = thread.submit(use_two)
            assert waits.wait(10)
            assert scored(one) is not None
        assert waiting.result(20) is not None
    assert heard[0] == ("queue", 0, 1)
    assert closed(one)


def test_several_threads_get_what_they_ask_for_and_it_stays_until_they_are_done(service: Service) -> None:
    def use(turn: int) -> bool:
        wanted = (ONE, TWO)[turn % 2]
        with service.rerankers.using(wanted) as scorer:
            return scorer.info.id == wanted and scored(scorer, f"capital {turn}?") is not None

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(use, range(5)))


def test_who_gives_up_waiting_leaves_the_others_their_turn(service: Service) -> None:
    def give_up(*_: object) -> None:
        raise TimeoutError

    def use_two_impatiently() -> None:
        with service.rerankers.using(TWO, pulse=give_up):
            pass

    with ThreadPoolExecutor(1) as thread, service.rerankers.using(ONE) as one:
        with pytest.raises(TimeoutError):
            thread.submit(use_two_impatiently).result(10)
        assert scored(one) is not None
    with service.rerankers.using(TWO) as two:
        assert scored(two) is not None


def test_one_thread_may_use_the_same_twice_and_never_waits_for_itself(service: Service) -> None:
    with service.rerankers.using(ONE) as one:
        with service.rerankers.using(ONE) as same, service.rerankers.using(DEFAULT_RERANKER):
            assert same is one
        with pytest.raises(RuntimeError, match="give the one reranker back"), service.rerankers.using(TWO):
            pass
        assert scored(one) is not None


def test_a_switch_of_the_present_reranker_lets_the_further_one_go(service: Service) -> None:
    with service.rerankers.using(ONE) as one:
        pass
    service.switch_reranker(ONE)
    assert closed(one)
    with service.rerankers.using(ONE) as present:
        assert present is service.reranker
    assert service.rerankers.in_memory() == (service.reranker,)


def test_a_present_reranker_in_use_is_not_closed_by_a_switch(service: Service) -> None:
    with ThreadPoolExecutor(1) as thread:
        with service.rerankers.using(DEFAULT_RERANKER) as old:
            switching = thread.submit(service.switch_reranker, TWO)
            while service.reranker is old:
                threading.Event().wait(0.01)
            assert scored(old, "still in use?") is not None
            assert not switching.done()
        assert switching.result(20).reranker.id == TWO
    assert closed(old)
