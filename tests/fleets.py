"""The smallest fleet problem, as a story, and the random ones that grow from the same parts.

`chat_fleet` is varied with `dataclasses.replace`; `random_fleet` makes a small problem of everything a fleet
problem can have, small enough for `brute_force`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from planner.inputs import FleetInputs, MinimumOrder, Offer, Quota, Window


def rented(usd_h: float = 2.0, **other: Any) -> Offer:
    """A machine of group "h100" from acme by the hour."""
    return Offer(**{"group": "h100", "provider": "acme", "usd_h": usd_h, "billing": "hourly", **other})


def committed(usd_h: float = 1.0, **other: Any) -> Offer:
    """A machine of group "h100" from acme, paid for all month."""
    return rented(usd_h, billing="always", **other)


def chat_fleet(**other: Any) -> FleetInputs:
    """A day of 100 hours a month with 4 requests/s of chat, a night of 300 hours with 1.

    A replica takes one GPU and serves 1 request/s; the one machine on offer has one GPU and costs $2/h.  So:
    4 machines by day and 1 at night, 4 x 2 x 100 + 1 x 2 x 300 = $1,400 a month.
    """
    fleet = FleetInputs(
        month_h=400.0,
        block_h={"day": 100.0, "night": 300.0},
        block_week_h={"day": 1, "night": 3},
        group_gpus={"h100": 1},
        offers={"by hour": rented()},
        deployment_gpus={"llama": 1},
        deployment_groups={"llama": ("h100",)},
        queue_slope={"llama": 1.0},
        queue_loss={"llama": 0.0},
        class_workload={"chat": "chat"},
        demand_req_s={("chat", "day"): 4.0, ("chat", "night"): 1.0},
        rate_req_s={("llama", "chat"): 1.0},
        admitted=frozenset({("chat", "h100")}),
    )
    return replace(fleet, **other)


def random_fleet(seed: int) -> FleetInputs:
    """A small problem with some of everything; one of five kinds by `seed % 5`: plain, rich, waiting, rental, tight."""
    dice = random.Random(seed)
    kind = ("plain", "rich", "waiting", "rental", "tight")[seed % 5]
    often = {"plain": 0.1, "rich": 0.5, "waiting": 0.3, "rental": 0.3, "tight": 0.6}[kind]

    def some(chance: float) -> bool:
        return dice.random() < chance

    def number(low: float, high: float) -> float:
        return round(dice.uniform(low, high), 2)

    hours = dice.randint(3, 4) if kind == "rental" else dice.randint(1, 2 if kind == "waiting" else 3)
    blocks = [f"b{n}" for n in range(hours)]
    week_h = {b: 1 if kind == "rental" else dice.randint(1, 2 if kind == "waiting" else 40) for b in blocks}
    block_h = {b: 4.0 * n for b, n in week_h.items()}
    groups = [f"g{n}" for n in range(dice.randint(1, 2 if kind in ("waiting", "rental") else 3))]
    gpus = {g: dice.choice((1, 2, 3, 4, 4)) for g in groups}
    spot = frozenset(g for g in groups[1:] if some(often))
    offers: dict[str, Offer] = {}
    for n in range(max(len(groups), dice.randint(1, 3 if kind in ("waiting", "rental") else 4))):
        g = groups[n % len(groups)]
        billing = "hourly" if g in spot or some(0.5) else "always"
        if kind == "rental" and n == 0:
            billing = "stretch"
        terms: dict[str, Any] = {"max_machines": dice.randint(1, 3)} if kind == "waiting" or some(often) else {}
        if billing == "stretch":
            terms = {"max_machines": 2, "minimum_rental_h": dice.randint(2, hours)}
        if billing == "always" and some(0.3):
            terms = {"existing": dice.randint(1, 2)}
        elif billing == "always" and some(often):
            terms |= {"upfront_usd": number(1, 50), "capital_usd_month": number(0, 2)}
        usd_h = number(1, 5) * gpus[g] * {"hourly": 0.5 if g in spot else 1.0, "always": 0.7, "stretch": 0.9}[billing]
        offers[f"o{n}"] = Offer(group=g, provider=f"p{dice.randint(0, 1)}", usd_h=usd_h, billing=billing, **terms)
    deployments = [f"c{n}" for n in range(dice.randint(1, 2 if kind == "waiting" else 3))]
    size = {c: dice.choice((1, 1, 2, 2, 4)) for c in deployments}
    places = {c: tuple(g for g in groups if (gpus[g] >= size[c] or some(0.2)) and some(0.8)) for c in deployments}
    loss = some(often)
    classes = {f"k{n}": f"w{min(n, 1)}" for n in range(dice.randint(1, 2 if kind == "waiting" else 3))}
    rates = {(c, k): number(0.6, 2.0) * size[c] for c in deployments for k in classes if some(0.85)}
    waiting = {"k0"} if kind == "waiting" else set()
    demand = {(k, b): number(0.2, 4.0 / len(classes)) for k in classes if k not in waiting for b in blocks if some(0.9)}
    apis = ["a0", "a1"][: dice.randint(0, 2)]
    windows = {}
    if waiting:
        days = [tuple(blocks)] if some(0.6) else [(b,) for b in blocks]
        for n, window in enumerate(days):
            usd = {"k0": number(0.2, 2.0) / 3600} if some(0.6) else {}
            most = {"k0": number(1, 6) * 3600} if usd and some(0.3) else {}
            windows[f"v{n}"] = Window(
                blocks=window, requests_month={"k0": number(1, 12) * 3600}, api_usd_request=usd, api_max_requests=most
            )
    always = tuple(o for o, x in offers.items() if x.billing == "always" and x.existing is None)
    quotas = {}
    if some(often):
        weight = {o: float(gpus[x.group]) for o, x in offers.items() if some(0.7)}
        owned = sum(n * (offers[o].existing or 0) for o, n in weight.items())
        quotas = {"q": Quota(weight=weight, limit=owned + dice.randint(1, 8))}
    orders = {"m": MinimumOrder(offers=always, machines=dice.randint(2, 3))} if always and some(often) else {}
    return FleetInputs(
        month_h=sum(block_h.values()),
        block_h=block_h,
        block_week_h=week_h,
        blocks_in_order=kind == "rental",
        group_gpus=gpus,
        spot_groups=spot,
        offers=offers,
        deployment_gpus=size,
        deployment_groups=places,
        queue_slope={c: number(0.7, 1.0) if loss else 1.0 for c in deployments},
        queue_loss={c: number(0.1, 0.6) if loss else 0.0 for c in deployments},
        class_workload=classes,
        demand_req_s=demand,
        rate_req_s=rates,
        admitted=frozenset((k, g) for k in classes for g in groups if some(0.85)),
        egress_usd_h={(k, g): number(0, 0.5) for k in classes for g in groups if some(often)},
        api_usd_h={(k, a): number(1, 6) for a in apis for k in classes if k not in waiting and some(0.8)},
        api_max_req_s={("w0", a): number(0.2, 2) for a in apis if some(often)},
        spot_max_share={w: dice.choice((0.25, 0.5, 1.0)) for w in classes.values()} if spot else {},
        windows=windows,
        quotas=quotas,
        minimum_orders=orders,
        max_upfront_usd=number(0, 100) if some(often) else None,
        budget_usd_month=number(50, 1500) if some(often / 2) else None,
        self_host_usd_month=number(5, 100) if some(often) else 0,
        provider_usd_month=number(5, 50) if some(often) else 0,
    )
