"""What a machine of one's own costs a month: capital over its life, power, hosting, hands.

    capital     (P - R / (1 + i)^n) x i / (1 - (1 + i)^-n)     annuity that pays price P back in n months at i a month,
                                                               what is sold at the end (R) taken off
    power       kW x PUE x USD/kWh x hours of the month        drawn whether requests come or not
    hosting, staff                                             as stated

Source of the annuity: any textbook of engineering economics, e.g. C. Park, Contemporary Engineering Economics, ch. 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.catalog.rows import PriceOffer
from planner.problem.procurement import OwnedMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class OwningCost:
    """One machine [USD/month]."""

    capital: float
    power: float
    hosting: float
    staff: float

    @property
    def usd_month(self) -> float:
        """All of it."""
        return self.capital + self.power + self.hosting + self.staff


def capital_usd_month(price_usd: float, residual_usd: float, months: int, yearly: float) -> float:
    """The monthly payment that pays a price back over its life.

    >>> round(capital_usd_month(120_000, 0, 48, 0.0))          # nothing but time: 120,000 / 48
    2500
    >>> round(capital_usd_month(120_000, 12_000, 48, 0.12))    # 1 % a month: (120,000 - 7,443) x 0.026334
    2964
    """
    i = yearly / 12
    if i < 1e-9:
        return (price_usd - residual_usd) / months
    sold_today = residual_usd / (1 + i) ** months
    return (price_usd - sold_today) * i / (1 - (1 + i) ** -months)


def owning_cost(machine: OwnedMachine, cost_of_capital_year: float, month_h: float) -> OwningCost:
    """What one such machine costs in a month of so many hours."""
    residual = machine.residual_share * machine.price_usd
    return OwningCost(
        capital=capital_usd_month(machine.price_usd, residual, machine.life_months, cost_of_capital_year),
        power=machine.power_kw * machine.pue * machine.usd_kwh * month_h,
        hosting=machine.hosting_usd_month,
        staff=machine.staff_usd_month,
    )


def offer_of_owned(machine: OwnedMachine, cost_of_capital_year: float, month_h: float) -> PriceOffer:
    """A machine that may be bought, as an offer paid for at every hour."""
    cost = owning_cost(machine, cost_of_capital_year, month_h)
    parts = {name: getattr(cost, name) for name in ("capital", "power", "hosting", "staff")}
    listed = ", ".join(f"{name} {usd:,.0f}" for name, usd in parts.items() if usd)
    return PriceOffer(
        provider=machine.provider,
        region=machine.region,
        country=machine.country,
        continent=machine.continent,
        tier=machine.tier,
        machine=machine.machine or f"{machine.gpus}x-{machine.gpu}",
        gpu=machine.gpu,
        gpus=machine.gpus,
        usd_h=cost.usd_month / month_h,
        term="bought",
        source=f"{machine.source}; USD a month each: {listed}",
        observed_on=machine.observed_on,
    )
