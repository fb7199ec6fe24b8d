"""Two plans beside each other: the steps add up, and each says what it is for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path

import plans
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import planner
from planner import verbs
from planner.analysis.between import estimator
from planner.catalog.load import load_catalog
from planner.cli import app
from planner.deployed import ClassRate, DeploymentPlan, Served
from planner.factors import Way
from planner.performance.features import PLAIN
from planner.plan import CostLine, Plan, Purchase
from planner.waterfall import ORDER, waterfall

TODAY = date(2026, 11, 24)
WHOLE = {name: make for name, make in plans.ALL.items() if make().usd_month is not None}


def steps(a: Plan, b: Plan, prices: dict[tuple[str, str, str], float] | None = None) -> dict[str, float]:
    return {step.what: step.usd_month for step in waterfall(a, b, prices or {})}


def chat(
    *, gpu: str = "h100-sxm", provider: str = "aws", term: str = "on-demand", precision: str = "bf16",
    engine: str = "vllm", model: str = "llama-3.3-70b", usd_gpu_h: float = 4.0, req_s_gpu: float = 1.0,
    machines: int = 1, req_s: float = 0.5,
) -> Plan:  # fmt: skip
    """One workload on machines of one GPU that are never off; half a request/s is asked for in every hour."""
    api_only = plans.api_only()
    label = "mon-sun 00-24"
    purchase = Purchase.model_validate({
        "provider": provider, "region": "r", "machine": f"1x-{gpu}", "gpu": gpu, "gpus": 1, "term": term, "group": gpu,
        "billing": "always", "count": machines, "hours_month": machines * 730, "usd_h": usd_gpu_h,
        "usd_month": machines * 730 * usd_gpu_h, "machines_by_block": {label: machines},
        "busy_share": req_s / req_s_gpu / machines, "source": "a quote", "observed_on": TODAY,
    })  # fmt: skip
    rate = ClassRate(
        request_class="chat", req_s=req_s_gpu, estimate_req_s=req_s_gpu, concurrency=8, tpot_ms=1, ttft_ms=1,
        service_s=1, source="measured", low_share=1, high_share=1, reason="",
    )  # fmt: skip
    deployment = DeploymentPlan.model_validate({
        "name": "d", "model": model, "precision": precision, "kv_precision": "bf16", "engine": engine, "gpu": gpu,
        "tp": 1, "pp": 1, "group": gpu, "market": "firm", "lane": plans.CHAT_LANE, "queue": None, "rates": (rate,),
        "replicas_by_block": {label: machines}, "served": (Served(request_class="chat", block=label, req_s=req_s),),
    })  # fmt: skip
    requests = req_s * 3600 * 730
    workload = api_only.workloads[0].model_copy(
        update={"name": "chat", "requests_month": requests, "usd_month": purchase.usd_month, "api_share": 0.0}
    )
    block = plans.block(list(range(168))).model_copy(update={"label": label})
    return api_only.model_copy(
        update={
            "problem": "chat", "month_hours": 730, "blocks": (block,), "purchases": (purchase,),
            "deployments": (deployment,), "apis": (), "workloads": (workload,), "usd_month": purchase.usd_month,
            "costs": (CostLine(line="commitments" if term != "on-demand" else "on-demand rent",
                               usd_month=purchase.usd_month),),
        }
    )  # fmt: skip


def test_the_articles_two_fleets_differ_by_what_the_article_changed():
    before, after = (planner.solve(planner.load(f"article-{which}"), today=TODAY) for which in ("before", "after"))
    found = steps(before, after)
    assert found == {
        # 4 L40S on spot for batch, which the first fleet did not do
        "workloads added or dropped": pytest.approx(4 * 0.32 * 730),
        # FP8: 1.8 times the rate, 29,200 / 1.8
        "rates": pytest.approx(29_200 / 1.8 - 29_200),
        # 2.50 to 2.40 per GPU-hour
        "provider": pytest.approx(29_200 / 1.8 * (2.40 / 2.50 - 1)),
        # 22 % busy to 24.4 %: eight GPUs instead of the 8.89 that would be as busy as before
        "machines and hours that fit the load": pytest.approx(14_016 - 29_200 / 1.8 * 2.40 / 2.50),
        "networking": pytest.approx(-7_500),
        "storage": pytest.approx(-1_200),
    }
    assert sum(found.values()) == pytest.approx(16_150.40 - 39_100)


@pytest.mark.parametrize(("first", "second"), list(permutations(WHOLE, 2)))
def test_the_steps_add_up_to_the_difference_of_the_two_bills(first, second):
    a, b = WHOLE[first](), WHOLE[second]()
    assert sum(steps(a, b).values()) == pytest.approx(b.usd_month - a.usd_month, abs=1e-6)


@pytest.mark.parametrize("name", WHOLE)
def test_a_plan_beside_itself_has_no_steps(name):
    assert steps(WHOLE[name](), WHOLE[name]()) == {}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"model": "qwen3-32b", "req_s_gpu": 2.0}, "model"),
        ({"precision": "fp8", "req_s_gpu": 1.8}, "precision"),
        ({"engine": "trtllm", "req_s_gpu": 1.3}, "batching and engine"),
        ({"req_s_gpu": 1.3}, "rates"),
        ({"gpu": "h200-sxm", "usd_gpu_h": 5, "req_s_gpu": 1.5}, "GPU type"),
        ({"provider": "lambda", "usd_gpu_h": 3}, "provider"),
        ({"term": "1y", "usd_gpu_h": 3}, "term"),
        ({"usd_gpu_h": 3}, "price of the same offer"),
        ({"machines": 2}, "machines and hours that fit the load"),
        ({"req_s": 0.6}, "traffic"),
    ],
)
def test_one_change_has_one_name(changed, what):
    a, b = chat(), chat(**changed)
    found = steps(a, b)
    # what fits the load less well or better comes beside it where machines stay whole
    assert set(found) <= {what, "machines and hours that fit the load"}
    assert what in found
    assert sum(found.values()) == pytest.approx(b.usd_month - a.usd_month)


def test_changes_that_the_plans_cannot_tell_apart_are_told_together():
    a, b = chat(), chat(gpu="h200-sxm", provider="lambda", usd_gpu_h=3)
    assert "GPU type + provider" in steps(a, b)


def test_a_listed_price_between_the_two_plans_tells_them_apart():
    # GPU type first: work of an H200 at AWS, 6 USD/h, of half a busy GPU; then from 6 to 3 USD at Lambda
    a, b = chat(), chat(gpu="h200-sxm", provider="lambda", usd_gpu_h=3)
    found = steps(a, b, {("h200-sxm", "aws", "on-demand"): 6.0})
    assert found == {"GPU type": pytest.approx((6 - 4) * 730), "provider": pytest.approx((3 - 6) * 730)}


def test_an_estimate_of_a_state_between_the_two_plans_tells_precision_and_gpu_apart():
    # FP8 on the old GPU is estimated at 0.6 of the work: (0.6 - 1) x 4 USD; the new GPU does 3 times as much for 6 USD.
    a, b = chat(), chat(precision="fp8", gpu="h200-sxm", usd_gpu_h=6, req_s_gpu=3.0)
    assert set(steps(a, b)) == {"precision + GPU type", "machines and hours that fit the load"}

    def estimate(way: Way) -> float | None:
        return 0.6 if way.precision == "fp8" else 1.0

    found = {step.what: step.usd_month for step in waterfall(a, b, {}, estimate)}
    assert found == {
        "precision": pytest.approx((0.6 - 1) * 4 * 730),
        "GPU type": pytest.approx((6 / 3 - 0.6 * 4) * 730),
        # a sixth of a GPU's time, paid as a third while half busy as before; a whole GPU is paid now
        "machines and hours that fit the load": pytest.approx((6 - 6 / 3) * 730),
    }


def test_where_the_model_does_not_fit_between_the_changes_stay_together():
    a, b = chat(), chat(precision="fp8", gpu="h200-sxm", usd_gpu_h=6, req_s_gpu=3.0)
    found = waterfall(a, b, {}, lambda way: None if (way.precision, way.gpu) == ("fp8", "h100-sxm") else 1.0)
    assert "precision + GPU type" in {step.what for step in found}


def test_the_estimator_knows_what_fits_and_that_fewer_bits_are_faster():
    # 70B in bf16 are 131 GiB: two H100 hold them, one does not
    whole = Way(
        "llama-3.3-70b",
        "bf16",
        "bf16",
        "vllm",
        PLAIN,
        4,
        1,
        "h100-sxm",
        None,
        plans.CHAT_LANE,
        input_tok=1000,
        output_tok=200,
    )
    estimate = estimator(load_catalog())
    bf16, fp8 = estimate(whole), estimate(whole._replace(precision="fp8"))
    assert bf16 is not None and fp8 is not None
    assert fp8 < bf16
    assert estimate(whole._replace(tp=1)) is None
    assert estimate(whole._replace(model="no such model")) is None


def test_the_steps_come_in_the_order_that_is_stated():
    found = waterfall(chat(), chat(precision="fp8", req_s_gpu=1.8, provider="lambda", usd_gpu_h=3, machines=2), {})
    places = [ORDER.index(step.what) for step in found]
    assert places == sorted(places)
    assert len(places) == 3


@given(
    usd=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
    rate=st.tuples(st.floats(0.7, 5), st.floats(0.7, 5)),
    machines=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    provider=st.sampled_from(["aws", "lambda"]),
    gpu=st.sampled_from(["h100-sxm", "h200-sxm"]),
    req_s=st.floats(0.1, 0.6),
)
def test_whatever_changes_the_steps_add_up(usd, rate, machines, provider, gpu, req_s):
    a = chat(usd_gpu_h=usd[0], req_s_gpu=rate[0], machines=machines[0])
    b = chat(
        usd_gpu_h=usd[1], req_s_gpu=rate[1], machines=machines[1], provider=provider, gpu=gpu, req_s=req_s
    )  # fmt: skip
    assert sum(steps(a, b).values()) == pytest.approx(b.usd_month - a.usd_month, abs=1e-6)


def test_machines_bought_are_machines_in_the_steps_too():
    buying, renting = planner.load("buy-or-rent"), planner.load("buy-or-rent")
    without = renting.problem.procurement.model_copy(update={"purchases": []})
    renting = replace(renting, problem=renting.problem.model_copy(update={"procurement": without}))
    a, b = (planner.solve(each, today=TODAY, price_spares=False, gap=0.05) for each in (renting, buying))
    assert "machines bought" in {line.line for line in b.costs}
    found = steps(a, b)
    assert "machines bought" not in found
    assert sum(found.values()) == pytest.approx(b.usd_month - a.usd_month, abs=1e-6)


def test_machines_are_kept_added_and_returned():
    a, b = plans.enterprise(), plans.enterprise()
    first, *rest = b.purchases
    more = first.model_copy(update={"count": first.count + 1})
    other = rest[-1].model_copy(update={"provider": "elsewhere"})
    found = verbs.compare(a, b.model_copy(update={"purchases": (more, *rest[:-1], other)})).machines
    change = {(m.provider, m.machine, m.term): m.change for m in found}
    assert change[first.provider, first.machine, first.term] == "more"
    assert change["elsewhere", other.machine, other.term] == "added"
    assert change[rest[-1].provider, other.machine, other.term] == "returned"
    assert set(change.values()) == {"kept", "more", "added", "returned"}


def test_the_command_reads_plans_and_evaluations_and_fits_80_columns(tmp_path: Path):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("machines: [{provider: prior cloud, gpu: h100-sxm, gpus: 4, count: 3}]\n", encoding="utf-8")
    before, after, both = (str(tmp_path / name) for name in ("before.json", "after.json", "both.json"))
    run = CliRunner().invoke
    assert run(app, ["evaluate", "article-before", "--fleet", str(fleet), "-o", before]).exit_code == 1
    assert run(app, ["solve", "article-after", "-o", after]).exit_code == 0
    result = run(app, ["compare", before, after, "-o", both])
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "fleet does not serve all of chat: its bill is for what it serves." in result.stdout.replace("\n  ", " ")
    found = json.loads(Path(both).read_text(encoding="utf-8"))
    total = found["usd_month_after"] - found["usd_month_before"]
    assert sum(step["usd_month"] for step in found["steps"]) == pytest.approx(total)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{}", "is no plan"),
        ("not json", "is no plan"),
        (None, "cannot be read"),
        (plans.infeasible().to_json(), "holds no plan: its status is infeasible"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, what):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    plans.enterprise().write(good)
    if text is not None:
        bad.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["compare", str(good), str(bad)])
    assert result.exit_code == 2
    assert what in result.stderr
