"""May the tokens that a plan buys be bought, at that price, so fast and so many?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from planner.audit.evidence import Evidence, Finding, above, acceptable, differs, usd_differs
from planner.catalog.rows import ApiPrice
from planner.plan import ApiPurchase
from planner.problem.apis import ApiQuote
from planner.problem.matching import named
from planner.problem.workload import Workload


def apis_allowed(e: Evidence) -> Finding:
    """APIs are used only by workloads that may, from providers that are allowed, with models accepted."""
    breaches: list[str] = []
    for each in e.plan.apis:
        at = f"{each.workload} on the API of {each.provider}"
        rules, workload = e.problem.apis, e.problem.workloads.get(each.workload)
        if workload is None:
            breaches.append(f"{at}: the problem has no such workload")
            continue
        if not rules.allow:
            breaches.append(f"{at}: the problem allows no APIs")
        if not workload.apis:
            breaches.append(f"{at}: this workload may not use APIs")
        if rules.providers and not named(each.provider, rules.providers):
            breaches.append(f"{at}: only APIs of {', '.join(rules.providers)} are allowed")
        if named(each.provider, rules.exclude_providers):
            breaches.append(f"{at}: APIs of {each.provider} are excluded")
        breaches += [f"{at}: {what}" for what in may_not_receive(e, each.provider, workload)]
        accepted = {model.sold_as for model in acceptable(workload)}
        public = {model.model for model in acceptable(workload) if not model.private}
        families = {e.catalog.models[name].family for name in public if name in e.catalog.models}
        if each.model not in accepted | families:
            breaches.append(f"{at}: model {each.model} is not accepted, only {', '.join(sorted(accepted))}")
        found = e.classes.get(each.request_class)
        if found is None or found.workload != each.workload:
            breaches.append(f"{at}: {each.request_class} is not one of its request classes")
        for served in each.served:
            if served.request_class != each.request_class:
                breaches.append(f"{at}: bought for {each.request_class}, used for {served.request_class}")
    return Finding(f"{len(e.plan.apis)} API purchases are allowed", breaches)


def may_not_receive(e: Evidence, provider: str, workload: Workload) -> Iterator[str]:
    """What is wrong with sending this workload's requests to the API of a provider: its place, their class."""
    rules, place = e.problem.apis, e.problem.apis.places.get(provider)
    for where in (e.problem.procurement.where, workload.where):
        for key, asked in (("region", where.regions), ("country", where.countries), ("continent", where.continents)):
            stands = getattr(place, key) if place else ""
            if asked and not named(stands, asked):
                yield f"it stands in {stands or 'no known place'}, {key} {', '.join(asked)} is asked"
    if workload.data_class is not None and workload.data_class not in rules.cleared_for.get(provider, []):
        yield f"it is not cleared for {workload.data_class} data"


def api_shares(e: Evidence) -> Finding:
    """APIs serve no more of a workload, in any block or of any window, than its share."""
    breaches: list[str] = []
    bought: dict[tuple[str, str], float] = defaultdict(float)
    waiting: dict[str, float] = defaultdict(float)
    for purchase, served in e.on_apis():
        bought[purchase.workload, served.block] += served.req_s
    for purchase in e.plan.apis:
        if e.may_wait(purchase.request_class):
            waiting[purchase.request_class] += purchase.requests_month
    limits = {name: w.api_max_share for name, w in e.problem.workloads.items() if w.api_max_share < 1}
    for (name, block), req_s in bought.items():
        asked = sum(
            e.load.planning_req_s.get((label, e.load_block[block].label), 0.0)
            for label, each in e.classes.items()
            if each.workload == name and block in e.load_block
        )
        if above(req_s, most := limits.get(name, 1) * asked) and req_s - most > 1e-6:
            figures = f"{req_s:.6g} of {asked:.6g} requests/s, at most {limits.get(name, 1):g} of them may be"
            breaches.append(f"too much of {name} is bought from APIs in {block}: {figures}")
    for label, requests in waiting.items():
        name = e.classes[label].workload
        asked = e.asked_month(name)[label]
        if above(requests, limits.get(name, 1) * asked):
            figures = f"{requests:,.0f} of {asked:,.0f} requests a month, at most {limits.get(name, 1):g} may be"
            breaches.append(f"too much of {label} is bought from APIs: {figures}")
    return Finding(f"{len(limits)} limits on the share of APIs are kept", breaches)


def api_prices(e: Evidence) -> Finding:
    """Token prices are those of the catalog or of a quote; batch prices only for work that may wait."""
    breaches: list[str] = []
    for each in e.plan.apis:
        prices = list(_prices(e, each))
        said = f"${each.input_usd_mtok:g} in / ${each.output_usd_mtok:g} out per million tokens"
        at = f"{each.api_model_id} of {each.provider} for {each.workload}: {said}"
        if not prices:
            breaches.append(f"{at}, but neither the catalog nor a quote sells it")
        elif all(
            differs(each.input_usd_mtok, first) or differs(each.output_usd_mtok, second) for first, second in prices
        ):
            asked = " or ".join(f"${first:g} in / ${second:g} out" for first, second in prices)
            breaches.append(f"{at} in the plan, {asked} asked")
        breaches += _too_long(e, each)
    return Finding(f"prices of {len(e.plan.apis)} API purchases are the catalog's or a quote's", breaches)


def _prices(e: Evidence, each: ApiPurchase) -> Iterator[tuple[float, float]]:
    for row in e.catalog.api_prices:
        if (row.provider, row.api_model_id, row.model) != (each.provider, each.api_model_id, each.model):
            continue
        first, second = row.input_usd_mtok, row.output_usd_mtok
        if e.may_wait(each.request_class):
            first = first if row.batch_input_usd_mtok is None else row.batch_input_usd_mtok
            second = second if row.batch_output_usd_mtok is None else row.batch_output_usd_mtok
        yield _with_cache(e, each, row, first), second
    for quote in e.problem.apis.quotes:
        names = {quote.sold_as}
        if quote.model in e.catalog.models and not quote.private:
            names.add(e.catalog.models[quote.model].family)
        if quote.provider == each.provider and each.model in names:
            batch = (quote.batch_input_usd_mtok, quote.batch_output_usd_mtok)
            if e.may_wait(each.request_class) and batch[0] is not None and batch[1] is not None:
                yield batch[0], batch[1]
            else:
                yield _with_cache(e, each, quote, quote.input_usd_mtok), quote.output_usd_mtok


def _with_cache(e: Evidence, each: ApiPurchase, row: ApiPrice | ApiQuote, input_usd_mtok: float) -> float:
    """The mean price of a prompt token, where this is the row's plain price and it has one for the cache."""
    workload = e.problem.workloads[each.workload]
    if row.cached_input_usd_mtok is None or input_usd_mtok != row.input_usd_mtok:
        return input_usd_mtok
    return input_usd_mtok - workload.features.prefix_hit_share * (input_usd_mtok - row.cached_input_usd_mtok)


def _too_long(e: Evidence, each: ApiPurchase) -> Iterator[str]:
    size = e.classes.get(each.request_class)
    for row in e.catalog.api_prices if size else ():
        if (row.provider, row.api_model_id) != (each.provider, each.api_model_id):
            continue
        for what, length, most in (
            ("prompt", size.request.input_tok, row.max_input_tok),  # type: ignore[union-attr]
            ("answer", size.request.output_tok, row.max_output_tok),  # type: ignore[union-attr]
        ):
            if most is not None and above(length, most):
                mean = f"a mean {what} of {each.request_class} has {length:g} tokens"
                yield f"{each.api_model_id} of {each.provider} takes {most} tokens, {mean}"


def api_amounts(e: Evidence) -> Finding:
    """Requests and dollars of every purchase add up, and no API is asked faster than its limit."""
    breaches: list[str] = []
    rate: dict[tuple[str, str, str, str], float] = defaultdict(float)  # provider, id, workload, block
    waiting: dict[tuple[str, str, str], float] = defaultdict(float)
    for each in e.plan.apis:
        at = f"{each.request_class} on the API of {each.provider}"
        if e.may_wait(each.request_class):
            waiting[each.provider, each.api_model_id, each.workload] += each.requests_month
            if each.served:
                breaches.append(f"{at}: work that may wait is bought by the month, not by the hour")
        else:
            bought = sum(e.requests_month(served) for served in each.served)
            if differs(each.requests_month, bought):
                figures = f"{each.requests_month:,.1f} requests a month are billed, {bought:,.1f} are served"
                breaches.append(f"{at}: {figures}")
        if each.requests_month < 0:
            breaches.append(f"{at}: {each.requests_month:,.1f} requests a month is less than nothing")
        for served in each.served:
            rate[each.provider, each.api_model_id, each.workload, served.block] += served.req_s
        usd_month = request_usd(e, each) * each.requests_month
        if usd_differs(each.usd_month, usd_month):
            breaches.append(f"{at}: ${each.usd_month:,.2f} a month in the plan, ${usd_month:,.2f} recomputed")
    limit = e.problem.apis.max_req_s
    if limit is not None:
        for (provider, _, workload, block), req_s in rate.items():
            if above(req_s, limit):
                figures = f"{req_s:.6g} requests/s in {block}, its limit is {limit:g}"
                breaches.append(f"{workload} asks the API of {provider} too fast: {figures}")
        for (provider, _, workload), requests in waiting.items():
            most = limit * 3600 * _window_h(e, workload)
            if above(requests, most):
                figures = f"{requests:,.0f} requests a month, {limit:g}/s allow {most:,.0f} in its windows"
                breaches.append(f"{workload} asks the API of {provider} too fast: {figures}")
    return Finding(f"requests and dollars of {len(e.plan.apis)} API purchases add up", breaches)


def request_usd(e: Evidence, each: ApiPurchase) -> float:
    """Price of a mean request of the class bought; 0 for a class that does not exist."""
    if each.request_class not in e.classes:
        return 0.0
    size = e.classes[each.request_class].request
    return (size.input_tok * each.input_usd_mtok + size.output_tok * each.output_usd_mtok) / 1e6


def _window_h(e: Evidence, workload: str) -> float:
    open_blocks = {block for window in e.load.windows if window.workload == workload for block in window.blocks}
    return sum(block.month_h for block in e.load.blocks if block.label in open_blocks)
