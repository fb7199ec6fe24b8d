"""Scenarios as one fleet problem: what is signed now is shared, all else is decided again in each.

A scenario is a copy of all that is decided later: its hours, classes, deployments, APIs and machines by the hour, under
names of their own.  The month consists of the hours of all, each scenario's shortened to its weight, so that what is
minimized is the expected cost and the search that proves plans block by block proves this one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planner.formulation.variables import must_self_host
from planner.inputs import Blend, FewKinds, FleetInputs, Loss, Offer, Quota, Tariff, Window

FirstStage = Mapping[str, int]
"""Offer -> machines all month (or steps of spend) that are signed for now; none: 0."""


def signed_now(offer: Offer) -> bool:
    """Whether an offer is decided before it is known which scenario comes."""
    return offer.billing == "always" and offer.existing is None


def first_stage(inputs: FleetInputs) -> frozenset[str]:
    """All that is decided now."""
    return frozenset(o for o, offer in inputs.offers.items() if signed_now(offer))


def held(inputs: FleetInputs, signed: FirstStage) -> FleetInputs:
    """One scenario once this is signed: it is there and paid for, and nothing more can be signed."""
    offers = {
        o: replace(offer, existing=signed[o], max_machines=None) if signed_now(offer) else offer
        for o, offer in inputs.offers.items()
        if not signed_now(offer) or signed.get(o)
    }
    return replace(
        inputs,
        offers=offers,
        quotas={
            q: replace(quota, weight={o: x for o, x in quota.weight.items() if o in offers})
            for q, quota in inputs.quotas.items()
        },
        minimum_orders={},
        max_upfront_usd=None,
    )


def together(scenarios: Mapping[str, FleetInputs], weight: Mapping[str, float]) -> FleetInputs:
    r"""The two-stage program: choose x, signed now, and in every scenario s what is decided then.

    .. math::
        \min_x\; c\, x + \sum_s w_s\, Q_s(x), \qquad \sum_s w_s = 1

    Q is the least cost of running scenario s once x is signed [USD/month].  Birge and Louveaux, Introduction to
    Stochastic Programming, 2011, section 2.4.  Every scenario must know the same offers that are signed now.
    """
    if len({first_stage(inputs) for inputs in scenarios.values()}) != 1:
        raise ValueError("scenarios of one plan must know the same offers that are signed now")
    parts = [_Copy(s, inputs, weight[s], scenarios) for s, inputs in scenarios.items()]
    one = parts[0].inputs
    quotas: dict[str, Quota] = {}
    for p in parts:
        for q, quota in p.inputs.quotas.items():
            known = quotas[q].weight if q in quotas else {}
            quotas[q] = replace(quota, weight={**known, **p.offers_of(quota.weight)})
    return FleetInputs(
        month_h=one.month_h,
        block_h={p.own(b): p.weight * h for p in parts for b, h in p.inputs.block_h.items()},
        block_week_h={p.own(b): n for p in parts for b, n in p.inputs.block_week_h.items()},
        block_hours={p.own(b): hours for p in parts for b, hours in p.inputs.block_hours.items()},
        week_of={p.own(x): p.name for p in parts for x in (*p.inputs.block_h, *p.inputs.class_workload.values())},
        start_h=one.start_h,
        blocks_in_order=any(p.inputs.blocks_in_order for p in parts),
        group_gpus={g: n for p in parts for g, n in p.inputs.group_gpus.items()},
        spot_groups=frozenset().union(*(p.inputs.spot_groups for p in parts)),
        offers=_offers(parts),
        deployment_gpus={p.own(c): n for p in parts for c, n in p.inputs.deployment_gpus.items()},
        deployment_groups={p.own(c): groups for p in parts for c, groups in p.inputs.deployment_groups.items()},
        split_as={p.own(c): t for p in parts for c, t in p.inputs.split_as.items()},
        queue_slope={p.own(c): a for p in parts for c, a in p.inputs.queue_slope.items()},
        queue_loss={p.own(c): b for p in parts for c, b in p.inputs.queue_loss.items()},
        class_workload={p.own(k): p.own(w) for p in parts for k, w in p.inputs.class_workload.items()},
        demand_req_s={(p.own(k), p.own(b)): d for p in parts for (k, b), d in p.inputs.demand_req_s.items()},
        rate_req_s={(p.own(c), p.own(k)): r for p in parts for (c, k), r in p.inputs.rate_req_s.items()},
        admitted=frozenset((p.own(k), g) for p in parts for k, g in p.inputs.admitted),
        egress_usd_h={(p.own(k), g): e for p in parts for (k, g), e in p.inputs.egress_usd_h.items()},
        egress_gb_h={(p.own(k), g): e for p in parts for (k, g), e in p.inputs.egress_gb_h.items()},
        tariffs={p.own(each): p.tariff(t) for p in parts for each, t in p.inputs.tariffs.items()},
        tariff_of={(p.own(k), g): p.own(each) for p in parts for (k, g), each in p.inputs.tariff_of.items()},
        api_usd_h={(p.own(k), p.own(a)): usd for p in parts for (k, a), usd in p.inputs.api_usd_h.items()},
        nobody=frozenset(p.own(a) for p in parts for a in p.inputs.nobody),
        api_max_req_s={(p.own(w), p.own(a)): n for p in parts for (w, a), n in p.inputs.api_max_req_s.items()},
        api_max_share={p.own(w): x for p in parts for w, x in p.inputs.api_max_share.items()},
        serving_share={g: x for p in parts for g, x in p.inputs.serving_share.items()},
        min_replicas={p.own(w): n for p in parts for w, n in p.inputs.min_replicas.items()},
        spot_max_share={p.own(w): x for p in parts for w, x in p.inputs.spot_max_share.items()},
        blends={p.own(name): p.blend(blend) for p in parts for name, blend in p.inputs.blends.items()},
        provider_max_share={p.own(w): x for p in parts for w, x in p.inputs.provider_max_share.items()},
        provider_of={p.place(at): each for p in parts for at, each in p.inputs.provider_of.items()},
        few_kinds={name: few for p in parts for name, few in p.few_kinds().items()},
        stand_ins={
            p.offer(o): tuple(p.offer(other) for other in better)
            for p in parts
            for o, better in p.inputs.stand_ins.items()
            if p.offer(o) != o
        },
        windows={p.own(v): p.window(window) for p in parts for v, window in p.inputs.windows.items()},
        quotas=quotas,
        minimum_orders=one.minimum_orders,
        max_upfront_usd=one.max_upfront_usd,
        self_host_usd_month=sum(p.weight * p.inputs.self_host_usd_month for p in parts if must_self_host(p.inputs)),
        protected=frozenset(p.own(k) for p in parts for k in p.inputs.protected),
        kept_share=one.kept_share,
        losses={p.own(name): p.loss(lost) for p in parts for name, lost in p.inputs.losses.items()},
    )


class _Copy:
    """One scenario under names of its own; groups of machines and what is signed now keep theirs."""

    def __init__(self, name: str, inputs: FleetInputs, weight: float, scenarios: Mapping[str, FleetInputs]) -> None:
        self.name, self.inputs, self.weight = name, inputs, weight
        self.elsewhere = frozenset(f"{s} | {b}" for s, each in scenarios.items() if s != name for b in each.block_h)

    def own(self, label: str) -> str:
        """A label of this scenario alone."""
        return f"{self.name} | {label}"

    def offer(self, o: str) -> str:
        """The label of an offer: shared if it is signed now or already."""
        offer = self.inputs.offers.get(o)
        return self.own(o) if offer is None or (offer.existing is None and not signed_now(offer)) else o

    def offers_of(self, weight: Mapping[str, float]) -> dict[str, float]:
        """The same by the labels of offers."""
        return {self.offer(o): x for o, x in weight.items()}

    def place(self, at: str) -> str:
        """The label of a group, which is shared, or of an API."""
        return at if at in self.inputs.group_gpus else self.own(at)

    def tariff(self, tariff: Tariff) -> Tariff:
        """Tiers that the scenario's share of the month fills just when the scenario itself would."""
        return replace(tariff, tier_gb=tuple(self.weight * gb for gb in tariff.tier_gb))

    def window(self, window: Window) -> Window:
        """The scenario's share of what a window asks for."""
        return replace(
            window,
            blocks=tuple(self.own(b) for b in window.blocks),
            requests_month={self.own(k): self.weight * n for k, n in window.requests_month.items()},
            api_usd_request={self.own(k): usd for k, usd in window.api_usd_request.items()},
            api_max_requests={self.own(k): self.weight * n for k, n in window.api_max_requests.items()},
        )

    def blend(self, blend: Blend) -> Blend:
        """Which models may serve how much in this scenario."""
        return replace(
            blend,
            classes=tuple(self.own(k) for k in blend.classes),
            score={(self.own(k), self.own(s)): x for (k, s), x in blend.score.items()},
            model={(self.own(k), self.own(s)): j for (k, s), j in blend.model.items()},
        )

    def loss(self, lost: Loss) -> Loss:
        """What must be carried in this scenario."""
        return replace(
            lost,
            apis=frozenset(self.own(a) for a in lost.apis),
            kept_share={self.own(k): x for k, x in lost.kept_share.items()},
        )

    def few_kinds(self) -> dict[str, FewKinds]:
        """Limits on kinds in this scenario, and its fixed costs, which are paid by the kind that is used."""
        i = self.inputs
        kinds = {
            self.own(f): replace(
                few, kind={self.offer(each): j for each, j in few.kind.items()}, usd_month=self.usd(few)
            )
            for f, few in i.few_kinds.items()
        }
        if i.provider_usd_month:
            whose = {self.offer(o): offer.provider for o, offer in i.offers.items()}
            kinds[self.own("provider fees")] = FewKinds(
                kind=whose, most=len(whose), usd_month=self.weight * i.provider_usd_month
            )
        if i.self_host_usd_month and not must_self_host(i):
            kinds[self.own("a fleet")] = FewKinds(
                kind={self.own(c): "fleet" for c in i.deployment_gpus},
                most=1,
                usd_month=self.weight * i.self_host_usd_month,
            )
        return kinds

    def usd(self, few: FewKinds) -> float:
        """The scenario's share of what a kind costs [USD/month]."""
        return self.weight * few.usd_month


def _offers(parts: list[_Copy]) -> dict[str, Offer]:
    """Offers of all scenarios; what is not shared is away in the hours of the others."""
    out: dict[str, Offer] = {}
    for p in parts:
        for o, offer in p.inputs.offers.items():
            name = p.offer(o)
            covers = p.offers_of(offer.covers)
            away = frozenset(p.own(b) for b in offer.away)
            if name != o:
                workers = {p.own(b): n for b, n in offer.workers.items()}
                share = {p.own(b): x for b, x in offer.billed_share.items()}
                out[name] = replace(offer, away=away | p.elsewhere, workers=workers, billed_share=share)
            elif name in out:
                known = out[name]
                out[name] = replace(known, covers={**known.covers, **covers}, away=known.away | away)
            else:
                out[name] = replace(offer, covers=covers, away=away)
    return out
