"""Bring the tables of docs/performance.md up to date with catalogs/performance.csv.

python docs/write_performance.py
"""

from __future__ import annotations

import re
from pathlib import Path

from planner.catalog.load import load_catalog
from planner.catalog.rows import FittedConstant

PAGE = Path(__file__).with_name("performance.md")
WORDS = {"tpot": "TPOT", "ttft": "TTFT", "throughput": "throughput of static batches and full load"}


def percent(value: float) -> str:
    """A share as people read it."""
    return f"{value * 100:.1f} %" if value < 0.1 else f"{value * 100:.0f} %"


def errors(rows: tuple[FittedConstant, ...]) -> dict[tuple[str, str], dict[str, FittedConstant]]:
    """(where, quantity) -> median and p90."""
    found: dict[tuple[str, str], dict[str, FittedConstant]] = {}
    for row in rows:
        if row.kind == "error":
            quantity, what = row.name.split()
            found.setdefault((row.applies_to, quantity), {})[what] = row
    return found


def overall(rows: tuple[FittedConstant, ...]) -> str:
    """All rows, and by what the estimate rested on."""
    out = ["| left out | quantity | estimates | rows | median | 90 % |", "|---|---|---|---|---|---|"]
    for (where, quantity), each in errors(rows).items():
        left, _, cut = where.partition("; ")
        if not cut or cut.startswith("source"):
            source = cut.removeprefix("source ") or "all"
            figures = f"{percent(each['median'].value)} | {percent(each['p90'].value)}"
            out.append(f"| {left} | {WORDS[quantity]} | {source} | {each['median'].rows:,} | {figures} |")
    return "\n".join(out)


def parts(rows: tuple[FittedConstant, ...]) -> str:
    """Configurations unseen, by engine and by GPU and precision."""
    head = "| configuration unseen | TPOT rows | median | 90 % | throughput rows | median | 90 % |"
    out = [head, "|---|---|---|---|---|---|---|"]
    found = errors(rows)
    names = sorted({w.partition("; ")[2] for w, _ in found if w.startswith("configuration") and "; " in w})
    for name in names:
        if name.startswith("source"):
            continue
        cells = []
        for quantity in ("tpot", "throughput"):
            each = found.get((f"configuration unseen; {name}", quantity))
            cells.append(
                "| | |" if each is None
                else f"{each['median'].rows:,} | {percent(each['median'].value)} | {percent(each['p90'].value)} |"
            )  # fmt: skip
        out.append(f"| {name.removeprefix('gpu ').removeprefix('engine ')} | {' '.join(cells)}")
    return "\n".join(out)


def constants(rows: tuple[FittedConstant, ...]) -> str:
    """Physics, then factors that differ from 1 by more than 3 %."""
    out = ["| constant | value | unit |", "|---|---|---|"]
    out += [f"| {r.name} | {r.value:.4g} | {r.unit} |" for r in rows if r.kind == "physics"]
    out += ["", "| factor on time | applies to | value | rows |", "|---|---|---|---|"]
    for r in rows:
        if r.kind == "speed" and abs(r.value - 1) > 0.03:
            what = "query heads of a group, to the power ln(value)" if r.name == "heads" else r.name
            out.append(f"| {what} | {r.applies_to.replace('|', ', ')} | {r.value:.2f} | {r.rows:,} |")
    return "\n".join(out)


def written(page: str, rows: tuple[FittedConstant, ...]) -> str:
    """The page with its tables as `rows` have them."""
    for mark, text in (("errors", overall(rows)), ("parts", parts(rows)), ("constants", constants(rows))):
        pattern = f"<!-- {mark}:begin -->.*<!-- {mark}:end -->"
        marked = f"<!-- {mark}:begin -->\n{text}\n<!-- {mark}:end -->"
        page = re.sub(pattern, lambda _, new=marked: new, page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), load_catalog().performance), encoding="utf-8")
