"""What must be served: models, traffic, objectives and where it may run, as sections of the problem file."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from planner.catalog.rows import KvPrecision, Precision
from planner.problem.apis import sold_name
from planner.problem.features import EngineFeatures
from planner.problem.section import Name, Positive, Section, Share
from planner.problem.where import Where

Percentile = Literal["mean", "p50", "p90", "p95", "p99"]
EngineName = Literal["vllm", "sglang", "trtllm"]


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


Score = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class Quality(Section):
    """How good the answers of a model are for this workload, on any scale of your own; more is better."""

    score: Score = Field(description="of the model, and of every precision that is not scored by itself")
    by_precision: dict[Precision, Score] = Field(default={}, description="scores of single weight precisions")
    evidence: Annotated[Name, Field(min_length=3)] = Field(description="where the scores come from")
    observed_on: date = Field(description="when they were measured or read")


class AcceptableModel(Section):
    """One model variant the workload accepts."""

    model: Name = Field(description="a name, alias or family of the catalog; `plan catalog list models`")
    precisions: list[Precision] = Field(default=[], description="weight precisions accepted; empty: bf16 and fp8")
    kv_precisions: list[KvPrecision] = Field(default=[], description="empty: bf16 and fp8")
    private: Name | None = Field(
        default=None,
        description="weights of your own, based on this model, by a name of yours: workloads that name the same share "
        "replicas, and no public API sells them",
    )
    quality: Quality | None = Field(default=None, description="how good its answers are; needed where quality counts")
    max_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1, description="largest share of the requests, in any hour, that a router may send to this model"
    )

    @property
    def sold_as(self) -> str:
        """The name under which an API sells it."""
        return sold_name(self.model, self.private)


class Workload(Section):
    """Something that must be served."""

    models: Annotated[list[AcceptableModel | Name], Field(min_length=1)] = Field(
        description="acceptable models: names, or {model, precisions, kv_precisions, private, quality, max_share}"
    )
    min_quality: Score | None = Field(default=None, description="variants that score less are not used")
    mean_quality_at_least: Score | None = Field(
        default=None, description="mean score of what is served, request by request, in every hour"
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
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="replicas that serve it and run in every hour of the week, whether asked for or not"
    )
    apis: bool = Field(default=True, description="may be served by an API that sells one of its models")
    api_max_share: Share = Field(
        default=1, description="largest share of its requests, in any hour, that is bought from APIs"
    )
    data_class: Name | None = Field(
        default=None, description="a name of yours; only APIs that are cleared for it (apis.cleared_for) may serve it"
    )
    where: Where = Where()
    engines: list[EngineName] = Field(default=[], description="empty: all")
    features: EngineFeatures = Field(default=EngineFeatures(), description="left out: plain continuous batching")
    tags: dict[Name, str] = Field(default={}, description="labels for reports: team, use case ...")
