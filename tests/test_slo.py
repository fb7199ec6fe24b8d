"""Objectives as people write them, and the sentences that refuse the rest."""

from __future__ import annotations

import math

import pytest

from planner.performance.slo import Asked, parse_percentile, parse_slo


@pytest.mark.parametrize(
    ("text", "ttft_ms", "tpot_ms", "e2e_ms", "share"),
    [
        ("TTFT<=450ms,TPOT<=40ms", 450, 40, None, 0.99),
        ("ttft < 0.45 s; tpot<=40 ms", 450, 40, None, 0.99),
        ("e2e<=10s", None, None, 10_000, 0.99),
        ("p99 TTFT<=2000ms", 2000, None, None, 0.99),
        ("TTFT(p95)<=2s", 2000, None, None, 0.95),
        ("TTFT<=2s (p90)", 2000, None, None, 0.90),
        ("TTFT p95 <= 2s, ITL p95 <= 40ms", 2000, 40, None, 0.95),
        ("TTFT ≤ 2 sec & ITL ≤ 30 msec @ p99.9", 2000, 30, None, 0.999),
        ("ttft_p50_ms<=450", 450, None, None, 0.5),
        ("ttft_ms: 450", 450, None, None, 0.99),
        ("TTFT<=2,000ms, TPOT<=40ms", 2000, 40, None, 0.99),
        ("time to first token under 2 seconds and inter-token latency below 50 ms", 2000, 50, None, 0.99),
        ("95th percentile end-to-end latency <= 2 min", None, None, 120_000, 0.95),
        ("mean TPOT<=12.5ms", None, 12.5, None, 0.5),
        ("[TTFT<=1s, E2EL<=30s]", 1000, None, 30_000, 0.99),
    ],
)
def test_an_objective_is_understood_however_it_is_written(text, ttft_ms, tpot_ms, e2e_ms, share):
    assert parse_slo(text) == Asked(ttft_ms=ttft_ms, tpot_ms=tpot_ms, e2e_ms=e2e_ms, percentile_share=share)


@pytest.mark.parametrize("text", ["", "  ", "none", "None (offline)", "offline", "n/a", "-", "no SLO"])
def test_nothing_asked_is_no_limit(text):
    objective = parse_slo(text, 0.9).objective
    assert (objective.ttft_ms, objective.tpot_ms, objective.e2e_ms) == (math.inf,) * 3
    assert objective.percentile_share == 0.9


def test_the_percentile_of_the_text_goes_before_the_one_assumed():
    assert parse_slo("TTFT<=1s", 0.95).percentile_share == 0.95
    assert parse_slo("p50 TTFT<=1s", 0.95).percentile_share == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast", "is not understood; write limits as TTFT<=450ms"),
        ("TTFT<=", "is not understood"),
        ("TTFT<=450", 'without a unit, "ttft<=450"; write ms or s'),
        ("TTFT<=-5ms", "is not understood"),
        ("TTFT<=0ms", "a limit of 0"),
        ("TTFT<=nan ms", "is not understood"),
        ("TTFT<=1e3ms", "is not understood"),
        ("TTFT>=450ms", "upper one"),
        ("TTFT<=1s, TPOT<=40ms, cost<=3", 'not understood at "cost<=3"'),
        ("TTFT<=1s, ITL<=40ms, TPOT<=50ms", "limits TPOT twice"),
        ("p99 TTFT<=1s, p95 TPOT<=40ms", "several percentiles"),
        ("p0 TTFT<=1s", "p0"),
        ("p100 TTFT<=1s", 'not understood at "p100"'),
        ("(TTFT<=1s) tok/s", 'not understood at "'),
    ],
)
def test_what_is_not_understood_is_refused_whole_with_a_sentence(text, words):
    with pytest.raises(ValueError) as refused:
        parse_slo(text)
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["95", "p", "p0", "p100", "", "fast"])
def test_a_percentile_that_is_none_is_refused(text):
    with pytest.raises(ValueError):
        parse_percentile(text)
