"""What is chosen.  Variables are numbered, and their labels are kept beside them.

Solver names are numbered and zero-padded, never parsed back: PuLP silently maps each of
"-+[] ->/" to "_", so names made from labels can collide; and PuLP 3 sorts variables by name,
so padding keeps the order, hence the plan, the same on PuLP 3 and 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from pulp import LpProblem

from planner.inputs import FleetInputs, Offer, Steps

Var = Any  # pulp.LpVariable
Operated = Literal["whole", "relaxed", "proved"]


@dataclass(slots=True)
class Variables:
    """All variables of one program by label; see `planner.inputs` for the letters."""

    hourly: dict[tuple[str, str], Var] = field(default_factory=dict)  # h_ob   machines on by the hour
    always: dict[str, Var] = field(default_factory=dict)  # m_o    machines all month
    replicas: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # n_cgb  replicas
    open: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # z_cgb  1 if any replica at all
    split: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # x_tgb  GPUs split that way
    kept: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # n'_cgb  replicas that survive a lost machine
    kept_split: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # x'_tgb  GPUs split for those
    spare: dict[tuple[str, str], Var] = field(default_factory=dict)  # u_gb   1 if anything in g must survive
    served: dict[tuple[str, str, str, str], Var] = field(default_factory=dict)  # y_kcgb  requests/s
    ready: dict[tuple[str, str, str, str], Var] = field(default_factory=dict)  # w_kcgb  requests/s
    api: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # p_kab  requests/s
    deferred_api: dict[tuple[str, str], Var] = field(default_factory=dict)  # d_vk   requests/month
    covered: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # x_sob  machines of o paid by promise s
    lots: dict[str, Var] = field(default_factory=dict)  # l_o    whole lots bought
    started: dict[tuple[str, str], Var] = field(default_factory=dict)  # s_oh   machines started
    added: dict[tuple[str, str, str], Var] = field(default_factory=dict)  # s_obb'  started where b' follows b
    beyond: dict[tuple[Steps, int], Var] = field(default_factory=dict)  # delta_on  max(0, machines - n) of a step
    is_beyond: dict[tuple[Steps, int], Var] = field(default_factory=dict)  # i_on   1 if machines > n
    uses: dict[str, Var] = field(default_factory=dict)  # u_p    1 if decided for at all
    of_kind: dict[tuple[str, str], Var] = field(default_factory=dict)  # x_fi   1 if kind i of limit f is used
    sent: dict[tuple[str, int], Var] = field(default_factory=dict)  # v_pt   GB/month leaving p in its tier t
    reached: dict[tuple[str, int], Var] = field(default_factory=dict)  # r_pt   1 if all tiers before t are full
    self_hosts: Var | None = None  # e      1 if anything stands on a machine
    orders: dict[str, Var] = field(default_factory=dict)  # u_m    1 if the minimum order is placed
    block_usd: dict[str, Var] = field(default_factory=dict)  # C_b    cost of b where only proofs speak of it
    block_paid: dict[tuple[str, str], Var] = field(default_factory=dict)  # S_pb   USD to p in b, likewise
    deferred: dict[tuple[str, str], Var] = field(default_factory=dict)  # D_kb  requests/month done in b, likewise

    served_on: dict[tuple[str, str, str], list[tuple[str, Var]]] = field(default_factory=dict)  # (c, g, b): (k, var)
    served_of: dict[tuple[str, str], list[tuple[str, Var]]] = field(default_factory=dict)  # (k, b): (g, var)
    ready_on: dict[tuple[str, str, str], list[tuple[str, Var]]] = field(default_factory=dict)  # (c, g, b): (k, var)
    ready_of: dict[tuple[str, str], list[tuple[str, Var]]] = field(default_factory=dict)  # (k, b): (g, var)
    standing: dict[tuple[str, str], list[tuple[str, Var]]] = field(default_factory=dict)  # (g, b): (c, var)
    ways: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # (g, b): t

    def machines(self, step: Steps) -> Var:
        """The variable of what procurement decides: all month, or in one block."""
        offer, block = step
        return self.always[offer] if block is None else self.hourly[offer, block]


def payees(inputs: FleetInputs) -> list[str]:
    """All that may be paid for machines, promises of spend or tokens."""
    sellers = {offer.provider for offer in inputs.offers.values()} | set(inputs.provider_of.values())
    return sorted(sellers.union(*(window.api_provider.values() for window in inputs.windows.values())))


def must_self_host(inputs: FleetInputs) -> bool:
    """Whether something asked for in its hour is sold by no API."""
    sold = {k for k, _ in inputs.api_usd_h}
    return bool(inputs.min_replicas) or any(
        demand > 0 and k not in sold for (k, _), demand in inputs.demand_req_s.items()
    )


def kept_running(inputs: FleetInputs, b: str) -> set[str]:
    """Classes of workloads of which replicas run in a block whether asked for or not."""
    there = {w for w in inputs.min_replicas if inputs.week_of.get(w) == inputs.week_of.get(b)}
    return {k for k, w in inputs.class_workload.items() if w in there}


def most_replicas(
    inputs: FleetInputs, classes: list[str], c: str, g: str, b: str, in_window: dict[tuple[str, str], str]
) -> int:
    """Replicas of c that serve all that block b could ever ask of it, so that more would be idle."""
    load = 0.0
    for k in classes:
        if (k, b) in inputs.demand_req_s:
            need = inputs.demand_req_s[k, b]
        elif (k, b) in inputs.reward_max_requests:
            need = inputs.reward_max_requests[k, b] / (3600 * inputs.block_h[b])
        elif (k, b) not in in_window:
            need = 0.0
        else:
            window = inputs.windows[in_window[k, b]]
            need = window.requests_month[k] * inputs.block_week_h[b] / (3600 * inputs.block_h[b])
        load += need / inputs.rate_in(c, k, g)
    running = max((inputs.min_replicas.get(inputs.class_workload[k], 1) for k in classes), default=1)
    return max(running, math.ceil((load + inputs.queue_loss[c]) / inputs.queue_slope[c] - 1e-9))


def create_variables(problem: LpProblem, inputs: FleetInputs, operation: Operated) -> Variables:
    """All variables of `inputs`; `operation` says how the hours stand in the program (see `assemble`)."""
    v = Variables()
    operate = "Integer" if operation == "whole" else "Continuous"
    numbers = iter(range(10_000_000))

    def new(letter: str, upper: float | None = None, cat: str = "Continuous") -> Var:
        return problem.add_variable(f"{letter}{next(numbers):07d}", 0, upper, cat)

    operated = operation != "proved"
    in_window = inputs.window_of()
    classes_in = {
        b: [
            k
            for k in inputs.class_workload
            if (k, b) in inputs.demand_req_s or (k, b) in in_window or (k, b) in inputs.reward_usd_request
        ]
        for b in inputs.block_h
    }
    rates_of: dict[str, list[str]] = {c: [] for c in inputs.deployment_gpus}
    for c, k in inputs.rate_req_s:
        rates_of[c].append(k)
    stocked = {offer.group for offer in inputs.offers.values()}
    # A lost worker is started again by its platform.
    serverless = {offer.group for offer in inputs.offers.values() if offer.workers}
    promised = {k for lost in inputs.losses.values() for k in lost.kept_share}
    ordered = sum(order.machines for order in inputs.minimum_orders.values())
    most = {
        g: most_machines(inputs, g) + ordered
        for g in sorted({o.group for o in inputs.offers.values() if o.billing != "hourly" and o.existing is None})
    }

    def limit_of(offer: Offer) -> int:
        useful = most_steps(inputs, offer) + ordered if offer.covers else most[offer.group]
        useful = math.ceil(useful / offer.multiple_of) * offer.multiple_of
        return useful if offer.max_machines is None else min(useful, offer.max_machines)

    for o, offer in inputs.offers.items():
        if offer.existing is None and offer.billing == "always":
            v.always[o] = new("A", limit_of(offer), "Integer")
            if offer.multiple_of > 1:
                v.lots[o] = new("L", limit_of(offer) // offer.multiple_of, "Integer")
    for b in inputs.block_h:
        asked = set(classes_in[b])
        running = kept_running(inputs, b)
        for o, offer in inputs.offers.items():
            if b in offer.away:
                continue
            if offer.existing is None and (offer.billing == "stretch" or (offer.billing == "hourly" and operated)):
                whole = operate if offer.billing == "hourly" else "Integer"
                useful_machines = offer.max_machines if offer.billing == "hourly" else limit_of(offer)
                useful_machines = offer.workers.get(b, useful_machines)
                v.hourly[o, b] = new("H", useful_machines, whole)
                if offer.billing == "stretch":
                    v.started[o, b] = new("S")
        for s, offer in inputs.offers.items():
            for o in offer.covers:
                if operated and (o, b) in v.hourly:
                    v.covered[s, o, b] = new("X")
        for c, groups in inputs.deployment_groups.items() if operated else ():
            for g in groups:
                classes = [k for k in rates_of[c] if k in asked | running and (k, g) in inputs.admitted]
                if not classes or g not in stocked:
                    continue
                useful = most_replicas(inputs, classes, c, g, b, in_window)
                v.replicas[c, g, b] = new("N", useful, operate)
                v.standing.setdefault((g, b), []).append((c, v.replicas[c, g, b]))
                if (t := inputs.split_as.get(c)) and (t, g, b) not in v.split:
                    v.split[t, g, b] = new("G", None, operate)
                    v.ways.setdefault((g, b), []).append(t)
                if inputs.queue_loss[c] > 0 and operation == "whole":
                    v.open[c, g, b] = new("Z", 1, operate)
                protected = inputs.protected if g not in serverless else frozenset[str]()
                if must_survive := [k for k in classes if k in asked and k in protected]:
                    whole_too = len(must_survive) == len(classes) and inputs.kept_share >= 1
                    whole_too = whole_too and not promised and not running
                    v.kept[c, g, b] = v.replicas[c, g, b] if whole_too else new("K", useful, operate)
                    if (g, b) not in v.spare:
                        v.spare[g, b] = new("V", 1, operate)
                    if t and (t, g, b) not in v.kept_split:
                        v.kept_split[t, g, b] = new("G", None, operate)
                for k in (k for k in classes if k in asked):
                    v.served[k, c, g, b] = y = new("Y")
                    v.served_on.setdefault((c, g, b), []).append((k, y))
                    v.served_of.setdefault((k, b), []).append((g, y))
                    if k in promised and (k, b) in inputs.demand_req_s:
                        v.ready[k, c, g, b] = w = new("W")
                        v.ready_on.setdefault((c, g, b), []).append((k, w))
                        v.ready_of.setdefault((k, b), []).append((g, w))
    if inputs.start_h and operation == "whole":
        by_hour = [o for o, offer in inputs.offers.items() if offer.existing is None and offer.billing == "hourly"]
        by_hour = [o for o in by_hour if not inputs.offers[o].workers]
        pairs = inputs.followers()
        v.added = {(o, *p): new("T") for p in pairs for o in by_hour if p[0] not in inputs.offers[o].away}
    if not operated:
        v.block_usd = {b: new("C") for b in inputs.block_h}
        if inputs.provider_max_spend_share is not None:
            v.block_paid = {(p, b): new("S") for p in payees(inputs) for b in inputs.block_h}
        v.deferred = {(k, b): new("Q", inputs.windows[w].requests_month[k]) for (k, b), w in in_window.items()}
    for k, a in inputs.api_usd_h:
        for b in inputs.block_h:
            if operated and (k, b) in inputs.demand_req_s:
                v.api[k, a, b] = new("P")
    for w, window in inputs.windows.items():
        for k in window.api_usd_request:
            v.deferred_api[w, k] = new("D", window.api_max_requests.get(k))
    if inputs.provider_usd_month:
        bought = {offer.provider for offer in inputs.offers.values() if offer.existing is None}
        have = {offer.provider for offer in inputs.offers.values() if offer.existing is not None}
        v.uses = {p: new("U", 1, "Integer") for p in sorted(bought - have)}
    for f, few in inputs.few_kinds.items():
        for i in sorted(set(few.kind.values())):
            v.of_kind[f, i] = new("X", 1, "Integer")
            if i in inputs.kinds_there(f):
                v.of_kind[f, i].bounds(1, 1)
    if inputs.self_host_usd_month:
        v.self_hosts = new("E", 1, "Integer")
        if must_self_host(inputs):
            v.self_hosts.bounds(1, 1)
    for p, tariff in inputs.tariffs.items():
        for tier, gb in enumerate(tariff.tier_gb):
            v.sent[p, tier] = new("G", gb)
            if tariff.usd_gb[tier] < max(tariff.usd_gb[:tier], default=0.0):
                v.reached[p, tier] = new("T", 1, "Integer")
    v.orders = {m: new("O", 1, "Integer") for m in inputs.minimum_orders}
    for fact in inputs.proved:
        for step, n in fact.steps.items():
            if fact.gain_usd_month.get(step, 0) > 0 and (step, n) not in v.beyond:
                v.beyond[step, n] = new("B")
                if n > 0:
                    v.is_beyond[step, n] = new("I", 1, "Integer")
    return v


def most_steps(inputs: FleetInputs, promise: Offer) -> int:
    """Steps of a spend commitment that pay for all machines any block could keep busy, so that more would be unused."""
    dearest: dict[str, float] = {}
    for o, usd_h in promise.covers.items():
        group = inputs.offers[o].group
        dearest[group] = max(usd_h, dearest.get(group, 0.0))
    return math.ceil(sum(usd_h * most_machines(inputs, g) for g, usd_h in dearest.items()) / promise.usd_h - 1e-9)


def most_machines(inputs: FleetInputs, group: str) -> int:
    """Machines of one group that could hold all replicas any block could keep busy."""
    in_window = inputs.window_of()
    most = 1
    for b in inputs.block_h:
        machines, spare, running = 0, False, kept_running(inputs, b)
        for c, groups in inputs.deployment_groups.items():
            if group not in groups:
                continue
            classes = [
                k
                for (cc, k) in inputs.rate_req_s
                if cc == c and (k, group) in inputs.admitted
                if (k, b) in inputs.demand_req_s or (k, b) in in_window or k in running
            ]
            if classes:
                size, gpus = inputs.deployment_gpus[c], inputs.group_gpus[group]
                replicas = most_replicas(inputs, classes, c, group, b, in_window)
                machines += replicas * math.ceil(size / gpus) if size > gpus else math.ceil(replicas / (gpus // size))
                spare = spare or any(k in inputs.protected for k in classes)
        machines += spare
        most = max(most, machines)
    return most
