r"""Write docs/mathematics.md: what is chosen, minimized and demanded, from the code that does it.

Formulas, sentences and meanings of duals are the docstrings of `ROWS` and `COSTS`; the table of notation is
the comments beside the fields of `planner.inputs` and `Variables`.  Nothing is said twice, so nothing drifts.

    python -m planner.formulation.page          rewrites the page
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from planner import formulation, inputs
from planner.formulation.family import Cost, Family
from planner.formulation.variables import Variables

PAGE = Path(__file__).parents[2] / "docs" / "mathematics.md"
FIELD = re.compile(r"    (?P<name>\w+): (?P<code>.*?)(?:  # (?P<comment>.*))?")
COLUMNS = re.compile(r"(?P<symbol>\S+) {2,}(?P<rest>.*)")
MATH = re.compile(r"\.\. math::(?P<inline>[^\n]*)\n?(?P<block>(?:[ ]{4}[^\n]+(?:\n|$))*)")


def notation(owner: type) -> Iterator[tuple[str, str, str]]:
    """(symbol, field, meaning and unit) of every field of a dataclass, from the comments beside them.

    A field without a comment is told by its type; lists kept to find variables quickly are left out.
    """
    for line in inspect.getsource(owner).splitlines():
        found = FIELD.fullmatch(line)
        if not found or "list[" in found["code"]:
            continue
        comment = found["comment"] or ""
        columns = COLUMNS.fullmatch(comment)
        if columns:
            yield columns["symbol"], found["name"], columns["rest"].strip()
        else:
            yield "", found["name"], comment.strip() or type_of(found["code"])


def type_of(code: str) -> str:
    """The type in a field's code, as a cell of a table."""
    plain = code.split(" = ")[0].replace("|", "\\|")
    return f"`{plain}`"


def symbol(plain: str) -> str:
    r"""H_b as mathematics; an index of several letters is held together.

    >>> symbol("D_kb")
    '$D_{kb}$'
    """
    letter, _, index = plain.partition("_")
    if not letter:
        return ""
    if len(letter) > 1:
        letter = f"\\{letter}"
    return f"${letter}_{{{index}}}$" if index else f"${letter}$"


def table(owner: type) -> str:
    """The fields of a dataclass as a table of notation."""
    rows = [f"| {symbol(letter)} | `{name}` | {meaning} |" for letter, name, meaning in notation(owner)]
    return "\n".join(["| symbol | name | meaning and unit |", "|---|---|---|", *rows])


def rendered(docstring: str) -> str:
    """A docstring with its `.. math::` as blocks that GitHub renders."""

    def block(found: re.Match[str]) -> str:
        lines = textwrap.dedent(found["block"]).strip() if not found["inline"].strip() else found["inline"].strip()
        rest = "" if not found["inline"].strip() else found["block"]
        return f"```math\n{lines}\n```\n{rest}"

    return MATH.sub(block, inspect.cleandoc(docstring)).strip()


def link(part: Family | Cost) -> str:
    """Where the function stands, as a link from docs/."""
    path = Path(inspect.getsourcefile(part.build) or "")
    return f"[`{part.name}`](../planner/formulation/{path.name})"


def family_section(family: Family) -> str:
    """One constraint family: its sentence, formula, unit and what giving way would mean."""
    over = ", ".join(family.over) or "once"
    lines = [
        f"### {family.name}",
        rendered(family.formula),
        f"- one row for each: {over}; unit: {family.unit}",
        f"- says: {family.says}",
    ]
    if family.relaxed:
        lines.append(f"- way out where it cannot be kept: {family.relaxed}")
    lines.append(f"- {link(family)}")
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])


def cost_section(cost: Cost) -> str:
    """One line of the bill."""
    sentence = f"{cost.says[0].upper()}{cost.says[1:]} [USD/month]."
    return f"### {cost.name}\n\n{sentence}\n\n{rendered(cost.formula)}\n\n- {link(cost)}"


def letters() -> str:
    """The index letters, as the docstring of `planner.inputs` lists them."""
    listed = inspect.cleandoc(inputs.__doc__ or "").split("Index letters, the same everywhere:")[1]
    return f"```\n{textwrap.dedent(listed).strip()}\n```"


def page() -> str:
    """The whole page."""
    summary = inspect.cleandoc(formulation.__doc__ or "").split("Each line names a function")[0]
    parts = [
        "# The mathematics",
        "<!-- Written by `python -m planner.formulation.page` from planner/formulation and planner/inputs.py. -->",
        f"```\n{summary.strip()}\n```",
        "## Index letters",
        letters(),
        "## What is chosen",
        table(Variables),
        "## What is given",
        *(
            f"### {owner.__name__}\n\n{inspect.cleandoc(owner.__doc__ or '')}\n\n{table(owner)}"
            for owner in (
                inputs.FleetInputs,
                inputs.Offer,
                inputs.Window,
                inputs.Quota,
                inputs.MinimumOrder,
                inputs.Blend,
                inputs.FewKinds,
                inputs.Tariff,
                inputs.Proved,
            )
        ),
        "## What is minimized",
        *(cost_section(cost) for cost in formulation.COSTS),
        "## What must hold",
        *(family_section(family) for family in formulation.ROWS),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
