"""The same points whatever solves them: this process, several, or workers elsewhere that have none of our files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

import planner
from planner.analysis import sweep as analysis
from planner.analysis.engines import Engine, engine_of
from planner.analysis.sweep import Solved, Sweep, pack, solve_point, solve_points, unpack
from planner.catalog.load import load_catalog
from planner.errors import InputError
from planner.performance import Performance
from planner.plan import Plan
from planner.reduce import performance_of
from planner.verbs import load, plan_sweep

ROOT = Path(__file__).parents[1]
OVER = ["price.on-demand=0.5..2/4", "traffic=1,8"]


def in_short(found: Iterator[Solved]) -> dict[object, tuple[object, object]]:
    """Points and plans without how long they took."""
    out = {}
    for each in found:
        assert not each.trouble
        plan = Plan.from_json(each.plan).model_copy(update={"solve_s": 0, "first_plan_s": None})
        out[each.values] = (each.point, plan)
    return out


def starter() -> Sweep:
    return plan_sweep(load("starter8b"), OVER, gap=0.01)


def test_one_process_and_two_find_the_same_plans():
    assert in_short(solve_points(starter(), jobs=1)) == in_short(solve_points(starter(), jobs=2))


def test_what_is_kept_between_points_changes_no_plan():
    whole = starter()
    alone = {}
    for values in whole.grid():
        unpack.cache_clear()
        alone |= in_short(iter([solve_point(pack(whole, with_files=False), values)]))
    assert in_short(solve_points(whole, jobs=1)) == alone


def test_a_worker_needs_none_of_our_files(tmp_path):
    # a problem with a trace and measurements of its own, and a catalog in another place
    folder = tmp_path / "here" / "problem"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "catalogs", tmp_path / "here" / "catalogs")
    lines = (ROOT / "catalogs" / "benchmarks.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "rows.csv").write_text(lines[0] + next(x for x in lines if "llama-3.1-8b" in x), encoding="utf-8")
    (tmp_path / "here" / "trace.csv").write_bytes((ROOT / "problems" / "trace_sample.csv").read_bytes())
    text = (ROOT / "problems" / "trace.yaml").read_text(encoding="utf-8").replace("trace_sample.csv", "../trace.csv")
    (folder / "p.yaml").write_text(text + "performance: {benchmarks: rows.csv}\n", encoding="utf-8")
    catalog = load_catalog(tmp_path / "here" / "catalogs")
    whole = plan_sweep(load(folder / "p.yaml", catalog), ["traffic=1,2"], catalog, gap=0.05)
    expected = in_short(solve_points(whole, jobs=1))
    packed = pack(whole, with_files=True)
    shutil.rmtree(tmp_path / "here")
    unpack.cache_clear()
    assert in_short(solve_point(packed, values) for values in whole.grid()) == expected


def test_a_worker_unpacks_a_sweep_once(monkeypatch):
    whole, unpacked = starter(), []
    loads = analysis.pickle.loads
    monkeypatch.setattr(analysis.pickle, "loads", lambda data: (unpacked.append(1), loads(data))[1])
    unpack.cache_clear()
    assert len(list(solve_points(whole, jobs=1))) == 8
    assert len(unpacked) == 1


def test_estimates_are_kept_until_anything_they_rest_on_changes(tmp_path):
    catalog = load_catalog()
    problem = load("starter8b", catalog).problem
    lines = (ROOT / "catalogs" / "benchmarks.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    rows = [line for line in lines if "llama-3.1-8b" in line]
    (tmp_path / "rows.csv").write_text(lines[0] + rows[0], encoding="utf-8")

    def estimates(**changes: object) -> Performance:
        asked = problem.performance.model_copy(update={"benchmarks": "rows.csv"} | changes)
        return performance_of(problem.model_copy(update={"performance": asked}), tmp_path, catalog)

    first = estimates()
    assert estimates() is first
    assert estimates(efficiency=2.0) is first
    assert estimates(memory_share=0.8) is not first
    first = estimates()
    (tmp_path / "rows.csv").write_text(lines[0] + "".join(rows[:2]), encoding="utf-8")
    assert estimates() is not first


@pytest.mark.parametrize("text", ["dusk://a:1", "dask://a", "dask://:8786", "dask", "ray://a:b", "", "local://a:1"])
def test_what_is_no_engine_is_said(text):
    with pytest.raises(InputError, match=r"is no engine\.  Possible: local, dask://HOST:PORT"):
        engine_of(text)


@pytest.mark.parametrize("kind", ["dask", "ray"])
@pytest.mark.skipif(bool(find_spec("distributed") or find_spec("ray")), reason="the libraries are installed")
def test_an_engine_that_is_not_installed_says_how_to_get_it(kind):
    with pytest.raises(InputError, match=rf"pip install 'fleet-planner\[{kind}\]'"):
        list(solve_points(starter(), engine_of(f"{kind}://127.0.0.1:1")))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A Dask scheduler with two workers, processes of their own that speak TCP."""
    pytest.importorskip("distributed")
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(Path(planner.__file__).parents[1])}
    dask = [sys.executable, "-m", "dask"]
    commands = [[*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]]
    commands += [[*dask, "worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard"]] * 2
    log = (tmp_path / "dask.log").open("wb")
    running = [subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log) for command in commands]
    try:
        yield f"127.0.0.1:{port}"
    finally:
        for each in running[::-1]:
            each.terminate()
            each.wait(timeout=30)
        log.close()


@pytest.mark.long
def test_two_workers_of_a_dask_scheduler_find_the_same_plans(scheduler):
    whole = starter()
    found = in_short(solve_points(whole, Engine("dask", scheduler)))
    assert found == in_short(solve_points(whole, jobs=1))


@pytest.mark.long
def test_a_scheduler_that_is_not_there_is_said():
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="cannot be reached"):
        list(solve_points(replace(starter()), engine_of(f"dask://127.0.0.1:{free_port()}")))
