"""What a sweep goes over: keys, the values they take, and the points that come of them.

Knows how an axis is written; what a key names is the business of `planner.analysis.levers`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from planner.errors import Complaint, InputError
from planner.problem.places import Finding, ProblemFile, printable

MOST_POINTS = 10_000
POINTS = 9
"""From one end to the other, where nothing is said of how many."""
EXAMPLE = "Write KEY=FROM..TO/N, as price.h100-sxm=0.6..1.4/9, or KEY=a,b,c, as traffic=1,2,4."


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is swept, and the values it takes."""

    key: str  # price.h100-sxm, price.spot, traffic.chat, slo.chat.ttft_ms, budget.usd_month ...
    values: tuple[float, ...]
    times: bool = False  # they multiply the number that the problem holds (written 0.5x)
    said_at: str = field(default="", compare=False, repr=False)

    @property
    def place(self) -> str:
        """Where a complaint about it points."""
        return self.said_at or f"--over {printable(self.key)}"


Dimension = tuple[Axis, ...]
"""Axes that go together: their first values, their second ones ..."""


def parse_over(text: str) -> Dimension:
    """KEY=VALUES, or several that go together with ; between.  Raises InputError for anything else.

    >>> [axis.key for axis in parse_over("price.h100-sxm=0.5..1.5; price.h200-sxm=0.5..1.5")]
    ['price.h100-sxm', 'price.h200-sxm']
    """
    return tuple(parse_axis(part) for part in text.split(";"))


def parse_axis(text: str) -> Axis:
    """KEY=FROM..TO, KEY=FROM..TO/N or KEY=a,b,c.  Raises InputError for anything else.

    >>> parse_axis("price.spot=0.5..1.5/5")
    Axis(key='price.spot', values=(0.5, 0.75, 1.0, 1.25, 1.5), times=False)
    >>> parse_axis("slo.chat.ttft_ms=0.5x,2x")
    Axis(key='slo.chat.ttft_ms', values=(0.5, 2.0), times=True)
    """
    key, equals, values = text.partition("=")
    place = f"--over {printable(text.strip())}"
    if not (equals and key.strip() and values.strip()):
        raise InputError([Complaint(place, f"says not what to sweep over which values.  {EXAMPLE}")])
    return read_values(key.strip(), values, place)


def axes_of(problem_file: ProblemFile) -> list[Dimension]:
    """The `sweep:` of a problem file: the keys of one item go together, the items make a grid."""
    out = []
    for place, item in enumerate(problem_file.problem.sweep):
        axes = []
        for key, values in item.items():
            text = ",".join(map(repr, values)) if isinstance(values, list) else str(values)
            [complaint] = problem_file.complaints([Finding(("sweep", place, key), "")])
            axes.append(read_values(key, text, complaint.where))
        out.append(tuple(axes))
    return out


def read_values(key: str, text: str, place: str) -> Axis:
    """An axis from its key and its values as they are written."""

    def wrong(what: str) -> InputError:
        return InputError([Complaint(place, what)])

    try:
        if ".." in text:
            ends, slash, points = text.partition("/")
            (first, times), (last, also) = (_number(end) for end in ends.split(".."))
            marks = [times, also]
            count = int(points) if slash else POINTS
            if not 2 <= count <= MOST_POINTS:
                raise wrong(f"{points} points; from one end to the other takes 2 to {MOST_POINTS:,}.")
            values = tuple(round(first + (last - first) * i / (count - 1), 12) for i in range(count))
        else:
            read = [_number(value) for value in text.split(",")]
            values, marks = tuple(value for value, _ in read), [mark for _, mark in read]
    except ValueError:
        raise wrong(f'"{printable(text)}" is no row of numbers.  {EXAMPLE}') from None
    if any(marks) and not all(marks):
        raise wrong("some values say x (times what it is) and some do not.  Write all of them one way.")
    if len(set(values)) < len(values):
        raise wrong("the same value stands there twice.  Keep it once.")
    return Axis(key, values, any(marks), place)


def _number(text: str) -> tuple[float, bool]:
    """A finite number, and whether an x says that it multiplies.  Raises ValueError."""
    text = text.strip()
    value = float(text.removesuffix("x"))
    if not math.isfinite(value):
        raise ValueError
    return value, text.endswith("x")


def grid_of(dimensions: Iterable[Dimension]) -> list[dict[str, float]]:
    """Every point: the value of each key there; the last dimension moves first.

    >>> grid_of([(Axis("a", (1.0, 2.0)), Axis("b", (3.0, 4.0))), (Axis("c", (5.0,)),)])
    [{'a': 1.0, 'b': 3.0, 'c': 5.0}, {'a': 2.0, 'b': 4.0, 'c': 5.0}]
    """
    steps = [
        [
            {axis.key: value for axis, value in zip(dimension, values, strict=True)}
            for values in zip(*(axis.values for axis in dimension), strict=True)
        ]
        for dimension in dimensions
    ]
    return [{key: value for step in point for key, value in step.items()} for point in product(*steps)]


def check_shape(dimensions: Sequence[Dimension]) -> None:
    """Raises InputError where axes that go together differ in length, a key comes twice, or points are too many."""
    complaints = []
    seen: set[str] = set()
    for dimension in dimensions:
        for axis in dimension:
            if axis.key in seen:
                complaints.append(Complaint(axis.place, "is swept twice.  Give all its values at once."))
            seen.add(axis.key)
            if len(axis.values) != len(dimension[0].values):
                other = f"{dimension[0].key} beside it has {len(dimension[0].values)}"
                what = f"takes {len(axis.values)} values; {other}, and they go together.  Give each as many."
                complaints.append(Complaint(axis.place, what))
    points = math.prod(len(dimension[0].values) for dimension in dimensions)
    if points > MOST_POINTS:
        complaints.append(Complaint("--over", f"{points:,} points; at most {MOST_POINTS:,} are solved.  Take fewer."))
    if complaints:
        raise InputError(complaints)
