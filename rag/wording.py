"""What is said of questions and models, in words and short marks."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.amounts import counted, duration
from rag.models.manifest import Manifest
from rag.models.progress import Progress
from rag.outcomes import AnswerKind, Retriever
from rag.records import ModelInfo, RerankedHit, SearchResult, StageTime

Direction = Literal["up", "down", "same", "new", "out"]

RERANKING_OFF = "Reranking was turned off for this question."
ANSWER_STAGES = ("answer", "write", "support")
RETRIEVER_TITLES: Mapping[Retriever, str] = {"dense": "FAISS", "lexical": "BM25", "hybrid": "FAISS + BM25"}

# What the stages work on.
_COUNTED = (
    dict.fromkeys(("search", "lexical", "phrasing", "fuse", "duplicates"), "hit")
    | dict.fromkeys(("tokenize", "score", "sort", "network", "order"), "pair")
    | {"answer": "sentence", "write": "passage", "support": "pair"}
)
_UNITS = {"pptx": "slide", "odp": "slide", "xlsx": "sheet", "ods": "sheet", "epub": "chapter"}


@dataclass(frozen=True, slots=True)
class Movement:
    """How a passage moved: the mark on its card, and the sentence behind it."""

    direction: Direction
    mark: str
    sentence: str


def after_retrieval(retrieved_rank: int, ranks_now: Mapping[int, int], top_k: int) -> Movement | None:
    """Return where the passage retrieved at this rank went; None when nothing was reranked.

    `ranks_now` gives the reranked rank for each retrieved rank.
    """
    if not ranks_now:
        return None
    now = ranks_now[retrieved_rank]
    if now > top_k:
        return Movement("out", f"out, now {now}", f"Dropped out of the top {top_k}: reranked to {now}.")
    if now == retrieved_rank:
        return Movement("same", "stays", "Reranking left it where it was.")
    direction: Direction = "up" if now < retrieved_rank else "down"
    return Movement(direction, f"to {now}", f"Reranked from {retrieved_rank} to {now}.")


def after_reranking(hit: RerankedHit, top_k: int) -> Movement:
    """Return where a reranked passage came from."""
    moved = hit.retrieved_rank - hit.rank
    came = f"Retrieved at rank {hit.retrieved_rank}, reranked to {hit.rank}."
    if hit.retrieved_rank > top_k:
        return Movement("new", f"new, from {hit.retrieved_rank}", f"New in the top {top_k}. {came}")
    if moved == 0:
        return Movement("same", "same", came)
    return Movement("up", f"up {moved}", came) if moved > 0 else Movement("down", f"down {-moved}", came)


def from_words(lexical_rank: int, candidate_rank: int | None) -> Movement:
    """Return where the passage that came at this rank by words alone is among the candidates."""
    if candidate_rank is None:
        return Movement("out", "no candidate", "Not among the candidates that were retrieved.")
    sentence = f"Rank {lexical_rank} by words alone, {candidate_rank} among the candidates."
    if candidate_rank == lexical_rank:
        return Movement("same", "same", sentence)
    direction: Direction = "up" if candidate_rank < lexical_rank else "down"
    return Movement(direction, f"to {candidate_rank}", sentence)


def found_by(result: SearchResult) -> str:
    """Return what found the candidates of `result`: a model's id, words, or both."""
    match result.retriever:
        case "dense":
            return result.embedder.id
        case "lexical":
            return "the question's words, stemmed"
        case "hybrid":
            return f"{result.embedder.id} and words, ranks fused"


def summary(result: SearchResult, top_k: int) -> str:
    """Return one sentence on what reranking did to the top `top_k`."""
    if not result.retrieved and result.retriever == "lexical":
        return "Nothing was retrieved: no passage has a word of the question."
    if not result.retrieved:
        return "Nothing was retrieved: the collection is empty."
    if not result.reranked:
        return "This is the retriever's order."
    shown = result.reranked[:top_k]
    top = f"top {len(shown)}"
    new = sum(hit.retrieved_rank > len(shown) for hit in shown)
    if all(hit.rank == hit.retrieved_rank for hit in shown):
        return f"Reranking left the {top} as it was."
    held = (
        f"{new} of the {top} {'is' if new == 1 else 'are'} new"
        if new
        else f"The {top} are the same, reordered"
    )
    first = shown[0].retrieved_rank
    return f"{held}; " + ("the first stayed first." if first == 1 else f"the first came from rank {first}.")


def stage_counts(stage: StageTime) -> str:
    """Return what a stage worked on, such as "30 pairs, 5,412 tokens"; empty where nothing is counted."""
    if stage.stage not in _COUNTED:
        return ""
    if stage.stage == "network" and not stage.items:
        return "no answer"
    parts = [counted(stage.items, _COUNTED[stage.stage])]
    if stage.tokens:
        parts.append(f"{stage.tokens:,} tokens")
    return ", ".join(parts)


def stage_marks(stage: StageTime) -> tuple[str, ...]:
    """Return what makes a stage's time not an ordinary one: cold, or values known already."""
    cached = (f"{stage.cached} cached",) if stage.cached else ()
    return (*(("cold",) if stage.cold else ()), *cached)


def question_cut(reader: str, unread: int) -> str:
    """Return the notice for a question of which `reader` did not read the last `unread` tokens."""
    return f"The question is too long for the {reader}: it did not read the last {unread} tokens."


def underway(stage: str, done: int, of: int) -> str:
    """Return how far a question is: what is before it, or how much is read. Takes what a pulse is told."""
    match stage:
        case "queue":
            return f"{counted(of, 'question')} {'is' if of == 1 else 'are'} before this one."
        case "network":
            return f"Waiting for the remote reranker: {done:,} of {counted(of, 'request')} answered."
        case "repeat":
            return f"Asked {done:,} of {counted(of, 'time')}."
        case "why":
            return f"The cross-encoder has read {done:,} of {counted(of, 'pair')}, each without one part."
        case "write":
            return f"The language model writes: {counted(done, 'character')} so far."
        case "answer" | "support":
            return f"The cross-encoder has read {done:,} of {counted(of, 'text')}."
        case _:
            return f"The cross-encoder has read {done:,} of {counted(of, 'candidate')}."


def answer_title(kind: AnswerKind) -> str:
    """Return how an answer is headed: whose words it is in."""
    return f"Answer · {'quoted from the documents' if kind == 'quoted' else 'written by a language model'}"


def answer_seconds(stages: Sequence[StageTime]) -> float:
    """Return how long an answer took, of all that a question took."""
    return sum(stage.seconds for stage in stages if stage.stage in ANSWER_STAGES)


def busy(waiting: int, *, retry_after_s: int, earlier: bool) -> str:
    """Return the notice for a question that found no room; `earlier` says that an older answer stays."""
    queue = f": {counted(waiting, 'question')} {'waits' if waiting == 1 else 'wait'}" if waiting else ""
    below = " Below is the answer to the question before." if earlier else ""
    return f"The server is busy{queue}. Ask this one again in about {retry_after_s} s.{below}"


def named(model: ModelInfo) -> str:
    """Return a model's id, and where it is if it is a remote one."""
    return f"{model.id} at {_host(model)}" if is_remote(model) else model.id


def reranker_label(model: ModelInfo) -> str:
    """Return how a reranker is offered: by a short name, and whether it is remote or local."""
    short = model.id.rpartition("/")[2]
    if not is_remote(model):
        return f"{short} (local)"
    # This id says that the settings name no model. Then the host says more.
    return f"{_host(model) if model.id == 'remote' else short} (remote)"


def _host(remote: ModelInfo) -> str:
    return remote.backend.rpartition(" at ")[2]  # it ends with the host


def is_remote(model: ModelInfo) -> bool:
    """Return whether a model runs elsewhere: of such a one, and of no other, nobody here knows the file."""
    return not model.sha256


def unit(kind: str) -> str:
    """Return what the pages of a document of this kind are called: page, slide, sheet or chapter."""
    return _UNITS.get(kind, "page")


def place(kind: str, number: int) -> str:
    """Return where something stands in a document of this kind: page 4, slide 3, sheet 2."""
    return f"{unit(kind)} {number}"


def parity_in_words(manifest: Manifest) -> str:
    """Return how true an exported model is to its original, in one sentence."""
    parity, what = manifest.parity, "logit" if manifest.task == "rerank" else "1 - cosine"
    order = (
        "the original tells no two of the passages clearly apart"
        if parity.agreement is None
        else f"{parity.agreement:.1%} of {parity.clear_pairs} clearly ordered pairs kept their order"
    )
    fp32 = f"largest difference of {what} from the original {parity.fp32_difference:.1g} in fp32"
    int8 = f", {parity.drift:.2g} in int8" if manifest.quantization == "int8" else ""
    return f"On {parity.texts} fixed texts: {fp32}{int8}; {order}."


def progress_in_words(progress: Progress) -> str:
    """Return how far an export is, such as "export, 12 s; about 40 s to go (estimate)"."""
    left = progress.remaining_s
    estimate = "" if left is None else f"; about {duration(left)} to go (estimate)"
    here = f"{progress.phase}, {duration(progress.seconds)}"
    return f"another process exports it: {here}{estimate}" if progress.waiting else here + estimate


def stands_in(model_id: str, *, for_model: str, because: Exception) -> str:
    """Return the notice of every answer while a default model stands in for the chosen one."""
    reason = str(because).partition(" Known models:")[0]
    return f"{model_id} stands in for {for_model}, the chosen model, which cannot be used. {reason}"


def fell_back(model_id: str, *, because: Exception) -> str:
    """Return the notice of an answer for which the local reranker took the remote one's place."""
    return f"{because} {model_id} on this machine took its place."


def keeping(variable: str, model_id: str) -> str:
    """Return the setting that keeps a model in use over a restart, for a shell."""
    return f"{variable}={shlex.quote(model_id)}"
