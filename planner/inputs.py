"""Everything the MILP needs, as plain numbers with their units in their names.

`FleetInputs` is the boundary between the world (problem files, price offers, benchmarks) and
the mathematics.  Nothing in `planner.formulation` reads a file, a catalog or a pydantic object;
nothing before this line knows there is a solver.

Index letters, the same everywhere:

    w  workload        k  request class (workload x lengths)      b  load block
    c  deployment (model x precision x KV precision x engine x GPU x parallelism x lane)
    g  group of pools on which replicas are interchangeable (GPU x machine size x market x admitted workloads)
    o  offer (provider x region x machine x term)                 a  API offer
    v  window in which deferrable work is finished                 q  quota
    s  deployment or API, whichever serves                         j  model whose share is limited
    f  limit on kinds (of providers, regions, GPUs, deployments)   i  kind
    l  loss of places together (a provider, a region, a spot pool)     p  provider
    t  way to split a GPU into equal parts; of a provider, tier of its egress prices
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

Billing = Literal["hourly", "stretch", "always"]
Gpus = int | Fraction
"""GPUs that a replica takes: some whole ones, or an equal part of one."""
Steps = tuple[str, str | None]
"""What procurement decides in whole machines: (offer, None) all month, or (offer, block) for a stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Machines of one kind on one term.

    With `covers` it is a spend commitment: `usd_h` is a step of what is promised, bought all month in whole steps
    ("machines"), in no group, and pays for machines on demand.  With `workers` it is a serverless endpoint.
    """

    group: str
    provider: str
    usd_h: float  # P_o    USD/h per machine
    billing: Billing  #        hourly: follows the blocks; stretch: rented min hours on end; always
    existing: int | None = None  #        machines already paid for; nothing to decide
    away: frozenset[str] = frozenset()  #        blocks in which they are not there and cannot be rented
    max_machines: int | None = None  # N_o    machines
    minimum_rental_h: int = 1  # R_o    h on end, if billing is "stretch"
    upfront_usd: float = 0  # F_o    USD per machine
    capital_usd_month: float = 0  #        USD/month of interest per machine
    multiple_of: int = 1  # M_o    machines: sold in whole lots of so many
    covers: Mapping[str, float] = field(default_factory=dict)  # rho_so USD/h per machine of o that this promise pays
    workers: Mapping[str, int] = field(default_factory=dict)  # W_ob   serverless: so many carry all its workload asks
    billed_share: Mapping[str, float] = field(default_factory=dict)  # phi_ob  of block b, per machine; else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Deferrable work that must be done in these blocks together."""

    blocks: tuple[str, ...]
    requests_month: Mapping[str, float]  # Q_vk   requests by class
    api_usd_request: Mapping[str, float]  #        USD per request at the cheapest API, where one may be used
    api_max_requests: Mapping[str, float] = field(default_factory=dict)  # requests/month by its rate limit
    api_provider: Mapping[str, str] = field(default_factory=dict)  #        by class, where a share of spend counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `limit` of what these offers run at once."""

    weight: Mapping[str, float]  #        by offer: 1, GPUs or vCPUs per machine
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumOrder:
    """Together none, or at least `machines` of these offers."""

    offers: tuple[str, ...]
    machines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Which models may serve how much of these classes together, in every block."""

    classes: tuple[str, ...]  #        a workload's; each for itself if it may wait
    score: Mapping[tuple[str, str], float] = field(default_factory=dict)  # theta_ks   of class k served by s
    mean_score: float | None = None  # Theta  of all that is served, at least
    model: Mapping[tuple[str, str], str] = field(default_factory=dict)  #        (k, s) -> j, where its share is limited
    max_share: Mapping[str, float] = field(default_factory=dict)  # rho_j  by model


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Places that may be lost together, and what of the work must then be carried by those that remain."""

    groups: frozenset[str]
    apis: frozenset[str] = frozenset()
    kept_share: Mapping[str, float]  # sigma_lk by class; absent: it may be lost
    taken_back: bool = False  #        a spot pool


@dataclass(frozen=True, slots=True, kw_only=True)
class FewKinds:
    """At most so many kinds of what is bought, or of deployments, are used at all in the month."""

    kind: Mapping[str, str]  #        by offer or by deployment
    most: int  # M_f
    usd_month: float = 0  # u_f    USD/month for each kind that is used and not already paid for


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a provider asks for the data that leaves it in a month: its tiers, as far as any volume could reach."""

    tier_gb: tuple[float, ...]  # W_pt   GB     width of each tier; the last ends at all that could ever leave
    usd_gb: tuple[float, ...]  # e_pt   USD/GB

    @property
    def straight_usd_gb(self) -> float:
        """The one price [USD/GB] at which all that could ever leave costs no less than any part of it at true prices.

        The steepest chord of the cost that ends at the largest volume: the cost never falls further below this price
        times the volume than it does at that volume itself.
        """
        best = gb = usd = 0.0
        for width, price in zip(reversed(self.tier_gb), reversed(self.usd_gb), strict=True):
            gb, usd = gb + width, usd + width * price
            best = max(best, usd / gb) if gb > 0 else best
        return best

    def usd_month(self, gb: float) -> float:
        """What so many GB cost in a month; beyond the last tier's end its price goes on [USD/month]."""
        usd = 0.0
        for width, price in zip(self.tier_gb[:-1], self.usd_gb[:-1], strict=True):
            inside = min(gb, width)
            usd, gb = usd + inside * price, gb - inside
        return usd + gb * self.usd_gb[-1]

    def beyond_usd(self, gb: float) -> float:
        """What the tiers ask for so many GB beside their straight price; negative: less [USD/month]."""
        return self.usd_month(gb) - self.straight_usd_gb * gb


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """No way to run block b costs less than `usd_month` while procurement holds `steps`.

    Each machine of a step beyond may lower that by its gain at most; work in windows is credited at its reward.
    """

    block: str
    usd_month: float
    steps: Mapping[Steps, int]
    gain_usd_month: Mapping[Steps, float]
    reward_usd_request: Mapping[tuple[str, str], float]
    factor: Mapping[str, float] = field(default_factory=dict)  # psi_p  proved with what p is paid so much dearer


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetInputs:
    """The numbers of one fleet problem.  Money is USD, rates are requests/s at the planning rate."""

    month_h: float  # T      h per month
    block_h: Mapping[str, float]  # H_b    h per month
    block_week_h: Mapping[str, int]  #        parts of b: hours of the week, or of alike nights together
    blocks_in_order: bool = False  #        each block one hour of the week, Monday 00:00 first
    block_hours: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # hours of the week, alike nights in turn
    week_of: Mapping[str, str] = field(default_factory=dict)  #        by block and workload: whose week, if not one
    start_h: float = 0  # Z      h paid from the order of a machine by the hour until it serves
    rise: Mapping[tuple[str, str], float] = field(default_factory=dict)  # pi_gb  starts for each hour on: planner.rises
    group_gpus: Mapping[str, int]  # G_g    GPUs per machine
    spot_groups: frozenset[str] = frozenset()
    offers: Mapping[str, Offer]
    deployment_gpus: Mapping[str, Gpus]  # S_c    GPUs per replica; 1/2, 1/3 ... of one where it takes a part
    deployment_groups: Mapping[str, tuple[str, ...]]  #        where c can stand
    split_as: Mapping[str, str] = field(default_factory=dict)  # t_c    how the GPU is split that c takes a part of
    queue_slope: Mapping[str, float]  # a_c    usable share of one replica more
    queue_loss: Mapping[str, float]  # b_c    replicas lost to waiting once c runs at all
    class_workload: Mapping[str, str]
    demand_req_s: Mapping[tuple[str, str], float]  # D_kb   requests/s; deferrable classes are absent
    rate_req_s: Mapping[tuple[str, str], float]  # r_ck   requests/s of one replica, all its time
    admitted: frozenset[tuple[str, str]]  #        (k, g): class k may run in group g
    egress_usd_h: Mapping[tuple[str, str], float] = field(default_factory=dict)  # e_kg  USD/h per request/s
    egress_gb_h: Mapping[tuple[str, str], float] = field(default_factory=dict)  # s_kg  GB/h per request/s if tiered
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)  #        p: whose price changes with the volume
    tariff_of: Mapping[tuple[str, str], str] = field(default_factory=dict)  #        (k, g) -> p, where it has one
    api_usd_h: Mapping[tuple[str, str], float] = field(default_factory=dict)  # A_ka  USD/h per request/s
    nobody: frozenset[str] = frozenset()  #        "APIs" that stand for not serving: only to ask what a fleet can do
    api_max_req_s: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (w, a) requests/s
    api_max_share: Mapping[str, float] = field(default_factory=dict)  # beta_w  by workload, of what may not wait
    serving_share: Mapping[str, float] = field(default_factory=dict)  # alpha_g  of the time of spot machines; else 1
    min_replicas: Mapping[str, int] = field(default_factory=dict)  # R_w   by workload, in every block
    spot_max_share: Mapping[str, float] = field(default_factory=dict)  # by workload
    blends: Mapping[str, Blend] = field(default_factory=dict)
    provider_max_share: Mapping[str, float] = field(default_factory=dict)  # kappa_w  by workload, on one provider
    provider_max_spend_share: float | None = None  # kappa  of what is paid for machines and tokens, to one provider
    provider_of: Mapping[str, str] = field(default_factory=dict)  #        by group and API, where such a share counts
    few_kinds: Mapping[str, FewKinds] = field(default_factory=dict)  #        f: by the limit's name
    stand_ins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #        by offer: any of them beats it
    windows: Mapping[str, Window] = field(default_factory=dict)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    minimum_orders: Mapping[str, MinimumOrder] = field(default_factory=dict)
    max_upfront_usd: float | None = None
    budget_usd_month: float | None = None  #        on what is decided
    self_host_usd_month: float = 0  #        once, if anything runs on a machine
    provider_usd_month: float = 0  #        for each provider decided for
    reward_usd_request: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (k, b): credited in one block
    reward_max_requests: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (k, b)
    preference: Mapping[str, float] = field(default_factory=dict)  # by deployment: among equals, the smaller is chosen
    protected: frozenset[str] = frozenset()  # K'     classes that survive the loss of any machine
    kept_share: float = 1.0  # sigma  share of their load that is still carried then
    losses: Mapping[str, Loss] = field(default_factory=dict)  # l: by name
    proved: tuple[Proved, ...] = ()

    def whole_gpus(self, replicas: Iterable[tuple[str, int]]) -> list[int]:
        """Sizes of all that takes whole GPUs of a group, largest first: replicas, and GPUs that are split [GPUs]."""
        sizes: list[int] = []
        parts: dict[str, Fraction] = {}
        for c, n in replicas:
            size = self.deployment_gpus[c]
            if isinstance(size, Fraction):
                parts[self.split_as[c]] = parts.get(self.split_as[c], Fraction(0)) + n * size
            else:
                sizes += [size] * n
        sizes += [1] * sum(math.ceil(taken) for taken in parts.values())
        return sorted(sizes, reverse=True)

    def rate_in(self, c: str, k: str, g: str) -> float:
        """Requests/s of class k that a replica of c carries on machines of g, interruptions taken off."""
        return self.rate_req_s[c, k] * self.serving_share.get(g, 1.0)

    def paid_h(self, g: str, b: str) -> float:
        """Hours paid for a machine by the hour on through block b, with what it adds at least to starts [h/month]."""
        return self.block_h[b] * (1 + self.start_h * self.rise.get((g, b), 0.0))

    def starts_least_usd(self, o: str, b: str) -> float:
        """What a machine on through block b adds at least to the starts of its offer [USD/month]; may be negative."""
        offer = self.offers[o]
        return offer.usd_h * (self.paid_h(offer.group, b) - self.block_h[b]) if offer.billing == "hourly" else 0.0

    def billed_usd(self, o: str, b: str) -> float:
        """What a machine by the hour, or by the second, costs through block b, starts aside [USD/month]."""
        return self.offers[o].usd_h * self.block_h[b] * self.offers[o].billed_share.get(b, 1.0)

    def rent_usd(self, o: str, b: str) -> float:
        """The same with what it adds at least to starts [USD/month]."""
        return self.billed_usd(o, b) + self.starts_least_usd(o, b)

    def followers(self) -> Mapping[tuple[str, str], int]:
        """(block, another after it) -> hours of the week in which it is followed so; the week follows itself."""
        out: Counter[tuple[str, str]] = Counter()
        for week in self.weeks():
            blocks = [b for _, b in sorted((hour, b) for b, hours in week.block_hours.items() for hour in hours)]
            out.update(pair for pair in zip(blocks[-1:] + blocks, blocks, strict=False) if pair[0] != pair[1])
        return out

    def weeks(self) -> list[FleetInputs]:
        """The same with the hours of one week each, if scenarios have weeks of their own."""
        several: dict[str | None, dict[str, tuple[int, ...]]] = {}
        for b, hours in self.block_hours.items():
            several.setdefault(self.week_of.get(b), {})[b] = hours
        return [self] if len(several) < 2 else [replace(self, block_hours=hours) for hours in several.values()]

    def start_usd(self, o: str) -> float:
        """What one start a week costs [USD/month]."""
        offer = self.offers[o]
        if offer.workers:
            return 0.0  # every cold start is in their billed share
        there = [b for b in self.block_hours if b not in offer.away]
        weeks = sum(self.block_h[b] for b in there) / sum(len(self.block_hours[b]) for b in there)
        return offer.usd_h * self.start_h * weeks

    def kinds_there(self, limit: str) -> frozenset[str]:
        """Kinds of what is already paid for: they count whatever is decided."""
        of = self.few_kinds[limit].kind
        return frozenset(of[o] for o, offer in self.offers.items() if offer.existing is not None and o in of)

    def careless(self) -> FleetInputs:
        """The same without surviving the loss of a machine, a region or a provider; of spot pools, still."""
        return replace(self, protected=frozenset(), losses={n: x for n, x in self.losses.items() if x.taken_back})

    def window_of(self) -> dict[tuple[str, str], str]:
        """(class, block) -> the window it belongs to; windows of one class share no block."""
        return {(k, b): v for v, w in self.windows.items() for b in w.blocks for k in w.requests_month}

    def one_block(self, block: str) -> FleetInputs:
        """Running block `block` alone, as a fleet problem of its own: no procurement rule, no window."""
        return replace(
            self,
            block_h={block: self.block_h[block]},
            block_week_h={block: self.block_week_h[block]},
            blocks_in_order=False,
            block_hours={},
            demand_req_s={(k, b): d for (k, b), d in self.demand_req_s.items() if b == block},
            windows={},
            tariffs={},
            minimum_orders={},
            max_upfront_usd=None,
            budget_usd_month=None,
            provider_max_spend_share=None,
            self_host_usd_month=0,
            provider_usd_month=0,
            few_kinds={},
            proved=(),
        )

    def steps(self) -> list[Steps]:
        """All that procurement decides in whole machines before any hour is run."""
        out: list[Steps] = []
        for o, offer in self.offers.items():
            if offer.existing is not None or offer.billing == "hourly":
                continue
            out += [(o, None)] if offer.billing == "always" else [(o, b) for b in self.block_h if b not in offer.away]
        return out
