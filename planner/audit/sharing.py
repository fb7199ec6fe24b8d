"""Do replicas that share GPUs stand on parts that exist, as the problem allows, and do their GPUs hold them all?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from planner.audit.evidence import Evidence, Finding, above
from planner.deployed import DeploymentPlan
from planner.performance.parts import GpuPart

MOST_TURNS = 4
"""More engines than this do not take turns on one GPU."""


def parts_of_gpus(e: Evidence) -> Finding:
    """Every part of a GPU is one that the problem allows and the catalog has, no larger and no faster."""
    breaches: list[str] = []
    on_parts = [(each, each.part) for each in e.plan.deployments if each.part is not None]
    for deployment, part in on_parts:
        at = f"{deployment.name} on {part.words(deployment.gpu)}"
        if deployment.tp != 1 or deployment.pp != 1:
            breaches.append(f"{at}: parts of GPUs do not work together, tp is {deployment.tp} and pp {deployment.pp}")
        if any(rate.source != "modeled" for rate in deployment.rates):
            breaches.append(f"{at}: a rate is called {deployment.rates[0].source}, but no part has been measured")
        breaches += _cut(e, deployment, part, at) if part.way == "MIG" else _by_turns(e, deployment, part, at)
    return Finding(f"{len(on_parts)} deployments on parts of GPUs stand on parts that exist", breaches)


def _cut(e: Evidence, deployment: DeploymentPlan, part: GpuPart, at: str) -> Iterator[str]:
    if not e.problem.sharing.mig:
        yield f"{at}: GPUs are shared by MIG, which the problem does not allow"
    rows = [row for row in e.catalog.mig if (row.gpu, row.profile) == (deployment.gpu, part.profile)]
    if not any(row.parts == part.parts for row in rows):
        yield f"{at}: the catalog does not split this GPU into {part.parts} of that profile"
        return
    yield from _more_than(
        at,
        (part.compute_share * part.time_share, rows[0].compute_share, "of the TFLOPS"),
        (part.bandwidth_share * part.time_share, rows[0].bandwidth_share, "of the bandwidth"),
        (part.memory_gib, rows[0].memory_gib, "GiB"),
    )


def _by_turns(e: Evidence, deployment: DeploymentPlan, part: GpuPart, at: str) -> Iterator[str]:
    asked = e.problem.sharing
    if not asked.memory:
        yield f"{at}: engines take turns on a GPU, which the problem does not allow"
    if not 2 <= part.parts <= MOST_TURNS:
        yield f"{at}: {part.parts} engines on one GPU, 2 to {MOST_TURNS} may be"
    gpu = e.catalog.gpus.get(deployment.gpu)
    memory_gib = gpu.memory_gib / part.parts if gpu else 0.0
    turn = (1 - asked.time_loss_share) / part.parts
    yield from _more_than(
        at,
        (part.compute_share * part.time_share, turn, "of the TFLOPS"),
        (part.bandwidth_share * part.time_share, turn, "of the bandwidth"),
        (part.time_share, turn, "of the time"),
        (part.memory_gib, memory_gib, "GiB"),
    )


def _more_than(at: str, *figures: tuple[float, float, str]) -> Iterator[str]:
    for said, most, what in figures:
        if above(said, most):
            yield f"{at}: {said:.4g} {what} are relied on, there are {most:.4g}"


def gpus_taken(standing: Iterable[tuple[DeploymentPlan, int]]) -> Counter[int]:
    """GPUs -> how many of that size are taken whole.

    Replicas on parts are put one after the other on GPUs of their own kind of part, a new one when the last is full.
    """
    sizes: Counter[int] = Counter()
    left: Counter[tuple[str, int, str]] = Counter()
    for deployment, replicas in standing:
        part = deployment.part
        if part is None:
            sizes[deployment.tp * deployment.pp] += replicas
            continue
        kind = (part.way, part.parts, part.profile)
        for _ in range(replicas):
            if not left[kind]:
                sizes[1] += 1
                left[kind] = part.parts
            left[kind] -= 1
    return sizes
