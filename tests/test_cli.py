"""The command line as a person or a script calls it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import chatting
import misbehaving as bad
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from rag.__main__ import main
from rag.config import DEFAULT_RERANKER

ROOT = Path(__file__).resolve().parents[1]
NOTES = "# Pasta\n\nOrecchiette are shaped with a knife.\n\n# Bread\n\nFocaccia rises twice."


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good file and one bad one, and a library of its own."""
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "home"))
    folder = tmp_path / "notes"
    (folder / "kitchen").mkdir(parents=True)
    (folder / "kitchen" / "pasta.md").write_text(NOTES)
    (folder / "empty.txt").write_text("")
    (folder / ".hidden.txt").write_text("not for the library")
    return folder


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    status = main([*argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_ingest_says_what_became_of_each_file(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", str(notes)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["failed", "added"]
    assert "kitchen/pasta.md: 1 chunk, English." in lines[1]


def test_ingest_opens_files_with_a_password(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canvas = Canvas(str(notes / "locked.pdf"), encrypt=StandardEncryption("open"))
    canvas.drawString(72, 720, "The valve of the boiler is on the second floor.")
    canvas.save()
    path = str(notes / "locked.pdf")
    (file,) = run_json(capsys, "ingest", path)[1]["files"]
    assert (file["status"], file["reason"]) == ("failed", "password_needed")
    status, body = run_json(capsys, "ingest", path, "--password", "open")
    assert (status, body["files"][0]["status"]) == (0, "added")


def test_ctrl_c_keeps_what_is_done_and_names_what_was_not_begun(notes: Path) -> None:
    for name, n_sentences in (("b.txt", 20_000), ("c.txt", 1)):
        (notes / name).write_text("The boiler on the second floor needs a new valve. " * n_sentences)
    (notes / "a.md").write_text(NOTES)
    command = [
        sys.executable,
        "-m",
        "rag",
        "ingest",
        str(notes / "a.md"),
        str(notes / "b.txt"),
        str(notes / "c.txt"),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as ran:
        assert ran.stdout
        assert ran.stdout.readline().startswith("added      a.md: ")
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=60)
    assert (ran.returncode, out) == (130, "")
    assert "What is listed as added stays." in err
    # The signal may come before the turn of b.txt begins.
    assert err.splitlines()[-1].removeprefix("Interrupted. What is listed as added stays. ") in (
        "b.txt was underway, and nothing of it was kept. Not begun: 1 file (c.txt).",
        "Not begun: 2 files (b.txt, c.txt).",
    )


def test_ingest_of_good_files_succeeds_and_a_second_time_changes_nothing(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(notes / "kitchen" / "pasta.md")
    first, second = run_json(capsys, "ingest", path), run_json(capsys, "ingest", path)
    assert [first[0], second[0]] == [0, 0]
    assert [first[1]["files"][0]["status"], second[1]["files"][0]["status"]] == ["added", "unchanged"]


def test_a_path_that_is_not_there_fails_by_name(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, body = run_json(capsys, "ingest", str(notes / "nowhere.pdf"), str(notes / "kitchen"))
    assert status == 1
    assert [file["status"] for file in body["files"]] == ["failed", "added"]


def test_a_path_that_cannot_be_looked_at_costs_itself_alone(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = run_json(capsys, "ingest", "x" * 300 + ".pdf", str(notes / "kitchen"))
    assert status == 1
    assert [file["status"] for file in body["files"]] == ["failed", "added"]


def test_what_is_no_ordinary_file_costs_itself_alone(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(notes / "kitchen" / "pipe.txt")
    (notes / "kitchen" / "zeros.txt").symlink_to("/dev/zero")
    status, body = run_json(capsys, "ingest", str(notes / "kitchen"))
    assert status == 1
    assert [file["status"] for file in body["files"]] == ["added", "failed", "failed"]
    assert body["files"][1]["message"] == "pipe.txt could not be read: it is no ordinary file."


def test_an_empty_folder_says_that_there_is_nothing(
    tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nothing").mkdir()
    assert main(["ingest", str(tmp_path / "nothing")]) == 0
    assert capsys.readouterr().err == "There is no file to add.\n"


def test_search_prints_both_rankings_and_the_times(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingest", str(notes / "kitchen")])
    assert main(["search", "how are orecchiette shaped?"]) == 0
    out = capsys.readouterr().out
    for expected in (
        "Retrieved (rank, cosine)",
        f"Reranked by {DEFAULT_RERANKER} (rank, rank before, logit)",
        "tokenize",
        "total",
    ):
        assert expected in out


def test_search_as_json_is_the_body_of_the_route(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingest", str(notes / "kitchen")])
    capsys.readouterr()
    status, body = run_json(capsys, "search", "orecchiette", "--top-k", "1", "--retrieve-k", "5")
    assert status == 0
    assert [hit["rank"] for hit in body["reranked"]] == [1]
    stages = {"queue", "load", "embed", "search", "tokenize", "score", "sort", "duplicates"}
    assert body["timings_ms"].keys() == stages | {"total"}


def test_search_by_words_shows_their_score(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingest", str(notes / "kitchen")])
    assert main(["search", "orecchiette", "--retriever", "lexical"]) == 0
    assert "Retrieved (rank, BM25)" in capsys.readouterr().out


def test_search_by_both_shows_both_ranks(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingest", str(notes / "kitchen")])
    assert main(["search", "orecchiette", "--retriever", "hybrid"]) == 0
    assert "Retrieved (rank, by vectors, by words, cosine, BM25)" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [["--answer"], ["--answer", "quoted"]])
def test_search_quotes_an_answer_with_where_it_stands(
    notes: Path, capsys: pytest.CaptureFixture[str], answer: list[str]
) -> None:
    main(["ingest", str(notes / "kitchen")])
    assert main(["search", "how are orecchiette shaped?", *answer]) == 0
    out = capsys.readouterr().out
    assert "best logit" in out
    assert re.search(r"^  \S.*\(pasta\.md\)$", out, re.MULTILINE)


def test_search_says_that_the_documents_do_not_answer(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["ingest", str(notes / "kitchen")])
    capsys.readouterr()
    assert main(["search", "Who painted the Sistine Chapel?", "--answer", "quoted"]) == 0
    assert "The documents do not answer this (best logit -" in capsys.readouterr().out


def test_without_a_server_nothing_is_written(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingest", str(notes / "kitchen")])
    capsys.readouterr()
    status, body = run_json(capsys, "search", "orecchiette", "--answer", "written")
    assert (status, body["error"]["type"]) == (2, "QueryError")
    assert "set LLM_BASE_URL and LLM_MODEL" in body["error"]["message"]


def test_search_prints_what_a_language_model_writes_and_what_it_does_not_rest_on(
    notes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["ingest", str(notes / "kitchen")])
    with bad.serving() as server:
        server.behaviour = chatting.writing("Orecchiette are shaped with a knife [1]. Rome is a city.")
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        monkeypatch.setenv("LLM_MODEL", "small")
        assert main(["search", "how are orecchiette shaped?", "--answer"]) == 0
    out = capsys.readouterr().out
    assert "Answer, written by small" in out
    assert "  Orecchiette are shaped with a knife.  (pasta.md)" in out
    assert "  Rome is a city.  [not supported]" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NOT_IN_PASSAGES", "The documents do not answer this, says small.\n"),
        (
            "It rains. NOT_IN_PASSAGES",
            "says small. What it wrote all the same:\n  It rains.  [not supported]",
        ),
        ("[7]", "There is no answer by small.\n"),
        ("它很好 [1]。", "[not checked]  (pasta.md)"),
    ],
)
def test_search_says_of_no_written_answer_what_it_is_not(
    notes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    main(["ingest", str(notes / "kitchen")])
    with bad.serving() as server:
        server.behaviour = chatting.writing(text)
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        monkeypatch.setenv("LLM_MODEL", "small")
        assert main(["search", "how are orecchiette shaped?", "--answer", "written"]) == 0
    assert said in capsys.readouterr().out


def test_search_says_which_hits_say_the_same_in_place_of_their_text(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (notes / "kitchen" / "copy.txt").write_text((notes / "kitchen" / "pasta.md").read_text() + "\n\n")
    main(["ingest", str(notes / "kitchen")])
    capsys.readouterr()
    assert main(["search", "orecchiette"]) == 0
    out = capsys.readouterr().out
    assert out.count("same text as rank 1") == 2, "once in each list"


def test_search_without_a_reranker_says_so(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingest", str(notes / "kitchen")])
    capsys.readouterr()
    _, body = run_json(capsys, "search", "orecchiette", "--reranker", "none")
    assert (body["reranked"], body["models"]["reranker"]) == ([], None)
    assert body["notices"] == ["Reranking was turned off for this question."]


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["search", "x", "--collection", "cellar"], 1, "There is no collection 'cellar'"),
        (["search", "  "], 2, "The question is empty"),
        (["search", "x", "--reranker", "bert"], 2, "Known models: cross-encoder/ms-marco-MiniLM-L-12-v2"),
        (["eval", "nowhere"], 1, "expected a folder with corpus.jsonl"),
        (["rerank", "--query", "x", "nowhere.jsonl"], 1, "nowhere.jsonl: cannot be read"),
    ],
)
def test_what_fails_says_why_and_how_it_failed(
    notes: Path, capsys: pytest.CaptureFixture[str], argv: list[str], status: int, message: str
) -> None:
    assert main([*argv, "--json"]) == status
    out, err = capsys.readouterr()
    assert message in json.loads(out)["error"]["message"]
    assert message in err


@pytest.mark.parametrize("argv", [[], ["fly"], ["search"], ["search", "x", "--top-k", "0"]])
def test_a_command_that_is_not_asked_rightly_ends_with_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2


def test_rerank_reads_lines_and_writes_the_best_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passages.jsonl"
    file.write_text('{"id": 7, "text": "Berlin is a city."}\n\n{"id": "b", "text": "Paris is in France."}\n')
    assert main(["rerank", "--query", "Where is Paris?", str(file)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["id"], line["rank"]) for line in lines] == [("b", 1), (7, 2)]
    assert lines[0]["logit"] > lines[1]["logit"]


@pytest.mark.parametrize("line", ["{", "[]", '{"id": 1}', '{"id": 1, "text": 2}', "[" * 100_000])
def test_rerank_names_the_line_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    file = tmp_path / "passages.jsonl"
    file.write_text('{"id": 1, "text": "fine"}\n' + line)
    assert main(["rerank", "--query", "x", str(file)]) == 1
    assert "passages.jsonl, line 2: expected a JSON object" in capsys.readouterr().err


def test_rerank_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"id": "a", "text": "half \\ud800 a pair"}'))
    assert main(["rerank", "--query", "x"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "a"


def test_rerank_says_on_standard_error_what_it_did_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passages.jsonl"
    texts = ["bread " * 600, "Focaccia rises twice.", "dough " * 600]
    file.write_text("\n".join(json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)))
    assert main(["rerank", "--query", "dough " * 600, str(file)]) == 0
    out, err = capsys.readouterr()
    assert [set(json.loads(line)) for line in out.splitlines()] == [{"id", "logit", "score", "rank"}] * 3
    question, passages = err.splitlines()
    assert re.fullmatch(r"The question is too long .*: it did not read the last 2\d\d tokens\.", question)
    assert passages == "Passages too long for the reranker, of which it read only the start: 2."


def test_rerank_of_what_it_read_whole_says_nothing_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passages.jsonl"
    file.write_text('{"id": 1, "text": "Focaccia rises twice."}')
    assert main(["rerank", "--query", "bread", str(file)]) == 0
    assert capsys.readouterr().err == ""


@pytest.fixture
def beir(notes: Path) -> Path:
    """A data set of three documents and one judged query, beside a library of its own."""
    folder = notes.parent / "beir"
    folder.mkdir()
    passages = ["Orecchiette are shaped with a knife.", "Focaccia rises twice.", "Tides follow the moon."]
    corpus = [{"_id": f"d{n}", "title": "", "text": text} for n, text in enumerate(passages)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)) + "\n")
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "Which bread rises twice?"}')
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    return folder


def add_document(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write('{"_id": "d9", "title": "", "text": "Focaccia is baked with oil."}\n')


def test_eval_reports_both_stages_and_resumes(beir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_json(capsys, "eval", str(beir))
    second = run_json(capsys, "eval", str(beir))
    assert first[1]["reranked"]["nDCG@10"] == second[1]["reranked"]["nDCG@10"] == 1.0
    assert [first[1]["queries"]["resumed"], second[1]["queries"]["resumed"]] == [0, 1]


def test_eval_of_a_changed_corpus_starts_in_another_folder(
    beir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_json(capsys, "eval", str(beir), "--reranker", "none")
    add_document(beir)
    status, body = run_json(capsys, "eval", str(beir), "--reranker", "none")
    assert (status, body["corpus"]["passages"], body["corpus"]["resumed"]) == (0, 4, 0)
    assert len(list((beir.parent / "home" / "eval").iterdir())) == 2


def test_eval_of_a_changed_corpus_is_refused_in_a_folder_that_was_named(
    beir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["eval", str(beir), "--reranker", "none", "--out", str(beir.parent / "out")]
    assert main(argv) == 0
    add_document(beir)
    assert main(argv) == 1
    assert "Choose another --out" in capsys.readouterr().err


def test_eval_cuts_a_run_only_where_the_command_line_says_so(
    beir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_RETRIEVE_K", "1")
    run = beir / "bm25.trec"
    run.write_text("".join(f"q Q0 d{n} {n + 1} {9 - n} bm25\n" for n in range(3)))
    _, whole = run_json(capsys, "eval", str(beir), "--run", str(run))
    _, cut = run_json(capsys, "eval", str(beir), "--run", str(run), "--retrieve-k", "2")
    assert [whole["queries"]["pairs"], cut["queries"]["pairs"]] == [3, 2]
    assert [whole["notices"], cut["notices"]] == [[], ["Documents of the run below rank 2, left out: 1."]]
    assert ("Recall@3" in whole["retrieved"], "Recall@2" in cut["retrieved"]) == (True, True)


def test_python_m_rag_runs_with_any_locale(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "rag", "ingest", str(tmp_path / "perché.pdf")],
        cwd=ROOT,
        env=os.environ | {"RAG_HOME": str(tmp_path), "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stdout.startswith("failed     perché.pdf could not be read")
