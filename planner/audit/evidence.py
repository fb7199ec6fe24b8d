"""What an audit looks at, and the few sums that several checks need.

Everything is derived from the plan, the problem, the load and the catalog; no rule is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from planner.catalog.load import Catalog
from planner.catalog.rows import PriceOffer
from planner.deployed import DeploymentPlan, Served
from planner.endpoints import Endpoint
from planner.performance import Performance
from planner.plan import ApiPurchase, Plan, PlanBlock, Purchase
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel, Workload
from planner.traffic.types import Block, Load, RequestClass

RELATIVE = 1e-6
"""Relative error up to which two figures are the same; a solver keeps its rows to about as much."""

ALMOST_NOTHING = 1e-9

CENT_USD = 0.01


class Finding(NamedTuple):
    """One check: what was looked at, with counts, and a sentence for every breach."""

    checked: str
    breaches: list[str]


def above(value: float, limit: float) -> bool:
    """Whether a value is above its limit by more than rounding; NaN counts as above."""
    return not value <= limit + RELATIVE * abs(limit) + ALMOST_NOTHING


def differs(value: float, expected: float) -> bool:
    """Whether two figures differ by more than rounding."""
    return above(value, expected) or above(expected, value)


def usd_differs(value: float, expected: float) -> bool:
    """Whether two sums of money differ by more than a cent and by more than one part in a million."""
    return not abs(value - expected) <= max(CENT_USD, RELATIVE * abs(expected))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A plan beside what it was made from."""

    plan: Plan
    problem: Problem  # in the catalog's spelling
    load: Load
    catalog: Catalog
    performance: Performance | None

    @cached_property
    def classes(self) -> dict[str, RequestClass]:
        """Request classes by label."""
        return {each.label: each for each in self.load.classes}

    @cached_property
    def blocks(self) -> dict[str, PlanBlock]:
        """The plan's blocks by label."""
        return {block.label: block for block in self.plan.blocks}

    @cached_property
    def load_block(self) -> dict[str, Block]:
        """Label of a plan block -> the block of the load that it lies in; absent if it lies in none."""
        return {
            inner.label: outer
            for inner in self.plan.blocks
            for outer in self.load.blocks
            if inner.hours and set(inner.hours) <= set(outer.hours)
        }

    @cached_property
    def groups(self) -> dict[str, list[Purchase]]:
        """Purchases by their group."""
        found: dict[str, list[Purchase]] = defaultdict(list)
        for purchase in self.plan.purchases:
            found[purchase.group].append(purchase)
        return dict(found)

    @cached_property
    def offers_of(self) -> dict[tuple[str, str], list[PriceOffer]]:
        """Price rows of the catalog by provider and GPU."""
        found: dict[tuple[str, str], list[PriceOffer]] = defaultdict(list)
        for offer in self.catalog.offers:
            found[offer.provider, offer.gpu].append(offer)
        return dict(found)

    @cached_property
    def self_hosted(self) -> bool:
        """Whether a replica runs at any hour."""
        return any(n > 0 for each in self.plan.deployments for n in each.replicas_by_block.values())

    def workload(self, request_class: str) -> Workload | None:
        """The workload that a request class belongs to."""
        found = self.classes.get(request_class)
        return self.problem.workloads.get(found.workload) if found else None

    def may_wait(self, request_class: str) -> bool:
        """Whether a request class is deferrable."""
        workload = self.workload(request_class)
        return workload is not None and workload.deferrable is not None

    def on_fleet(self) -> Iterator[tuple[DeploymentPlan, Served]]:
        """Everything the fleet serves."""
        for deployment in self.plan.deployments:
            for served in deployment.served:
                yield deployment, served

    def on_apis(self) -> Iterator[tuple[ApiPurchase, Served]]:
        """Everything that APIs serve at a stated hour."""
        for purchase in self.plan.apis:
            for served in purchase.served:
                yield purchase, served

    def workloads_on(self, deployment: DeploymentPlan) -> dict[str, Workload]:
        """The workloads that a deployment really serves, by name."""
        names = {
            self.classes[served.request_class].workload
            for served in deployment.served
            if served.req_s > 0 and served.request_class in self.classes
        }
        return {name: self.problem.workloads[name] for name in sorted(names & set(self.problem.workloads))}

    def month_h(self, block: str) -> float:
        """Hours of a plan block in a month, from its hours of the week; 0 for an unknown block."""
        found = self.blocks.get(block)
        return len(found.hours) * self.problem.month_hours / 168 if found else 0.0

    def requests_month(self, served: Served) -> float:
        """Requests of a month behind a planning rate: bills count the mean, work that waits has no bursts."""
        workload = self.classes[served.request_class].workload if served.request_class in self.classes else ""
        burst = 1.0 if self.may_wait(served.request_class) else self.load.burst_factor.get(workload, 1.0)
        return served.req_s / burst * 3600 * self.month_h(served.block)

    def asked_month(self, workload: str) -> dict[str, float]:
        """Requests of a month by class, as the load has them."""
        asked: dict[str, float] = {label: 0.0 for label, each in self.classes.items() if each.workload == workload}
        for window in self.load.windows:
            for label, requests in window.requests_month.items() if window.workload == workload else ():
                asked[label] += requests
        hours = {block.label: block.month_h for block in self.load.blocks}
        for (label, block), rate in self.load.mean_req_s.items():
            if label in asked and not self.may_wait(label):
                asked[label] += rate * 3600 * hours[block]
        return asked

    def billed_h(self, purchase: Purchase) -> float:
        """Machine-hours of a month that a purchase is billed for."""
        if purchase.billing == "always":
            return purchase.count * self.problem.month_hours
        if purchase.endpoint is not None:
            return sum(h for h, _ in self.worker_h(purchase.endpoint, purchase))
        return sum(n * self.month_h(block) for block, n in purchase.machines_by_block.items())

    def rent_usd(self, purchase: Purchase) -> float:
        """What those hours cost, without what a spend commitment pays for [USD/month]."""
        if purchase.endpoint is not None:
            return sum(h * usd_h for h, usd_h in self.worker_h(purchase.endpoint, purchase))
        return purchase.usd_h * (self.billed_h(purchase) - purchase.covered_hours_month)

    def worker_h(self, endpoint: Endpoint, purchase: Purchase) -> Iterator[tuple[float, float]]:
        """Billed worker-hours of a month and their price, as shares are told; `audit.serverless` checks these."""
        told = {each.block: each for each in endpoint.hours}
        for block, workers in purchase.machines_by_block.items():
            if block in told:
                price = endpoint.warm_usd_h if told[block].warm else purchase.usd_h
                yield workers * told[block].billed_share * self.month_h(block), price

    def serving_share(self, group: str) -> float:
        """Share of their time that the machines of a group serve, as the plan says; `audit.spot` checks it."""
        return min((each.serving_share for each in self.groups.get(group, [])), default=1.0)

    def vendor(self, gpu: str) -> str:
        """Who makes a GPU; empty if the catalog does not know it."""
        return self.catalog.gpus[gpu].vendor if gpu in self.catalog.gpus else ""


def acceptable(workload: Workload) -> list[AcceptableModel]:
    """The models a workload accepts, written out, with the defaults that the problem file promises."""
    written = [each if isinstance(each, AcceptableModel) else AcceptableModel(model=each) for each in workload.models]
    return [
        each.model_copy(
            update={
                "precisions": each.precisions or ["bf16", "fp8"],
                "kv_precisions": each.kv_precisions or ["bf16", "fp8"],
            }
        )
        for each in written
    ]
