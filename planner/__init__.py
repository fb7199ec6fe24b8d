"""Decide which GPUs to buy, rent and reserve to serve language models.

    import planner
    problem = planner.load("problems/enterprise70b.yaml")
    plan = planner.solve(problem)

`load` reads and checks a problem file; `solve` finds the cheapest plan, proves how good it is and audits it;
`sweep` solves again at other prices or loads; `evaluate` costs and checks a fleet that is given (`load_fleet`);
`compare` puts two plans beside each other; `robust` finds one plan for many scenarios; `explain` says why a plan
is as it is; `alternatives` finds plans that cost little more.  They are imported when first asked for: `plan --help` is
quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.explaining import alternatives, explain
    from planner.verbs import compare, evaluate, load, load_fleet, robust, solve, sweep

__all__ = ["alternatives", "compare", "evaluate", "explain", "load", "load_fleet", "robust", "solve", "sweep"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from planner import explaining, verbs

    return getattr(explaining if hasattr(explaining, name) and not hasattr(verbs, name) else verbs, name)
