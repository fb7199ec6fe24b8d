"""A whole table of rows: what is shared among replicas, what waits for memory, and rows that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.catalog.load import Catalog, load_catalog
from planner.performance.table import Estimated, predict_file, predict_rows

ROW = {
    "model": "llama-3.1-8b", "gpu": "h100-sxm", "gpus": "8", "precision": "fp8", "engine": "vllm", "input_tok": "1000",
    "output_tok": "250", "concurrency": "64", "load": "closed-loop",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def one(catalog: Catalog, **other: str) -> Estimated:
    return predict_rows([ROW | other], catalog)[0]


def rate(e: Estimated) -> float:
    return e.values["output_tok_s"][0]


def test_replicas_share_what_is_in_flight(catalog):
    # eight replicas of one GPU with 8 in flight each, not with 64
    each = one(catalog, gpus="1", tp="1", concurrency="8")
    assert rate(one(catalog, tp="1")) == pytest.approx(8 * rate(each), rel=1e-6)
    # where parallelism is not stated the fastest is taken: no slower than that
    assert 8 * rate(each) * (1 - 1e-6) <= rate(one(catalog)) < 3 * rate(one(catalog, tp="8"))


def test_a_stated_parallelism_makes_copies_of_the_rest(catalog):
    two = one(catalog, gpus="2", tp="2", concurrency="16")
    assert one(catalog, tp="2").values["tpot_ms"][0] == pytest.approx(two.values["tpot_ms"][0])
    assert rate(one(catalog, tp="2")) == pytest.approx(4 * rate(two))


def test_requests_beyond_memory_wait_and_add_nothing(catalog):
    big = {"model": "llama-3.3-70b", "gpus": "4", "tp": "4", "input_tok": "2000", "output_tok": "300"}
    many, more = one(catalog, **big, concurrency="1000"), one(catalog, **big, concurrency="4000")
    assert rate(more) == pytest.approx(rate(many), rel=0.02)
    assert more.values["ttft_ms"][0] > 3 * many.values["ttft_ms"][0]
    assert "the others wait" in more.reason


def test_the_rate_at_an_objective_is_bound_by_the_reading_of_prompts(catalog):
    # 8,000 tokens in, one out: a prompt after another, whatever the objective
    slo = {"load": "slo", "gpus": "1", "tp": "1", "slo": "TTFT<=60s", "input_tok": "8000", "output_tok": "1"}
    alone = one(catalog, gpus="1", tp="1", concurrency="1", input_tok="8000", output_tok="1")
    assert rate(one(catalog, **slo)) < 1.9 * rate(alone)


def test_an_overload_is_said_and_has_a_band(catalog):
    e = one(catalog, load="open-loop", gpus="1", tp="1", request_rate="500")
    value, low, high = e.values["output_tok_s"]
    assert "more than the replica can take" in e.reason and low < 0.9 * value and high > 1.1 * value
    served = one(catalog, load="open-loop", gpus="1", tp="1", request_rate="1").values["output_tok_s"]
    assert served == (250.0, 250.0, 250.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"gpus": "0.5"}, "0.5"),
        ({"tp": "2.5"}, 'tp "2.5" is not a whole number'),
        ({"input_tok": "200000"}, "takes 131072 tokens"),
    ],
)
def test_a_row_that_cannot_be_says_why(catalog, wrong, words):
    e = one(catalog, **wrong)
    assert not e.values and words in e.reason


def test_an_engine_nobody_knows_is_said(catalog):
    assert "engine tgi is not known" in one(catalog, engine="tgi").reason
    assert rate(one(catalog, engine="vllm-0.6.3")) == rate(one(catalog))


def test_a_cell_too_many_costs_no_row(catalog, tmp_path: Path):
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_text(",".join(ROW) + "\n" + ",".join(ROW.values()) + ",see ticket\n", encoding="utf-8")
    assert predict_file(rows, out, catalog).predicted == 1
