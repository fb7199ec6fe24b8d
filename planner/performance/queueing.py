"""How much load n replicas can carry when requests that find every slot busy must wait.

One queue in front of N = n x slots equal servers, Poisson arrivals and exponential service (M/M/N, Erlang C).
Burstier arrivals make the wait longer (Allen and Cunneen) and more often: the idle servers are worth as many
deviations of the load as it then has (Halfin and Whitt; stretching alone gave a bursty trace half of the slots it
needs).  A replica with few busy slots is faster than a full one, which is left out: the answer is on
the safe side.

Sources: A. K. Erlang 1917; A. O. Allen, Probability, Statistics and Queueing Theory, 2nd ed. 1990, ch. 5;
S. Halfin and W. Whitt, Heavy-traffic limits for queues with many exponential servers, Operations Research 29 (1981);
W. Whitt, A diffusion approximation for the G/GI/n/m queue, Operations Research 52 (2004);
N. M. Temme, The asymptotic expansion of the incomplete gamma functions, SIAM J. Math. Anal. 10 (1979).
"""

from __future__ import annotations

import math
from functools import lru_cache

STABLE_SHARE = 0.98
"""Load is never planned above this share of all slots: a queue at 100 % grows without limit."""

EXACT_SERVERS = 24
"""Up to so many servers the exact recursion is used; above it Temme's expansion, within 1e-5 of it."""

PRECISION_SHARE = 1e-7
"""Usable load is found to this share of all slots, and that much is taken off."""


def blocked_share(servers: int, load: float) -> float:
    """Erlang B: share of arrivals that find all servers busy when nobody waits; `load` in busy servers.

    >>> round(blocked_share(2, 1.0), 3)      # (1/2) / (1 + 1 + 1/2)
    0.2
    """
    if load <= 0:
        return 0.0
    if servers <= EXACT_SERVERS:
        blocked = 1.0
        for n in range(1, servers + 1):
            blocked = load * blocked / (n + load * blocked)
        return blocked
    # Poisson density over its distribution, which is the regularized gamma function Q(servers + 1, load).
    density = math.exp(servers * math.log(load) - load - math.lgamma(servers + 1))
    return min(1.0, density / max(_gamma_q(servers + 1, load), 1e-300))


def waiting_share(servers: int, load: float) -> float:
    """Erlang C: share of arrivals that must wait; 1 from full load on."""
    if load >= servers:
        return 1.0
    blocked = blocked_share(servers, load)
    return blocked / (1 - load / servers * (1 - blocked))


def late_share(servers: int, load: float, wait_in_services: float, variability: float = 1.0) -> float:
    """Share of arrivals that wait longer than `wait_in_services` mean service times.

    `variability` is the mean of the squared coefficients of variation of arrivals and service; 1 is
    exact for M/M/N.  Other values stretch the waiting time by it, and as many wait as at the Poisson load
    with as many deviations idle: (servers - load) / sqrt(variability x load).  Of few servers in heavy
    bursts more wait (12 servers, 6 busy, gaps of squared variation 4: 11 % foreseen, 17 % simulated).
    """
    if load >= servers:
        return 1.0
    spare = (servers - load) * wait_in_services / variability
    return min(1.0, waiting_share(servers, _as_poisson(servers, load, variability))) * math.exp(-spare)


def _as_poisson(servers: int, load: float, variability: float) -> float:
    """The load of Poisson arrivals that leaves as many deviations of itself idle."""
    if variability == 1 or load <= 0:
        return load
    deviations = (servers - load) / math.sqrt(variability * load)
    return ((math.sqrt(deviations**2 + 4 * servers) - deviations) / 2) ** 2


def usable_replicas(
    n: int, slots: int, service_s: float, wait_s: float, percentile_share: float, variability: float = 1.0
) -> float:
    """Largest load, in replicas kept busy, at which at most 1 - percentile_share wait longer than wait_s.

    `n` replicas of `slots` requests each share one queue; `service_s` is a request's time in its slot.
    Never above 98 % of n, which is also the answer where waiting is not limited (wait_s infinite).
    0 where wait_s is negative or n is 0: no load leaves that little time.
    """
    if n <= 0 or wait_s < 0 or percentile_share >= 1:
        return 0.0
    if wait_s == math.inf:
        return STABLE_SHARE * n
    return _usable_servers(n * slots, wait_s / service_s, 1 - percentile_share, variability) / slots


@lru_cache(maxsize=65536)
def _usable_servers(servers: int, wait_in_services: float, may_be_late: float, variability: float) -> float:
    # ln(late) falls with the square of the idle servers, so its root is nearly straight in the load.
    aim = math.sqrt(-math.log(may_be_late))

    def too_late(load: float) -> float:
        late = late_share(servers, load, wait_in_services, variability)
        return aim - math.sqrt(-math.log(max(late, 1e-300)))

    high = STABLE_SHARE * servers
    above = too_late(high)
    if above <= 0:
        return high
    # Square-root staffing: whatever the percentile, little more than a few roots stay idle.
    low = max(0.0, high - 6 * math.sqrt(variability * servers))
    below = too_late(low)
    if below > 0:
        low, below = 0.0, too_late(0.0)
    # False position; a side that stays twice running counts half (Illinois).
    moved = 0
    for _ in range(100):
        load = (low * above - high * below) / (above - below)
        found = too_late(load)
        if abs(found) < 1e-9 or high - low < PRECISION_SHARE * servers:
            return max(low, load - PRECISION_SHARE * servers)
        if found > 0:
            high, above = load, found
            below, moved = (below / 2 if moved > 0 else below), 1
        else:
            low, below = load, found
            above, moved = (above / 2 if moved < 0 else above), -1
    return low


def queue_line(
    slots: int,
    service_s: float,
    wait_s: float,
    percentile_share: float,
    replicas_expected: float,
    variability: float = 1.0,
) -> tuple[float, float]:
    """(a, b) such that load <= a n - b is allowed wherever the line says so, for every whole n >= 1.

    The chord of `usable_replicas` through the whole numbers around `replicas_expected`.  Sharing a queue
    pays more the more replicas share it, so the curve is convex and the chord lies below it elsewhere;
    where the 98 % limit bends the curve, a is kept at 0.98 and b raised until the line is below.  Far below
    `replicas_expected` the line may be negative: so few replicas then count as none.
    wait_s / service_s is rounded down to three digits, so that like requests share an answer.
    """
    if wait_s == math.inf:
        return STABLE_SHARE, 0.0
    if wait_s < 0 or percentile_share >= 1:
        return 0.0, 0.0
    around = max(1, math.floor(replicas_expected))
    return _line(slots, _round_down(wait_s / service_s), percentile_share, around, variability)


@lru_cache(maxsize=65536)
def _line(
    slots: int, wait_in_services: float, percentile_share: float, around: int, variability: float
) -> tuple[float, float]:
    def usable(n: int) -> float:
        return usable_replicas(n, slots, 1.0, wait_in_services, percentile_share, variability)

    a = min(STABLE_SHARE, usable(around + 1) - usable(around))
    # a n - usable(n) rises and then falls with n; its top is where the line touches the curve.
    left, right = 1, around + 1
    while left < right:
        middle = (left + right) // 2
        if usable(middle + 1) - usable(middle) < a:
            left = middle + 1
        else:
            right = middle
    touching = {1, max(1, left - 1), left, left + 1, around, around + 1}
    b = max(a * n - usable(n) for n in touching)
    return a, max(0.0, b + 2 * PRECISION_SHARE * (around + 1))


def _round_down(x: float) -> float:
    if x <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(x)) - 2)
    return math.floor(x / unit) * unit


def _gamma_q(n: float, x: float) -> float:
    """Regularized upper incomplete gamma function, Temme's uniform expansion to its first term."""
    ratio = x / n
    offset = ratio - 1
    eta = math.copysign(math.sqrt(max(0.0, 2 * (offset - math.log1p(offset)))), offset)
    # The difference of two poles at 0 is a series there.
    near_zero = abs(eta) < 0.02
    first = -1 / 3 + eta / 12 - 2 * eta * eta / 135 if near_zero else 1 / offset - 1 / eta
    tail = math.exp(-n * eta * eta / 2) / math.sqrt(2 * math.pi * n) * first
    return 0.5 * math.erfc(eta * math.sqrt(n / 2)) + tail
