"""Who may import whom: data flows one way, and one module names a solver."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import planner

ROOT = Path(planner.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
SEES_NOTHING_OF_THE_SOLVE = ("plan", "outputs", "audit")
NEVER = {
    **dict.fromkeys(SEES_NOTHING_OF_THE_SOLVE, ("solver", "search", "operation", "formulation", "reduce")),
    "formulation": ("catalog", "problem", "performance", "traffic", "reduce", "solver", "search", "operation", "plan"),
    "inputs": ("",),
    "solution": ("",),
    "operation": ("catalog", "problem", "performance", "traffic", "reduce", "plan"),
    "search": ("catalog", "problem", "performance", "traffic", "reduce", "plan"),
    **dict.fromkeys(("reduce", "numbers"), ("formulation", "solver", "search", "operation", "plan")),
    "performance": (
        "formulation", "problem", "traffic", "reduce", "candidates", "solver", "search", "operation", "plan", "outputs",
        "cli",
    ),
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """Full names of the modules and names that a file imports, at its top or inside a function."""
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            out |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return out


def files_of(part: str) -> list[Path]:
    found = [p for p in SOURCES if p.relative_to(ROOT).with_suffix("").parts[0] == part]
    assert found, f"planner/{part} is gone: change this test"
    return found


@pytest.mark.parametrize("part", NEVER)
def test_arrows_point_one_way(part):
    for path in files_of(part):
        for name in imported(path):
            for other in NEVER[part]:
                barred = f"planner.{other}".rstrip(".")
                assert name != barred and not name.startswith(f"{barred}."), f"{path.name} imports {name}"


def test_the_performance_model_sees_catalog_rows_and_no_catalog():
    # except where tables are read and written, and for the constants that are shipped
    reading = {"constants.py", "fit.py", "table.py", "foreign.py", "compare.py"}
    seeing = {
        path.name
        for path in files_of("performance")
        if any(n.startswith("planner.catalog.") and not n.startswith("planner.catalog.rows") for n in imported(path))
    }
    assert seeing == reading


def test_only_solve_names_a_solver():
    for path in SOURCES:
        if path != ROOT / "solver.py":
            called = {
                n.attr for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Attribute)
            }
            assert not called & {"HiGHS", "getSolver", "PULP_CBC_CMD", "listSolvers", "solverModel"}, path
            assert not any(name.startswith("highspy") for name in imported(path)), path


def test_pulp_is_seen_by_the_mathematics_and_the_solve_alone():
    seeing = {p.relative_to(ROOT).parts[0] for p in SOURCES if any(n.split(".")[0] == "pulp" for n in imported(p))}
    assert seeing == {"formulation", "solver.py"}
