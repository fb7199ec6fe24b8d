"""Why something is not in the best plan: what it would cost to use it, the price at which it enters, what excludes it.

Machines: one of them is held all month, at each offer that no other of the same outdoes, and the rest decided anew.
A way to run models: nothing else runs on the machines.  An API: the plan that is best at its price of entry, at the
prices of today.  Each is a plan that is audited like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from planner.analysis.entry import Entry, entry_of, left_over, spent
from planner.analysis.held import Case
from planner.analysis.kept import Used, best_with, cheapest_with
from planner.analysis.things import Thing
from planner.analysis.walkaway import without_any
from planner.drops import Drops
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.workload import AcceptableModel
from planner.reduce import Reduced, Standing, reduce_problem
from planner.variants import accepted_models

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
    of: str  # offers, token prices, deployments
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
    file, _ = case.at({})
    progress("asking what excludes it")
    rules, alone, total = rules_of(case, thing)
    if thing.lever is None:
        in_plan = bool(thing.words) and any(thing.words <= set(d.name.split()) for d in base.deployments)
        used = None
        if thing.words and not in_plan and total:
            progress(f"solving with nothing but {thing.name} on the machines")
            plan = best_with(case, Standing(wanted=thing.runs))
            if plan is not None and plan.usd_month is not None:
                used = Used(
                    how=f"nothing but {thing.name} on the machines",
                    plan=plan,
                    usd_month=plan.usd_month,
                    bound_usd_month=plan.bound_usd_month,
                )
        return WhyNot(base=base, thing=thing, in_plan=in_plan, rules=rules, for_sale=total, outdone=0, used=used,
                      entry=None, entry_plan=None)  # fmt: skip
    in_plan = spent(base, thing.lever, file.problem) > 0
    entry, entry_plan, used = None, None, None
    if total:
        progress(f"solving for the price at which {thing.name} {'leaves' if in_plan else 'enters'}")
        entry, entry_plan = entry_of(case, base, thing.key, thing.lever)
    if total and not in_plan and thing.lever.kind == "rent":
        used = cheapest_with(case, list(alone.lots.values()), jobs, progress)
    elif entry is not None and entry_plan is not None and not in_plan and entry.found_at:
        again = spent(entry_plan, thing.lever, file.problem) / entry.found_at
        usd = (entry_plan.usd_month or 0.0) + again * (1 - entry.found_at)
        used = Used(how="the plan that is best at its price of entry", plan=entry_plan, usd_month=usd,
                    bound_usd_month=None)  # fmt: skip
    full = reduce_problem(file.problem, file.folder, case.catalog, case.today)
    left = left_over(full, thing.lever)
    return WhyNot(base=base, thing=thing, in_plan=in_plan, rules=rules, for_sale=total,
                  outdone=max(0, total - left), used=used, entry=entry, entry_plan=entry_plan)  # fmt: skip


# --- what excludes it -----------------------------------------------------------------------------------------------


def rules_of(case: Case, thing: Thing) -> tuple[tuple[Rule, ...], Reduced, int]:
    """Rules that exclude some of it, the problem with nothing else for sale, and how many offers pass every rule."""
    file, priced = case.at({})
    alone, catalog = file, priced
    if thing.lever is not None:
        lever = thing.lever
        alone, catalog = without_any(file, priced, lambda row: not lever.reaches(row), lever.kind)
        bare = alone.problem.procurement.model_copy(update={"purchases": [], "existing": [], "spend_quotes": []})
        if lever.kind == "rent":
            alone = replace(alone, problem=alone.problem.model_copy(update={"procurement": bare}))
    elif thing.words:
        alone = narrowed(file, thing)
    reduced = reduce_problem(alone.problem, alone.folder, catalog, case.today, Standing())
    kind = "api" if thing.lever and thing.lever.kind == "tokens" else "offer" if thing.lever else "deployment"
    what = {"api": "token prices", "offer": "offers", "deployment": "deployments"}
    rules = list(counted(reduced.dropped[kind], what[kind]))
    if thing.lever is None:
        total = sum(thing.runs(c.deployment) for c in reduced.candidates.values() if c.deployment) if thing.words else 0
        if not thing.words:
            rules = [
                Rule(reason=f"no price of this {thing.kind} is in the catalog or the quotes", count=0, of="offers")
            ]
        elif total:
            rules = []
        return tuple(rules), reduced, total
    if kind == "api":
        return tuple(rules), reduced, left_over(reduced, thing.lever)
    passing = sum(n for reason, n in reduced.dropped["offer"].count.items() if reason in OUTDONE)
    total = len(reduced.lots) + (passing if reduced.lots else 0)
    if not reduced.lots:
        rules += counted(reduced.dropped["deployment"], "deployments")
    for name, quota in reduced.inputs.quotas.items():
        short = [o for o, weight in quota.weight.items() if weight > quota.limit]
        if short:
            rules.append(Rule(reason=f"{name}: less than one machine", count=len(short), of="offers"))
    return tuple(rules), reduced, total


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
        engines = some(list(workload.engines), sorted(thing.words & {"vllm", "sglang", "trtllm"}))
        workloads[name] = workload.model_copy(update={"models": mine, "engines": engines})
    return replace(file, problem=file.problem.model_copy(update={"workloads": workloads}))
