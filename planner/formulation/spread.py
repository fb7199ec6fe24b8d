"""How much hangs on one provider, and how few kinds of everything are used."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Var, Variables, most_machines
from planner.inputs import FleetInputs


@family(
    over=("workload", "provider", "block"),
    unit="requests/s",
    says="{provider} serves at most its share of {workload} during {block}",
    relaxed="let {provider} serve more of {workload} during {block}",
)
def within_provider_share(inputs: FleetInputs, v: Variables) -> Rows:
    r"""One provider serves at most a share of a workload, with its machines and its API, in every block.

    .. math::
        \sum_{k \in w} \Big( \sum_{c,\, g \in p} y_{kcgb} + \sum_{a \in p} p_{kab} \Big) \le
        \kappa_w \sum_{k \in w} D_{kb} \qquad \forall w, p, b

    Where it counts no group joins machines of two providers.  The dual is what one more request/s on the provider would
    save through block *b* (USD per month).
    """
    for w, share in inputs.provider_max_share.items():
        classes = [k for k, owner in inputs.class_workload.items() if owner == w]
        for b in inputs.block_h:
            demand = sum(inputs.demand_req_s.get((k, b), 0) for k in classes)
            of: dict[str, list[Var]] = {}
            for k in classes:
                for g, y in v.served_of.get((k, b), ()):
                    of.setdefault(inputs.provider_of[g], []).append(y)
            for (k, a, bb), p in v.api.items():
                if k in classes and bb == b:
                    of.setdefault(inputs.provider_of[a], []).append(p)
            for provider, served in of.items():
                yield (w, provider, b), lpSum(served) <= share * demand


@family(over=("limit",), unit="kinds", says="no more kinds are used than {limit} allows", relaxed="raise {limit}")
def within_few_kinds(inputs: FleetInputs, v: Variables) -> Rows:
    r"""At most so many providers, regions, GPU types or deployments are used at all, in any hour of the month.

    .. math::
        \sum_i x_{fi} \le M_f, \qquad m_o \le \bar m_o\, x_{fi}, \quad h_{ob} \le \bar m_o\, x_{fi}, \quad
        n_{cgb} \le \bar n_{cgb}\, x_{fi} \qquad \forall f,\ o, c \in i,\ b

    What is already paid for is of a kind that is used.
    """
    most = {g: most_machines(inputs, g) for g in {x.group for x in inputs.offers.values()}} if inputs.few_kinds else {}
    for f, few in inputs.few_kinds.items():
        yield (f,), lpSum(x for (ff, _), x in v.of_kind.items() if ff == f) <= few.most
        for o, machines in v.always.items():
            if o in few.kind:
                yield (f, o), machines <= machines.upBound * v.of_kind[f, few.kind[o]]
        for (o, b), machines in v.hourly.items():
            if o in few.kind:
                yield (f, o, b), machines <= most[inputs.offers[o].group] * v.of_kind[f, few.kind[o]]
        for (c, g, b), n in v.replicas.items():
            if c in few.kind:
                yield (f, c, g, b), n <= n.upBound * v.of_kind[f, few.kind[c]]
