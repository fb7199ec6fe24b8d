"""A fleet file beside a problem: its machines at their prices, and the ways to run models it is set up for.

Prices are looked up in the problem's quotes and the catalog where the fleet file states none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from planner.catalog.load import Catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.rows import TERM_MONTHS, Gpu, ModelCard, PriceOffer
from planner.market import WEEK_H, Held, committed_at_a_discount, offer_of_quote
from planner.owning import offer_of_owned
from planner.performance.types import Deployment
from planner.problem.fleet import FleetDeployment, FleetFile, FleetMachines, said_machine
from planner.problem.places import Finding
from planner.problem.procurement import Procurement, Quote
from planner.problem.references import own_names
from planner.problem.schema import Problem
from planner.problem.wording import did_you_mean, some_of
from planner.problem.workload import AcceptableModel
from planner.reduce import Standing
from planner.traffic.blocks import week_hours
from planner.variants import accepted_models


def place(file: FleetFile, problem: Problem, catalog: Catalog, today: date) -> tuple[Standing, Problem]:
    """The fleet as machines held, and the problem as this fleet meets it: nothing to procure, its own deployments.

    Raises `ProblemError` with every line of the fleet file that names what is not there.
    """
    found: list[Finding] = []
    prices = [offer_of_quote(q) for q in problem.procurement.quotes]
    if not problem.procurement.only_quotes:
        prices += [*catalog.offers, *committed_at_a_discount(catalog)]
    buying = problem.procurement
    owned = [(offer_of_owned(m, buying.cost_of_capital_year, problem.month_hours), m) for m in buying.purchases]
    prices += [offer for offer, _ in owned]
    held: list[Held] = []
    for index, row in enumerate(file.fleet.machines):
        row = row.model_copy(update={"gpu": gpu_name(row.gpu, problem, catalog)})
        offer = priced(row, prices, today, problem, catalog)
        if isinstance(offer, Finding):
            found.append(Finding(("machines", index, *offer.at), offer.what))
        elif row.when is not None and offer.minimum_rental_h >= WEEK_H:
            what = f"{said_machine(row)} is rented for at least {offer.minimum_rental_h:g} h at a time and paid in "
            found.append(Finding(("machines", index, "when"), what + "every hour.  Leave `when` out."))
        else:
            hours = None if row.when is None else week_hours(row.when)
            price = next((m.price_usd for each, m in owned if each == offer), 0.0)
            held.append(Held(row=offer, count=row.count, hours=hours, price_usd=price))
    deployments = [
        d.model_copy(update={"gpu": gpu_name(d.gpu, problem, catalog), "model": model_name(d.model, catalog)})
        for d in file.fleet.deployments
    ]
    found += unaccepted(deployments, problem, held)
    file.refuse(found)
    standing = Standing(held=tuple(held), wanted=only(deployments) if deployments else lambda _: True)
    return standing, as_met(problem, deployments, apis=file.fleet.apis)


def gpu_name(name: str | None, problem: Problem, catalog: Catalog) -> str | None:
    """The catalog's own spelling, unless the problem names its GPUs itself."""
    found = None if name is None or own_names(problem) else resolve_gpu(catalog, name)
    return found.name if isinstance(found, Gpu) else name


def model_name(name: str, catalog: Catalog) -> str:
    """The catalog's own spelling."""
    found = resolve_model(catalog, name)
    return found.name if isinstance(found, ModelCard) else name


def priced(
    row: FleetMachines, prices: Sequence[PriceOffer], today: date, problem: Problem, catalog: Catalog
) -> PriceOffer | Finding:
    """The offer that a line of the fleet file is, at its own price or at the one found."""
    tests: tuple[tuple[str, str | int | None], ...] = (
        ("provider", row.provider),
        ("machine", row.machine),
        ("gpu", row.gpu),
        ("gpus", row.gpus),
        ("region", row.region or None),
        ("country", row.country or None),
        *((("term", row.term),) if row.usd_h is None else ()),
    )
    left = list(prices)
    for key, wanted in tests:
        near = [p for p in left if wanted is None or getattr(p, key) == wanted]
        if not near and row.usd_h is None:
            names = {str(getattr(p, key)) or "(not stated)" for p in left}
            whose = "such a provider" if key == "provider" else f"{row.provider} is for this {key}"
            what = f'"{wanted}": no price of {whose}.'
            what += f"{did_you_mean(str(wanted), names)}  Known: {some_of(names)}.  Or give the price: `usd_h:`."
            return Finding((key,) if key in row.model_fields_set else (), what)
        left = near
    if row.usd_h is not None:
        return stated(row, left, today, problem, catalog)
    if len({(p.usd_h, p.upfront_share) for p in left}) > 1:
        each = {f"{p.region or '(region not stated)'} {p.machine} {p.usd_h:g} USD/h" for p in left}
        what = f"{said_machine(row)} is sold at more than one price: {some_of(each)}."
        return Finding((), what + "  Name the `region` and `machine`, or give the price: `usd_h:`.")
    best = min(left, key=lambda p: (p.region, p.machine, p.observed_on))
    return best.model_copy(update={} if row.upfront_share is None else {"upfront_share": row.upfront_share})


def stated(
    row: FleetMachines, like: list[PriceOffer], today: date, problem: Problem, catalog: Catalog
) -> PriceOffer | Finding:
    """A machine at the price that the fleet file states; what it leaves out is as in prices of the same machine."""
    same = like[0] if like else None
    gpu, gpus = row.gpu or (same.gpu if same else None), row.gpus or (same.gpus if same else None)
    if gpu is None or gpus is None:
        what = f'"{row.machine}": no price of {row.provider} names this machine.'
        return Finding(("machine",), what + "  Add `gpu:` and `gpus:`.")
    known = {c.gpu for c in problem.performance.capacity} | set(catalog.gpus)
    if gpu not in known:
        what = f'"{gpu}": no such GPU.{did_you_mean(gpu, known)}  `plan catalog list gpus` lists all.'
        return Finding(("gpu",), what)
    upfront = row.upfront_share if row.upfront_share is not None else 0.0
    return PriceOffer(
        provider=row.provider,
        region=row.region or (same.region if same and len({p.region for p in like}) == 1 else ""),
        country=row.country or (same.country if same and len({p.country for p in like}) == 1 else ""),
        continent=row.continent or (same.continent if same and len({p.continent for p in like}) == 1 else ""),
        tier=row.tier or (same.tier if same else "datacenter"),
        machine=row.machine or (same.machine if same else f"{gpus}x-{gpu}"),
        gpu=gpu,
        gpus=gpus,
        usd_h=row.usd_h or 0.0,
        term=row.term,
        upfront_share=upfront if row.term in TERM_MONTHS else 0.0,
        source="fleet file",
        observed_on=row.observed_on or today,
    )


def unaccepted(deployments: Sequence[FleetDeployment], problem: Problem, held: Sequence[Held]) -> Iterator[Finding]:
    """Deployments that no workload of the problem accepts, or that no machine of the fleet has the GPU for."""
    gpus = {each.row.gpu for each in held}
    accepted = [m for w in problem.workloads.values() for m in accepted_models(w)]
    for index, d in enumerate(deployments):
        at = ("deployments", index)
        if problem.performance.capacity:
            what = "the problem's own capacity table says what a GPU serves, so a deployment changes nothing."
            yield Finding(at, what + "  Leave `deployments` out, or `performance.capacity`.")
            continue
        same = [m for m in accepted if m.model == d.model]
        names = {m.model for m in accepted}
        precisions = {p for m in same for p in m.precisions or ["bf16", "fp8"]}
        engines = {e for w in problem.workloads.values() for e in w.engines or ["vllm", "sglang", "trtllm"]}
        if not same:
            what = f'"{d.model}": no workload of the problem accepts it.{did_you_mean(d.model, names)}'
            yield Finding((*at, "model"), what + f"  Accepted: {some_of(names)}.")
        elif d.precision is not None and d.precision not in precisions:
            what = f"{d.model} in {d.precision}: no workload of the problem accepts it."
            yield Finding((*at, "precision"), what + f"  Accepted: {some_of(precisions)}.")
        if d.engine is not None and d.engine not in engines:
            yield Finding((*at, "engine"), f"no workload of the problem accepts it.  Accepted: {some_of(engines)}.")
        if d.gpu is not None and held and d.gpu not in gpus:
            yield Finding((*at, "gpu"), f'"{d.gpu}": no machine of the fleet has it.  It has: {some_of(gpus)}.')


def only(deployments: Sequence[FleetDeployment]) -> Callable[[Deployment], bool]:
    """Whether a way to run a model is one of these."""

    def wanted(one: Deployment) -> bool:
        return any(
            d.model == one.model.name
            and d.precision in (None, one.precision)
            and d.kv_precision in (None, one.kv_precision)
            and d.engine in (None, one.engine)
            and d.gpu in (None, one.gpu.name)
            and (d.tp is None or (d.tp == one.gpus and one.part is None))
            for d in deployments
        )

    return wanted


def as_met(problem: Problem, deployments: Sequence[FleetDeployment], *, apis: bool) -> Problem:
    """The problem with nothing to procure, and its workloads served by these deployments where any are named."""
    changed: dict[str, object] = {
        "procurement": Procurement(
            only_quotes=True, max_term_months=36, cost_of_capital_year=problem.procurement.cost_of_capital_year
        ),
        "budget": None,
    }
    few = ("max_providers", "max_regions", "max_gpu_types", "max_deployments")
    changed["spread"] = problem.spread.model_copy(update=dict.fromkeys(few) | {"max_provider_spend_share": 1.0})
    if not apis:
        changed["apis"] = problem.apis.model_copy(update={"allow": False})
    if deployments:
        # The first engine accepted stands for those that no measurement tells apart: let it be one of the fleet's.
        engines = [d.engine for d in deployments if d.engine is not None]
        free = any(d.engine is None for d in deployments)
        workloads = {}
        for name, w in problem.workloads.items():
            models = [each for m in accepted_models(w) for d in deployments if (each := narrowed(m, d))]
            mine = [e for e in w.engines or engines if e in engines]
            update: dict[str, object] = {} if free or not mine else {"engines": mine}
            workloads[name] = w.model_copy(update=update | ({"models": models} if models else {}))
        changed["workloads"] = workloads
    return problem.model_copy(update=changed)


def narrowed(model: AcceptableModel, d: FleetDeployment) -> AcceptableModel | None:
    """What a workload accepts of a model, as far as a deployment of the fleet gives it."""
    precisions = [p for p in model.precisions or ["bf16", "fp8"] if d.precision in (None, p)]
    kv = [p for p in model.kv_precisions or ["bf16", "fp8"] if d.kv_precision in (None, p)]
    if model.model != d.model or not precisions or not kv:
        return None
    return model.model_copy(update={"precisions": precisions, "kv_precisions": kv})


def as_quotes(standing: Standing) -> list[Quote]:
    """The machines held as quotes: how the audit learns where they stand and what they cost."""
    return [
        Quote(
            provider=each.row.provider,
            region=each.row.region,
            country=each.row.country,
            continent=each.row.continent,
            tier=each.row.tier,
            machine=each.row.machine,
            gpu=each.row.gpu,
            gpus=each.row.gpus,
            usd_h=each.row.usd_h,
            term=each.row.term,
            upfront_share=each.row.upfront_share,
            minimum_rental_h=each.row.minimum_rental_h,
            observed_on=each.row.observed_on,
            source=each.row.source,
        )
        for each in standing.held
        if each.row.term != "bought" and each.row.term != "serverless"
    ]
