"""Measured rows: for whom they speak, how far, and that they are believed where they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_cards import CARDS, CONSTANTS, GPUS, H100, H200, LLAMA_70B, deployment, request, row

from planner.performance import Performance
from planner.performance.constants import labels_of
from planner.performance.measured import MeasuredRatios
from planner.performance.sources import source_of

RELATED = {
    "llama-3.3-70b": LLAMA_70B.model_copy(update={"name": "llama-3.3-70b"}),
    "other-70b": LLAMA_70B.model_copy(update={"name": "other-70b", "architecture": "other"}),
}
TWO_H100 = deployment(LLAMA_70B, H100, 2)
DAY = date(2026, 11, 1)

# One part of 0.1 that changes within a few doublings, and a scatter of 0.01: answers that fit on paper.
SIMPLE = {
    "model": 0.0, "model, smooth": 0.0, "configuration": 0.0, "configuration, smooth": 0.1,
    "configuration, near": 0.0, "hardware, smooth": 0.0, "row": 0.01,
}  # fmt: skip


def points(rows, d=TWO_H100, r=None, own=(), constants=CONSTANTS):
    curve = Performance(CARDS | RELATED, GPUS, rows, 0.9, own=own, constants=constants).curve(d, r or request())
    return {p.concurrency: p for p in curve}


MODELED = points([])


def ratios(log_ratios, places=None, labels=None, days=None, own=None, variances=SIMPLE):
    """Rows of these log ratios; in flight, input ... at 2^6, 2^10, 2^8, 2^1, 1 and 1 unless stated."""
    n = len(log_ratios)
    return MeasuredRatios(
        "tpot",
        labels or [labels_of(TWO_H100)] * n,
        np.array(places or [HERE] * n, dtype=float),
        np.array(log_ratios, dtype=float),
        days or [DAY] * n,
        own or [False] * n,
        {("tpot", part): v for part, v in variances.items()},
    )


HERE = (6.0, 10.0, 8.0, 1.0, 0.0, 0.0, 9.5, 3.0)


def corrected(known, place=HERE, label=None):
    """Factor and deviation at one place."""
    found = known.correct([label or labels_of(TWO_H100)], np.array([place], dtype=float))
    return float(found.log_factor[0]), float(found.deviation[0])


# --- the average, on paper


def test_a_row_is_believed_but_for_its_scatter():
    # 0.1 of 0.11 is the configuration's; what is left of the variance: 0.11 - 0.1^2 / 0.11
    factor, deviation = corrected(ratios([0.5]))
    assert factor == pytest.approx(0.5 * 0.1 / 0.11)
    assert deviation**2 == pytest.approx(0.11 - 0.01 / 0.11)


def test_repeated_measurements_are_averaged_and_narrow_the_band():
    # four rows count as one whose scatter is a quarter: 0.1 / 0.1025 of their mean
    factor, deviation = corrected(ratios([0.2, 0.2, 0.4, 0.4]))
    assert factor == pytest.approx(0.3 * 0.1 / 0.1025)
    assert deviation**2 == pytest.approx(0.11 - 0.01 / 0.1025)
    assert deviation < corrected(ratios([0.3]))[1]


def test_a_row_counts_less_the_further_away_it_is():
    # two doublings of concurrency of a length of 4: exp(-(2/4)^2 / 2) of its weight, and the same for input
    near = exp(-0.125)
    factor, deviation = corrected(ratios([0.5]), (8.0, *HERE[1:]))
    assert factor == pytest.approx(0.5 * 0.1 * near / 0.11)
    assert deviation**2 == pytest.approx(0.11 - (0.1 * near) ** 2 / 0.11)
    assert corrected(ratios([0.5]), (6.0, 12.0, *HERE[2:]))[0] == pytest.approx(factor)
    # GPUs matter more: three doublings of a length of 2.5
    sixteen = (*HERE[:3], 4.0, *HERE[4:])
    assert corrected(ratios([0.5]), sixteen)[0] == pytest.approx(0.5 * 0.1 * exp(-(1.2**2) / 2) / 0.11)


def test_far_from_all_rows_the_roofline_stands_alone():
    factor, deviation = corrected(ratios([0.5, -0.3]), (30.0, *HERE[1:]))
    assert factor == pytest.approx(0, abs=1e-6)
    assert deviation == pytest.approx(sqrt(0.11))


def test_rows_of_another_gpu_count_by_what_models_have_in_common():
    # 0.04 of the 0.14 are the model's on any GPU
    shared = SIMPLE | {"model": 0.03}
    h200 = labels_of(deployment(LLAMA_70B, H200, 2))
    assert corrected(ratios([0.5], variances=shared))[0] == pytest.approx(0.5 * 0.13 / 0.14)
    factor, deviation = corrected(ratios([0.5], variances=shared), label=h200)
    assert factor == pytest.approx(0.5 * 0.03 / 0.14)
    assert deviation**2 == pytest.approx(0.14 - 0.03**2 / 0.14)


def test_what_all_models_on_one_gpu_have_in_common_is_learned_across_models():
    shared = SIMPLE | {"hardware, smooth": 0.05}
    other = labels_of(deployment(RELATED["other-70b"], H100, 2))
    factor, _ = corrected(ratios([0.5], variances=shared), label=other)
    assert factor == pytest.approx(0.5 * 0.05 / 0.16)


def test_an_outlier_counts_less():
    # 1.0 off the median of 0: 1^2 / 0.06 = 16.7 times the scatter, 0.167 instead of 0.01.  Three rows of precision
    # 3 / 0.01 at 0 and one of 1 / 0.167 at 1, beside the prior of 1 / 0.1
    factor, _ = corrected(ratios([0.0, 0.0, 0.0, 1.0]))
    weight = 0.06 / 0.01
    assert factor == pytest.approx(weight / (300 + weight + 10))
    assert factor < 1 / 4 / 10


def test_own_rows_win_over_published_ones_of_the_same_configuration():
    # precision of one's own 1 / (0.01 x 0.1), of the published one 1 / (0.01 x 30); the prior 1 / 0.1
    factor, _ = corrected(ratios([0.4, 0.0], own=[True, False]))
    assert factor == pytest.approx(0.4 * 1000 / (1000 + 1 / 0.3 + 10))
    # of another configuration they are as good as ever
    h200 = labels_of(deployment(LLAMA_70B, H200, 2))
    both = ratios([0.4, 0.2], own=[True, False], labels=[labels_of(TWO_H100), h200])
    assert corrected(both, label=h200) == pytest.approx(corrected(ratios([0.2], labels=[h200]), label=h200))


def test_what_is_near_fades_with_the_years_between_a_row_and_the_newest():
    near = SIMPLE | {"configuration, smooth": 0.0, "configuration, near": 0.1}
    old = DAY - timedelta(days=365.25 * 1.5)
    # the newest row lies far away and only says what is new; 1.5 years of a length of 0.75: exp(-2)
    places = [HERE, (40.0, *HERE[1:])]
    factor, _ = corrected(ratios([0.5, 0.0], places=places, days=[old, DAY], variances=near))
    assert factor == pytest.approx(0.5 * 0.1 * exp(-2) / 0.11, rel=0.01)


PLACES = st.tuples(
    *(st.floats(*ends) for ends in ((0, 10), (5, 14), (3, 12), (0, 3))), *(st.just(x) for x in (0.0, 0.0, 9.5, 3.0))
)
ROWS = st.lists(st.tuples(PLACES, st.floats(-1, 1), st.booleans()), min_size=1, max_size=8)


def of(rows):
    labels = [labels_of(deployment(LLAMA_70B, H200 if elsewhere else H100, 2)) for _, _, elsewhere in rows]
    variances = {part: v for (q, part), v in CONSTANTS.variances.items() if q == "tpot"}
    return ratios([r for _, r, _ in rows], [p for p, _, _ in rows], labels, variances=variances)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, place=PLACES, order=st.randoms())
def test_the_order_of_rows_does_not_matter(rows, place, order):
    mixed = order.sample(rows, len(rows))
    assert corrected(of(mixed), place) == pytest.approx(corrected(of(rows), place), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, place=PLACES)
def test_no_row_makes_an_estimate_less_sure_than_none_and_none_makes_it_surer_than_a_row(rows, place):
    factor, deviation = corrected(of(rows), place)
    assert sqrt(0.25 * 0.002) <= deviation <= sqrt(0.132) + 1e-9
    assert abs(factor) < 3


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, place=PLACES, more=ROWS)
def test_one_more_row_of_no_surprise_never_widens_the_band(rows, place, more):
    level = [(p, 0.0, elsewhere) for p, _, elsewhere in rows]
    further = level + [(p, 0.0, elsewhere) for p, _, elsewhere in more[:1]]
    assert corrected(of(further), place)[1] <= corrected(of(level), place)[1] + 1e-6


@settings(max_examples=60, deadline=None)
@given(place=PLACES, ratio=st.floats(-1, 1))
def test_a_row_of_the_same_gpu_counts_more_than_one_of_another(place, ratio):
    here, there = (of([(place, ratio, elsewhere)]) for elsewhere in (False, True))
    assert abs(corrected(here, place)[0]) >= abs(corrected(there, place)[0])
    assert corrected(here, place)[1] < corrected(there, place)[1]


# --- what the planner makes of it


def test_a_row_is_reproduced_where_it_was_measured_up_to_its_scatter():
    # 0.13 of 0.132 of the logarithm of its ratio
    here = points([row(tpot_ms=60, ttft_ms=900)])[64]
    assert here.source == "measured"
    assert here.tpot_ms == pytest.approx(MODELED[64].tpot_ms * (60 / MODELED[64].tpot_ms) ** (0.13 / 0.132))
    assert here.ttft_ms == pytest.approx(900, rel=0.03)
    assert here.service_s == pytest.approx((here.ttft_ms + 299 * here.tpot_ms) / 1e3)
    assert here.req_s == pytest.approx(64 / here.service_s)


def test_a_measured_band_is_narrower_than_a_modeled_one():
    measured, modeled = points([row()])[64], MODELED[64]
    assert modeled.source == "modeled"
    assert modeled.low_share < measured.low_share < 1 < measured.high_share < modeled.high_share


def test_near_a_row_the_roofline_carries_most_of_its_ratio():
    slow = points([row(tpot_ms=1.5 * MODELED[64].tpot_ms)])
    logs = {n: log(p.tpot_ms / MODELED[n].tpot_ms) for n, p in slow.items()}
    assert logs[64] > logs[32] > logs[8] > logs[1] > 0
    assert logs[32] > 0.7 * log(1.5)


def test_more_than_two_doublings_from_every_row_is_called_corrected():
    found = points([row(concurrency=8)])
    assert [found[n].source for n in (8, 32, 64)] == ["measured", "measured", "corrected"]
    assert "beyond the nearest row" in found[64].reason
    # a doubling of GPUs counts as two
    assert points([row(concurrency=8)], d=deployment(LLAMA_70B, H100, 4))[8].source == "measured"
    assert points([row(concurrency=8)], d=deployment(LLAMA_70B, H100, 4))[16].source == "corrected"


def test_estimates_are_named_after_the_nearest_row():
    assert source_of(2.0, True) == "measured"
    assert source_of(2.1, True) == "corrected"
    assert source_of(float("inf"), False) == "modeled"


def test_rows_of_the_same_model_on_another_gpu_correct_it_and_count_less():
    slow = 1.5 * MODELED[64].tpot_ms
    here = points([row(tpot_ms=slow)])[64]
    there = points([row(tpot_ms=slow, gpu="h200-sxm")])[64]
    assert (here.source, there.source) == ("measured", "corrected")
    assert MODELED[64].tpot_ms < there.tpot_ms < here.tpot_ms
    assert here.low_share > there.low_share > MODELED[64].low_share
    assert "of this model, engine and precision on other GPUs" in there.reason


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"precision": "bf16"},
        {"engine": "sglang"},
        {"engine": "llama.cpp"},
        {"model": "other-70b"},
        {"model": "no-such-card"},
        {"gpu": "no-such-gpu"},
        {"load": "static-batch"},
        {"load": "open-loop"},
        {"concurrency": None},
        {"ttft_ms": None},
        {"tpot_ms": None},
        {"note": "SUSPECT-MTP"},
        {"note": "SPEC-DECODE; one GPU"},
    ],
)
def test_a_row_says_nothing_about(elsewhere):
    rows = (
        [row(tpot_ms=80, output_tok_s=500, **elsewhere)]
        if elsewhere.get("load")
        else [row(**{"tpot_ms": 80, **elsewhere})]
    )
    assert points(rows) == MODELED


def test_models_of_one_architecture_share_rows():
    assert points([row(model="llama-3.3-70b", tpot_ms=60)])[64].tpot_ms == points([row(tpot_ms=60)])[64].tpot_ms


def test_own_rows_win():
    published, own = row(tpot_ms=40), row(tpot_ms=60)
    both = points([published], own=[own])[64]
    assert both.tpot_ms == pytest.approx(60, rel=0.02)
    assert both.low_share > points([published])[64].low_share


def test_the_nearest_rows_count_most():
    near, far = row(tpot_ms=45), row(tpot_ms=90, input_tok=8000)
    assert points([near, far])[64].tpot_ms == pytest.approx(45, rel=0.03)


def test_the_reason_names_the_row_and_its_day():
    reason = points([row()])[64].reason
    assert "llama-3.1-70b on 2 x h100-sxm at 64 in flight, 1000 in / 300 out (2026-11-01)" in reason


def test_one_tells_of_an_engine_only_what_rows_say_of_it():
    known = Performance(CARDS, GPUS, [row(engine="sglang")], 0.9, constants=CONSTANTS)
    assert known.tells_engine(LLAMA_70B, H100, "fp8", "sglang")
    assert not known.tells_engine(LLAMA_70B, H100, "fp8", "vllm")
    assert not known.tells_engine(LLAMA_70B, H200, "fp8", "sglang")


def test_a_wider_scatter_believes_rows_less():
    loud = replace(CONSTANTS, variances=CONSTANTS.variances | {("tpot", "row"): 0.2})
    assert (
        MODELED[64].tpot_ms
        < points([row(tpot_ms=60)], constants=loud)[64].tpot_ms
        < points([row(tpot_ms=60)])[64].tpot_ms
    )


def test_models_of_a_like_size_share_what_hardware_does_and_others_hardly():
    # the hardware part alone: a row of another model as large, then a model 8 times as large (3 doublings, length 0.7)
    hardware = dict.fromkeys(SIMPLE, 0.0) | {"hardware, smooth": 0.1, "row": 0.01}
    other = labels_of(TWO_H100)._replace(architecture="another")
    alike = corrected(ratios([0.5], labels=[other], variances=hardware))[0]
    larger = corrected(ratios([0.5], labels=[other], variances=hardware), (*HERE[:6], HERE[6] + 3, HERE[7]))[0]
    assert alike == pytest.approx(0.5 * 0.1 / 0.11)
    assert larger == pytest.approx(alike * exp(-((3 / 0.7) ** 2) / 2))
