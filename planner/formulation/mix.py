"""How many hours of a block to run each way, so that deferred work is done at the least cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulp import LpMinimize, LpProblem, lpSum

from planner.formulation.assemble import FleetModel
from planner.formulation.family import Row
from planner.formulation.variables import Var, Variables
from planner.inputs import FleetInputs

BEYOND_USD = 0.25
"""A USD beyond a provider's share while a block is run in one way [USD]; doubled with each way more."""
MOST_DOUBLINGS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to run a block: what it would cost and do if all its hours were run so."""

    usd_month: float  # with what it adds at least to starts
    requests_month: Mapping[str, float]  # deferred work done, by class
    hourly: Mapping[str, int] = field(default_factory=dict)  # offer -> machines on, where starts are paid
    paid_usd_month: Mapping[str, float] = field(default_factory=dict)  # by provider, where one has a share only


@dataclass(frozen=True, slots=True)
class MixModel:
    """The program that mixes ways, with its variables."""

    model: FleetModel
    hours: Mapping[tuple[str, int], Var]  # (block, way) -> hours of the week
    bought: Mapping[tuple[str, str], Var]  # (window, class) -> requests/month from an API
    undone: Mapping[tuple[str, str], Var]  # (window, class) -> requests/month that no way does
    beyond: Mapping[str, Var]  # provider -> USD/month that it is paid beyond its share


def assemble_mix(
    inputs: FleetInputs,
    ways: Mapping[str, Sequence[Way]],
    undone_usd_request: Mapping[str, float],
    ahead_usd_month: Mapping[str, float],
    *,
    counting_starts: bool = False,
) -> MixModel:
    r"""Choose hours u of each way j of each block.

    .. math::
        \min \sum_{b,j} \tfrac{u_{bj}}{W_b} C_{bj} + \sum_{v,k} A_{vk} d_{vk} \quad\text{s.t.}\quad
        \sum_j u_{bj} = W_b, \qquad \sum_{b \in B_v, j} \tfrac{u_{bj}}{W_b} Q_{bjk} + d_{vk} \ge Q_{vk}

    and, where a provider p may be paid a share kappa of the month only, of which R is paid ahead,

    .. math::
        S_p \le \kappa \sum_q S_q, \qquad
        S_p = R_p + \sum_{b,j} \tfrac{u_{bj}}{W_b} S_{bjp} + \sum_{v,k} A_{vk} d_{vk}

    Hours of a block are alike in all that is asked of them, not in how they must be run.  The duals of the second
    family are the credit at which another way may be worth adding, those of the third price the shares.  Work left
    undone, and USD beyond a share, are priced above any way to do without, only to lead the search; a mix that leaves
    any is no plan.

    `counting_starts` pays what is started from block to block, of the mean of a block's hours, instead of what each way
    adds at least; blocks without deferred work are then run in one way.
    """
    problem = LpProblem("mix", LpMinimize)
    hours: dict[tuple[str, int], Var] = {}
    bought: dict[tuple[str, str], Var] = {}
    undone: dict[tuple[str, str], Var] = {}
    bill = []
    for b, choices in ways.items():
        for j, way in enumerate(choices):
            hours[b, j] = u = problem.add_variable(f"U{len(hours):07d}", 0, inputs.block_week_h[b], "Integer")
            usd = way.usd_month
            if counting_starts:
                usd -= sum(n * inputs.starts_least_usd(o, b) for o, n in way.hourly.items())
            bill.append(usd / inputs.block_week_h[b] * u)
    for w, window in inputs.windows.items():
        for k in window.requests_month:
            if k in window.api_usd_request:
                most = window.api_max_requests.get(k)
                bought[w, k] = problem.add_variable(f"V{len(bought):07d}", 0, most)
                bill.append(window.api_usd_request[k] * bought[w, k])
            if k not in window.api_usd_request or k in window.api_max_requests:
                undone[w, k] = problem.add_variable(f"X{len(undone):07d}", 0)
                bill.append(undone_usd_request[k] * undone[w, k])
    if counting_starts:
        mean = mean_machines(inputs, ways, hours)
        for (b, after), times in inputs.followers().items():
            for o in sorted({o for o, bb in mean if bb == after}):
                started = problem.add_variable(f"S{len(bill):07d}", 0)
                bill.append(times * inputs.start_usd(o) * started)
                problem.addConstraint(started >= mean[o, after] - mean.get((o, b), 0), f"s{len(bill):07d}")
        waits = {b for window in inputs.windows.values() for b in window.blocks}
        waits |= set(ways) if inputs.provider_max_spend_share is not None else set()
        for i, (b, j) in enumerate(hours):
            if b not in waits:
                whole = problem.add_variable(f"Z{i:07d}", 0, 1, "Integer")
                problem.addConstraint(hours[b, j] == inputs.block_week_h[b] * whole, f"w{i:07d}")
    share = inputs.provider_max_spend_share
    paid = {} if share is None else paid_by_provider(inputs, ways, ahead_usd_month, hours, bought)
    beyond = {p: problem.add_variable(f"B{i:07d}", 0) for i, p in enumerate(paid)}
    dear = BEYOND_USD * 2.0 ** min(MOST_DOUBLINGS, max((len(choices) for choices in ways.values()), default=1) - 1)
    bill += [dear * usd for usd in beyond.values()]
    problem += lpSum(bill)
    rows: dict[tuple[str, tuple[str, ...]], Row] = {}
    for i, (b, choices) in enumerate(ways.items()):
        row = lpSum(hours[b, j] for j in range(len(choices))) == inputs.block_week_h[b]
        problem.addConstraint(row, f"h{i:07d}")
    for w, window in inputs.windows.items():
        for k, requests in window.requests_month.items():
            done = [
                way.requests_month.get(k, 0) / inputs.block_week_h[b] * hours[b, j]
                for b in window.blocks
                for j, way in enumerate(ways.get(b, ()))
            ]
            rest = [extra[w, k] for extra in (bought, undone) if (w, k) in extra]
            row = lpSum(done + rest) >= requests
            added = problem.addConstraint(row, f"q{len(rows):07d}")
            rows["serve_deferred", (w, k)] = row if added is None else added
    for p, usd in paid.items():
        row = usd - share * lpSum(paid.values()) <= beyond[p]
        added = problem.addConstraint(row, f"p{len(rows):07d}")
        rows["within_provider_spend", (p,)] = row if added is None else added
    return MixModel(FleetModel(problem, Variables(), rows), hours, bought, undone, beyond)


def paid_by_provider(
    inputs: FleetInputs,
    ways: Mapping[str, Sequence[Way]],
    ahead_usd_month: Mapping[str, float],
    hours: Mapping[tuple[str, int], Var],
    bought: Mapping[tuple[str, str], Var],
) -> dict[str, Var]:
    """What each provider is paid in the month [USD/month]."""
    parts: dict[str, list[Var]] = {p: [usd] for p, usd in ahead_usd_month.items()}
    for (b, j), u in hours.items():
        for p, usd in ways[b][j].paid_usd_month.items():
            parts.setdefault(p, []).append(usd / inputs.block_week_h[b] * u)
    for (w, k), requests in bought.items():
        window = inputs.windows[w]
        parts.setdefault(window.api_provider[k], []).append(window.api_usd_request[k] * requests)
    return {p: lpSum(each) for p, each in parts.items()}


def mean_machines(
    inputs: FleetInputs, ways: Mapping[str, Sequence[Way]], hours: Mapping[tuple[str, int], Var]
) -> dict[tuple[str, str], Var]:
    """Machines on in the mean hour of a block, by (offer, block)."""
    parts: dict[tuple[str, str], list[Var]] = {}
    for (b, j), u in hours.items():
        for o, n in ways[b][j].hourly.items():
            parts.setdefault((o, b), []).append(n / inputs.block_week_h[b] * u)
    return {label: lpSum(each) for label, each in parts.items()}
