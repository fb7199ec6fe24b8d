"""What contradicts itself in who may be sent a workload's requests."""

from __future__ import annotations

from collections.abc import Iterator

from planner.problem.places import Finding, KeyPath
from planner.problem.schema import Problem
from planner.problem.wording import did_you_mean
from planner.problem.workload import AcceptableModel


def api_rules(problem: Problem) -> Iterator[Finding]:
    """Shares of APIs that are not allowed, batch prices by half, hosts of weights that no workload has."""
    for name, workload in problem.workloads.items():
        at: KeyPath = ("workloads", name, "api_max_share")
        stated = "api_max_share" in workload.model_fields_set and workload.api_max_share > 0
        if stated and not (workload.apis and problem.apis.allow):
            what = f"{workload.api_max_share:g} may be bought from APIs, but APIs are not allowed."
            yield Finding(at, what + "  Allow them with `apis: true`, or leave it out.")
    weights = {
        each.private
        for workload in problem.workloads.values()
        for each in workload.models
        if isinstance(each, AcceptableModel) and each.private
    }
    for index, quote in enumerate(problem.apis.quotes):
        at = ("apis", "quotes", index)
        if (quote.batch_input_usd_mtok is None) != (quote.batch_output_usd_mtok is None):
            missing = "batch_input_usd_mtok" if quote.batch_input_usd_mtok is None else "batch_output_usd_mtok"
            yield Finding((*at, missing), f"is missing: a batch has a price for both.  Add `{missing}:`.")
        if quote.private and quote.private not in weights:
            what = f'"{quote.private}": no workload has private weights of that name.'
            yield Finding((*at, "private"), what + did_you_mean(quote.private, weights))
