"""Which model variants a workload accepts, and how good its problem says they are.

Scores are the user's: nothing here knows a model by its fame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from planner.catalog.load import Catalog
from planner.catalog.names import resolve_model
from planner.catalog.rows import KvPrecision, ModelCard, Precision
from planner.drops import Drops
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel, Workload

KV_ORDER: tuple[KvPrecision, ...] = ("fp8", "int8", "bf16")


def accepted_models(workload: Workload) -> list[AcceptableModel]:
    """The workload's models, plain names written out."""
    return [AcceptableModel(model=m) if isinstance(m, str) else m for m in workload.models]


def card(catalog: Catalog, name: str) -> ModelCard | None:
    """The weights of that name, if the catalog has them."""
    found = resolve_model(catalog, name)
    return found if isinstance(found, ModelCard) else None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Model variant accepted by some workloads: (weights, precision, KV precision, engine) -> workloads."""

    card: ModelCard
    private: str  # name of weights of one's own; "": the public ones
    precision: Precision
    kv_precision: KvPrecision
    engine: str
    workloads: frozenset[str]


def accepted_variants(problem: Problem, catalog: Catalog, drops: Drops) -> list[Accepted]:
    """Every model variant that some workload accepts; of the KV precisions accepted only the smallest is kept."""
    wanted: dict[tuple[str, str, Precision, str], dict[str, KvPrecision]] = {}
    engines: list[str] = list(dict.fromkeys(row.engine for row in catalog.engines))
    for name, workload in problem.workloads.items():
        for model in accepted_models(workload):
            if not isinstance(resolve_model(catalog, model.model), ModelCard):
                drops.add("sold by APIs only: no open weights in the catalog", model.model, 1)
                continue
            kv = next(p for p in KV_ORDER if p in (model.kv_precisions or ["bf16", "fp8"]))
            for precision in model.precisions or ["bf16", "fp8"]:
                if too_poor(workload, model, precision):
                    drops.add("scores less than min_quality", f"{model.model} {precision}", 1)
                    continue
                for engine in engines:
                    if not workload.engines or engine in workload.engines:
                        wanted.setdefault((model.model, model.private or "", precision, engine), {})[name] = kv
    out = []
    for (model_name, private, precision, engine), by_workload in wanted.items():
        for kv in dict.fromkeys(by_workload.values()):
            who = frozenset(w for w, k in by_workload.items() if k == kv)
            out.append(Accepted(catalog.models[model_name], private, precision, kv, engine, who))
    return out


def score_of(model: AcceptableModel, precision: str | None = None) -> float | None:
    """The score of a model at a precision; None: an API, which does not say at which it serves."""
    if model.quality is None:
        return None
    return {str(p): s for p, s in model.quality.by_precision.items()}.get(precision or "", model.quality.score)


def too_poor(workload: Workload, model: AcceptableModel, precision: str | None = None) -> bool:
    """Whether a variant scores below the workload's floor."""
    score = score_of(model, precision)
    return workload.min_quality is not None and (score is None or score < workload.min_quality)


def blends(workload: Workload) -> bool:
    """Whether it matters which of its models serves how much of a workload."""
    return workload.mean_quality_at_least is not None or any(m.max_share < 1 for m in accepted_models(workload))


def may_do_all(workload: Workload, model: AcceptableModel) -> bool:
    """Whether an API that sells this model could serve all of a workload."""
    least, score = workload.mean_quality_at_least, score_of(model)
    return model.max_share >= 1 and (least is None or (score is not None and score >= least))


def sold_as(workload: Workload, catalog: Catalog) -> dict[str, AcceptableModel]:
    """The name under which APIs sell a model -> the model of the workload that it counts as.

    A family's name stands for all its public models: it counts as the one that scores least.  Private weights are sold
    under a name of their own.
    """
    models = accepted_models(workload)
    families: dict[str, list[AcceptableModel]] = {}
    for model in models:
        if not model.private and (found := card(catalog, model.model)):
            families.setdefault(found.family, []).append(model)

    def worth(model: AcceptableModel) -> tuple[float, float]:
        score = score_of(model)
        return (-math.inf if score is None else score, model.max_share)

    return {**{f: min(several, key=worth) for f, several in families.items()}, **{m.sold_as: m for m in models}}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a variant counts for in a workload whose blend of models matters; all alike where it does not."""

    score: float = 0.0  # where a mean is asked for
    limited: str = ""  # the model, where its share is limited

    def no_worse(self, other: Standing) -> bool:
        """Whether it may serve all that the other does."""
        return self.score >= other.score and self.limited in ("", other.limited)


def standing_of(workload: Workload, model: AcceptableModel, precision: str | None = None) -> Standing:
    """How a variant stands in a workload."""
    asked = workload.mean_quality_at_least is not None
    return Standing((score_of(model, precision) or 0.0) if asked else 0.0, model.model if model.max_share < 1 else "")


def standings(
    workloads: Mapping[str, Workload], owner: Mapping[str, str], model: str, precision: str
) -> dict[str, Standing]:
    """By class, how a model at a precision stands in the class's workload (`owner`)."""
    out = {}
    for k, name in owner.items():
        variant = next((m for m in accepted_models(workloads[name]) if m.model == model), None)
        if variant is not None and blends(workloads[name]):
            out[k] = standing_of(workloads[name], variant, precision)
    return out
