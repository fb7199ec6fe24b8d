"""What the traffic of a problem comes to: request classes, load blocks and windows, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from planner.performance.types import Request

HOURS = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClass:
    """One kind of request of one workload."""

    workload: str
    label: str  # "<workload>", or "<workload>/<input>in-<output>out" if it has several
    request: Request  # mean lengths of the class


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Hours of the week that are alike in every load and window."""

    label: str  # as a person would write it: "mon-fri 09-10, 14-16"
    hours: tuple[int, ...]  # hours of the week, 0 = Monday 00:00
    month_h: float  # H_b: len(hours) x month_hours / 168


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Work that may be done in any of these blocks, and must be done in them together."""

    label: str
    workload: str
    blocks: tuple[str, ...]  # block labels
    requests_month: dict[str, float]  # by class label
    nights: tuple[tuple[int, ...], ...] = ()  # hours of each alike window joined here; each does an equal part


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The traffic of a problem, reduced without loss unless `merging_note` says otherwise."""

    classes: tuple[RequestClass, ...]
    blocks: tuple[Block, ...]
    mean_req_s: dict[tuple[str, str], float]  # (class label, block label): billed; not for deferrable
    planning_req_s: dict[tuple[str, str], float]  # (class label, block label): carried; mean x burst
    windows: tuple[Window, ...]
    burst_factor: dict[str, float]  # by workload
    burst_note: dict[str, str]  # by workload: measured on what, or assumed
    arrival_variability: dict[str, float]  # by workload: variance / mean of arrivals in seconds; 1 is Poisson
    arrival_note: dict[str, str]  # by workload: measured on what, or assumed
    merging_note: dict[str, str]  # by workload: what the reduction of lengths and hours lost
