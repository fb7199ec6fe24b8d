"""Rows of benchmark tables as other people write them: what their words mean, and what was left unsaid.

Understands the columns of catalogs/benchmarks.csv and their common other spellings.  A row becomes a `Foreign`: the
deployment and load it speaks of, or the reason why it cannot be estimated.  Nothing is estimated here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from planner.catalog.load import Catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.rows import Gpu, KvPrecision, ModelCard, Precision
from planner.performance.constants import MAIN_ENGINES
from planner.performance.memory import weights_gib
from planner.performance.observations import EARLY, LAYERS_SPLIT, default_kv_precision
from planner.performance.slo import Asked, parse_slo
from planner.performance.types import Deployment, Request
from planner.performance.work import compute_tflops

OTHER_NAMES = {
    "gpus": "n_gpus",
    "input_tok": "input_len",
    "output_tok": "output_len",
    "concurrency": "concurrency_or_batch_or_max",
    "load": "load_kind",
    "note": "notes",
    "observed_on": "date",
}
"""Columns of the catalog's table, and what another table calls them."""

TENSOR_PARALLEL = (1, 2, 4, 8, 16)

PRECISION_WORDS = {
    "fp16": "bf16", "full": "bf16", "float16": "bf16", "bfloat16": "bf16", "uint4": "int4", "w4a16": "int4",
    "awq": "int4", "gptq": "int4", "nvfp4": "fp4",
}  # fmt: skip
"""Beginnings of other words for a precision."""

ALL_AT_ONCE = re.compile(r"inf ?\((\d+) req\w*\)")
"""How tables write that so many requests were sent at once."""

TEACHING_ENGINES = ("llama.cpp", "deepspeed", "deepspeed-mii")
"""Engines that are not deployed, but of which there are rows."""

WHOLE = ("gpus", "tp", "pp", "dp", "ep")

NOMINAL_SHARE = 0.9
"""InferenceX draws lengths evenly between 0.8 and 1.0 of the nominal ones that its tables state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """One row: `load` serving, static, max, open-loop or slo.  `choices`: deployments, the best of which is meant."""

    choices: tuple[Deployment, ...]
    gpus: int  # of all replicas together
    one_copy: bool  # the row is of one replica, whatever else ran
    request: Request
    in_flight: float | None  # in all replicas together
    load: str
    req_s: float | None
    asked: Asked | None
    early: bool
    assumed: tuple[str, ...]

    def replicas(self, d: Deployment) -> int:
        """Replicas of a deployment that the row is of."""
        return 1 if self.one_copy else max(1, self.gpus // d.gpus)


def understand(raw: Mapping[str, str], catalog: Catalog) -> Foreign | str:
    """The meaning of one raw row, or why it has none that can be estimated."""
    row = {name: (raw.get(name) or raw.get(other) or "").strip() for name, other in OTHER_NAMES.items()}
    row |= {k: v.strip() for k, v in raw.items() if k not in row and isinstance(v, str)}
    load = load_of(row["load"])
    if load not in ("serving", "static", "max", "open-loop", "slo"):
        return load
    model, gpu = resolve_model(catalog, row.get("model", "")), resolve_gpu(catalog, row.get("gpu", "").rstrip("?"))
    if isinstance(model, list):
        return f'model "{row.get("model", "")}" is not in models.csv' + _close(model)
    if isinstance(gpu, list):
        return f'gpu "{row.get("gpu", "")}" is not in gpus.csv' + _close(gpu)
    numbers = {}
    for name in ("gpus", "tp", "pp", "dp", "ep", "input_tok", "output_tok", "concurrency", "request_rate"):
        value = _number(row.get(name, ""))
        if isinstance(value, str):
            return f'{name} "{value}" is not a number above 0'
        if value is not None and name in WHOLE and value != int(value):
            return f'{name} "{value:g}" is not a whole number'
        numbers[name] = value
    assumed: list[str] = []
    engine = engine_of(row.get("engine", ""))
    precision = precision_of(row.get("precision", ""), model, gpu, assumed)
    if precision is None:
        return f'precision "{row.get("precision", "")}" is not one of {", ".join(get_args(Precision))}'
    if compute_tflops(gpu, precision) is None:
        return f"{gpu.name} has no {precision}"
    request = _request(row, numbers, model, assumed)
    if isinstance(request, str):
        return request
    asked = None
    if load == "slo":
        try:
            asked = parse_slo(row.get("slo", ""))
        except ValueError as error:
            return str(error)
    if load in ("serving", "static") and numbers["concurrency"] is None:
        return "how many requests are in flight is not stated"
    if load == "open-loop" and numbers["request_rate"] is None:
        return "the request rate is not stated"
    choices = deployments(row, numbers, model, gpu, precision, engine, assumed)
    if isinstance(choices, str):
        return choices
    if request.input_tok + request.output_tok > model.context_tok:
        tokens = request.input_tok + request.output_tok
        return f"{model.name} takes {model.context_tok} tokens, a mean request has {tokens:.0f}"
    if engine not in (*MAIN_ENGINES, *TEACHING_ENGINES):
        assumed.append(f"engine {engine} is not known, taken as vLLM without its rows")
    gpus = int(numbers["gpus"] or choices[0].gpus)
    return Foreign(
        choices=choices,
        gpus=gpus,
        # A static batch is one copy's where its parallelism is stated, as in dstack's tables.
        one_copy=load == "static" and numbers["tp"] is not None,
        request=request,
        in_flight=None if load == "max" else numbers["concurrency"],
        load=load,
        req_s=numbers["request_rate"],
        asked=asked,
        early=_early(row["observed_on"]),
        assumed=tuple(assumed),
    )


def load_of(words: str) -> str:
    """The kind of load that a table's words mean, or a sentence why it is not estimated."""
    said = words.lower()
    if "disagg" in said:
        return "disaggregated prefill is not modeled"
    for begin, load in (
        ("closed-loop", "serving"), ("burst", "serving"), ("static", "static"), ("offline batch", "static"),
        ("offline max", "max"), ("max-load", "max"), ("mlperf offline", "max"), ("open-loop", "open-loop"),
        ("mlperf", "slo"), ("slo", "slo"),
    ):  # fmt: skip
        if said.startswith(begin):
            return load
    known = "closed-loop, burst, static batch, max-load, open-loop, slo"
    return f'load "{words}" is not known; {known} are' if said else f"the kind of load is not stated; {known} are known"


def engine_of(words: str) -> str:
    """The engine's short name: TensorRT-LLM and NIM on it are trtllm; a version or a host's words are dropped."""
    said = words.lower()
    if said.startswith(("tensorrt", "trt", "nim")):
        return "trtllm"
    word = re.split(r"[^a-z0-9.]", said, maxsplit=1)[0] if said else "vllm"
    known = sorted((*MAIN_ENGINES, *TEACHING_ENGINES), key=len, reverse=True)
    return next((name for name in known if said.startswith(name)), word)


def precision_of(words: str, model: ModelCard, gpu: Gpu, assumed: list[str]) -> Precision | None:
    """The weight precision that a table's word means; where it says nothing, the fastest that the GPU multiplies."""
    said = words.lower().replace("_", "-")
    if model.native_precision == "mxfp4":
        return "mxfp4"  # published in no other; tables name the activations or the cache instead
    if said in ("", "unset", "unknown", "auto"):
        order: tuple[Precision, ...] = ("fp4", "fp8", "bf16")
        found = next((p for p in order if compute_tflops(gpu, p) is not None), None)
        assumed.append(f"precision not stated, {found} taken")
        return found
    for word in (said, said.split("-")[0]):
        for known in get_args(Precision):
            if word == known:
                return known
        if word in PRECISION_WORDS:
            return PRECISION_WORDS[word]  # type: ignore[return-value]
    begin = next((p for w, p in PRECISION_WORDS.items() if said.startswith(w)), None)
    return begin or next((p for p in get_args(Precision) if said.startswith(p)), None)  # type: ignore[return-value]


def deployments(
    row: Mapping[str, str],
    numbers: Mapping[str, float | None],
    model: ModelCard,
    gpu: Gpu,
    precision: Precision,
    engine: str,
    assumed: list[str],
) -> tuple[Deployment, ...] | str:
    """What may have been run: one deployment where tensor parallelism is stated, else every one that fits."""
    said = row.get("kv_precision", "").lower()
    kv: KvPrecision = {"fp16": "bf16", "bf16": "bf16", "fp8": "fp8", "int8": "int8"}.get(said) or default_kv_precision(
        gpu, precision, engine
    )  # type: ignore[assignment]
    gpus = int(numbers["gpus"] or numbers["tp"] or 1)
    pp = int(numbers["pp"] or 1)
    stages = pp if gpus % pp == 0 else 1
    split = engine in LAYERS_SPLIT
    tp, dp_said = int(numbers["tp"] or 0), int(numbers["dp"] or 1)
    if tp and not split and (numbers["ep"] or 1) == 1 and gpus % (tp * stages * dp_said) == 0:
        gpus = tp * stages * dp_said  # the other GPUs hold further copies
    one = Deployment(
        model=model, precision=precision, kv_precision=kv, engine=engine, gpu=gpu, tp=gpus // stages, pp=stages,
        ep=int(numbers["ep"] or 1), split=split,
    )  # fmt: skip
    if numbers["tp"] is None and not split:
        sizes = [tp for tp in TENSOR_PARALLEL if tp <= gpus and gpus % tp == 0 and model.heads % tp == 0]
        fitting = [replace(one, tp=tp, pp=1) for tp in sizes if _fits(model, precision, gpu, tp)]
        if not fitting:
            return _too_large(model, precision, gpu, gpus)
        assumed.append("tensor parallelism not stated, the fastest taken")
        return tuple(fitting)
    dp = int(numbers["dp"] or 1)
    copies = dp if one.tp % dp == 0 and not split else 1
    if not split and model.heads % (one.tp // copies):
        return f"{one.tp} GPUs do not divide {model.heads} attention heads: no tensor-parallel replica"
    if not _fits(model, precision, gpu, one.gpus):
        return _too_large(model, precision, gpu, one.gpus)
    return (replace(one, dp=copies),)


def _fits(model: ModelCard, precision: Precision, gpu: Gpu, gpus: int) -> bool:
    return weights_gib(model, precision) / gpus <= 0.97 * gpu.memory_gib


def _too_large(model: ModelCard, precision: Precision, gpu: Gpu, gpus: int) -> str:
    each = weights_gib(model, precision) / gpus
    return f"weights take {each:.0f} GiB on each of {gpus} GPUs of {gpu.memory_gib:.0f} GiB"


def _request(
    row: Mapping[str, str], numbers: Mapping[str, float | None], model: ModelCard, assumed: list[str]
) -> Request | str:
    input_tok, output_tok = numbers["input_tok"], numbers["output_tok"]
    if output_tok is None:
        return "the length of answers is not stated"
    if input_tok is None:
        assumed.append("length of prompts not stated, that of answers taken")
        input_tok = output_tok
    said = f"{row.get('note', '')} {row.get('source', '')}"
    if "of nominal" in said or ("InferenceX db dump" in said and "times 0.9" not in said):
        input_tok, output_tok = input_tok * NOMINAL_SHARE, output_tok * NOMINAL_SHARE
        assumed.append("lengths 0.9 of nominal")
    return Request(input_tok=input_tok, output_tok=output_tok)


def _early(day: str) -> bool:
    """Whether a date (2024-10-05, 2024-10, 2024) may lie before `EARLY`; without one, no."""
    year, month = day[:4], day[5:7]
    if not year.isdigit():
        return False
    return (int(year), int(month) if month.isdigit() and 1 <= int(month) <= 12 else 1) < (EARLY.year, EARLY.month)


def _number(text: str) -> float | str | None:
    if not text or text.lower() in ("nan", "max", "inf", "none"):
        return None
    if all_at_once := ALL_AT_ONCE.fullmatch(text):
        text = all_at_once[1]
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) and value > 0 else text


def _close(names: list[str]) -> str:
    return f".  Did you mean {' or '.join(names)}?" if names else ""
