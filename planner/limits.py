"""What a problem limits in what may be bought, as numbers: quotas, orders, kinds and shares of providers."""

from __future__ import annotations

from collections.abc import Mapping

from planner.candidates import Candidate
from planner.catalog.rows import ApiPrice
from planner.inputs import FewKinds, MinimumOrder, Quota
from planner.market import Lot, matches_quota
from planner.problem.matching import allows
from planner.problem.schema import Problem
from planner.spending import SpendPlan


def quotas_of(problem: Problem, lots: list[Lot]) -> dict[str, Quota]:
    """Quotas that count anything, in the words of the problem file."""
    procurement = problem.procurement
    quotas = {}
    for i, quota in enumerate(procurement.quotas):
        counted = [lot for lot in lots if matches_quota(lot, problem, i)]
        if counted and quota.max_gpus is not None:
            weight = {lot.name: float(lot.row.gpus) for lot in counted}
            quotas[quota_name(problem, i, f"{quota.max_gpus} GPUs")] = Quota(weight=weight, limit=quota.max_gpus)
        if counted and quota.max_machines is not None:
            weight = {lot.name: 1.0 for lot in counted}
            label = quota_name(problem, i, f"{quota.max_machines} machines")
            quotas[label] = Quota(weight=weight, limit=quota.max_machines)
        if counted and quota.max_vcpus is not None:
            weight = {lot.name: float(lot.vcpus) for lot in counted if lot.vcpus is not None}
            quotas[quota_name(problem, i, f"{quota.max_vcpus} vCPUs")] = Quota(weight=weight, limit=quota.max_vcpus)
    return quotas


def orders_of(problem: Problem, lots: list[Lot]) -> dict[str, MinimumOrder]:
    """Minimum orders that anything counts for."""
    procurement = problem.procurement
    orders = {}
    for i, order in enumerate(procurement.minimum_orders):
        mine = tuple(
            lot.name
            for lot in lots
            if lot.billing == "always"
            and lot.existing is None
            and allows(order.where, lot.row, lot.vendor)
            and (not order.terms or lot.row.term in order.terms)
        )
        if mine:
            orders[f"minimum order {i + 1} of {order.min_machines} machines"] = MinimumOrder(
                offers=mine, machines=order.min_machines
            )
    return orders


def few_kinds_of(problem: Problem, lots: list[Lot], used: list[Candidate]) -> dict[str, FewKinds]:
    """At most so many providers, regions, GPU types and deployments, in the words of the problem file."""
    asked = problem.spread
    limits = {
        "max_providers": (asked.max_providers, {lot.name: lot.row.provider for lot in lots}),
        "max_regions": (asked.max_regions, {lot.name: f"{lot.row.provider} {lot.row.region}" for lot in lots}),
        "max_gpu_types": (asked.max_gpu_types, {lot.name: lot.row.gpu for lot in lots}),
        "max_deployments": (asked.max_deployments, {c.name: c.name for c in used}),
    }
    return {
        f"spread.{name} of {most}": FewKinds(kind=kind, most=most)
        for name, (most, kind) in limits.items()
        if most is not None
    }


def provider_max_share(problem: Problem) -> dict[str, float]:
    """What one provider may serve of each workload that may not wait."""
    most = problem.spread.max_provider_traffic_share
    return {name: most for name, w in problem.workloads.items() if most < 1 and w.deferrable is None}


def provider_of(
    problem: Problem, groups: Mapping[str, Lot], apis: Mapping[str, Mapping[str, ApiPrice]]
) -> dict[str, str]:
    """Whose each API is, where the share of one provider is limited; and each group, where that of the traffic is."""
    by_traffic = problem.spread.max_provider_traffic_share < 1
    if not by_traffic and problem.spread.max_provider_spend_share >= 1:
        return {}
    whose = {g: lot.row.provider for g, lot in groups.items()} if by_traffic else {}
    return whose | {a: row.provider for a, rows in apis.items() for row in rows.values()}


def quota_name(problem: Problem, index: int, limit: str) -> str:
    """A quota and its limit in the words of the problem file."""
    return f"{quota_words(problem, index)}: {limit}"


def quota_words(problem: Problem, index: int) -> str:
    """A quota in the words of the problem file, its limit aside."""
    quota = problem.procurement.quotas[index]
    w = quota.where
    what = "/".join(
        part
        for part in (
            ",".join(w.providers),
            ",".join(w.regions),
            ",".join(w.gpus),
            quota.machine or "",
            ",".join(quota.terms),
        )
        if part
    )
    return f"quota {index + 1} ({what or 'everything'})"


def smallest_orders(lots: list[Lot], spends: list[SpendPlan]) -> dict[str, MinimumOrder]:
    """Commitments that are sold from so many machines, or so many USD an hour, up."""
    orders = {
        f"at least {lot.min_machines} machines of {lot.name}": MinimumOrder(
            offers=(lot.name,), machines=lot.min_machines
        )
        for lot in lots
        if lot.min_machines > 1
    }
    return orders | {
        f"at least {plan.least_usd_h:g} USD/h of {plan.name}": MinimumOrder(
            offers=(plan.name,), machines=plan.min_steps
        )
        for plan in spends
        if plan.min_steps > 1
    }
