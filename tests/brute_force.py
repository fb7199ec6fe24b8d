"""The cheapest fleet by trying everything: every whole number enumerated, the rest by a small linear program.

Knows `FleetInputs` and nothing of the formulation: replicas are packed on machines one by one, rentals are laid
end to end, fixed costs are paid by set of providers.  For a few machines and hours only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from planner.inputs import FleetInputs, Offer, Tariff

Room = tuple[float, float]  # replicas' worth of work; of what must survive the loss of a machine
Capacity = tuple[tuple[tuple[str, str], Room], ...]  # ((deployment, group), room), sorted


class Hour(NamedTuple):
    """Hours run all alike: a block, or one hour of the week of a block in which work may be deferred."""

    block: str
    month_h: float
    place: int  # among the hours of its block


@cache
def packs(sizes: tuple[int, ...], free: tuple[int, ...]) -> bool:
    """Whether replicas of these sizes (largest first) find room on machines with this many free GPUs."""
    if not sizes:
        return True
    size, rest = sizes[0], sizes[1:]
    if size > max(free, default=0):
        return False
    for i, gpus in enumerate(free):
        if (
            gpus >= size
            and gpus not in free[:i]
            and packs(rest, tuple(sorted((*free[:i], *free[i + 1 :], gpus - size))))
        ):
            return True
    return False


def fits(sizes: list[int], gpus: int, machines: int) -> bool:
    """Whether these replicas fit; one larger than a machine takes whole ones."""
    whole = sum(math.ceil(s / gpus) for s in sizes if s > gpus)
    small = tuple(sorted((s for s in sizes if s <= gpus), reverse=True))
    return whole <= machines and packs(small, (gpus,) * (machines - whole))


def whole_gpus(i: FleetInputs, standing: list[str]) -> list[int]:
    """What these replicas take in whole GPUs: those on parts fill one GPU after the other, each way for itself."""
    sizes: list[int] = []
    free: dict[str, Fraction] = {}
    for c in standing:
        size = i.deployment_gpus[c]
        if not isinstance(size, Fraction):
            sizes.append(size)
            continue
        way = i.split_as[c]
        if free.get(way, Fraction(0)) < size:
            free[way] = Fraction(1)
            sizes.append(1)
        free[way] -= size
    return sizes


def rentals(hours: int, minimum_h: int, most: int) -> set[tuple[int, ...]]:
    """All machine counts by hour made of rentals that last at least the minimum, in a week that repeats."""
    runs = [
        tuple(sum(1 for h in range(start, start + length) if h % hours == hour) for hour in range(hours))
        for start in range(hours)
        for length in range(minimum_h, minimum_h + hours)
    ]
    runs.append((1,) * hours)
    found = fresh = {(0,) * hours}
    while fresh:
        fresh = {tuple(map(sum, zip(plan, run, strict=True))) for plan in fresh for run in runs}
        fresh = {plan for plan in fresh if max(plan) <= most} - found
        found = found | fresh
    return found


def egress_lines(tariff: Tariff) -> list[tuple[float, float, float, float]]:
    """(from GB, to GB, USD/GB, USD at no GB) of the straight lines that the cost of a volume is made of."""
    out, start, usd = [], 0.0, 0.0
    for width, price in zip(tariff.tier_gb, tariff.usd_gb, strict=True):
        out.append((start, start + width, price, usd - price * start))
        start, usd = start + width, usd + width * price
    return out


class BruteForce:
    """Everything that can be done with one `FleetInputs`, remembered where it is asked again."""

    def __init__(self, inputs: FleetInputs) -> None:
        self.i = i = inputs
        self.window_of = {(k, b): v for v, w in i.windows.items() for b in w.blocks for k in w.requests_month}
        divided = {b for _, b in self.window_of}
        by_turns = i.start_h or i.provider_max_spend_share is not None
        parts = {b: i.block_week_h[b] if b in divided or by_turns else 1 for b in i.block_h}
        self.hours = [Hour(b, i.block_h[b] / n, place) for b, n in parts.items() for place in range(n)]
        if i.start_h:  # in the order of the week
            self.hours.sort(key=lambda hour: i.block_hours[hour.block][hour.place])
        self.machines = {o: offer for o, offer in i.offers.items() if offer.existing is None}
        self.known: dict[object, float] = {}
        self.packed: dict[object, list[Capacity]] = {}

    def cheapest(self) -> float | None:
        """USD per month of the best plan, or None where there is none."""
        i = self.i
        best = min((self.of_kinds(offers, running) for offers, running in self.few()), default=math.inf)
        within = i.budget_usd_month is None or best <= i.budget_usd_month * (1 + 1e-9)
        return best if within and best < math.inf else None

    def few(self) -> Iterator[tuple[set[str], set[str]]]:
        """(offers, deployments) left by every choice of as many kinds as may be used."""
        choices = []
        for few in self.i.few_kinds.values():
            there = {few.kind[o] for o, x in self.i.offers.items() if x.existing is not None and o in few.kind}
            others = sorted(set(few.kind.values()) - there)
            room = few.most - len(there)
            choices.append(
                [(few, there | set(more)) for more in itertools.combinations(others, min(room, len(others)))]
                if room >= 0
                else []
            )
        for choice in itertools.product(*choices):
            out = {each for few, kinds in choice for each, kind in few.kind.items() if kind not in kinds}
            yield set(self.machines) - out, set(self.i.deployment_gpus) - out

    def of_kinds(self, offers: set[str], running: set[str]) -> float:
        """USD per month of the best plan with these offers and deployments."""
        i = self.i
        self.running = running
        self.packed.clear()
        owned = {offer.provider for offer in i.offers.values() if offer.existing is not None}
        paid = sorted({o.provider for o in self.machines.values()} - owned) if i.provider_usd_month else []
        best = math.inf
        for count in range(len(paid) + 1):
            for used in itertools.combinations(paid, count):
                barred = set(paid) - set(used)
                mine = {o for o in offers if self.machines[o].provider not in barred}
                fee = count * i.provider_usd_month
                best = min(best, fee + i.self_host_usd_month + self.with_offers(mine, True))
                if i.self_host_usd_month and i.provider_max_spend_share is not None:  # machines that stand idle
                    best = min(best, fee + self.with_offers(mine, False))
        if i.self_host_usd_month:
            best = min(best, self.with_offers(set(), False))
        return best

    def useful(self, group: str, hour: Hour) -> int:
        """Machines of a group beyond which one more would stand idle: each replica on its own, and a spare."""
        return bool(self.i.protected) + sum(
            self.replicas(c, g, hour) * math.ceil(self.i.deployment_gpus[c] / self.i.group_gpus[g])
            for c, groups in self.i.deployment_groups.items()
            for g in groups
            if g == group
        )

    def replicas(self, c: str, g: str, hour: Hour) -> int:
        """Replicas that carry all that could be asked of them in an hour."""
        work = 0.0
        for (cc, k), rate in self.i.rate_req_s.items():
            if cc != c or (k, g) not in self.i.admitted:
                continue
            rate *= self.i.serving_share.get(g, 1.0)
            work += self.i.demand_req_s.get((k, hour.block), 0) / rate
            if v := self.window_of.get((k, hour.block)):
                work += self.i.windows[v].requests_month[k] / (3600 * hour.month_h * rate)
        return math.ceil((work + self.i.queue_loss[c]) / self.i.queue_slope[c] - 1e-9) if work else 0

    def with_offers(self, offers: set[str], hosting: bool) -> float:
        """The best plan that buys from these offers only, fixed costs left out."""
        best = math.inf
        for signed, usd in sorted(self.signed(offers), key=lambda plan: plan[1]):
            if usd >= best:
                break
            best = min(best, usd + self.run(offers, signed, hosting, best - usd))
        return best

    def signed(self, offers: set[str]) -> Iterator[tuple[dict[str, tuple[int, ...]], float]]:
        """What may be signed before the hours are run: (machines by offer and hour, USD/month)."""
        i = self.i
        choices = []
        for o in sorted(offers):
            offer = self.machines[o]
            if offer.billing == "hourly":
                continue
            most = self.useful_steps(offer) if offer.covers else max(self.useful(offer.group, h) for h in self.hours)
            most += sum(order.machines for order in i.minimum_orders.values()) + offer.multiple_of - 1
            most = most if offer.max_machines is None else min(most, offer.max_machines)
            if i.provider_max_spend_share is not None and offer.max_machines is not None:
                most = offer.max_machines
            if offer.billing == "stretch":
                plans = rentals(len(self.hours), offer.minimum_rental_h, most)
            else:
                plans = {(n,) * len(self.hours) for n in range(0, most + 1, offer.multiple_of)}
            choices.append([(o, plan) for plan in sorted(plans)])
        for choice in itertools.product(*choices):
            plan = dict(choice)
            orders = [sum(plan.get(o, (0,))[0] for o in m.offers) for m in i.minimum_orders.values()]
            if any(0 < n < m.machines for n, m in zip(orders, i.minimum_orders.values(), strict=True)):
                continue
            always = {o: n[0] for o, n in plan.items() if self.machines[o].billing == "always"}
            upfront = sum(n * self.machines[o].upfront_usd for o, n in always.items())
            if i.max_upfront_usd is not None and upfront > i.max_upfront_usd + 1e-9:
                continue
            usd = sum(
                n * (self.machines[o].usd_h * i.month_h + self.machines[o].capital_usd_month) for o, n in always.items()
            )
            for o, by_hour in plan.items():
                if self.machines[o].billing == "stretch":
                    usd += sum(n * self.machines[o].usd_h * h.month_h for n, h in zip(by_hour, self.hours, strict=True))
                    usd += self.started([{o: n} for n in by_hour])
            yield plan, usd

    def useful_steps(self, promise: Offer) -> int:
        """Steps of a spend commitment that pay for every machine that could be busy in any hour."""
        dear: dict[str, float] = {}
        for o, usd_h in promise.covers.items():
            dear[self.i.offers[o].group] = max(usd_h, dear.get(self.i.offers[o].group, 0.0))
        paid = max(sum(usd_h * self.useful(g, hour) for g, usd_h in dear.items()) for hour in self.hours)
        return math.ceil(paid / promise.usd_h - 1e-9)

    def rent(self, counts: Mapping[str, int], held: Mapping[str, int], hour: Hour) -> float:
        """USD/month of machines on by the hour, after what spend commitments pay of it."""
        usd = sum(n * self.machines[o].usd_h * hour.month_h for o, n in counts.items())
        held = {**held, **{o: x.existing for o, x in self.i.offers.items() if x.existing is not None}}
        pairs = [
            (s, o, usd_h)
            for s, n in held.items()
            for o, usd_h in self.i.offers[s].covers.items()
            if n and counts.get(o)
        ]
        if not pairs:
            return usd
        rows = [({j: usd_h for j, (s, _, usd_h) in enumerate(pairs) if s == each}, n * self.i.offers[each].usd_h)
                for each, n in held.items()]  # fmt: skip
        rows += [({j: 1.0 for j, (_, o, _) in enumerate(pairs) if o == each}, n) for each, n in counts.items()]
        most = linprog(
            [-self.machines[o].usd_h * hour.month_h for _, o, _ in pairs], *_dense(rows, len(pairs)), method="highs-ds"
        )
        return usd + float(most.fun)

    def run(self, offers: set[str], signed: Mapping[str, tuple[int, ...]], hosting: bool, below: float) -> float:
        """The best way to run all hours with what is signed."""
        ways = []
        for place, hour in enumerate(self.hours):
            held = {o: n[place] for o, n in signed.items()}
            ways.append(self.ways(offers, held, hour, hosting))
        if self.i.provider_max_spend_share is not None:
            return self.run_within_share(offers, signed, hosting, below)
        if self.i.start_h:
            return self.run_in_order(offers, signed, hosting, below)
        if not self.i.windows and not self.i.tariffs:
            return sum(self.best_way(hour, found) for hour, found in zip(self.hours, ways, strict=True))
        return self.best_mix(ways, below)

    def run_within_share(
        self, offers: set[str], signed: Mapping[str, tuple[int, ...]], hosting: bool, below: float
    ) -> float:
        """The best way to run all hours so that no provider is paid more than its share of the month."""
        i = self.i
        ahead = dict.fromkeys({x.provider for x in i.offers.values()}, 0.0)
        for x in i.offers.values():
            ahead[x.provider] += (x.existing or 0) * x.usd_h * i.month_h
        for o, by_hour in signed.items():
            hours = sum(n * hour.month_h for n, hour in zip(by_hour, self.hours, strict=True))
            ahead[i.offers[o].provider] += i.offers[o].usd_h * hours
        options: dict[tuple[str, tuple[int, ...]], list[list[tuple[float, dict[str, int], float, Capacity]]]] = {}
        for place, hour in enumerate(self.hours):
            held = {o: n[place] for o, n in signed.items()}
            here = []
            for counts in self.rentable(offers, hour):
                for usd, placed in self.of_counts([counts], held, hour):
                    capacity = placed if hosting else ()
                    alone = usd + self.traffic(((hour, capacity),), deferred=False)
                    if alone < math.inf:
                        here.append((alone, counts, usd, capacity))
            options.setdefault((hour.block, tuple(held.values())), []).append(here)
        # Hours of one block with the same machines signed for are interchangeable.
        several = [itertools.combinations_with_replacement(each[0], len(each)) for each in options.values()]
        hours_of = [
            hour
            for key in options
            for place, hour in enumerate(self.hours)
            if key == (hour.block, tuple(n[place] for n in signed.values()))
        ]
        mixes = []
        for number, parts in enumerate(itertools.product(*several)):
            mix = tuple(itertools.chain(*parts))
            promise = sum(way[0] for way in mix) + self.deferred_at_least([way[3] for way in mix])
            if promise < below:
                mixes.append((promise, number, mix))
        best = below
        for promise, _, mix in sorted(mixes, key=lambda each: each[:2]):
            if promise >= best:
                break
            paid = dict(ahead)
            for hour, (_, counts, _, _) in zip(hours_of, mix, strict=True):
                for o, n in counts.items():
                    paid[i.offers[o].provider] += n * i.offers[o].usd_h * hour.month_h
            run = tuple((hour, way[3]) for hour, way in zip(hours_of, mix, strict=True))
            best = min(best, sum(way[2] for way in mix) + self._traffic(run, True, {}, paid))
        return best if best < below else math.inf

    def started(self, on: list[dict[str, int]]) -> float:
        """USD/month of all starts in a week that repeats, with these machines on hour by hour."""
        usd = 0.0
        for before, now in zip([on[-1], *on], on, strict=False):
            for o, n in now.items():
                started = max(n - before.get(o, 0), 0)
                usd += started * self.machines[o].usd_h * self.i.start_h * self.i.month_h / len(on)
        return usd

    def run_in_order(
        self, offers: set[str], signed: Mapping[str, tuple[int, ...]], hosting: bool, below: float
    ) -> float:
        """The best way to run all hours where starts are paid: all machine counts of all hours, and what joins them."""
        options: list[list[tuple[float, dict[str, int], float, Capacity]]] = []
        for place, hour in enumerate(self.hours):
            held = {o: n[place] for o, n in signed.items()}
            here = []
            for counts in self.rentable(offers, hour) if hosting else [{}]:
                for usd, capacity in self.of_counts([counts], held, hour) if hosting else [(0.0, ())]:
                    alone = usd + self.traffic(((hour, capacity),), deferred=False)
                    if alone < math.inf:
                        here.append((alone, counts, usd, capacity))
            if not self.i.windows and not self.i.tariffs:  # with the same machines, only the cheapest way
                by_counts: dict[tuple[tuple[str, int], ...], tuple[float, dict[str, int], float, Capacity]] = {}
                for way in here:
                    key = tuple(sorted(way[1].items()))
                    by_counts[key] = min(way, by_counts.get(key, way), key=lambda w: w[0])
                here = list(by_counts.values())
            options.append(here)
        if not self.i.windows and not self.i.tariffs:
            return self.cheapest_round(options)
        mixes = []
        for number, mix in enumerate(itertools.product(*options)):
            promise = sum(way[0] for way in mix) + self.started([way[1] for way in mix])
            promise += self.deferred_at_least([way[3] for way in mix])
            if promise < below:
                mixes.append((promise, number, mix))
        best = below
        for promise, _, mix in sorted(mixes, key=lambda each: each[:2]):
            if promise >= best:
                break
            run = tuple((hour, way[3]) for hour, way in zip(self.hours, mix, strict=True))
            usd = sum(way[2] for way in mix) + self.started([way[1] for way in mix])
            best = min(best, usd + self.traffic(run))
        return best if best < below else math.inf

    def cheapest_round(self, options: list[list[tuple[float, dict[str, int], float, Capacity]]]) -> float:
        """The cheapest way through a week that repeats, by dynamic programming from every beginning."""
        best = math.inf
        weeks = self.i.month_h / len(options) * self.i.start_h

        def step(before: dict[str, int], now: dict[str, int]) -> float:
            return sum(weeks * self.machines[o].usd_h * max(n - before.get(o, 0), 0) for o, n in now.items())

        for alone, first, _, _ in options[0]:
            reached = [(alone, first)]
            for here in options[1:]:
                reached = [
                    (usd + min(got + step(before, now) for got, before in reached), now) for usd, now, _, _ in here
                ]
                if not reached:
                    return math.inf
            best = min([best, *(got + step(last, first) for got, last in reached)])
        return best

    def best_way(self, hour: Hour, ways: list[tuple[float, Capacity]]) -> float:
        best = math.inf
        for usd, capacity in ways:
            if usd >= best:
                break
            best = min(best, usd + self.traffic(((hour, capacity),)))
        return best

    def best_mix(self, ways: list[list[tuple[float, Capacity]]], below: float) -> float:
        """Hours share deferred work: try their ways together, cheapest promise first."""
        options: list[list[tuple[float, float, Capacity]]] = []
        for hour, found in zip(self.hours, ways, strict=True):
            alone = [
                (usd + self.traffic(((hour, capacity),), deferred=False), usd, capacity) for usd, capacity in found
            ]
            options.append(sorted(way for way in alone if way[0] < math.inf))
        best = below
        mixes: list[tuple[float, int, tuple[tuple[float, Capacity], ...]]] = []
        for number, mix in enumerate(itertools.product(*options)):
            same = zip(self.hours, mix, self.hours[1:], mix[1:], strict=False)
            if any(h.block == next_h.block and way > next_way for h, way, next_h, next_way in same):
                continue
            promise = sum(way[0] for way in mix) + self.deferred_at_least([way[2] for way in mix])
            if promise < best:
                mixes.append((promise, number, tuple(way[1:] for way in mix)))
        for promise, _, mix in sorted(mixes):
            if promise >= best:
                break
            run = tuple((hour, capacity) for hour, (_, capacity) in zip(self.hours, mix, strict=True))
            best = min(best, sum(usd for usd, _ in mix) + self.traffic(run))
        return best if best < below else math.inf

    def deferred_at_least(self, capacities: list[Capacity]) -> float:
        """What must be bought from APIs if all replicas did nothing but deferred work, each class on its own."""
        usd = 0.0
        for v, window in self.i.windows.items():
            for k, asked in window.requests_month.items():
                done = sum(
                    room[0] * self.i.rate_req_s.get((c, k), 0) * self.i.serving_share.get(g, 1.0) * 3600 * hour.month_h
                    for hour, capacity in zip(self.hours, capacities, strict=True)
                    if self.window_of.get((k, hour.block)) == v
                    for (c, g), room in capacity
                    if (k, g) in self.i.admitted
                )
                if done < asked * (1 - 1e-9):
                    usd += (asked - done) * window.api_usd_request.get(k, math.inf)
        return usd

    def ways(self, offers: set[str], held: dict[str, int], hour: Hour, hosting: bool) -> list[tuple[float, Capacity]]:
        """(USD/month, capacity) of all ways to rent by the hour and to place replicas, none worse than another."""
        if not hosting:
            return [(0.0, ())]
        return self.of_counts(self.rentable(offers, hour), held, hour)

    def rentable(self, offers: set[str], hour: Hour) -> list[dict[str, int]]:
        """All counts of machines by the hour that could be useful in an hour."""
        hourly = sorted(o for o in offers if self.machines[o].billing == "hourly")
        ranges = []
        for o in hourly:
            most, limit = self.useful(self.machines[o].group, hour), self.machines[o].max_machines
            if self.i.provider_max_spend_share is not None and limit is not None:
                most = limit  # a machine that stands idle is paid too
            ranges.append(range((most if limit is None else min(most, limit)) + 1))
        return [dict(zip(hourly, counts, strict=True)) for counts in itertools.product(*ranges)]

    def of_counts(self, rented: list[dict[str, int]], held: dict[str, int], hour: Hour) -> list[tuple[float, Capacity]]:
        """(USD/month, capacity) of all ways to place replicas with any of these counts, none worse than another."""
        priced = sorted((self.rent(counts, held, hour), i) for i, counts in enumerate(rented))
        kept: list[tuple[float, Capacity]] = []
        for usd, number in priced:
            on = {
                **held,
                **rented[number],
                **{
                    o: 0 if hour.block in x.away else x.existing
                    for o, x in self.i.offers.items()
                    if x.existing is not None
                },
            }
            if any(sum(w * on.get(o, 0) for o, w in q.weight.items()) > q.limit + 1e-9 for q in self.i.quotas.values()):
                continue
            for capacity in self.placed(on, hour):
                if not any(
                    all(enough >= room for where, rooms in capacity for enough, room in
                        zip(dict(other).get(where, (0.0, 0.0)), rooms, strict=True))
                    for _, other in kept
                ):  # fmt: skip
                    kept.append((usd, capacity))
        return kept

    def placed(self, on: Mapping[str, int | None], hour: Hour) -> list[Capacity]:
        """Capacities of all ways to place replicas on the machines that are on, none with room for one more."""
        i = self.i
        by_group = []
        for g in sorted(i.group_gpus):
            machines = min(sum(n or 0 for o, n in on.items() if i.offers[o].group == g), self.useful(g, hour))
            key = (g, machines, hour.block)
            if key not in self.packed:
                here = [c for c, groups in i.deployment_groups.items() if g in groups and c in self.running]
                counts = [
                    n
                    for n in itertools.product(*(range(self.replicas(c, g, hour) + 1) for c in here))
                    if self.stand(here, n, g, machines)
                ]
                both = [(n, kept) for n in counts for kept in self.surviving(here, n, g, machines, hour)]
                flat = [tuple(itertools.chain(*each)) for each in both]
                most = [
                    each
                    for each, n in zip(both, flat, strict=True)
                    if not any(n != m and all(x <= y for x, y in zip(n, m, strict=True)) for m in flat)
                ]
                self.packed[key] = [
                    tuple(
                        ((c, g), (i.queue_slope[c] * m - i.queue_loss[c], self.kept_room(c, g, m, left, hour)))
                        for c, m, left in zip(here, n, kept, strict=True)
                        if m and i.queue_slope[c] * m > i.queue_loss[c]
                    )
                    for n, kept in most
                ]
            by_group.append(self.packed[key])
        return [tuple(sorted(itertools.chain(*parts))) for parts in itertools.product(*by_group)]

    def stand(self, here: list[str], n: tuple[int, ...], g: str, machines: int) -> bool:
        """Whether so many replicas of each deployment stand on so many machines."""
        standing = [c for c, m in zip(here, n, strict=True) for _ in range(m)]
        sizes = whole_gpus(self.i, standing)
        return not sizes or fits(sizes, self.i.group_gpus[g], machines)

    def promised(self, c: str, g: str, hour: Hour) -> tuple[set[str], set[str]]:
        """Classes that c may serve here in an hour, and those of them that must survive."""
        b = hour.block
        may = {
            k
            for (cc, k) in self.i.rate_req_s
            if cc == c and (k, g) in self.i.admitted and ((k, b) in self.i.demand_req_s or (k, b) in self.window_of)
        }
        return may, may & self.i.protected

    def surviving(
        self, here: list[str], n: tuple[int, ...], g: str, machines: int, hour: Hour
    ) -> Iterator[tuple[int, ...]]:
        """Replicas of each deployment that may be counted on when a machine is lost."""
        ranges = []
        for c, m in zip(here, n, strict=True):
            may, must = self.promised(c, g, hour)
            lost = must < may or self.i.kept_share < 1 or bool(self.i.losses)
            ranges.append(range(m + 1) if must and lost else (m,) if must else (0,))
        for kept in itertools.product(*ranges):
            mine = zip(here, n, kept, strict=True)
            queued = all(
                m == 0 or not self.promised(c, g, hour)[1] or self.i.queue_slope[c] * left >= self.i.queue_loss[c]
                for c, m, left in mine
            )
            if queued and self.stand(here, kept, g, machines - 1):
                yield kept

    def kept_room(self, c: str, g: str, n: int, kept: int, hour: Hour) -> float:
        """Replicas' worth of work that must survive, as it is before the loss."""
        if not self.promised(c, g, hour)[1]:
            return 0.0
        return (self.i.queue_slope[c] * kept - self.i.queue_loss[c]) / self.i.kept_share

    def traffic(self, run: tuple[tuple[Hour, Capacity], ...], deferred: bool = True) -> float:
        """The cheapest way to send the traffic to replicas and APIs [USD/month]; infinite where it cannot be."""
        key = (tuple((h.block, h.month_h, capacity) for h, capacity in run), deferred)
        if key not in self.known:
            lines = [egress_lines(tariff) if deferred else [] for tariff in self.i.tariffs.values()]
            prices = [dict(zip(self.i.tariffs, each, strict=True)) for each in itertools.product(*lines)] or [{}]
            self.known[key] = min(self._traffic(run, deferred, each) for each in prices)
        return self.known[key]

    def _traffic(
        self,
        run: tuple[tuple[Hour, Capacity], ...],
        deferred: bool,
        lines: Mapping[str, tuple[float, float, float, float]],
        paid: Mapping[str, float] | None = None,
    ) -> float:
        """With the volume of each provider within the line given of its cost; without lines, no more than at any.

        With what each provider is `paid` for machines, none is paid more than its share.
        """
        i = self.i
        tokens: dict[int, str] = {}
        leaving: dict[str, dict[int, float]] = {p: {} for p in lines}
        usd: list[float] = []
        most: list[float | None] = []
        at_most: list[tuple[dict[int, float], float]] = []
        equal: list[tuple[dict[int, float], float]] = []
        done: dict[tuple[str, str], dict[int, float]] = {}

        def new(price: float, limit: float | None = None) -> int:
            usd.append(price)
            most.append(limit)
            return len(usd) - 1

        for hour, capacity in run:
            b = hour.block
            asked = {k for k in i.class_workload if (k, b) in i.demand_req_s}
            waiting = {k for k in i.class_workload if deferred and (k, b) in self.window_of}
            served: dict[tuple[str, str], dict[int, float]] = {}
            by: dict[int, tuple[str, str]] = {}  # variable -> class and who serves it
            ready: dict[str, list[tuple[str, int]]] = {}  # class -> (group, variable)
            for (c, g), room in capacity:
                work, must = {}, {}
                for k in asked | waiting:
                    if (k, g) in i.admitted and (c, k) in i.rate_req_s:
                        y = new(self.egress_usd_h(k, g, lines) * hour.month_h)
                        if (p := i.tariff_of.get((k, g))) in leaving:
                            leaving[p][y] = i.egress_gb_h.get((k, g), 0.0) * hour.month_h
                        work[y] = 1 / (i.rate_req_s[c, k] * i.serving_share.get(g, 1.0))
                        if k in i.protected:
                            must[y] = work[y]
                        served.setdefault((k, g), {})[y] = 1.0
                        by[y] = k, c
                        if k in waiting:
                            done.setdefault((self.window_of[k, b], k), {})[y] = -3600 * hour.month_h
                standing_by = {}
                for k in {k for lost in i.losses.values() for k in lost.kept_share} & asked:
                    if (k, g) in i.admitted and (c, k) in i.rate_req_s:
                        w = new(0.0)
                        standing_by[w] = 1 / (i.rate_req_s[c, k] * i.serving_share.get(g, 1.0))
                        ready.setdefault(k, []).append((g, w))
                at_most += [(work, room[0]), (must, room[1]), (standing_by, room[0])]
            bought: dict[tuple[str, str], int] = {
                (k, a): new(price * hour.month_h) for (k, a), price in i.api_usd_h.items() if k in asked
            }
            tokens |= {p: i.provider_of.get(a, "") for (_, a), p in bought.items()}
            for k in asked:
                row = {y: 1.0 for (kk, _), ys in served.items() if kk == k for y in ys}
                row |= {p: 1.0 for (kk, _), p in bought.items() if kk == k}
                equal.append((row, i.demand_req_s[k, b]))
            by |= {p: place for place, p in bought.items()}
            for blend in i.blends.values():
                mine = {y: place for y, place in by.items() if place[0] in blend.classes}
                if blend.mean_score is not None:
                    at_most.append(({y: blend.mean_score - blend.score[place] for y, place in mine.items()}, 0.0))
                for j, share in blend.max_share.items():
                    at_most.append(({y: (blend.model.get(place) == j) - share for y, place in mine.items()}, 0.0))
            for (w, a), limit in i.api_max_req_s.items():
                at_most.append(
                    ({p: 1.0 for (k, aa), p in bought.items() if aa == a and i.class_workload[k] == w}, limit)
                )
            for w, share in i.provider_max_share.items():
                mine = [k for k in asked if i.class_workload[k] == w]
                for provider in set(i.provider_of.values()):
                    own = [ys for (k, g), ys in served.items() if k in mine and i.provider_of[g] == provider]
                    of = {y: 1.0 for ys in own for y in ys}
                    of |= {p: 1.0 for (k, a), p in bought.items() if k in mine and i.provider_of[a] == provider}
                    at_most.append((of, share * sum(i.demand_req_s[k, b] for k in mine)))
            for lost in i.losses.values():
                for k, share in lost.kept_share.items():
                    if k in asked:
                        row = {w: -1.0 for g, w in ready.get(k, ()) if g not in lost.groups}
                        for (kk, a), p in bought.items():
                            if kk == k and (a in i.nobody or a not in lost.apis):
                                row[p] = -share if a in i.nobody else -1.0
                        at_most.append((row, -share * i.demand_req_s[k, b]))
            for w, share in i.api_max_share.items():
                mine = [k for k in asked if i.class_workload[k] == w]
                from_apis = {p: share if a in i.nobody else 1.0 for (k, a), p in bought.items() if k in mine}
                at_most.append((from_apis, share * sum(i.demand_req_s[k, b] for k in mine)))
            for w, share in i.spot_max_share.items():
                together = {k for k in asked if i.class_workload[k] == w}
                for mine in [together, *({k} for k in waiting if i.class_workload[k] == w)]:
                    row = {y: 1.0 for (k, g), ys in served.items() if k in mine and g in i.spot_groups for y in ys}
                    row |= {p: share for (k, a), p in bought.items() if k in mine and a in i.nobody}
                    fixed = share * sum(i.demand_req_s[k, b] for k in mine & asked)
                    for (k, _), ys in served.items():
                        if k in mine & waiting:
                            row |= {y: row.get(y, 0.0) - share for y in ys}
                    at_most.append((row, fixed))
        if deferred:
            for v, window in i.windows.items():
                for k, requests in window.requests_month.items():
                    row = dict(done.get((v, k), {}))
                    if k in window.api_usd_request:
                        row[bulk := new(window.api_usd_request[k], window.api_max_requests.get(k))] = -1.0
                        tokens[bulk] = window.api_provider.get(k, "")
                    at_most.append((row, -requests))
        for p, (low, high, _, _) in lines.items():
            at_most += [(leaving[p], high), ({y: -gb for y, gb in leaving[p].items()}, -low)]
        for provider in {*paid, *tokens.values()} if paid is not None else ():
            share = i.provider_max_spend_share or 0.0
            row = {y: ((who == provider) - share) * usd[y] for y, who in tokens.items()}
            total = sum((paid or {}).values())
            at_most.append((row, (share + 1e-9) * total - (paid or {}).get(provider, 0.0)))
        if any((not row and right != 0) for row, right in equal) or any(
            not row and right < 0 for row, right in at_most
        ):
            return math.inf
        constant = sum(usd_at_none for _, _, _, usd_at_none in lines.values())
        if not usd:
            return constant
        answer = linprog(
            usd,
            *_dense(at_most, len(usd)),
            *_dense(equal, len(usd)),
            bounds=[(0, limit) for limit in most],
            method="highs-ds",
            options={"presolve": False},
        )
        return float(answer.fun) + constant if answer.status == 0 else math.inf

    def egress_usd_h(self, k: str, g: str, lines: Mapping[str, tuple[float, float, float, float]]) -> float:
        """USD/h of data sent out for each request/s."""
        p = self.i.tariff_of.get((k, g))
        if p not in self.i.tariffs:
            return self.i.egress_usd_h.get((k, g), 0.0)
        price = lines[p][2] if p in lines else min(self.i.tariffs[p].usd_gb)
        return price * self.i.egress_gb_h.get((k, g), 0.0)


def _dense(rows: list[tuple[dict[int, float], float]], columns: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Rows as a matrix and its right-hand side; each deferred row is scaled to its requests."""
    rows = [(row, right) for row, right in rows if row]
    if not rows:
        return None, None
    matrix = np.zeros((len(rows), columns))
    for r, (row, right) in enumerate(rows):
        scale = abs(right) if abs(right) > 1 else 1.0
        for column, value in row.items():
            matrix[r, column] = value / scale
    return matrix, np.array([right / (abs(right) if abs(right) > 1 else 1.0) for _, right in rows])
