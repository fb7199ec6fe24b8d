"""Serverless workers: how long they are billed, when they win, what is proved of them, how they are audited."""

from __future__ import annotations

import io
import itertools
import math
import random
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from brute_force import BruteForce
from fleets import chat_fleet, random_fleet, rented
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import planner
from planner.analysis.scaled import scaled
from planner.audit.evidence import Evidence
from planner.audit.serverless import workers_by_the_second
from planner.catalog.load import load_catalog
from planner.errors import InputError
from planner.formulation import assemble
from planner.inputs import FleetInputs, Offer, Quota
from planner.outputs.tables import tables_of
from planner.outputs.terminal import show_plan
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.references import canonicalize
from planner.scaling import Use, kept_warm, scaled_to_zero
from planner.scenarios import together
from planner.search import search
from planner.solution import Ended
from planner.solver import Settings, solve_model
from planner.traffic.reduce import reduce_traffic

EXACT = Settings(gap=0.0, time_limit_s=60)
AGREE = 1e-6


def use(req_s: float, service_s: float = 10, idle_s: float = 20, cold_s: float = 45, billed: bool = True) -> Use:
    return scaled_to_zero(req_s, service_s, idle_s, cold_s, start_is_billed=billed)


# --- how long a worker is on


def simulated(req_s: float, service_s: float, idle_s: float, cold_s: float, requests: int, varied: bool) -> Use:
    """One worker request by request; `varied`: answers take exponentially long."""
    dice = random.Random(7)
    now = on_from = done = -math.inf
    gone = 0.0  # when the worker stops
    starts = cold = 0
    on_s = 0.0
    ready = 0.0
    now = 0.0
    for _ in range(requests):
        now += dice.expovariate(req_s)
        if now >= gone:
            on_s += gone - on_from if starts else 0.0
            on_from, ready, starts = now, now + cold_s, starts + 1
            gone = ready
        cold += now < ready or now == on_from
        done = max(now, ready) + (dice.expovariate(1 / service_s) if varied else service_s)
        gone = max(gone, done + idle_s)
    on_s += gone - on_from
    return Use(billed_share=on_s / now, starts_h=3600 * starts / now, cold_share=cold / requests)


@pytest.mark.parametrize("req_s", [0.003, 0.02, 0.08])
@pytest.mark.parametrize("cold_s", [0.0, 45.0])
def test_a_worker_is_on_for_as_long_as_one_that_is_simulated(req_s, cold_s):
    found, seen = use(req_s, cold_s=cold_s), simulated(req_s, 10, 20, cold_s, 40_000, varied=False)
    for name in ("billed_share", "starts_h", "cold_share"):
        assert getattr(found, name) == pytest.approx(getattr(seen, name), rel=0.03), name


def test_answers_of_different_lengths_hold_a_worker_little_longer():
    # without cold starts the law of their lengths does not matter; with them the longest of those that waited does
    for req_s, cold_s, most in ((0.02, 0.0, 1.01), (0.003, 45.0, 1.02), (0.02, 45.0, 1.04)):
        seen = simulated(req_s, 10, 20, cold_s, 40_000, varied=True)
        assert seen.billed_share / use(req_s, cold_s=cold_s).billed_share < most


rates = st.floats(1e-5, 1.0)
spans = st.floats(0.0, 300.0)


@given(rates, st.floats(0.1, 100.0), spans, spans)
def test_what_always_holds_of_a_worker(req_s, service_s, idle_s, cold_s):
    found = use(req_s, service_s, idle_s, cold_s)
    assert 1 - math.exp(-req_s * service_s) - 1e-12 <= found.billed_share <= 1
    assert use(req_s, service_s, idle_s, cold_s, billed=False).billed_share <= found.billed_share + 1e-12
    assert 0 <= found.cold_share <= 1 and found.starts_h <= 3600 * req_s * (1 + 1e-9)
    busier, longer = use(2 * req_s, service_s, idle_s, cold_s), use(req_s, service_s, idle_s + 10, cold_s)
    assert busier.billed_share >= found.billed_share - 1e-12 and busier.cold_share <= found.cold_share + 1e-12
    assert longer.cold_share <= found.cold_share + 1e-12 and longer.starts_h <= found.starts_h + 1e-12
    # two workers that share the requests are on for longer than one, and not twice as long as the two would be busy
    two = 2 * use(req_s / 2, service_s, idle_s, 0).billed_share
    one = use(req_s, service_s, idle_s, 0).billed_share
    assert one - 1e-12 <= two <= req_s * (service_s + idle_s) + 1e-12
    # what varies within an hour is on for no longer than its mean
    mean = use(req_s, service_s, idle_s, 0).billed_share
    apart = (
        use(0.5 * req_s, service_s, idle_s, 0).billed_share + use(1.5 * req_s, service_s, idle_s, 0).billed_share
    ) / 2
    assert apart <= mean + 1e-12


def test_a_busy_worker_is_never_gone():
    assert use(1000.0) == Use(billed_share=1.0, starts_h=0.0, cold_share=0.0)
    assert kept_warm(36, start_is_billed=True).billed_share == 1.01
    assert kept_warm(36, start_is_billed=False).billed_share == 1


# --- paper answers: 4 requests/s of chat for 100 h, 1 for 300 h; a replica serves 1; $2/h by the hour


def beside(usd_h: float = 4.0, day: float = 1.0, night: float = 0.2, **other: Any) -> FleetInputs:
    """An endpoint of group "zero": 4 workers by day, one at night."""
    endpoint = rented(
        usd_h,
        group="zero",
        provider="beta",
        workers={"day": 4, "night": 1},
        billed_share={"day": day, "night": night},
        max_machines=4,
    )
    return chat_fleet(
        group_gpus={"h100": 1, "zero": 1},
        offers={"by hour": rented(), "endpoint": endpoint},
        deployment_groups={"llama": ("h100", "zero")},
        admitted=frozenset({("chat", "h100"), ("chat", "zero")}),
        **other,
    )


def usd(inputs: FleetInputs) -> float:
    found = search(inputs, EXACT)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    assert found.bound_usd_month == pytest.approx(found.usd_month, rel=AGREE, abs=1e-5)
    return found.usd_month


def test_a_worker_that_is_gone_most_of_the_night_costs_less_than_a_machine():
    found = search(beside(), EXACT)
    # by day 4 x $2 x 100 h by the hour; at night 0.2 x $4 x 300 h = $240 and not $600
    assert found.usd_month == pytest.approx(800 + 240)
    assert {run.block: dict(run.hourly) for run in found.runs} == {"day": {"by hour": 4}, "night": {"endpoint": 1}}
    # at 0.6 of the night the machine is the cheaper one, and the plan is as without the endpoint
    assert usd(beside(night=0.6)) == pytest.approx(usd(chat_fleet())) == pytest.approx(1400)


def test_some_workers_serve_some_of_the_work():
    # by day a worker at 0.3 of $4 serves a quarter for $1.20/h, a machine for $2; a quota allows so many workers
    def least(workers: int) -> float:
        return usd(beside(day=0.3, quotas={"few": Quota(weight={"endpoint": 1.0}, limit=workers)}))

    at_night = 240
    assert least(4) == pytest.approx(4 * 1.2 * 100 + at_night)
    # the step of the quota: one worker more takes the place of a machine for 100 h
    assert least(1) - least(2) == pytest.approx((2 - 1.2) * 100)
    assert least(1) == pytest.approx((1.2 + 3 * 2) * 100 + at_night)


def test_workers_need_no_spare_and_pay_no_start_up_time():
    lost = {"protected": frozenset({"chat"})}
    # by day 5 machines, one of them spare; at night 2 machines or the one worker
    assert usd(beside(**lost)) == pytest.approx(5 * 2 * 100 + 240)
    hours = {"block_hours": {"day": (0,), "night": (1, 2, 3)}, "start_h": 0.5}
    # 4 machines start once a week of 4 hours: 100 weeks x 4 x half an hour x $2; the worker's starts are in its share
    assert usd(beside(**hours)) == pytest.approx(800 + 240 + 100 * 4 * 0.5 * 2)


def test_each_scenario_has_workers_of_its_own():
    # the same nights at 0.2 and at 0.6 of the time: the machine for $600 wins in the second
    calm, busy = beside(), beside(night=0.6)
    both = together({"calm": calm, "busy": busy}, {"calm": 0.25, "busy": 0.75})
    assert usd(both) == pytest.approx(0.25 * 1040 + 0.75 * 1400)


def test_the_dual_is_what_one_more_request_on_the_workers_saves_elsewhere():
    inputs = beside()
    endpoint = replace(inputs.offers["endpoint"], workers={"night": 2}, away=frozenset({"day"}))
    inputs = replace(inputs, offers={**inputs.offers, "endpoint": endpoint})
    inputs = replace(inputs, rate_req_s={("llama", "chat"): 2.0})
    model = assemble(inputs, operation="relaxed")
    model.variables.hourly["endpoint", "night"].bounds(1, 1)  # it could serve 2, its part is 0.5
    found = solve_model(model, EXACT, relaxed=True)
    # one request/s less is half a machine of $2/h less for 300 h
    assert found.duals["serve_even_parts", ("endpoint", "night", "chat")] == pytest.approx(-300)


# --- against trying everything


def with_endpoints(seed: int) -> FleetInputs:
    """A random fleet, its rules on shares of all traffic left out, with one or two endpoints beside it."""
    dice = random.Random(seed)
    i = random_fleet(5 * seed)  # plain
    i = replace(
        i, windows={}, min_replicas={}, blends={}, losses={}, provider_max_share={}, api_max_share={}, few_kinds={},
        spot_max_share={}, budget_usd_month=None, self_host_usd_month=0, provider_usd_month=0, tariffs={},
        tariff_of={}, egress_gb_h={}, start_h=0.0,
    )  # fmt: skip
    for n in range(dice.randint(1, 2)):
        g, c = f"zero{n}", f"worker{n}"
        workload = dice.choice(sorted(set(i.class_workload.values())))
        classes = [k for k, w in i.class_workload.items() if w == workload]
        loss = dice.choice((0.0, 0.2))
        rate = {(c, k): round(dice.uniform(1.5, 4.0), 2) for k in classes}
        work = {b: sum(i.demand_req_s.get((k, b), 0.0) / rate[c, k] for k in classes) for b in i.block_h}
        workers = {b: math.ceil(x + loss - 1e-9) for b, x in work.items() if x and x + loss <= 3}
        offer = Offer(
            group=g, provider="p9", usd_h=round(dice.uniform(2, 8), 2), billing="hourly", workers=workers,
            billed_share={b: round(dice.uniform(0.1, 1.0), 2) for b in workers},
            away=frozenset(i.block_h.keys() - workers.keys()), max_machines=max(workers.values(), default=0),
        )  # fmt: skip
        i = replace(
            i,
            group_gpus={**i.group_gpus, g: 1},
            offers={**i.offers, g: offer},
            deployment_gpus={**i.deployment_gpus, c: 1},
            deployment_groups={**i.deployment_groups, c: (g,)},
            queue_slope={**i.queue_slope, c: 1.0},
            queue_loss={**i.queue_loss, c: loss},
            rate_req_s={**i.rate_req_s, **rate},
            admitted=i.admitted | {(k, g) for k in classes},
        )
    return i


def brute_force(i: FleetInputs) -> float | None:
    """Every number of workers of every endpoint in every block, and the best of all the rest for what they leave."""
    endpoints = [o for o, offer in i.offers.items() if offer.workers]
    places = [(o, b, w) for o in endpoints for b, w in i.offers[o].workers.items()]
    rest = replace(
        i,
        offers={o: offer for o, offer in i.offers.items() if o not in endpoints},
        group_gpus={g: n for g, n in i.group_gpus.items() if g not in endpoints},
        deployment_gpus={c: n for c, n in i.deployment_gpus.items() if not c.startswith("worker")},
        deployment_groups={c: g for c, g in i.deployment_groups.items() if not c.startswith("worker")},
        rate_req_s={label: r for label, r in i.rate_req_s.items() if not label[0].startswith("worker")},
    )
    best: float | None = None
    for counts in itertools.product(*(range(w + 1) for _, _, w in places)):
        usd, left, possible = 0.0, dict(i.demand_req_s), True
        for (o, b, w), n in zip(places, counts, strict=True):
            offer, c = i.offers[o], next(c for c, groups in i.deployment_groups.items() if groups == (o,))
            usd += n * offer.usd_h * offer.billed_share[b] * i.block_h[b]
            part = {k: i.demand_req_s[k, b] * n / w for k in i.class_workload
                    if (k, o) in i.admitted and (k, b) in i.demand_req_s}  # fmt: skip
            work = sum(y / i.rate_req_s[c, k] for k, y in part.items())
            possible = possible and (n == 0 or work + i.queue_loss[c] <= n + 1e-9)
            for k, y in part.items():
                left[k, b] -= y
        if not possible or min(left.values(), default=0.0) < -1e-9 or (best is not None and usd >= best):
            continue
        left = {label: d for label, d in left.items() if d > 1e-9}
        more = BruteForce(replace(rest, demand_req_s=left)).cheapest()
        if more is not None and (best is None or usd + more < best):
            best = usd + more
    return best


def compared(seeds: range) -> tuple[int, int]:
    """How many of these fleets can be served at all, and how many plans use an endpoint."""
    served = used = 0
    for seed in seeds:
        i = with_endpoints(seed)
        expected, found = brute_force(i), search(i, EXACT)
        assert (found.usd_month is None) == (expected is None), seed
        if expected is not None:
            served += 1
            assert found.usd_month == pytest.approx(expected, rel=AGREE, abs=AGREE), seed
            assert found.bound_usd_month == pytest.approx(expected, rel=1e-5, abs=1e-5), seed
            used += any(i.offers[o].workers for run in found.runs for o in run.hourly)
    return served, used


def test_plans_with_endpoints_are_as_good_as_trying_everything():
    served, used = compared(range(8))
    assert served >= 6 and used >= 3


@pytest.mark.long
def test_many_plans_with_endpoints_are_as_good_as_trying_everything():
    served, used = compared(range(8, 128))
    assert served >= 90 and used >= 40


# --- from the problem file to the audit

known = cache(load_catalog)
TODAY = date(2026, 11, 24)
EXAMPLE = (Path(__file__).parents[1] / "problems" / "serverless.yaml").read_text(encoding="utf-8")
INTERACTIVE = ("{e2e_ms: 90_000, percentile: p95}", "{ttft_ms: 2000, percentile: p95}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serverless")


def asked(folder: Path, *changes: tuple[str, str]) -> ProblemFile:
    """The example with some of its words replaced."""
    text = EXAMPLE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "serverless.yaml"
    path.write_text(text, encoding="utf-8")
    return planner.load(path, known())


def solved(folder: Path, *changes: tuple[str, str]) -> Plan:
    return planner.solve(asked(folder, *changes), known(), today=TODAY)


def requests_a_day(n: float) -> tuple[str, str]:
    return "requests_day: 400", f"requests_day: {n:g}"


def bought(plan: Plan) -> dict[str, float]:
    return {p.term: round(p.hours_month) for p in plan.purchases}


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    return solved(folder)


def test_the_bill_is_that_of_the_seconds_that_workers_run(plan):
    (purchase,) = plan.purchases
    assert purchase.term == "serverless" and purchase.endpoint is not None
    assert not any(each.warm for each in purchase.endpoint.hours)
    # on for starts x 45 s, and from the last request of each cycle on for the 20 s of idle time at the least
    month_h = {block.label: block.month_h for block in plan.blocks}
    starts = sum(each.starts_h * month_h[each.block] for each in purchase.endpoint.hours)
    assert starts * (45 + 20) / 3600 < purchase.hours_month < plan.workloads[0].requests_month * (45 + 20 + 10) / 3600
    assert plan.usd_month == pytest.approx(purchase.hours_month * 0.00031 * 3600)
    assert [line.line for line in plan.costs] == ["serverless workers"]


def test_a_machine_by_the_hour_wins_once_there_is_enough_to_do(folder):
    busy = solved(folder, requests_a_day(20_000))
    assert max(busy.purchases, key=lambda p: p.usd_month).term == "on-demand"
    nobody = solved(folder, requests_a_day(10))
    # nobody shares a start: each request is billed 45 s, its own time on a full worker (17 s) and 20 s
    assert nobody.usd_month == pytest.approx(10 * 365 / 12 * (45 + 17 + 20) * 0.00031, rel=0.01)


def test_where_too_many_would_wait_workers_are_kept_warm_or_machines_rented(folder):
    # the first token in 2 s at p95, and most would wait 45 s: a machine by the hour costs less than a warm worker
    plain = solved(folder, INTERACTIVE)
    assert bought(plain) == {"on-demand": 730}
    cheap = ("warm_usd_gpu_s: 0.00021 ", "warm_usd_gpu_s: 0.00015 ")
    warm = solved(folder, INTERACTIVE, cheap)
    assert warm.purchases[0].endpoint is not None and all(each.warm for each in warm.purchases[0].endpoint.hours)
    assert warm.usd_month == pytest.approx(730 * (1 + 45 / 3600) * 0.00015 * 3600)
    # a start that takes no longer than the objective leaves time to wait is no reason to keep any
    quick = planner.solve(
        asked(folder, INTERACTIVE, ("cold_start_s: 45 ", "cold_start_s: 0.5 ")), catalog=known(), today=TODAY
    )
    assert not any(each.warm for each in quick.purchases[0].endpoint.hours)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("    slo:", "    min_replicas: 1\n    slo:"), "serverless: replicas that are to run always"),
        (("{machine: false}", "{machine: false, provider: true}"), "serverless: what must go on"),
        (("    slo: {e2e_ms: 90_000, percentile: p95}", "    deferrable: {hours_of_day: 20-08}"), "that may wait"),
        (("      idle_s:", "      max_workers: 0\n      idle_s:"), "an endpoint needs more workers than there may be"),
        (("      gpu: rtx-4090", "      gpu: rtx-4090\n      gpus: 8"), "no deployment takes just a worker"),
        (("  max_term_months: 0", "  terms: [on-demand]"), "term not allowed"),
    ],
)  # fmt: skip
def test_what_is_not_sent_to_workers_is_told(folder, change, reason):
    plan = solved(folder, change)
    assert all(p.term != "serverless" for p in plan.purchases)
    assert any(reason in dropped.reason for dropped in plan.dropped)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("gpu: rtx-4090", "gpu: rtx-4089"), "no such name in catalogs/gpus.csv"),
        (("cold_start_s: 45 ", "cold_start_s: -1 "), "cold_start_s"),
        (("      idle_s: 20 ", "      # idle_s: 20 "), "idle_s"),
    ],
)
def test_bad_quotes_are_told_with_their_place(folder, change, words):
    with pytest.raises(InputError) as raised:
        asked(folder, change)
    assert raised.value.exit_code == 2
    assert words in str(raised.value) and "serverless" in str(raised.value)


def audited(folder: Path, plan: Plan, *changes: tuple[str, str]) -> list[str]:
    problem, catalog = asked(folder, *changes), known()
    return workers_by_the_second(
        Evidence(
            plan=plan,
            problem=canonicalize(problem.problem, catalog),
            load=reduce_traffic(problem.problem, problem.folder, catalog),
            catalog=catalog,
            performance=None,
        )
    ).breaches


def bent(plan: Plan, **new: Any) -> Plan:
    """The plan with its endpoint told otherwise; `hours` changes its first hours."""
    (purchase,) = plan.purchases
    endpoint = purchase.endpoint
    assert endpoint is not None
    if "hours" in new:
        new["hours"] = (endpoint.hours[0].model_copy(update=new["hours"]), *endpoint.hours[1:])
    endpoint = endpoint.model_copy(update=new)
    return plan.model_copy(update={"purchases": (purchase.model_copy(update={"endpoint": endpoint}),)})


def test_the_audit_recounts_what_workers_run(folder, plan):
    assert audited(folder, plan) == []
    assert Plan.from_json(plan.to_json()) == plan
    first = plan.purchases[0].endpoint.hours[0]
    for key in ("billed_share", "starts_h", "cold_share"):
        less = bent(plan, hours={key: 0.99 * getattr(first, key)})
        assert any("recomputed" in breach for breach in audited(folder, less)), key
    assert any("another number" in breach for breach in audited(folder, bent(plan, hours={"workers": 2})))
    assert any("no quote has such" in breach for breach in audited(folder, bent(plan, idle_s=5)))
    assert any("no quote has such" in breach for breach in audited(folder, bent(plan, cold_start_billed=False)))
    assert any("no quote has such" in breach for breach in audited(folder, bent(plan, warm_usd_h=0.1)))
    assert any("run something else" in breach for breach in audited(folder, bent(plan, deployment="llama")))
    assert any("others are sent there" in breach for breach in audited(folder, bent(plan, workload="chat")))
    # a rule of the problem that the plan was not made for
    few = ("      idle_s:", "      max_workers: 0\n      idle_s:")
    assert any("1 workers, at most 0 may be" in breach for breach in audited(folder, plan, few))
    always = ("    slo:", "    min_replicas: 1\n    slo:")
    assert any("or is to run always" in breach for breach in audited(folder, plan, always))
    provider = ("{machine: false}", "{machine: false, provider: true}")
    assert any("should a place be lost" in breach for breach in audited(folder, plan, provider))
    pools = ("    slo:", "    interruptible: true\n    slo:"), ("resilience:", "spot: {kept_share: 0.5}\nresilience:")
    assert any("should a place be lost" in breach for breach in audited(folder, plan, *pools))
    late = [breach for breach in audited(folder, plan, INTERACTIVE) if "wait for a cold start" in breach]
    assert late and "p95 leaves 0.05, and its workers are not kept warm" in late[0]


def test_the_page_shows_what_the_command_prints(plan):
    console = Console(width=80, file=io.StringIO(), color_system=None)
    show_plan(plan, console)
    text = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
    page = (Path(__file__).parents[1] / "docs" / "serverless.md").read_text(encoding="utf-8")
    shown = page.split("$ plan solve serverless\n")[1].split("```")[0].split("...\n")
    assert len(shown) == 2
    for part in shown:
        assert part.strip("\n") in text
    assert "When to run what is billed by the hour or second" in text


def test_the_tables_have_a_row_for_each_endpoint_and_block(plan):
    rows = tables_of(plan)["endpoints.csv"][1]
    assert [row["block"] for row in rows] == list(plan.purchases[0].machines_by_block)
    assert {(row["workload"], row["workers"], row["warm"]) for row in rows} == {("drafts", 1, False)}


def test_a_sweep_moves_the_price_of_workers(folder):
    problem, catalog = asked(folder).problem, known()
    for key, value, factor in (("price.serverless", 2.0, 2.0), ("price.rtx-4090.usd_gpu_h", 0.558, 0.5)):
        (quote,) = scaled(problem, catalog, {key: value})[0].procurement.serverless
        assert quote.usd_gpu_s == pytest.approx(factor * 0.00031)
        assert quote.warm_usd_gpu_s == pytest.approx(factor * 0.00021)
