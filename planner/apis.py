"""Which API may serve which class, and what a request costs there.

Token prices carry no region, so they satisfy no rule about places.  Nothing is estimated: the latency
of APIs is not modeled.
"""

from __future__ import annotations

import math

from planner.candidates import Drops, accepted_models, card
from planner.catalog.load import Catalog
from planner.catalog.rows import ApiPrice
from planner.problem.matching import named
from planner.problem.schema import Problem
from planner.problem.workload import Workload
from planner.traffic.types import Load


def has_place_rule(problem: Problem, workload: Workload) -> bool:
    """Whether the place of what serves this workload is restricted."""
    return any(w.regions or w.countries or w.continents for w in (problem.procurement.where, workload.where))


def api_prices(problem: Problem, load: Load, catalog: Catalog, drops: Drops) -> dict[str, dict[str, ApiPrice]]:
    """By API (provider) and class, the cheapest price at which it sells one of the workload's models.

    Token prices carry no region, so they satisfy no rule about places.
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
        sold = {a.model for a in accepted_models(workload)}
        sold |= {found.family for a in accepted_models(workload) if (found := card(catalog, a.model))}
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
            else:
                may_wait = workload.deferrable is not None
                known = out.setdefault(row.provider, {}).get(k.label)
                if known is None or usd_request(
                    row, k.request.input_tok, k.request.output_tok, batch=may_wait
                ) < usd_request(known, k.request.input_tok, k.request.output_tok, batch=may_wait):
                    out[row.provider][k.label] = row
    if rule.max_req_s is None:
        cheapest_only(out, load, drops)
    return {a: by_class for a, by_class in sorted(out.items()) if by_class}


def cheapest_only(apis: dict[str, dict[str, ApiPrice]], load: Load, drops: Drops) -> None:
    """Without rate limits only the cheapest API of each class can be in a best plan; the first by name on a tie."""
    for k in load.classes:
        deferred = any(k.label in w.requests_month for w in load.windows)
        prices = {
            a: usd_request(rows[k.label], k.request.input_tok, k.request.output_tok, batch=deferred)
            for a, rows in sorted(apis.items())
            if k.label in rows
        }
        if prices:
            best = min(prices, key=lambda a: prices[a])
            for a in prices:
                if a != best:
                    del apis[a][k.label]
                    drops.add("another API is no dearer for these requests")


def usd_request(row: ApiPrice, input_tok: float, output_tok: float, *, batch: bool = False) -> float:
    """What one request costs at an API [USD]; `batch` at its batch prices where it has both."""
    input_usd, output_usd = row.input_usd_mtok, row.output_usd_mtok
    if batch and row.batch_input_usd_mtok is not None and row.batch_output_usd_mtok is not None:
        input_usd, output_usd = row.batch_input_usd_mtok, row.batch_output_usd_mtok
    return (input_tok * input_usd + output_tok * output_usd) / 1e6
