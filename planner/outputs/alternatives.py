"""Near-optimal plans on a terminal and as plain values: what each is wanted for, what it buys, costs and changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.comparison import Machines, machines
from planner.outputs.figures import TERM_WORDS, percent, percent_at_most, things, usd
from planner.outputs.page import Line, Page
from planner.plan import Plan

if TYPE_CHECKING:
    from planner.analysis.alternatives import Alternatives, Tried

MOST_PARTS = 4
"""Changes that are named in one line."""
SAME_H = 0.5
"""Machine-hours a month by which a plan may differ and still be told as the same."""


def show_alternatives(found: Alternatives, console: Console) -> None:
    """Print the best plan, then the others within the tolerance, then what is beyond it and what cannot be."""
    best = found.best
    page = Page(console, cents=(best.usd_month or 0) < 1000)
    proof = "" if best.gap is None else f", proved within {percent_at_most(max(0.0, best.gap))} of the best possible"
    page.say(f"{best.problem}: {usd(best.usd_month or 0, page.cents)} a month{proof}", "bold", indent=0)
    page.say(f"buys {bought(best)}")
    if found.already:
        page.say(f"It is already: {', '.join(found.already)}.")
    lines = []
    for each in found.found:
        share = gap_of(each.plan.usd_month, each.bound_usd_month)
        figures = (
            usd(each.plan.usd_month or 0, page.cents),
            over(found, each.plan.usd_month),
            "-" if share is None else percent_at_most(share),
        )
        under = [f"buys {bought(each.plan)}", difference(best, each.plan)]
        lines.append(Line(", ".join(each.words), figures, under))
    head = f"Within {percent_at_most(found.within_share)}: up to {usd(found.limit_usd_month, page.cents)}"
    if lines:
        page.table(head, ("USD/month", "more", "proof"), lines)
    else:
        page.title(head)
        page.say("No other wish can be had for so little more.")
    show_beyond(found, page)
    if not found.proved:
        page.console.print()
        page.say("The time limit came before some of this was proved: longer runs may find less.", "yellow", indent=0)
    page.console.print()
    page.say(
        f"{things(found.solves, 'solve')} beside the plan's own, each audited.  Proof: how far a cheaper plan that is "
        "all of this may lie below.",
        "dim",
        indent=0,
    )


def show_beyond(found: Alternatives, page: Page) -> None:
    """Print what costs more than the tolerance, and what no plan keeps."""
    lines = []
    for each in found.beyond:
        known = (usd(each.usd_month, page.cents), over(found, each.usd_month)) if each.usd_month else ("none found", "")
        least = over(found, each.bound_usd_month) if each.bound_usd_month is not None else "-"
        lines.append(Line(each.words, (*known, least)))
    if lines:
        page.table(f"Beyond {percent_at_most(found.within_share)}", ("USD/month", "more", "at least"), lines)
    if found.impossible:
        page.title("Not possible")
        for each in found.impossible:
            page.say(f"{each.words}: {each.why}", hang=2)


def over(found: Alternatives, usd_month: float | None) -> str:
    """How much more than the best plan, in percent; less where the best plan leaves room within its gap."""
    best = found.best.usd_month or 0.0
    if usd_month is None or best <= 0:
        return "-"
    share = (usd_month - best) / best
    if abs(share) < 5e-7:
        return "same"
    return f"{'+' if share > 0 else '-'}{percent(abs(share))}"


def gap_of(usd_month: float | None, bound_usd_month: float | None) -> float | None:
    """How far a cost may be above the best possible, a share; None: not known."""
    if not usd_month or bound_usd_month is None:
        return None
    return max(0.0, (usd_month - bound_usd_month) / usd_month)


def bought(plan: Plan) -> str:
    """What a plan buys, in one line."""
    counts: dict[str, int] = defaultdict(int)
    for p in plan.purchases:
        term = "already paid for" if p.existing else TERM_WORDS[p.term]
        counts[f"{p.machine} of {p.provider} {term}"] += p.count
    parts = [f"{count} x {what}" for what, count in counts.items()]
    parts += [
        f"{s.provider} spend commitment {'signed already' if s.existing else TERM_WORDS[s.term]}" for s in plan.spends
    ]
    parts += [f"tokens of {provider}" for provider in tokens(plan)]
    return ", ".join(parts) or "nothing"


def tokens(plan: Plan) -> Mapping[str, float]:
    """What is paid to each API [USD/month]."""
    paid: dict[str, float] = defaultdict(float)
    for api in plan.apis:
        paid[api.provider] += api.usd_month
    return paid


def difference(best: Plan, plan: Plan) -> str:
    """How a plan differs from the best one, in one line."""
    parts = [told for each in machines(best, plan) if (told := change(each))]
    before, after = tokens(best), tokens(plan)
    parts += [
        f"tokens of {provider} {usd(before.get(provider, 0.0))} -> {usd(after.get(provider, 0.0))}"
        for provider in dict.fromkeys([*before, *after])
        if abs(after.get(provider, 0.0) - before.get(provider, 0.0)) >= SAME_H
    ]
    more = [f"and {things(len(parts) - MOST_PARTS, 'more change')}"] if len(parts) > MOST_PARTS else []
    return f"instead: {', '.join([*parts[:MOST_PARTS], *more])}" if parts else "the same machines and tokens"


def change(each: Machines) -> str:
    """What becomes of machines of one kind; empty: nothing."""
    term = "already paid for" if each.existing else TERM_WORDS[each.term]  # type: ignore[index]
    what = f"{each.machine} of {each.provider} {term}"
    if each.count_before != each.count_after:
        return f"{each.count_before} -> {each.count_after} x {what}"
    if abs(each.hours_month_after - each.hours_month_before) < SAME_H:
        return ""
    return f"{each.count_after} x {what} {each.hours_month_before:,.0f} -> {each.hours_month_after:,.0f} h"


def names(found: Alternatives) -> list[str]:
    """A name for the file of each alternative: the first thing that it is wanted for."""
    return ["-".join("".join(c if c.isalnum() else " " for c in each.words[0]).split()) for each in found.found]


def alternatives_object(found: Alternatives) -> dict[str, Any]:
    """The same as plain values for JSON."""
    best = found.best
    return {
        "problem": best.problem,
        "usd_month": best.usd_month,
        "bound_usd_month": best.bound_usd_month,
        "within_share": found.within_share,
        "limit_usd_month": found.limit_usd_month,
        "buys": bought(best),
        "already": list(found.already),
        "solves": found.solves,
        "within": [
            {
                "name": name,
                "is": list(each.words),
                "usd_month": each.plan.usd_month,
                "bound_usd_month": each.bound_usd_month,
                "proved": each.proved,
                "buys": bought(each.plan),
                "differs": difference(best, each.plan),
                "audit": list(each.plan.audit),
            }
            for name, each in zip(names(found), found.found, strict=True)
        ],
        "beyond": as_objects(found.beyond),
        "impossible": as_objects(found.impossible),
    }


def as_objects(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    """What was tried and is not within the tolerance."""
    return [
        {
            "is": each.words,
            "usd_month": each.usd_month,
            "bound_usd_month": each.bound_usd_month,
            "proved": each.proved,
            "why": each.why,
        }
        for each in tried
    ]
