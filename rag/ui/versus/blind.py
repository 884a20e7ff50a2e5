"""A vote between two rerankers whose names, scores and times are hidden until it is given."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

import streamlit as st

from rag.amounts import counted
from rag.errors import RagError
from rag.evidence import Vote, VoteChoice
from rag.inspect.blind import identity, is_swapped, sides, standings, tally, tally_in_words, unswapped
from rag.inspect.versus import Duel, choices, duel
from rag.service import Service
from rag.timing import Pulse
from rag.ui import components, drawing, state, working
from rag.ui.judging import name
from rag.ui.versus import cards as versus_cards
from rag.ui.versus import choice as versus_choice
from rag.ui.versus import html
from rag.ui.versus.choice import Pair
from rag.wording import named

CARDS = "versus_blind_cards"
_MOST_CARDS, _CARDS = 10, 5
_ROUND = "versus_round"

# What each vote is called, and the key that gives it.
VOTES: tuple[tuple[VoteChoice, str, str], ...] = (
    ("a", "A is better", "a"),
    ("b", "B is better", "b"),
    ("both_good", "Both good", "g"),
    ("both_bad", "Both bad", "x"),
)
NEXT_KEY = "n"


@dataclass(frozen=True, slots=True)
class Round:
    """One question of a vote, and what was said of it; None before the vote.

    The choice is of the rerankers, not of the sides on which they stood. `alike` are questions that were
    passed over, because both show the same chunks in the same order.
    """

    pair: Pair
    judge: str
    cards: int
    found: Duel | None = None
    choice: VoteChoice | None = None
    alike: frozenset[str] = field(default=frozenset())

    @property
    def query(self) -> str:
        """The question."""
        return self.found.retrieved.query if self.found else ""

    @property
    def swapped(self) -> bool:
        """Whether the first reranker stands on the side B."""
        return is_swapped(self.query, versus_choice.salt())


def draw(service: Service, pair: Pair) -> None:
    """Draw the vote, and what all votes of the collection say."""
    judge, cards = _settings(service, pair.collection)
    now = _round(pair, judge, cards)
    if problem := state.take_problem():
        components.problem(problem)
    if now.found is None:
        _beginning(service, now)
    elif now.choice is None:
        _ballot(service, now, now.found)
    else:
        _reveal(service, now, now.found, now.choice)
    _results(service, now)


def _settings(service: Service, collection: str) -> tuple[str, int]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        judge = name.choice(
            service.library,
            collection,
            says="As on the Judge page. Each judge has one vote on a question and a pair.",
            width=280,
        )
        cards = st.number_input(
            "Chunks on each side", 1, _MOST_CARDS, _CARDS, key=CARDS, persist_state="session", width=180
        )
    return judge, int(cards)


def _round(pair: Pair, judge: str, cards: int) -> Round:
    """Return the round as it stands; with other rerankers, another voter or depth, a new one begins."""
    now = st.session_state.get(_ROUND)
    if not isinstance(now, Round) or (now.pair, now.judge, now.cards) != (pair, judge, cards):
        now = st.session_state[_ROUND] = Round(pair, judge, cards)
    return now


def _beginning(service: Service, now: Round) -> None:
    questions = versus_choice.questions(service, now.pair.collection)
    if not questions:
        st.text("There is no question to vote on yet. Ask some on the Compare page first.")
        return
    st.text(
        "You see what two rerankers put first for a question, side by side, but not which is which. Vote by "
        "button or by key; then their names are shown."
    )
    _next_button(service, now, "Begin")


def _next_button(service: Service, now: Round, label: str) -> None:
    # What is drawn by the click must not be drawn beside its outcome.
    slot = st.empty()
    if not slot.button(label, type="primary", key="versus_next", shortcut=NEXT_KEY):
        return
    slot.empty()
    with working.problems_told(service):
        with working.progress("Both read the candidates") as pulse:
            following = _following(service, now, pulse)
        if following is None:
            components.notices(["No question is left on which these two differ and you have not voted."])
            return
        st.session_state[_ROUND] = following
        st.rerun()


def _following(service: Service, now: Round, pulse: Pulse) -> Round | None:
    """Return the next round: a question on which the two differ; None where none is left."""
    alike = set(now.alike)
    for query in _unvoted(service, now):
        found = duel(
            service,
            query,
            *now.pair.references,
            collection=now.pair.collection,
            retrieve_k=service.settings.retrieve_k,
            pulse=pulse,
        )
        if found.a.chunks[: now.cards] != found.b.chunks[: now.cards]:
            return replace(now, found=found, choice=None, alike=frozenset(alike))
        alike.add(query)
    return None


def _unvoted(service: Service, now: Round) -> Iterator[str]:
    """Yield the questions on which this judge has not voted, of this pair, the present one left out."""
    votes = service.library.store.votes.of(now.pair.collection)
    pair = {now.pair.a.identity, now.pair.b.identity}
    done = {vote.query for vote in votes if vote.judge == now.judge and {*sides(vote)} == pair}
    for query in versus_choice.questions(service, now.pair.collection):
        if query not in done | now.alike | {now.query}:
            yield query


def _ballot(service: Service, now: Round, found: Duel) -> None:
    st.html(html.sentence(now.query))
    st.text("Which of the two rerankers is A here, and which is B, changes from question to question.")
    with st.container(horizontal=True, key="versus_votes"):
        for choice, label, key in VOTES:
            st.button(
                label,
                key=f"versus_vote_{choice}_{_digest(now.query)}",  # a click is for what was on the screen
                shortcut=key,
                on_click=_vote,
                args=(service, now, found, choice),
            )
    drawing.show(versus_cards.blind(found, top_k=now.cards, swapped=now.swapped), key="versus_blind")


def _digest(query: str) -> str:
    return sha256(query.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _vote(service: Service, now: Round, found: Duel, shown: VoteChoice) -> None:
    """Keep the vote; it is on the disk before anything is drawn again."""
    choice = unswapped(shown, swapped=now.swapped)
    vote = Vote(now.query, found.a.model, found.b.model, choice, now.judge)
    try:
        service.library.store.votes.put(now.pair.collection, vote)
    except RagError as exc:
        state.keep_problem(str(exc))
        return
    st.session_state[_ROUND] = replace(now, choice=choice)


def _reveal(service: Service, now: Round, found: Duel, choice: VoteChoice) -> None:
    as_shown = unswapped(choice, swapped=now.swapped)  # swapping twice is not swapping
    said = next(label for each, label, _ in VOTES if each == as_shown)
    st.html(html.sentence(now.query))
    st.html(html.revealed(said, found, now.pair.names, swapped=now.swapped))
    _next_button(service, now, "Next question")
    shown = versus_cards.duel(found, now.pair.names, top_k=now.cards, swapped=now.swapped)
    drawing.show(shown, key="versus_revealed")


def _results(service: Service, now: Round) -> None:
    pair = now.pair
    votes = service.library.store.votes.of(pair.collection)
    if not votes or (now.found is not None and now.choice is None):
        return  # while somebody decides, nothing is said that could sway them
    st.subheader("What the votes say")
    found = tally(votes, pair.a.identity, pair.b.identity)
    st.html(html.sentence(tally_in_words(found, *pair.names)))
    ranked = standings(votes)
    known = {choice.identity: choice.label for choice in choices(service, pair.collection)}
    labels = [known.get(identity(one.model), named(one.model)) for one in ranked]
    st.html(html.standings(ranked, labels))
    st.text(
        f"{counted(len(votes), 'vote')} in this collection, by everybody who voted. The sign test leaves out "
        "votes that chose neither side; a p-value below 0.05 is taken for a difference."
    )
