"""How fast a workload would run in a way that neither of two plans has: only to part what they changed at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from planner.catalog.load import Catalog, benchmarks_for
from planner.factors import Way
from planner.lanes import PERCENTILE_SHARE
from planner.performance import Performance
from planner.performance.constants import constants_of
from planner.performance.types import Deployment, Objective, Refusal, Request

MEMORY_SHARE = 0.9
"""Of GPU memory for the engine, as a problem has it unless it says otherwise; a plan does not say."""


def estimator(catalog: Catalog) -> Callable[[Way], float | None]:
    """GPU-hours of work per request of any way to run a workload, by the catalog's measurements and models."""

    @cache
    def performance(model: str) -> Performance:
        rows = benchmarks_for(catalog, models=[catalog.models[model]])
        return Performance(
            catalog.models, catalog.gpus, rows, MEMORY_SHARE, constants=constants_of(catalog.performance)
        )

    @cache
    def estimate(way: Way) -> float | None:
        if way.model not in catalog.models or way.gpu not in catalog.gpus:
            return None
        deployment = Deployment(
            model=catalog.models[way.model],
            precision=way.precision,  # type: ignore[arg-type]
            kv_precision=way.kv_precision,  # type: ignore[arg-type]
            engine=way.engine,
            gpu=catalog.gpus[way.gpu],
            tp=way.tp,
            pp=way.pp,
            features=way.features,
        )
        lane = Objective(
            ttft_ms=way.lane.ttft_ms or math.inf,
            tpot_ms=way.lane.tpot_ms or math.inf,
            e2e_ms=way.lane.e2e_ms or math.inf,
            percentile_share=PERCENTILE_SHARE[way.lane.percentile],
        )
        request = Request(input_tok=way.input_tok, output_tok=way.output_tok)
        point = performance(way.model).operating_point(deployment, request, lane)
        return None if isinstance(point, Refusal) else deployment.gpus / (3600 * point.req_s * point.low_share)

    return estimate
