"""How much deferred work a block is asked for while a plan is sought; proofs ask for all of it."""

from __future__ import annotations

import math

from planner.inputs import FleetInputs


def paces(inputs: FleetInputs) -> dict[tuple[str, str], float]:
    """Deferred requests/month that a block is asked for while a plan is sought, by (class, block).

    Twice the even pace of its window, or what one machine of the cheapest kind does if that is more: hours that cost
    the same need not do the whole night's work at once.
    """
    best: dict[str, tuple[float, float]] = {}
    for c, groups in inputs.deployment_groups.items():
        for offer in inputs.offers.values():
            if offer.existing is not None or offer.group not in groups:
                continue
            replicas = inputs.group_gpus[offer.group] // inputs.deployment_gpus[c]
            for k in inputs.class_workload:
                if replicas and (c, k) in inputs.rate_req_s and (k, offer.group) in inputs.admitted:
                    full = replicas * inputs.rate_in(c, k, offer.group) * inputs.queue_slope[c]
                    best[k] = min(best.get(k, (math.inf, 0.0)), (offer.usd_h / full, full))
    out = {}
    for window in inputs.windows.values():
        hours = sum(inputs.block_h[b] for b in window.blocks)
        for k, requests in window.requests_month.items():
            for b in window.blocks:
                even = requests * inputs.block_h[b] / hours
                out[k, b] = max(2 * even, best.get(k, (0.0, 0.0))[1] * 3600 * inputs.block_h[b])
    return out
