"""What a problem file forbids, or leaves off a list, that may be allowed: places, terms, precisions, APIs, engines.

A list is first lifted whole.  Where that helps, what the plan found then uses is tried alone, name by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any, get_args

from planner.analysis.knobs import of_workload
from planner.analysis.loosened_workloads import waiting
from planner.analysis.loosening import Loosening
from planner.catalog.rows import TERM_MONTHS, Precision
from planner.problem.matching import named
from planner.problem.schema import Problem
from planner.problem.where import Where
from planner.problem.workload import AcceptableModel
from planner.reduce import Reduced
from planner.solution import Solution
from planner.variants import accepted_models

TERMS = ("on-demand", "spot", *TERM_MONTHS)
WHAT = {
    "providers": "provider", "regions": "region", "countries": "country", "continents": "continent",
    "vendors": "vendor", "gpus": "GPU", "tiers": "tier",
}  # fmt: skip
"""The lists of a `Where`, and what each names."""


def allowances(problem: Problem, sold: Collection[str]) -> Iterator[Loosening]:
    """All that a problem does not allow and might, precisions aside; `sold`: GPUs that the catalog has a price of."""
    yield from interruptions(problem)
    yield from places(problem)
    yield from terms(problem)
    measured = {row.gpu for row in problem.performance.capacity}
    if problem.procurement.only_quotes and (not measured or measured & set(sold)):
        key = "procurement.only_quotes"
        yield Loosening(key=key, says="buy at the catalog's prices too", turn=with_the_catalog)
    yield from apis(problem)


def precisions(problem: Problem) -> Iterator[Loosening]:
    """Weight precisions, KV precisions and engines that a workload does not list."""
    for name, workload in problem.workloads.items():
        for i, model in enumerate(accepted_models(workload)):
            for precision in get_args(Precision):
                if precision not in (model.precisions or ["bf16", "fp8"]):
                    yield Loosening(
                        key=f"workloads.{name}.models[{i}].precisions",
                        says=f"allow {precision} weights of {model.model} for {name}",
                        turn=partial(with_precision, name, i, "precisions", precision),
                    )
            if model.kv_precisions and "fp8" not in model.kv_precisions:
                yield Loosening(
                    key=f"workloads.{name}.models[{i}].kv_precisions",
                    says=f"allow an fp8 KV cache of {model.model} for {name}",
                    turn=partial(with_precision, name, i, "kv_precisions", "fp8"),
                )
        if workload.engines:
            yield Loosening(
                key=f"workloads.{name}.engines",
                says=f"allow any engine for {name}",
                turn=partial(of_one, name, {"engines": []}),
            )


def with_precision(name: str, index: int, field: str, precision: str, problem: Problem, _: float) -> Problem:
    """The problem with one precision more of a model of a workload."""
    models: list[AcceptableModel | str] = list(problem.workloads[name].models)
    model = accepted_models(problem.workloads[name])[index]
    models[index] = model.model_copy(update={field: [*(getattr(model, field) or ["bf16", "fp8"]), precision]})
    return of_workload(problem, name, {"models": models})


def of_one(name: str, update: dict[str, Any], problem: Problem, _: float) -> Problem:
    """The problem with one workload changed."""
    return of_workload(problem, name, update)


def interruptions(problem: Problem) -> Iterator[Loosening]:
    """Machines that are taken back, for workloads that may not be interrupted."""
    for name, workload in problem.workloads.items():
        if not workload.interruptible:
            yield Loosening(
                key=f"workloads.{name}.interruptible",
                says=f"let {name} be interrupted: spot, marketplaces",
                turn=partial(of_one, name, {"interruptible": True}),
            )
        if workload.deferrable is not None and workload.deferrable.weekdays:
            yield Loosening(
                key=f"workloads.{name}.deferrable.weekdays",
                says=f"let {name} be done on any day",
                turn=partial(waiting, name, {"weekdays": []}),
                family="serve_deferred",
            )
        if workload.deferrable is not None and workload.deferrable.finish == "day":
            yield Loosening(
                key=f"workloads.{name}.deferrable.finish",
                says=f"let {name} be finished within the week",
                turn=partial(waiting, name, {"finish": "week"}),
                family="serve_deferred",
            )


def places(problem: Problem) -> Iterator[Loosening]:
    """Providers, places and GPUs that a `where` of the problem leaves out."""
    for name in (None, *problem.workloads):
        where = where_of(problem, name)
        whose, at = (f" for {name}", f"workloads.{name}.where") if name else ("", "procurement.where")
        for field, what in WHAT.items():
            if getattr(where, field):
                turn = partial(with_names, name, field, None)
                narrower = partial(names_used, where, name, field)
                yield Loosening(key=f"{at}.{field}", says=f"allow any {what}{whose}", turn=turn, narrower=narrower)
            for barred in getattr(where, f"exclude_{field}", []):
                turn = partial(with_names, name, f"exclude_{field}", barred)
                yield Loosening(key=f"{at}.exclude_{field}", says=f"allow {what} {barred}{whose}", turn=turn)


def where_of(problem: Problem, name: str | None) -> Where:
    """The rule about what may be bought, or about where a workload runs."""
    return problem.workloads[name].where if name else problem.procurement.where


def with_names(name: str | None, field: str, what: str | None, problem: Problem, _: float) -> Problem:
    """The problem with one name more allowed by a list of such a rule, or with none needed (None)."""
    where = where_of(problem, name)
    listed = getattr(where, field)
    if what is None:
        names = []
    elif field.startswith("exclude_"):
        names = [other for other in listed if other != what]
    else:
        names = [*listed, what]
    where = where.model_copy(update={field: names})
    if name:
        return of_workload(problem, name, {"where": where})
    return problem.model_copy(update={"procurement": problem.procurement.model_copy(update={"where": where})})


def names_used(where: Where, name: str | None, field: str, reduced: Reduced, solution: Solution) -> Iterator[Loosening]:
    """The names off a list that a plan uses, each alone, the most machines first."""
    whose, at = (f" for {name}", f"workloads.{name}.where") if name else ("", "procurement.where")
    machines: dict[str, float] = {}
    for label, lot in reduced.lots.items():
        n = solution.always.get(label, 0) + sum(run.hourly.get(label, 0) for run in solution.runs)
        what = lot.vendor if field == "vendors" else getattr(lot.row, WHAT[field].lower())
        if n and what and not named(what, getattr(where, field)):
            machines[what] = machines.get(what, 0.0) + n
    for what in sorted(machines, key=lambda each: -machines[each]):
        turn = partial(with_names, name, field, what)
        yield Loosening(key=f"{at}.{field}", says=f"allow {WHAT[field]} {what}{whose}", turn=turn)


def terms(problem: Problem) -> Iterator[Loosening]:
    """Terms that are not listed."""
    bought = problem.procurement
    for term in TERMS if bought.terms else ():
        if term not in bought.terms:
            turn = partial(with_term, term)
            yield Loosening(key="procurement.terms", says=f"allow the term {term}", turn=turn)


def with_term(term: str, problem: Problem, _: float) -> Problem:
    """The problem with one term more."""
    bought = problem.procurement
    longest = max(bought.max_term_months, TERM_MONTHS.get(term, 0))
    update = {"terms": [*bought.terms, term], "max_term_months": longest}
    return problem.model_copy(update={"procurement": bought.model_copy(update=update)})


def with_the_catalog(problem: Problem, _: float) -> Problem:
    """The problem with the catalog's prices beside its quotes."""
    return problem.model_copy(update={"procurement": problem.procurement.model_copy(update={"only_quotes": False})})


def apis(problem: Problem) -> Iterator[Loosening]:
    """APIs where they are not allowed, and API providers that are not listed."""
    rule = problem.apis
    if not rule.allow:
        yield Loosening(key="apis.allow", says="allow APIs", turn=partial(with_apis, {"allow": True}))
    for name, workload in problem.workloads.items():
        if not workload.apis:
            turn = partial(of_one, name, {"apis": True})
            yield Loosening(key=f"workloads.{name}.apis", says=f"allow APIs for {name}", turn=turn)
    if rule.providers:
        turn = partial(with_apis, {"providers": []})
        yield Loosening(key="apis.providers", says="allow any API provider", turn=turn)
    if rule.exclude_providers:
        turn = partial(with_apis, {"exclude_providers": []})
        yield Loosening(key="apis.exclude_providers", says="exclude no API provider", turn=turn)


def with_apis(update: dict[str, Any], problem: Problem, _: float) -> Problem:
    """The problem with other rules about APIs."""
    return problem.model_copy(update={"apis": problem.apis.model_copy(update=update)})
