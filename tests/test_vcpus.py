"""Quotas in vCPUs: the machines of one GPU are not alike, and what nobody states is never counted as nothing."""

from __future__ import annotations

from datetime import date

import pytest

import planner
from planner.catalog.load import load_catalog
from planner.errors import ProblemError

PROBLEM = """\
name: vcpus
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 60, shape: flat, burst_factor: 1, input_tok: 1500, output_tok: 300}
    slo: {tpot_ms: 60}
procurement:
  only_quotes: true
  QUOTAS
  quotes:
    - {provider: acme, machine: fat, gpu: l40s, gpus: 1, vcpus: 64, usd_h: 1.0, term: on-demand, SEEN}
    - {provider: acme, machine: thin, gpu: l40s, gpus: 1, vcpus: 16, usd_h: 1.1, term: on-demand, SEEN}
    - {provider: beta, gpu: l40s, gpus: 1, usd_h: 1.5, term: on-demand, SEEN}
apis: {allow: false}
resilience: {machine: false}
""".replace("SEEN", "observed_on: 2026-11-01, source: tests")
ACME = "where: {providers: [acme]}"


def solved(tmp_path, quotas: str, more: str = "") -> planner.Plan:
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM.replace("QUOTAS", f"quotas: [{quotas}]{more}"), encoding="utf-8")
    return planner.solve(planner.load(path), today=date(2026, 11, 2), gap=0)


def bought(plan: planner.Plan) -> dict[str, int]:
    return {each.machine: each.count for each in plan.purchases}


def test_a_quota_in_vcpus_makes_machines_with_fewer_of_them_worth_their_price(tmp_path):
    free = bought(solved(tmp_path, "{max_gpus: 1000}"))
    n = free.pop("fat")
    assert not free and n >= 4
    # room for all n of them: nothing binds
    assert bought(solved(tmp_path, f"{{{ACME}, max_vcpus: {64 * n}}}")) == {"fat": n}
    # one vCPU less: 16 of a thin machine do what 64 of a fat one did
    assert bought(solved(tmp_path, f"{{{ACME}, max_vcpus: {64 * n - 1}}}")) == {"fat": n - 1, "thin": 1}
    assert bought(solved(tmp_path, f"{{{ACME}, max_vcpus: {16 * n}}}")) == {"thin": n}
    # two thin ones fit, the rest is rented where no quota counts
    assert bought(solved(tmp_path, f"{{{ACME}, max_vcpus: 32}}")) == {"thin": 2, "1x-l40s": n - 2}


def test_each_vcpu_more_saves_no_less_than_nothing(tmp_path):
    costs = [solved(tmp_path, f"{{{ACME}, max_vcpus: {most}}}").usd_month for most in (0, 16, 64, 96, 400)]
    assert costs == sorted(costs, reverse=True)


def test_machines_already_paid_for_count_too(tmp_path):
    existing = "{provider: acme, machine: fat, gpu: l40s, gpus: 1, vcpus: 64, count: 1, usd_h: 1.0}"
    found = bought(solved(tmp_path, f"{{{ACME}, max_vcpus: 80}}", f"\n  existing: [{existing}]"))
    assert found["fat"] == 1 and found["thin"] == 1


def test_a_quota_that_is_too_small_is_named(tmp_path):
    only_acme = PROBLEM.replace("    - {provider: beta", "    # - {provider: beta")
    path = tmp_path / "acme.yaml"
    path.write_text(only_acme.replace("QUOTAS", f"quotas: [{{{ACME}, max_vcpus: 16}}]"), encoding="utf-8")
    plan = planner.solve(planner.load(path), today=date(2026, 11, 2))
    assert plan.in_the_way == ("quota 1 (acme): 16 vCPUs",)


def test_what_is_quoted_or_there_already_must_say_its_vcpus(tmp_path):
    with pytest.raises(ProblemError, match=r"quotes\[2\].vcpus") as told:
        solved(tmp_path, "{max_vcpus: 100}")
    assert "quota 1 counts vCPUs, and those of this machine are not in the catalog.  Add `vcpus:`." in str(told.value)
    machine = "{provider: acme, gpu: l40s, gpus: 1, count: 1, usd_h: 1.0}"
    with pytest.raises(ProblemError, match=r"existing\[0\].vcpus"):
        solved(tmp_path, f"{{{ACME}, max_vcpus: 100}}", f"\n  existing: [{machine}]")


def test_catalog_offers_whose_vcpus_nobody_states_are_left_out_and_counted(tmp_path):
    text = PROBLEM.replace("only_quotes: true", "where: {providers: [lambda, vast], tiers: [datacenter]}")
    text = text[: text.index("  quotes:")] + text[text.index("apis:") :]
    path = tmp_path / "problem.yaml"
    path.write_text(text.replace("QUOTAS", "quotas: [{max_vcpus: 2000}]"), encoding="utf-8")
    plan = planner.solve(planner.load(path), today=date(2026, 11, 2))
    why = "vCPUs of the machine are not known, and a quota counts them"
    assert {each.reason: each.count for each in plan.dropped}[why] >= 1
    known = load_catalog().vcpus
    assert all((each.provider, each.machine) in known for each in plan.purchases)


def test_a_quota_must_limit_something(tmp_path):
    with pytest.raises(ProblemError, match=r"limits nothing\.  Add `max_gpus:`, `max_machines:` or `max_vcpus:`"):
        solved(tmp_path, f"{{{ACME}}}")
