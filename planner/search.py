"""Find a plan and prove how good it is: decide what to procure, run every block exactly, learn, repeat.

The whole program is hard for branch and bound because its blocks are many and each has whole
machines of its own.  But once procurement is held, the blocks are independent (`planner.operation`).  So:

    1. solve the program of procurement, in which the hours stand only by what is proved of their blocks or, where that
       does not tell enough, as a relaxation: a bound, and machines to procure;
    2. run every block exactly with those machines, crediting deferred work, until a mix of ways does all of it: a plan;
    3. what the blocks proved goes back into the program as rows (`formulation.proofs`): a better bound, and again.

It ends when the bound reaches the plan within the gap asked for.  If the same procurement comes
back, the rest of the gap lies in the hours themselves, and the whole program is solved directly.
docs/decisions/0001-a-hard-program.md has the measurements.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from planner.formulation import ROWS, FleetModel, assemble
from planner.formulation.variables import must_self_host
from planner.inputs import FleetInputs, Proved, Steps
from planner.kinds import search_few_kinds
from planner.mixing import (
    Found,
    add_ways,
    cheap_credit,
    cheap_offers,
    hour_by_hour,
    mix,
    procurement_usd,
    read_whole,
)
from planner.operation import BlockAnswer, Credit, Operation
from planner.promises import lower_promises
from planner.rises import with_rise
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model, tells_bound

Progress = Callable[[str, float | None, float | None], None]
"""Called with (what is being done, best cost so far, bound so far)."""

ROUNDS_OF_CREDIT = 12
MOMENT_S = 1.0
"""With less time left than this, no whole program is begun."""


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
        """Remember a plan if it is the best so far and within budget."""
        if found is None:
            return
        found, budget = lower_promises(self.inputs, found), self.inputs.budget_usd_month
        if budget is not None and found.usd_month > budget * (1 + 1e-9):
            return
        if self.first_plan_s is None:
            self.first_plan_s = self.seconds()
        if self.best is None or found.usd_month < self.best.usd_month - 1e-9:
            self.best = found

    def raise_bound(self, bound: float | None) -> None:
        """Remember a bound if it is the best so far."""
        if bound is not None:
            self.bound = max(self.bound, bound)

    def ended(self, ended: Ended, in_the_way: tuple[str, ...] = ()) -> Solution:
        """The answer as it stands."""
        found = self.best
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


def search(inputs: FleetInputs, settings: Settings, progress: Progress = silent) -> Solution:
    """The cheapest plan, within `settings.gap` of the best if the time allows."""
    if (inputs.few_kinds or inputs.provider_usd_month) and tells_bound(settings.solver):
        return search_few_kinds(inputs, settings, progress, search_all_kinds)
    return search_all_kinds(inputs, settings, progress)


def search_all_kinds(
    inputs: FleetInputs, settings: Settings, progress: Progress = silent, enough_usd: float = math.inf
) -> Solution:
    """The same where nothing limits the kinds used; ends, perhaps without a plan, once none costs less than enough."""
    if not tells_bound(settings.solver):
        return solve_directly(Search(inputs, settings, progress, enough_usd=enough_usd))
    inputs = with_rise(inputs, settings)
    state = Search(inputs, settings, progress, enough_usd=enough_usd)
    operation = Operation(inputs, settings, state.left_s)
    # First with nothing procured: what more machines could save is known from there (operation.implied).
    nothing = dict.fromkeys(inputs.steps(), 0)
    credit = run_blocks(
        state,
        operation,
        nothing,
        cheap_credit(inputs),
        support=cheap_offers(inputs),
        allowed=None,
        thorough=True,
        rounds=1,
    )
    seen, stuck = {marked(nothing): 1}, False
    # Where a fixed cost hangs on what is rented by the hour, what is proved of single blocks does not tell enough.
    simple = not inputs.self_host_usd_month or must_self_host(inputs)
    while state.left_s() > 0:
        progress("procuring", state.best_usd(), state.bound)
        light = simple and not stuck
        model = assemble(replace(inputs, proved=tuple(state.proved)), operation="proved" if light else "relaxed")
        limits = replace(settings, gap=settings.gap / 4, time_limit_s=state.left_s())
        answer = solve_model(model, limits, bound_matters=True)
        if answer.ended is Ended.INFEASIBLE:
            if state.best is not None:
                break
            return state.ended(Ended.INFEASIBLE, ways_out(inputs, settings))
        state.raise_bound(answer.bound)
        if state.proved_enough():
            return state.ended(Ended.OPTIMAL)
        if answer.objective is None:
            return state.ended(Ended.FEASIBLE if state.best else Ended.STOPPED)
        steps = {step: round(model.variables.machines(step).varValue or 0) for step in inputs.steps()}
        times = seen.get(marked(steps), 0)
        if times >= 2 and light:
            stuck = True
            continue
        if times >= 3:
            break
        seen[marked(steps)] = times + 1
        allowed = None if light or self_hosts(model) else frozenset[str]()
        rented = frozenset(o for (o, _), x in model.variables.hourly.items() if (x.varValue or 0) > 1e-6)
        rented = rented or cheap_offers(inputs)
        used = frozenset(o for run in state.best.runs for o in run.hourly) if state.best else frozenset[str]()
        support = rented | used if allowed is None else (rented | used) & allowed
        thorough = state.best is None or times > 0
        run_blocks(
            state, operation, steps, credit, support=support, allowed=allowed, thorough=thorough, rounds=1 + 2 * times
        )
        if state.proved_enough():
            return state.ended(Ended.OPTIMAL)
    if state.left_s() > MOMENT_S:
        return solve_directly(state)
    return state.ended(Ended.FEASIBLE if state.best else Ended.STOPPED)


def marked(steps: Mapping[Steps, int]) -> tuple[tuple[Steps, int], ...]:
    """Machines procured, as something that can be looked up."""
    return tuple(sorted(steps.items(), key=str))


def run_blocks(
    state: Search,
    operation: Operation,
    steps: Mapping[Steps, int],
    credit: Credit,
    *,
    support: frozenset[str],
    allowed: frozenset[str] | None,
    thorough: bool,
    rounds: int,
) -> Credit:
    """Run every block with these machines until a mix of ways does all deferred work: plans, and proofs.

    The credit is first settled among the `support`, offers likely to matter, where blocks are quick; then every offer
    is let in, for the proof, and what that finds joins the mix (`allowed`: none, where no fleet is run).  Unless
    `thorough`, the proof comes first, at the credit given: machines that it shows to be no better than the best plan
    need no plan of their own.  Returns the credit of the best proof: at the same credit, what is proved of fewer
    machines says most about more (operation.implied), so later proofs begin there.
    """
    inputs, settings = state.inputs, state.settings
    ways: dict[str, list[BlockAnswer]] = {b: [] for b in inputs.block_h}
    worth_usd = procurement_usd(inputs, steps, {}) + (0.0 if allowed == frozenset() else inputs.self_host_usd_month)
    best_value, settled_usd, facts = -math.inf, math.inf, list[Proved]()
    proved_credit = credit
    for round_of_proof in range(rounds + (not thorough)):
        for _ in range(ROUNDS_OF_CREDIT if thorough or round_of_proof else 0):
            state.progress("running the hours", state.best_usd(), state.bound)
            fresh = add_ways(ways, operation.answers(steps, credit, hourly=support))
            if not fresh or not all(ways.values()) or state.left_s() <= 0:
                break
            before_usd = settled_usd
            found, settled_usd, credit = mix(inputs, settings, steps, ways, state.left_s())
            state.keep(found)
            if inputs.start_h and found is not None and not round_of_proof:
                for o in sorted({o for run in found.runs for o in run.hourly if inputs.offers[o].billing == "hourly"}):
                    # Each alone: machines that are on already spare others a start.
                    add_ways(ways, operation.answers(steps, credit, hourly=frozenset({o})))
                state.keep(mix(inputs, settings, steps, ways, state.left_s())[0])
            if not inputs.windows or before_usd - settled_usd <= settings.gap / 10 * settled_usd:
                break
        state.progress("proving the hours", state.best_usd(), state.bound)
        proofs = operation.answers(steps, credit, proof=True)
        owed = sum(credit[w, k] * n for w, window in inputs.windows.items() for k, n in window.requests_month.items())
        value = owed + sum(a.bound_usd_month for a in proofs.values())
        if value > best_value or not facts:
            best_value, facts, proved_credit = value, operation.proofs(steps, credit, proofs), credit
        fixed_usd = procurement_usd(inputs, steps, ways) if all(ways.values()) else worth_usd
        if not thorough and worth_usd + value >= state.no_better_than():
            break
        if settled_usd - fixed_usd - best_value <= settings.gap / 4 * abs(fixed_usd + best_value) + 1e-6:
            break
        exact = allowed is None and not inputs.quotas
        fresh = add_ways(ways, proofs if exact else operation.answers(steps, credit, hourly=allowed))
        if not fresh or not all(ways.values()) or state.left_s() <= 0:
            break
        support |= frozenset(o for answer in fresh.values() if answer.run for o in answer.run.hourly)
        found, settled_usd, credit = mix(inputs, settings, steps, ways, state.left_s())
        state.keep(found)
    state.proved += facts
    return proved_credit


def self_hosts(model: FleetModel) -> bool:
    """Whether the relaxed program pays for a fleet of one's own."""
    paid = model.variables.self_hosts
    return paid is None or (paid.varValue or 0) >= 0.5


def solve_directly(state: Search) -> Solution:
    """The whole program at once, deferred work decided hour by hour."""
    inputs = replace(hour_by_hour(state.inputs), rise={})
    state.progress("solving the whole program", state.best_usd(), state.bound)
    model = assemble(inputs)
    answer = solve_model(model, replace(state.settings, time_limit_s=max(0.1, state.left_s())))
    if answer.ended is Ended.INFEASIBLE and state.best is None:
        return state.ended(Ended.INFEASIBLE, ways_out(state.inputs, state.settings))
    # Where starts are paid, nights alike in their work might better differ in how they are run.
    alike_nights = inputs.start_h > 0 and any(len(hours) > 1 for hours in inputs.block_hours.values())
    if answer.ended is not Ended.INFEASIBLE and not alike_nights:
        state.raise_bound(answer.bound)
    if answer.objective is not None:
        state.keep(read_whole(state.inputs, inputs, model))
    if state.best is None:
        return state.ended(Ended.STOPPED)
    return state.ended(Ended.OPTIMAL if state.proved_enough() else Ended.FEASIBLE)


def ways_out(inputs: FleetInputs, settings: Settings) -> tuple[str, ...]:
    """For a problem with no plan: each single family of requirements that, left out, would admit one."""
    names = []
    there = {name for name, _ in assemble(inputs, operation="relaxed").rows}
    for rows in ROWS:
        if rows.relaxed is None or rows.name not in there:
            continue
        model = assemble(inputs, operation="relaxed", without=frozenset({rows.name}))
        if solve_model(model, replace(settings, time_limit_s=5.0), relaxed=True).ended is not Ended.INFEASIBLE:
            names.append(rows.name)
    return tuple(names)
