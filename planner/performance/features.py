r"""What an engine may do beside plain continuous batching, and what each feature is worth as arithmetic.

Only what a workload states is used; a number an article claims ("2-4x faster") is never one of them.  The formulas
change the steps of the roofline (`planner.performance.steps`); measured rows still correct the plain steps below
them.  How an engine runs is a `Features` of the deployment; what is found of a prompt in a cache depends on the
prompts, and is part of a `Request`.  KV cache in FP8 or INT8 is no feature here: it is the deployment's KV precision.

What the model says of each, against what is claimed: docs/engine-features.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HOST_GB_S = 20.0
"""Copying from the memory of the host to one GPU [GB/s]: PCIe 4.0 x 16 carries 31.5, PCIe 5.0 twice that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculative:
    r"""A draft proposes k tokens, the model checks them in one step (arXiv 2211.17192, Leviathan et al. 2023).

    Expected tokens of a step, by equation 1 there, for an acceptance share a of each proposed token:

    .. math:: (1 - a^{k+1}) / (1 - a) = 1 + a + \dots + a^k

    Physics: the checking step reads the cache once but multiplies k + 1 tokens of every request, routes them to more
    experts and samples them all, so that the gain goes as arithmetic comes to bound the step (arXiv 2406.14066).
    Claim: a, which depends on the draft and on what is written.  A draft is taken to be `draft_cost_share` of the
    model in all it does: the time of its steps and prompts, its weights and its cache.  Zero for n-gram drafts.
    """

    draft_tok: int = 3  # k
    acceptance_share: float = 0.6  # a
    draft_cost_share: float = 0.1  # time of one step of the draft / of the model, as many in flight

    @property
    def step_tok(self) -> float:
        """Expected tokens per request and step, at least the one that the model itself gives.

        >>> round(Speculative(draft_tok=3, acceptance_share=0.6).step_tok, 3)     # 1 + 0.6 + 0.36 + 0.216
        2.176
        """
        return sum(self.acceptance_share**i for i in range(self.draft_tok + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """How an engine runs.  The defaults are plain continuous batching, as measured."""

    batching: Literal["continuous", "static"] = "continuous"
    """static: all prompts of a batch are read before its first token, and all its slots stay taken until its longest
    answer ends (Orca, Yu et al., OSDI 2022).  Physics: the longest of n answers of geometric length is H_n = 1 + 1/2 +
    ... + 1/n times the mean.  A queue for it has one slot, for all open together."""

    chunked_prefill: bool | None = None
    """Whether prompts are read in pieces beside other requests' tokens (Sarathi-Serve, arXiv 2403.02310).  None: as
    measured, where a fitted share of prompts (`separate_share`) has steps of its own; True: none has; False: all
    have.  Physics of the mean step; that it evens out the slowest tokens is not counted."""

    speculative: Speculative | None = None

    @property
    def draft_share(self) -> float:
        """What a draft takes of memory and time, as a share of the model."""
        return self.speculative.draft_cost_share if self.speculative else 0.0

    @property
    def label(self) -> str:
        """What is not plain, short; different for all that differ."""
        parts = ["static batching"] if self.batching == "static" else []
        if self.chunked_prefill is not None:
            parts.append("chunked prefill" if self.chunked_prefill else "prompts unchunked")
        if s := self.speculative:
            parts.append(f"speculative {s.draft_tok} x {s.acceptance_share:g} draft {s.draft_cost_share:g}")
        return ", ".join(parts)


PLAIN = Features()
