"""Limits of a problem that may be turned from loose to tight, as far as they go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from planner.errors import Complaint, InputError
from planner.problem.contradictions import FASTEST_MS
from planner.problem.schema import Problem
from planner.problem.wording import did_you_mean
from planner.problem.workload import AcceptableModel, Workload

LOOSE = 8.0
"""A latency objective is turned from so many times what is stated."""
UNSTATED_MS = {"ttft_ms": 10_000.0, "tpot_ms": 500.0, "e2e_ms": 120_000.0}
LEAST_SHARE = 0.02
"""No provider's share is turned below this: fifty of them would be needed."""

Turn = Callable[[Problem, float], Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A limit, its two ends, and the problem with the limit at a value.

    At its loosest value there is no limit at all where `free` says so.
    """

    key: str
    loosest: float
    tightest: float
    turn: Turn
    free: str = ""  # how the loosest end is called if it is no limit
    by_ratio: bool = False  # halfway between two values is their geometric mean
    nested: bool = True  # the program at a tighter value is that at a looser one with fewer plans; rates do not change

    def value(self, tightness: float) -> float:
        """The limit at a tightness from 0 (loosest) to 1."""
        if self.by_ratio:
            return float(self.loosest * (self.tightest / self.loosest) ** tightness)
        return self.loosest + (self.tightest - self.loosest) * tightness


def knob_of(problem: Problem, key: str) -> Knob:
    """The limit of that name.  Raises `InputError`, with all that may be turned, where there is none."""
    found = {each.key: each for each in knobs_of(problem)}
    if key not in found:
        possible = ", ".join(found) or "nothing: no workload has what these limits bear on"
        meant = did_you_mean(key, found)
        raise InputError(
            [Complaint(f"--of {key}", f"is no limit that may be turned here.{meant}  Possible: {possible}.")]
        )
    return found[key]


def knobs_of(problem: Problem) -> Iterator[Knob]:
    """All limits of a problem that may be turned."""
    for name, workload in problem.workloads.items():
        for what, fastest in FASTEST_MS.items():
            stated = getattr(workload.slo, what)
            loosest = UNSTATED_MS[what] if stated is None else LOOSE * stated
            yield Knob(
                key=f"slo.{name}.{what}",
                loosest=loosest,
                tightest=fastest,
                turn=objective(name, what, loosest),
                free="no limit",
                by_ratio=True,
                nested=False,
            )
        scores = list(scores_of(workload))
        if scores and min(scores) < max(scores):
            least = min(scores)
            yield Knob(
                key=f"mean_quality.{name}",
                loosest=least,
                tightest=max(scores),
                turn=lambda p, v, name=name, least=least: of_workload(  # type: ignore[misc]
                    p, name, {"mean_quality_at_least": v if v > least else None}
                ),
                free="no limit",
            )
    interruptible = [name for name, w in problem.workloads.items() if w.interruptible]
    if interruptible:
        yield Knob(key="spot_share", loosest=1.0, tightest=0.0, turn=spot_share(interruptible))
    for key, rule in (
        ("provider_share", "max_provider_traffic_share"),
        ("provider_spend_share", "max_provider_spend_share"),
    ):
        yield Knob(
            key=key,
            loosest=1.0,
            tightest=LEAST_SHARE,
            turn=lambda p, v, rule=rule: p.model_copy(  # type: ignore[misc]
                update={"spread": p.spread.model_copy(update={rule: v})}
            ),
        )
    asked = problem.resilience
    if asked.machine or asked.region or asked.provider:
        yield Knob(key="kept_share", loosest=0.0, tightest=1.0, turn=kept_share, free="nothing kept")


def of_workload(problem: Problem, name: str, update: dict[str, object]) -> Problem:
    """The problem with one workload changed."""
    changed = problem.workloads[name].model_copy(update=update)
    return problem.model_copy(update={"workloads": {**problem.workloads, name: changed}})


def objective(name: str, what: str, loosest: float) -> Turn:
    """A latency objective of a workload [ms]; none at all at its loosest."""

    def turn(problem: Problem, value: float) -> Problem:
        slo = problem.workloads[name].slo.model_copy(update={what: value if value < loosest else None})
        return of_workload(problem, name, {"slo": slo})

    return turn


def spot_share(names: list[str]) -> Turn:
    """What spot may carry of every workload that may be interrupted."""

    def turn(problem: Problem, value: float) -> Problem:
        for name in names:
            problem = of_workload(problem, name, {"spot_max_share": value})
        return problem

    return turn


def kept_share(problem: Problem, value: float) -> Problem:
    """What goes on when something that the problem speaks of is lost; at 0 nothing is promised."""
    update: dict[str, object] = {"kept_share": value}
    if value <= 0:
        update = {"machine": False, "region": False, "provider": False, "workloads": []}
    return problem.model_copy(update={"resilience": problem.resilience.model_copy(update=update)})


def scores_of(workload: Workload) -> Iterator[float]:
    """Scores of the models a workload accepts; none where one of them has none."""
    models = [each for each in workload.models if isinstance(each, AcceptableModel)]
    if len(models) == len(workload.models) and all(each.quality for each in models):
        for each in models:
            assert each.quality is not None
            yield from {each.quality.score, *each.quality.by_precision.values()}
