"""What in a problem contradicts itself: two volumes, percent for shares, limits that leave nothing.

These checks need no catalog; `planner.problem.references` does those that do.  They are plain
functions and not pydantic validators so that every mistake of a file is told at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from planner.catalog.rows import TERM_MONTHS
from planner.problem.api_rules import api_rules
from planner.problem.features import EngineFeatures
from planner.problem.places import Finding, KeyPath
from planner.problem.procurement import Quote
from planner.problem.right_sizing import right_sizing
from planner.problem.schema import Problem
from planner.problem.uncertainty import uncertainty
from planner.problem.wording import did_you_mean
from planner.problem.workload import Deferrable, Slo, Traffic, Workload

HOURS = 168
MOST_BUCKETS = 1000

VOLUMES = ("peak_req_s", "mean_req_s", "requests_day", "tokens_month", "output_tokens_month")
FASTEST_MS = {"ttft_ms": 10.0, "tpot_ms": 1.0, "e2e_ms": 10.0}
"""Objectives below these are seconds written as milliseconds: no accelerator of 2026 answers in that time."""


def within_sections(problem: Problem) -> list[Finding]:
    """Contradictions inside one section; they hold whatever the other sections say."""
    found: list[Finding] = []
    for name, workload in problem.workloads.items():
        at: KeyPath = ("workloads", name)
        found += _traffic(workload.traffic, (*at, "traffic"))
        found += _slo(workload.slo, (*at, "slo"))
        found += _features(workload.features, (*at, "features"))
        if workload.deferrable:
            found += _deferrable(workload, workload.deferrable, at)
    found += _procurement(problem)
    found += right_sizing(problem)
    found += api_rules(problem)
    found += _scenarios(problem)
    if problem.uncertainty is not None:
        found += uncertainty(problem.uncertainty)
    if not problem.apis.allow and (problem.apis.providers or problem.apis.quotes):
        what = "providers or quotes are listed, but `allow: false` forbids all APIs.  Keep one of the two."
        found.append(Finding(("apis", "allow"), what))
    return found


def across_sections(problem: Problem) -> list[Finding]:
    """Contradictions between sections; only worth telling about a problem that could be read in full."""
    found = []
    for name, workload in problem.workloads.items():
        if "spot_max_share" in workload.model_fields_set and workload.spot_max_share and not workload.interruptible:
            what = f"{workload.spot_max_share:g} on spot, but this workload may not be interrupted."
            remedy = "  Add `interruptible: true`, or leave the key out."
            found.append(Finding(("workloads", name, "spot_max_share"), what + remedy))
        if workload.features != EngineFeatures() and problem.performance.capacity:
            what = "features change rates, but those of `performance.capacity` are used as they are."
            remedy = "  Keep one, and give rates measured with the features."
            found.append(Finding(("workloads", name, "features"), what + remedy))
    found += _resilience(problem)
    found += _spread(problem)
    found += _sharing(problem)
    if problem.spot.kept_share and not any(each.interruptible for each in problem.workloads.values()):
        what = "no workload may be interrupted, so nothing runs on spot."
        found.append(Finding(("spot", "kept_share"), what + "  Add `interruptible: true` to one, or leave it out."))
    terms = problem.procurement.terms
    if terms and set(terms) == {"spot"} and not any(each.interruptible for each in problem.workloads.values()):
        what = "only spot may be bought, and no workload may be interrupted: nothing could be rented."
        found.append(
            Finding(("procurement", "terms"), what + "  Add on-demand, or `interruptible: true` to a workload.")
        )
    buying = problem.procurement
    if buying.only_quotes and not (buying.quotes or buying.existing or buying.purchases or buying.serverless):
        what = "the catalog's prices are left out and no quote is given: nothing could be rented."
        found.append(Finding(("procurement", "only_quotes"), what + "  Add `quotes:`, or remove `only_quotes`."))
    return found


def _resilience(problem: Problem) -> Iterator[Finding]:
    asked = problem.resilience
    for index, name in enumerate(asked.workloads):
        at = ("resilience", "workloads", index)
        if name not in problem.workloads:
            known = ", ".join(problem.workloads)
            meant = did_you_mean(name, problem.workloads)
            yield Finding(at, f'there is no workload "{name}".  Possible: {known}.{meant}')
        elif problem.workloads[name].deferrable is not None:
            yield Finding(at, f"{name} may wait, and so gives way when a machine fails.  Leave it out.")
    if asked.workloads and not asked.machine:
        what = "workloads are named that must go on, but `machine: false` promises nothing.  Keep one of the two."
        yield Finding(("resilience", "machine"), what)


def _spread(problem: Problem) -> Iterator[Finding]:
    spread = problem.spread
    live = [w for w in problem.workloads.values() if w.deferrable is None]
    no_apis = not problem.apis.allow or not any(w.apis for w in live)
    if spread.max_providers is not None and live and no_apis:
        served = spread.max_providers * spread.max_provider_traffic_share
        if served < 1:
            limits = f"{spread.max_providers} x max_provider_traffic_share of {spread.max_provider_traffic_share:g}"
            what = f"{limits} is {served:g} of the requests, and no API serves the rest."
            yield Finding(("spread", "max_providers"), what + "  Raise one of the two, or allow APIs.")
    no_tokens = not problem.apis.allow or not any(w.apis for w in problem.workloads.values())
    if spread.max_providers is not None and no_tokens:
        paid = spread.max_providers * spread.max_provider_spend_share
        if paid < 1:
            limits = f"{spread.max_providers} x max_provider_spend_share of {spread.max_provider_spend_share:g}"
            what = f"{limits} is {paid:g} of what is paid, and no API is paid the rest."
            yield Finding(("spread", "max_providers"), what + "  Raise one of the two, or allow APIs.")
    asked = problem.resilience
    named = [w for name, w in problem.workloads.items() if name in asked.workloads]
    must = named or [w for w in live if w.slo.model_dump(exclude_none=True, exclude={"percentile"})]
    if not any(w.deferrable is None and not (problem.apis.allow and w.apis) for w in must):
        return
    for lost, key in (("region", "max_regions"), ("provider", "max_regions"), ("provider", "max_providers")):
        if getattr(asked, lost) and getattr(spread, key) == 1:
            what = f"with all machines in one place, none is left when a {lost} is lost (resilience.{lost})."
            yield Finding(("spread", key), what + "  Allow two, or take the promise out.")
            break


def _sharing(problem: Problem) -> Iterator[Finding]:
    sharing = problem.sharing
    if problem.performance.capacity and (sharing.mig or sharing.memory):
        what = "rates of parts of a GPU are modeled, but with `performance.capacity` nothing is."
        yield Finding(("sharing", "mig" if sharing.mig else "memory"), what + "  Keep one of the two.")
    if "time_loss_share" in sharing.model_fields_set and not sharing.memory:
        what = "time is lost only where engines take turns, and they do not."
        yield Finding(("sharing", "time_loss_share"), what + "  Add `memory: true`, or leave it out.")


def _features(features: EngineFeatures, at: KeyPath) -> Iterator[Finding]:
    found = features.prefix_hit_share + features.offload_hit_share
    if found > 1:
        what = f"{found:g} of the prompt is found with prefix_hit_share: more than all of it."
        yield Finding((*at, "offload_hit_share"), what + "  A token is counted in one of the two.")


def _traffic(traffic: Traffic, at: KeyPath) -> Iterator[Finding]:
    given = [key for key in VOLUMES if getattr(traffic, key) is not None]
    if traffic.users is not None or traffic.requests_user_day is not None:
        given.append("users x requests_user_day")
        for key, other in (("users", "requests_user_day"), ("requests_user_day", "users")):
            if getattr(traffic, key) is None:
                yield Finding((*at, key), f"`{other}` needs `{key}` beside it.  Add `{key}:`.")
    if len(given) > 1:
        key = given[1].split()[0]
        yield Finding((*at, key), f"more than one volume: {', '.join(given)}.  Keep exactly one of them.")
    if not given and traffic.trace is None:
        possible = ", ".join((*VOLUMES, "users with requests_user_day", "trace"))
        yield Finding(at, f"says nothing about how much arrives.  Add exactly one of: {possible}.")
    if traffic.shape is not None and traffic.hours is not None:
        yield Finding((*at, "hours"), "both `shape` and `hours` say when requests arrive.  Keep one of them.")
    if traffic.hours is not None and len(traffic.hours) != HOURS:
        what = f"{len(traffic.hours)} numbers; a week has {HOURS} hours, Monday 00:00 first."
        remedy = "  For one day, write its 24 numbers seven times." if len(traffic.hours) == 24 else ""
        yield Finding((*at, "hours"), what + (remedy or f"  Write {HOURS} numbers, or name a shape."))
    elif traffic.hours is not None and not any(traffic.hours):
        yield Finding(
            (*at, "hours"),
            "all 168 hours are 0: nothing ever arrives.  Remove the workload, or write its load.",
        )
    yield from _lengths(traffic, at)


def _lengths(traffic: Traffic, at: KeyPath) -> Iterator[Finding]:
    means = [key for key in ("input_tok", "output_tok") if getattr(traffic, key) is not None]
    ways = [*(["lengths"] if traffic.lengths is not None else []), *means]
    if traffic.trace is not None and ways:
        what = f"the trace brings its own lengths, and `{'` and `'.join(ways)}` say others.  Keep one of them."
        yield Finding((*at, ways[0]), what)
    elif traffic.lengths is not None and means:
        yield Finding(
            (*at, "lengths"), f"both `lengths` and `{means[0]}` say how long requests are.  Keep one of them."
        )
    elif traffic.trace is None and traffic.lengths is None:
        for key in ("input_tok", "output_tok"):
            if key not in means:
                remedy = "a mean in tokens, or name a histogram with `lengths:`."
                yield Finding((*at, key), f"is missing: how long requests are.  Add `{key}:`, {remedy}")
    if isinstance(traffic.lengths, list):
        if not traffic.lengths:
            yield Finding(
                (*at, "lengths"),
                "holds no bucket.  Write {input_tok, output_tok, share}, or give the two means.",
            )
        if len(traffic.lengths) > MOST_BUCKETS:
            what = f"{len(traffic.lengths):,} buckets; at most {MOST_BUCKETS} are read.  Merge some, or give a trace."
            yield Finding((*at, "lengths"), what)
        total = sum(bucket.share for bucket in traffic.lengths)
        if traffic.lengths and abs(total - 1) > 0.005:
            percent = "  They look like percent: divide them by 100." if abs(total - 100) < 0.5 else ""
            yield Finding((*at, "lengths"), f"the shares add up to {total:.6g} and must add up to 1.{percent}")
    asked = traffic.output_tokens_month or traffic.tokens_month
    one_request = (traffic.output_tok or 0) + ((traffic.input_tok or 0) if traffic.tokens_month else 0)
    if asked is not None and asked < one_request:
        key = "output_tokens_month" if traffic.output_tokens_month else "tokens_month"
        what = f"{asked:g} tokens a month are less than one request of {one_request:g}.  Did you mean {asked:g} million"
        yield Finding((*at, key), f"{what} ({asked * 1e6:.0f})?")


def _slo(slo: Slo, at: KeyPath) -> Iterator[Finding]:
    for key, fastest in FASTEST_MS.items():
        value = getattr(slo, key)
        if value is not None and value < fastest:
            yield Finding((*at, key), f"{value:g} ms is faster than any GPU.  Did you mean {value * 1000:g} (ms)?")
    if slo.e2e_ms is not None and slo.ttft_ms is not None and slo.e2e_ms < slo.ttft_ms:
        what = f"the whole request ({slo.e2e_ms:g} ms) would end before its first token ({slo.ttft_ms:g} ms)."
        yield Finding((*at, "e2e_ms"), what + "  Raise e2e_ms or lower ttft_ms.")


def _deferrable(workload: Workload, deferrable: Deferrable, at: KeyPath) -> Iterator[Finding]:
    spot = (*at, "deferrable", "hours_of_day")
    try:
        span_of(deferrable.hours_of_day)
    except ValueError as error:
        yield Finding(spot, str(error))
    if len(set(deferrable.weekdays)) < len(deferrable.weekdays):
        yield Finding((*at, "deferrable", "weekdays"), "a day is listed twice.  Keep each day once.")
    if workload.min_replicas:
        what = "work that may wait needs no replica that runs all the time.  Remove `min_replicas`, or `deferrable`."
        yield Finding((*at, "min_replicas"), what)
    if (workload.traffic.burst_factor or 1) > 1:
        what = "work that may wait has no bursts to carry.  Remove `burst_factor`, or remove `deferrable`."
        yield Finding((*at, "traffic", "burst_factor"), what)


def span_of(hours_of_day: str) -> tuple[int, int]:
    """First hour and end hour of "09-17"; the end is above 24 where it lies after midnight.

    Raises ValueError, with a sentence for the user, where there is no such span.

    >>> span_of("09-17"), span_of("20-06"), span_of("00-24")
    ((9, 17), (20, 30), (0, 24))
    """
    example = "Write two hours of the day, as 20-06 or 00-24."
    first, dash, last = hours_of_day.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal() and len(hours_of_day) <= 9):
        raise ValueError(f'"{hours_of_day}" is not a span of hours.  {example}')
    begin, end = int(first), int(last)
    if begin > 23 or end > 24:
        raise ValueError(f'"{hours_of_day}": a day has the hours 00 to 24.  {example}')
    if begin == end:
        raise ValueError(f'"{hours_of_day}" has no hours in it.  Write 00-24 for the whole day.')
    return (begin, end) if end > begin else (begin, end + 24)


def _too_few(quote: Quote, at: KeyPath) -> Iterator[Finding]:
    """A quote of which nothing could ever be bought; one of no machines at all is meant so."""
    most = quote.max_machines
    smallest = -(-quote.min_machines // quote.multiple_of) * quote.multiple_of
    if most and smallest > most:
        what = f"{most} machines at most, but {smallest} are the fewest that may be bought (min_machines, multiple_of)."
        yield Finding((*at, "max_machines"), what + "  Raise it, or lower the others.")


def _procurement(problem: Problem) -> Iterator[Finding]:
    buying, at = problem.procurement, ("procurement",)
    for index, term in enumerate(buying.terms):
        months = TERM_MONTHS.get(term, 0)
        if months > buying.max_term_months:
            what = f"{term} is longer than max_term_months, {buying.max_term_months}."
            yield Finding((*at, "terms", index), what + f"  Add `max_term_months: {months}`, or drop {term}.")
    for index, quota in enumerate(buying.quotas):
        if quota.max_gpus is None and quota.max_machines is None and quota.max_vcpus is None:
            what = "limits nothing.  Add `max_gpus:`, `max_machines:` or `max_vcpus:`."
            yield Finding((*at, "quotas", index), what)
    for index, quote in enumerate(buying.quotes):
        if quote.upfront_share and quote.term not in TERM_MONTHS:
            what = f"{quote.upfront_share:g} of the term upfront, but {quote.term} has no term."
            yield Finding(
                (*at, "quotes", index, "upfront_share"), what + "  Leave it out, or give a commitment's term."
            )
        for key in ("min_machines", "multiple_of"):
            if getattr(quote, key) > 1 and quote.term not in TERM_MONTHS:
                what = f"{getattr(quote, key)} machines together are committed to, but {quote.term} has no term."
                yield Finding((*at, "quotes", index, key), what + "  Leave it out, or give a commitment's term.")
        yield from _too_few(quote, (*at, "quotes", index))
    for index, spend in enumerate(buying.spend_quotes):
        here: KeyPath = (*at, "spend_quotes", index)
        months = TERM_MONTHS[spend.term]
        if not buying.terms and months > buying.max_term_months:
            what = f"{spend.term} is longer than max_term_months, {buying.max_term_months}: it would never be made."
            yield Finding((*here, "term"), what + f"  Add `max_term_months: {months}`, or drop the quote.")
        elif buying.terms and not {spend.term, "on-demand"} <= set(buying.terms):
            what = "a spend commitment pays for on-demand machines, and terms must list both its own and on-demand."
            yield Finding((*here, "term"), what + f"  Now: {', '.join(buying.terms)}.")
        if spend.max_usd_h is not None and spend.max_usd_h < max(spend.min_usd_h, spend.step_usd_h or 0):
            what = f"{spend.max_usd_h:g} USD/h is less than the smallest promise or step.  Raise it, or drop this."
            yield Finding((*here, "max_usd_h"), what)


def _scenarios(problem: Problem) -> Iterator[Finding]:
    """Scenarios of one name, and factors on prices that are signed before any scenario comes."""
    count = Counter(each.name for each in problem.scenarios)
    for index, each in enumerate(problem.scenarios):
        if count[each.name] > 1:
            what = f'"{each.name}" names {count[each.name]} scenarios.  Give each a name of its own.'
            yield Finding(("scenarios", index, "name"), what)
        for key in each.factors:
            if key.startswith("price.") and set(key.removeprefix("price.").split("/")) & set(TERM_MONTHS):
                what = "what is signed for is signed before a scenario comes, at the price of the problem."
                yield Finding(("scenarios", index, "factors", key), what + "  Leave it out; `plan sweep` varies it.")
