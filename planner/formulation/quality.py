"""Which models serve how much of a workload: how good the answers are on the mean, and what a router may send where."""

from __future__ import annotations

from collections.abc import Iterator

from pulp import lpSum

from planner.formulation.family import Rows, family
from planner.formulation.variables import Var, Variables
from planner.inputs import Blend, FleetInputs

Part = tuple[str, str, Var]
"""(class, deployment or API, requests/s)."""


def parts(inputs: FleetInputs, v: Variables) -> Iterator[tuple[str, Blend, str, list[Part]]]:
    """(label, blend, block, what is served of it) wherever anything may be."""
    if not inputs.blends:
        return
    served: dict[tuple[str, str], list[tuple[str, Var]]] = {}
    for (k, c, _, b), y in v.served.items():
        served.setdefault((k, b), []).append((c, y))
    for (k, a, b), p in v.api.items():
        if a in inputs.nobody:
            continue
        served.setdefault((k, b), []).append((a, p))
    for label, blend in inputs.blends.items():
        for b in inputs.block_h:
            if several := [(k, s, y) for k in blend.classes for s, y in served.get((k, b), ())]:
                yield label, blend, b, several


@family(
    over=("workload", "block"),
    unit="requests/s x score",
    says="what is served of {workload} in {block} scores no less on the mean than is asked",
    relaxed="ask a lower mean score of {workload} during {block}",
)
def keep_mean_quality(inputs: FleetInputs, v: Variables) -> Rows:
    r"""The mean score of what is served is no lower than is asked, request by request, in every block.

    .. math::
        \sum_{k \in w} \Big( \sum_{c,g} \theta_{kc}\, y_{kcgb} + \sum_a \theta_{ka}\, p_{kab} \Big) \ge
        \Theta_w \sum_{k \in w} \Big( \sum_{c,g} y_{kcgb} + \sum_a p_{kab} \Big) \qquad \forall w, b

    Work that may wait is held to it class by class, in every block in which it is done.  The dual is the cost of one
    more point of score for one request/s through block *b* (USD per month), with machines and replicas held.
    """
    for label, blend, b, several in parts(inputs, v):
        if blend.mean_score is not None:
            above = [(blend.score[k, s] - blend.mean_score) * y for k, s, y in several]
            yield (label, b), lpSum(above) >= 0


@family(
    over=("workload", "model", "block"),
    unit="requests/s",
    says="{model} serves at most its share of {workload} during {block}",
    relaxed="let {model} serve more of {workload} during {block}",
)
def within_model_share(inputs: FleetInputs, v: Variables) -> Rows:
    r"""A model serves at most its share of a workload, in every block: what a router may send to it.

    .. math::
        \sum_{k \in w} \sum_{s \in j} (y_{ksb} + p_{ksb}) \le
        \rho_j \sum_{k \in w} \sum_s (y_{ksb} + p_{ksb}) \qquad \forall w, j, b

    with y summed over groups.  Work that may wait is held to it class by class, in every block in which it is done.
    The dual is what one more request/s on the model would save through block *b* (USD per month).
    """
    for label, blend, b, several in parts(inputs, v):
        for j, share in blend.max_share.items():
            mine = [y for k, s, y in several if blend.model.get((k, s)) == j]
            if mine:
                yield (label, j, b), lpSum(mine) <= share * lpSum(y for _, _, y in several)
