"""What a search has found so far: the best plan, the best bound, and what is proved of blocks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from planner.inputs import FleetInputs, Proved
from planner.mixing import Found
from planner.paid import paid_in_a_month, within_share
from planner.promises import lower_promises
from planner.solution import Ended, Solution
from planner.solver import Settings

Progress = Callable[[str, float | None, float | None], None]
"""Called with (what is being done, best cost so far, bound so far)."""


def silent(_doing: str, _best: float | None, _bound: float | None) -> None:
    """No progress shown."""


@dataclass(slots=True)
class Search:
    """One search: the best plan and the best bound so far, and what is proved."""

    inputs: FleetInputs
    settings: Settings
    progress: Progress = silent
    started: float = field(default_factory=time.perf_counter)
    best: Found | None = None
    bound: float = -math.inf
    first_plan_s: float | None = None
    enough_usd: float = math.inf  # once no plan can cost less than this, there is nothing to find
    proved: list[Proved] = field(default_factory=list)

    def best_usd(self) -> float | None:
        """What the best plan costs [USD/month]."""
        return self.best.usd_month if self.best else None

    def seconds(self) -> float:
        """Time since the search began [s]."""
        return time.perf_counter() - self.started

    def left_s(self) -> float:
        """Time left [s]."""
        return self.settings.time_limit_s - self.seconds()

    def proved_enough(self) -> bool:
        """Whether the best plan is within the gap asked for, or none can be worth finding."""
        if self.bound >= self.enough_usd:
            return True
        if self.best is None:
            return False
        return self.best.usd_month - self.bound <= self.settings.gap * abs(self.best.usd_month) + 1e-6

    def no_better_than(self) -> float:
        """A bound at which machines need not be looked at further: half the gap asked for below the best plan."""
        return self.best.usd_month * (1 - self.settings.gap / 2) if self.best else math.inf

    def keep(self, found: Found | None) -> None:
        """Remember a plan if it is the best so far, within budget and within the share of each provider."""
        if found is None:
            return
        lowered, budget = lower_promises(self.inputs, found), self.inputs.budget_usd_month
        found = lowered if self.within_share(lowered) else found
        if not self.within_share(found):
            return
        if budget is not None and found.usd_month > budget * (1 + 1e-9):
            return
        if self.first_plan_s is None:
            self.first_plan_s = self.seconds()
        if self.best is None or found.usd_month < self.best.usd_month - 1e-9:
            self.best = found

    def within_share(self, found: Found) -> bool:
        """Whether a plan pays no provider more than its share."""
        if self.inputs.provider_max_spend_share is None:
            return True
        return within_share(self.inputs, paid_in_a_month(self.inputs, found.always, found.runs, found.deferred_api))

    def raise_bound(self, bound: float | None) -> None:
        """Remember a bound if it is the best so far."""
        if bound is not None:
            self.bound = max(self.bound, bound)

    def ended(self, ended: Ended, in_the_way: tuple[str, ...] = ()) -> Solution:
        """The answer as it stands; not the best plan where the search ended because none could be worth finding."""
        found = self.best
        if ended is Ended.OPTIMAL and self.bound >= self.enough_usd:
            if found is None:
                ended = Ended.STOPPED
            elif found.usd_month - self.bound > self.settings.gap * abs(found.usd_month) + 1e-6:
                ended = Ended.FEASIBLE
        existing = {o: offer.existing for o, offer in self.inputs.offers.items() if offer.existing}
        return Solution(
            ended=ended,
            usd_month=found.usd_month if found else None,
            bound_usd_month=self.bound if math.isfinite(self.bound) else None,
            always={**existing, **found.always} if found else existing,
            runs=found.runs if found else (),
            deferred_api=found.deferred_api if found else {},
            seconds=self.seconds(),
            first_plan_s=self.first_plan_s,
            in_the_way=in_the_way,
        )
