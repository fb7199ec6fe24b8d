"""Serverless workers share the work of their endpoint evenly, so that how long they are billed is known beforehand."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(
    over=("offer", "block", "class"),
    unit="requests/s",
    says="each worker of {offer} serves an equal part of {class} in {block}",
)
def serve_even_parts(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Each worker of a serverless endpoint serves an equal part of all that its workload asks for in a block.

    .. math::
        \sum_c y_{kcgb} = \frac{D_{kb}}{W_{ob}}\, h_{ob} \qquad \forall o, k, b : o \in g, W_{ob} \text{ is given}

    W workers carry all of it.  So what arrives at one worker is known before anything is decided, hence the share phi
    of the block for which it is billed, and the share of requests that meet a cold start (`planner.scaling`).  The
    dual is what it would save to send one request/s less to the workers that run (USD per month).
    """
    for o, offer in inputs.offers.items():
        for b, workers in offer.workers.items():
            if (o, b) not in v.hourly:
                continue
            for k in inputs.class_workload:
                if (k, offer.group) in inputs.admitted and (k, b) in inputs.demand_req_s:
                    here = [y for g, y in v.served_of.get((k, b), ()) if g == offer.group]
                    yield (o, b, k), lpSum(here) == inputs.demand_req_s[k, b] / workers * v.hourly[o, b]
