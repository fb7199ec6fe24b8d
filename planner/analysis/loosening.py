"""A rule of a problem file that may give way, and how far: the values it may take, each looser than the last.

A rule is turned in the problem itself, so that whatever it bears on follows: offers, deployments, rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from planner.analysis.knobs import Turn
from planner.formulation import ROWS
from planner.problem.by_path import number_at, with_numbers
from planner.problem.places import KeyPath, dotted
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.solution import Solution

MOST = 1_000_000
"""No limit on things that are counted."""
CARDS = {family.name: family for family in ROWS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosening:
    """A rule that may give way: the problem with it at any of `values`, each looser than the one before.

    A latency objective at infinity is none at all.
    """

    key: str  # where it stands in the problem file
    says: str  # what giving way means
    turn: Turn
    values: Sequence[float] = (1.0,)
    now: float | None = None  # None: what is not allowed
    unit: str = ""
    family: str = ""  # of rows; none for what acts before the mathematics
    used: Callable[[Reduced, Solution], float] | None = None  # the value that a plan would be content with
    narrower: Callable[[Reduced, Solution], Iterable[Loosening]] | None = None  # less of it that may be enough
    detail: Callable[[float], str] | None = None  # what a value comes to

    @property
    def mark(self) -> tuple[str, str]:
        """What tells it from the others of its problem."""
        return self.key, self.says

    def looser_by(self, share: float) -> int:
        """The place of the tightest value that is looser by that share of what is asked; the last if none is."""
        if self.now is None:
            return 0
        least = share * max(abs(self.now), abs(self.values[0] - self.now))
        low, high = 0, len(self.values) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if abs(self.values[middle] - self.now) >= least - 1e-12 else (middle + 1, high)
        return low


def card(name: str, **words: str) -> str:
    """What giving way means, in the sentence of a family's card."""
    said = CARDS[name].relaxed
    assert said is not None, f"{name} is physics"
    return said.format(**words)


def number(
    problem: Problem, path: KeyPath, values: Sequence[float], says: str, unit: str, family: str = ""
) -> Loosening:
    """A number of the problem file that may take other values."""
    return Loosening(
        key=dotted(path),
        says=says,
        turn=lambda p, value: with_numbers(p, {path: value}),
        values=values,
        now=number_at(problem, path),
        unit=unit,
        family=family,
    )


def three_digits(above: float, most: float) -> list[float]:
    """Every number of three digits above one, up to another.

    >>> three_digits(9.97, 10.2)
    [9.98, 9.99, 10.0, 10.1, 10.2]
    """
    out: list[float] = []
    value = above
    while True:
        digit = math.floor(math.log10(value) + 1e-12) - 2
        value = round((math.floor(value / 10.0**digit + 1e-6) + 1) * 10.0**digit, -digit)
        if value > most * (1 + 1e-12):
            return out
        out.append(value)


def percents(above: float) -> list[float]:
    """Every whole percent above a share, up to all."""
    return [n / 100 for n in range(math.floor(above * 100 + 1e-9) + 1, 101)]


def below(now: float, least: float) -> list[float]:
    """Numbers from one down to another, in steps of a hundredth of the way or less.

    >>> below(0.86, 0.85)[:3], below(0.86, 0.85)[-1]
    ([0.8599, 0.8598, 0.8597], 0.85)
    """
    if now <= least:
        return []
    digits = 2 - math.floor(math.log10(now - least))
    steps = math.ceil(now * 10**digits - 1e-6) - math.floor(least * 10**digits + 1e-6)
    found = [round(math.ceil(now * 10**digits - 1e-6) / 10**digits - n / 10**digits, digits) for n in range(1, steps)]
    return [value for value in found if value > least] + [least]
