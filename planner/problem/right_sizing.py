"""What contradicts itself in how good the models of a workload are and how much of it each may serve."""

from __future__ import annotations

from collections.abc import Iterator

from planner.problem.places import Finding, KeyPath
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel, Workload


def right_sizing(problem: Problem) -> Iterator[Finding]:
    """Scores that are missing, floors above every score, shares that leave requests without a model."""
    for name, workload in problem.workloads.items():
        at: KeyPath = ("workloads", name)
        models = [m if isinstance(m, AcceptableModel) else AcceptableModel(model=m) for m in workload.models]
        yield from _precisions(models, at)
        yield from _scores(workload, models, at)
        share = sum(m.max_share for m in models)
        if share < 1:
            what = f"the models may serve {share:g} of the requests together, and nothing the rest."
            yield Finding((*at, "models"), what + "  Leave `max_share` out of one of them.")
        if problem.performance.capacity:
            yield from _no_model_known(workload, models, at)


def _precisions(models: list[AcceptableModel], at: KeyPath) -> Iterator[Finding]:
    for index, model in enumerate(models):
        allowed = model.precisions or ["bf16", "fp8"]
        for precision in model.quality.by_precision if model.quality else ():
            if precision not in allowed:
                place = (*at, "models", index, "quality", "by_precision", precision)
                what = f"{precision} is scored but not accepted: {model.model} may run in {', '.join(allowed)}."
                yield Finding(place, what + f"  Add {precision} to `precisions`, or leave the score out.")


def _scores(workload: Workload, models: list[AcceptableModel], at: KeyPath) -> Iterator[Finding]:
    asked = {key: getattr(workload, key) for key in ("min_quality", "mean_quality_at_least")}
    for key, least in asked.items():
        if least is None:
            continue
        unscored = [m.model for m in models if m.quality is None]
        if unscored:
            what = f"{least:g} is asked, and {', '.join(unscored)} has no score."
            yield Finding((*at, key), what + "  Add `quality: {score, evidence, observed_on}` to every model.")
            continue
        scores = {(m.model, p): s for m in models for p, s in _of(m).items()}
        best = max(scores, key=lambda place: scores[place])
        if scores[best] < least:
            what = f"{least:g} is above every score: the best is {best[0]} in {best[1]} with {scores[best]:g}."
            yield Finding((*at, key), what + f"  Ask for at most {scores[best]:g}, or add a better model.")


def _of(model: AcceptableModel) -> dict[str, float]:
    """Score by accepted precision, and of an API that does not say which."""
    if model.quality is None:
        return {}
    score, by_precision = model.quality.score, model.quality.by_precision
    accepted = {str(p): by_precision.get(p, score) for p in model.precisions or ["bf16", "fp8"]}
    return accepted | {"any precision": score}


def _no_model_known(workload: Workload, models: list[AcceptableModel], at: KeyPath) -> Iterator[Finding]:
    keys = [key for key in ("min_quality", "mean_quality_at_least") if getattr(workload, key) is not None]
    places: list[KeyPath] = [(*at, key) for key in keys]
    places += [(*at, "models", i, "max_share") for i, m in enumerate(models) if m.max_share < 1]
    places += [(*at, "models", i, "private") for i, m in enumerate(models) if m.private]
    for place in places:
        what = "rates of `performance.capacity` do not say which model they were measured with."
        yield Finding(place, what + "  Leave this out, or leave the table out and let rates be estimated.")
