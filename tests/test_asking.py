"""Asking all questions of a collection, by a real service: what is recorded, and what then counts."""

import json
import time
from pathlib import Path
from threading import Event, Thread, Timer

import pytest
from files import text_file

from rag.__main__ import main
from rag.config import Settings
from rag.errors import NotFoundError
from rag.evaluation.asking import ask_all, to_ask
from rag.evaluation.collection import measure
from rag.evidence import Judgment, Question, Setup
from rag.jobs import Job, JobKey
from rag.jobs.measure import start_measuring
from rag.pipeline import Pipeline
from rag.samples import SAMPLE_COLLECTION, bring_judgments, sample_files, sample_questions
from rag.service import Service, build

TEXTS = {
    "boiler.txt": "The boiler needs a new valve before the winter starts.",
    "museum.txt": "The museum opens at nine and closes at six, except on Mondays.",
    "rome.txt": "Rome is the capital of Italy and its largest city.",
}
QUERIES = ("When does the museum open?", "Which city is the capital of Italy?")


@pytest.fixture
def collection(service: Service, request: pytest.FixtureRequest) -> str:
    """A collection of its own for each test, with three documents and two questions."""
    name = f"asking {request.node.name}"[:60]
    fill(service, name)
    return name


def fill(service: Service, name: str) -> None:
    outcomes = service.library.ingest([text_file(*item) for item in TEXTS.items()], collection=name)
    ids = {outcome.name: str(outcome.document_id) for outcome in outcomes}
    service.library.store.questions.add(name, [Question(query) for query in QUERIES])
    for query, good in zip(QUERIES, ("museum.txt", "rome.txt"), strict=True):
        judgment = Judgment(query, ids[good], 0, len(TEXTS[good]), 3, judge="ada")
        service.library.judge(judgment, collection=name)


def waiting(service: Service, collection: str) -> tuple[str, ...]:
    return to_ask(service.library, collection, setup=Setup(service.reranker.info), depth=30)


def ended(service: Service, key: JobKey) -> Job:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        job = service.jobs.get(key)
        if job and not job.running:
            return job
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def test_questions_are_asked_until_each_has_a_run_that_counts(service: Service, collection: str) -> None:
    assert waiting(service, collection) == QUERIES
    asked = ask_all(service.pipeline, service.library, collection, QUERIES[:1], depth=30)
    assert (asked.recorded, asked.refused) == (1, ())
    assert waiting(service, collection) == QUERIES[1:]
    service.library.ingest([text_file("new.txt", "A new text.")], collection=collection)
    assert waiting(service, collection) == QUERIES


def test_fresh_answers_are_computed_and_timed(service: Service, collection: str) -> None:
    for _ in range(2):
        ask_all(service.pipeline, service.library, collection, QUERIES, depth=30, fresh=True)
    assert [run.cached for run in service.library.store.runs.of(collection)] == [0] * 4
    found = measure(service.library, collection, judge=None, setup=Setup(service.reranker.info))
    assert found.reranked.means.ndcg_at_10 == 1.0
    assert found.latency is not None


def test_a_question_that_cannot_be_asked_costs_itself_alone(service: Service, collection: str) -> None:
    asked = ask_all(service.pipeline, service.library, collection, ["x" * 5_000, QUERIES[0]], depth=30)
    assert (asked.recorded, asked.questions) == (1, 2)
    assert "at most 4,000" in asked.refused[0][1]


def test_a_question_is_recorded_under_the_name_that_its_judgments_have(
    service: Service, collection: str
) -> None:
    padded = f"  {QUERIES[0]}\n"
    ask_all(service.pipeline, service.library, collection, [padded], depth=30)
    assert [run.query for run in service.library.store.runs.of(collection)] == [padded]


def test_an_answer_that_documents_have_overtaken_is_one_of_the_older_documents(
    service: Service, collection: str
) -> None:
    before = service.library.store.existing(collection).revision
    service.library.store.runs.add(
        service.pipeline.search(QUERIES[0], collection=collection, retrieve_k=30), revision=before
    )
    assert waiting(service, collection) == QUERIES[1:]
    service.library.ingest([text_file("new.txt", "A new text.")], collection=collection)
    overtaken = service.pipeline.search(QUERIES[0], collection=collection, retrieve_k=30)
    service.library.store.runs.add(overtaken, revision=before)
    assert waiting(service, collection) == QUERIES


def test_nothing_is_asked_once_it_is_cancelled(service: Service, collection: str) -> None:
    done: list[int] = []
    asked = ask_all(
        service.pipeline,
        service.library,
        collection,
        QUERIES,
        depth=30,
        progress=lambda n, total: done.append(n),
        cancelled=lambda: len(done) > 1,
    )
    assert asked.recorded == len(service.library.store.runs.of(collection)) == 1


def test_a_full_queue_is_waited_for(service: Service, collection: str) -> None:
    busy = Pipeline(service.library, service.reranker, slots=1, queue=0)
    entered, leave = Event(), Event()

    def hold() -> None:
        with busy.gate.turn():
            entered.set()
            leave.wait(30)

    other = Thread(target=hold)
    other.start()
    entered.wait(30)
    Timer(0.3, leave.set).start()
    asked = ask_all(busy, service.library, collection, QUERIES[:1], depth=30)
    other.join()
    assert asked.recorded == 1


def test_an_unknown_collection_is_said(service: Service) -> None:
    with pytest.raises(NotFoundError, match="no collection 'nowhere'"):
        waiting(service, "nowhere")


def test_the_job_asks_what_is_left_to_ask(service: Service, collection: str) -> None:
    first = ended(service, start_measuring(service, collection, depth=30).key)
    assert (first.state, first.outcome) == ("done", "2 of 2 questions asked and recorded.")
    assert waiting(service, collection) == ()
    second = ended(service, start_measuring(service, collection, depth=30).key)
    assert second.outcome == "Nothing was left to ask: each question has a run that counts."
    again = ended(service, start_measuring(service, collection, depth=30, anew=True).key)
    assert again.outcome == "2 of 2 questions asked and recorded."
    assert len(service.library.store.runs.of(collection)) == 4


def test_the_sample_is_measured_with_the_questions_and_judgments_that_come_with_it(service: Service) -> None:
    service.library.ingest(sample_files(), collection=SAMPLE_COLLECTION)
    bring_judgments(service.library)
    queries = sample_questions()[:4]
    ask_all(service.pipeline, service.library, SAMPLE_COLLECTION, queries, depth=10)
    found = measure(service.library, SAMPLE_COLLECTION, judge="sample", setup=Setup(service.reranker.info))
    assert [one.query for one in found.questions] == list(queries)
    assert found.judgments_elsewhere == 0
    assert 0 < found.retrieved.means.ndcg_at_10 < 1
    assert {one.why for one in found.unmeasured} == {"not_asked"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with the judged collection "c"; the current folder is beside it."""
    made = build(Settings(home=tmp_path / "home", threads=2))
    fill(made, "c")
    made.close()
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_eval_measures_a_collection_and_holds_it_against_a_baseline(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "c", "--save-baseline", "b.json", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["reranked"]["nDCG@10"], body["gate"], len(body["questions"])) == (1.0, None, 2)
    saved = json.loads((home / "b.json").read_text())
    generous = ["--margin-p95", "10000%"]
    assert main(["eval", "c", "--baseline", "b.json", *generous]) == 0
    assert "ok       nDCG@10 is 1.0000, it was 1.0000" in capsys.readouterr().out
    (home / "b.json").write_text(json.dumps(saved | {"p95_s": 1e-6}))
    assert main(["eval", "c", "--baseline", "b.json", "--save-baseline", "b.json", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["gate"]["passed"] is False
    assert json.loads((home / "b.json").read_text())["p95_s"] == 1e-6


@pytest.mark.parametrize(("alone", "status"), [(False, 0), (True, 1)])
def test_eval_says_that_a_question_that_cannot_be_asked_is_not_measured(
    home: Path, capsys: pytest.CaptureFixture[str], alone: bool, status: int
) -> None:
    made = build(Settings(home=home / "home", threads=2))
    document = made.library.documents("c")[0]
    if alone:
        for judged in QUERIES:
            made.library.store.questions.remove("c", judged)
        made.library.store.questions.add("c", [Question("nobody judged this")])
    made.library.judge(Judgment("x" * 5_000, document.id, 0, 9, 3), collection="c")
    made.close()
    assert main(["eval", "c"]) == status
    said = capsys.readouterr()
    assert "It was not asked yet, or not recorded." in said.out + said.err


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["c", "--judge", "bob"], 2, "Nobody called 'bob' has judged in 'c'. Judges: 'ada'."),
        (["c", "--margin-ndcg", "0.1"], 2, "name it with --baseline"),
        (["c", "--reranker", "none"], 2, "measured with a reranker"),
        (["c", "--chunk"], 2, "--chunk is for a folder, and 'c' is no folder here."),
        (["d"], 1, "expected a folder with corpus.jsonl, queries.jsonl, qrels.tsv, or the name of"),
        (["d" * 5_000], 1, "Collections: c."),
    ],
)
def test_eval_of_a_collection_that_is_asked_wrongly_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], status: int, message: str
) -> None:
    assert main(["eval", *argv]) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--baseline", "nowhere.json", "nowhere.json: cannot be read as a baseline"),
        ("--baseline", "bad.json", "is not a baseline of this version"),
        ("--save-baseline", "nowhere/b.json", "expected a file in a folder that is there"),
        ("--margin-p95", "nan%", "expected a percentage such as 20%"),
        ("--margin-p95", "0.2", "expected a percentage such as 20%; found '0.2'"),
        ("--margin-ndcg", "2", "expected a difference of nDCG@10 from 0 to 1"),
    ],
)
def test_eval_ends_with_2_before_anything_is_asked_where_an_option_cannot_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        main(["eval", "c", option, value])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_eval_of_a_name_that_is_a_folder_too_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "c").mkdir()
    assert main(["eval", "c"]) == 1
    assert "'c' is a folder and a collection" in capsys.readouterr().err
    assert main(["eval", "c", "--judge", "ada"]) == 2
    assert (
        "--judge is for a collection, and 'c' is a folder here. Add --collection" in capsys.readouterr().err
    )
    assert main(["eval", "c", "--collection", "--judge", "ada", "--retrieve-k", "2"]) == 0
    assert "2 questions with 2 candidates" in capsys.readouterr().out
