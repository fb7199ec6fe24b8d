"""Traffic keeps its requests and its hours, whatever it is reduced to."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import Catalog, load_catalog
from planner.errors import ProblemError
from planner.problem.schema import Problem
from planner.reduce import reduce_problem
from planner.traffic.blocks import week_label
from planner.traffic.lengths import Cell, mean_lengths, merge_cells
from planner.traffic.reduce import reduce_traffic
from planner.traffic.trace import read_trace
from planner.traffic.types import Load

CATALOG: Catalog = load_catalog()
SIZES = {"input_tok": 1000, "output_tok": 250}
MONTH_S = 730 * 3600
HERE = Path()


def load_of(folder: Path = HERE, month_hours: float = 730, **workloads: dict[str, Any]) -> Load:
    """The reduced traffic of workloads that all serve Llama 3.1 8B; each is its traffic and, under
    "deferrable", its window."""
    sections = {}
    for name, traffic in workloads.items():
        sections[name] = {"models": ["llama-3.1-8b"]}
        if "deferrable" in traffic:
            sections[name]["deferrable"] = traffic["deferrable"]
        sections[name]["traffic"] = {key: value for key, value in traffic.items() if key != "deferrable"}
    problem = Problem.model_validate({"name": "x", "month_hours": month_hours, "workloads": sections})
    return reduce_traffic(problem, folder, CATALOG)


def requests_month(load: Load, workload: str) -> float:
    """All requests of a workload in a month, in blocks and in windows."""
    labels = [each.label for each in load.classes if each.workload == workload]
    seconds = {block.label: block.month_h * 3600 for block in load.blocks}
    served = [rate * seconds[block] for (label, block), rate in load.mean_req_s.items() if label in labels]
    waiting = [count for window in load.windows for label, count in window.requests_month.items() if label in labels]
    return math.fsum(served + waiting)


@pytest.mark.parametrize(
    ("volume", "month"),
    [
        ({"mean_req_s": 2}, 2 * MONTH_S),
        ({"requests_day": 8640}, 0.1 * MONTH_S),
        # 1000 in + 250 out = 1250 tokens a request
        ({"tokens_month": 1_250_000}, 1000),
        ({"output_tokens_month": 1_000_000}, 4000),
        ({"users": 100, "requests_user_day": 864}, MONTH_S),
        ({"mean_req_s": 2, "scale": 3}, 6 * MONTH_S),
        # office hours: 9 of 24 hours on 5 of 7 days = 45 of 168 hours at the peak rate
        ({"peak_req_s": 5, "shape": "office-hours"}, 5 * 45 / 168 * MONTH_S),
        ({"peak_req_s": 5}, 5 * MONTH_S),
    ],
)
@pytest.mark.parametrize("window", [None, {}, {"finish": "day", "hours_of_day": "20-06"}])
def test_each_volume_comes_to_its_requests_a_month(
    volume: dict[str, Any], month: float, window: dict[str, Any] | None
) -> None:
    waits = {} if window is None else {"deferrable": window}
    load = load_of(chat={**SIZES, **volume, **waits})
    assert requests_month(load, "chat") == pytest.approx(month, rel=1e-9)


def test_office_hours_are_two_blocks_named_as_a_person_would() -> None:
    load = load_of(chat={"peak_req_s": 5, "shape": "office-hours", **SIZES})
    at = {block.label: load.mean_req_s["chat", block.label] for block in load.blocks}
    assert at == pytest.approx({"mon-fri 00-09, 18-24; sat-sun 00-24": 0, "mon-fri 09-18": 5})
    # 45 hours of a week, 730 / 168 times in a month
    assert load.blocks[1].month_h == pytest.approx(45 * 730 / 168)


def test_a_shift_moves_the_week_later() -> None:
    load = load_of(chat={"peak_req_s": 5, "shape": "office-hours", "shift_hours": 8, **SIZES})
    busy = [block.label for block in load.blocks if load.mean_req_s["chat", block.label] > 0]
    # 9 to 18 becomes 17 to 26: the last two hours fall on the next day
    assert busy == ["mon 17-24; tue-fri 00-02, 17-24; sat 00-02"]


def test_two_workloads_share_blocks_only_where_both_are_alike() -> None:
    load = load_of(
        chat={"peak_req_s": 5, "shape": "office-hours", **SIZES},
        code={"mean_req_s": 1, "hours": [1.0] * 120 + [2.0] * 48, **SIZES},
    )
    assert [block.label for block in load.blocks] == [
        "mon-fri 00-09, 18-24",
        "mon-fri 09-18",
        "sat-sun 00-24",
    ]


def test_the_planning_rate_is_the_mean_times_the_burst_factor_of_the_shape() -> None:
    load = load_of(chat={"mean_req_s": 1, "shape": "azure2024-code", **SIZES})
    shape = CATALOG.shapes["azure2024-code"]
    assert load.burst_factor == {"chat": shape.burst_factor}
    assert load.burst_note == {"chat": shape.burst_note}
    for key, mean in load.mean_req_s.items():
        assert load.planning_req_s[key] == pytest.approx(mean * shape.burst_factor)


def test_a_burst_factor_of_the_problem_goes_before_that_of_the_shape() -> None:
    load = load_of(chat={"mean_req_s": 1, "shape": "azure2024-code", "burst_factor": 2, **SIZES})
    assert load.burst_factor == {"chat": 2}
    assert load.burst_note == {"chat": "given in the problem"}


def test_a_histogram_becomes_few_classes_of_the_same_tokens() -> None:
    load = load_of(chat={"mean_req_s": 1, "lengths": "azure2023-conv", "classes": 3})
    rows = CATALOG.lengths["azure2023-conv"]
    shares = sum(row.share for row in rows)
    whole = {
        "input_tok": sum(row.share * row.mean_input_tok for row in rows) / shares,
        "output_tok": sum(row.share * row.mean_output_tok for row in rows) / shares,
    }
    assert len(load.classes) == 3
    block = load.blocks[0].label
    for key, tokens in whole.items():
        rates = [load.mean_req_s[each.label, block] * getattr(each.request, key) for each in load.classes]
        assert math.fsum(rates) == pytest.approx(tokens, rel=1e-12)
    assert load.merging_note["chat"].startswith("48 sizes of requests merged into 3; all tokens kept; requests lie")


def test_class_labels_are_unique_where_lengths_round_to_the_same() -> None:
    buckets = [
        {"input_tok": 10.1, "output_tok": 5, "share": 0.5},
        {"input_tok": 10.2, "output_tok": 5, "share": 0.5},
    ]
    load = load_of(chat={"mean_req_s": 1, "lengths": buckets})
    assert [each.label for each in load.classes] == ["chat/10in-5out", "chat/10in-5out'"]


CELLS = st.lists(st.builds(Cell, st.floats(0.01, 1), st.floats(1, 1e5), st.floats(1, 1e4)), min_size=1, max_size=30)


@given(CELLS, st.integers(1, 8))
def test_merging_lengths_keeps_requests_and_tokens(cells: list[Cell], classes: int) -> None:
    merged, note = merge_cells(cells, classes)
    assert len(merged) == min(classes, len(cells))
    assert math.fsum(cell.share for cell in merged) == pytest.approx(math.fsum(cell.share for cell in cells))
    assert mean_lengths(merged) == pytest.approx(mean_lengths(cells), rel=1e-9)
    assert bool(note) == (len(cells) > classes)


def test_the_two_nearest_sizes_are_merged_first() -> None:
    cells = [Cell(0.4, 100, 100), Cell(0.4, 120, 100), Cell(0.2, 9000, 100)]
    merged, note = merge_cells(cells, 2)
    # prompts of 100 and 120, each within its octave: (100^2 / 27 + 120^2 / 27) / 2 + 10^2 = 551.852, over 110^2
    short = Cell(0.8, 110, 100, 551.852 / 110**2)
    assert merged == (pytest.approx(short, rel=1e-5), pytest.approx(Cell(0.2, 9000, 100)))
    # 80 % of the requests are 10 tokens off, of a mean of 1888: sqrt(0.8 * 100) / 1888 = 0.5 %
    assert "0% (input) and 0% (output)" in note


WEEKS = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=168, max_size=168).filter(any)


@given(hours=WEEKS, other=WEEKS, month_hours=st.floats(1, 744))
@settings(max_examples=25, deadline=None)
def test_blocks_keep_the_month_and_all_requests(hours: list[float], other: list[float], month_hours: float) -> None:
    load = load_of(
        month_hours=month_hours,
        chat={"mean_req_s": 3, "hours": hours, **SIZES},
        code={"requests_day": 100, "hours": other, **SIZES},
    )
    month_s = month_hours * 3600
    assert sorted(hour for block in load.blocks for hour in block.hours) == list(range(168))
    assert math.fsum(block.month_h for block in load.blocks) == pytest.approx(month_hours, rel=1e-9)
    assert requests_month(load, "chat") == pytest.approx(3 * month_s, rel=1e-9)
    assert requests_month(load, "code") == pytest.approx(100 / 86400 * month_s, rel=1e-9)
    assert all(load.planning_req_s[key] >= mean for key, mean in load.mean_req_s.items())
    assert len({block.label for block in load.blocks}) == len(load.blocks) <= 16


@given(hours=WEEKS, factor=st.floats(1e-6, 1e6))
@settings(max_examples=25, deadline=None)
def test_only_the_proportions_of_hours_matter(hours: list[float], factor: float) -> None:
    once = load_of(chat={"mean_req_s": 3, "hours": hours, **SIZES})
    again = load_of(chat={"mean_req_s": 3, "hours": [hour * factor for hour in hours], **SIZES})
    assert again.blocks == once.blocks
    assert again.mean_req_s == pytest.approx(once.mean_req_s, rel=1e-9)


def test_hours_that_differ_by_a_millionth_are_not_merged() -> None:
    load = load_of(chat={"mean_req_s": 1, "hours": [1.0] * 167 + [1.000001], **SIZES})
    assert [block.label for block in load.blocks] == ["mon-sat 00-24; sun 00-23", "sun 23-24"]


def test_work_that_may_wait_has_a_window_and_no_hourly_demand() -> None:
    load = load_of(batch={"mean_req_s": 1, **SIZES, "deferrable": {"hours_of_day": "20-06"}})
    assert load.mean_req_s == {} == load.planning_req_s
    (window,) = load.windows
    assert window.blocks == ("mon-sun 00-06, 20-24",)
    assert window.label == "batch mon-sun 00-06, 20-24"
    assert window.requests_month == pytest.approx({"batch": MONTH_S})
    assert load.burst_factor == {"batch": 1.0}


def test_seven_equal_nights_become_one_window_with_the_work_of_seven() -> None:
    load = load_of(
        chat={"peak_req_s": 1, **SIZES},
        batch={"mean_req_s": 1, **SIZES, "deferrable": {"hours_of_day": "20-06", "finish": "day"}},
    )
    (window,) = load.windows
    assert window.label == "batch each mon-sun 20-06"
    assert window.requests_month == pytest.approx({"batch": MONTH_S})
    assert window.blocks == ("mon-sun 00-06, 20-24",)


def test_nights_beside_a_busy_day_stay_apart_from_other_nights() -> None:
    # Chat runs on Friday evening only: of the seven nights, Friday's alone has loaded hours.
    hours = [1.0 if 24 * 4 + 20 <= hour < 24 * 5 else 0.0 for hour in range(168)]
    load = load_of(
        chat={"mean_req_s": 1, "hours": hours, **SIZES},
        batch={"mean_req_s": 1, **SIZES, "deferrable": {"hours_of_day": "20-06", "finish": "day"}},
    )
    work = {window.label: window.requests_month["batch"] for window in load.windows}
    assert work == pytest.approx({"batch each mon-thu, sat-sun 20-06": MONTH_S * 6 / 7, "batch fri 20-06": MONTH_S / 7})
    blocks = {window.label: window.blocks for window in load.windows}
    assert blocks["batch fri 20-06"] == ("fri 20-24", "sat 00-06")


def test_a_night_counts_for_its_evening_and_weekdays_for_each_hour() -> None:
    load = load_of(
        batch={
            "mean_req_s": 1,
            **SIZES,
            "deferrable": {"hours_of_day": "20-06", "finish": "day", "weekdays": ["fri"]},
        }
    )
    # The small hours of Friday end Thursday's night; each window has half of the work.
    blocks = {window.label: window.blocks for window in load.windows}
    assert blocks == {"batch thu 20-06": ("fri 00-06",), "batch fri 20-06": ("fri 20-24",)}
    assert [window.requests_month["batch"] for window in load.windows] == pytest.approx([MONTH_S / 2] * 2)


@given(
    hours=WEEKS,
    first=st.integers(0, 23),
    end=st.integers(0, 24),
    finish=st.sampled_from(["day", "week"]),
    days=st.lists(st.sampled_from(["mon", "tue", "fri", "sun"]), unique=True),
)
@settings(max_examples=40, deadline=None)
def test_merged_windows_hold_whole_blocks_and_all_the_work(
    hours: list[float], first: int, end: int, finish: str, days: list[str]
) -> None:
    if first == end:
        return
    clock = {"hours_of_day": f"{first:02}-{end:02}", "finish": finish, "weekdays": days}
    load = load_of(
        chat={"mean_req_s": 1, "hours": hours, **SIZES},
        batch={"mean_req_s": 2, **SIZES, "deferrable": clock},
        other={"mean_req_s": 2, **SIZES, "deferrable": {"hours_of_day": "22-04", "finish": "day"}},
    )
    month_h = {block.label: block.month_h for block in load.blocks}
    assert requests_month(load, "batch") == pytest.approx(2 * MONTH_S)
    assert requests_month(load, "other") == pytest.approx(2 * MONTH_S)
    open_h = sum(month_h[block] for window in load.windows if window.workload == "batch" for block in window.blocks)
    of_day = end - first if end > first else end - first + 24
    assert open_h == pytest.approx(of_day * (len(days) or 7) / 168 * 730)
    used = [block for window in load.windows if window.workload == "other" for block in window.blocks]
    assert len(used) == len(set(used))
    assert len({window.label for window in load.windows}) == len(load.windows)


@given(st.sets(st.integers(0, 167), min_size=1), st.sets(st.integers(0, 167), min_size=1))
def test_labels_tell_hours_apart(one: set[int], other: set[int]) -> None:
    assert (week_label(one) == week_label(other)) == (one == other)


def trace_csv(
    path: Path, seconds: np.ndarray, header: str = "timestamp,input_tok,output_tok", iso: bool = True
) -> Path:
    """A trace with requests so many seconds after Monday 2026-11-16 00:00, 100 tokens in and 10 out."""
    start = pd.Timestamp("2026-11-16")
    times = (start + pd.to_timedelta(seconds, unit="s")).astype(str) if iso else seconds
    rows = "\n".join(f"{time},100,10" for time in times)
    path.write_text(f"{header}\n{rows}\n", encoding="utf-8")
    return path


def test_a_trace_of_a_week_says_when_requests_arrive(tmp_path: Path) -> None:
    # One request a minute in the first half of each day, four in the second.
    slow = [np.arange(day * 86400, day * 86400 + 43200, 60.0) for day in range(7)]
    fast = [np.arange(day * 86400 + 43200, (day + 1) * 86400, 15.0) for day in range(7)]
    trace_csv(tmp_path / "week.csv", np.concatenate([*slow, *fast]))
    load = load_of(tmp_path, chat={"trace": "week.csv"})
    assert [block.label for block in load.blocks] == ["mon-sun 00-12", "mon-sun 12-24"]
    rates = {block.hours[0]: load.mean_req_s["chat", block.label] for block in load.blocks}
    assert rates[0] == pytest.approx(1 / 60)
    assert rates[12] == pytest.approx(4 / 60)
    assert load.classes[0].request.input_tok == 100
    assert "measured: p99 minute / mean minute of its hour" in load.burst_note["chat"]
    assert load.burst_factor["chat"] == pytest.approx(1)


def test_hours_seen_twice_count_with_their_mean(tmp_path: Path) -> None:
    # Ten days: the first Monday to Wednesday at 1 a minute, the second at 3; the rest at 1.
    once = np.arange(0, 7 * 86400, 60.0)
    thrice = np.arange(7 * 86400, 10 * 86400, 20.0)
    trace = read_trace(trace_csv(tmp_path / "t.csv", np.concatenate([once, thrice])))
    # Monday to Wednesday come to 2 a minute: mean (3 x 2 + 4 x 1) / 7 = 10/7 a minute
    assert trace.week is not None
    assert trace.mean_req_s == pytest.approx(10 / 7 / 60, rel=1e-3)
    assert trace.week[30] / trace.week[100] == pytest.approx(2, rel=1e-3)


def test_a_trace_of_an_hour_leaves_the_when_to_a_shape(tmp_path: Path) -> None:
    trace_csv(tmp_path / "hour.csv", np.arange(0, 3601, 2.0))
    load = load_of(tmp_path, chat={"trace": "hour.csv", "shape": "office-hours"})
    # 0.5 requests/s is taken as the mean of the week
    assert requests_month(load, "chat") == pytest.approx(0.5 * MONTH_S)
    assert [block.label for block in load.blocks][1] == "mon-fri 09-18"
    assert "less than a week: its hours are not used" in load.burst_note["chat"]


def test_a_volume_replaces_that_of_the_trace(tmp_path: Path) -> None:
    trace_csv(tmp_path / "hour.csv", np.arange(0, 3601, 2.0))
    load = load_of(tmp_path, chat={"trace": "hour.csv", "requests_day": 864})
    assert requests_month(load, "chat") == pytest.approx(0.01 * MONTH_S)


def test_a_trace_of_a_week_and_a_shape_contradict_each_other(tmp_path: Path) -> None:
    trace_csv(tmp_path / "week.csv", np.arange(0, 7 * 86400, 600.0))
    with pytest.raises(ProblemError, match="covers a whole week and says when requests arrive; so does `shape`"):
        load_of(tmp_path, chat={"trace": "week.csv", "shape": "flat"})


def test_bursts_are_the_99th_percentile_minute_over_its_hour(tmp_path: Path) -> None:
    # 100 minutes of 10 requests; in the first hour two minutes of 70: mean of that hour 12 a minute.
    seconds = [minute * 60 + i for minute in range(100) for i in np.linspace(0, 59, 70 if minute in (5, 40) else 10)]
    trace = read_trace(trace_csv(tmp_path / "t.csv", np.array([*seconds, 6000.0])))
    # 2 of 100 minutes are bursts, so the 99th percentile lies between them: 70 / 12
    assert trace.burst_factor == pytest.approx(70 / 12)


@pytest.mark.parametrize(
    ("header", "iso"),
    [
        ("TIMESTAMP,ContextTokens,GeneratedTokens", True),
        ("Timestamp,Request tokens,Response tokens", False),
        ("arrived_at,prompt_tokens,completion_tokens", True),
    ],
)
def test_the_headers_of_public_traces_are_known(header: str, iso: bool, tmp_path: Path) -> None:
    trace = read_trace(trace_csv(tmp_path / "t.csv", np.arange(0, 3601, 2.0), header, iso))
    assert trace.mean_req_s == pytest.approx(0.5)
    assert trace.cells == (Cell(1.0, 100, 10),)


def test_an_offset_becomes_utc_and_seconds_from_the_start_begin_on_monday(tmp_path: Path) -> None:
    offset = tmp_path / "offset.csv"
    # 120 requests from Monday 09:00 to 10:00 in +09:00, which is midnight to 01:00 UTC; one an hour after
    times = [f"2026-11-16T09:{i // 2:02}:{i % 2 * 30:02}+09:00" for i in range(120)]
    times += [(pd.Timestamp("2026-11-16T01:00Z") + pd.Timedelta(hours=h)).isoformat() for h in range(168)]
    offset.write_text("timestamp,input_tok,output_tok\n" + "".join(f"{time},1,1\n" for time in times), encoding="utf-8")
    week = read_trace(offset).week
    assert week is not None and week.index(max(week)) == 0
    plain = tmp_path / "plain.csv"
    seconds = [*np.arange(0, 3600, 30), *np.arange(3600, 169 * 3600, 3600)]
    plain.write_text("timestamp,input_tok,output_tok\n" + "".join(f"{s},1,1\n" for s in seconds), encoding="utf-8")
    week = read_trace(plain).week
    assert week is not None and week.index(max(week)) == 0


def test_requests_without_answer_tokens_are_kept_and_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{second},50,0\n" for second in range(0, 3601, 2))
    path.write_text("timestamp,input_tok,output_tok\n" + rows, encoding="utf-8")
    trace = read_trace(path)
    assert trace.cells == (Cell(1.0, 50, 1),)
    assert "1,801 requests without input or output tokens count as 1 token" in trace.lengths_note


def test_other_columns_quotes_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f'"a, b",{second},7,3\n' for second in range(0, 1201, 2))
    path.write_text("\ufeffModel,time,prompt_tokens,output_tokens\n" + rows + "\n\n", encoding="utf-8")
    assert read_trace(path).cells == (Cell(1.0, 7, 3),)


@given(
    st.lists(
        st.tuples(st.integers(0, 6 * 86400), st.integers(1, 5000), st.integers(1, 900)),
        min_size=5,
        max_size=60,
    )
)
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_does_not_matter_and_tokens_are_kept(rows: list[tuple[int, int, int]]) -> None:
    import tempfile

    rows = [(0, 1, 1), *rows, (7200, 1, 1)]
    with tempfile.TemporaryDirectory() as folder:
        traces = []
        for order in (rows, rows[::-1]):
            path = Path(folder) / "t.csv"
            text = "".join(f"{s},{i},{o}\n" for s, i, o in order)
            path.write_text("timestamp,input_tok,output_tok\n" + text, encoding="utf-8")
            traces.append(read_trace(path))
    assert traces[0] == traces[1]
    means = [np.mean([row[1] for row in rows]), np.mean([row[2] for row in rows])]
    assert mean_lengths(traces[0].cells) == pytest.approx(means)


def poisson(rng: np.random.Generator, req_s: float, seconds: float) -> np.ndarray:
    return np.sort(rng.uniform(0, seconds, rng.poisson(req_s * seconds)))


def variability(path: Path, seconds: np.ndarray, iso: bool = True) -> float:
    return read_trace(trace_csv(path / "t.csv", np.append(seconds, [0.0, 3599.9]), iso=iso)).arrival_variability


def test_poisson_arrivals_have_a_variability_of_one(tmp_path: Path) -> None:
    # 60 minutes of five windows: 240 degrees of freedom, 9 % to either side
    assert variability(tmp_path, poisson(np.random.default_rng(1), 5, 3600)) == pytest.approx(1, abs=0.2)


def test_arrivals_in_fours_vary_four_times_as_much(tmp_path: Path) -> None:
    fours = np.repeat(poisson(np.random.default_rng(2), 2, 3600), 4)
    assert variability(tmp_path, fours) == pytest.approx(4, rel=0.2)


def test_busy_minutes_are_left_to_the_burst_factor(tmp_path: Path) -> None:
    # Every fifth minute has four times the requests of the others: the burst factor is 4 / 1.6, each minute Poisson.
    rng = np.random.default_rng(3)
    busy = [60 * minute + poisson(rng, 8 if minute % 5 == 0 else 2, 60) for minute in range(60)]
    assert variability(tmp_path, np.concatenate(busy)) == pytest.approx(1, abs=0.25)
    trace = read_trace(tmp_path / "t.csv")
    assert trace.burst_factor == pytest.approx(2.5, rel=0.2)


def test_arrivals_steadier_than_poisson_are_taken_for_poisson(tmp_path: Path) -> None:
    assert variability(tmp_path, np.arange(0, 3600, 0.5)) == 1


@pytest.mark.parametrize(
    ("rounded_s", "known"), [(1, True), (3, True), (4, True), (5, False), (10, False), (60, False)]
)
def test_times_rounded_to_more_than_4_seconds_tell_nothing(tmp_path: Path, rounded_s: int, known: bool) -> None:
    fours = np.repeat(poisson(np.random.default_rng(2), 2, 3600), 4)
    found = variability(tmp_path, fours // rounded_s * rounded_s, iso=False)
    assert found == (pytest.approx(4, rel=0.25) if known else 1)


def test_variability_does_not_depend_on_the_order_of_rows_or_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # over midnight, in three days
    rng = np.random.default_rng(4)
    seconds = np.repeat(poisson(rng, 0.05, 2 * 86400), 3)
    whole = read_trace(trace_csv(tmp_path / "t.csv", seconds)).arrival_variability
    monkeypatch.setattr("planner.traffic.trace.CHUNK_ROWS", 1000)
    again = read_trace(trace_csv(tmp_path / "u.csv", rng.permutation(seconds))).arrival_variability
    assert again == pytest.approx(whole) == pytest.approx(3, rel=0.2)


def test_a_trace_says_how_its_requests_arrive_and_others_are_taken_for_poisson(tmp_path: Path) -> None:
    fours = np.repeat(poisson(np.random.default_rng(2), 2, 3600), 4)
    trace_csv(tmp_path / "t.csv", fours)
    trace_csv(tmp_path / "short.csv", fours[fours < 500])
    load = load_of(
        tmp_path,
        traced={"trace": "t.csv"},
        short={"trace": "short.csv"},
        waiting={"trace": "t.csv", "deferrable": {"hours_of_day": "20-06"}},
        shaped={"mean_req_s": 1, "shape": "azure2024-code", **SIZES},
    )
    assert load.arrival_variability == pytest.approx({"traced": 4, "short": 1, "waiting": 1, "shaped": 1}, rel=0.2)
    assert load.arrival_note["traced"] == "measured: variance / mean of requests in 12 s of a minute"
    assert load.arrival_note["short"] == "Poisson assumed: the trace is too short to measure it"
    assert load.arrival_note["shaped"] == "Poisson assumed"


def test_queues_of_a_plan_are_made_for_the_arrivals_of_their_lane(tmp_path: Path) -> None:
    # Documents have looser objectives and would ride on the replicas of chat; arrivals in
    # twelves may not, in ones and twos may.
    rng = np.random.default_rng(2)
    for name, least, most in (("one", 1, 1), ("few", 1, 2), ("twelve", 12, 12)):
        starts = poisson(rng, 12 / most, 3600)
        trace_csv(tmp_path / f"{name}.csv", np.repeat(starts, rng.integers(least, most + 1, len(starts))))

    def queues(documents: str) -> dict[str, set[tuple[float, bool]]]:
        """By lane: variability of its queues, and whether documents ride on it."""
        problem = Problem.model_validate(
            {
                "name": "x",
                "workloads": {
                    name: {"models": ["llama-3.1-8b"], "traffic": {"trace": f"{trace}.csv"}, "slo": slo}
                    for name, trace, slo in (
                        ("chat", "one", {"ttft_ms": 500, "tpot_ms": 30}),
                        ("documents", documents, {"ttft_ms": 2000, "tpot_ms": 60}),
                    )
                },
            }
        )
        found: dict[str, set[tuple[float, bool]]] = {}
        for each in reduce_problem(problem, tmp_path, CATALOG).candidates.values():
            if each.queue is not None:
                rides = any(k.startswith("documents") for k in each.rates)
                found.setdefault(each.name.split(" for ")[1], set()).add((round(each.queue.variability, 1), rides))
        return found

    # Ones and twos vary (1 + 4) / (1 + 2) = 1.67 times as Poisson; (1 + 1.67) / 2 and (1 + 12) / 2, about
    (on_chat,) = queues("few")["chat"]
    assert on_chat == (pytest.approx(1.33, abs=0.15), True)
    found = queues("twelve")
    (on_chat,) = found["chat"]
    assert on_chat == (pytest.approx(1, abs=0.1), False)
    assert all(variability == pytest.approx(6.5, rel=0.2) for variability, _ in found["documents"])
