"""A sweep that is stopped goes on: no finished point is lost, none is solved again, and nothing else is mixed in."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_sweep import OWN
from typer.testing import CliRunner

from planner.analysis.journal import Journal, day_of, journal_of, open_journal, plans_in
from planner.analysis.sweep import Solved, Sweep, solve_points
from planner.cli import app
from planner.errors import InputError
from planner.plan import Plan
from planner.verbs import load, plan_sweep

ROOT = Path(__file__).parents[1]
OVER = ["price.api=1..3/5", "traffic=1,2"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def asked(*over: str) -> Sweep:
    return plan_sweep(load("own.yaml"), over or OVER)


def opened(sweep: Sweep, resume: bool = False) -> Journal:
    return open_journal(Path("points.csv.journal"), sweep, {"gap": None}, resume)


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sweep", "own.yaml", "--jobs", "1", "-o", "points.csv", *words])
    return result.exit_code, result.stderr


def over(*axes: str) -> list[str]:
    return [word for axis in axes or OVER for word in ("--over", axis)]


def values_in(path: Path) -> list[tuple[float, ...]]:
    return [tuple(json.loads(line)["values"].values()) for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def test_a_journal_holds_every_point_with_its_plan(here):
    assert run(*over())[0] == 0
    journal = Path("points.csv.journal")
    assert len(set(values_in(journal))) == 10
    plans = {values: Plan.from_json(plan) for values, plan in plans_in(journal)}
    with Path("points.csv").open(newline="") as file:
        rows = {(float(row["price.api"]), float(row["traffic"])): row for row in csv.DictReader(file)}
    assert len(rows) == 10
    for values, plan in plans.items():
        row = rows[tuple(value for _, value in values)]
        assert float(row["usd_month"]) == plan.usd_month
        machines = row.get("machines: rack 1x-home-gpu on-demand")
        assert int(machines or 0) == sum(each.count for each in plan.purchases)


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_half_a_line_is_cut_off_and_its_point_solved_again(cut, here):
    whole = asked()
    journal = opened(whole)
    for each in solve_points(whole, jobs=1):
        journal.keep(each)
    journal.close()
    path = journal.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:7]) + lines[7][:cut])
    again = opened(whole, resume=True)
    assert len(again.done) == 6
    left = list(solve_points(whole, jobs=1, done=again.done))
    for each in left:
        again.keep(each)
    again.close()
    assert len(left) == 4
    assert sorted(values_in(path)) == sorted(tuple(values.values()) for values in whole.grid())


@pytest.mark.parametrize("size", [0, 1, 30])
def test_a_journal_killed_in_its_first_line_is_begun_anew(size, here):
    journal = opened(asked())
    journal.close()
    journal.path.write_bytes(journal.path.read_bytes()[:size])
    assert day_of(journal.path) is None
    again = opened(asked(), resume=True)
    assert not again.done
    again.close()


def test_what_is_solved_already_is_not_solved_again(here):
    assert run(*over())[0] == 0
    before = Path("points.csv").read_bytes(), Path("points.csv.journal").read_bytes()
    Path("points.csv").unlink()
    code, said = run(*over(), "--resume")
    assert code == 0 and "10 of 10 points were solved before" in said
    assert (Path("points.csv").read_bytes(), Path("points.csv.journal").read_bytes()) == before


def test_an_unfinished_journal_is_never_overwritten(here):
    whole = asked()
    journal = opened(whole)
    journal.keep(next(iter(solve_points(whole, jobs=1))))
    journal.close()
    code, said = run(*over())
    assert code == 2
    assert "holds 1 of the 10 points" in said and "Add --resume to go on, or delete it" in said
    assert len(values_in(journal.path)) == 1


def test_a_finished_sweep_makes_way_for_the_next(here):
    assert run(*over("traffic=1,2"))[0] == 0
    assert run(*over("traffic=1,3"))[0] == 0
    assert values_in(Path("points.csv.journal")) == [(1,), (3,)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda: Path("own.yaml").write_text(OWN.replace("peak_req_s: 10", "peak_req_s: 11")),
            "the problem has changed",
        ),
        (lambda: over("price.api=1..3/5", "traffic=1,3"), "other keys or values"),
        (lambda: [*over(), "--gap", "0.5"], "another gap"),
    ],
)
def test_a_sweep_that_has_changed_is_not_gone_on_with(change, words, here):
    assert run(*over())[0] == 0
    before = Path("points.csv.journal").read_bytes()
    changed = change()
    code, said = run(*(changed if isinstance(changed, list) else over()), "--resume")
    assert code == 2 and words in said, said
    assert Path("points.csv.journal").read_bytes() == before


def test_a_catalog_that_has_changed_is_not_gone_on_with(here):
    whole = asked()
    opened(whole).close()
    cheaper = replace(whole.catalog, offers=whole.catalog.offers[1:])
    with pytest.raises(InputError, match="the catalog has changed"):
        opened(replace(whole, catalog=cheaper), resume=True)


def test_a_problem_whose_own_sweep_is_told_on_the_command_line_is_the_same(here):
    opened(asked(*OVER)).close()
    Path("own.yaml").write_text(OWN + "sweep: [{price.api: 1..3/5}, {traffic: '1,2'}]\n", encoding="utf-8")
    opened(plan_sweep(load("own.yaml")), resume=True).close()


def test_what_is_no_journal_is_left_alone(here):
    Path("points.csv.journal").write_text("my notes\n" * 3, encoding="utf-8")
    for more in ([], ["--resume"]):
        code, said = run(*over(), *more)
        assert code == 2 and "is no journal of a sweep" in said
    assert Path("points.csv.journal").read_text(encoding="utf-8") == "my notes\n" * 3


def test_a_point_at_which_the_planner_failed_is_tried_again(here):
    whole = asked()
    [first, *_] = solve_points(whole, jobs=1)
    journal = opened(whole)
    journal.keep(Solved(first.point, trouble="no answer"))
    assert not journal.done
    journal.keep(first)
    journal.keep(first)
    journal.close()
    assert len(values_in(journal.path)) == 1


def test_resume_needs_an_output(here):
    result = CliRunner().invoke(app, ["sweep", "own.yaml", "--over", "traffic=1", "--resume"])
    assert result.exit_code == 2 and "Add -o FILE" in result.stderr


def test_a_resumed_sweep_is_of_the_day_on_which_it_began(here):
    whole = asked()
    yesterday = replace(whole, today=whole.today.replace(year=2025))
    journal = opened(yesterday)
    journal.close()
    assert day_of(journal_of(Path("points.csv"))) == yesterday.today


def killed_at_random(folder: Path, times: int, jobs: int, seed: int) -> None:
    """Kill a sweep at random moments and go on, until it ends; then compare with one that was never stopped."""
    axes = over("price.api=1..3/15", "traffic=1..2/4")
    command = [sys.executable, "-m", "planner.cli", "sweep", "own.yaml", *axes, "--jobs", str(jobs), "-o"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    dice, seen, kills = random.Random(seed), [], 0
    journal = folder / "points.csv.journal"
    while True:
        log = (folder / "log").open("wb")
        child = subprocess.Popen(
            [*command, "points.csv", "--resume"], cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
        if kills < times:
            # from the first line on, so that most kills fall among points
            begun, before = time.monotonic(), len(seen)
            while child.poll() is None and time.monotonic() - begun < 60:
                if journal.exists() and journal.read_bytes().count(b"\n") > max(before, 1):
                    break
                time.sleep(0.01)
            time.sleep(dice.random() * 0.4)
        else:
            child.wait(timeout=300)
        ended = child.poll() is not None
        if not ended:
            kills += 1
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        log.close()
        whole = [line for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        assert whole[: len(seen)] == seen, "a finished point was lost"
        seen = whole
        points = [json.dumps(json.loads(line)["values"]) for line in seen[1:]]
        assert len(set(points)) == len(points), "a finished point was solved again"
        if ended:
            assert child.returncode == 0, (folder / "log").read_text()
            break
    assert len(seen) == 61
    straight = subprocess.run([*command, "straight.csv"], cwd=folder, env=env, capture_output=True, check=False)
    assert straight.returncode == 0
    assert (folder / "points.csv").read_bytes() == (folder / "straight.csv").read_bytes()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_killed_and_gone_on_with_it_ends_as_if_it_never_stopped(here):
    killed_at_random(here, times=2, jobs=1, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_killed_twenty_times_it_ends_as_if_it_never_stopped(seed, here):
    killed_at_random(here, times=10, jobs=2, seed=seed)
