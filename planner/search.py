"""Find a plan and prove how good it is: decide what to procure, run every block exactly, learn, repeat.

The whole program is hard for branch and bound because its blocks are many and each has whole
machines of its own.  But once procurement is held, the blocks are independent (`planner.operation`).  So:

    1. solve the program of procurement, in which the hours stand only by what is proved of their blocks or, where that
       does not tell enough, as a relaxation: a bound, and machines to procure;
    2. run every block with those machines, crediting deferred work, until a mix of ways does all of it: a plan;
    3. prove the blocks that cost furthest above what is proved of them (`planner.apart`); that goes back into the
       program as rows (`formulation.proofs`): a better bound, and again.

It ends when the bound reaches the plan within the gap asked for.  If the same procurement comes
back, the rest of the gap lies in the hours themselves, and the whole program is solved directly.
docs/decisions/0001-a-hard-program.md has the measurements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from planner.apart import Tried, furthest_apart
from planner.formulation import ROWS, FleetModel, assemble
from planner.formulation.variables import must_self_host
from planner.inputs import FleetInputs, Steps
from planner.kinds import search_few_kinds
from planner.leaning import Operations
from planner.mixing import (
    cheap_credit,
    cheap_offers,
    hour_by_hour,
    read_whole,
)
from planner.operation import BlockAnswer, Credit
from planner.outline import beside, outline
from planner.rises import with_rise
from planner.rounds import run_blocks, settle
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model, tells_bound
from planner.state import Progress, Search, silent

MOMENT_S = 1.0
"""With less time left than this, no whole program is begun."""


def search(
    inputs: FleetInputs, settings: Settings, progress: Progress = silent, enough_usd: float = math.inf
) -> Solution:
    """The cheapest plan, within `settings.gap` of the best if the time allows.

    Ends, perhaps without a plan, once none costs less than `enough_usd` [USD/month].
    """
    if (inputs.few_kinds or inputs.provider_usd_month) and tells_bound(settings.solver):
        return search_few_kinds(inputs, settings, progress, search_all_kinds, enough_usd)
    return search_all_kinds(inputs, settings, progress, enough_usd)


def search_all_kinds(
    inputs: FleetInputs, settings: Settings, progress: Progress = silent, enough_usd: float = math.inf
) -> Solution:
    """The same where nothing limits the kinds used."""
    if not tells_bound(settings.solver):
        return solve_directly(Search(inputs, settings, progress, enough_usd=enough_usd))
    return go_on(Search(with_rise(inputs, settings), settings, progress, enough_usd=enough_usd))


def go_on(state: Search) -> Solution:
    """Search until the best plan is proved good enough or the time is up."""
    inputs, settings, progress = state.inputs, state.settings, state.progress
    operation = Operations(inputs, settings, state.left_s)
    if settings.gap and (simpler := outline(inputs)) is not None:
        begin_with_outline(state, operation, simpler)
        if state.proved_enough():
            return state.ended(Ended.OPTIMAL if state.best else Ended.STOPPED)
    # Where a fixed cost hangs on what is rented by the hour, what is proved of single blocks does not tell enough.
    simple = not inputs.self_host_usd_month or must_self_host(inputs)
    credit, stuck = cheap_credit(inputs), not simple
    tried: dict[tuple[tuple[Steps, int], ...], Tried] = {}
    seen: dict[tuple[tuple[Steps, int], ...], int] = {}
    if stuck:  # with nothing procured: what more machines could save is known from there (operation.implied)
        nothing = dict.fromkeys(inputs.steps(), 0)
        seen[marked(nothing)] = 1
        credit = run_blocks(
            state,
            operation,
            nothing,
            credit,
            support=cheap_offers(inputs),
            allowed=None,
            thorough=True,
            rounds=1,
        )
    while state.left_s() > 0:
        progress("procuring", state.best_usd(), state.bound)
        light = not stuck
        model = assemble(replace(inputs, proved=tuple(state.proved)), operation="proved" if light else "relaxed")
        limits = replace(settings, gap=settings.gap / 4, time_limit_s=state.left_s())
        answer = solve_model(model, limits)
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
        if light:
            if (known := tried.get(marked(steps))) is None:
                known = tried[marked(steps)] = run_cheaply(state, operation, steps, credit)
                credit = known.credit
                if state.proved_enough():
                    return state.ended(Ended.OPTIMAL)
            if blocks := furthest_apart(known, model):
                state.progress("proving the hours", state.best_usd(), state.bound)
                proofs = operation.answers(steps, known.credit, proof=True, blocks=blocks)
                state.proved += operation.proofs(steps, known.credit, proofs)
                known.proved |= proofs.keys()
                continue
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


def run_cheaply(state: Search, operation: Operations, steps: Mapping[Steps, int], credit: Credit) -> Tried:
    """Run every block with these machines and the cheapest offers by the hour: a plan, and what it costs."""
    support = cheap_offers(state.inputs, each=1)
    _, credit = settle(state, operation, steps, {b: [] for b in state.inputs.block_h}, credit, support)
    run = operation.answers(steps, credit, hourly=support)
    return Tried(credit, {b: each.bound_usd_month for b, each in run.items()})


def marked(steps: Mapping[Steps, int]) -> tuple[tuple[Steps, int], ...]:
    """Machines procured, as something that can be looked up."""
    return tuple(sorted(steps.items(), key=str))


def begin_with_outline(state: Search, operation: Operations, simpler: FleetInputs) -> None:
    """A bound from the problem's outline, and a plan that procures what the outline's plan does."""
    limits = replace(state.settings, gap=state.settings.gap / 2, time_limit_s=state.left_s() / 2)

    def tell(doing: str, _best: float | None, bound: float | None) -> None:
        state.progress(doing, None, bound)

    rough = Search(simpler, limits, tell, enough_usd=state.enough_usd)
    found = go_on(rough)
    state.raise_bound(found.bound_usd_month)
    state.proved = rough.proved  # no block of the problem costs less than that of its outline
    if found.usd_month is None or state.proved_enough():
        return
    steps = dict.fromkeys(state.inputs.steps(), 0)
    steps |= {(o, None): n for o, n in found.always.items() if (o, None) in steps}
    rented = frozenset(o for run in found.runs for o in run.hourly)
    ways: dict[str, list[BlockAnswer]] = {b: [] for b in state.inputs.block_h}
    settle(state, operation, steps, ways, cheap_credit(state.inputs), beside(state.inputs, rented))


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
    # Where starts are paid, or providers have shares, nights alike in their work might better be run differently.
    by_turns = inputs.start_h > 0 or inputs.provider_max_spend_share is not None
    alike_nights = by_turns and any(len(hours) > 1 for hours in inputs.block_hours.values())
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
