"""Cut a text into the terms that lexical search compares."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache

import Stemmer
from stop_words import get_stop_words

# By ISO 639-1 code, the Snowball stemmer. Text in any other language is compared word by word.
STEMMED = {
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "pt": "portuguese",
}
VERSION = "terms1"  # to be raised where a text is cut into others: an index of the older is of no use then
PLAIN = ""  # the language of what is in none of them

# Scripts that put no spaces between words, Thai to the Han extensions, and Hangul, whose words end in
# particles: two neighbours make a term.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
)
# Thaana, the scripts of India, and Tibetan write vowels as marks, which are no letters to the `re` module.
_VOWELS = "\u07a6-\u07b0\u0900-\u0963\u0966-\u0dff\u0f18-\u0fbc"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+(?:[{_VOWELS}]+[^\W_{_UNSPACED}]*)*")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_APOSTROPHE = re.compile("[’ʼ´`]")
_ELIDED = {"fr": re.compile(r"\b[^\W\d_]{1,6}'(?=\w)"), "it": re.compile(r"\b[^\W\d_]{1,6}'(?=\w)")}
_CLITIC = re.compile(r"(?<=\w)'(?:s|t|d|m|re|ve|ll)\b")  # the dog's, don't, we'll
# Latin and Greek letters, the Russian yo, and the marks of these scripts and of Hebrew and Arabic.
_MAY_HAVE_ACCENTS = (
    *((0xC0, 0x250), (0x300, 0x370), (0x386, 0x3CF), (0x451, 0x452), (0x591, 0x5C8), (0x610, 0x61B)),
    *((0x640, 0x641), (0x64B, 0x660), (0x670, 0x671), (0x6D6, 0x6EE), (0x1E00, 0x2000), (0x200D, 0x200E)),
)
_NO_LETTERS = ("Mn", "Lm", "Cf")  # accents by themselves, the Arabic lengthening stroke, the joiner
_KNOWN_WORDS = 200_000

Word = tuple[str, ...]  # a word of a question, as each language's term for it, sorted


def terms(text: str, language: str | None) -> list[str]:
    """Return the terms of `text`, in order, each as often as it stands there.

    A term carries its language, so that "it:com" and "en:com" are two. Case and accents do not count
    ("perché", "perche'"), nor does an elided article ("l'orecchietta", "dell'orecchietta"); words of the
    languages in STEMMED are cut to their stems by Snowball.
    """
    code = _known(language)
    term = _term_maker(code)
    return [term(word) for word in _words(text, code)]


def words_of(text: str, language: str | None) -> list[str]:
    """Return the words of `text`, in order, in small letters without accents, as `term_of` takes them."""
    return list(_words(text, _known(language)))


def term_of(word: str, language: str | None) -> str:
    """Return the term of one of the words of a text in `language`."""
    return _term_maker(_known(language))(word)


def tells(word: str, language: str | None) -> bool:
    """Return whether a word says something about the subject, as "the" and its like do not."""
    return word not in _idle_words(_known(language))


def query_terms(question: str, languages: Mapping[str | None, int]) -> list[Word]:
    """Return the words of `question` to look for among texts in `languages`, each once, sorted.

    `languages` says how many texts are in each. As nobody knows for sure which one a short question is in,
    it is read in each of them: a word is all the terms that it may be. Where they are several, words that
    say nothing about the subject are left out in all but the first of them, unless they are all that it
    has: among a hundred English texts and two Italian ones, "come" would look as rare as a name.
    """
    counts = Counter[str]()
    for language, n in languages.items():
        counts[_known(language)] += n
    first = max(counts, key=lambda code: (counts[code], code), default=PLAIN)
    found: dict[str, set[str]] = {}
    for code in counts:
        term, idle = _term_maker(code), _idle_words(code) if code != first else frozenset()
        words = list(_words(question, code))
        for word in [word for word in words if word not in idle] or words:
            found.setdefault(word, set()).add(term(word))
    return sorted({tuple(sorted(each)) for each in found.values()})


def _known(language: str | None) -> str:
    return language if language in STEMMED else PLAIN


def _words(text: str, code: str) -> Iterator[str]:
    """Yield the words of `text`, in small letters without accents."""
    text = _APOSTROPHE.sub("'", unicodedata.normalize("NFC", text)).casefold()
    if code in _ELIDED:
        text = _ELIDED[code].sub(" ", text)
    elif code == "en":
        text = _CLITIC.sub("", text)
    accented, plain = _unaccented()
    text = accented.sub(lambda letter: plain[letter[0]], text)
    for word in _WORD.findall(text):
        if _IS_UNSPACED.match(word) and len(word) > 1:
            yield from (word[i : i + 2] for i in range(len(word) - 1))
        else:
            yield word


@cache
def _term_maker(code: str) -> Callable[[str], str]:
    if code == PLAIN:
        return lambda word: f":{word}"
    stem = Stemmer.Stemmer(STEMMED[code], 0).stemWord  # its own cache is not for several threads
    return lru_cache(_KNOWN_WORDS)(lambda word: f"{code}:{stem(word)}")


@cache
def _idle_words(code: str) -> frozenset[str]:
    if code == PLAIN:
        return frozenset()
    return frozenset(word for listed in get_stop_words(code) for word in _words(listed, code))


@cache
def _unaccented() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return what matches an accented letter or an accent, and what each of them is without it."""
    letters = (chr(point) for first, end in _MAY_HAVE_ACCENTS for point in range(first, end))
    plain = {
        letter: "" if unicodedata.category(letter) in _NO_LETTERS else unicodedata.normalize("NFD", letter)[0]
        for letter in letters
    }
    changed = {letter: bare for letter, bare in plain.items() if letter != bare}
    return re.compile(f"[{''.join(map(re.escape, changed))}]"), changed
