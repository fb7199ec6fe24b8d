"""enterprise70b with every rule switched on, beside the plain one: how long each takes to its gap.

python benchmarks/families.py --runs 3
"""

import argparse
import statistics
import time
from dataclasses import replace
from datetime import date
from typing import Any

import planner
from planner.catalog.load import load_catalog
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem

SEEN = {"observed_on": "2026-11-12", "source": "made up for this benchmark"}
SMALL = {
    "model": "llama-3.1-8b",
    "quality": {"score": 0.70, "evidence": "made up", "observed_on": "2026-11-12"},
    "max_share": 0.3,
}
LARGE = {"model": "llama-3.3-70b", "quality": {"score": 0.86, "evidence": "made up", "observed_on": "2026-11-12"}}


def with_everything(problem: Problem) -> Problem:
    """Every family of rules that a problem file can ask for, none so tight that nothing is left."""
    values: dict[str, Any] = problem.model_dump(mode="json", exclude_unset=True)
    chat, batch = values["workloads"]["chat"], values["workloads"]["summaries"]
    chat |= {"models": [LARGE, SMALL], "mean_quality_at_least": 0.82, "interruptible": True, "spot_max_share": 0.4}
    batch["spot_max_share"] = 0.8
    buying = values["procurement"]
    buying["quotas"] += [{"terms": ["spot"], "max_gpus": 64}, {"where": {"gpus": ["b200-sxm"]}, "max_machines": 40}]
    buying["minimum_orders"] = [{"where": {"providers": ["lambda"]}, "min_machines": 2}]
    buying["max_upfront_usd"] = 400_000
    buying["spend_quotes"] = [{"provider": "verda", "term": "1y", "covers": [{"discount_share": 0.15}], **SEEN}]
    buying["purchases"] = [
        {
            "machine": "hgx-h100", "gpu": "h100-sxm", "gpus": 8, "price_usd": 280_000, "power_kw": 8, "usd_kwh": 0.12,
            "hosting_usd_month": 900, "staff_usd_month": 600, "tier": "datacenter", **SEEN,
        }
    ]  # fmt: skip
    buying["where"]["providers"] = [*buying["where"]["providers"], "own"]
    values["spot"] = {"kept_share": 0.7}
    values["resilience"] = {"maintenance_share": 0.01}
    values["spread"] = {"max_providers": 4, "max_gpu_types": 4}
    values["overheads"]["provider_usd_month"] = 100
    values["apis"]["max_req_s"] = 20
    chat |= {"min_replicas": 1, "api_max_share": 0.6, "data_class": "internal"}
    values["apis"]["cleared_for"] = {name: ["internal"] for name in values["apis"]["providers"]}
    buying["quotas"].append({"where": {"providers": ["aws"]}, "max_vcpus": 4000})
    buying["existing_spend"] = [
        {"provider": "verda", "usd_h": 2, "covers": [{"discount_share": 0.15}], "ends_on": "2027-11-01"}
    ]
    values["overheads"]["tax_share"] = 0.1
    values["autoscaling"] = {"startup_minutes": 10}
    values["sharing"] = {"memory": True}
    return Problem.model_validate(values)


def timed(problem: ProblemFile, gap: float, limit_s: float) -> tuple[float, Plan]:
    """Seconds of one solve, and its plan."""
    begin = time.perf_counter()
    plan = planner.solve(problem, catalog, gap=gap, time_limit_s=limit_s, today=date(2026, 11, 24), price_spares=False)
    return time.perf_counter() - begin, plan


parser = argparse.ArgumentParser()
parser.add_argument("--runs", type=int, default=3)
runs = parser.parse_args().runs

catalog = load_catalog()
plain = planner.load("enterprise70b", catalog)
every = replace(plain, problem=with_everything(plain.problem))
seconds: dict[str, list[float]] = {"plain, 1 %": [], "every rule, 2 %": []}
for _ in range(runs):
    for name, problem, gap in (("plain, 1 %", plain, 0.01), ("every rule, 2 %", every, 0.02)):
        took, plan = timed(problem, gap, 240)
        seconds[name].append(took)
        print(f"{name}: {took:.1f} s, {plan.status}, {plan.usd_month:,.0f} USD, gap {plan.gap:.2%}")
for name, each in seconds.items():
    print(f"{name}: median {statistics.median(each):.1f} s ({min(each):.1f} to {max(each):.1f})")
print(f"ratio {statistics.median(seconds['every rule, 2 %']) / statistics.median(seconds['plain, 1 %']):.1f}")
