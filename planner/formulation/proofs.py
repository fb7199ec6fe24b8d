"""What is already proved about a block, said again in the whole program."""

from __future__ import annotations

import math

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(over=("block", "proof"), unit="USD/month", says="{block} costs no less than was proved for it")
def never_cheaper_than_proved(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Running a block costs no less than its own exact program said it must.

    .. math::
        \sum_o \psi_p P_o H_b ((\phi_{ob} + Z \pi_{gb}) h_{ob} - \sum_s x_{sob}) + \psi_p \text{api}_b + \text{egress}_b
        - \sum_k \lambda_{k}\, 3600 H_b \sum_{c,g} y_{kcgb}
        \;\ge\; V_b(\bar m, \lambda) - \sum_o \gamma_{ob}\, (m_o - \bar m_o)^+

    V is the proved least cost of block *b* alone while procurement holds the machines m-bar and deferred work is
    credited at lambda.  More machines can lower it by no more than gamma each: the price at which the same machine
    could have been rented for those hours, or, where it could not, all that V could ever fall; a step more of a spend
    commitment by no more than the rent that it could pay for.  Fewer machines cannot lower it.  Where V is infinite
    (the block cannot be run), some machine more is needed.  Where a provider may be paid a share of the month
    only, V may be proved with what each is paid psi times as dear (`planner.leaning`); and, starts aside, a block
    costs no less than what is paid in it.  Valid for every plan, so it
    cuts none off; it is what makes the program's relaxation strong.
    """
    for b, usd in v.block_usd.items() if v.block_paid and not inputs.start_h else ():
        yield (b, "paid"), usd >= lpSum(paid for (_, bb), paid in v.block_paid.items() if bb == b)
    for i, fact in enumerate(inputs.proved):
        b = fact.block
        if fact.usd_month == math.inf:
            yield (b, str(i)), lpSum(v.beyond[step, fact.steps[step]] for step in fact.gain_usd_month) >= 1
            continue
        terms = [
            fact.factor.get(offer.provider, 1.0) * inputs.rent_usd(o, b) * v.hourly[o, b]
            for o, offer in inputs.offers.items()
            if offer.billing == "hourly" and (o, b) in v.hourly
        ]
        terms += [
            -fact.factor.get(inputs.offers[o].provider, 1.0) * inputs.offers[o].usd_h * inputs.block_h[b] * x
            for (_, o, bb), x in v.covered.items()
            if bb == b
        ]
        terms += [
            fact.factor.get(inputs.provider_of.get(a, ""), 1.0) * usd * inputs.block_h[b] * v.api[k, a, b]
            for (k, a), usd in inputs.api_usd_h.items()
            if (k, a, b) in v.api
        ]
        for (k, g), usd in inputs.egress_usd_h.items():
            terms += [usd * inputs.block_h[b] * y for gg, y in v.served_of.get((k, b), ()) if gg == g]
        for (k, bb), usd in fact.reward_usd_request.items():
            terms += [-usd * 3600 * inputs.block_h[bb] * y for _, y in v.served_of.get((k, bb), ())]
        if b in v.block_usd:
            terms = [v.block_usd[b]]
            terms += [(times - 1) * v.block_paid[p, b] for p, times in fact.factor.items()]
            terms += [-usd * v.deferred[label] for label, usd in fact.reward_usd_request.items()]
        gains = [gain * v.beyond[step, fact.steps[step]] for step, gain in fact.gain_usd_month.items() if gain > 0]
        yield (b, str(i)), lpSum(terms + gains) >= fact.usd_month


@family(over=("step", "machines"), unit="machines", says="machines beyond a proof are counted")
def count_beyond(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Machines beyond those a proof was made for.

    .. math::
        \delta_{on} \le m_o - n\, i_{on}, \qquad \delta_{on} \le \bar m_o\, i_{on}
    """
    for (step, n), over in v.beyond.items():
        machines = v.machines(step)
        label = (step[0], step[1] or "", str(n))
        if n == 0:
            yield label, over <= machines
            continue
        above = v.is_beyond[step, n]
        yield (*label, "over"), over <= machines - n * above
        yield (*label, "most"), over <= machines.upBound * above
