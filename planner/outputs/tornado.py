"""A tornado on a terminal and as plain values: what moves the cost most, and the regret of not planning again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import number, percent_at_most, things, usd
from planner.outputs.page import Line, Page

if TYPE_CHECKING:
    from planner.analysis.tornado import End, Swing, Tornado
    from planner.plan import Plan

ARMS = 10
"""Characters of the longest arm of a bar."""
NO_REGRET = "None: wherever the plan can be kept, no better one was found."
NOTHING_HELD = (
    "None: the plan signs for nothing.  What it takes by the hour and from APIs is decided again at no cost, unless a "
    "price that stands in no rule moves; there no better plan was found."
)


def show_tornado(found: Tornado, console: Console) -> None:
    """Print the swings, the largest first, then where keeping the plan costs more than planning again."""
    base = found.base
    page = Page(console, cents=(base.usd_month or 0) < 1000)
    page.say(f"{base.problem}: {usd(base.usd_month or 0, page.cents)} a month as things are", "bold", indent=0)
    longest = max((abs((e.usd_month or 0) - (base.usd_month or 0)) for s in found.swings for e in s.ends), default=0)
    lines = [
        Line(
            swing.range.key,
            (
                *(f"x {number(float(f'{end.factor:.3g}'))}" for end in swing.ends),
                *(cost(end, page) for end in swing.ends),
                arms(swing, base.usd_month or 0, longest),
            ),
        )
        for swing in found.swings
    ]
    page.table("One at a time", ("from", "to", "USD/month", "USD/month", ""), lines)
    page.title("Ranges")
    for swing in found.swings:
        page.say(f"{swing.range.key}: {swing.range.why}", hang=2)
    show_regret(found, page)
    gaps = [gap for swing in found.swings for end in swing.ends if (gap := gap_of(end)) is not None]
    proof = f"  Each cost is proved within {percent_at_most(max(gaps))} of the best possible." if gaps else ""
    page.console.print()
    page.say(f"{things(found.solves, 'solve')} beside the plan's own.{proof}", "dim", indent=0)


def show_regret(found: Tornado, page: Page) -> None:
    """Print what the plan kept costs beside planning again, wherever that is more than nothing."""
    lines = []
    for swing in found.swings:
        for end in swing.ends:
            if end.usd_month is None and end.kept_usd_month is None:
                continue
            if end.kept_usd_month is None:
                shown = ("not possible", cost(end, page), "")
            else:
                regret = end.regret_usd_month or 0.0
                if regret <= 0.005:
                    continue
                shown = (usd(end.kept_usd_month, page.cents), cost(end, page), usd(regret, page.cents))
            lines.append((end.regret_usd_month, Line(f"{swing.range.key} x {end.factor:.3g}", shown)))
    if not lines:
        page.title("Regret")
        page.say(NO_REGRET if signs(found.base) else NOTHING_HELD)
        return
    ordered = sorted(lines, key=lambda each: -(float("inf") if each[0] is None else each[0]))
    page.table("Regret", ("plan kept", "planned again", "regret"), [line for _, line in ordered])


def signs(plan: Plan) -> bool:
    """Whether a plan signs for something that would be held."""
    return any(p.billing == "always" and not p.existing for p in plan.purchases) or any(
        not spend.existing for spend in plan.spends
    )


def cost(end: End, page: Page) -> str:
    """The cost at an end; a dash where there is no plan."""
    return "no plan" if end.usd_month is None else usd(end.usd_month, page.cents)


def gap_of(end: End) -> float | None:
    """How far the cost at an end may be above the best possible, a share; None: not known."""
    if end.usd_month is None or end.bound_usd_month is None or end.usd_month <= 0:
        return None
    return max(0.0, (end.usd_month - end.bound_usd_month) / end.usd_month)


def arms(swing: Swing, base_usd: float, longest: float) -> str:
    """A bar to the left for what is saved, to the right for what is added, beside the base."""
    changes = [(end.usd_month or base_usd) - base_usd for end in swing.ends]
    left, right = (round(ARMS * abs(pick(0.0, *changes)) / longest) if longest else 0 for pick in (min, max))
    return ("#" * left).rjust(ARMS) + "|" + ("#" * right).ljust(ARMS)


def tornado_object(found: Tornado) -> dict[str, Any]:
    """The same as plain values for JSON."""
    return {
        "problem": found.base.problem,
        "usd_month": found.base.usd_month,
        "bound_usd_month": found.base.bound_usd_month,
        "solves": found.solves,
        "swings": [
            {
                "over": swing.range.key,
                "range": swing.range.why,
                "ends": [
                    {
                        "factor": end.factor,
                        "status": end.status,
                        "usd_month": end.usd_month,
                        "bound_usd_month": end.bound_usd_month,
                        "kept_usd_month": end.kept_usd_month,
                        "regret_usd_month": end.regret_usd_month,
                        "mix": sorted(end.mix),
                    }
                    for end in swing.ends
                ],
            }
            for swing in found.swings
        ],
    }
