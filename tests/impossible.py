"""Small random problem files that have no plan: of everything a file may limit, some limits too tight."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import yaml

from planner.catalog.load import Catalog
from planner.errors import NoCandidate, ProblemError
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem
from planner.verbs import solve

KINDS = ("bought", "lost", "waiting", "blended", "slow")
SEEN = {"observed_on": "2026-11-20", "source": "a letter"}


def impossible(seed: int, folder: Path, catalog: Catalog) -> ProblemFile:
    """The first problem of a seed's dice that has no plan; of one of five kinds by `seed % 5`."""
    dice = random.Random(seed)
    while True:
        written = WRITERS[KINDS[seed % 5]](dice)
        path = folder / "impossible.yaml"
        path.write_text(yaml.safe_dump(written), encoding="utf-8")
        try:
            read = load_problem(path, catalog)
        except ProblemError:
            continue
        if not has_plan(read, catalog):
            return read


def has_plan(file: ProblemFile, catalog: Catalog) -> bool:
    """Whether `plan solve` finds one; asks for the whole answer, audit included."""
    try:
        plan = solve(file, catalog, gap=0.5, price_spares=False)
    except NoCandidate:
        return False
    assert plan.status in ("optimal", "infeasible"), plan.status
    return plan.status == "optimal"


def quote(dice: random.Random, provider: str, term: str = "on-demand", **other: Any) -> dict[str, Any]:
    """A machine of one of two GPUs."""
    gpus = dice.choice((1, 1, 2))
    return {
        "provider": provider, "gpu": dice.choice(("one", "two")), "gpus": gpus, "term": term,
        "usd_h": round(dice.uniform(1, 4) * gpus, 2), "vcpus": 8 * gpus, **SEEN, **other,
    }  # fmt: skip


def start(dice: random.Random) -> dict[str, Any]:
    """Chat by day and night, of which GPU "one" serves 4 requests/s and "two" 6, and machines of three sellers."""
    hours = [dice.choice((3, 5)) if 8 <= hour % 24 < 18 else 1 for hour in range(24)] * 7
    quotes = [quote(dice, provider) for provider in ("p1", "p2", "p3")]
    quotes += [quote(dice, "p1", "1y", upfront_share=dice.choice((0, 0.5, 1)))]
    traffic = {"peak_req_s": dice.randint(5, 30), "input_tok": 900, "output_tok": 300, "hours": hours}
    sizes = {"input_tok": 900, "output_tok": 300}
    return {
        "name": "impossible",
        "workloads": {
            "chat": {
                "models": ["gemma-2-9b"],
                "traffic": {**traffic, "burst_factor": 1},
            }
        },
        "performance": {"capacity": [{"gpu": g, "req_s": n, **sizes} for g, n in (("one", 4), ("two", 6))]},
        "procurement": {"only_quotes": True, "quotes": quotes},
        "resilience": {"machine": False},
        "apis": {"allow": False},
        "solver": {"gap": 0.0, "time_limit_s": 30},
    }


def bought(dice: random.Random) -> dict[str, Any]:
    """Too little may be bought: quotas, cash, budget, kinds, machines to be had."""
    out = start(dice)
    buying = out["procurement"]
    if dice.random() < 0.7:
        buying["quotas"] = [{dice.choice(("max_gpus", "max_machines", "max_vcpus")): dice.randint(1, 12)}]
    if dice.random() < 0.5:
        for each in buying["quotes"]:
            each["max_machines"] = dice.randint(0, 3)
    if dice.random() < 0.5:
        buying["terms"], buying["max_upfront_usd"] = ["1y"], dice.choice((0, 5000))
    if dice.random() < 0.4:
        buying["quotes"][3]["multiple_of"] = dice.randint(1, 4)
        buying["minimum_orders"] = [{"min_machines": dice.randint(2, 8)}]
    if dice.random() < 0.6:
        out["budget"] = {"usd_month": dice.randint(500, 8000)}
    if dice.random() < 0.5:
        kinds = ("max_providers", "max_regions", "max_gpu_types", "max_deployments")
        out["spread"] = {dice.choice(kinds): 1, "max_provider_traffic_share": dice.choice((0.34, 0.6, 1))}
    out["workloads"]["chat"]["min_replicas"] = dice.choice((0, 0, 4, 9))
    return out


def lost(dice: random.Random) -> dict[str, Any]:
    """Too much must survive, on machines of few sellers."""
    out = start(dice)
    out["procurement"]["where"] = {"providers": dice.sample(["p1", "p2", "p3"], dice.randint(1, 2))}
    out["procurement"]["quotas"] = [{"max_gpus": dice.randint(2, 14)}]
    lost = {what: dice.random() < 0.5 for what in ("machine", "provider")}
    out["resilience"] = {**lost, "kept_share": dice.choice((0.5, 0.8, 1)), "workloads": ["chat"]}
    return out


def waiting(dice: random.Random) -> dict[str, Any]:
    """Work with too short a window, or too much of it on spot."""
    out = start(dice)
    begin, days = dice.randint(0, 20), ["sat", "sun"] if dice.random() < 0.5 else []
    window = {"hours_of_day": f"{begin:02d}-{begin + dice.randint(1, 3):02d}", "weekdays": days}
    out["workloads"]["night"] = {
        "models": ["gemma-2-9b"],
        "traffic": {"requests_day": dice.randint(1, 9) * 100_000, "input_tok": 900, "output_tok": 300},
        "deferrable": {**window, "finish": dice.choice(("week", "day"))},
    }
    if dice.random() < 0.5:
        out["workloads"]["night"] |= {"interruptible": True, "spot_max_share": dice.choice((0, 0.3, 0.7))}
        out["procurement"]["quotes"] += [quote(dice, "p2", "spot")]
        out["spot"] = {"interruptions_month": 0, "max_machines_pool": dice.randint(1, 20)}
    out["procurement"]["quotas"] = [{"max_gpus": dice.randint(4, 20), "terms": ["on-demand", "1y"]}]
    return out


def of_catalog(dice: random.Random, models: list[Any], gpus: list[tuple[str, int]]) -> dict[str, Any]:
    """Chat on models of the catalog and machines of one seller."""
    machines = [
        {"provider": "p1", "gpu": gpu, "gpus": n, "usd_h": 3.0 * n, "term": "on-demand", **SEEN} for gpu, n in gpus
    ]
    traffic = {"peak_req_s": dice.randint(2, 20), "input_tok": 1500, "output_tok": 300}
    return {
        "name": "impossible",
        "workloads": {"chat": {"models": models, "traffic": traffic}},
        "procurement": {"only_quotes": True, "quotes": machines, "quotas": [{"max_gpus": dice.randint(1, 12)}]},
        "apis": {"allow": False},
    }


def blended(dice: random.Random) -> dict[str, Any]:
    """Models of which the good ones may take too little, on machines and at APIs."""
    when = {"evidence": "a letter", "observed_on": "2026-11-20"}
    models = [
        {"model": name, "precisions": ["fp8"], "max_share": dice.choice((0.3, 1)), "quality": {"score": score, **when}}
        for name, score in (("llama-3.1-8b", 0.6), ("llama-3.3-70b", 0.8))
    ]
    out = of_catalog(dice, models, [("h100-sxm", 1), ("h100-sxm", 2)])
    asked = {dice.choice(("mean_quality_at_least", "min_quality")): dice.choice((0.65, 0.75))}
    out["workloads"]["chat"] |= {**asked, "api_max_share": dice.choice((0.2, 0.6, 1))}
    prices = {"model": "llama-3.1-8b", "provider": "x", "input_usd_mtok": 1, "output_usd_mtok": 2, **SEEN}
    out["apis"] = {"quotes": [prices], "providers": ["x"], "max_req_s": dice.choice((1, 4))}
    return out


def slow(dice: random.Random) -> dict[str, Any]:
    """A model that must answer faster than the machines allowed can."""
    gpus = dice.sample([("l4", 1), ("l40s", 1), ("h100-sxm", 1), ("h100-sxm", 2)], 2)
    out = of_catalog(dice, [{"model": "llama-3.1-8b", "precisions": ["bf16"]}], gpus)
    out["workloads"]["chat"]["slo"] = {"tpot_ms": round(dice.uniform(3, 20), 1), "ttft_ms": dice.choice((60, 150, 900))}
    return out


WRITERS = {"bought": bought, "lost": lost, "waiting": waiting, "blended": blended, "slow": slow}
