"""Deployments that cannot be told apart from a chosen one: their cost per request lies within both bands.

A ranking of rates that differ by less than their error is none.  What was chosen stays chosen; the plan names the
others, so that a measurement or a negotiation may decide.  Costs are rents per GPU-hour at full use, no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from planner.candidates import Candidate
from planner.deployed import DeploymentPlan
from planner.market import Lot
from planner.plan import Tie
from planner.reduce import Reduced

NAMED = 2
"""So many are named for each deployment, the cheapest first."""


def ties(reduced: Reduced, deployments: tuple[DeploymentPlan, ...]) -> tuple[Tie, ...]:
    """For each deployment that serves, others as good for the class it mostly serves, as far as anyone can tell."""
    usd_gpu_h = cheapest_gpu_h(reduced.lots)
    out: list[Tie] = []
    seen: set[tuple[str, str]] = set()
    for d in deployments:
        mine = reduced.candidates.get(d.name)
        served = {s.request_class: 0.0 for s in d.served}
        for s in d.served:
            served[s.request_class] += s.req_s
        if mine is None or not served or mine.gpu not in usd_gpu_h:
            continue
        main = max(sorted(served), key=lambda k: served[k])
        if main not in mine.rates or mine.rates[main].point is None or (_short(mine), main) in seen:
            continue
        seen.add((_short(mine), main))
        found = []
        for other in reduced.candidates.values():
            tie = None if other.name == mine.name else _tie(mine, other, main, usd_gpu_h)
            if tie is not None:
                found.append(tie)
        out += sorted(found, key=lambda t: t.usd_ratio)[:NAMED]
    return tuple(out)


def cheapest_gpu_h(lots: Mapping[str, Lot]) -> dict[str, float]:
    """The least rent of one GPU-hour of each type among the offers left that any workload may use: no spot [USD/h]."""
    least: dict[str, float] = {}
    for lot in lots.values():
        if lot.existing is None and lot.row.term not in ("spot", "serverless"):
            least[lot.row.gpu] = min(least.get(lot.row.gpu, math.inf), lot.row.usd_h / lot.row.gpus)
    return least


def _tie(mine: Candidate, other: Candidate, main: str, usd_gpu_h: Mapping[str, float]) -> Tie | None:
    rate, theirs = mine.rates[main].point, other.rates.get(main)
    if main in mine.standing and main in other.standing and not other.standing[main].no_worse(mine.standing[main]):
        return None  # it may not serve as much
    if rate is None or theirs is None or theirs.point is None or other.gpu not in usd_gpu_h:
        return None
    if other.deployment == mine.deployment:
        return None  # the same on another lane
    each = usd_gpu_h[mine.gpu] * mine.gpus / rate.req_s
    its = usd_gpu_h[other.gpu] * other.gpus / theirs.point.req_s
    band = math.exp(math.hypot(math.log(rate.high_share), math.log(theirs.point.high_share))) - 1
    if not 1 / (1 + band) <= its / each <= 1 + band:
        return None
    return Tie(deployment=_short(mine), request_class=main, other=_short(other), usd_ratio=its / each, band_share=band)


def _short(c: Candidate) -> str:
    """A deployment in a few words: model, precision, GPUs, engine."""
    d = c.deployment
    if d is None:
        return c.name
    how = f", {d.features.label}" if d.features.label else ""
    return f"{d.model.name} {d.precision} on {d.where} ({d.engine}{how})"
