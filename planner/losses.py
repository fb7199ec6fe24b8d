"""Which places may be lost together, and what must then be served by others: a problem's promises as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from planner.catalog.rows import ApiPrice
from planner.inputs import Loss
from planner.market import Lot
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel
from planner.traffic.types import Load
from planner.variants import may_do_all

Apis = Mapping[str, Mapping[str, ApiPrice]]
Sold = Mapping[str, Mapping[str, AcceptableModel]]


def must_survive(problem: Problem, name: str) -> bool:
    """Whether a workload is served on when a machine, a region or a provider is lost."""
    workload = problem.workloads[name]
    if workload.deferrable is not None:
        return False
    slo = workload.slo
    promised = any(limit is not None for limit in (slo.ttft_ms, slo.tpot_ms, slo.e2e_ms))
    return name in problem.resilience.workloads if problem.resilience.workloads else promised


def promised_classes(
    problem: Problem, load: Load, apis: Apis, sold: Sold, lost_apis: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Classes that must be served on by machines: of workloads named, or of all with a latency objective.

    Not those that an API without a rate limit may take over, if the problem lets APIs help; `lost_apis` cannot.
    """
    owner = {k.label: k.workload for k in load.classes}
    helped = set[str]()
    if problem.resilience.apis_may_help and not problem.apis.max_req_s:
        helped = {
            k
            for a, rows in apis.items()
            for k, row in rows.items()
            if a not in lost_apis
            and may_do_all(problem.workloads[owner[k]], sold[owner[k]][row.model])
            and problem.workloads[owner[k]].api_max_share >= 1
        }
    return frozenset(k.label for k in load.classes if must_survive(problem, k.workload) and k.label not in helped)


def losses_of(problem: Problem, load: Load, groups: Mapping[str, Lot], apis: Apis, sold: Sold) -> dict[str, Loss]:
    """Every provider, region and spot pool that must be survived, with what is promised of each class."""
    asked, out = problem.resilience, dict[str, Loss]()

    def loss(gone: Iterable[str], classes: Iterable[str], share: float, apis: frozenset[str] = frozenset()) -> Loss:
        here = frozenset(gone)
        served = {k.label for k in load.classes if any(k.workload in groups[g].workloads for g in here)}
        return Loss(groups=here, apis=apis, kept_share={k: share for k in sorted(classes) if k in served})

    rows = {g: lot.row for g, lot in groups.items()}
    if asked.provider:
        for provider in sorted({row.provider for row in rows.values()}):
            its = frozenset(a for a, sells in apis.items() if any(x.provider == provider for x in sells.values()))
            gone = [g for g, row in rows.items() if row.provider == provider]
            out[provider] = loss(gone, promised_classes(problem, load, apis, sold, its), asked.kept_share, its)
    if asked.region:
        classes = promised_classes(problem, load, apis, sold)
        for place in sorted({(row.provider, row.region) for row in rows.values()}):
            gone = [g for g, row in rows.items() if (row.provider, row.region) == place]
            out[f"{place[0]} {place[1] or '(region not stated)'}"] = loss(gone, classes, asked.kept_share)
    if share := problem.spot.kept_share:
        classes = frozenset(k.label for k in load.classes if may_be_interrupted(problem, k.workload))
        for g, row in rows.items():
            if row.term == "spot":
                pool = f"spot pool {row.provider}/{row.region or '-'}/{row.machine}"
                out[pool] = replace(loss([g], classes, share), taken_back=True)
    return {name: lost for name, lost in out.items() if lost.kept_share}


def may_be_interrupted(problem: Problem, name: str) -> bool:
    """Whether a workload may run on spot and is wanted in its hour."""
    workload = problem.workloads[name]
    return workload.interruptible and workload.deferrable is None
