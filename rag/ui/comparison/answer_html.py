"""Draw an answer as HTML: plain text, whoever wrote it, with numbers that lead to the cards."""

from collections.abc import Iterable, Sequence
from html import escape

from rag.amounts import counted, milliseconds
from rag.answers.prompt import declined
from rag.outcomes import Answer, AnswerKind, AnswerSentence
from rag.records import Passage, SearchResult
from rag.ui.passage_html import source
from rag.wording import answer_seconds, answer_title

LOGIT_HELP = (
    "How well the sentence answers, to the cross-encoder: half of it is the logit of its passage, half those "
    "of the sentence alone and under its headings."
)
SUPPORT_HELP = "The best logit that the cross-encoder gives a passage that it cites, for this sentence."
UNSUPPORTED_HELP = (
    "The cross-encoder finds this sentence in none of the passages that it cites, a number in it stands in "
    "none of them, or it is too long to be read."
)
UNCITED_HELP = "It cites no passage."
UNCHECKED_HELP = "Nobody has read it beside the passages that it cites; below it says why."

_DOUBT = ' <em class="rl-badge rl-doubt" title="{}">{}</em>'
_WEAK = ' <em class="rl-badge">below the threshold</em>'

# A passage that an answer may cite: its number, which is its rank; what its cards and its line are found by.
_Place = tuple[int, int, Passage]


def answer_panel(result: SearchResult) -> str:
    """Return the answer of `result`, "" where it has none: its sentences, what they rest on, its time."""
    answer = result.answer
    if answer is None:
        return ""
    places = _places(result)
    cited = {c.chunk_id: None for sentence in answer.sentences for c in sentence.citations}
    known = [places[chunk_id] for chunk_id in cited if chunk_id in places]
    said = "".join(_sentence(sentence, answer, places) for sentence in answer.sentences)
    took = f"{answer.model} · {milliseconds(answer_seconds(result.stages))}"
    return _panel(
        answer_title(answer.kind),
        took,
        f"{_verdict(answer)}{_body(said, _sources(known), answer)}{_notices(answer.notices)}{_links(known)}",
    )


def answer_underway(kind: AnswerKind, line: str, text: str) -> str:
    """Return an answer that is still being made: how far that is, and what is written of it."""
    written = f'<p class="rl-text" dir="auto">{escape(text)}</p>' if text else ""
    return _panel(answer_title(kind), line, written, busy=True)


def _panel(title: str, line: str, inner: str, *, busy: bool = False) -> str:
    return (
        f'<section class="rl rl-answer" aria-label="Answer" aria-busy="{str(busy).lower()}">'
        f'<header><h3>{escape(title)}</h3><p role="status">{escape(line)}</p></header>{inner}</section>'
    )


def _places(result: SearchResult) -> dict[str, _Place]:
    """Return every passage by its id: with its rank in the final order, and what its cards are found by."""
    if result.reranked:
        return {h.passage.chunk_id: (h.rank, h.retrieved_rank, h.passage) for h in result.reranked}
    return {h.passage.chunk_id: (h.rank, h.rank, h.passage) for h in result.retrieved}


def _verdict(answer: Answer) -> str:
    """Return whether the documents answer the question, and by which number that was decided."""
    if answer.kind == "written":
        return _written_verdict(answer)
    if answer.best_logit is None or answer.threshold is None:
        by = ""
    else:
        by = f"Best sentence: logit {answer.best_logit:.3f}; an answer needs {answer.threshold:.3f}."
    if answer.answered:
        return f'<p class="rl-small">{by}</p>' if by else ""
    return f'<p><b>The documents do not answer this.</b> <span class="rl-small">{by}</span></p>'


def _written_verdict(answer: Answer) -> str:
    if not answer.answered:
        none = "The documents do not answer this." if declined(answer.text) else "There is no answer."
        return f"<p><b>{none}</b></p>"
    if answer.threshold is None:  # a notice says why, if there was something to check
        return ""
    supported = sum(sentence.supported for sentence in answer.sentences)
    return (
        f'<p class="rl-small">{supported} of {counted(len(answer.sentences), "sentence")} supported by the '
        f"passages that they cite (logit of at least {answer.threshold:.3f}), as the cross-encoder reads "
        "them.</p>"
    )


def _body(said: str, sources: str, answer: Answer) -> str:
    if not said:
        return ""
    both = f'<div class="rl-sentences">{said}</div>{sources}'
    if answer.answered:
        return both
    what = "The nearest sentences" if answer.kind == "quoted" else "What it wrote all the same"
    return f'<details class="rl-nearest"><summary>{what}</summary>{both}</details>'


def _sentence(sentence: AnswerSentence, answer: Answer, places: dict[str, _Place]) -> str:
    """Return a sentence with the numbers of what it cites, and a mark where nothing supports it."""
    ids = dict.fromkeys(citation.chunk_id for citation in sentence.citations)
    numbers = "".join(_number(places[chunk_id]) for chunk_id in ids if chunk_id in places)
    logit = ""
    if sentence.logit is not None:
        meaning = LOGIT_HELP if answer.kind == "quoted" else SUPPORT_HELP
        logit = f' <span class="rl-number" title="{escape(meaning)}">logit <b>{sentence.logit:.3f}</b></span>'
    doubted = "" if sentence.supported else _doubt(sentence)
    if answer.answered and _is_weak(sentence, answer):
        doubted = _WEAK
    kind = "rl-sentence" if sentence.supported else "rl-sentence rl-unsupported"
    return (
        f'<p class="{kind}"><span dir="auto">{escape(" ".join(sentence.text.split()))}</span> '
        f"{numbers}{doubted}{logit}</p>"
    )


def _doubt(sentence: AnswerSentence) -> str:
    """Return the mark of a sentence that is not supported: why it is not."""
    if not sentence.citations:
        return _DOUBT.format(escape(UNCITED_HELP), "not supported")
    if sentence.logit is None:
        return _DOUBT.format(escape(UNCHECKED_HELP), "not checked")
    return _DOUBT.format(escape(UNSUPPORTED_HELP), "not supported")


def _is_weak(sentence: AnswerSentence, answer: Answer) -> bool:
    """Return whether a quoted sentence stands in an answer that it would not be by itself."""
    if answer.kind != "quoted" or sentence.logit is None or answer.threshold is None:
        return False
    return sentence.logit < answer.threshold


def _number(place: _Place) -> str:
    rank, key, passage = place
    label = f"Rank {rank}, {passage.document}: go to its card"
    return (
        f'<button type="button" class="rl-cite" data-c="{key}" data-goto="{escape(passage.chunk_id)}" '
        f'title="{escape(label)}" aria-label="{escape(label)}">{rank}</button>'
    )


def _sources(places: Sequence[_Place]) -> str:
    if not places:
        return ""
    items = "".join(f"<li>{_number(place)}{source(place[2])}</li>" for place in sorted(places, key=_rank))
    return f'<ol class="rl-sources" aria-label="Sources of the answer">{items}</ol>'


def _rank(place: _Place) -> int:
    return place[0]


def _notices(sentences: Iterable[str]) -> str:
    return "".join(f'<p class="rl-notice">{escape(sentence)}</p>' for sentence in sentences)


def _links(places: Sequence[_Place]) -> str:
    """Return the rules by which a number lights up its cards and its line, and they light up the number."""
    rules = []
    for _, key, _ in places:
        number, card = f'.rl-cite[data-c="{key}"]', f'.rl-linked [data-c="{key}"]'
        rules.append(f"body:has({number}:is(:hover,:focus-visible)) {card}{{--rl-on:1}}")
        rules.append(f"body:has({card}:is(:hover,:focus-within)) {number}{{--rl-on:1}}")
    return f"<style>{''.join(rules)}</style>"
