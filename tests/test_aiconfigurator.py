"""The optional source aiconfigurator: what it is asked, what it is not asked, and what its answers become."""

from __future__ import annotations

import csv
import json
import sys
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from planner.performance import aiconfigurator as source
from planner.performance.aiconfigurator import NOT_INSTALLED, SHIPPED, SYSTEMS, Answer, ask, available
from tests.performance_cards import B200, DEEPSEEK_V3, GPT_OSS_120B, H100, LLAMA_70B, card, gpu

INSTALLED = find_spec("aiconfigurator") is not None
MI300X = gpu("mi300x", 191.7, 5300, 1307, vendor="amd", architecture="CDNA3")
HOPPER = gpu("h100-sxm", 79.65, 3350, 989, fp8_tflops=1978, architecture="Hopper sm90")
BLACKWELL = gpu("b200-sxm", 179.06, 7700, 2250, fp8_tflops=4500, architecture="Blackwell sm100")
QWEN3_MOE = GPT_OSS_120B.model_copy(update={"architecture": "qwen3-235b-a22b", "native_precision": "bf16"})


class Package:
    """A stand-in for aiconfigurator that writes down how it is called."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.versions_asked = 0
        self.configs: list[dict[str, Any]] = []
        self.raises: Exception | None = None
        self.kv_cache_warning: str | None = None

    def cli_estimate(self, model_path: str, system_name: str, **asked: Any) -> SimpleNamespace:
        self.calls.append({"model_path": model_path, "system": system_name, **asked})
        if (config := Path(model_path) / "config.json").exists():
            self.configs.append(json.loads(config.read_text(encoding="utf-8")))
        if self.raises is not None:
            raise self.raises
        raw = {"tokens/s": 2000, "memory": 24}
        return SimpleNamespace(ttft=250, tpot=15, raw=raw, kv_cache_warning=self.kv_cache_warning)

    def get_latest_database_version(self, *, system: str, backend: str) -> str | None:
        self.versions_asked += 1
        return None if system == "b60" and backend != "vllm" else "1.3"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Package:
    fake = Package()
    held = {
        "aiconfigurator": {},
        "aiconfigurator.cli": {},
        "aiconfigurator.cli.api": {"cli_estimate": fake.cli_estimate},
        "aiconfigurator.sdk": {},
        "aiconfigurator.sdk.common": {"DefaultHFModels": set(SHIPPED.values()) - {SHIPPED["glm-5"]}},
        "aiconfigurator.sdk.perf_database": {"get_latest_database_version": fake.get_latest_database_version},
    }
    for name, contents in held.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(metadata, "version", lambda name: "0.12.0")
    return fake


@pytest.fixture(autouse=True)
def forget() -> None:
    source._answer.cache_clear()
    source._engine_version.cache_clear()


def question(**changes: Any) -> Answer | str:
    usual = {
        "model": LLAMA_70B, "gpu": H100, "engine": "vllm", "precision": "fp8", "kv_precision": "fp8", "tp": 4,
        "input_tok": 1024, "output_tok": 1024, "concurrency": 32,
    }  # fmt: skip
    return ask(**(usual | changes))


def test_a_call_says_what_was_asked(package: Package) -> None:
    said = question(engine="trtllm", input_tok=999.6, output_tok=300.2)
    version = "aiconfigurator 0.12.0, trtllm 1.3"
    assert said == Answer(ttft_ms=250, tpot_ms=15, output_tok_s=2000, memory_gib=24, version=version)
    (call,) = package.calls
    assert Path(call.pop("model_path")).name
    assert call == {
        "system": "h100_sxm", "backend_name": "trtllm", "backend_version": "1.3", "tp_size": 4,
        "moe_tp_size": None, "moe_ep_size": None, "isl": 1000, "osl": 300, "batch_size": 32,
        "gemm_quant_mode": "fp8_block", "moe_quant_mode": None, "kvcache_quant_mode": "fp8", "fmha_quant_mode": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "on", "engine", "precision", "gemm", "experts"),
    [
        (LLAMA_70B, HOPPER, "trtllm", "fp8", "fp8_block", None),
        (LLAMA_70B, HOPPER, "vllm", "fp8", "fp8", None),
        (LLAMA_70B, HOPPER, "sglang", "fp8", "fp8", None),
        (LLAMA_70B, HOPPER, "vllm", "bf16", "bfloat16", None),
        (LLAMA_70B, BLACKWELL, "vllm", "fp4", "nvfp4", None),
        (LLAMA_70B, HOPPER, "trtllm", "int4", "int4_wo", None),
        (LLAMA_70B, HOPPER, "trtllm", "int8", "sq", None),
        (DEEPSEEK_V3, BLACKWELL, "vllm", "fp8", "fp8", "fp8_block"),
        (DEEPSEEK_V3, BLACKWELL, "trtllm", "fp8", "fp8_block", "fp8_block"),
        (QWEN3_MOE, HOPPER, "vllm", "fp8", "fp8", "fp8"),
        (QWEN3_MOE, HOPPER, "sglang", "fp8", "fp8", "fp8_block"),
        (QWEN3_MOE, BLACKWELL, "vllm", "fp4", "nvfp4", "nvfp4"),
        (QWEN3_MOE, HOPPER, "vllm", "int4", "bfloat16", "int4_wo"),
        (GPT_OSS_120B, BLACKWELL, "vllm", "mxfp4", "bfloat16", "w4a16_mxfp4"),
        (GPT_OSS_120B, BLACKWELL, "trtllm", "mxfp4", "bfloat16", "w4a8_mxfp4_mxfp8"),
        (GPT_OSS_120B, HOPPER, "trtllm", "mxfp4", "bfloat16", "w4a16_mxfp4"),
    ],
)
def test_kernels_follow_the_engine(
    package: Package, model: Any, on: Any, engine: str, precision: str, gemm: str, experts: str | None
) -> None:
    assert isinstance(question(model=model, gpu=on, engine=engine, precision=precision), Answer)
    (call,) = package.calls
    assert (call["gemm_quant_mode"], call["moe_quant_mode"]) == (gemm, experts)
    assert (call["moe_tp_size"], call["moe_ep_size"]) == ((None, None) if experts is None else (4, 1))


@pytest.mark.parametrize(
    ("engine", "on", "kv_precision", "attention"),
    [("sglang", HOPPER, "fp8", "fp8"), ("sglang", BLACKWELL, "fp8", None), ("sglang", HOPPER, "bf16", None),
     ("vllm", HOPPER, "fp8", None)],
)  # fmt: skip
def test_sglang_on_hopper_reads_an_fp8_cache_in_fp8(
    package: Package, engine: str, on: Any, kv_precision: str, attention: str | None
) -> None:
    question(engine=engine, gpu=on, kv_precision=kv_precision)
    assert package.calls[0]["fmha_quant_mode"] == attention


def test_a_dense_model_is_written_out_and_a_mixture_is_named(package: Package) -> None:
    question()
    question(model=card("q", **_shapes(LLAMA_70B, architecture="qwen3-32b")))
    question(model=DEEPSEEK_V3, gpu=B200)
    llama, qwen3 = package.configs
    assert (llama["architectures"], qwen3["architectures"]) == (["LlamaForCausalLM"], ["Qwen3ForCausalLM"])
    assert (llama["num_hidden_layers"], llama["num_key_value_heads"], llama["head_dim"]) == (80, 8, 128)
    assert (llama["hidden_size"], llama["intermediate_size"], llama["vocab_size"]) == (8192, 28672, 128256)
    assert package.calls[2]["model_path"] == "deepseek-ai/DeepSeek-V3"


def _shapes(model: Any, **changes: Any) -> dict[str, Any]:
    named = {"name", "hf_id", "family", "evidence", "source", "observed_on"}
    return model.model_dump(exclude=named) | changes


def test_equal_questions_are_asked_once(package: Package) -> None:
    renamed = LLAMA_70B.model_copy(update={"name": "llama-3.3-70b"})
    assert question() == question() == question(model=renamed)
    question(concurrency=33)
    assert len(package.calls) == 2
    assert package.calls[0]["model_path"] == package.calls[1]["model_path"]
    assert package.versions_asked == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gpu": MI300X}, "no kernels on mi300x"),
        ({"engine": "llama.cpp"}, "not llama.cpp"),
        ({"precision": "mxfp4"}, "no kernels for llama-3.1-70b in mxfp4"),
        ({"precision": "fp6"}, "no kernels for llama-3.1-70b in fp6"),
        ({"kv_precision": "fp4"}, "KV cache in fp4"),
        ({"output_tok": 1}, "single token"),
        ({"model": LLAMA_70B.model_copy(update={"window_tok": 4096})}, "its shapes alone"),
        ({"model": DEEPSEEK_V3.model_copy(update={"architecture": "new-moe"})}, "its shapes alone"),
    ],
)
def test_what_it_cannot_know_is_not_asked(package: Package, changes: dict[str, Any], reason: str) -> None:
    said = question(**changes)
    assert isinstance(said, str)
    assert reason in said
    assert package.calls == []


def test_a_model_that_this_version_does_not_ship_is_not_fetched(package: Package) -> None:
    said = question(model=DEEPSEEK_V3.model_copy(update={"architecture": "glm-5"}))
    assert said == "this version of aiconfigurator does not ship zai-org/GLM-5"
    assert package.calls == []


def test_an_engine_that_was_not_measured_on_the_gpu_is_refused(package: Package) -> None:
    said = question(gpu=gpu("arc-pro-b60", 23.9, 456, 98, vendor="intel"), engine="trtllm")
    assert said == "aiconfigurator has measured no trtllm on b60"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("OOM: the model 'x' does not fit"), "aiconfigurator: 32 in flight do not fit in the memory"),
        (RuntimeError("perf database error: GEMM perf data missing for quant 'fp8' at /a/b/c; available: []"),
         "aiconfigurator has no answer: GEMM perf data missing for quant 'fp8'"),
        (AssertionError("64 heads over 3"), "aiconfigurator has no answer: 64 heads over 3"),
        (KeyError(), "aiconfigurator has no answer: KeyError"),
    ],
)  # fmt: skip
def test_its_errors_become_reasons_and_are_remembered(package: Package, error: Exception, reason: str) -> None:
    package.raises = error
    said = question()
    assert isinstance(said, str)
    assert said.startswith(reason)
    assert "/a/b" not in said
    assert question() == said
    assert len(package.calls) == 1


def test_more_requests_than_the_cache_holds_are_refused(package: Package) -> None:
    package.kv_cache_warning = "Requested batch_size (32) exceeds estimated KV cache capacity"
    assert question() == "aiconfigurator: 32 in flight do not fit in the KV cache of 4 x h100_sxm"


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiconfigurator", None)
    assert not available()
    assert question() == NOT_INSTALLED
    assert "fleet-planner[aiconfigurator]" in NOT_INSTALLED


def test_its_names_are_those_of_the_catalogs() -> None:
    catalogs = Path(__file__).parent.parent / "catalogs"
    with (catalogs / "gpus.csv").open(encoding="utf-8", newline="") as file:
        gpus = {row["name"]: row["architecture"] for row in csv.DictReader(file)}
    with (catalogs / "models.csv").open(encoding="utf-8", newline="") as file:
        architectures = {row["architecture"] for row in csv.DictReader(file)}
    assert set(SYSTEMS) <= set(gpus)
    assert set(SHIPPED) <= architectures
    assert gpus["h200-sxm"].startswith("Hopper") and gpus["b300-sxm"].startswith("Blackwell")


# Ranges are wide on purpose: they hold a unit, a kernel mode or a tensor-parallel size gone wrong, not a new version.


@pytest.mark.skipif(not INSTALLED, reason="aiconfigurator is not installed")
def test_the_real_package_on_70b_in_fp8_on_four_h100() -> None:
    said = question(gpu=HOPPER, engine="trtllm")
    assert isinstance(said, Answer), said
    assert 9 < said.tpot_ms < 25  # weights alone: 70.6 GB over 4 x 3350 GB/s is 5.3 ms
    assert 100 < said.ttft_ms < 800
    assert 1000 < said.output_tok_s < 4000
    assert 17 < said.memory_gib < 40  # weights alone: 16.4 GiB
    assert "trtllm" in said.version
    assert isinstance(question(gpu=HOPPER, engine="trtllm", tp=1), str)


@pytest.mark.skipif(not INSTALLED, reason="aiconfigurator is not installed")
@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_real_package_knows_the_other_engines(engine: str) -> None:
    said = question(gpu=HOPPER, engine=engine)
    assert isinstance(said, Answer), said
    assert 9 < said.tpot_ms < 25
