"""The numbers of the performance model: complete, read as written, and 1 where nothing is known."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_args

import pytest
from performance_cards import (
    B200,
    CONSTANTS,
    DEEPSEEK_V3,
    GPT_OSS_120B,
    H100,
    H200,
    LLAMA_70B,
    SEEN,
    SOBER,
    V100,
    deployment,
    gpu,
)

from planner.catalog.load import load_catalog
from planner.catalog.rows import FittedConstant
from planner.performance.constants import BANDS, GROUPS, PRIORS, VARIANCES, Group, constants_of, labels_of
from planner.performance.measured import LENGTHS
from planner.performance.roofline import CHANNELS, Physics, Speed
from planner.performance.types import Source

MI300X = gpu("mi300x", 191.5, 5300, 1307, vendor="amd", fp8_tflops=2614)
QUANTITIES = ("tpot", "ttft", "throughput")
SHIPPED = load_catalog().performance


def constant(kind, name, value, applies_to=""):
    return FittedConstant(kind=kind, name=name, value=value, applies_to=applies_to, unit="share", **SEEN)


def keys_of(group, deployments):
    return {key for d in deployments if (key := group.key(labels_of(d)))}


def test_rows_become_the_constants_they_were_written_from():
    rows = [constant("physics", f.name, getattr(SOBER, f.name)) for f in fields(Physics)]
    rows += [constant("speed", "time", 1.3, "gpu=h100-sxm|precision=fp8")]
    rows += [constant("variance", quantity, v, part) for (quantity, part), v in CONSTANTS.variances.items()]
    rows += [constant("band", quantity, width, source) for (quantity, source), width in CONSTANTS.bands.items()]
    rows += [constant("error", "tpot median", 0.1, "configuration unseen")]
    found = constants_of(rows)
    assert found == replace(CONSTANTS, factors={("time", "gpu=h100-sxm|precision=fp8"): 1.3})


def test_a_constant_that_no_row_states_keeps_its_prior():
    found = constants_of([constant("physics", "step_ms", 2.0)])
    assert found.physics.step_ms == 2.0
    assert found.physics.layer_ms == PRIORS["layer_ms"][0]
    assert (found.variances, found.bands) == (VARIANCES, BANDS)


def test_a_row_of_a_constant_that_is_gone_is_passed_over():
    assert constants_of([constant("physics", "interference", 0.3)]) == constants_of([])


def test_unknown_engines_vendors_and_gpus_have_a_factor_of_1():
    known = replace(CONSTANTS, factors={("time", "gpu=h100-sxm|precision=fp8"): 1.3, ("time", "engine=llama.cpp"): 2.0})
    assert known.speed(labels_of(deployment(LLAMA_70B, MI300X, engine="new"))) == Speed()
    assert known.speed(labels_of(deployment(LLAMA_70B, H200))) == Speed()


def test_factors_that_apply_are_multiplied():
    # an engine that is not deployed, on a GPU of its own: 2 x 1.3
    factors = {
        ("time", "gpu=h100-sxm|precision=fp8"): 1.3,
        ("time", "engine=llama.cpp"): 2.0,
        ("read", "engine=llama.cpp"): 0.5,
    }
    found = replace(CONSTANTS, factors=factors).speed(labels_of(deployment(LLAMA_70B, H100, engine="llama.cpp")))
    assert found == Speed(time=2.6, read=0.5)
    plain = replace(CONSTANTS, factors=factors).speed(labels_of(deployment(LLAMA_70B, H100)))
    assert plain == Speed(time=1.3)


@pytest.mark.parametrize(
    ("only", "applies"),
    [
        ("", (True, True, True)),
        ("other engines", (False, True, False)),
        ("other vendors", (False, False, True)),
        ("others", (False, True, True)),
    ],
)
def test_a_group_speaks_of_all_or_of_other_engines_and_vendors_only(only, applies):
    group = Group(("time",), ("engine", "vendor"), 0.5, only)
    each = (
        deployment(LLAMA_70B, H100), deployment(LLAMA_70B, H100, engine="llama.cpp"), deployment(LLAMA_70B, MI300X),
    )  # fmt: skip
    assert tuple(bool(group.key(labels_of(d))) for d in each) == applies
    assert group.key(labels_of(each[2])) in ("", "engine=vllm|vendor=amd")


def test_labels_say_how_weights_are_multiplied_and_what_kind_of_model_it_is():
    assert labels_of(deployment(GPT_OSS_120B, H100, precision="mxfp4")).how == "mxfp4 unpacked"
    assert labels_of(deployment(GPT_OSS_120B, B200, precision="mxfp4")).how == "mxfp4 in hardware"
    assert labels_of(deployment(LLAMA_70B, H100)).how == "fp8"
    families = [labels_of(deployment(m, H200)).family for m in (LLAMA_70B, GPT_OSS_120B, DEEPSEEK_V3)]
    assert families == ["dense", "moe", "latent"]


def test_hardware_is_known_where_a_row_of_its_vendor_and_engine_stands_behind_the_constants():
    key = "vendor=amd|engine=vllm|era=before October 2024"
    known = replace(CONSTANTS, factors={("time", key): 1.2})
    assert CONSTANTS.knows_hardware(V100, "new")
    assert known.knows_hardware(MI300X, "vllm")
    assert not known.knows_hardware(MI300X, "sglang")
    assert not known.knows_hardware(MI300X, "vll")
    assert not CONSTANTS.knows_hardware(MI300X, "vllm")


# --- the lists are complete


def test_every_constant_has_a_prior_and_a_row_in_the_shipped_file():
    names = {f.name for f in fields(Physics)}
    assert set(PRIORS) == names
    assert {row.name for row in SHIPPED if row.kind == "physics"} == names
    assert all(center > 0 and spread > 0 for center, spread in PRIORS.values())


def test_every_channel_is_in_a_group():
    assert {channel for group in GROUPS for channel in group.channels} == set(CHANNELS)


def test_every_factor_of_the_shipped_file_belongs_to_a_group():
    known = {(channel, group.fields) for group in GROUPS for channel in group.channels}
    factors = [row for row in SHIPPED if row.kind == "speed"]
    assert len(factors) > 30
    for row in factors:
        assert (row.name, tuple(part.split("=")[0] for part in row.applies_to.split("|"))) in known, row


def test_every_factor_of_the_shipped_file_is_met_by_what_is_called_so_today():
    # a value that no deployment has any more (an era renamed) would be silently 1
    eras = {labels_of(deployment(LLAMA_70B, H100), early=early).era for early in (True, False)}
    catalog = load_catalog()
    values = {
        "era": eras, "gpu": set(catalog.gpus), "vendor": {g.vendor for g in catalog.gpus.values()},
        "family": {"dense", "moe", "latent"}, "load": {"serving", "static", "max"},
        "engine": {row.engine for row in catalog.benchmarks},
        "precision": {row.precision for row in catalog.benchmarks},
    }  # fmt: skip
    for row in SHIPPED:
        if row.kind == "speed":
            for part in row.applies_to.split("|"):
                name, value = part.split("=")
                assert value in values[name], row


def test_every_part_of_the_average_has_a_variance():
    parts = {(quantity, part) for quantity in QUANTITIES for part in (*LENGTHS, "row")}
    assert set(VARIANCES) == parts
    assert {(row.name, row.applies_to) for row in SHIPPED if row.kind == "variance"} == parts
    assert all(row.value >= 0 for row in SHIPPED if row.kind == "variance")


def test_every_source_has_a_band_for_every_quantity():
    wanted = {(quantity, source) for quantity in QUANTITIES for source in get_args(Source)}
    assert set(BANDS) == wanted
    widths = {(row.name, row.applies_to): row.value for row in SHIPPED if row.kind == "band"}
    assert set(widths) >= wanted
    assert all(0 < width < 5 for width in widths.values())


def test_shares_of_the_data_sheet_lie_below_1_and_nothing_is_free():
    value = {row.name: row.value for row in SHIPPED if row.kind == "physics"}
    for name in value:
        assert value[name] > 0, name
        if name.endswith("_share") and not name.startswith("packed"):
            assert value[name] < 1, name


def test_the_shipped_file_says_how_wrong_the_model_is():
    said = {(row.name, row.applies_to) for row in SHIPPED if row.kind == "error"}
    for quantity in QUANTITIES:
        for left_out in ("configuration unseen", "row left out"):
            assert {(f"{quantity} {name}", left_out) for name in ("median", "p90")} <= said
