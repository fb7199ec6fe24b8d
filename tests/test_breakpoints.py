"""Breakpoints of a price: on paper, against everything tried on a grid, and where the price stands in a rule."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from brute_force import BruteForce
from fleets import random_fleet

from planner.analysis.breakpoints import Bought, Flip, Line, Probe, Stretch, march, tell
from planner.analysis.price_changes import within_budget
from planner.inputs import FleetInputs
from planner.search import search
from planner.solution import Solution
from planner.solver import Settings

EXACT = Settings(gap=0.0, time_limit_s=60)
AGREE = 1e-5
LOW, HIGH = 0.3, 2.5


# --- on numbers: every plan against everything tried ---------------------------------------------------------------


def with_cash(seed: int) -> FleetInputs:
    """A random fleet whose commitments are paid upfront, from little cash."""
    i, dice = random_fleet(seed), random.Random(seed)
    offers = {
        o: replace(offer, upfront_usd=round(dice.uniform(5, 30), 1), capital_usd_month=round(dice.uniform(0, 2), 1))
        if offer.billing == "always" and offer.existing is None
        else offer
        for o, offer in i.offers.items()
    }
    return replace(i, offers=offers, max_upfront_usd=round(dice.uniform(10, 90), 1), budget_usd_month=None)


def priced(i: FleetInputs, moved: frozenset[str], factor: float, held_at: float) -> FleetInputs:
    """The fleet with prices times a factor; what is paid upfront as at another."""
    offers = {
        o: replace(
            offer,
            usd_h=offer.usd_h * factor,
            capital_usd_month=offer.capital_usd_month * factor,
            upfront_usd=offer.upfront_usd * held_at,
        )
        if o in moved and offer.existing is None
        else offer
        for o, offer in i.offers.items()
    }
    return replace(
        i, offers=offers, api_usd_h={(k, a): p * (factor if a in moved else 1.0) for (k, a), p in i.api_usd_h.items()}
    )


def line_of(i: FleetInputs, plan: Solution, moved: frozenset[str]) -> Line:
    """What a plan costs at any factor, counted from its machines at factor 1."""
    usd: dict[str, float] = {}
    for o, n in plan.always.items():
        if n and i.offers[o].existing is None:
            usd[o] = n * (i.offers[o].usd_h * i.month_h + i.offers[o].capital_usd_month)
    for run in plan.runs:
        hours = i.block_h[run.block] * run.week_h / i.block_week_h[run.block]
        for o, n in run.hourly.items():
            usd[o] = usd.get(o, 0.0) + n * i.offers[o].usd_h * hours
        for (k, a), x in run.api.items():
            usd[a] = usd.get(a, 0.0) + x * i.api_usd_h[k, a] * hours
    upfront = sum(n * i.offers[o].upfront_usd for o, n in plan.always.items() if o in moved)
    fixed = sum(n * i.offers[o].upfront_usd for o, n in plan.always.items() if o not in moved and usd.get(o))
    until = (i.max_upfront_usd - fixed) / upfront if upfront and i.max_upfront_usd is not None else math.inf
    return Line(
        fixed_usd_month=0.0,
        moved_usd_month=sum(x for o, x in usd.items() if o in moved),
        buys={o: Bought(None, x) for o, x in usd.items()},
        until=until,
    )


def of_fleet(i: FleetInputs, moved: frozenset[str]) -> tuple[list[Stretch], list[Flip], int]:
    """Stretches, flips and the number of solves of a fleet."""
    solves = 0
    free = replace(i, budget_usd_month=None)

    def ask(factor: float, held_at: float) -> Probe:
        nonlocal solves
        solves += 1
        plan = search(priced(free, moved, factor, held_at), EXACT)
        if plan.usd_month is None:
            return Probe(factor=factor, line=None, bound_usd_month=math.inf)
        line = line_of(i, plan, moved)
        line = replace(line, fixed_usd_month=plan.usd_month - line.moved_usd_month * factor)
        return Probe(factor=factor, line=line, bound_usd_month=plan.bound_usd_month)

    sections = march(ask, LOW, HIGH, 0.0)
    stretches, flips = tell(sections, 0.0)
    if i.budget_usd_month is not None:
        stretches, flips = within_budget(stretches, flips, sections, i.budget_usd_month)
    return stretches, flips, solves


def told_usd(stretches: Iterable[Stretch], factor: float) -> float | None:
    """What is told for a factor [USD/month]; None: no plan."""
    lines = next(s.lines for s in stretches if s.low <= factor <= s.high)
    return min((line.at(factor) for line in lines if line.until >= factor), default=None)


def check_fleet(seed: int, grid: int) -> tuple[int, bool]:
    """Told costs against everything tried on a grid and beside each flip; how many flips, and whether a rule bites."""
    i, dice = with_cash(seed) if seed % 3 == 0 else random_fleet(seed), random.Random(seed)
    names = sorted({o for o, offer in i.offers.items() if offer.existing is None} | {a for _, a in i.api_usd_h})
    moved = frozenset(name for name in names if dice.random() < 0.5) or frozenset(names[:1])
    stretches, flips, solves = of_fleet(i, moved)

    def tried(factor: float) -> float | None:
        return BruteForce(priced(i, moved, factor, factor)).cheapest()

    for place in range(grid):
        factor = LOW + (HIGH - LOW) * (place + 0.37) / grid
        expected, told = tried(factor), told_usd(stretches, factor)
        assert (told is None) == (expected is None), (seed, factor)
        assert told is None or told == pytest.approx(expected, rel=AGREE, abs=AGREE), (seed, factor)
    # none is invented: on each side its own plan is best, and the other is dearer or not allowed
    for flip in flips:
        for factor, mine, other in (
            (flip.low * (1 - 2e-4), flip.before, flip.after),
            (flip.high * (1 + 2e-4), flip.after, flip.before),
        ):
            stretch = next((s for s in stretches if s.low <= factor <= s.high), None)
            if stretch is None or mine is None or mine not in stretch.lines:
                continue
            assert mine.at(factor) == pytest.approx(tried(factor), rel=AGREE, abs=AGREE), (seed, factor)
            assert other is None or other.until < factor or other.at(factor) >= mine.at(factor) * (1 - 1e-9)
    lines = sum(len(stretch.lines) for stretch in stretches)
    concave = i.budget_usd_month is None and i.max_upfront_usd is None
    assert not concave or solves <= 2 * (lines - 1) + 3, seed
    return len(flips), any(flip.threshold_usd_month is None for flip in flips)


def test_breakpoints_are_those_of_everything_tried_on_a_grid():
    found = [check_fleet(seed, grid=7) for seed in range(40)]
    assert sum(flips for flips, _ in found) > 15 and sum(rows for _, rows in found) > 3


@pytest.mark.long
def test_breakpoints_of_many_fleets_are_those_of_a_dense_grid():
    found = [check_fleet(seed, grid=60) for seed in range(40, 240)]
    assert sum(flips for flips, _ in found) > 75 and sum(rows for _, rows in found) > 20
