"""Every row of the shipped catalogs keeps the promises that the planner relies on."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from planner.catalog.check import catalog_ages, check_catalog
from planner.catalog.load import TABLES, Catalog, benchmarks_for, load_catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.shipped import shipped_folder

FOLDER = shipped_folder("catalogs")


@cache
def shipped() -> Catalog:
    return load_catalog()


def test_the_shipped_catalogs_have_nothing_to_complain_about():
    assert check_catalog(FOLDER, date(2026, 11, 24)) == []


def test_every_file_in_the_folder_is_read():
    read = {path for table in TABLES.values() for path in FOLDER.glob(table.path)}
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == read


def test_an_installed_wheel_reads_the_catalogs_inside_the_package(tmp_path: Path, monkeypatch):
    inside = tmp_path / "planner" / "_shipped" / "catalogs"
    inside.mkdir(parents=True)
    monkeypatch.setattr("planner.catalog.shipped.files", lambda package: tmp_path / package)
    assert shipped_folder("catalogs") == inside
    assert shipped_folder("problems") == tmp_path / "problems"


def test_every_file_that_has_dates_has_an_age():
    aged = {age.file for age in catalog_ages(FOLDER, date(2026, 11, 24))}
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.csv")}
    assert aged == files - {"shape_hours.csv"}


def test_the_age_of_a_file_counts_from_its_oldest_row():
    (spot,) = [age for age in catalog_ages(FOLDER, date(2025, 8, 7)) if age.file == "spot_risk.csv"]
    assert spot.oldest_days == 10  # all of it was seen on 2025-07-28


def test_the_catalogs_are_large_enough_to_choose_from():
    catalog = shipped()
    assert len(catalog.gpus) >= 25
    assert len(catalog.models) >= 30
    assert len({offer.provider for offer in catalog.offers}) >= 25
    assert len(catalog.offers) >= 800
    assert sum(price.open_weight for price in catalog.api_prices) >= 300
    assert len(catalog.benchmarks) >= 2000
    assert {offer.term for offer in catalog.offers} == {"on-demand", "spot", "1y", "3y"}
    assert {offer.tier for offer in catalog.offers} == {"hyperscaler", "datacenter", "marketplace"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.csv")), ids=lambda path: path.name)
def test_no_row_rests_on_a_source_without_a_licence(path: Path):
    assert not re.search("sooddvs|simonw", path.read_text(encoding="utf-8"))


def test_a_price_file_holds_one_provider_and_is_named_after_it():
    for path in sorted((FOLDER / "prices").glob("*.csv")):
        providers = {line.split(",")[0] for line in path.read_text(encoding="utf-8").splitlines()[1:]}
        assert providers == {path.stem}


def test_an_offer_with_a_region_says_its_country_and_continent():
    for offer in shipped().offers:
        assert bool(offer.region) == bool(offer.country) == bool(offer.continent), offer
        assert re.fullmatch("[A-Z]{2}|", offer.country), offer


def test_h100_machines_of_the_large_clouds_are_sxm_and_unnamed_single_cards_are_not():
    by_machine = {(offer.provider, offer.machine): offer.gpu for offer in shipped().offers}
    assert by_machine["aws", "p5.48xlarge"] == "h100-sxm"
    assert by_machine["gcp", "a3-highgpu-8g"] == "h100-sxm"
    assert by_machine["azure", "Standard_ND96isr_H100_v5"] == "h100-sxm"
    assert by_machine["azure", "Standard_NC40ads_H100_v5"] == "h100-nvl"
    assert by_machine["modal", "modal-h100-on-demand"] == "h100-pcie"


def test_known_prices_are_the_anchors_they_should_be():
    usd_h = {(o.provider, o.region, o.machine, o.term): o.usd_h for o in shipped().offers}
    assert usd_h["aws", "us-east-1", "p5.48xlarge", "on-demand"] == 55.04
    assert usd_h["azure", "eastus", "Standard_ND96isr_H100_v5", "on-demand"] == 98.32
    assert usd_h["gcp", "us-central1", "a3-highgpu-8g", "on-demand"] == 88.49
    assert usd_h["lambda", "", "gpu_8x_h100_sxm5", "on-demand"] == 31.92
    assert usd_h["nebius", "eu-north1", "gpu-h100-sxm_8gpu-128vcpu-1600gb", "on-demand"] == 23.60
    assert usd_h["spheron", "", "8x-h100-sxm", "on-demand"] == 19.20


def test_p5e_is_sold_on_spot_only():
    assert {o.term for o in shipped().offers if o.machine == "p5e.48xlarge"} == {"spot"}


def test_kv_bytes_per_token_follow_from_the_architecture():
    for model in shipped().models.values():
        if model.attention != "mla":
            assert model.kv_elements_per_layer == 2 * model.kv_heads * model.head_dim, model.name
    llama = shipped().models["llama-3.3-70b"]
    assert llama.layers * llama.kv_elements_per_layer * 2 == 327_680  # 2 x 80 x 8 x 128 x 2 bytes


def test_parameters_follow_from_the_architecture_of_dense_models():
    for model in shipped().models.values():
        if not model.experts and model.name != "gemma-3-27b":  # its published total includes the vision tower
            ffn = 3 * model.hidden * model.ffn * model.layers / 1e9
            tied = model.params_attention_b + ffn + model.params_embedding_b
            untied = tied + model.params_embedding_b
            nearest = min((tied, untied), key=lambda params_b: abs(params_b - model.params_total_b))
            assert nearest == pytest.approx(model.params_total_b, rel=0.002), model.name


def test_memory_is_what_the_driver_reports_and_not_the_marketing_figure():
    gib = {gpu.name: gpu.memory_gib for gpu in shipped().gpus.values()}
    assert gib["h100-sxm"] == pytest.approx(81_559 / 1024, abs=0.01)  # MiB that nvidia-smi shows
    assert gib["t4"] == 15.0
    assert gib["b200-sxm"] < 180


def test_gpus_without_fp8_or_bf16_say_so():
    gpus = shipped().gpus
    assert gpus["a100-sxm-80gb"].fp8_tflops is None
    assert gpus["t4"].bf16_tflops is None and gpus["t4"].fp16_tflops == 65
    assert gpus["h100-sxm"].fp4_tflops is None
    assert gpus["h100-sxm"].bf16_tflops == 989  # dense; the headline of 1,979 counts sparsity


def test_engines_know_every_precision_they_claim():
    for engine in shipped().engines:
        assert set(engine.precisions.split("|")) <= {"bf16", "fp8", "int8", "int4", "fp4", "mxfp4"}
        assert set(engine.kv_precisions.split("|")) <= {"bf16", "fp8", "int8"}


def test_office_hours_are_45_hours_of_168():
    hours = shipped().shape_hours["office-hours"]
    busy = [hour for hour, load in enumerate(hours) if load]
    assert len(busy) == 45
    assert busy[:9] == list(range(9, 18))
    assert hours[9] == pytest.approx(168 / 45, rel=1e-5)


def test_shapes_without_a_trace_are_labeled_as_assumptions():
    for name in ("flat", "office-hours", "business-day", "nightly"):
        assert shipped().shapes[name].title.startswith("Assumed")


def test_the_azure_code_week_peaks_at_three_times_its_mean():
    assert max(shipped().shape_hours["azure2024-code"]) == pytest.approx(2.99, abs=0.01)
    assert max(shipped().shape_hours["azure2024-conv"]) == pytest.approx(1.65, abs=0.01)


def test_histograms_keep_the_mean_lengths_of_their_traces():
    for name, prompt_tok, answer_tok in (
        ("azure2023-conv", 1154.7, 211.1),
        ("azure2023-code", 2047.8, 27.9),
        ("mooncake-conversation", 12035.1, 342.6),
    ):
        cells = shipped().lengths[name]
        assert sum(c.share * c.mean_input_tok for c in cells) == pytest.approx(prompt_tok, rel=0.001)
        assert sum(c.share * c.mean_output_tok for c in cells) == pytest.approx(answer_tok, rel=0.002)


def test_inferencex_lengths_are_nine_tenths_of_nominal():
    rows = [row for row in shipped().benchmarks if "InferenceX db dump" in row.source]
    assert len(rows) > 1000
    nominal = {(round(row.input_tok / 0.9), round(row.output_tok / 0.9)) for row in rows}
    assert nominal == {(1024, 1024), (1024, 8192), (8192, 1024)}


def test_derived_rates_follow_from_latency_and_concurrency():
    for row in shipped().benchmarks:
        if row.output_tok_s_derived:
            request_s = (row.ttft_ms + row.tpot_ms * (row.output_tok - 1)) / 1000
            assert row.output_tok_s == pytest.approx(row.concurrency * row.output_tok / request_s, rel=1e-3)


def test_no_measured_row_stands_there_twice_under_another_name():
    architecture = {model.name: model.architecture for model in shipped().models.values()}
    same = Counter(
        (architecture[row.model], row.gpu, row.gpus, row.engine, row.concurrency, row.ttft_ms, row.tpot_ms)
        for row in shipped().benchmarks
        if row.ttft_ms and row.tpot_ms
    )
    assert max(same.values()) == 1


def test_the_api_sells_the_model_it_names_and_not_a_relative():
    sold = {price.api_model_id: price.model for price in shipped().api_prices}
    assert sold["nebius/Qwen/Qwen3-32B"] == "qwen3-32b"
    assert sold["novita/qwen/qwen3-32b-fp8"] == "qwen3-32b"
    assert sold["deepinfra/deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"] != "qwen3-32b"
    assert sold["baseten/moonshotai/Kimi-K2.5"] == "kimi-k2.5"
    assert "deepseek/deepseek-reasoner" not in sold  # an alias that moves from model to model


def test_measured_rows_of_one_architecture_serve_all_its_models():
    catalog = shipped()
    rows = benchmarks_for(catalog, models=[catalog.models["llama-3.3-70b"]], gpus={"h100-sxm"})
    assert {row.gpu for row in rows} == {"h100-sxm"}
    assert {row.model for row in rows} == {"llama-3.3-70b", "llama-3.1-70b", "llama-3-70b"}
    assert set(rows) <= set(catalog.benchmarks)


@pytest.mark.parametrize("spelling", ["h100-sxm", "H100-SXM", "H100 SXM5", "h100_sxm"])
def test_a_gpu_is_found_under_any_usual_spelling(spelling: str):
    found = resolve_gpu(shipped(), spelling)
    assert not isinstance(found, list) and found.name == "h100-sxm"


def test_h100_alone_names_no_card_and_brings_all_three():
    assert set(resolve_gpu(shipped(), "H100")) >= {"h100-sxm", "h100-pcie", "h100-nvl"}


@pytest.mark.parametrize(
    "spelling",
    ["llama-3.3-70b", "Llama-3.3-70B", "meta-llama/Llama-3.3-70B-Instruct", "Llama-3.3-70B-Instruct"],
)
def test_a_model_is_found_under_its_name_or_its_hugging_face_id(spelling: str):
    found = resolve_model(shipped(), spelling)
    assert not isinstance(found, list) and found.name == "llama-3.3-70b"


def test_a_model_that_is_not_there_brings_the_close_ones():
    assert "llama-3.3-70b" in resolve_model(shipped(), "llama-3.3-70")
    assert resolve_model(shipped(), "zzzzzz") == []
