"""What a plan says beside its numbers: what stands in the way, and what a reader must know to use them."""

from __future__ import annotations

from planner.problem.procurement import ExistingSpend
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.solution import Solution
from planner.variants import accepted_models


def in_the_way(
    problem: Problem, reduced: Reduced, solution: Solution, without_budget_usd: float | None
) -> tuple[str, ...]:
    """Families that stand in the way, with the limit of the problem file that each stands for."""
    limits = {
        "within_budget": lambda: budget_words(problem, without_budget_usd),
        "within_quota": lambda: "; ".join(reduced.inputs.quotas),
        "within_upfront_cash": lambda: f"max_upfront_usd of {problem.procurement.max_upfront_usd:g} USD",
        "minimum_order": lambda: "; ".join(reduced.inputs.minimum_orders),
        "whole_lots": lambda: "; ".join(
            f"{lot.name} is sold in lots of {lot.multiple_of}" for lot in reduced.lots.values() if lot.multiple_of > 1
        ),
        "within_spot_share": lambda: "spot_max_share",
        "keep_mean_quality": lambda: quality_words(problem),
        "within_model_share": lambda: share_words(problem),
        "within_provider_share": lambda: (
            f"spread.max_provider_traffic_share of {problem.spread.max_provider_traffic_share:g}"
        ),
        "within_provider_spend": lambda: (
            f"spread.max_provider_spend_share of {problem.spread.max_provider_spend_share:g}"
        ),
        "within_few_kinds": lambda: "; ".join(reduced.inputs.few_kinds),
        "within_api_share": lambda: api_share_words(problem, waiting=False),
        "within_api_rate": lambda: f"the API rate limit of {problem.apis.max_req_s} requests/s",
        "survive_machine_loss": lambda: "surviving the loss of any machine (resilience.machine)",
        "keep_replicas_running": lambda: "; ".join(
            f"min_replicas of {name}: {w.min_replicas}" for name, w in problem.workloads.items() if w.min_replicas
        ),
        "survive_place_loss": lambda: place_words(problem),
        "serve_demand": lambda: "serving every request in every hour",
        "serve_deferred": lambda: (
            "finishing deferrable work inside its hours" + with_words(api_share_words(problem, waiting=True))
        ),
    }
    said = [str(limits[name]()) for name in solution.in_the_way if name in limits]
    # Serving less is a way out of everything; it is said only where nothing else is.
    other = [s for n, s in zip(solution.in_the_way, said, strict=False) if not n.startswith("serve_")]
    return tuple(other or said)


def place_words(problem: Problem) -> str:
    """The losses of places that must be survived."""
    asked = problem.resilience
    said = [
        f"surviving the loss of any {what} (resilience.{what})"
        for what in ("region", "provider")
        if getattr(asked, what)
    ]
    said += [f"spot.kept_share of {problem.spot.kept_share:g}"] if problem.spot.kept_share else []
    return "; ".join(said)


def api_share_words(problem: Problem, *, waiting: bool) -> str:
    """The shares that APIs may serve of workloads that may wait, or of the others."""
    return "; ".join(
        f"api_max_share of {name}: {w.api_max_share:g}"
        for name, w in problem.workloads.items()
        if w.api_max_share < 1 and (w.deferrable is not None) == waiting
    )


def with_words(limits: str) -> str:
    """Limits beside a sentence, in brackets; nothing for none."""
    return f" ({limits})" if limits else ""


def quality_words(problem: Problem) -> str:
    """The mean scores asked for."""
    asked = {name: w.mean_quality_at_least for name, w in problem.workloads.items()}
    return "; ".join(f"mean_quality_at_least of {name}: {q:g}" for name, q in asked.items() if q is not None)


def share_words(problem: Problem) -> str:
    """The shares that a router may send to single models."""
    limited = [
        f"max_share of {m.model} in {name}: {m.max_share:g}"
        for name, w in problem.workloads.items()
        for m in accepted_models(w)
        if m.max_share < 1
    ]
    return "; ".join(limited)


def budget_words(problem: Problem, without_budget_usd: float | None) -> str:
    """The budget that stands in the way, and what a plan without it costs."""
    words = f"the budget of {problem.budget.usd_month:,.0f} USD a month" if problem.budget else "the budget"
    if without_budget_usd is not None:
        words += f": without it there is a plan for {without_budget_usd:,.0f} USD a month"
    return words


def notes(problem: Problem, reduced: Reduced, solution: Solution, usd_month: float) -> tuple[str, ...]:
    """What a reader must know to use the numbers."""
    out = []
    if problem.budget is not None and usd_month >= problem.budget.alert_share * problem.budget.usd_month:
        out.append(f"The plan spends {usd_month / problem.budget.usd_month:.0%} of the budget: past the alert share.")
    for lot in reduced.lots.values():
        if lot.existing and lot.ends_on is not None:
            out.append(f"The commitment {lot.name} ends on {lot.ends_on}.")
    for name, spend in reduced.spends.items():
        if isinstance(spend.quote, ExistingSpend) and spend.quote.ends_on is not None:
            out.append(f"The commitment {name} ends on {spend.quote.ends_on}.")
    bought = [
        lot
        for name, lot in reduced.lots.items()
        if solution.always.get(name) or any(name in run.hourly for run in solution.runs)
    ]
    if solution.deferred_api or any(run.api for run in solution.runs):
        out.append("The latency of APIs is not modeled: check it against the objective before relying on them.")
    unpriced = sorted({lot.row.provider for lot in bought if not any(lot.egress.usd_gb)})
    if unpriced and problem.overheads.egress_kb_request:
        out.append(f"Egress of {', '.join(unpriced)} is not in the catalog or free, and counted as 0.")
    if any("state no region" in reason for reason in reduced.dropped["api"].count):
        out.append("APIs are left out where a rule about places applies: token prices state no region.")
    ways = {reduced.candidates[c].split.split()[0] for run in solution.runs for c, _ in run.replicas
            if reduced.candidates[c].split}  # fmt: skip
    if ways:
        out.append("Rates on parts of GPUs are modeled: measure your own before you rely on them.")
    if "memory" in ways:
        loss = f"{100 * problem.sharing.time_loss_share:g} %"
        out.append(f"Engines that take turns are taken to lose {loss} of the GPU's time: an assumption.")
    if "MIG" in ways:
        out.append("Ask the provider whether MIG may be switched on: many machines of single GPUs do not allow it.")
    assumed = {w: n for w, n in reduced.load.burst_note.items() if "assumed" in n and reduced.load.burst_factor[w] > 1}
    for w, n in assumed.items():
        out.append(f"Burst factor of {w}, {reduced.load.burst_factor[w]:g}: {n}.")
    return tuple(out)
