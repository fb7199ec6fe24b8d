"""What a buyer limits that may give way: quotas, orders, cash, budget, spread, and what is survived."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from planner.analysis.knobs import kept_share
from planner.analysis.loosening import MOST, Loosening, below, card, number, percents, three_digits
from planner.limits import quota_words
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.solution import Solution

TERMS_MONTHS = (1, 3, 6, 12, 36)


def buying(problem: Problem) -> Iterator[Loosening]:
    """What may be bought: quotas, orders, length of terms, cash."""
    bought, at = problem.procurement, ("procurement",)
    for i, quota in enumerate(bought.quotas):
        for what in ("gpus", "machines", "vcpus"):
            now = getattr(quota, f"max_{what}")
            if now is not None:
                unit = {"gpus": "GPUs", "vcpus": "vCPUs"}.get(what, what)
                says = card("within_quota", quota=quota_words(problem, i))
                counted = (*at, "quotas", i, f"max_{what}")
                yield number(problem, counted, range(now + 1, MOST + 1), says, unit, "within_quota")
    for i, order in enumerate(bought.minimum_orders):
        says = card("minimum_order", order=f"minimum order {i + 1}, or make it smaller")
        fewer = range(order.min_machines - 1, 0, -1)
        here = (*at, "minimum_orders", i, "min_machines")
        yield number(problem, here, fewer, says, "machines", "minimum_order")
    if not bought.terms:
        longer = [months for months in TERMS_MONTHS if months > bought.max_term_months]
        yield number(problem, (*at, "max_term_months"), longer, "sign for longer terms", "months")
    if bought.max_upfront_usd is not None:
        says = card("within_upfront_cash")
        whole = range(math.floor(bought.max_upfront_usd) + 1, 1000 * MOST)
        found = number(problem, (*at, "max_upfront_usd"), whole, says, "USD", "within_upfront_cash")
        yield replace(found, used=upfront_usd)
    if problem.apis.max_req_s is not None:
        says = card("within_api_rate", API="every API", workload="any workload")
        values = three_digits(problem.apis.max_req_s, 1000 * problem.apis.max_req_s)
        yield number(problem, ("apis", "max_req_s"), values, says, "requests/s", "within_api_rate")


def upfront_usd(reduced: Reduced, solution: Solution) -> float:
    """Cash that a plan pays at once [USD]."""
    offers = reduced.inputs.offers
    return sum(offers[o].upfront_usd * n for o, n in solution.always.items() if offers[o].existing is None)


def quoted(problem: Problem) -> Iterator[Loosening]:
    """What sellers ask and hold: smallest orders, lots, machines to be had."""
    bought, at = problem.procurement, ("procurement",)
    for i, quote in enumerate(bought.quotes):
        what, here = f"{quote.term} {quote.machine or quote.gpu} of {quote.provider}", (*at, "quotes", i)
        order = card("minimum_order", order=f"the smallest order of {what}, or make it smaller")
        fewer = range(quote.min_machines - 1, 0, -1)
        yield number(problem, (*here, "min_machines"), fewer, order, "machines", "minimum_order")
        single = [1.0] if quote.multiple_of > 1 else []
        says = card("whole_lots", offer=what)
        yield number(problem, (*here, "multiple_of"), single, says, "machines", "whole_lots")
        if quote.max_machines is not None:
            more = range(quote.max_machines + 1, MOST + 1)
            yield number(problem, (*here, "max_machines"), more, f"find more {what}", "machines")
    for i, owned in enumerate(bought.purchases):
        if owned.max_machines is not None:
            more, path = range(owned.max_machines + 1, MOST + 1), (*at, "purchases", i, "max_machines")
            yield number(problem, path, more, f"buy more {owned.machine or owned.gpu} for {owned.provider}", "machines")
    for i, spend in enumerate(bought.spend_quotes):
        says = card("minimum_order", order=f"the smallest promise to {spend.provider}, or make it smaller")
        path = (*at, "spend_quotes", i, "min_usd_h")
        yield number(problem, path, below(spend.min_usd_h, 0), says, "USD/h", "minimum_order")


def survived(problem: Problem) -> Iterator[Loosening]:
    """What goes on when something is lost."""
    asked, spot = problem.resilience, problem.spot
    shares = [n / 100 for n in range(math.ceil(asked.kept_share * 100 - 1e-9) - 1, -1, -1)]
    lost = [what for what in ("machine", "region", "provider") if getattr(asked, what)]
    families = {what: "survive_machine_loss" if what == "machine" else "survive_place_loss" for what in lost}
    if lost:
        yield Loosening(
            key="resilience.kept_share",
            says=giving_way(families[lost[0]], f"any {' or '.join(lost)}"),
            turn=kept_share,
            values=shares,
            now=asked.kept_share,
            unit="share",
            family=families[lost[0]],
        )
    for what in lost if len(lost) > 1 else ():
        yield Loosening(
            key=f"resilience.{what}",
            says=f"promise nothing for the loss of a {what}",
            turn=partial(not_survived, what),
            family=families[what],
        )
    kept = [n / 100 for n in range(math.ceil(spot.kept_share * 100 - 1e-9) - 1, -1, -1)]
    says = giving_way("survive_place_loss", "a spot pool")
    yield number(problem, ("spot", "kept_share"), kept, says, "share", "survive_place_loss")
    if spot.max_machines_pool is not None:
        more = range(spot.max_machines_pool + 1, MOST + 1)
        says = "take more spot machines of one pool"
        yield number(problem, ("spot", "max_machines_pool"), more, says, "machines")


def giving_way(family: str, lost: str) -> str:
    """What it means to promise less for a loss."""
    words = {"group": "what is promised", "class": "some of what is promised", "loss": lost, "block": "any hour"}
    return card(family, **words)


def not_survived(what: str, problem: Problem, _: float) -> Problem:
    """The problem without that loss."""
    return problem.model_copy(update={"resilience": problem.resilience.model_copy(update={what: False})})


def spreading(problem: Problem) -> Iterator[Loosening]:
    """How far a fleet is spread, and how few kinds it has."""
    words = {"provider": "one provider", "workload": "any workload", "block": "any hour"}
    for family, of in (("within_provider_share", "traffic"), ("within_provider_spend", "spend")):
        key = f"max_provider_{of}_share"
        share = getattr(problem.spread, key)
        yield number(problem, ("spread", key), percents(share), card(family, **words), "share", family)
    for what in ("providers", "regions", "gpu_types", "deployments"):
        now = getattr(problem.spread, f"max_{what}")
        if now is not None:
            unit = what.replace("gpu_", "GPU ")
            says = card("within_few_kinds", limit=f"the number of {unit}")
            yield number(problem, ("spread", f"max_{what}"), range(now + 1, 1001), says, unit, "within_few_kinds")


def spending(problem: Problem) -> Iterator[Loosening]:
    """The budget, in whole dollars."""
    if problem.budget is not None:
        whole = range(math.floor(problem.budget.usd_month) + 1, 1000 * MOST)
        says = card("within_budget")
        yield number(problem, ("budget", "usd_month"), whole, says, "USD/month", "within_budget")
