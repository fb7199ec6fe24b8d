"""What each change between two plans saves, one after the other, so that all of it adds up to the difference.

A workload's machines cost, exactly,

    requests x share on machines x GPU-hours of work per request x USD per GPU-hour / share of its hours that is busy

and the bill holds besides API tokens, machines that carry nothing, and lines that are no machine's.  The factors of the
first plan are replaced by those of the second in the order of `ORDER`: each step is the change with all before it
changed already and none after it.  In another order a step may come out differently; the sum never does.

Work per request depends on model, precision, batching and GPU type, the price of a GPU-hour on GPU type, provider and
term.  Of a state between two plans, such as the new GPU at the old provider, the price is looked up; where neither plan
nor price list knows it, the changes are told together: the two plans cannot tell them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from planner.catalog.load import Catalog
from planner.comparison import Step
from planner.outputs.figures import count, percent
from planner.plan import Plan, Purchase

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

MACHINE_LINES = ("on-demand rent", "spot rent", "commitments", "existing commitments", "API tokens")

Prices = Mapping[tuple[str, str, str], float]
"""(GPU, provider, term) -> USD per GPU-hour."""
Names = tuple[str, ...]


class Facts(NamedTuple):
    """What a chain of changes goes through, in the order of `ORDER` from "model" to "price of the same offer"."""

    model: Names
    precision: Names
    running: Names
    rates: Names
    gpu: Names
    provider: Names
    term: Names
    price: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One workload of one plan, taken apart."""

    requests: float
    on_machines: float  # share of requests
    gpu_h: float  # of work, per request
    usd_gpu_h: float
    busy: float
    api_usd: float
    facts: Facts
    rows: tuple[tuple[str, str, str, float], ...]  # GPU, provider, term, GPU-hours a month of its machines

    @property
    def machine_usd(self) -> float:
        """What its machines cost a month."""
        return self.requests * self.on_machines * self.gpu_h * self.usd_gpu_h / self.busy

    @property
    def usd(self) -> float:
        """What its machines and tokens cost a month."""
        return self.machine_usd + self.api_usd


class Found(NamedTuple):
    """One step of one workload."""

    names: Names
    usd: float
    detail: str


def waterfall(a: Plan, b: Plan, prices: Prices) -> tuple[Step, ...]:
    """The steps from the first bill to the second."""
    known = {**prices, **paid(a), **paid(b)}
    before, after = take_apart(a), take_apart(b)
    found: list[Found] = []
    for name in dict.fromkeys([*before, *after]):
        found += steps_of(name, before.get(name), after.get(name), known)
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


def steps_of(name: str, a: Part | None, b: Part | None, prices: Prices) -> Iterator[Found]:
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
    for names, usd_request, detail in chain(a, b, prices):
        yield Found(names, usd_request * requests / a.busy, f"{name}: {detail}")
    fitted = b.machine_usd - requests * b.gpu_h * b.usd_gpu_h / a.busy
    if abs(fitted) > 1e-9:
        words = f"{name}: {percent(a.busy)} to {percent(b.busy)} busy"
        yield Found(("machines and hours that fit the load",), fitted, words)


def where(part: Part) -> str:
    """Where a workload is served that is not served in both ways."""
    return "own machines" if part.on_machines else "an API"


def chain(a: Part, b: Part, prices: Prices) -> Iterator[Found]:
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
        speed = work_of(state, (old, a), (new, b))
        price = price_of(state, (old, a), (new, b), prices)
        if speed is None or price is None:
            continue
        detail = ", ".join(f"{'+'.join(old[j]) or '-'} to {'+'.join(new[j]) or '-'}" for j in waiting)
        yield Found(tuple(names[j] for j in waiting), speed * price - value, detail)
        value, waiting = speed * price, []


def work_of(state: Facts, *known: tuple[Facts, Part]) -> float | None:
    """GPU-hours of work per request in a state; None where neither plan runs it so."""
    return next((p.gpu_h for facts, p in known if state[:5] == facts[:5]), None)


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


def term_of(p: Purchase) -> str:
    """The term of a purchase; what is already paid for has one of its own."""
    return "existing" if p.existing else p.term


def take_apart(plan: Plan) -> dict[str, Part]:
    """Every workload of a plan as factors."""
    work, seen = work_by_group(plan)
    rent, hours = by_group(plan)
    of_group: dict[str, float] = defaultdict(float)
    for (g, _), gpu_h in work.items():
        of_group[g] += gpu_h
    out = {}
    for w in plan.workloads:
        mine = {g: gpu_h for (g, name), gpu_h in work.items() if name == w.name and gpu_h > 0}
        gpu_h = sum(mine.values())
        full = sum(h * rent[g] / hours[g] for g, h in mine.items())
        usd = sum(rent[g] * h / of_group[g] for g, h in mine.items())
        on_machines = 1 - w.api_share if mine else 0.0
        served = w.requests_month * on_machines
        bought = [p for p in plan.purchases if p.group in mine]
        out[w.name] = Part(
            requests=w.requests_month,
            on_machines=on_machines if served else 0.0,
            gpu_h=gpu_h / served if served else 0.0,
            usd_gpu_h=full / gpu_h if gpu_h else 0.0,
            busy=full / usd if usd else 1.0,
            api_usd=sum(api.usd_month for api in plan.apis if api.workload == w.name),
            facts=Facts(
                **seen.get(w.name, {}),
                rates=(),
                gpu=names_of(p.gpu for p in bought),
                provider=names_of(p.provider for p in bought),
                term=names_of(term_of(p) for p in bought),
                price=(),
            )
            if w.name in seen
            else Facts((), (), (), (), (), (), (), ()),
            rows=tuple((p.gpu, p.provider, term_of(p), p.hours_month * p.gpus) for p in bought),
        )
    return out


def names_of(names: Iterable[str]) -> Names:
    """Each name once, in order."""
    return tuple(sorted(set(names)))


def work_by_group(plan: Plan) -> tuple[dict[tuple[str, str], float], dict[str, dict[str, Names]]]:
    """GPU-hours of work by group and workload, and how each workload is run."""
    month_h = {b.label: b.month_h for b in plan.blocks}
    serving: dict[str, float] = {}
    for p in plan.purchases:
        serving[p.group] = min(serving.get(p.group, 1.0), p.serving_share)
    work: dict[tuple[str, str], float] = defaultdict(float)
    runs: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for d in plan.deployments:
        rates = {r.request_class: r for r in d.rates}
        for s in d.served:
            if s.req_s <= 0:
                continue
            w = workload_of(plan, s.request_class)
            rate = rates[s.request_class]
            busy = s.req_s / (rate.req_s * serving.get(d.group, 1.0))
            work[d.group, w] += busy * d.tp * d.pp * month_h[s.block]
            runs[w]["model"].add(d.model)
            runs[w]["precision"].add(d.precision + (f" kv-{d.kv_precision}" if d.kv_precision else ""))
            how = [d.engine, d.features.label, f"tp{d.tp}"]
            runs[w]["running"].add(" ".join(word for word in how if word) if rate.source != "given" else "as given")
    return work, {w: {key: tuple(sorted(words)) for key, words in run.items()} for w, run in runs.items()}


def workload_of(plan: Plan, request_class: str) -> str:
    """The workload that a request class belongs to: its label begins with its name."""
    fitting = [w.name for w in plan.workloads if request_class == w.name or request_class.startswith(f"{w.name}/")]
    return max(fitting, key=len)


def by_group(plan: Plan) -> tuple[dict[str, float], dict[str, float]]:
    """Rent and GPU-hours billed of each group [USD/month, h/month]."""
    rent: dict[str, float] = defaultdict(float)
    hours: dict[str, float] = defaultdict(float)
    for p in plan.purchases:
        rent[p.group] += p.usd_month
        hours[p.group] += p.hours_month * p.gpus
    return rent, hours


def carrying_nothing(plan: Plan) -> float:
    """Rent of groups of machines on which nothing runs [USD/month]."""
    work, _ = work_by_group(plan)
    busy = {g for (g, _), gpu_h in work.items() if gpu_h > 0}
    return sum(p.usd_month for p in plan.purchases if p.group not in busy)
