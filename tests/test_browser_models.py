"""The Models page in a real browser: a model exported, used and given back, while others look on."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.config import DEFAULT_RERANKER
from rag.models.naming import model_id

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
pytest.importorskip("optimum", reason="exporting needs the packages of requirements.txt")
expect = sync_api.expect

ROOT = Path(__file__).resolve().parents[1]
EXPORT_TIMEOUT_MS = 120_000
BUILD = """
import sys, torch
from pathlib import Path
import tiny_models
torch.manual_seed(7)
tiny_models.reranker(tiny_models.BERT, Path(sys.argv[1]))
"""
QUESTION = "How long does the dough rest?"
FILES = {
    "bread.txt": "The dough rests for ninety minutes under a damp cloth.",
    "boiler.txt": "If the boiler stops, read the pressure gauge and open the filling tap.",
    "clocks.txt": "The tower clock of the museum strikes every quarter of an hour.",
}


@dataclass
class Seen:
    """What was seen while a model was exported through the page."""

    model: str
    phases: list[str]
    second_tab: str
    second_tab_afterwards: str
    command_line: "subprocess.CompletedProcess[str]"
    cache: Path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cross-encoder of random weights, as its authors would publish it."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny-reranker"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT / "tests", check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def first(browser: "Browser", base_url: str) -> "Iterator[Page]":
    """The page of the visitor who exports."""
    with browser.new_context(viewport={"width": 1440, "height": 2400}) as context:
        yield visit(context.new_page(), base_url)


@pytest.fixture(scope="module")
def seen(first: "Page", browser: "Browser", base_url: str, tiny: Path, server_env: dict[str, str]) -> Seen:
    """What could be seen while `first` exported the tiny model, which is on the machine afterwards."""
    command = [sys.executable, "-m", "rag", "models", "export", str(tiny)]
    with browser.new_context(viewport={"width": 1440, "height": 2400}) as context:
        first.get_by_label("Hugging Face id").fill(str(tiny))
        button(first, "export_other").click()
        expect(first.locator(".rl-live")).to_be_visible()
        with subprocess.Popen(
            command, cwd=ROOT, env=server_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            second = visit(context.new_page(), base_url)
            second_tab = second.locator(".rl-live").inner_text()
            phases = follow(first)
            out, err = process.communicate(timeout=EXPORT_TIMEOUT_MS / 1000)
        expect(second.locator(".rl-done")).to_be_visible()
        afterwards = second.locator(".rl-done").inner_text()
    ran = subprocess.CompletedProcess(command, process.returncode, out, err)
    return Seen(model_id(str(tiny)), phases, second_tab, afterwards, ran, Path(server_env["RAG_MODEL_CACHE"]))


@pytest.fixture(scope="module")
def compare(browser: "Browser", base_url: str) -> "Iterator[Page]":
    """Another visitor's first page, on a collection of three documents."""
    with browser.new_context(viewport={"width": 1440, "height": 1400}) as context:
        page = context.new_page()
        page.goto(base_url)
        box = page.get_by_role("combobox", name="Collection")
        box.fill("Shelf of the models")
        box.press("Enter")
        page.wait_for_timeout(1000)  # what is dropped into the uploader before goes to the other collection
        settle(page)
        files: Any = [{"name": name, "mimeType": "", "buffer": text.encode()} for name, text in FILES.items()]
        page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(files)
        added = page.get_by_text(f"{len(FILES)} of {len(FILES)} files added").first
        added.wait_for(state="attached", timeout=90_000)
        expect(page.get_by_role("textbox", name="Question")).to_be_visible()
        settle(page)
        yield page


def visit(page: "Page", base_url: str) -> "Page":
    page.goto(f"{base_url}/models")
    expect(page.get_by_label("Hugging Face id")).to_be_visible()
    return page


def settle(page: "Page") -> None:
    page.wait_for_timeout(50)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def button(page: "Page", key: str) -> Any:
    """The button with this key: Streamlit writes it as a class, other signs than letters as hyphens."""
    return page.locator(f".st-key-{re.sub(r'[^a-zA-Z0-9_-]', '-', key)} button")


def follow(page: "Page") -> list[str]:
    """Every line that is shown of a running export, until it has ended."""
    lines: list[str] = []
    deadline = time.monotonic() + EXPORT_TIMEOUT_MS / 1000
    while page.locator(".rl-done").count() == 0:
        assert time.monotonic() < deadline, page.get_by_test_id("stMain").inner_text()
        shown = page.locator(".rl-live").all_inner_texts()
        lines += [line for line in shown if line not in lines]
        page.wait_for_timeout(100)
    return lines


def logits(page: "Page", question: str = QUESTION) -> list[str]:
    """The scores of the right column after `question` was asked."""
    page.get_by_role("textbox", name="Question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_timeout(200)
    settle(page)
    expect(reranked(page)).to_be_visible()
    return page.locator(".rl-number", has_text="logit").all_inner_texts()


def reranked(page: "Page") -> Any:
    return page.get_by_role("region", name=re.compile("Reranked"))


def test_the_phases_of_an_export_are_seen_live(seen: Seen) -> None:
    text = " ".join(seen.phases)
    found = re.findall(r"\b(\w+), [\d.]+ s; about [\d.]+ s to go \(estimate\)", text)
    # The page looks twice a second, and a tiny model's phases may be shorter than that; loading never is.
    assert "load" in found
    assert len(set(found)) >= 3, text


def test_a_second_tab_sees_the_same_job_and_its_end(seen: Seen) -> None:
    assert f"Export of {seen.model}" in seen.second_tab
    assert f"{seen.model} is here now: exported in" in seen.second_tab_afterwards


def test_the_command_line_waits_for_the_page_and_exports_nothing(seen: Seen) -> None:
    assert seen.command_line.returncode == 0, seen.command_line.stderr
    assert "another process exported it meanwhile" in seen.command_line.stdout
    assert [folder.name for folder in seen.cache.iterdir() if folder.is_dir()] == [seen.model]


def test_the_next_question_is_answered_by_the_model_in_use(
    first: "Page", compare: "Page", seen: Seen
) -> None:
    before = logits(compare)
    expect(reranked(compare)).to_contain_text(DEFAULT_RERANKER)
    button(first, f"card use {seen.model}").click()
    said = first.locator(".rl-done", has_text="answers from now on").first
    expect(said).to_contain_text(re.compile(r"loaded in [\d.]+ s\. Memory: \d+ MB before, \d+ MB now\."))
    expect(first.get_by_text(f"RAG_RERANKER={seen.model}").first).to_be_visible()
    now = logits(compare)
    expect(reranked(compare)).to_contain_text(seen.model)
    assert len(now) == len(before) == len(FILES)
    assert not set(now) & set(before)
    button(first, f"card use {DEFAULT_RERANKER}").click()
    expect(said).to_contain_text(DEFAULT_RERANKER)
    assert logits(compare) == before
    expect(reranked(compare)).to_contain_text(DEFAULT_RERANKER)


def test_the_page_fits_a_phone(browser: "Browser", base_url: str, seen: Seen) -> None:
    with browser.new_context(viewport={"width": 420, "height": 900}) as context:
        page = visit(context.new_page(), base_url)
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth <= e.clientWidth")
        expect(page.get_by_text(seen.model, exact=True).first).to_be_visible()


def test_the_keyboard_alone_uses_a_model(first: "Page", seen: Seen) -> None:
    use = button(first, f"card use {seen.model}")
    use.focus()
    first.keyboard.press("Enter")
    said = first.locator(".rl-done", has_text="answers from now on").first
    expect(said).to_contain_text(seen.model)
    button(first, f"card use {DEFAULT_RERANKER}").focus()
    first.keyboard.press("Space")
    expect(said).to_contain_text(DEFAULT_RERANKER)
