"""The pages in docs/ and the examples in problems/ still say what the program does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from planner import inputs
from planner.formulation import COSTS, ROWS
from planner.formulation.page import PAGE, notation, page
from planner.formulation.variables import Variables
from planner.verbs import load

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROBLEMS = sorted((ROOT / "problems").rglob("*.yaml"))
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
NAMED_FILE = re.compile(r"`((?:planner|catalogs|problems|docs|tests)/[\w./-]+\.\w+)`")


def test_the_page_of_mathematics_is_what_the_code_says():
    assert page() == PAGE.read_text(encoding="utf-8"), "rewrite it with `python -m planner.formulation.page`"


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


@pytest.mark.parametrize("owner", [inputs.FleetInputs, inputs.Offer, inputs.Window, inputs.Quota, inputs.Proved])
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
