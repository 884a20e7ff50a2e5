import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import ir_measures
import pytest
from ir_measures import AP, RR, Judged, P, R, nDCG

from rag.__main__ import main
from rag.config import DEFAULT_EMBEDDER, DEFAULT_RERANKER, OrderChoice, Settings
from rag.embed import Embedder
from rag.errors import InputFileError
from rag.evaluation.candidates import best_of_documents
from rag.evaluation.evaluate import evaluate, state_name
from rag.evaluation.summary import EvalOptions, EvalReport, report_json, sum_stages
from rag.metrics import MetricMeans
from rag.records import StageTime
from rag.rerank import Reranker
from rag.service import load_model
from rag.trec import Ranked, read_run

ROOT = Path(__file__).resolve().parents[1]

CORPUS = {
    "tea": ("Tea", "Green tea is steeped for two to three minutes in water of about 80 degrees."),
    "coffee": ("Coffee", "Filter coffee is brewed with water just below boiling, at 92 to 96 degrees."),
    "iron": ("Iron", "Iron melts at 1538 degrees Celsius and has been smelted for three thousand years."),
    "gold": ("Gold", "Gold melts at 1064 degrees Celsius and hardly ever corrodes."),
    "swift": ("Swifts", "Common swifts sleep, eat and drink in flight for ten months of the year."),
    "owl": ("", "Barn owls find mice by ear, in complete darkness."),
    "dam": ("Dams", "A gravity dam holds back water by its weight alone."),
    "empty": ("", ""),
}
QUERIES = {
    "q-tea": "how long does green tea steep",
    "q-melt": "melting point of metals",
    "q-bird": "which bird sleeps while flying",
    "q-nobody": "a query that nobody judged",
}
QRELS = {
    "q-tea": {"tea": 2, "coffee": 0},
    "q-melt": {"iron": 2, "gold": 1, "dam": 0},
    "q-bird": {"swift": 1},
}
OPTIONS = EvalOptions(retrieve_k=5)

KILLED_RUN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, str(Path("tests").resolve()))
from test_evaluate import OPTIONS, load_embedder, load_reranker
from rag.evaluation.evaluate import evaluate

def kill_on(stage, done, total):
    if [stage, str(done)] == sys.argv[3:]:
        os.kill(os.getpid(), signal.SIGKILL)

evaluate(Path(sys.argv[1]), options=OPTIONS, embedder=load_embedder(), reranker=load_reranker(),
         out=Path(sys.argv[2]), progress=kill_on)
"""


def load_embedder() -> Embedder:
    return Embedder(load_model(DEFAULT_EMBEDDER, "embed", threads=2))


def load_reranker() -> Reranker:
    return Reranker(load_model(DEFAULT_RERANKER, "rerank", threads=2))


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def reranker() -> Reranker:
    return load_reranker()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_beir(tmp_path / "beir")


def write_beir(
    folder: Path,
    *,
    corpus: Mapping[str, tuple[str, str]] = CORPUS,
    queries: Mapping[str, str] = QUERIES,
    qrels: Mapping[str, Mapping[str, int]] = QRELS,
) -> Path:
    folder.mkdir(exist_ok=True)
    documents = [{"_id": key, "title": title, "text": text} for key, (title, text) in corpus.items()]
    questions = [{"_id": key, "text": text} for key, text in queries.items()]
    grades = [f"{query}\t{key}\t{grade}" for query, of in qrels.items() for key, grade in of.items()]
    write_lines(folder / "corpus.jsonl", [json.dumps(document) for document in documents])
    write_lines(folder / "queries.jsonl", [json.dumps(question) for question in questions])
    write_lines(folder / "qrels.tsv", ["query-id\tcorpus-id\tscore", *grades])
    return folder


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def scored_by_trec_eval(trec: Path, qrels: Mapping[str, Mapping[str, int]], recall_depth: int) -> list[float]:
    measures = [nDCG @ 10, RR @ 10, P @ 5, R @ recall_depth, AP, Judged @ 10]
    run = list(ir_measures.read_trec_run(str(trec)))
    means = ir_measures.calc_aggregate(measures, {name: dict(of) for name, of in qrels.items()}, run)
    return [means[measure] for measure in measures]


def approx(means: MetricMeans | None) -> object:
    if means is None:
        pytest.fail("this stage was not measured")
    return pytest.approx(list(means.by_name.values()), abs=1e-9)


def order(trec: Path, query: str) -> list[str]:
    return [ranked.document_id for ranked in read_run(trec)[query]]


def test_both_stages_are_measured_as_trec_eval_measures_their_files(
    folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    out = tmp_path / "out"
    report = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=out)
    assert scored_by_trec_eval(out / "retrieved.trec", QRELS, 5) == approx(report.retrieved)
    assert scored_by_trec_eval(out / "reranked.trec", QRELS, 5) == approx(report.reranked)
    assert order(out / "reranked.trec", "q-tea")[0] == "tea"


def test_reranking_keeps_the_retrieved_documents_of_each_query(
    folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    out = tmp_path / "out"
    evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=out)
    retrieved, reranked = read_run(out / "retrieved.trec"), read_run(out / "reranked.trec")
    for query in QRELS:
        documents = {ranked.document_id for ranked in retrieved[query]}
        assert len(documents) == 5
        assert documents == {ranked.document_id for ranked in reranked[query]}


def test_report_counts_queries_passages_and_pairs(
    folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    report = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=tmp_path / "out")
    assert (report.queries.measured, report.queries.left_out, report.queries.pairs) == (3, 1, 15)
    assert (report.corpus.documents, report.corpus.passages, report.corpus.resumed) == (8, 8, 0)
    assert [stage.stage for stage in report.stages][:3] == ["embed_corpus", "embed", "search"]
    assert report.seconds >= sum(stage.seconds for stage in report.stages)


def test_metrics_file_holds_the_report(
    folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    report = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=tmp_path / "out")
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert stored == json.loads(report_json(report))
    assert stored["retrieved"]["nDCG@10"] == report.retrieved.means.ndcg_at_10
    assert stored["reranker"]["sha256"] == reranker.info.sha256


def test_passages_and_pairs_over_the_window_are_counted(
    tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    corpus = CORPUS | {"long": ("Long", "green tea steeps " * 300)}
    folder = write_beir(tmp_path / "beir", corpus=corpus)
    options = EvalOptions(limit=1)
    report = evaluate(folder, options=options, embedder=embedder, reranker=reranker, out=tmp_path / "out")
    assert (report.corpus.truncated, report.queries.truncated_pairs) == (1, 1)


def test_questions_over_the_windows_are_noticed_by_later_runs_too(
    tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    # The embedder has room for about 500 tokens, the reranker for about 380 of them.
    longer = {"q-tea": "tea " * 600, "q-melt": "melting " * 420}
    folder = write_beir(tmp_path / "beir", queries=QUERIES | longer)
    for resumed in (0, 3):
        report = evaluate_whole(folder, tmp_path / "out", embedder, reranker)
        assert report.queries.resumed == resumed
        assert report.notices == (
            "Questions longer than the embedder's window, cut: 1.",
            "Questions longer than the reranker's window, cut: 2.",
        )


def test_question_that_nothing_embeds_is_not_cut(
    tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    folder = write_beir(tmp_path / "beir", queries=QUERIES | {"q-tea": "tea " * 600})
    run = write_lines(tmp_path / "bm25.trec", ["q-tea Q0 tea 1 1.0 bm25"])
    options = EvalOptions(run=run, chunk=True, limit=1)
    report = evaluate(folder, options=options, embedder=embedder, reranker=reranker, out=tmp_path / "out")
    assert report.notices == ("Questions longer than the reranker's window, cut: 1.",)


def test_without_a_reranker_only_the_first_stage_is_reported(
    folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    out = tmp_path / "out"
    report = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=None, out=out)
    assert (report.reranked, report.reranker, report.queries.pairs) == (None, None, 0)
    assert sorted(path.name for path in out.iterdir()) == ["metrics.json", "retrieved.trec", "state"]


def test_limit_takes_the_first_judged_queries(folder: Path, tmp_path: Path, embedder: Embedder) -> None:
    options = EvalOptions(retrieve_k=5, limit=2)
    report = evaluate(folder, options=options, embedder=embedder, reranker=None, out=tmp_path / "out")
    assert report.queries.measured == 2
    assert list(read_run(tmp_path / "out" / "retrieved.trec")) == ["q-tea", "q-melt"]


def test_a_higher_limit_goes_on_where_the_lower_one_ended(
    folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    for limit, resumed in ((2, 0), (None, 2)):
        options = EvalOptions(retrieve_k=5, limit=limit)
        report = evaluate(folder, options=options, embedder=embedder, reranker=None, out=tmp_path / "out")
        assert report.queries.resumed == resumed
    assert report.queries.measured == 3


def test_run_is_reranked_without_an_embedder(folder: Path, tmp_path: Path, reranker: Reranker) -> None:
    lines = [f"q-tea Q0 {name} {rank} {9 - rank} bm25" for rank, name in enumerate(["owl", "dam", "tea"], 1)]
    options = EvalOptions(run=write_lines(tmp_path / "bm25.trec", lines), limit=1)
    report = evaluate(folder, options=options, embedder=None, reranker=reranker, out=tmp_path / "out")
    assert order(tmp_path / "out" / "retrieved.trec", "q-tea") == ["owl", "dam", "tea"]
    assert order(tmp_path / "out" / "reranked.trec", "q-tea")[0] == "tea"
    assert (report.retrieved.means.mrr_at_10, report.embedder) == (pytest.approx(1 / 3), None)


def test_run_is_reranked_whole_and_measured_as_deep_as_its_deepest_list(
    tmp_path: Path, reranker: Reranker
) -> None:
    corpus = CORPUS | {f"d{n}": ("", f"Drill {n}.") for n in range(40)}
    names = [name for name in corpus if name not in ("tea", "empty")]
    lines = [f"q-tea Q0 {name} {rank} {99 - rank} bm25" for rank, name in enumerate([*names, "tea"], 1)]
    options = EvalOptions(
        run=write_lines(tmp_path / "bm25.trec", [*lines, "q-melt Q0 iron 1 1.0 bm25"]), limit=2
    )
    folder, out = write_beir(tmp_path / "beir", corpus=corpus), tmp_path / "out"
    report = evaluate(folder, options=options, embedder=None, reranker=reranker, out=out)
    assert len(order(out / "retrieved.trec", "q-tea")) == len(order(out / "reranked.trec", "q-tea")) == 47
    assert (report.queries.pairs, report.notices) == (48, ())
    assert report.retrieved.by_name["Recall@47"] == pytest.approx((1 + 1 / 2) / 2)


def test_run_cut_at_a_depth_says_how_much_it_left_out(
    folder: Path, tmp_path: Path, reranker: Reranker
) -> None:
    lines = [f"q-tea Q0 {name} {rank} {9 - rank} bm25" for rank, name in enumerate(["owl", "dam", "tea"], 1)]
    run = write_lines(tmp_path / "bm25.trec", [*lines, "q-nobody Q0 owl 1 1.0 bm25"])
    options = EvalOptions(run=run, limit=1, retrieve_k=2)
    for _ in ("worked out", "resumed"):
        report = evaluate(folder, options=options, embedder=None, reranker=reranker, out=tmp_path / "out")
        assert report.notices == ("Documents of the run below rank 2, left out: 1.",)
    assert set(order(tmp_path / "out" / "reranked.trec", "q-tea")) == {"owl", "dam"}
    assert report.retrieved.by_name["Recall@2"] == 0.0


def test_query_that_a_run_leaves_out_counts_as_zero_and_is_reported(
    folder: Path, tmp_path: Path, reranker: Reranker
) -> None:
    run = write_lines(tmp_path / "bm25.trec", ["q-tea Q0 tea 1 1.0 bm25"])
    options = EvalOptions(run=run)
    report = evaluate(folder, options=options, embedder=None, reranker=reranker, out=tmp_path / "out")
    assert report.retrieved.means.mrr_at_10 == pytest.approx(1 / 3)
    assert report.notices == ("Queries for which nothing was retrieved, counted as 0: 2.",)


def test_run_over_another_corpus_names_the_unknown_document(
    folder: Path, tmp_path: Path, reranker: Reranker
) -> None:
    run = write_lines(tmp_path / "bm25.trec", ["q-tea Q0 MARCO_7 1 1.0 bm25"])
    with pytest.raises(InputFileError, match=r"bm25.trec: ranks document 'MARCO_7' for query 'q-tea', but"):
        evaluate(folder, options=EvalOptions(run=run), embedder=None, reranker=reranker, out=tmp_path / "out")


def test_chunked_document_counts_once_at_its_best_chunk(
    tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    filler = " ".join(f"A gravity dam number {n} holds back water by its weight alone." for n in range(80))
    answer = "Green tea is steeped for two to three minutes."
    folder = write_beir(tmp_path / "beir", corpus=CORPUS | {"tea": ("Dams", f"{filler} {answer}")})
    options = EvalOptions(retrieve_k=3, chunk=True, limit=1)
    report = evaluate(folder, options=options, embedder=embedder, reranker=reranker, out=tmp_path / "out")
    assert report.corpus.passages > report.corpus.documents
    assert report.corpus.truncated == 0
    for stage in ("retrieved", "reranked"):
        documents = order(tmp_path / "out" / f"{stage}.trec", "q-tea")
        assert documents[0] == "tea"
        assert len(documents) == len(set(documents)) == 3


def test_document_keeps_the_rank_and_the_score_of_its_best_chunk() -> None:
    chunks = [Ranked("a", 0.9), Ranked("b", 0.8), Ranked("a", 0.1)]
    assert best_of_documents(chunks) == (Ranked("a", 0.9), Ranked("b", 0.8))


def test_run_of_documents_is_reranked_by_their_chunks(
    tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    filler = " ".join(f"A gravity dam number {n} holds back water by its weight alone." for n in range(80))
    folder = write_beir(tmp_path / "beir", corpus=CORPUS | {"long": ("", f"{filler} {CORPUS['tea'][1]}")})
    lines = ["q-tea Q0 owl 1 2.0 bm25", "q-tea Q0 long 2 1.0 bm25"]
    options = EvalOptions(run=write_lines(tmp_path / "bm25.trec", lines), chunk=True, limit=1)
    report = evaluate(folder, options=options, embedder=embedder, reranker=reranker, out=tmp_path / "out")
    assert order(tmp_path / "out" / "reranked.trec", "q-tea") == ["long", "owl"]
    assert report.queries.pairs > 2


def test_judgments_that_do_not_fit_the_data_are_noticed(tmp_path: Path, embedder: Embedder) -> None:
    qrels = QRELS | {"q-bird": {"swift": 1, "absent": 1}, "q-unknown": {"tea": 1}}
    folder = write_beir(tmp_path / "beir", qrels=qrels)
    report = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=None, out=tmp_path / "out")
    assert report.notices == (
        "Judged queries that queries.jsonl does not hold, left out: 1.",
        "Relevant documents that the corpus does not hold, counted as not found: 1.",
    )


def test_judgments_without_a_relevant_document_are_an_error(tmp_path: Path, embedder: Embedder) -> None:
    folder = write_beir(tmp_path / "beir", qrels={"q-tea": {"tea": 0}})
    with pytest.raises(InputFileError, match="name no relevant document for any of its queries"):
        evaluate(folder, options=OPTIONS, embedder=embedder, reranker=None, out=tmp_path / "out")


@pytest.mark.parametrize("moment", [("passages", "8"), ("queries", "2")])
def test_killed_evaluation_goes_on_to_the_same_result_without_embedding_again(
    folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker, moment: tuple[str, str]
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    ran = subprocess.run([sys.executable, "-c", KILLED_RUN, folder, killed, *moment], cwd=ROOT, timeout=120)
    assert ran.returncode == -signal.SIGKILL
    assert not (killed / "metrics.json").exists()

    resumed = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=killed)
    assert resumed.corpus.resumed == 8
    assert "embed_corpus" not in [stage.stage for stage in resumed.stages]
    assert resumed.queries.resumed == (2 if moment[0] == "queries" else 0)
    assert_same_results(resumed, killed, evaluate_whole(folder, whole, embedder, reranker), whole)


def test_torn_state_is_mended(folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker) -> None:
    torn, whole = tmp_path / "torn", tmp_path / "whole"
    report = evaluate_whole(folder, torn, embedder, reranker)
    for name, n_bytes in (("vectors.rows", 5000), ("queries.jsonl", 20)):
        path = torn / "state" / name
        path.write_bytes(path.read_bytes()[:-n_bytes])
    mended = evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=torn)
    assert (mended.corpus.resumed, mended.queries.resumed) == (4, 2)
    assert_same_results(mended, torn, evaluate_whole(folder, whole, embedder, reranker), whole)
    assert mended.retrieved == report.retrieved


def evaluate_whole(folder: Path, out: Path, embedder: Embedder, reranker: Reranker) -> EvalReport:
    return evaluate(folder, options=OPTIONS, embedder=embedder, reranker=reranker, out=out)


def assert_same_results(one: EvalReport, one_out: Path, other: EvalReport, other_out: Path) -> None:
    assert (one.retrieved, one.reranked) == (other.retrieved, other.reranked)
    for name in ("retrieved.trec", "reranked.trec"):
        assert (one_out / name).read_bytes() == (other_out / name).read_bytes()


def test_finished_evaluation_is_not_worked_out_again(
    folder: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    first = evaluate_whole(folder, tmp_path / "out", embedder, reranker)
    second = evaluate_whole(folder, tmp_path / "out", embedder, reranker)
    assert (second.queries.resumed, second.stages) == (3, ())
    assert (second.retrieved, second.reranked) == (first.retrieved, first.reranked)


def test_other_options_in_the_same_folder_are_refused(
    folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    options = EvalOptions(retrieve_k=3)
    evaluate(folder, options=OPTIONS, embedder=embedder, reranker=None, out=tmp_path / "out")
    with pytest.raises(InputFileError, match=r"retrieve_k was 5 and is 3\. Choose another --out"):
        evaluate(folder, options=options, embedder=embedder, reranker=None, out=tmp_path / "out")


def test_changed_corpus_in_the_same_folder_is_refused(
    folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    evaluate(folder, options=OPTIONS, embedder=embedder, reranker=None, out=tmp_path / "out")
    write_beir(folder, corpus=CORPUS | {"new": ("New", "document")})
    with pytest.raises(InputFileError, match=r"corpus was sha256 .*… and is sha256 .*…"):
        evaluate(folder, options=OPTIONS, embedder=embedder, reranker=None, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (OPTIONS, {"corpus": CORPUS | {"new": ("New", "document")}}),
        (OPTIONS, {"queries": QUERIES | {"q-tea": "how hot is green tea"}}),
        (EvalOptions(retrieve_k=3), {}),
        (EvalOptions(retrieve_k=5, chunk=True), {}),
    ],
)
def test_state_of_other_inputs_has_another_name(
    folder: Path,
    embedder: Embedder,
    options: EvalOptions,
    changed: dict[str, Any],
) -> None:
    before = state_name(folder, options=OPTIONS, embedder=embedder, reranker=None)
    write_beir(folder, **changed)
    assert state_name(folder, options=options, embedder=embedder, reranker=None) != before
    assert before.startswith("beir-")


def test_state_that_can_be_gone_on_with_keeps_its_name(folder: Path, embedder: Embedder) -> None:
    before = state_name(folder, options=OPTIONS, embedder=embedder, reranker=None)
    write_beir(folder, qrels={"q-tea": {"tea": 1}})
    limited = EvalOptions(retrieve_k=5, limit=2)
    assert state_name(folder, options=limited, embedder=embedder, reranker=None) == before


def test_without_a_run_the_depth_is_that_of_the_settings(tmp_path: Path) -> None:
    assert EvalOptions().depth == Settings().retrieve_k
    assert EvalOptions(run=tmp_path).depth is None


def test_progress_counts_up_to_all_passages_and_all_queries(
    folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    heard: list[tuple[str, int, int]] = []
    evaluate(
        folder,
        options=OPTIONS,
        embedder=embedder,
        reranker=None,
        out=tmp_path / "out",
        progress=lambda *step: heard.append(step),
    )
    assert heard == [("passages", 0, 8), ("passages", 8, 8), *(("queries", n, 3) for n in range(4))]


def test_stages_are_summed_by_name() -> None:
    stages = [
        StageTime("score", 1.0, 30, 900, cold=True),
        StageTime("sort", 0.5),
        StageTime("score", 2.0, 10),
    ]
    assert sum_stages(stages) == (StageTime("score", 3.0, 40, 900, cold=True), StageTime("sort", 0.5))


def test_xquad_is_answered_about_as_well_as_the_models_can(
    shared_data: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    options = EvalOptions(retrieve_k=10, limit=20)
    report = evaluate(
        shared_data / "beir" / "xquad_en",
        options=options,
        embedder=embedder,
        reranker=reranker,
        out=tmp_path,
    )
    assert report.retrieved.means.ndcg_at_10 > 0.93
    assert report.reranked is not None
    assert report.reranked.means.ndcg_at_10 > 0.95


# Words, and vectors with words

ITALIAN = {
    "orecchiette": ("", "Le orecchiette si preparano con farina di grano duro e acqua tiepida."),
    "farina": ("", "La farina di grano duro si conserva in un luogo fresco e asciutto della casa."),
    "garanzia": ("", "La garanzia dura due anni dalla data di acquisto e copre ogni difetto."),
    "museo": ("", "Il museo apre alle nove e chiude alle sei di sera, tranne il lunedì."),
    "caldaia": ("", "La caldaia ha bisogno di una nuova valvola prima che arrivi l'inverno."),
}
ITALIAN_QUERIES = {
    "q1": "Come si preparano le orecchiette fatte in casa?",
    "q2": "Quanto dura la garanzia del prodotto acquistato?",
}
ITALIAN_QRELS = {"q1": {"orecchiette": 1}, "q2": {"garanzia": 1}}


@pytest.fixture
def italian(tmp_path: Path) -> Path:
    return write_beir(tmp_path / "italian", corpus=ITALIAN, queries=ITALIAN_QUERIES, qrels=ITALIAN_QRELS)


def test_by_words_nothing_is_embedded(italian: Path, tmp_path: Path) -> None:
    options = EvalOptions(retrieve_k=5, retriever="lexical")
    assert not options.needs_embedder
    report = evaluate(italian, options=options, embedder=None, reranker=None, out=tmp_path / "out")
    assert [stage.stage for stage in report.stages] == ["words_of_corpus", "lexical"]
    assert (report.retrieved.by_name["MRR@10"], report.options.found_by) == (1.0, "lexical")


def test_a_fused_final_order_is_told_and_the_rerankers_own_is_measured_beside_it(
    italian: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    out = tmp_path / "out"
    options = EvalOptions(retrieve_k=4, retriever="hybrid")
    report = evaluate(italian, options=options, embedder=embedder, reranker=reranker, out=out)
    assert report.rules == {"question_language": 2}
    assert scored_by_trec_eval(out / "reranked.trec", ITALIAN_QRELS, 4) == approx(report.reranked)
    assert scored_by_trec_eval(out / "by_reranker.trec", ITALIAN_QRELS, 4) == approx(report.by_reranker)
    assert json.loads(report_json(report))["retriever"] == "hybrid"


def test_the_rerankers_own_order_is_the_final_one_where_that_is_asked_for(
    italian: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    auto, pure = (
        evaluate(
            italian,
            options=EvalOptions(retrieve_k=4, retriever="hybrid", order=order),
            embedder=embedder,
            reranker=reranker,
            out=tmp_path / order,
        )
        for order in get_args(OrderChoice)
    )
    assert (pure.rules, pure.by_reranker) == ({"reranker": 2}, None)
    assert pure.reranked == auto.by_reranker
    own = (tmp_path / "reranker" / "reranked.trec").read_text().replace(" reranked\n", " by_reranker\n")
    assert own == (tmp_path / "auto" / "by_reranker.trec").read_text()


def test_a_hybrid_evaluation_goes_on_with_the_words_that_it_has(
    italian: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    def run(limit: int | None) -> EvalReport:
        options = EvalOptions(retrieve_k=4, retriever="hybrid", limit=limit)
        return evaluate(italian, options=options, embedder=embedder, reranker=reranker, out=tmp_path / "out")

    first, then = run(1), run(None)
    assert "words_of_corpus" in [stage.stage for stage in first.stages]
    assert "words_of_corpus" not in [stage.stage for stage in then.stages]
    assert (then.queries.resumed, then.rules) == (1, {"question_language": 2})


def test_in_chunks_a_hybrid_search_goes_down_to_so_many_documents(
    italian: Path, tmp_path: Path, embedder: Embedder
) -> None:
    options = EvalOptions(retrieve_k=3, retriever="hybrid", chunk=True)
    out = tmp_path / "out"
    evaluate(italian, options=options, embedder=embedder, reranker=None, out=out)
    assert {query: len(set(order(out / "retrieved.trec", query))) for query in ITALIAN_QRELS} == {
        "q1": 3,
        "q2": 3,
    }


def test_on_a_language_that_the_models_do_not_read_words_keep_the_answers_good(
    shared_data: Path, tmp_path: Path, embedder: Embedder, reranker: Reranker
) -> None:
    by_words, by_both = (
        evaluate(
            shared_data / "beir" / "xquad_es",
            options=EvalOptions(retrieve_k=10, limit=40, retriever=retriever),
            embedder=embedder,
            reranker=reranker if retriever == "hybrid" else None,
            out=tmp_path / retriever,
        )
        for retriever in ("lexical", "hybrid")
    )
    assert by_both.reranked is not None
    assert by_words.retrieved.means.ndcg_at_10 > 0.9
    assert by_both.reranked.means.ndcg_at_10 >= by_words.retrieved.means.ndcg_at_10


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--retriever", "auto"], "A folder is measured with a named retriever: dense, lexical or hybrid."),
        (
            ["--retriever", "lexical", "--run", "a.trec"],
            "--run brings the candidates: leave --retriever out.",
        ),
    ],
)
def test_a_folder_that_is_measured_with_no_named_retriever_is_refused(
    italian: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert main(["eval", str(italian), *argv]) == 2
    assert message in capsys.readouterr().err


def test_the_command_line_measures_by_words(
    italian: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out"), "--reranker", "none"]
    assert main(["eval", str(italian), "--retriever", "lexical", *out]) == 0
    said = capsys.readouterr().out
    assert "Candidates found by words." in said
    assert "5 documents, 5 passages" in said
