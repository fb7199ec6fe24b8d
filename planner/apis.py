"""Which API may serve which class, and what a request costs there.

Token prices carry no region, so they satisfy no rule about places.  Nothing is estimated: the latency
of APIs is not modeled.
"""

from __future__ import annotations

import math

from planner.catalog.load import Catalog
from planner.catalog.rows import ApiPrice
from planner.drops import Drops
from planner.problem.matching import named
from planner.problem.schema import Problem
from planner.problem.workload import Workload
from planner.traffic.types import Load
from planner.variants import blends, may_do_all, sold_as, too_poor


def has_place_rule(problem: Problem, workload: Workload) -> bool:
    """Whether the place of what serves this workload is restricted."""
    return any(w.regions or w.countries or w.continents for w in (problem.procurement.where, workload.where))


def api_prices(problem: Problem, load: Load, catalog: Catalog, drops: Drops) -> dict[str, dict[str, ApiPrice]]:
    """By API (provider) and class, the cheapest price at which it sells one of the workload's models.

    Token prices carry no region, so they satisfy no rule about places.  Where it matters which model serves, a provider
    is one API for each.  What may wait is bought from one, so only models that may do all of it count there.
    """
    quotes = [
        ApiPrice(
            model=q.model,
            open_weight=True,
            provider=q.provider,
            api_model_id=q.model,
            input_usd_mtok=q.input_usd_mtok,
            output_usd_mtok=q.output_usd_mtok,
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
        for row in quotes + list(catalog.api_prices):
            if row.model not in sold:
                continue
            if not (rule.allow and workload.apis):
                drops.add("APIs not allowed")
            elif has_place_rule(problem, workload):
                drops.add("token prices state no region, and this workload has a rule about places")
            elif (rule.providers and not named(row.provider, rule.providers)) or named(
                row.provider, rule.exclude_providers
            ):
                drops.add("API provider not allowed")
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
                if known is None or usd_request(
                    row, k.request.input_tok, k.request.output_tok, batch=may_wait
                ) < usd_request(known, k.request.input_tok, k.request.output_tok, batch=may_wait):
                    out[api][k.label] = row
    if rule.max_req_s is None and problem.spread.max_provider_traffic_share >= 1:
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
                usd = usd_request(row, k.request.input_tok, k.request.output_tok, batch=deferred)
                prices.setdefault(row.model if apart and not deferred else "", {})[a] = usd
        for several in prices.values():
            best = min(several, key=lambda a: several[a])
            for a in several:
                if a != best:
                    del apis[a][k.label]
                    drops.add("another API is no dearer for these requests")


def usd_request(row: ApiPrice, input_tok: float, output_tok: float, *, batch: bool = False) -> float:
    """What one request costs at an API [USD]; `batch` at its batch prices where it has both."""
    input_usd, output_usd = row.input_usd_mtok, row.output_usd_mtok
    if batch and row.batch_input_usd_mtok is not None and row.batch_output_usd_mtok is not None:
        input_usd, output_usd = row.batch_input_usd_mtok, row.batch_output_usd_mtok
    return (input_tok * input_usd + output_tok * output_usd) / 1e6
