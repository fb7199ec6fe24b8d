"""Ways out of a problem with no plan, on a terminal and as plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import number, percent, things
from planner.outputs.page import Line, Page

if TYPE_CHECKING:
    from planner.analysis.waysout import Way, WaysOut

MOST_UNTOLD = 4
HEADS = ("now", "enough", "change")


def show_ways_out(found: WaysOut, console: Console) -> None:
    """Print each single way out with its least amount, the combination, and what is not known."""
    page = Page(console)
    if found.single:
        page.table("Each of these alone gives a plan", HEADS, lines_of(found.single))
    if found.together:
        page.table("These together give a plan", HEADS, lines_of(found.together))
        page.say("The smallest set; of several pairs, the one loosened least beside what is asked.", "dim")
    if not found.single and not found.together and not found.untold:
        page.title("Ways out")
        page.say("None of the problem's rules, not even all of them together, stands alone in the way.")
    if found.untold:
        page.title("Not known in the time given")
        for says in found.untold[:MOST_UNTOLD]:
            page.say(f"- {says}", hang=2)
        if len(found.untold) > MOST_UNTOLD:
            page.say(f"and {len(found.untold) - MOST_UNTOLD} more.")
    page.console.print()
    page.say(
        f"{things(found.tried, 'rule')} of the problem tried in {things(found.solved, 'solve')}.  Amounts are the "
        "least: the next smaller one gives no plan, unless it says otherwise.",
        "dim",
        indent=0,
    )


def lines_of(ways: Sequence[Way]) -> list[Line]:
    """A line for each, with what it comes to under it."""
    return [
        Line(each.says, figures(each), [text for text in (f"{each.key}", each.detail, doubt(each)) if text])
        for each in ways
    ]


def figures(way: Way) -> tuple[str, str, str]:
    """What stands in the file, what is enough, and the difference."""
    if way.now is None:
        return "no", "yes", ""
    now = amount(way.now, way.unit)
    if way.enough is None:
        return now, "no limit", ""
    less, change = way.enough < way.now, abs(way.enough - way.now)
    return now, amount(way.enough, way.unit), ("-" if less else "+") + amount(change, way.unit)


def amount(value: float, unit: str) -> str:
    """An amount with its unit; shares in percent, money in dollars.

    >>> amount(0.14, "share"), amount(12, "GPUs"), amount(1234, "USD/month")
    ('14 %', '12 GPUs', '$1,234')
    """
    if unit in ("share", "of its peak"):
        return percent(round(value, 6))
    if unit in ("USD", "USD/month"):
        return f"${math.ceil(value):,}"
    return f"{number(round(value, 6))} {unit}"


def doubt(way: Way) -> str:
    """What is not known of an amount."""
    if way.least:
        return ""
    if way.too_little is None:
        return "less may be enough: the time ended before it was known"
    return f"less than that may be enough, {amount(way.too_little, way.unit)} is not"


def sentence(way: Way) -> str:
    """A way out in one line."""
    if way.now is None:
        return way.says
    now, enough, _ = figures(way)
    return f"{way.says}: from {now} to {enough}"


def ways_out_object(found: WaysOut) -> dict[str, Any]:
    """The same as plain values for JSON."""
    return {
        "problem": found.problem,
        "single": [way_object(each) for each in found.single],
        "together": [way_object(each) for each in found.together],
        "untold": list(found.untold),
    }


def way_object(way: Way) -> dict[str, Any]:
    """One of them; `enough` is null for what is allowed or left out, `too_little` where only what stands is known."""
    return {
        "key": way.key,
        "family": way.family or None,
        "says": sentence(way),
        "unit": way.unit or None,
        "now": way.now,
        "enough": way.enough,
        "too_little": way.too_little,
        "least": way.least,
        "detail": way.detail or None,
    }
