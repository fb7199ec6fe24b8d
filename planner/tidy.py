"""Among ways to run the hours that cost the same, choose the one a person would: few deployments, the same all week.

Machines, API tokens and all work done are held; only what stands on the machines is chosen again.
Nothing gets dearer, and nothing is proved here.
"""

from __future__ import annotations

import time
from dataclasses import replace

from planner.formulation import assemble
from planner.inputs import Blend, FleetInputs, Loss
from planner.runs import read_run
from planner.solution import BlockRun, Ended, Solution
from planner.solver import Settings, solve_model, tells_bound

TIME_PER_BLOCK_S = 1.0
TIME_S = 5.0
"""Tidying ends here; what is not tidied stays as it was."""
UNUSED_WEIGHT = 3.0
"""How much less a deployment that the plan hardly uses is wanted than the one it uses most."""


def tidy(inputs: FleetInputs, solution: Solution, settings: Settings) -> Solution:
    """The same plan with fewer and steadier deployments."""
    if not solution.runs or not tells_bound(settings.solver):
        return solution
    used: dict[str, float] = dict.fromkeys(inputs.deployment_gpus, 0.0)
    for run in solution.runs:
        for (c, _), n in run.replicas.items():
            used[c] += n * inputs.deployment_gpus[c] * run.week_h
    most = max(used.values(), default=0.0) or 1.0
    weights = {c: 1.0 + (UNUSED_WEIGHT - 1.0) * (1.0 - u / most) for c, u in used.items()}

    def again(run: BlockRun) -> BlockRun:
        if any(inputs.offers[o].workers for o in run.hourly):
            return run  # what each of them serves is settled
        program = held(inputs, run, solution, weights)
        if not program.demand_req_s or any(k not in served_classes(run) for k, _, _ in run.ready):
            return run
        model = assemble(program)
        answer = solve_model(model, replace(settings, gap=0.02, time_limit_s=TIME_PER_BLOCK_S))
        if answer.ended not in (Ended.OPTIMAL, Ended.FEASIBLE):
            return run
        tidied = read_run(program, model.variables, run.block)
        better = replace(run, replicas=tidied.replicas, served=tidied.served, ready=tidied.ready)
        return run if dearer(inputs, run, better) or leans_too_much(inputs, better) else better

    end = time.monotonic() + TIME_S
    return replace(solution, runs=tuple(again(run) if time.monotonic() < end else run for run in solution.runs))


def dearer(inputs: FleetInputs, run: BlockRun, tidied: BlockRun) -> bool:
    """Whether the tidied run may pay more egress; machines and API tokens are the same.

    Where a provider's price changes with the month's volume, as much must leave it as before.
    """

    def egress_usd_h(r: BlockRun) -> float:
        return sum(inputs.egress_usd_h.get((k, g), 0.0) * y for (k, _, g), y in r.served.items())

    def gb_h(r: BlockRun, provider: str) -> float:
        here = (label for label in r.served if inputs.tariff_of.get((label[0], label[2])) == provider)
        return sum(inputs.egress_gb_h.get((k, g), 0.0) * r.served[k, c, g] for k, c, g in here)

    if any(abs(gb_h(tidied, p) - gb_h(run, p)) > 1e-9 for p in inputs.tariffs):
        return True
    return egress_usd_h(tidied) > egress_usd_h(run) + 1e-9


def leans_too_much(inputs: FleetInputs, run: BlockRun) -> bool:
    """Whether a provider serves more of a workload than its share, API included."""
    of: dict[tuple[str, str], float] = {}
    total: dict[str, float] = {}
    parts = [(k, g, y) for (k, _, g), y in run.served.items()] + [(k, a, y) for (k, a), y in run.api.items()]
    for k, where, y in parts if inputs.provider_max_share else ():
        w = inputs.class_workload[k]
        of[w, inputs.provider_of[where]] = of.get((w, inputs.provider_of[where]), 0.0) + y
        total[w] = total.get(w, 0.0) + y
    return any(y > inputs.provider_max_share.get(w, 1.0) * total[w] + 1e-7 for (w, _), y in of.items())


def held(inputs: FleetInputs, run: BlockRun, solution: Solution, weights: dict[str, float]) -> FleetInputs:
    """The program of a run with its machines given and its work fixed."""
    machines = {**solution.always, **run.hourly}
    few = any(c in limit.kind for limit in inputs.few_kinds.values() for c in inputs.deployment_gpus)
    used = {c for each in solution.runs for c, _ in each.replicas}
    work: dict[tuple[str, str], float] = {}
    for (k, _, _), y in run.served.items():
        work[k, run.block] = work.get((k, run.block), 0.0) + y
    return replace(
        inputs.one_block(run.block),
        offers={
            o: replace(offer, existing=machines[o], max_machines=None)
            for o, offer in inputs.offers.items()
            if machines.get(o)
        },
        demand_req_s=work,
        api_usd_h={},
        api_max_req_s={},
        blends={label: as_it_is(blend, run) for label, blend in inputs.blends.items()},
        losses={name: as_much(inputs, lost, run, work) for name, lost in inputs.losses.items()},
        quotas={},
        deployment_groups={c: groups for c, groups in inputs.deployment_groups.items() if not few or c in used},
        preference=weights,
    )


def served_classes(run: BlockRun) -> set[str]:
    """Classes that machines serve in a run."""
    return {k for k, _, _ in run.served}


def as_much(inputs: FleetInputs, lost: Loss, run: BlockRun, work: dict[tuple[str, str], float]) -> Loss:
    """The loss with shares of what the fleet serves in a run, where APIs that go on serve the rest."""
    kept = {}
    for k, share in lost.kept_share.items():
        goes_on = sum(x for (kk, a), x in run.api.items() if kk == k and a not in lost.apis)
        asked = share * inputs.demand_req_s.get((k, run.block), 0.0) - goes_on
        if asked > 0 and (k, run.block) in work:
            kept[k] = asked / work[k, run.block]
    return replace(lost, kept_share=kept)


def as_it_is(blend: Blend, run: BlockRun) -> Blend:
    """The blend that what the fleet serves in a run keeps already, where APIs serve the rest."""
    if not any(k in blend.classes for k, _ in run.api):
        return blend
    parts = [((k, c), y) for (k, c, _), y in run.served.items() if k in blend.classes]
    total = sum(y for _, y in parts)
    if not total:
        return blend
    mean = sum(blend.score[place] * y for place, y in parts) / total
    on = {j: sum(y for place, y in parts if blend.model.get(place) == j) for j in blend.max_share}
    return replace(
        blend,
        mean_score=None if blend.mean_score is None else mean,
        max_share={j: y / total for j, y in on.items()},
    )
