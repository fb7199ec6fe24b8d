"""Which model, and which provider, serves which share of each workload, and how good the answers so are on the mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from planner.bill import Hours
from planner.deployed import DeploymentPlan
from planner.plan import ApiPurchase, Leaning, ModelShare, Paid, Purchase, SpendPurchase, Spread, WorkloadPlan
from planner.problem.schema import Problem
from planner.problem.workload import Workload
from planner.reduce import Reduced
from planner.traffic.types import Load
from planner.variants import accepted_models, score_of

Variant = tuple[str, str]
"""(model, precision; empty for an API)."""


def with_models(
    problem: Problem,
    reduced: Reduced,
    hours: list[Hours],
    apis: tuple[ApiPurchase, ...],
    workloads: tuple[WorkloadPlan, ...],
) -> tuple[WorkloadPlan, ...]:
    """The workloads with what each model serves of them; unchanged where rates do not say which model."""
    owner = reduced.inputs.class_workload
    month: dict[str, dict[Variant, float]] = defaultdict(lambda: defaultdict(float))
    hourly: dict[tuple[str, str], dict[Variant, float]] = defaultdict(lambda: defaultdict(float))
    for h in hours:
        for (k, c, _), y in h.run.served.items():
            deployment = reduced.candidates[c].deployment
            if deployment is None:
                return workloads
            variant = (deployment.model.name, deployment.precision)
            month[owner[k]][variant] += y / burst_of(reduced.load, k, owner[k]) * 3600 * h.block.month_h
            hourly[owner[k], h.block.label][variant] += y
        for (k, a), y in h.run.api.items():
            hourly[owner[k], h.block.label][reduced.sold[owner[k]][reduced.apis[a][k].model].model, ""] += y
    for each in apis:
        month[each.workload][reduced.sold[each.workload][each.model].model, ""] += each.requests_month
    out = []
    for plan in workloads:
        workload, served = problem.workloads[plan.name], month[plan.name]
        total = sum(served.values())
        means = [mean_score(workload, parts) for (name, _), parts in hourly.items() if name == plan.name]
        known = [mean for mean in means if mean is not None]
        shares = [share_of(workload, variant, n / total) for variant, n in served.items() if total]
        update = {
            "models": tuple(sorted(shares, key=lambda s: (-s.share, s.model, s.precision))),
            "mean_score_asked": workload.mean_quality_at_least,
            "mean_score": mean_score(workload, served),
            "least_mean_score": min(known) if known and len(known) == len(means) else None,
        }
        out.append(plan.model_copy(update=update))
    return tuple(out)


def burst_of(load: Load, k: str, workload: str) -> float:
    """Planning rate / mean of a class; what may wait has no bursts."""
    return 1.0 if any(k in window.requests_month for window in load.windows) else load.burst_factor[workload]


def mean_score(workload: Workload, served: Mapping[Variant, float]) -> float | None:
    """The mean score by request; None where nothing is served or not all is scored."""
    models = {m.model: m for m in accepted_models(workload)}
    scores = {(model, precision): score_of(models[model], precision) for model, precision in served}
    total = sum(served.values())
    if not total or any(score is None for score in scores.values()):
        return None
    return sum((scores[variant] or 0.0) * n for variant, n in served.items()) / total


def share_of(workload: Workload, variant: Variant, share: float) -> ModelShare:
    """What one variant serves, with where its score comes from."""
    model = next(m for m in accepted_models(workload) if m.model == variant[0])
    quality = model.quality
    return ModelShare(
        model=variant[0],
        precision=variant[1],
        share=min(1.0, share),
        score=score_of(model, variant[1]),
        evidence=quality.evidence if quality else "",
        observed_on=quality.observed_on if quality else None,
    )


def spread_of(
    problem: Problem,
    reduced: Reduced,
    hours: list[Hours],
    purchases: tuple[Purchase, ...],
    spends: tuple[SpendPurchase, ...],
    deployments: tuple[DeploymentPlan, ...],
    apis: tuple[ApiPurchase, ...],
) -> Spread | None:
    """How far a plan is spread; None where the problem limits nothing of it."""
    asked = problem.spread
    if not asked.model_fields_set:
        return None
    leaning: dict[str, Leaning] = {}
    inputs = reduced.inputs
    for h in hours:
        of: dict[tuple[str, str], float] = defaultdict(float)
        whole: dict[str, float] = defaultdict(float)
        parts = [(k, g, y) for (k, _, g), y in h.run.served.items()] + [(k, a, y) for (k, a), y in h.run.api.items()]
        for k, where, y in parts:
            name = inputs.class_workload[k]
            if name in inputs.provider_max_share:
                of[name, inputs.provider_of[where]] += y
                whole[name] += y
        for (name, provider), y in of.items():
            share = y / whole[name]
            if name not in leaning or share > leaning[name].share + 1e-9:
                leaning[name] = Leaning(workload=name, provider=provider, block=h.block.label, share=min(1.0, share))
    return Spread(
        providers=tuple(sorted({p.provider for p in purchases})),
        regions=tuple(sorted({f"{p.provider} {p.region or '(not stated)'}" for p in purchases})),
        gpu_types=tuple(sorted({p.gpu for p in purchases})),
        deployments=tuple(sorted({d.name for d in deployments})),
        leaning=tuple(leaning.values()),
        paid=paid_by_provider(problem, purchases, spends, apis) if asked.max_provider_spend_share < 1 else (),
        **asked.model_dump(),
    )


def paid_by_provider(
    problem: Problem,
    purchases: tuple[Purchase, ...],
    spends: tuple[SpendPurchase, ...],
    apis: tuple[ApiPurchase, ...],
) -> tuple[Paid, ...]:
    """What each provider is paid in the month, the most first; starts, data sent out and fixed costs aside."""
    taxed = 1 + problem.overheads.tax_share
    usd: dict[str, float] = defaultdict(float)
    for p in purchases:
        usd[p.provider] += p.usd_month * (1 if p.term == "bought" else taxed)
    for provider, usd_month in [(s.provider, s.usd_month) for s in spends] + [(a.provider, a.usd_month) for a in apis]:
        usd[provider] += usd_month * taxed
    total = sum(usd.values())
    paid = [Paid(provider=p, usd_month=x, share=x / total) for p, x in usd.items() if x > 0]
    return tuple(sorted(paid, key=lambda one: (-one.usd_month, one.provider)))
