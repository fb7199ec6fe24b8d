"""The bill: each term named as a line of it, in USD per month."""

from __future__ import annotations

from collections.abc import Iterator

from planner.formulation.family import cost
from planner.formulation.variables import Var, Variables
from planner.inputs import FleetInputs

Terms = Iterator[tuple[float, Var]]


@cost("machines rented by the hour, on demand and spot, and serverless workers by the second")
def hourly_rent(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_{o,b} P_o\, H_b\, (\phi_{ob} + Z \pi_{gb})\, h_{ob} \qquad o \in g
    phi is the share of the block for which a serverless worker is billed, in hours of P where one kept warm has another
    price; 1 for machines by the hour.
    In a whole program pi is none: starts are counted themselves (`start_up`).  Elsewhere it stands for them and never
    for too much (`planner.rises`), so that blocks can be priced one by one."""
    for (o, b), machines in v.hourly.items():
        yield inputs.rent_usd(o, b), machines


@cost("machines by the hour between their order and their first request")
def start_up(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_o P_o\, Z\, \tfrac{T}{168} \Bigl( \sum_{b,b'} N_{bb'}\, s_{obb'} + \sum_h s_{oh} \Bigr)
    with N the hours of the week in which b' follows b."""
    if inputs.start_h:
        times = inputs.followers()
        for (o, b, after), machines in v.added.items():
            yield inputs.start_usd(o) * times[b, after], machines
        for (o, _), machines in v.started.items():
            yield inputs.start_usd(o), machines


@cost("rent on demand that a spend commitment pays instead")
def covered_rent(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: -\sum_{s,o,b} P_o\, H_b\, x_{sob}"""
    for (_, o, b), machines in v.covered.items():
        yield -inputs.offers[o].usd_h * inputs.block_h[b], machines


@cost("machines, and spend promised, paid for every hour of the month, used or not")
def commitments(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_o P_o\, T\, m_o"""
    for o, machines in v.always.items():
        yield inputs.offers[o].usd_h * inputs.month_h, machines


@cost("interest on what is paid upfront")
def cost_of_capital(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_o F_o\, \tfrac{i}{12}\, \tfrac{\tau_o + 1}{2 \tau_o}\, m_o
    with the upfront payment F written off evenly over the term of tau months."""
    for o, machines in v.always.items():
        if inputs.offers[o].capital_usd_month:
            yield inputs.offers[o].capital_usd_month, machines


@cost("tokens bought from APIs")
def api_tokens(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_{k,a,b} A_{ka}\, H_b\, p_{kab} + \sum_{v,k} A_{vk}\, d_{vk}
    Planning rates are carried, mean rates are billed: the burst factor is inside A."""
    for (k, a, b), bought in v.api.items():
        yield inputs.api_usd_h[k, a] * inputs.block_h[b], bought
    for (w, k), bought in v.deferred_api.items():
        yield inputs.windows[w].api_usd_request[k], bought


@cost("data leaving the providers")
def egress(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_{k,c,g,b} e_{kg}\, H_b\, y_{kcgb}"""
    if inputs.egress_usd_h:
        for (k, _, g, b), y in v.served.items():
            if rate := inputs.egress_usd_h.get((k, g)):
                yield rate * inputs.block_h[b], y


@cost("what tiers make of that beside one straight price: cheaper beyond some volume, free below another")
def egress_tiers(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_{p,t} (e_{pt} - \bar e_p)\, v_{pt}"""
    for (p, t), gb in v.sent.items():
        if difference := inputs.tariffs[p].usd_gb[t] - inputs.tariffs[p].straight_usd_gb:
            yield difference, gb


@cost("what running a fleet of one's own costs whatever its size: labor, storage, networking")
def self_hosting(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: E\, e"""
    if v.self_hosts is not None:
        yield inputs.self_host_usd_month, v.self_hosts


@cost("fixed cost of each provider decided for")
def provider_fees(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_p U\, u_p + \sum_{f,i} u_f\, x_{fi}
    for kinds that are not already paid for."""
    for used in v.uses.values():
        yield inputs.provider_usd_month, used
    for (f, i), used in v.of_kind.items():
        if inputs.few_kinds[f].usd_month and i not in inputs.kinds_there(f):
            yield inputs.few_kinds[f].usd_month, used


@cost("credit for deferred work while a block is run alone; absent from a whole program")
def deferred_credit(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: -\sum_{k,b} \lambda_{kb}\, 3600\, H_b \sum_{c,g} y_{kcgb}"""
    for (k, b), usd in inputs.reward_usd_request.items():
        for _, y in v.served_of.get((k, b), ()):
            yield -usd * 3600 * inputs.block_h[b], y


@cost("what running the blocks costs, where only what is proved of them stands in the program")
def proved_blocks(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_b C_b"""
    for usd in v.block_usd.values():
        yield 1.0, usd


@cost("no money: chooses among ways that cost the same; absent from a whole program")
def preference(inputs: FleetInputs, v: Variables) -> Terms:
    r""".. math:: \sum_{c,g,b} w_c\, z_{cgb}
    with the replicas in place of z where a deployment pays no queue's loss."""
    for (c, g, b), n in v.replicas.items():
        if weight := inputs.preference.get(c):
            yield weight, v.open.get((c, g, b), n)


COSTS = (
    hourly_rent,
    start_up,
    covered_rent,
    commitments,
    cost_of_capital,
    api_tokens,
    egress,
    egress_tiers,
    self_hosting,
    provider_fees,
    deferred_credit,
    proved_blocks,
    preference,
)


def every_cost(inputs: FleetInputs, v: Variables) -> Terms:
    """All terms of all lines: what is minimized."""
    for line in COSTS:
        yield from line(inputs, v)
