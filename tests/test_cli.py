"""The command as a person or a script meets it: exit codes, what goes where, and files whole or not at all."""

from __future__ import annotations

import _thread
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import plans
import pytest
from test_bad_input import CASES
from test_sweep import OWN
from typer.testing import CliRunner, Result

from planner import verbs
from planner.analysis.sweep import Solved
from planner.cli import app
from planner.errors import SolverFailed
from planner.outputs.sweep import SweepPoint
from planner.plan import Plan

# The budget is less than the $2,628 a month that the cheapest plan costs (tests/test_sweep.py).
POOR = OWN + "budget: {usd_month: 1000}\n"
NO_API = OWN.split("apis:")[0] + "apis: {allow: false}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with own.yaml in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "planner.cli", *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
        encoding="utf-8",
        errors="replace",
        timeout=120,
    )


def answers(monkeypatch: pytest.MonkeyPatch, verb: str, answer: Any) -> None:
    """Let a verb give this answer, or raise it."""

    def stand_in(*_: Any, **__: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(verbs, verb, stand_in)


def test_a_plan_is_shown_and_ends_with_0(here):
    result = run("solve", "own.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("own: $2,628 a month")
    assert result.stderr == ""


def test_the_file_holds_what_json_prints(here):
    result = run("solve", "own.yaml", "-o", "plan.json", "--json")
    assert result.exit_code == 0
    assert Plan.from_json((here / "plan.json").read_text()) == Plan.from_json(result.stdout)
    assert Plan.from_json(result.stdout).usd_month == pytest.approx(2628)
    assert sorted(path.name for path in here.iterdir()) == ["own.yaml", "plan.json"]


def test_tables_are_written(here):
    assert run("solve", "own.yaml", "--csv", "tables").exit_code == 0
    with (here / "tables" / "apis.csv").open() as file:
        assert [row["provider"] for row in csv.DictReader(file)] == ["seller"]


def test_options_reach_the_solve(here, monkeypatch):
    seen: dict[str, Any] = {}

    def stand_in(_problem: Any, **options: Any) -> Plan:
        seen.update(options)
        return plans.enterprise()

    monkeypatch.setattr(verbs, "solve", stand_in)
    run(
        "solve",
        "own.yaml",
        "--gap",
        "0.02",
        "--time-limit",
        "9",
        "--solver",
        "cbc",
        "--threads",
        "3",
        "--today",
        "2026-12-24",
    )
    del seen["progress"]
    assert str(seen.pop("today")) == "2026-12-24"
    assert seen == {"gap": 0.02, "time_limit_s": 9.0, "solver": "cbc", "threads": 3}


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (POOR, "the budget of 1,000 USD"),
        (NO_API.replace("only_quotes: true", "only_quotes: true\n  quotas: [{max_gpus: 2}]"), "2 GPUs"),
    ],
)
def test_an_infeasible_problem_ends_with_1_and_names_the_limit(text, limit, here):
    Path("own.yaml").write_text(text, encoding="utf-8")
    result = run("solve", "own.yaml", "-o", "plan.json")
    assert result.exit_code == 1
    assert limit in " ".join(result.stdout.split())
    written = Plan.from_json((here / "plan.json").read_text())
    assert written.status == "infeasible" and written.usd_month is None
    assert any(limit in sentence for sentence in written.in_the_way)


def test_what_nothing_can_serve_ends_with_1_and_counts_the_reasons(here):
    Path("own.yaml").write_text(NO_API.replace("gpus: 1,", "gpus: 1, max_machines: 0,"), encoding="utf-8")
    result = run("solve", "own.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "can serve chat" in result.stderr and "1  a quote of no machines" in result.stderr
    result = run("solve", "own.yaml", "--json")
    assert result.exit_code == 1
    assert Plan.from_json(result.stdout).status == "infeasible"
    assert "1  a quote of no machines" in Plan.from_json(result.stdout).in_the_way


@pytest.mark.parametrize("name", ["at_limit", "out_of_time", "no_bound"])
def test_a_plan_that_is_not_proved_as_asked_is_shown_and_ends_with_3(name, here, monkeypatch):
    answers(monkeypatch, "solve", plans.ALL[name]())
    result = run("solve", "own.yaml", "-o", "plan.json")
    assert result.exit_code == 3
    assert plans.ALL[name]().problem in result.stdout
    assert Plan.from_json((here / "plan.json").read_text()) == plans.ALL[name]()


@pytest.mark.parametrize("fault", [SolverFailed("HiGHS ended with: Unknown"), KeyError("surprise")])
def test_our_own_fault_ends_with_4_and_asks_for_a_report(fault, here, monkeypatch):
    answers(monkeypatch, "solve", fault)
    result = run("solve", "own.yaml", "-o", "plan.json")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "report" in result.stderr and "--debug" in result.stderr and "Traceback" not in result.stderr
    assert not (here / "plan.json").exists()
    assert run("--debug", "solve", "own.yaml").exception is fault


def test_an_interrupted_solve_ends_at_once_with_130_and_writes_nothing(here, monkeypatch):
    slept = []

    def slow(*_: Any, **__: Any) -> Plan:
        _thread.interrupt_main()
        time.sleep(20)
        slept.append(True)
        return plans.enterprise()

    monkeypatch.setattr(verbs, "solve", slow)
    result = run("solve", "own.yaml", "-o", "plan.json")
    assert result.exit_code == 130
    assert not slept
    assert [path.name for path in here.iterdir()] == ["own.yaml"]


@pytest.mark.parametrize("text", [case[1] for case in CASES[::3]], ids=[case[0] for case in CASES[::3]])
def test_a_bad_problem_ends_with_2_and_a_message(text, here):
    assert len(CASES[::3]) >= 25
    Path("bad.yaml").write_text(text, encoding="utf-8")
    result = run("solve", "bad.yaml", "-o", "plan.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("bad.yaml") and "Traceback" not in result.stderr
    assert isinstance(result.exception, SystemExit)
    assert not (here / "plan.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve", "nowhere.yaml"), "no such file.  Shipped examples: "),
        (("solve", "."), "is a folder"),
        (("solve",), "Missing argument"),
        (("slove", "own.yaml"), "No such command"),
        (("solve", "own.yaml", "--gap", "5"), "Did you mean 0.05"),
        (("solve", "own.yaml", "--gap", "nan"), "a share is between 0 and 1"),
        (("solve", "own.yaml", "--time-limit", "0"), "above 0"),
        (("solve", "own.yaml", "--time-limit", "inf"), "above 0"),
        (("solve", "own.yaml", "--threads", "0"), "Invalid value for '--threads'"),
        (("solve", "own.yaml", "--solver", "gorobi"), "'gorobi' is not found here"),
        (("solve", "own.yaml", "--today", "22.11.2026"), "%Y-%m-%d"),
        (("solve", "own.yaml", "-o", "."), "is a folder"),
        (("solve", "own.yaml", "-o", "no/such/plan.json"), "there is no folder"),
        (("solve", "own.yaml", "-o", "./own.yaml"), "is the file that is read"),
        (("sweep", "own.yaml", "--over", "traffic=1,2", "-o", "own.yaml"), "is the file that is read"),
        (("solve", "own.yaml", "--csv", "own.yaml"), "cannot be written"),
        (("validate", "nowhere.yaml"), "no such file"),
        (("init", "own.yaml"), "is there already and stays as it is"),
        (("init", "no/such.yaml"), "there is no folder"),
        (("sweep", "own.yaml"), "says nothing to sweep over"),
        (("sweep", "own.yaml", "--over", "price.home=1,2"), "Did you mean price.home-gpu?"),
        (("sweep", "own.yaml", "--over", "traffic"), "says not what to sweep"),
        (("sweep", "own.yaml", "--over", "traffic=1,2", "-o", "no/such.csv"), "there is no folder"),
        (("sweep", "own.yaml", "--over", "traffic=1,2", "--solver", "gorobi"), "'gorobi' is not found here"),
        (("catalog", "list", "gpu"), "'gpu' is not one of"),
        (("catalog", "list", "gpus", "--term", "spot"), "rows of gpus have no term"),
        (("catalog", "list", "offers", "--gpu", "h100-sxn"), "Did you mean h100-sxm?"),
        (("catalog", "show", "models", "lama-3.1-8b"), "Did you mean llama-3.1-8b?"),
        (("import", "melange", "nowhere.json"), "no such file"),
        (("import", "melange", "own.yaml"), "not JSON that can be read"),
    ],
)
def test_a_bad_command_line_ends_with_2_and_a_message(arguments, words, here):
    before = (here / "own.yaml").read_bytes()
    result = run(*arguments)
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert " ".join(words.split()) in said
    assert "Traceback" not in said
    assert (here / "own.yaml").read_bytes() == before


def test_old_prices_are_refused_only_when_asked(here):
    # the API price was seen on 2026-11-20
    fresh = run("solve", "own.yaml", "--today", "2026-12-24", "--max-price-age", "34")
    assert fresh.exit_code == 0
    old = run("solve", "own.yaml", "--today", "2026-12-24", "--max-price-age", "33", "-o", "plan.json")
    assert (old.exit_code, old.stdout) == (2, "")
    assert "last seen 2026-11-20, 34 days ago; --max-price-age is 33 days" in old.stderr
    assert "accept with --max-price-age 34" in old.stderr
    assert not (here / "plan.json").exists()


def test_validate_says_what_was_understood(here):
    result = run("validate", "own.yaml")
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "own: 1 workload" in said and "chat 10 10" in said and "1 load block" in said


def test_validate_understands_every_shipped_example(here):
    for path in sorted((Path(__file__).parents[1] / "problems").glob("*.yaml")):
        result = run("validate", path.stem)
        assert result.exit_code == 0, f"{path.name}: {result.stderr}"


def test_init_writes_a_problem_that_is_good(here):
    assert run("init", "first.yaml").exit_code == 0
    assert run("validate", "first.yaml").exit_code == 0


def test_a_sweep_is_shown_and_written(here):
    result = run("sweep", "own.yaml", "--over", "price.api=1,2,4", "-o", "points.csv", "--jobs", "1")
    assert result.exit_code == 0
    assert "The mix changes from A to B between 1 and 2, from B to C between 2 and 4" in " ".join(result.stdout.split())
    with (here / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["price.api"] for row in rows] == ["1.0", "2.0", "4.0"]
    assert [float(row["usd_month"]) for row in rows] == pytest.approx([2628, 3971.2, 4380])
    assert {row["status"] for row in rows} == {"optimal"}


def test_a_sweep_as_json_is_json_alone(here):
    result = run("sweep", "own.yaml", "--over", "price.api=1,2", "--json", "--jobs", "1")
    assert [point["values"] for point in json.loads(result.stdout)] == [{"price.api": 1.0}, {"price.api": 2.0}]


def test_a_sweep_ends_as_its_points_do(here):
    # the first point costs $2,628, the others cost more than they may
    Path("own.yaml").write_text(OWN + "budget: {usd_month: 3000}\n", encoding="utf-8")
    some = run("sweep", "own.yaml", "--over", "price.api=1,2,4", "--jobs", "1")
    none = run("sweep", "own.yaml", "--over", "price.api=2,4", "--jobs", "1")
    assert (some.exit_code, none.exit_code) == (0, 1)
    assert "2 points: no plan (infeasible)" in some.stdout


def test_an_interrupted_sweep_keeps_the_points_it_has(here, monkeypatch):
    def two_and_out(*_: Any, **__: Any) -> Any:
        for factor in (2.0, 1.0):
            point = SweepPoint(
                values={"traffic": factor}, status="optimal", usd_month=9, bound_usd_month=9, gap=0, mix={"a": 9}
            )
            yield Solved(point)
        raise KeyboardInterrupt

    monkeypatch.setattr("planner.analysis.sweep.solve_points", two_and_out)
    result = run("sweep", "own.yaml", "--over", "traffic=1,2,3", "-o", "points.csv")
    assert result.exit_code == 130
    assert "2 of 3 points were solved; points.csv holds them" in result.stderr
    with (here / "points.csv").open() as file:
        assert [row["traffic"] for row in csv.DictReader(file)] == ["1.0", "2.0"]


def test_an_imported_melange_configuration_solves(here):
    config = {
        "gpu_info": {"A10G": {"cost": 1.0, "tputs": [[2.0]]}},
        "workload_distribution": [[1.0]],
        "total_request_rate": 5,
    }
    Path("config.json").write_text(json.dumps(config))
    assert run("import", "melange", "config.json", "-o", "problem.yaml").exit_code == 0
    assert run("import", "melange", "config.json").stdout == (here / "problem.yaml").read_text()
    # 5 / 2 = 2.5, so 3 GPUs at $1 for 730 h
    assert json.loads(run("solve", "problem.yaml", "--json").stdout)["usd_month"] == pytest.approx(2190)


@pytest.mark.parametrize(
    "table",
    ["gpus", "models", "engines", "offers", "apis", "shapes", "lengths", "commitments", "egress", "benchmarks"],
)
def test_every_table_can_be_listed_as_lines_and_as_json(table):
    lines = run("catalog", "list", table).stdout.splitlines()
    rows = json.loads(run("catalog", "list", table, "--json").stdout)
    assert len(lines) == len(rows) + 1 > 5
    assert all(row["source"] and row["observed_on"] for row in rows)


def test_offers_can_be_narrowed_down():
    rows = json.loads(
        run(
            "catalog", "list", "offers", "--gpu", "h100-sxm", "--provider", "lambda", "--term", "on-demand", "--json"
        ).stdout
    )
    assert rows and {(row["gpu"], row["provider"], row["term"]) for row in rows} == {
        ("h100-sxm", "lambda", "on-demand")
    }


def test_a_row_is_found_by_its_alias_and_shown_whole():
    shown = run("catalog", "show", "gpus", "H100 SXM").stdout
    assert "memory_gib" in shown and "source" in shown and "h100-sxm" in shown


def test_the_shipped_catalog_agrees_with_itself():
    result = run("catalog", "check", "--today", "2026-12-01")
    assert result.exit_code == 0, result.stderr
    assert "files agree" in result.stdout


def test_every_command_has_help_with_an_example():
    for command in (
        ["solve"],
        ["validate"],
        ["init"],
        ["sweep"],
        ["catalog", "list"],
        ["catalog", "show"],
        ["import", "melange"],
    ):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert f"plan {' '.join(command)}" in result.stdout.split("Example")[1]


def test_help_imports_nothing_heavy_and_solve_no_more_than_it_needs(here):
    script = (
        "import sys; from planner.cli import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = 'numpy', 'pandas', 'pydantic', 'pulp', 'joblib', 'yaml', 'scipy'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}

    def loaded(*arguments: str) -> str:
        ran = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=path)
        return ran.stdout.splitlines()[-1]

    assert loaded("--help") == "[]"
    assert loaded("solve", "own.yaml", "--json") == "['numpy', 'pydantic', 'pulp', 'yaml']"


def test_a_terminal_without_unicode_still_gets_its_answer(here):
    Path("own.yaml").write_text(OWN.replace("name: own", "name: café ☕"), encoding="utf-8")
    result = in_a_process("solve", "own.yaml", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("caf? ?: $2,628 a month")
    swept = in_a_process("sweep", "own.yaml", "--over", "price.api=1,2", "--jobs", "1", PYTHONIOENCODING="ascii")
    assert swept.returncode == 0 and "##" in swept.stdout


def test_what_a_solver_prints_below_python_stays_out_of_the_answer(here):
    script = (
        "import os, sys, planner.verbs as verbs; from planner.cli import main\n"
        "solve = verbs.solve\n"
        "verbs.solve = lambda *a, **k: (os.write(1, b'chatter'), solve(*a, **k))[1]\n"
        "sys.argv = ['plan', 'solve', 'own.yaml', '--json']\n"
        "main()"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=path)
    assert json.loads(ran.stdout)["usd_month"] == pytest.approx(2628)
    assert ran.stderr == "chatter"


def test_no_color_is_respected_even_where_color_is_forced(here):
    plain = in_a_process("solve", "own.yaml", NO_COLOR="1", FORCE_COLOR="1")
    colored = in_a_process("solve", "own.yaml", FORCE_COLOR="1")
    assert "\x1b[32m" in colored.stdout and "\x1b[32m" not in plain.stdout


def test_tab_completes_examples_and_files(here):
    from planner.cli.solving import problems_here

    assert "enterprise70b" in problems_here("ent")
    assert problems_here("ow") == ["own.yaml"]
    assert problems_here("no/such/") == []


def test_what_tidies_up_after_an_interruption_is_silent():
    left = "import os; from joblib.externals.loky.backend.resource_tracker import register\n"
    left += "register('/nothing-of-this-name', 'semlock'); os._exit(130)"
    hush = "from planner.cli.answering import hush_cleaning; hush_cleaning()\n"
    loud, silent = (
        subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
        for text in (left, hush + left)
    )
    assert "leaked semlock" in loud.stderr
    assert silent.stderr == ""
