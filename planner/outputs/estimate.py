"""An estimate of one deployment on a terminal, as one JSON object and as CSV.

Fits 80 columns.  Bands are those in which the true mean lies in 80 of 100 cases.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Console

from planner.outputs.figures import percent, things
from planner.outputs.page import Line, Page
from planner.performance.estimate import AtObjective, Estimate, Rate, limits_of
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal

LIMIT_WORDS = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "whole request"}
VARYING = re.compile(r"(?<=roofline x )[\d.]+|(?<= at )\d+(?= in flight)")
"""Numbers in a reason that differ along a curve where the rows behind it are alike."""


def show_estimate(estimate: Estimate, assumed: Sequence[str], console: Console) -> None:
    """The answer first, then the curve, the load at the objective, the rows behind it and what is assumed."""
    page = Page(console)
    page.say(_headline(estimate), "bold", indent=0)
    _show_curve(estimate, page)
    if estimate.at_objective is not None:
        _show_objective(estimate, estimate.at_objective, page)
    page.title("What it rests on")
    for words in _evidence(estimate.points):
        page.say(words, hang=2)
    page.title("What it assumes")
    for words in assumed:
        page.say(words, hang=2)


def _headline(estimate: Estimate) -> str:
    d, at = estimate.deployment, estimate.at_objective
    what = f"{d.model.name} {d.precision} on {d.where}"
    if isinstance(at, AtObjective):
        if not at.rate.req_s:
            return f"{what}: the objective is kept at no rate"
        who = f"{things(at.rate.replicas, 'replica')} of it: " if at.rate.replicas > 1 else ""
        tok_s = at.rate.req_s * estimate.request.output_tok
        return f"{what}: {who}{short(at.rate.req_s)} requests/s, {short(tok_s)} output tok/s at the objective"
    if isinstance(at, Refusal):
        return f"{what}: {at.reason}"
    best = max(estimate.points, key=lambda point: point.req_s)
    tok_s = best.req_s * estimate.request.output_tok
    return f"{what}: up to {short(tok_s)} output tok/s, at {best.concurrency:,} requests in flight"


def _show_curve(estimate: Estimate, page: Page) -> None:
    heads = ("TPOT ms", "80 % band", "TTFT ms", "80 % band", "tok/s", "KV GiB", "source")
    lines = [
        Line(
            f"{p.concurrency:,}",
            (
                short(p.tpot_ms),
                _band(p.tpot_ms, p.tpot_band_share),
                short(p.ttft_ms),
                _band(p.ttft_ms, p.ttft_band_share),
                short(p.req_s * estimate.request.output_tok),
                _gib(p.concurrency * estimate.kv_request_gib),
                p.source,
            ),
        )
        for p in estimate.points
    ]
    page.table("In flight", heads, lines)
    last = estimate.points[-1]
    low, high = (round((share - 1) * 100) for share in (last.low_share, last.high_share))
    page.say(
        "Means, every slot busy and a slot being free; tok/s is the output of the whole replica "
        f"(80 % band {low:+d} to {high:+d} % at {last.concurrency:,} in flight)."
    )
    most = things(estimate.most_in_memory, "request")
    page.say(f"Memory holds {most} at most: {_gib(estimate.kv_room_gib)} GiB of KV cache on each GPU.")
    if estimate.most_in_memory > last.concurrency:
        page.say(f"No engine is asked to hold more than {last.concurrency:,} at once.")


def _show_objective(estimate: Estimate, at: AtObjective | Refusal, page: Page) -> None:
    if isinstance(at, Refusal):
        page.title("At the objective")
        page.say(f"Not kept by one request alone: {at.reason}.")
        page.say(at.nearest)
        return
    point, rate, output_tok = at.point, at.rate, estimate.request.output_tok
    full_tok_s = point.req_s * output_tok
    page.title(f"At the objective: {objective_words(at.objective)}")
    all_of_it = ", all that memory holds" if point.concurrency == estimate.most_in_memory else ""
    page.say(
        f"Every slot busy: {point.concurrency:,} in flight{all_of_it}; {short(point.req_s)} requests/s, "
        f"{short(full_tok_s)} output tok/s ({point.source}; 80 % band "
        f"{short(full_tok_s * point.low_share)} to {short(full_tok_s * point.high_share)})."
    )
    sharing = "With queueing" if rate.replicas == 1 else f"With queueing, {rate.replicas:,} replicas sharing one queue"
    if not rate.req_s:
        page.say(f"{sharing}: it is kept at no rate; {_missed(at.objective, rate)}.", "yellow")
    else:
        page.say(
            f"{sharing}: {short(rate.req_s)} requests/s, {short(rate.req_s * output_tok)} output tok/s at most "
            f"({short(rate.low_req_s)} to {short(rate.high_req_s)} requests/s at the ends of both bands).  "
            f"That is {percent(rate.busy_share)} of all {rate.slots:,} slots busy; {percent(rate.waiting_share)} wait "
            "for one."
        )
    lines = [
        Line(LIMIT_WORDS[what], tuple(short(ms) for ms in values.values()))
        for what, values in (("ttft", rate.ttft_ms), ("tpot", rate.tpot_ms), ("e2e", rate.e2e_ms))
    ]
    page.table(f"ms at {short(rate.seen_req_s)} requests/s", [_percentile(share) for share in rate.ttft_ms], lines)


def _missed(objective: Objective, rate: Rate) -> str:
    """Which limits are late at next to no load."""
    share = objective.percentile_share
    seen = {"ttft": rate.ttft_ms, "tpot": rate.tpot_ms, "e2e": rate.e2e_ms}
    late = [
        f"{LIMIT_WORDS[what]} is {short(seen[what][share])} ms where {limit:,.0f} is asked"
        for what, limit in limits_of(objective).items()
        if seen[what][share] > limit
    ]
    begin = "prompts and answers differ in length, and even next to no load"
    return f"{begin} {_percentile(share)} of {' and '.join(late)}" if late else f"{begin} is too late"


def objective_words(objective: Objective) -> str:
    """The limits in words, or that there is none."""
    limits = [f"{LIMIT_WORDS[what]} {ms:,.6g} ms" for what, ms in limits_of(objective).items()]
    return f"{_percentile(objective.percentile_share)} {', '.join(limits)}" if limits else "no latency limit"


def _evidence(points: Sequence[OperatingPoint]) -> list[str]:
    """The reasons, once for numbers in flight whose rows are alike."""
    out = []
    for _, group in groupby(points, key=lambda point: VARYING.sub("", point.reason)):
        together = list(group)
        ends = iter([_range(numbers) for numbers in zip(*(VARYING.findall(p.reason) for p in together), strict=True)])
        words = VARYING.sub(lambda _, ends=ends: next(ends), together[0].reason)  # type: ignore[misc]
        out.append(f"{_range([str(p.concurrency) for p in together])} in flight: {words}")
    return out


def _range(numbers: Sequence[str]) -> str:
    """The least and the most of some numbers.

    >>> _range(["8", "4", "1024"]), _range(["0.95", "0.95"])
    ('4 to 1,024', '0.95')
    """
    ends = dict.fromkeys((min(numbers, key=float), max(numbers, key=float)))
    return " to ".join(f"{int(end):,}" if end.isdigit() else end for end in ends)


def estimate_object(estimate: Estimate, memory_share: float, assumed: Sequence[str]) -> dict[str, Any]:
    """The estimate as one JSON object; units in the names, shares from 0 to 1, nothing rounded."""
    at = estimate.at_objective
    return {
        **_asked(estimate.deployment),
        "input_tok": estimate.request.input_tok,
        "output_tok": estimate.request.output_tok,
        "memory_share": memory_share,
        "most_in_memory": estimate.most_in_memory,
        "kv_available_gib_gpu": estimate.kv_room_gib,
        "kv_request_gib_gpu": estimate.kv_request_gib,
        "curve": [_point(estimate, point) for point in estimate.points],
        "at_objective": _objective(estimate, at) if isinstance(at, AtObjective) else None,
        "refused": refusal_object(at) if isinstance(at, Refusal) else None,
        "assumed": list(assumed),
    }


def refusal_object(refusal: Refusal) -> dict[str, Any]:
    """A refusal; `shortfall` is what is needed / what there is, None where nothing would do."""
    shortfall = refusal.shortfall if refusal.shortfall < float("inf") else None
    return {"reason": refusal.reason, "nearest": refusal.nearest, "shortfall": shortfall}


def _asked(d: Deployment) -> dict[str, Any]:
    return {
        "model": d.model.name,
        "gpu": d.gpu.name,
        "gpus": d.gpus,
        "part": None if d.part is None else d.part.profile or f"1/{d.part.parts}",
        "tp": d.tp,
        "pp": d.pp,
        "precision": d.precision,
        "kv_precision": d.kv_precision,
        "engine": d.engine,
    }


def _point(estimate: Estimate, p: OperatingPoint) -> dict[str, Any]:
    tok_s = p.req_s * estimate.request.output_tok
    return {
        "concurrency": p.concurrency,
        "tpot_ms": p.tpot_ms,
        "tpot_low_ms": p.tpot_ms / (1 + p.tpot_band_share),
        "tpot_high_ms": p.tpot_ms * (1 + p.tpot_band_share),
        "ttft_ms": p.ttft_ms,
        "ttft_low_ms": p.ttft_ms / (1 + p.ttft_band_share),
        "ttft_high_ms": p.ttft_ms * (1 + p.ttft_band_share),
        "service_s": p.service_s,
        "req_s": p.req_s,
        "output_tok_s": tok_s,
        "output_low_tok_s": tok_s * p.low_share,
        "output_high_tok_s": tok_s * p.high_share,
        "kv_used_gib_gpu": p.concurrency * estimate.kv_request_gib,
        "kv_available_gib_gpu": estimate.kv_room_gib,
        "source": p.source,
        "reason": p.reason,
    }


def _objective(estimate: Estimate, at: AtObjective) -> dict[str, Any]:
    rate = at.rate
    latencies = {"ttft": rate.ttft_ms, "tpot": rate.tpot_ms, "e2e": rate.e2e_ms}
    return {
        "limits_ms": limits_of(at.objective),
        "percentile_share": at.objective.percentile_share,
        "every_slot_busy": _point(estimate, at.point),
        "with_queueing": {
            "replicas": rate.replicas,
            "req_s": rate.req_s,
            "low_req_s": rate.low_req_s,
            "high_req_s": rate.high_req_s,
            "output_tok_s": rate.req_s * estimate.request.output_tok,
            "slots": rate.slots,
            "busy_share": rate.busy_share,
            "in_flight_replica": rate.in_flight,
            "waiting_share": rate.waiting_share,
            "latencies_at_req_s": rate.seen_req_s,
            **{
                f"{what}_{_percentile(share).replace('.', '_')}_ms": ms
                for what, values in latencies.items()
                for share, ms in values.items()
            },
        },
    }


def curve_csv(estimate: Estimate) -> str:
    """The curve as CSV, one line for each number in flight."""
    text = io.StringIO()
    rows = [_point(estimate, point) for point in estimate.points]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def short(value: float) -> str:
    """Three digits that count, or a whole number.

    >>> short(5.1366), short(14), short(12345.6), short(99.96), short(0.1756)
    ('5.14', '14.0', '12,346', '100', '0.176')
    """
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def _band(ms: float, share: float) -> str:
    """The ends of a band, its digits as those of the middle."""
    return f"{short(ms / (1 + share))}-{short(ms * (1 + share))}"


def _gib(memory_gib: float) -> str:
    """Memory; next to nothing is said to be so.

    >>> _gib(52.776), _gib(0.0001)
    ('52.8', '<0.01')
    """
    return short(memory_gib) if memory_gib >= 0.01 else "<0.01"


def _percentile(share: float) -> str:
    """The name of a percentile.

    >>> _percentile(0.95), _percentile(0.999)
    ('p95', 'p99.9')
    """
    return f"p{round(share * 100, 4):g}"
