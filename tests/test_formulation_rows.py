"""Each family of rows alone: set the values of a few variables and ask which rows hold.  No solver."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from fleets import chat_fleet, committed, rented
from pulp import LpMinimize, LpProblem

from planner.formulation import ROWS
from planner.formulation.variables import create_variables, most_machines
from planner.inputs import Blend, FewKinds, FleetInputs, Loss, MinimumOrder, Offer, Proved, Quota, Tariff, Window

FAMILIES = {rows.name: rows for rows in ROWS}


def broken(name: str, inputs: FleetInputs, **values: dict[Any, float] | float) -> set[tuple[str, ...]]:
    """Labels of the rows of a family that these values break; every other variable is 0."""
    problem = LpProblem("alone", LpMinimize)
    v = create_variables(problem, inputs, operation="whole")
    for kind in fields(v):
        held = getattr(v, kind.name)
        for variable in held.values() if isinstance(held, dict) else [held]:
            if variable is not None and not isinstance(variable, list):
                variable.varValue = 0
    for kind, given in values.items():
        if isinstance(given, dict):
            for label, value in given.items():
                getattr(v, kind)[label].varValue = value
        else:
            getattr(v, kind).varValue = given
    return {label for label, row in FAMILIES[name](inputs, v) if not holds(row)}


def holds(row: Any) -> bool:
    """PuLP 4 has no `valid` that can be trusted before a row is added: a row is "expression sense 0"."""
    value = sum(coefficient * variable.varValue for variable, coefficient in row.items()) + row.constant
    return {-1: value <= 1e-9, 0: abs(value) <= 1e-9, 1: value >= -1e-9}[int(row.sense)]


def on(c: str = "llama", b: str = "day", k: str = "chat", g: str = "h100") -> tuple[str, str, str, str]:
    return k, c, g, b


def test_every_family_has_a_test_here():
    text = open(__file__, encoding="utf-8").read()  # noqa: PTH123, SIM115
    assert not [name for name in FAMILIES if f'"{name}"' not in text]


def test_every_request_of_the_hour_is_served_by_the_fleet_or_an_api():
    fleet = chat_fleet(api_usd_h={("chat", "api"): 5.0})
    served = {on(): 3.0, on(b="night"): 1.0}
    assert broken("serve_demand", fleet, served=served, api={("chat", "api", "day"): 1.0}) == set()
    assert broken("serve_demand", fleet, served=served) == {("chat", "day")}  # 3 of 4
    assert broken("serve_demand", fleet, served={**served, on(): 5.0}) == {("chat", "day")}  # nor more than is asked


def test_apis_serve_no_more_of_a_workload_than_its_share():
    fleet = chat_fleet(api_usd_h={("chat", "api"): 1.0, ("chat", "other"): 2.0}, api_max_share={"chat": 0.5})
    both = {("chat", "api", "day"): 1.0, ("chat", "other", "day"): 1.0}  # 2 of 4
    assert broken("within_api_share", fleet, api=both) == set()
    assert broken("within_api_share", fleet, api={**both, ("chat", "api", "night"): 0.6}) == {("chat", "night")}
    # of a fleet that is given, what nobody serves counts as not asked for
    given = replace(fleet, api_usd_h={**fleet.api_usd_h, ("chat", "nobody"): 9.0}, nobody=frozenset({"nobody"}))
    assert broken("within_api_share", given, api={**both, ("chat", "nobody", "day"): 1.0}) == {("chat", "day")}


def nightly(**other: Any) -> FleetInputs:
    """360,000 requests a month that may wait for the 300 hours of the night."""
    window = Window(blocks=("night",), requests_month={"chat": 360_000.0}, api_usd_request={"chat": 0.01})
    return chat_fleet(demand_req_s={}, windows={"nights": window}, **other)


def test_work_that_may_wait_is_finished_inside_its_window():
    # 1/3 request/s x 3600 s x 300 h = 360,000
    assert broken("serve_deferred", nightly(), served={on(b="night"): 1 / 3}) == set()
    assert broken("serve_deferred", nightly(), served={on(b="night"): 0.3}) == {("nights", "chat")}
    bought = {("nights", "chat"): 36_000.0}  # the 324,000 of 0.3 request/s and 36,000 more
    assert broken("serve_deferred", nightly(), served={on(b="night"): 0.3}, deferred_api=bought) == set()


def test_work_that_may_wait_has_no_place_outside_its_window():
    problem = LpProblem("alone", LpMinimize)
    v = create_variables(problem, nightly(), operation="whole")
    assert {b for (_, _, _, b) in v.served} == {"night"}


def test_spot_carries_at_most_its_share():
    fleet = chat_fleet(
        group_gpus={"h100": 1, "spot": 1},
        spot_groups=frozenset({"spot"}),
        offers={"firm": rented(), "spot": rented(1.0, group="spot")},
        deployment_groups={"llama": ("h100", "spot")},
        admitted=frozenset({("chat", "h100"), ("chat", "spot")}),
        spot_max_share={"chat": 0.5},
    )
    assert broken("within_spot_share", fleet, served={on(g="spot"): 2.0}) == set()  # half of 4
    assert broken("within_spot_share", fleet, served={on(g="spot"): 2.1}) == {("chat", "day")}
    assert (
        broken("within_spot_share", replace(fleet, spot_max_share={"chat": 1.0}), served={on(g="spot"): 4.0}) == set()
    )


def test_a_spot_machine_carries_what_interruptions_leave():
    where = ("llama", "h100", "day")
    fleet = chat_fleet(spot_groups=frozenset({"h100"}), serving_share={"h100": 0.9})
    assert broken("within_replica_capacity", fleet, replicas={where: 2}, served={on(): 1.8}) == set()
    assert broken("within_replica_capacity", fleet, replicas={where: 2}, served={on(): 1.9}) == {where}


def test_what_stands_ready_elsewhere_is_enough_whichever_place_is_lost():
    here = ("pool a", "pool b")
    fleet = chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        offers={"a": rented(1.0, group="pool a"), "b": rented(1.0, group="pool b")},
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        losses={g: Loss(groups=frozenset({g}), kept_share={"chat": 0.5}) for g in here},
    )
    enough = {on(g="pool a"): 2.0, on(g="pool b"): 2.0}
    night = {on(g=g, b="night"): 0.5 for g in here}
    assert broken("survive_place_loss", fleet, ready={**enough, **night}) == set()
    less = {**enough, **night, on(g="pool b"): 1.9}
    assert broken("survive_place_loss", fleet, ready=less) == {("pool a", "chat", "day")}
    where = ("llama", "pool a", "day")
    assert broken("ready_within_capacity", fleet, replicas={where: 2}, ready={on(g="pool a"): 2.0}) == set()
    assert broken("ready_within_capacity", fleet, replicas={where: 2}, ready={on(g="pool a"): 2.1}) == {where}


def test_an_api_takes_no_more_than_its_rate_limit():
    fleet = chat_fleet(api_usd_h={("chat", "api"): 5.0}, api_max_req_s={("chat", "api"): 1.5})
    assert broken("within_api_rate", fleet, api={("chat", "api", "day"): 1.5}) == set()
    assert broken("within_api_rate", fleet, api={("chat", "api", "day"): 1.6}) == {("chat", "api", "day")}


def test_one_replica_serves_its_measured_rate_and_no_more():
    where = ("llama", "h100", "day")
    assert broken("within_replica_capacity", chat_fleet(), replicas={where: 2}, served={on(): 2.0}) == set()
    assert broken("within_replica_capacity", chat_fleet(), replicas={where: 2}, served={on(): 2.1}) == {where}


def test_waiting_takes_its_part_of_the_replicas():
    # two replicas usable to 0.9 each, less 0.3 for waiting: 1.5 requests/s
    fleet = chat_fleet(queue_slope={"llama": 0.9}, queue_loss={"llama": 0.3})
    where = ("llama", "h100", "day")
    values = {"replicas": {where: 2}, "open": {where: 1}}
    assert broken("within_replica_capacity", fleet, served={on(): 1.5}, **values) == set()
    assert broken("within_replica_capacity", fleet, served={on(): 1.6}, **values) == {where}


def test_a_replica_shares_its_time_between_classes():
    # half its time for chat at 1 request/s, half for code at 4 requests/s
    fleet = chat_fleet(
        class_workload={"chat": "chat", "code": "code"},
        demand_req_s={("chat", "day"): 4.0, ("code", "day"): 2.0},
        rate_req_s={("llama", "chat"): 1.0, ("llama", "code"): 4.0},
        admitted=frozenset({("chat", "h100"), ("code", "h100")}),
    )
    where = ("llama", "h100", "day")
    for code, expected in ((2.0, set()), (2.1, {where})):
        served = {on(): 0.5, on(k="code"): code}
        assert broken("within_replica_capacity", fleet, replicas={where: 1}, served=served) == expected


def test_a_deployment_that_has_a_replica_is_open():
    fleet = chat_fleet(queue_slope={"llama": 0.9}, queue_loss={"llama": 0.3})
    where = ("llama", "h100", "day")
    assert broken("open_before_use", fleet, replicas={where: 1}) == {where}
    # (4 + 0.3) / 0.9 = 4.8: five replicas carry all there is
    assert broken("open_before_use", fleet, replicas={where: 5}, open={where: 1}) == set()


@pytest.mark.parametrize(
    ("gpus", "counts", "machines"),
    [
        (8, {1: 8}, 1),
        (8, {1: 1, 2: 1, 4: 1}, 1),  # 7 of 8 GPUs
        (8, {8: 1, 1: 1}, 2),
        (8, {4: 3}, 2),
        (6, {4: 2}, 2),  # 8 GPUs of 12, but two of 4 never share a machine of 6
        (6, {2: 2, 4: 1}, 2),
        (6, {4: 2, 2: 2}, 2),  # 4 + 2 and 4 + 2
        (6, {4: 2, 2: 2, 1: 1}, 3),
        (3, {2: 2}, 2),
        (3, {2: 2, 1: 2}, 2),
        (4, {8: 1}, 2),  # larger than a machine: whole ones
        (4, {8: 1, 1: 1}, 3),
    ],
)
def test_replicas_fit_whole_machines(gpus, counts, machines):
    sizes = {f"tp{s}": s for s in (1, 2, 4, 8)}
    fleet = chat_fleet(
        group_gpus={"h100": gpus},
        deployment_gpus=sizes,
        deployment_groups=dict.fromkeys(sizes, ("h100",)),
        queue_slope=dict.fromkeys(sizes, 1.0),
        queue_loss=dict.fromkeys(sizes, 0.0),
        rate_req_s={(c, "chat"): 1.0 for c in sizes},
    )
    replicas = {(f"tp{s}", "h100", "day"): n for s, n in counts.items()}
    for n in range(machines + 2):
        fits = not broken("within_machine_gpus", fleet, replicas=replicas, hourly={("by hour", "day"): n})
        assert fits == (n >= machines), n


def test_a_gpu_is_split_in_one_way_and_its_parts_hold_any_models():
    half, third = Fraction(1, 2), Fraction(1, 3)
    names = ("chat half", "mail half", "mail third")
    fleet = chat_fleet(
        group_gpus={"h100": 2},
        deployment_gpus=dict(zip(names, (half, half, third), strict=True)),
        split_as={"chat half": "1/2", "mail half": "1/2", "mail third": "1/3"},
        deployment_groups=dict.fromkeys(names, ("h100",)),
        queue_slope=dict.fromkeys(names, 1.0),
        queue_loss=dict.fromkeys(names, 0.0),
        rate_req_s={(c, "chat"): 1.0 for c in names},
    )
    halves, thirds = ("1/2", "h100", "day"), ("1/3", "h100", "day")

    def wrong(*replicas: int, **split: int) -> set[tuple[str, ...]]:
        standing = {(c, "h100", "day"): n for c, n in zip(names, replicas, strict=True)}
        gpus = {halves: split["halves"], thirds: split["thirds"]}
        rows = broken("within_gpu_parts", fleet, replicas=standing, split=gpus)
        return rows | broken("within_machine_gpus", fleet, split=gpus, hourly={("by hour", "day"): 1})

    assert wrong(1, 1, 3, halves=1, thirds=1) == set()
    assert wrong(1, 0, 1, halves=1, thirds=0) == {thirds}  # the half left is no place for a third
    assert wrong(2, 1, 0, halves=1, thirds=1) == {halves}
    assert wrong(2, 1, 1, halves=2, thirds=1) == {("h100", "day", "1")}  # three GPUs of two


def test_what_survives_on_parts_fits_the_gpus_split_for_it():
    fleet = chat_fleet(
        deployment_gpus={"llama": Fraction(1, 3)}, split_as={"llama": "1/3"}, protected=frozenset({"chat"})
    )
    here, there = ("llama", "h100", "day"), ("1/3", "h100", "day")
    up = {"replicas": {here: 3}, "spare": {("h100", "day"): 1}, "hourly": {("by hour", "day"): 2}}
    assert broken("survive_machine_loss", fleet, **up, kept_split={there: 1}) == set()
    assert broken("survive_machine_loss", fleet, **up) == {("h100", "day", "1/3")}
    four = {**up, "replicas": {here: 4}}
    assert broken("survive_machine_loss", fleet, **four, kept_split={there: 1}) == {("h100", "day", "1/3")}
    assert broken("survive_machine_loss", fleet, **four, kept_split={there: 2}) == {("h100", "day", "1")}


def test_machines_already_paid_for_hold_replicas_too():
    fleet = chat_fleet(offers={"owned": committed(existing=2), "by hour": rented()})
    three = {("llama", "h100", "day"): 3}
    assert broken("within_machine_gpus", fleet, replicas=three) == {("h100", "day", "1")}
    assert broken("within_machine_gpus", fleet, replicas=three, hourly={("by hour", "day"): 1}) == set()


@pytest.mark.parametrize(("gpus", "size", "expected"), [(3, 2, 4), (6, 4, 4), (4, 8, 8), (8, 2, 1)])
def test_there_is_room_for_every_replica_that_could_be_busy(gpus, size, expected):
    # 4 requests/s need 4 replicas: of 2 GPUs on machines of 3 that is 4 machines, not 4 x 2 / 3
    assert most_machines(chat_fleet(group_gpus={"h100": gpus}, deployment_gpus={"llama": size}), "h100") == expected


def test_a_quota_counts_gpus_and_what_is_already_there():
    offers = {"owned": committed(existing=1), "year": committed(), "by hour": rented()}
    quota = Quota(weight={"owned": 8, "year": 8, "by hour": 8}, limit=31)
    fleet = chat_fleet(group_gpus={"h100": 8}, offers=offers, quotas={"h100 GPUs": quota})
    # 8 are owned, 23 are left: two machines more, not three
    assert broken("within_quota", fleet, always={"year": 1}, hourly={("by hour", "day"): 1}) == set()
    over = broken("within_quota", fleet, always={"year": 1}, hourly={("by hour", "day"): 2})
    assert over == {("h100 GPUs", "day")}


def saving() -> FleetInputs:
    """Two steps of $1.5/h promised at most, which pay for machines of $2 at $1."""
    spend = Offer(group="", provider="acme", usd_h=1.5, billing="always", max_machines=2, covers={"by hour": 1.0})
    return chat_fleet(offers={"by hour": rented(), "spend": spend})


def test_a_promise_pays_for_no_more_than_it_holds():
    day, machines = ("spend", "by hour", "day"), {("by hour", "day"): 4}
    for covered, kept in ((1.5, True), (1.6, False)):
        values = {"always": {"spend": 1}, "hourly": machines, "covered": {day: covered}}
        assert (broken("covered_by_spend", saving(), **values) == set()) == kept
        assert broken("cover_what_runs", saving(), **values) == set()
    sunk = replace(saving(), offers={o: replace(x, existing=2) if x.covers else x for o, x in saving().offers.items()})
    assert broken("covered_by_spend", sunk, hourly=machines, covered={day: 3.0}) == set()
    assert broken("covered_by_spend", sunk, hourly=machines, covered={day: 3.1}) == {("spend", "day")}


def test_only_machines_that_run_are_covered():
    values = {"always": {"spend": 2}, "covered": {("spend", "by hour", "day"): 2.0}}
    assert broken("cover_what_runs", saving(), hourly={("by hour", "day"): 2}, **values) == set()
    assert broken("cover_what_runs", saving(), hourly={("by hour", "day"): 1}, **values) == {("by hour", "day")}


def test_what_is_sold_by_the_pod_comes_in_whole_pods():
    fleet = chat_fleet(offers={"by hour": rented(), "year": committed(multiple_of=3)})
    assert broken("whole_lots", fleet, always={"year": 6}, lots={"year": 2}) == set()
    assert broken("whole_lots", fleet, always={"year": 4}, lots={"year": 1}) == {("year",)}


def test_an_order_is_placed_whole_or_not_at_all():
    fleet = chat_fleet(offers={"year": committed()}, minimum_orders={"pod": MinimumOrder(offers=("year",), machines=3)})
    assert broken("minimum_order", fleet) == set()
    assert broken("minimum_order", fleet, always={"year": 3}, orders={"pod": 1}) == set()
    assert broken("minimum_order", fleet, always={"year": 2}, orders={"pod": 1}) == {("pod",)}
    assert broken("minimum_order", fleet, always={"year": 3}) == {("pod", "year")}


def five_hours() -> FleetInputs:
    """Five hours in a row, a machine rented for at least three of them."""
    hours = {f"{h}": 1.0 for h in range(5)}
    offers = {"block": rented(billing="stretch", minimum_rental_h=3)}
    return chat_fleet(
        month_h=5.0,
        block_h=hours,
        block_week_h=dict.fromkeys(hours, 1),
        blocks_in_order=True,
        offers=offers,
        demand_req_s={("chat", h): 1.0 for h in hours},
    )


@pytest.mark.parametrize(
    ("machines", "kept"),
    [((0, 1, 1, 1, 0), True), ((0, 1, 1, 0, 0), False), ((1, 1, 0, 0, 1), True), ((1, 1, 1, 1, 1), True)],
)
def test_a_machine_once_started_runs_for_its_minimum_rental(machines, kept):
    # the third runs over midnight: the week follows itself
    started = {("block", f"{h}"): max(0, n - machines[h - 1]) for h, n in enumerate(machines)}
    hourly = {("block", f"{h}"): n for h, n in enumerate(machines)}
    assert (not broken("minimum_rental", five_hours(), hourly=hourly, started=started)) == kept
    if any(started.values()):
        assert broken("minimum_rental", five_hours(), hourly=hourly)  # a start cannot be left out


def test_machines_that_were_not_on_the_hour_before_are_started():
    # 1, 3, 2 machines and then 1 again: two are added once
    hours = {b: (n,) for n, b in enumerate(("a", "b", "c"))}
    fleet = chat_fleet(
        block_h=dict.fromkeys(hours, 1.0), block_week_h=dict.fromkeys(hours, 1), block_hours=hours, start_h=0.5
    )  # fmt: skip
    hourly = {("by hour", b): n for b, n in zip(hours, (1, 3, 2), strict=True)}
    added = {("by hour", "a", "b"): 2, ("by hour", "b", "c"): 0, ("by hour", "c", "a"): 0}
    assert broken("count_starts", fleet, hourly=hourly, added=added) == set()
    added["by hour", "a", "b"] = 1
    assert broken("count_starts", fleet, hourly=hourly, added=added) == {("by hour", "a", "b")}


def test_each_serverless_worker_serves_an_equal_part():
    # 4 requests/s by day on 2 workers: 2 each, no more and no less; at night one worker for all there is
    endpoint = rented(workers={"day": 2, "night": 1}, billed_share={"day": 0.5})
    fleet = chat_fleet(offers={"endpoint": endpoint})
    hourly = {("endpoint", "day"): 1, ("endpoint", "night"): 1}
    served = {on(): 2.0, on(b="night"): 1.0}
    assert broken("serve_even_parts", fleet, hourly=hourly, served=served) == set()
    assert broken("serve_even_parts", fleet, hourly=hourly, served={**served, on(): 1.0}) == {
        ("endpoint", "day", "chat")
    }
    assert broken("serve_even_parts", fleet, served=served) == {("endpoint", b, "chat") for b in ("day", "night")}


def test_upfront_cash_is_kept():
    offers = {"year": committed(upfront_usd=1000.0)}
    fleet = chat_fleet(offers=offers, max_upfront_usd=2500.0)
    assert broken("within_upfront_cash", fleet, always={"year": 2}) == set()
    assert broken("within_upfront_cash", fleet, always={"year": 3}) == {()}


def test_the_budget_is_on_the_sum_that_is_minimized():
    # a commitment of $1 x 400 h and an hourly machine of $2 x 100 h: $600
    fleet = chat_fleet(offers={"year": committed(), "by hour": rented()}, budget_usd_month=600.0)
    assert broken("within_budget", fleet, always={"year": 1}, hourly={("by hour", "day"): 1}) == set()
    assert broken(
        "within_budget", replace(fleet, budget_usd_month=599.0), always={"year": 1}, hourly={("by hour", "day"): 1}
    ) == {()}


def test_nothing_is_bought_from_a_provider_that_is_not_paid():
    fleet = chat_fleet(offers={"year": committed(), "by hour": rented()}, provider_usd_month=100.0)
    assert broken("use_before_buying", fleet, always={"year": 1}) == {("year", "always")}
    assert broken("use_before_buying", fleet, hourly={("by hour", "day"): 1}) == {("by hour", "day")}
    both = {"always": {"year": 4}, "hourly": {("by hour", "day"): 4}}
    assert broken("use_before_buying", fleet, uses={"acme": 1}, **both) == set()


def test_a_provider_already_there_is_paid_already():
    fleet = chat_fleet(offers={"owned": committed(existing=1), "by hour": rented()}, provider_usd_month=100.0)
    assert broken("use_before_buying", fleet, hourly={("by hour", "day"): 3}) == set()


def test_a_fleet_at_all_is_paid_its_fixed_cost():
    fleet = chat_fleet(self_host_usd_month=500.0)
    where = ("llama", "h100", "day")
    assert broken("self_host_before_use", fleet, replicas={where: 1}) == {where}
    assert broken("self_host_before_use", fleet, replicas={where: 4}, self_hosts=1) == set()


def proved(usd_month: float) -> FleetInputs:
    """By day with one committed machine: no less than this; a machine more saves at most $200."""
    fact = Proved(
        block="day",
        usd_month=usd_month,
        steps={("year", None): 1},
        gain_usd_month={("year", None): 200.0 if math.isfinite(usd_month) else 1.0},
        reward_usd_request={},
    )
    return chat_fleet(offers={"year": committed(), "by hour": rented()}, proved=(fact,))


def test_a_block_costs_no_less_than_was_proved():
    # three hourly machines of $2 x 100 h: $600; with one machine more than in the proof, $400
    day = ("by hour", "day")
    assert broken("never_cheaper_than_proved", proved(600.0), hourly={day: 3}) == set()
    assert broken("never_cheaper_than_proved", proved(600.0), hourly={day: 2}) == {("day", "0")}
    one_more = {(("year", None), 1): 1.0}
    assert broken("never_cheaper_than_proved", proved(600.0), hourly={day: 2}, beyond=one_more) == set()


def test_a_block_that_could_not_be_run_needs_a_machine_more():
    step = (("year", None), 1)
    assert broken("never_cheaper_than_proved", proved(math.inf), hourly={("by hour", "day"): 4}) == {("day", "0")}
    assert broken("never_cheaper_than_proved", proved(math.inf), beyond={step: 1.0}) == set()


def test_machines_beyond_a_proof_are_those_above_it():
    step = (("year", None), 1)
    for machines, beyond, kept in ((3, 2, True), (3, 3, False), (1, 0, True), (1, 1, False)):
        values = {"always": {"year": machines}, "beyond": {step: beyond}, "is_beyond": {step: float(machines > 1)}}
        assert (not broken("count_beyond", proved(600.0), **values)) == kept
    assert broken("count_beyond", proved(600.0), always={"year": 3}, beyond={step: 2})  # counted only if said to be


def spared(**other: Any) -> FleetInputs:
    """The story with batch work beside chat; chat must survive the loss of a machine."""
    fleet = chat_fleet(
        class_workload={"chat": "chat", "batch": "batch"},
        demand_req_s={("chat", "day"): 4.0, ("batch", "day"): 2.0},
        rate_req_s={("llama", "chat"): 1.0, ("llama", "batch"): 1.0},
        admitted=frozenset({("chat", "h100"), ("batch", "h100")}),
        protected=frozenset({"chat"}),
    )
    return replace(fleet, **other)


def test_replicas_that_survive_carry_what_is_promised():
    here = ("llama", "h100", "day")
    served = {on(): 4.0, on(k="batch"): 2.0}
    there = {"replicas": {here: 6}, "served": served}
    assert broken("keep_enough_replicas", spared(), kept={here: 4}, **there) == set()  # batch gives way
    assert broken("keep_enough_replicas", spared(), kept={here: 3}, **there) == {(*here, "work")}
    assert broken("keep_enough_replicas", spared(), kept={here: 7}, **there) == {(*here, "there")}
    assert broken("keep_enough_replicas", spared(kept_share=0.75), kept={here: 3}, **there) == set()
    # nothing but chat on it: all its replicas survive, and there is nothing to write down
    assert broken("keep_enough_replicas", chat_fleet(protected=frozenset({"chat"})), replicas={here: 0}) == set()


def test_what_must_survive_fits_the_machines_less_one():
    here, spare = ("llama", "h100", "day"), {("h100", "day"): 1}
    values = {"kept": {here: 4}, "spare": spare}
    assert broken("survive_machine_loss", spared(), hourly={("by hour", "day"): 5}, **values) == set()
    assert broken("survive_machine_loss", spared(), hourly={("by hour", "day"): 4}, **values) == {("h100", "day", "1")}
    # without a spare nothing may be counted on
    unspared = {"kept": {here: 1}, "hourly": {("by hour", "day"): 5}}
    assert broken("survive_machine_loss", spared(), **unspared) == {("h100", "day", "llama")}
    # machines of two GPUs: five of one GPU need three, and one more
    pairs, five = spared(group_gpus={"h100": 2}), {"kept": {here: 5}, "spare": spare}
    assert broken("survive_machine_loss", pairs, hourly={("by hour", "day"): 4}, **five) == set()
    assert broken("survive_machine_loss", pairs, hourly={("by hour", "day"): 3}, **five) == {("h100", "day", "1")}


def blended(**rule: Any) -> FleetInputs:
    """The story with an API beside the machines, which serves a small model: 0.7 where the machines' scores 0.9."""
    blend = Blend(
        classes=("chat",),
        score={("chat", "llama"): 0.9, ("chat", "api"): 0.7},
        model={("chat", "api"): "small"},
        **rule,
    )
    return chat_fleet(api_usd_h={("chat", "api"): 1.0}, blends={"chat": blend})


def test_a_mean_score_is_kept_request_by_request():
    half = {"served": {on(): 2.0}, "api": {("chat", "api", "day"): 2.0}}
    assert broken("keep_mean_quality", blended(mean_score=0.8), **half) == set()
    assert broken("keep_mean_quality", blended(mean_score=0.81), **half) == {("chat", "day")}
    assert broken("keep_mean_quality", blended(max_share={"small": 0.1}), **half) == set()  # no mean is asked


def test_a_model_keeps_to_its_share():
    half = {"served": {on(): 2.0}, "api": {("chat", "api", "day"): 2.0}}
    assert broken("within_model_share", blended(max_share={"small": 0.5}), **half) == set()
    assert broken("within_model_share", blended(max_share={"small": 0.4}), **half) == {("chat", "small", "day")}
    assert broken("within_model_share", blended(mean_score=0.8), **half) == set()  # no share is limited


def test_a_provider_keeps_to_its_share_its_api_included():
    whose = {"h100": "acme", "api": "acme", "other": "beta"}
    apis = {("chat", "api"): 1.0, ("chat", "other"): 1.0}
    fleet = chat_fleet(api_usd_h=apis, provider_of=whose, provider_max_share={"chat": 0.5})
    half = {"served": {on(): 1.0}, "api": {("chat", "api", "day"): 1.0, ("chat", "other", "day"): 2.0}}
    assert broken("within_provider_share", fleet, **half) == set()
    more = {"served": {on(): 1.5}, "api": {("chat", "api", "day"): 1.0, ("chat", "other", "day"): 1.5}}
    assert broken("within_provider_share", fleet, **more) == {("chat", "acme", "day")}
    assert broken("within_provider_share", replace(fleet, provider_max_share={}), **more) == set()


def test_a_provider_is_paid_no_more_than_its_share_of_the_month():
    # $2 x 100 h for a machine by day, $1 x 400 h for one signed for, $1 x 100 h for a request/s of the API
    offers = {"by hour": rented(), "1y": committed(provider="beta")}
    fleet = chat_fleet(
        offers=offers, api_usd_h={("chat", "api"): 1.0}, provider_of={"api": "acme"}, provider_max_spend_share=0.5
    )
    half = {"hourly": {("by hour", "day"): 1}, "always": {"1y": 1}, "api": {("chat", "api", "day"): 2.0}}
    assert broken("within_provider_spend", fleet, **half) == set()
    more = {**half, "api": {("chat", "api", "day"): 2.1}}
    assert broken("within_provider_spend", fleet, **more) == {("acme",)}
    assert broken("within_provider_spend", replace(fleet, provider_max_spend_share=None), **more) == set()


def test_no_more_kinds_are_used_than_allowed():
    few = FewKinds(kind={"by hour": "acme", "1y": "beta", "llama": "llama"}, most=2)
    fleet = chat_fleet(offers={"by hour": rented(), "1y": committed()}, few_kinds={"few": few})
    here = ("llama", "h100", "day")
    two = {"of_kind": {("few", "acme"): 1, ("few", "llama"): 1}, "replicas": {here: 2}}
    assert broken("within_few_kinds", fleet, hourly={("by hour", "day"): 2}, **two) == set()
    assert broken("within_few_kinds", fleet, always={"1y": 1}, **two) == {("few", "1y")}
    none = {"of_kind": {("few", "beta"): 1}}
    assert broken("within_few_kinds", fleet, hourly={("by hour", "day"): 1}, **none) == {("few", "by hour", "day")}
    assert broken("within_few_kinds", fleet, replicas={here: 1}, **none) == {("few", *here)}
    three = {"of_kind": {("few", "acme"): 1, ("few", "llama"): 1, ("few", "beta"): 1}}
    assert broken("within_few_kinds", fleet, **three) == {("few",)}


def tiered() -> FleetInputs:
    """10 GB/h leave for each request/s: 100 GB for nothing, 1,000 for $0.1, then 900 for $0.05."""
    return chat_fleet(
        tariffs={"acme": Tariff(tier_gb=(100.0, 1000.0, 900.0), usd_gb=(0.0, 0.1, 0.05))},
        tariff_of={("chat", "h100"): "acme"},
        egress_gb_h={("chat", "h100"): 10.0},
    )


def test_all_that_leaves_a_provider_is_in_its_tiers():
    # 1 request/s x 10 GB/h x 100 h = 1,000 GB
    served = {on(): 1.0}
    assert broken("leave_by_tier", tiered(), served=served, sent={("acme", 0): 100, ("acme", 1): 900}) == set()
    assert broken("leave_by_tier", tiered(), served=served, sent={("acme", 1): 900}) == {("acme",)}
    assert broken("leave_by_tier", chat_fleet(), served=served) == set()


def test_a_cheaper_tier_comes_after_those_before_it():
    full, open_ = {("acme", 0): 100, ("acme", 1): 1000}, {("acme", 2): 1}
    assert broken("fill_tiers_in_order", tiered(), sent={**full, ("acme", 2): 5}, reached=open_) == set()
    assert broken("fill_tiers_in_order", tiered(), sent={**full, ("acme", 2): 5}) == {("acme", "2")}
    half = {("acme", 0): 100, ("acme", 1): 500, ("acme", 2): 5}
    assert broken("fill_tiers_in_order", tiered(), sent=half, reached=open_) == {("acme", "2", "after 1")}
    # the first paid tier is dearer than the free one: nothing keeps them in order but their prices
    assert broken("fill_tiers_in_order", tiered(), sent={("acme", 1): 500}) == set()


def test_credit_ends_with_the_work():
    fleet = chat_fleet(
        demand_req_s={},
        reward_usd_request={("chat", "night"): 0.01},
        reward_max_requests={("chat", "night"): 360_000.0},
    )
    assert broken("no_more_than_there_is", fleet, served={on(b="night"): 1 / 3}) == set()
    assert broken("no_more_than_there_is", fleet, served={on(b="night"): 0.34}) == {("chat", "night")}


def test_variables_and_offers_of_two_spellings_that_collide_stay_apart():
    # PuLP alone would call both "year_1" and lose one
    twins: dict[str, Offer] = {"year 1": committed(), "year-1": committed()}
    problem = LpProblem("alone", LpMinimize)
    v = create_variables(problem, chat_fleet(offers=twins), operation="whole")
    assert len({x.name for x in v.always.values()}) == 2


def test_so_many_replicas_run_whether_asked_for_or_not():
    where, night = ("llama", "h100", "day"), ("llama", "h100", "night")
    fleet = chat_fleet(min_replicas={"chat": 2})
    assert broken("keep_replicas_running", fleet, replicas={where: 2, night: 3}) == set()
    assert broken("keep_replicas_running", fleet, replicas={where: 2, night: 1}) == {("chat", "night")}
