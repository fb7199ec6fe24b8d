"""Benchmark rows as points of the performance model: which rows count, and what each of them measured.

A row counts where the model can say what was run.  What a source leaves out is filled by a stated rule: KV precision
by what engines do by default.  Nothing is fitted or corrected here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from planner.catalog.rows import Benchmark, Gpu, KvPrecision, ModelCard
from planner.performance import memory
from planner.performance.points import Point
from planner.performance.types import Deployment, Request
from planner.performance.work import compute_tflops

EARLY = date(2024, 10, 1)
"""Rows before this day count as of an earlier era where a vendor's software has changed much since (AMD)."""

LOADS = {"closed-loop": "serving", "static-batch": "static", "max-load": "max"}
"""Kinds of load that teach the model; bursts, open loops and rates at an objective are only predicted."""

LAYERS_SPLIT = ("llama.cpp",)
"""Engines that lay layers out over GPUs and run them one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A row and its point; what was measured, in milliseconds: TPOT and TTFT, or time per output token at full load."""

    point: Point
    tpot_ms: float | None
    ttft_ms: float | None
    token_ms: float | None
    observed_on: date
    own: bool  # the user's own row
    row: Benchmark


def default_kv_precision(gpu: Gpu, precision: str, engine: str) -> KvPrecision:
    """What an engine keeps its cache in where a source does not say: fp8 with narrow weights on TensorRT-LLM and on
    Blackwell, as InferenceX's scripts do, bf16 elsewhere."""
    narrow = precision in ("fp8", "fp4", "mxfp4")
    return "fp8" if narrow and (engine == "trtllm" or gpu.architecture.startswith("Blackwell")) else "bf16"


def deployment_of(row: Benchmark, model: ModelCard, gpu: Gpu) -> Deployment | str:
    """The deployment that a row measured, or why there is none."""
    if compute_tflops(gpu, row.precision) is None:
        return f"{gpu.name} has no {row.precision}"
    stages = row.pp if row.gpus % row.pp == 0 else 1
    gpus = row.gpus // stages
    split = row.engine in LAYERS_SPLIT
    copies = row.dp if gpus % row.dp == 0 else 1
    if row.load == "static-batch" and gpus % (row.tp * copies) == 0:
        gpus = row.tp * copies  # the batch is one copy's; its other GPUs ran others
    if not split and model.heads % (gpus // copies):
        return f"{gpus} GPUs do not divide {model.heads} attention heads: no tensor-parallel replica"
    found = Deployment(
        model=model,
        precision=row.precision,
        kv_precision=row.kv_precision or default_kv_precision(gpu, row.precision, row.engine),
        engine=row.engine,
        gpu=gpu,
        tp=gpus,
        pp=stages,
        dp=1 if split else copies,
        ep=row.ep,
        split=split,
    )
    weights = memory.weights_gib(model, row.precision) / found.gpus
    if weights > 0.97 * gpu.memory_gib:
        return f"weights take {weights:.0f} GiB on each of {found.gpus} GPUs of {gpu.memory_gib:.0f} GiB"
    return found


def observe(
    rows: Iterable[Benchmark], models: Mapping[str, ModelCard], gpus: Mapping[str, Gpu], own: bool = False
) -> list[Observation]:
    """The rows that teach: fixed concurrency with both latencies, static batches and full load.

    Rows noted as suspect or with speculative decoding do not count, nor rows of unknown models and GPUs.
    """
    return [found for row in rows if (found := _observation(row, models, gpus, own)) is not None]


def _observation(
    row: Benchmark, models: Mapping[str, ModelCard], gpus: Mapping[str, Gpu], own: bool
) -> Observation | None:
    load = LOADS.get(row.load)
    if load is None or row.model not in models or row.gpu not in gpus:
        return None
    if row.note.startswith(("SUSPECT", "SPEC-DECODE")):
        return None
    if load == "serving" and not (row.concurrency and row.tpot_ms and row.ttft_ms):
        return None
    rate = row.output_tok_s or (row.total_tok_s or 0.0) * row.output_tok / (row.input_tok + row.output_tok)
    if load != "serving" and not (rate and (row.concurrency or load == "max")):
        return None
    deployment = deployment_of(row, models[row.model], gpus[row.gpu])
    if isinstance(deployment, str):
        return None
    point = Point(
        deployment=deployment,
        request=Request(input_tok=row.input_tok, output_tok=row.output_tok),
        in_flight=None if load == "max" else float(row.concurrency or math.nan),
        load=load,
        early=row.observed_on < EARLY,
    )
    serving = load == "serving"
    return Observation(
        point=point,
        tpot_ms=row.tpot_ms if serving else None,
        ttft_ms=row.ttft_ms if serving else None,
        token_ms=None if serving else 1e3 / rate,
        observed_on=row.observed_on,
        own=own,
        row=row,
    )
