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


@family(
    over=("provider",),
    unit="USD/month",
    says="{provider} is paid at most its share of the month",
    relaxed="pay {provider} a larger share",
)
def within_provider_spend(inputs: FleetInputs, v: Variables) -> Rows:
    r"""One provider is paid at most a share of all that machines, promises of spend and tokens cost in the month.

    .. math::
        S_p \le \kappa \sum_q S_q, \qquad S_p = \sum_{o \in p} P_o \Big( T\, m_o +
        \sum_b H_b \big( \phi_{ob} h_{ob} - \sum_s x_{sob} \big) \Big) +
        \sum_{a \in p} \Big( \sum_{k,b} A_{ka}\, H_b\, p_{kab} + \sum_{v,k} A_{vk}\, d_{vk} \Big) \qquad \forall p

    What is already signed is in m.  Where the hours stand only by what is proved of their blocks, so does what
    is paid in them.
    The dual is what one USD a month more that the provider may be paid would save (USD per USD).
    """
    share = inputs.provider_max_spend_share
    if share is None:
        return
    paid: dict[str, list[Var]] = {offer.provider: [] for offer in inputs.offers.values()}
    for offer in inputs.offers.values():
        paid[offer.provider].append((offer.existing or 0) * offer.usd_h * inputs.month_h)
    machines = [(o, inputs.offers[o].usd_h * inputs.month_h * m) for o, m in v.always.items()]
    machines += [(o, inputs.billed_usd(o, b) * h) for (o, b), h in v.hourly.items()]
    machines += [(o, -inputs.offers[o].usd_h * inputs.block_h[b] * x) for (_, o, b), x in v.covered.items()]
    for o, usd in machines:
        paid[inputs.offers[o].provider].append(usd)
    for (k, a, b), req_s in v.api.items():
        paid.setdefault(inputs.provider_of[a], []).append(inputs.api_usd_h[k, a] * inputs.block_h[b] * req_s)
    for (p, _), usd in v.block_paid.items():
        paid.setdefault(p, []).append(usd)
    for (w, k), requests in v.deferred_api.items():
        window = inputs.windows[w]
        paid.setdefault(window.api_provider[k], []).append(window.api_usd_request[k] * requests)
    for provider, mine in paid.items():
        yield (provider,), lpSum(mine) - share * lpSum(each for of in paid.values() for each in of) <= 0


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
