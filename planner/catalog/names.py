"""Which catalog row a person means: canonical names, aliases, any case, and the close ones if none fits."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from planner.catalog.load import Catalog
from planner.catalog.rows import Gpu, ModelCard
from planner.catalog.spelling import plain

Named = TypeVar("Named", bound=Gpu | ModelCard)


def resolve_gpu(catalog: Catalog, name: str) -> Gpu | list[str]:
    """The GPU of that name or alias; a list of close canonical names (may be empty) if there is none.

    "h100" alone names no card (SXM, PCIe and NVL differ by a third in speed): it is answered with all three.
    """
    return _resolve(catalog.spelled_gpus, name)


def resolve_model(catalog: Catalog, name: str) -> ModelCard | list[str]:
    """The model of that name, alias or Hugging Face id; a list of close canonical names if there is none."""
    return _resolve(catalog.spelled_models, name)


def _resolve(spelled: Mapping[str, Named], name: str) -> Named | list[str]:
    wanted = plain(name)
    if wanted in spelled:
        return spelled[wanted]
    begin = [spelling for spelling in spelled if wanted and spelling.startswith(wanted)]
    close = [*begin, *get_close_matches(wanted, list(spelled), n=6, cutoff=0.6)]
    return list(dict.fromkeys(spelled[spelling].name for spelling in close))[:4]
