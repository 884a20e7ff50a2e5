"""The Models page as a visitor uses it, without a browser: the real script over real models."""

import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
import streamlit as st
from drawings import drawn
from machine import export_copy
from streamlit.testing.v1 import AppTest

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER
from rag.ingest import SourceFile
from rag.jobs import JobKey, Report
from rag.jobs.models import export_key, start_export
from rag.machine import packages
from rag.machine.packages import INSTALL
from rag.machine.system import System
from rag.models import turns
from rag.models.cache import EXPORT
from rag.models.catalog import CATALOG, PRESETS
from rag.models.once import ExportRequest
from rag.models.progress import Progress
from rag.service import Service
from rag.ui import state
from rag.ui.resources import get_service

ROOT = Path(__file__).resolve().parents[1]
PAGE = "rag/ui/pages/models.py"
RERANKER, EMBEDDER = "try/reranker", "try/embedder"
HOSTILE = "try/<img src=x onerror=alert(1)> **b** :red[r] $x$"
JINA = "jinaai/jina-reranker-v2-base-multilingual"
SHELF = "A **shelf** <b>of</b> :red[bread]"
BREAD = b"The dough rests for ninety minutes under a damp cloth."


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model cache with a reranker, an embedder, one of a hostile name and a broken folder."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RAG_")]:
            patch.delenv(name)
        patch.setenv("RAG_HOME", str(tmp_path_factory.mktemp("library")))
        patch.setenv("RAG_MODEL_CACHE", str(folder))
        export_copy(folder, RERANKER, task="rerank")
        export_copy(folder, EMBEDDER, task="embed")
        # A name of this kind has no folder of its own name: a slash would end it.
        export_copy(folder, HOSTILE, task="rerank")
        (folder / "half_a_model").mkdir()
        (folder / "half_a_model" / "manifest.json").write_text("{")
        st.cache_resource.clear()
        get_service().library.ingest([SourceFile("bread.txt", len(BREAD), lambda: BREAD)], collection=SHELF)
        yield folder
        get_service().close()
        st.cache_resource.clear()


@pytest.fixture
def page() -> AppTest:
    """The Models page as a new visitor sees it."""
    return run(run(visitor()).switch_page(PAGE))


@pytest.fixture
def service() -> Service:
    return get_service()


def visitor() -> AppTest:
    return AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return run(page)


def settled(page: AppTest, service: Service) -> AppTest:
    """The page once no job runs any more."""
    wait_until(lambda: not any(job.running for job in service.jobs.all()))
    return run(page)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shown(page: AppTest) -> str:
    """Everything that can be read on the page, from top to bottom."""
    return re.sub(r"\s+", " ", " ".join(_read(element) for element in page.main))


def _read(element: object) -> str:
    text = f"{getattr(element, 'label', '')} {getattr(element, 'value', '')}"
    if getattr(element, "type", "") == "bidi_component":
        text = drawn(element)
    elif getattr(element, "type", "") != "html":
        return text
    return unescape(re.sub("<[^>]*>", " ", text))


def card(page: AppTest, model_id: str) -> str:
    """What the card of a model says."""
    cards = [element.value for element in page.html if "<h4>" in element.value]
    found = [html for html in cards if unescape(html).split("<h4>")[1].startswith(model_id)]
    assert found, model_id
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", found[0])))


def show_embedders(page: AppTest) -> AppTest:
    page.button_group(key=state.MODEL_TASK).set_value("embed")
    return run(page)


def test_every_model_of_the_catalogue_has_a_card_with_what_it_is_and_costs(page: AppTest) -> None:
    text = shown(page) + shown(show_embedders(page))
    for known in CATALOG:
        assert known.choose in text
        assert f"{known.parameters_m} million parameters" in text
    assert text.count("to fetch, once") >= len(CATALOG) - 2


def test_the_filter_leaves_one_kind(page: AppTest) -> None:
    assert "intfloat/multilingual-e5-base" not in shown(page)
    assert "cross-encoder/ms-marco-MiniLM-L-6-v2" not in shown(show_embedders(page))


def test_a_language_and_a_use_leave_what_fits(page: AppTest) -> None:
    page.selectbox(key=state.MODEL_LANGUAGE).set_value("it")
    assert "BAAI/bge-reranker-base" not in (italian := offered_after(page))
    assert JINA in italian
    page.checkbox(key=state.MODEL_COMMERCIAL).check()
    assert offered_after(page) == italian - {JINA}


def offered_after(page: AppTest) -> set[str]:
    """The models of the catalogue that are shown once the page is drawn anew."""
    text = shown(run(page))
    return {known.id for known in CATALOG if known.choose in text}


def test_a_licence_that_forbids_selling_is_a_badge(page: AppTest) -> None:
    assert "CC-BY-NC-4.0 not for commercial use" in card(page, JINA)
    assert sum("not for commercial use" in element.value for element in page.html) == 1


def test_what_is_in_use_is_named_with_where_it_is_and_how_it_was_loaded(page: AppTest) -> None:
    said = card(page, "Reranker")
    assert DEFAULT_RERANKER in said
    assert re.search(r"loaded [\d.]+ s ago, in [\d.]+ s", said)
    assert "came with the program" in said
    assert f"{SHELF} {DEFAULT_EMBEDDER}" in card(page, "Embedder of each collection")


def test_presets_name_both_models_and_what_is_missing(page: AppTest) -> None:
    said = card(page, PRESETS[0].name)
    assert PRESETS[0].embedder in said
    assert PRESETS[0].reranker in said
    assert said.count("493 MB to fetch, once") == 2
    assert page.button(key=f"preset {PRESETS[0].name}").label == "Export both models"


def test_a_model_that_runs_code_has_a_command_in_place_of_a_button(page: AppTest) -> None:
    assert f"export {JINA}" not in [button.key for button in page.button]
    assert f"{EXPORT} {JINA} --trust-remote-code" in [code.value for code in page.code]
    assert not page.button(key="export BAAI/bge-reranker-base").disabled


def test_a_reranker_is_used_at_once_and_the_default_again(page: AppTest, service: Service) -> None:
    settled(press(page, f"card use {RERANKER}"), service)
    assert service.reranker.info.id == RERANKER
    assert re.search(
        rf"{RERANKER} answers from now on, loaded in [\d.]+ s\. Memory: [\d.]+ [MG]B before", shown(page)
    )
    assert [code.value for code in page.code].count(f"RAG_RERANKER={RERANKER}") == 1
    settled(press(page, f"card use {DEFAULT_RERANKER}"), service)
    assert service.reranker.info.id == DEFAULT_RERANKER
    assert f"{RERANKER} answers" not in shown(page)
    assert "RAG_RERANKER" not in "".join(code.value for code in page.code), "the default needs no setting"


def test_the_compare_page_says_when_another_reranker_has_taken_over(service: Service) -> None:
    visit = visitor()
    visit.session_state[state.COLLECTION] = SHELF
    ask(run(visit), "How long does the dough rest?")
    assert "The reranker has changed" not in shown(visit)
    service.switch_reranker(RERANKER)
    assert "The reranker has changed since this question was asked" in shown(run(visit))
    ask(visit, "How long does the dough rest?")
    assert "The reranker has changed" not in shown(visit)
    assert RERANKER in shown(visit)
    service.switch_reranker(DEFAULT_RERANKER)


def ask(page: AppTest, question: str) -> None:
    page.text_input(key=state.QUESTION).set_value(question)
    next(button for button in page.button if button.label == "Ask").click()
    run(page)


def test_the_question_and_its_collection_are_there_again_after_a_look_at_the_models() -> None:
    visit = visitor()
    visit.session_state[state.COLLECTION] = SHELF
    ask(run(visit), "How long does the dough rest?")
    run(visit.switch_page(PAGE))
    run(visit.switch_page("rag/ui/pages/compare.py"))
    assert visit.selectbox(key=state.COLLECTION).value == SHELF
    assert visit.text_input(key=state.QUESTION).value == "How long does the dough rest?"
    assert "bread.txt" in shown(visit)


def test_a_collection_gets_another_embedder_and_its_own_again(page: AppTest, service: Service) -> None:
    show_embedders(page)
    settled(press(page, f"card reembed {EMBEDDER}"), service)
    assert service.library.embedder(SHELF).info.id == EMBEDDER
    assert f"now has the embedder {EMBEDDER}: 1 chunk." in shown(page)
    assert [code.value for code in page.code].count(f"RAG_EMBEDDER={EMBEDDER}") == 1
    assert f"{SHELF} {EMBEDDER}" in card(page, "Embedder of each collection")
    settled(press(page, f"card reembed {DEFAULT_EMBEDDER}"), service)
    assert service.library.embedder(SHELF).info.id == DEFAULT_EMBEDDER
    assert f"now has the embedder {EMBEDDER}" not in shown(page)
    assert "RAG_EMBEDDER" not in "".join(code.value for code in page.code), "the default needs no setting"


def test_a_model_that_cannot_be_used_is_explained_and_the_present_one_stays(
    page: AppTest, service: Service, cache: Path
) -> None:
    export_copy(cache, "try/damaged", task="rerank")
    graph = cache / "try_damaged" / "model.onnx"
    size = graph.stat().st_size
    graph.unlink()
    graph.write_bytes(b"not what was promised".ljust(size))
    settled(press(run(page), "card use try/damaged"), service)
    assert "is not the file that model try/damaged was made with" in shown(page)
    assert service.reranker.info.id == DEFAULT_RERANKER


def test_the_error_of_a_bad_id_stays_until_it_is_dismissed(page: AppTest, service: Service) -> None:
    page.text_input(key=state.OTHER_SOURCE).set_value("/no/such/folder")
    settled(press(page, "export_other"), service)
    assert "There is no folder '/no/such/folder'. Expected a folder with a model" in shown(page)
    dismiss = next(
        button for button in page.button if button.label == "Dismiss" and "no_such" in str(button.key)
    )
    dismiss.click()
    assert "There is no folder '/no/such/folder'" not in shown(run(page))


def test_a_form_without_a_name_starts_nothing_and_says_so(page: AppTest, service: Service) -> None:
    assert "Name a model first." not in shown(page)
    page.text_input(key=state.OTHER_SOURCE).set_value(" \u200b ")
    before = service.jobs.states()
    assert "Name a model first." in shown(press(page, "export_other"))
    assert service.jobs.states() == before
    page.text_input(key=state.OTHER_SOURCE).set_value("/no/such/place")
    assert "Name a model first." not in shown(settled(press(page, "export_other"), service))
    service.jobs.forget(export_key(ExportRequest("/no/such/place"), service.settings.model_cache))


def test_a_failure_is_told_below_the_form_and_of_a_known_model_too(page: AppTest, service: Service) -> None:
    request = ExportRequest("BAAI/bge-reranker-base", revision="no-such")
    target = request.target(service.settings.model_cache)
    target.parent.joinpath(f".{target.name}.lock").mkdir()  # no lock can be had where a folder is
    page.text_input(key=state.OTHER_SOURCE).set_value(request.source)
    page.text_input(key=state.OTHER_REVISION).set_value("no-such")
    settled(press(page, "export_other"), service)
    target.parent.joinpath(f".{target.name}.lock").rmdir()
    below = shown(page).partition("Hugging Face id")[2]
    assert "Export of BAAI/bge-reranker-base: BAAI_bge-reranker-base cannot be written into" in below
    press(page, f"others dismiss {export_key(request, service.settings.model_cache)}")
    assert "cannot be written into" not in shown(page)


def test_of_each_model_only_the_newest_outcome_is_shown_until_it_is_dismissed(
    page: AppTest, service: Service
) -> None:
    for name, outcome in (("shelf one", "an older outcome"), (SHELF, "the newest outcome")):
        key = JobKey("reembed", name)
        service.jobs.start(key, lambda _report, said=outcome: said, title="t", subject=DEFAULT_EMBEDDER)
        settled(page, service)
    assert "the newest outcome" in shown(page)
    assert "an older outcome" not in shown(page)
    press(page, f"English dismiss {JobKey('reembed', SHELF)}")
    assert "outcome" not in shown(page)


def test_nothing_of_a_name_reaches_markdown_or_becomes_html(page: AppTest, service: Service) -> None:
    source = "/<script>alert(1)</script> $x$ :red[r]"
    page.text_input(key=state.OTHER_SOURCE).set_value(source)
    settled(press(page, "export_other"), service)
    assert source in shown(page)
    assert HOSTILE in shown(page)
    drawn = " ".join(element.value for element in page.html)
    assert "<img" not in drawn
    assert "<script" not in drawn
    labels = [getattr(element, "label", "") for element in page.main]
    markdown = [element.value for element in [*page.markdown, *page.subheader, *page.title]]
    for text in [*map(str, labels), *map(str, markdown)]:
        assert "try/" not in text
        assert "script" not in text
        assert "shelf" not in text


def test_a_folder_that_is_no_model_is_named(page: AppTest, cache: Path) -> None:
    assert f"{cache / 'half_a_model' / 'manifest.json'} cannot be read as a manifest" in shown(page)


def test_a_copy_of_a_folder_is_named_and_the_model_is_there_once(page: AppTest, cache: Path) -> None:
    shutil.copytree(cache / "try_reranker", cache / "copied", symlinks=True)
    said = shown(run(page))
    assert f"{cache / 'copied'} holds the model {RERANKER}, which is looked for in a folder named" in said
    assert [button.key for button in page.button].count(f"card use {RERANKER}") == 1
    shutil.rmtree(cache / "copied")


def test_where_cache_and_library_lie_is_said_with_the_room_that_is_left(page: AppTest, cache: Path) -> None:
    for topic, folder in (("Model cache", cache), ("Library", get_service().settings.home)):
        assert f"{folder} is " in card(page, topic)
        assert re.search(r"room [\d.]+ [kMG]B free of", card(page, topic))


def test_an_export_of_another_process_is_shown_and_can_be_joined(
    page: AppTest, service: Service, cache: Path
) -> None:
    target = ExportRequest("BAAI/bge-reranker-base", "rerank").target(cache)
    with turns.turn(target, lambda _progress: None):
        turns.announce(target, Progress("quantize", 61.0, 20.0, 0.5))
        said = shown(run(page))
        assert "by another process quantize, 1 min 1 s; about 20 s to go (estimate)" in said
        assert page.button(key="export BAAI/bge-reranker-base").disabled
        settling = press(page, f"card join {target.name}")
        wait_until(lambda: "quantize, 1 min 1 s" in joined(service, target))
        assert "another process exports it: quantize, 1 min 1 s; about 20 s" in shown(run(settling))
        export_copy(cache, "BAAI/bge-reranker-base", task="rerank")
        turns.withdraw(target)
    settled(page, service)
    assert "BAAI/bge-reranker-base is here now: another process exported it meanwhile" in shown(page)
    shutil.rmtree(target)
    service.jobs.forget(JobKey("export", str(target)))


def joined(service: Service, target: Path) -> str:
    """What the job that joined an export says of it."""
    job = service.jobs.get(JobKey("export", str(target)))
    return job.report.text if job else ""


def test_a_preset_that_another_process_exports_can_only_be_joined(page: AppTest, cache: Path) -> None:
    preset = PRESETS[0]
    target = ExportRequest(preset.embedder, "embed").target(cache)
    assert not page.button(key=f"preset {preset.name}").disabled
    with turns.turn(target, lambda _progress: None):
        turns.announce(target, Progress("load", 2.0, 20.0))
        assert run(page).button(key=f"preset {preset.name}").disabled
        assert page.button(key=f"{preset.name} join {target.name}").label == "Join"
        turns.withdraw(target)


def test_a_running_export_is_shown_to_every_visitor_with_its_phase(page: AppTest, service: Service) -> None:
    request = ExportRequest(PRESETS[0].reranker, "rerank")
    go, reported = threading.Event(), threading.Event()

    def work(report: Callable[[Report], None]) -> str:
        report(Report("load, 3.0 s; about 9.0 s to go (estimate)", 0.25))
        reported.set()
        go.wait(30)
        return "an outcome"

    key = export_key(request, service.settings.model_cache)
    service.jobs.start(key, work, title="Export of that model", subject=request.id)
    assert reported.wait(10)
    for visit in (run(page), run(run(visitor()).switch_page(PAGE))):
        assert "Export of that model load, 3.0 s; about 9.0 s to go (estimate)" in shown(visit)
        assert visit.button(key=f"export {request.id}").disabled
        assert visit.button(key=f"preset {PRESETS[0].name}").disabled
    go.set()
    assert "load, 3.0 s" not in shown(settled(page, service))


def test_without_the_packages_for_exporting_what_to_do_is_shown(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    remedy = packages.BAKE if System.here().contained else INSTALL
    assert remedy not in shown(page)
    monkeypatch.setattr(packages, "PACKAGES", ("a-package-that-nobody-wrote",))
    assert remedy in shown(run(page))
    assert all(code.proto.wrap_lines for code in page.code), "a command is never cut off"
    assert page.button(key="export BAAI/bge-reranker-base").disabled


def test_what_is_begun_and_ended_on_the_page_is_in_the_log(
    page: AppTest, service: Service, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="rag")
    settled(press(page, f"card use {RERANKER}"), service)
    settled(press(page, f"card use {DEFAULT_RERANKER}"), service)
    settled(press(show_embedders(page), f"card reembed {EMBEDDER}"), service)
    settled(press(page, f"card reembed {DEFAULT_EMBEDDER}"), service)
    start_export(service, ExportRequest("/no/such/folder"))
    settled(page, service)
    said = "\n".join(f"{record.levelname} {record.getMessage()}" for record in caplog.records)
    assert f"INFO Changing the reranker to {RERANKER}\n" in said
    assert re.search(rf"^INFO Changed the reranker to {RERANKER} in [\d.]+ s$", said, re.MULTILINE)
    assert f"INFO Re-embedding {SHELF!r} with {EMBEDDER}\n" in said
    assert re.search(rf"^INFO Re-embedded .* with {EMBEDDER} in [\d.]+ s$", said, re.MULTILINE)
    assert f"INFO Exporting /no/such/folder into {cache}" in said
    assert "WARNING Export of /no/such/folder failed: There is no folder '/no/such/folder'." in said


def test_an_export_of_another_revision_is_not_joined(service: Service) -> None:
    cache = service.settings.model_cache
    newest, named = (ExportRequest("a/model", revision=revision) for revision in (None, "v2"))
    assert export_key(newest, cache) != export_key(named, cache)
    assert export_key(newest, cache) == export_key(ExportRequest("a/model", task="rerank"), cache)


def test_an_embedder_is_in_use_where_it_made_vectors_or_will(page: AppTest) -> None:
    said = shown(show_embedders(page)).partition("Catalogue")[2]
    assert re.search(rf"{DEFAULT_EMBEDDER} .*? here int8, in use size", said)
