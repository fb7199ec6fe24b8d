"""Problems small enough to solve on paper: what each feature is worth, with the arithmetic beside the answer.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a replica serves 1 and stands on one
GPU; a machine costs $2/h.  $1,400 a month.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fleets import chat_fleet, committed, rented

from planner.inputs import FleetInputs, Loss, MinimumOrder, Quota, Window
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings


def plan(inputs: FleetInputs) -> Solution:
    return search(inputs, Settings(gap=0.0, time_limit_s=30))


def usd(inputs: FleetInputs) -> float:
    found = plan(inputs)
    assert found.ended is Ended.OPTIMAL
    assert found.bound_usd_month == pytest.approx(found.usd_month, rel=1e-6, abs=1e-5)
    assert found.usd_month is not None
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def rented_in(found: Solution, offer: str = "by hour") -> dict[str, int]:
    return {run.block: run.hourly.get(offer, 0) for run in found.runs}


def test_machines_by_the_hour_follow_the_load():
    # 4 x 2 x 100 + 1 x 2 x 300
    assert usd(chat_fleet()) == is_usd(1400)
    assert rented_in(plan(chat_fleet())) == {"day": 4, "night": 1}


@pytest.mark.parametrize(("commitment_usd_h", "committed_machines"), [(0.49, 4), (0.51, 1), (1.99, 1), (2.01, 0)])
def test_a_commitment_pays_off_above_the_use_at_which_prices_meet(commitment_usd_h, committed_machines):
    # The first machine is used 400 of 400 hours, the others 100 of 400: worth 2 x 400/400 and 2 x 100/400 = $0.50/h
    fleet = chat_fleet(offers={"by hour": rented(), "year": committed(commitment_usd_h)})
    assert plan(fleet).always.get("year", 0) == committed_machines


def test_a_machine_of_eight_is_paid_whole():
    # 4 replicas by day and 1 at night stand on one machine of 8 GPUs: 16 x 400
    assert usd(chat_fleet(group_gpus={"h100": 8}, offers={"by hour": rented(16.0)})) == is_usd(6400)
    # 9 requests/s need 9 GPUs: two machines by day
    nine = chat_fleet(
        group_gpus={"h100": 8},
        offers={"by hour": rented(16.0)},
        demand_req_s={("chat", "day"): 9.0, ("chat", "night"): 1.0},
    )
    assert usd(nine) == is_usd(2 * 16 * 100 + 16 * 300)


def mixed(gpus: int, **requests: float) -> FleetInputs:
    """One model per size tp1 ... tp8; each replica serves 1 request/s; one block of 100 hours at $1/h per machine."""
    sizes = {c: int(c[2:]) for c in requests}
    return chat_fleet(
        month_h=100.0,
        block_h={"all": 100.0},
        block_week_h={"all": 1},
        group_gpus={"h100": gpus},
        offers={"by hour": rented(1.0), "year": committed(5.0)},
        deployment_gpus=sizes,
        deployment_groups=dict.fromkeys(sizes, ("h100",)),
        queue_slope=dict.fromkeys(sizes, 1.0),
        queue_loss=dict.fromkeys(sizes, 0.0),
        class_workload={c: c for c in sizes},
        demand_req_s={(c, "all"): n for c, n in requests.items()},
        rate_req_s={(c, c): 1.0 for c in sizes},
        admitted=frozenset((c, "h100") for c in sizes),
    )


@pytest.mark.parametrize(
    ("gpus", "requests", "machines"),
    [
        (8, {"tp8": 1, "tp4": 1, "tp2": 1, "tp1": 2}, 2),  # 8 and 4 + 2 + 1 + 1
        (8, {"tp4": 3}, 2),
        (6, {"tp4": 3, "tp2": 1}, 3),  # 14 GPUs of 18, but 4s stand alone on machines of 6
        (6, {"tp4": 2, "tp2": 2}, 2),
        (3, {"tp2": 3}, 3),  # 6 GPUs, yet three machines of 3
        (3, {"tp2": 2, "tp1": 2}, 2),
        (4, {"tp8": 1, "tp1": 1}, 3),
    ],
)
def test_replicas_are_packed_machine_by_machine(gpus, requests, machines):
    assert usd(mixed(gpus, **requests)) == is_usd(100 * machines)


@pytest.mark.parametrize("billing", ["hourly", "always"])
def test_machines_that_replicas_do_not_fill_can_be_bought_in_number(billing):
    # three replicas of 2 GPUs on machines of 3: three machines, however they are billed
    fleet = mixed(3, tp2=3)
    offer = rented(1.0) if billing == "hourly" else committed(1.0)
    assert usd(replace(fleet, offers={"only": offer}, provider_usd_month=10.0)) == is_usd(3 * 100 + 10)


def test_waiting_costs_replicas_once_a_deployment_runs():
    # a n - b >= 4 with a = 0.9, b = 0.5: n = ceil(4.5 / 0.9) = 5; at night ceil(1.5 / 0.9) = 2
    fleet = chat_fleet(queue_slope={"llama": 0.9}, queue_loss={"llama": 0.5})
    assert usd(fleet) == is_usd(5 * 2 * 100 + 2 * 2 * 300)
    assert {r.block: r.replicas["llama", "h100"] for r in plan(fleet).runs} == {"day": 5, "night": 2}


def with_spot(share: float) -> FleetInputs:
    return chat_fleet(
        group_gpus={"h100": 1, "spot": 1},
        spot_groups=frozenset({"spot"}),
        offers={"by hour": rented(), "spot": rented(0.5, group="spot")},
        deployment_groups={"llama": ("h100", "spot")},
        admitted=frozenset({("chat", "h100"), ("chat", "spot")}),
        spot_max_share={"chat": share},
    )


def test_spot_carries_its_share_and_no_more():
    # by day 2 spot and 2 firm, (2 x 0.5 + 2 x 2) x 100; at night one firm machine does it all, 2 x 300:
    # half on spot would be two machines
    assert usd(with_spot(0.5)) == is_usd(500 + 600)
    assert usd(with_spot(1.0)) == is_usd(0.5 * 1400 / 2)  # all on spot: 4 x 0.5 x 100 + 0.5 x 300


def test_a_short_peak_goes_to_the_api_when_that_is_cheaper():
    # a fifth of a machine for 100 h costs $200 as a machine of one's own, 0.2 x 100 x $6 = $120 as tokens
    demand = {("chat", "day"): 3.2, ("chat", "night"): 1.0}
    fleet = chat_fleet(demand_req_s=demand, api_usd_h={("chat", "api"): 6.0})
    assert usd(fleet) == is_usd(3 * 2 * 100 + 120 + 600)
    assert usd(replace(fleet, api_usd_h={("chat", "api"): 11.0})) == is_usd(1400)  # 0.2 x 100 x 11 = $220


def test_an_api_stops_at_its_rate_limit():
    # $1 per request/s and hour beats $2, but only 1.5 of them: by day 3 machines and 1 more request/s
    fleet = chat_fleet(api_usd_h={("chat", "api"): 1.0}, api_max_req_s={("chat", "api"): 1.5})
    assert usd(fleet) == is_usd(3 * 2 * 100 + 1 * 100 + 300)
    assert usd(replace(fleet, api_max_req_s={})) == is_usd(4 * 100 + 300)


def test_a_quota_sends_the_rest_elsewhere():
    # 2 machines of $2, the other 2 by day from a dearer offer at $3
    offers = {"by hour": rented(), "dear": rented(3.0, provider="other")}
    quota = {"acme": Quota(weight={"by hour": 1}, limit=2)}
    assert usd(chat_fleet(offers=offers, quotas=quota)) == is_usd((2 * 2 + 2 * 3) * 100 + 600)


def test_a_quota_too_small_for_the_load_is_named():
    found = plan(chat_fleet(quotas={"acme": Quota(weight={"by hour": 1}, limit=3)}))
    assert found.ended is Ended.INFEASIBLE
    assert found.usd_month is None
    assert set(found.in_the_way) == {"within_quota", "serve_demand"}


def test_a_minimum_order_is_taken_only_where_all_of_it_pays():
    # at $0.60/h one committed machine saves (2 - 0.6) x 400 = $560, each other costs 0.6 x 400 - 200 = $40 more
    offers = {"by hour": rented(), "year": committed(0.6)}

    def at_least(machines: int) -> FleetInputs:
        return chat_fleet(offers=offers, minimum_orders={"pod": MinimumOrder(offers=("year",), machines=machines)})

    assert usd(at_least(1)) == is_usd(1400 - 560)
    assert usd(at_least(3)) == is_usd(1400 - 560 + 2 * 40)
    assert usd(at_least(8)) == is_usd(1400)  # 8 x 0.6 x 400 = $1,920


def test_a_minimum_rental_bridges_the_quiet_hours():
    # load in hours 0 and 2 of 6: three hours on end, or two single hours at $2, which is less above $4/3
    hours = {f"{h}": 1.0 for h in range(6)}
    story: dict[str, Any] = {
        "month_h": 6.0,
        "block_h": hours,
        "block_week_h": dict.fromkeys(hours, 1),
        "blocks_in_order": True,
        "demand_req_s": {("chat", "0"): 1.0, ("chat", "2"): 1.0},
    }
    for usd_h, expected in ((1.0, 3 * 1.0), (1.5, 2 * 2.0)):
        offers = {"by hour": rented(), "stretch": rented(usd_h, billing="stretch", minimum_rental_h=3)}
        assert usd(chat_fleet(offers=offers, **story)) == is_usd(expected)
    only = {"stretch": rented(1.0, billing="stretch", minimum_rental_h=4)}
    assert usd(chat_fleet(offers=only, **story)) == is_usd(4)


def test_upfront_cash_limits_the_commitments():
    # free by the hour and $150 upfront each (interest $5): each saves money, but the cash is for two
    offers = {"by hour": rented(), "paid ahead": committed(0.1, upfront_usd=150.0, capital_usd_month=5.0)}
    # 1st saves 800 - 45, the others 200 - 45
    assert usd(chat_fleet(offers=offers)) == is_usd(1400 - 755 - 3 * 155)
    assert usd(chat_fleet(offers=offers, max_upfront_usd=300.0)) == is_usd(1400 - 755 - 155)
    assert usd(chat_fleet(offers=offers, max_upfront_usd=299.0)) == is_usd(1400 - 755)


def test_a_budget_is_kept_or_there_is_no_plan():
    assert usd(chat_fleet(budget_usd_month=1400.0)) == is_usd(1400)
    found = plan(chat_fleet(budget_usd_month=1399.0))
    assert found.ended is Ended.INFEASIBLE
    assert set(found.in_the_way) == {"within_budget", "serve_demand"}


def test_a_second_provider_must_earn_its_fixed_cost():
    # two machines at $1 save 1 x 2 x 100 by day and 1 x 300 at night: $500
    offers = {"by hour": rented(), "cheap": rented(1.0, provider="other", max_machines=2)}
    assert usd(chat_fleet(offers=offers, provider_usd_month=499.0)) == is_usd(1400 - 500 + 2 * 499)
    assert usd(chat_fleet(offers=offers, provider_usd_month=501.0)) == is_usd(1400 + 501)


def test_a_fleet_of_ones_own_must_earn_its_fixed_cost():
    # 700 requests/s-hours a month at $5 from an API are $3,500, against $1,400 and the fixed cost
    fleet = chat_fleet(api_usd_h={("chat", "api"): 5.0})
    assert usd(replace(fleet, self_host_usd_month=2099.0)) == is_usd(1400 + 2099)
    found = plan(replace(fleet, self_host_usd_month=2101.0))
    assert found.usd_month == is_usd(3500)
    assert not any(run.replicas or run.hourly for run in found.runs)


def deferred(requests_s_h: float, **other: Any) -> FleetInputs:
    """The story, and summaries that may wait for the night: so many hours of one replica."""
    window = Window(blocks=("night",), requests_month={"summaries": 3600 * requests_s_h}, api_usd_request={})
    fleet = chat_fleet(
        class_workload={"chat": "chat", "summaries": "batch"},
        rate_req_s={("llama", "chat"): 1.0, ("llama", "summaries"): 1.0},
        admitted=frozenset({("chat", "h100"), ("summaries", "h100")}),
        windows={"nights": window},
    )
    return replace(fleet, **other)


def test_work_that_may_wait_fills_committed_hours_first():
    # 4 commitments stand idle 3 x 300 h at night: 900 replica-hours are free, 1 more hour of the week costs 100 h x $2
    offers = {"by hour": rented(), "year": committed(0.1)}
    idle = {"offers": {**offers, "year": committed(0.1, existing=4)}}
    assert usd(deferred(900, **idle)) == is_usd(0)
    assert usd(deferred(901, **idle)) == is_usd(200)
    assert usd(deferred(450, offers=offers)) == is_usd(4 * 0.1 * 400)


def test_work_that_may_wait_is_rented_by_whole_hours():
    # the night is 3 hours of the week, 100 h a month each: one replica for one, two, three of them
    assert usd(deferred(100)) == is_usd(1400 + 200)
    assert usd(deferred(101)) == is_usd(1400 + 400)
    assert usd(deferred(300)) == is_usd(1400 + 600)


def test_one_hour_of_a_block_may_do_all_the_work_of_its_window():
    # nothing else runs: $200 for one hour of the week, not a machine idling through three; fixed costs once
    alone = deferred(100, demand_req_s={})
    assert usd(alone) == is_usd(200)
    assert usd(replace(alone, provider_usd_month=5.0, self_host_usd_month=7.0)) == is_usd(212)


def test_work_that_may_wait_goes_to_the_api_when_that_is_cheaper():
    fleet = deferred(50)
    window = replace(fleet.windows["nights"], api_usd_request={"summaries": 3.0 / 3600})
    # 50 x $3 = $150, under the $200 of an hour; at $5 it is $250
    assert usd(replace(fleet, windows={"nights": window})) == is_usd(1400 + 150)
    dear = replace(window, api_usd_request={"summaries": 5.0 / 3600})
    assert usd(replace(fleet, windows={"nights": dear})) == is_usd(1400 + 200)
    few = replace(window, api_max_requests={"summaries": 49 * 3600.0})
    assert usd(replace(fleet, windows={"nights": few})) == is_usd(1400 + 200)


def test_machines_already_paid_for_cost_nothing_and_may_stand_idle():
    # two are there: by day 2 more
    some = chat_fleet(offers={"owned": committed(9.0, existing=2), "by hour": rented()})
    assert usd(some) == is_usd(2 * 2 * 100)
    free = chat_fleet(offers={"owned": committed(9.0, existing=9), "by hour": rented()})
    assert usd(free) == is_usd(0)
    assert plan(free).always == {"owned": 9}


def test_egress_is_paid_where_the_work_is_done():
    # $1.50/h beats $2.00, but not with $0.60 of egress per request/s and hour
    offers = {"by hour": rented(), "far": rented(1.5, group="far")}
    fleet = chat_fleet(
        group_gpus={"h100": 1, "far": 1},
        offers=offers,
        deployment_groups={"llama": ("h100", "far")},
        admitted=frozenset({("chat", "h100"), ("chat", "far")}),
    )
    assert usd(fleet) == is_usd(1400 * 0.75)
    assert usd(replace(fleet, egress_usd_h={("chat", "far"): 0.6})) == is_usd(1400)
    assert usd(replace(fleet, egress_usd_h={("chat", "far"): 0.4})) == is_usd(1400 * 0.95)


def test_a_class_is_served_only_where_it_is_admitted():
    found = plan(chat_fleet(admitted=frozenset()))
    assert found.ended is Ended.INFEASIBLE
    assert found.in_the_way == ("serve_demand",)


def test_a_spare_machine_by_day_and_by_night():
    # one machine more in all 400 hours: 1,400 + 400 x 2
    assert usd(chat_fleet(protected=frozenset({"chat"}))) == is_usd(2200)
    # half of the load is enough: 2 of the 4 must survive, and of the night's 1 one, so only the night needs a second
    assert usd(chat_fleet(protected=frozenset({"chat"}), kept_share=0.5)) == is_usd(1400 + 300 * 2)
    # nothing of it needs a machine that an API can take over in full: dearer than 2, but no spare at night
    bought = chat_fleet(protected=frozenset({"chat"}), api_usd_h={("chat", "api"): 3.0})
    assert usd(bought) == is_usd((4 + 1) * 2 * 100 + 3 * 1 * 300)


def test_the_spare_does_work_that_can_wait():
    # 180,000 requests a month in 100 hours of day are 0.5 requests/s: on the spare, free of charge
    window = Window(blocks=("day",), requests_month={"batch": 180_000.0}, api_usd_request={})
    inputs = chat_fleet(
        class_workload={"chat": "chat", "batch": "batch"},
        demand_req_s={("chat", "day"): 4.0},
        windows={"days": window},
        block_week_h={"day": 1, "night": 3},
        rate_req_s={("llama", "chat"): 1.0, ("llama", "batch"): 1.0},
        admitted=frozenset({("chat", "h100"), ("batch", "h100")}),
        protected=frozenset({"chat"}),
    )
    assert usd(inputs) == is_usd(5 * 2 * 100)
    assert usd(replace(inputs, protected=frozenset())) == is_usd(5 * 2 * 100)  # it takes the fifth machine anyway


def test_small_machines_make_a_small_spare():
    # 4 requests/s: two machines of 4 GPUs at $7/h, one of them spare, are $14; five of 1 GPU at $2/h are $10
    inputs = chat_fleet(
        group_gpus={"h100": 1, "quad": 4},
        offers={"by hour": rented(), "quad": rented(7.0, group="quad")},
        deployment_groups={"llama": ("h100", "quad")},
        admitted=frozenset({("chat", "h100"), ("chat", "quad")}),
        demand_req_s={("chat", "day"): 4.0},
    )
    assert usd(inputs) == is_usd(700)
    assert usd(replace(inputs, protected=frozenset({"chat"}))) == is_usd(1000)


def test_a_quota_that_leaves_no_room_for_a_spare_is_in_the_way_beside_the_promise():
    inputs = chat_fleet(protected=frozenset({"chat"}), quotas={"4 GPUs": Quota(weight={"by hour": 1.0}, limit=4)})
    found = plan(inputs)
    assert found.ended is Ended.INFEASIBLE
    assert {"within_quota", "survive_machine_loss"} <= set(found.in_the_way)


def taken_back(kept_share: float) -> dict[str, Loss]:
    """Either pool may be taken back, and so much of chat stays served."""
    here = ("pool a", "pool b")
    return {g: Loss(groups=frozenset({g}), kept_share={"chat": kept_share}, taken_back=True) for g in here}


def two_places(**other: Any) -> FleetInputs:
    """The story with the same machine of two providers, at $2/h and at $3/h."""
    here = ("h100", "elsewhere")
    return chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        offers={"by hour": rented(), "elsewhere": rented(3.0, group="elsewhere", provider="other")},
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        losses={g: Loss(groups=frozenset({g}), kept_share={"chat": 1.0}) for g in here},
        **other,
    )


def test_what_a_lost_provider_serves_stands_ready_at_the_other():
    # all of it twice, wherever it is served
    assert usd(two_places()) == is_usd((4 * 2 + 4 * 3) * 100 + (2 + 3) * 300)
    # half is enough: 2 and 2 by day; one of each at night, where half a machine's work cannot be bought
    half = {g: Loss(groups=frozenset({g}), kept_share={"chat": 0.5}) for g in ("h100", "elsewhere")}
    found = plan(replace(two_places(), losses=half))
    assert found.usd_month == is_usd((2 * 2 + 2 * 3) * 100 + (2 + 3) * 300)
    assert all(w <= 2 + 1e-6 for run in found.runs for w in run.ready.values())  # no more than the loss asks for
    # nothing is lost with it: the promise does not bind
    none = {"third": Loss(groups=frozenset({"third"}), kept_share={"chat": 1.0})}
    assert usd(replace(two_places(), losses=none)) == is_usd(1400)


def test_what_an_api_sells_goes_on_unless_it_is_lost_too():
    # at $1.4/h per request/s the API serves all of the day and the night, whoever fails
    sold = two_places(api_usd_h={("chat", "api"): 1.4})
    assert usd(sold) == is_usd(1.4 * (4 * 100 + 1 * 300))
    # lost with the first provider: the other one must stand ready for all of it
    losses = {g: replace(lost, apis=frozenset({"api"})) for g, lost in sold.losses.items() if g == "h100"}
    assert usd(replace(sold, losses=losses)) == is_usd((4 * 3) * 100 + 3 * 300)


def test_a_spare_machine_and_a_lost_provider_are_survived_one_at_a_time():
    # 4 and 4 stand ready for each other's loss; that any one machine may fail costs nothing beside that: 3 requests/s
    # here, 1 there, and either pool has a machine to lose
    both = two_places(protected=frozenset({"chat"}))
    assert usd(both) == is_usd((4 * 2 + 4 * 3) * 100 + (2 + 3 + 2) * 300)  # at night one pool of two serves the one


def test_a_quota_on_one_provider_is_in_the_way_beside_the_promise():
    found = plan(two_places(quotas={"3 GPUs": Quota(weight={"elsewhere": 1.0}, limit=3)}))
    assert found.ended is Ended.INFEASIBLE
    assert {"within_quota", "survive_place_loss"} <= set(found.in_the_way)


def pools(**other: Any) -> FleetInputs:
    """The story with two spot pools at $0.5/h and $1/h beside the machine at $2/h."""
    here = ("h100", "pool a", "pool b")
    return chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        spot_groups=frozenset(here[1:]),
        offers={"by hour": rented(), "a": rented(0.5, group="pool a"), "b": rented(1.0, group="pool b")},
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        **other,
    )


def test_interruptions_cost_a_machine_more():
    assert usd(pools()) == is_usd(4 * 0.5 * 100 + 1 * 0.5 * 300)
    # at 0.8 of their time, 4 requests/s need 5 machines and 1 needs 2: dearer than one of pool b at night? 2 x 0.5 = 1
    lossy = pools(serving_share={"pool a": 0.8})
    assert usd(lossy) == is_usd(5 * 0.5 * 100 + 2 * 0.5 * 300)
    # at 0.4 they need 10 by day, $5, where 4 of pool b are $4; 3 by night, $1.5, where one of pool b is $1
    assert usd(pools(serving_share={"pool a": 0.4})) == is_usd(4 * 1 * 100 + 1 * 1 * 300)


def test_what_may_be_lost_with_a_pool_is_bought_twice():
    # half must stay: 2 of the day's 4 from each pool; of the night's 1 half a machine's work each, a machine of both
    assert usd(pools(losses=taken_back(0.5))) == is_usd((2 * 0.5 + 2 * 1) * 100 + (0.5 + 1) * 300)
    # all must stay: 4 of pool a, with 4 of pool b that run warm beside them, are cheaper than 4 that are never lost
    assert usd(pools(losses=taken_back(1.0))) == is_usd((4 * 0.5 + 4 * 1) * 100 + (0.5 + 1) * 300)
    # with one pool only, what is kept warm for it is firm: 4 x 0.5 + 4 x 2 are dearer than the 4 firm ones alone
    alone = pools(losses=taken_back(1.0))
    alone = replace(alone, offers={o: offer for o, offer in alone.offers.items() if o != "b"})
    assert usd(alone) == is_usd(1400)
    # a quarter must stay: 1 firm machine of the day's 4 serves beside 3 of the pool; the night needs the firm one
    assert usd(replace(alone, losses=taken_back(0.25))) == is_usd((3 * 0.5 + 2) * 100 + 2 * 300)


def test_the_dual_of_a_pool_is_what_its_share_saves():
    # one more request/s by day on pool a instead of pool b: 0.5 x 100
    less, more = (usd(pools(losses=taken_back(share))) for share in (0.5, 0.25))
    assert less - more == is_usd(0.5 * 100)  # 3 and 1 by day; at night 0.75 and 0.25 still need one machine each


def test_what_is_not_asked_for_is_never_in_the_way():
    # 3.5 requests/s need 4 machines, 1,400 with the night; 3.5 of them would be within the budget
    fleet = chat_fleet(demand_req_s={("chat", "day"): 3.5, ("chat", "night"): 1.0}, budget_usd_month=1350.0)
    found = search(fleet, Settings(gap=0.0, time_limit_s=30))
    assert found.ended is Ended.INFEASIBLE
    assert set(found.in_the_way) == {"within_budget", "serve_demand"}
