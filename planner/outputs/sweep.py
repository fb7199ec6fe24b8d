"""A sweep as a table, a chart and CSV: what each price or load costs, and which mix wins there.

One or more than two swept values: a line for each point with a bar as long as its cost.  Two: a map of letters.
A letter stands for what is bought together; parts below 5 % of the cost do not make another mix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase

from rich.console import Console

from planner.outputs.figures import number, percent, percent_at_most, plain, things, usd
from planner.outputs.page import GAP, Line, Page
from planner.plan import Status

SMALL_SHARE = 0.05
BAR_CELLS = 16
EIGHTHS = " ▏▎▍▌▋▊▉"
Mix = tuple[str, ...]
STATUS_WORDS = {"infeasible": "no plan", "stopped": "none found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """The plan at one point of a sweep, in short."""

    values: dict[str, float]  # what was swept -> its value here
    status: Status
    usd_month: float | None
    bound_usd_month: float | None
    gap: float | None
    mix: dict[str, float]  # label of what is bought -> USD per month
    machines: dict[str, int] = field(default_factory=dict)  # label -> machines at the busiest hour


def show_sweep(points: Sequence[SweepPoint], console: Console, dimensions: int | None = None) -> None:
    """Print the sweep; points are shown in the order of their values.

    `dimensions`: how many things move by themselves, where some keys go together; left out: every key does.
    """
    if not points:
        return
    page = Page(console, cents=max(point.usd_month or 0 for point in points) < 1000)
    ordered = sorted(points, key=lambda point: tuple(point.values.values()))
    letters = mix_letters(ordered)
    if len(ordered[0].values) == 2 and dimensions in (None, 2):
        _show_map(ordered, letters, page)
    else:
        _show_curve(ordered, letters, page, (dimensions or len(ordered[0].values)) == 1)
    _show_legend(ordered, letters, page)
    _show_proof(ordered, page)


def winning_mix(point: SweepPoint) -> Mix:
    """What carries at least 5 % of the cost, in the order of the alphabet; empty without a plan.

    >>> winning_mix(SweepPoint(values={}, status="optimal", usd_month=100, bound_usd_month=99, gap=0.01,
    ...                        mix={"b": 60, "a": 38, "c": 2}))
    ('a', 'b')
    """
    if point.usd_month is None:
        return ()
    total = sum(point.mix.values())
    return tuple(sorted(label for label, cost in point.mix.items() if cost > 0 and cost >= SMALL_SHARE * total))


def mix_letters(points: Sequence[SweepPoint]) -> dict[Mix, str]:
    """A letter for each mix, in the order in which they appear: A to Z, a to z, then A2 ..."""
    alphabet = ascii_uppercase + ascii_lowercase
    mixes = dict.fromkeys(mix for point in points if point.usd_month is not None for mix in [winning_mix(point)])
    return {
        mix: alphabet[place % 52] + (str(place // 52 + 1) if place >= 52 else "") for place, mix in enumerate(mixes)
    }


def bar(share: float, cells: int, ascii_only: bool = False) -> str:
    """A bar of `share` of so many cells, in eighths of a cell where the terminal has them.

    >>> bar(0.5, 4), bar(1 / 3, 4), bar(0.5, 4, ascii_only=True)
    ('██', '█▎', '##')
    """
    if ascii_only:
        return "#" * round(share * cells)
    whole, eighths = divmod(int(share * cells * 8), 8)
    return ("█" * whole + EIGHTHS[eighths]).rstrip()


def _show_curve(points: Sequence[SweepPoint], letters: dict[Mix, str], page: Page, is_line: bool) -> None:
    names = list(points[0].values)
    most = max(point.usd_month or 0 for point in points)
    ascii_only = page.console.options.ascii_only
    lines = []
    for point in points:
        at = [number(point.values[name]) for name in names]
        shown = at[0] if len(at) == 1 else ", ".join(map("{} {}".format, names, at))
        if point.usd_month is None:
            lines.append(Line(shown, (STATUS_WORDS.get(point.status, "no plan"), "", "", "")))
            continue
        drawn = bar(point.usd_month / most if most else 0, BAR_CELLS, ascii_only).ljust(BAR_CELLS)
        near = "unknown" if point.gap is None else percent_at_most(point.gap)
        lines.append(Line(shown, (usd(point.usd_month, page.cents), near, letters[winning_mix(point)], drawn)))
    page.table(", ".join(names), ("USD/month", "gap", "mix", ""), lines)
    if is_line:
        _show_changes(points, letters, page)


def _show_changes(points: Sequence[SweepPoint], letters: dict[Mix, str], page: Page) -> None:
    """Between which neighbors another mix begins to win."""
    name = next(iter(points[0].values))
    changes = [
        f"from {letters[winning_mix(left)]} to {letters[winning_mix(right)]} "
        f"between {number(left.values[name])} and {number(right.values[name])}"
        for left, right in pairwise(points)
        if left.usd_month is not None and right.usd_month is not None and winning_mix(left) != winning_mix(right)
    ]
    page.say(
        "The mix changes " + ", ".join(changes) + "." if changes else "The mix is the same wherever there is a plan."
    )


def _show_map(points: Sequence[SweepPoint], letters: dict[Mix, str], page: Page) -> None:
    down, across = points[0].values
    cells = {(point.values[down], point.values[across]): point for point in points}
    columns = sorted({value for _, value in cells})
    rows = sorted({value for value, _ in cells})
    page.title(f"{plain(down)} (down) by {plain(across)} (across)")
    widest = max(len(number(column)) for column in columns) + GAP
    at_once = max(1, (page.width - max(len(number(row)) for row in rows) - GAP) // widest)
    for first in range(0, len(columns), at_once):
        shown = columns[first : first + at_once]
        lines = []
        for row in rows:
            found = [cells.get((row, column)) for column in shown]
            marks = ["" if point is None else letters.get(winning_mix(point), "-") for point in found]
            lines.append(Line(number(row), tuple(marks)))
        page.table("", [number(column) for column in shown], lines)


def _show_legend(points: Sequence[SweepPoint], letters: dict[Mix, str], page: Page) -> None:
    page.title("Mixes")
    for mix, letter in letters.items():
        wins = [point for point in points if point.usd_month is not None and winning_mix(point) == mix]
        low, high = (usd(pick(point.usd_month or 0 for point in wins), page.cents) for pick in (min, max))
        page.say(f"{letter}  {things(len(wins), 'point')}, {low if low == high else f'{low} to {high}'} a month")
        for label in sorted(mix, key=lambda label: -wins[0].mix[label]):
            page.say(f"{_share_range(wins, label)}  {label}", indent=5, hang=2)
    without = Counter(point.status for point in points if point.usd_month is None)
    for status, how_many in without.items():
        page.say(f"-  {things(how_many, 'point')}: {STATUS_WORDS.get(status, 'no plan')} ({status})")


def _share_range(points: Sequence[SweepPoint], label: str) -> str:
    shares = [point.mix[label] / sum(point.mix.values()) for point in points]
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low} to {high}"


def _show_proof(points: Sequence[SweepPoint], page: Page) -> None:
    planned = [point for point in points if point.usd_month is not None]
    gaps = [point.gap for point in planned if point.gap is not None]
    unknown = len(planned) - len(gaps)
    page.console.print()
    if unknown:
        page.say(f"How far from the best possible: bound unknown at {things(unknown, 'point')}.", "yellow", indent=0)
    if gaps:
        which = "The others are" if unknown else "Every plan is"
        page.say(f"{which} proved within {percent_at_most(max(gaps))} of the best possible.", indent=0)
