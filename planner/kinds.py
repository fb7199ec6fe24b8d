"""Find a plan that uses few kinds of everything: providers, regions, GPU types, deployments.

What is proved of single blocks says nothing of how many kinds they use together.  So the kinds are decided around the
search: a problem in which all are free gives a bound, and, if it happens to use few enough, a plan.  If not, it is
divided by one kind that it uses: with it for certain, or without it.  Once as many are certain as may be used, the
others are left out, and nothing is to be divided any more.  Every part is solved by the same search, and ends once it
can be no better than the best plan known.

A fixed cost of kinds, as of providers, is decided likewise: a part pays for those that it uses for certain, its plan
for all that it does use.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from planner.inputs import FewKinds, FleetInputs, Offer
from planner.solution import Ended, Solution
from planner.solver import Settings

Kind = tuple[str, str]
"""(limit, kind)."""
Progress = Callable[[str, float | None, float | None], None]
SearchAll = Callable[[FleetInputs, Settings, Progress, float], Solution]
FEE = "provider_usd_month"
"""As a limit on kinds, one that allows them all and makes each cost its fee."""
FIRST_SHARE = 0.5
ROUGHLY = 0.5
"""A gap at which to see whether there is a plan at all."""


@dataclass(frozen=True, slots=True)
class Part:
    """The plans that use these kinds for certain and not those, and the best one where the rest is free."""

    certain: frozenset[Kind]
    barred: frozenset[Kind]
    found: Solution


class Division:
    """One search among few kinds: the best plan so far, and what is known of the parts that are done with."""

    def __init__(
        self,
        inputs: FleetInputs,
        settings: Settings,
        progress: Progress,
        search_all: SearchAll,
        enough_usd: float = math.inf,
    ) -> None:
        if inputs.provider_usd_month:
            whose = {o: offer.provider for o, offer in inputs.offers.items()}
            anyone = FewKinds(kind=whose, most=len(whose), usd_month=inputs.provider_usd_month)
            inputs = replace(inputs, few_kinds={**inputs.few_kinds, FEE: anyone})
        self.fees = {f: few.usd_month for f, few in inputs.few_kinds.items() if few.usd_month}
        self.inputs, self.settings, self.progress, self.search_all = inputs, settings, progress, search_all
        self.limit_usd = enough_usd
        self.started = time.perf_counter()
        self.kinds = {(f, i) for f, few in inputs.few_kinds.items() for i in few.kind.values()}
        self.best: Solution | None = None
        self.first_plan_s: float | None = None
        self.done_usd = math.inf  # no plan in the parts done with costs less
        self.open: list[tuple[float, int, Part]] = []
        self.numbers = itertools.count()

    def left_s(self) -> float:
        """Time left [s]."""
        return self.settings.time_limit_s - (time.perf_counter() - self.started)

    def enough_usd(self) -> float:
        """A plan that costs no less than this is not worth finding."""
        if self.best is None or self.best.usd_month is None:
            return self.limit_usd
        return min(self.limit_usd, self.best.usd_month - self.settings.gap * abs(self.best.usd_month) - 1e-6)

    def bound_usd(self) -> float:
        """No plan costs less."""
        best = math.inf if self.best is None or self.best.usd_month is None else self.best.usd_month
        return min([self.done_usd, best, *(bound for bound, _, _ in self.open)])

    def fees_usd(self, kinds: Iterable[Kind]) -> float:
        """What is paid for these kinds; not for those paid anyway."""
        there = {f: self.inputs.kinds_there(f) for f in self.fees}
        return sum(self.fees[f] for f, i in kinds if f in self.fees and i not in there[f])

    def priced(self, found: Solution) -> Solution | None:
        """A plan of a part with the fees of all that it uses; None if that is beyond the budget."""
        used = used_kinds(self.inputs, found)
        usd = (found.usd_month or 0.0) + self.fees_usd((f, i) for f in self.fees for i in used[f])
        budget = self.inputs.budget_usd_month
        return replace(found, usd_month=usd) if budget is None or usd <= budget * (1 + 1e-9) else None

    def try_part(self, certain: frozenset[Kind], barred: frozenset[Kind], at_least: float = -math.inf) -> Part | None:
        """Solve a part, known to cost `at_least`: it is a plan, or to be divided, or done with (None)."""
        for f, few in self.inputs.few_kinds.items():
            sure = {kind for kind in certain if kind[0] == f}
            if len(sure) > few.most:
                return None
            if len(sure) == few.most:
                barred |= {kind for kind in self.kinds if kind[0] == f} - sure
        # Until there is a plan, a part takes half of the time that is left at most.
        share = 1.0 if self.best is not None else FIRST_SHARE
        gap = self.settings.gap / 2 if self.fees else self.settings.gap
        limits = replace(self.settings, gap=gap, time_limit_s=max(0.1, share * self.left_s()))
        fees, inputs = self.fees_usd(certain), without(self.inputs, barred)
        if self.fees and inputs.budget_usd_month is not None:
            inputs = replace(inputs, budget_usd_month=inputs.budget_usd_month - fees)
        found = self.search_all(inputs, limits, self.tell, self.enough_usd() - fees)
        if found.ended is Ended.INFEASIBLE:
            return None
        bound = at_least if found.bound_usd_month is None else max(at_least, found.bound_usd_month + fees)
        if found.usd_month is not None and not too_many(self.inputs, found):
            whole = self.priced(found)
            if whole and (self.best is None or (whole.usd_month or 0.0) < (self.best.usd_month or math.inf)):
                self.best = whole
                self.first_plan_s = self.first_plan_s or time.perf_counter() - self.started
        part = Part(certain, barred, found)
        if bound >= self.enough_usd() or found.usd_month is None or self.to_divide(part) is None:
            self.done_usd = min(self.done_usd, bound)
            return None
        heapq.heappush(self.open, (bound, next(self.numbers), part))
        return part

    def to_divide(self, part: Part) -> Kind | None:
        """A kind that a part may or may not use, and that its plan uses most of where they are too many; None: done."""
        used = used_kinds(self.inputs, part.found)
        for f, kinds in (too_many(self.inputs, part.found) | {f: used[f] for f in self.fees}).items():
            there = self.inputs.kinds_there(f)
            undecided = [i for i in sorted(kinds) if (f, i) not in part.certain and i not in there]
            if undecided:
                return f, max(undecided, key=lambda i: kinds[i])
        return None

    def tell(self, doing: str, _best: float | None, _bound: float | None) -> None:
        """Progress of a part, with the figures of the whole."""
        usd = None if self.best is None else self.best.usd_month
        self.progress(doing, usd, self.bound_usd() if math.isfinite(self.bound_usd()) else None)

    def dive(self, part: Part) -> None:
        """A first plan: the kinds that the part uses most, and no others."""
        for f, kinds in too_many(self.inputs, part.found).items():
            most = sorted(kinds, key=lambda i: (i not in self.inputs.kinds_there(f), -kinds[i], i))
            for i in most[: self.inputs.few_kinds[f].most]:
                part = replace(part, certain=part.certain | {(f, i)})
        self.try_part(part.certain, part.barred, part.found.bound_usd_month or -math.inf)

    def run(self) -> Solution:
        """Divide until the best plan is proved good enough or the time is up."""
        there = frozenset((f, i) for f in self.inputs.few_kinds for i in self.inputs.kinds_there(f))
        root = self.try_part(there, frozenset())
        if root is not None:
            self.dive(root)
        while self.open and self.left_s() > 0:
            bound, _, part = heapq.heappop(self.open)
            if bound >= self.enough_usd():
                heapq.heappush(self.open, (bound, next(self.numbers), part))
                break
            kind = self.to_divide(part)
            if kind is None:
                self.done_usd = min(self.done_usd, bound)
                continue
            sure = part.certain | {kind}
            if sum(each[0] == kind[0] for each in sure) < self.inputs.few_kinds[kind[0]].most:
                more = bound + self.fees_usd({kind})
                heapq.heappush(self.open, (more, next(self.numbers), replace(part, certain=sure)))
            else:
                self.try_part(sure, part.barred, bound)
            self.try_part(part.certain, part.barred | {kind}, bound)
        return self.answer()

    def answer(self) -> Solution:
        """The answer as it stands."""
        seconds = time.perf_counter() - self.started
        bound = self.bound_usd()
        if self.best is None:
            existing = {o: offer.existing for o, offer in self.inputs.offers.items() if offer.existing}
            none = not self.open and self.done_usd == math.inf
            return Solution(
                ended=Ended.INFEASIBLE if none else Ended.STOPPED,
                usd_month=None,
                bound_usd_month=bound if math.isfinite(bound) else None,
                always=existing,
                runs=(),
                deferred_api={},
                seconds=seconds,
                first_plan_s=None,
            )
        within = (self.best.usd_month or 0.0) * (1 - self.settings.gap) - 1e-6
        ended = Ended.OPTIMAL if bound >= within else Ended.FEASIBLE
        known = bound if math.isfinite(bound) else None
        return replace(self.best, ended=ended, bound_usd_month=known, seconds=seconds, first_plan_s=self.first_plan_s)


def search_few_kinds(
    inputs: FleetInputs, settings: Settings, progress: Progress, search_all: SearchAll, enough_usd: float = math.inf
) -> Solution:
    """The cheapest plan that uses no more kinds than allowed, by a search that knows no such limit."""
    answer = Division(inputs, settings, progress, search_all, enough_usd).run()
    if answer.ended is not Ended.INFEASIBLE:
        return answer
    roughly = replace(settings, gap=max(settings.gap, ROUGHLY))
    free = search_all(replace(inputs, few_kinds={}, provider_usd_month=0), roughly, progress, math.inf)
    if free.ended is Ended.INFEASIBLE:
        return replace(answer, in_the_way=free.in_the_way)
    ways = ["within_few_kinds"] if inputs.few_kinds else []
    if inputs.budget_usd_month is not None:
        unlimited = Division(replace(inputs, budget_usd_month=None), roughly, progress, search_all).run()
        ways += ["within_budget"] if unlimited.usd_month is not None else []
    return replace(answer, in_the_way=tuple(ways))


def without(inputs: FleetInputs, barred: frozenset[Kind]) -> FleetInputs:
    """The problem without anything of these kinds, and without any limit on kinds."""
    gone = {each for f, few in inputs.few_kinds.items() for each, i in few.kind.items() if (f, i) in barred}
    allowed = {o: offer for o, offer in inputs.offers.items() if o not in gone}
    beaten = superfluous(inputs, allowed, all_deployments=not any(c in gone for c in inputs.deployment_groups))
    offers = {o: offer for o, offer in allowed.items() if o not in beaten}
    for s, promise in allowed.items():
        if promise.covers:  # of what it pays for, what is left; nothing left, and it goes too
            offers[s] = replace(promise, covers={o: usd_h for o, usd_h in promise.covers.items() if o in offers})
            if not offers[s].covers and promise.existing is None:
                del offers[s]
    return replace(
        inputs,
        offers=offers,
        deployment_groups={c: groups for c, groups in inputs.deployment_groups.items() if c not in gone},
        quotas={
            q: replace(quota, weight={o: x for o, x in quota.weight.items() if o in offers})
            for q, quota in inputs.quotas.items()
        },
        minimum_orders={
            m: replace(order, offers=tuple(o for o in order.offers if o in offers))
            for m, order in inputs.minimum_orders.items()
        },
        few_kinds={},
        provider_usd_month=0,
    )


def superfluous(inputs: FleetInputs, allowed: Mapping[str, Offer], all_deployments: bool) -> set[str]:
    """Offers that others allowed here stand in for.

    Replicas share their queue with their group only: where a stand-in is in another group, all of the group must go.
    And it relies on the deployments there.
    """
    group = {o: offer.group for o, offer in allowed.items()}
    better = {o: [s for s in inputs.stand_ins.get(o, ()) if s in allowed] for o in allowed}
    inside = {o for o, several in better.items() if any(group[s] == group[o] for s in several)}
    staying = {group[o] for o, several in better.items() if not several}
    return inside | {o for o, several in better.items() if several and all_deployments and group[o] not in staying}


def too_many(inputs: FleetInputs, found: Solution) -> dict[str, Mapping[str, float]]:
    """For each limit that a plan breaks: the kinds it uses, with how much of each (USD or GPU-hours)."""
    return {f: kinds for f, kinds in used_kinds(inputs, found).items() if len(kinds) > inputs.few_kinds[f].most}


def used_kinds(inputs: FleetInputs, found: Solution) -> dict[str, Mapping[str, float]]:
    """For each limit the kinds that a plan uses, with how much of each (USD or GPU-hours)."""
    used: dict[str, float] = defaultdict(float)
    for o, n in found.always.items():
        used[o] += n * inputs.offers[o].usd_h * inputs.month_h if n else 0.0
    for run in found.runs:
        hours = inputs.block_h[run.block] * run.week_h / inputs.block_week_h[run.block]
        for o, n in run.hourly.items():
            used[o] += n * inputs.offers[o].usd_h * hours
        for (c, _), n in run.replicas.items():
            used[c] += n * inputs.deployment_gpus[c] * hours
    out: dict[str, Mapping[str, float]] = {}
    for f, few in inputs.few_kinds.items():
        kinds: dict[str, float] = dict.fromkeys(inputs.kinds_there(f), 0.0)
        for each, amount in used.items():
            if each in few.kind:
                kinds[few.kind[each]] = kinds.get(few.kind[each], 0.0) + amount
        out[f] = kinds
    return out
