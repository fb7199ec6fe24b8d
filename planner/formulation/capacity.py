"""What can stand on the machines that run, and what it can carry."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Var, Variables
from planner.inputs import FleetInputs


@family(
    over=("deployment", "group", "block"),
    unit="replicas",
    says="replicas of {deployment} carry what they can in {block}",
)
def within_replica_capacity(inputs: FleetInputs, v: Variables) -> Rows:
    r"""The work given to the replicas of a deployment is no more than they carry at their objective.

    .. math::
        \sum_k \frac{y_{kcgb}}{\alpha_g\, r_{ck}} \le a_c\, n_{cgb} - b_c\, z_{cgb} \qquad \forall c, g, b

    alpha is the share of its time that a spot machine really serves, 1 elsewhere.
    Written in replicas, not requests/s, because requests of different classes do not add up: a replica
    shares its time.  All replicas of a deployment in a group share one queue, so the more there are the
    busier each may be: the line a n - b lies on or below the true curve (`performance.queueing`); the
    audit uses the curve itself.  In the relaxed program z is n / n-bar, the least that `open_before_use` allows.
    """
    for (c, g, b), served in v.served_on.items():
        work = [(1 / inputs.rate_in(c, k, g)) * y for k, y in served]
        waiting = [inputs.queue_loss[c] * v.open[c, g, b]] if (c, g, b) in v.open else []
        replicas = v.replicas[c, g, b]
        slope = inputs.queue_slope[c] - (0.0 if waiting else spread_loss(inputs, c, replicas))
        yield (c, g, b), lpSum(work + waiting) <= slope * replicas


def spread_loss(inputs: FleetInputs, c: str, replicas: Var) -> float:
    """What each replica bears at least of its queue's loss, where opening is not decided [replicas]."""
    return inputs.queue_loss[c] / replicas.upBound if inputs.queue_loss[c] else 0.0


@family(
    over=("deployment", "group", "block"),
    unit="replicas",
    says="{deployment} has no replica in {block} unless it is open",
)
def open_before_use(inputs: FleetInputs, v: Variables) -> Rows:
    r"""A deployment that has any replica pays its queue's loss.

    .. math::
        n_{cgb} \le \bar n_{cgb}\, z_{cgb} \qquad \forall c, g, b

    The bound is the number of replicas that could be kept busy, so nothing is cut off.
    """
    for (c, g, b), z in v.open.items():
        n = v.replicas[c, g, b]
        yield (c, g, b), n <= n.upBound * z


@family(
    over=("workload", "block"),
    unit="replicas",
    says="enough replicas that serve {workload} run in {block}",
    relaxed="run fewer replicas of {workload} in {block}",
)
def keep_replicas_running(inputs: FleetInputs, v: Variables) -> Rows:
    r"""In every block at least so many replicas run that may serve a workload, whether it asks for them or not.

    .. math::
        \sum_{c,g:\ w \text{ may be served}} n_{cgb} \ge R_w \qquad \forall w, b

    The dual is what one replica less would save through block *b* (USD per month).
    """
    for w, least in inputs.min_replicas.items():
        places = serving(inputs, w)
        for b in inputs.block_h if not v.block_usd else ():
            if inputs.week_of.get(b) != inputs.week_of.get(w):
                continue
            yield (w, b), lpSum(n for (c, g, bb), n in v.replicas.items() if bb == b and (c, g) in places) >= least


def serving(inputs: FleetInputs, workload: str) -> frozenset[tuple[str, str]]:
    """(deployment, group) of which replicas may serve a workload."""
    return frozenset(
        (c, g)
        for c, k in inputs.rate_req_s
        if inputs.class_workload[k] == workload
        for g in inputs.deployment_groups.get(c, ())
        if (k, g) in inputs.admitted
    )


def running(inputs: FleetInputs, v: Variables, g: str, b: str) -> tuple[list[Var], int]:
    """Machines of a group that run in a block: the variables, and those already paid for."""
    decided: list[Var] = []
    existing = 0
    for o, offer in inputs.offers.items():
        if offer.group != g:
            continue
        if offer.existing is not None:
            existing += 0 if b in offer.away else offer.existing
        else:
            decided += [v.always[o]] if offer.billing == "always" else [v.hourly[o, b]] if b not in offer.away else []
    return decided, existing


@family(
    over=("split", "group", "block"),
    unit="parts of a GPU",
    says="replicas that take a part fit the {group} GPUs split in {split} during {block}",
)
def within_gpu_parts(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Replicas that take a part of a GPU fit the GPUs that are split that way, of whatever models they are.

    .. math::
        \sum_{c:\, t_c = t} S_c\, n_{cgb} \le x_{tgb} \qquad \forall t, g, b

    S is alike for all that share a way, 1/7 for instance; the row is written in parts.  A GPU is split in one way at
    a time.  The dual is the worth of one more such part through block *b* (USD per month).
    """
    for (t, g, b), gpus in v.split.items():
        taken, parts = on_parts(inputs, v.standing[g, b], t)
        yield (t, g, b), lpSum(taken) <= parts * gpus


def on_parts(inputs: FleetInputs, standing: Iterable[tuple[str, Var]], t: str) -> tuple[list[Var], int]:
    """Replicas that take a part of GPUs split in way t, and how many a GPU holds."""
    mine = [(c, n) for c, n in standing if inputs.split_as.get(c) == t]
    return [n for _, n in mine], max(int(1 / inputs.deployment_gpus[c]) for c, _ in mine)


def on_whole_gpus(
    inputs: FleetInputs, standing: Iterable[tuple[str, Var]], split: Iterable[Var]
) -> list[tuple[int, Var]]:
    """What takes whole GPUs, with its size [GPUs]: replicas, and GPUs that are split."""
    sized = [(size, n) for c, n in standing if not isinstance(size := inputs.deployment_gpus[c], Fraction)]
    return sized + [(1, gpus) for gpus in split]


@family(
    over=("group", "block", "size"),
    unit="replicas of that size",
    says="replicas fit the {group} machines that run in {block}",
)
def within_machine_gpus(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Replicas fit the machines that run, machine by machine.

    .. math::
        \sum_{c:\, S_c \ge s} \frac{S_c}{s}\, n_{cgb} + [s = 1] \sum_t x_{tgb}
        \le \left\lfloor \frac{G_g}{s} \right\rfloor m_{gb} \qquad \forall g, b, s

    A GPU that is split counts as a replica of one GPU.  Exact for replicas of power-of-two sizes on machines of any
    size G: one row for each size s that occurs; where G is a power of two the row of the smallest size implies the
    others.  A replica larger than a machine takes whole ones.
    The dual of the smallest size is the worth of one more machine through block *b* (USD per month).
    """
    for (g, b), standing in v.standing.items():
        decided, existing = running(inputs, v, g, b)
        split = [v.split[t, g, b] for t in v.ways.get((g, b), ())]
        for s, taken, slots in room_rows(inputs.group_gpus[g], on_whole_gpus(inputs, standing, split)):
            yield (g, b, str(s)), lpSum(taken) <= slots * lpSum(decided) + slots * existing


def room_rows(gpus: int, sized: list[tuple[int, Var]]) -> Iterator[tuple[int, list[Any], int]]:
    """For each size that matters on machines of so many GPUs: the size, what is taken of it, and a machine's room."""
    sizes = sorted({min(size, gpus) for size, _ in sized})
    if gpus & (gpus - 1) == 0:
        sizes = sizes[:1]
    for s in sizes:
        slots = gpus // s
        taken = []
        for size, n in sized:
            if size > gpus:
                taken.append(math.ceil(size / gpus) * slots * n)
            elif size >= s:
                taken.append((size // s) * n)
        yield s, taken, slots
