"""The page as a visitor uses it, without a browser: the real script over a real library."""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from pathlib import Path

import misbehaving
import pytest
import recorded
from drawings import drawn
from machine import export_copy
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, Selectbox

from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER, Settings
from rag.errors import RagError
from rag.ingest import SourceFile
from rag.samples import SAMPLE_COLLECTION, sample_files
from rag.service import build
from rag.ui import state
from rag.ui.resources import get_service

ENTRY = Path(__file__).resolve().parents[1] / "streamlit_app.py"
QUESTION = "How long does the dough rest?"
BREAD = ("bread.txt", b"The dough rests for ninety minutes under a damp cloth.")
BOILER = ("boiler.txt", b"If the boiler stops, read the pressure gauge and open the filling tap.")
CLOCKS = ("clocks.md", b"# Clocks\n\nThe tower clock of the museum strikes every quarter of an hour.")


@pytest.fixture(scope="module", autouse=True)
def one_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One library for these tests; each fills a collection of its own."""
    with recorded.own_library(tmp_path_factory.mktemp("page")):
        yield


@pytest.fixture
def empty(request: pytest.FixtureRequest) -> AppTest:
    """The page on a collection that does not exist yet."""
    return visit(re.sub(r"\W+", " ", request.node.name).strip()[-64:].strip())


@pytest.fixture
def filled(empty: AppTest) -> AppTest:
    """The page on a collection of three small documents."""
    return upload(empty, BREAD, BOILER, CLOCKS)


def visit(collection: str | None = None) -> AppTest:
    """The page as a new visitor sees it, on `collection` if one is named."""
    page = AppTest.from_file(str(ENTRY), default_timeout=60)
    if collection:
        page.session_state[state.COLLECTION] = collection
    return run(page)


def run(page: AppTest) -> AppTest:
    """Draw the page, and again when all that it began in the background has ended."""
    began = datetime.now(UTC)
    page.run()
    if has_ended_since(began):
        page.run()
    assert not page.exception, page.exception[0].value
    return page


def has_ended_since(began: datetime) -> bool:
    """Wait until no job runs; return whether one has ended since `began`."""
    try:
        jobs = get_service().jobs
    except RagError:  # there is no service with the settings of this test
        return False
    deadline = time.monotonic() + 60
    while any(job.running for job in jobs.all()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return any(job.ended_at and job.ended_at >= began for job in jobs.all())


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    for name, data in files:
        page.file_uploader[0].upload(name, data)
    return run(page)


def ask(page: AppTest, question: str = QUESTION) -> AppTest:
    page.text_input(key=state.QUESTION).set_value(question)
    ask_button(page).click()
    return run(page)


def shown(page: AppTest) -> str:
    """Everything that can be read on the page, from top to bottom."""
    html = " ".join(_html(element) for block in (page.sidebar, page.main) for element in block)
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", html)))


def _html(element: object) -> str:
    if getattr(element, "type", "") == "html":
        return str(getattr(element, "value", ""))
    if getattr(element, "type", "") == "bidi_component":
        return drawn(element)
    return re.sub("<", "&lt;", f"{getattr(element, 'label', '')} {getattr(element, 'value', '')}")


def cards(page: AppTest) -> list[str]:
    """The ids of the chunks on the cards, column by column."""
    return re.findall('data-chunk="([^"]*)"', " ".join(drawn(each) for each in page.get("bidi_component")))


def times(page: AppTest) -> list[str]:
    """Every time on the page, to the digit: no second measurement gives all of them again."""
    return re.findall(r"[\d.,]+ ms\b", shown(page))


def test_what_was_rolled_back_is_named_until_it_is_dismissed(filled: AppTest) -> None:
    with closing(sqlite3.connect(Path(os.environ["RAG_HOME"]) / "library.db")) as db, db:
        entry = ("big.pdf", "manuals", "a process that is gone", "2026-01-31T12:00:00+00:00")
        db.execute("INSERT INTO unfinished (name, collection, owner, began_at) VALUES (?, ?, ?, ?)", entry)
    page = run(filled)
    assert "RerankLens ended while it added 1 file." in shown(page)
    assert "big.pdf to manuals, 2026-01-31 12:00" in shown(page)
    page.button(key="acknowledge").click()
    assert "RerankLens ended" not in shown(run(page))


def test_an_empty_library_offers_the_samples_and_one_click_opens_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "library"))
    page = visit()
    assert len(page.file_uploader) == 1
    assert not page.text_input, "there is nothing to ask yet"
    page.button(key="open_sample").click()
    run(page)
    assert f"{len(sample_files())} documents" in shown(page)
    assert page.selectbox(key=state.COLLECTION).value == "sample"
    questions = page.button_group[0]
    questions.set_value(questions.options[0])
    run(page)
    assert page.text_input(key=state.QUESTION).value == questions.options[0]
    assert len(cards(page)) == 20
    get_service().close()


def test_a_question_fills_both_columns_under_a_sentence_and_the_times(filled: AppTest) -> None:
    ask(filled)
    assert len(cards(filled)) == 6
    assert set(cards(filled)[:3]) == set(cards(filled)[3:])
    assert re.search("Reranking left the top 3|The top 3 are the same", shown(filled))
    for stage in ("embed", "search", "tokenize", "score", "sort", "total"):
        assert re.search(rf"\b{stage} [\d.,]+ ms", shown(filled)), stage


def test_the_answer_is_on_the_first_reranked_card(filled: AppTest) -> None:
    ask(filled)
    reranked = shown(filled).rpartition("Reranked")[2]
    assert reranked.index("bread.txt") < min(reranked.index("boiler.txt"), reranked.index("clocks.md"))


def test_another_run_draws_the_kept_result_without_asking_again(filled: AppTest) -> None:
    before = times(ask(filled))
    assert len(before) == 8
    assert times(run(filled)) == before


def test_asking_again_says_that_the_scores_were_known(filled: AppTest) -> None:
    ask(filled, "What was cached?")
    assert "3 cached" not in shown(filled)
    ask(filled, "What was cached?")
    assert "3 cached" in shown(filled)


def test_the_number_of_cards_is_only_a_matter_of_drawing(filled: AppTest) -> None:
    before = times(ask(filled))
    filled.slider(key=state.TOP_K).set_value(1)
    run(filled)
    assert len(cards(filled)) == 2
    assert times(filled) == before


def test_fewer_candidates_than_cards_leave_a_working_page(filled: AppTest) -> None:
    ask(filled).slider(key=state.TOP_K).set_value(3)
    run(filled).number_input(key=state.RETRIEVE_K).set_value(1)
    ask(filled)
    assert len(cards(filled)) == 2
    assert "1 of 1" in shown(filled)


@pytest.mark.parametrize("question", ["", " \n\t", "\x00\u200b"], ids=["nothing", "spaces", "invisible"])
def test_a_question_that_says_nothing_gets_a_message_and_no_cards(filled: AppTest, question: str) -> None:
    ask(ask(filled), question)
    assert "The question is empty" in shown(filled)
    assert cards(filled) == []


def test_a_question_that_is_too_long_is_refused_and_not_cut(filled: AppTest) -> None:
    page = ask(filled, "why " * 1001)
    assert "The question has 4,004 characters; at most 4,000 can be asked. Shorten it." in shown(page)
    assert cards(page) == []


def test_a_file_that_fails_costs_itself_alone(empty: AppTest) -> None:
    page = upload(empty, BREAD, ("broken.pdf", b"%PDF-1.7 and no more"), ("blank.txt", b""), BOILER)
    assert "2 of 4 files added; 2 could not be added." in shown(page)
    assert "2 documents" in shown(page)
    listed = shown(page).partition("could not be added")[2]
    assert max(listed.index("broken.pdf"), listed.index("blank.txt")) < listed.index("bread.txt")


def test_the_uploader_is_empty_after_an_upload(filled: AppTest) -> None:
    assert filled.file_uploader[0].value == []


def test_the_same_bytes_are_not_added_twice(filled: AppTest) -> None:
    upload(filled, ("copy.txt", BREAD[1]))
    assert "copy.txt is already there as bread.txt." in shown(filled)
    assert "3 documents" in shown(filled)


def test_a_deleted_document_is_gone(filled: AppTest) -> None:
    choice = filled.selectbox(key=state.DOCUMENT)
    choice.select_index(choice.options.index("bread.txt"))
    run(filled).button(key="delete").click()
    run(filled)
    assert "2 documents" in shown(filled)
    bread = sha256(BREAD[1]).hexdigest()[:16]
    assert len(cards(ask(filled))) == 4
    assert not any(chunk.startswith(bread) for chunk in cards(filled))


def test_a_result_from_other_documents_says_so_until_asked_again(filled: AppTest) -> None:
    ask(filled)
    upload(filled, ("oven.txt", b"The oven is cleaned on Fridays."))
    assert "The documents have changed since this question was asked" in shown(filled)
    assert "have changed" not in shown(ask(filled))


def test_samples_that_were_cut_short_can_be_completed() -> None:
    library = get_service().library
    library.ingest(sample_files()[:2], collection=SAMPLE_COLLECTION)
    page = visit(SAMPLE_COLLECTION)
    assert page.button(key="open_sample").label == "Add the missing sample documents"
    page.button(key="open_sample").click()
    run(page)
    assert len(library.documents(SAMPLE_COLLECTION)) == len(sample_files())
    assert not any(button.key == "open_sample" for button in page.button)


def test_deleting_needs_a_choice(filled: AppTest) -> None:
    assert filled.button(key="delete").disabled


def test_a_document_that_another_visitor_deleted_first_is_no_accident(filled: AppTest) -> None:
    filled.selectbox(key=state.DOCUMENT).select_index(0)
    run(filled)
    library, collection = get_service().library, str(filled.selectbox(key=state.COLLECTION).value)
    library.delete(library.documents(collection)[0].id, collection=collection)
    filled.button(key="delete").click()
    run(filled)
    assert "2 documents" in shown(filled)


def test_collections_keep_to_themselves(filled: AppTest) -> None:
    other = upload(visit("the other shelf"), BOILER)
    assert other.selectbox(key=state.COLLECTION).value == "the other shelf"
    assert len(cards(ask(other))) == 2
    assert len(cards(ask(filled))) == 6


def test_a_result_is_not_shown_under_another_collection(filled: AppTest) -> None:
    upload(visit("the next shelf"), BOILER)
    run(ask(filled)).selectbox(key=state.COLLECTION).set_value("the next shelf")
    assert cards(run(filled)) == []


@pytest.mark.parametrize("name", ["x" * 65, "two\nlines", " \u200b "], ids=["long", "lines", "invisible"])
def test_a_collection_that_cannot_be_named_so_gets_a_message(name: str) -> None:
    assert "cannot name a collection" in shown(upload(visit(name), BREAD))


def test_a_setting_that_cannot_be_used_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TOP_K", "nonsense")
    page = visit()
    assert "nonsense" in shown(page)
    assert not page.file_uploader


def test_an_unknown_model_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_RERANKER", "nonsense")
    assert "cross-encoder/ms-marco-MiniLM-L-12-v2" in shown(visit())


@pytest.mark.parametrize(
    ("variable", "default"), [("RAG_RERANKER", DEFAULT_RERANKER), ("RAG_EMBEDDER", DEFAULT_EMBEDDER)]
)
def test_a_stand_in_is_announced_before_the_first_question_and_once_afterwards(
    filled: AppTest, monkeypatch: pytest.MonkeyPatch, variable: str, default: str
) -> None:
    assert "stands in for" not in shown(filled)
    monkeypatch.setenv(variable, "no-such-model")
    said = f"{default} stands in for no-such-model"
    assert shown(run(filled)).count(said) == 1
    assert shown(ask(filled)).count(said) == 1
    assert cards(filled)


def test_a_collection_whose_embedder_is_gone_says_so_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, gone = tmp_path / "models", "try/embedder"
    export_copy(models, gone)
    other = build(Settings(home=tmp_path, model_cache=models, embedder=gone))
    other.library.ingest([SourceFile(BREAD[0], len(BREAD[1]), lambda: BREAD[1])], collection="shelf")
    other.close()
    monkeypatch.setenv("RAG_HOME", str(tmp_path))
    monkeypatch.setenv("RAG_MODEL_CACHE", str(models))
    assert not ask_button(visit("shelf")).disabled
    monkeypatch.setenv("RAG_MODEL_CACHE", str(tmp_path / "lost"))
    page = visit("shelf")
    assert (
        f"This collection cannot be searched or added to: its embedder {gone} is not on this machine. "
        "Export it, or give the collection another one, on the Models page."
    ) in shown(page)
    assert ask_button(page).disabled
    assert page.file_uploader[0].disabled
    assert "cannot be searched" not in shown(visit("another shelf"))


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[misbehaving.Server]:
    """A remote reranker that the settings name and prefer, on this machine."""
    with misbehaving.serving() as server:
        monkeypatch.setenv("MODAL_RERANK_URL", f"{server.url}/hidden-path/rerank")
        monkeypatch.setenv("RAG_REMOTE_API_KEY", "sesame")
        yield server
        get_service().close()


def reranker_choice(page: AppTest) -> Selectbox:
    return page.selectbox(key=state.RERANKER)


def test_without_a_remote_reranker_there_is_nothing_to_choose(filled: AppTest) -> None:
    assert {choice.label for choice in filled.selectbox} == {"Collection", "Document to delete", "Retriever"}


def test_a_remote_reranker_is_asked_and_named_with_its_relevances(
    filled: AppTest, remote: misbehaving.Server
) -> None:
    remote.behaviour = misbehaving.slow(0.05, misbehaving.timed("20"))
    assert reranker_choice(run(filled)).options == [
        f"{remote.host} (remote)",
        f"{DEFAULT_RERANKER.rpartition('/')[2]} (local)",
        "No reranking",
    ]
    page = shown(ask(filled))
    assert f"Reranked · remote remote at {remote.host} · 3 of 3" in page
    assert page.count("relevance ") == 3
    assert re.search(r"network [\d.]+ ms 3 pairs .*server 20 ms", page)
    assert not re.search("logit |sigmoid |Logit:|took its place", page)
    assert "Relevance: " in page


def test_the_local_reranker_and_none_can_be_chosen_in_place_of_the_remote_one(
    filled: AppTest, remote: misbehaving.Server
) -> None:
    reranker_choice(run(filled)).set_value("local")
    assert shown(ask(filled)).count("logit ") == 3
    reranker_choice(filled).set_value("none")
    assert "Reranking was turned off for this question." in shown(ask(filled))
    assert len(cards(filled)) == 3
    assert remote.asked == []


def test_a_preferred_remote_reranker_that_fails_is_replaced_and_the_page_says_so(
    filled: AppTest, remote: misbehaving.Server
) -> None:
    remote.behaviour = misbehaving.replying({"message": "overloaded"}, 500)
    page = shown(ask(run(filled)))
    assert f"The remote reranker at {remote.host} was expected to answer 200" in page
    assert f"{DEFAULT_RERANKER} on this machine took its place." in page
    assert page.count("logit ") == 3


def test_a_remote_reranker_that_was_asked_for_by_name_is_not_replaced(
    filled: AppTest, remote: misbehaving.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USE_ONNX_RERANKER", "true")
    remote.behaviour = misbehaving.replying({"message": "overloaded"}, 500)
    assert reranker_choice(run(filled)).value == "local"
    assert shown(ask(filled)).count("logit ") == 3
    reranker_choice(filled).set_value("remote")
    assert "That did not work" in shown(ask(filled))
    assert "answered 500" in shown(filled)
    assert cards(filled) == []


@pytest.mark.parametrize(
    ("forced", "said", "titles"),
    [
        (
            "",
            "on this machine takes its place",
            ("Remote reranker (in use)", "Local reranker (takes its place if the remote one fails)"),
        ),
        ("true", "only for a question that names it", ("Reranker", "Remote reranker")),
    ],
)
def test_the_models_page_says_where_the_remote_reranker_is_and_keeps_its_secrets(
    remote: misbehaving.Server,
    monkeypatch: pytest.MonkeyPatch,
    forced: str,
    said: str,
    titles: tuple[str, str],
) -> None:
    monkeypatch.setenv("USE_ONNX_RERANKER", forced)
    page = shown(run(visit().switch_page("rag/ui/pages/models.py")))
    one, other = titles
    assert page.index(f"{one} model ") < page.index(f"{other} model ")
    assert f" model remote at {remote.host} style cohere" in page
    assert "time limit 30 s" in page
    assert said in page
    assert not re.search("hidden-path|sesame", page)


def test_a_question_that_finds_the_queue_full_leaves_the_earlier_answer_and_says_when_to_come_again(
    filled: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_QUEUE", "1")
    monkeypatch.setenv("RAG_THREADS", "1")
    before = times(ask(filled))
    gate = get_service().pipeline.gate

    def wait() -> None:
        with gate.turn():
            pass

    waiting = threading.Thread(target=wait)
    with gate.turn():
        waiting.start()
        while not gate.waiting:
            time.sleep(0.01)
        page = shown(ask(filled, "One too many?"))
    waiting.join()
    assert (
        "The server is busy: 1 question waits. Ask this one again in about 1 s. Below is the answer" in page
    )
    assert "That did not work" not in page
    assert times(filled) == before


def ask_button(page: AppTest) -> Button:
    return next(button for button in page.button if button.label == "Ask")
