"""Finished plans as a solve would hand them over, for tests of everything that reads plans.

    enterprise    three workloads; commitments, hourly, spot, an API; proved within its gap
    api_only      a small team: everything is cheaper from an API; proved best
    at_limit      existing machines and the user's own capacity table; stopped before the gap asked for
    no_bound      at_limit from a solver that gives no bound
    infeasible    a quota and a budget stand in the way
    out_of_time   no plan before the limit

Hours, bills and totals follow from the machines; the week has 730 / 168 hours for each of its own.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from planner.deployed import ClassRate, DeploymentPlan, Lane, Queue, Served
from planner.plan import ApiPurchase, CostLine, Dropped, Plan, PlanBlock, PricesObserved, Purchase, WorkloadPlan
from planner.traffic.blocks import week_label

MONTH_H = 730
TODAY = date(2026, 11, 24)
SEEN = date(2026, 11, 20)

OFFICE = [day * 24 + hour for day in range(5) for hour in range(9, 18)]
SHOULDER = [day * 24 + hour for day in range(5) for hour in (7, 8, 18, 19, 20)]
REST = sorted(set(range(168)) - set(OFFICE) - set(SHOULDER))


def block(hours: list[int]) -> PlanBlock:
    return PlanBlock(label=week_label(hours), hours=tuple(hours), month_h=len(hours) * MONTH_H / 168)


BLOCKS = (block(OFFICE), block(SHOULDER), block(REST))
DAY, EDGE, NIGHT = (one.label for one in BLOCKS)


def purchase(machines: dict[str, int], usd_h: float, **more: Any) -> Purchase:
    """Machines of one offer; `always` bills the busiest hour's count all month."""
    values: dict[str, Any] = {
        "billing": "hourly",
        "term": "on-demand",
        "source": "https://lambda.ai/pricing",
        "observed_on": SEEN,
        "busy_share": 0.8,
        **more,
    }
    count = max(machines.values())
    hours = sum(machines.get(one.label, 0) * one.month_h for one in BLOCKS)
    if values["billing"] == "always":
        hours = count * MONTH_H
    return Purchase(
        count=count,
        hours_month=hours,
        usd_h=usd_h,
        usd_month=usd_h * hours,
        machines_by_block=machines,
        **values,
    )


def rate(request_class: str, estimate_req_s: float, source: str, low: float, high: float) -> ClassRate:
    derate = {"measured": 0.9, "modeled": 0.75, "given": 1.0}[source]
    return ClassRate.model_validate(
        {
            "request_class": request_class,
            "req_s": estimate_req_s * derate,
            "estimate_req_s": estimate_req_s,
            "concurrency": 48,
            "tpot_ms": 38.0,
            "ttft_ms": 210.0,
            "service_s": 16.3,
            "source": source,
            "low_share": low,
            "high_share": high,
            "reason": "two measured rows at 32 and 64 requests in flight",
        }
    )


def deployment(rates: list[ClassRate], replicas: dict[str, int], **more: Any) -> DeploymentPlan:
    """Every replica is 80 % busy, with its classes in equal parts."""
    values: dict[str, Any] = {
        "name": f"{more['model']} {more['precision']} on {more['gpu']}",
        "kv_precision": "fp8",
        "engine": "vllm",
        "pp": 1,
        "market": "firm",
        "queue": Queue(slots=48, service_s=16.3, wait_s=0.5, percentile_share=0.95),
        "served": tuple(
            Served(request_class=each.request_class, block=label, req_s=0.8 / len(rates) * n * each.req_s)
            for label, n in replicas.items()
            for each in rates
        ),
        **more,
    }
    return DeploymentPlan(rates=tuple(rates), replicas_by_block=replicas, **values)


def api(workload: str, requests_month: float, input_tok: float, output_tok: float, **more: Any) -> ApiPurchase:
    values: dict[str, Any] = {
        "request_class": workload,
        "provider": "together",
        "model": "llama-3.3-70b",
        "api_model_id": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "input_usd_mtok": 0.88,
        "output_usd_mtok": 0.88,
        "served": (),
        "source": "https://www.together.ai/pricing",
        "observed_on": SEEN,
        **more,
    }
    price = input_tok * values["input_usd_mtok"] + output_tok * values["output_usd_mtok"]
    return ApiPurchase(
        workload=workload, requests_month=requests_month, usd_month=requests_month * price / 1e6, **values
    )


def workload(name: str, requests_month: float, tok: tuple[float, float], usd_month: float, **more: Any) -> WorkloadPlan:
    input_mtok, output_mtok = (requests_month * each / 1e6 for each in tok)
    values: dict[str, Any] = {
        "api_share": 0,
        "spot_share": 0,
        "burst_factor": 1.5,
        "merging_note": "",
        **more,
    }
    return WorkloadPlan(
        name=name,
        requests_month=requests_month,
        input_mtok_month=input_mtok,
        output_mtok_month=output_mtok,
        usd_month=usd_month,
        usd_mtok_output=usd_month / output_mtok,
        usd_mtok_total=usd_month / (input_mtok + output_mtok),
        **values,
    )


def whole(costs: list[CostLine], saved_usd: float | None, **more: Any) -> Plan:
    """A plan whose totals are the sums of its bill, `saved_usd` above its bound."""
    total = sum(cost.usd_month for cost in costs)
    decided = sum(cost.usd_month for cost in costs if cost.decided)
    values: dict[str, Any] = {
        "status": "optimal",
        "gap_asked": 0.005,
        "solver": "highs",
        "solve_s": 12.34,
        "first_plan_s": 1.2,
        "month_hours": MONTH_H,
        "prices_observed": observed(SEEN),
        "audit": ("cost", "coverage", "capacity", "memory", "packing", "rules"),
        **more,
    }
    return Plan(
        usd_month=total,
        usd_month_decided=decided,
        bound_usd_month=None if saved_usd is None else total - saved_usd,
        gap=None if saved_usd is None else saved_usd / decided,
        costs=tuple(costs),
        **values,
    )


def observed(oldest: date, source: str = "https://lambda.ai/pricing") -> PricesObserved:
    days = (TODAY - oldest).days
    return PricesObserved(today=TODAY, oldest=oldest, newest=SEEN, oldest_days=days, oldest_source=source)


CHAT_LANE = Lane(ttft_ms=800, tpot_ms=50, e2e_ms=None, percentile="p95")
BATCH_LANE = Lane(ttft_ms=None, tpot_ms=None, e2e_ms=None, percentile="p95")


def enterprise() -> Plan:
    """Chat and search over documents in office hours, summaries at night."""
    aws = purchase(
        {DAY: 1, EDGE: 1, NIGHT: 1},
        34.61,
        provider="aws",
        region="eu-west-1",
        country="IE",
        machine="p5.48xlarge",
        gpu="h100-sxm",
        gpus=8,
        group="h100-sxm x8 firm",
        billing="always",
        term="1y",
        upfront_usd=0.5 * 34.61 * 730 * 12,
        busy_share=0.52,
        source="https://aws.amazon.com/ec2/pricing",
    )
    lambda_ = purchase(
        {DAY: 2, EDGE: 1},
        23.92,
        provider="lambda",
        region="europe-central-1",
        country="DE",
        machine="gpu_8x_h100_sxm5",
        gpu="h100-sxm",
        gpus=8,
        group="h100-sxm x8 firm",
        busy_share=0.86,
    )
    runpod = purchase(
        {NIGHT: 4},
        0.86,
        provider="runpod",
        region="eu-ro-1",
        country="RO",
        machine="runpod-l40s-spot-secure",
        gpu="l40s",
        gpus=1,
        group="l40s x1 spot",
        term="spot",
        busy_share=0.94,
        source="https://www.runpod.io/pricing",
    )
    chat_api = api("chat", 38_000, 620, 260)
    lines = [
        CostLine(line="on-demand rent", usd_month=lambda_.usd_month),
        CostLine(line="spot rent", usd_month=runpod.usd_month),
        CostLine(line="commitments", usd_month=aws.usd_month),
        CostLine(line="API tokens", usd_month=chat_api.usd_month),
        CostLine(line="egress", usd_month=41.2),
        CostLine(line="engineering", usd_month=6000),
        CostLine(line="cost of capital", usd_month=547.3),
    ]
    return whole(
        lines,
        saved_usd=131.02,
        problem="enterprise70b",
        title="An internal assistant for 4,000 staff, Europe only",
        blocks=BLOCKS,
        purchases=(aws, lambda_, runpod),
        deployments=(
            deployment(
                [
                    rate("chat/620in-260out", 3.9, "measured", 0.92, 1.08),
                    rate("chat/4100in-410out", 1.1, "measured", 0.9, 1.1),
                ],
                {DAY: 4, EDGE: 2, NIGHT: 1},
                model="llama-3.3-70b",
                precision="fp8",
                gpu="h100-sxm",
                tp=4,
                group="h100-sxm x8 firm",
                lane=CHAT_LANE,
            ),
            deployment(
                [rate("documents", 1.4, "modeled", 0.78, 1.25)],
                {DAY: 2, EDGE: 2, NIGHT: 1},
                model="llama-3.3-70b",
                precision="fp8",
                gpu="h100-sxm",
                tp=4,
                group="h100-sxm x8 firm",
                lane=Lane(ttft_ms=3000, tpot_ms=80, e2e_ms=30_000, percentile="p95"),
            ),
            deployment(
                [rate("summaries", 6.2, "modeled", 0.7, 1.4)],
                {NIGHT: 4},
                model="llama-3.1-8b",
                precision="fp8",
                gpu="l40s",
                tp=1,
                group="l40s x1 spot",
                market="spot",
                lane=BATCH_LANE,
            ),
        ),
        apis=(chat_api,),
        workloads=(
            workload(
                "chat",
                5_430_000,
                (1100, 280),
                33_000,
                api_share=0.007,
                tags={"team": "it"},
                merging_note="24 lengths became 2 classes: mean lengths kept, rates 1.8 % lower at most",
            ),
            workload("documents", 910_000, (6200, 420), 18_200, tags={"team": "legal"}),
            workload("summaries", 2_200_000, (900, 150), 1_900, spot_share=1.0, burst_factor=1.0),
        ),
        dropped=(
            Dropped(
                kind="deployment",
                reason="weights do not fit",
                count=97,
                nearest="1 x h200-sxm: 131 GiB needed, 118 usable",
            ),
            Dropped(
                kind="deployment",
                reason="too slow per token",
                count=61,
                nearest="46 ms on 4 x l40s; 40 asked",
            ),
            Dropped(kind="offer", reason="region not allowed", count=1312, nearest=""),
            Dropped(kind="api", reason="no allowed provider", count=3, nearest="deepinfra"),
        ),
        notes=("spend reaches 88 % of the budget of $60,000 a month",),
    )


def api_only() -> Plan:
    """A small team: 9,000 requests a month do not fill a machine."""
    bought = api(
        "helpdesk",
        9_000,
        900,
        300,
        input_usd_mtok=0.072,
        output_usd_mtok=0.28,
        model="llama-3.1-8b",
        api_model_id="llama-3.1-8b-instruct",
    )
    return whole(
        [CostLine(line="API tokens", usd_month=bought.usd_month)],
        saved_usd=0,
        problem="helpdesk",
        blocks=BLOCKS,
        apis=(bought,),
        workloads=(workload("helpdesk", 9_000, (900, 300), bought.usd_month, api_share=1),),
        solve_s=0.04,
        first_plan_s=None,
    )


def at_limit(**more: Any) -> Plan:
    """Existing machines, prices half a year old, and names that try to be markup."""
    owned = purchase(
        {DAY: 2, EDGE: 2, NIGHT: 2},
        11.9,
        provider="nebius",
        region="",
        machine="8x-h200-sxm",
        gpu="h200-sxm",
        gpus=8,
        group="h200-sxm x8 firm",
        existing=True,
        billing="always",
        busy_share=0.41,
    )
    rented = purchase(
        {DAY: 14, EDGE: 9, NIGHT: 3},
        98.32,
        provider="azure",
        region="germanywestcentral",
        country="DE",
        machine="Standard_ND96isr_H100_v5",
        gpu="h100-sxm",
        gpus=8,
        group="h100-sxm x8 firm",
        minimum_rental_h=24,
        observed_on=date(2026, 5, 24),
        source="tardellirs/gpu-pricing offerings.json (2026-05-24)",
    )
    values: dict[str, Any] = {
        "problem": "[bold]platform[/bold]",
        "title": "Everything\x1b[31m that\x07 runs \u202egnihtyreve",
        "status": "feasible",
        "solve_s": 60.2,
        "blocks": BLOCKS,
        "purchases": (owned, rented),
        "deployments": (
            deployment(
                [rate("[red]agents[/red]", 2.5, "given", 1, 1)],
                {DAY: 16, EDGE: 11, NIGHT: 5},
                model="qwen3-235b-a22b",
                precision="fp8",
                kv_precision="bf16",
                gpu="h200-sxm",
                tp=8,
                pp=2,
                group="h200-sxm x8 firm",
                lane=CHAT_LANE,
                queue=None,
            ),
        ),
        "workloads": (workload("[red]agents[/red]", 118_000_000, (5200, 610), 500_000),),
        "prices_observed": observed(date(2026, 5, 24), "tardellirs/gpu-pricing offerings.json (2026-05-24)"),
        "audit": (),
        **more,
    }
    lines = [
        CostLine(line="on-demand rent", usd_month=rented.usd_month),
        CostLine(line="existing commitments", usd_month=owned.usd_month, decided=False),
    ]
    return whole(lines, values.pop("saved_usd", 11_270.4), **values)


def no_bound() -> Plan:
    return at_limit(saved_usd=None, solver="cbc")


def without_plan(**more: Any) -> Plan:
    values: dict[str, Any] = {
        "usd_month": None,
        "usd_month_decided": None,
        "bound_usd_month": None,
        "gap": None,
        "gap_asked": 0.01,
        "solver": "highs",
        "solve_s": 2.2,
        "month_hours": MONTH_H,
        "prices_observed": observed(SEEN),
        **more,
    }
    return Plan(**values)


def infeasible() -> Plan:
    return without_plan(
        problem="eu-sovereign",
        status="infeasible",
        in_the_way=(
            "raise the quota of aws/eu-west-1/h100-sxm from 16 to 24 GPUs",
            "raise the budget from $90,000 to $96,400 a month",
        ),
        dropped=enterprise().dropped,
    )


def out_of_time() -> Plan:
    return without_plan(problem="world", status="stopped", solve_s=60.1, bound_usd_month=812_000)


ALL = {
    "enterprise": enterprise,
    "api_only": api_only,
    "at_limit": at_limit,
    "no_bound": no_bound,
    "infeasible": infeasible,
    "out_of_time": out_of_time,
}
