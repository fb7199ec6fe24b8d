"""Does a finished plan keep every promise of its problem?  Checked again, with arithmetic of its own.

The plan is read as a stranger's: nothing of the reduction, the formulation or the solver is imported, so
that a mistake there cannot hide here.  A bad plan is reported in sentences, never raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from planner.audit import (
    apis,
    bill,
    commitments,
    egress,
    fleet,
    limits,
    offers,
    places,
    quality,
    rates,
    resilience,
    serverless,
    service,
    sharing,
    spot,
    spread,
    startup,
    today,
)
from planner.audit.evidence import Evidence, Finding
from planner.catalog.load import Catalog
from planner.performance import Performance
from planner.plan import Plan
from planner.problem.references import canonicalize
from planner.problem.schema import Problem
from planner.traffic.types import Load

CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    service.hours_of_the_week,
    service.served_in_full,
    service.windows_finished,
    service.workload_totals,
    rates.rates_recomputed,
    rates.queues,
    rates.lanes_and_models,
    sharing.parts_of_gpus,
    fleet.groups_alike,
    fleet.within_capacity,
    fleet.within_machines,
    fleet.enough_replicas,
    fleet.where_workloads_run,
    fleet.spot_and_marketplaces,
    resilience.survives_a_machine,
    spot.interruptions_counted,
    places.survives_a_place,
    places.ready_for_no_more_than_they_carry,
    quality.scored_enough,
    quality.mean_scores,
    quality.model_shares,
    quality.told_shares,
    spread.provider_shares,
    spread.spend_shares,
    spread.few_kinds,
    offers.offers_exist,
    offers.existing_complete,
    offers.where_and_terms,
    commitments.promises_for_sale,
    commitments.promises_kept_apart,
    commitments.sold_in_lots,
    limits.quotas,
    limits.minimum_orders,
    limits.minimum_rentals,
    limits.upfront_cash,
    limits.budget,
    apis.apis_allowed,
    apis.api_shares,
    apis.api_prices,
    apis.api_amounts,
    bill.machine_hours,
    startup.starts_counted,
    serverless.workers_by_the_second,
    egress.egress_by_provider,
    bill.cost_lines,
    bill.sums_and_gap,
    commitments.commitments_judged,
    bill.workload_costs,
    today.against_today,
)
"""Every rule that a plan is held to, in the order in which they are told."""

ABOUT_BUYING: tuple[Callable[[Evidence], Finding], ...] = (
    offers.where_and_terms,
    limits.quotas,
    limits.minimum_orders,
    limits.minimum_rentals,
    limits.upfront_cash,
    limits.budget,
    spread.provider_shares,
    spread.spend_shares,
    spread.few_kinds,
    fleet.enough_replicas,
)
"""Of these, the rules on what may be bought: a fleet that is given may break them and still be costed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was checked, a sentence each with its counts, and what was found broken, with the numbers."""

    checks: tuple[str, ...]
    breaches: tuple[str, ...]


def audit(
    plan: Plan,
    problem: Problem,
    load: Load,
    catalog: Catalog,
    performance: Performance | None,
    rules: Sequence[Callable[[Evidence], Finding]] = CHECKS,
) -> Audit:
    """Recheck a plan against what it was made from; `performance` may be None for a capacity table.

    Never raises on a bad plan: a check that cannot be finished is itself a breach.  A plan that buys
    and runs nothing because none exists (infeasible, stopped) has nothing to check.
    """
    if plan.usd_month is None and not (plan.purchases or plan.deployments or plan.apis):
        return Audit(checks=(f"nothing to check: the answer is {plan.status}, without a plan",), breaches=())
    evidence = Evidence(
        plan=plan,
        problem=canonicalize(problem, catalog),
        load=load,
        catalog=catalog,
        performance=performance,
    )
    checks: list[str] = []
    breaches: list[str] = []
    for check in rules:
        try:
            finding = check(evidence)
        except Exception as error:
            what = check.__name__.replace("_", " ")
            breaches.append(f"the check of {what} could not be finished: {type(error).__name__}: {error}")
            continue
        checks.append(finding.checked)
        breaches += finding.breaches
    return Audit(checks=tuple(checks), breaches=tuple(breaches))
