r"""Blocks run one by one where a provider may be paid a share of the month only.

The share couples all hours of the month.  So while blocks are run alone it is priced: at mu a USD for each that a
provider p is paid beyond its share kappa, a USD paid to p counts as

.. math::
    \psi_p = 1 + \mu_p - \kappa \sum_q \mu_q

and the sum of what is minimized so, over all blocks and all that is paid ahead, is no more than any plan within the
shares costs (Lagrange; Geoffrion, Lagrangean relaxation for integer programming, 1974).  The mu are the duals of the
mix of ways (`formulation.mix`), as the credit of deferred work is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from planner.formulation.variables import payees
from planner.inputs import FleetInputs, Offer, Proved, Steps
from planner.operation import BlockAnswer, Credit, Operation
from planner.paid import paid_ahead, paid_in
from planner.solver import Settings

LEAST_FACTOR = 0.05
"""No provider's USD counts as less: below nothing, machines would be bought for themselves."""

NOTHING = 1e-6
"""A share that is worth less [USD for each USD beyond it] does not bind."""


class Operations:
    """Answers about blocks at any credit: where it prices shares, proofs are at these prices and ways at true ones."""

    def __init__(self, inputs: FleetInputs, settings: Settings, left_s: Callable[[], float]) -> None:
        self.inputs, self.settings, self.left_s = inputs, settings, left_s
        self.at: dict[tuple[tuple[str, float], ...], Operation] = {}

    def priced(self, credit: Credit) -> Operation:
        """The operation of the same fleet at the prices of a credit."""
        key = tuple(sorted(credit.factor.items()))
        if key not in self.at:
            priced = dearer(self.inputs, credit.factor)
            self.at[key] = Operation(priced, self.settings, self.left_s, awake=bool(self.at))
        return self.at[key]

    def answers(
        self,
        steps: Mapping[Steps, int],
        credit: Credit,
        *,
        hourly: frozenset[str] | None = None,
        proof: bool = False,
        blocks: Collection[str] | None = None,
    ) -> dict[str, BlockAnswer]:
        """The best way to run each of these blocks (None: all), in the order of the blocks."""
        found = self.priced(credit).answers(steps, credit.usd_request, hourly=hourly, proof=proof, blocks=blocks)
        return {b: at_true_prices(self.inputs, credit.factor, answer) for b, answer in found.items()}

    def proofs(self, steps: Mapping[Steps, int], credit: Credit, answers: Mapping[str, BlockAnswer]) -> list[Proved]:
        """What these answers prove about every other procurement (see formulation.proofs)."""
        facts = self.priced(credit).proofs(steps, credit.usd_request, answers)
        return [replace(fact, factor=credit.factor) for fact in facts]


def factors(inputs: FleetInputs, duals: Mapping[tuple[str, tuple[str, ...]], float]) -> dict[str, float]:
    """What a USD paid to each provider counts as, by the duals of the shares (mu, with the sign of a saving)."""
    share = inputs.provider_max_spend_share
    usd_beyond = {label[0]: -dual for (family, label), dual in duals.items() if family == "within_provider_spend"}
    beyond = {p: round(usd, 9) for p, usd in usd_beyond.items() if usd > NOTHING}
    if share is None or not beyond:
        return {}
    less = share * sum(beyond.values())
    down = min(1.0, (1 - LEAST_FACTOR) / less)
    return {p: 1 + down * (beyond.get(p, 0.0) - less) for p in payees(inputs)}


def dearer(inputs: FleetInputs, factor: Mapping[str, float]) -> FleetInputs:
    """The same fleet with what each provider is paid so many times as dear."""
    if not factor:
        return inputs

    def priced(offer: Offer) -> Offer:
        times = factor.get(offer.provider, 1.0)
        return replace(offer, usd_h=times * offer.usd_h, covers={o: times * usd_h for o, usd_h in offer.covers.items()})

    return replace(
        inputs,
        offers={o: priced(offer) for o, offer in inputs.offers.items()},
        api_usd_h={(k, a): factor.get(inputs.provider_of[a], 1.0) * usd for (k, a), usd in inputs.api_usd_h.items()},
    )


def at_true_prices(inputs: FleetInputs, factor: Mapping[str, float], answer: BlockAnswer) -> BlockAnswer:
    """The answer with its way and its run at the prices that are really paid; what it proves stays at its own."""
    if answer.run is None or answer.way is None or not inputs.provider_max_spend_share:
        return answer
    paid = paid_in(inputs, answer.run)
    usd = answer.run.usd_month + sum((1 - factor.get(p, 1.0)) * each for p, each in paid.items())
    starts_usd = sum(n * inputs.starts_least_usd(o, answer.run.block) for o, n in answer.run.hourly.items())
    return replace(
        answer,
        run=replace(answer.run, usd_month=usd),
        way=replace(answer.way, usd_month=usd + starts_usd, paid_usd_month=paid),
    )


def beyond_true_usd(inputs: FleetInputs, steps: Mapping[Steps, int], factor: Mapping[str, float]) -> float:
    """What is paid ahead counts for more at these prices than it costs [USD/month]."""
    paid = paid_ahead(inputs, steps) if factor else {}
    return sum((factor.get(p, 1.0) - 1) * usd for p, usd in paid.items())
