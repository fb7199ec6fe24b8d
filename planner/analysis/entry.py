"""The price at which a thing enters the best mix, or leaves it: by solving again, with what is proved of it.

All prices of the thing are multiplied by t; V(t) is the least cost, U the least cost without the thing, which does not
move.  A plan with it costs a + b t, b being what it spends on the thing at t = 1, so

    V(t) = min( U, min a + b t )        t* = max (U - a) / b over the plans that buy it

Below t* it is in every best mix, above in none.  V is concave and never falls; so from a price at which the thing is
bought, leap to where that plan costs U, solve there, and leap again with the plan found, until none is better: Newton's
method for ratios (W. Dinkelbach, Management Science 13, 1967), which ends at t* itself.

With a gap, U is known up to U >= V' >= L, and every solve proves V(s) >= C(s).  Then

    t <= max (L - a) / b                a plan with it is cheaper than any without: it is in every best mix
    t >= min s + (U - C(s)) / m         no plan that spends at least m on it (at t = 1) costs less than U

with m half of what the plan told spends on it.  What spends less than m hardly matters: nothing is said of it.

Where a rule counts prices that move (cash paid upfront, promises of spend), plans found at one price may be forbidden
at another: t is then halved between where the thing is bought and where it is not, and nothing is proved beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from planner.analysis.breakpoints import SAME, Line, Probe
from planner.analysis.held import Case
from planner.analysis.price_changes import bought, outlay
from planner.analysis.scaled import Lever
from planner.analysis.walkaway import without_any
from planner.catalog.load import Catalog
from planner.errors import NoCandidate
from planner.market import allowed_terms, offers_of
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.reduce import Reduced, reduce_problem

ALMOST_FREE = 1e-3
"""What is not bought at this share of its price is never bought."""
DOWN_TO = (0.5, 0.1, ALMOST_FREE)
"""Shares of a price at which a thing is tried one after the other; the less it costs, the longer a solve takes."""
HALVED_TO = 1e-3
"""How near two factors come by halving, as a share."""
LEAPS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Up to which factor on its prices a thing is bought; below 1: it is not bought as things are."""

    at: float  # a plan with it is known that costs no more than the best known without; 0: never, inf: at any price
    sure: float  # up to here it is in every best mix
    beyond: float | None  # from here on in none that spends `threshold_usd_month` on it; None: not known
    threshold_usd_month: float  # m
    usd_month_without: float  # U; inf: there is no plan without it
    found_at: float | None  # factor of the solve that found the plan told; None: none
    solves: int = 0


def find_entry(
    ask: Callable[[float], Probe],
    begin: Probe,
    without_usd: float,
    without_bound_usd: float,
    most: float,
    concave: bool,
) -> Entry:
    """The largest factor, at most `most`, at which a thing is bought, looked for upwards from a probe."""
    if math.isinf(without_usd):
        sure = without_bound_usd if buys(begin.line) else 0.0
        return told(math.inf if buys(begin.line) else 0.0, max(begin.factor, sure), None, math.inf)
    probes, usd = leap(ask, begin, without_usd, most, concave)
    best = max(probes, key=lambda p: to_reach(p.line, usd))
    line = best.line
    if line is None or not to_reach(line, usd):
        return told(0.0, 0.0, begin.factor, usd)
    if not concave:
        probes = halve(ask, probes, usd)
        best = max((p for p in probes if cheaper(p, usd)), key=lambda p: p.factor, default=best)
        at = best.factor if cheaper(best, usd) else 0.0
        sure = max((p.factor for p in probes if cheaper(p, without_bound_usd)), default=0.0)
        return told(at, sure, None, usd, found_at=best.factor)
    at = min(most, to_reach(line, usd))
    sure = max(to_reach(p.line, min(without_bound_usd, usd)) for p in probes)
    threshold = line.moved_usd_month / 2
    beyond = min(p.factor + max(0.0, usd - p.bound_usd_month) / threshold for p in probes)
    return told(at, min(at, sure), max(at, beyond), usd, threshold, best.factor)


def told(
    at: float,
    sure: float,
    beyond: float | None,
    usd: float,
    threshold: float = 0.0,
    found_at: float | None = None,
) -> Entry:
    """What is found."""
    return Entry(
        at=at,
        sure=sure,
        beyond=beyond,
        threshold_usd_month=threshold,
        usd_month_without=usd,
        found_at=found_at,
    )


def leap(
    ask: Callable[[float], Probe], begin: Probe, without_usd: float, most: float, concave: bool
) -> tuple[list[Probe], float]:
    """Newton's leaps from a probe upwards, and the least known cost without the thing [USD/month].

    Ends at the first probe from which no plan leads further, or that a rule forbids.
    """
    probes, usd = [begin], without_usd
    while len(probes) <= LEAPS:
        usd = min([usd, *(p.line.fixed_usd_month for p in probes if p.line and not buys(p.line))])
        reached = max(to_reach(p.line, usd) for p in probes)
        last = probes[-1]
        if reached <= last.factor * (1 + SAME) or last.factor >= most or not (concave or cheaper(last, usd)):
            break
        probes.append(ask(min(reached, most)))
    return probes, usd


def halve(ask: Callable[[float], Probe], probes: Sequence[Probe], usd: float) -> list[Probe]:
    """The probes, and more between the dearest at which the thing is bought and the next at which it is not."""
    out = list(probes)
    low = max((p.factor for p in probes if cheaper(p, usd)), default=0.0)
    high = min((p.factor for p in probes if p.factor > low), default=low)
    while low and high > low * (1 + HALVED_TO):
        out.append(ask((low + high) / 2))
        if cheaper(out[-1], usd):
            low = out[-1].factor
        else:
            high = out[-1].factor
    return out


def buys(line: Line | None) -> bool:
    """Whether a plan spends anything on the thing."""
    return line is not None and line.moved_usd_month > SAME * max(1.0, abs(line.fixed_usd_month)) * 1e-3


def cheaper(probe: Probe, usd: float) -> bool:
    """Whether a solve found a plan with the thing that costs less."""
    return probe.line is not None and buys(probe.line) and probe.line.at(probe.factor) < usd


def to_reach(line: Line | None, usd: float) -> float:
    """The factor at which a plan with the thing costs so much; 0: it has none of it, or is dearer at any price."""
    if line is None or not buys(line) or line.fixed_usd_month >= usd:
        return 0.0
    return (usd - line.fixed_usd_month) / line.moved_usd_month


# --- of a problem ---------------------------------------------------------------------------------------------------


def entry_of(
    case: Case, base: Plan, key: str, lever: Lever, down_to: Sequence[float] = DOWN_TO
) -> tuple[Entry, Plan | None]:
    """Where what `key` prices enters the best mix, or leaves it, and the plan with it that is best there.

    `base` is the best plan as things are.  What is not bought yet is looked for upwards from the first of the factors
    `down_to` at which it is.
    """
    file, _ = case.at({})
    plans: dict[float, Plan] = {1.0: base}
    begin = probe_of(base, lever, file.problem, 1.0)
    in_plan, asked = buys(begin.line), 0

    def ask(factor: float) -> Probe:
        nonlocal asked
        if not in_plan and not worth_a_look(case, key, lever, factor):
            return replace(begin, factor=factor)
        asked += 1
        status, plan = case.best({key: factor})
        if plan is None or plan.usd_month is None:
            return Probe(factor=factor, line=None, bound_usd_month=math.inf if status == "infeasible" else -math.inf)
        plans[factor] = plan
        return probe_of(plan, lever, file.problem, factor)

    concave = is_concave(file.problem, case.catalog, lever)
    if in_plan:
        usd, bound = without(case, lever)
        found = find_entry(ask, begin, usd, bound, math.inf, concave)
        asked += 1
    else:
        for factor in down_to:
            found = find_entry(ask, ask(factor), base.usd_month or 0.0, begin.bound_usd_month, 1.0, concave)
            if found.at:
                break
    return replace(found, solves=asked), None if found.found_at is None else plans[found.found_at]


def worth_a_look(case: Case, key: str, lever: Lever, factor: float) -> bool:
    """Whether anything with this price is still among what may be in a best plan, at a factor on it."""
    file, priced = case.at({key: factor})
    return bool(left_over(reduce_problem(file.problem, file.folder, priced, case.today), lever))


def left_over(reduced: Reduced, lever: Lever) -> int:
    """Offers or token prices that a lever reaches and that nothing outdoes."""
    if lever.kind == "tokens":
        rows = {id(row): row for by_class in reduced.apis.values() for row in by_class.values()}
        return sum(lever.reaches(row) for row in rows.values())
    lots = [lot.row for lot in reduced.lots.values() if is_bought(lot.existing is not None, lot.row.term)]
    return sum(lever.reaches(row) for row in lots)


def probe_of(plan: Plan, lever: Lever, problem: Problem, factor: float) -> Probe:
    """What a plan found at a factor on a lever costs at every factor, and what was proved there."""
    moved = spent(plan, lever, problem)
    line = Line(fixed_usd_month=(plan.usd_month or 0.0) - moved, moved_usd_month=moved / factor, buys=bought(plan))
    bound = -math.inf if plan.bound_usd_month is None else plan.bound_usd_month
    return Probe(factor=factor, line=line, bound_usd_month=bound)


def spent(plan: Plan, lever: Lever, problem: Problem) -> float:
    """What a plan spends on what a lever reaches, with tax and interest [USD/month]."""
    if lever.kind == "tokens":
        taxed = 1 + problem.overheads.tax_share
        return taxed * sum(api.usd_month for api in plan.apis if lever.reaches(api))
    return sum(outlay(p, problem) for p in plan.purchases if is_bought(p.existing, p.term) and lever.reaches(p))


def is_bought(existing: bool, term: str) -> bool:
    """Whether a purchase is decided at a price that moves."""
    return not existing and term != "bought"


def without(case: Case, lever: Lever) -> tuple[float, float]:
    """What the best plan costs where a thing is not for sale, and what is proved of it [USD/month]; inf: none."""
    file, priced = case.at({})
    try:
        plan = case.solve(*without_any(file, priced, lever.reaches, lever.kind))
    except NoCandidate:
        return math.inf, math.inf
    if plan.usd_month is None:
        return math.inf, math.inf if plan.status == "infeasible" else -math.inf
    return plan.usd_month, -math.inf if plan.bound_usd_month is None else plan.bound_usd_month


def is_concave(problem: Problem, catalog: Catalog, lever: Lever) -> bool:
    """Whether no rule of the problem counts prices that a lever moves: cash upfront, promises and shares of spend."""
    if problem.spread.max_provider_spend_share < 1:
        return False
    if lever.kind == "tokens":
        return True
    terms, buying = allowed_terms(problem), problem.procurement
    moved = [row for row, _ in offers_of(problem, catalog) if row.term in terms and lever.reaches(row)]
    promised = {each.provider for each in buying.spend_quotes} | {each.provider for each in buying.existing_spend}
    counted = any(row.term == "on-demand" and row.provider in promised for row in moved)
    counted = counted or any(set(lever.names) <= {q.term, q.provider} for q in buying.spend_quotes)
    return not counted and (buying.max_upfront_usd is None or not any(row.upfront_share for row in moved))
