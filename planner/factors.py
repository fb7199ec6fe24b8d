"""A plan's workloads as factors that multiply to what each costs, and in which words each is run and bought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from planner.deployed import Lane
from planner.performance.features import Features
from planner.performance.parts import GpuPart
from planner.plan import Plan, Purchase, WorkloadPlan

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


class Way(NamedTuple):
    """How a workload is run, by one of the deployments that serve it, and the mean request."""

    model: str
    precision: str
    kv_precision: str
    engine: str
    features: Features
    tp: int
    pp: int
    gpu: str
    part: GpuPart | None
    lane: Lane
    input_tok: float
    output_tok: float


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
    way: Way | None  # of the deployment that serves most of it

    @property
    def machine_usd(self) -> float:
        """What its machines cost a month."""
        return self.requests * self.on_machines * self.gpu_h * self.usd_gpu_h / self.busy

    @property
    def usd(self) -> float:
        """What its machines and tokens cost a month."""
        return self.machine_usd + self.api_usd


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
            way=main_way(plan, w),
            rows=tuple((p.gpu, p.provider, term_of(p), p.hours_month * p.gpus) for p in bought),
        )
    return out


def main_way(plan: Plan, w: WorkloadPlan) -> Way | None:
    """How the deployment that serves most requests of a workload runs; None if none is named."""
    month_h = {b.label: b.month_h for b in plan.blocks}
    served: dict[int, float] = defaultdict(float)
    for i, d in enumerate(plan.deployments):
        for s in d.served:
            if workload_of(plan, s.request_class) == w.name and d.model:
                served[i] += s.req_s * month_h[s.block]
    if not served or not w.requests_month:
        return None
    d = plan.deployments[max(served, key=lambda i: served[i])]
    return Way(
        *(d.model, d.precision, d.kv_precision, d.engine, d.features, d.tp, d.pp, d.gpu, d.part, d.lane),
        input_tok=w.input_mtok_month * 1e6 / w.requests_month,
        output_tok=w.output_mtok_month * 1e6 / w.requests_month,
    )


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
            work[d.group, w] += busy * d.gpus * month_h[s.block]
            runs[w]["model"].add(d.model)
            runs[w]["precision"].add(d.precision + (f" kv-{d.kv_precision}" if d.kv_precision else ""))
            how = [d.engine, d.features.label, d.part.words("a GPU") if d.part else f"tp{d.tp}"]
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
        rent[p.group] += p.usd_month + sum(s.borne_by(p) for s in plan.spends)
        hours[p.group] += p.hours_month * p.gpus
    return rent, hours


def carrying_nothing(plan: Plan) -> float:
    """Rent of groups of machines on which nothing runs [USD/month]."""
    work, _ = work_by_group(plan)
    busy = {g for (g, _), gpu_h in work.items() if gpu_h > 0}
    rent, _ = by_group(plan)
    return sum(usd for g, usd in rent.items() if g not in busy)
