"""The pipeline: both rankings of one question, honestly timed."""

import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from files import text_file
from machine import Machine, make_embedder, make_reranker, relabelled

from rag.config import MAX_RETRIEVE_K, OrderChoice, RerankerChoice, RetrieverChoice
from rag.errors import NotFoundError, QueryError, RemoteError
from rag.gate import Gate
from rag.languages import language_notices
from rag.models.session import OnnxModel
from rag.outcomes import Ordering
from rag.pipeline import Pipeline
from rag.question import MAX_QUERY_CHARS, checked_query
from rag.records import Hit, ModelInfo, PairScore, RerankedHit, SearchResult, StageTime
from rag.rerank import Reranker, Scorer
from rag.service import Service, build, open_library
from rag.timing import Pulse, Stopwatch

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "pipeline"
CHOICES: tuple[RerankerChoice, ...] = ("preferred", "local", "remote", "none")
STAGES = ["queue", "embed", "search", "tokenize", "score", "sort", "duplicates"]
HYBRID_STAGES = [
    *("queue", "embed", "search", "lexical", "phrasing", "fuse"),
    *("tokenize", "score", "sort", "order", "duplicates"),
]
LEXICAL_STAGES = ["queue", "lexical", "tokenize", "score", "sort", "duplicates"]
ITALIAN_QUESTION = "Per quanti minuti si devono cuocere le orecchiette?"
TEXTS = {
    "boiler.txt": "The boiler needs a new valve before the winter starts.",
    "museum.txt": "The museum opens at nine and closes at six, except on Mondays.",
    "orecchiette.txt": "Cuocere le orecchiette in acqua salata per dieci minuti.",
    "garanzia.txt": "La garanzia dura due anni dalla data di acquisto.",
    "rome.txt": "Rome is the capital of Italy and its largest city.",
}


@pytest.fixture(scope="module")
def documents(service: Service) -> dict[str, str]:
    """The id of each document by its name; each has one chunk."""
    files = [text_file(name, text) for name, text in TEXTS.items()]
    outcomes = service.library.ingest(files, collection=COLLECTION)
    return {outcome.name: str(outcome.document_id) for outcome in outcomes}


@pytest.fixture(scope="module")
def ask(service: Service, documents: dict[str, str]) -> "Ask":
    return Ask(service)


class Ask:
    """Asks the pipeline about COLLECTION."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(
        self,
        query: str,
        *,
        k: int = 10,
        reranker: RerankerChoice = "preferred",
        document_id: str | None = None,
        retriever: RetrieverChoice | None = None,
        order: OrderChoice | None = None,
    ) -> SearchResult:
        return self._service.pipeline.search(
            query,
            collection=COLLECTION,
            retrieve_k=k,
            reranker=reranker,
            document_id=document_id,
            retriever=retriever,
            order=order,
        )


def stage(result: SearchResult, name: str) -> StageTime:
    (found,) = [stage for stage in result.stages if stage.stage == name]
    return found


def italian(result: SearchResult) -> tuple[str, ...]:
    """What an answer with all of `TEXTS` says of the two Italian ones, which its models do not read."""
    languages: dict[str, str | None] = dict.fromkeys(TEXTS, "en")
    languages |= {"orecchiette.txt": "it", "garanzia.txt": "it"}
    models = [model for model in (result.embedder, result.reranker) if model]
    return language_notices(languages, models, found=True)


def names(result: SearchResult) -> list[str]:
    return [hit.passage.document for hit in result.reranked]


# What finds the candidates, and their final order


def test_a_question_that_the_embedder_reads_is_looked_for_by_vectors(ask: Ask) -> None:
    result = ask("when does the museum open?")
    assert (result.retriever, result.language, result.lexical) == ("dense", "en", ())
    assert result.ordering == Ordering()
    assert [hit.dense_rank for hit in result.retrieved] == [1, 2, 3, 4, 5]


def test_a_question_that_the_embedder_does_not_read_is_looked_for_by_words_too(ask: Ask) -> None:
    result = ask(ITALIAN_QUESTION)
    assert (result.retriever, result.language) == ("hybrid", "it")
    assert [stage.stage for stage in result.stages] == HYBRID_STAGES
    assert result.notices[0].startswith("Passages were looked for by their words as well")
    assert result.lexical[0].passage.document == result.retrieved[0].passage.document == "orecchiette.txt"


def test_the_final_order_says_its_rule_and_keeps_the_rerankers_own(ask: Ask) -> None:
    fused, pure = ask(ITALIAN_QUESTION), ask(ITALIAN_QUESTION, order="reranker")
    assert fused.ordering is not None
    assert (fused.ordering.rule, pure.ordering) == ("question_language", Ordering())
    own = sorted(fused.reranked, key=lambda hit: hit.reranker_rank or 0)
    assert [hit.passage for hit in own] == [hit.passage for hit in pure.reranked]
    assert [hit.reranker_rank for hit in own] == [hit.rank for hit in pure.reranked]
    assert [hit.rank for hit in fused.reranked] == [1, 2, 3, 4, 5]


def test_every_candidate_of_a_fused_order_is_reranked(ask: Ask) -> None:
    result = ask(ITALIAN_QUESTION, k=4)
    assert {hit.retrieved_rank for hit in result.reranked} == {1, 2, 3, 4}
    assert all(hit.logit is not None for hit in result.reranked)


def test_by_words_alone_nothing_is_embedded_and_the_reranker_decides(ask: Ask) -> None:
    result = ask(ITALIAN_QUESTION, retriever="lexical")
    assert [stage.stage for stage in result.stages] == LEXICAL_STAGES
    assert {hit.cosine for hit in result.reranked} == {None}
    assert result.ordering == Ordering()
    assert not any("by their words as well" in notice for notice in result.notices)


def test_words_that_nobody_has_find_nothing(ask: Ask) -> None:
    result = ask("xylophone zeppelin", retriever="lexical")
    assert (result.retrieved, result.reranked, result.lexical) == ((), (), ())


def test_what_the_settings_say_holds_where_the_question_says_nothing(ask: Ask, service: Service) -> None:
    by_words = Pipeline(service.library, service.reranker, retriever="lexical", order="reranker")
    asked = partial(by_words.search, "the museum", collection=COLLECTION, retrieve_k=5)
    assert (asked().retriever, asked(retriever="hybrid").retriever) == ("lexical", "hybrid")
    assert asked(retriever="auto").retriever == "dense"


def test_words_that_are_not_in_memory_are_loaded_in_a_stage_of_their_own(service: Service) -> None:
    service.library.ingest([text_file("a.txt", TEXTS["garanzia.txt"])], collection="cold words")
    with closing(open_library(service.settings, service.library.embedders)) as again:
        pipeline = Pipeline(again, service.reranker)
        ask = partial(pipeline.search, "Quanto dura la garanzia?", collection="cold words", retrieve_k=5)
        ask(retriever="dense")
        assert "load" in [stage.stage for stage in ask(retriever="hybrid").stages]
        assert "load" not in [stage.stage for stage in ask(retriever="hybrid").stages]


# Both rankings


def test_a_result_has_both_rankings_of_the_same_passages(ask: Ask) -> None:
    result = ask("when does the museum open?")
    assert [hit.rank for hit in result.retrieved] == [hit.rank for hit in result.reranked] == [1, 2, 3, 4, 5]
    retrieved = {hit.rank: (hit.passage, hit.cosine) for hit in result.retrieved}
    assert {hit.retrieved_rank: (hit.passage, hit.cosine) for hit in result.reranked} == retrieved
    assert names(result)[0] == "museum.txt"


def test_each_ranking_is_in_order_of_its_own_number(ask: Ask) -> None:
    result = ask("how long is the garanzia?")
    cosines = [hit.cosine or 0.0 for hit in result.retrieved]
    logits = [hit.logit for hit in result.reranked]
    assert cosines == sorted(cosines, reverse=True)
    assert logits == sorted(logits, reverse=True)


def test_a_result_says_what_was_asked_and_who_answered(ask: Ask, service: Service) -> None:
    result = ask("  where is\x00 Rome?\r\n")
    assert (result.query, result.collection) == ("where is Rome?", COLLECTION)
    assert result.notices == italian(result)
    assert (result.embedder, result.reranker) == (service.embedder.info, service.reranker.info)


@pytest.mark.parametrize("k", [1, 2])
def test_even_a_few_candidates_are_reranked(ask: Ask, k: int) -> None:
    result = ask("the capital of Italy", k=k)
    assert (len(result.retrieved), len(result.reranked)) == (k, k)
    assert [stage.stage for stage in result.stages] == STAGES


def test_more_than_there_are_are_not_found(ask: Ask) -> None:
    assert len(ask("la capitale d'Italia", k=MAX_RETRIEVE_K).reranked) == len(TEXTS)


def test_fewer_candidates_are_the_first_of_more(ask: Ask) -> None:
    assert ask("winter valve", k=3).retrieved == ask("winter valve", k=5).retrieved[:3]


def test_one_document_can_be_asked_alone(ask: Ask, documents: dict[str, str]) -> None:
    result = ask("Rome", document_id=documents["boiler.txt"])
    assert names(result) == ["boiler.txt"]


def test_without_reranking_there_is_one_ranking_and_a_notice(ask: Ask) -> None:
    result = ask("when does the museum open?", reranker="none")
    assert (len(result.retrieved), result.reranked, result.reranker) == (5, (), None)
    assert result.notices == ("Reranking was turned off for this question.", *italian(result))
    assert [stage.stage for stage in result.stages] == [*STAGES[:3], "duplicates"]


def test_a_collection_without_documents_has_no_hits(service: Service) -> None:
    (outcome,) = service.library.ingest([text_file("a.txt", "A text.")], collection="emptied")
    service.library.delete(str(outcome.document_id), collection="emptied")
    result = service.pipeline.search("anything", collection="emptied", retrieve_k=10)
    assert (result.retrieved, result.reranked) == ((), ())
    assert [stage.stage for stage in result.stages] == STAGES


# Several models


def test_each_collection_is_asked_with_its_own_embedder(service: Service, ask: Ask) -> None:
    other = make_embedder("another/embedder", "f" * 64)
    library = open_library(service.settings, Machine(service.embedder, other).embedders(other.info.id))
    library.ingest([text_file("a.txt", "A text.")], collection="by another")
    pipeline = Pipeline(library, service.reranker)
    asked = [pipeline.search("museum", collection=name, retrieve_k=9) for name in (COLLECTION, "by another")]
    library.close()
    assert [result.embedder for result in asked] == [service.embedder.info, other.info]
    assert asked[0].retrieved == ask("museum", k=9).retrieved


def test_a_reranker_is_changed_between_two_questions(service: Service, ask: Ask) -> None:
    other = make_reranker("another/reranker", "f" * 64)
    pipeline = Pipeline(service.library, service.reranker)
    before = pipeline.search("museum", collection=COLLECTION, retrieve_k=9)
    assert pipeline.use_reranker(other) is service.reranker
    after = pipeline.search("museum", collection=COLLECTION, retrieve_k=9)
    assert [before.reranker, after.reranker] == [service.reranker.info, pipeline.reranker.info]
    assert after.reranker == other.info


def test_a_reranker_that_was_changed_leaves_memory(service: Service, documents: dict[str, str]) -> None:
    assert documents
    pipeline = Pipeline(service.library, make_reranker("another/reranker", "f" * 64))
    pipeline.search("museum", collection=COLLECTION, retrieve_k=3)
    old = weakref.ref(pipeline.use_reranker(service.reranker))
    gc.collect()
    assert old() is None


class SlowReranker(Reranker):
    """Says when it has begun, and when it is done."""

    def __init__(self) -> None:
        super().__init__(OnnxModel(relabelled("rerank", "a/slow-one", "0" * 64), threads=1))
        self.began, self.done = threading.Event(), threading.Event()

    def rerank(
        self,
        query: str,
        hits: Sequence[Hit],
        *,
        watch: Stopwatch,
        top_n: int | None = None,
        pulse: Pulse | None = None,
    ) -> tuple[RerankedHit, ...]:
        self.began.set()
        time.sleep(0.1)
        reranked = super().rerank(query, hits, watch=watch, top_n=top_n, pulse=pulse)
        self.done.set()
        return reranked


def test_a_running_question_keeps_its_reranker(service: Service, documents: dict[str, str]) -> None:
    assert documents
    slow, other = SlowReranker(), make_reranker("another/reranker", "f" * 64)
    pipeline = Pipeline(service.library, slow)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(pipeline.search, "museum", collection=COLLECTION, retrieve_k=9)
        assert slow.began.wait(10)
        assert pipeline.use_reranker(other) is slow
        assert slow.done.is_set()
        assert running.result(10).reranker == slow.info


class Elsewhere(Scorer):
    """A remote reranker that needs no network: the shorter a passage, the better."""

    info = ModelInfo("maker/elsewhere", "", "remote cohere at gpu.example.com")

    def __init__(self, gate: Gate | None = None) -> None:
        self._gate, self.turns = gate, list[int]()

    def score(
        self, query: str, passages: Sequence[str], *, watch: Stopwatch, pulse: Pulse | None = None
    ) -> tuple[PairScore, ...]:
        self.turns.append(self._gate.in_use if self._gate else 0)
        if not query.endswith("?"):
            raise RemoteError("gpu.example.com fails.", kind="refused")
        return tuple(PairScore(None, relevance=1 / (1 + len(passage))) for passage in passages)

    def query_tokens_unread(self, query: str) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


# One question, several rerankers


def test_a_given_scorer_orders_the_hits_in_place_of_any_other(ask: Ask, service: Service) -> None:
    other = make_reranker("another/reranker", "f" * 64)
    here = ask("when does the museum open?")
    for choice in CHOICES:
        result = service.pipeline.search(
            "when does the museum open?", collection=COLLECTION, retrieve_k=10, reranker=choice, scorer=other
        )
        assert (result.reranker, result.notices) == (other.info, italian(result))
        assert names(result) == names(here)
    other.close()


def test_a_given_remote_scorer_is_waited_for_at_its_own_gate_and_none_takes_its_place(
    service: Service, documents: dict[str, str]
) -> None:
    assert documents
    pipeline = Pipeline(service.library, service.reranker)
    elsewhere = Elsewhere(pipeline.gate)
    result = pipeline.search("Rome?", collection=COLLECTION, retrieve_k=9, scorer=elsewhere)
    assert (result.reranker, elsewhere.turns) == (elsewhere.info, [0])
    assert names(result) == sorted(TEXTS, key=lambda name: len(TEXTS[name]))
    with pytest.raises(RemoteError):
        pipeline.search("Rome", collection=COLLECTION, retrieve_k=9, scorer=elsewhere)


def test_a_question_asked_afresh_computes_every_score_and_the_cache_learns_it(
    ask: Ask, service: Service
) -> None:
    first = ask("asked, and asked afresh")
    fresh = service.pipeline.search(
        "asked, and asked afresh", collection=COLLECTION, retrieve_k=10, fresh=True
    )
    new = service.pipeline.search("only asked afresh", collection=COLLECTION, retrieve_k=10, fresh=True)
    assert (fresh.cached, fresh.reranked) == (0, first.reranked)
    assert (new.cached, ask("only asked afresh").cached) == (0, len(TEXTS))


def test_the_time_of_each_pair_comes_in_the_order_of_retrieval(service: Service) -> None:
    long, short = "The pump hums. " * 80, "The pump hums."
    files = [text_file("long.txt", long), text_file("short.txt", short)]
    service.library.ingest(files, collection="lengths")
    for query in ("The pump hums.", "pump?"):
        result = service.pipeline.search(query, collection="lengths", retrieve_k=9, fresh=True)
        each, lengths = stage(result, "score").each, [len(hit.passage.text) for hit in result.retrieved]
        assert len(each) == len(lengths) > 2
        slowest = max(range(len(each)), key=lambda place: each[place] or 0.0)
        assert lengths[slowest] > len(short)


def test_the_same_candidates_are_put_in_order_by_another_reranker(ask: Ask, service: Service) -> None:
    result, elsewhere, watch = ask("where is Rome?"), Elsewhere(service.pipeline.gate), Stopwatch()
    here = service.pipeline.rerank_with(result.query, result.retrieved, service.reranker, watch=watch)
    there = service.pipeline.rerank_with(result.query, result.retrieved, elsewhere)
    unmarked = [replace(hit, duplicate_of=None, similarity=None) for hit in result.reranked]
    assert (list(here.reranked), here.reranker) == (unmarked, service.reranker.info)
    assert [stage.stage for stage in here.stages] == ["queue", "tokenize", "score", "sort"]
    assert here.stages[2].cached == len(TEXTS)
    assert sum(stage.seconds for stage in here.stages) <= here.total_s <= watch.elapsed_s
    assert [hit.relevance for hit in there.reranked] == sorted(
        (1 / (1 + len(text)) for text in TEXTS.values()), reverse=True
    )
    assert (there.reranker, elsewhere.turns) == (elsewhere.info, [0])


def test_reranking_afresh_computes_what_is_known(ask: Ask, service: Service) -> None:
    result = ask("where is Rome?")
    afresh = service.pipeline.rerank_with(result.query, result.retrieved, service.reranker, fresh=True)
    assert afresh.stages[2].cached == 0
    assert None not in afresh.stages[2].each


def test_no_candidates_are_put_in_no_order(service: Service) -> None:
    none = service.pipeline.rerank_with("Rome?", (), service.reranker)
    assert (none.reranked, none.stages[2].each) == ((), ())


# Waiting, and giving up


class GoneError(Exception):
    """Whoever asked has gone."""


def test_an_abandoned_question_begins_no_further_pair(service: Service) -> None:
    reranker = Reranker(OnnxModel(relabelled("rerank", "a/slow-one", "0" * 64), threads=1))
    passages = [f"{n}: The dough rests under a damp cloth. " * 40 for n in range(40)]
    heard: list[tuple[str, int, int]] = []

    def pulse(stage: str, done: int, total: int) -> None:
        heard.append((stage, done, total))
        raise GoneError

    pipeline, began = Pipeline(service.library, reranker), time.perf_counter()
    with pytest.raises(GoneError):
        pipeline.score("dough?", passages, pulse=pulse)
    left_after = time.perf_counter() - began
    (stage, done, total), began = heard[0], time.perf_counter()
    assert (stage, total, len(heard)) == ("score", 40, 1)
    assert done < 40
    whole = pipeline.score("dough?", passages)
    assert left_after < whole.total_s / 2, "it stopped between two pairs"
    assert pipeline.gate.in_use == 0
    reranker.close()


def test_who_waits_is_timed_and_hears_how_many_are_before(service: Service, ask: Ask) -> None:
    pipeline, heard, inside, waits = service.pipeline, [], threading.Event(), threading.Event()

    def hold() -> None:
        with pipeline.gate.turn():
            inside.set()
            assert waits.wait(10)
            time.sleep(0.25)

    def pulse(*told: object) -> None:
        heard.append(told)
        waits.set()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(hold)
        assert inside.wait(10)
        result = pipeline.search("museum", collection=COLLECTION, retrieve_k=3, pulse=pulse)
    assert stage(result, "queue").seconds > 0.2
    assert heard[0] == ("queue", 0, 1)


# What cannot be asked


@pytest.mark.parametrize("query", ["", "  \n\t ", "\x00\x07", "\u200b\ufeff", "\x00" * 5000])
def test_an_empty_question_cannot_be_asked(ask: Ask, query: str) -> None:
    with pytest.raises(QueryError, match="The question is empty"):
        ask(query)


def test_the_longest_question_is_legal_and_one_character_more_is_not() -> None:
    assert len(checked_query("x" * MAX_QUERY_CHARS)) == 4000
    with pytest.raises(QueryError, match="4,001 characters; at most 4,000 can be asked"):
        checked_query("x" * (MAX_QUERY_CHARS + 1))


@pytest.mark.parametrize(
    "query", ["?", "\ud800", "👩‍🍳", "SELECT * FROM documents; --", "[CLS] [SEP]", "٣" * 400]
)
def test_odd_questions_are_answered(ask: Ask, query: str) -> None:
    assert len(ask(query).reranked) == len(TEXTS)


@pytest.mark.parametrize("k", [0, -1, MAX_RETRIEVE_K + 1])
def test_a_number_of_candidates_out_of_range_cannot_be_asked_for(ask: Ask, k: int) -> None:
    with pytest.raises(QueryError, match=f"retrieve_k must be from 1 to 1000, found {k}"):
        ask("Rome", k=k)


def test_after_a_question_that_failed_the_next_one_is_answered(ask: Ask) -> None:
    with pytest.raises(NotFoundError, match="holds no document"):
        ask("Rome", document_id="0" * 64)
    assert len(ask("Rome").reranked) == len(TEXTS)


def test_a_question_too_long_for_a_model_says_so(ask: Ask) -> None:
    long = ask("boiler " * 400)
    too_long = "The question is too long for the reranker: it did not read the last 19 tokens."
    assert long.notices == (too_long, *italian(long))
    assert [hit.tokens_read == hit.tokens for hit in long.reranked] == [True] * len(TEXTS)
    longer = ask("boiler " * 550)
    assert [notice.split(":")[0] for notice in longer.notices[:-1]] == [
        "The question is too long for the retriever",
        "The question is too long for the reranker",
    ]


def test_a_language_that_the_models_do_not_read_is_told_with_those_that_do(ask: Ask) -> None:
    (notice,) = ask("How long does the warranty last?").notices
    assert notice.startswith("2 of 5 documents found are in Italian; ")
    assert "The preset “Italian / multilingual” (Models page) reads it" in notice


def test_where_only_what_the_models_read_was_found_nothing_is_said(
    ask: Ask, documents: dict[str, str]
) -> None:
    assert ask("garanzia", document_id=documents["rome.txt"]).notices == ()


def test_hits_that_say_the_same_are_marked_in_both_lists_and_all_stay(service: Service) -> None:
    """The same sentence twice, once more with another figure, and one of its own."""
    sentence = (
        "The lift carries 480 kilograms, which is six grown people, or a piano and the one who plays it."
    )
    texts = (sentence, sentence.replace(" ", "  "), sentence.replace("480", "580"), TEXTS["boiler.txt"])
    files = [text_file(f"{n}.txt", text) for n, text in enumerate(texts)]
    service.library.ingest(files, collection="twice")
    result = service.pipeline.search("What does the lift carry?", collection="twice", retrieve_k=10)
    for hits in (result.retrieved, result.reranked):
        assert [hit.rank for hit in hits] == [1, 2, 3, 4]
        rank = {hit.passage.document: hit.rank for hit in hits}
        marked = [(hit.rank, hit.duplicate_of, hit.similarity) for hit in hits if hit.duplicate_of]
        first, second = sorted((rank["0.txt"], rank["1.txt"]))
        assert marked == [(second, first, 1.0)]


# Times


def test_stages_come_in_order_and_never_exceed_the_whole(ask: Ask) -> None:
    result = ask("which stages are measured?")
    assert [stage.stage for stage in result.stages] == STAGES
    assert sum(stage.seconds for stage in result.stages) <= result.total_s
    assert min(stage.seconds for stage in result.stages) >= 0.0


def test_stages_count_what_they_worked_on(ask: Ask) -> None:
    result = ask("what is counted?", k=4)
    assert [(stage.stage, stage.items) for stage in result.stages] == [
        ("queue", 0),
        ("embed", 1),
        ("search", 4),
        ("tokenize", 4),
        ("score", 4),
        ("sort", 4),
        ("duplicates", 4),
    ]
    assert stage(result, "score").tokens == stage(result, "tokenize").tokens > 40


def test_a_question_asked_again_has_the_same_answer_from_the_cache(ask: Ask) -> None:
    first, second = ask("asked twice, word for word"), ask("asked twice, word for word")
    assert (first.cached, second.cached) == (0, len(TEXTS))
    assert (second.retrieved, second.reranked) == (first.retrieved, first.reranked)


def test_only_new_candidates_are_scored(ask: Ask) -> None:
    ask("asked for two and then for all", k=2)
    result = ask("asked for two and then for all", k=5)
    assert (stage(result, "score").cached, stage(result, "tokenize").items) == (2, 3)


def test_an_index_that_is_not_in_memory_is_loaded_in_a_stage_of_its_own(
    service: Service, documents: dict[str, str]
) -> None:
    assert documents
    restarted = build(service.settings)
    results = [restarted.pipeline.search("museum", collection=COLLECTION, retrieve_k=2) for _ in range(2)]
    restarted.close()
    assert [stage.stage for stage in results[0].stages] == ["queue", "load", *STAGES[1:]]
    assert [stage.stage for stage in results[1].stages] == STAGES


def test_the_queue_counts_from_the_arrival_of_the_question(service: Service, ask: Ask) -> None:
    arrived = Stopwatch()
    ask("another question, answered before")
    before = arrived.elapsed_s
    result = service.pipeline.search("museum", collection=COLLECTION, retrieve_k=2, watch=arrived)
    assert before <= stage(result, "queue").seconds <= result.total_s


def test_of_two_questions_at_once_one_waits_and_says_how_long(ask: Ask) -> None:
    ready, results = threading.Barrier(2), list[SearchResult]()

    def ask_together(query: str) -> None:
        ready.wait()
        results.append(ask(query))

    threads = [threading.Thread(target=ask_together, args=(f"word{n} " * 300,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = results  # in the order in which they were done
    waited = stage(second, "queue").seconds
    assert stage(first, "queue").seconds < waited
    worked = first.total_s - stage(first, "queue").seconds
    assert 0.5 * worked < waited < second.total_s


FIRST_QUESTIONS = """
import json, sys
from pathlib import Path
from rag.config import Settings
from rag.service import build

service = build(Settings(home=Path(sys.argv[1]), threads=1))
if sys.argv[2] == "warm":
    service.warm_up()
for query in ("first", "second"):
    result = service.pipeline.search(query, collection="pipeline", retrieve_k=2)
    print(json.dumps([result.cold, [stage.stage for stage in result.stages if stage.cold], result.cached]))
service.close()
"""


@pytest.mark.parametrize(
    ("start", "first"), [("cold", [True, ["embed", "score"], 0]), ("warm", [False, [], 0])]
)
def test_only_the_first_question_of_a_process_is_cold_and_none_after_warming_up(
    service: Service, documents: dict[str, str], start: str, first: list[object]
) -> None:
    command = [sys.executable, "-c", FIRST_QUESTIONS, str(service.settings.home), start]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [first, [False, [], 0]]
