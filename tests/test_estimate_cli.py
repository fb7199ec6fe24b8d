"""`plan estimate` as a person or a script meets it: what it answers, what it refuses, and in which words."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from test_cli import in_a_process, run

from planner.performance import table

LLAMA = ("llama-3.3-70b", "--gpu", "h100-sxm", "--tp", "4", "--precision", "fp8", "--input", "2000", "--output", "300")
CHAT = ("--slo", "TTFT<=1000ms,TPOT<=40ms")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(*options: str) -> Any:
    return json.loads(run("estimate", *LLAMA, *options, "--json").stdout)


def said(text: str) -> str:
    return " ".join(text.split())


def test_the_curve_says_what_it_knows_and_how_well():
    found = answer()
    curve = found["curve"]
    assert curve[0]["concurrency"] == 1 and curve[-1]["concurrency"] == found["most_in_memory"]
    for point in curve:
        assert point["tpot_low_ms"] < point["tpot_ms"] < point["tpot_high_ms"]
        assert point["ttft_low_ms"] < point["ttft_ms"] < point["ttft_high_ms"]
        assert point["output_low_tok_s"] < point["output_tok_s"] < point["output_high_tok_s"]
        assert point["source"] in ("measured", "corrected", "modeled") and point["reason"]
    assert "measured" in {point["source"] for point in curve}
    assert found["at_objective"] is None and found["refused"] is None


def test_memory_is_that_of_every_request_at_its_full_length():
    # 80 layers x 2 x 8 heads x 128 x 2 bytes x 2300 tokens over 4 GPUs
    request_gib = 80 * 2 * 8 * 128 * 2 * 2300 / 4 / 2**30
    wide, narrow = answer(), answer("--kv-precision", "fp8")
    assert wide["curve"][3]["kv_used_gib_gpu"] == pytest.approx(8 * request_gib)
    assert narrow["curve"][3]["kv_used_gib_gpu"] == pytest.approx(4 * request_gib)
    # each seat beyond 256 costs 39 bytes for each of the 128,256 words
    seats_gib = 39 * 128_256 / 2**30
    room_gib = wide["kv_available_gib_gpu"]
    assert wide["most_in_memory"] == int((room_gib - (int(room_gib / request_gib) - 256) * seats_gib) / request_gib)
    assert narrow["most_in_memory"] == int(
        (room_gib - (int(2 * room_gib / request_gib) - 256) * seats_gib) / (request_gib / 2)
    )
    assert wide["curve"][-1]["kv_used_gib_gpu"] <= wide["kv_available_gib_gpu"]
    assert answer("--memory-share", "0.8")["most_in_memory"] < wide["most_in_memory"]


def test_the_objective_holds_at_the_rate_and_with_every_slot_busy():
    at = answer(*CHAT)["at_objective"]
    assert at["limits_ms"] == {"ttft": 1000, "tpot": 40} and at["percentile_share"] == 0.95
    assert at["every_slot_busy"]["tpot_ms"] <= 40 and at["every_slot_busy"]["ttft_ms"] <= 1000
    queued = at["with_queueing"]
    assert queued["ttft_p95_ms"] <= 1000 * 1.001 and queued["tpot_p95_ms"] <= 40 * 1.001
    assert queued["ttft_p50_ms"] < queued["ttft_p95_ms"] < queued["ttft_p99_ms"]
    assert 0 < queued["low_req_s"] <= queued["req_s"] <= queued["high_req_s"]
    assert queued["req_s"] <= 0.98 * at["every_slot_busy"]["req_s"]
    assert queued["output_tok_s"] == pytest.approx(300 * queued["req_s"])


def test_replicas_that_share_a_queue_carry_more_than_alone():
    alone, four = (answer(*CHAT, "--replicas", n)["at_objective"]["with_queueing"]["req_s"] for n in ("1", "4"))
    assert four >= 4 * alone * 0.999


def test_a_tighter_objective_never_allows_more():
    rates = []
    for option in (("--percentile", "p50"), ("--percentile", "p95"), ("--percentile", "p99")):
        at = answer(*CHAT, *option)["at_objective"]
        rates.append(at["with_queueing"]["req_s"])
    assert rates == sorted(rates, reverse=True)


def test_the_percentile_of_the_objective_goes_before_the_usual_one():
    at = answer("--slo", "p90 TTFT<=1s")["at_objective"]
    assert at["percentile_share"] == 0.9 and at["limits_ms"] == {"ttft": 1000}
    assert at["with_queueing"]["ttft_p90_ms"] <= 1001


def test_no_objective_is_answered_with_all_that_memory_holds():
    found = answer("--slo", "none (offline)")
    at = found["at_objective"]
    assert at["limits_ms"] == {}
    assert at["every_slot_busy"]["concurrency"] == found["most_in_memory"]
    assert at["with_queueing"]["busy_share"] == pytest.approx(0.98)


def test_short_answers_are_not_promised_faster_than_prompts_are_read():
    options = ("llama-3.1-8b", "--gpu", "h100-sxm", "--precision", "fp8", "--input", "8000", "--output", "1")
    at = json.loads(run("estimate", *options, "--slo", "none", "--json").stdout)["at_objective"]
    assert at["with_queueing"]["req_s"] <= 0.98 * at["every_slot_busy"]["req_s"] * 1.0001


def test_the_tables_fit_80_columns_and_name_every_source(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = run("estimate", *LLAMA, *CHAT)
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.startswith("llama-3.3-70b fp8 on 4 x h100-sxm: ")
    assert max(map(cell_len, result.stdout.splitlines())) <= 80
    words = said(result.stdout)
    for part in (
        "measured",
        "corrected",
        "Memory holds",
        "At the objective: p95 TTFT 1,000 ms, TPOT 40 ms",
        "What it rests on",
        "in flight: roofline x",
        "KV cache in bf16, what vllm does by default here",
        "p50 p95 p99",
    ):
        assert part in words


def test_what_was_said_is_not_called_assumed():
    words = said(run("estimate", *LLAMA, "--kv-precision", "fp8", "--engine", "sglang").stdout)
    assert "KV cache in fp8, as asked" in words and "sglang, tp 4" in words and "(--engine to change)" not in words


def test_the_curve_is_written_whole(here):
    result = run("estimate", *LLAMA, "-o", "curve.csv")
    assert result.exit_code == 0
    with (here / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    curve = answer()["curve"]
    assert [float(row["tpot_ms"]) for row in rows] == [point["tpot_ms"] for point in curve]
    assert list(rows[0]) == list(curve[0])
    assert [path.name for path in here.iterdir()] == ["curve.csv"]


@pytest.mark.parametrize(
    ("options", "reason", "nearest"),
    [
        (("--tp", "1", "--precision", "bf16"), "weights do not fit", "It would fit with --tp 2."),
        (("--input", "200000"), "longer than the context", "llama-3.3-70b takes 131072 tokens"),
        (("--memory-share", "0.23"), "weights do not fit", "usable"),
    ],
)
def test_what_does_not_fit_ends_with_1_in_the_words_of_the_refusal(options, reason, nearest, here):
    result = run("estimate", *LLAMA, *options, "-o", "curve.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(reason) and nearest in result.stderr
    assert list(here.iterdir()) == []
    result = run("estimate", *LLAMA, *options, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["refused"]["reason"] == reason


def test_what_is_too_slow_ends_with_1_and_still_shows_the_curve():
    result = run("estimate", *LLAMA, "--slo", "TPOT<=2ms")
    assert result.exit_code == 1
    assert "too slow per token" in result.stdout and "2 asked" in said(result.stdout) and "measured" in result.stdout
    found = run("estimate", *LLAMA, "--slo", "TPOT<=2ms", "--json")
    assert found.exit_code == 1 and found.stderr.startswith("too slow per token")
    assert json.loads(found.stdout)["refused"]["shortfall"] > 1


def test_an_objective_that_only_equal_prompts_keep_is_kept_at_no_rate():
    # one in 100 exponential lengths is 4.6 times the mean: that prompt alone keeps it, but not behind another
    long = ("--input", "20000")
    limit_ms = 4.7 * answer(*long)["curve"][0]["ttft_ms"]
    result = run("estimate", *LLAMA, *long, "--slo", f"p99 TTFT<={limit_ms:.0f}ms")
    assert result.exit_code == 1
    words = said(result.stdout)
    assert "the objective is kept at no rate" in words and "even next to no load p99 of TTFT is" in words


MISTAKES = [
    (("lama-3.3-70b",), "Did you mean llama-3.3-70b"),
    (("--gpu", "h100"), "Did you mean h100-"),
    (("--precision", "fp9"), "Did you mean fp8"),
    (("--gpu", "a100-sxm-80gb"), "a100-sxm-80gb has no fp8; it runs bf16, int8"),
    (("--gpu", "mi300x", "--precision", "int8"), "does not serve it on amd GPUs"),
    (("--gpu", "mi300x", "--engine", "trtllm"), "does not run on mi300x. Possible: vllm, sglang"),
    (("--engine", "vlm"), "Did you mean vllm?"),
    (("--kv-precision", "fp4"), "Possible: bf16, fp8, int8."),
    (("--kv-precision", "int8"), "it serves bf16, fp8."),
    (("--tp", "3"), "does not divide the 64 attention heads of llama-3.3-70b. Possible: 1, 2, 4, 8, 16, 32, 64."),
    (("--tp", "0"), "a whole number from 1 on"),
    (("--tp", "128"), "is too many: llama-3.3-70b has 64 attention heads"),
    (("--pp", "81"), "is too many: llama-3.3-70b has 80 layers"),
    (("--input", "-1"), "a mean length is above 0 tokens"),
    (("--output", "nan"), "a mean length is above 0 tokens"),
    (("--memory-share", "90"), "Did you mean 0.9?"),
    (("--slo", "fast"), 'slo "fast" is not understood'),
    (("--slo", "TTFT<=450"), "without a unit"),
    (("--slo", "p99 TTFT<=1s", "--percentile", "p95"), "--slo says p99"),
    (("--slo", "TTFT<=1s", "--percentile", "p200"), "p50, p90, p95 or p99"),
    (("--slo", "TTFT<=1s", "--replicas", "0"), "from 1 on"),
    (("--replicas", "2"), "--slo, which is not given"),
    (("--benchmarks", "nowhere.csv"), "there is no such file"),
    (("-o", "no/such.csv"), "there is no folder"),
    (("-o", "."), "is a folder"),
    (("--rows", "nowhere.csv"), "--rows nowhere.csv there is no such file"),
    (("--rows", "nowhere.csv"), "--tp does not go with --rows"),
]


@pytest.mark.parametrize(("options", "words"), MISTAKES)
def test_a_wrong_option_ends_with_2_and_a_message(options, words, here):
    line = (*options, *LLAMA[1:]) if not options[0].startswith("-") else (*LLAMA, *options)
    result = run("estimate", *line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in said(result.stderr) and "Traceback" not in result.stderr
    assert list(here.iterdir()) == []


def test_every_wrong_option_is_told_at_once():
    wrong = ("lama-3.3-70b", "--gpu", "h100", "--precision", "fp9", "--input", "-1", "--output", "0", "--slo", "fast")
    heads = [line for line in run("estimate", *wrong).stderr.splitlines() if not line.startswith(" ")]
    names = ["MODEL lama-3.3-70b", "--gpu h100", "--precision fp9", "--input -1", "--output 0", "--slo"]
    assert sorted(heads) == sorted(names)


def test_what_is_missing_is_named():
    result = run("estimate", "--gpu", "h100-sxm")
    assert result.exit_code == 2
    assert [line for line in result.stderr.splitlines() if not line.startswith(" ")] == [
        "MODEL", "--precision", "--input", "--output",
    ]  # fmt: skip


def test_ones_own_rows_win(here):
    line = (
        "model,gpu,gpus,tp,precision,kv_precision,engine,input_tok,output_tok,concurrency,load,ttft_ms,tpot_ms,"
        "output_tok_s,source,observed_on\n"
        "llama-3.3-70b,h100-sxm,4,4,fp8,bf16,vllm,2000,300,16,closed-loop,400,30,500,own: run 1,2026-11-20\n"
    )
    Path("own.csv").write_text(line, encoding="utf-8")
    at_16 = answer("--benchmarks", "own.csv")["curve"][4]
    assert at_16["concurrency"] == 16 and at_16["source"] == "measured"
    assert abs(at_16["tpot_ms"] - 30) < abs(answer()["curve"][4]["tpot_ms"] - 30)
    result = run("estimate", *LLAMA, "--benchmarks", "own.csv", "-o", "own.csv")
    assert result.exit_code == 2 and "is the file that is read" in result.stderr
    assert (here / "own.csv").read_text() == line


ROWS = (
    "model,gpu,gpus,tp,precision,engine,input_tok,output_tok,concurrency,load\n"
    "llama-3.3-70b,h100-sxm,4,4,fp8,vllm,2000,300,16,closed-loop\n"
    "llama-9,h100-sxm,4,4,fp8,vllm,2000,300,16,closed-loop\n"
)


def test_every_row_of_a_table_is_predicted_or_says_why_not(here):
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    result = run("estimate", "--rows", "rows.csv", "-o", "predicted.csv")
    assert result.exit_code == 0
    words = said(result.stdout)
    assert words.startswith("predicted.csv: 1 of 2 rows are predicted")
    assert "1 measured" in words and 'model "llama-9"' in words
    with (here / "predicted.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["llama-3.3-70b", "llama-9"]
    counted = json.loads(run("estimate", "--rows", "rows.csv", "-o", "predicted.csv", "--json").stdout)
    assert (counted["rows"], counted["predicted"], counted["by_source"]) == (2, 1, {"measured": 1})


def test_a_table_of_which_nothing_is_predicted_ends_with_1(here, monkeypatch):
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    nothing = table.Summary(rows=2, predicted=0, by_source={}, reasons={"no such model": 2})
    monkeypatch.setattr(table, "predict_file", lambda *_: nothing)
    result = run("estimate", "--rows", "rows.csv", "-o", "predicted.csv")
    assert result.exit_code == 1 and "2 no such model" in said(result.stdout)


def test_a_table_is_never_written_over(here):
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    result = run("estimate", "--rows", "rows.csv", "-o", "./rows.csv")
    assert result.exit_code == 2 and "is the file that is read" in result.stderr
    assert (here / "rows.csv").read_text() == ROWS
    assert "-o\n  is missing" in run("estimate", "--rows", "rows.csv").stderr


def test_no_color_is_respected_even_where_color_is_forced():
    late = ("estimate", *LLAMA, "--input", "20000", "--slo", "p99 TTFT<=5400ms")
    plain = in_a_process(*late, NO_COLOR="1", FORCE_COLOR="1", TERM="xterm")
    colored = in_a_process(*late, FORCE_COLOR="1", TERM="xterm", NO_COLOR="")
    assert plain.returncode == colored.returncode == 1
    assert "\x1b[33m" in colored.stdout and "\x1b[33m" not in plain.stdout


def test_tab_completes_models_and_gpus():
    from planner.cli.estimating import gpus_here, models_here

    assert "llama-3.3-70b" in models_here("llama-3.3")
    assert {"h100-sxm", "h100-pcie"} <= set(gpus_here("H100"))
    assert models_here("no-such") == gpus_here("no-such") == []


def test_help_has_examples_and_imports_nothing_heavy():
    result = run("estimate", "--help")
    assert "plan estimate" in result.stdout.split("Example")[1]
    script = "import sys, planner.cli.estimating\nprint([m for m in ('numpy', 'pydantic', 'pulp') if m in sys.modules])"

    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=path)
    assert ran.stdout.strip() == "[]"


def test_a_part_of_a_gpu_is_estimated_and_said():
    whole = [
        "estimate",
        "llama-3.1-8b",
        "--gpu",
        "h100-sxm",
        "--precision",
        "fp8",
        "--input",
        "1000",
        "--output",
        "200",
    ]
    half, turns = run(*whole, "--part", "3g.40gb", "--json"), run(*whole, "--part", "1/3")
    assert half.exit_code == turns.exit_code == 0
    told = json.loads(half.stdout)
    assert told["part"] == "3g.40gb"
    assert {point["source"] for point in told["curve"]} == {"modeled"}
    assert "on 1/3 of h100-sxm (by turns)" in turns.stdout and "it has 30 % of the time" in " ".join(
        turns.stdout.split()
    )


def test_a_part_that_there_is_not_names_those_that_there_are():
    asked = ["estimate", "llama-3.1-8b", "--gpu", "l40s", "--precision", "fp8", "--input", "1000", "--output", "200"]
    said = run(*asked, "--part", "3g.40gb", "--tp", "2")
    assert said.exit_code == 2
    assert "Possible: 1/2, 1/3, 1/4." in said.stderr and "parts of GPUs do not work together" in said.stderr
