"""What must still be served when a machine is lost."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.capacity import on_parts, on_whole_gpus, room_rows, running, spread_loss
from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(
    over=("deployment", "group", "block"),
    unit="replicas",
    says="what is promised of the work of {deployment} in {block} is kept when a machine fails",
)
def keep_enough_replicas(inputs: FleetInputs, v: Variables) -> Rows:
    r"""The replicas that survive carry the promised share of what may not fail.

    .. math::
        \sigma \sum_{k \in K'} \frac{y_{kcgb}}{\alpha_g\, r_{ck}} \le a_c\, n'_{cgb} - b_c\, z_{cgb},
        \qquad n'_{cgb} \le n_{cgb} \qquad \forall c, g, b

    K' are the classes that must survive and sigma the promised share; work that may wait gives way.  Where a deployment
    serves no other work and all of it is promised, n' is n and there is no row.  In the relaxed program z is n / n-bar.
    """
    for (c, g, b), kept in v.kept.items():
        n = v.replicas[c, g, b]
        if kept is n:
            continue
        work = [
            inputs.kept_share / inputs.rate_in(c, k, g) * y for k, y in v.served_on[c, g, b] if k in inputs.protected
        ]
        is_open = v.open.get((c, g, b))
        waiting = spread_loss(inputs, c, n) * n if is_open is None else inputs.queue_loss[c] * is_open
        yield (c, g, b, "work"), lpSum(work) + waiting <= inputs.queue_slope[c] * kept
        yield (c, g, b, "there"), kept <= n


@family(
    over=("group", "block", "size"),
    unit="replicas of that size",
    says="what must survive fits the {group} machines of {block} with one of them lost",
    relaxed="let {group} go on in {block} without a spare machine",
)
def survive_machine_loss(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Surviving replicas fit the machines that run in their group, less one.

    .. math::
        \sum_{c:\, S_c \ge s} \frac{S_c}{s}\, n'_{cgb} + [s = 1] \sum_t x'_{tgb}
        \le \left\lfloor \frac{G_g}{s} \right\rfloor (m_{gb} - u_{gb}), \qquad
        \sum_{c:\, t_c = t} S_c\, n'_{cgb} \le x'_{tgb}, \qquad n'_{cgb} \le \bar n_{cgb}\, u_{gb}
        \qquad \forall g, b, s, t

    x' are the GPUs that are split for what survives.  u is 1 where anything in the group must survive.  Replicas of
    the lost machine are started again on the others; each group keeps its own spare, so that no traffic has to move to
    another kind of machine, and the spare may do work that can wait.  The dual is what one machine less of spare would
    save through block *b* (USD per month).
    """
    for (g, b), spare in v.spare.items():
        standing = [(c, kept) for (c, gg, bb), kept in v.kept.items() if (gg, bb) == (g, b)]
        decided, existing = running(inputs, v, g, b)
        split = {t: v.kept_split[t, g, b] for t in v.ways.get((g, b), ()) if (t, g, b) in v.kept_split}
        for s, taken, slots in room_rows(inputs.group_gpus[g], on_whole_gpus(inputs, standing, split.values())):
            yield (g, b, str(s)), lpSum(taken) <= slots * lpSum(decided) + slots * existing - slots * spare
        for t, gpus in split.items():
            surviving, parts = on_parts(inputs, standing, t)
            yield (g, b, t), lpSum(surviving) <= parts * gpus
        for c, kept in standing:
            yield (g, b, c), kept <= kept.upBound * spare
