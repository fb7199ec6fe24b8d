"""Which hours of the week are alike, which may do the work that can wait, and what to call them.

Hours are merged only where nothing tells them apart: no load of any workload (within one
part in 10^9) and no window.  Unequal hours are never merged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from planner.problem.contradictions import span_of
from planner.problem.workload import Deferrable
from planner.traffic.types import HOURS

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SAME = 1e-9


class OpenHours(NamedTuple):
    """Hours of the week in which one part of a workload's work may be done, and must be."""

    workload: str
    hours: frozenset[int]
    share: float  # of the workload's work in a week
    clock: str  # hours_of_day as written
    start: int | None = None  # weekday on which it starts; None for the one window of a week


def open_hours(workload: str, deferrable: Deferrable) -> list[OpenHours]:
    """The windows of one week: one for `finish: week`, one for each start for `finish: day`.

    A span over midnight belongs to the evening on which it starts; `weekdays` looks at each hour's
    own day.  So 20-06 on fri alone has two windows, the small hours after thu and the evening of fri.
    Every window gets an equal share of the work.
    """
    first, end = span_of(deferrable.hours_of_day)
    days = {WEEKDAYS.index(day) for day in deferrable.weekdays} or set(range(7))
    windows = []
    for day in range(7):
        hours = {(24 * day + hour) % HOURS for hour in range(first, end)}
        allowed = frozenset(hour for hour in hours if hour // 24 in days)
        if allowed:
            windows.append(OpenHours(workload, allowed, 1.0, deferrable.hours_of_day, day))
    if deferrable.finish == "week":
        everything = frozenset().union(*(window.hours for window in windows))
        return [OpenHours(workload, everything, 1.0, deferrable.hours_of_day)]
    return [window._replace(share=1 / len(windows)) for window in windows]


class Alike(NamedTuple):
    """Hours and windows grouped by what cannot be told apart, each in the order of the week."""

    hours: list[tuple[int, ...]]
    windows: list[list[OpenHours]]


def group_alike(loads: Sequence[Sequence[float]], windows: Sequence[OpenHours]) -> Alike:
    """Merge hours of equal loads and windows, and windows of equal hours.

    Two windows of a workload are alike if they hold equally many hours of each kind; two hours are
    alike if their loads are equal and they lie in windows that are alike (color refinement, repeated
    until nothing splits).  Five equal nights become one window with five nights' hours and requests.

    A plan for the merged week is always a plan for the whole one, at the same cost: doing in every
    hour what its group does gives each window its part, as each holds equally many hours of the group.
    It is also the best one, for windows are joined only where no other window shares just some of their
    hours: whole machines might then better differ between nights that look equal.
    """
    graded = [_grades(load) for load in loads]
    hour_kind: list[int] = _numbered([tuple(grades[hour] for grades in graded) for hour in range(HOURS)])
    alone = _numbered([tuple(sorted(w.hours)) for w in windows])
    joinable = [
        all(alone[i] == alone[j] or not (w.hours & other.hours) for j, other in enumerate(windows))
        for i, w in enumerate(windows)
    ]
    window_kind: list[int] = [0] * len(windows)
    while True:
        found = [
            (
                window.workload,
                window.share,
                0 if joinable[i] else i + 1,
                tuple(sorted(Counter(hour_kind[hour] for hour in window.hours).items())),
            )
            for i, window in enumerate(windows)
        ]
        new_windows = _numbered(found)
        lies_in: dict[int, list[int]] = defaultdict(list)
        for window, kind in zip(windows, new_windows, strict=True):
            for hour in window.hours:
                lies_in[hour].append(kind)
        new_hours = _numbered([(hour_kind[hour], tuple(sorted(lies_in[hour]))) for hour in range(HOURS)])
        if len(set(new_hours)) == len(set(hour_kind)) and len(set(new_windows)) == len(set(window_kind)):
            break
        hour_kind, window_kind = new_hours, new_windows
    hours: dict[int, list[int]] = defaultdict(list)
    for hour, kind in enumerate(new_hours):
        hours[kind].append(hour)
    merged: dict[int, list[OpenHours]] = defaultdict(list)
    for window, kind in zip(windows, new_windows, strict=True):
        merged[kind].append(window)
    return Alike([tuple(group) for group in hours.values()], list(merged.values()))


def _numbered(kinds: Sequence[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(kind, len(numbers)) for kind in kinds]


def _grades(load: Sequence[float]) -> list[int]:
    """A number for each hour, the same where loads are equal within one part in 10^9."""
    grade, start = 0, None
    grades = [0] * len(load)
    for hour in sorted(range(len(load)), key=load.__getitem__):
        if start is None or load[hour] > start * (1 + SAME):
            grade, start = grade + 1, load[hour]
        grades[hour] = grade
    return grades


def week_label(hours: Iterable[int]) -> str:
    """Hours of the week as a person writes them.

    >>> week_label([day * 24 + hour for day in range(5) for hour in (9, 10, 11, 14)])
    'mon-fri 09-12, 14-15'
    >>> week_label([*range(24), *range(120, 168)])
    'mon, sat-sun 00-24'
    """
    by_day: dict[int, list[int]] = defaultdict(list)
    for hour in sorted(hours):
        by_day[hour // 24].append(hour % 24)
    by_hours: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for day, of_day in by_day.items():
        by_hours[tuple(of_day)].append(day)
    parts = []
    for clock, days in by_hours.items():
        day_text = ", ".join(_range(WEEKDAYS[a], WEEKDAYS[b]) for a, b in _runs(days))
        parts.append(f"{day_text} {', '.join(f'{a:02}-{b + 1:02}' for a, b in _runs(clock))}")
    return "; ".join(parts)


def week_hours(label: str) -> frozenset[int]:
    """The hours of the week that a label names; the other way round of `week_label`.

    Raises ValueError, with a sentence for the user, where it names none.

    >>> sorted(week_hours("sat-sun 09-10, 23-24"))
    [129, 143, 153, 167]
    """
    example = 'Write days and hours as a plan does: "mon-fri 09-12, 14-18; sat 10-12".'
    hours: set[int] = set()
    for part in label.split(";"):
        days: list[int] = []
        clock: list[int] = []
        for span in part.replace(",", " ").split():
            first, _, last = span.partition("-")
            if first in WEEKDAYS and (last or first) in WEEKDAYS and not clock:
                begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
                days += range(begin, end + 1) if begin <= end else [*range(begin, 7), *range(end + 1)]
                continue
            try:
                begin, end = span_of(span)
            except ValueError as error:
                raise ValueError(f'"{label}": {error}  {example}') from None
            clock += range(begin, end)
        if not days or not clock:
            raise ValueError(f'"{label}" names no {"hours" if days else "days"}.  {example}')
        hours |= {(24 * day + hour) % HOURS for day in days for hour in clock}
    return frozenset(hours)


def window_label(windows: Sequence[OpenHours]) -> str:
    """Windows that are alike, e.g. "batch each mon-thu 20-06"; the one of a week by all its hours."""
    starts = [window.start for window in windows if window.start is not None]
    if not starts:
        return f"{windows[0].workload} {week_label(windows[0].hours)}"
    days = ", ".join(_range(WEEKDAYS[a], WEEKDAYS[b]) for a, b in _runs(starts))
    return f"{windows[0].workload} {'each ' if len(starts) > 1 else ''}{days} {windows[0].clock}"


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
