"""The lists that must be complete are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import planner
from planner import formulation
from planner.catalog.load import TABLES, load_catalog
from planner.formulation import COSTS, ROWS
from planner.formulation.family import Cost, Family

SOURCES = sorted(Path(planner.__file__).parent.rglob("*.py"))
CATALOGS = Path(planner.__file__).parents[1] / "catalogs"


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: rows.name)
def test_every_family_states_its_formula_its_unit_and_its_sentence(rows):
    assert ".. math::" in rows.formula
    assert rows.unit
    assert rows.says[0] != rows.says[0].upper() or rows.says[0] == "{"
    assert rows.formula.split("\n")[0].endswith(".")
    for text in (rows.says, rows.relaxed or ""):
        assert set(re.findall(r"{(\w+)}", text)) <= set(rows.over), text


@pytest.mark.parametrize("line", COSTS, ids=lambda line: line.name)
def test_every_cost_states_its_formula_and_its_line_of_the_bill(line):
    assert ".. math::" in line.formula
    assert line.says


def test_every_family_and_every_cost_is_named_on_the_page():
    page = set(re.findall(r"\w+", formulation.__doc__))
    never_billed = {"deferred_credit", "preference", "proved_blocks"}  # they lead the search; no plan pays them
    assert {part.name for part in (*ROWS, *COSTS)} - page == never_billed


def test_every_family_and_cost_that_is_written_is_in_the_list():
    written = set()
    for path in (Path(formulation.__file__).parent).glob("*.py"):
        module = (
            __import__(f"planner.formulation.{path.stem}", fromlist=["_"]) if path.stem != "__init__" else formulation
        )
        written |= {part.name for part in vars(module).values() if isinstance(part, Family | Cost)}
    assert written == {part.name for part in (*ROWS, *COSTS)}


def test_no_source_file_is_longer_than_a_person_reads():
    long = {path.name for path in SOURCES if path.read_text(encoding="utf-8").count("\n") > 320}
    assert not long


def test_every_catalog_file_is_read():
    read = {path for table in TABLES.values() for path in CATALOGS.glob(table.path)}
    assert read == {path for path in CATALOGS.rglob("*") if path.is_file()}


def test_every_price_file_that_is_read_gives_offers():
    load = load_catalog(CATALOGS)
    for field in TABLES:
        assert getattr(load, field), field
    assert {o.provider for o in load.offers} >= {path.stem for path in (CATALOGS / "prices").glob("*.csv")}


def test_every_module_says_what_it_answers():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not text.strip() or text.lstrip("r").startswith('"""'), path
