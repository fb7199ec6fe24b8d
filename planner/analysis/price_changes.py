"""Where a problem's best plan changes as a price goes from one factor to another.

Decides how that is found (`planner.analysis.breakpoints`, or `planner.analysis.bisection` where a spend commitment's
rates move) and reads off each plan what it costs at any factor.  Nothing here solves: the verb is handed in.

A budget is on the very sum that is minimized: it changes no plan, it only ends them.  So it is left out of the solves
and the costs are cut off where they reach it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeVar

from planner.analysis.axes import Axis
from planner.analysis.bisection import bisect, tell_bisected, told_at
from planner.analysis.breakpoints import SAME, Bought, Flip, Line, Probe, Section, Stretch, march, tell, told_lines
from planner.analysis.levers import check_axes
from planner.analysis.scaled import named, scaled
from planner.analysis.sweep import Solve
from planner.catalog.load import Catalog
from planner.catalog.rows import TERM_MONTHS, PriceOffer
from planner.errors import Complaint, InputError, NoCandidate
from planner.market import allowed_terms, offers_of
from planner.plan import Plan, Purchase
from planner.problem.places import ProblemFile
from planner.problem.procurement import Quote
from planner.problem.schema import Problem

Method = Literal["concave", "concave by sections", "bisection"]
Progress = Callable[[str], None]
Rented = TypeVar("Rented", PriceOffer, Quote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakpoints:
    """What wins where between two factors on a price, and where that changes."""

    problem: str
    keys: tuple[str, ...]  # moved together
    low: float
    high: float
    method: Method
    stretches: tuple[Stretch, ...]
    flips: tuple[Flip, ...]
    solves: int
    gap_asked: float
    gap_proved: float | None  # of what is told, the largest at any factor (bisection: at any solved); None: unknown

    def proved(self) -> bool:
        """Whether what is told is proved within the gap asked for."""
        return self.gap_proved is not None and self.gap_proved <= self.gap_asked + SAME


def check(problem: Problem, catalog: Catalog, over: Sequence[str], low: float, high: float) -> tuple[str, ...]:
    """The prices to move, in the catalog's spelling.  Raises `InputError` for what names no price, or no range."""
    if not 0 < low < high <= 1e6:
        what = f"{low:g} to {high:g} is no range.  Factors multiply a price (1: as it is); give 0 < from < to."
        raise InputError([Complaint("--from, --to", what)])
    if problem.spread.max_provider_spend_share < 1:
        what = "makes what is allowed move with prices, up and down, so that nothing is known between two of them."
        raise InputError([Complaint("spread.max_provider_spend_share", what + "  Leave it out, or take `plan sweep`.")])
    if loads := [key for key in over if key.split(".")[0] == "traffic"]:
        raise InputError(
            [Complaint(f"--over {key}", "is a load, not a price.  `plan sweep` varies it.") for key in loads]
        )
    if twice := [key for place, key in enumerate(over) if key in over[:place]]:
        raise InputError([Complaint(f"--over {key}", "stands there twice.  Keep it once.") for key in twice])
    return tuple(
        axis.key for axis in check_axes(problem, catalog, [Axis(key, (1.0,)) for key in over], prices_only=True)
    )


def find_breakpoints(
    problem_file: ProblemFile,
    catalog: Catalog,
    keys: tuple[str, ...],
    low: float,
    high: float,
    gap: float,
    solve: Solve,
    progress: Progress,
) -> Breakpoints:
    """Where the plan changes as all prices that `keys` name are multiplied by one factor from `low` to `high`.

    Raises `NoCandidate` where there is no plan at any factor.
    """
    problem = problem_file.problem
    method = method_for(problem, catalog, keys)
    free = problem if method == "bisection" else problem.model_copy(update={"budget": None})
    solves, why = 0, ""

    def ask(factor: float, held_at: float) -> Probe:
        nonlocal solves, why
        solves += 1
        progress(f"solve {solves}: {' and '.join(keys)} x {factor:.4g}")
        changed, priced = scaled(free, catalog, dict.fromkeys(keys, factor), together=True)
        if method == "concave by sections":
            changed, priced = with_upfront_held(changed, priced, keys, held_at / factor)
        try:
            plan = solve(replace(problem_file, problem=changed), priced)
        except NoCandidate as error:
            why = str(error)
            return Probe(factor=factor, line=None, bound_usd_month=math.inf)
        bound = -math.inf if plan.bound_usd_month is None else plan.bound_usd_month
        if plan.usd_month is None:
            why = "; ".join(plan.in_the_way) or "none was found in the time given"
            bound = math.inf if plan.status == "infeasible" else bound
            return Probe(factor=factor, line=None, bound_usd_month=bound)
        held = held_at if method == "concave by sections" else math.inf
        return Probe(factor=factor, line=line_of(plan, problem, keys, factor, held), bound_usd_month=bound)

    if method == "bisection":
        probes = bisect(lambda factor: ask(factor, factor), low, high, gap)
        stretches, flips = tell_bisected(probes, gap)
        proved = [
            (line.at(probe.factor) - probe.bound_usd_month) / line.at(probe.factor)
            for probe, line in zip(probes, told_at(probes, gap), strict=True)
            if line
        ]
    else:
        sections = march(ask, low, high, gap)
        stretches, flips = tell(sections, gap)
        if problem.budget is not None:
            stretches, flips = within_budget(stretches, flips, sections, problem.budget.usd_month)
        proved = [
            section.excess(corner, lines)
            for section in sections
            if section.lines() and (lines := told_lines(section, gap))
            for corner in section.corners(lines)
        ]
    if not any(stretch.lines for stretch in stretches):
        if not why and problem.budget is not None:
            why = f"the cheapest costs more than the budget of {problem.budget.usd_month:,.0f} USD a month"
        raise NoCandidate(f"No plan at any factor from {low:g} to {high:g} on {' and '.join(keys)}: {why}.")
    worst = max((0.0, *proved))
    return Breakpoints(
        problem=problem.name,
        keys=keys,
        low=low,
        high=high,
        method=method,
        stretches=tuple(stretches),
        flips=tuple(flips),
        solves=solves,
        gap_asked=gap,
        gap_proved=worst if math.isfinite(worst) else None,
    )


def method_for(problem: Problem, catalog: Catalog, keys: Sequence[str]) -> Method:
    """How breakpoints are found: the least cost is concave unless a rule of the problem counts prices that move.

    A spend commitment's rates say how much it pays for; a limit on cash counts what is paid upfront.  The rates of one
    already signed never exceed on-demand prices, so they move with these too.
    """
    terms = allowed_terms(problem)
    moved = [row for row, _ in offers_of(problem, catalog) if row.term in terms and moves(row, keys)]
    signed = {each.provider for each in problem.procurement.existing_spend}
    if any(row.term == "on-demand" and row.provider in signed for row in moved):
        return "bisection"
    for quote in problem.procurement.spend_quotes:
        covered = [row for row in moved if row.term == "on-demand" and row.provider == quote.provider]
        rates_move = any(named((row.gpu, row.provider), keys) for row in covered)
        if quote.term in terms and (rates_move or named((quote.term,), keys)):
            return "bisection"
    if problem.procurement.max_upfront_usd is not None and any(row.upfront_share for row in moved):
        return "concave by sections"
    return "concave"


def moves(row: PriceOffer | Quote | Purchase, keys: Sequence[str]) -> bool:
    """Whether a factor on these keys reaches the price of a machine."""
    return bool(named((row.gpu, row.provider, row.term), keys))


def with_upfront_held(problem: Problem, catalog: Catalog, keys: Sequence[str], share: float) -> tuple[Problem, Catalog]:
    """The same costs, but of what is paid upfront on the prices that move only this share counts as paid upfront.

    Interest on the rest, p r f (1 - s) with r = 730 y (n + 1) / 24 / T, is put on the hourly price p, which is taxed
    where interest is not: f is the share paid upfront of a term of n months, s the share held, y the yearly cost of
    capital, T the hours of a month.
    """
    procurement = problem.procurement
    yearly = procurement.cost_of_capital_year / (1 + problem.overheads.tax_share)

    def held(row: Rented) -> Rented:
        if not row.upfront_share or not moves(row, keys):
            return row
        rate = 730 * yearly * (TERM_MONTHS[row.term] + 1) / 24 / problem.month_hours
        usd_h = row.usd_h * (1 + rate * row.upfront_share * (1 - share))
        upfront_share = row.upfront_share * share * row.usd_h / usd_h
        return row.model_copy(update={"usd_h": usd_h, "upfront_share": upfront_share})

    quotes = procurement.model_copy(update={"quotes": [held(quote) for quote in procurement.quotes]})
    return (
        problem.model_copy(update={"procurement": quotes}),
        replace(catalog, offers=tuple(held(row) for row in catalog.offers)),
    )


def line_of(plan: Plan, problem: Problem, keys: Sequence[str], factor: float, held_at: float) -> Line:
    """What a plan found at a factor costs at every factor, and up to which its payments upfront are allowed.

    `held_at` is the factor at whose prices these were counted; inf: no limit on them moves.
    """
    moved = upfront = fixed_upfront = 0.0
    taxed = 1 + problem.overheads.tax_share
    for each in plan.purchases:
        if each.existing:
            continue
        if each.term == "bought" or not moves(each, keys):
            fixed_upfront += each.upfront_usd
        else:
            upfront += each.upfront_usd
            moved += outlay(each, problem)
    moved += taxed * sum(api.usd_month for api in plan.apis if named(("api", f"api.{api.provider}"), keys))
    fixed_upfront += sum(spend.upfront_usd for spend in plan.spends)
    limit = problem.procurement.max_upfront_usd
    until = math.inf
    if limit is not None and upfront and held_at < math.inf:
        until = held_at * (limit - fixed_upfront) / upfront
    steps = [quote.step_usd_h for quote in problem.procurement.spend_quotes]
    return Line(
        fixed_usd_month=(plan.usd_month or 0.0) - moved,
        moved_usd_month=moved / factor,
        buys=bought(plan),
        since=factor if plan.spends and None in steps else 0.0,
        until=until,
    )


def outlay(each: Purchase, problem: Problem) -> float:
    """What a purchase costs with start-up time, tax and interest [USD/month]."""
    taxed = 1 + problem.overheads.tax_share
    return taxed * (each.usd_month + each.starts_usd_month) + interest(each, problem.procurement.cost_of_capital_year)


def interest(each: Purchase, yearly: float) -> float:
    """On what is paid upfront, written off evenly over the term [USD/month]."""
    months = TERM_MONTHS.get(each.term, 0)
    return each.upfront_usd * yearly / 12 * (months + 1) / (2 * months) if months else 0.0


def bought(plan: Plan) -> dict[str, Bought]:
    """What a plan buys, as "provider machine term" or "provider API".  What is paid for already is in every plan."""
    out: dict[str, Bought] = {}
    for each in plan.purchases:
        if not each.existing:
            upfront = " paid upfront" if each.upfront_usd and each.term != "bought" else ""
            label = f"{each.provider} {each.machine} {each.term}{upfront}"
            before = out.get(label, Bought(0, 0.0))
            out[label] = Bought((before.machines or 0) + each.count, before.usd_month + each.usd_month)
    made = [spend for spend in plan.spends if not spend.existing]
    sums = [(f"{spend.provider} spend commitment {spend.term}", spend.usd_month) for spend in made]
    sums += [(f"{api.provider} API", api.usd_month) for api in plan.apis]
    for label, usd_month in sums:
        out[label] = Bought(None, usd_month + (out[label].usd_month if label in out else 0.0))
    return out


def within_budget(
    stretches: Sequence[Stretch], flips: Sequence[Flip], sections: Sequence[Section], budget_usd: float
) -> tuple[list[Stretch], list[Flip]]:
    """What is told, cut off where it costs more than the budget.

    Costs never fall as prices rise.  From the end of the last flip's interval on, it is proved that no plan keeps it.
    """
    last, none_from = kept_until(stretches, budget_usd), proved_over(sections, budget_usd)
    low, high = stretches[0].low, stretches[-1].high
    if last >= high or not stretches[0].lines:
        return list(stretches), list(flips)
    kept = [stretch for stretch in stretches if stretch.low < last]
    before = None
    if kept:
        lines = kept[-1].lines
        before = min(lines, key=lambda line: line.at(last))
        kept[-1] = replace(kept[-1], high=last, usd_month_high=before.at(last))
    without = Stretch(low=max(low, last), high=high, lines=(), usd_month_low=None, usd_month_high=None)
    over = Flip(at=last, low=last, high=max(last, min(none_from, high)), before=before, after=None)
    return [*kept, without], [flip for flip in flips if flip.at < last] + ([over] if kept else [])


def kept_until(stretches: Sequence[Stretch], budget_usd: float) -> float:
    """The largest factor up to which what is told costs no more than the budget; inf: all of it does."""
    for stretch in stretches:
        if stretch.usd_month_high is not None and stretch.usd_month_high > budget_usd:
            reached = [
                min(line.until, (budget_usd - line.fixed_usd_month) / line.moved_usd_month)
                for line in stretch.lines
                if line.moved_usd_month > 0
            ]
            return max(stretch.low, max(reached, default=stretch.low))
    return math.inf


def proved_over(sections: Sequence[Section], budget_usd: float) -> float:
    """The smallest factor from which on every plan is proved to cost more than the budget; inf: there is none."""
    for section in sections:
        inside = {probe.factor for probe in section.probes if section.low < probe.factor < section.high}
        floors = [(factor, section.floor(factor)) for factor in sorted(inside | {section.low, section.high})]
        if floors[0][1] > budget_usd:
            return section.low
        for (left, less), (right, more) in pairwise(floors):
            if more > budget_usd:
                return left + (right - left) * (budget_usd - less) / (more - less) if less > -math.inf else right
    return math.inf
