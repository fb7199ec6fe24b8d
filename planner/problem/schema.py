"""What a user may ask for: the problem file as pydantic classes.

Every number carries its unit in its name and unknown keys are rejected.  This module
checks a problem against itself; what needs a catalog (does that GPU exist?) is checked
in `planner.problem.references`.  It never reads a file: `planner.problem.read` does.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from planner.catalog.rows import Continent, KvPrecision, Precision, Term, Tier
from planner.problem.features import EngineFeatures
from planner.problem.section import Money, Name, Positive, Section, Share

Percentile = Literal["mean", "p50", "p90", "p95", "p99"]
EngineName = Literal["vllm", "sglang", "trtllm"]


class Where(Section):
    """Which offers are allowed.  An empty list allows all; names may use * (eu-*, aws)."""

    providers: list[Name] = Field(default=[], description="allowed providers; globs such as aws or g*")
    exclude_providers: list[Name] = Field(default=[], description="providers never used")
    regions: list[Name] = Field(default=[], description="allowed regions by the provider's own name; globs: eu-*")
    countries: list[Name] = Field(default=[], description="allowed countries, ISO two letters")
    continents: list[Continent] = Field(default=[], description="allowed continents")
    vendors: list[Name] = Field(default=[], description="allowed GPU vendors: nvidia, amd, intel, google, aws")
    exclude_vendors: list[Name] = Field(default=[], description="GPU vendors never used")
    gpus: list[Name] = Field(default=[], description="allowed GPU types; globs: h*")
    exclude_gpus: list[Name] = Field(default=[], description="GPU types never used")
    tiers: list[Tier] = Field(default=[], description="allowed trust tiers")


class Slo(Section):
    """Latency objectives.  What is left out is not limited."""

    ttft_ms: Positive | None = Field(default=None, description="time to first token [ms], queueing included")
    tpot_ms: Positive | None = Field(default=None, description="time per output token after the first [ms]")
    e2e_ms: Positive | None = Field(default=None, description="whole request [ms]")
    percentile: Percentile = Field(default="p95", description="share of requests that must meet them")


class LengthBucket(Section):
    """One kind of request of an inline length histogram."""

    input_tok: Positive = Field(description="mean prompt length [tokens]")
    output_tok: Positive = Field(description="mean answer length [tokens]")
    share: Positive = Field(description="share of requests; the shares add up to 1")


class Traffic(Section):
    """How much arrives and when.  Give exactly one volume and exactly one way to say when.

    Volumes: peak_req_s, mean_req_s, requests_day, tokens_month (input + output), output_tokens_month,
    or users with requests_user_day; a trace brings its own.
    When: shape, hours (168 numbers, Monday 00:00 first) or a trace; the default is a flat week.
    A trace may be given a volume, which replaces its own, and one of less than a week needs a shape or hours.
    Lengths: input_tok with output_tok, or lengths, or a trace.
    """

    peak_req_s: Positive | None = Field(default=None, description="mean requests/s in the busiest hour of the week")
    mean_req_s: Positive | None = Field(default=None, description="mean requests/s over the whole week")
    requests_day: Positive | None = Field(default=None, description="requests a day, mean over the week")
    tokens_month: Positive | None = Field(default=None, description="input + output tokens a month")
    output_tokens_month: Positive | None = Field(default=None, description="output tokens a month")
    users: Positive | None = Field(default=None, description="people who send requests_user_day each")
    requests_user_day: Positive | None = Field(
        default=None, description="requests per user and day, mean over the week"
    )
    shape: Name | None = Field(default=None, description="a named week; `plan catalog list shapes` shows them")
    hours: list[Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]] | None = Field(
        default=None, description="relative load of the 168 hours, Monday 00:00 first"
    )
    shift_hours: Annotated[int, Field(gt=-168, lt=168)] = Field(
        default=0, description="move the shape later by this many hours (time zones)"
    )
    trace: Name | None = Field(default=None, description="CSV of requests: timestamp, input tokens, output tokens")
    scale: Positive = Field(default=1, description="multiply the volume")
    burst_factor: Annotated[float, Field(ge=1, le=100)] | None = Field(
        default=None, description="planning rate / hourly mean; the default is the shape's or the trace's own"
    )
    input_tok: Positive | None = Field(default=None, description="mean prompt length [tokens]")
    output_tok: Positive | None = Field(default=None, description="mean answer length [tokens]")
    lengths: Name | list[LengthBucket] | None = Field(
        default=None, description="a named joint histogram, or buckets written out; instead of the two means"
    )
    classes: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=4, description="request classes a histogram or trace is reduced to"
    )


class Deferrable(Section):
    """Work that may wait: done inside its window, at whatever hour is cheapest."""

    hours_of_day: Name = Field(default="00-24", description="when it may run, e.g. 20-06; clock of the shapes")
    weekdays: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default=[], description="days on which it may run (the day on which the hour falls); empty: all"
    )
    finish: Literal["week", "day"] = Field(
        default="week", description="day: every window's own seventh of the work is finished inside it"
    )


class AcceptableModel(Section):
    """One model variant the workload accepts."""

    model: Name = Field(description="a name, alias or family of the catalog; `plan catalog list models`")
    precisions: list[Precision] = Field(default=[], description="weight precisions accepted; empty: bf16 and fp8")
    kv_precisions: list[KvPrecision] = Field(default=[], description="empty: bf16 and fp8")


class Workload(Section):
    """Something that must be served."""

    models: Annotated[list[AcceptableModel | Name], Field(min_length=1)] = Field(
        description="acceptable models: names, or {model, precisions, kv_precisions}"
    )
    traffic: Traffic = Field(description="how much arrives and when")
    slo: Slo = Field(default=Slo(), description="latency objectives; left out: none")
    interruptible: bool = Field(
        default=False, description="may run on machines that are taken back: spot, marketplaces"
    )
    spot_max_share: Share = Field(
        default=1, description="largest share of its requests on spot in any hour, if interruptible"
    )
    deferrable: Deferrable | None = Field(default=None, description="given: it may wait; {} for any hour")
    apis: bool = Field(default=True, description="may be served by an API that sells one of its models")
    where: Where = Where()
    engines: list[EngineName] = Field(default=[], description="empty: all")
    features: EngineFeatures = Field(default=EngineFeatures(), description="left out: plain continuous batching")
    tags: dict[Name, str] = Field(default={}, description="labels for reports: team, use case ...")


class Quota(Section):
    """At most so many GPUs or machines of what matches."""

    where: Where = Where()
    machine: Name | None = None
    terms: list[Term] = Field(default=[])
    max_gpus: Annotated[int, Field(ge=0)] | None = None
    max_machines: Annotated[int, Field(ge=0)] | None = None


class Quote(Section):
    """A price of one's own: an offer from a provider, valid beside the catalog."""

    provider: Name
    region: str = ""
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier = "datacenter"
    machine: Name | None = None
    gpu: Name
    gpus: Annotated[int, Field(gt=0, le=1024)]
    usd_h: Positive = Field(description="price of the whole machine [USD/h]")
    term: Term
    upfront_share: Share = 0
    minimum_rental_h: Annotated[float, Field(ge=0, le=8784)] = 1
    max_machines: Annotated[int, Field(ge=0)] | None = None
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]


class ExistingCommitment(Section):
    """Machines already paid for: used first when that helps, billed whether used or not."""

    provider: Name
    region: str = ""
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier = "datacenter"
    machine: Name | None = None
    gpu: Name
    gpus: Annotated[int, Field(gt=0, le=1024)]
    count: Annotated[int, Field(gt=0, le=100_000)]
    usd_h: Money = Field(description="what one machine costs [USD/h]; shown, not decided")
    ends_on: date | None = None


class MinimumOrder(Section):
    """If anything that matches is committed to, at least so many machines."""

    where: Where = Where()
    terms: list[Term] = Field(default=[])
    min_machines: Annotated[int, Field(ge=1)]


class ApiQuote(Section):
    """A token price of one's own."""

    model: Name
    provider: Name
    input_usd_mtok: Money
    output_usd_mtok: Money
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]


class Apis(Section):
    """APIs that sell tokens, as an outside option."""

    allow: bool = True
    providers: list[Name] = Field(default=[])
    exclude_providers: list[Name] = Field(default=[])
    quotes: list[ApiQuote] = Field(default=[])
    max_req_s: Positive | None = Field(default=None, description="rate limit of one API for one workload [requests/s]")


class Procurement(Section):
    """What may be bought."""

    where: Where = Where()
    terms: list[Term] = Field(default=[], description="empty: on-demand, spot and commitments up to max_term_months")
    max_term_months: Annotated[int, Field(ge=0, le=36)] = Field(default=12, description="longest commitment offered")
    quotas: list[Quota] = Field(default=[])
    quotes: list[Quote] = Field(default=[])
    only_quotes: bool = Field(default=False, description="leave the catalog's prices out")
    existing: list[ExistingCommitment] = Field(default=[])
    minimum_orders: list[MinimumOrder] = Field(default=[])
    max_upfront_usd: Money | None = None
    cost_of_capital_year: Share = Field(default=0.08, description="yearly interest on upfront cash")


class Budget(Section):
    """How much may be spent."""

    usd_month: Positive
    alert_share: Share = Field(default=0.8, description="spend share at which the plan warns")


class Overheads(Section):
    """Costs that are not machines or tokens."""

    engineering_usd_month: Money = Field(default=0, description="labor if anything is self-hosted, once")
    provider_usd_month: Money = Field(default=0, description="fixed cost of each provider used")
    storage_usd_month: Money = Field(default=0, description="storage if anything is self-hosted, once")
    storage_gb: Money = Field(default=0, description="stored at each provider used, at storage_usd_gb_month")
    storage_usd_gb_month: Money = 0.023
    networking_usd_month: Money = Field(default=0, description="load balancers, NAT, if anything is self-hosted")
    egress_kb_request: Money = Field(default=0, description="data sent to the internet per request [KB]")


class CapacityRow(Section):
    """What one GPU serves of one request size, as measured by the user."""

    gpu: Name
    input_tok: Positive
    output_tok: Positive
    req_s: Positive


class Performance(Section):
    """How throughput estimates become capacity that one may rely on."""

    benchmarks: Name | None = Field(
        default=None, description="CSV of your own measurements, as `plan calibrate` writes it; its rows win"
    )
    derate_measured: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="share of a measured rate relied on; left out: the low end of its own 80 % band"
    )
    derate_corrected: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="the same for rates corrected by rows further away or on other GPUs"
    )
    derate_modeled: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="the same for rates that no row stands behind"
    )
    memory_share: Share = Field(default=0.9, gt=0, description="share of GPU memory the engine may use")
    capacity: list[CapacityRow] = Field(
        default=[],
        description="own capacity table; where given, nothing is modeled and its rates are used as they are",
    )


class SolverSettings(Section):
    """How long and how well to solve."""

    gap: Share = Field(default=0.01, description="stop when the plan is proved to be within this share of the best")
    time_limit_s: Positive = 60
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    name: Name = Field(default="highs", description="any solver that PuLP finds")


class Problem(Section):
    """A problem file."""

    name: Name
    title: str = ""
    month_hours: Annotated[float, Field(gt=0, le=744)] = 730
    workloads: Annotated[dict[Name, Workload], Field(min_length=1)]
    procurement: Procurement = Procurement()
    apis: Apis = Apis()
    budget: Budget | None = None
    overheads: Overheads = Overheads()
    performance: Performance = Performance()
    solver: SolverSettings = SolverSettings()
