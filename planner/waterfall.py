"""What each change between two plans saves, one after the other, so that all of it adds up to the difference.

A workload's machines cost, exactly,

    requests x share on machines x GPU-hours of work per request x USD per GPU-hour / share of its hours that is busy

and the bill holds besides API tokens, machines that carry nothing, and lines that are no machine's.  The factors of the
first plan are replaced by those of the second in the order of `ORDER`: each step is the change with all before it
changed already and none after it.  In another order a step may come out differently; the sum never does.

Work per request depends on model, precision, batching and GPU type, the price of a GPU-hour on GPU type, provider and
term.  Of a state between two plans, such as the new GPU at the old provider, the price is looked up and the work
estimated; where that cannot be done, the changes are told together: the two plans cannot tell them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from planner.catalog.load import Catalog
from planner.comparison import Step
from planner.factors import Facts, Names, Part, Way, carrying_nothing, take_apart, term_of
from planner.outputs.figures import count, percent
from planner.plan import Plan

ORDER = (
    "workloads added or dropped",
    "traffic",
    "API or own machines",
    "model",
    "precision",
    "batching and engine",
    "rates",
    "GPU type",
    "provider",
    "term",
    "price of the same offer",
    "machines and hours that fit the load",
    "machines without work",
)
"""The order in which changes are made; lines of the bill that are no machine's and no API's come after."""

MACHINE_LINES = (
    *("on-demand rent", "spot rent", "commitments", "machines bought", "existing commitments"),
    "API tokens",
)
"""Lines of the bill that are what purchases and tokens cost."""

Estimate = Callable[[Way], float | None]
"""GPU-hours of work per request of a way to run a workload; None where it cannot be."""
Prices = Mapping[tuple[str, str, str], float]
"""(GPU, provider, term) -> USD per GPU-hour."""


class Found(NamedTuple):
    """One step of one workload."""

    names: Names
    usd: float
    detail: str


def nothing_known(_way: Way) -> float | None:
    """No estimate: only what the plans themselves say."""
    return None


def waterfall(a: Plan, b: Plan, prices: Prices, estimate: Estimate = nothing_known) -> tuple[Step, ...]:
    """The steps from the first bill to the second; `prices` and `estimate` speak of states that neither plan has."""
    known = {**prices, **paid(a), **paid(b)}
    before, after = take_apart(a), take_apart(b)
    found: list[Found] = []
    for name in dict.fromkeys([*before, *after]):
        found += steps_of(name, before.get(name), after.get(name), known, estimate)
    idle = carrying_nothing(b) - carrying_nothing(a)
    found.append(Found(("machines without work",), idle, ""))
    lines = [{c.line: c.usd_month for c in plan.costs if c.line not in MACHINE_LINES} for plan in (a, b)]
    for line in dict.fromkeys([*lines[0], *lines[1]]):
        found.append(Found((line,), lines[1].get(line, 0.0) - lines[0].get(line, 0.0), ""))
    usd: dict[Names, float] = defaultdict(float)
    details: dict[Names, list[str]] = defaultdict(list)
    for each in found:
        usd[each.names] += each.usd
        details[each.names] += [each.detail] if each.detail else []
    place = {name: i for i, name in enumerate(ORDER)}
    return tuple(
        Step(what=" + ".join(names), usd_month=usd[names], detail="; ".join(details[names]), joint=len(names) > 1)
        for names in sorted(usd, key=lambda names: (place.get(names[0], len(place)), names))
        if abs(usd[names]) > 1e-6 or details[names]
    )


def steps_of(name: str, a: Part | None, b: Part | None, prices: Prices, estimate: Estimate) -> Iterator[Found]:
    """The steps of one workload; they add up to the difference of what its machines and tokens cost."""
    if a is None or b is None or not a.requests or not b.requests:
        words = f"{name} only in the {'second' if a is None or not a.requests else 'first'} plan"
        yield Found(("workloads added or dropped",), (b.usd if b else 0.0) - (a.usd if a else 0.0), words)
        return
    grown = b.requests / a.requests
    if abs(grown - 1) > 1e-9:
        words = f"{name}: {count(a.requests)} to {count(b.requests)} requests"
        yield Found(("traffic",), a.usd * (grown - 1), words)
    if not a.on_machines or not b.on_machines:
        if abs(b.usd - a.usd * grown) > 1e-9 or a.on_machines != b.on_machines:
            words = f"{name}: {where(a)} to {where(b)}" if a.on_machines != b.on_machines else f"{name}: token prices"
            yield Found(("API or own machines",), b.usd - a.usd * grown, words)
        return
    moved = a.machine_usd * grown * (b.on_machines / a.on_machines - 1) + b.api_usd - a.api_usd * grown
    if abs(moved) > 1e-9:
        words = f"{name}: {percent(a.on_machines)} to {percent(b.on_machines)} on machines"
        yield Found(("API or own machines",), moved, words)
    requests = b.requests * b.on_machines
    for names, usd_request, detail in chain(a, b, prices, estimate):
        yield Found(names, usd_request * requests / a.busy, f"{name}: {detail}")
    fitted = b.machine_usd - requests * b.gpu_h * b.usd_gpu_h / a.busy
    if abs(fitted) > 1e-9:
        words = f"{name}: {percent(a.busy)} to {percent(b.busy)} busy"
        yield Found(("machines and hours that fit the load",), fitted, words)


def where(part: Part) -> str:
    """Where a workload is served that is not served in both ways."""
    return "own machines" if part.on_machines else "an API"


def chain(a: Part, b: Part, prices: Prices, estimate: Estimate) -> Iterator[Found]:
    """USD per request at full use, from the first plan's way to the second's, one change after the other."""
    old, new = a.facts, b.facts
    if old[:3] == new[:3] and old.gpu == new.gpu and abs(a.gpu_h - b.gpu_h) > 1e-9 * a.gpu_h:
        old = old._replace(rates=(f"{a.gpu_h * 3600:.3g}",))
        new = new._replace(rates=(f"{b.gpu_h * 3600:.3g} GPU-seconds a request",))
    if old[4:7] == new[4:7] and abs(a.usd_gpu_h - b.usd_gpu_h) > 1e-9 * a.usd_gpu_h:
        old = old._replace(price=(f"{a.usd_gpu_h:.3g}",))
        new = new._replace(price=(f"{b.usd_gpu_h:.3g} USD per GPU-hour",))
    names = ORDER[ORDER.index("model") : ORDER.index("price of the same offer") + 1]
    state, value = old, a.gpu_h * a.usd_gpu_h
    waiting: list[int] = []
    for i in range(len(names)):
        if old[i] == new[i]:
            continue
        waiting.append(i)
        state = Facts(*(new[j] if j <= i else old[j] for j in range(len(names))))
        speed = work_of(state, (old, a), (new, b), estimate)
        price = price_of(state, (old, a), (new, b), prices)
        if speed is None or price is None:
            continue
        detail = ", ".join(f"{'+'.join(old[j]) or '-'} to {'+'.join(new[j]) or '-'}" for j in waiting)
        yield Found(tuple(names[j] for j in waiting), speed * price - value, detail)
        value, waiting = speed * price, []


def work_of(state: Facts, old: tuple[Facts, Part], new: tuple[Facts, Part], estimate: Estimate) -> float | None:
    """GPU-hours of work per request in a state: as in one of the plans, else the first plan's as an estimate moves it.

    Estimated is the deployment that serves most of the workload, at its mean request; only where all is run in one way.
    """
    for facts, part in (old, new):
        if state[:5] == facts[:5]:
            return part.gpu_h
    (facts, a), (_, b) = old, new
    if (
        a.way is None
        or b.way is None
        or a.way.part
        or b.way.part
        or any(len(names) != 1 for names in (*state[:3], state.gpu))
    ):
        return None
    between = a.way
    if state.model != facts.model:
        between = between._replace(model=b.way.model)
    if state.precision != facts.precision:
        between = between._replace(precision=b.way.precision, kv_precision=b.way.kv_precision)
    if state.running != facts.running:
        between = between._replace(engine=b.way.engine, features=b.way.features, tp=b.way.tp, pp=b.way.pp)
    if state.gpu != facts.gpu:
        between = between._replace(gpu=b.way.gpu)
    first, then = estimate(a.way), estimate(between)
    return None if first is None or then is None else a.gpu_h * then / first


def price_of(state: Facts, old: tuple[Facts, Part], new: tuple[Facts, Part], prices: Prices) -> float | None:
    """USD per GPU-hour in a state: as in one of the plans, else the machines of one with what changed put in."""
    for facts, part in (old, new):
        if state[4:] == facts[4:]:
            return part.usd_gpu_h
    for facts, part in (new, old):
        usd = hours = 0.0
        for gpu, provider, term, gpu_h in part.rows:
            key = (
                put_in(gpu, state.gpu, facts.gpu),
                put_in(provider, state.provider, facts.provider),
                put_in(term, state.term, facts.term),
            )
            if key not in prices:
                break
            usd, hours = usd + prices[key] * gpu_h, hours + gpu_h
        else:
            if hours:
                return usd / hours
    return None


def put_in(name: str, wanted: Names, there: Names) -> str:
    """The name itself where nothing changed, else the one name that takes its place; empty where several might."""
    if wanted == there:
        return name
    return wanted[0] if len(wanted) == 1 else ""


def listed(catalog: Catalog) -> dict[tuple[str, str, str], float]:
    """The least that a GPU-hour of each type, provider and term is listed at."""
    out: dict[tuple[str, str, str], float] = {}
    for o in catalog.offers:
        key = (o.gpu, o.provider, o.term)
        out[key] = min(out.get(key, o.usd_h / o.gpus), o.usd_h / o.gpus)
    return out


def paid(plan: Plan) -> dict[tuple[str, str, str], float]:
    """What a GPU-hour of each type, provider and term costs in a plan."""
    usd: dict[tuple[str, str, str], float] = defaultdict(float)
    hours: dict[tuple[str, str, str], float] = defaultdict(float)
    for p in plan.purchases:
        key = (p.gpu, p.provider, term_of(p))
        usd[key] += p.usd_month
        hours[key] += p.hours_month * p.gpus
    return {key: usd[key] / hours[key] for key in usd if hours[key]}
