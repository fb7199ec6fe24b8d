"""The arithmetic of the bill: hours run alike, work carried, lines of cost, and each workload's share of them.

Decides nothing and knows no solver.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from planner.catalog.rows import TERM_MONTHS
from planner.deployed import DeploymentPlan
from planner.endpoints import Endpoint
from planner.inputs import Tariff
from planner.outlays import Sent
from planner.plan import ApiPurchase, CostLine, PlanBlock, Purchase, SpendPurchase, WorkloadPlan
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.solution import BlockRun, Solution
from planner.tariffs import gb_request
from planner.traffic.blocks import week_label

UNTAXED = ("machines bought", "cost of capital", "engineering")
"""Lines that are stated as they are paid, no invoice of a seller's."""
RENT_LINES = {"spot": "spot rent", "serverless": "serverless workers"}
PAID_ANYWAY = ("existing commitments", "tax on existing commitments")
"""Lines that nothing decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Some hours of the week and how the fleet is run in them."""

    block: PlanBlock
    run: BlockRun


def divide_blocks(reduced: Reduced, solution: Solution) -> list[Hours]:
    """Each run with hours of its own; a block run in several ways is divided so that alike nights stay alike."""
    runs: dict[str, list[BlockRun]] = defaultdict(list)
    for run in solution.runs:
        runs[run.block].append(run)
    out = []
    for block in reduced.load.blocks:
        hours = reduced.inputs.block_hours[block.label]
        month_h = block.month_h / len(hours)
        for run in merge_alike(runs[block.label]):
            whole = run.week_h * (len(block.hours) // reduced.inputs.block_week_h[block.label])
            mine, hours = tuple(sorted(run.hours or hours[:whole])), hours[whole:]
            label = block.label if len(mine) == len(block.hours) else week_label(mine)
            out.append(Hours(block=PlanBlock(label=label, hours=mine, month_h=month_h * len(mine)), run=run))
    return out


def merge_alike(runs: list[BlockRun]) -> list[BlockRun]:
    """Runs of one block that are the same in everything, joined."""
    out: list[BlockRun] = []
    for run in runs:
        for i, other in enumerate(out):
            if (run.hourly, run.replicas, run.served, run.api, run.covered) == (
                other.hourly,
                other.replicas,
                other.served,
                other.api,
                other.covered,
            ):
                out[i] = BlockRun(
                    block=run.block,
                    week_h=run.week_h + other.week_h,
                    hourly=run.hourly,
                    replicas=run.replicas,
                    served=run.served,
                    api=run.api,
                    covered=run.covered,
                    usd_month=run.usd_month,
                    hours=run.hours + other.hours,
                )
                break
        else:
            out.append(run)
    return out


def as_run(endpoint: Endpoint, name: str, hours: list[Hours]) -> Endpoint:
    """An endpoint in the hours in which the plan runs any of its workers."""
    of_block = {each.block: each for each in endpoint.hours}
    run = tuple(
        of_block[h.run.block].model_copy(update={"block": h.block.label, "workers": h.run.hourly[name]})
        for h in hours
        if h.run.hourly.get(name)
    )
    return endpoint.model_copy(update={"hours": run})


def by_the_second(endpoint: Endpoint, usd_h: float, hours: list[Hours]) -> tuple[float, float]:
    """Worker-hours billed in a month and what they cost [USD/month]; `usd_h` is the price where none is kept warm."""
    month_h = {h.block.label: h.block.month_h for h in hours}
    billed = [(each, each.workers * each.billed_share * month_h[each.block]) for each in endpoint.hours]
    return sum(h for _, h in billed), sum(h * endpoint.usd_h(each, usd_h) for each, h in billed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """GPU-hours of work carried in a month, by group and by workload, and replica busy-ness."""

    of_group: Mapping[str, float]
    of_workload: Mapping[tuple[str, str], float]  # (group, workload)
    requests: Mapping[tuple[str, str], float]  # (class, group) -> requests/month, as billed
    deferred: frozenset[str]  # classes without hourly demand

    @classmethod
    def of(cls, reduced: Reduced, hours: list[Hours]) -> Work:
        """Add up all hours."""
        group: dict[str, float] = defaultdict(float)
        workload: dict[tuple[str, str], float] = defaultdict(float)
        requests: dict[tuple[str, str], float] = defaultdict(float)
        deferred = frozenset(k for w in reduced.load.windows for k in w.requests_month)
        owner = reduced.inputs.class_workload
        for h in hours:
            for (k, c, g), y in h.run.served.items():
                busy = y / reduced.inputs.rate_in(c, k, g) * reduced.inputs.deployment_gpus[c] * h.block.month_h
                group[g] += busy
                workload[g, owner[k]] += busy
                burst = 1.0 if k in deferred else reduced.load.burst_factor[owner[k]]
                requests[k, g] += y / burst * 3600 * h.block.month_h
        return cls(of_group=group, of_workload=workload, requests=requests, deferred=deferred)


def bill(
    problem: Problem,
    reduced: Reduced,
    purchases: tuple[Purchase, ...],
    spends: tuple[SpendPurchase, ...],
    deployments: tuple[DeploymentPlan, ...],
    apis: tuple[ApiPurchase, ...],
    work: Work,
) -> list[CostLine]:
    """The bill by line; lines of nothing are left out."""
    o = problem.overheads
    providers = {p.provider for p in purchases} | {s.provider for s in spends}
    hosts = bool(deployments)
    lines: dict[str, float] = defaultdict(float)
    capital = problem.procurement.cost_of_capital_year
    for p in purchases:
        months = TERM_MONTHS.get(p.term, 0)
        if p.existing:
            lines["existing commitments"] += p.usd_month
        elif p.term == "bought":
            lines["machines bought"] += p.usd_month
        elif months:
            lines["commitments"] += p.usd_month
            lines["cost of capital"] += p.upfront_usd * capital / 12 * (months + 1) / (2 * months)
        else:
            lines[RENT_LINES.get(p.term, "on-demand rent")] += p.usd_month
            lines["start-up time"] += p.starts_usd_month
    lines["existing commitments"] += sum(s.usd_month for s in spends if s.existing)
    for s in spends:
        if s.existing:
            continue
        months = TERM_MONTHS[s.term]
        lines["commitments"] += s.usd_month
        lines["cost of capital"] += s.upfront_usd * capital / 12 * (months + 1) / (2 * months)
    lines["API tokens"] = sum(a.usd_month for a in apis)
    lines["egress"] = sum(each.usd_month for each in sent_of(problem, reduced, purchases, work))
    lines["storage"] = hosts * o.storage_usd_month + len(providers) * o.storage_gb * o.storage_usd_gb_month
    lines["networking"] = hosts * o.networking_usd_month
    lines["engineering"] = hosts * o.engineering_usd_month
    lines["provider fees"] = len(providers) * o.provider_usd_month
    existing = lines["existing commitments"]
    lines["tax"] = o.tax_share * (sum(usd for n, usd in lines.items() if n not in UNTAXED) - existing)
    lines["tax on existing commitments"] = o.tax_share * existing
    return [CostLine(line=n, usd_month=u, decided=n not in PAID_ANYWAY) for n, u in lines.items() if u > 0]


def sent_of(problem: Problem, reduced: Reduced, purchases: tuple[Purchase, ...], work: Work) -> tuple[Sent, ...]:
    """Data that leaves the machines in a month, by provider; by several together where they stand for each other."""
    tariffs = {lot.group: lot.egress for lot in reduced.lots.values()}
    whose: dict[str, set[str]] = defaultdict(set)
    for p in purchases:
        whose[p.group].add(p.provider)
    gb: dict[tuple[tuple[str, ...], Tariff], float] = defaultdict(float)
    for (_, g), n in work.requests.items():
        gb[tuple(sorted(whose[g])), tariffs[g]] += n * gb_request(problem)
    sent = [
        Sent(providers=providers, gb_month=n, usd_month=tariff.usd_month(n))
        for (providers, tariff), n in gb.items()
        if n > 0 and any(tariff.usd_gb)
    ]
    return tuple(sorted(sent, key=lambda each: (-each.usd_month, each.providers)))


def share_out(
    problem: Problem,
    reduced: Reduced,
    purchases: tuple[Purchase, ...],
    spends: tuple[SpendPurchase, ...],
    apis: tuple[ApiPurchase, ...],
    lines: list[CostLine],
    work: Work,
) -> tuple[WorkloadPlan, ...]:
    """What each workload gets and costs: machines by the work they carry for it, the rest by its share of all that."""
    load = reduced.load
    usd: dict[str, float] = dict.fromkeys(problem.workloads, 0.0)
    all_work = sum(work.of_group.values())
    by_workload = {w: sum(x for (_, ww), x in work.of_workload.items() if ww == w) for w in usd}
    for p in purchases:
        carried = work.of_group.get(p.group, 0.0)
        cost = p.usd_month + p.starts_usd_month + sum(s.borne_by(p) for s in spends)
        for w in usd:
            if carried:
                usd[w] += cost * work.of_workload.get((p.group, w), 0.0) / carried
            else:
                usd[w] += cost * (by_workload[w] / all_work if all_work else 1 / len(usd))
    for a in apis:
        usd[a.workload] += a.usd_month
    direct = sum(usd.values())
    total = sum(line.usd_month for line in lines)
    out = []
    for name, workload in problem.workloads.items():
        requests, input_tok, output_tok = 0.0, 0.0, 0.0
        on_spot, at_apis = 0.0, sum(a.requests_month for a in apis if a.workload == name)
        for k in load.classes:
            if k.workload != name:
                continue
            n = sum(w.requests_month.get(k.label, 0.0) for w in load.windows)
            n += sum(load.mean_req_s.get((k.label, b.label), 0.0) * 3600 * b.month_h for b in load.blocks)
            requests += n
            input_tok += n * k.request.input_tok
            output_tok += n * k.request.output_tok
            on_spot += sum(work.requests.get((k.label, g), 0.0) for g in reduced.inputs.spot_groups)
        share = usd[name] / direct if direct else 1 / len(usd)
        cost = usd[name] + (total - direct) * share
        out.append(
            WorkloadPlan(
                name=name,
                requests_month=requests,
                input_mtok_month=input_tok / 1e6,
                output_mtok_month=output_tok / 1e6,
                usd_month=cost,
                usd_mtok_output=cost / output_tok * 1e6 if output_tok else None,
                usd_mtok_total=cost / (input_tok + output_tok) * 1e6 if input_tok + output_tok else None,
                api_share=min(1.0, at_apis / requests) if requests else 0.0,
                spot_share=min(1.0, on_spot / requests) if requests else 0.0,
                burst_factor=load.burst_factor[name],
                merging_note=load.merging_note[name],
                tags=workload.tags,
            )
        )
    return tuple(out)
