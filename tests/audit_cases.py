"""A small plan that keeps every promise, worked out by hand, with the problem and the catalog it answers.

A week of 672 hours a month (4 h for each hour of the week): "day" is mon-fri 09-17, 40 hours, 160 h a month;
"night" is mon-fri 00-09 and 17-24, 80 hours, 320 h; "weekend" is 48 hours, 192 h.  The load has day and rest.

chat: 15 requests/s by day, 1 at other hours, planned for twice that.  A replica serves 7.5 requests/s.  By
day 5 replicas on 3 machines of 2 GPUs (one already paid for, one on a quote for a year, one by the hour)
serve 28 of the 30, an API 2.
batch: 230,400 requests a month, at night: half on a spot machine at 0.1 requests/s, half from the API.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from performance_cards import GPT_OSS_120B, H100, LLAMA_3B, SEEN

from planner.catalog.load import Catalog
from planner.catalog.rows import ApiPrice, CommitmentDiscount, EgressTier, Engine, MigProfile, PriceOffer
from planner.performance.types import Deployment, Objective, OperatingPoint, Request
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.traffic.types import Block, Load, RequestClass, Window

NIGHT = tuple(d * 24 + h for d in range(5) for h in range(24) if not 9 <= h < 17)
DAY = tuple(d * 24 + h for d in range(5) for h in range(9, 17))
WEEKEND = tuple(range(120, 168))
TODAY = "2026-11-22"
SEEN_JSON = {"source": "written for tests", "observed_on": "2026-11-01"}


class FixedPerformance:
    """20 requests in flight, 100 ms to the first token, 19 ms per token: 2 s each, 10 requests/s."""

    def operating_point(self, deployment: Deployment, request: Request, objective: Objective) -> OperatingPoint:
        return OperatingPoint(
            concurrency=20, tpot_ms=19, ttft_ms=100, service_s=2.0, req_s=10, source="modeled",
            low_share=0.75, high_share=1.4, reason="fixed for tests", prompt_ms=20,
        )  # fmt: skip


def offer(provider: str, gpus: int, term: str, usd_h: float, **more: Any) -> PriceOffer:
    facts = {
        "region": "eu-1", "country": "DE", "continent": "EU", "tier": "datacenter", "gpu": "h100-sxm",
        "machine": f"h100x{gpus}", **SEEN, **more,
    }  # fmt: skip
    return PriceOffer(provider=provider, gpus=gpus, term=term, usd_h=usd_h, **facts)


def catalog() -> Catalog:
    sold = {"model": "llama-3.2-3b", "open_weight": True, "provider": "gamma", **SEEN}
    return Catalog(
        folder=Path("nowhere"),
        gpus={"h100-sxm": H100},
        models={"llama-3.2-3b": LLAMA_3B, "gpt-oss-120b": GPT_OSS_120B},
        engines=(Engine(engine="vllm", vendor="nvidia", precisions="bf16|fp8", kv_precisions="bf16", **SEEN),),
        offers=(
            offer("acme", 2, "on-demand", 4.0, minimum_rental_h=2),
            offer("acme", 2, "3y", 2.0),
            offer("acme", 1, "spot", 1.0),
            offer("bazaar", 2, "on-demand", 1.5, region="", country="", continent="", tier="marketplace"),
        ),
        commitments=(
            CommitmentDiscount(
                provider="acme", gpu="h100-sxm", term="1y", discount_share=0.25, instrument="reserved", **SEEN
            ),
        ),
        spot_risk=(),
        api_prices=(
            ApiPrice(
                api_model_id="gamma/llama-3b", input_usd_mtok=0.1, output_usd_mtok=0.4,
                batch_input_usd_mtok=0.05, batch_output_usd_mtok=0.2, max_input_tok=8000, **sold,
            ),
        ),
        egress=(
            EgressTier(provider="acme", from_gb=0, usd_gb=0.05, **SEEN),
            EgressTier(provider="beta", from_gb=0, usd_gb=0.05, **SEEN),
        ),
        shapes={},
        shape_hours={},
        lengths={},
        performance=(),
        mig=(
            MigProfile(
                gpu="h100-sxm", profile="3g.40gb", parts=2, compute_share=0.45, bandwidth_share=0.5, memory_gib=39.5,
                evidence="listed", **SEEN,
            ),
        ),
    )  # fmt: skip


def load() -> Load:
    size = Request(input_tok=1000, output_tok=101)
    return Load(
        classes=(
            RequestClass(workload="chat", label="chat", request=size),
            RequestClass(workload="batch", label="batch", request=size),
        ),
        blocks=(
            Block(label="day", hours=DAY, month_h=160),
            Block(label="nights", hours=NIGHT, month_h=320),
            Block(label="sat-sun", hours=WEEKEND, month_h=192),
        ),
        mean_req_s={("chat", "day"): 15, ("chat", "nights"): 1, ("chat", "sat-sun"): 1},
        planning_req_s={("chat", "day"): 30, ("chat", "nights"): 2, ("chat", "sat-sun"): 2},
        windows=(
            Window(
                label="batch at night", workload="batch", blocks=("nights",),
                requests_month={"batch": 230_400},
            ),
        ),
        burst_factor={"chat": 2.0, "batch": 1.0},
        burst_note={"chat": "", "batch": ""},
        arrival_variability={"chat": 1.0, "batch": 1.0},
        arrival_note={"chat": "", "batch": ""},
        merging_note={"chat": "", "batch": ""},
    )  # fmt: skip


def problem() -> dict[str, Any]:
    traffic = {"mean_req_s": 1, "input_tok": 1000, "output_tok": 101}
    return {
        "name": "small",
        "month_hours": 672,
        "workloads": {
            "chat": {
                "models": ["llama-3.2-3b"],
                "traffic": traffic,
                "slo": {"ttft_ms": 800, "tpot_ms": 50, "percentile": "p95"},
            },
            "batch": {
                "models": ["llama-3.2-3b"],
                "traffic": traffic,
                "interruptible": True,
                "spot_max_share": 0.5,
                "deferrable": {"hours_of_day": "17-09"},
            },
        },
        "procurement": {
            "where": {"continents": ["EU"]},
            "quotas": [
                {"where": {"providers": ["acme"]}, "max_machines": 2},
                {"terms": ["spot"], "max_gpus": 1},
            ],
            "minimum_orders": [{"where": {"providers": ["beta"]}, "min_machines": 1}],
            "quotes": [
                {
                    "provider": "beta", "region": "eu-2", "country": "DE", "continent": "EU",
                    "gpu": "h100-sxm", "gpus": 2, "usd_h": 2.5, "term": "1y", "upfront_share": 0.5,
                    "max_machines": 1, **SEEN_JSON,
                }
            ],
            "existing": [
                {
                    "provider": "acme", "region": "eu-1", "country": "DE", "continent": "EU",
                    "gpu": "h100-sxm", "gpus": 2, "count": 1, "usd_h": 3.0,
                }
            ],
            "max_upfront_usd": 11_000,
        },
        "apis": {"providers": ["gamma"], "max_req_s": 3, "places": {"gamma": {"continent": "EU"}}},
        "resilience": {"machine": False},
        "spot": {"interruptions_month": 3, "recovery_minutes": 0, "lost_work_minutes": 0},
        "budget": {"usd_month": 6000},
        "overheads": {
            "engineering_usd_month": 500, "provider_usd_month": 10, "storage_usd_month": 20,
            "storage_gb": 100, "storage_usd_gb_month": 0.02, "networking_usd_month": 30,
            "egress_kb_request": 10,
        },
    }  # fmt: skip


def purchase(provider: str, term: str, usd_h: float, hours: float, **more: Any) -> dict[str, Any]:
    """One machine of 2 H100 in the EU, held all month unless said otherwise."""
    facts: dict[str, Any] = {
        "provider": provider, "region": "eu-1", "country": "DE", "machine": "h100x2", "gpu": "h100-sxm",
        "gpus": 2, "term": term, "group": "firm", "billing": "always", "count": 1, "hours_month": hours,
        "usd_h": usd_h, "usd_month": usd_h * hours, "busy_share": 0.5,
        "machines_by_block": {"day": 1, "night": 1, "weekend": 1}, **SEEN_JSON,
    }  # fmt: skip
    return facts | more


def deployment(name: str, group: str, market: str, lane: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A 3B model in fp8 on one H100: 10 requests/s modeled, 0.75 of it relied on: the low end of its band."""
    rate = {
        "request_class": name, "req_s": 7.5, "estimate_req_s": 10, "concurrency": 20, "tpot_ms": 19,
        "ttft_ms": 100, "service_s": 2.0, "source": "modeled", "low_share": 0.75, "high_share": 1.4,
        "reason": "fixed for tests", "prompt_ms": 20,
    }  # fmt: skip
    facts = {
        "name": f"{name} on {group}", "model": "llama-3.2-3b", "precision": "fp8", "kv_precision": "bf16",
        "engine": "vllm", "gpu": "h100-sxm", "tp": 1, "pp": 1, "group": group, "market": market,
        "lane": lane, "rates": [rate],
    }  # fmt: skip
    return facts | more


def served(request_class: str, block: str, req_s: float) -> dict[str, Any]:
    return {"request_class": request_class, "block": block, "req_s": req_s}


def plan() -> dict[str, Any]:
    """The plan as JSON values.

    Requests a month of chat: 15 x 3600 x 160 + 1 x 3600 x 512 = 10,483,200, of which 1 x 3600 x 160 =
    576,000 from the API.  One request costs (1000 x 0.1 + 101 x 0.4) / 1e6 there, half of it in batch.
    The quote asks 0.5 x 2.5 x 730 x 12 = $10,950 at once.
    """
    request_usd = (1000 * 0.1 + 101 * 0.4) / 1e6
    chat_api_usd, batch_api_usd = 576_000 * request_usd, 115_200 * request_usd / 2
    lines = {
        "on-demand rent": 4 * 160,
        "spot rent": 1 * 320,
        "commitments": 2.5 * 672,
        "existing commitments": 3 * 672,
        "API tokens": chat_api_usd + batch_api_usd,
        # 10 KB for each request that the fleet serves, at the one price of both providers
        "egress": (10_483_200 - 576_000 + 115_200) * 10 / 1e6 * 0.05,
        "storage": 20 + 2 * 100 * 0.02,
        "networking": 30,
        "engineering": 500,
        "provider fees": 2 * 10,
        "cost of capital": 10_950 * 0.08 / 12 * 13 / 24,
    }
    total = sum(lines.values())
    bought = {
        "provider": "gamma", "model": "llama-3.2-3b", "api_model_id": "gamma/llama-3b", **SEEN_JSON,
    }  # fmt: skip
    any_time = {"ttft_ms": None, "tpot_ms": None, "e2e_ms": None, "percentile": "p95"}
    return {
        "problem": "small", "status": "optimal", "usd_month": total, "usd_month_decided": total - 3 * 672,
        "bound_usd_month": total - 10, "gap": 10 / (total - 3 * 672), "gap_asked": 0.01, "solver": "by hand",
        "solve_s": 0, "month_hours": 672,
        "blocks": [
            {"label": "day", "hours": DAY, "month_h": 160},
            {"label": "night", "hours": NIGHT, "month_h": 320},
            {"label": "weekend", "hours": WEEKEND, "month_h": 192},
        ],
        "purchases": [
            purchase("acme", "1y", 3.0, 672, existing=True),
            purchase("acme", "on-demand", 4.0, 160, billing="hourly", minimum_rental_h=2,
                     machines_by_block={"day": 1}),
            purchase("beta", "1y", 2.5, 672, region="eu-2", machine="2x-h100-sxm", upfront_usd=10_950),
            purchase("acme", "spot", 1.0, 320, billing="hourly", machine="h100x1", gpus=1, group="spot",
                     machines_by_block={"night": 1}, interruptions_month=3 * 320 / 730),
        ],
        "spends": [],
        "commitments": [
            {"name": "acme's own", "group": "firm", "existing": True, "machines": 1, "usd_h": 3.0, "used_share": 1.0},
            judged("beta for a year", 2.5 + lines["cost of capital"] / 672, 4.0, 160 / 672) | {"group": "firm"},
        ],
        "deployments": [
            deployment(
                "chat", "firm", "firm",
                {"ttft_ms": 800, "tpot_ms": 50, "e2e_ms": None, "percentile": "p95"},
                # 800 ms - 1.5 x 100 ms are left for waiting
                queue={"slots": 20, "service_s": 2.0, "wait_s": 0.65, "percentile_share": 0.95},
                replicas_by_block={"day": 5, "night": 1, "weekend": 1},
                served=[served("chat", "day", 28), served("chat", "night", 2), served("chat", "weekend", 2)],
            ),
            deployment(
                "batch", "spot", "spot", any_time,
                queue={"slots": 20, "service_s": 2.0, "wait_s": None, "percentile_share": 0.95},
                replicas_by_block={"night": 1}, served=[served("batch", "night", 0.1)],
            ),
        ],
        "apis": [
            {
                "workload": "chat", "request_class": "chat", "input_usd_mtok": 0.1, "output_usd_mtok": 0.4,
                "served": [served("chat", "day", 2)], "requests_month": 576_000, "usd_month": chat_api_usd,
                **bought,
            },
            {
                "workload": "batch", "request_class": "batch", "input_usd_mtok": 0.05, "output_usd_mtok": 0.2,
                "served": [], "requests_month": 115_200, "usd_month": batch_api_usd, **bought,
            },
        ],
        "workloads": [
            {
                "name": "chat", "requests_month": 10_483_200, "input_mtok_month": 10_483.2,
                "output_mtok_month": 10_483_200 * 101 / 1e6, "usd_month": total - 400,
                "usd_mtok_output": None, "usd_mtok_total": (total - 400) / (10_483_200 * 1101 / 1e6),
                "api_share": 576_000 / 10_483_200, "spot_share": 0, "burst_factor": 2, "merging_note": "",
            },
            {
                "name": "batch", "requests_month": 230_400, "input_mtok_month": 230.4,
                "output_mtok_month": 230_400 * 101 / 1e6, "usd_month": 400, "usd_mtok_output": None,
                "usd_mtok_total": None, "api_share": 0.5, "spot_share": 0.5, "burst_factor": 1,
                "merging_note": "",
            },
        ],
        "costs": [
            {"line": line, "usd_month": usd, "decided": line != "existing commitments"}
            for line, usd in lines.items()
        ],
        "sent": [
            {"providers": ["acme", "beta"], "gb_month": 99.072, "usd_month": 99.072 * 0.05},
            {"providers": ["acme"], "gb_month": 1.152, "usd_month": 1.152 * 0.05},
        ],
        "prices_observed": {"today": TODAY, "oldest": None, "newest": None, "oldest_days": None},
    }  # fmt: skip


def judged(name: str, usd_h: float, on_demand_usd_h: float, used_share: float) -> dict[str, Any]:
    """A commitment for a year of 672-hour months, at use and prices that stay."""
    return {
        "name": name, "machines": 1, "usd_h": usd_h, "used_share": used_share, "on_demand_usd_h": on_demand_usd_h,
        "break_even_share": usd_h / on_demand_usd_h, "months": 12, "term_usd": 12 * 672 * usd_h,
        "on_demand_term_usd": 12 * 672 * on_demand_usd_h * used_share,
        "cheaper_until_month": 12 if used_share * on_demand_usd_h >= usd_h else 0,
    }  # fmt: skip


def changed(values: Any, path: str, new: Any) -> None:
    """Put `new` at a path such as purchases.0.usd_h; a number changes a list's entry, "+" appends."""
    *way, last = path.split(".")
    for key in way:
        values = values[int(key)] if isinstance(values, (list, tuple)) else values.setdefault(key, {})
    if last == "+":
        values.append(new)
    elif isinstance(values, list):
        values[int(last)] = new
    else:
        values[last] = new


def as_plan(values: dict[str, Any]) -> Plan:
    return Plan.model_validate(values)


def as_problem(values: dict[str, Any]) -> Problem:
    return Problem.model_validate(values)
