"""The numbers of the performance model: what each means, what it was before any row was seen, and what was fitted.

Values live in catalogs/performance.csv, which `planner.performance.fit` writes; this module reads them and says
which factor applies to which engine, vendor and GPU.  It computes no time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import NamedTuple

from planner.catalog.rows import FittedConstant, Gpu, ModelCard
from planner.performance.memory import FOUR_BIT
from planner.performance.roofline import CHANNELS, Physics, Speed
from planner.performance.types import Deployment

MAIN_ENGINES = ("vllm", "sglang", "trtllm")
"""Engines that the planner deploys; the rows of others only teach the constants."""

PRIORS: dict[str, tuple[float, float]] = {
    "weights_read_share": (0.80, 0.08),
    "experts_read_share": (0.70, 0.15),
    "cache_read_share": (0.65, 0.2),
    "prefill_flop_share": (0.65, 0.2),
    "decode_flop_share": (0.60, 0.2),
    "latent_flop_share": (0.35, 0.4),
    "packed_read_share": (1.0, 0.15),
    "packed_flop_share": (0.85, 0.15),
    "unpacked_flop_share": (0.75, 0.3),
    "all_reduce_ms": (0.006, 0.4),
    "pcie_all_reduce_ms": (0.03, 0.5),
    "link_share": (0.45, 0.4),
    "layer_ms": (0.028, 0.3),
    "expert_layer_ms": (0.03, 0.4),
    "expert_parallel_ms": (0.009, 0.6),
    "step_ms": (0.8, 0.5),
    "request_ms": (0.004, 0.5),
    "separate_share": (0.33, 0.5),
    "routing_spread": (0.82, 0.15),
    "same_prompt_spread": (0.35, 0.5),
    "first_token_ms": (32.0, 0.4),
    "own_prompt": (1.8, 0.2),
    "prompts_ahead": (0.09, 0.3),
    "seats": (512.0, 0.4),
}
"""What each constant is taken to be before the fit, and the standard deviation of its logarithm.

Centers lie between textbook values (llm-analysis: read 0.9, FLOP 0.7), the constants of inference-sim's trained model
(weights 0.73, cache 0.51, 32 us a layer, 4 us a request) and a first fit without priors; the fit pays for leaving them.
"""


class Labels(NamedTuple):
    """What a deployment is called in the keys of factors and in groups of measured rows."""

    engine: str
    vendor: str
    gpu: str
    precision: str
    architecture: str
    family: str  # dense, moe or latent
    load: str  # serving, static or max
    era: str  # before October 2024 or since
    how: str  # precision, and whether the GPU multiplies four bits itself


EARLIER = "before October 2024"


def labels_of(deployment: Deployment, load: str = "serving", early: bool = False) -> Labels:
    """The labels of a deployment; `early`: measured before October 2024."""
    d = deployment
    native = "" if d.precision not in FOUR_BIT else " in hardware" if d.gpu.fp4_tflops else " unpacked"
    return Labels(
        engine=d.engine,
        vendor=d.gpu.vendor,
        gpu=d.gpu.name,
        precision=d.precision,
        architecture=d.model.architecture,
        family=family_of(d.model),
        load=load,
        era=EARLIER if early else "since October 2024",
        how=d.precision + native,
    )


def family_of(model: ModelCard) -> str:
    """How a model reads its weights and cache: dense, moe, or latent (experts behind a latent cache)."""
    return "latent" if model.attention == "mla" else "moe" if model.experts else "dense"


@dataclass(frozen=True, slots=True)
class Group:
    """One factor for each value of `fields`, on some channels, where `applies`; `spread`: prior of its logarithm."""

    channels: tuple[str, ...]
    fields: tuple[str, ...]
    spread: float
    only: str = ""  # "other engines", "other vendors", "others": either; "serving", "other loads"

    def key(self, labels: Labels) -> str:
        """The key of the factor that holds for these labels; empty where the group says nothing."""
        engine, vendor = labels.engine not in MAIN_ENGINES, labels.vendor != "nvidia"
        serving = labels.load == "serving"
        held = {
            "": True,
            "other engines": engine,
            "other vendors": vendor,
            "others": engine or vendor,
            "serving": serving,
            "other loads": not serving,
        }
        return "|".join(f"{f}={getattr(labels, f)}" for f in self.fields) if held[self.only] else ""


GROUPS = (
    Group(("time", "read"), ("engine",), 2.0, "other engines"),
    Group(("compute", "overhead", "cache", "request"), ("engine",), 4.0, "other engines"),
    Group(("time", "compute", "overhead", "cache", "request"), ("vendor", "engine", "era"), 4.0, "other vendors"),
    Group(("read", "heads"), ("vendor", "engine", "era"), 3.0, "other vendors"),
    Group(("time",), ("gpu", "engine", "era"), 0.6, "others"),
    Group(("time",), ("gpu", "precision"), 0.2),
    Group(("load",), ("load",), 0.6, "serving"),
    Group(("load",), ("load", "engine", "vendor"), 0.6, "other loads"),
    Group(("first_token",), ("engine", "family"), 0.6),
)
"""Every factor there is.  More of them (per engine and family, per GPU generation, per month) made configurations
that were left out no better predicted: docs/decisions/0002-how-fast-a-replica-is.md."""


@dataclass(frozen=True, kw_only=True)
class Constants:
    """All of catalogs/performance.csv, by what it is."""

    physics: Physics
    factors: dict[tuple[str, str], float]  # (channel, key) -> factor
    variances: dict[tuple[str, str], float]  # (quantity, component) -> variance of a logarithm
    bands: dict[tuple[str, str], float]  # (quantity, source) -> half width of the 80 % band in standard deviations

    def factor(self, channel: str, labels: Labels) -> float:
        """The product of all factors on one channel; what is known of the earlier era alone holds for the later too."""
        product, before = 1.0, labels._replace(era=EARLIER)
        for group in GROUPS:
            if channel in group.channels and (key := group.key(labels)):
                known = self.factors.get((channel, key))
                product *= self.factors.get((channel, group.key(before)), 1.0) if known is None else known
        return product

    def speed(self, labels: Labels) -> Speed:
        """The factors for one deployment; 1 where nothing is known of an engine, vendor or GPU."""
        found = self._speeds.get(labels)
        if found is None:
            found = self._speeds[labels] = Speed(**{channel: self.factor(channel, labels) for channel in CHANNELS})
        return found

    @cached_property
    def _speeds(self) -> dict[Labels, Speed]:
        return {}

    def knows_hardware(self, gpu: Gpu, engine: str) -> bool:
        """Whether any row of this vendor and engine is behind the constants."""
        return gpu.vendor == "nvidia" or any(
            key.startswith(f"vendor={gpu.vendor}|engine={engine}|") for _, key in self.factors
        )


def constants_of(rows: Iterable[FittedConstant]) -> Constants:
    """Constants from the rows of catalogs/performance.csv; a physics constant that is not there keeps its prior."""
    physics = {name: value for name, (value, _) in PRIORS.items()}
    factors, variances, bands = {}, {}, {}
    for row in rows:
        if row.kind == "physics":
            physics[row.name] = row.value
        elif row.kind == "speed":
            factors[row.name, row.applies_to] = row.value
        elif row.kind == "variance":
            variances[row.name, row.applies_to] = row.value
        elif row.kind == "band":
            bands[row.name, row.applies_to] = row.value
    known = {f.name for f in fields(Physics)}
    return Constants(
        physics=Physics(**{name: value for name, value in physics.items() if name in known}),
        factors=factors,
        variances=variances or VARIANCES,
        bands=bands or BANDS,
    )


@cache
def shipped_constants() -> Constants:
    """The constants of the shipped catalog."""
    from planner.catalog.load import TABLES
    from planner.catalog.read import read_table
    from planner.catalog.shipped import shipped_folder
    from planner.errors import CatalogError

    rows, _, complaints = read_table(shipped_folder("catalogs"), TABLES["performance"])
    if complaints:
        raise CatalogError(complaints)
    return constants_of(rows)


VARIANCES: dict[tuple[str, str], float] = {
    ("tpot", "model"): 0.01,
    ("tpot", "model, smooth"): 0.04,
    ("tpot", "configuration"): 0.0,
    ("tpot", "configuration, smooth"): 0.05,
    ("tpot", "configuration, near"): 0.04,
    ("tpot", "hardware, smooth"): 0.0,
    ("tpot", "row"): 0.01,
    ("ttft", "model"): 0.02,
    ("ttft", "model, smooth"): 0.1,
    ("ttft", "configuration"): 0.02,
    ("ttft", "configuration, smooth"): 0.05,
    ("ttft", "configuration, near"): 0.04,
    ("ttft", "hardware, smooth"): 0.0,
    ("ttft", "row"): 0.004,
    ("throughput", "model"): 0.001,
    ("throughput", "model, smooth"): 0.01,
    ("throughput", "configuration"): 0.003,
    ("throughput", "configuration, smooth"): 0.02,
    ("throughput", "configuration, near"): 0.03,
    ("throughput", "hardware, smooth"): 0.3,
    ("throughput", "row"): 0.006,
}
"""How much the logarithm of measured / roofline varies with what, found by leaving out configurations and rows."""

BANDS: dict[tuple[str, str], float] = {
    (quantity, source): math.sqrt(1.6424)
    for quantity in ("tpot", "ttft", "throughput")
    for source in ("measured", "corrected", "modeled")
}
