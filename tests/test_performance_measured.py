"""Measured rows: for whom they speak, how far, and that they are believed where they do."""

from __future__ import annotations

import pytest
from performance_cards import H100, H200, LLAMA_70B, deployment, request, row

from planner.performance import Performance

CARDS = {
    "llama-3.1-70b": LLAMA_70B,
    "llama-3.3-70b": LLAMA_70B.model_copy(update={"name": "llama-3.3-70b"}),
    "other-70b": LLAMA_70B.model_copy(update={"name": "other-70b", "architecture": "other"}),
}
TWO_H100 = deployment(LLAMA_70B, H100, 2)


def points(rows, d=TWO_H100, r=None):
    curve = Performance(CARDS, rows, 0.9).curve(d, r or request())
    return {p.concurrency: p for p in curve}


MODELED = points([])


def test_a_row_is_reproduced_where_it_was_measured():
    here = points([row(tpot_ms=40, ttft_ms=600)])[64]
    assert here.source == "measured"
    assert here.tpot_ms == pytest.approx(40)
    assert here.ttft_ms == pytest.approx(600)
    # 600 ms + 299 x 40 ms
    assert here.service_s == pytest.approx(12.56)
    assert here.req_s == pytest.approx(64 / 12.56)


def test_a_measured_band_is_narrower_than_a_modeled_one():
    measured, modeled = points([row()])[64], MODELED[64]
    assert modeled.source == "modeled"
    assert modeled.low_share < measured.low_share < 1 < measured.high_share < modeled.high_share


def test_near_a_row_the_roofline_carries_its_ratio():
    ratio = 40 / MODELED[64].tpot_ms
    assert points([row(tpot_ms=40)])[32].tpot_ms == pytest.approx(MODELED[32].tpot_ms * ratio)


def test_more_than_four_times_the_concurrency_away_is_not_called_measured():
    found = points([row(concurrency=8)])
    assert found[32].source == "measured"
    assert found[64].source == "modeled"
    assert "beyond the nearest row" in found[64].reason


def test_a_curve_has_no_step_where_rows_end():
    slow = row(concurrency=8, tpot_ms=60)
    found = points([slow])
    ratios = {n: p.tpot_ms / MODELED[n].tpot_ms for n, p in found.items()}
    assert ratios[32] == pytest.approx(ratios[64])


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"gpu": "h200-sxm"},
        {"precision": "bf16"},
        {"engine": "sglang"},
        {"model": "other-70b"},
        {"model": "no-such-card"},
        {"load": "static-batch"},
        {"concurrency": None},
        {"ttft_ms": None},
        {"dp": 2},
        {"gpus": 4},
        {"note": "SUSPECT-MTP"},
        {"note": "SPEC-DECODE; one GPU"},
        {"input_tok": 8000},
        {"tp": 8, "gpus": 8},
    ],
)
def test_a_row_says_nothing_about(elsewhere):
    assert points([row(tpot_ms=80, **elsewhere)]) == MODELED


def test_models_of_one_architecture_share_rows():
    assert points([row(model="llama-3.3-70b", tpot_ms=40)])[64].tpot_ms == pytest.approx(40)


def test_twice_the_gpus_is_still_within_reach():
    four = deployment(LLAMA_70B, H100, 4)
    assert points([row()], d=four)[64].source == "measured"


def test_the_nearest_rows_count_most():
    near, far = row(tpot_ms=40), row(tpot_ms=80, input_tok=3900)
    assert points([near, far])[64].tpot_ms == pytest.approx(40, rel=0.02)


def test_repeated_measurements_are_averaged():
    # geometric mean of 36 and 49
    assert points([row(tpot_ms=36), row(tpot_ms=49)])[64].tpot_ms == pytest.approx(42)


def test_the_order_of_rows_does_not_matter():
    rows = [row(tpot_ms=30 + n, concurrency=n) for n in (4, 8, 16, 32, 64, 128)]
    for n, point in points(rows).items():
        assert points(rows[::-1])[n].tpot_ms == pytest.approx(point.tpot_ms)


def test_the_reason_names_the_row():
    assert "llama-3.1-70b on 2 x h100-sxm at 64 in flight" in points([row()])[64].reason


def test_rows_of_one_gpu_leave_another_alone():
    on_h200 = deployment(LLAMA_70B, H200, 2)
    assert points([row(tpot_ms=80)], d=on_h200) == points([], d=on_h200)
