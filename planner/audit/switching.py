"""Is what is said of switching from one fleet to another true: what changes, what that costs, when it is paid back?"""

from __future__ import annotations

from planner.audit.evidence import usd_differs
from planner.evaluation import Evaluation
from planner.plan import Plan
from planner.problem.fleet import SwitchingCosts

Kind = tuple[str, str, str, str, int]


def wrong_about_switching(found: Evaluation, best: Plan, costs: SwitchingCosts) -> list[str]:
    """What of it is not so, a sentence each, from the two plans and the costs in the fleet file."""
    told = found.switching
    if told is None:
        return []
    before, after = _machines(found.plan), _machines(best)
    breaches = []
    for verdict, changed in (
        ("add", sum(max(0, n - before.get(kind, 0)) for kind, n in after.items())),
        ("return", sum(max(0, n - after.get(kind, 0)) for kind, n in before.items())),
    ):
        said = sum(step.count for step in told.steps if step.verdict == verdict)
        if said != changed:
            breaches.append(f"{said} machines to {verdict} in the evaluation, {changed} by the two plans")
    each = {
        "add": costs.add_usd_machine,
        "return": costs.return_usd_machine,
        "set up": costs.new_deployment_usd,
    }
    once = 0.0
    for step in told.steps:
        once += step.count * each[step.verdict]
        if usd_differs(step.usd, step.count * each[step.verdict]):
            breaches.append(f"{step.verdict} {step.what}: ${step.usd:,.2f} in the evaluation")
    stay, then = found.plan.usd_month or 0.0, best.usd_month or 0.0
    figures = (
        ("switching once", told.usd, once),
        ("saved a month", told.saved_usd_month, stay - then),
        (f"staying for {costs.months} months", told.stay_usd, stay * costs.months),
        (f"switching for {costs.months} months", told.switch_usd, then * costs.months + once),
        ("saved until it is paid back", (told.paid_back_months or 0.0) * (stay - then), once if stay > then else 0.0),
    )
    for what, said_usd, usd in figures:
        if usd_differs(said_usd, usd):
            breaches.append(f"{what}: ${said_usd:,.2f} in the evaluation, ${usd:,.2f} recomputed")
    return breaches


def _machines(plan: Plan) -> dict[Kind, int]:
    found: dict[Kind, int] = {}
    for p in plan.purchases:
        kind = (p.provider, p.region, p.machine, p.gpu, p.gpus)
        found[kind] = found.get(kind, 0) + p.count
    return found
