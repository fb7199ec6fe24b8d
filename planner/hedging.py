"""What to sign now, before it is known which scenario comes, and how good that is proved to be.

Every measure here is the cost under the least favorable weights p of a set P of weights that add up to 1:

    expected   P holds the scenarios' own weights w alone
    worst      P holds all weights: the dearest scenario has all of it
    cvar       p_s <= w_s / tail: the mean of the dearest `tail` (Rockafellar and Uryasev, Journal of Risk 2, 2000)
    regret     as worst, of what each scenario costs beyond its own cheapest plan

For fixed weights the program is that of an expected cost (`planner.scenarios.together`), and its bound holds for the
measure: min_x max_p >= max_p min_x.  So weights are sought at which that bound is highest, by cutting planes
(`formulation.weights`).  Machines are whole, so a gap may stay; it is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from planner.formulation.weights import assemble_weights
from planner.inputs import FleetInputs
from planner.mixing import procurement_usd
from planner.scenarios import FirstStage, first_stage, held, together
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model
from planner.state import Progress, silent

Measure = Literal["expected", "worst", "cvar", "regret"]
ROUNDS = 12
"""Weights tried at most; a measure of the tail seldom takes more than two for each scenario."""
SPARE = 1e-4
"""So much of every scenario's own weight stays in the weights tried: what is signed must do in all of them."""
SIGNING, RUNNING = 0.7, 0.2
"""Of the gap asked for: left to what is signed, and to how each scenario is then run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What is made small."""

    measure: Measure = "expected"
    tail: float = 0.1  # share of the dearest scenarios, for cvar

    def most(self, weight: Mapping[str, float]) -> dict[str, float]:
        """The largest weight that each scenario may take."""
        if self.measure == "expected":
            return dict(weight)
        return {s: min(1.0, w / self.tail) if self.measure == "cvar" else 1.0 for s, w in weight.items()}

    def weights(self, weight: Mapping[str, float], usd: Mapping[str, float]) -> dict[str, float]:
        """The least favorable weights for these costs: the dearest scenarios take as much as they may."""
        left, out = 1.0, dict.fromkeys(usd, 0.0)
        most = self.most(weight)
        for s in sorted(usd, key=lambda s: -usd[s]):
            out[s] = min(left, most[s])
            left -= out[s]
        return out

    def value(self, weight: Mapping[str, float], usd: Mapping[str, float]) -> float:
        """The measure of these costs, the references of a regret taken off already [USD/month].

        >>> Criterion(measure="cvar", tail=0.5).value({"a": 0.75, "b": 0.25}, {"a": 10.0, "b": 30.0})
        20.0
        """
        return sum(p * usd[s] for s, p in self.weights(weight, usd).items() if p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What each scenario costs once this is signed [USD/month], and no less than; infinite: it cannot be run."""

    signed: FirstStage
    usd: Mapping[str, float]
    bound_usd: Mapping[str, float]
    runs: Mapping[str, Solution]


@dataclass(slots=True)
class Hedge:
    """One search for what to sign: all that was tried, and the best bound."""

    scenarios: Mapping[str, FleetInputs]
    weight: Mapping[str, float]
    criterion: Criterion
    settings: Settings
    reference_usd: Mapping[str, float]  # taken off each scenario's cost: regret; else 0
    least_usd: Mapping[str, float]  # no plan costs less in that scenario; -inf: nothing is known
    progress: Progress = silent
    tried: list[Outcome] = field(default_factory=list)
    bounds: list[tuple[Mapping[str, float], float]] = field(default_factory=list)  # weights, least expected cost
    in_the_way: tuple[str, ...] | None = None  # proved: no plan serves all scenarios

    def value(self, usd: Mapping[str, float]) -> float:
        """The measure of what the scenarios cost [USD/month]."""
        return self.criterion.value(self.weight, {s: n - self.reference_usd[s] for s, n in usd.items()})

    def best(self) -> Outcome | None:
        """The best of what was tried and can be run in every scenario."""
        able = [each for each in self.tried if all(map(math.isfinite, each.usd.values()))]
        return min(able, key=lambda each: self.value(each.usd), default=None)

    def bound(self) -> float:
        """No plan does better [USD/month]; -inf: nothing is proved."""
        off = self.reference_usd
        proved = [usd - sum(p[s] * off[s] for s in p) for p, usd in self.bounds]
        return max([*proved, self.value(self.least_usd)])

    def proved(self) -> bool:
        """Whether the best plan is within the gap asked for; of a regret, as a share of what the plan costs."""
        best = self.best()
        if best is None:
            return False
        value = self.value(best.usd)
        cost = max(best.usd.values()) if self.criterion.measure == "regret" else value
        return value - self.bound() <= self.settings.gap * abs(cost) + 1e-6

    def try_signing(self, signed: FirstStage) -> Outcome:
        """Run every scenario with this signed, unless that is known."""
        signed = {o: n for o, n in signed.items() if n}
        known = next((each for each in self.tried if each.signed == signed), None)
        if known is None:
            known = run_all(self.scenarios, signed, self.settings, self.progress)
            self.tried.append(known)
        return known

    def seek(self) -> None:
        """Try what is best under one weighting after another, until it is proved good enough or nothing new comes."""
        limits = replace(self.settings, gap=self.settings.gap * SIGNING)
        weights = dict(self.weight)
        for _ in range(ROUNDS):
            found = search(together(self.scenarios, weights), limits, self.progress)
            if found.ended is Ended.INFEASIBLE:
                self.in_the_way = found.in_the_way
                return
            self.bounds.append((weights, -math.inf if found.bound_usd_month is None else found.bound_usd_month))
            if found.usd_month is None:
                return
            now = first_stage(next(iter(self.scenarios.values())))
            self.try_signing({o: n for o, n in found.always.items() if o in now})
            if self.criterion.measure == "expected" or self.proved() or self.best() is None:
                return
            weights = self.next_weights()
            if any(max(abs(weights[s] - p[s]) for s in p) < 1e-6 for p, _ in self.bounds):
                return

    def next_weights(self) -> dict[str, float]:
        """Weights at which all that was tried costs as much as can be."""
        costs = [{s: n - self.reference_usd[s] for s, n in each.usd.items()} for each in self.tried]
        model, p = assemble_weights(
            self.criterion.most(self.weight), [c for c in costs if all(map(math.isfinite, c.values()))]
        )
        solve_model(model, self.settings, relaxed=True)
        total = sum(p[s].varValue or 0.0 for s in p)
        return {s: (1 - SPARE) * (p[s].varValue or 0.0) / total + SPARE * self.weight[s] for s in p}


def run_all(
    scenarios: Mapping[str, FleetInputs], signed: FirstStage, settings: Settings, progress: Progress = silent
) -> Outcome:
    """Every scenario run at its best once this is signed."""
    limits = replace(settings, gap=settings.gap * RUNNING)
    runs = {s: search(held(inputs, signed), limits, progress) for s, inputs in scenarios.items()}
    first = {s: signed_usd(scenarios[s], signed) for s in scenarios}
    return Outcome(
        signed=signed,
        usd={s: math.inf if run.usd_month is None else first[s] + run.usd_month for s, run in runs.items()},
        bound_usd={s: least_usd(run) + first[s] for s, run in runs.items()},
        runs=runs,
    )


def least_usd(found: Solution) -> float:
    """What is proved of a search: no plan costs less [USD/month]."""
    if found.ended is Ended.INFEASIBLE:
        return math.inf
    return -math.inf if found.bound_usd_month is None else found.bound_usd_month


def signed_usd(inputs: FleetInputs, signed: FirstStage) -> float:
    """What is signed costs whatever comes, the fees of its providers included [USD/month]."""
    return procurement_usd(inputs, {(o, None): n for o, n in signed.items()}, {})


def alone(scenarios: Mapping[str, FleetInputs], settings: Settings, progress: Progress = silent) -> dict[str, Solution]:
    """Each scenario's own cheapest plan: as if one could wait and see."""
    return {s: search(inputs, settings, progress) for s, inputs in scenarios.items()}


def cheapest_known(own: Mapping[str, Solution], tried: Sequence[Outcome]) -> dict[str, float]:
    """The least that each scenario is known to cost [USD/month]: its own plan, or any other that was run in it."""
    return {
        s: min([math.inf if found.usd_month is None else found.usd_month, *(each.usd[s] for each in tried)])
        for s, found in own.items()
    }
