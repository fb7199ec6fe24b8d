"""Melange configurations as problems: the same requests, rates and prices, and the optimum that an independent
enumeration of whole GPU counts with a linear program for the split arrives at."""

from __future__ import annotations

import itertools
import json
import math
import random
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, linprog, milp

from planner.catalog.load import Catalog, load_catalog
from planner.errors import NoCandidate, ProblemError
from planner.plan import Plan
from planner.problem.melange import melange_problem
from planner.problem.read import load_problem
from planner.traffic.reduce import reduce_traffic
from planner.verbs import solve

TODAY = date(2026, 11, 24)
GPUS = ("A10G", "A100-80GB", "H100", "L4", "home-made", "MI300X")

# The shape of melange/config/example.json, with a second GPU and more requests.
EXAMPLE = {
    "gpu_info": {
        "A10G": {"cost": 1.01, "tputs": [[5, 1], [10, 5]]},
        "A100-80GB": {"cost": 3.67, "tputs": [[20, 2], [50, 20]]},
    },
    "workload_distribution": [[0.25, 0.125], [0.375, 0.25]],
    "total_request_rate": 30.0,
    "slice_factor": 1,
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def plan_of(config: dict[str, Any], folder: Path, catalog: Catalog) -> Plan:
    source = folder / "config.json"
    source.write_text(json.dumps(config), encoding="utf-8")
    problem = folder / "problem.yaml"
    problem.write_text(melange_problem(source, TODAY), encoding="utf-8")
    return solve(load_problem(problem, catalog), catalog, today=TODAY)


def usd_hour(plan: Plan) -> float:
    assert plan.usd_month is not None
    return plan.usd_month / 730


def best_usd_hour(config: dict[str, Any]) -> float:
    """The cheapest whole counts of GPUs whose capacity, split in any proportion, serves every bucket."""
    gpus = list(config["gpu_info"])
    shares = config["workload_distribution"]
    barred = {gpu: {tuple(cell) for cell in cells} for gpu, cells in config.get("ineligible_cells", {}).items()}
    demand = {
        (i, j): share * config["total_request_rate"]
        for i, row in enumerate(shares)
        for j, share in enumerate(row)
        if share > 0
    }
    arcs = [
        (gpu, cell)
        for gpu in gpus
        for cell in demand
        if config["gpu_info"][gpu]["tputs"][cell[0]][cell[1]] > 0 and cell not in barred.get(gpu, set())
    ]
    load = [demand[cell] / config["gpu_info"][gpu]["tputs"][cell[0]][cell[1]] for gpu, cell in arcs]
    served = [[1.0 if cell == each else 0.0 for _, cell in arcs] for each in demand]
    *free, last = gpus
    busy = [[work if gpu == each else 0.0 for (gpu, _), work in zip(arcs, load, strict=True)] for each in free]
    rest = [work if gpu == last else 0.0 for (gpu, _), work in zip(arcs, load, strict=True)]
    cost = {gpu: config["gpu_info"][gpu]["cost"] for gpu in gpus}
    most = {gpu: math.ceil(sum(w for (g, _), w in zip(arcs, load, strict=True) if g == gpu) - 1e-9) for gpu in gpus}
    best = math.inf
    for counts in itertools.product(*(range(most[gpu] + 1) for gpu in free)):
        spent = sum(cost[gpu] * n for gpu, n in zip(free, counts, strict=True))
        if spent >= best:
            continue
        found = linprog(rest, A_ub=busy, b_ub=counts, A_eq=served, b_eq=[1.0] * len(demand), bounds=(0, 1))
        if found.status == 0:
            best = min(best, spent + cost[last] * max(0, math.ceil(found.fun - 1e-7)))
    return best


def best_by_branch_and_bound(config: dict[str, Any]) -> float:
    """The same optimum where there are too many counts to enumerate: scipy's solver on matrices of its own."""
    gpus, shares = list(config["gpu_info"]), config["workload_distribution"]
    cells = [(i, j) for i, row in enumerate(shares) for j, share in enumerate(row) if share > 0]
    split = len(gpus) * len(cells)
    every_bucket = np.zeros((len(cells), split + len(gpus)))
    within_gpus = np.zeros((len(gpus), split + len(gpus)))
    for g, gpu in enumerate(gpus):
        within_gpus[g, split + g] = -1
        for c, (i, j) in enumerate(cells):
            every_bucket[c, g * len(cells) + c] = 1
            work = shares[i][j] * config["total_request_rate"] / config["gpu_info"][gpu]["tputs"][i][j]
            within_gpus[g, g * len(cells) + c] = work
    found = milp(
        [0.0] * split + [config["gpu_info"][gpu]["cost"] for gpu in gpus],
        constraints=[LinearConstraint(every_bucket, 1, 1), LinearConstraint(within_gpus, -np.inf, 0)],
        integrality=[0] * split + [1] * len(gpus),
        options={"mip_rel_gap": 0},
    )
    assert found.status == 0
    return float(found.fun)


def random_config(seed: int, rows: int, columns: int, gpus: int, rate: float) -> dict[str, Any]:
    """Dearer GPUs are faster, more so for long requests; some buckets are empty, some cells are not served."""
    draw = random.Random(seed)
    raw = [[draw.choice([0, 1, 2, 3]) for _ in range(columns)] for _ in range(rows)]
    raw[0][0] += 1
    total = sum(map(sum, raw))
    info = {}
    for n in range(gpus):
        speed = 3.0 * (n + 1) ** 1.3
        tputs = [
            [
                round(speed * draw.uniform(0.6, 1.4) / (1 + i) ** (1.2 - 0.15 * n) / (1 + j) ** 0.7, 4)
                for j in range(columns)
            ]
            for i in range(rows)
        ]
        info[GPUS[n]] = {"cost": round(1.1 * (n + 1) ** 1.2, 2), "tputs": tputs}
    return {
        "gpu_info": info,
        "workload_distribution": [[share / total for share in row] for row in raw],
        "total_request_rate": rate,
    }


def test_the_toy_costs_what_enumeration_finds(tmp_path, catalog):
    # Loads of the four buckets (7.5, 3.75, 11.25, 7.5 requests/s): 1.5 + 3.75 + 1.125 + 1.5 = 7.875 A10G,
    # or 0.375 + 1.875 + 0.225 + 0.375 = 2.85 A100.  8 x 1.01 = 8.08 and 3 x 3.67 = 11.01; one A100 for the
    # small requests leaves the second bucket and a part of the rest, 4 A10G: 3.67 + 4.04 = 7.71.
    assert best_usd_hour(EXAMPLE) == pytest.approx(7.71)
    assert usd_hour(plan_of(EXAMPLE, tmp_path, catalog)) == pytest.approx(7.71)


@pytest.mark.parametrize("seed", range(4))
def test_ten_buckets_and_three_gpus_cost_what_enumeration_finds(seed, tmp_path, catalog):
    config = random_config(seed, rows=5, columns=2, gpus=3, rate=6.0)
    plan = plan_of(config, tmp_path, catalog)
    assert plan.status == "optimal"
    assert usd_hour(plan) == pytest.approx(best_usd_hour(config), rel=1e-6)


@pytest.mark.parametrize("seed", range(10, 13))
def test_cells_that_may_not_be_served_are_not(seed, tmp_path, catalog):
    config = random_config(seed, rows=5, columns=2, gpus=3, rate=6.0)
    draw = random.Random(seed)
    free = best_usd_hour(config)
    config["ineligible_cells"] = {
        gpu: [[i, j] for i in range(5) for j in range(2) if draw.random() < 0.5] for gpu in GPUS[:2]
    }
    config["gpu_info"]["A10G"]["tputs"][4] = [0, 0]
    plan = plan_of(config, tmp_path, catalog)
    assert usd_hour(plan) == pytest.approx(best_usd_hour(config), rel=1e-6)
    assert usd_hour(plan) > free - 1e-6
    served = {(each.gpu, part.request_class) for each in plan.deployments for part in each.served if part.req_s > 0}
    assert ("A10G", "requests/1000in-25out") not in served  # row 4 is labeled 1000, column 0 is labeled 25


def test_a_bucket_that_no_gpu_serves_is_said_so(tmp_path, catalog):
    config = json.loads(json.dumps(EXAMPLE))
    config["ineligible_cells"] = {"A10G": [[0, 1]], "A100-80GB": [[0, 1]]}
    with pytest.raises(NoCandidate, match="25in-100out"):
        plan_of(config, tmp_path, catalog)


def test_an_empty_bucket_may_be_served_by_none(tmp_path, catalog):
    config = json.loads(json.dumps(EXAMPLE))
    config["workload_distribution"] = [[0.25, 0], [0.5, 0.25]]
    config["ineligible_cells"] = {"A10G": [[0, 1]], "A100-80GB": [[0, 1]]}
    assert usd_hour(plan_of(config, tmp_path, catalog)) == pytest.approx(best_usd_hour(config))


def test_a_hundred_buckets_and_six_gpus_are_proved(tmp_path, catalog):
    config = random_config(7, rows=10, columns=10, gpus=6, rate=40.0)
    plan = plan_of(config, tmp_path, catalog)
    assert plan.status == "optimal"
    assert plan.gap == pytest.approx(0, abs=1e-6)
    assert usd_hour(plan) == pytest.approx(best_by_branch_and_bound(config), rel=1e-6)


def test_every_bucket_stays_a_class_of_its_own_with_its_own_requests(tmp_path, catalog):
    config = random_config(3, rows=30, columns=30, gpus=2, rate=9.0)
    source, problem = tmp_path / "config.json", tmp_path / "problem.yaml"
    source.write_text(json.dumps(config), encoding="utf-8")
    problem.write_text(melange_problem(source, TODAY), encoding="utf-8")
    load = reduce_traffic(load_problem(problem, catalog).problem, tmp_path, catalog)
    wanted = sorted(share * 9.0 for row in config["workload_distribution"] for share in row if share > 0)
    assert len(wanted) > 500
    assert sorted(load.planning_req_s.values()) == pytest.approx(wanted, rel=1e-12)
    assert len({(k.request.input_tok, k.request.output_tok) for k in load.classes}) == len(wanted)


def test_the_spelling_of_the_readme_is_read_too(tmp_path, catalog):
    as_list = {
        "gpu_info": [{"name": name, **gpu} for name, gpu in EXAMPLE["gpu_info"].items()],
        "workload_distribution": EXAMPLE["workload_distribution"],
        "overall_rate": EXAMPLE["total_request_rate"],
    }
    assert usd_hour(plan_of(as_list, tmp_path, catalog)) == pytest.approx(7.71)


def test_two_names_of_one_catalog_gpu_stay_two(tmp_path, catalog):
    # "A100 SXM 80GB" and "a100-sxm-80gb" are one card to the catalog; here they are two, one of them useless.
    config = json.loads(json.dumps(EXAMPLE))
    config["gpu_info"] = {
        "A100 SXM 80GB": {"cost": 3.67, "tputs": [[20, 2], [50, 20]]},
        "a100-sxm-80gb": {"cost": 3.67, "tputs": [[0.1, 0.1], [0.1, 0.1]]},
    }
    # 2.85 of the first are needed: 3
    assert usd_hour(plan_of(config, tmp_path, catalog)) == pytest.approx(3 * 3.67)


def changed(**keys: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(EXAMPLE)), **keys}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in EXAMPLE.items() if name != key}


A10G = EXAMPLE["gpu_info"]["A10G"]
BAD = [
    ("no gpu_info", without("gpu_info"), "gpu_info\n  is missing"),
    ("no distribution", without("workload_distribution"), "workload_distribution\n  is missing"),
    ("no rate", without("total_request_rate"), "total_request_rate\n  is missing"),
    ("rate misspelled", {**without("total_request_rate"), "total_request_rat": 3}, "Is it total_request_rat?"),
    ("no rate at all", changed(total_request_rate=0), "requests/s must be more than 0"),
    ("a rate as text", changed(total_request_rate="30"), '"30" is not possible'),
    ("no GPU", changed(gpu_info={}), "names no GPU"),
    ("a GPU that is a number", changed(gpu_info={"A10G": 3}), "3 stands where cost and tputs belong"),
    ("no cost", changed(gpu_info={"A10G": {"tputs": A10G["tputs"]}}), "gpu_info.A10G.cost\n  is missing"),
    ("no tputs", changed(gpu_info={"A10G": {"cost": 1}}), "gpu_info.A10G.tputs\n  is missing"),
    ("a negative cost", changed(gpu_info={"A10G": {**A10G, "cost": -1}}), "-1 is not possible; USD/h must be more"),
    ("a cost of NaN", changed(gpu_info={"A10G": {**A10G, "cost": math.nan}}), "nan is not possible"),
    ("a cost that is true", changed(gpu_info={"A10G": {**A10G, "cost": True}}), "true is not possible"),
    (
        "a row too few",
        changed(gpu_info={"A10G": {"cost": 1, "tputs": [[5, 1]]}}),
        "has 1 rows; workload_distribution has 2",
    ),
    ("a column too many", changed(gpu_info={"A10G": {"cost": 1, "tputs": [[5, 1], [1, 2, 3]]}}), "row 1 has 3 columns"),
    (
        "a negative rate",
        changed(gpu_info={"A10G": {"cost": 1, "tputs": [[5, -1], [1, 2]]}}),
        "A10G.tputs[0][1]\n  -1 is not",
    ),
    (
        "an infinite rate",
        changed(gpu_info={"A10G": {"cost": 1, "tputs": [[5, math.inf], [1, 2]]}}),
        "write a finite number",
    ),
    ("uneven shares", changed(workload_distribution=[[0.5, 0.5], [1]]), "row 1 has 1 columns; row 0 has 2"),
    ("shares that are no matrix", changed(workload_distribution=[0.5, 0.5]), "is not a matrix"),
    ("no shares", changed(workload_distribution=[[0, 0], [0, 0]]), "nothing arrives"),
    ("percent", changed(workload_distribution=[[25, 25], [25, 25]]), "look like percent"),
    ("a share of NaN", changed(workload_distribution=[[math.nan, 0.5], [0.25, 0.25]]), "[0][0]\n  nan is not possible"),
    ("a negative share", changed(workload_distribution=[[-0.5, 0.5], [0.5, 0.5]]), "0 or more"),
    ("cells of no GPU", changed(ineligible_cells={"A10": [[0, 0]]}), "Did you mean A10G?"),
    ("a cell outside", changed(ineligible_cells={"A10G": [[0, 2]]}), "[0, 2] is no [row, column] within 2 rows"),
    ("a cell that is none", changed(ineligible_cells={"A10G": [3]}), "3 is no [row, column]"),
    ("a name that moves the cursor", changed(gpu_info={"A\x1b[1m": A10G}), "cannot be a name"),
    ("a list at the top", [EXAMPLE], "holds no group of keys"),
]


@pytest.mark.parametrize(("config", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_wrong_is_said(config, words, tmp_path):
    source = tmp_path / "config.json"
    source.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ProblemError) as raised:
        melange_problem(source, TODAY)
    assert words in str(raised.value)
    assert str(raised.value).startswith(str(source))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"gpu_info": ', ":1\n  not JSON"),
        (b'{"gpu_info": {"a": 1, "a": 2}}', '"a" stands twice'),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"1" * 5000, "a number too long"),
    ],
)
def test_what_is_no_configuration_is_said(content, words, tmp_path):
    source = tmp_path / "config.json"
    source.write_bytes(content)
    with pytest.raises(ProblemError) as raised:
        melange_problem(source, TODAY)
    assert words in str(raised.value)
