"""Which rules bear on a plan, in the words of their cards, and which of the user's limits bind.

A limit is a family of rows with a way out on its card.  `analysis.explain_loosened` knows one unit more of it; a family
that does not stand there explains itself by its card and its dual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.analysis.explain_loosened import ONE_MORE, TIGHT, Facts
from planner.analysis.explain_margin import HeldFleet, room
from planner.explanation import Limit, Rule
from planner.formulation.family import Family
from planner.plan import Plan
from planner.problem.schema import Problem

NO_NAMES: Mapping[str, str] = {}
ASKED_FOR = ("serve_demand", "serve_deferred")
"""What is asked for, not a limit: its worth is told by workload."""


def machines_of(plan: Plan) -> dict[str, str]:
    """What a plan buys of each group, in words."""
    names: dict[str, list[str]] = {}
    for p in plan.purchases:
        names.setdefault(p.group, []).append(f"{p.provider} {p.machine}")
    return {g: " and ".join(dict.fromkeys(bought)) for g, bought in names.items()}


def rules_of(families: Sequence[Family], held: HeldFleet, plan: Plan) -> tuple[Rule, ...]:
    """A sentence for every family that has rows, filled in for the row whose dual is largest."""
    out = []
    for family in families:
        rows = {label: row for (name, label), row in held.model.rows.items() if name == family.name}
        if not rows:
            continue
        dual = {label: abs(held.answer.duals.get((family.name, label), 0.0)) for label in rows}
        tight = [label for label, row in rows.items() if room(row) <= TIGHT]
        example = max(tight or rows, key=lambda label: dual[label])
        out.append(
            Rule(
                family=family.name,
                says=sentence(family.says, family.over, example, machines_of(plan)),
                rows=len(rows),
                tight=len(tight),
                unit=family.unit,
                dual_usd_month=dual[example],
            )
        )
    return tuple(out)


def sentence(words: str, over: Sequence[str], label: Sequence[str], machines: Mapping[str, str] = NO_NAMES) -> str:
    """A card's words with the names of one row in them; a row that has others is told as any.

    `machines`: what a plan buys of a group, by its label.

    >>> sentence("{quota} is kept during {block}", ("quota", "block"), ("32 GPUs of aws", "mon 09-10"))
    '32 GPUs of aws is kept during mon 09-10'
    """
    names = dict(zip(over, label, strict=True)) if len(over) == len(label) else {each: f"any {each}" for each in over}
    for each, name in names.items():
        words = words.replace(f"{{{each}}}", machines.get(name, name))
    return words


def limits_of(families: Sequence[Family], facts: Facts) -> Iterator[tuple[Limit, Problem | None]]:
    """Every limit of the user's with rows in the plan's program, and the problem with one unit more of it."""
    for family in families:
        rows = {label: row for (name, label), row in facts.held.model.rows.items() if name == family.name}
        if family.relaxed is None or family.name in ASKED_FOR or not rows:
            continue
        known = ONE_MORE.get(family.name)
        if known is None:
            yield by_its_card(family, rows, facts), None
            continue
        for each in known(facts):
            mine = {label: room(row) for label, row in rows.items() if not each.first or label[0] == each.first}
            # Rows that have other indices only link what the limit counts.
            mine = {label: left for label, left in mine.items() if len(label) == len(family.over)} or mine
            if not mine:
                continue
            label = min(mine, key=lambda label: mine[label])
            left = mine[label] if each.left is None else each.left
            binds = left < each.one_unit * (1 - TIGHT) + TIGHT
            limit = Limit(
                family=family.name,
                says=sentence(family.says, family.over, label, machines_of(facts.plan)),
                limit=each.limit,
                unit=family.unit,
                binds=binds,
                when=hours_of(family, label),
                room=left,
                one_more=each.one_more,
            )
            yield limit, each.problem


def by_its_card(family: Family, rows: Mapping[tuple[str, ...], Any], facts: Facts) -> Limit:
    """A limit that nothing is known of but its card: told by the row with the largest dual, the fleet held."""
    dual = {label: abs(facts.held.answer.duals.get((family.name, label), 0.0)) for label in rows}
    machines = machines_of(facts.plan)
    label = min(rows, key=lambda label: (room(rows[label]), -dual[label]))
    tight = room(rows[label]) <= TIGHT
    return Limit(
        family=family.name,
        says=sentence(family.says, family.over, label, machines),
        limit="",
        unit=family.unit,
        binds=tight,
        when=hours_of(family, label),
        room=room(rows[label]),
        one_more=sentence(family.relaxed or "", family.over, label, machines),
        usd_month=dual[label] if tight else None,
        how="dual" if tight else None,
    )


def hours_of(family: Family, label: Sequence[str]) -> str:
    """The hours of the week that a row is of; empty: the whole month."""
    return label[family.over.index("block")] if "block" in family.over else ""
