"""Read what AIPerf and its predecessor genai-perf write about a run.

    aiperf profile ...        profile_export_aiperf.json and .csv
    genai-perf profile ...    profile_export_genai_perf.json and .csv

    {"time_to_first_token": {"unit": "ms", "avg": 45.0, "p50": 45.2, "p95": 53.9, "p99": 56.5, ...},
     "inter_token_latency": {"unit": "ms", ...}, "output_token_throughput": {"unit": "tokens/sec", "avg": 1330.6},
     "request_count": {"unit": "requests", "avg": 40.0}, "input_config": {...}, "start_time": "2026-11-24T06:15:38"}

AIPerf 0.1 puts the metrics under `records`.  Every metric states its unit, which is read and never assumed: ns, us, ms
or sec.  `inter_token_latency` is per request, without its first token; `inter_chunk_latency` is per chunk, not used.

Traps: lengths are counted by the client's tokenizer: with one that is not the model's own, lengths, throughput and
inter-token latency are wrong.  Defaults are left out of `input_config`: a run without --concurrency does not say 1.
`input_config.endpoint.backend` of genai-perf is "tensorrtllm" whatever was served, and not read.  The CSVs say neither
model nor concurrency nor day; genai-perf's writes 1,542.42 and N/A, and its JSON says no day and no failed requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from planner.catalog.importers.documents import Document, Run, Table, cell_number, dig, said, text_of
from planner.catalog.importers.rows import Load, Result
from planner.catalog.importers.vllm_bench import speculation
from planner.errors import Complaint

WRITES = "profile_export_aiperf.json or .csv of AIPerf, profile_export_genai_perf.json or .csv of genai-perf"
REMEDY = "Profile a text model with --streaming."

MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}
TOK_S = {"tokens/sec": 1.0, "tokens/s": 1.0}
TOK = {"tokens": 1.0}

Metrics = dict[str, dict[str, Any]]


def recognizes(document: Document) -> bool:
    """Whether this is a summary of AIPerf or genai-perf."""
    if document.table:
        return document.table[0][:2] in (("Metric", "avg"), ("Metric", "Value"))
    metrics = document.group.get("records", document.group)
    configured = isinstance(document.group.get("input_config"), dict)
    return configured and isinstance(dig(metrics, "request_throughput"), dict)


def results(document: Document) -> Iterator[Result | Complaint]:
    """The one run of a summary, or what is wrong with it."""
    values, run = document.group, Run(document.where, REMEDY)
    metrics = _metrics_of_table(document.table) if document.table else values.get("records") or values
    tool = _tool(document)
    if values.get("was_cancelled") or values.get("is_complete") is False:
        run.complain("was_cancelled", "the run was broken off.  Run again.")
    load, concurrency, rate = _load(run, dig(values, "input_config") or {}, metrics)
    observed_on = _day(values.get("start_time"))
    result = Result(
        tool=tool,
        where=document.where,
        model=_model(dig(values, "input_config")),
        input_tok=_needed(run, metrics, "input_sequence_length", "avg", TOK),
        output_tok=_needed(run, metrics, "output_sequence_length", "avg", TOK),
        load=load,
        concurrency=concurrency,
        request_rate_req_s=rate,
        ttft_ms=_needed(run, metrics, "time_to_first_token", "avg", MS),
        ttft_p50_ms=_stated(run, metrics, "time_to_first_token", "p50", MS),
        ttft_p95_ms=_stated(run, metrics, "time_to_first_token", "p95", MS),
        ttft_p99_ms=_stated(run, metrics, "time_to_first_token", "p99", MS),
        tpot_ms=_needed(run, metrics, "inter_token_latency", "avg", MS),
        tpot_p50_ms=_stated(run, metrics, "inter_token_latency", "p50", MS),
        tpot_p95_ms=_stated(run, metrics, "inter_token_latency", "p95", MS),
        tpot_p99_ms=_stated(run, metrics, "inter_token_latency", "p99", MS),
        output_tok_s=_needed(run, metrics, "output_token_throughput", "avg", TOK_S),
        total_tok_s=_stated(run, metrics, "total_token_throughput", "avg", TOK_S),
        completed=run.completed(dig(metrics, "request_count", "avg"), "request_count"),
        failed=None if tool == "genai-perf" else run.whole(_errors(metrics), "error_request_count"),
        observed_on=observed_on or document.written_on,
        dated=observed_on is not None,
        note=speculation(dig(metrics, "spec_decode_acceptance_length", "avg")),
    )
    yield from run.answer(result)


def _needed(run: Run, metrics: Any, tag: str, statistic: str, units: dict[str, float]) -> float:
    value = run.above_0(dig(metrics, tag, statistic), f"{tag} {statistic}")
    return value * _scale(run, metrics, tag, units)


def _stated(run: Run, metrics: Any, tag: str, statistic: str, units: dict[str, float]) -> float | None:
    if dig(metrics, tag, statistic) is None:
        return None
    return run.above_0(dig(metrics, tag, statistic), f"{tag} {statistic}") * _scale(run, metrics, tag, units)


def _scale(run: Run, metrics: Any, tag: str, units: dict[str, float]) -> float:
    unit = dig(metrics, tag, "unit")
    if isinstance(unit, str) and unit in units:
        return units[unit]
    if dig(metrics, tag) is None:
        return 1.0
    what = f"{said(unit)} is no unit known here.  Possible: {', '.join(units)}."
    if not any(known.where.endswith(f"{tag} unit") for known in run.complaints):
        run.complain(f"{tag} unit", what)
    return 1.0


def _errors(metrics: Any) -> Any:
    """Failed requests; AIPerf writes none where there were none."""
    return dig(metrics, "error_request_count", "avg") or 0


def _load(run: Run, config: dict[str, Any], metrics: Any) -> tuple[Load, int | None, float | None]:
    """What drove the run, requests in flight, requests/s asked for."""
    mean = dig(metrics, "effective_concurrency", "avg")
    measured = max(1, round(mean)) if isinstance(mean, int | float) and 0 < mean < 1e9 else None
    driver = _driver(run, config)
    concurrency, rate = driver.get("concurrency"), driver.get("request_rate")
    if rate is not None:
        return "open-loop", measured, run.above_0(rate, "request_rate")
    if driver.get("replayed"):
        return "open-loop", measured, None
    if concurrency is not None:
        return "closed-loop", run.whole(concurrency, "concurrency", least=1), None
    return "", None, None


def _driver(run: Run, config: dict[str, Any]) -> dict[str, Any]:
    """concurrency, request_rate [requests/s] and whether a trace was replayed, as far as they are stated."""
    listed = config.get("phases")
    phases = [p for p in listed if not dig(p, "exclude_from_results")] if isinstance(listed, list) else []
    if phases and all(isinstance(phase, dict) for phase in phases):
        phase = phases[-1]
        if len(phases) > 1 or phase.get("rate_series"):
            run.complain("input_config.phases", "the load changed during the run: it has no one operating point.")
        held = phase.get("type") == "concurrency"
        return {
            "concurrency": phase.get("concurrency") if held else None,
            "request_rate": phase.get("rate"),
            "replayed": not held,
        }
    stimulus = dig(config, "perf_analyzer", "stimulus")
    flat = stimulus or config.get("loadgen") or config
    return {
        "concurrency": dig(flat, "concurrency"),
        "request_rate": dig(flat, "request_rate"),
        "replayed": dig(config, "input", "fixed_schedule")
        or (isinstance(stimulus, dict | str) and "fixed_schedule" in stimulus),
    }


def _model(config: Any) -> str:
    """The model as written, by the key of each version; the first where there are more."""
    items = dig(config, "models", "items")
    if isinstance(items, list) and items:
        return text_of(dig(items[0], "name"))
    for names in (dig(config, "endpoint", "model_names"), dig(config, "model_names"), dig(config, "model")):
        if isinstance(names, list) and names:
            return text_of(names[0])
    return ""


def _tool(document: Document) -> str:
    if document.table:
        return "genai-perf" if any(line[0].startswith("Time To ") for line in document.table if line) else "aiperf"
    config = dig(document.group, "input_config")
    older = isinstance(config, dict) and ({"perf_analyzer", "model_names", "artifact_dir"} & config.keys())
    return "genai-perf" if older else "aiperf"


def _metrics_of_table(table: Table) -> Metrics:
    """Metrics of the CSV by the tags of the JSON: a block of requests, then a block of values."""
    metrics: Metrics = {}
    head: tuple[str, ...] = ()
    for line in table:
        if line[:1] == ("Metric",):
            head = line[1:]
        elif line[:1] == ("Endpoint",):
            break
        elif line and head:
            named = re.fullmatch(r"(.+?)(?: \(([^()]*)\))?", line[0])
            name, unit = (named[1], named[2] or "") if named else (line[0], "")
            cells = zip(head, line[1:], strict=False)
            figures = {"avg" if column == "Value" else column: cell_number(cell) for column, cell in cells}
            metrics[name.lower().replace(" ", "_")] = {"unit": unit, **figures}
    return metrics


def _day(written: Any) -> date | None:
    try:
        return datetime.fromisoformat(text_of(written)).date()
    except ValueError:
        return None
