"""What runs on the machines and what is bought from APIs, as sections of the terminal page."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from planner.deployed import ClassRate, DeploymentPlan, Lane
from planner.outputs.figures import count, percent, things, usd, usd_fine
from planner.outputs.page import Line, Page
from planner.plan import ApiPurchase, Plan, WorkloadPlan

SOURCE_WORDS = {"measured": "measured", "corrected": "corrected", "modeled": "modeled", "given": "own table"}


def show_deployments(plan: Plan, page: Page) -> None:
    """What runs: replicas at the busiest hour, the latency they keep, how sure their rates are."""
    if not plan.deployments:
        return
    lines = []
    by_the_hour = {purchase.group for purchase in plan.purchases if purchase.billing == "hourly"}
    for deployment in plan.deployments:
        replicas = max(deployment.replicas_by_block.values(), default=0)
        rates = served_rates(deployment)
        kv = "" if deployment.kv_precision in ("bf16", "") else f", KV {deployment.kv_precision}"
        what = f"{deployment.model} {deployment.precision}".strip() or "your own engine"
        served = ", ".join(_workloads(plan, rates))
        lines.append(
            Line(
                f"{things(replicas, 'replica')} of {what}, each {deployment.where}",
                (", ".join(dict.fromkeys(SOURCE_WORDS[rate.source] for rate in rates)), band(rates)),
                [
                    f"{_engine(deployment)}{kv}; for {served}: {objectives(deployment.lane)}".lstrip("; "),
                    *features(deployment, rates),
                    *stands_ready(plan, deployment),
                    *(scale_up(deployment) if deployment.group in by_the_hour else []),
                ],
            )
        )
    page.table("What runs, at most", ("rates", "80 % band"), lines)


def stands_ready(plan: Plan, deployment: DeploymentPlan) -> list[str]:
    """What replicas take over should another place be lost, in one line; none where nothing of the kind is promised."""
    if not any(each.ready for each in plan.deployments):
        return []
    where = sorted({purchase.provider for purchase in plan.purchases if purchase.group == deployment.group})
    by_block: dict[str, float] = defaultdict(float)
    for each in deployment.ready:
        by_block[each.block] += each.req_s
    most = max(by_block.values(), default=0.0)
    takes = f"takes up to {most:.3g} requests/s if another place is lost" if most else "takes nothing over"
    return [f"at {' and '.join(where)}: {takes}"]


def scale_up(deployment: DeploymentPlan) -> list[str]:
    """When an autoscaler should add a replica, in one line; none where waiting is not limited or never allowed.

    A slot opens every service time / slots, so with n requests waiting for each replica the next waits n times that.
    """
    queue = deployment.queue
    if queue is None or not queue.wait_s:
        return []
    each = "part" if deployment.part else "GPU"
    waiting = queue.wait_s * queue.slots / queue.service_s / (deployment.tp * deployment.pp)
    if waiting < 1:
        return ["autoscaler: add a replica before anything waits"]
    wait = "waits" if waiting < 2 else "wait"
    return [f"autoscaler: add a replica before {things(math.floor(waiting), 'request')} {wait} for each {each}"]


def served_rates(deployment: DeploymentPlan) -> list[ClassRate]:
    """The rates that the plan leans on: of the classes served here."""
    served = {part.request_class for part in deployment.served if part.req_s > 0}
    return [rate for rate in deployment.rates if rate.request_class in served] or list(deployment.rates)


def band(rates: Sequence[ClassRate]) -> str:
    """Where the true rates lie with 80 % probability: "-20 to +25 %"; "-" for rates that were given."""
    estimated = [rate for rate in rates if rate.source != "given"]
    if not estimated:
        return "-"
    low = min(rate.low_share for rate in estimated)
    high = max(rate.high_share for rate in estimated)
    return f"{(low - 1) * 100:+.0f} to {(high - 1) * 100:+.0f} %"


def objectives(lane: Lane) -> str:
    """The latency that a lane keeps, in words."""
    limits = (("first token", lane.ttft_ms), ("per token", lane.tpot_ms), ("whole request", lane.e2e_ms))
    kept = [f"{name} {_duration(limit)}" for name, limit in limits if limit is not None]
    return f"{lane.percentile} {', '.join(kept)}" if kept else "no latency limit"


def features(deployment: DeploymentPlan, rates: Sequence[ClassRate]) -> list[str]:
    """What the engine does beside plain continuous batching, in one line, and who says so."""
    run, parts = deployment.features, []
    if run.batching == "static":
        parts.append("static batching")
    if run.chunked_prefill is not None:
        parts.append("chunked prefill" if run.chunked_prefill else "no chunked prefill")
    kinds = (("prefix caching", "prefix_hit_share"), ("KV offload", "offload_hit_share"))
    for name, field in kinds:
        hits = sorted({getattr(rate, field) for rate in rates})
        if hits[-1:] > [0]:
            shares = " to ".join(percent(share) for share in dict.fromkeys((hits[0], hits[-1])))
            parts.append(f"{name}, {shares} hit (stated by you)")
    if draft := run.speculative:
        accepted = percent(draft.acceptance_share)
        parts.append(
            f"speculative decoding, {things(draft.draft_tok, 'token')} at {accepted} (claim of yours, not measured)"
        )
    return [f"engine: {', '.join(parts)}"] if parts else []


def _duration(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms < 1000 else f"{ms / 1000:,.4g} s"


def _engine(deployment: DeploymentPlan) -> str:
    parallel = [f"tp {deployment.tp}"] if deployment.tp > 1 else []
    parallel += [f"pp {deployment.pp}"] if deployment.pp > 1 else []
    spot = ["on spot"] if deployment.market == "spot" else []
    return " ".join([deployment.engine, *parallel, *spot])


def _workloads(plan: Plan, rates: Sequence[ClassRate]) -> list[str]:
    """The workloads of the classes; a class is called after its workload, or "<workload>/<lengths>"."""
    names = {workload.name for workload in plan.workloads}
    labels = [rate.request_class for rate in rates]
    found = (label if label in names else label.rpartition("/")[0] or label for label in labels)
    return list(dict.fromkeys(found))


def models_of(workload: WorkloadPlan) -> list[str]:
    """Which model serves how much of a workload and how good that is; nothing where one model without a score does."""
    scored = [each for each in workload.models if each.score is not None]
    if len(workload.models) < 2 and not scored:
        return []
    shares = []
    for each in workload.models:
        what = f"{each.model} {each.precision}" if each.precision else f"{each.model} from an API"
        score = "" if each.score is None else f" (scores {each.score:g})"
        shares.append(f"{percent(each.share)} on {what}{score}")
    lines = [", ".join(shares)]
    if workload.mean_score is not None and workload.least_mean_score is not None:
        asked = "" if workload.mean_score_asked is None else f"; at least {workload.mean_score_asked:g} is asked"
        mean, least = f"{workload.mean_score:.4g}", f"{workload.least_mean_score:.4g}"
        worst = "no less in any hour" if mean == least else f"{least} in the hour in which it is lowest"
        lines.append(f"mean score {mean}, {worst}{asked}")
    sources = dict.fromkeys(f"{each.evidence}, {each.observed_on}" for each in scored)
    return [*lines, f"scores: {'; '.join(sources)}"] if sources else lines


def show_apis(plan: Plan, page: Page) -> None:
    """Tokens bought, one line for each API and workload."""
    if not plan.apis:
        return
    together: dict[tuple[str, str, str, float, float], list[ApiPurchase]] = defaultdict(list)
    for api in plan.apis:
        prices = (api.input_usd_mtok, api.output_usd_mtok)
        together[(api.provider, api.api_model_id, api.workload, *prices)].append(api)
    lines = [
        Line(
            f"{provider} {model}",
            (
                count(sum(api.requests_month for api in apis)),
                usd(sum(api.usd_month for api in apis), page.cents),
            ),
            [f"for {workload}: {usd_fine(usd_in)} in, {usd_fine(usd_out)} out per Mtok, seen {_seen(apis)}"],
        )
        for (provider, model, workload, usd_in, usd_out), apis in together.items()
    ]
    page.table("What to buy from APIs", ("requests/month", "USD/month"), lines)


def _seen(apis: Sequence[ApiPurchase]) -> str:
    return str(min(api.observed_on for api in apis))
