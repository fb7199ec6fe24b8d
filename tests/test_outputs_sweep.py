"""A sweep on a terminal and as CSV: where the answer changes, and how sure each point is."""

from __future__ import annotations

import csv
import io

import pytest
from rich.console import Console

from planner.errors import InputError
from planner.outputs.sweep import SweepPoint, mix_letters, show_sweep, winning_mix
from planner.outputs.sweep_files import write_sweep


def point(usd_month: float | None, mix: dict[str, float], gap: float | None = 0.004, **values: float) -> SweepPoint:
    return SweepPoint(
        values=values,
        status="infeasible" if usd_month is None else "optimal",
        usd_month=usd_month,
        bound_usd_month=None if usd_month is None or gap is None else usd_month * (1 - gap),
        gap=None if usd_month is None else gap,
        mix=mix,
    )


CURVE = [
    point(30_000, {"h100": 29_000, "API": 1_000}, price=1),
    point(60_000, {"h200": 45_000, "API": 15_000}, price=2.5),
    point(60_000, {"h200": 45_000, "API": 15_000}, price=3),
    point(None, {}, price=4),
]


def shown(points: list[SweepPoint], width: int = 80) -> str:
    file = io.StringIO()
    show_sweep(points, Console(file=file, width=width))
    return file.getvalue()


def test_a_curve_draws_cost_from_zero():
    # 30,000 is half of 60,000: 8 of 16 cells
    lines = shown(CURVE).splitlines()
    assert lines[2].split() == ["1", "$30,000", "0.4", "%", "A", "█" * 8]
    assert lines[3].split() == ["2.5", "$60,000", "0.4", "%", "B", "█" * 16]


def test_a_curve_says_between_which_values_the_mix_changes():
    assert "The mix changes from A to B between 1 and 2.5." in shown(CURVE)


def test_points_are_shown_in_the_order_of_their_values():
    assert shown(CURVE[::-1]) == shown(CURVE)


def test_a_point_without_a_plan_is_not_a_point_that_costs_nothing():
    line = next(line for line in shown(CURVE).splitlines() if line.startswith("  4"))
    assert line.split() == ["4", "no", "plan"]


def test_each_mix_is_explained_by_shares_of_its_cost():
    text = shown(CURVE)
    # 45,000 / 60,000 and 15,000 / 60,000; the API's 3.3 % at price 1 makes no other mix
    assert "B  2 points, $60,000 a month\n     75 %  h200\n     25 %  API\n" in text
    assert "A  1 point, $30,000 a month\n     97 %  h100\n" in text


def test_parts_below_5_percent_do_not_make_another_mix():
    assert winning_mix(point(100, {"a": 95.1, "b": 4.9}, x=1)) == ("a",)
    assert winning_mix(point(100, {"b": 5, "a": 95}, x=1)) == ("a", "b")


def test_letters_do_not_run_out():
    letters = mix_letters([point(1, {f"m{number:03}": 1}, x=number) for number in range(120)])
    assert len(set(letters.values())) == 120


def test_two_values_make_a_map_of_letters():
    grid = [
        point(1000 * scale, {"API" if scale < 3 else "h100": 1.0}, price=price, scale=scale)
        for price in (1, 2)
        for scale in (1, 2, 4)
    ]
    lines = shown([*grid[:-1]]).splitlines()
    assert lines[1] == "price (down) by scale (across)"
    assert lines[2].split() == ["1", "2", "4"]
    assert lines[3].split() == ["1", "A", "A", "B"]
    assert lines[4].split() == ["2", "A", "A"]


def test_a_map_too_wide_for_the_terminal_goes_on_below():
    grid = [point(1, {"API": 1}, price=price, scale=1000.0 + scale) for price in (1, 2) for scale in range(30)]
    text = shown(grid)
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"{1000 + scale:,}" in text for scale in range(30))


def test_a_bound_that_is_unknown_anywhere_is_said():
    text = shown([point(10, {"a": 1}, gap=None, x=1), point(10, {"a": 1}, x=2)])
    assert "bound unknown at 1 point" in text
    assert "The others are proved within 0.4 %" in text


def test_labels_that_look_like_markup_are_printed_as_they_are():
    assert "[bold]a[/bold]" in shown([point(10, {"[bold]a[/bold]\x1b": 1}, x=1)])


def test_the_csv_has_a_line_for_each_point_and_a_column_for_each_part(tmp_path):
    write_sweep(CURVE, tmp_path / "sweep.csv", tuple)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["price"] for row in rows] == ["1", "2.5", "3", "4"]
    assert [row["usd_month: h100"] for row in rows] == ["29000", "", "", ""]
    assert rows[3]["status"] == "infeasible"
    assert rows[3]["usd_month"] == ""
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.csv"]


def test_a_sweep_that_cannot_be_written_says_where(tmp_path):
    (tmp_path / "sweep.csv").mkdir()
    with pytest.raises(InputError, match=r"sweep\.csv\n  the sweep cannot be written here"):
        write_sweep(CURVE, tmp_path / "sweep.csv", tuple)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.csv"]
