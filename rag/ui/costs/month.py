"""A month here and a month there, put together for the page and for its table to download."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.amounts import counted, duration
from rag.costs import COMFORTABLE_LOAD, LocalMonth, RemoteMonth, local_month, remote_month
from rag.inspect.pace import Pace
from rag.report.csv_files import csv_text
from rag.ui.costs.assumptions import ASSUMPTIONS
from rag.ui.costs.choices import BILLINGS, Choice, sourced, value

UNKNOWN = "not measured"
_VOLUMES = (0.1, 0.5, 1, 2, 10)  # of the questions asked for

LEFT_OUT = (
    "Electricity and the machine's purchase, where it is your own: put them into its price a month.",
    "The people who set either of them up and keep it running.",
    "That with a remote GPU questions and passages leave the house, and what your rules say of that.",
    "Taxes, traffic, storage, minimum charges, free allowances and discounts of the service.",
    "That a GPU can read with a larger model than two cores can: compare what both find, too (Rerankers).",
    "Rush hours: questions are taken to come at random, but no more of them at one hour than at another.",
)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the chosen work, both ways; `pace` is what was measured here, if anything was."""

    choice: Choice
    pace: Pace | None
    local: LocalMonth
    remote: RemoteMonth

    @property
    def questions(self) -> int:
        """How many questions it brings."""
        return self.choice.workload.questions


def month(choice: Choice, pace: Pace | None) -> Month:
    """Return a month of the chosen work."""
    local = choice.local(pace.mean if pace else None)
    return Month(
        choice, pace, local_month(local, choice.workload), remote_month(choice.remote, choice.workload)
    )


def rows(found: Month) -> tuple[tuple[str, str, str], ...]:
    """Return what there is to compare: what it is, here, and there."""
    here, there, pace = found.local, found.remote, found.pace
    remote = found.choice.remote
    load = UNKNOWN if here.load is None else f"{here.load:.1%} of its hours"
    return (
        ("Remote GPU", money(0), money(there.gpu_cost)),
        ("Machine", money(here.cost), money(remote.machine_month)),
        ("A month in all", money(here.cost), money(there.cost)),
        ("1,000 questions", _per_thousand(here.cost, found), _per_thousand(there.cost, found)),
        ("Half of the answers within", _took(pace.p50 if pace else None), _took(there.within_s(0.5))),
        ("95 of 100 within", _took(pace.p95 if pace else None), _took(there.within_s(0.95))),
        ("An answer in the mean", _took(pace.mean if pace else None), _took(there.mean_s)),
        ("Cold starts a month", "once, with the server", f"{there.starts:,.0f}"),
        ("At work", load, f"{there.answering_share:.1%} of the time it is up"),
        (
            "How many",
            counted(here.machines, "machine"),
            counted(there.gpus, "GPU") if there.gpus else "as needed",
        ),
    )


def volumes(found: Month) -> Iterator[tuple[int, float, float]]:
    """Yield the month's cost here and there for fewer and for more questions."""
    for times in _VOLUMES:
        workload = replace(found.choice.workload, questions=round(found.questions * times))
        other = month(replace(found.choice, workload=workload), found.pace)
        yield workload.questions, other.local.cost, other.remote.cost


def table(found: Month, basis: Sequence[str]) -> str:
    """Return all of it as CSV: what was assumed and from where, what was measured, and what came of it."""
    given: list[tuple[object, ...]] = [
        ("assumption", each.label, value(each.name), each.unit, sourced(each)) for each in ASSUMPTIONS
    ]
    given.append(("assumption", "How the remote GPU bills", BILLINGS[found.choice.remote.billing], "", ""))
    given += [("measured", "How long an answer takes here", sentence, "", "") for sentence in basis]
    came = [("result", what, here, there, "here; then there") for what, here, there in rows(found)]
    more = [
        ("questions a month", f"{questions:,}", money(here), money(there), "here; then there")
        for questions, here, there in volumes(found)
    ]
    return csv_text(("kind", "what", "value", "unit or other value", "source"), [*given, *came, *more])


def headline(found: Month) -> str:
    """Return what the month comes to, in a sentence."""
    here, there = found.local.cost, found.remote.cost
    what = f"{counted(found.questions, 'question')} a month"
    if abs(here - there) < 0.005:
        return f"{what} cost {money(here)} here and there."
    apart = f"{money(abs(there - here))} {'less' if here < there else 'more'}"
    return f"{what} cost {money(here)} here and {money(there)} with the remote GPU: {apart}."


def cautions(found: Month) -> Iterator[str]:
    """Yield what must be known before the sentence above is believed."""
    here = found.local
    if here.load is not None and here.machines > 1:
        yield (
            f"One machine would be too busy: it would answer for {here.load:.0%} of those hours, and above "
            f"{COMFORTABLE_LOAD:.0%} questions wait long for one another. So {here.machines} are counted."
        )
    if here.load is None:
        yield "How long an answer takes here is not measured yet, so one machine is taken to be enough."


def money(amount: float) -> str:
    """Return a price as it is shown: $0.0258, $37.70, $1,234."""
    digits = 0 if amount >= 1_000 else 2 if amount >= 0.1 or not amount else 4
    return f"${amount:,.{digits}f}"


def _per_thousand(cost: float, found: Month) -> str:
    return money(1_000 * cost / found.questions) if found.questions else "–"


def _took(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    return f"{seconds:.2f} s" if seconds < 10 else duration(seconds)
