"""Solution + labels -> Plan: the numbers of the mathematics back in the words of the problem file.

Decides nothing.  What it adds is arithmetic of the bill: hours, requests, and each workload's share.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from planner.apis import token_prices, usd_request
from planner.bill import Hours, Work, as_run, bill, by_the_second, divide_blocks, sent_of, share_out
from planner.changes import changes_of
from planner.commitments import buy_spend, judge
from planner.deploy import deploy
from planner.deployed import Served
from planner.endpoints import Endpoint
from planner.interruptions import MONTH_H
from planner.market import WEEK_H, Lot
from planner.numbers import paid_anyway
from planner.outlays import Converted
from planner.plan import ApiPurchase, Dropped, Plan, PricesObserved, Purchase, SpendPurchase, Status
from planner.problem.schema import Currency, Problem
from planner.reduce import Reduced
from planner.remarks import in_the_way, notes
from planner.shares import spread_of, with_models
from planner.solution import Solution
from planner.starts import starts_in
from planner.ties import ties


def finish(
    problem: Problem,
    reduced: Reduced,
    solution: Solution,
    today: date,
    asked_gap: float,
    solver: str,
    without_budget_usd: float | None = None,
) -> Plan:
    """The plan of a solution; without one, a plan that says why."""
    hours = divide_blocks(reduced, solution)
    status: Status = solution.ended.value
    dropped = tuple(
        Dropped(kind=kind, reason=reason, count=count, nearest=drops.nearest.get(reason, (0, ""))[1])  # type: ignore[arg-type]
        for kind, drops in reduced.dropped.items()
        for reason, count in sorted(drops.count.items(), key=lambda item: -item[1])
    )
    if solution.usd_month is None:
        paid = paid_anyway(problem, reduced.lots.values(), reduced.spends.values())
        return Plan(
            problem=problem.name,
            title=problem.title,
            status=status,
            usd_month=None,
            usd_month_decided=None,
            bound_usd_month=None if solution.bound_usd_month is None else solution.bound_usd_month + paid,
            gap=None,
            gap_asked=asked_gap,
            solver=solver,
            solve_s=solution.seconds,
            month_hours=problem.month_hours,
            dropped=dropped,
            in_the_way=in_the_way(problem, reduced, solution, without_budget_usd),
            prices_observed=observed([], today),
        )
    work = Work.of(reduced, hours)
    purchases = buy(reduced, solution, hours, work)
    deployments = deploy(reduced, hours)
    apis = buy_tokens(reduced, solution, hours)
    spends = buy_spend(reduced, solution, hours)
    commitments = judge(problem, reduced, solution, hours, spends)
    lines = bill(problem, reduced, purchases, spends, deployments, apis, work)
    workloads = share_out(problem, reduced, purchases, spends, apis, lines, work)
    usd_month = sum(line.usd_month for line in lines)
    existing = sum(line.usd_month for line in lines if not line.decided)
    # What the mathematics left out as constant: fees of providers that are paid anyway.
    constant = usd_month - existing - solution.usd_month
    bound = None if solution.bound_usd_month is None else min(solution.bound_usd_month + constant, usd_month - existing)
    decided = usd_month - existing
    return Plan(
        problem=problem.name,
        title=problem.title,
        status=status,
        usd_month=usd_month,
        converted=in_currency(problem.currency, usd_month),
        usd_month_decided=decided,
        bound_usd_month=None if bound is None else bound + existing,
        gap=None if bound is None else ((decided - bound) / decided if decided > 0 else 0.0),
        gap_asked=asked_gap,
        solver=solver,
        solve_s=solution.seconds,
        first_plan_s=solution.first_plan_s,
        month_hours=problem.month_hours,
        blocks=tuple(h.block for h in hours),
        purchases=purchases,
        spends=spends,
        commitments=commitments,
        deployments=deployments,
        apis=apis,
        workloads=with_models(problem, reduced, hours, apis, workloads),
        changes=changes_of(purchases, deployments, reduced.inputs.protected, today),
        costs=tuple(lines),
        sent=sent_of(problem, reduced, purchases, work),
        ties=ties(reduced, deployments),
        spread=spread_of(problem, reduced, hours, purchases, spends, deployments, apis),
        dropped=dropped,
        notes=notes(problem, reduced, solution, usd_month),
        prices_observed=observed([*purchases, *spends, *apis], today),
    )


def in_currency(currency: Currency | None, usd_month: float) -> Converted | None:
    """A total in the currency that the problem states a rate of."""
    if currency is None:
        return None
    return Converted(**currency.model_dump(), month=usd_month * currency.per_usd)


def buy(reduced: Reduced, solution: Solution, hours: list[Hours], work: Work) -> tuple[Purchase, ...]:
    """Machines by offer, the dearest line first."""
    billed_gpu_h: dict[str, float] = defaultdict(float)
    covered_h: dict[str, float] = defaultdict(float)
    for h in hours:
        for (_, name), machines_covered in h.run.covered.items():
            covered_h[name] += machines_covered * h.block.month_h
    found: list[tuple[str, Lot, dict[str, int], float]] = []
    endpoints: dict[str, Endpoint] = {}
    usd: dict[str, float] = {}
    starts, paid_h = starts_week(reduced, hours), reduced.inputs.start_h * reduced.inputs.month_h / WEEK_H
    for name, lot in reduced.lots.items():
        if lot.billing == "always":
            count = solution.always.get(name, 0)
            machines = {h.block.label: count for h in hours} if count else {}
            hours_month = count * reduced.inputs.month_h
        else:
            machines = {h.block.label: h.run.hourly[name] for h in hours if h.run.hourly.get(name)}
            hours_month = sum(n * h.block.month_h for h in hours if (n := h.run.hourly.get(name, 0)))
        if machines and lot.endpoint is not None:
            endpoints[name] = as_run(lot.endpoint, name, hours)
            hours_month, usd[name] = by_the_second(endpoints[name], lot.row.usd_h, hours)
        if machines:
            found.append((name, lot, machines, hours_month))
            billed_gpu_h[lot.group] += hours_month * lot.row.gpus
    out = [
        Purchase(
            provider=lot.row.provider,
            region=lot.row.region,
            country=lot.row.country,
            machine=lot.row.machine,
            gpu=lot.row.gpu,
            gpus=lot.row.gpus,
            term=lot.row.term,
            group=lot.group,
            existing=lot.existing is not None,
            ends_on=lot.ends_on,
            billing="always" if lot.billing == "always" else "hourly",
            count=max(machines.values()),
            hours_month=hours_month,
            usd_h=lot.row.usd_h,
            covered_hours_month=covered_h[lot.name],
            usd_month=usd.get(name, (hours_month - covered_h[lot.name]) * lot.row.usd_h),
            upfront_usd=lot.upfront_usd * max(machines.values()),
            minimum_rental_h=lot.row.minimum_rental_h,
            machines_by_block=machines,
            starts_week=starts[name],
            starts_usd_month=starts[name] * lot.row.usd_h * paid_h,
            interruptions_month=lot.interruptions.month * hours_month / MONTH_H if lot.interruptions else None,
            serving_share=lot.serving_share,
            interruptions_source=lot.interruptions.source if lot.interruptions else "",
            busy_share=min(1.0, work.of_group.get(lot.group, 0.0) / billed_gpu_h[lot.group]),
            endpoint=endpoints.get(name),
            source=lot.row.source,
            observed_on=lot.row.observed_on,
        )
        for name, lot, machines, hours_month in found
    ]
    return tuple(sorted(out, key=lambda p: (p.existing, -p.usd_month, p.provider, p.machine)))


def starts_week(reduced: Reduced, hours: list[Hours]) -> dict[str, int]:
    """Machines started in a week, by offer; 0 where starting costs nothing."""
    if not reduced.inputs.start_h:
        return dict.fromkeys(reduced.lots, 0)
    on = {hour: h.run.hourly for h in hours for hour in h.block.hours}
    return {
        name: 0 if lot.endpoint else starts_in([on[hour].get(name, 0) for hour in sorted(on)])
        for name, lot in reduced.lots.items()
    }


def buy_tokens(reduced: Reduced, solution: Solution, hours: list[Hours]) -> tuple[ApiPurchase, ...]:
    """Tokens by API and class."""
    load = reduced.load
    classes = {k.label: k for k in load.classes}
    bought: dict[tuple[str, str], tuple[list[Served], float, float]] = {}
    for h in hours:
        for (k, a), x in h.run.api.items():
            served, requests, _ = bought.get((k, a), ([], 0.0, 0.0))
            served.append(Served(request_class=k, block=h.block.label, req_s=x))
            requests += x / load.burst_factor[classes[k].workload] * 3600 * h.block.month_h
            row = reduced.apis[a][k]
            usd = requests * usd_request(row, classes[k].request)
            bought[k, a] = (served, requests, usd)
    for (_, k), requests in solution.deferred_api.items():
        request = classes[k].request
        prices = {a: usd_request(rows[k], request, batch=True) for a, rows in reduced.apis.items() if k in rows}
        a = min(prices, key=lambda name: prices[name])
        _, before, usd = bought.get((k, a), ([], 0.0, 0.0))
        bought[k, a] = ([], before + requests, usd + requests * prices[a])
    out = []
    for (k, a), (served, requests, usd) in bought.items():
        row = reduced.apis[a][k]
        input_usd, output_usd = token_prices(row, classes[k].request, batch=not served)
        out.append(
            ApiPurchase(
                workload=classes[k].workload,
                request_class=k,
                provider=row.provider,
                model=row.model,
                api_model_id=row.api_model_id,
                input_usd_mtok=input_usd,
                output_usd_mtok=output_usd,
                served=tuple(served),
                requests_month=requests,
                usd_month=usd,
                source=row.source,
                observed_on=row.observed_on,
            )
        )
    return tuple(sorted(out, key=lambda p: (p.workload, p.request_class, p.provider)))


def observed(items: list[Purchase | SpendPurchase | ApiPurchase], today: date) -> PricesObserved:
    """How old the prices are; existing commitments are not prices."""
    seen = sorted((i.observed_on, i.source) for i in items if not getattr(i, "existing", False))
    if not seen:
        return PricesObserved(today=today, oldest=None, newest=None, oldest_days=None)
    oldest, source = seen[0]
    return PricesObserved(
        today=today, oldest=oldest, newest=seen[-1][0], oldest_days=(today - oldest).days, oldest_source=source
    )
