"""Breakpoints of a price: on paper, against everything tried on a grid, and where the price stands in a rule."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from brute_force import BruteForce
from fleets import random_fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from test_brute_force import blended, interrupted, little_from_apis, promised, scattered, spread_out, surviving
from test_egress import tiered
from test_min_replicas import running
from test_serverless import with_endpoints
from test_sharing import random_shared
from test_spend_share import shared_out
from test_startup import starting
from typer.testing import CliRunner

from planner.analysis.breakpoints import Bought, Flip, Line, Probe, Stretch, march, tell
from planner.analysis.price_changes import within_budget
from planner.catalog.load import Catalog, load_catalog
from planner.cli import app
from planner.errors import InputError, NoCandidate
from planner.formulation import ROWS, assemble
from planner.inputs import FleetInputs
from planner.outlook import breakpoints
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem
from planner.search import search
from planner.solution import Solution
from planner.solver import Settings
from planner.verbs import solve

EXACT = Settings(gap=0.0, time_limit_s=60)
AGREE = 1e-5
LOW, HIGH = 0.3, 2.5


# --- on numbers: every plan against everything tried ---------------------------------------------------------------


def with_cash(seed: int) -> FleetInputs:
    """A random fleet whose commitments are paid upfront, from little cash."""
    i, dice = random_fleet(seed), random.Random(seed)
    offers = {
        o: replace(offer, upfront_usd=round(dice.uniform(5, 30), 1), capital_usd_month=round(dice.uniform(0, 2), 1))
        if offer.billing == "always" and offer.existing is None
        else offer
        for o, offer in i.offers.items()
    }
    return replace(i, offers=offers, max_upfront_usd=round(dice.uniform(10, 90), 1), budget_usd_month=None)


def priced(i: FleetInputs, moved: frozenset[str], factor: float, held_at: float) -> FleetInputs:
    """The fleet with prices times a factor; what is paid upfront as at another."""
    offers = {
        o: replace(
            offer,
            usd_h=offer.usd_h * factor,
            capital_usd_month=offer.capital_usd_month * factor,
            upfront_usd=offer.upfront_usd * held_at,
        )
        if o in moved and offer.existing is None
        else offer
        for o, offer in i.offers.items()
    }
    return replace(
        i, offers=offers, api_usd_h={(k, a): p * (factor if a in moved else 1.0) for (k, a), p in i.api_usd_h.items()}
    )


def line_of(i: FleetInputs, plan: Solution, moved: frozenset[str]) -> Line:
    """What a plan costs at any factor, counted from its machines at factor 1."""
    usd: dict[str, float] = {}
    for o, n in plan.always.items():
        if n and i.offers[o].existing is None:
            usd[o] = n * (i.offers[o].usd_h * i.month_h + i.offers[o].capital_usd_month)
    for run in plan.runs:
        hours = i.block_h[run.block] * run.week_h / i.block_week_h[run.block]
        for o, n in run.hourly.items():
            usd[o] = usd.get(o, 0.0) + n * i.offers[o].usd_h * hours
        for (k, a), x in run.api.items():
            usd[a] = usd.get(a, 0.0) + x * i.api_usd_h[k, a] * hours
    upfront = sum(n * i.offers[o].upfront_usd for o, n in plan.always.items() if o in moved)
    fixed = sum(n * i.offers[o].upfront_usd for o, n in plan.always.items() if o not in moved and usd.get(o))
    until = (i.max_upfront_usd - fixed) / upfront if upfront and i.max_upfront_usd is not None else math.inf
    return Line(
        fixed_usd_month=0.0,
        moved_usd_month=sum(x for o, x in usd.items() if o in moved),
        buys={o: Bought(None, x) for o, x in usd.items()},
        until=until,
    )


def of_fleet(i: FleetInputs, moved: frozenset[str]) -> tuple[list[Stretch], list[Flip], int]:
    """Stretches, flips and the number of solves of a fleet."""
    solves = 0
    free = replace(i, budget_usd_month=None)

    def ask(factor: float, held_at: float) -> Probe:
        nonlocal solves
        solves += 1
        plan = search(priced(free, moved, factor, held_at), EXACT)
        if plan.usd_month is None:
            return Probe(factor=factor, line=None, bound_usd_month=math.inf)
        line = line_of(i, plan, moved)
        line = replace(line, fixed_usd_month=plan.usd_month - line.moved_usd_month * factor)
        return Probe(factor=factor, line=line, bound_usd_month=plan.bound_usd_month)

    sections = march(ask, LOW, HIGH, 0.0)
    stretches, flips = tell(sections, 0.0)
    if i.budget_usd_month is not None:
        stretches, flips = within_budget(stretches, flips, sections, i.budget_usd_month)
    return stretches, flips, solves


def told_usd(stretches: Iterable[Stretch], factor: float) -> float | None:
    """What is told for a factor [USD/month]; None: no plan."""
    lines = next(s.lines for s in stretches if s.low <= factor <= s.high)
    return min((line.at(factor) for line in lines if line.until >= factor), default=None)


def check_fleet(seed: int, grid: int) -> tuple[int, bool]:
    """Told costs against everything tried on a grid and beside each flip; how many flips, and whether a rule bites."""
    i, dice = with_cash(seed) if seed % 3 == 0 else random_fleet(seed), random.Random(seed)
    names = sorted({o for o, offer in i.offers.items() if offer.existing is None} | {a for _, a in i.api_usd_h})
    moved = frozenset(name for name in names if dice.random() < 0.5) or frozenset(names[:1])
    stretches, flips, solves = of_fleet(i, moved)

    def tried(factor: float) -> float | None:
        return BruteForce(priced(i, moved, factor, factor)).cheapest()

    for place in range(grid):
        factor = LOW + (HIGH - LOW) * (place + 0.37) / grid
        expected, told = tried(factor), told_usd(stretches, factor)
        assert (told is None) == (expected is None), (seed, factor)
        assert told is None or told == pytest.approx(expected, rel=AGREE, abs=AGREE), (seed, factor)
    # none is invented: on each side its own plan is best, and the other is dearer or not allowed
    for flip in flips:
        for factor, mine, other in (
            (flip.low * (1 - 2e-4), flip.before, flip.after),
            (flip.high * (1 + 2e-4), flip.after, flip.before),
        ):
            stretch = next((s for s in stretches if s.low <= factor <= s.high), None)
            if stretch is None or mine is None or mine not in stretch.lines:
                continue
            assert mine.at(factor) == pytest.approx(tried(factor), rel=AGREE, abs=AGREE), (seed, factor)
            assert other is None or other.until < factor or other.at(factor) >= mine.at(factor) * (1 - 1e-9)
    lines = sum(len(stretch.lines) for stretch in stretches)
    concave = i.budget_usd_month is None and i.max_upfront_usd is None
    assert not concave or solves <= 2 * (lines - 1) + 3, seed
    return len(flips), any(flip.threshold_usd_month is None for flip in flips)


def test_breakpoints_are_those_of_everything_tried_on_a_grid():
    found = [check_fleet(seed, grid=6) for seed in range(40)]
    assert sum(flips for flips, _ in found) >= 10 and sum(rows for _, rows in found) >= 2


@pytest.mark.long
def test_breakpoints_of_many_fleets_are_those_of_a_dense_grid():
    found = [check_fleet(seed, grid=40) for seed in range(40, 240)]
    assert sum(flips for flips, _ in found) > 70 and sum(rows for _, rows in found) > 8


# --- the mathematics alone: made-up plans ---------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=12, unique=True),
    st.sampled_from([0.0, 0.01, 0.1]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_plans_are_none_is_missed_by_more_than_the_gap(plans, gap, dice):
    lines = [
        Line(fixed_usd_month=100.0 + fixed, moved_usd_month=float(moved), buys={f"m{n}": Bought(1, 1.0)})
        for n, (fixed, moved) in enumerate(plans)
    ]
    asked: list[float] = []

    def least(factor: float) -> float:
        return min(line.at(factor) for line in lines)

    def ask(factor: float, _: float) -> Probe:
        asked.append(factor)
        near = [line for line in lines if line.at(factor) * (1 - gap) <= least(factor)]
        line = dice.choice(near) if gap else min(near, key=lambda line: line.at(factor))
        return Probe(factor=factor, line=line, bound_usd_month=max(line.at(factor) * (1 - gap), least(factor) * 0.9))

    stretches, flips = tell(march(ask, 0.5, 2.0, gap), gap)
    best = [least(0.5 + n / 200) for n in range(301)]
    for n, usd in enumerate(best):
        assert told_usd(stretches, 0.5 + n / 200) * (1 - gap) <= usd * (1 + 1e-5)
    kinds = sum(len(stretch.lines) for stretch in stretches)
    assert gap or len(asked) <= 2 * (kinds - 1) + 3
    for flip in flips:  # somewhere in its interval the best plans go from spending at least m to at most m
        slopes = [
            max((line.moved_usd_month, -t) for line in lines if line.at(t) <= least(t) * (1 + 1e-9))[0]
            for t in (flip.low * (1 - 1e-4), flip.high * (1 + 1e-4))
        ]
        assert flip.low * (1 - 1e-4) < 0.5 or slopes[0] >= flip.threshold_usd_month - 1e-6
        assert flip.high * (1 + 1e-4) > 2.0 or slopes[1] <= flip.threshold_usd_month + 1e-6


# --- problem files, on paper ----------------------------------------------------------------------------------------

# 10 requests/s all week; a GPU serves 4 for $2/h, $1,460 a month; the API asks (1000 + 1000) x $0.05/Mtok = $0.0001 a
# request, $262.80 a month for one a second.  So a full machine saves $1,051.20 of API, a third one $525.60.
OWN = """\
name: own
month_hours: 730
workloads:
  chat:
    models: [ours]
    traffic: {peak_req_s: 10, input_tok: 1000, output_tok: 1000, burst_factor: 1}
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-20, source: a letter}
apis:
  quotes:
    - {model: ours, provider: seller, input_usd_mtok: 0.05, output_usd_mtok: 0.05, observed_on: 2026-11-20,
       source: a page}
solver: {gap: 0}
"""
RACK, API = "rack 1x-home-gpu on-demand", "seller API"
A_YEAR_AT_ONCE = OWN.replace("usd_h: 2, term: on-demand", "usd_h: 1, upfront_share: 1, term: 1y").replace(
    "procurement:\n", "procurement:\n  max_upfront_usd: 8_000\n  cost_of_capital_year: 0\n"
)
PROMISE = OWN.replace(
    "procurement:\n",
    "procurement:\n  spend_quotes:\n    - {provider: rack, term: 1y, covers: [{discount_share: 0.3}],\n"
    "       observed_on: 2026-11-20, source: a letter}\n",
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def own(folder: Path, catalog: Catalog, text: str = OWN) -> ProblemFile:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def mixes(stretches: Iterable[Stretch]) -> list[set[str]]:
    return [set(stretch.lines[0].mix) if stretch.lines else set() for stretch in stretches]


def test_a_machine_comes_where_it_saves_its_rent_and_the_api_goes_where_three_do(tmp_path, catalog):
    [found] = breakpoints(own(tmp_path, catalog), ["price.api"], catalog, low=0.5, high=4)
    assert [flip.at for flip in found.flips] == pytest.approx([1460 / 1051.2, 1460 / 525.6])
    assert all(flip.low == pytest.approx(flip.at) and flip.high == pytest.approx(flip.at) for flip in found.flips)
    assert mixes(found.stretches) == [{API}, {RACK, API}, {RACK}]
    assert found.stretches[0].usd_month_low == pytest.approx(1314) and found.solves == 5 and found.proved()


def test_where_nothing_changes_two_solves_say_so(tmp_path, catalog):
    [found] = breakpoints(own(tmp_path, catalog), ["price.rack"], catalog, low=0.8, high=1.2)
    assert not found.flips and mixes(found.stretches) == [{API}] and found.solves == 2


def test_a_price_that_two_keys_name_moves_once_together(tmp_path, catalog):
    keys = ["price.home-gpu", "price.rack"]
    apart = breakpoints(own(tmp_path, catalog), keys, catalog, low=0.3, high=1)
    [both] = breakpoints(own(tmp_path, catalog), keys, catalog, low=0.3, high=1, together=True)
    for found in (*apart, both):  # rents of 0.36 and 0.72 x $1,460: where the third and the first machine pay
        assert [flip.at for flip in found.flips] == pytest.approx([0.36, 0.72])
    assert both.keys == ("price.home-gpu", "price.rack")


def test_a_budget_ends_the_plans_and_changes_none(tmp_path, catalog):
    file = own(tmp_path, catalog, OWN + "budget: {usd_month: 3_000}\n")
    [found] = breakpoints(file, ["price.api"], catalog, low=0.5, high=4)
    assert [flip.at for flip in found.flips] == pytest.approx([3000 / 2628])
    assert found.flips[0].after is None and found.flips[0].high == pytest.approx(3000 / 2628)
    assert mixes(found.stretches) == [{API}, set()]
    with pytest.raises(NoCandidate, match="budget of 3,000 USD"):
        breakpoints(file, ["price.api"], catalog, low=2, high=4)


def test_a_limit_on_cash_ends_a_plan_before_another_is_cheaper(tmp_path, catalog):
    # a machine is $8,760 at once, $730 a month, and saves $1,051.20: it pays up to 1.44 and is allowed up to 0.913
    [found] = breakpoints(own(tmp_path, catalog, A_YEAR_AT_ONCE), ["price.1y"], catalog, low=0.5, high=2)
    assert found.method == "concave by sections"
    assert [flip.at for flip in found.flips] == pytest.approx([8000 / 8760], rel=1e-5)
    assert found.flips[0].threshold_usd_month is None
    before, after = found.stretches
    assert before.usd_month_high == pytest.approx(8000 / 12 + 0.6 * 2628, rel=1e-5)
    assert after.usd_month_low == pytest.approx(2628)


@pytest.mark.parametrize(("capital", "tax"), [(0.0, 0.0), (0.3, 0.0), (0.3, 0.2)])
def test_what_is_told_under_a_limit_on_cash_is_what_a_solve_finds(tmp_path, catalog, capital, tax):
    text = A_YEAR_AT_ONCE.replace("cost_of_capital_year: 0", f"cost_of_capital_year: {capital}")
    text = text.replace("8_000", "20_000") + f"overheads: {{tax_share: {tax}}}\n"
    [found] = breakpoints(own(tmp_path, catalog, text), ["price.home-gpu"], catalog, low=0.4, high=1.6)
    for factor in [0.45 + 0.1 * n for n in range(12)]:
        file = own(tmp_path, catalog, text.replace("usd_h: 1,", f"usd_h: {factor},"))
        expected = solve(file, catalog, price_spares=False).usd_month
        assert told_usd(found.stretches, factor) == pytest.approx(expected, rel=1e-6), factor


def test_where_rates_of_a_promise_move_the_flip_is_bisected_and_said_so(tmp_path, catalog):
    # a covered machine costs 0.7 x $1,460 = $1,022 at factor 1, and saves $1,051.20
    [found] = breakpoints(own(tmp_path, catalog, PROMISE), ["price.1y"], catalog, low=0.6, high=1.4)
    assert found.method == "bisection" and len(found.flips) == 1
    assert found.flips[0].low < 1051.2 / 1022 < found.flips[0].high
    assert found.flips[0].high - found.flips[0].low < 0.002
    assert mixes(found.stretches) == [{RACK, API, "rack spend commitment 1y"}, {API}]
    # rates stay where on-demand prices move, and no rule counts what APIs ask
    for key in ("price.on-demand", "price.api"):
        assert breakpoints(own(tmp_path, catalog, PROMISE), [key], catalog, low=0.9, high=1.1)[0].method == "concave"


@pytest.mark.parametrize("key", ["price.rack", "price.home-gpu", "price.on-demand"])
def test_a_promise_already_signed_pays_for_fewer_machines_as_they_get_dearer(tmp_path, catalog, key):
    # 1 USD/h at 30 % off takes 1 / 0.7 x $730 = $1,042.86 off a machine's $1,460 t, which saves $1,051.20; where only
    # on-demand prices rise its rates stay, and it takes off 1 / 1.4 of the machine's $1,460 t: that pays up to 2.52
    signed = "procurement:\n  existing_spend: [{provider: rack, usd_h: 1, covers: [{discount_share: 0.3}]}]\n"
    file = own(tmp_path, catalog, OWN.replace("procurement:\n", signed))
    [found] = breakpoints(file, [key], catalog, low=0.8, high=4)
    expected = 1051.2 / 1460 / (1 - 1 / 1.4) if key == "price.on-demand" else (1051.2 + 730 / 0.7) / 1460
    assert found.method == "bisection" and mixes(found.stretches) == [{RACK, API}, {API}]
    assert found.flips[0].low < expected < found.flips[0].high


def test_machines_that_are_bought_keep_their_price(tmp_path, catalog):
    bought = OWN.replace(
        "procurement:\n",
        "procurement:\n  cost_of_capital_year: 0\n  purchases:\n    - {provider: rack, gpu: home-gpu, gpus: 1,"
        " price_usd: 24_000, life_months: 48, power_kw: 0, usd_kwh: 0, observed_on: 2026-11-20, source: a vendor}\n",
    )
    [found] = breakpoints(own(tmp_path, catalog, bought), ["price.rack"], catalog, low=0.5, high=1.5)
    assert all(line.moved_usd_month == 0 for line in found.stretches[-1].lines)
    assert any("bought" in label for label in found.stretches[-1].lines[0].mix)


def test_tax_and_the_price_of_what_is_sent_out_are_in_the_lines(tmp_path, catalog):
    text = OWN + "overheads: {tax_share: 0.1, egress_kb_request: 9, engineering_usd_month: 200}\n"
    [found] = breakpoints(own(tmp_path, catalog, text), ["price.api"], catalog, low=0.5, high=4)
    for factor in [0.6 + 0.3 * n for n in range(12)]:
        price = f"input_usd_mtok: {0.05 * factor}, output_usd_mtok: {0.05 * factor}"
        dearer = text.replace("input_usd_mtok: 0.05, output_usd_mtok: 0.05", price)
        expected = solve(own(tmp_path, catalog, dearer), catalog, price_spares=False).usd_month
        assert told_usd(found.stretches, factor) == pytest.approx(expected, rel=1e-6), factor


def test_what_is_no_price_and_no_range_is_refused(tmp_path, catalog):
    file = own(tmp_path, catalog)
    with pytest.raises(InputError, match=r"`plan sweep` varies it"):
        breakpoints(file, ["traffic"], catalog)
    with pytest.raises(InputError, match=r"Did you mean price.rack\?"):
        breakpoints(file, ["price.rak"], catalog)
    with pytest.raises(InputError, match="is no range"):
        breakpoints(file, ["price.rack"], catalog, low=2, high=1)


def test_the_command_says_it_in_words_and_in_json(tmp_path, catalog):
    file = own(tmp_path, catalog, OWN + "budget: {usd_month: 4_300}\n")
    out = tmp_path / "out.json"
    asked = ["breakpoints", str(file.path), "--over", "price.api", "--from", "0.5", "--to", "4"]
    result = CliRunner().invoke(app, [*asked, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "own: 2 flips from 0.5 x to 4 x price.api" in result.stdout
    assert "+ 2 x rack 1x-home-gpu on-demand" in result.stdout and "no plan keeps the budget" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    again = CliRunner().invoke(app, [*asked, "--json"])
    assert json.loads(again.stdout) == json.loads(out.read_text(encoding="utf-8"))
    assert json.loads(again.stdout)[0]["flips"][0]["at"] == pytest.approx(1460 / 1051.2)
    assert CliRunner().invoke(app, [*asked[:-3], "9", "--to", "10"]).exit_code == 1
    assert CliRunner().invoke(app, [*asked[:2], "--over", "traffic"]).exit_code == 2


def test_every_rule_that_counts_prices_is_one_that_is_known_to():
    # a family that is missing here makes V(t) less than concave: planner.analysis.price_changes.method_for must know it
    seen, counting = set[str](), set[str]()
    fleets = (
        surviving,
        interrupted,
        spread_out,
        blended,
        promised,
        scattered,
        tiered,
        random_shared,
        little_from_apis,
        running,
        starting,
        with_endpoints,
        shared_out,
    )
    for fleet in (random_fleet, *fleets):
        for seed in range(30):
            i = fleet(seed)
            names = frozenset(i.offers) | {a for _, a in i.api_usd_h}
            dearer = priced(i, names, 1.5, 1.5)
            covers = {o: {c: 1.5 * usd_h for c, usd_h in offer.covers.items()} for o, offer in i.offers.items()}
            dearer = replace(dearer, offers={o: replace(offer, covers=covers[o]) for o, offer in dearer.offers.items()})
            models = assemble(i), assemble(dearer)  # kept: PuLP 4 forgets the rows of a program that is gone
            rows, other = (model.rows for model in models)
            seen |= {family for family, _ in rows}
            counting |= {label[0] for label in rows if str(rows[label]) != str(other[label])}
    learned = {"never_cheaper_than_proved", "count_beyond", "no_more_than_there_is"}  # of one price, for that price
    assert {family.name for family in ROWS} - seen <= learned, "a rule that no fleet here has: add one that does"
    assert counting == {"within_budget", "within_upfront_cash", "covered_by_spend", "within_provider_spend"}
