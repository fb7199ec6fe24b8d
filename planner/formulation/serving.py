"""What is asked for is served: demand of the hour, and work that may wait for its window."""

from __future__ import annotations

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Var, Variables
from planner.inputs import FleetInputs


@family(
    over=("class", "block"),
    unit="requests/s",
    says="{class} is served in full during {block}",
    relaxed="leave some {class} requests unserved during {block}",
)
def serve_demand(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Every request of the hour is served by the fleet or bought from an API.

    .. math::
        \sum_{c,g} y_{kcgb} + \sum_a p_{kab} = D_{kb} \qquad \forall k, b

    The dual is the cost of one more request/s of class *k* through block *b* (USD per month), with
    machines and replicas held.
    """
    if v.block_usd:
        return
    apis = list({a: None for _, a in inputs.api_usd_h})
    for (k, b), demand in inputs.demand_req_s.items():
        fleet = [y for _, y in v.served_of.get((k, b), ())]
        bought = [v.api[k, a, b] for a in apis if (k, a, b) in v.api]
        yield (k, b), lpSum(fleet + bought) == demand


@family(
    over=("window", "class"),
    unit="requests/month",
    says="{class} work of {window} is finished inside its hours",
    relaxed="leave some {class} work of {window} undone",
)
def serve_deferred(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Work that may wait is done inside its window, at whatever hour is cheapest.

    .. math::
        \sum_{b \in B_v} 3600\, H_b \sum_{c,g} y_{kcgb} + d_{vk} \ge Q_{vk} \qquad \forall v, k

    The dual is the cost of one more request of class *k* in window *v* (USD).
    """
    for w, window in inputs.windows.items():
        for k, requests in window.requests_month.items():
            done = [3600 * inputs.block_h[b] * y for b in window.blocks for _, y in v.served_of.get((k, b), ())]
            done += [v.deferred[k, b] for b in window.blocks if (k, b) in v.deferred]
            bought = [v.deferred_api[w, k]] if (w, k) in v.deferred_api else []
            yield (w, k), lpSum(done + bought) >= requests


@family(
    over=("class", "block"),
    unit="requests/month",
    says="no more {class} work is credited in {block} than there is",
)
def no_more_than_there_is(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Running one block alone, the credit for deferred work ends with the work, which one of its W hours may do.

    .. math::
        3600\, H_b \sum_{c,g} y_{kcgb} \le W_b\, Q_{vk} \qquad \forall k, b \in B_v
    """
    for (k, b), most in inputs.reward_max_requests.items():
        served = v.served_of.get((k, b), ())
        if served:
            yield (k, b), lpSum(3600 * inputs.block_h[b] * y for _, y in served) <= most


def not_served(inputs: FleetInputs, v: Variables, classes: list[str], b: str) -> list[Var]:
    """What is left unserved of these classes in a block, where a fleet that is given is asked what it can do."""
    return [v.api[k, a, b] for k in classes for a in sorted(inputs.nobody) if (k, a, b) in v.api]


@family(
    over=("workload or class", "block"),
    unit="requests/s",
    says="spot carries at most its share of {workload or class} during {block}",
    relaxed="let spot carry more of {workload or class} during {block}",
)
def within_spot_share(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Machines that may be taken back carry at most a share of a workload, in every block.

    .. math::
        \sum_{k \in w}\sum_{c,\, g\, \mathrm{spot}} y_{kcgb} \le \sigma_w \sum_{k \in w} D_{kb}
        \qquad \forall w, b

    For work that may wait, the share is of what the fleet serves of each class in that block: what whole hours do
    beyond the work there is, is left out again class by class, and shares must survive that.  Of a fleet that is given
    and cannot serve all, it is of what is served.
    """
    for w, share in inputs.spot_max_share.items():
        mine = [k for k, owner in inputs.class_workload.items() if owner == w]
        for b in inputs.block_h if share < 1 else ():
            demand = sum(inputs.demand_req_s.get((k, b), 0) for k in mine)
            for label, classes in [(w, mine)] if demand else [(k, [k]) for k in mine]:
                served = [(g, y) for k in classes for g, y in v.served_of.get((k, b), ())]
                on_spot = [y for g, y in served if g in inputs.spot_groups]
                if on_spot:
                    missed = lpSum(not_served(inputs, v, classes, b))
                    whole = demand - missed if demand else lpSum(y for _, y in served)
                    yield (label, b), lpSum(on_spot) <= share * whole


@family(
    over=("workload", "block"),
    unit="requests/s",
    says="{workload} is bought from APIs for no more than its share during {block}",
    relaxed="buy more of {workload} from APIs during {block}",
)
def within_api_share(inputs: FleetInputs, v: Variables) -> Rows:
    r"""APIs together serve at most a share of a workload, in every block: the fleet carries the rest itself.

    .. math::
        \sum_{k \in w}\sum_a p_{kab} \le \beta_w \sum_{k \in w} D_{kb} \qquad \forall w, b

    Of a fleet that is given and cannot serve all, the share is of what is served.  Of work that may wait, APIs do at
    most the share of each window's requests: a bound of d.  The dual is what one more request/s from APIs would save
    through block *b* (USD per month).
    """
    for w, share in inputs.api_max_share.items():
        classes = [k for k, owner in inputs.class_workload.items() if owner == w]
        for b in inputs.block_h:
            bought = [p for (k, a, bb), p in v.api.items() if k in classes and bb == b and a not in inputs.nobody]
            if bought:
                demand = sum(inputs.demand_req_s.get((k, b), 0) for k in classes)
                yield (w, b), lpSum(bought) <= share * (demand - lpSum(not_served(inputs, v, classes, b)))


@family(
    over=("workload", "API", "block"),
    unit="requests/s",
    says="{API} takes at most its rate limit of {workload} during {block}",
    relaxed="raise the rate limit of {API} for {workload}",
)
def within_api_rate(inputs: FleetInputs, v: Variables) -> Rows:
    r"""An API takes no more requests/s of a workload than its rate limit.

    .. math::
        \sum_{k \in w} p_{kab} \le L_{wa} \qquad \forall w, a, b
    """
    for (w, a), limit in inputs.api_max_req_s.items():
        for b in inputs.block_h:
            bought = [v.api[k, a, b] for k, owner in inputs.class_workload.items() if owner == w and (k, a, b) in v.api]
            if bought:
                yield (w, a, b), lpSum(bought) <= limit
