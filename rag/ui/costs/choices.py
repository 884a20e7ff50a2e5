"""What a visitor says of the work and the prices, each figure with where its default is from."""

from dataclasses import dataclass
from typing import get_args

import streamlit as st

from rag.costs import MOST_QUESTIONS, Billing, Local, Remote, Workload
from rag.ui.costs.assumptions import ASSUMPTIONS, BY_NAME, Assumption, Name

BILLING, COUNTED, STARTS = "costs_billing", "costs_counted", "costs_starts"
HOURS_OF_A_MONTH = 744.0  # the longest month

BILLINGS: dict[Billing, str] = {
    "used": "By the second, stopped when idle",
    "always": "By the hour, always up",
    "flat": "One price a month",
}
_MOST: dict[Name, float] = {"questions": MOST_QUESTIONS, "open_hours": HOURS_OF_A_MONTH}
_LEAST: dict[Name, float] = {"open_hours": 1}
_MOST_OTHERS = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Everything that the figures of a month rest on, but for what was measured."""

    workload: Workload
    remote: Remote
    machine_local: float

    def local(self, seconds: float | None) -> Local:
        """Return the machine here, which takes `seconds` for a question."""
        return Local(seconds, self.machine_local)


def key(name: Name) -> str:
    """Return the key of the field that holds a figure."""
    return f"costs_{name}"


def value(name: Name) -> float:
    """Return what a figure is now."""
    return float(st.session_state.get(key(name), BY_NAME[name].value))


def is_changed(each: Assumption) -> bool:
    """Return whether a figure is no longer the one that the page began with."""
    return value(each.name) != each.value


def shown(each: Assumption) -> str:
    """Return what a figure is now, with its unit."""
    now = value(each.name)
    return (
        f"${now:,.2f}{each.unit.removeprefix('$')}" if each.unit.startswith("$") else f"{now:,g} {each.unit}"
    )


def sourced(each: Assumption) -> str:
    """Return where a figure is from, and of when that is."""
    return "yours" if is_changed(each) else f"{each.source} ({each.as_of})"


def reset() -> None:
    """Go back to the worked example."""
    for each in ASSUMPTIONS:
        st.session_state[key(each.name)] = _typed(each)
    st.session_state[BILLING], st.session_state[COUNTED] = "used", False


def draw() -> Choice:
    """Draw the fields; return what they hold."""
    st.subheader("The work")
    workload = Workload(int(_number("questions")), _number("open_hours"))
    st.subheader("The remote GPU")
    billing = st.radio(
        "How it bills",
        get_args(Billing),
        format_func=BILLINGS.__getitem__,
        key=BILLING,
        persist_state="session",
    )
    remote = _remote(billing or "used")
    st.subheader("The machine here")
    machine_local = _number("machine_local")
    st.button("Back to the worked example", key="costs_reset", icon=":material/undo:", on_click=reset)
    return Choice(workload, remote, machine_local)


def _remote(billing: Billing) -> Remote:
    flat, always = billing == "flat", billing == "always"
    price_hour = value("price_hour") if flat else _number("price_hour")
    price_month = _number("price_month") if flat else value("price_month")
    seconds = _number("seconds")
    start_s = value("start_s") if always else _number("start_s")
    idle_s = value("idle_s") if always else _number("idle_s")
    return Remote(
        billing,
        price_hour,
        price_month,
        seconds,
        start_s,
        idle_s,
        None if always else _starts(),
        _number("machine_remote"),
    )


def _starts() -> int | None:
    """Draw who says how often it starts; return the number where the visitor knows it."""
    known = st.toggle(
        "I know how many cold starts there are",
        key=COUNTED,
        persist_state="session",
        help="Off: they are estimated, from questions that come at random moments of those hours.",
    )
    if not known:
        return None
    return int(
        st.number_input("Cold starts a month", 0, MOST_QUESTIONS, 0, key=STARTS, persist_state="session")
    )


def _number(name: Name) -> float:
    each = BY_NAME[name]
    whole = name == "questions"
    # Not as the field's own default, which would be drawn again instead of what was typed before.
    st.session_state.setdefault(key(name), _typed(each))
    typed = st.number_input(
        f"{each.label} ($)" if each.unit.startswith("$") else each.label,
        min_value=_as(whole, _LEAST.get(name, 0)),
        max_value=_as(whole, _MOST.get(name, _MOST_OTHERS)),
        step=_as(whole, 100 if whole else 1 if each.value > 1 else 0.05),
        format="%d" if whole else "%.2f" if each.unit.startswith("$") or each.value < 10 else "%.1f",
        key=key(name),
        persist_state="session",
        # A dollar sign would begin a formula.
        help=f"{each.source} ({each.as_of})".replace("$", "\\$"),
    )
    return float(typed)


def _typed(each: Assumption) -> float:
    return _as(each.name == "questions", each.value)


def _as(whole: bool, number: float) -> float:
    return int(number) if whole else float(number)
