"""Several models on one GPU, from paper to the problem file.

The story of `shared_fleet`: chat needs 2 requests/s by day and 1 by night, search and mail 1 each at any hour.  A whole
GPU serves 4 requests/s of any of them, a half serves 2, a third 1.  Machines of one GPU cost $2/h.
"""

from __future__ import annotations

import io
import math
import random
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from brute_force import BruteForce
from fleets import chat_fleet, random_fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_brute_force import check_plan

import planner
from planner import verbs
from planner.candidates import Candidate, Rate, prune_dominated, prune_parts
from planner.catalog.load import benchmarks_for, load_catalog
from planner.drops import Drops
from planner.errors import ProblemError
from planner.formulation import assemble
from planner.inputs import FleetInputs
from planner.outputs import terminal
from planner.outputs.tables import tables_of
from planner.performance import Performance
from planner.performance.constants import constants_of
from planner.performance.memory import kv_room_gib
from planner.performance.parts import GpuPart, memory_part, mig_part
from planner.performance.replica import Replica
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal, Request
from planner.plan import Plan
from planner.problem.sharing import Sharing
from planner.problem.workload import Slo
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model

EXACT = Settings(gap=0.0, time_limit_s=60)
CLASSES = ("chat", "search", "mail")
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def plan(inputs: FleetInputs) -> Solution:
    return search(inputs, EXACT)


def usd(inputs: FleetInputs) -> float:
    found = plan(inputs)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    assert found.bound_usd_month == pytest.approx(found.usd_month, rel=1e-6, abs=1e-5)
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def shared_fleet(parts: tuple[int, ...] = (), **other: Any) -> FleetInputs:
    """See the module; `parts` says into how many a GPU may be split, each model having a deployment for each."""
    size: dict[str, int | Fraction] = {f"{k} whole": 1 for k in CLASSES}
    size |= {f"{k} 1/{n}": Fraction(1, n) for k in CLASSES for n in parts}
    rate = {1: 4.0, HALF: 2.0, THIRD: 1.0}
    fleet = chat_fleet(
        deployment_gpus=size,
        split_as={f"{k} 1/{n}": f"1/{n}" for k in CLASSES for n in parts},
        deployment_groups=dict.fromkeys(size, ("h100",)),
        queue_slope=dict.fromkeys(size, 1.0),
        queue_loss=dict.fromkeys(size, 0.0),
        class_workload={k: k for k in CLASSES},
        demand_req_s={
            ("chat", "day"): 2.0, ("chat", "night"): 1.0,
            **{(k, b): 1.0 for k in ("search", "mail") for b in ("day", "night")},
        },
        rate_req_s={(c, c.split()[0]): rate[gpus] for c, gpus in size.items()},
        admitted=frozenset((k, "h100") for k in CLASSES),
    )  # fmt: skip
    return replace(fleet, **other)


def test_models_that_share_gpus_need_fewer():
    assert usd(shared_fleet()) == is_usd(3 * 2 * 400)  # a GPU for each
    # halves: three of them at any hour, on two GPUs
    assert usd(shared_fleet((2,))) == is_usd(2 * 2 * 400)
    # thirds: by day chat needs two, four thirds on two GPUs; by night three on one
    assert usd(shared_fleet((3,))) == is_usd(2 * 2 * 100 + 1 * 2 * 300)
    # both ways may be had, but each GPU is split in one: by day still two GPUs
    assert usd(shared_fleet((2, 3))) == is_usd(2 * 2 * 100 + 1 * 2 * 300)


def test_sharing_changes_nothing_where_each_model_fills_its_gpus():
    full = {(k, b): 4.0 for k in CLASSES for b in ("day", "night")}
    whole = usd(shared_fleet(demand_req_s=full))
    assert whole == is_usd(3 * 2 * 400)
    assert usd(shared_fleet((2, 3), demand_req_s=full)) == is_usd(whole)


def test_without_sharing_there_is_no_row_and_no_variable_of_it():
    model = assemble(shared_fleet())
    assert not model.variables.split and not model.variables.kept_split
    assert not any(family == "within_gpu_parts" for family, _ in model.rows)


def test_the_dual_is_the_worth_of_one_more_part():
    # 4 requests/s of mail through the 100 hours of the day, three thirds: one request/s goes to an API at $5/h,
    # which one third more would serve.
    inputs = shared_fleet(
        (3,),
        deployment_groups={"mail 1/3": ("h100",)},
        demand_req_s={("mail", "day"): 4.0},
        api_usd_h={("mail", "api"): 5.0},
    )
    model = assemble(inputs, operation="relaxed", held={"split": {("1/3", "h100", "day"): 1}})
    answer = solve_model(model, EXACT, relaxed=True)
    assert answer.duals["within_gpu_parts", ("1/3", "h100", "day")] == is_usd(-1 * 5 * 100)


def test_a_lost_machine_leaves_room_for_the_parts_that_must_survive():
    # Two GPUs to a machine.  By night three halves take two GPUs: one machine, and one to spare.
    two = {"group_gpus": {"h100": 2}, "protected": frozenset(CLASSES)}
    assert usd(shared_fleet((2,), **two)) == is_usd(2 * 2 * 400)
    assert usd(shared_fleet((2,), group_gpus={"h100": 2})) == is_usd(1 * 2 * 400)
    # mail need not survive: the two halves left fit the GPU of one small machine, and mail stands on the spare
    small = shared_fleet((2,), protected=frozenset({"chat", "search"}))
    assert usd(small) == is_usd(2 * 2 * 400)
    assert usd(shared_fleet((2,), protected=frozenset(CLASSES))) == is_usd(3 * 2 * 400)


def random_shared(seed: int) -> FleetInputs:
    """A random fleet in which some deployments take a part of a GPU, and some classes may have to survive."""
    inputs, dice = random_fleet(seed), random.Random(seed + 1)
    size, split, rates = dict(inputs.deployment_gpus), {}, dict(inputs.rate_req_s)
    for c, gpus in inputs.deployment_gpus.items():
        if dice.random() < 0.6:
            parts = dice.choice((2, 2, 3))
            size[c], split[c] = Fraction(1, parts), f"{dice.choice('ab')} 1/{parts}"
            part_of = {k: r / gpus * dice.choice((0.4, 0.8)) for (cc, k), r in rates.items() if cc == c}
            rates |= {(c, k): r for k, r in part_of.items()}
    protected = (
        frozenset(k for k in inputs.class_workload if dice.random() < 0.4) if dice.random() < 0.4 else frozenset()
    )
    waits = {k for w in inputs.windows.values() for k in w.requests_month}
    demand = {label: d / 2 for label, d in inputs.demand_req_s.items()}
    return replace(inputs, deployment_gpus=size, split_as=split, rate_req_s=rates, demand_req_s=demand,
                   protected=protected - waits)  # fmt: skip


@pytest.mark.parametrize("kind", range(5))
def test_the_search_finds_what_trying_everything_finds(kind, thin):
    feasible = 0
    for seed in range(kind, 200, 5)[::thin]:
        inputs = random_shared(seed)
        expected, found = BruteForce(inputs).cheapest(), search(inputs, EXACT)
        if expected is None:
            assert found.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        assert found.ended is Ended.OPTIMAL, seed
        assert found.usd_month == pytest.approx(expected, rel=1e-6, abs=1e-5), seed
        check_plan(inputs, found)
    assert thin > 1 or (feasible > 15)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_that_gpus_may_be_split_never_costs_more(seed):
    inputs = random_shared(seed)
    whole = {c for c in inputs.deployment_gpus if c not in inputs.split_as}
    without = replace(
        inputs, deployment_groups={c: places for c, places in inputs.deployment_groups.items() if c in whole}
    )
    apart, shared = plan(without), plan(inputs)
    if apart.usd_month is not None:
        assert shared.usd_month is not None and shared.usd_month <= apart.usd_month * (1 + 1e-6) + 1e-6


CATALOG = load_catalog()
H100, LLAMA = CATALOG.gpus["h100-sxm"], CATALOG.models["llama-3.1-8b"]
SEVENTH, HALF_H100 = (mig_part(row) for row in CATALOG.mig if row.gpu == "h100-sxm" and row.parts in (7, 2))
REQUEST = Request(input_tok=1000, output_tok=200)


def deployment(part: GpuPart | None, **other: Any) -> Deployment:
    whole = Deployment(model=LLAMA, precision="fp8", kv_precision="fp8", engine="vllm", gpu=H100, tp=1, part=part)
    return replace(whole, **other)


@cache
def performance() -> Performance:
    rows = benchmarks_for(CATALOG, models=[LLAMA])
    return Performance(CATALOG.models, CATALOG.gpus, rows, 0.9, constants=constants_of(CATALOG.performance))


def replica(part: GpuPart | None) -> Replica:
    found = performance().replica(deployment(part), REQUEST)
    assert isinstance(found, Replica)
    return found


def test_a_part_has_its_share_of_memory_and_of_the_data_sheet():
    half = HALF_H100.of(H100)
    # 60 of 132 multiprocessors, 4 of 8 memory slices, 39.5 GiB as the driver reports
    assert half.bf16_tflops == pytest.approx(60 / 132 * 989, rel=1e-3)
    assert half.hbm_gb_s == 3350 / 2 and half.memory_gib == 39.5 and half.fp4_tflops is None
    whole, part = (kv_room_gib(deployment(each), 0.9) for each in (None, HALF_H100))
    assert whole - part == pytest.approx(0.9 * (79.65 - 39.5))
    # a third by turns: a third of the memory, 0.3 of everything's time
    third = memory_part(H100, 3, 0.1).of(H100)
    assert third.memory_gib == pytest.approx(79.65 / 3) and third.hbm_gb_s == pytest.approx(0.3 * 3350)


def test_an_engine_that_takes_turns_is_slower_in_everything_by_the_same():
    # half the time, of which a tenth is lost: every step takes 2 / 0.9 as long
    ways = [replica(each).latencies_ms(np.array([1, 8, 32]))[0] for each in (None, memory_part(H100, 2, 0.1))]
    assert ways[1] / ways[0] == pytest.approx([2 / 0.9] * 3)


def test_rates_of_parts_are_never_called_measured_and_their_band_is_the_widest():
    qwen, chat = CATALOG.models["qwen3.5-9b"], Request(input_tok=342, output_tok=281)
    known = Performance(CATALOG.models, CATALOG.gpus, benchmarks_for(CATALOG, models=[qwen]), 0.9)
    found = {}
    for each in (None, HALF_H100, memory_part(H100, 2, 0.1)):
        curve = known.replica(deployment(each, model=qwen, precision="bf16", kv_precision="bf16"), chat)
        assert isinstance(curve, Replica)
        found[each] = curve.point(256)
    whole = found.pop(None)
    assert whole.source == "measured"
    for part, point in found.items():
        assert part is not None and point.source == "modeled"
        assert point.low_share < whole.low_share and point.high_share > whole.high_share
        assert part.words("h100-sxm") in point.reason and "nobody measured it on such a part" in point.reason


def test_objectives_are_kept_at_the_parts_own_speed():
    # 8.0 GB of weights at 3,350 GB/s: a whole GPU takes about 4 ms a token, an eighth of the bandwidth eight times that
    quick = Objective(ttft_ms=math.inf, tpot_ms=15, e2e_ms=math.inf, percentile_share=0.95)
    assert isinstance(performance().operating_point(deployment(None), REQUEST, quick), OperatingPoint)
    refused = performance().operating_point(deployment(SEVENTH), REQUEST, quick)
    assert isinstance(refused, Refusal) and refused.reason in ("weights do not fit", "too slow per token")
    assert "1/7 of h100-sxm (MIG 1g.10gb)" in refused.nearest


def candidate(name: str, part: GpuPart | None, req_s: float) -> Candidate:
    d = deployment(part)
    gpus = Fraction(1, part.parts) if part else 1
    rates = {"chat": Rate(point=None, req_s=req_s)}
    return Candidate(
        name=name, deployment=d, gpu="h100-sxm", gpus=gpus, lane=Slo(), rates=rates, queue=None, slope=1.0, loss=0.0
    )


def test_parts_stand_only_for_parts_of_the_same_kind():
    whole, half, seventh = candidate("whole", None, 4), candidate("half", HALF_H100, 2.5), candidate("7", SEVENTH, 3.0)
    # two halves do more than the whole they take, but are modeled; a seventh does more than a half, on another GPU
    assert len(prune_dominated([whole, half, seventh], Drops())) == 3
    slower = candidate("slower half", HALF_H100, 2.0)
    assert [c.name for c in prune_dominated([half, slower], Drops())] == ["half"]


def test_parts_go_where_one_deployment_on_the_whole_gpu_outdoes_all_that_may_share_it():
    # two halves together carry 2 x 2 requests/s, the whole GPU 5: a half alone is no more than a GPU either
    whole, half = candidate("whole", None, 5), candidate("half", HALF_H100, 2)
    assert [c.name for c in prune_parts([whole, half], frozenset(), Drops())] == ["whole"]
    better = candidate("better half", HALF_H100, 2.6)  # 5.2 on one GPU: both halves stay, they may share it
    assert len(prune_parts([whole, half, better], frozenset(), Drops())) == 3
    # a GPU in two parts counts as two replicas where two must run
    assert len(prune_parts([whole, half], frozenset({"chat"}), Drops())) == 2
    # queues: 2 x 1.0 - 0.1 of the halves at 2 requests/s each is 3.8; 5 x (1 - 0.3) of the whole is less
    slow = replace(whole, loss=0.3)
    assert len(prune_parts([slow, replace(half, loss=0.1)], frozenset(), Drops())) == 2
    # another model beside it on the same GPU is what parts are for
    other = replace(half, name="other", rates={"mail": Rate(point=None, req_s=1)})
    assert len(prune_parts([whole, half, other], frozenset(), Drops())) == 3


PROBLEM = """\
name: shared
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 0.3, shape: flat, input_tok: 1000, output_tok: 200}
    slo: {ttft_ms: 2000, tpot_ms: 60}
  search:
    models: [llama-3.2-3b]
    traffic: {mean_req_s: 0.3, shape: flat, input_tok: 500, output_tok: 100}
    slo: {ttft_ms: 2000, tpot_ms: 60}
procurement:
  only_quotes: true
  quotes:
    - {provider: acme, gpu: GPU, gpus: 1, usd_h: 2.0, term: on-demand, observed_on: 2026-11-01, source: tests}
resilience: {machine: false}
apis: {allow: false}
solver: {gap: 0.0}
"""


def solved(tmp_path, rule: str = "", gpu: str = "h100-sxm") -> Plan:
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM.replace("GPU", gpu) + rule, encoding="utf-8")
    return planner.solve(planner.load(path), today=date(2026, 11, 2))


@pytest.mark.parametrize("rule", ["{mig: true}", "{memory: true}"])
def test_two_small_models_share_one_gpu(tmp_path, rule):
    apart, shared = solved(tmp_path), solved(tmp_path, f"sharing: {rule}\n")
    assert apart.usd_month == is_usd(2 * 2 * 730) and shared.usd_month == is_usd(1 * 2 * 730)
    assert all(each.part is None for each in apart.deployments)
    parts = [each.part for each in shared.deployments]
    assert len({part.split for part in parts}) == 1
    assert all(rate.source == "modeled" for d in shared.deployments for rate in d.rates)
    assert all(f"1/{parts[0].parts} of h100-sxm" in d.name for d in shared.deployments)
    assert Plan.from_json(shared.to_json()) == shared
    assert any("parts of GPUs" in check for check in shared.audit)
    console = Console(record=True, width=120, file=io.StringIO())
    terminal.show_plan(shared, console)
    assert f"each 1/{parts[0].parts} of h100-sxm (" in console.export_text()


def test_a_gpu_without_mig_is_not_cut(tmp_path):
    assert solved(tmp_path, "sharing: {mig: true}\n", "l40s").usd_month == is_usd(2 * 2 * 730)
    assert solved(tmp_path, "sharing: {memory: true}\n", "l40s").usd_month == is_usd(1 * 2 * 730)


def test_the_more_time_is_lost_in_turns_the_less_is_relied_on(tmp_path):
    def rates(loss: float) -> list[float]:
        found = solved(tmp_path, f"sharing: {{memory: true, time_loss_share: {loss}}}\n")
        return [rate.req_s for d in sorted(found.deployments, key=lambda d: d.model) for rate in d.rates]

    assert all(less < more for less, more in zip(rates(0.3), rates(0.0), strict=True))


def test_what_makes_no_sense_is_told(tmp_path):
    with pytest.raises(ProblemError, match="time is lost only where engines take turns"):
        solved(tmp_path, "sharing: {mig: true, time_loss_share: 0.2}\n")
    table = "performance: {capacity: [{gpu: h100-sxm, input_tok: 1000, output_tok: 200, req_s: 5}]}\n"
    with pytest.raises(ProblemError, match="rates of parts of a GPU are modeled"):
        solved(tmp_path, "sharing: {mig: true}\n" + table)
    with pytest.raises(ProblemError, match=r"sharing\.time_loss_share"):
        solved(tmp_path, "sharing: {memory: true, time_loss_share: 1}\n")


def test_a_fleet_whose_deployments_say_their_gpus_is_not_shared(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM.replace("GPU", "h100-sxm") + "sharing: {mig: true}\n", encoding="utf-8")
    machine = "machines: [{provider: acme, gpu: h100-sxm, gpus: 1, count: 1}]\n"
    (tmp_path / "free.yaml").write_text(machine, encoding="utf-8")
    whole = "deployments: [{model: llama-3.1-8b, tp: 1}, {model: llama-3.2-3b, tp: 1}]\n"
    (tmp_path / "whole.yaml").write_text(machine + whole, encoding="utf-8")
    free, held = (
        verbs.evaluate(
            planner.load(path), verbs.load_fleet(tmp_path / name), today=date(2026, 11, 2), best_within_s=None
        )
        for name in ("free.yaml", "whole.yaml")
    )
    assert not free.unserved and held.unserved


def test_the_example_saves_a_quarter_by_sharing():
    loaded = planner.load("shared-gpu")
    found = planner.solve(loaded, today=date(2026, 11, 22), price_spares=False)
    assert found.status == "optimal" and {d.part.way for d in found.deployments if d.part} == {"MIG"}
    alone = replace(loaded, problem=loaded.problem.model_copy(update={"sharing": Sharing()}))
    apart = planner.solve(alone, today=date(2026, 11, 22), price_spares=False)
    assert found.usd_month < 0.75 * apart.usd_month and not any(d.part for d in apart.deployments)


def test_tables_say_the_part(tmp_path):
    _, rows = tables_of(solved(tmp_path, "sharing: {memory: true}\n"))["deployments.csv"]
    assert all(row["part"].startswith("1/") and "of a GPU (by turns)" in row["part"] for row in rows)
    _, rows = tables_of(solved(tmp_path))["deployments.csv"]
    assert {row["part"] for row in rows} == {""}
