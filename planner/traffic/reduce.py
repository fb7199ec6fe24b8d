"""From the traffic of a problem to request classes, load blocks and windows.

Requests and tokens of the month are kept exactly.  What merging lengths loses is said in
`merging_note`; hours are merged only where nothing is lost (`planner.traffic.blocks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.catalog.load import Catalog
from planner.errors import Complaint, ProblemError
from planner.performance.types import Request
from planner.problem.features import EngineFeatures
from planner.problem.references import trace_refusal
from planner.problem.schema import Problem
from planner.problem.workload import Traffic, Workload
from planner.traffic.arrivals import POISSON_NOTE
from planner.traffic.blocks import Alike, OpenHours, group_alike, open_hours, week_label, window_label
from planner.traffic.lengths import Cell, length_cells, mean_lengths, merge_cells
from planner.traffic.trace import Trace, read_trace
from planner.traffic.types import HOURS, Block, Load, RequestClass, Window
from planner.traffic.weeks import ASSUMED_BURST_FACTOR, ASSUMED_BURST_NOTE, mean_req_s, relative_week


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    """One workload's traffic: its classes with their shares, and requests/s in the 168 hours."""

    classes: dict[str, float]  # class label -> share of requests
    requests: tuple[RequestClass, ...]
    req_s: tuple[float, ...]  # mean of each hour of the week
    windows: tuple[OpenHours, ...]  # empty unless it may wait
    burst_factor: float
    burst_note: str
    arrival_variability: float
    arrival_note: str
    merging_note: str


def reduce_traffic(problem: Problem, folder: Path, catalog: Catalog) -> Load:
    """The traffic of all workloads as blocks, classes and windows.

    `folder` is where the traces that the problem names are looked for.  The names in the problem
    must be known (`planner.problem.references`).  Raises ProblemError for traces that cannot be read.
    """
    traces = _read_traces(problem, folder)
    flows = {
        name: _flow(name, workload, catalog, traces.get(name), problem.month_hours)
        for name, workload in problem.workloads.items()
    }
    served = {name: flow for name, flow in flows.items() if not flow.windows}
    alike = group_alike(
        [flow.req_s for flow in served.values()],
        [window for flow in flows.values() for window in flow.windows],
    )
    hour_h = problem.month_hours / HOURS
    blocks = tuple(Block(label=week_label(hours), hours=hours, month_h=len(hours) * hour_h) for hours in alike.hours)
    mean, planning = {}, {}
    for flow in served.values():
        for block in blocks:
            rate = sum(flow.req_s[hour] for hour in block.hours) / len(block.hours)
            for label, share in flow.classes.items():
                mean[label, block.label] = rate * share
                planning[label, block.label] = rate * share * flow.burst_factor
    return Load(
        classes=tuple(each for flow in flows.values() for each in flow.requests),
        blocks=blocks,
        mean_req_s=mean,
        planning_req_s=planning,
        windows=_windows(alike, blocks, flows, problem),
        burst_factor={name: flow.burst_factor for name, flow in flows.items()},
        burst_note={name: flow.burst_note for name, flow in flows.items()},
        arrival_variability={name: flow.arrival_variability for name, flow in flows.items()},
        arrival_note={name: flow.arrival_note for name, flow in flows.items()},
        merging_note={name: flow.merging_note for name, flow in flows.items()},
    )


def _read_traces(problem: Problem, folder: Path) -> dict[str, Trace]:
    traces: dict[str, Trace] = {}
    complaints: list[Complaint] = []
    for name, workload in problem.workloads.items():
        if workload.traffic.trace is None:
            continue
        where = f"workloads.{name}.traffic.trace"
        refusal = trace_refusal(folder, workload.traffic.trace)
        if refusal:
            complaints.append(Complaint(where, refusal))
            continue
        try:
            traces[name] = read_trace(folder / workload.traffic.trace)
        except ProblemError as error:
            complaints += error.complaints
            continue
        said = "shape" if workload.traffic.shape is not None else "hours"
        if traces[name].week is not None and getattr(workload.traffic, said) is not None:
            what = f"the trace covers a whole week and says when requests arrive; so does `{said}`.  Keep one."
            complaints.append(Complaint(where, what))
    if complaints:
        raise ProblemError(complaints)
    return traces


def _flow(name: str, workload: Workload, catalog: Catalog, trace: Trace | None, month_hours: float) -> _Flow:
    traffic = workload.traffic
    cells = length_cells(traffic, catalog, trace.cells if trace else None)
    input_tok, output_tok = mean_lengths(cells)
    week = relative_week(traffic, catalog, trace.week if trace else None)
    rate = mean_req_s(
        traffic,
        week=week,
        input_tok=input_tok,
        output_tok=output_tok,
        month_hours=month_hours,
        traced_req_s=trace.mean_req_s if trace else None,
    )
    merged, note = merge_cells(cells, traffic.classes)
    requests, shares = _classes(name, merged, workload.features)
    windows = tuple(open_hours(name, workload.deferrable)) if workload.deferrable else ()
    burst_factor, burst_note = (1.0, "may wait: no bursts to carry") if windows else _burst(traffic, catalog, trace)
    measured = None if windows else trace
    return _Flow(
        classes=shares,
        requests=requests,
        req_s=tuple(rate * relative for relative in week),
        windows=windows,
        burst_factor=burst_factor,
        burst_note=burst_note,
        arrival_variability=measured.arrival_variability if measured else 1.0,
        arrival_note=measured.arrival_note if measured else POISSON_NOTE,
        merging_note="; ".join(filter(None, (note, trace.lengths_note if trace else ""))),
    )


def _burst(traffic: Traffic, catalog: Catalog, trace: Trace | None) -> tuple[float, str]:
    if traffic.burst_factor is not None:
        return traffic.burst_factor, "given in the problem"
    if trace is not None and trace.burst_factor is not None:
        return trace.burst_factor, trace.burst_note
    if traffic.shape is not None:
        shape = catalog.shapes[traffic.shape]
        return shape.burst_factor, shape.burst_note
    return ASSUMED_BURST_FACTOR, "; ".join(filter(None, (ASSUMED_BURST_NOTE, trace.burst_note if trace else "")))


def _classes(
    workload: str, cells: Sequence[Cell], features: EngineFeatures
) -> tuple[tuple[RequestClass, ...], dict[str, float]]:
    requests: list[RequestClass] = []
    shares: dict[str, float] = {}
    for cell in cells:
        label = workload if len(cells) == 1 else f"{workload}/{cell.input_tok:.0f}in-{cell.output_tok:.0f}out"
        while label in shares:
            label += "'"
        shares[label] = cell.share
        request = Request(
            input_tok=cell.input_tok,
            output_tok=cell.output_tok,
            input_scv=cell.input_scv,
            prefix_hit_share=features.prefix_hit_share,
            offload_hit_share=features.offload_hit_share,
        )
        requests.append(RequestClass(workload=workload, label=label, request=request))
    return tuple(requests), shares


def _windows(alike: Alike, blocks: Sequence[Block], flows: Mapping[str, _Flow], problem: Problem) -> tuple[Window, ...]:
    """The windows of the month: alike ones as one, with the hours and requests of all."""
    windows = []
    for group in alike.windows:
        flow = flows[group[0].workload]
        hours = frozenset().union(*(window.hours for window in group))
        week_req_s = sum(flow.req_s) / HOURS
        requests_month = week_req_s * problem.month_hours * 3600 * sum(window.share for window in group)
        windows.append(
            Window(
                label=window_label(group),
                workload=group[0].workload,
                blocks=tuple(block.label for block in blocks if hours.issuperset(block.hours)),
                requests_month={label: share * requests_month for label, share in flow.classes.items()},
                nights=tuple(tuple(sorted(window.hours)) for window in group) if len(group) > 1 else (),
            )
        )
    return tuple(windows)
