"""What must still be served when all of a provider, a region or a spot pool is lost."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.capacity import spread_loss
from planner.formulation.family import Rows, family
from planner.formulation.serving import not_served
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(
    over=("loss", "class", "block"),
    unit="requests/s",
    says="what is promised of {class} is served in {block} if {loss} is lost",
    relaxed="let {class} fail in {block} when {loss} is lost",
)
def survive_place_loss(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Should all places of a loss go at once, the others stand ready for what is promised of every class.

    .. math::
        \sum_{c,\, g \notin l} w_{kcgb} + \sum_{a \notin l} p_{kab} \ge \sigma_{lk} D_{kb}
        \qquad \forall l, b,\ k \text{ promised}

    w is how much of a class replicas elsewhere are ready to take, what they serve of it already included.  It is the
    same whichever place is lost, so that a router needs one table; what an API sells goes on.  Where it counts no
    group joins machines of two such places.  The dual is what a promise of one request/s less would save through block
    *b* (USD per month).  Of a fleet that is given and cannot serve all, it is of what is served.
    """
    for loss, lost in inputs.losses.items():
        for k, share in lost.kept_share.items():
            for b in inputs.block_h:
                if (k, b) not in inputs.demand_req_s or v.block_usd:
                    continue
                elsewhere = [w for g, w in v.ready_of.get((k, b), ()) if g not in lost.groups]
                for (kk, a, bb), p in v.api.items():
                    if (kk, bb) == (k, b) and a not in lost.apis | inputs.nobody:
                        elsewhere.append(p)
                served = inputs.demand_req_s[k, b] - lpSum(not_served(inputs, v, [k], b))
                yield (loss, k, b), lpSum(elsewhere) >= share * served


@family(
    over=("deployment", "group", "block"),
    unit="replicas",
    says="replicas of {deployment} stand ready for no more than they can carry in {block}",
)
def ready_within_capacity(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Replicas stand ready for no more than they carry at their objective; work that is not promised gives way.

    .. math::
        \sum_k \frac{w_{kcgb}}{\alpha_g\, r_{ck}} \le a_c\, n_{cgb} - b_c\, z_{cgb} \qquad \forall c, g, b

    These are replicas that run: nothing must be found or started first.  In the relaxed program z is n / n-bar.
    """
    for (c, g, b), ready in v.ready_on.items():
        work = [(1 / inputs.rate_in(c, k, g)) * w for k, w in ready]
        n, loss = v.replicas[c, g, b], inputs.queue_loss[c]
        waiting = [loss * v.open[c, g, b]] if (c, g, b) in v.open else []
        slope = inputs.queue_slope[c] - (0.0 if waiting else spread_loss(inputs, c, n))
        yield (c, g, b), lpSum(work + waiting) <= slope * n
