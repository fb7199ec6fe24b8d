"""Whether what a problem names is in the catalog, and whether its limits leave anything to buy.

Contradictions that need no catalog are in `planner.problem.contradictions`.  Only names are
judged here: whether a model fits a GPU is a question for the candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from planner.catalog.load import Catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.own import read_own_rows
from planner.catalog.rows import Gpu, ModelCard, PriceOffer
from planner.errors import Complaint, InputError
from planner.problem.apis import sold_name
from planner.problem.matching import allows, named
from planner.problem.places import Finding, KeyPath, ProblemFile
from planner.problem.procurement import ExistingCommitment, OwnedMachine, Procurement, Quote, ServerlessQuote
from planner.problem.schema import Problem
from planner.problem.vcpus import unknown_vcpus
from planner.problem.where import Where
from planner.problem.wording import did_you_mean, some_of
from planner.problem.workload import AcceptableModel, Workload

LIMIT_TRACE_BYTES = 200_000_000
COUNTS_ONLY = ("quotas", "minimum_orders", "spend_quotes", "existing_spend")
"""Sections of `procurement` whose `where` says what they count: there need be no such offer."""

OwnRow = Quote | ExistingCommitment | OwnedMachine | ServerlessQuote
OWN = ("quotes", "existing", "purchases", "serverless")


def check_references(problem_file: ProblemFile, catalog: Catalog) -> list[Complaint]:
    """Every name that the catalog does not know and every `where` that leaves nothing."""
    return problem_file.complaints(reference_findings(problem_file.problem, catalog, problem_file.folder))


def canonicalize(problem: Problem, catalog: Catalog) -> Problem:
    """The problem with the catalog's own spelling of every model and GPU that it knows."""

    def respell(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: respell(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [respell(item, key) for item in value]
        if key in ("model", "models"):
            return _model_name(value, catalog)
        if own_names(problem):
            return value
        return _gpu_name(value, catalog) if key in ("gpu", "gpus", "exclude_gpus") else value

    sections = problem.model_dump(exclude_unset=True)
    for name, workload in sections["workloads"].items():
        sections["workloads"][name] = {
            key: respell(value, key) if key in ("models", "where") else value for key, value in workload.items()
        }
    for key in ("procurement", "apis", "performance"):
        if key in sections:
            sections[key] = respell(sections[key])
    return Problem.model_validate(sections)


def own_names(problem: Problem) -> bool:
    """Whether GPU names are the problem's own: its rates and its prices are, so the catalog has no say.

    Two names that the catalog holds for one GPU then stay two.
    """
    return bool(problem.performance.capacity) and problem.procurement.only_quotes


def _model_name(name: str, catalog: Catalog) -> str:
    found = resolve_model(catalog, name)
    return found.name if isinstance(found, ModelCard) else name


def _gpu_name(name: Any, catalog: Catalog) -> Any:
    found = resolve_gpu(catalog, name) if isinstance(name, str) else name
    return found.name if isinstance(found, Gpu) else name


def reference_findings(problem: Problem, catalog: Catalog, folder: Path) -> list[Finding]:
    """The same as `check_references`, not yet placed in a file."""
    return [
        *_workloads(problem, catalog, folder),
        *_machines(problem, catalog),
        *_apis(problem, catalog),
        *_wheres(problem, catalog),
        *own_benchmarks_are_there(problem, catalog, folder),
        *unknown_vcpus(canonicalize(problem, catalog), catalog),
    ]


def _unknown(name: str, known: Collection[str], file: str) -> str:
    return f'"{name}": no such name in {file}.{did_you_mean(name, known)}  Known: {some_of(known)}.'


def _unknown_row(name: str, close: Sequence[str], kind: str, known: Collection[str]) -> str:
    meant = f"  Did you mean {' or '.join(close)}?" if close else did_you_mean(name, known)
    listing = f"`plan catalog list {kind}` lists all {len(known)}."
    return f'"{name}": no such name in catalogs/{kind}.csv.{meant}  {listing}'


def _workloads(problem: Problem, catalog: Catalog, folder: Path) -> Iterator[Finding]:
    sold = {price.model for price in catalog.api_prices} | {quote.sold_as for quote in problem.apis.quotes}
    for workload_name, workload in problem.workloads.items():
        at: KeyPath = ("workloads", workload_name)
        accepted, listed = list[str](), set[str]()
        only_sold = True
        for index, each in enumerate(workload.models):
            name = each.model if isinstance(each, AcceptableModel) else each
            place = (*at, "models", index, "model") if isinstance(each, AcceptableModel) else (*at, "models", index)
            found = resolve_model(catalog, name)
            only_sold = only_sold and not isinstance(found, ModelCard)
            own = each.private if isinstance(each, AcceptableModel) else None
            if isinstance(found, list) and name not in sold and not problem.performance.capacity:
                yield Finding(place, _unknown_row(name, found[:1], "models", {*catalog.models, *sold}))
            elif _model_name(name, catalog) in listed:
                yield Finding(place, f'"{name}" is listed twice.  Keep it once.')
            listed.add(_model_name(name, catalog))
            accepted.append(sold_name(_model_name(name, catalog), own))
        if only_sold and set(accepted) <= sold and not (workload.apis and problem.apis.allow):
            what = f"{some_of(set(accepted))} can only be bought from an API, and APIs are not allowed here."
            yield Finding((*at, "models"), what + "  Allow them with `apis: true`, or add a model with open weights.")
        elif only_sold and set(accepted) <= sold:
            yield from _only_apis(problem, catalog, workload, set(accepted), at)
        traffic = workload.traffic
        if traffic.shape is not None and traffic.shape not in catalog.shapes:
            yield Finding((*at, "traffic", "shape"), _unknown(traffic.shape, catalog.shapes, "catalogs/shapes.csv"))
        if isinstance(traffic.lengths, str) and traffic.lengths not in catalog.lengths:
            yield Finding(
                (*at, "traffic", "lengths"),
                _unknown(traffic.lengths, catalog.lengths, "catalogs/lengths.csv"),
            )
        if traffic.trace is not None and (wrong := trace_refusal(folder, traffic.trace)):
            yield Finding((*at, "traffic", "trace"), wrong)


def _only_apis(
    problem: Problem, catalog: Catalog, workload: Workload, models: set[str], at: KeyPath
) -> Iterator[Finding]:
    """What stands in the way of a workload that nothing but an API can serve."""
    if workload.api_max_share < 1:
        what = f"{some_of(models)} can only be bought from an API, and only {workload.api_max_share:g} of it may be."
        yield Finding((*at, "api_max_share"), what + "  Leave it out, or add a model with open weights.")
    asked, cleared = workload.data_class, problem.apis.cleared_for
    sellers = {row.provider for row in catalog.api_prices if row.model in models}
    sellers |= {quote.provider for quote in problem.apis.quotes if quote.sold_as in models}
    if asked is not None and not any(asked in cleared.get(seller, []) for seller in sellers):
        what = f'"{asked}": none of the APIs that sell {some_of(models)} is cleared for it ({some_of(sellers)}).'
        yield Finding(
            (*at, "data_class"), what + "  List one under apis.cleared_for, or add a model with open weights."
        )


def own_benchmarks_are_there(problem: Problem, catalog: Catalog, folder: Path) -> Iterator[Finding]:
    """The file of own measurements is beside the problem file, and every row of it can be used."""
    name = problem.performance.benchmarks
    if name is None:
        return
    try:
        read_own_rows(folder / name, catalog)
    except InputError as error:
        for complaint in error.complaints:
            yield Finding(("performance", "benchmarks"), f"{complaint.where}: {complaint.what}")


def trace_refusal(folder: Path, trace: str) -> str:
    """Why a trace file cannot be read, as a sentence with the remedy; empty if it can.

    A trace is looked for beside the problem file.  Absolute paths and ../ are followed, because
    the problem names them literally; addresses are not: reading a problem never uses the network.
    """
    if "://" in trace:
        return f'"{trace}" is an address; a trace is a file.  Download it beside the problem file and name that.'
    path = folder / trace
    try:
        if not path.exists():
            return f'"{trace}": no such file in {folder}.  A trace is looked for beside the problem file.'
        if not path.is_file():
            return f'"{trace}" is not a file.  Give a CSV of requests.'
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        return f'"{trace}" cannot be read: {getattr(error, "strerror", None) or error}.'
    if size > LIMIT_TRACE_BYTES:
        limit = LIMIT_TRACE_BYTES / 1e6
        return f'"{trace}" is {size / 1e6:,.0f} MB; at most {limit:.0f} MB are read.  Give one representative week.'
    return "" if size else f'"{trace}" is empty.  A trace needs a header and a row per request.'


def own_rows(buying: Procurement) -> list[OwnRow]:
    """All machines that the problem prices itself."""
    return [row for key in OWN for row in getattr(buying, key)]


def _machines(problem: Problem, catalog: Catalog) -> Iterator[Finding]:
    machines = {offer.machine for offer in catalog.offers}
    own = own_rows(problem.procurement)
    machines |= {each.machine for each in own if each.machine}
    rows: list[tuple[KeyPath, str]] = []
    for key in OWN:
        rows += [(("procurement", key, i), row.gpu) for i, row in enumerate(getattr(problem.procurement, key))]
    measured = {row.gpu for row in problem.performance.capacity}
    for at, gpu in rows:
        if gpu not in measured and isinstance(close := resolve_gpu(catalog, gpu), list):
            yield Finding((*at, "gpu"), _unknown_row(gpu, close, "gpus", {*catalog.gpus, *measured}))
    priced = {row.gpu for row in own}
    for index, row in enumerate(problem.performance.capacity):
        if row.gpu not in priced and isinstance(close := resolve_gpu(catalog, row.gpu), list):
            what = _unknown_row(row.gpu, close, "gpus", {*catalog.gpus, *priced})
            yield Finding(("performance", "capacity", index, "gpu"), f"{what}  A GPU of your own needs a quote.")
    for index, quota in enumerate(problem.procurement.quotas):
        if quota.machine is not None and not any(named(machine, [quota.machine]) for machine in machines):
            what = _unknown(quota.machine, machines, "catalogs/prices")
            yield Finding(("procurement", "quotas", index, "machine"), what)


def _apis(problem: Problem, catalog: Catalog) -> Iterator[Finding]:
    apis = problem.apis
    sellers = {price.provider for price in catalog.api_prices} | {quote.provider for quote in apis.quotes}
    yield from _names_and_exclusions(
        ("apis",), "providers", apis.providers, apis.exclude_providers, sellers, "catalogs/api_prices.csv"
    )
    for key in ("cleared_for", "places"):
        for provider in getattr(apis, key):
            if provider not in sellers:
                yield Finding(("apis", key, provider), _unknown(provider, sellers, "catalogs/api_prices.csv"))
    families = {card.family for card in catalog.models.values()} | {price.model for price in catalog.api_prices}
    for workload in problem.workloads.values():
        families |= {each.model if isinstance(each, AcceptableModel) else each for each in workload.models}
    for index, quote in enumerate(apis.quotes):
        close = resolve_model(catalog, quote.model)
        if isinstance(close, list) and quote.model not in families:
            what = _unknown_row(quote.model, close[:1], "models", {*catalog.models, *families})
            yield Finding(("apis", "quotes", index, "model"), what)


def _wheres(problem: Problem, catalog: Catalog) -> Iterator[Finding]:
    buying = problem.procurement
    own = own_rows(buying)
    if not own_names(problem):
        own = [row.model_copy(update={"gpu": _gpu_name(row.gpu, catalog)}) for row in own]
    every: list[PriceOffer | OwnRow] = [*catalog.offers, *own]
    vendor = {gpu: _vendor(gpu, catalog) for gpu in {offer.gpu for offer in every}}
    known: dict[str, Collection[str]] = {
        "providers": {offer.provider for offer in every},
        "regions": {offer.region for offer in every} - {""},
        "countries": {offer.country for offer in every} - {""},
        "vendors": {gpu.vendor for gpu in catalog.gpus.values()},
        "gpus": {*catalog.gpus, *(row.gpu for row in own)},
    }
    files = {key: "catalogs/gpus.csv" if key in ("gpus", "vendors") else "catalogs/prices" for key in known}
    places: list[tuple[KeyPath, Where]] = [(("procurement", "where"), buying.where)]
    places += [(("workloads", name, "where"), each.where) for name, each in problem.workloads.items()]
    for key in ("quotas", "minimum_orders"):
        places += [(("procurement", key, i, "where"), row.where) for i, row in enumerate(getattr(buying, key))]
    for key in ("spend_quotes", "existing_spend"):
        for i, spend in enumerate(getattr(buying, key)):
            if spend.provider not in known["providers"]:
                what = _unknown(spend.provider, known["providers"], "catalogs/prices")
                yield Finding(("procurement", key, i, "provider"), what)
            places += [(("procurement", key, i, "covers", j, "where"), c.where) for j, c in enumerate(spend.covers)]
    offers = every[len(catalog.offers) :] if buying.only_quotes else every
    overall_wrong = False
    for at, written in places:
        where = written
        if not own_names(problem):
            where = written.model_copy(
                update={
                    key: [_gpu_name(name, catalog) for name in getattr(written, key)]
                    for key in ("gpus", "exclude_gpus")
                }
            )
        wrong: list[Finding] = []
        for key, names in known.items():
            excluded = getattr(where, f"exclude_{key}", [])
            wrong += _names_and_exclusions(at, key, getattr(where, key), excluded, names, files[key])
        yield from wrong
        overall_wrong = overall_wrong or bool(wrong and at == ("procurement", "where"))
        if wrong or where == Where() or not offers or at[1] in COUNTS_ONLY:
            continue
        if not any(allows(where, offer, vendor[offer.gpu]) for offer in offers):
            rules = "; ".join(
                f"{key}: {some_of(names)}" for key, names in where.model_dump(exclude_defaults=True).items()
            )
            what = f"no offer satisfies all of: {rules}.  Loosen one of them.  Offers that do not say where they are"
            yield Finding(at, what + " satisfy no rule on regions, countries or continents.")
        elif (
            at[0] == "workloads"
            and not overall_wrong
            and not any(
                allows(where, offer, vendor[offer.gpu]) and allows(buying.where, offer, vendor[offer.gpu])
                for offer in offers
            )
        ):
            what = "no offer satisfies both these rules and procurement.where.  Loosen one of the two."
            yield Finding(at, what)


def _vendor(gpu: str, catalog: Catalog) -> str:
    found = resolve_gpu(catalog, gpu)
    return found.vendor if isinstance(found, Gpu) else ""


def _names_and_exclusions(
    at: KeyPath, key: str, allowed: Sequence[str], excluded: Sequence[str], known: Collection[str], file: str
) -> Iterator[Finding]:
    """Names and globs that match nothing known, and exclusions that leave none of what is allowed."""
    for list_key, names in ((key, allowed), (f"exclude_{key}", excluded)):
        for index, name in enumerate(names):
            if not any(named(one, [name]) for one in known):
                yield Finding((*at, list_key, index), _unknown(name, known, file))
    chosen = {one for one in known if named(one, allowed)}
    if chosen and all(named(one, excluded) for one in chosen):
        what = (
            f"every one of {key} that is allowed is excluded too ({some_of(chosen)}).  Take it out of one of the lists."
        )
        yield Finding((*at, f"exclude_{key}"), what)
