"""The fleet of a plan held as it stands: what a little more traffic costs on it, and which rules leave no room.

The hours of the plan become blocks of their own, its machines and replicas are held, and the program of the fleet is
solved twice: once for what is left to decide in whole numbers, once more with that held too, for the duals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from planner.analysis.held import is_from
from planner.formulation import FleetModel, assemble
from planner.formulation.family import Row
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs
from planner.plan import Plan, Purchase
from planner.problem.procurement import ExistingSpend, SpendQuote
from planner.reduce import Reduced
from planner.solution import Ended
from planner.solver import Answer, Settings, solve_model

LITTLE = 0.01
"""By this share traffic is moved to read off how much of it each row asks for."""
EXACTLY = Settings()
"""Small programs, solved to the end by the solver that tells duals."""
CLOSE = 1 / 128
"""Room for more traffic is found to this share."""

Held = Mapping[str, Mapping[Any, float]]
Label = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFleet:
    """A plan's fleet as a program in which only what runs where by the hour is open, and its answer."""

    inputs: FleetInputs
    held: Held
    model: FleetModel
    answer: Answer

    @classmethod
    def of(cls, plan: Plan, reduced: Reduced) -> HeldFleet | None:
        """The fleet of a plan; None where the plan does not stand in these numbers: prices or rates have changed."""
        inputs, bought = in_its_hours(plan, reduced.inputs), bought_of(plan, reduced)
        if inputs is None or bought is None:
            return None
        held = standing(bought, plan, reduced, assemble(inputs).variables)
        whole = assemble(inputs, held=held)
        if solve_model(whole, EXACTLY).ended is not Ended.OPTIMAL:
            return None
        held = {**held, **decided(whole.variables)}
        model = assemble(inputs, held=held)
        answer = solve_model(model, EXACTLY, relaxed=True)
        return cls(inputs=inputs, held=held, model=model, answer=answer) if answer.ended is Ended.OPTIMAL else None

    def usd_month(self, inputs: FleetInputs) -> float | None:
        """What the decided part of the bill comes to with other traffic; None: the fleet cannot serve it."""
        answer = solve_model(assemble(inputs, held=self.held), EXACTLY, relaxed=True)
        return answer.objective if answer.ended is Ended.OPTIMAL else None

    def marginal_usd_month(self, workload: str) -> float:
        """What all traffic of a workload once more would cost at the rate of its first request [USD/month].

        The sum over all rows of dual times how much more the row asks for: demand, and shares that are of it.
        """
        more = assemble(with_more(self.inputs, workload, 1 + LITTLE), held=self.held)
        return sum(
            self.answer.duals.get(label, 0.0) * (asked(row) - asked(self.model.rows[label])) / LITTLE
            for label, row in more.rows.items()
            if label in self.model.rows
        )

    def room_share(self, workload: str) -> float:
        """How much more of a workload the fleet serves as it stands, APIs included, up to twice its traffic."""

        def fits(share: float) -> bool:
            return self.usd_month(with_more(self.inputs, workload, 1 + share)) is not None

        return most_that(fits, 1.0)


def most_that(fits: Callable[[float], bool], most: float) -> float:
    """The largest share up to `most` that fits, to `CLOSE`, where less fits whenever more does."""
    if fits(most):
        return most
    low, high = 0.0, most
    while high - low > CLOSE * most:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def asked(row: Row) -> float:
    """The right-hand side of a row: what it asks for or allows."""
    return -float(row.constant)


def room(row: Row) -> float:
    """What a row leaves between its two sides as it is solved; an equation leaves nothing."""
    value = sum(coefficient * (variable.varValue or 0.0) for variable, coefficient in row.items()) + row.constant
    return max(0.0, float(value) * int(row.sense))


def with_more(inputs: FleetInputs, workload: str, factor: float) -> FleetInputs:
    """The same with so many times the traffic of a workload."""
    mine = {k for k, w in inputs.class_workload.items() if w == workload}
    return replace(
        inputs,
        demand_req_s={(k, b): d * (factor if k in mine else 1.0) for (k, b), d in inputs.demand_req_s.items()},
        windows={
            v: replace(
                window,
                requests_month={k: n * (factor if k in mine else 1.0) for k, n in window.requests_month.items()},
            )
            for v, window in inputs.windows.items()
        },
    )


def in_its_hours(plan: Plan, inputs: FleetInputs) -> FleetInputs | None:
    """The numbers with the plan's hours as blocks and its deployments alone; None where they do not fit together."""
    owner = {hour: b for b, hours in inputs.block_hours.items() for hour in hours}
    within = {p.label: {owner.get(hour) for hour in p.hours} for p in plan.blocks}
    used = {d.name for d in plan.deployments}
    if any(len(of) != 1 or None in of for of in within.values()) or not used <= inputs.deployment_gpus.keys():
        return None
    base = {label: next(b for b in of if b is not None) for label, of in within.items()}
    parts = {b: tuple(label for label, of in base.items() if of == b) for b in inputs.block_h}
    if not all(parts.values()):
        return None
    nights = {b: len(hours) // inputs.block_week_h[b] for b, hours in inputs.block_hours.items()}
    groups = {(d.name, d.group) for d in plan.deployments}
    return replace(
        inputs,
        block_h={p.label: p.month_h for p in plan.blocks},
        block_week_h={p.label: len(p.hours) // nights[base[p.label]] for p in plan.blocks},
        block_hours={p.label: p.hours for p in plan.blocks},
        week_of={**inputs.week_of, **{p: inputs.week_of[b] for p, b in base.items() if b in inputs.week_of}},
        rise={},
        offers={
            o: replace(offer, away=frozenset(p for b in offer.away for p in parts[b]))
            for o, offer in inputs.offers.items()
        },
        demand_req_s={(k, p): d for (k, b), d in inputs.demand_req_s.items() for p in parts[b]},
        windows={
            v: replace(window, blocks=tuple(p for b in window.blocks for p in parts[b]))
            for v, window in inputs.windows.items()
        },
        deployment_gpus={c: n for c, n in inputs.deployment_gpus.items() if c in used},
        deployment_groups={
            c: tuple(g for g in gs if (c, g) in groups) for c, gs in inputs.deployment_groups.items() if c in used
        },
        split_as={c: t for c, t in inputs.split_as.items() if c in used},
        queue_slope={c: a for c, a in inputs.queue_slope.items() if c in used},
        queue_loss={c: loss for c, loss in inputs.queue_loss.items() if c in used},
        rate_req_s={(c, k): r for (c, k), r in inputs.rate_req_s.items() if c in used},
    )


def standing(bought: Mapping[str, Purchase], plan: Plan, reduced: Reduced, v: Variables) -> dict[str, dict[Any, float]]:
    """Machines and replicas of a plan by the labels of the program; what it does not buy is held at nothing."""
    replicas = {(d.name, d.group): d.replicas_by_block for d in plan.deployments}
    promised = {name: steps_of(spend.quote, plan) for name, spend in reduced.spends.items()}
    always = {o: float(promised.get(o, bought[o].count if o in bought else 0)) for o in v.always}
    hourly = {(o, b): float(bought[o].machines_by_block.get(b, 0) if o in bought else 0) for o, b in v.hourly}
    there = {(c, g, b): float(replicas.get((c, g), {}).get(b, 0)) for c, g, b in v.replicas}
    return {"always": always, "hourly": hourly, "replicas": there}


def steps_of(quote: SpendQuote | ExistingSpend, plan: Plan) -> int:
    """Steps of a spend commitment that a plan promises."""
    said = (quote.provider, getattr(quote, "term", None), getattr(quote, "source", None))
    mine = [s for s in plan.spends if not s.existing and (s.provider, s.term, s.source) == said]
    return sum(round(s.usd_h / s.step_usd_h) for s in mine)


def bought_of(plan: Plan, reduced: Reduced) -> dict[str, Purchase] | None:
    """What is decided in a plan by the names of the offers; None where one is not for sale here."""
    out: dict[str, Purchase] = {}
    for each in (p for p in plan.purchases if not p.existing):
        names = (o for o, lot in reduced.lots.items() if lot.existing is None and o not in out)
        name = next((o for o in names if is_from(each, reduced.lots[o].row)), None)
        if name is None:
            return None
        out[name] = each
    return out


def decided(v: Variables) -> dict[str, dict[Any, float]]:
    """Everything that was decided in whole numbers, as it is solved."""
    found: dict[str, dict[Any, float]] = {}
    for each in fields(v):
        kind = getattr(v, each.name)
        if isinstance(kind, dict):
            whole = {
                label: float(round(x.varValue or 0.0))
                for label, x in kind.items()
                if not isinstance(x, list) and x.cat == "Integer"
            }
            if whole:
                found[each.name] = whole
    return found
