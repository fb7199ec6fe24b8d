"""Run all blocks with given machines, for plans and for proofs, until deferred work finds its cheapest hours."""

from __future__ import annotations

import math
from collections.abc import Mapping

from planner.inputs import Proved, Steps
from planner.leaning import Operations, beyond_true_usd
from planner.mixing import Found, add_ways, mix, procurement_usd
from planner.operation import BlockAnswer, Credit
from planner.state import Search

ROUNDS_OF_CREDIT = 12


def run_blocks(
    state: Search,
    operation: Operations,
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
        if thorough or round_of_proof:
            settled_usd, credit = settle(state, operation, steps, ways, credit, support, settled_usd)
        state.progress("proving the hours", state.best_usd(), state.bound)
        proofs = operation.answers(steps, credit, proof=True)
        usd = credit.usd_request
        owed = sum(usd[w, k] * n for w, window in inputs.windows.items() for k, n in window.requests_month.items())
        owed += beyond_true_usd(inputs, steps, credit.factor)
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


def settle(
    state: Search,
    operation: Operations,
    steps: Mapping[Steps, int],
    ways: dict[str, list[BlockAnswer]],
    credit: Credit,
    support: frozenset[str],
    settled_usd: float = math.inf,
) -> tuple[float, Credit]:
    """Add ways to run the blocks until the credit of deferred work no longer helps: plans, relaxed cost, credit."""
    inputs, settings = state.inputs, state.settings
    for _ in range(ROUNDS_OF_CREDIT):
        state.progress("running the hours", state.best_usd(), state.bound)
        fresh = add_ways(ways, operation.answers(steps, credit, hourly=support))
        if not fresh or not all(ways.values()) or state.left_s() <= 0:
            break
        before_usd = settled_usd
        found, settled_usd, credit = mix(inputs, settings, steps, ways, state.left_s())
        state.keep(found)
        shared = inputs.provider_max_spend_share is not None
        settled = not (inputs.windows or shared) or before_usd - settled_usd <= settings.gap / 10 * settled_usd
        if inputs.start_h and found is not None and (settled or not shared):
            spare_starts(state, operation, steps, ways, credit, found)
        if settled:
            break
    return settled_usd, credit


def spare_starts(
    state: Search,
    operation: Operations,
    steps: Mapping[Steps, int],
    ways: dict[str, list[BlockAnswer]],
    credit: Credit,
    found: Found,
) -> None:
    """Try every block with each of the plan's offers alone too: machines that are on already spare others a start."""
    for o in sorted({o for run in found.runs for o in run.hourly if state.inputs.offers[o].billing == "hourly"}):
        add_ways(ways, operation.answers(steps, credit, hourly=frozenset({o})))
    state.keep(mix(state.inputs, state.settings, steps, ways, state.left_s())[0])
