"""A sweep as Parquet and as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_sweep import OWN
from typer.testing import CliRunner

from planner.cli import app
from planner.errors import InputError
from planner.outputs import sweep_files
from planner.outputs.sweep import SweepPoint
from planner.plan import Plan


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(OWN + "budget: {usd_month: 4000}\n", encoding="utf-8")
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sweep", "own.yaml", "--jobs", "1", *words])
    return result.exit_code, result.output


def point(usd_month: float | None, mix: dict[str, float], **values: float) -> SweepPoint:
    status = "infeasible" if usd_month is None else "optimal"
    bound = None if usd_month is None else usd_month * 0.9
    return SweepPoint(values=values, status=status, usd_month=usd_month, bound_usd_month=bound, gap=0.1, mix=mix)


def test_parquet_holds_the_plan_of_every_point(here):
    pq = pytest.importorskip("pyarrow.parquet")
    code, said = run("--over", "price.api=1,2,4", "-o", "points.parquet")
    assert code == 0, said
    rows = pq.read_table("points.parquet").to_pylist()
    assert [row["price.api"] for row in rows] == [1, 2, 4]
    # x4 costs $4,380, more than may be spent
    assert [row["status"] for row in rows] == ["optimal", "optimal", "infeasible"]
    assert [row["machines: rack 1x-home-gpu on-demand"] for row in rows] == [None, 2, None]
    plans = [Plan.from_json(row["plan"]) for row in rows]
    assert [plan.usd_month for plan in plans] == [row["usd_month"] for row in rows]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize(
    "over",
    [["price.api=1,2,4"], ["price.api=1,2,4", "traffic=0.5..2/3"], ["price.api=1,2; traffic=1,3"], ["price.api=1"]],
)
def test_one_and_two_dimensions_are_drawn(over, suffix, here):
    pytest.importorskip("matplotlib")
    code, said = run(*(word for each in over for word in ("--over", each)), "--chart", f"chart.{suffix}")
    assert code == 0, said
    assert Path(f"chart.{suffix}").stat().st_size > 3000
    assert [path.name for path in here.iterdir() if "part" in path.name] == []


def drawn(points: list[SweepPoint], keys: list[list[str]], folder: Path) -> str:
    pytest.importorskip("matplotlib")
    import matplotlib

    from planner.outputs.sweep_chart import draw_sweep

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw_sweep(points, keys, {"a": "a (factor)"}, "A title", folder / "chart.svg")
    return (folder / "chart.svg").read_text(encoding="utf-8")


def test_a_curve_says_what_is_drawn(tmp_path):
    points = [point(100, {"x": 90, "small": 1, "API": 9}, a=1), point(120, {"x": 120}, a=2), point(None, {}, a=3)]
    text = drawn(points, [["a"]], tmp_path)
    for words in ("A title", "a (factor)", "x", "API", "other", "no plan", "down to what is proved", "[USD/month]"):
        assert f">{words}<" in text or words in text, words
    assert "small" not in text


def test_a_map_names_each_mix_and_what_has_none(tmp_path):
    points = [
        point(100, {"x": 100}, a=1, b=1), point(90, {"y": 90}, a=1, b=2), point(80, {"x": 40, "y": 40}, a=2, b=1),
        point(None, {}, a=2, b=2),
    ]  # fmt: skip
    text = drawn(points, [["a"], ["b"]], tmp_path)
    for words in ("A  x", "B  y", "C  x + y", "no plan", "a (factor)", "The mix that wins"):
        assert words in text, words


def test_more_mixes_than_colors_are_still_drawn(tmp_path):
    points = [point(100 + i, {f"m{i:02d}": 100.0}, a=i // 6, b=i % 6) for i in range(30)]
    assert "11 other mixes" in drawn(points, [["a"], ["b"]], tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--chart", "chart.gif"], "is no picture.  Possible: .png, .svg, .pdf"),
        (["--chart", "no/chart.png"], "there is no folder"),
        (["--chart", "c.png", "--over", "price.rack=1,2", "--over", "price.api=1,2"], "3 dimensions cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anything_is_solved(words, said, here, monkeypatch):
    monkeypatch.setattr("planner.analysis.sweep.solve_points", None)
    monkeypatch.setattr(sweep_files, "find_spec", lambda _: True)
    code, output = run("--over", "traffic=1,2", *words)
    assert code == 2 and said in output


@pytest.mark.parametrize(
    ("path", "option", "extra"), [("a.parquet", "-o", "pyarrow"), ("a.png", "--chart", "matplotlib")]
)
def test_a_library_that_is_missing_is_named_with_how_to_get_it(path, option, extra, monkeypatch):
    monkeypatch.setattr(sweep_files, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=rf"needs {extra}.  Install it with: pip install 'fleet-planner\["):
        sweep_files.check_format(Path(path), option)
    sweep_files.check_format(Path("a.csv"), "-o")


def test_the_page_on_sweeps_shows_what_its_command_prints(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    page = (Path(__file__).parents[1] / "docs" / "sweep.md").read_text(encoding="utf-8")
    [(command, shown)] = re.findall(r"```\n\$ plan (.*?)\n(.*?)\n```", page, re.S)
    result = CliRunner().invoke(app, [*command.split(), "--jobs", "1"])
    assert result.exit_code == 0
    assert [line.rstrip() for line in result.stdout.strip("\n").splitlines()] == shown.splitlines()
