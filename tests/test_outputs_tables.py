"""The CSV tables of a plan: complete, exact, whole or not at all, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import plans
import pytest

from planner.deployed import ClassRate, DeploymentPlan
from planner.endpoints import Endpoint, EndpointHours
from planner.errors import InputError
from planner.outlays import Sent
from planner.outputs.tables import tables_of, write_tables
from planner.plan import ApiPurchase, Change, CostLine, Dropped, Purchase, WorkloadPlan

TABLES = (
    *("purchases", "spends", "commitments", "changes", "schedule", "deployments", "apis", "workloads", "costs"),
    *("egress", "endpoints", "dropped"),
)
NAMES = {f"{name}.csv" for name in TABLES}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", plans.ALL)
def test_every_plan_gives_twelve_tables(tmp_path, name):
    written = write_tables(plans.ALL[name](), tmp_path / "out")
    assert {path.name for path in written} == NAMES == {path.name for path in (tmp_path / "out").iterdir()}
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_costs_are_written_without_rounding(tmp_path):
    plan = plans.enterprise()
    write_tables(plan, tmp_path)
    assert sum(float(row["usd_month"]) for row in read(tmp_path / "costs.csv")) == pytest.approx(
        plan.usd_month, abs=1e-6
    )
    for row, purchase in zip(read(tmp_path / "purchases.csv"), plan.purchases, strict=True):
        assert float(row["usd_month"]) == purchase.usd_month
        assert row["observed_on"] == "2026-11-20"


def test_the_schedule_says_who_runs_when(tmp_path):
    write_tables(plans.enterprise(), tmp_path)
    rows = [row for row in read(tmp_path / "schedule.csv") if row["provider"] == "lambda"]
    assert [(row["when"], row["machines"], row["hours_week"]) for row in rows] == [
        ("mon-fri 09-18", "2", "45"),
        ("mon-fri 07-09, 18-21", "1", "25"),
    ]


def test_tags_become_columns(tmp_path):
    write_tables(plans.enterprise(), tmp_path)
    assert [row["tag:team"] for row in read(tmp_path / "workloads.csv")] == ["it", "legal", ""]


def test_every_figure_of_a_part_has_its_column():
    tables = tables_of(plans.enterprise())
    nested = {
        "endpoint",
        "hours",
        "machines_by_block",
        "served",
        "ready",
        "tags",
        "lane",
        "queue",
        "rates",
        "replicas_by_block",
    }
    for name, parts in {
        "purchases.csv": [Purchase],
        "deployments.csv": [DeploymentPlan, ClassRate],
        "apis.csv": [ApiPurchase],
        "workloads.csv": [WorkloadPlan],
        "changes.csv": [Change],
        "costs.csv": [CostLine],
        "egress.csv": [Sent],
        "endpoints.csv": [Endpoint, EndpointHours],
        "dropped.csv": [Dropped],
    }.items():
        fields = {field for part in parts for field in part.model_fields} - nested
        assert fields <= set(tables[name][0]), name


def test_text_that_a_spreadsheet_would_run_is_quoted(tmp_path):
    evil = plans.Dropped(kind="offer", reason='=HYPERLINK("http://x","y")', count=3, nearest="\t+1\x1b")
    write_tables(plans.enterprise().model_copy(update={"dropped": (evil,)}), tmp_path)
    [row] = read(tmp_path / "dropped.csv")
    assert row["reason"].startswith("'=")
    assert row["nearest"] == "'+1"


def test_writing_again_replaces_the_tables_and_nothing_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write_tables(plans.enterprise(), tmp_path)
    write_tables(plans.api_only(), tmp_path)
    assert read(tmp_path / "purchases.csv") == []
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == NAMES | {"notes.txt"}


def test_a_table_that_cannot_be_replaced_leaves_all_as_they_were(tmp_path, monkeypatch):
    write_tables(plans.enterprise(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace = Path.replace

    def open_in_a_spreadsheet(path: Path, target: Path) -> Path:
        if target == tmp_path / "costs.csv" and path.parent.name != "before":
            raise PermissionError(13, "in use", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", open_in_a_spreadsheet)
    with pytest.raises(InputError, match=r"costs\.csv\n  the tables cannot be written here: in use"):
        write_tables(plans.api_only(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_with_the_name_of_a_table_is_left_alone(tmp_path):
    (tmp_path / "costs.csv").mkdir()
    (tmp_path / "costs.csv" / "mine").write_text("kept")
    with pytest.raises(InputError, match=r"costs\.csv"):
        write_tables(plans.enterprise(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["costs.csv"]
    assert (tmp_path / "costs.csv" / "mine").read_text() == "kept"


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="out\n  the tables cannot be written here"):
        write_tables(plans.enterprise(), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
