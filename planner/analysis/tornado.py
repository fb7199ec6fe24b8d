"""Which price, load or rate moves the cost most, one at a time, and what it costs not to plan again when it does.

At the low and the high end of each range the problem is solved again; the rest stays as it is.  Beside it stands what
the base plan costs there:

    a price moves       the plan kept as it is: a + b t, b what it spends on the thing at t = 1, read off its bill
    anything else       its procurement kept, run anew (`planner.analysis.held`)

The regret is the difference.  A plan that buys nothing of a thing is the best one at every higher price of it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from planner.analysis.held import Case, Holding, side_by_side
from planner.analysis.levers import Choices
from planner.analysis.price_changes import line_of, method_for
from planner.analysis.sweep import mix_of
from planner.plan import Plan, Status
from planner.uncertainty import Range


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a range: the best plan there, and the base plan kept [USD/month]."""

    factor: float
    status: Status
    usd_month: float | None  # the cheapest known; None: no plan
    bound_usd_month: float | None  # no plan costs less; None: not known
    kept_usd_month: float | None  # None: the base plan does not serve all there
    mix: frozenset[str]  # what is bought, as in a sweep

    @property
    def regret_usd_month(self) -> float | None:
        """What planning again would save; None: one of the two is missing."""
        if self.kept_usd_month is None or self.usd_month is None:
            return None
        return self.kept_usd_month - self.usd_month


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """A thing that may come out otherwise, and the cost at both ends of its range."""

    range: Range
    ends: tuple[End, End]

    @property
    def usd_month(self) -> float:
        """Between the dearer and the cheaper end; infinite where one has no plan."""
        costs = [end.usd_month for end in self.ends if end.usd_month is not None]
        return max(costs) - min(costs) if len(costs) == 2 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tornado:
    """All swings, the largest first."""

    base: Plan
    swings: tuple[Swing, ...]
    solves: int


def tornado(case: Case, base: Plan, ranges: Sequence[Range], jobs: int, progress: Callable[[str], None]) -> Tornado:
    """Solve at both ends of every range; `base` is the best plan of the problem as it is."""
    holding = case.holding(base)
    asked = [(each.key, factor) for each in ranges for factor in (each.low, each.high)]
    open_ = [one for one in asked if not settled(case, base, *one)]
    found = {one: as_end(base, one[1]) for one in asked if one not in open_}
    for key, end in side_by_side(partial(solve_end, base, holding), case, open_, jobs):
        found[key, end.factor] = end
        progress(f"{len(found)} of {len(asked)} ends solved")
    swings = [Swing(range=each, ends=(found[each.key, each.low], found[each.key, each.high])) for each in ranges]
    return Tornado(
        base=base, swings=tuple(sorted(swings, key=lambda s: (-s.usd_month, s.range.key))), solves=len(open_)
    )


def settled(case: Case, base: Plan, key: str, factor: float) -> bool:
    """Whether the base plan is known to be the best there: nothing moves, or only what it does not buy gets dearer."""
    if factor == 1:
        return True
    return factor > 1 and told_by_bill(case, key) and spends_nothing(case, base, key)


def told_by_bill(case: Case, key: str) -> bool:
    """Whether a plan's cost is a line in this factor: a price that stands in no rule of the problem."""
    file, priced = case.at({})
    choices = Choices(file.problem, priced)
    lever = choices.lever(key)
    simple = lever is not None and choices.is_price(lever)
    return simple and method_for(file.problem, priced, [key]) == "concave"


def spends_nothing(case: Case, base: Plan, key: str) -> bool:
    """Whether the base plan buys nothing at a price."""
    return line_of(base, case.file.problem, [key], 1.0, float("inf")).moved_usd_month == 0


def kept_line(case: Case, base: Plan, key: str, factor: float) -> float:
    """What the base plan costs, kept as it is, with a factor on a price [USD/month]."""
    return line_of(base, case.file.problem, [key], 1.0, float("inf")).at(factor)


def as_end(base: Plan, factor: float) -> End:
    """The base plan as an end of a range."""
    return End(
        factor=factor,
        status=base.status,
        usd_month=base.usd_month,
        bound_usd_month=base.bound_usd_month,
        kept_usd_month=base.usd_month,
        mix=frozenset(mix_of(base)),
    )


def solve_end(base: Plan, holding: Holding, case: Case, asked: tuple[str, float]) -> tuple[str, End]:
    """One end of a range.  Where the plan kept costs less than the one found, it is the best one known."""
    key, factor = asked
    factors = {key: factor}
    status, plan = case.best(factors)
    kept: float | None
    if told_by_bill(case, key):
        kept = kept_line(case, base, key, factor)
        held = base
    else:
        again = case.keeping(holding, factors)
        kept, held = (None, base) if again is None else (again.usd_month, again)
    best = plan.usd_month if plan is not None else None
    mix = plan
    if kept is not None and (best is None or kept < best):
        best, mix = kept, held
    return key, End(
        factor=factor,
        status="feasible" if plan is None and kept is not None else status,
        usd_month=best,
        bound_usd_month=plan.bound_usd_month if plan is not None else None,
        kept_usd_month=kept,
        mix=frozenset(mix_of(mix)) if mix is not None else frozenset(),
    )
