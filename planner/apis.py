"""Which API may serve which class, and what a request costs there.

Token prices carry no region: an API satisfies a rule about places only where the problem says it stands.  Nothing is
estimated: the latency of APIs is not modeled.
"""

from __future__ import annotations

import math

from planner.catalog.load import Catalog
from planner.catalog.rows import ApiPrice
from planner.drops import Drops
from planner.performance.types import Request
from planner.problem.matching import named, stands_in
from planner.problem.schema import Problem
from planner.problem.workload import Workload
from planner.traffic.types import Load
from planner.variants import accepted_models, blends, card, may_do_all, sold_as, too_poor


def why_not_there(problem: Problem, workload: Workload, provider: str) -> str:
    """Why a workload's requests may not be sent to a provider's API at all; empty if they may."""
    rule, place = problem.apis, problem.apis.places.get(provider)
    rules = [w for w in (problem.procurement.where, workload.where) if w.regions or w.countries or w.continents]
    if not (rule.allow and workload.apis):
        return "APIs not allowed"
    if (rule.providers and not named(provider, rule.providers)) or named(provider, rule.exclude_providers):
        return "API provider not allowed"
    if rules and place is None:
        return "token prices state no region, and this workload has a rule about places"
    if place is not None and not all(stands_in(where, place) for where in rules):
        return "the API stands where this workload may not be served"
    if workload.data_class is not None and workload.data_class not in rule.cleared_for.get(provider, []):
        return f"API not cleared for {workload.data_class} data"
    return ""


def api_prices(problem: Problem, load: Load, catalog: Catalog, drops: Drops) -> dict[str, dict[str, ApiPrice]]:
    """By API (provider) and class, the cheapest price at which it sells one of the workload's models.

    Where it matters which model serves, a provider is one API for each.  What may wait is bought from one, so only
    models that may do all of it count there.
    """
    quotes = [
        ApiPrice(
            model=q.sold_as,
            open_weight=True,
            provider=q.provider,
            api_model_id=q.sold_as,
            input_usd_mtok=q.input_usd_mtok,
            output_usd_mtok=q.output_usd_mtok,
            cached_input_usd_mtok=q.cached_input_usd_mtok,
            batch_input_usd_mtok=q.batch_input_usd_mtok,
            batch_output_usd_mtok=q.batch_output_usd_mtok,
            source=q.source,
            observed_on=q.observed_on,
        )
        for q in problem.apis.quotes
    ]
    rule = problem.apis
    out: dict[str, dict[str, ApiPrice]] = {}
    for k in load.classes:
        workload = problem.workloads[k.workload]
        sold = sold_as(workload, catalog)
        own = public_names_of_own_weights(workload, catalog)
        for row in quotes + list(catalog.api_prices):
            if row.model not in sold:
                if row.model in own:
                    drops.add("no public API sells weights of your own", f"{row.model} of {row.provider}", 1)
                continue
            if why := why_not_there(problem, workload, row.provider):
                drops.add(why)
            elif (row.max_input_tok or math.inf) < k.request.input_tok or (
                row.max_output_tok or math.inf
            ) < k.request.output_tok:
                drops.add("API takes no such long requests")
            elif too_poor(workload, sold[row.model]):
                drops.add("scores less than min_quality", row.model, 1)
            elif workload.deferrable is not None and not may_do_all(workload, sold[row.model]):
                drops.add("one API does all that is bought of what may wait, and this model may not")
            else:
                may_wait = workload.deferrable is not None
                api = f"{row.provider} {row.model}" if blends(workload) and not may_wait else row.provider
                known = out.setdefault(api, {}).get(k.label)
                usd = usd_request(row, k.request, batch=may_wait)
                if known is None or usd < usd_request(known, k.request, batch=may_wait):
                    out[api][k.label] = row
    spread = min(problem.spread.max_provider_traffic_share, problem.spread.max_provider_spend_share)
    if rule.max_req_s is None and spread >= 1:
        cheapest_only(problem, out, load, drops)
    return {a: by_class for a, by_class in sorted(out.items()) if by_class}


def cheapest_only(problem: Problem, apis: dict[str, dict[str, ApiPrice]], load: Load, drops: Drops) -> None:
    """Without rate limits only the cheapest API of each class can be in a best plan; the first by name on a tie.

    Where it matters which model serves, the cheapest of each model.
    """
    for k in load.classes:
        deferred = any(k.label in w.requests_month for w in load.windows)
        apart = blends(problem.workloads[k.workload])
        prices: dict[str, dict[str, float]] = {}
        for a, rows in sorted(apis.items()):
            if (row := rows.get(k.label)) is not None:
                usd = usd_request(row, k.request, batch=deferred)
                prices.setdefault(row.model if apart and not deferred else "", {})[a] = usd
        for several in prices.values():
            best = min(several, key=lambda a: several[a])
            for a in several:
                if a != best:
                    del apis[a][k.label]
                    drops.add("another API is no dearer for these requests")


def public_names_of_own_weights(workload: Workload, catalog: Catalog) -> set[str]:
    """The names under which APIs sell what a workload's private weights are based on."""
    based_on = [m.model for m in accepted_models(workload) if m.private]
    return {*based_on, *(found.family for name in based_on if (found := card(catalog, name)))}


def token_prices(row: ApiPrice, request: Request, *, batch: bool = False) -> tuple[float, float]:
    """Input and output price of a request [USD/Mtok]: the input's mean over prompt tokens found in the cache or not.

    `batch`: batch prices where there are both; nothing is taken off them for the cache.
    """
    if batch and row.batch_input_usd_mtok is not None and row.batch_output_usd_mtok is not None:
        return row.batch_input_usd_mtok, row.batch_output_usd_mtok
    hit = request.prefix_hit_share
    cached = row.input_usd_mtok if row.cached_input_usd_mtok is None else row.cached_input_usd_mtok
    return (1 - hit) * row.input_usd_mtok + hit * cached, row.output_usd_mtok


def usd_request(row: ApiPrice, request: Request, *, batch: bool = False) -> float:
    """What one request costs at an API [USD]; `batch` at its batch prices where it has both."""
    input_usd, output_usd = token_prices(row, request, batch=batch)
    return (request.input_tok * input_usd + request.output_tok * output_usd) / 1e6
