"""The pages in docs/ and the examples in problems/ still say what the program does."""

from __future__ import annotations

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner import inputs
from planner.catalog.load import load_catalog
from planner.cli import app
from planner.formulation import COSTS, ROWS
from planner.formulation.page import notation, page
from planner.formulation.variables import Variables
from planner.verbs import load

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROBLEMS = sorted((ROOT / "problems").rglob("*.yaml"))
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
NAMED_FILE = re.compile(r"`((?:planner|catalogs|problems|docs|tests)/[\w./-]+\.\w+)`")


def test_the_page_of_mathematics_is_what_the_code_says():
    written = (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8")
    assert page() == written, "rewrite it with `python -m planner.formulation.page`"


@pytest.mark.parametrize("part", [*ROWS, *COSTS], ids=lambda part: part.name)
def test_every_family_and_every_cost_is_on_the_page_with_its_formula(part):
    section = page().split(f"### {part.name}\n")[1].split("\n### ")[0]
    assert "```math" in section
    assert part.says in section or part.says[1:] in section


@pytest.mark.parametrize("family", ROWS, ids=lambda family: family.name)
def test_every_family_states_its_unit_and_its_indices_by_name(family):
    assert family.unit
    assert family.over or not re.search(r"\{\w+\}", family.says)
    named = set(re.findall(r"\{(\w+)\}", family.says + (family.relaxed or "")))
    assert named <= set(family.over)


@pytest.mark.parametrize(
    "owner", [inputs.FleetInputs, inputs.Offer, inputs.Window, inputs.Quota, inputs.Blend, inputs.Tariff, inputs.Proved]
)
def test_no_number_that_is_given_is_missing_from_the_notation(owner):
    assert [name for _, name, _ in notation(owner)] == [field.name for field in fields(owner)]


def test_every_variable_has_a_symbol_that_a_formula_uses():
    formulas = "".join(part.formula for part in (*ROWS, *COSTS))
    for symbol, name, _ in notation(Variables):
        assert symbol, name
        letter = symbol.split("_")[0]
        assert re.search(rf"(?<![a-zA-Z]){letter}(?![a-zA-Z])", formulas), f"{name}: no formula uses {letter}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_and_every_file_named_in_a_page_is_there(path):
    text = path.read_text(encoding="utf-8")
    missing = [to for to in LINK.findall(text) if not (path.parent / to).exists()]
    missing += [named for named in NAMED_FILE.findall(text) if not (ROOT / named).exists()]
    assert not missing


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_every_example_loads_and_opens_with_its_story(path):
    assert load(path).problem.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_articles_figures_are_those_the_planner_finds_today():
    written = (ROOT / "docs" / "articles.md").read_text(encoding="utf-8")
    found = runpy.run_path(str(ROOT / "docs" / "write_articles.py"))["page"]()
    assert found == written, "rewrite it with `python docs/write_articles.py`"


def test_the_figures_of_the_performance_page_are_those_of_the_shipped_file():
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rewritten = runpy.run_path(str(ROOT / "docs" / "write_performance.py"))["written"]
    assert rewritten(page, load_catalog().performance) == page, "rewrite it with `python docs/write_performance.py`"
    assert rewritten(page, ()) != page


def test_the_commands_of_the_page_on_fleets_print_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    page = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")
    for text in re.findall(r"```yaml\n(.*?)```", page, re.S):
        Path(text.split()[1]).write_text(text, encoding="utf-8")
    blocks = re.findall(r"```\n\$ plan (.*?)\n(.*?)```", page, re.S)
    commands = [command.split()[0] for command, _ in blocks]
    assert commands == ["evaluate", "evaluate", "evaluate", "solve", "compare", "rfq"]
    for command, shown in blocks:
        answer = CliRunner().invoke(app, command.split(" > ")[0].split())
        assert answer.exit_code in (0, 1), answer.output
        whole = [line.rstrip() for line in answer.stdout.splitlines()]
        lines = [line.rstrip() for line in shown.splitlines() if line != "| ... | |"]
        assert lines == whole[: len(lines)], command


def test_every_article_problem_is_on_the_page_of_articles():
    written = (ROOT / "docs" / "articles.md").read_text(encoding="utf-8")
    cases = sorted((ROOT / "problems").glob("article-*.yaml"))
    assert cases
    assert [path.name for path in cases if f"(../problems/{path.name})" not in written] == []


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    names += [group.name for group in app.registered_groups]
    assert names
    assert [name for name in names if f"`plan {name}" not in readme] == []


def test_the_problem_file_and_the_script_in_the_readme_work(tmp_path, capsys):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    problem = tmp_path / "assistant.yaml"
    problem.write_text(readme.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert set(load(problem).problem.workloads) == {"chat", "summaries"}
    exec(readme.split("```python\n")[1].split("```")[0], {})
    assert capsys.readouterr().out.startswith("optimal ")
