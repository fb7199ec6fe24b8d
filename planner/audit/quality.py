"""Are only models used that are good enough, each for no more than its share, and good enough on the mean?

Scores are looked up in the problem again; a plan's own word on them is checked, not taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from planner.audit.evidence import Evidence, Finding, above, acceptable, differs
from planner.deployed import DeploymentPlan
from planner.plan import ApiPurchase
from planner.problem.workload import AcceptableModel, Workload

SLACK = 1e-5
"""Requests/s (and points of score each) by which a solver's rows may be off."""


class Piece(NamedTuple):
    """Requests/s of one class from one model."""

    model: AcceptableModel
    score: float | None
    req_s: float


def scored_enough(e: Evidence) -> Finding:
    """No workload is served by a variant that scores below its floor."""
    breaches: list[str] = []
    checked = 0
    for name, label, variant, precision in _used(e):
        workload = e.problem.workloads[name]
        if workload.min_quality is None:
            continue
        checked += 1
        score = _score(variant, precision)
        if score is None or above(workload.min_quality, score):
            said = "no score" if score is None else f"{score:g}"
            breaches.append(f"{name} on {label}: {said}, at least {workload.min_quality:g} is asked")
    return Finding(f"{checked} pairs of workload and model score enough", breaches)


def _used(e: Evidence) -> Iterator[tuple[str, str, AcceptableModel, str]]:
    for deployment in e.plan.deployments:
        for name, workload in e.workloads_on(deployment).items():
            if variant := _on_fleet(workload, deployment):
                yield name, deployment.name, variant, deployment.precision
    for purchase in e.plan.apis:
        if purchase.workload in e.problem.workloads and (variant := _at_api(e, purchase)):
            yield purchase.workload, f"{purchase.model} of {purchase.provider}", variant, ""


def _on_fleet(workload: Workload, deployment: DeploymentPlan) -> AcceptableModel | None:
    return next((each for each in acceptable(workload) if each.model == deployment.model), None)


def _at_api(e: Evidence, purchase: ApiPurchase) -> AcceptableModel | None:
    """What is sold under a family's name may be any of its models: the one that scores least."""
    models = acceptable(e.problem.workloads[purchase.workload])
    named = [each for each in models if each.sold_as == purchase.model]
    if not named:
        cards = e.catalog.models
        public = [each for each in models if each.model in cards and not each.private]
        named = [each for each in public if cards[each.model].family == purchase.model]
    return min(named, key=lambda each: (each.quality is not None, _score(each, ""), each.max_share), default=None)


def _score(variant: AcceptableModel, precision: str) -> float | None:
    if variant.quality is None:
        return None
    for scored, score in variant.quality.by_precision.items():
        if scored == precision:
            return score
    return variant.quality.score


def _pieces(e: Evidence) -> dict[tuple[str, str, str], list[Piece]]:
    """(workload, class where it may wait, block) -> what is served.  What may wait is bought by the month: block ""."""
    found: dict[tuple[str, str, str], list[Piece]] = defaultdict(list)
    for deployment, served in e.on_fleet():
        workload = e.workload(served.request_class)
        variant = _on_fleet(workload, deployment) if workload else None
        if variant:
            name = e.classes[served.request_class].workload
            apart = served.request_class if e.may_wait(served.request_class) else ""
            piece = Piece(variant, _score(variant, deployment.precision), served.req_s)
            found[name, apart, served.block].append(piece)
    for purchase in e.plan.apis:
        variant = _at_api(e, purchase) if purchase.workload in e.problem.workloads else None
        if not variant:
            continue
        if e.may_wait(purchase.request_class):
            month = Piece(variant, _score(variant, ""), purchase.requests_month)
            found[purchase.workload, purchase.request_class, ""].append(month)
        for served in purchase.served:
            found[purchase.workload, "", served.block].append(Piece(variant, _score(variant, ""), served.req_s))
    return found


def mean_scores(e: Evidence) -> Finding:
    """What is served of a workload scores on the mean what is asked, in every block."""
    breaches: list[str] = []
    checked = 0
    for (name, apart, block), pieces in _pieces(e).items():
        least = e.problem.workloads[name].mean_quality_at_least
        total = sum(piece.req_s for piece in pieces)
        if least is None or total <= 0:
            continue
        checked += 1
        got = sum((piece.score or 0.0) * piece.req_s for piece in pieces)
        if any(piece.score is None for piece in pieces) or not got >= least * total - SLACK * max(1.0, total):
            when = f"in {block}" if block else "at its API"
            breaches.append(f"{apart or name} scores {got / total:.6g} on the mean {when}, {least:g} is asked")
    return Finding(f"{checked} mean scores (workload in a block) are as asked", breaches)


def model_shares(e: Evidence) -> Finding:
    """No model serves more of a workload than a router may send to it, in any block."""
    breaches: list[str] = []
    checked = 0
    for (name, apart, block), pieces in _pieces(e).items():
        total = sum(piece.req_s for piece in pieces)
        for limited in acceptable(e.problem.workloads[name]):
            if limited.max_share >= 1:
                continue
            checked += 1
            mine = sum(piece.req_s for piece in pieces if piece.model.model == limited.model)
            if not mine <= limited.max_share * total + SLACK * max(1.0, total):
                when = f"in {block}" if block else "at its API"
                figures = f"{mine / total:.6g} of the requests, at most {limited.max_share:g} may be"
                breaches.append(f"{limited.model} serves too much of {apart or name} {when}: {figures}")
    return Finding(f"{checked} shares of models (in a block) are within what a router may send", breaches)


def told_shares(e: Evidence) -> Finding:
    """What the plan says each model serves and scores is what it does."""
    breaches: list[str] = []
    month: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    score: dict[tuple[str, str, str], float | None] = {}
    for deployment, served in e.on_fleet():
        workload = e.workload(served.request_class)
        variant = _on_fleet(workload, deployment) if workload else None
        if variant:
            name = e.classes[served.request_class].workload
            month[name][variant.model, deployment.precision] += e.requests_month(served)
            score[name, variant.model, deployment.precision] = _score(variant, deployment.precision)
    for purchase in e.plan.apis:
        if purchase.workload in e.problem.workloads and (variant := _at_api(e, purchase)):
            month[purchase.workload][variant.model, ""] += purchase.requests_month
            score[purchase.workload, variant.model, ""] = _score(variant, "")
    for plan in e.plan.workloads:
        total = sum(month[plan.name].values())
        for told in plan.models:
            found = month[plan.name][told.model, told.precision] / total if total else 0.0
            if not abs(told.share - found) <= SLACK:
                breaches.append(f"{told.model} is said to serve {told.share:.6g} of {plan.name}, it serves {found:.6g}")
            scores = told.score, score.get((plan.name, told.model, told.precision))
            if scores[0] != scores[1]:
                said = f"is said to score {scores[0]} for {plan.name}, the problem says {scores[1]}"
                breaches.append(f"{told.model} {said}")
        if plan.mean_score is not None and total:
            mean = sum((score[plan.name, *place] or 0.0) * n / total for place, n in month[plan.name].items())
            if differs(plan.mean_score, mean):
                breaches.append(f"{plan.name} is said to score {plan.mean_score:.6g} on the mean, it scores {mean:.6g}")
    return Finding(f"what {len(e.plan.workloads)} workloads get from which model is as told", breaches)
