"""Quote the sentences of passages that answer a question, each with every place where it stands."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answers.threshold import threshold_for
from rag.fusion import fused_score
from rag.lexical import LexicalIndex
from rag.order import rule_for
from rag.outcomes import Answer, AnswerSentence, Citation
from rag.records import ModelInfo, Passage
from rag.rerank import Scorer
from rag.sentences import split_sentences
from rag.terms import query_terms, terms
from rag.timing import Pulse, StageCounts, Stopwatch

MAX_SENTENCES = 3

_CONSTANT = 60  # of the fusion, as in the final order
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence where it stands: `passage.text[start:end]`."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def under_headings(self) -> str:
        """The sentence as a reader of the document comes to it; alone, it may not say what it is about."""
        return "\n".join(filter(None, [" – ".join(self.passage.headings), self.text]))

    @property
    def words(self) -> str:
        """Its words alone, each between spaces, so that one sentence can be looked for in another."""
        return f" {' '.join(_WORD.findall(self.text.casefold()))} "

    @property
    def citation(self) -> Citation:
        return Citation(self.passage.chunk_id, self.start, self.end)


def quote(
    question: str,
    passages: Sequence[Passage],
    scorer: Scorer,
    *,
    watch: Stopwatch,
    by_words: bool = False,
    max_sentences: int = MAX_SENTENCES,
    pulse: Pulse | None = None,
) -> Answer:
    """Return the at most `max_sentences` sentences of `passages` that answer `question` best, best first.

    A sentence is as good as the mean of its own logit, alone and under its headings, and of its passage's,
    which counts as much as those two together. With `by_words`, for text that `scorer` cannot read well,
    its rank by that and its rank by the question's words are fused. A sentence that stands in several
    passages comes once, with a citation for each; so does one that is cut in some of them, cited where it
    is whole. `watch` gets the stage `answer`, of which `pulse` hears how much is done.
    """
    with watch.stage("answer") as counts:
        found = [_Sentence(passage, *span) for passage in passages for span in split_sentences(passage.text)]
        logits = _logits(question, found, scorer, counts, pulse)
        ranked = sorted(range(len(found)), key=lambda i: -logits[i])
        if by_words:
            ranked = _fused(ranked, _by_words(question, found))
        groups = _merged([(found[i], logits[i]) for i in ranked], max_sentences)
        sentences = tuple(_quoted(group, passages) for group in groups)
        best, threshold = max(logits, default=None), threshold_for(scorer.info.id)
        return Answer(
            kind="quoted",
            sentences=sentences,
            answered=best is not None and best >= threshold.logit,
            model=scorer.info.id,
            best_logit=best,
            threshold=threshold.logit,
            notices=threshold.notices(by_words=by_words),
        )


def needs_words(language: str | None, passages: Sequence[Passage], reranker: ModelInfo) -> bool:
    """Return whether words must count where `reranker` reads `passages` for a question in `language`.

    The rule is that of the final order, however the passages were found.
    """
    return rule_for(language, passages, reranker, retriever="hybrid", choice="auto").rule != "reranker"


def _logits(
    question: str,
    found: Sequence[_Sentence],
    scorer: Scorer,
    counts: StageCounts,
    pulse: Pulse | None,
) -> list[float]:
    """Return for each sentence how good it is, itself and its passage."""
    if not found:
        return []
    read = [text for one in found for text in (one.text, one.under_headings, one.passage.text)]
    texts = list(dict.fromkeys(read))  # each is read once; passages have been read before, if not by another
    own = Stopwatch()
    scores = scorer.score(question, texts, watch=own, pulse=_as_answer(pulse))
    counts.items = len(found)
    counts.tokens = max((stage.tokens for stage in own.stages), default=0)
    counts.cached = sum(stage.cached for stage in own.stages)
    counts.cold = any(stage.cold for stage in own.stages)
    of = {text: score.order for text, score in zip(texts, scores, strict=True)}
    return [(of[one.text] + of[one.under_headings] + 2 * of[one.passage.text]) / 4 for one in found]


def _by_words(question: str, found: Sequence[_Sentence]) -> list[int]:
    """Return the positions of the sentences that have words of the question, best first by BM25."""
    index = LexicalIndex()
    index.add(range(len(found)), [terms(one.text, one.passage.language) for one in found])
    sought = query_terms(question, Counter(one.passage.language for one in found))
    return [int(position) for position in index.search(sought, len(found))[0]]


def _fused(*rankings: Sequence[int]) -> list[int]:
    """Return what `rankings` order as one ranking; equal sums keep the order of the first."""
    places = [{position: rank for rank, position in enumerate(one, start=1)} for one in rankings]

    def total(position: int) -> float:
        return fused_score([(1.0, place.get(position)) for place in places], _CONSTANT)

    return sorted(rankings[0], key=lambda position: -total(position))


def _merged(ranked: Sequence[tuple[_Sentence, float]], most: int) -> list[list[tuple[_Sentence, float]]]:
    """Return the `most` best sentences that say something of their own, each with those of its words.

    Passages overlap: a sentence that is cut in one of them may be whole in another, and takes its place.
    """
    groups: list[list[tuple[_Sentence, float]]] = []
    for one in ranked:
        words = one[0].words
        alike = [group for group in groups if words in group[0][0].words or group[0][0].words in words]
        if not alike:
            groups += [[one]] if len(groups) < most else []
        elif alike[0][0][0].words == words:
            alike[0].append(one)
        elif all(group[0][0].words in words for group in alike):
            alike[0][:] = [one]
            groups = [group for group in groups if group not in alike[1:]]
    return groups


def _quoted(group: Sequence[tuple[_Sentence, float]], passages: Sequence[Passage]) -> AnswerSentence:
    best, logit = group[0]
    cited = sorted((one for one, _ in group), key=lambda one: (passages.index(one.passage), one.start))
    return AnswerSentence(best.text, tuple(one.citation for one in cited), logit)


def _as_answer(pulse: Pulse | None) -> Pulse | None:
    """Return `pulse` as hearing every stage under the name of `answer`."""
    if pulse is None:
        return None
    heard = pulse
    return lambda _stage, done, of: heard("answer", done, of)
