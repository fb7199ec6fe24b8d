"""Problem + catalog + performance -> `FleetInputs`, and the labels that lead back.

The last place that knows the world.  It decides nothing: it filters, counts what it drops, and turns
prices per request and per machine into the numbers of the mathematics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from planner.apis import api_prices
from planner.candidates import Candidate, enumerate_candidates, prune_dominated, prune_parts
from planner.capacity_table import from_capacity_table
from planner.catalog.load import Catalog, benchmarks_for
from planner.catalog.own import read_own_rows
from planner.catalog.rows import ApiPrice
from planner.dominance import prune_dominated_lots, prune_outclassed_lots, stand_ins, standing_on
from planner.drops import Drops
from planner.errors import NoCandidate
from planner.inputs import FleetInputs
from planner.market import Held, Lot, gather
from planner.numbers import to_inputs
from planner.performance import Performance
from planner.performance.constants import constants_of
from planner.performance.types import Deployment
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel
from planner.serverless import endpoints_of
from planner.spending import SpendPlan, spend_plans
from planner.tariffs import most_gb
from planner.traffic.reduce import reduce_traffic
from planner.traffic.types import Block, Load
from planner.traffic.types import Window as LoadWindow
from planner.variants import accepted_models, card, sold_as

MOST_KEPT = 20_000
"""Deployments and request classes that estimates are kept for; beyond, they begin anew."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """The numbers, and what each of their labels stands for."""

    inputs: FleetInputs
    load: Load
    performance: Performance
    candidates: Mapping[str, Candidate]
    lots: Mapping[str, Lot]
    spends: Mapping[str, SpendPlan]
    on_demand: Mapping[tuple[str, int], Lot]  # (GPU, GPUs of the machine) -> the cheapest offer by the hour
    apis: Mapping[str, Mapping[str, ApiPrice]]  # API label -> class label -> price
    sold: Mapping[str, Mapping[str, AcceptableModel]]  # workload -> name at APIs -> model it counts as
    dropped: Mapping[str, Drops]  # deployment, offer, api


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A fleet that is there already: its machines, and the ways to run models that it is set up for."""

    held: tuple[Held, ...] = ()
    wanted: Callable[[Deployment], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the scenarios of one plan have in common beside their problem."""

    kept: frozenset[str] = frozenset()  # offers that another scenario may want, and that are signed before one comes
    egress_gb: float = 0.0  # all data that could leave one provider in a month of any of them


def reduce_problem(
    problem: Problem,
    folder: Path,
    catalog: Catalog,
    today: date | None = None,
    fleet: Standing | None = None,
    shared: Shared | None = None,
) -> Reduced:
    """All numbers of the mathematics; with a `fleet`, of running that one, whatever it may leave unserved.

    Raises `NoCandidate` if something asked for can be served by nothing, with the reasons counted, and
    `ProblemError` for a trace that cannot be read.
    """
    problem = without_ended(problem, today)
    drops = {"deployment": Drops(), "offer": Drops(), "api": Drops()}
    load = reduce_traffic(problem, folder, catalog)
    given, common = fleet or Standing(), shared or Shared()
    most = max(most_gb(problem, load), common.egress_gb)
    gathered = gather(problem, catalog, drops["offer"], given.held, most)
    gathered = [replace(lot, kept=True) if lot.name in common.kept else lot for lot in gathered]
    lots = prune_dominated_lots(problem, gathered, drops["offer"])
    machines: dict[str, int] = {}
    for lot in lots:
        machines[lot.row.gpu] = max(machines.get(lot.row.gpu, 0), lot.row.gpus)
    for quote in problem.procurement.serverless:
        machines[quote.gpu] = max(machines.get(quote.gpu, 0), quote.gpus)
    performance = performance_of(problem, folder, catalog)
    if problem.performance.capacity:
        candidates = from_capacity_table(problem, load)
    else:
        known = {gpu: most for gpu, most in machines.items() if gpu in catalog.gpus}
        possible = enumerate_candidates(problem, load, catalog, performance, known, drops["deployment"])
        wanted = [c for c in possible if c.deployment is not None and given.wanted(c.deployment)]
        several = {name for name, w in problem.workloads.items() if w.min_replicas > 1}
        apart = frozenset(k.label for k in load.classes if k.workload in several)
        candidates = prune_parts(prune_dominated(wanted, drops["deployment"]), apart, drops["deployment"])
    apis = api_prices(problem, load, catalog, drops["api"])
    used_gpus = {c.gpu for c in candidates}
    hosting = [lot for lot in lots if lot.row.gpu in used_gpus or lot.existing is not None or lot.kept]
    for _ in range(len(lots) - len(hosting)):
        drops["offer"].add("no deployment fits or meets an objective on this GPU")
    standing = standing_on(problem, hosting, candidates, {k.label: k.workload for k in load.classes})
    hosting = prune_outclassed_lots(problem, hosting, standing, drops["offer"])
    if any(lot.billing == "stretch" or lot.hours is not None for lot in hosting):
        load = in_hours(load)
    better = stand_ins(problem, hosting, standing)
    endpoints, workers_run = endpoints_of(problem, catalog, load, candidates, drops["offer"], most)
    hosting, standing = [*hosting, *endpoints], {**standing, **workers_run}
    sold = {name: sold_as(w, catalog) for name, w in problem.workloads.items()}
    spends = spend_plans(problem, hosting, drops["offer"])
    inputs = to_inputs(problem, load, candidates, hosting, standing, apis, sold, better, spends)
    reduced = Reduced(
        inputs=inputs,
        load=load,
        performance=performance,
        candidates={c.name: c for c in candidates},
        lots={lot.name: lot for lot in hosting},
        spends={plan.name: plan for plan in spends},
        on_demand=cheapest_on_demand(gathered),
        apis=apis,
        sold=sold,
        dropped=drops,
    )
    if fleet is None:
        demand_a_way(reduced)
    return reduced


def performance_of(problem: Problem, folder: Path, catalog: Catalog) -> Performance:
    """How fast everything is.  The last one is kept with the catalog: a sweep asks for the same again and again."""
    cards = [m for w in problem.workloads.values() for a in accepted_models(w) if (m := card(catalog, a.model))]
    asked = problem.performance
    files = [catalog.folder / "benchmarks.csv", *([folder / asked.benchmarks] if asked.benchmarks else [])]
    seen = [(path, at.st_mtime_ns, at.st_size) for path in files if path.exists() for at in (path.stat(),)]
    tables = (catalog.models, catalog.gpus, catalog.performance)
    needs = (*map(id, tables), [each.name for each in cards], bool(asked.capacity), asked.memory_share, seen)
    before, _, found = catalog.kept.get("performance", (None, (), None))
    if before == needs and found.asked < MOST_KEPT:
        return found
    rows = [] if asked.capacity else benchmarks_for(catalog, models=cards)
    own = read_own_rows(folder / asked.benchmarks, catalog) if asked.benchmarks else []
    constants = constants_of(catalog.performance)
    found = Performance(catalog.models, catalog.gpus, rows, asked.memory_share, own=own, constants=constants)
    catalog.kept["performance"] = (needs, tables, found)
    return found


def cheapest_on_demand(lots: list[Lot]) -> dict[tuple[str, int], Lot]:
    """What each machine costs by the hour at best: what a commitment to it is measured against."""
    cheapest: dict[tuple[str, int], Lot] = {}
    for lot in sorted(lots, key=lambda lot: (lot.row.usd_h, lot.name)):
        if lot.row.term == "on-demand" and lot.existing is None and lot.billing != "always":
            cheapest.setdefault((lot.row.gpu, lot.row.gpus), lot)
    return cheapest


def without_ended(problem: Problem, today: date | None) -> Problem:
    """The problem without commitments that ended before `today`."""
    if today is None:
        return problem
    buying = problem.procurement
    still = {
        "existing": [e for e in buying.existing if e.ends_on is None or e.ends_on >= today],
        "existing_spend": [e for e in buying.existing_spend if e.ends_on is None or e.ends_on >= today],
    }
    return problem.model_copy(update={"procurement": buying.model_copy(update=still)})


def demand_a_way(reduced: Reduced) -> None:
    """Raise `NoCandidate`, with every reason counted, where a class can be served by nothing at all."""
    inputs = reduced.inputs
    stocked = {lot.group for lot in reduced.lots.values()}
    hosted = {
        k
        for (c, k) in inputs.rate_req_s
        for g in inputs.deployment_groups[c]
        if g in stocked and (k, g) in inputs.admitted
    }
    bought = {k for (k, _) in inputs.api_usd_h} | {k for w in inputs.windows.values() for k in w.api_usd_request}
    asked = {k for (k, _) in inputs.demand_req_s} | {k for w in inputs.windows.values() for k in w.requests_month}
    stuck = sorted(asked - hosted - bought)
    if not stuck:
        return
    lines = [f"Nothing that may be bought can serve {', '.join(stuck)}."]
    for kind, drops in reduced.dropped.items():
        total = sum(drops.count.values())
        if total:
            lines.append(f"{total} {kind}s were left out:")
        for reason, count in sorted(drops.count.items(), key=lambda item: -item[1]):
            near = drops.nearest.get(reason)
            lines.append(f"  {count:>5}  {reason}" + (f"; nearest: {near[1]}" if near else ""))
    lines.append("Allow more under procurement.where, terms, models, precisions or apis, or loosen the slo.")
    raise NoCandidate("\n".join(lines))


def in_hours(load: Load) -> Load:
    """Every hour of the week a block of its own, in order: for machines rented for some hours on end."""
    owner = {h: b for b in load.blocks for h in b.hours}
    label = {h: f"{DAYS[h // 24]} {h % 24:02d}-{h % 24 + 1:02d}" for h in owner}
    parts = {b.label: [label[h] for h in b.hours] for b in load.blocks}
    blocks = tuple(
        Block(label=label[h], hours=(h,), month_h=owner[h].month_h / len(owner[h].hours)) for h in sorted(owner)
    )
    return Load(
        classes=load.classes,
        blocks=blocks,
        mean_req_s={(k, p): d for (k, b), d in load.mean_req_s.items() for p in parts[b]},
        planning_req_s={(k, p): d for (k, b), d in load.planning_req_s.items() for p in parts[b]},
        windows=tuple(
            LoadWindow(
                label=f"{w.label}, {label[hours[0]]}" if w.nights else w.label,
                workload=w.workload,
                blocks=tuple(label[h] for h in hours),
                requests_month={k: n / max(1, len(w.nights)) for k, n in w.requests_month.items()},
            )
            for w in load.windows
            for hours in w.nights or [tuple(h for b in load.blocks if b.label in w.blocks for h in b.hours)]
        ),
        burst_factor=load.burst_factor,
        burst_note=load.burst_note,
        arrival_variability=load.arrival_variability,
        arrival_note=load.arrival_note,
        merging_note=load.merging_note,
    )
