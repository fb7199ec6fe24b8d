"""One class per catalog file: the schema, the validator and the documentation of its rows.

A row is one fact and who says so.  Nothing here knows a problem, a deployment or a solver.
Units stand in the names (`usd_h` is the price of a whole machine, never of one GPU).
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["bf16", "fp8", "int8", "int4", "fp4", "mxfp4"]
KvPrecision = Literal["bf16", "fp8", "int8"]
RentTerm = Literal["on-demand", "spot", "1m", "3m", "6m", "1y", "3y"]
Term = Literal["on-demand", "spot", "1m", "3m", "6m", "1y", "3y", "bought", "serverless"]
Commitment = Literal["1m", "3m", "6m", "1y", "3y"]
Tier = Literal["hyperscaler", "datacenter", "marketplace"]
Continent = Literal["AF", "AS", "EU", "NA", "OC", "SA"]

TERM_MONTHS: dict[str, int] = {"1m": 1, "3m": 3, "6m": 6, "1y": 12, "3y": 36}
"""Commitment terms and their length [months]; on-demand and spot are not commitments."""


class CatalogRow(BaseModel):
    """What every row of every catalog file carries."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    source: str = Field(min_length=3, description="a page, file or API that a reader can open")
    observed_on: date = Field(description="the day this was seen; the earliest day the source's own date allows")
    observed_precision: Literal["day", "month", "year"] = Field(
        default="day",
        description="how exactly the source dates it: a 'year' row may be months younger than observed_on",
    )


class Gpu(CatalogRow):
    """An accelerator as the driver shows it.  One line of catalogs/gpus.csv."""

    name: str = Field(description="canonical spelling used everywhere, e.g. h100-sxm")
    aliases: str = Field(default="", description="other spellings, separated by |")
    vendor: Literal["nvidia", "amd", "intel", "google", "aws"]
    architecture: str
    memory_gib: float = Field(gt=0, description="memory that the driver reports [GiB], not the marketing figure")
    hbm_gb_s: float = Field(gt=0, description="memory bandwidth [GB/s]")
    bf16_tflops: float | None = Field(
        default=None, gt=0, description="dense, never the 2:4-sparse headline; empty: no bf16"
    )
    fp16_tflops: float | None = Field(default=None, gt=0)
    fp8_tflops: float | None = Field(default=None, gt=0)
    fp4_tflops: float | None = Field(default=None, gt=0)
    int8_tops: float | None = Field(default=None, gt=0)
    link_gb_s: float = Field(gt=0, description="GPU-to-GPU bandwidth per GPU, one direction [GB/s]")
    link: Literal["nvlink", "infinity-fabric", "pcie", "ethernet", "ici", "neuronlink"]
    tdp_w: float | None = Field(default=None, gt=0)
    evidence: Literal["read", "recalled"] = Field(description="recalled: from memory of the data sheet, to be verified")
    note: str = ""


class MigProfile(CatalogRow):
    """Equal parts into which NVIDIA's Multi-Instance GPU splits a GPU.  One line of catalogs/mig.csv."""

    gpu: str = Field(description="as in gpus.csv")
    profile: str = Field(description="NVIDIA's name, e.g. 1g.10gb")
    parts: int = Field(ge=2, le=7, description="so many of this profile at once, and no other, on one GPU")
    compute_share: float = Field(gt=0, lt=1, description="multiprocessors of one part / of the whole GPU")
    bandwidth_share: float = Field(gt=0, lt=1, description="memory slices of one part / of the whole GPU")
    memory_gib: float = Field(gt=0, description="memory that the driver reports for one part [GiB]")
    evidence: Literal["listed", "derived"] = Field(description="derived: no listing found, see the note")
    note: str = ""


class ModelCard(CatalogRow):
    """The architecture of one set of weights.  One line of catalogs/models.csv."""

    name: str = Field(description="canonical spelling, e.g. llama-3.3-70b")
    aliases: str = ""
    hf_id: str
    architecture: str = Field(description="models of one architecture share measured rows, e.g. llama-70b")
    family: str = Field(description="name under which APIs sell it; matches ApiPrice.model")
    params_total_b: float = Field(gt=0, description="parameters [10^9]")
    params_active_b: float = Field(gt=0, description="parameters read per token [10^9]")
    params_attention_b: float = Field(ge=0)
    params_embedding_b: float = Field(ge=0)
    layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    ffn: int = Field(ge=0)
    vocab: int = Field(gt=0)
    context_tok: int = Field(gt=0, description="longest context the weights were trained for [tokens]")
    attention: Literal["mha", "gqa", "mla"]
    experts: int = Field(default=0, ge=0)
    experts_per_tok: int = Field(default=0, ge=0)
    moe_ffn: int = Field(default=0, ge=0)
    shared_expert_ffn: int = Field(default=0, ge=0)
    dense_layers: int = Field(default=0, ge=0, description="layers without experts in an MoE")
    window_tok: int | None = Field(default=None, gt=0, description="sliding or chunked attention window [tokens]")
    windowed_layers: int = Field(default=0, ge=0, description="how many of the layers have that window")
    kv_elements_per_layer: int = Field(gt=0, description="KV elements per token and layer; MLA: latent rank + rope")
    native_precision: Precision = "bf16"
    evidence: Literal["read", "recalled"]
    note: str = ""


class Engine(CatalogRow):
    """What a serving engine can run.  One line of catalogs/engines.csv: engine x GPU vendor."""

    engine: Literal["vllm", "sglang", "trtllm"]
    vendor: str = Field(description="GPU vendor as in gpus.csv")
    precisions: str = Field(description="weight precisions it serves in production, separated by |")
    kv_precisions: str = Field(description="KV-cache precisions, separated by |")
    note: str = ""


class PriceOffer(CatalogRow):
    """What a provider asks for one machine-hour.  One line of catalogs/prices/*.csv."""

    provider: str
    region: str = Field(default="", description="empty: the source does not say; never satisfies a region rule")
    country: str = Field(default="", description="ISO 3166 two letters; empty where unknown")
    continent: Continent | Literal[""] = ""
    tier: Tier
    machine: str = Field(description="the provider's own name of the machine, or <gpus>x-<gpu> where it has none")
    gpu: str = Field(description="as in gpus.csv")
    gpus: int = Field(gt=0, description="GPUs in the machine; it is bought whole")
    usd_h: float = Field(gt=0, description="price of the whole machine, not of one GPU [USD/h]")
    term: Term
    upfront_share: float = Field(default=0, ge=0, le=1, description="share of the term paid at once; 0: monthly")
    minimum_rental_h: float = Field(default=1, ge=0, description="shortest time that is billed [h]; 730: by the month")
    note: str = ""


class Machine(CatalogRow):
    """How large a machine is beside its GPUs.  One line of catalogs/machines.csv."""

    provider: str
    machine: str = Field(description="as in prices/*.csv; the same in every region")
    vcpus: int = Field(gt=0, description="what a quota in vCPUs counts it as")


class CommitmentDiscount(CatalogRow):
    """What a commitment takes off the on-demand price.  One line of catalogs/commitments.csv."""

    provider: str
    region: str = ""
    machine: str = ""
    gpu: str
    term: Commitment
    upfront_share: float = Field(default=0, ge=0, le=1, description="share of the term paid at once; 0: monthly")
    discount_share: float = Field(gt=0, lt=1)
    instrument: str = Field(description="reserved instance, savings plan, committed-use discount, contract ...")


class SpotRisk(CatalogRow):
    """How often a spot machine is taken back.  One line of catalogs/spot_risk.csv."""

    provider: str
    region: str
    machine: str
    gpu: str
    gpus: int = Field(gt=0)
    savings_share: float = Field(ge=0, le=1)
    interruption_low_share: float = Field(ge=0, le=1, description="share of machines interrupted in a month, lower end")
    interruption_high_share: float = Field(ge=0, le=1)


class ApiPrice(CatalogRow):
    """What a provider asks for tokens of one model.  One line of catalogs/api_prices.csv."""

    model: str = Field(description="model family, as ModelCard.family; closed models under their own name")
    open_weight: bool
    provider: str
    api_model_id: str
    input_usd_mtok: float = Field(ge=0)
    output_usd_mtok: float = Field(ge=0)
    cached_input_usd_mtok: float | None = Field(default=None, ge=0)
    batch_input_usd_mtok: float | None = Field(default=None, ge=0)
    batch_output_usd_mtok: float | None = Field(default=None, ge=0)
    max_input_tok: int | None = Field(default=None, gt=0)
    max_output_tok: int | None = Field(default=None, gt=0)
    precision_hint: str = ""


class EgressTier(CatalogRow):
    """Price of data leaving a provider for the internet.  One line of catalogs/egress.csv."""

    provider: str
    from_gb: float = Field(ge=0, description="monthly volume where this tier begins [GB], free volume included")
    to_gb: float | None = Field(default=None, gt=0)
    usd_gb: float = Field(ge=0)
    note: str = ""


class TrafficShape(CatalogRow):
    """A week of load.  One line of catalogs/shapes.csv; its 168 hours are in shape_hours.csv."""

    shape: str
    title: str
    timezone: str = Field(description="clock of hour 0 (Monday 00:00): local, or UTC")
    burst_factor: float = Field(
        ge=1, description="planning rate / hourly mean: p99 minute over its hour, measured or assumed"
    )
    burst_note: str


class ShapeHour(BaseModel):
    """Relative load of one hour of the week (hour 0 is Monday 00:00; the mean over the week is 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    shape: str
    hour: int = Field(ge=0, lt=168)
    relative: float = Field(ge=0)


class LengthCell(CatalogRow):
    """One cell of a joint histogram of prompt and answer lengths.  One line of catalogs/lengths.csv."""

    lengths: str = Field(description="name of the histogram, e.g. azure2023-conv")
    input_from_tok: int = Field(ge=0)
    input_to_tok: int = Field(gt=0)
    output_from_tok: int = Field(ge=0)
    output_to_tok: int = Field(gt=0)
    share: float = Field(ge=0, le=1, description="share of requests; sums to 1 over a histogram")
    mean_input_tok: float = Field(ge=0)
    mean_output_tok: float = Field(ge=0)


class Benchmark(CatalogRow):
    """One measured operating point.  One line of catalogs/benchmarks.csv."""

    model: str = Field(description="as in models.csv")
    gpu: str = Field(description="as in gpus.csv")
    gpus: int = Field(gt=0)
    tp: int = Field(gt=0)
    pp: int = Field(default=1, gt=0)
    dp: int = Field(default=1, gt=0)
    ep: int = Field(default=1, gt=0)
    precision: Precision
    kv_precision: KvPrecision | None = Field(default=None, description="empty: the source does not say")
    engine: str
    engine_version: str = ""
    input_tok: float = Field(gt=0, description="mean, as really sent [tokens]")
    output_tok: float = Field(gt=0)
    concurrency: int | None = Field(default=None, gt=0, description="requests in flight; empty: the engine chose")
    load: Literal["closed-loop", "static-batch", "max-load", "slo", "open-loop", "burst"]
    ttft_ms: float | None = Field(default=None, gt=0)
    tpot_ms: float | None = Field(default=None, gt=0)
    output_tok_s: float | None = Field(default=None, gt=0, description="whole instance")
    output_tok_s_derived: bool = Field(default=False, description="computed from TTFT and TPOT, not reported")
    total_tok_s: float | None = Field(default=None, gt=0)
    slo: str = Field(default="", description="objective the rate was measured at, for load = slo")
    note: str = ""


class FittedConstant(CatalogRow):
    """A number of the performance model.  One line of catalogs/performance.csv, written by planner.performance.fit."""

    kind: Literal["physics", "speed", "variance", "band", "error"] = Field(
        description="constant of the roofline, factor of an engine or GPU, weight of measured rows, width, known error"
    )
    name: str
    applies_to: str = Field(default="", description="which engine, GPU, rows ...; empty: all")
    value: float
    unit: str
    rows: int | None = Field(default=None, ge=0, description="measured rows behind it")
