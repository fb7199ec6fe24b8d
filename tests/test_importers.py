"""Result files of benchmark tools as rows: what each really wrote in, rows out, every mistake said, no network."""

from __future__ import annotations

import ast
import csv
import json
import math
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from typer.testing import Result as Ended

from planner.catalog import importers
from planner.catalog.importers import IMPORTERS, read_results, rows_of
from planner.catalog.importers.documents import documents
from planner.catalog.importers.rows import COLUMNS, Given, Result, csv_text, merged, to_benchmark
from planner.catalog.load import TABLES
from planner.catalog.read import read_table
from planner.cli.answering import Answering
from planner.cli.calibrating import calibrate
from planner.errors import InputError

RECORDED = Path(__file__).parent / "recorded"
CATALOG = Path(__file__).parents[1] / "catalogs" / "benchmarks.csv"
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
GIVEN = Given(gpu="h100-sxm", precision="bf16", engine="vllm", model="llama-3.1-8b", names=lambda _: "llama-3.1-8b")

VLLM = RECORDED / "vllm_bench" / "closed_0.33.0.json"
AIPERF = RECORDED / "aiperf" / "profile_export_aiperf_0.13.0.json"
GUIDELLM = RECORDED / "guidellm" / "benchmarks_0.8.1.json"
SGLANG = RECORDED / "sglang_bench" / "bench_serving_0.5.23.jsonl"
FILES = sorted(path for each in IMPORTERS for path in (RECORDED / each.__name__.split(".")[-1]).glob("*"))


def one(path: Path) -> Result:
    (result,) = read_results(path)
    return result


def said_of(path: Path) -> str:
    with pytest.raises(InputError) as raised:
        read_results(path)
    return str(raised.value)


def changed(source: Path, folder: Path, change: Callable[[Any], Any]) -> Path:
    """A copy of a recorded JSON file with something changed in it."""
    values = json.loads(source.read_text(encoding="utf-8"))
    changed_to = change(values)
    path = folder / source.name
    path.write_text(json.dumps(values if changed_to is None else changed_to), encoding="utf-8")
    return path


# What each tool wrote


def test_vllm_is_read_with_its_limit_its_lengths_and_its_percentiles():
    # 927 prompt tokens and 960 answered ones over 40 requests
    assert one(VLLM) == Result(
        tool="vllm bench serve",
        where=str(VLLM),
        model=LLAMA,
        input_tok=927 / 40,
        output_tok=960 / 40,
        load="closed-loop",
        concurrency=4,
        ttft_ms=44.258341850002125,
        ttft_p50_ms=44.52769950006541,
        ttft_p95_ms=53.09231224993027,
        ttft_p99_ms=55.36789947000897,
        tpot_ms=5.136591893478019,
        tpot_p50_ms=5.166121195652128,
        tpot_p95_ms=5.473243584782247,
        tpot_p99_ms=5.5727133208682496,
        output_tok_s=578.2487897673237,
        total_tok_s=1136.6202773863959,
        completed=40,
        failed=0,
        observed_on=date(2026, 11, 24),
        dated=True,
    )


def test_appended_vllm_runs_are_lines_of_one_file():
    path = RECORDED / "vllm_bench" / "append_0.33.0.json"
    assert [(r.where, r.concurrency) for r in read_results(path)] == [(f"{path}:1", 2), (f"{path}:2", 8)]


def test_a_request_rate_makes_a_run_open_loop():
    open_loop = one(RECORDED / "vllm_bench" / "open_0.33.0.json")
    assert (open_loop.load, open_loop.request_rate_req_s, open_loop.concurrency) == ("open-loop", 20, None)
    both = one(RECORDED / "aiperf" / "request_rate_0.13.0.json")
    assert (both.load, both.request_rate_req_s) == ("open-loop", 20)
    driven = read_results(SGLANG)[1]
    assert (driven.load, driven.request_rate_req_s, driven.concurrency) == ("open-loop", 20, 3)


def test_no_limit_and_no_rate_is_a_burst(tmp_path):
    assert one(changed(VLLM, tmp_path, lambda v: v.update(max_concurrency=None))).load == "burst"


def test_vllm_before_it_counted_failures_is_read_too(tmp_path):
    old = RECORDED / "vllm_bench" / "benchmark_serving_0.8.json"
    assert (one(old).failed, one(old).engine, one(old).concurrency) == (0, "vllm", 8)
    # 40 prompts, 38 answered
    assert one(changed(old, tmp_path, lambda v: v.update(completed=38))).failed == 2


def test_vllm_before_it_wrote_its_limit_does_not_say_what_limited_it(tmp_path):
    result = one(changed(VLLM, tmp_path, lambda v: v.pop("max_concurrency") and None))
    assert (result.load, result.concurrency) == ("", None)
    with pytest.raises(InputError, match="add --concurrency N"):
        to_benchmark(result, GIVEN)
    assert to_benchmark(result, replace(GIVEN, concurrency=4)).load == "closed-loop"


@pytest.mark.parametrize("version", ["0.3.1", "0.6.1", "0.8.1"])
def test_guidellm_says_the_same_in_json_and_in_csv(version):
    as_json = read_results(RECORDED / "guidellm" / f"benchmarks_{version}.json")
    as_csv = read_results(RECORDED / "guidellm" / f"benchmarks_{version}.csv")
    assert [r.concurrency for r in as_json] == [4, 8]
    assert {r.model for r in as_json} == {LLAMA}
    for told, written in zip(as_json, as_csv, strict=True):
        assert replace(told, where="", output_tok=0) == replace(written, where="", output_tok=0)
    assert as_json[1].where.endswith(".json[benchmark 2]")


def test_guidellm_time_per_token_leaves_the_first_one_out():
    # time_per_output_token_ms of the same benchmark, first token included, is 7.57
    assert read_results(GUIDELLM)[0].tpot_ms == pytest.approx(5.2648, abs=1e-4)
    assert read_results(GUIDELLM)[0].ttft_p95_ms == pytest.approx(191.456, abs=1e-3)


def test_requests_that_guidellm_cut_off_at_the_end_are_no_failures_and_their_tokens_count(tmp_path):
    def cut_off(values: Any) -> None:
        metrics = values["benchmarks"][0]["metrics"]
        metrics["request_totals"] |= {"successful": 36, "incomplete": 4}
        metrics["output_tokens_per_second"]["incomplete"]["mean"] = 50.0
        metrics["output_tokens_per_second"]["total"]["mean"] += 50.0

    result = read_results(changed(GUIDELLM, tmp_path, cut_off))[0]
    assert (result.completed, result.failed) == (36, 0)
    assert result.output_tok_s == pytest.approx(502.165 + 50, abs=1e-3)


@pytest.mark.parametrize(
    ("strategy", "load", "concurrency", "rate"),
    [
        ({"type_": "synchronous"}, "closed-loop", 1, None),
        ({"type_": "throughput", "max_concurrency": 64}, "closed-loop", 64, None),
        ({"type_": "throughput", "max_concurrency": None}, "burst", 4, None),  # 3.81 in flight, measured
        ({"type_": "constant", "rate": 2.5}, "open-loop", 4, 2.5),
        ({"type_": "poisson", "rate": 2.5, "max_concurrency": 512}, "open-loop", 4, 2.5),
    ],
)
def test_each_strategy_of_guidellm_says_what_drove_it(strategy, load, concurrency, rate, tmp_path):
    path = changed(GUIDELLM, tmp_path, lambda v: v["benchmarks"][0]["config"].update(strategy=strategy))
    result = read_results(path)[0]
    assert (result.load, result.concurrency, result.request_rate_req_s) == (load, concurrency, rate)


@pytest.mark.parametrize("version", ["0.3.0", "0.13.0"])
def test_aiperf_says_the_same_in_json_and_in_csv_but_for_its_load(version):
    as_json = one(RECORDED / "aiperf" / f"profile_export_aiperf_{version}.json")
    as_csv = one(RECORDED / "aiperf" / f"profile_export_aiperf_{version}.csv")
    assert (as_json.load, as_json.concurrency, as_json.model, as_json.dated) == ("closed-loop", 4, LLAMA, True)
    assert (as_csv.load, as_csv.concurrency, as_csv.model, as_csv.dated) == ("", None, "", False)
    for name in ("input_tok", "output_tok", "ttft_ms", "ttft_p95_ms", "tpot_ms", "tpot_p99_ms", "output_tok_s"):
        assert getattr(as_csv, name) == pytest.approx(getattr(as_json, name), abs=0.006)


def test_genai_perf_is_told_from_aiperf_and_its_thousands_are_read():
    as_json = one(RECORDED / "aiperf" / "profile_export_genai_perf_0.0.16.json")
    as_csv = one(RECORDED / "aiperf" / "profile_export_genai_perf_0.0.16.csv")
    assert as_json.tool == as_csv.tool == "genai-perf"
    assert (as_json.concurrency, as_json.failed, as_json.engine) == (4, None, "")  # "tensorrtllm" is its default
    assert as_csv.output_tok_s == 1542.42  # written as "1,542.42"


@pytest.mark.parametrize(("unit", "factor"), [("ns", 1e-6), ("us", 1e-3), ("ms", 1), ("sec", 1e3)])
def test_aiperf_latencies_are_read_in_the_unit_they_state(unit, factor, tmp_path):
    path = changed(AIPERF, tmp_path, lambda v: v["time_to_first_token"].update(unit=unit))
    assert one(path).ttft_ms == pytest.approx(44.9980307 * factor)
    assert one(path).ttft_p99_ms == pytest.approx(56.53906849 * factor)


def test_a_unit_that_is_not_known_is_said_and_not_guessed(tmp_path):
    said = said_of(changed(AIPERF, tmp_path, lambda v: v["inter_token_latency"].update(unit="ticks")))
    assert said.count("inter_token_latency unit") == 1
    assert '"ticks" is no unit known here.  Possible: ns, us, ms, s, sec.' in said


def test_the_first_aiperf_kept_its_metrics_under_records(tmp_path):
    def as_0_1(values: Any) -> Any:
        metrics = {tag: metric for tag, metric in values.items() if isinstance(metric, dict) and "unit" in metric}
        rest = {key: values[key] for key in ("input_config", "was_cancelled", "start_time")}
        return {"records": metrics, **rest}

    first = RECORDED / "aiperf" / "profile_export_aiperf_0.3.0.json"
    assert replace(one(changed(first, tmp_path, as_0_1)), where="") == replace(one(first), where="")


def test_a_warmup_of_aiperf_is_not_what_drove_the_run(tmp_path):
    phases = json.loads((RECORDED / "aiperf" / "request_rate_0.13.0.json").read_text())["input_config"]["phases"]
    assert [phase["name"] for phase in phases] == ["warmup", "profiling"]
    held = {"name": "profiling", "type": "concurrency", "concurrency": 9}
    path = changed(AIPERF, tmp_path, lambda v: v["input_config"].update(phases=[phases[0], held]))
    assert (one(path).load, one(path).concurrency) == ("closed-loop", 9)


def test_sglang_says_its_engine_version_and_model_but_neither_day_nor_failures(tmp_path):
    path = tmp_path / "runs.jsonl"
    shutil.copy(SGLANG, path)
    os.utime(path, (0, datetime(2026, 10, 6, 12).timestamp()))
    first, _, detailed = read_results(path)
    assert (first.engine, first.engine_version, first.model) == ("sglang", "0.5.23", LLAMA)
    assert (first.observed_on, first.dated, first.failed) == (date(2026, 10, 6), False, None)
    assert detailed.failed == 0  # with --output-details the errors are in the file
    row = to_benchmark(first, replace(GIVEN, engine=""))
    assert (row.engine, row.observed_on) == ("sglang", date(2026, 10, 6))
    assert row.note.endswith("failed requests not reported; dated by its file")


def test_sglang_before_it_wrote_total_throughput_gives_it_as_a_sum():
    # 1511.4176 in and 566.7816 out
    assert one(RECORDED / "sglang_bench" / "bench_serving_0.5.5.jsonl").total_tok_s == pytest.approx(2078.1992)


def test_speculative_decoding_is_noted_where_a_file_shows_it(tmp_path):
    path = changed(VLLM, tmp_path, lambda v: v.update(spec_decode_acceptance_length=2.4))
    assert to_benchmark(one(path), GIVEN).note.startswith("SPEC-DECODE: 2.4 tokens")


# Files that cannot be used


def keyed(key: str, value: Any) -> Callable[[Any], None]:
    return lambda values: values.update({key: value})


WRONG = [
    (VLLM, keyed("mean_ttft_ms", None), "mean_ttft_ms\n  is missing"),
    (VLLM, keyed("mean_tpot_ms", 0.0), "mean_tpot_ms\n  0.0 is not possible; it must be more than 0"),
    (VLLM, keyed("mean_tpot_ms", math.nan), "mean_tpot_ms\n  NaN is not possible"),
    (VLLM, keyed("output_throughput", "578"), 'output_throughput\n  "578" is not a number'),
    (VLLM, keyed("total_output_tokens", -1), "total_output_tokens\n  -1 is not possible"),
    (VLLM, keyed("p99_ttft_ms", math.inf), "p99_ttft_ms\n  Infinity is not possible"),
    (VLLM, keyed("completed", 0), "completed\n  0: no request was answered"),
    (VLLM, keyed("max_concurrency", 0), "max_concurrency\n  0 is not possible; it must be a whole number, 1 or more"),
    (VLLM, keyed("request_rate", math.nan), "request_rate\n  NaN is not possible"),
    (VLLM, keyed("ramp_up_strategy", "linear"), "ramp_up_strategy\n  the rate rose during the run"),
    (AIPERF, keyed("time_to_first_token", None), "time_to_first_token avg\n  is missing.  Profile a text model with"),
    (AIPERF, keyed("was_cancelled", True), "the run was broken off"),
    (AIPERF, keyed("is_complete", False), "the run was broken off"),
    (GUIDELLM, keyed("benchmarks", []), "holds no benchmark"),
    (
        GUIDELLM,
        lambda v: v["benchmarks"][1]["config"].update(strategy={}),
        '[benchmark 2]  strategy\n  "" is not known',
    ),
    (GUIDELLM, lambda v: v["benchmarks"][1]["metrics"].pop("inter_token_latency_ms"), "[benchmark 2]  inter_token_"),
    (VLLM, lambda v: [v], "is no result file known here.  Read are JSON of `vllm bench serve"),
    (VLLM, lambda v: {"a": 1}, "is no result file known here"),
]


@pytest.mark.parametrize(("source", "change", "words"), WRONG, ids=[words[:40] for _, _, words in WRONG])
def test_figures_that_cannot_be_are_said_with_their_place(source, change, words, tmp_path):
    path = changed(source, tmp_path, lambda v: change(v) if words.startswith("is no") else (change(v), None)[1])
    said = said_of(path)
    assert words in said
    assert said.startswith(str(path))


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    path = changed(VLLM, tmp_path, keyed("mean_ttft_ms", None))
    values = json.loads(path.read_text()) | {"mean_tpot_ms": 0, "output_throughput": None}
    path.write_text("\n".join([VLLM.read_text(), json.dumps(values), "{", '{"a": 1}']))
    said = said_of(path)
    for words in (":2  mean_ttft_ms", ":2  mean_tpot_ms", ":2  output_throughput", ":3\n", ":4\n  is no result known"):
        assert f"{path}{words}" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (VLLM.read_bytes()[:300], ":1\n  ends in the middle: the run or a copy was cut short"),
        (GUIDELLM.read_bytes()[:5000], ":1\n  ends in the middle"),
        (VLLM.read_bytes() + b"\n" + VLLM.read_bytes()[:300], ":2\n  ends in the middle"),
        (b'{"a": }', ":1\n  not JSON that can be read"),
        (b"[" * 100_000, "nested too deep"),
        (b"model,gpu\nllama,h100\n", "is no result file known here"),
        (b"Run Info,Benchmark\nRun ID,Strategy\n,\n", "holds no benchmark"),
        (
            b"Run Info,Benchmark\nRun ID,Strategy\n,\n1\n",
            ":4\n  has 1 cells where the header has 2: a copy was cut short",
        ),
        (b"Metric,avg\nTime to First Token (ms),4", "the last line has no end: the run or a copy was cut short"),
        (b"Metric,avg\nRequest Latency (ms),N/A\n", "time_to_first_token avg\n  is missing"),
        (b'"\n', "neither JSON nor a CSV file that can be read"),
    ],
)
def test_what_is_no_result_file_is_said(content, words, tmp_path):
    path = tmp_path / "result"
    path.write_bytes(content)
    assert words in said_of(path)


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    assert "no such file" in said_of(tmp_path / "nowhere.json")
    assert "is a folder.  Name files in it" in said_of(tmp_path)


@pytest.mark.parametrize("source", FILES, ids=lambda path: path.name)
def test_a_file_cut_anywhere_never_ends_in_a_crash(source, tmp_path):
    whole = source.read_bytes()
    path = tmp_path / source.name
    for share in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            read_results(path)
        except InputError as error:
            assert error.complaints


@pytest.mark.parametrize("source", [VLLM, AIPERF, GUIDELLM, SGLANG], ids=lambda path: path.name)
def test_junk_anywhere_in_a_file_never_ends_in_a_crash(source, tmp_path):
    draw = random.Random(1)
    junk = (None, True, -1, 0, 10**400, math.nan, math.inf, "", "4", [], [None], {}, {"a": 1})

    def spoil(node: Any, chance: float) -> Any:
        if draw.random() < chance:
            return draw.choice(junk)
        if isinstance(node, dict):
            return {key: spoil(value, chance) for key, value in node.items()}
        return [spoil(value, chance) for value in node] if isinstance(node, list) else node

    whole = json.loads(
        source.read_text(encoding="utf-8").splitlines()[0] if source.suffix == ".jsonl" else source.read_text()
    )
    path = tmp_path / source.name
    for _ in range(60):
        path.write_text(json.dumps(spoil(whole, draw.choice((0.002, 0.02, 0.1)))), encoding="utf-8")
        try:
            assert all(0 < result.ttft_ms < math.inf for result in read_results(path))
        except InputError as error:
            assert error.complaints


# Rows


def test_a_run_in_which_more_than_one_percent_failed_is_refused(tmp_path):
    failing = one(RECORDED / "aiperf" / "failing_0.13.0.json")
    assert (failing.completed, failing.failed) == (30, 10)
    with pytest.raises(InputError, match=r"10 of 40 requests failed \(25 %\); at most 1 % may"):
        to_benchmark(failing, GIVEN)
    few = replace(failing, completed=990, failed=10)  # exactly 1 %
    assert to_benchmark(few, GIVEN).ttft_ms == pytest.approx(58.0733)


def test_what_neither_file_nor_user_says_is_asked_for_at_once():
    result = replace(one(VLLM), load="closed-loop", concurrency=None, model="")
    with pytest.raises(InputError) as raised:
        to_benchmark(result, replace(GIVEN, engine="", model=""))
    assert [words in str(raised.value) for words in ("--concurrency N", "--engine vllm", "--model;")] == [True] * 3


def test_a_file_of_another_model_or_load_than_said_is_refused():
    with pytest.raises(InputError, match=r"is llama-3.1-8b; --model says qwen3-8b"):
        to_benchmark(one(VLLM), replace(GIVEN, model="qwen3-8b"))
    with pytest.raises(InputError, match="4 requests in flight; --concurrency says 8"):
        to_benchmark(one(VLLM), replace(GIVEN, concurrency=8))
    with pytest.raises(InputError, match="driven by a request rate"):
        to_benchmark(read_results(SGLANG)[1], replace(GIVEN, concurrency=8))


def test_a_row_says_tool_file_and_day_and_keeps_the_percentiles_in_its_note():
    row = to_benchmark(one(VLLM), replace(GIVEN, tp=2, kv_precision="fp8"))
    assert (row.gpus, row.tp, row.kv_precision, row.concurrency) == (2, 2, "fp8", 4)
    assert (row.source, row.observed_on) == (f"vllm bench serve: {VLLM}", date(2026, 11, 24))
    assert row.note == "TTFT p50 44.53, p95 53.09, p99 55.37 ms; TPOT p50 5.166, p95 5.473, p99 5.573 ms"
    assert (row.input_tok, row.ttft_ms, row.tpot_ms) == (23.175, 44.2583, 5.13659)  # six digits


def test_rows_are_written_as_the_catalog_writes_them(tmp_path):
    with CATALOG.open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    rows = rows_of([VLLM, GUIDELLM, VLLM], GIVEN)  # a file named twice is read once
    assert len(rows) == 3
    (tmp_path / "benchmarks.csv").write_text(csv_text(rows), encoding="utf-8")
    assert read_table(tmp_path, TABLES["benchmarks"])[0::2] == (rows, [])


def test_a_new_row_replaces_the_same_point_and_the_same_run_and_nothing_else():
    old = rows_of([VLLM, GUIDELLM], GIVEN)
    again = [row.model_copy(update={"ttft_ms": 50.0, "source": "vllm bench serve: later.json"}) for row in old[:1]]
    assert merged(old, again) == ([old[1], old[2], *again], 1)
    # the same run, first read with a wrong --gpu
    wrong = [row.model_copy(update={"gpu": "l40s"}) for row in old]
    assert merged(wrong, old) == (old, 3)
    other = [row.model_copy(update={"precision": "fp8", "source": "vllm bench serve: fp8.json"}) for row in old]
    assert merged(old, other) == ([*old, *other], 0)


# Lists that must be complete


@pytest.mark.parametrize("importer", IMPORTERS, ids=lambda module: module.__name__.split(".")[-1])
def test_every_importer_has_a_recorded_response_that_it_alone_recognizes(importer):
    recorded = [path for path in FILES if path.parent.name == importer.__name__.split(".")[-1]]
    assert recorded
    for path in recorded:
        for document in documents(path)[0]:
            assert [each for each in IMPORTERS if each.recognizes(document)] == [importer]


def test_every_recorded_response_is_read_and_has_its_origin_written_down():
    origin = (RECORDED / "README.md").read_text(encoding="utf-8")
    for path in FILES:
        assert all(result.ttft_ms > 0 and result.tpot_ms > 0 for result in read_results(path))
        assert path.name in origin or f"{path.stem}.json`, `{path.suffix}`" in origin


def test_importers_see_nothing_of_the_planner_but_rows_and_errors():
    seen = set()
    for path in Path(importers.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            seen |= {name for name in names if name.startswith("planner")}
    assert {name for name in seen if not name.startswith("planner.catalog.importers")} == {
        "planner.catalog.rows",
        "planner.errors",
    }


def test_every_importer_says_its_units_and_its_traps():
    for importer in IMPORTERS:
        assert "tokens/s" in importer.__doc__ and "Traps:" in importer.__doc__


# The command


app = typer.Typer(cls=Answering, rich_markup_mode="rich", pretty_exceptions_enable=False)
app.command()(calibrate)


@app.callback()
def alone() -> None:
    """Keeps `calibrate` a command of its own."""


def run(*arguments: str | Path) -> Ended:
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with two runs of vLLM and one file of GuideLLM with two benchmarks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copy(VLLM, "runs/c4.json")
    shutil.copy(RECORDED / "vllm_bench" / "open_0.33.0.json", "runs/r20.json")
    shutil.copy(GUIDELLM, "benchmarks.json")
    return tmp_path


SERVER = ("--gpu", "H100 SXM", "--precision", "bf16", "--engine", "vllm")


def written(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_calibrate_shows_the_points_and_writes_the_rows(here):
    ended = run("runs/*.json", "benchmarks.json", *SERVER, "-o", "my.csv")
    assert ended.exit_code == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "llama-3.1-8b on 1 x h100-sxm" in lines[1]
    assert lines[2].split() == ["runs/c4.json", "4", "23/24", "44.3", "5.14", "578"]
    assert "1 of 4 had no fixed number in flight" in " ".join(ended.stdout.split())
    assert "Wrote my.csv: 4 new rows." in ended.stdout
    assert [row["source"] for row in written("my.csv")] == [
        "vllm bench serve: runs/c4.json",
        "vllm bench serve: runs/r20.json",
        "guidellm: benchmarks.json[benchmark 1]",
        "guidellm: benchmarks.json[benchmark 2]",
    ]
    assert {(row["model"], row["gpu"], row["engine"]) for row in written("my.csv")} == {
        ("llama-3.1-8b", "h100-sxm", "vllm")
    }


def test_calibrate_keeps_what_is_there_and_says_what_it_replaced(here):
    assert run("benchmarks.json", *SERVER, "-o", "my.csv").exit_code == 0
    ended = run("runs/c4.json", "benchmarks.json", *SERVER, "-o", "my.csv")
    assert "3 new rows; of the old, 2 replaced by them, 0 kept as they were" in ended.stdout
    ended = run("runs/r20.json", *SERVER, "-o", "my.csv")
    assert "1 new row; of the old, 0 replaced by them, 3 kept as they were" in ended.stdout
    assert len(written("my.csv")) == 4


def test_calibrate_as_json_is_json_alone(here):
    ended = run("runs/c4.json", *SERVER, "--json", "-o", "my.csv")
    found = json.loads(ended.stdout)
    assert [row["concurrency"] for row in found["rows"]] == [4]
    assert {"tpot_ms", "ttft_ms"} <= {estimate["quantity"] for estimate in found["estimates"]}
    assert "Wrote my.csv: 1 new row." in ended.stderr


def test_calibrate_tells_all_mistakes_at_once_and_writes_nothing(here):
    Path("runs/broken.json").write_text(VLLM.read_text()[:200])
    ended = run("runs/*.json", "nowhere.json", "no/*.csv", "--gpu", "h100", "--precision", "fp9", "-o", "my.csv")
    assert (ended.exit_code, ended.stdout) == (2, "")
    for words in (
        "--precision fp9\n  is not possible.  Possible: bf16, fp8",
        "--gpu h100\n  is not known.  Did you mean",
        "no/*.csv\n  no file matches this pattern",
        "runs/broken.json:1\n  ends in the middle",
        "nowhere.json\n  no such file",
        "runs/c4.json, runs/r20.json\n  does not say which engine served.  Add --engine",
    ):
        assert words in ended.stderr
    assert not Path("my.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "lama-3.1-8b"), "--model lama-3.1-8b\n  is not known.  Did you mean llama-3.1-8b"),
        (("--model", "qwen3-8b"), f'measured "{LLAMA}", which is llama-3.1-8b; --model says qwen3-8b'),
        (("--tp", "0"), "--tp"),
        (("--kv-precision", "fp4"), "--kv-precision fp4\n  is not possible.  Possible: bf16, fp8, int8"),
        (("-o", "no/my.csv"), "there is no folder no"),
        (("-o", "runs/c4.json"), "is the file that is read"),
        (("-o", "notes.txt"), "-o notes.txt\n  is there and is no file of measured rows"),
        # 2 x 7.5 GB of weights at 300 GB/s take 50 ms; a token came every 5 ms
        (("--gpu", "t4"), "reading the weights once takes"),
    ],
)
def test_an_option_that_cannot_be_ends_with_2_and_leaves_files_alone(options, words, here):
    Path("notes.txt").write_text("mine\n")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    ended = run("runs/c4.json", *SERVER, *options)
    assert (ended.exit_code, "Traceback" in ended.stderr) == (2, False)
    assert words in ended.stderr
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_a_model_in_a_folder_of_its_name_is_known(here):
    changed(VLLM, here, lambda v: v.update(model_id="/models/Llama-3.1-8B-Instruct"))
    assert run(VLLM.name, *SERVER).exit_code == 0
    changed(VLLM, here, lambda v: v.update(model_id="/models/ours"))
    assert 'names the model "/models/ours", which no card has.  Add --model' in run(VLLM.name, *SERVER).stderr
    assert run(VLLM.name, *SERVER, "--model", LLAMA).exit_code == 0


def test_the_page_shows_the_columns_and_every_option(here):
    page = (Path(__file__).parents[1] / "docs" / "calibrate.md").read_text(encoding="utf-8")
    assert f"\n{','.join(COLUMNS)}\n" in page
    shown = run("--help").stdout
    assert "plan calibrate" in shown.split("Example")[1]
    assert [
        name
        for name in ("gpu", "tp", "precision", "kv-precision", "engine", "model", "concurrency")
        if f"`--{name}`" not in page
    ] == []
