"""Decide which GPUs to buy, rent and reserve to serve language models.

    import planner
    problem = planner.load("problems/enterprise70b.yaml")
    plan = planner.solve(problem)

`load` reads and checks a problem file; `solve` finds the cheapest plan, proves how good it is and audits it.
"""

from planner.verbs import load, solve

__all__ = ["load", "solve"]
