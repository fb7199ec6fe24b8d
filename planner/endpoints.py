"""A serverless endpoint: what its workers run, and in each hour how many there are, billed for how long.

Part of the finished plan; the arithmetic is in `planner.scaling`.
"""

from __future__ import annotations

from pydantic import Field

from planner.part import Part


class EndpointHours(Part):
    """The workers of an endpoint in one block, each on the mean."""

    block: str
    workers: int = Field(description="on at most; before a plan: as many as serve all that the workload asks for")
    warm: bool = Field(description="kept on through the hour; else they scale to zero")
    billed_share: float = Field(description="of its time; above 1: with a start, which is billed too")
    starts_h: float = Field(description="cold starts an hour")
    cold_share: float = Field(description="of the requests: they wait for a cold start")


class Endpoint(Part):
    """Workers of one deployment for one workload, billed by the second."""

    workload: str
    deployment: str
    warm_usd_h: float = Field(description="a worker that is kept on")
    cold_start_s: float
    cold_start_billed: bool
    idle_s: float = Field(description="a worker runs on for so long after its last request, billed")
    hours: tuple[EndpointHours, ...]

    def paid_shares(self, usd_h: float) -> dict[str, float]:
        """By block, what a worker costs over what it would at `usd_h`, its price where it is not kept warm."""
        return {each.block: each.billed_share * self.usd_h(each, usd_h) / usd_h for each in self.hours}

    def usd_h(self, hours: EndpointHours, usd_h: float) -> float:
        """Price of a worker in these hours, `usd_h` where it is not kept warm [USD/h]."""
        return self.warm_usd_h if hours.warm else usd_h
