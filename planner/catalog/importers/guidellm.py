"""Read what GuideLLM writes: benchmarks.json and benchmarks.csv, one benchmark or more in each.

    guidellm run ...                  0.7 and later: {"metadata": ..., "config": ..., "benchmarks": [...]}
    guidellm benchmark run ...        0.4 to 0.6: {"metadata": ..., "args": ..., "benchmarks": [...]}; 0.2 and 0.3:
                                      {"benchmarks": [...]}, where `args` stands for `config` and `worker` for `backend`

A benchmark has `config.strategy` ({"type_": "concurrent", "streams": 4}) and `metrics`; a metric is split by status
(successful, incomplete, errored, total), each with mean and percentiles p001 ... p95, p99, p999.  Names ending in
_ms are ms, `request_latency` is s, throughputs are tokens/s.  The CSV of 0.4 and later has three header lines (group,
"Successful ms", statistic), before that one; its list of percentiles is [min, 0.1, 1, 5, 10, 25, 75, 90, 95, 99, max].

Traps: `time_per_output_token_ms` includes the first token and is not used: `inter_token_latency_ms` leaves it out; it
is a mean per request, weighted by its tokens since 0.4.  `incomplete` are requests cut off at the time limit: no
failures, but the engine served their tokens, so throughput is that of all.  `requests_per_second` and throughputs
have medians that mean little; their means count.  A CSV before 0.8 says "concurrent" without saying how many; the
streams of its profile do, by the index of the run.  `start_time` is seconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from planner.catalog.importers.documents import Document, Run, Table, cell_number, dig, said, text_of
from planner.catalog.importers.rows import Load, Result
from planner.errors import Complaint

TOOL = "guidellm"
WRITES = "GuideLLM's benchmarks.json or benchmarks.csv"
REMEDY = "Benchmark a text model with streaming."

STATUSES = ("successful", "incomplete", "errored")
STATISTICS = {"mean": "Mean", "p50": "Median", "p95": "Percentiles", "p99": "Percentiles"}
PERCENTILES = {"p95": 8, "p99": 9}
"""Places in a CSV's list of percentiles."""

CSV_NAMES = {
    "prompt_token_count": ("Token Metrics", "Input Tokens"),
    "output_token_count": ("Token Metrics", "Output Tokens"),
    "time_to_first_token_ms": ("Time to First Token", "ms"),
    "inter_token_latency_ms": ("Inter Token Latency", "ms"),
    "output_tokens_per_second": ("Token Throughput", "Output Tokens/Sec"),
    "tokens_per_second": ("Token Throughput", "Total Tokens/Sec"),
    "request_concurrency": ("Server Throughput", "Concurrency"),
}

Statistic = Callable[[str, str, str], Any]
"""Of a metric, a status and a statistic such as p95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One benchmark, read from JSON or from a line of a CSV."""

    where: str
    strategy: str
    streams: Any
    rate: Any
    model: str
    counts: Any  # requests by status
    started_on: date | None
    of: Statistic


def recognizes(document: Document) -> bool:
    """Whether this is a report of GuideLLM."""
    if document.table:
        head = document.table[0]
        return head[:1] == ("Run Info",) or head[:3] == ("Type", "Run Id", "Id")
    listed = document.group.get("benchmarks")
    return isinstance(listed, list) and all("metrics" in each for each in listed if isinstance(each, dict))


def results(document: Document) -> Iterator[Result | Complaint]:
    """Every benchmark of a report, or what is wrong with it."""
    width = len(document.table[0]) if document.table else 0
    for number, line in enumerate(document.table, start=1):
        if line and len(line) != width:
            what = f"has {len(line)} cells where the header has {width}: a copy was cut short.  Copy the file again."
            yield Complaint(f"{document.where}:{number}", what)
            return
    if document.table:
        read = _lines_0_4 if document.table[0][0] == "Run Info" else _lines_0_3
        found = list(read(document.table, document.where))
    else:
        listed = document.group["benchmarks"]
        found = [_from_json(each, f"{document.where}[benchmark {i}]") for i, each in enumerate(listed, start=1)]
    if not found:
        yield Complaint(document.where, "holds no benchmark: the run ended before its first was done.  Run again.")
    for benchmark in found:
        yield from _result(benchmark, document)


def _result(b: Reported, document: Document) -> Iterator[Result | Complaint]:
    run = Run(b.where, REMEDY)

    def mean(metric: str) -> float:
        return run.above_0(b.of(metric, "successful", "mean"), metric)

    def percentile(metric: str, name: str) -> float | None:
        return run.above_0_or_none(b.of(metric, "successful", name), f"{metric} {name}")

    completed = run.completed(dig(b.counts, "successful"), "successful requests")
    load, concurrency, rate = _load(run, b)
    ttft, tpot = "time_to_first_token_ms", "inter_token_latency_ms"
    result = Result(
        tool=TOOL,
        where=b.where,
        model=b.model,
        input_tok=mean("prompt_token_count"),
        output_tok=mean("output_token_count"),
        load=load,
        concurrency=concurrency,
        request_rate_req_s=rate,
        ttft_ms=mean(ttft),
        ttft_p50_ms=percentile(ttft, "p50"),
        ttft_p95_ms=percentile(ttft, "p95"),
        ttft_p99_ms=percentile(ttft, "p99"),
        tpot_ms=mean(tpot),
        tpot_p50_ms=percentile(tpot, "p50"),
        tpot_p95_ms=percentile(tpot, "p95"),
        tpot_p99_ms=percentile(tpot, "p99"),
        output_tok_s=run.above_0(_of_all(b, "output_tokens_per_second"), "output_tokens_per_second"),
        total_tok_s=run.above_0_or_none(_of_all(b, "tokens_per_second"), "tokens_per_second"),
        completed=completed,
        failed=run.whole(dig(b.counts, "errored"), "errored requests"),
        observed_on=b.started_on or document.written_on,
        dated=b.started_on is not None,
    )
    yield from run.answer(result)


def _of_all(b: Reported, metric: str) -> Any:
    """The mean over requests of every status; a status without requests is left out of the CSV."""
    total = b.of(metric, "total", "mean")
    if total is not None:
        return total
    parts = [value for status in STATUSES if (value := b.of(metric, status, "mean")) is not None]
    odd = [part for part in parts if isinstance(part, bool) or not isinstance(part, int | float)]
    return odd[0] if odd else sum(parts) if parts else None


def _load(run: Run, b: Reported) -> tuple[Load, int | None, float | None]:
    """What drove the benchmark, requests in flight, requests/s asked for."""
    mean = _of_all(b, "request_concurrency")
    measured = max(1, round(mean)) if isinstance(mean, int | float) and 0 < mean < 1e9 else None
    streams = None if b.streams is None else run.whole(b.streams, "streams", least=1)
    if b.strategy == "synchronous":
        return "closed-loop", 1, None
    if b.strategy == "concurrent":
        return "closed-loop", streams or measured, None
    if b.strategy == "throughput":
        return ("closed-loop" if streams else "burst"), streams or measured, None
    if b.strategy in ("constant", "poisson", "trace"):
        return "open-loop", measured, run.above_0_or_none(b.rate, "rate")
    run.complain("strategy", f"{said(b.strategy)} is not known.  Use concurrent, constant, poisson or throughput.")
    return "", None, None


def _from_json(values: Any, where: str) -> Reported:
    strategy = dig(values, "config", "strategy") or dig(values, "args", "strategy")
    kind = text_of(dig(strategy, "type_"))
    metrics = dig(values, "metrics")

    def of(metric: str, status: str, statistic: str) -> Any:
        summary = dig(metrics, metric, status)
        return dig(summary, "mean") if statistic == "mean" else dig(summary, "percentiles", statistic)

    return Reported(
        where=where,
        strategy=kind,
        streams=dig(strategy, "max_concurrency" if kind == "throughput" else "streams"),
        rate=dig(strategy, "rate"),
        model=text_of(dig(values, "config", "backend", "model") or dig(values, "worker", "backend_model")),
        counts=dig(metrics, "request_totals") or dig(values, "request_totals") or {},
        started_on=_day_of_seconds(dig(values, "start_time")),
        of=of,
    )


def _lines_0_4(table: Table, where: str) -> Iterator[Reported]:
    heads = list(zip(*table[:3], strict=False))
    for number, line in enumerate(table[3:], start=4):
        cells = dict(zip(heads, line, strict=False))
        if not any(line):
            continue

        def cell(group: str, name: str, statistic: str = "", cells: dict[Any, str] = cells) -> str:
            return cells.get((group, name, statistic), "")

        def of(metric: str, status: str, statistic: str, cell: Any = cell) -> Any:
            group, unit = CSV_NAMES[metric]
            return _statistic(cell(group, f"{status.capitalize()} {unit}", STATISTICS[statistic]), statistic)

        profile = _json_cell(cell("Run Info", "Profile"))
        kind, _, limit = cell("Benchmark", "Strategy").partition("@")
        index = cell_number(cell("Run Info", "Run Index"))
        yield Reported(
            where=f"{where}:{number}",
            strategy=kind,
            streams=cell_number(limit) if kind in ("concurrent", "throughput") and limit else _nth(profile, index),
            rate=cell_number(limit) if kind in ("constant", "poisson") else None,
            model=text_of(dig(_json_cell(cell("Run Info", "Backend")), "model")),
            counts={status: cell_number(cell("Request Counts", status.capitalize())) for status in STATUSES},
            started_on=_day_of_text(cell("Timings", "Start Time")),
            of=of,
        )


def _lines_0_3(table: Table, where: str) -> Iterator[Reported]:
    for number, line in enumerate(table[1:], start=2):
        cells = dict(zip(table[0], line, strict=False))
        if not any(line):
            continue

        def of(metric: str, status: str, statistic: str, cells: dict[str, str] = cells) -> Any:
            name = f"{status.capitalize()} {metric.replace('_', ' ').capitalize()}"
            kind = {"mean": "mean", "p50": "median"}.get(statistic, "[min, 0.1, 1, 5, 10, 25, 75, 90, 95, 99, max]")
            return _statistic(cells.get(f"{name} {kind}", ""), statistic)

        kind, _, limit = cells.get("Name", "").partition("@")
        yield Reported(
            where=f"{where}:{number}",
            strategy=kind,
            streams=cell_number(limit) if kind == "concurrent" else None,
            rate=cell_number(limit) if kind in ("constant", "poisson") else None,
            model=text_of(dig(_json_cell(cells.get("Worker", "")), "backend_model")),
            counts={status: cell_number(cells.get(f"{status.capitalize()} Requests", "")) for status in STATUSES},
            started_on=_day_of_text(cells.get("Start Time", "")),
            of=of,
        )


def _statistic(cell: str, statistic: str) -> Any:
    if statistic not in PERCENTILES:
        return cell_number(cell)
    listed = _json_cell(cell)
    return listed[PERCENTILES[statistic]] if isinstance(listed, list) and len(listed) == 11 else None


def _nth(profile: Any, index: float | None) -> Any:
    """The streams of the run at this place of a concurrent profile."""
    streams = dig(profile, "streams")
    place = -1 if index is None else int(index)
    return streams[place] if isinstance(streams, list) and 0 <= place < len(streams) else None


def _json_cell(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return None


def _day_of_seconds(seconds: Any) -> date | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _day_of_text(written: str) -> date | None:
    try:
        return datetime.fromisoformat(written).date()
    except ValueError:
        return None
