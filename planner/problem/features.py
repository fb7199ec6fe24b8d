"""The engine features that a workload may state: a section of the problem file.

What each is worth is arithmetic of `planner.performance.features`; here is only what may be written.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.problem.section import Section, Share


class SpeculativeDecoding(Section):
    """A draft proposes tokens that the model checks together.  How many it accepts is your claim, and not measured."""

    draft_tok: Annotated[int, Field(ge=1, le=16)] = Field(default=3, description="tokens proposed per step")
    acceptance_share: Share = Field(default=0.6, description="share of proposed tokens accepted, each by itself")
    draft_cost_share: Share = Field(
        default=0.1, description="what the draft takes of the model's time, weights and cache; 0 for n-gram drafts"
    )


class EngineFeatures(Section):
    """How engines may run for this workload; docs/engine-features.md says what each is worth."""

    batching: Literal["continuous", "static"] = Field(
        default="continuous", description="static: a batch waits for all its prompts and its longest answer"
    )
    chunked_prefill: bool | None = Field(
        default=None, description="whether prompts are read in pieces beside other tokens; left out: as measured"
    )
    prefix_hit_share: Share = Field(default=0, description="share of prompt tokens found in GPU memory")
    offload_hit_share: Share = Field(
        default=0, description="share of prompt tokens found in the memory of the host (KV offload), and copied"
    )
    speculative: SpeculativeDecoding | None = Field(
        default=None, description="given: used where it makes the plan cheaper; {} for the defaults"
    )
