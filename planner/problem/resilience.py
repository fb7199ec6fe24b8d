"""What must go on when something is lost, as a section of the problem file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import Name, Section, Share


class Resilience(Section):
    """What a plan must survive.

    It bears on workloads with a latency objective, or on the `workloads` named.  A lost machine's replicas are started
    again on the machines that remain; until then fewer requests keep their objective.  For a lost region or provider
    replicas that run elsewhere stand ready.
    """

    machine: bool = Field(default=True, description="any one machine may fail in any hour; each pool keeps a spare")
    region: bool = Field(default=False, description="any one provider may lose all its machines in one region at once")
    provider: bool = Field(default=False, description="any one provider may be lost with all its machines and its API")
    kept_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1, description="share of the load that is still served within its objectives"
    )
    apis_may_help: bool = Field(
        default=False, description="what an API without a rate limit sells needs no spare: the API takes over"
    )
    workloads: list[Name] = Field(default=[], description="empty: all with a latency objective")
    maintenance_share: Annotated[Share, Field(lt=0.5)] = Field(
        default=0, description="share of the time that a replica is down for upkeep, taken off what it carries"
    )
