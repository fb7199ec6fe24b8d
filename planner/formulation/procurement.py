"""What a buyer may sign: quotas, minimum orders, rental periods, cash, budget, fixed costs."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.costs import every_cost
from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables, most_machines
from planner.inputs import FleetInputs


@family(
    over=("quota", "block"),
    unit="GPUs, machines or vCPUs",
    says="{quota} is kept during {block}",
    relaxed="raise {quota}",
)
def within_quota(inputs: FleetInputs, v: Variables) -> Rows:
    r"""No more runs at once than a quota allows, commitments and existing machines included.

    .. math::
        \sum_o q_o (m_o + h_{ob}) \le L_q \qquad \forall q, b

    The dual is what one more GPU, machine or vCPU of quota would save through block *b* (USD per month).
    """
    for q, quota in inputs.quotas.items():
        always, there = [], []
        for o, weight in quota.weight.items():
            offer = inputs.offers[o]
            if offer.existing is not None:
                there.append((weight * offer.existing, offer.away))
            elif offer.billing == "always":
                always.append(weight * v.always[o])
        for b in inputs.block_h:
            by_hour = [weight * v.hourly[o, b] for o, weight in quota.weight.items() if (o, b) in v.hourly]
            if always or by_hour:
                room = quota.limit - sum(n for n, away in there if b not in away)
                yield (q, b), lpSum(always + by_hour) <= room


@family(over=("order",), unit="machines", says="{order} is placed whole or not at all", relaxed="waive {order}")
def minimum_order(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Together none, or at least the minimum.

    .. math::
        \sum_{o \in O_m} m_o \ge M_m\, u_m, \qquad m_o \le \bar m_o\, u_m \qquad \forall m, o \in O_m
    """
    for m, order in inputs.minimum_orders.items():
        yield (m,), lpSum(v.always[o] for o in order.offers) >= order.machines * v.orders[m]
        for o in order.offers:
            yield (m, o), v.always[o] <= v.always[o].upBound * v.orders[m]


@family(over=("offer", "block"), unit="machines", says="{offer} is rented for its minimum time", relaxed=None)
def minimum_rental(inputs: FleetInputs, v: Variables) -> Rows:
    r"""A machine once started runs on for its minimum rental; the week follows itself.

    .. math::
        s_{oh} \ge h_{oh} - h_{o,h-1}, \qquad \sum_{i=0}^{R_o - 1} s_{o,h-i} \le h_{oh} \qquad \forall o, h
    """
    for o, offer in inputs.offers.items():
        if offer.existing is not None or offer.billing != "stretch":
            continue
        hours = [b for b in inputs.block_h if b not in offer.away]
        for i, b in enumerate(hours):
            yield (o, b, "start"), v.started[o, b] >= v.hourly[o, b] - v.hourly[o, hours[i - 1]]
            recent = [v.started[o, hours[(i - j) % len(hours)]] for j in range(min(offer.minimum_rental_h, len(hours)))]
            yield (o, b, "run on"), lpSum(recent) <= v.hourly[o, b]


@family(
    over=(),
    unit="USD",
    says="upfront payments stay within the cash allowed",
    relaxed="allow more upfront cash",
)
def within_upfront_cash(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Upfront payments stay within the cash allowed.

    .. math::
        \sum_o F_o\, m_o \le F
    """
    paid = [
        offer.upfront_usd * v.always[o] for o, offer in inputs.offers.items() if o in v.always and offer.upfront_usd
    ]
    if inputs.max_upfront_usd is not None and paid:
        yield (), lpSum(paid) <= inputs.max_upfront_usd


@family(over=(), unit="USD/month", says="the budget is kept", relaxed="raise the budget")
def within_budget(inputs: FleetInputs, v: Variables) -> Rows:
    r"""All costs together stay within the budget.

    .. math::
        \text{cost} \le C

    The budget is on the very sum that is minimized: where it binds, it is what stands in the way.
    """
    if inputs.budget_usd_month is not None:
        yield (
            (),
            lpSum(coefficient * variable for coefficient, variable in every_cost(inputs, v)) <= inputs.budget_usd_month,
        )


@family(
    over=("provider",),
    unit="machines",
    says="{provider} is paid its fixed cost once anything is bought from it",
)
def use_before_buying(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Nothing is bought from a provider that is not used.

    .. math::
        m_o \le \bar m_o\, u_p, \qquad h_{ob} \le \bar m_o\, u_p \qquad \forall o \in p, b
    """
    most = {g: most_machines(inputs, g) for g in {offer.group for offer in inputs.offers.values()}} if v.uses else {}
    for o, offer in inputs.offers.items():
        if offer.provider not in v.uses:
            continue
        used = v.uses[offer.provider]
        if o in v.always:
            yield (o, "always"), v.always[o] <= v.always[o].upBound * used
        for b in inputs.block_h:
            if (o, b) in v.hourly:
                yield (o, b), v.hourly[o, b] <= most[offer.group] * used


@family(
    over=("group", "block"),
    unit="replicas",
    says="nothing stands on a machine unless the fleet is run at all",
)
def self_host_before_use(inputs: FleetInputs, v: Variables) -> Rows:
    r"""The cost of running a fleet of one's own is paid once anything stands on a machine.

    .. math::
        n_{cgb} \le \bar n_{cgb}\, e \qquad \forall c, g, b
    """
    if v.self_hosts is not None:
        for label, n in v.replicas.items():
            yield label, n <= n.upBound * v.self_hosts
