"""Deployments from the user's own capacity table: nothing is modeled, its rates are used as they are."""

from __future__ import annotations

from planner.candidates import Candidate, Rate
from planner.problem.schema import Problem
from planner.problem.workload import Slo
from planner.traffic.types import Load


def from_capacity_table(problem: Problem, load: Load) -> list[Candidate]:
    """One candidate per GPU of the problem's own capacity table, at the rates given there."""
    given: dict[str, dict[tuple[float, float], float]] = {}
    for row in problem.performance.capacity:
        given.setdefault(row.gpu, {})[row.input_tok, row.output_tok] = row.req_s * problem.performance.efficiency
    out = []
    for gpu, rates in given.items():
        found = {
            k.label: Rate(point=None, req_s=rates[k.request.input_tok, k.request.output_tok])
            for k in load.classes
            if (k.request.input_tok, k.request.output_tok) in rates
        }
        if found:
            name, lane = f"{gpu} as given", Slo()
            out.append(
                Candidate(
                    name=name, deployment=None, gpu=gpu, gpus=1, lane=lane, rates=found, queue=None, slope=1, loss=0
                )
            )
    return out
