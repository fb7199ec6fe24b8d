"""Read what SGLang's serving benchmark appends to --output-file: one JSON object a line.

    python -m sglang.bench_serving ... --output-file runs.jsonl      (newer name: sglang.benchmark.serving)

    {"backend": "sglang", "dataset_name": "random", "request_rate": Infinity, "max_concurrency": 4,
     "server_info": {"model_path": ..., "version": "0.5.23", ...}, "duration": 1.65, "completed": 40,
     "total_input_tokens": 2560, "total_output_tokens": 960, "input_throughput": 1553.1, "output_throughput": 582.4,
     "mean_ttft_ms": 43.8, "mean_tpot_ms": 5.19, "p99_ttft_ms": 52.8, "concurrency": 3.96, "accept_length": null, ...}

Keys ending in _ms are ms, throughputs tokens/s, totals count completed requests only.  Traps: no rate is the bare
word Infinity, and a replayed trace the text "trace"; `concurrency` is the mean measured, `max_concurrency` the limit;
`ttfts` and `itls` of --output-details are seconds.  Neither the day nor failed requests are written (with
--output-details their errors are), and the model only by newer versions and where the server answers /server_info,
as SGLang does.  `total_output_tokens_retokenized` counts the text again with the client's tokenizer and is not used.
Means of TTFT and TPOT are missing in 0.4.0 and written in 0.4.7, their p95 only in versions after 0.5.10.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from planner.catalog.importers.documents import Document, Run, dig, text_of
from planner.catalog.importers.rows import Load, Result
from planner.catalog.importers.vllm_bench import engine_of, percentiles, speculation
from planner.errors import Complaint

TOOL = "sglang bench_serving"
WRITES = "JSON lines of `python -m sglang.bench_serving --output-file`"
REMEDY = "Benchmark a text model with streaming (without --disable-stream)."


def recognizes(document: Document) -> bool:
    """Whether this is a line of SGLang's benchmark."""
    return {"backend", "dataset_name", "request_rate", "random_range_ratio", "completed"} <= document.group.keys()


def results(document: Document) -> Iterator[Result | Complaint]:
    """The one run of a line, or what is wrong with it."""
    values, run = document.group, Run(document.where, REMEDY)
    completed = run.completed(values["completed"], "completed")
    load, concurrency, rate = _load(run, values)
    result = Result(
        tool=TOOL,
        where=document.where,
        engine=engine_of(text_of(values["backend"])),
        engine_version=text_of(dig(values, "server_info", "version")),
        model=text_of(dig(values, "server_info", "model_path")),
        input_tok=run.above_0(values.get("total_input_tokens"), "total_input_tokens") / completed,
        output_tok=run.above_0(values.get("total_output_tokens"), "total_output_tokens") / completed,
        load=load,
        concurrency=concurrency,
        request_rate_req_s=rate,
        ttft_ms=run.above_0(values.get("mean_ttft_ms"), "mean_ttft_ms"),
        tpot_ms=run.above_0(values.get("mean_tpot_ms"), "mean_tpot_ms"),
        **percentiles(run, values),
        output_tok_s=run.above_0(values.get("output_throughput"), "output_throughput"),
        total_tok_s=_total(run, values),
        completed=completed,
        failed=_failed(values),
        observed_on=document.written_on,
        dated=False,
        note=speculation(values.get("accept_length")),
    )
    yield from run.answer(result)


def _load(run: Run, values: dict[str, Any]) -> tuple[Load, int | None, float | None]:
    """What drove the run, requests in flight, requests/s asked for."""
    limit, rate = values.get("max_concurrency"), values["request_rate"]
    measured = run.above_0_or_none(values.get("concurrency"), "concurrency")
    mean = None if measured is None or math.isnan(measured) else max(1, round(measured))
    in_flight = mean if limit is None else run.whole(limit, "max_concurrency", least=1)
    if rate == "trace":
        return "open-loop", in_flight, None
    if rate is not None and rate != math.inf:
        return "open-loop", in_flight, run.above_0(rate, "request_rate")
    return ("burst" if limit is None else "closed-loop"), in_flight, None


def _total(run: Run, values: dict[str, Any]) -> float | None:
    if values.get("total_throughput") is None and values.get("input_throughput") is not None:
        return run.above_0(values["input_throughput"], "input_throughput") + run.above_0(
            values.get("output_throughput"), "output_throughput"
        )
    return run.above_0_or_none(values.get("total_throughput"), "total_throughput")


def _failed(values: dict[str, Any]) -> int | None:
    errors = values.get("errors")
    return sum(1 for error in errors if error) if isinstance(errors, list) else None
