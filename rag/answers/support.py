"""Check what a language model wrote against the passages that it cites."""

import re
from collections.abc import Sequence

from rag.amounts import listed
from rag.answers.citations import CitingSentence, read
from rag.answers.prompt import NOT_ANSWERED
from rag.answers.writer import Draft
from rag.config import DEFAULT_RERANKER
from rag.outcomes import Answer, AnswerSentence, Citation
from rag.rerank import Scorer
from rag.timing import Pulse, StageCounts, Stopwatch

# Of 28 paraphrases of the sample's passages, in English and Italian, the default reranker gives every one
# 2.37 or more beside its passage; beside one of the five nearest others, 94% of them less than this.
# `python -m benchmarks.support` measures it.
SUPPORT_LOGIT = 2.0
_MOST_NAMED = 5
_MOST_DIGITS = 12

_THOUSANDS = re.compile(r"(?<=\d)[.,'’\u00a0\u202f ](?=\d{3}(?!\d))")
_DIGITS = re.compile(r"\d+")


def checked(draft: Draft, scorer: Scorer, *, watch: Stopwatch, pulse: Pulse | None = None) -> Answer:
    """Return `draft` as an answer: its sentences, what each one cites, and whether that supports it.

    A passage supports a sentence if `scorer`, asked with the sentence, gives it a logit of SUPPORT_LOGIT or
    more; the sentence is supported if one that it cites does, and all numbers in it, written in digits, stand
    in those that it cites. So it is known to speak of the same thing, not to be true: what turns a passage
    into its opposite may pass. `watch` gets the stage `support`; `pulse` hears how many sentences are done,
    and what it raises abandons the answer.
    """
    reading = read(draft.text.replace(NOT_ANSWERED, ""), len(draft.given.passages))
    with watch.stage("support") as counts:
        sentences = []
        for done, sentence in enumerate(reading.sentences):
            if pulse:
                pulse("support", done, len(reading.sentences))
            sentences.append(_sentence(sentence, draft, scorer, counts))
    answered = bool(sentences) and NOT_ANSWERED not in draft.text
    notices = draft.notices + _unknown(reading.unknown) + _unmeasured(scorer)
    return Answer(
        kind="written",
        sentences=tuple(sentences),
        answered=answered,
        model=draft.model,
        threshold=SUPPORT_LOGIT,
        text=draft.text,
        notices=notices,
    )


def _sentence(sentence: CitingSentence, draft: Draft, scorer: Scorer, counts: StageCounts) -> AnswerSentence:
    places = [number - 1 for number in sentence.numbers]
    texts = [draft.given.texts[place] for place in places]
    own = Stopwatch()
    scores = scorer.score(sentence.text, texts, watch=own) if texts else ()
    counts.items += len(texts)
    counts.tokens += max((stage.tokens for stage in own.stages), default=0)
    counts.cached += sum(stage.cached for stage in own.stages)
    counts.cold = counts.cold or any(stage.cold for stage in own.stages)
    best = max((score.logit for score in scores if score.logit is not None), default=None)
    citations = tuple(Citation(draft.given.passages[place].chunk_id) for place in places)
    supported = best is not None and best >= SUPPORT_LOGIT and _numbers(sentence.text) <= _numbers(*texts)
    return AnswerSentence(sentence.text, citations, best, supported)


def _numbers(*texts: str) -> set[str]:
    """Return the numbers in `texts`, a date or a time as its parts; 09:00 and 9.00 are the same."""
    digits = (part for text in texts for part in _DIGITS.findall(_THOUSANDS.sub("", text)))
    return {part.lstrip("0") for part in digits} - {""}


def _unknown(numbers: Sequence[str]) -> tuple[str, ...]:
    if not numbers:
        return ()
    named = [number if len(number) <= _MOST_DIGITS else "a huge one" for number in numbers[:_MOST_NAMED]]
    more = [f"{len(numbers) - _MOST_NAMED} more"] if len(numbers) > _MOST_NAMED else []
    return (
        f"The language model cited passages that it was not given, left out here: {listed(named + more)}.",
    )


def _unmeasured(scorer: Scorer) -> tuple[str, ...]:
    if scorer.info.id == DEFAULT_RERANKER:
        return ()
    return (
        f"Whether sentences are supported was decided by {scorer.info.id}, at a threshold that was measured "
        f"with {DEFAULT_RERANKER}.",
    )
