"""Data that leaves a provider, tier by tier, where its price changes with the month's volume."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(over=("provider",), unit="GB/month", says="all data that leaves {provider} is in one of its tiers")
def leave_by_tier(inputs: FleetInputs, v: Variables) -> Rows:
    r"""What leaves a provider in the month is priced by its tiers.

    .. math::
        \sum_t v_{pt} = \sum_{g \in p} \sum_{k,c,b} s_{kg}\, H_b\, y_{kcgb} \qquad \forall p

    Every GB is also counted in :math:`e_{kg}` at one straight price per provider, the steepest chord of its cost that
    ends at all that could ever leave; the tiers add what they differ.  Where the hours stand only by what is proved of
    their blocks this row is absent and the difference as low as it could be for any volume: never above the truth.
    The dual is what one more GB leaving the provider costs beside the straight price (USD per GB).
    """
    if v.block_usd:
        return
    for p in inputs.tariffs:
        leaving = [
            inputs.egress_gb_h[k, g] * inputs.block_h[b] * y
            for (k, _, g, b), y in v.served.items()
            if inputs.tariff_of.get((k, g)) == p and (k, g) in inputs.egress_gb_h
        ]
        yield (p,), lpSum(gb for (pp, _), gb in v.sent.items() if pp == p) - lpSum(leaving) == 0


@family(over=("provider", "tier"), unit="GB/month", says="{provider} sells cheaper GB after all those before")
def fill_tiers_in_order(inputs: FleetInputs, v: Variables) -> Rows:
    r"""A tier cheaper than one before it is reached when all before it are full.

    .. math::
        v_{pt} \le W_{pt}\, r_{pt}, \qquad v_{pu} \ge W_{pu}\, r_{pt} \qquad \forall p, t, u < t

    Where prices only rise, such as after a free volume, the cheaper GB are taken first anyway and no row is needed.
    """
    for (p, t), reached in v.reached.items():
        widths = inputs.tariffs[p].tier_gb
        yield (p, str(t)), v.sent[p, t] <= widths[t] * reached
        for u in range(t):
            yield (p, str(t), f"after {u}"), v.sent[p, u] >= widths[u] * reached
