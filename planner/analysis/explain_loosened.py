"""The limits of a problem file, each with the problem that has one unit more of it.

What a unit is, is what can be acted on: a machine more of a quota, a provider more, five points more of a share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planner.analysis.explain_margin import HeldFleet
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.reduce import Reduced

TIGHT = 1e-6
"""Less room than this is none."""
FIVE_POINTS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What limits are told from."""

    problem: Problem
    reduced: Reduced
    plan: Plan
    held: HeldFleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosened:
    """A limit of the problem file, what is left under it, and the problem with one unit more."""

    limit: str
    first: str = ""  # the first index of its rows; empty: all rows of the family
    left: float | None = None  # under it; None: what its rows leave
    one_unit: float = TIGHT  # less room than this is none: the least that anything takes up
    one_more: str
    problem: Problem | None  # None: more of it changes no plan


def changed(problem: Problem, section: str, **numbers: Any) -> Problem:
    """The problem with other numbers in one of its sections."""
    return problem.model_copy(update={section: getattr(problem, section).model_copy(update=numbers)})


def of_workload(problem: Problem, name: str, **numbers: Any) -> Problem:
    """The problem with other numbers of one workload."""
    workloads = {**problem.workloads, name: problem.workloads[name].model_copy(update=numbers)}
    return problem.model_copy(update={"workloads": workloads})


def quotas(facts: Facts) -> Iterator[Loosened]:
    """One machine more of the smallest that a quota counts."""
    buying = facts.problem.procurement
    for i, quota in enumerate(buying.quotas):
        for field, unit in (("max_gpus", "GPU"), ("max_machines", "machine"), ("max_vcpus", "vCPU")):
            most = getattr(quota, field)
            label = next(
                (q for q in facts.reduced.inputs.quotas if q.startswith(f"quota {i + 1} (") and f"{unit}s" in q), None
            )
            if most is None or label is None:
                continue
            step = int(min((n for n in facts.reduced.inputs.quotas[label].weight.values() if n), default=1))
            more = [*buying.quotas[:i], quota.model_copy(update={field: most + step}), *buying.quotas[i + 1 :]]
            yield Loosened(
                limit=label,
                first=label,
                one_unit=step,
                one_more=f"{step} {unit}{'s' if step > 1 else ''} more",
                problem=changed(facts.problem, "procurement", quotas=more),
            )


def orders(facts: Facts) -> Iterator[Loosened]:
    """One machine less of a minimum order."""
    buying = facts.problem.procurement
    for i, order in enumerate(buying.minimum_orders):
        label = f"minimum order {i + 1} of {order.min_machines} machines"
        if label not in facts.reduced.inputs.minimum_orders or order.min_machines <= 1:
            continue
        less = order.model_copy(update={"min_machines": order.min_machines - 1})
        rest = [*buying.minimum_orders[:i], less, *buying.minimum_orders[i + 1 :]]
        yield Loosened(
            limit=label,
            first=label,
            one_more="1 machine less",
            problem=changed(facts.problem, "procurement", minimum_orders=rest),
        )


def upfront(facts: Facts) -> Iterator[Loosened]:
    """Cash for one more of the machine that asks least of it."""
    most = facts.problem.procurement.max_upfront_usd
    offers = facts.reduced.inputs.offers.values()
    step = min((offer.upfront_usd for offer in offers if offer.upfront_usd and offer.existing is None), default=0.0)
    if most is not None and step:
        yield Loosened(
            limit=f"max_upfront_usd of {most:,.0f} USD",
            one_unit=step,
            one_more=f"{step:,.0f} USD more",
            problem=changed(facts.problem, "procurement", max_upfront_usd=most + step),
        )


def budget(facts: Facts) -> Iterator[Loosened]:
    """A budget ends plans and changes none: only what is left of it is told."""
    if facts.problem.budget is not None:
        yield Loosened(limit=f"budget of {facts.problem.budget.usd_month:,.0f} USD a month", one_more="", problem=None)


def shares(field: str, unlimited: float = 1.0) -> Callable[[Facts], Iterator[Loosened]]:
    """Five points more of a share that a workload states."""

    def loosen(facts: Facts) -> Iterator[Loosened]:
        for name, w in facts.problem.workloads.items():
            share = getattr(w, field)
            if share < unlimited:
                more = min(unlimited, share + FIVE_POINTS)
                labels = {name, *(k.label for k in facts.reduced.load.classes if k.workload == name)}
                there = {label[0] for (family, label) in facts.held.model.rows if label and label[0] in labels}
                first = name if name in there or w.deferrable is None else next(iter(sorted(there)), name)
                yield Loosened(
                    limit=f"{field} of {name}: {share:g}",
                    first=first,
                    one_more=f"{field} of {more:g}",
                    problem=of_workload(facts.problem, name, **{field: more}),
                )

    return loosen


def provider_share(of: str) -> Callable[[Facts], Iterator[Loosened]]:
    """Five points more of the traffic, or of the spend, for any one provider."""

    def with_more(facts: Facts) -> Iterator[Loosened]:
        share = getattr(facts.problem.spread, of)
        if share < 1:
            more = min(1.0, share + FIVE_POINTS)
            yield Loosened(
                limit=f"spread.{of} of {share:g}",
                one_more=f"a share of {more:g}",
                problem=changed(facts.problem, "spread", **{of: more}),
            )

    return with_more


def few_kinds(facts: Facts) -> Iterator[Loosened]:
    """One provider, region, GPU type or deployment more."""
    used = facts.plan.spread
    for name in ("max_providers", "max_regions", "max_gpu_types", "max_deployments"):
        most = getattr(facts.problem.spread, name)
        if most is not None:
            label = f"spread.{name} of {most}"
            yield Loosened(
                limit=label,
                first=label,
                left=None if used is None else most - len(getattr(used, name.removeprefix("max_"))),
                one_unit=1,
                one_more=f"{name} of {most + 1}",
                problem=changed(facts.problem, "spread", **{name: most + 1}),
            )


def api_rate(facts: Facts) -> Iterator[Loosened]:
    """A tenth more of the rate limit of APIs."""
    most = facts.problem.apis.max_req_s
    if most is not None:
        yield Loosened(
            limit=f"apis.max_req_s of {most:g}",
            one_more=f"{1.1 * most:g} requests/s",
            problem=changed(facts.problem, "apis", max_req_s=1.1 * most),
        )


def running(facts: Facts) -> Iterator[Loosened]:
    """One replica less that must run."""
    for name, w in facts.problem.workloads.items():
        if w.min_replicas:
            yield Loosened(
                limit=f"min_replicas of {name}: {w.min_replicas}",
                first=name,
                one_unit=1,
                one_more="1 replica less",
                problem=of_workload(facts.problem, name, min_replicas=w.min_replicas - 1),
            )


def quality(facts: Facts) -> Iterator[Loosened]:
    """A hundredth less of the mean score that is asked."""
    for name, w in facts.problem.workloads.items():
        if w.mean_quality_at_least is not None:
            less = w.mean_quality_at_least - 0.01 * abs(w.mean_quality_at_least)
            for label in blends_of(facts, name):
                yield Loosened(
                    limit=f"mean_quality_at_least of {name}: {w.mean_quality_at_least:g}",
                    first=label,
                    one_more=f"a mean score of {less:g}",
                    problem=of_workload(facts.problem, name, mean_quality_at_least=less),
                )


def blends_of(facts: Facts, workload: str) -> list[str]:
    """The workload itself, or its classes where each is held to the rule by itself."""
    inputs = facts.reduced.inputs
    return [label for label, blend in inputs.blends.items() if inputs.class_workload[blend.classes[0]] == workload]


def model_share(facts: Facts) -> Iterator[Loosened]:
    """Five points more of every model whose share in a workload is limited."""
    for name, w in facts.problem.workloads.items():
        limited = [m for m in w.models if not isinstance(m, str) and m.max_share < 1]
        if not limited:
            continue
        more = [
            m.model_copy(update={"max_share": min(1.0, m.max_share + FIVE_POINTS)}) if m in limited else m
            for m in w.models
        ]
        for label in blends_of(facts, name)[:1]:
            yield Loosened(
                limit="; ".join(f"max_share of {m.model} in {name}: {m.max_share:g}" for m in limited),
                first=label,
                one_more="five points more",
                problem=of_workload(facts.problem, name, models=more),
            )


def machine_loss(facts: Facts) -> Iterator[Loosened]:
    """No promise that a machine may fail."""
    if facts.problem.resilience.machine:
        yield Loosened(
            limit="resilience.machine: any one machine may fail",
            one_more="without it",
            problem=changed(facts.problem, "resilience", machine=False),
        )


def place_loss(facts: Facts) -> Iterator[Loosened]:
    """No promise that a region, a provider or a spot pool may be lost."""
    for what in ("region", "provider"):
        if getattr(facts.problem.resilience, what):
            yield Loosened(
                limit=f"resilience.{what}: any one {what} may be lost",
                one_more="without it",
                problem=changed(facts.problem, "resilience", **{what: False}),
            )
    if facts.problem.spot.kept_share:
        yield Loosened(
            limit=f"spot.kept_share of {facts.problem.spot.kept_share:g}",
            one_more="without it",
            problem=changed(facts.problem, "spot", kept_share=0.0),
        )


def lots(facts: Facts) -> Iterator[Loosened]:
    """Everything that is sold in lots, sold singly."""
    buying = facts.problem.procurement
    if sold := [q for q in buying.quotes if q.multiple_of > 1]:
        single = [q.model_copy(update={"multiple_of": 1}) for q in buying.quotes]
        yield Loosened(
            limit="; ".join(
                f"{q.provider} sells {q.machine or q.gpu} {q.term} in lots of {q.multiple_of}" for q in sold
            ),
            one_more="singly",
            problem=changed(facts.problem, "procurement", quotes=single),
        )


ONE_MORE: Mapping[str, Callable[[Facts], Iterator[Loosened]]] = {
    "within_quota": quotas,
    "minimum_order": orders,
    "within_upfront_cash": upfront,
    "within_budget": budget,
    "within_spot_share": shares("spot_max_share"),
    "within_api_share": shares("api_max_share"),
    "within_api_rate": api_rate,
    "within_provider_share": provider_share("max_provider_traffic_share"),
    "within_provider_spend": provider_share("max_provider_spend_share"),
    "within_few_kinds": few_kinds,
    "keep_replicas_running": running,
    "keep_mean_quality": quality,
    "within_model_share": model_share,
    "survive_machine_loss": machine_loss,
    "survive_place_loss": place_loss,
    "whole_lots": lots,
}
"""By family: its limits in the problem file and what one unit more of each is."""
