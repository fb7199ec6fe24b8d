"""Where a plan changes with a price that stands in a rule: solved at some factors, then closer where it changes.

The least cost need not be concave there (`planner.analysis.breakpoints`), so nothing is known between two factors at
which the same plan is told.  What is told at a factor is proved within the gap there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from planner.analysis.breakpoints import SAME, Flip, Line, Probe, Stretch

FIRST_POINTS = 9
"""Factors from one end to the other at which a bisection begins."""
HALVINGS = 7
"""How often an interval between two of them is halved."""

Mix = frozenset[str]


def bisect(ask: Callable[[float], Probe], low: float, high: float, gap: float) -> list[Probe]:
    """Solves from `low` to `high`, closer and closer where what is told changes; in order."""
    step = (high - low) / (FIRST_POINTS - 1)
    probes = [ask(low + step * place) for place in range(FIRST_POINTS - 1)] + [ask(high)]
    finest = step / 2**HALVINGS * (1 + 1e-9)
    while True:
        between = zip(pairwise(probes), pairwise(told_at(probes, gap)), strict=True)
        wide = [
            (left.factor + right.factor) / 2
            for (left, right), (one, other) in between
            if mix_of_line(one) != mix_of_line(other) and right.factor - left.factor > finest
        ]
        if not wide:
            return probes
        probes = sorted([*probes, *map(ask, wide)], key=lambda probe: probe.factor)


def mix_of_line(line: Line | None) -> Mix | None:
    """The mix of a plan; None: there is no plan."""
    return line.mix if line else None


def told_at(probes: Sequence[Probe], gap: float) -> list[Line | None]:
    """The plan told at each solve: its neighbor's at the next larger factor, while that is proved within the gap.

    What the rules allow at a larger factor they allow at a smaller one, where it costs no more than its line says.
    """
    out: list[Line | None] = []
    current: Line | None = None
    for probe in reversed(probes):
        near = SAME * abs(probe.bound_usd_month)
        if (
            current is None
            or probe.line is None
            or probe.factor < current.since
            or current.at(probe.factor) * (1 - gap) > probe.bound_usd_month + near
        ):
            current = probe.line
        out.append(current)
    return out[::-1]


def tell_bisected(probes: Sequence[Probe], gap: float) -> tuple[list[Stretch], list[Flip]]:
    """What is told at each solve, joined where it is one mix, and the flips between."""
    told = list(zip(probes, told_at(probes, gap), strict=True))
    runs = [list(run) for _, run in groupby(told, key=lambda one: mix_of_line(one[1]))]
    flips = [
        Flip(
            at=(left[-1][0].factor + right[0][0].factor) / 2,
            low=left[-1][0].factor,
            high=right[0][0].factor,
            before=left[-1][1],
            after=right[0][1],
        )
        for left, right in pairwise(runs)
    ]
    ends = [probes[0].factor, *(flip.at for flip in flips), probes[-1].factor]
    stretches = [
        Stretch(
            low=low,
            high=high,
            lines=tuple(dict.fromkeys(line for _, line in run if line)),
            usd_month_low=usd_at(*run[0]),
            usd_month_high=usd_at(*run[-1]),
        )
        for run, (low, high) in zip(runs, pairwise(ends), strict=True)
    ]
    return stretches, flips


def usd_at(probe: Probe, line: Line | None) -> float | None:
    """What the plan told at a solve costs there [USD/month]."""
    return line.at(probe.factor) if line else None
