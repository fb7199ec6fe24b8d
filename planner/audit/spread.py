"""Does no provider serve, or get, more than its share, and are there no more kinds of anything than the user wants?"""

from __future__ import annotations

from collections import defaultdict

from planner.audit.evidence import ALMOST_NOTHING, Evidence, Finding, above


def provider_shares(e: Evidence) -> Finding:
    """No provider serves more of a workload that may not wait, in any block, than its share."""
    breaches: list[str] = []
    most = e.problem.spread.max_provider_traffic_share
    of: dict[tuple[str, str, str], float] = defaultdict(float)
    for deployment, served in e.on_fleet() if most < 1 else ():
        providers = {each.provider for each in e.groups.get(deployment.group, [])}
        if len(providers) > 1:
            who = " and ".join(sorted(providers))
            breaches.append(f"{deployment.name} is spread over {who}, and which serves what is not said")
        if served.request_class in e.classes and not e.may_wait(served.request_class):
            for provider in providers:
                of[e.classes[served.request_class].workload, provider, served.block] += served.req_s
    for purchase, served in e.on_apis() if most < 1 else ():
        of[purchase.workload, purchase.provider, served.block] += served.req_s
    for (name, provider, block), req_s in of.items():
        asked = sum(
            e.load.planning_req_s.get((label, e.load_block[block].label), 0.0)
            for label, each in e.classes.items()
            if each.workload == name and block in e.load_block
        )
        if above(req_s, most * asked) and req_s - most * asked > 1e-6:
            figures = f"{req_s:.6g} of {asked:.6g} requests/s, at most {most:g} of them may be"
            breaches.append(f"{provider} serves too much of {name} in {block}: {figures}")
    return Finding(f"{len(of)} loads on one provider are within its share", breaches)


def spend_shares(e: Evidence) -> Finding:
    """No provider is paid more of the month's bill for machines, promises of spend and tokens than its share."""
    most, taxed = e.problem.spread.max_provider_spend_share, 1 + e.problem.overheads.tax_share
    bills = [(each.provider, each.usd_month * (1 if each.term == "bought" else taxed)) for each in e.plan.purchases]
    bills += [(spend.provider, spend.usd_month * taxed) for spend in e.plan.spends]
    bills += [(api.provider, api.usd_month * taxed) for api in e.plan.apis]
    total = sum(usd for _, usd in bills)
    breaches: list[str] = []
    providers = sorted({provider for provider, _ in bills}) if most < 1 else []
    for provider in providers:
        usd = sum(each for of, each in bills if of == provider)
        if above(usd, most * total):
            breaches.append(f"{provider} is paid {usd:,.2f} of {total:,.2f} USD a month, at most {most:g} of it may be")
    return Finding(f"{len(providers)} bills of providers are within their share of the month", breaches)


def few_kinds(e: Evidence) -> Finding:
    """No more providers, regions, GPU types and deployments are used than the problem allows."""
    breaches: list[str] = []
    asked, bought = e.problem.spread, e.plan.purchases
    running = [each for each in e.plan.deployments if any(s.req_s > ALMOST_NOTHING for s in each.served)]
    used = {
        "providers": (asked.max_providers, {each.provider for each in bought}),
        "regions": (asked.max_regions, {f"{each.provider} {each.region or '(not stated)'}" for each in bought}),
        "GPU types": (asked.max_gpu_types, {each.gpu for each in bought}),
        "deployments": (asked.max_deployments, {each.name for each in running}),
    }
    for what, (most, names) in used.items():
        if most is not None and len(names) > most:
            breaches.append(f"{len(names)} {what} are used ({', '.join(sorted(names))}), at most {most} may be")
    limits = sum(most is not None for most, _ in used.values())
    return Finding(f"{limits} limits on how many kinds are used are kept", breaches)
