"""A frontier on a terminal and as plain values: limits, and what each costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import number, percent_at_most, things, usd
from planner.outputs.page import Line, Page
from planner.outputs.sweep import BAR_CELLS, bar

if TYPE_CHECKING:
    from planner.analysis.frontier import Frontier, Point


def show_frontier(found: Frontier, console: Console) -> None:
    """Print the limits from the loosest, what each costs and how much of that is the limit's."""
    there = [each for each in found.points if each.usd_month is not None]
    least = there[0].usd_month or 0.0
    most = there[-1].usd_month or 1.0
    page = Page(console, cents=most < 1000)
    page.say(
        f"{found.problem}: {usd(least, page.cents)} a month with {said(found, there[0])}, {usd(most, page.cents)} "
        f"with {said(found, there[-1])}",
        "bold",
        indent=0,
    )
    lines = []
    for each in found.points:
        if each.usd_month is None:
            lines.append(Line(label(found, each), ("no plan" if each.status == "infeasible" else "none found", "", "")))
            continue
        added = usd(each.usd_month - least, page.cents) if each.usd_month > least else ""
        drawn = bar(each.usd_month / most if most else 0, BAR_CELLS, console.options.ascii_only).ljust(BAR_CELLS)
        lines.append(Line(label(found, each), (usd(each.usd_month, page.cents), added, drawn)))
    page.table(found.knob.key, ("USD/month", "for the limit", ""), lines)
    gaps = [
        max(0.0, (each.usd_month - each.bound_usd_month) / each.usd_month)
        for each in there
        if each.usd_month and each.bound_usd_month is not None
    ]
    proof = f"  Each cost is proved within {percent_at_most(max(gaps))} of the best possible." if gaps else ""
    page.console.print()
    page.say(
        f"{things(len(found.points), 'solve')}.{proof}  The cost never falls as the limit tightens: between two limits "
        "that cost the same, so does all else; where it rises between two, it is known no nearer.",
        "dim",
        indent=0,
    )


def said(found: Frontier, point: Point) -> str:
    """A limit with its name."""
    shown = label(found, point)
    return shown if shown == found.knob.free else f"{found.knob.key} {shown}"


def label(found: Frontier, point: Point) -> str:
    """A limit as it is shown; the loosest may be no limit at all."""
    return found.knob.free if found.knob.free and not point.tightness else short(point.value)


def short(value: float) -> str:
    """A limit with four digits."""
    return number(float(f"{value:.4g}"))


def frontier_object(found: Frontier) -> dict[str, Any]:
    """The same as plain values for JSON; the value of a limit that is none is null."""
    return {
        "problem": found.problem,
        "of": found.knob.key,
        "points": [
            {
                "value": None if found.knob.free and not each.tightness else each.value,
                "status": each.status,
                "usd_month": each.usd_month,
                "bound_usd_month": each.bound_usd_month,
                "mix": sorted(each.mix),
            }
            for each in found.points
        ],
        "steps": [{"from": s.after, "to": s.before, "usd_month": s.usd_month} for s in found.steps()],
    }
