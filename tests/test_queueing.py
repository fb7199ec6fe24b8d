"""Waiting for a slot: against exact formulas, against a simulation, and at the edges."""

from __future__ import annotations

import heapq
import math
import random

import pytest
from scipy.stats import poisson

from planner.performance.queueing import (
    STABLE_SHARE,
    blocked_share,
    late_share,
    queue_line,
    usable_replicas,
    waiting_share,
)


def simulate(servers, load, waits, requests, seed, dispersion=1):
    """Share of requests that wait longer than each of `waits`; mean service 1, one queue, M/M/N.

    Above 1, gaps between arrivals are gamma with `dispersion` as variance / mean squared.
    """
    dice = random.Random(seed)
    free = [0.0] * servers
    now, late = 0.0, [0] * len(waits)
    for _ in range(requests):
        now += dice.expovariate(load) if dispersion == 1 else dice.gammavariate(1 / dispersion, dispersion / load)
        start = max(now, heapq.heappop(free))
        heapq.heappush(free, start + dice.expovariate(1.0))
        for i, wait in enumerate(waits):
            late[i] += start - now > wait
    return [n / requests for n in late]


@pytest.mark.parametrize(("servers", "load"), [(4, 3.0), (32, 28.0), (128, 112.0)])
def test_waiting_is_as_in_a_simulation(servers, load):
    waits = (0.0, 0.05, 0.2)
    seen = simulate(servers, load, waits, 200_000, seed=7)
    assert seen == pytest.approx([late_share(servers, load, wait) for wait in waits], abs=0.02)


def test_the_usable_load_keeps_its_promise_in_a_simulation():
    # 3 replicas of 16 slots, 10 s each, 95 % within 1 s
    load = 16 * usable_replicas(3, 16, 10, 1, 0.95)
    assert simulate(48, load, (0.1,), 300_000, seed=11)[0] == pytest.approx(0.05, abs=0.01)


def test_a_larger_pool_may_be_busier():
    # one replica of 32 slots 72 % busy at 5 % waiting, sixteen together 92 %
    assert usable_replicas(1, 32, 10, 0, 0.95) == pytest.approx(0.72, abs=0.005)
    assert usable_replicas(16, 32, 10, 0, 0.95) / 16 == pytest.approx(0.92, abs=0.005)


def test_one_server_waits_as_often_as_it_is_busy():
    assert waiting_share(1, 0.3) == pytest.approx(0.3)


@pytest.mark.parametrize("servers", [1, 5, 24, 25, 100, 1000, 100_000])
@pytest.mark.parametrize("busy", [0.5, 0.9, 0.97, 0.999, 1.0])
def test_erlang_b_is_poisson_density_over_distribution(servers, busy):
    load = servers * busy
    exact = math.exp(poisson.logpmf(servers, load) - poisson.logcdf(servers, load))
    assert blocked_share(servers, load) == pytest.approx(exact, rel=1e-4, abs=1e-300)


def test_without_a_limit_on_waiting_only_stability_binds():
    assert usable_replicas(7, 32, 10, math.inf, 0.95) == STABLE_SHARE * 7
    assert usable_replicas(7, 32, 10, 1e9, 0.95) == pytest.approx(STABLE_SHARE * 7)


def test_no_load_can_wait_less_than_nothing():
    assert usable_replicas(7, 32, 10, -0.1, 0.95) == 0
    assert usable_replicas(0, 32, 10, 1, 0.95) == 0
    assert usable_replicas(7, 32, 10, 1, 1.0) == 0
    assert queue_line(32, 10, -0.1, 0.95, 3) == (0, 0)


@pytest.mark.parametrize("slots", [1, 4, 32, 512])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_usable_load_is_the_last_that_keeps_the_promise(slots, share):
    for n in (1, 2, 7, 200):
        for wait in (0, 0.01, 0.3):
            load = slots * usable_replicas(n, slots, 1, wait, share)
            assert late_share(n * slots, load, wait) <= 1 - share
            if load < 0.9799 * n * slots:
                assert late_share(n * slots, load * 1.001, wait) > 1 - share


def test_burstier_arrivals_leave_less_usable():
    steady = usable_replicas(2, 16, 10, 1, 0.95)
    assert usable_replicas(2, 16, 10, 1, 0.95, variability=3) < steady


@pytest.mark.parametrize(("servers", "load", "dispersion"), [(32, 24, 3), (64, 50, 4), (128, 108, 4), (256, 220, 9)])
def test_waiting_in_bursts_is_as_in_a_simulation(servers, load, dispersion):
    waits = (0.0, 0.1, 0.3)
    seen = simulate(servers, load, waits, 200_000, seed=7, dispersion=dispersion)
    foreseen = [late_share(servers, load, wait, (dispersion + 1) / 2) for wait in waits]
    assert foreseen == pytest.approx(seen, abs=0.03)
    # as often as among Poisson arrivals, only longer, would be far too few
    assert waiting_share(servers, load) < 0.6 * seen[0]


@pytest.mark.parametrize(("servers", "load", "dispersion"), [(12, 6, 4), (32, 14, 9)])
def test_of_few_servers_in_heavy_bursts_more_wait_than_foreseen(servers, load, dispersion):
    seen = simulate(servers, load, (0.0,), 200_000, seed=7, dispersion=dispersion)[0]
    foreseen = late_share(servers, load, 0, (dispersion + 1) / 2)
    assert 2 * waiting_share(servers, load) < foreseen
    assert 0.4 * seen < foreseen < seen < foreseen + 0.07


def test_it_is_safe_at_a_hundred_thousand_servers():
    assert 0.97 < usable_replicas(100, 1000, 10, 0, 0.95) / 100 <= STABLE_SHARE
    assert late_share(100_000, 99_990, 0) == pytest.approx(0.96, abs=0.02)
    assert late_share(100_000, 10, 0) == pytest.approx(0, abs=1e-200)


@pytest.mark.parametrize("slots", [1, 2, 8, 32, 256])
@pytest.mark.parametrize("wait", [0, 0.001, 0.03, 0.2, 2])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("variability", [1, 1.2, 16])
def test_the_line_is_never_above_the_curve(slots, wait, share, variability):
    curve = {n: usable_replicas(n, slots, 1, wait, share, variability) for n in range(1, 65)}
    for expected in (0.2, 1, 2.5, 7, 20, 63):
        a, b = queue_line(slots, 1, wait, share, expected, variability)
        assert 0 <= a <= STABLE_SHARE
        assert b >= 0
        assert all(a * n - b <= usable for n, usable in curve.items())


def test_the_line_touches_the_curve_where_the_fleet_is_expected():
    for expected in (1, 5, 12):
        a, b = queue_line(32, 10, 0.5, 0.95, expected)
        for n in (expected, expected + 1):
            assert a * n - b == pytest.approx(usable_replicas(n, 32, 10, 0.5, 0.95), rel=1e-4)


def test_without_a_limit_on_waiting_the_line_is_straight():
    assert queue_line(32, 10, math.inf, 0.95, 3) == (STABLE_SHARE, 0)
