"""From a fleet that is there to another plan: what the change costs once, and when it has paid for itself.

    once       = machines added x setting one up + machines returned x returning one + new ways to run a model
    paid back  = once / (what the fleet costs a month - what the plan costs a month)      months
    over n months   staying: n x fleet      switching: once + n x plan

Machines are the same where provider, region, machine and size are: another term or price is no change of machines.
Both are counted at their busiest hour.  The plan is the cheapest for a month: what switching costs only judges it.
"""

from __future__ import annotations

from collections import Counter

from planner.deployed import DeploymentPlan
from planner.evaluation import Switch, Switching
from planner.plan import Plan
from planner.problem.fleet import Fleet, FleetDeployment, SwitchingCosts


def switching(fleet: Fleet, there: Plan, best: Plan, costs: SwitchingCosts) -> Switching:
    """What it costs to go from the fleet as it is run (`there`) to the plan `best`."""
    before, after = machines(there), machines(best)
    steps = [
        Switch(verdict="add", what=kind, count=n, usd=n * costs.add_usd_machine)
        for kind, n in sorted((after - before).items())
    ]
    steps += [
        Switch(verdict="return", what=kind, count=n, usd=n * costs.return_usd_machine)
        for kind, n in sorted((before - after).items())
    ]
    set_up = {way(d) for d in there.deployments}
    new = {way(d) for d in best.deployments if not any(stands_for(one, d) for one in fleet.deployments)} - set_up
    steps += [Switch(verdict="set up", what=each, count=1, usd=costs.new_deployment_usd) for each in sorted(new)]
    usd, stay, then = sum(step.usd for step in steps), there.usd_month or 0.0, best.usd_month or 0.0
    saved = stay - then
    return Switching(
        steps=tuple(steps),
        usd=usd,
        saved_usd_month=saved,
        paid_back_months=usd / saved if saved > 0 else None,
        months=costs.months,
        stay_usd=costs.months * stay,
        switch_usd=usd + costs.months * then,
    )


def machines(plan: Plan) -> Counter[str]:
    """Machines at the busiest hour by kind, as a person says it."""
    found: Counter[str] = Counter()
    for p in plan.purchases:
        found[f"{p.machine} ({p.gpus} x {p.gpu}), {p.provider} {p.region or '(region not stated)'}"] += p.count
    return found


def way(d: DeploymentPlan) -> str:
    """A way to run a model, whatever machine it stands on."""
    parts = (d.model, d.precision, d.engine, d.gpu, f"tp {d.tp}")
    return " ".join(part for part in parts if part) if d.model else d.name


def stands_for(listed: FleetDeployment, d: DeploymentPlan) -> bool:
    """Whether a line of the fleet file says that this is set up."""
    return (
        listed.model == d.model
        and listed.precision in (None, d.precision)
        and listed.kv_precision in (None, d.kv_precision)
        and listed.engine in (None, d.engine)
        and listed.gpu in (None, d.gpu)
        and listed.tp in (None, d.tp)
    )
