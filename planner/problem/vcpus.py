"""Quotas in vCPUs need the vCPUs of all that is quoted or there already."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.load import Catalog
from planner.problem.matching import allows, named
from planner.problem.places import Finding
from planner.problem.procurement import ExistingCommitment, Quota, Quote
from planner.problem.schema import Problem


def unknown_vcpus(problem: Problem, catalog: Catalog) -> Iterator[Finding]:
    """Quotes and existing machines whose vCPUs a quota counts and nobody says; `problem` in the catalog's spelling."""
    buying = problem.procurement
    own: list[tuple[str, int, Quote | ExistingCommitment]] = [("quotes", i, row) for i, row in enumerate(buying.quotes)]
    own += [("existing", i, row) for i, row in enumerate(buying.existing)]
    for key, index, row in own:
        if row.vcpus is not None or (row.provider, row.machine or "") in catalog.vcpus:
            continue
        gpu = catalog.gpus.get(row.gpu)
        for number, quota in enumerate(buying.quotas, 1):
            if quota.max_vcpus is not None and counts(quota, row, gpu.vendor if gpu else ""):
                what = f"is missing: quota {number} counts vCPUs, and those of this machine are not in the catalog."
                yield Finding(("procurement", key, index, "vcpus"), what + "  Add `vcpus:`.")
                break


def counts(quota: Quota, row: Quote | ExistingCommitment, vendor: str) -> bool:
    """Whether a quota counts a machine; what is already paid for was bought on no term of today."""
    term = row.term if isinstance(row, Quote) else None
    return (
        (not quota.terms or term in quota.terms)
        and (quota.machine is None or named(row.machine or "", [quota.machine]))
        and allows(quota.where, row, vendor)
    )
