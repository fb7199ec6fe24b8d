"""What aiconfigurator says of one deployment at one concurrency: NVIDIA's measured kernels, added up.

A further source, asked by name: it corrects nothing of ours.  The package is optional and large, and not
imported before the first question.  Two of its traps stay in here: with no engine version given it parses
some 500 YAML files per call (1.1 s, not 11 ms), and a model that it does not ship it fetches from the network.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from planner.catalog.rows import Gpu, ModelCard

NOT_INSTALLED = "aiconfigurator is not installed: pip install 'fleet-planner[aiconfigurator]'"

SYSTEMS = {
    "a100-sxm-80gb": "a100_sxm", "arc-pro-b60": "b60", "b200-sxm": "b200_sxm", "b300-sxm": "b300_sxm",
    "gb200": "gb200", "gb300": "gb300", "h100-sxm": "h100_sxm", "h200-sxm": "h200_sxm", "l40s": "l40s",
    "rtx-pro-6000": "rtx_pro_6000_server",
}  # fmt: skip
"""GPUs whose kernels it has measured, in its spelling; of others it knows a data sheet at most."""

SHIPPED = {
    "deepseek-v3": "deepseek-ai/DeepSeek-V3", "deepseek-v3.2": "deepseek-ai/DeepSeek-V3.2",
    "glm-5": "zai-org/GLM-5", "kimi-k2": "moonshotai/Kimi-K2.5", "minimax-m2.5": "MiniMaxAI/MiniMax-M2.5",
    "gpt-oss-120b": "openai/gpt-oss-120b", "gpt-oss-20b": "openai/gpt-oss-20b",
    "llama-4-maverick": "meta-llama/Llama-4-Maverick-17B-128E-Instruct",
    "llama-4-scout": "meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "qwen3-235b-a22b": "Qwen/Qwen3-235B-A22B", "qwen3-30b-a3b": "Qwen/Qwen3-30B-A3B",
    "qwen3-coder-480b-a35b": "Qwen/Qwen3-Coder-480B-A35B-Instruct",
    "qwen3.5-27b": "Qwen/Qwen3.5-27B", "qwen3.5-35b-a3b": "Qwen/Qwen3.5-35B-A3B",
    "qwen3.5-397b-a17b": "Qwen/Qwen3.5-397B-A17B",
}  # fmt: skip
"""Its spelling of the models that are more than shapes, by our architecture; the rest is written out for it."""

FP8_KERNELS = {"trtllm": "fp8_block", "vllm": "fp8", "sglang": "fp8"}
"""The FP8 matrix kernels that come nearest to what each engine was measured to do with a dense model.

Llama-70B: TRT-LLM with `fp8` is 36 % off, with `fp8_block` (and FP8 KV) 8 %; vLLM with `fp8` 5 %, with
`fp8_block` 127 %.  SGLang's two differ by 1 % on H100, and L40S has only `fp8`.
"""

KERNELS = {"bf16": "bfloat16", "int8": "sq", "int4": "int4_wo", "fp4": "nvfp4", "mxfp4": "w4a16_mxfp4"}
KV_KERNELS = {"bf16": "bfloat16", "fp8": "fp8", "int8": "int8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One replica with all its slots busy."""

    ttft_ms: float  # mean, prefill beside running decodes: no waiting for a slot
    tpot_ms: float  # mean
    output_tok_s: float  # whole replica
    memory_gib: float  # per GPU, in use at this concurrency
    version: str  # of the package, and of the engine that it measured


def available() -> bool:
    """Whether the package is installed; it is not imported to find out."""
    return find_spec("aiconfigurator") is not None


def ask(
    model: ModelCard,
    gpu: Gpu,
    *,
    engine: str,
    precision: str,
    kv_precision: str,
    tp: int,
    input_tok: float,
    output_tok: float,
    concurrency: int,
) -> Answer | str:
    """What it says of `tp` GPUs with `concurrency` requests in flight, or the reason why it says nothing.

    Lengths are rounded to whole tokens.  Equal questions are answered from memory.
    """
    if not available():
        return NOT_INSTALLED
    if gpu.name not in SYSTEMS:
        return f"aiconfigurator has measured no kernels on {gpu.name}; it has on {', '.join(SYSTEMS)}"
    if engine not in FP8_KERNELS:
        return f"aiconfigurator knows {', '.join(FP8_KERNELS)}, not {engine}"
    if round(output_tok) < 2:
        return "aiconfigurator gives no rate for answers of a single token"
    if kv_precision not in KV_KERNELS:
        return f"aiconfigurator has no kernels for a KV cache in {kv_precision}"
    system, path = SYSTEMS[gpu.name], _path(model)
    if path is None:
        return f"aiconfigurator does not know {model.name}, and its shapes alone do not describe it"
    kernels = _kernels(model, gpu, engine, precision)
    if isinstance(kernels, str):
        return kernels
    gemm, experts = kernels
    # SGLang on Hopper reads an FP8 cache with FP8 attention only; left to choose, the package finds no kernel.
    fp8_attention = engine == "sglang" and kv_precision == "fp8" and gpu.architecture.startswith("Hopper")
    return _answer(
        path, system, backend_name=engine, tp_size=tp, moe_tp_size=experts and tp, moe_ep_size=experts and 1,
        isl=max(1, round(input_tok)), osl=round(output_tok), batch_size=concurrency,
        gemm_quant_mode=gemm, moe_quant_mode=experts, kvcache_quant_mode=KV_KERNELS[kv_precision],
        fmha_quant_mode="fp8" if fp8_attention else None,
    )  # fmt: skip


def _kernels(model: ModelCard, gpu: Gpu, engine: str, precision: str) -> tuple[str, str | None] | str:
    """Kernels of the dense matrices and of the experts (None: there are none), or why the package has neither."""
    if precision == "fp8":
        # Experts trained in FP8 are stored in blocks, and SGLang's were measured in blocks only.
        in_blocks = model.native_precision == "fp8" or engine == "sglang"
        return FP8_KERNELS[engine], ("fp8_block" if in_blocks else "fp8") if model.experts else None
    if precision not in KERNELS or (precision == "mxfp4" and not model.experts):
        return f"aiconfigurator has no kernels for {model.name} in {precision}"
    gemm = experts = KERNELS[precision]
    if model.experts and precision in ("int4", "mxfp4"):
        gemm = "bfloat16"  # such weights are published with their experts quantized, and nothing else
    if precision == "mxfp4" and engine == "trtllm" and gpu.architecture.startswith("Blackwell"):
        experts = "w4a8_mxfp4_mxfp8"
    return gemm, experts if model.experts else None


def _path(model: ModelCard) -> str | None:
    """How the package finds the model: a name that it ships, or a folder with the shapes of a dense one."""
    if model.architecture in SHIPPED:
        return SHIPPED[model.architecture]
    if model.experts or model.window_tok is not None or model.attention == "mla":
        return None
    shapes = {
        "num_hidden_layers": model.layers, "hidden_size": model.hidden, "intermediate_size": model.ffn,
        "num_attention_heads": model.heads, "num_key_value_heads": model.kv_heads, "head_dim": model.head_dim,
        "vocab_size": model.vocab, "max_position_embeddings": model.context_tok,
    }  # fmt: skip
    norms = "Qwen3" if model.architecture.startswith("qwen3-") else "Llama"  # Qwen3 also norms queries and keys
    return _written(json.dumps({"architectures": [f"{norms}ForCausalLM"], "torch_dtype": "bfloat16", **shapes}))


@cache
def _folder() -> TemporaryDirectory[str]:
    """Where shapes are written; it goes when the process ends."""
    return TemporaryDirectory(prefix="fleet-planner-")


@cache
def _written(config: str) -> str:
    """A folder with this config.json, the same one each time: the package remembers models by their path."""
    folder = Path(mkdtemp(dir=_folder().name))
    (folder / "config.json").write_text(config, encoding="utf-8")
    return str(folder)


@cache
def _engine_version(system: str, engine: str) -> str | None:
    """The engine version whose tables the package counts as current."""
    from aiconfigurator.sdk.perf_database import get_latest_database_version

    return get_latest_database_version(system=system, backend=engine)


@lru_cache(maxsize=65536)
def _answer(model_path: str, system: str, **asked: str | int | None) -> Answer | str:
    # The package raises RuntimeError, ValueError, KeyError and AssertionError alike for what it cannot
    # tell; whatever it raises, a source that does not know must not end a plan.
    engine, replica = str(asked["backend_name"]), f"{asked['tp_size']} x {system}"
    for package in ("aiconfigurator", "aiconfigurator_core"):
        logging.getLogger(package).setLevel(logging.ERROR)  # it warns of every table that it fills from another
    try:
        from aiconfigurator.cli.api import cli_estimate
        from aiconfigurator.sdk.common import DefaultHFModels

        if model_path in SHIPPED.values() and model_path not in DefaultHFModels:
            return f"this version of aiconfigurator does not ship {model_path}"
        version = _engine_version(system, engine)
        if version is None:
            return f"aiconfigurator has measured no {engine} on {system}"
        said = cli_estimate(model_path, system, backend_version=version, **asked)
    except Exception as error:
        if str(error).startswith("OOM"):
            return f"aiconfigurator: {asked['batch_size']} in flight do not fit in the memory of {replica}"
        # Its own words, without the path of the table that it looked in.
        said_why = re.split(r"\n| at /|: tried ", str(error))[0].removeprefix("perf database error: ").strip()
        return f"aiconfigurator has no answer: {said_why or type(error).__name__}"
    if said.kv_cache_warning:
        return f"aiconfigurator: {asked['batch_size']} in flight do not fit in the KV cache of {replica}"
    return Answer(
        ttft_ms=float(said.ttft),
        tpot_ms=float(said.tpot),
        output_tok_s=float(said.raw["tokens/s"]),
        memory_gib=float(said.raw["memory"]),
        version=f"aiconfigurator {metadata.version('aiconfigurator')}, {engine} {version}",
    )
