"""Read a plan that was written, be it of `plan solve` or of `plan evaluate`."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from planner.errors import Complaint, InputError
from planner.evaluation import Evaluation
from planner.plan import Plan


def read_plan(path: str | Path) -> tuple[Plan, tuple[str, ...]]:
    """A plan as `solve` writes it, or that of an evaluation, and what must be known to compare it.

    Raises `InputError` where the file holds neither, or no fleet.
    """

    def refuse(what: str) -> InputError:
        return InputError([Complaint(str(path), what)])

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise refuse(f"cannot be read: {why}.  Give a file that `plan solve -o` or `plan evaluate -o` wrote.") from None
    try:
        plan, said = Plan.from_json(text), tuple[str, ...]()
    except ValidationError:
        try:
            found = Evaluation.model_validate_json(text)
        except ValidationError:
            raise refuse("is no plan.  Give JSON that `plan solve -o` or `plan evaluate -o` wrote.") from None
        plan, said = found.plan.model_copy(update={"problem": f"{found.fleet} for {found.problem}"}), caveats(found)
    if plan.usd_month is None:
        raise refuse(f"holds no plan: its status is {plan.status}.  Give one that was found.")
    return plan, said


def caveats(found: Evaluation) -> tuple[str, ...]:
    """What the bill of an evaluated fleet leaves out."""
    out = []
    if found.unserved:
        who = ", ".join(sorted({each.workload for each in found.unserved}))
        out.append(f"{found.fleet} does not serve all of {who}: its bill is for what it serves.")
    if found.broken:
        out.append(f"{found.fleet} breaks rules of its problem ({len(found.broken)}; see its evaluation).")
    return tuple(out)
