"""What workloads are promised that may give way: latency, quality, shares, replicas, when waiting work is done."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from planner.analysis.knobs import LOOSE, objective, of_workload, scores_of
from planner.analysis.loosening import Loosening, below, card, number, percents, three_digits
from planner.problem.contradictions import FASTEST_MS, span_of
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel, Deferrable

LATENCY = {"ttft_ms": "its first token", "tpot_ms": "each token", "e2e_ms": "its whole answer"}


def objectives(problem: Problem) -> Iterator[Loosening]:
    """Latency objectives, at three digits up to `LOOSE` times what is asked, and none at all."""
    for name, workload in problem.workloads.items():
        for what in FASTEST_MS:
            now = getattr(workload.slo, what)
            if now is not None:
                yield Loosening(
                    key=f"slo.{name}.{what}",
                    says=f"let {name} wait longer for {LATENCY[what]}",
                    turn=objective(name, what, math.inf),
                    values=[*three_digits(now, LOOSE * now), math.inf],
                    now=now,
                    unit="ms",
                )


def of_workloads(problem: Problem) -> Iterator[Loosening]:
    """What a workload is promised: shares, scores, replicas, and how soon it is done if it may wait."""
    for name, workload in problem.workloads.items():
        at, any_hour = ("workloads", name), "any hour"
        if workload.interruptible:
            says = card("within_spot_share", **{"workload or class": name}, block=any_hour)
            values = percents(workload.spot_max_share)
            yield number(problem, (*at, "spot_max_share"), values, says, "share", "within_spot_share")
        if workload.apis and problem.apis.allow:
            says = card("within_api_share", workload=name, block=any_hour)
            values = percents(workload.api_max_share)
            yield number(problem, (*at, "api_max_share"), values, says, "share", "within_api_share")
        scores, floor = sorted(set(scores_of(workload))), workload.min_quality
        if scores and workload.mean_quality_at_least is not None:
            says = card("keep_mean_quality", workload=name, block=any_hour)
            values = below(workload.mean_quality_at_least, scores[0])
            yield number(problem, (*at, "mean_quality_at_least"), values, says, "score", "keep_mean_quality")
        if floor is not None:
            worse = [score for score in reversed(scores) if score < floor]
            yield number(problem, (*at, "min_quality"), worse, f"accept answers of {name} that score less", "score")
        for i, model in enumerate(workload.models):
            if isinstance(model, AcceptableModel):
                says = card("within_model_share", model=model.model, workload=name, block=any_hour)
                path = (*at, "models", i, "max_share")
                yield number(problem, path, percents(model.max_share), says, "share", "within_model_share")
        says = card("keep_replicas_running", workload=name, block="every hour")
        fewer = range(workload.min_replicas - 1, -1, -1)
        yield number(problem, (*at, "min_replicas"), fewer, says, "replicas", "keep_replicas_running")
        if workload.deferrable is not None:
            yield opened(name, workload.deferrable)


def waiting(name: str, update: dict[str, Any], problem: Problem, _: float = 1.0) -> Problem:
    """The problem with a workload waiting in another way."""
    deferrable = problem.workloads[name].deferrable
    assert deferrable is not None
    return of_workload(problem, name, {"deferrable": deferrable.model_copy(update=update)})


def opened(name: str, deferrable: Deferrable) -> Loosening:
    """The window of work that may wait, open for more hours: from the same hour on, later into the day."""
    begin, end = span_of(deferrable.hours_of_day)

    def turn(problem: Problem, hours: float) -> Problem:
        clock = "00-24" if hours >= 24 else f"{begin:02d}-{(begin + int(hours)) % 24 or 24:02d}"
        return waiting(name, {"hours_of_day": clock}, problem)

    return Loosening(
        key=f"workloads.{name}.deferrable.hours_of_day",
        says=f"let {name} be done in more hours of the day",
        turn=turn,
        values=range(end - begin + 1, 25),
        now=end - begin,
        unit="hours",
        family="serve_deferred",
        detail=lambda hours: f"hours_of_day: {begin:02d}-{(begin + int(hours)) % 24 or 24:02d}" if hours < 24 else "",
    )
