"""What a limit costs: the least cost at every value of it, from its loosest to the tightest that can be kept.

The epsilon-constraint method (Y. Haimes, L. Lasdon and D. Wismer, IEEE Transactions on Systems, Man and Cybernetics 1,
1971): cost is minimized with the other aim as a limit.  Tightening never lets more plans in, so cost never falls along
the way; a plan for a tighter limit also keeps a looser one, and what is proved of a looser one holds for a tighter (not
of latency objectives: at each, rates are estimated anew).
Where two values cost the same within the gap, so does all between them.  The search halves the widest steps that are
left, after it knows to `END` where no plan keeps the limit any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from planner.analysis.knobs import Knob
from planner.analysis.sweep import Solve, mix_of
from planner.catalog.load import Catalog
from planner.errors import NoCandidate
from planner.plan import Status
from planner.problem.places import ProblemFile

END, NEAR = 1 / 512, 1 / 128
"""How near the end, and a step, are looked for: shares of the way from the loosest to the tightest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The least cost at a limit."""

    tightness: float
    value: float
    status: Status
    usd_month: float | None  # None: no plan
    bound_usd_month: float | None  # None: not known
    mix: frozenset[str]

    def settled(self, gap: float) -> bool:
        """Whether the cost is proved within the gap, or that there is no plan."""
        if self.usd_month is None:
            return self.status == "infeasible"
        return self.bound_usd_month is not None and self.usd_month <= self.bound_usd_month / (1 - gap) + 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Two neighbors between which the cost rises by more than the gap, and it is not known how."""

    after: float
    before: float
    usd_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """Limits and their costs, from the loosest."""

    problem: str
    knob: Knob
    points: tuple[Point, ...]
    gap: float

    def steps(self) -> list[Step]:
        """Rises that are not followed any nearer."""
        there = [each for each in self.points if each.usd_month is not None]
        return [
            Step(after=left.value, before=right.value, usd_month=right.usd_month - left.usd_month)
            for left, right in pairwise(there)
            if left.usd_month is not None
            and right.usd_month is not None
            and rises(left.usd_month, right.usd_month, self.gap)
        ]


def rises(left_usd: float, right_usd: float, gap: float) -> bool:
    """Whether one cost is above another by more than solves leave open."""
    return right_usd > left_usd * (1 + gap) + 1e-6


def frontier(
    file: ProblemFile,
    catalog: Catalog,
    knob: Knob,
    most_points: int,
    gap: float,
    solve: Solve,
    progress: Callable[[str], None],
) -> Frontier:
    """The least cost along a limit, in at most so many solves.  Raises `NoCandidate` where the loosest has no plan."""
    free = file.problem.model_copy(update={"budget": None})
    found: dict[float, Point] = {}

    def ask(tightness: float) -> None:
        value = knob.value(tightness)
        progress(f"solve {len(found) + 1}: {knob.key} {value:.4g}")
        try:
            plan = solve(replace(file, problem=knob.turn(free, value)), catalog)
        except NoCandidate:
            if not tightness:
                raise
            plan = None
        found[tightness] = Point(
            tightness=tightness,
            value=value,
            status="infeasible" if plan is None else plan.status,
            usd_month=plan.usd_month if plan is not None else None,
            bound_usd_month=plan.bound_usd_month if plan is not None and plan.usd_month is not None else None,
            mix=frozenset(mix_of(plan)) if plan is not None else frozenset(),
        )

    ask(0.0)
    if found[0.0].usd_month is None:
        raise NoCandidate(f"There is no plan for {free.name} even with {knob.key} at its loosest.")
    ask(1.0)
    while len(found) < most_points and (at := next_at(found, gap)) is not None:
        ask(at)
    return Frontier(problem=free.name, knob=knob, points=settle(found, knob.nested), gap=gap)


def next_at(found: dict[float, Point], gap: float) -> float | None:
    """Where to solve next: toward the end, then in the middle of the widest step; None: all is known."""
    order = settle(found)
    there = [each for each in order if each.usd_month is not None]
    beyond = [each.tightness for each in order if each.usd_month is None and each.tightness > there[-1].tightness]
    if beyond and min(beyond) - there[-1].tightness > END:
        return (min(beyond) + there[-1].tightness) / 2
    wide = [
        ((right.usd_month or 0.0) - (left.usd_month or 0.0), (left.tightness + right.tightness) / 2)
        for left, right in pairwise(there)
        if right.tightness - left.tightness > NEAR and rises(left.usd_month or 0.0, right.usd_month or 0.0, gap)
    ]
    return max(wide)[1] if wide else None


def settle(found: dict[float, Point], nested: bool = True) -> tuple[Point, ...]:
    """The points in order, each at the least cost of those as tight; if nested, at the best bound of those as loose."""
    order = [found[at] for at in sorted(found)]
    best: Point | None = None
    out: list[Point] = []
    for each in reversed(order):
        if each.usd_month is not None and (best is None or each.usd_month < (best.usd_month or 0.0)):
            best = each
        if best is not None and each.usd_month != best.usd_month:
            each = replace(each, status="feasible", usd_month=best.usd_month, mix=best.mix)
        out.append(each)
    if not nested:
        return tuple(reversed(out))
    known, settled = float("-inf"), []
    for each in reversed(out):
        known = max(known, each.bound_usd_month if each.bound_usd_month is not None else known)
        settled.append(replace(each, bound_usd_month=known) if each.usd_month is not None and known > 0 else each)
    return tuple(settled)
