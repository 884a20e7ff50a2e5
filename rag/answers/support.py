"""Check what a language model wrote against the passages that it cites."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from rag.amounts import counted, listed
from rag.answers.citations import CitingSentence, Reading, read
from rag.answers.prompt import NOT_ANSWERED, declined
from rag.answers.writer import Draft
from rag.config import DEFAULT_RERANKER
from rag.language_names import language_name
from rag.languages import known_model, may_read
from rag.outcomes import Answer, AnswerSentence, Citation
from rag.question_language import question_language
from rag.rerank import Scorer
from rag.timing import Pulse, StageCounts, Stopwatch

# Of 28 paraphrases of the sample's passages, in English and Italian, the default reranker gives every one
# 2.37 or more beside its passage; beside one of the five nearest others, 94% of them less than this.
# `python -m benchmarks.support` measures it.
SUPPORT_LOGIT = 2.0
_MEASURED_IN = ("en", "it")
MOST_PAIRS = 100  # two seconds or so, in which nobody else's question is answered
_MOST_NAMED = 5
_MOST_DIGITS = 12

_THOUSANDS = re.compile(r"(?<=\d)[.,'’\u00a0\u202f ](?=\d{3}(?!\d))")
_DIGITS = re.compile(r"\d+")


def needs_check(draft: Draft) -> bool:
    """Return whether there is a sentence in `draft` that cites a passage."""
    return any(sentence.numbers for sentence in _read(draft).sentences)


def unchecked(draft: Draft, notice: str = "") -> Answer:
    """Return `draft` as an answer no sentence of which was checked: none is supported, and none has a logit.

    `notice` says why.
    """
    reading = _read(draft)
    sentences = [_as_written(sentence, draft) for sentence in reading.sentences]
    return _answer(draft, reading, sentences, notices=(notice,) if notice else ())


def checked(draft: Draft, scorer: Scorer, *, watch: Stopwatch, pulse: Pulse | None = None) -> Answer:
    """Return `draft` as an answer: its sentences, what each one cites, and whether that supports it.

    A passage supports a sentence if `scorer`, asked with the sentence, gives it a logit of SUPPORT_LOGIT or
    more; the sentence is supported if it was read to its end, one that it cites does, and all numbers in it,
    written in digits, stand in those that it cites. So it is known to speak of the same thing, not to be
    true: what turns a passage into its opposite may pass.

    At most MOST_PAIRS are read: a sentence beyond them is left unchecked, and so is one in letters that
    `scorer` does not know; a notice says so. `watch` gets the stage `support`; `pulse` hears how many
    sentences are done, and what it raises abandons the answer.
    """
    reading = _read(draft)
    sentences: list[AnswerSentence] = []
    foreign = beyond = 0
    with watch.stage("support") as counts:
        for done, sentence in enumerate(reading.sentences):
            if pulse:
                pulse("support", done, len(reading.sentences))
            written = _as_written(sentence, draft)
            if sentence.numbers and counts.items + len(sentence.numbers) > MOST_PAIRS:
                beyond += 1
            elif sentence.numbers and _is_foreign(sentence.text, scorer):
                foreign += 1
            elif sentence.numbers:
                written = _compared(written, sentence, draft, scorer, counts)
            sentences.append(written)
    notices = _unchecked_ones(scorer, len(sentences), foreign, beyond) + _unmeasured(scorer, reading)
    threshold = SUPPORT_LOGIT if counts.items else None
    return _answer(draft, reading, sentences, notices=notices, threshold=threshold)


def _read(draft: Draft) -> Reading:
    return read(draft.text.replace(NOT_ANSWERED, ""), len(draft.given.passages))


def _answer(
    draft: Draft,
    reading: Reading,
    sentences: Sequence[AnswerSentence],
    *,
    notices: tuple[str, ...],
    threshold: float | None = None,
) -> Answer:
    return Answer(
        kind="written",
        sentences=tuple(sentences),
        answered=bool(sentences) and not declined(draft.text),
        model=draft.model,
        threshold=threshold,
        text=draft.text,
        notices=draft.notices + _unknown(reading.unknown) + notices,
    )


def _as_written(sentence: CitingSentence, draft: Draft) -> AnswerSentence:
    citations = tuple(Citation(draft.given.passages[number - 1].chunk_id) for number in sentence.numbers)
    return AnswerSentence(sentence.text, citations, None, supported=False)


def _compared(
    written: AnswerSentence, sentence: CitingSentence, draft: Draft, scorer: Scorer, counts: StageCounts
) -> AnswerSentence:
    """Return `written` with what the passages that `sentence` cites say of it."""
    texts = [draft.given.texts[number - 1] for number in sentence.numbers]
    own = Stopwatch()
    scores = scorer.score(sentence.text, texts, watch=own)
    counts.items += len(texts)
    counts.tokens += max((stage.tokens for stage in own.stages), default=0)
    counts.cached += sum(stage.cached for stage in own.stages)
    counts.cold = counts.cold or any(stage.cold for stage in own.stages)
    best = max((score.logit for score in scores if score.logit is not None), default=None)
    carried = best is not None and best >= SUPPORT_LOGIT and _numbers(sentence.text) <= _numbers(*texts)
    # Of one that is too long its head alone was read, which says nothing of what follows.
    return replace(written, logit=best, supported=carried and not scorer.query_tokens_unread(sentence.text))


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


def _is_foreign(text: str, scorer: Scorer) -> bool:
    """Return whether `text` is in letters of which `scorer` knows none: to it, all such texts are alike.

    Of two Chinese or Thai sentences that have nothing in common, the default reranker makes up to 8.1.
    """
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    known = known_model(scorer.info.id)
    if known is None or 2 * latin >= len(letters):
        return False
    return not may_read(known, question_language(text) or "")


def _unchecked_ones(scorer: Scorer, of: int, foreign: int, beyond: int) -> tuple[str, ...]:
    whole = counted(of, "sentence")
    said = []
    if foreign:
        said.append(f"{foreign} of {whole} not checked: in letters that {scorer.info.id} does not read.")
    if beyond:
        most = f"together they cite more than the {MOST_PAIRS} passages that are read for one answer"
        said.append(f"{beyond} of {whole} not checked: {most}.")
    return tuple(said)


def _unmeasured(scorer: Scorer, reading: Reading) -> tuple[str, ...]:
    """Return what to say where the threshold was measured with another model, or in other languages."""
    if scorer.info.id != DEFAULT_RERANKER:
        return (
            f"Whether sentences are supported was decided by {scorer.info.id}, at a threshold that was "
            f"measured with {DEFAULT_RERANKER}.",
        )
    language = question_language(" ".join(sentence.text for sentence in reading.sentences))
    if language is None or language in _MEASURED_IN:
        return ()
    return (
        f"The threshold for what is supported was measured in {listed(map(language_name, _MEASURED_IN))}; "
        f"in {language_name(language)} the marks are less sure.",
    )
