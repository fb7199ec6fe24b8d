"""Which deployments are worth considering, and why the others are not.

A candidate is one way to run one model: precision x KV precision x engine x GPU x parallelism x lane.
A lane is the latency objective that a replica keeps for all it serves, and the features its engine runs with;
a class may ride on any lane at least as tight as its own that runs as its workload allows, at that lane's rate.
Every candidate that is dropped is counted under its reason, so that "no candidate fits" can say what to change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from planner.catalog.load import Catalog
from planner.catalog.rows import Engine
from planner.drops import Drops
from planner.inputs import Gpus
from planner.lanes import allowed_features, at_least_as_tight, lanes_of, most_variable, objective_of
from planner.performance import Performance
from planner.performance.queueing import queue_line
from planner.performance.tails import waiting_room_s
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal
from planner.problem.schema import Problem
from planner.problem.workload import Slo
from planner.sharing import parts_of
from planner.traffic.types import Load, RequestClass
from planner.variants import Standing, accepted_variants, standings

TENSOR_PARALLEL = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one replica serves of one class, and what of that is relied on."""

    point: OperatingPoint | None  # None: given by the problem's capacity table
    req_s: float  # relied on: estimate x derate


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOf:
    """The queue that replicas of a candidate share, as the mean of the classes the lane is for."""

    slots: int
    service_s: float
    wait_s: float
    percentile_share: float
    variability: float  # mean of arrivals' and answers', 1 being Poisson and geometric


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A deployment with its lane and its rates."""

    name: str
    deployment: Deployment | None  # None: a row of the problem's capacity table
    gpu: str
    gpus: Gpus  # GPUs per replica
    lane: Slo
    rates: Mapping[str, Rate]  # by class label
    queue: QueueOf | None
    slope: float
    loss: float
    standing: Mapping[str, Standing] = field(default_factory=dict)  # by class, where the blend of models matters

    @property
    def split(self) -> str:
        """How the GPU is split that it takes a part of; empty where it takes whole ones."""
        return self.deployment.part.split if self.deployment and self.deployment.part else ""


def enumerate_candidates(
    problem: Problem,
    load: Load,
    catalog: Catalog,
    performance: Performance,
    machines: Mapping[str, int],
    drops: Drops,
) -> list[Candidate]:
    """All deployments that serve at least the class their lane is for, dominated ones among them.

    `machines` says which GPU types may be bought for anything, and the largest machine of each [GPUs].
    """
    classes = {name: [k for k in load.classes if k.workload == name] for name in problem.workloads}
    objectives = {name: objective_of(w.slo) for name, w in problem.workloads.items()}
    allowed = {name: allowed_features(w.features) for name, w in problem.workloads.items()}
    lanes = lanes_of(problem.workloads)
    peak = peak_req_s(load)
    arrive = {k.label: load.arrival_variability[k.workload] for k in load.classes}
    supported: dict[tuple[str, str], Engine] = {(row.engine, row.vendor): row for row in catalog.engines}
    variants = accepted_variants(problem, catalog, drops)
    first: dict[tuple[str, str], str] = {}
    for variant in variants:
        first.setdefault((variant.card.name, variant.precision), variant.engine)
    out = []
    for variant in variants:
        for gpu_name, largest in machines.items():
            gpu = catalog.gpus[gpu_name]
            row = supported.get((variant.engine, gpu.vendor))
            if row is None or variant.precision not in row.precisions.split("|"):
                drops.add("precision not in this engine", f"{variant.engine} on {gpu.vendor}", 1)
                continue
            if variant.kv_precision not in row.kv_precisions.split("|"):
                drops.add("KV precision not in this engine", f"{variant.engine} on {gpu.vendor}", 1)
                continue
            if variant.engine != first[variant.card.name, variant.precision] and not performance.tells_engine(
                variant.card, gpu, variant.precision, variant.engine
            ):
                drops.add("no measured row of this engine: the first engine accepted stands for it")
                continue
            parts = parts_of(problem.sharing, gpu, catalog.mig)
            for tp, part in [*((tp, None) for tp in TENSOR_PARALLEL), *((1, part) for part in parts)]:
                if tp > largest:
                    drops.add("no machine sold with so many GPUs")
                    continue
                if variant.card.heads % tp:
                    drops.add("attention heads do not divide by it")
                    continue
                deployment = Deployment(
                    model=variant.card,
                    precision=variant.precision,
                    kv_precision=variant.kv_precision,
                    engine=variant.engine,
                    gpu=gpu,
                    tp=tp,
                    part=part,
                )
                for (lane, features), owners in lanes.items():
                    own = [w for w in owners if w in variant.workloads]
                    if not own:
                        continue
                    alike = (w for w in variant.workloads if features in allowed[w])
                    mine = [w for w in alike if at_least_as_tight(lane, objectives[w])]
                    riders = [(k, objectives[w]) for w in mine for k in classes[w]]
                    run = replace(deployment, features=features)
                    found = candidate(problem, run, lane, riders, own, performance, peak, arrive, drops)
                    if found is not None and variant.private:
                        found = replace(found, name=f"{variant.private} on {found.name}")
                    if found is not None:
                        out.append(found)
    return out


def peak_req_s(load: Load) -> dict[str, float]:
    """The highest planning rate of each class; for deferrable work its mean over its window."""
    peak: dict[str, float] = {}
    for (k, _), rate in load.planning_req_s.items():
        peak[k] = max(peak.get(k, 0.0), rate)
    month_h = {b.label: b.month_h for b in load.blocks}
    for window in load.windows:
        hours = sum(month_h[b] for b in window.blocks)
        for k, requests in window.requests_month.items():
            peak[k] = max(peak.get(k, 0.0), requests / (3600 * hours))
    return peak


def candidate(
    problem: Problem,
    deployment: Deployment,
    lane: Objective,
    riders: Iterable[tuple[RequestClass, Objective]],
    own: list[str],
    performance: Performance,
    peak: Mapping[str, float],
    arrive: Mapping[str, float],
    drops: Drops,
) -> Candidate | None:
    """One deployment on one lane; None, with the reason counted, if it serves none of the lane's own classes."""
    rates: dict[str, Rate] = {}
    room_s: dict[str, float] = {}
    own_points: list[tuple[str, OperatingPoint]] = []
    refused: Refusal | None = None
    for k, objective in riders:
        point = performance.operating_point(deployment, k.request, lane)
        if isinstance(point, Refusal):
            if k.workload in own and (refused is None or point.shortfall < refused.shortfall):
                refused = point
            continue
        rates[k.label] = Rate(point=point, req_s=point.req_s * relied_share(problem, point))
        room_s[k.label] = waiting_room_s(point, objective)
        if k.workload in own:
            own_points.append((k.label, point))
    if not own_points:
        if refused is not None:
            drops.add(refused.reason, refused.nearest, refused.shortfall)
        return None
    work = {k: max(peak.get(k, 0.0), 1e-12) / rates[k].req_s for k, _ in own_points}
    total = sum(work.values())
    most = most_variable(max(arrive[k] for k, _ in own_points), [arrive[k] for k in rates])
    slots = sum(work[k] / total * p.concurrency for k, p in own_points)
    queue = QueueOf(
        slots=1 if deployment.features.batching == "static" else max(1, math.floor(slots)),
        service_s=sum(work[k] / total * p.service_s for k, p in own_points),
        wait_s=min(waiting_room_s(p, lane) for _, p in own_points),
        percentile_share=lane.percentile_share,
        variability=(1 + most) / 2,
    )
    # A longer request may ride along only if it can wait as long as the queue lets it.
    rates = {k: r for k, r in rates.items() if room_s[k] >= queue.wait_s - 1e-9 and arrive[k] <= most}
    slope, loss = queue_line(
        queue.slots, queue.service_s, queue.wait_s, queue.percentile_share, max(1.0, total / 2), queue.variability
    )
    if slope <= 0:
        drops.add("no time left to wait for a slot")
        return None
    d, slo = deployment, problem.workloads[own[0]].slo
    owner = {k.label: k.workload for k, _ in riders if k.label in rates}
    standing = standings(problem.workloads, owner, d.model.name, d.precision)
    how = f" with {d.features.label}" if d.features.label else ""
    where = f"on {d.where}" if d.part else f"{d.gpu.name} tp{d.tp}"
    name = f"{d.model.name} {d.precision} kv-{d.kv_precision} {d.engine} {where}{how} for {'+'.join(own)}"
    return Candidate(
        name=name, deployment=d, gpu=d.gpu.name, gpus=Fraction(1, d.part.parts) if d.part else d.gpus, lane=slo,
        rates=rates, queue=queue, slope=slope, loss=loss, standing=standing,
    )  # fmt: skip


def relied_share(problem: Problem, point: OperatingPoint) -> float:
    """The share of an estimate relied on: the problem's own for that source, else the band's low end; less upkeep."""
    stated = getattr(problem.performance, f"derate_{point.source}")
    share = (point.low_share if stated is None else float(stated)) * problem.performance.efficiency
    return share * (1 - problem.resilience.maintenance_share)


def stands_for(d: Candidate, c: Candidate, each: int) -> bool:
    """Whether `each` replicas of d carry all that one of c does, however many there are and whatever is asked.

    With rates at least `ratio` times those of c, work w of c is at most w / ratio of d; the two lines of usable load
    are straight in the number of replicas, so it is enough that d's is no lower at one and no flatter.  Where the blend
    of models matters, d's must be worth as much.  Parts of a GPU stand only for parts of the same kind: what c leaves
    of its GPU others use, and whole GPUs stay a choice, being simpler to run and better known.
    """
    if d.split not in ("", c.split):
        return False
    if each < 1 or not all(d.standing[k].no_worse(c.standing[k]) for k in c.rates if k in c.standing):
        return False
    ratio = min(d.rates[k].req_s / c.rates[k].req_s for k in c.rates)
    no_flatter = d.slope * each >= c.slope / ratio - 1e-9
    return no_flatter and d.slope * each - d.loss >= (c.slope - c.loss) / ratio - 1e-9


def prune_dominated(candidates: list[Candidate], drops: Drops) -> list[Candidate]:
    """Drop a candidate that another of the same GPU, no larger, beats per GPU in every class it serves.

    Safe: its replicas can be replaced by those of the other on the same machines, class by class.
    """
    kept: list[Candidate] = []
    for i, c in enumerate(candidates):
        for j, d in enumerate(candidates):
            if i == j or c.gpu != d.gpu or d.gpus > c.gpus or not c.rates.keys() <= d.rates.keys():
                continue
            if not stands_for(d, c, c.gpus // d.gpus):
                continue
            if j > i and d.gpus == c.gpus and c.rates.keys() == d.rates.keys() and stands_for(c, d, 1):
                continue
            drops.add("another deployment on the same GPU is at least as good for all it serves")
            break
        else:
            kept.append(c)
    return kept


def outdoes_parts(d: Candidate, c: Candidate) -> bool:
    """Whether one replica of d on a whole GPU carries all that a GPU split for c does, however many there are.

    As in `stands_for`, with the parts of a GPU together in place of one replica.  Where several such c share a GPU, the
    lines add up below d's too: each has its own queue to lose by.
    """
    if d.split or d.gpus != 1 or c.gpu != d.gpu or not c.rates.keys() <= d.rates.keys():
        return False
    if not all(d.standing[k].no_worse(c.standing[k]) for k in c.rates if k in c.standing):
        return False
    ratio, parts = min(d.rates[k].req_s / c.rates[k].req_s for k in c.rates), int(1 / c.gpus)
    return d.slope >= c.slope * parts / ratio - 1e-9 and d.slope - d.loss >= (c.slope * parts - c.loss) / ratio - 1e-9


def prune_parts(candidates: list[Candidate], apart: frozenset[str], drops: Drops) -> list[Candidate]:
    """Drop the parts of a GPU split in some way where one deployment on the whole GPU outdoes whatever may share it.

    Parts are for different models on one GPU.  `apart` are classes of which two replicas or more must run: a GPU in two
    parts counts as two.
    """
    ways: dict[tuple[str, str], list[Candidate]] = {}
    for c in candidates:
        if c.split:
            ways.setdefault((c.gpu, c.split), []).append(c)
    outdone = {
        way
        for way, several in ways.items()
        if not any(apart & c.rates.keys() for c in several)
        and any(all(outdoes_parts(d, c) for c in several) for d in candidates)
    }
    kept = [c for c in candidates if not c.split or (c.gpu, c.split) not in outdone]
    for _ in range(len(candidates) - len(kept)):
        drops.add("one deployment on the whole GPU is at least as good as all that may share it")
    return kept
