"""From the fleet that one would buy without planning down to the plan: what each freedom saves, one after the other.

The first fleet is of one GPU type, rented on demand all month for the busiest hour, each workload on the one deployment
that needs the fewest GPUs.  Then one freedom after the other is given back and the problem solved again, under all its
rules but the budget.  In another order a step may come out differently; the sum never does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from planner.explanation import Drivers, Step
from planner.formulation import assemble
from planner.inputs import FleetInputs
from planner.outputs.figures import things
from planner.plan import Plan
from planner.reduce import Reduced
from planner.search import search
from planner.solver import Settings, solve_model

Freedom = Literal["hours", "deployments", "GPU types", "commitments", "spot", "APIs"]
FREEDOMS: Mapping[Freedom, str] = {
    "hours": "machines run only while they are needed",
    "deployments": "several ways to run the models beside each other",
    "GPU types": "other GPU types, or several",
    "commitments": "commitments and monthly rentals",
    "spot": "spot machines",
    "APIs": "tokens from APIs",
}
"""In the order in which they are given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The problem with only some of its freedoms."""

    freedom: Freedom  # the one given back last
    inputs: FleetInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """The fleet to begin with."""

    gpu: str
    given: frozenset[Freedom]  # what it must have to serve everything under the rules
    usd_month: float  # decided costs
    machines: int
    tried: tuple[str, ...]

    @property
    def words(self) -> str:
        """What it is."""
        running = "several deployments" if "deployments" in self.given else "one deployment for each workload"
        return f"{things(self.machines, 'machine')} of {self.gpu} on demand all month, {running}"


BEGINNINGS: tuple[frozenset[Freedom], ...] = (frozenset(), frozenset({"deployments"}))
"""The least that a fleet to begin with may have; more where that does not serve everything under the rules."""


def naive(reduced: Reduced, settings: Settings) -> Naive | None:
    """The cheapest fleet of one GPU type, on demand all month; None where none serves everything under the rules."""
    found = (of_one_type(reduced, given, settings) for given in BEGINNINGS)
    return next((each for each in found if each is not None), None)


def of_one_type(reduced: Reduced, given: frozenset[Freedom], settings: Settings) -> Naive | None:
    """The same with some freedom given from the beginning.

    A type of which even the relaxed program costs more than a fleet that was found is not looked at further.
    """
    programs = {
        gpu: program
        for gpu in sorted({lot.row.gpu for lot in reduced.lots.values()})
        if (program := restricted(reduced, given, gpu)) is not None
    }
    least: dict[str, float] = {}
    for gpu, program in programs.items():
        answer = solve_model(assemble(program, operation="relaxed"), settings, relaxed=True)
        if answer.objective is not None:
            least[gpu] = answer.objective
    tried: list[str] = []
    best: tuple[float, str, int] | None = None
    for gpu in sorted(least, key=lambda gpu: (least[gpu], gpu)):
        if best is not None and least[gpu] >= best[0]:
            break
        found = search(programs[gpu], settings)
        if found.usd_month is None:
            continue
        tried.append(gpu)
        machines = sum(n for o, n in found.always.items() if not programs[gpu].offers[o].existing)
        best = min(best or (found.usd_month, gpu, machines), (found.usd_month, gpu, machines))
    if best is None:
        return None
    usd, gpu, machines = best
    return Naive(gpu=gpu, given=given, usd_month=usd, machines=machines, tried=tuple(tried))


def used(plan: Plan, first: Naive) -> frozenset[Freedom]:
    """The freedoms that a plan makes use of: without the others it would be as good."""
    bought = [p for p in plan.purchases if not p.existing]
    said: dict[Freedom, bool] = {
        "hours": any(p.billing == "hourly" for p in bought),
        "deployments": bool(plan.deployments),
        "GPU types": any(p.gpu != first.gpu for p in bought),
        "commitments": bool(plan.spends) or any(p.billing == "always" for p in bought),
        "spot": any(p.term == "spot" for p in bought),
        "APIs": bool(plan.apis),
    }
    return first.given | {freedom for freedom, so in said.items() if so}


def levels(reduced: Reduced, plan: Plan, first: Naive) -> list[Level]:
    """The problem with one freedom more each that the plan uses; the last is as good as the whole problem."""
    given = first.given
    before = restricted(reduced, given, first.gpu)
    out: list[Level] = []
    for freedom in (each for each in FREEDOMS if each in used(plan, first) - first.given):
        given |= {freedom}
        program = restricted(reduced, given, first.gpu)
        if program is not None and program != before:
            out.append(Level(freedom=freedom, inputs=program))
            before = program
    return out


def restricted(reduced: Reduced, given: frozenset[Freedom], gpu: str) -> FleetInputs | None:
    """The problem with these freedoms alone; None where a workload could be served by nothing."""
    inputs = replace(reduced.inputs, budget_usd_month=None, stand_ins={})
    lots = reduced.lots
    types = {lot.row.gpu for lot in lots.values()} if "GPU types" in given else {gpu}
    offers = {}
    for o, offer in inputs.offers.items():
        if offer.existing is not None:
            offers[o] = offer
        elif offer.covers or (lots[o].row.term not in ("on-demand", "spot")) or offer.billing == "always":
            if "commitments" in given and (offer.covers or lots[o].row.gpu in types):
                offers[o] = offer
        elif lots[o].row.gpu in types and (lots[o].row.term != "spot" or "spot" in given):
            offers[o] = offer if "hours" in given else replace(offer, billing="always", minimum_rental_h=1)
    offers = {
        o: replace(offer, covers={each: usd_h for each, usd_h in offer.covers.items() if each in offers})
        if offer.covers
        else offer
        for o, offer in offers.items()
    }
    groups = {offer.group for offer in offers.values()}
    standing = {
        c: there for c, gs in inputs.deployment_groups.items() if (there := tuple(g for g in gs if g in groups))
    }
    rates = {(c, k): r for (c, k), r in inputs.rate_req_s.items() if c in standing}
    if "deployments" not in given:
        rates = of_one_deployment(inputs, rates)
    used = {c for c, _ in rates}
    hosted = {k for _, k in rates}
    asked = {k for k, _ in inputs.demand_req_s} | {k for w in inputs.windows.values() for k in w.requests_month}
    # What no machine can serve is bought from APIs from the beginning.
    nowhere = {k for k in asked if not any(kk == k for _, kk in inputs.rate_req_s)}
    if not asked - nowhere <= hosted and "GPU types" not in given:
        return None
    bought = asked if "APIs" in given else nowhere
    return replace(
        inputs,
        offers=offers,
        deployment_gpus={c: n for c, n in inputs.deployment_gpus.items() if c in used},
        deployment_groups={c: gs for c, gs in standing.items() if c in used},
        split_as={c: t for c, t in inputs.split_as.items() if c in used},
        queue_slope={c: a for c, a in inputs.queue_slope.items() if c in used},
        queue_loss={c: loss for c, loss in inputs.queue_loss.items() if c in used},
        rate_req_s=rates,
        api_usd_h={(k, a): usd for (k, a), usd in inputs.api_usd_h.items() if k in bought},
        windows={
            v: replace(w, api_usd_request={k: usd for k, usd in w.api_usd_request.items() if k in bought})
            for v, w in inputs.windows.items()
        },
        quotas={
            q: replace(quota, weight={o: n for o, n in quota.weight.items() if o in offers})
            for q, quota in inputs.quotas.items()
        },
        minimum_orders={
            m: replace(order, offers=mine)
            for m, order in inputs.minimum_orders.items()
            if (mine := tuple(o for o in order.offers if o in offers))
        },
        few_kinds={
            f: replace(few, kind={x: i for x, i in few.kind.items() if x in offers or x in used})
            for f, few in inputs.few_kinds.items()
        },
    )


def of_one_deployment(inputs: FleetInputs, rates: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """For each workload the rates of the one deployment that serves all of it with the fewest GPUs, where one does."""
    month: dict[str, float] = defaultdict(float)
    for (k, b), demand in inputs.demand_req_s.items():
        month[k] += demand * inputs.block_h[b] * 3600
    for window in inputs.windows.values():
        for k, requests in window.requests_month.items():
            month[k] += requests
    out: dict[tuple[str, str], float] = {}
    for w in dict.fromkeys(inputs.class_workload.values()):
        mine = [k for k, owner in inputs.class_workload.items() if owner == w and month[k] > 0]
        needs = {
            c: sum(month[k] / rates[c, k] for k in mine) * float(inputs.deployment_gpus[c]) / inputs.queue_slope[c]
            for c in sorted({c for c, _ in rates})
            if all((c, k) in rates for k in mine)
        }
        if needs:
            chosen = min(needs, key=lambda c: (needs[c], c))
            out |= {(chosen, k): rates[chosen, k] for k in mine}
    return out


def drivers_of(
    first: Naive, solved: Mapping[Freedom, float | None], order: list[Level], plan: Plan, paid_usd: float
) -> Drivers:
    """The steps from the first fleet to the plan; `solved`: the decided costs of each level but the last.

    More freedom never costs more and no level less than the plan, so what a search did not prove is cut off at both.
    """
    end = plan.usd_month or 0.0
    start = usd = max(first.usd_month + paid_usd, end)
    steps = []
    for level in order:
        if level is order[-1]:
            reached = end
        else:
            found = solved[level.freedom]
            reached = usd if found is None else min(usd, max(found + paid_usd, end))
        steps.append(Step(what=FREEDOMS[level.freedom], usd_month=reached - usd))
        usd = reached
    if not order and end < start:
        steps.append(Step(what="what the search found beside", usd_month=end - start))
    unused = tuple(words for freedom, words in FREEDOMS.items() if freedom not in used(plan, first))
    return Drivers(baseline=first.words, usd_month=start, steps=tuple(steps), tried=first.tried, unused=unused)
