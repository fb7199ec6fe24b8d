"""Write docs/articles.md: what two articles say, and what the planner makes of the same case.

The articles' figures stand here; the planner's are measured each time.  Nothing else is written.

    python docs/write_articles.py
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import planner
from planner.catalog.load import Catalog, load_catalog
from planner.problem.schema import Problem

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "articles.md"
TODAY = date(2026, 11, 22)
MONTH_DAYS = 730 / 24

INTRODUCTION = """\
# The articles' cases

Two articles made the case for this program. Each of their cases is a problem file; the planner's figures on this page
are what it answers today, at a gap of zero.

* A: "The Real Cost of AI Inference in 2026: A Practical Breakdown", rates of mid-2026.
* B: "AI Inference Cost Economics in 2026: GPU FinOps Playbook", Spheron blog, 2026-04-04.

Prices are the articles' own, given as quotes. Where an article states a rate (B: 2,800 output tok/s of a 70B model on
8 H100) it is a row of `performance.capacity`; elsewhere the rate is the planner's estimate.
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: a problem file, what the article says, and why the planner says something else."""

    problem: str
    about: str
    article: str
    why: str
    changed: Mapping[str, Any] = field(default_factory=dict)  # key path in the problem -> value
    per: Literal["", "output Mtok", "Mtok"] = ""  # what to show the cost of, beside the month


CASES = [
    Case(
        problem="article-gpu-fp16",
        about="which GPU, FP16",
        article="B: A100, 1.67 USD/Mtok (H100 1.90, H200 2.80, B200 3.18)",
        why="agrees; the volume fills the machines",
        per="output Mtok",
    ),
    Case(
        problem="article-gpu-fp8",
        about="which GPU, FP8",
        article="B: H100, 0.95 to 1.10 USD/Mtok",
        why="agrees: the A100 has no FP8 and the order flips",
        per="output Mtok",
    ),
    Case(
        problem="article-three-pods",
        about="500 M tokens a day",
        article=f"B: 950 USD a day, {950 * MONTH_DAYS:,.0f} a month",
        why="5,787 tok/s are 2.07 pods of 2,800: three whole machines, always on",
        per="output Mtok",
    ),
    Case(
        problem="article-low-volume",
        about="500 M tokens a month, API allowed",
        article="B: 950 USD a month self-hosted, 5,000 at the API",
        why="950 needs a pod that is rented only while it is full; the API wins",
        per="output Mtok",
    ),
    Case(
        problem="article-low-volume",
        about="the same, self-hosted only",
        article="B: 950 USD a month",
        why="one pod always on, 7 % busy",
        changed={"apis.allow": False},
        per="output Mtok",
    ),
    Case(
        problem="article-healthcare",
        about="healthcare team",
        article="A: 1,870 USD a month at the API",
        why="agrees: the API",
    ),
    Case(
        problem="article-healthcare",
        about="the same, self-hosted only",
        article="A: 4,300 + 6,100 = 10,400",
        why="agrees: 5.6 times as much",
        changed={"apis.allow": False},
    ),
    Case(
        problem="article-before",
        about="B's team before",
        article="B: 29,200 + 9,900 = 39,100",
        why="agrees: the demand taken needs 14 GPUs, 4 nodes of 4",
    ),
    Case(
        problem="article-after",
        about="B's team after, always on",
        article="B: 14,016 + 935 + 1,200 = 16,151",
        why="agrees; chat machines are 24 % used over the week, not 68 %",
    ),
    Case(
        problem="article-after-hourly",
        about="B's team after, by the hour",
        article="not considered",
        why="chat machines run 45 hours of the week",
    ),
    Case(
        problem="article-office-hours",
        about="office hours beside a flat load",
        article="A: commitments, up to 35 % off, for the baseline",
        why="a commitment at 35 % off pays above 65 % use: the base, not the office hours",
    ),
    Case(
        problem="article-office-hours",
        about="the same, on demand only",
        article="",
        why="the base pays the full price",
        changed={"procurement.terms": ["on-demand"]},
    ),
    Case(
        problem="article-office-hours",
        about="the same, commitments only",
        article="",
        why="machines for office hours stand idle 73 % of the week",
        changed={"procurement.terms": ["1y"]},
    ),
    Case(
        problem="article-providers",
        about="one pod, any provider",
        article="B: Spheron, 1.90 USD/Mtok",
        why="agrees",
        per="output Mtok",
    ),
    Case(
        problem="article-providers",
        about="the same at RunPod",
        article="B: 2.13 USD/Mtok",
        why="agrees",
        changed={"procurement.where.providers": ["runpod"]},
        per="output Mtok",
    ),
    Case(
        problem="article-providers",
        about="the same at AWS",
        article="B: 5.46 USD/Mtok, and about 900 USD of egress",
        why="agrees (5.46 is without egress); B's 20 to 35 % saved by leaving AWS is more at these prices",
        changed={"procurement.where.providers": ["aws"]},
        per="output Mtok",
    ),
    Case(
        problem="article-small-model",
        about="32B in FP8, 30 M tokens a day",
        article="A: one H100, 0.20 to 0.40 USD/Mtok",
        why="one H100 does, a fifth full",
        per="Mtok",
    ),
    Case(
        problem="article-small-model",
        about="the same, 160 M tokens a day",
        article="A: one H100, 0.20 to 0.40 USD/Mtok",
        why="agrees once the GPU is full; the rate is the planner's own estimate",
        changed={"workloads.assistant.traffic.tokens_month": 160e6 * MONTH_DAYS},
        per="Mtok",
    ),
    Case(
        problem="article-long-context",
        about="long requests, pairs of H100 or H200",
        article="A: H200 at 2.60 beats H100 at 2.00 as the cache fills; 1.83 to 2.14 times as fast",
        why="agrees; the rates are the planner's own estimates",
    ),
    Case(
        problem="article-long-context",
        about="the same, H100 only",
        article="",
        why="nearly twice as many pairs: on H100 the cache leaves room for few requests",
        changed={"procurement.where.gpus": ["h100-sxm"]},
    ),
    Case(
        problem="article-long-context",
        about="the same, 12,000 tokens in and 1,000 out",
        article="",
        why="prefill computes, and both GPUs compute alike: memory no longer decides",
        changed={
            "workloads.documents.traffic.input_tok": 12000,
            "workloads.documents.traffic.output_tok": 1000,
        },
    ),
    Case(
        problem="article-right-sizing",
        about="a task that a 14B model does as well, 14B in BF16",
        article="B: 4.80 USD/h, a quarter of 19.20 for the 70B",
        why="agrees: a quarter of the next row",
        changed={"workloads.task.models": [{"model": "qwen2.5-14b", "precisions": ["bf16"]}]},
    ),
    Case(
        problem="article-right-sizing",
        about="the same, 70B in BF16",
        article="B: 19.20 USD/h, 14,016 a month",
        why="the load of the case takes sixteen H100; the ratio is the article's",
        changed={"workloads.task.models": [{"model": "llama-3.1-70b", "precisions": ["bf16"]}]},
    ),
    Case(
        problem="article-right-sizing",
        about="the same, 70B in INT4",
        article="B: 2 or 3 GPUs in place of 8 at the same throughput, at high batch",
        why="at high batch arithmetic decides, and INT4 is multiplied in 16 bits: it saves memory, not GPUs",
        changed={"workloads.task.models": [{"model": "llama-3.1-70b", "precisions": ["int4"]}]},
    ),
    Case(
        problem="article-right-sizing",
        about="the same, either model, BF16 or FP8",
        article="",
        why="14B in FP8 on one pair",
    ),
    Case(
        problem="article-sovereign",
        about="a regulated assistant, no rule",
        article="A: vendors, providers, regions excluded where the law asks",
        why="today's prices of the catalog",
    ),
    Case(
        problem="article-sovereign",
        about="the same, European Union only",
        article="",
        why="the rule costs the difference to the row above",
        changed={"procurement.where.continents": ["EU"]},
    ),
    Case(
        problem="article-sovereign",
        about="the same, no NVIDIA",
        article="A: AMD, Gaudi, TPU and others as ways out",
        why="AMD's MI300X by the GPU; other makes have no price, or no rate, in the catalogs",
        changed={"procurement.where.exclude_vendors": ["nvidia"]},
    ),
    Case(
        problem="article-sovereign",
        about="the same, both",
        article="",
        why="MI300X in the European Union is sold by eights only",
        changed={"procurement.where.continents": ["EU"], "procurement.where.exclude_vendors": ["nvidia"]},
    ),
]


def altered(problem: Problem, changed: Mapping[str, Any]) -> Problem:
    """The problem with some of its keys set to other values."""
    values = problem.model_dump(exclude_unset=True)
    for path, value in changed.items():
        *above, last = path.split(".")
        section = values
        for key in above:
            section = section.setdefault(key, {})
        section[last] = value
    return Problem.model_validate(values)


def row(case: Case, catalog: Catalog) -> str:
    """Solve one case and write its row."""
    asked = planner.load(ROOT / "problems" / f"{case.problem}.yaml", catalog)
    plan = planner.solve(replace(asked, problem=altered(asked.problem, case.changed)), catalog, today=TODAY)
    bought = [f"{p.count} x {p.provider} {p.machine} {p.term}" for p in plan.purchases]
    bought += [f"{a.provider} API" for a in plan.apis]
    figure = f"{plan.usd_month:,.0f} USD"
    if case.per:
        only = plan.workloads[0]
        figure += f", {only.usd_mtok_total if case.per == 'Mtok' else only.usd_mtok_output:.3f} per {case.per}"
    link = f"[{case.about}](../problems/{case.problem}.yaml)"
    return f"| {link} | {case.article} | {figure}: {', '.join(bought)} | {case.why} |"


def page() -> str:
    """The whole page."""
    head = ["| case | article | planner, a month | why they differ |", "|---|---|---|---|"]
    catalog = load_catalog()
    return INTRODUCTION + "\n" + "\n".join([*head, *(row(case, catalog) for case in CASES)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
