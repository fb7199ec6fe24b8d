"""Breakpoints of a price on a terminal and as plain values: what wins where, and what changes at each flip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import number, percent, percent_at_most, things, usd
from planner.outputs.page import Line, Page

if TYPE_CHECKING:
    from planner.analysis.breakpoints import Flip, Stretch
    from planner.analysis.breakpoints import Line as CostLine
    from planner.analysis.price_changes import Bought, Breakpoints

POINT = 1e-3
"""An interval narrower than this share of its factor is shown as one."""
METHODS = {
    "concave": "The least cost is concave in this factor, so nothing is missed between two solves",
    "concave by sections": "Between the factors at which payments upfront reach their limit the least cost is "
    "concave, so nothing is missed there",
    "bisection": "This price stands in the rates of a spend commitment, so the least cost need not be concave: found "
    "by bisection; a plan that wins only between two solves is not seen",
}


def show_breakpoints(found: Breakpoints, console: Console) -> None:
    """Print what wins where as a price moves."""
    page = Page(console, cents=most_usd(found) < 1000)
    what = " and ".join(found.keys)
    flips = things(len(found.flips), "flip") if found.flips else "no flip"
    page.say(f"{found.problem}: {flips} from {_times(found.low)} to {_times(found.high)} {what}", "bold", indent=0)
    if room := _room(found):
        page.say(room)
    lines = []
    for place, stretch in enumerate(found.stretches):
        cost = "no plan"
        if stretch.usd_month_low is not None and stretch.usd_month_high is not None:
            ends = usd(stretch.usd_month_low, page.cents), usd(stretch.usd_month_high, page.cents)
            cost = ends[0] if ends[0] == ends[1] else " to ".join(ends)
        moved = _spread([usd(line.moved_usd_month, page.cents) for line in stretch.lines])
        shown = f"{_factor(stretch.low)} to {_factor(stretch.high)}"
        lines.append(Line(shown, (cost, moved, _letter(place) if stretch.lines else "-")))
    page.table(what, ("USD/month", "spent on it at x 1", "mix"), lines)
    _show_mixes(found.stretches, page)
    _show_flips(found, page)
    _show_proof(found, page)


def breakpoints_object(found: Breakpoints) -> dict[str, Any]:
    """The same as plain values for JSON."""
    return {
        "problem": found.problem,
        "over": list(found.keys),
        "from": found.low,
        "to": found.high,
        "method": found.method,
        "solves": found.solves,
        "gap_asked": found.gap_asked,
        "gap_proved": found.gap_proved,
        "stretches": [
            {
                "from": stretch.low,
                "to": stretch.high,
                "usd_month_from": stretch.usd_month_low,
                "usd_month_to": stretch.usd_month_high,
                "plans": [_line_object(line) for line in stretch.lines],
            }
            for stretch in found.stretches
        ],
        "flips": [
            {
                "at": flip.at,
                "low": flip.low,
                "high": flip.high,
                "moved_usd_month_threshold": flip.threshold_usd_month,
                "before": None if flip.before is None else _line_object(flip.before),
                "after": None if flip.after is None else _line_object(flip.after),
            }
            for flip in found.flips
        ],
    }


def most_usd(found: Breakpoints) -> float:
    """The largest cost told [USD/month]."""
    return max((stretch.usd_month_high or 0.0 for stretch in found.stretches), default=0.0)


def _line_object(line: CostLine) -> dict[str, Any]:
    return {
        "fixed_usd_month": line.fixed_usd_month,
        "moved_usd_month": line.moved_usd_month,
        "buys": [
            {"what": label, "machines": each.machines, "usd_month": each.usd_month} for label, each in line.buys.items()
        ],
    }


def _show_mixes(stretches: Sequence[Stretch], page: Page) -> None:
    page.title("Mixes")
    for place, stretch in enumerate(stretches):
        rows: dict[str, list[Bought]] = {}
        for line in stretch.lines:
            for label, each in line.buys.items():
                rows.setdefault(label, []).append(each)
        dearest = sorted(rows.items(), key=lambda row: -max(each.usd_month for each in row[1]))
        for rank, (label, bought) in enumerate(dearest):
            machines = _spread([str(one.machines) for one in bought if one.machines is not None])
            what = f"{machines} x {label}" if machines else label
            page.say(what if rank else f"{_letter(place)}  {what}", indent=5 if rank else 2, hang=2 if rank else 5)


def _show_flips(found: Breakpoints, page: Page) -> None:
    if not found.flips:
        return
    page.title("Flips")
    for flip in found.flips:
        page.say(_where(flip), hang=2)
        if flip.after is None:
            page.say("no plan keeps the budget or the limit on cash", indent=4, hang=2)
            continue
        before = flip.before.buys if flip.before else {}
        for sign, here, there in (("+", flip.after.buys, before), ("-", before, flip.after.buys)):
            for label, each in here.items():
                if label not in there:
                    count = "" if each.machines is None else f"{each.machines} x "
                    page.say(f"{sign} {count}{label}", indent=4, hang=2)
        for label in before:
            less, more = before[label].machines, flip.after.buys[label].machines if label in flip.after.buys else None
            if less is not None and more is not None and less != more:
                page.say(f"{less} to {more} x {label}", indent=6, hang=2)


def _where(flip: Flip) -> str:
    if flip.high - flip.low <= POINT * flip.at:
        return f"at {_factor(flip.at)}"
    if flip.threshold_usd_month is None:
        return f"between {_factor(flip.low)} and {_factor(flip.high)}"
    through = f"what is spent on it at x 1 falls through {usd(flip.threshold_usd_month)}"
    return f"at {_factor(flip.at)}, proved from {_factor(flip.low)} to {_factor(flip.high)}: {through}"


def _room(found: Breakpoints) -> str:
    """How far the price may move from where it is before the plan changes."""
    if not found.low <= 1 <= found.high:
        return ""
    below = max((flip.at for flip in found.flips if flip.at <= 1), default=None)
    above = min((flip.at for flip in found.flips if flip.at > 1), default=None)
    falls = f"fall by {percent(1 - below)}" if below is not None else f"fall to {_times(found.low)}"
    rises = f"rise by {percent(above - 1)}" if above is not None else f"rise to {_times(found.high)}"
    return f"As prices are, they may {falls} or {rises} before the plan changes."


def _show_proof(found: Breakpoints, page: Page) -> None:
    page.console.print()
    where = "at every factor solved at" if found.method == "bisection" else "at every factor"
    if found.gap_proved is None:
        proof = "How far from the best possible: bound unknown."
    elif found.gap_proved < 1e-6:
        proof = f"What is told is proved the best possible {where}."
    else:
        proof = f"What is told is proved within {percent_at_most(found.gap_proved)} of the best possible {where}."
    if any(flip.threshold_usd_month is not None and _where(flip).count("proved") for flip in found.flips):
        proof += "  Below the interval of a flip every best plan spends at least that much on it, above at most."
    page.say(f"{things(found.solves, 'solve')}.  {METHODS[found.method]}.  {proof}", "dim", indent=0)


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"A{place}"


def _spread(shown: Sequence[str]) -> str:
    """One value, or the first and the last of several."""
    kinds = list(dict.fromkeys(shown))
    return "" if not kinds else kinds[0] if len(kinds) == 1 else f"{kinds[0]} to {kinds[-1]}"


def _times(factor: float) -> str:
    return f"{_factor(factor)} x"


def _factor(factor: float) -> str:
    return number(float(f"{factor:.4g}"))
