"""A plan as CSV tables for a spreadsheet: one each for what is bought, promised, run, paid and left out.

Units stand in the column names, shares are 0 to 1, numbers are not rounded.  The tables are written whole
or not at all.  Text that a spreadsheet would run as a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import errno
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planner.committed import Commitment, SpendPurchase
from planner.deployed import DeploymentPlan
from planner.errors import Complaint, InputError
from planner.outputs.figures import plain
from planner.outputs.schedule import levels
from planner.plan import Plan

Row = dict[str, Any]

OFFER_COLUMNS = ("provider", "region", "country", "machine", "gpu", "gpus", "term", "existing")
PURCHASE_COLUMNS = (
    *OFFER_COLUMNS,
    *("billing", "count", "hours_month", "covered_hours_month", "usd_h", "usd_month", "upfront_usd"),
    "minimum_rental_h",
    *(
        "starts_week",
        "starts_usd_month",
        "interruptions_month",
        "serving_share",
        "interruptions_source",
        "busy_share",
        "group",
        "source",
        "observed_on",
    ),
    "ends_on",
)
CHANGE_COLUMNS = (
    *("verdict", "provider", "region", "machine", "gpu", "gpus", "term", "count"),
    *("ends_on", "ends_within_month", "usd_month"),
)
SPEND_COLUMNS = (
    *(
        "provider",
        "term",
        "existing",
        "ends_on",
        "usd_h",
        "usd_month",
        "upfront_usd",
        "step_usd_h",
        "region",
        "machine",
        "gpu",
        "gpus",
    ),
    *("on_demand_usd_h", "covered_usd_h", "covered_hours_month", "source", "observed_on"),
)
SCHEDULE_COLUMNS = (*OFFER_COLUMNS, "when", "machines", "hours_week", "hours_month")
ENDPOINT_COLUMNS = (
    *("provider", "machine", "workload", "deployment", "block", "workers", "warm", "billed_share", "starts_h"),
    *("cold_share", "warm_usd_h", "cold_start_s", "cold_start_billed", "idle_s"),
)
RATE_COLUMNS = (
    *("request_class", "req_s", "estimate_req_s", "low_share", "high_share", "concurrency"),
    *("ttft_ms", "prompt_ms", "input_scv", "tpot_ms", "service_s", "source", "reason"),
    *("prefix_hit_share", "offload_hit_share"),
)
DEPLOYMENT_COLUMNS = (
    *("name", "model", "precision", "kv_precision", "engine", "features", "gpu", "tp", "pp", "part"),
    *("market", "group"),
    *("objective_ttft_ms", "objective_tpot_ms", "objective_e2e_ms", "objective_percentile"),
    *("replicas_peak", "replica_hours_month"),
    *RATE_COLUMNS,
    "served_req_s_peak",
    "ready_req_s_peak",
)
API_COLUMNS = (
    *("workload", "request_class", "provider", "model", "api_model_id", "input_usd_mtok", "output_usd_mtok"),
    *("requests_month", "usd_month", "source", "observed_on"),
)
WORKLOAD_COLUMNS = (
    *("name", "requests_month", "input_mtok_month", "output_mtok_month", "usd_month", "usd_mtok_output"),
    *("usd_mtok_total", "api_share", "spot_share", "burst_factor", "merging_note"),
    *("models", "mean_score", "least_mean_score", "mean_score_asked"),
)
COST_COLUMNS = ("line", "usd_month", "decided")
DROPPED_COLUMNS = ("kind", "reason", "count", "nearest")


def write_tables(plan: Plan, folder: Path) -> tuple[Path, ...]:
    """Write the twelve tables into `folder` and return their paths; what else is there stays.

    Raises InputError if that cannot be done; tables of an earlier plan are then as they were.
    """
    tables = tables_of(plan)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            for name, (columns, rows) in tables.items():
                write_csv(stage / name, columns, rows)
            folder.mkdir(exist_ok=True)
            _move_all(stage, folder, list(tables))
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        what = f"the tables cannot be written here: {error.strerror or error}."
        remedy = "Close programs that have them open, or name another folder."
        raise InputError([Complaint(str(error.filename2 or error.filename or folder), f"{what}  {remedy}")]) from error
    return tuple(folder / name for name in tables)


def tables_of(plan: Plan) -> dict[str, tuple[tuple[str, ...], list[Row]]]:
    """File name -> columns and rows."""
    tags = sorted({tag for workload in plan.workloads for tag in workload.tags})
    return {
        "purchases.csv": (PURCHASE_COLUMNS, [purchase.model_dump() for purchase in plan.purchases]),
        "spends.csv": (SPEND_COLUMNS, [row for spend in plan.spends for row in _spend_rows(spend)]),
        "commitments.csv": (tuple(Commitment.model_fields), [each.model_dump() for each in plan.commitments]),
        "changes.csv": (CHANGE_COLUMNS, [change.model_dump() for change in plan.changes]),
        "schedule.csv": (SCHEDULE_COLUMNS, _schedule_rows(plan)),
        "endpoints.csv": (ENDPOINT_COLUMNS, _endpoint_rows(plan)),
        "deployments.csv": (
            DEPLOYMENT_COLUMNS,
            [row for deployment in plan.deployments for row in _deployment_rows(plan, deployment)],
        ),
        "apis.csv": (API_COLUMNS, [api.model_dump() for api in plan.apis]),
        "workloads.csv": (
            (*WORKLOAD_COLUMNS, *(f"tag:{tag}" for tag in tags)),
            [
                workload.model_dump()
                | {"models": "; ".join(f"{m.model} {m.precision}".strip() for m in workload.models)}
                | {f"tag:{tag}": text for tag, text in workload.tags.items()}
                for workload in plan.workloads
            ],
        ),
        "costs.csv": (COST_COLUMNS, [cost.model_dump() for cost in plan.costs]),
        "egress.csv": (
            ("providers", "gb_month", "usd_month", "usd_gb"),
            [
                each.model_dump() | {"providers": " and ".join(each.providers), "usd_gb": each.usd_gb}
                for each in plan.sent
            ],
        ),
        "dropped.csv": (DROPPED_COLUMNS, [dropped.model_dump() for dropped in plan.dropped]),
    }


def _spend_rows(spend: SpendPurchase) -> list[Row]:
    """A row for each machine that a promise pays for; one without where it pays for none."""
    return [
        spend.model_dump()
        | {key: getattr(each, key) for key in ("region", "machine", "gpu", "gpus", "on_demand_usd_h")}
        | {"covered_usd_h": each.usd_h, "covered_hours_month": each.hours_month}
        for each in spend.covers
    ] or [spend.model_dump()]


def _schedule_rows(plan: Plan) -> list[Row]:
    return [
        purchase.model_dump()
        | {
            "when": level.when,
            "machines": level.machines,
            "hours_week": len(level.hours),
            "hours_month": level.month_h,
        }
        for purchase in plan.purchases
        for level in levels(purchase.machines_by_block, plan.blocks)
    ]


def _endpoint_rows(plan: Plan) -> list[Row]:
    """A row for each endpoint and block."""
    return [
        {"provider": purchase.provider, "machine": purchase.machine}
        | purchase.endpoint.model_dump()
        | each.model_dump()
        for purchase in plan.purchases
        if purchase.endpoint is not None
        for each in purchase.endpoint.hours
    ]


def _deployment_rows(plan: Plan, deployment: DeploymentPlan) -> list[Row]:
    replicas = deployment.replicas_by_block
    whole = deployment.model_dump() | {
        **{f"objective_{key}": value for key, value in deployment.lane.model_dump().items()},
        "features": deployment.features.label,
        "part": deployment.part.words("a GPU") if deployment.part else "",
        "replicas_peak": max(replicas.values(), default=0),
        "replica_hours_month": sum(replicas.get(block.label, 0) * block.month_h for block in plan.blocks),
    }
    return [
        whole
        | rate.model_dump()
        | {
            "ready_req_s_peak": max(
                (part.req_s for part in deployment.ready if part.request_class == rate.request_class), default=0.0
            ),
            "served_req_s_peak": max(
                (part.req_s for part in deployment.served if part.request_class == rate.request_class),
                default=0,
            ),
        }
        for rate in deployment.rates
    ]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """One table; keys of a row that are no columns are left out, missing ones are empty cells."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([safe_cell(column) for column in columns])
        writer.writerows([safe_cell(row.get(column)) for column in columns] for row in rows)


def safe_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else value
    text = plain(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _move_all(stage: Path, folder: Path, names: Sequence[str]) -> None:
    """Put every file in its place, or none: one that is open elsewhere brings the earlier ones back."""
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder has this name", str(folder / name))
    before = stage / "before"
    before.mkdir()
    placed: list[str] = []
    try:
        for name in names:
            if (folder / name).exists():
                (folder / name).replace(before / name)
            placed.append(name)
            (stage / name).replace(folder / name)
    except OSError:
        for name in placed:
            (folder / name).unlink(missing_ok=True)
            if (before / name).exists():
                (before / name).replace(folder / name)
        raise
