"""What a given fleet cannot serve: as little as possible, before anything is said of money.

No price stands for an unserved request.  First, in every hour, as many tokens as possible of what cannot wait are
served; then as much as possible of the work that may wait is done with what that leaves.  What remains is the
shortfall, and the rest of the problem, which this fleet can serve, is costed like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from planner.errors import StoppedAtLimit
from planner.inputs import FleetInputs
from planner.mixing import dear_request
from planner.operation import Operation
from planner.search import search
from planner.solver import Settings
from planner.traffic.types import Load

NOBODY = "(nobody)"
"""Stands in the place of an API for requests that are not served."""
NOTHING = 1e-6
"""A share of what is asked for that is no shortfall: what a solver keeps its rows to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What is not served."""

    req_s: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (class, block), planning rate
    requests_month: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (window, class)

    def tokens_month(self, inputs: FleetInputs, tokens: Mapping[str, float]) -> float:
        """All of it in tokens a month, at planning rates."""
        hourly = sum(n * 3600 * inputs.block_h[b] * tokens[k] for (k, b), n in self.req_s.items())
        return hourly + sum(n * tokens[k] for (_, k), n in self.requests_month.items())

    def of(self, inputs: FleetInputs) -> FleetInputs:
        """The numbers without what is not served."""
        left = {label: d - self.req_s.get(label, 0.0) for label, d in inputs.demand_req_s.items()}
        return replace(
            inputs,
            demand_req_s={label: d for label, d in left.items() if d > NOTHING * inputs.demand_req_s[label]},
            windows={
                w: replace(
                    window,
                    requests_month={
                        k: n - self.requests_month.get((w, k), 0.0) for k, n in window.requests_month.items()
                    },
                )
                for w, window in inputs.windows.items()
            },
        )

    def of_load(self, load: Load) -> Load:
        """The traffic without what is not served; mean rates fall as planning rates do."""
        share = {label: max(0.0, 1 - n / load.planning_req_s[label]) for label, n in self.req_s.items()}
        share = {label: s if s > NOTHING else 0.0 for label, s in share.items()}
        return replace(
            load,
            mean_req_s={label: d * share.get(label, 1.0) for label, d in load.mean_req_s.items()},
            planning_req_s={label: d * share.get(label, 1.0) for label, d in load.planning_req_s.items()},
            windows=tuple(
                replace(
                    w,
                    requests_month={
                        k: n - self.requests_month.get((w.label, k), 0.0) for k, n in w.requests_month.items()
                    },
                )
                for w in load.windows
            ),
        )


def shortfall(inputs: FleetInputs, tokens: Mapping[str, float], settings: Settings, limit_s: float) -> Shortfall:
    """The least that this fleet leaves unserved; `tokens` says what one request of each class counts.

    Raises `StoppedAtLimit` where the time does not even suffice for that.
    """
    free = replace(
        inputs,
        api_usd_h=dict.fromkeys(inputs.api_usd_h, 0.0),
        egress_usd_h={},
        tariffs={},
        self_host_usd_month=0.0,
        provider_usd_month=0.0,
    )
    hourly = unserved_by_the_hour(free, tokens, settings, limit_s)
    if not inputs.windows:
        return Shortfall(req_s=hourly)
    cut = Shortfall(req_s=hourly).of(free)
    return Shortfall(req_s=hourly, requests_month=undone(cut, tokens, settings, limit_s))


def unserved_by_the_hour(
    inputs: FleetInputs, tokens: Mapping[str, float], settings: Settings, limit_s: float
) -> dict[tuple[str, str], float]:
    """(class, block) -> requests/s not served, when in every block as many tokens as possible are."""
    most = max(tokens.values(), default=1.0)
    asked = {k for k, _ in inputs.demand_req_s}
    weights = {(k, NOBODY): tokens[k] / most for k in asked}
    counted = replace(inputs, windows={}, api_usd_h={**inputs.api_usd_h, **weights}, nobody=frozenset({NOBODY}))
    operation = Operation(counted, settings, lambda: limit_s)
    out = {}
    for b, answer in operation.answers({}, {}).items():
        if answer.run is None:
            raise StoppedAtLimit("The time limit came before it was known what the fleet can serve.")
        for (k, a), x in answer.run.api.items():
            if a == NOBODY and x > NOTHING * inputs.demand_req_s[k, b]:
                # A little more is left out than need be, so that what remains can be served in spite of rounding.
                out[k, b] = min(inputs.demand_req_s[k, b], x + NOTHING * inputs.demand_req_s[k, b])
    return out


def undone(
    inputs: FleetInputs, tokens: Mapping[str, float], settings: Settings, limit_s: float
) -> dict[tuple[str, str], float]:
    """(window, class) -> requests a month not done, when as many tokens as possible are."""
    waiting = {k for w in inputs.windows.values() for k in w.requests_month}
    unit = min(dear_request(inputs, k) / tokens[k] for k in waiting) / 10
    windows = {
        w: replace(window, api_usd_request={k: tokens[k] * unit for k in window.requests_month}, api_max_requests={})
        for w, window in inputs.windows.items()
    }
    found = search(replace(inputs, windows=windows), replace(settings, time_limit_s=limit_s))
    if found.usd_month is None:
        raise StoppedAtLimit("The time limit came before it was known what work the fleet can finish.")
    out = {}
    for (w, k), n in found.deferred_api.items():
        asked = inputs.windows[w].requests_month[k]
        api = inputs.windows[w].api_max_requests.get(k, asked) if k in inputs.windows[w].api_usd_request else 0.0
        if n - api > NOTHING * asked:
            out[w, k] = min(asked, n - api + NOTHING * asked)
    return out
