"""Read what `vllm bench serve` writes.

    --save-result     one JSON object          --append-result     one JSON object a line

    {"date": "20261124-061913", "backend": "openai", "model_id": "meta-llama/Llama-3.1-8B-Instruct",
     "num_prompts": 40, "request_rate": "inf", "max_concurrency": 4, "duration": 1.66, "completed": 40, "failed": 0,
     "total_input_tokens": 927, "total_output_tokens": 960, "output_throughput": 578.2,
     "total_token_throughput": 1136.6, "mean_ttft_ms": 44.3, "mean_tpot_ms": 5.14, "p99_ttft_ms": 55.4, ...}

Keys ending in _ms are ms, throughputs tokens/s over the whole run, totals count completed requests only.

Traps: `ttfts`, `itls`, `latencies` and `queue_times` are seconds.  `itl` is per chunk, and a chunk may hold several
tokens; `tpot` is per request, without its first token.  No rate is written as the text "inf".  TTFT begins when a
request leaves the client's queue.  `max_concurrent_requests` is a peak and no limit.  `backend` is the protocol:
"openai" may be any engine.  Answers are counted by the client's tokenizer where the server does not count them.
Older versions write no `failed`, and the oldest no `max_concurrency`: nothing then says how many were in flight.
Without streaming or tokenizer, latencies are 0 or missing.  A run that replays time stamps (timed_trace) looks like
one that sends everything at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from planner.catalog.importers.documents import Document, Run, text_of
from planner.catalog.importers.rows import Load, Result
from planner.errors import Complaint

TOOL = "vllm bench serve"
WRITES = "JSON of `vllm bench serve --save-result` or --append-result"
REMEDY = "Benchmark a text model with streaming, a tokenizer and the metrics ttft and tpot."

ENGINES = {"vllm": "vllm", "sglang": "sglang", "tensorrt": "trtllm", "trt": "trtllm"}
"""Engines by the first word of a backend that is theirs; the others, as openai-chat, are protocols."""


def recognizes(document: Document) -> bool:
    """Whether this is a result of `vllm bench serve`, or of benchmark_serving.py before it."""
    return {"date", "backend", "model_id", "num_prompts", "request_rate"} <= document.group.keys()


def results(document: Document) -> Iterator[Result | Complaint]:
    """The one run of a document, or what is wrong with it."""
    values, run = document.group, Run(document.where, REMEDY)
    completed = run.completed(values.get("completed"), "completed")
    if values.get("ramp_up_strategy"):
        run.complain("ramp_up_strategy", "the rate rose during the run: it has no one operating point.  Leave it out.")
    observed_on = _day(values.get("date"))
    load, concurrency, rate = _load(run, values)
    result = Result(
        tool=TOOL,
        where=document.where,
        engine=engine_of(text_of(values["backend"])),
        model=text_of(values["model_id"]) or text_of(values.get("tokenizer_id")),
        input_tok=run.above_0(values.get("total_input_tokens"), "total_input_tokens") / completed,
        output_tok=run.above_0(values.get("total_output_tokens"), "total_output_tokens") / completed,
        load=load,
        concurrency=concurrency,
        request_rate_req_s=rate,
        ttft_ms=run.above_0(values.get("mean_ttft_ms"), "mean_ttft_ms"),
        tpot_ms=run.above_0(values.get("mean_tpot_ms"), "mean_tpot_ms"),
        **percentiles(run, values),
        output_tok_s=run.above_0(values.get("output_throughput"), "output_throughput"),
        total_tok_s=run.above_0_or_none(values.get("total_token_throughput"), "total_token_throughput"),
        completed=completed,
        failed=_failed(run, values, completed),
        observed_on=observed_on or document.written_on,
        dated=observed_on is not None,
        note=speculation(values.get("spec_decode_acceptance_length")),
    )
    yield from run.answer(result)


def percentiles(run: Run, values: dict[str, Any]) -> dict[str, Any]:
    """p50, p95 and p99 of TTFT and TPOT [ms] where keys such as p99_ttft_ms or median_ttft_ms give them."""
    found: dict[str, Any] = {}
    for metric in ("ttft", "tpot"):
        for name, keys in (("p50", ("p50", "median")), ("p95", ("p95",)), ("p99", ("p99",))):
            stated = [key for key in keys if values.get(f"{key}_{metric}_ms") is not None]
            key = f"{stated[0]}_{metric}_ms" if stated else ""
            found[f"{metric}_{name}_ms"] = run.above_0(values[key], key) if key else None
    return found


def engine_of(backend: str) -> str:
    """The engine of backends such as vllm, sglang-oai and tensorrt-llm; "" for protocols.

    >>> engine_of("sglang-oai-chat"), engine_of("openai-chat")
    ('sglang', '')
    """
    return ENGINES.get(backend.split("-")[0], "")


def speculation(accepted: Any) -> str:
    """The note of a run with speculative decoding; "" for one without."""
    drafted = isinstance(accepted, int | float) and accepted > 1
    return f"SPEC-DECODE: {accepted:.3g} tokens accepted a step" if drafted else ""


def _load(run: Run, values: dict[str, Any]) -> tuple[Load, int | None, float | None]:
    """What drove the run, the most requests in flight, requests/s asked for."""
    limit, rate = values.get("max_concurrency"), values["request_rate"]
    concurrency = None if limit is None else run.whole(limit, "max_concurrency", least=1)
    if rate not in ("inf", None, math.inf):
        return "open-loop", concurrency, run.above_0(rate, "request_rate")
    if "max_concurrency" not in values:
        return "", None, None
    return ("burst" if limit is None else "closed-loop"), concurrency, None


def _failed(run: Run, values: dict[str, Any], completed: int) -> int:
    if values.get("failed") is not None:
        return run.whole(values["failed"], "failed")
    return max(0, run.whole(values["num_prompts"], "num_prompts") - completed)


def _day(written: Any) -> date | None:
    try:
        return datetime.strptime(text_of(written), "%Y%m%d-%H%M%S").date()
    except ValueError:
        return None
