"""Why something is not in the best plan: what it would cost to use it, the price at which it enters, what excludes it.

Machines: one of them is held all month, at each offer that no other of the same outdoes, and the rest decided anew.
A way to run models: nothing else runs on the machines.  An API: the plan that is best at its price of entry, at the
prices of today.  Each is a plan that is audited like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from planner.analysis.entry import Entry, entry_of, left_over, spent
from planner.analysis.held import Case
from planner.analysis.kept import Used, best_with, cheapest_with
from planner.analysis.scaled import Lever
from planner.analysis.things import Thing, unaccepted
from planner.analysis.walkaway import without_any
from planner.drops import Drops
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.workload import AcceptableModel, EngineName
from planner.reduce import Reduced, Standing, reduce_problem
from planner.variants import accepted_models

ENGINES = frozenset(get_args(EngineName))
"""Engines that a workload may be held to."""
OUTDONE = frozenset(
    {
        "another offer of the same machine is no dearer",
        "other machines do all that it does for no more money",
        "another API is no dearer for these requests",
        "another deployment on the same GPU is at least as good for all it serves",
    }
)
"""Reasons to leave something out that its price gives, not a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What excludes some of it now."""

    reason: str
    count: int  # offers, prices or deployments; 0: all of it
    of: str  # offer, token price, deployment
    nearest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """The answer about one thing."""

    base: Plan
    thing: Thing
    in_plan: bool
    rules: tuple[Rule, ...]
    for_sale: int  # offers or token prices that pass every rule
    outdone: int  # of these, left out since others do the same for no more
    used: Used | None  # None: it is in the plan, or no plan can use it
    entry: Entry | None  # None: it has no price of its own, or is excluded
    entry_plan: Plan | None  # the plan with it that is best at its price of entry


def why_not(case: Case, base: Plan, thing: Thing, jobs: int, progress: Callable[[str], None]) -> WhyNot:
    """Why `thing` is not in `base`, the best plan of the case; or how long it stays there."""
    progress("asking what excludes it")
    if thing.lever is None:
        return about_running(case, base, thing, progress)
    return about_buying(case, base, thing, thing.lever, jobs, progress)


def about_running(case: Case, base: Plan, thing: Thing, progress: Callable[[str], None]) -> WhyNot:
    """The answer about a way to run models, or about what nobody sells."""
    rules, ways = rules_on_running(case, thing)
    in_plan = bool(thing.words) and any(thing.words <= set(d.name.split()) for d in base.deployments)
    used = None
    if ways and not in_plan:
        how = f"nothing but {thing.name} on the machines"
        progress(f"solving with {how}")
        if (plan := best_with(case, Standing(wanted=thing.runs))) is not None:
            used = Used(how=how, plan=plan, usd_month=plan.usd_month or 0.0, bound_usd_month=plan.bound_usd_month)
    return WhyNot(
        base=base,
        thing=thing,
        in_plan=in_plan,
        rules=rules,
        for_sale=ways,
        outdone=0,
        used=used,
        entry=None,
        entry_plan=None,
    )


def about_buying(
    case: Case, base: Plan, thing: Thing, lever: Lever, jobs: int, progress: Callable[[str], None]
) -> WhyNot:
    """The answer about something with a price."""
    file, _ = case.at({})
    rules, alone, total = rules_on_buying(case, lever)
    in_plan = spent(base, lever, file.problem) > 0
    entry, entry_plan, used = None, None, None
    if total:
        progress(f"solving for the price at which {thing.name} {'leaves' if in_plan else 'enters'}")
        entry, entry_plan = entry_of(case, base, thing.key, lever)
    if total and not in_plan and lever.kind == "rent":
        used = cheapest_with(case, list(alone.lots.values()), jobs, progress)
    elif entry is not None and entry_plan is not None and not in_plan and entry.found_at:
        again = spent(entry_plan, lever, file.problem) / entry.found_at
        used = Used(
            how="the plan that is best at its price of entry",
            plan=entry_plan,
            usd_month=(entry_plan.usd_month or 0.0) + again * (1 - entry.found_at),
            bound_usd_month=None,
        )
    left = left_over(reduce_problem(file.problem, file.folder, case.catalog, case.today), lever)
    return WhyNot(
        base=base,
        thing=thing,
        in_plan=in_plan,
        rules=rules,
        for_sale=total,
        outdone=max(0, total - left),
        used=used,
        entry=entry,
        entry_plan=entry_plan,
    )


# --- what excludes it -----------------------------------------------------------------------------------------------


def rules_on_buying(case: Case, lever: Lever) -> tuple[tuple[Rule, ...], Reduced, int]:
    """Rules that exclude some of what a lever reaches, the problem with nothing else for sale, and how many offers or
    token prices pass them all."""
    alone, catalog = without_any(*case.at({}), lambda row: not lever.reaches(row), lever.kind)
    if lever.kind == "rent":
        bare = alone.problem.procurement.model_copy(update={"purchases": [], "existing": [], "spend_quotes": []})
        alone = replace(alone, problem=alone.problem.model_copy(update={"procurement": bare}))
    reduced = reduce_problem(alone.problem, alone.folder, catalog, case.today, Standing())
    if lever.kind == "tokens":
        return tuple(counted(reduced.dropped["api"], "token price")), reduced, left_over(reduced, lever)
    rules = counted(reduced.dropped["offer"], "offer")
    outdone = sum(n for reason, n in reduced.dropped["offer"].count.items() if reason in OUTDONE)
    if not reduced.lots:
        rules += counted(reduced.dropped["deployment"], "deployment")
    for name, quota in reduced.inputs.quotas.items():
        if short := [o for o, weight in quota.weight.items() if weight > quota.limit]:
            rules.append(Rule(reason=f"{name}: less than one machine", count=len(short), of="offer"))
    return tuple(rules), reduced, len(reduced.lots) + outdone if reduced.lots else 0


def rules_on_running(case: Case, thing: Thing) -> tuple[tuple[Rule, ...], int]:
    """Rules that exclude a way to run models, if they exclude it all, and how many deployments they leave."""
    file, catalog = case.at({})
    if not thing.words:
        reason = f"no price of this {thing.kind} is in the catalog or the quotes"
        return (Rule(reason=reason, count=0, of="offer"),), 0
    if missing := unaccepted(file.problem, catalog, thing):
        return tuple(Rule(reason=f"no workload accepts {word}", count=0, of="deployment") for word in missing), 0
    alone = narrowed(file, thing)
    reduced = reduce_problem(alone.problem, alone.folder, catalog, case.today, Standing())
    ways = sum(thing.runs(c.deployment) for c in reduced.candidates.values() if c.deployment)
    return () if ways else tuple(counted(reduced.dropped["deployment"], "deployment")), ways


def counted(drops: Drops, of: str) -> list[Rule]:
    """Reasons that are no matter of price, the most frequent first."""
    ordered = sorted(drops.count.items(), key=lambda one: -one[1])
    return [
        Rule(reason=reason, count=n, of=of, nearest=drops.nearest.get(reason, (0.0, ""))[1])
        for reason, n in ordered
        if reason not in OUTDONE
    ]


def narrowed(file: ProblemFile, thing: Thing) -> ProblemFile:
    """The problem with workloads that accept a precision, a model or an engine asked about accepting only that."""

    def some(now: list[str], default: list[str]) -> list[str]:
        return [each for each in (now or default) if each in thing.words] or now

    workloads = {}
    for name, workload in file.problem.workloads.items():
        models: list[AcceptableModel] = [
            each.model_copy(update={"precisions": some(list(each.precisions), ["bf16", "fp8"])})
            for each in accepted_models(workload)
        ]
        mine = [each for each in models if each.model in thing.words] or models
        engines = some(list(workload.engines), sorted(thing.words & ENGINES))
        workloads[name] = workload.model_copy(update={"models": mine, "engines": engines})
    return replace(file, problem=file.problem.model_copy(update={"workloads": workloads}))
