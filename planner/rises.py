"""What each hour answers for of the starts, where blocks are run one by one: never more than is really started.

Starts link the hours, so no block alone knows them.  But whatever share x of the hours' changes is paid, from 0 to 1,
it comes to no more than all that rises.  So machines pay a rise by block instead (`formulation.rises`), and every
bound holds; it is tight for fleets that rise and fall where the work does.  docs/decisions/0005-start-up-time.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planner.formulation.rises import assemble_rises
from planner.inputs import FleetInputs
from planner.solver import Settings, solve_model


def with_rise(inputs: FleetInputs, settings: Settings) -> FleetInputs:
    """The same problem with the rises of every group, from the work that it could be asked for."""
    if not inputs.start_h:
        return inputs
    known: dict[tuple[tuple[str, float], ...], dict[str, float]] = {}
    rise: dict[tuple[str, str], float] = {}
    serverless = {offer.group for offer in inputs.offers.values() if offer.workers}
    for g in [g for g in inputs.group_gpus if g not in serverless]:
        work = work_of(inputs, g)
        of_block = known.get(key := tuple(work.items()))
        if of_block is None:
            of_block = known[key] = {}
            for week in inputs.weeks():
                model = assemble_rises(week, work)
                solve_model(model.model, settings, relaxed=True)
                of_block |= {b: x.varValue or 0.0 for b, x in model.rise.items()}
        rise |= {(g, b): pi for b, pi in of_block.items()}
    return replace(inputs, rise=rise)


def work_of(inputs: FleetInputs, group: str) -> Mapping[str, float]:
    """GPUs by block that all work admitted to a group would take at the best rate anywhere, deferred work spread
    evenly over its window."""
    best: dict[str, float] = {}
    for (c, k), req_s in inputs.rate_req_s.items():
        best[k] = max(best.get(k, 0.0), req_s / inputs.deployment_gpus[c])
    work = dict.fromkeys(inputs.block_h, 0.0)
    for (k, b), req_s in inputs.demand_req_s.items():
        if (k, group) in inputs.admitted and k in best:
            work[b] += req_s / best[k]
    for window in inputs.windows.values():
        seconds = 3600 * sum(inputs.block_h[b] for b in window.blocks)
        for k, requests in window.requests_month.items():
            if (k, group) in inputs.admitted and k in best:
                for b in window.blocks:
                    work[b] += requests / seconds / best[k]
    return work
