"""From which volume on, and at which prices, machines of one's own beat APIs: exactly, up to the gap of a solve.

The API costs a for each unit of volume.  The least cost of a fleet, C(s), never falls with the volume s.  So where
C(s) > a s, the API also wins at every volume from s up to C(s) / a: the search leaps there, and the first volume at
which it comes to rest is the first at which a fleet is no dearer (the least fixed point of a monotone map: A. Tarski,
Pacific Journal of Mathematics 5, 1955).  With the proved bound of a solve in place of its cost no volume is skipped;
with the cost itself, a fleet is known to win.  Beyond that volume the API may win again where one machine more is
needed.

As machine prices fall, C is concave and piecewise linear in their common factor, so the same leap by the plan's own
line (Newton's method; M. Eisner and D. Severance, Journal of the ACM 23, 1976) ends at the factor at which both cost
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from planner.analysis.scaled import scaled
from planner.analysis.sweep import Solve
from planner.apis import api_prices, usd_request
from planner.catalog.load import Catalog
from planner.catalog.rows import RentTerm
from planner.drops import Drops
from planner.errors import NoCandidate
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.schema import Overheads, Problem
from planner.problem.workload import Traffic
from planner.traffic.types import Load
from planner.variants import may_do_all, sold_as

LEAST_SCALE, MOST_SCALE = 1e-3, 1e5
"""No smaller and no larger multiple of the problem's volume is looked at."""

LEAPS = 60
SAME = 1e-4
"""Volumes and factors nearer to each other than this share are one."""

TERMS: tuple[str, ...] = get_args(RentTerm)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The first volume at which a fleet is no dearer than the APIs, as multiples of the problem's own."""

    low: float  # proved: below it the APIs are cheaper
    high: float | None  # a fleet is known that is no dearer here; None: none was found
    plan: Plan | None  # that fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """The break-even with something left out that rules of thumb leave out too; each beside those before it."""

    without: str
    volume: Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakeven:
    """Where self-hosting begins to win."""

    api_usd_month: float  # for all of the problem's own volume
    input_mtok_month: float
    output_mtok_month: float
    own: Plan  # the cheapest fleet for the problem's own volume
    volume: Volume
    api_factor: float  # with API prices times this the fleet costs the same at the problem's own volume
    machine_factor: float | None  # with rents times this; None: not even free machines would do
    levers: tuple[Lever, ...]
    solves: int


def breakeven(problem_file: ProblemFile, load: Load, catalog: Catalog, solve: Solve, progress: Progress) -> Breakeven:
    """The break-even of a problem; `load` is its own traffic, `solve` the verb.

    Raises `NoCandidate` where something is sold by no API, or can be served by no machine.
    """
    problem = problem_file.problem
    api_usd, input_mtok, output_mtok = api_only(problem, load, catalog)
    solves = 0

    def fleet(of: Problem, factors: dict[str, float]) -> Plan:
        nonlocal solves
        solves += 1
        progress(f"solving fleet {solves}")
        changed, priced = scaled(of, catalog, factors)
        plan = solve(replace(problem_file, problem=changed), priced)
        if plan.usd_month_decided is None:
            why = "; ".join(plan.in_the_way) or "none was found in the time given"
            raise NoCandidate(f"No fleet serves {factors.get('traffic', 1):.4g} x the problem's volume: {why}.")
        return plan

    hosting = problem.model_copy(update={"apis": problem.apis.model_copy(update={"allow": False})})
    own = fleet(hosting, {})
    volume = first_volume(lambda scale: fleet(hosting, {"traffic": scale}), api_usd)
    levers: list[Lever] = []
    bare = hosting
    for words, strip in LEVERS:
        less = strip(bare, load)
        if less != bare:
            bare = less
            found = first_volume(lambda scale, of=less: fleet(of, {"traffic": scale}), api_usd)  # type: ignore[misc]
            before = levers[-1].volume if levers else volume
            if not as_much(before.high, found.high):
                levers.append(Lever(without=words, volume=found))
    return Breakeven(
        api_usd_month=api_usd,
        input_mtok_month=input_mtok,
        output_mtok_month=output_mtok,
        own=own,
        volume=volume,
        api_factor=decided(own) / api_usd,
        machine_factor=machine_factor(
            lambda f: fleet(hosting, {f"price.{t}": f for t in TERMS}), own, api_usd, problem.overheads.tax_share
        ),
        levers=tuple(levers),
        solves=solves,
    )


def as_much(one: float | None, other: float | None) -> bool:
    """Whether two volumes are one; None is never."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME * one


def api_only(problem: Problem, load: Load, catalog: Catalog) -> tuple[float, float, float]:
    """All of the traffic bought from the cheapest APIs, with tax [USD/month], and its input and output [Mtok/month].

    A rate limit is left out: it says how fast one may buy, not what it costs.  Only models count that may do all of a
    workload, and no provider sells more than its share where that is limited.
    """
    free = problem.model_copy(update={"apis": problem.apis.model_copy(update={"max_req_s": None})})
    drops = Drops()
    apis = api_prices(free, load, catalog, drops)
    hours = {block.label: block.month_h for block in load.blocks}
    usd = inputs = outputs = 0.0
    unsold = []
    for k in load.classes:
        requests = sum(rate * 3600 * hours[b] for (label, b), rate in load.mean_req_s.items() if label == k.label)
        deferred = [w.requests_month[k.label] for w in load.windows if k.label in w.requests_month]
        requests += sum(deferred)
        size = k.request
        workload = problem.workloads[k.workload]
        sold = sold_as(workload, catalog)
        prices: dict[str, float] = {}  # by provider, of models that may do all of it
        for rows in apis.values():
            if (row := rows.get(k.label)) is not None and may_do_all(workload, sold[row.model]):
                price = usd_request(row, size, batch=bool(deferred))
                prices[row.provider] = min(price, prices.get(row.provider, price))
        each = 1.0 if deferred else problem.spread.max_provider_traffic_share
        shares = [max(0.0, min(each, 1 - n * each)) for n in range(len(prices))]
        if sum(shares) < 1 - 1e-9:
            unsold.append(k.label)
            continue
        usd += requests * sum(share * price for share, price in zip(shares, sorted(prices.values()), strict=True))
        inputs += requests * size.input_tok / 1e6
        outputs += requests * size.output_tok / 1e6
    if unsold:
        reasons = [f"  {count:>5}  {reason}" for reason, count in sorted(drops.count.items(), key=lambda one: -one[1])]
        lines = [f"There is nothing to compare with: no API may serve {', '.join(unsold)}.", *reasons]
        raise NoCandidate("\n".join(lines))
    return usd * (1 + problem.overheads.tax_share), inputs, outputs


def first_volume(fleet: Callable[[float], Plan], api_usd: float) -> Volume:
    """The first multiple of the volume at which a fleet costs no more than `api_usd` for each.

    From below by the proved bound, so that no volume is skipped; from there up by the plan's own cost.
    """
    low, plan = LEAST_SCALE, None
    for _ in range(LEAPS):
        plan = fleet(low)
        leap = max(bound_of(plan) / api_usd, low)
        if leap <= low * (1 + SAME) or leap > MOST_SCALE:
            low = leap
            break
        low = leap
    high = low
    for _ in range(LEAPS):
        if high > MOST_SCALE:
            return Volume(low=min(low, MOST_SCALE), high=None, plan=None)
        plan = fleet(high)
        needed = decided(plan) / api_usd
        if needed <= high * (1 + SAME):
            return Volume(low=low, high=high, plan=plan)
        high = needed
    return Volume(low=low, high=None, plan=None)


def machine_factor(fleet: Callable[[float], Plan], own: Plan, api_usd: float, tax_share: float) -> float | None:
    """The factor on all rents at which the cheapest fleet costs as much as the APIs; None: there is none.

    Machines that are bought keep their price.
    """
    plan, factor = own, 1.0
    for _ in range(LEAPS):
        rented = [each for each in plan.purchases if not each.existing and each.term != "bought"]
        rent = sum(each.usd_month + each.starts_usd_month for each in rented)
        rent += sum(each.usd_month for each in plan.spends if not each.existing)
        rent *= 1 + tax_share
        rest = decided(plan) - rent
        if rest >= api_usd or not rent:
            return None
        wanted = factor * (api_usd - rest) / rent
        if abs(wanted - factor) <= SAME * factor:
            return wanted
        plan, factor = fleet(wanted), wanted
    return factor


def decided(plan: Plan) -> float:
    """What a plan costs beside what is paid for already [USD/month]."""
    return plan.usd_month_decided or 0.0


def bound_of(plan: Plan) -> float:
    """What is proved of that: nothing where the solver gave no bound."""
    existing = (plan.usd_month or 0.0) - decided(plan)
    return 0.0 if plan.bound_usd_month is None else plan.bound_usd_month - existing


def without_overheads(problem: Problem, _load: Load) -> Problem:
    """Nobody's hours, no storage, no fees; what is sent out still costs, and tax is due."""
    of = problem.overheads
    kept = Overheads(egress_kb_request=of.egress_kb_request, tax_share=of.tax_share)
    return problem.model_copy(update={"overheads": kept})


def without_spares(problem: Problem, _load: Load) -> Problem:
    """No machine stands by for one that fails."""
    return problem.model_copy(update={"resilience": problem.resilience.model_copy(update={"machine": False})})


def without_quiet_hours(problem: Problem, load: Load) -> Problem:
    """As many requests a month, the same in every second; work that may wait and traces stay as they are."""
    workloads = dict(problem.workloads)
    hours = {block.label: block.month_h for block in load.blocks}
    for name, workload in problem.workloads.items():
        if workload.deferrable is not None or workload.traffic.trace is not None:
            continue
        mine = {k.label for k in load.classes if k.workload == name}
        mean = sum(rate * hours[b] for (k, b), rate in load.mean_req_s.items() if k in mine) / sum(hours.values())
        t = workload.traffic
        flat = Traffic(
            mean_req_s=mean,
            burst_factor=1,
            input_tok=t.input_tok,
            output_tok=t.output_tok,
            lengths=t.lengths,
            classes=t.classes,
        )
        workloads[name] = workload.model_copy(update={"traffic": flat})
    return problem.model_copy(update={"workloads": workloads})


LEVERS: tuple[tuple[str, Callable[[Problem, Load], Problem]], ...] = (
    ("engineering, storage and fees", without_overheads),
    ("spare machines", without_spares),
    ("quiet hours and bursts", without_quiet_hours),
)
"""What rules of thumb leave out, in the order in which it is taken away here."""
