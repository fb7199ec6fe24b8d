"""What a promise of spend pays for, and what is sold in lots only."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(over=("promise", "block"), unit="USD/h", says="{promise} pays for no more in {block} than is promised")
def covered_by_spend(inputs: FleetInputs, v: Variables) -> Rows:
    r"""What a spend commitment covers, at its own rates, is no more than the USD an hour that are promised.

    .. math::
        \sum_o \rho_{so}\, x_{sob} \le P_s\, m_s \qquad \forall s, b

    The promise is paid in every hour, used or not (`commitments`); what it covers costs nothing more (`covered_rent`),
    the rest is paid on demand.  A machine may be covered in part: the promise is taken off the bill hour by hour.
    The dual is what one more USD an hour, in block *b* alone, would save (USD per month).
    """
    for s, offer in inputs.offers.items():
        for b in inputs.block_h if offer.covers else ():
            paid = [usd_h * v.covered[s, o, b] for o, usd_h in offer.covers.items() if (s, o, b) in v.covered]
            if paid:
                promised = offer.existing if offer.existing is not None else v.always[s]
                yield (s, b), lpSum(paid) <= offer.usd_h * promised


@family(over=("offer", "block"), unit="machines", says="only {offer} machines that run in {block} are covered")
def cover_what_runs(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Spend commitments pay for machines that run, each hour once.

    .. math::
        \sum_s x_{sob} \le h_{ob} \qquad \forall o, b

    The dual is what one machine more to cover through block *b* would save (USD per month).
    """
    promises: dict[tuple[str, str], list[object]] = {}
    for (_, o, b), x in v.covered.items():
        promises.setdefault((o, b), []).append(x)
    for (o, b), covered in promises.items():
        yield (o, b), lpSum(covered) <= v.hourly[o, b]


@family(over=("offer",), unit="machines", says="{offer} is bought in whole lots", relaxed="sell {offer} singly")
def whole_lots(inputs: FleetInputs, v: Variables) -> Rows:
    r"""What is sold by the pod is bought by the pod.

    .. math::
        m_o = M_o\, l_o \qquad \forall o : M_o > 1
    """
    for o, lots in v.lots.items():
        yield (o,), v.always[o] == inputs.offers[o].multiple_of * lots
