"""Collections on the command line: made, renamed, deleted, taken along."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rag.__main__ import main
from rag.store import Store

BREAD = "The dough rests for ninety minutes under a damp cloth."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of its own, with nothing in it."""
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "home"))
    return tmp_path


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    status = main(["collections", *argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


def names(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [row["name"] for row in run_json(capsys, "list")[1]["collections"]]


def test_a_collection_is_made_renamed_and_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_json(capsys, "create", "Breads") == (0, {"created": "Breads"})
    assert run_json(capsys, "rename", "Breads", "Loaves")[0] == 0
    assert names(capsys) == ["Loaves"]
    assert run_json(capsys, "delete", "Loaves") == (0, {"deleted": "Loaves", "documents": 0})
    assert names(capsys) == []


def test_a_collection_is_taken_along_in_one_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bread.txt").write_text(BREAD)
    main(["ingest", str(home / "bread.txt"), "--collection", "Breads"])
    capsys.readouterr()
    status, body = run_json(capsys, "export", "Breads", "--out", str(home / "breads.zip"))
    assert (status, body["documents"], body["chunks"]) == (0, 1, 1)
    status, body = run_json(capsys, "import", str(home / "breads.zip"), "--name", "Loaves")
    assert (status, body["collection"], body["documents"]) == (0, "Loaves", 1)
    assert names(capsys) == ["Breads", "Loaves"]
    assert sorted(path.name for path in home.glob("*.zip*")) == ["breads.zip"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["delete", "nowhere"], "There is no collection 'nowhere'"),
        (["create", "two\nlines"], "cannot name a collection"),
        (["export", "nowhere"], "There is no collection 'nowhere'"),
        (["export", "Breads", "--out", "nowhere/x.zip"], "cannot be written: No such file or directory."),
        (["import", "nowhere.zip"], "nowhere.zip: it cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_done_is_said(
    argv: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> None:
    monkeypatch.chdir(home)
    run_json(capsys, "create", "Breads")
    status, body = run_json(capsys, *argv)
    assert status == 1
    assert said in body["error"]["message"]
    assert list(home.glob("*.zip*")) == []


def data_set(folder: Path) -> Path:
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d1", "title": "", "text": BREAD}) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "How long?"}) + "\n")
    (folder / "qrels.tsv").write_text("q1\td1\t1\n")
    return folder


def test_a_data_set_is_imported_from_its_folder_or_a_zip_file(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data_set(home / "breads")
    status, body = run_json(capsys, "import", str(folder))
    assert (status, body["collection"], body["judgments"]) == (0, "breads", 1)
    with zipfile.ZipFile(home / "loaves.zip", "w") as package:
        for path in folder.iterdir():
            package.write(path, f"x/{path.name}")
    status, body = run_json(capsys, "import", str(home / "loaves.zip"))
    assert (status, body["collection"], body["questions"]) == (0, "loaves", 1)
    assert names(capsys) == ["breads", "loaves"]


def test_judgments_go_out_and_come_in_by_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_json(capsys, "import", str(data_set(home / "breads")))
    for form in ("qrels", "csv", "triples", "questions"):
        out = home / f"out.{form}"
        assert main(["judgments", "export", "breads", "--format", form, "-o", str(out)]) == 0
        assert out.exists()
    for form in ("qrels", "csv"):
        assert main(["judgments", "import", "breads", str(home / f"out.{form}"), "--judge", form]) == 0
    library = Store(home / "home" / "library.db")
    assert library.judgments.judges("breads") == ("csv", "imported", "qrels")
    library.close()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["export", "breads", "--format", "reranked"], "Expected recorded runs of 'breads'"),
        (["export", "nowhere"], "There is no collection 'nowhere'"),
        (["import", "breads", "nowhere.qrels"], "nowhere.qrels: it cannot be read"),
    ],
)
def test_what_cannot_be_handed_on_is_said(
    argv: list[str], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_json(capsys, "import", str(data_set(home / "breads")))
    assert main(["judgments", *argv]) == 1
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_export_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "x.zip").write_bytes(b"no ZIP file at all")
    status, body = run_json(capsys, "import", str(home / "x.zip"))
    assert status == 1
    assert "no collection that RerankLens has exported" in body["error"]["message"]
