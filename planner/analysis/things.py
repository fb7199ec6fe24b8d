"""What a person may ask about by name: a GPU, a provider, a term, an offer, an API, or a way to run a model.

Names are those of `plan sweep --over price.NAME`, without "price."; several with / between narrow it down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from planner.analysis.levers import Choices
from planner.analysis.scaled import Lever
from planner.catalog.load import Catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.rows import TERM_MONTHS, Gpu, KvPrecision, ModelCard, Precision
from planner.errors import Complaint, InputError
from planner.performance.types import Deployment
from planner.problem.schema import Problem
from planner.problem.wording import did_you_mean, some_of
from planner.variants import accepted_models

PRECISIONS: tuple[str, ...] = get_args(Precision)
KV_PRECISIONS: tuple[str, ...] = get_args(KvPrecision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What is asked about: something with a price (`key`, `lever`), or deployments that have all of some words."""

    name: str
    kind: str  # GPU, provider, term, offer, API, or deployment
    key: str = ""
    lever: Lever | None = None
    words: frozenset[str] = frozenset()

    def runs(self, deployment: Deployment) -> bool:
        """Whether a deployment is one of those asked about."""
        return self.words <= words_of(deployment)


def words_of(d: Deployment) -> frozenset[str]:
    """The words that name a deployment."""
    return frozenset({d.model.name, d.precision, f"kv-{d.kv_precision}", d.engine, d.gpu.name, f"tp{d.tp}"})


def thing_of(problem: Problem, catalog: Catalog, name: str, place: str) -> Thing:
    """What a name stands for.  Raises `InputError`, naming `place`, where it stands for nothing."""
    choices = Choices(problem, catalog)
    bare = name.strip().removeprefix("price.")
    key = choices.respelled(f"price.{bare}")
    if (lever := choices.lever(key)) is None or lever.amount:
        key = f"price.api.{bare}"
        lever = choices.lever(key)
    if lever is not None and not lever.amount:
        return Thing(name=key.removeprefix("price."), kind=kind_of(choices, lever), key=key, lever=lever)
    words, ways = spell(catalog, bare), known_words(problem, catalog)
    if len(words) == 1 and (unsold := unsold_kind(catalog, choices, words[0])):
        return Thing(name=words[0], kind=unsold)
    if words and ways.issuperset(words):
        return Thing(name=" ".join(words), kind="deployment", words=frozenset(words))
    names = {each for kind in choices.possible if kind != "workload" for each in choices.possible[kind]}
    lines = [f"nothing of that name can be bought or run here.{did_you_mean(bare, names | ways)}  Possible:"]
    for what, several in (
        ("a term", sorted(choices.possible["term"], key=lambda term: TERM_MONTHS.get(term, 0))),
        ("a GPU", sorted(choices.possible["GPU"])),
        ("a provider", sorted(choices.possible["provider"])),
        ("an API provider", sorted(choices.possible["API"])),
    ):
        if several:
            lines.append(f"  {what}: {', '.join(several)}")
    run = sorted({*PRECISIONS, *(row.engine for row in catalog.engines)})
    lines.append(f"  a precision or an engine: {', '.join(run)}")
    lines.append(f"  a model: {some_of(models_of(problem, catalog))}")
    lines.append("  several of these with / between, or a machine or region: aws/p5.48xlarge/1y, h200-sxm/fp8")
    raise InputError([Complaint(f"{place} {name}", "\n  ".join(lines))])


def kind_of(choices: Choices, lever: Lever) -> str:
    """What a price is asked for."""
    if lever.kind == "tokens":
        return "API"
    if len(lever.names) == 1:
        for kind in ("GPU", "provider", "term"):
            if lever.names[0] in choices.possible[kind]:
                return kind
    return "offer"


def spell(catalog: Catalog, name: str) -> list[str]:
    """The words of a name, GPUs and models as the catalog spells them; what follows "for" or "with" is left out."""
    out = []
    for word in name.split(" for ")[0].split(" with ")[0].replace("/", " ").split():
        gpu, model = resolve_gpu(catalog, word), resolve_model(catalog, word)
        out.append(gpu.name if isinstance(gpu, Gpu) else model.name if isinstance(model, ModelCard) else word)
    return out


def models_of(problem: Problem, catalog: Catalog) -> set[str]:
    """The models that workloads accept."""
    models = {each.model for workload in problem.workloads.values() for each in accepted_models(workload)}
    return {word for name in models for word in spell(catalog, name)}


def unaccepted(problem: Problem, catalog: Catalog, thing: Thing) -> list[str]:
    """Of the words of a deployment, those that no workload accepts: a precision, an engine, a model."""
    workloads = problem.workloads.values()
    models = [each for workload in workloads for each in accepted_models(workload)]
    accepted = models_of(problem, catalog) | {p for each in models for p in each.precisions or ["bf16", "fp8"]}
    accepted |= {f"kv-{p}" for each in models for p in each.kv_precisions or ["bf16", "fp8"]}
    engines = {row.engine for row in catalog.engines}
    accepted |= {e for workload in workloads for e in workload.engines or engines}
    spoken_of = set(catalog.models) | set(PRECISIONS) | engines | {f"kv-{p}" for p in KV_PRECISIONS}
    return sorted((thing.words & spoken_of) - accepted)


def known_words(problem: Problem, catalog: Catalog) -> set[str]:
    """Words by which deployments may be asked about, whether or not the problem accepts them."""
    known = models_of(problem, catalog) | set(PRECISIONS)
    known |= {f"kv-{precision}" for precision in KV_PRECISIONS} | {f"tp{n}" for n in (1, 2, 4, 8)}
    return known | {row.engine for row in catalog.engines} | set(catalog.gpus) | set(catalog.models)


def unsold_kind(catalog: Catalog, choices: Choices, name: str) -> str:
    """What a name is that the catalog knows and nobody here sells; empty: nothing."""
    sellers: tuple[tuple[str, Iterable[str]], ...] = (
        ("GPU", catalog.gpus),
        ("provider", {row.provider for row in catalog.offers}),
        ("term", TERM_MONTHS),
        ("API", {row.provider for row in catalog.api_prices}),
    )
    return next((kind for kind, names in sellers if name in names and name not in choices.possible[kind]), "")
