"""What a problem file may say, how its numbers and words are read, and that its descriptions are current."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import Catalog, load_catalog
from planner.errors import ProblemError
from planner.problem.document import plain_value
from planner.problem.json_schema import PAGE_FILE, SCHEMA_FILE, page_text, schema_text
from planner.problem.matching import allows
from planner.problem.places import ProblemFile
from planner.problem.procurement import Quote
from planner.problem.read import load_problem, read_problem
from planner.problem.references import check_references
from planner.problem.schema import Problem
from planner.problem.starter import starter_text
from planner.problem.where import Where
from planner.problem.workload import AcceptableModel

EVERYTHING = """\
name: everything
workloads:
  chat: &chat
    models:
      - llama-3.3-70b
      - {model: Llama-3.1-8B, precisions: [fp8]}
    traffic:
      requests_day: 4_000
      shape: business-day
      lengths: azure2023-conv
    slo: {ttft_ms: 1e3}
    tags: {team: llama-3.1-8B}
  again: *chat
procurement:
  where: {countries: [NO], gpus: [H100-SXM]}
  quotes:
    - {provider: ours, country: NO, gpu: h100_sxm, gpus: 8, usd_h: 20, term: 1y,
       observed_on: 2026-11-20, source: mail}
"""


@cache
def load_once() -> Catalog:
    return load_catalog()


@pytest.fixture
def catalog() -> Catalog:
    return load_once()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_numbers_words_dates_and_aliases_are_read_as_meant(tmp_path: Path) -> None:
    problem = read_problem(written(tmp_path, EVERYTHING)).problem
    assert problem.workloads["chat"].traffic.requests_day == 4000
    assert problem.workloads["chat"].slo.ttft_ms == 1000
    assert problem.workloads["again"] == problem.workloads["chat"]
    assert problem.procurement.where.countries == ["NO"]
    assert problem.procurement.quotes[0].observed_on.isoformat() == "2026-11-20"


def test_every_key_has_its_line(tmp_path: Path) -> None:
    read = read_problem(written(tmp_path, EVERYTHING))
    assert read.line_of(("workloads", "chat", "slo", "ttft_ms")) == 11
    assert read.line_of(("workloads", "chat", "models", 1, "precisions")) == 6
    # What is not written has the line of the nearest key above it.
    assert read.line_of(("workloads", "chat", "slo", "e2e_ms")) == 11
    assert read.line_of(("workloads", "again", "slo", "ttft_ms")) == 13


def test_models_and_gpus_get_the_spelling_of_the_catalog_and_tags_stay(tmp_path: Path, catalog: Catalog) -> None:
    problem = load_problem(written(tmp_path, EVERYTHING), catalog).problem
    variant = problem.workloads["chat"].models[1]
    assert isinstance(variant, AcceptableModel)
    assert variant.model == "llama-3.1-8b"
    assert problem.procurement.quotes[0].gpu == "h100-sxm"
    assert problem.procurement.where.gpus == ["h100-sxm"]
    assert problem.workloads["chat"].tags == {"team": "llama-3.1-8B"}


def test_a_problem_made_in_python_is_checked_without_a_file(catalog: Catalog) -> None:
    traffic = {"peak_req_s": 1, "shape": "no-such-week", "input_tok": 1, "output_tok": 1}
    problem = Problem.model_validate({"name": "x", "workloads": {"a": {"models": ["phi-4"], "traffic": traffic}}})
    (complaint,) = check_references(ProblemFile(problem=problem), catalog)
    assert complaint.where == "workloads.a.traffic.shape"


def test_a_closed_model_may_be_named_where_an_api_sells_it(tmp_path: Path, catalog: Catalog) -> None:
    closed = next(price.model for price in catalog.api_prices if not price.open_weight)
    text = f"""\
name: closed
workloads:
  chat: {{models: ["{closed}"], traffic: {{peak_req_s: 1, input_tok: 100, output_tok: 100}}}}
"""
    assert load_problem(written(tmp_path, text), catalog).problem.name == "closed"
    with pytest.raises(ProblemError, match="can only be bought from an API, and APIs are not allowed"):
        load_problem(written(tmp_path, text + "apis: {allow: false}\n"), catalog)


def offer(**changes: object) -> Quote:
    """8 x H100 of aws in Frankfurt, on demand."""
    base = {
        "provider": "aws",
        "region": "eu-central-1",
        "country": "DE",
        "continent": "EU",
        "gpu": "h100-sxm",
        "gpus": 8,
        "usd_h": 50,
        "term": "on-demand",
        "observed_on": "2026-11-20",
        "source": "test",
    }
    return Quote.model_validate({**base, **changes})


@pytest.mark.parametrize(
    ("where", "allowed"),
    [
        ({}, True),
        ({"providers": ["a*"]}, True),
        ({"providers": ["gcp"]}, False),
        ({"exclude_providers": ["aws"]}, False),
        ({"regions": ["eu-*"]}, True),
        ({"regions": ["us-*"]}, False),
        ({"continents": ["EU"], "countries": ["FR"]}, False),
        ({"vendors": ["amd"]}, False),
        ({"exclude_vendors": ["nvidia"]}, False),
        ({"gpus": ["h*"], "exclude_gpus": ["h200-*"]}, True),
        ({"tiers": ["hyperscaler"]}, False),
    ],
)
def test_every_list_of_a_where_binds(where: dict[str, list[str]], allowed: bool) -> None:
    assert allows(Where.model_validate(where), offer(), "nvidia") is allowed


def test_an_offer_without_a_region_satisfies_no_rule_about_regions() -> None:
    assert not allows(Where(regions=["*"]), offer(region=""), "nvidia")
    assert allows(Where(), offer(region=""), "nvidia")


@given(st.text(max_size=60))
def test_a_plain_word_is_text_or_a_finite_meaning_and_never_fails(text: str) -> None:
    value = plain_value(text)
    assert value is None or isinstance(value, str | int | float)
    assert not isinstance(value, str) or value == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-3", -3), ("+1.5e-3", 0.0015), (".5", 0.5), ("007", 7), ("12:30", "12:30"), ("0x10", "0x10"),
     ("1.2.3", "1.2.3"), ("no", "no"), ("on", "on"), ("True", True), ("~", None), ("9" * 50, "9" * 50)],
)  # fmt: skip
def test_words_are_numbers_only_where_a_person_would_say_so(text: str, value: object) -> None:
    assert plain_value(text) == value


@given(st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["name", "models", "traffic", "where", "x"]), inner),
                    max_leaves=12))  # fmt: skip
def test_whatever_a_file_says_the_answer_is_a_problem_or_complaints(
    tmp_path_factory: pytest.TempPathFactory, tree: object
) -> None:
    path = tmp_path_factory.mktemp("any") / "problem.yaml"
    path.write_text(json.dumps({"name": "x", "workloads": {"chat": tree}, "procurement": tree}), encoding="utf-8")
    with pytest.raises(ProblemError) as raised:
        read_problem(path)
    assert raised.value.complaints


ODD = [None, True, "x", "", -1, 0.5, 80, 10**30, [], {}, [[]], [None], {"a": 1}, "\n", "20-06"]


def places_in(tree: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of everything in a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, value in inner for place in places_in(value, (*path, key)))]


@given(place=st.sampled_from(places_in(yaml.safe_load(EVERYTHING))[1:]), odd=st.sampled_from(ODD))
@settings(deadline=None, max_examples=150)
def test_an_odd_value_anywhere_is_accepted_or_complained_about_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], odd: object
) -> None:
    tree = here = json.loads(json.dumps(yaml.safe_load(EVERYTHING), default=str))
    for step in place[:-1]:
        here = here[step]
    here[place[-1]] = odd
    path = tmp_path_factory.mktemp("odd") / "problem.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    try:
        load_problem(path, load_once())
    except ProblemError as error:
        assert error.complaints
        assert not re.search(r"Input should|[Ii]nvalid|pydantic|None|does not fit", str(error))


@pytest.mark.parametrize("name", ["assistant", 'with "quotes": and # signs', "名前"])
def test_the_starter_is_a_valid_problem(name: str, tmp_path: Path, catalog: Catalog) -> None:
    read = load_problem(written(tmp_path, starter_text(name)), catalog)
    assert read.problem.name == name
    assert read.problem.workloads["chat"].models == ["llama-3.1-8b"]
    assert read.problem.workloads["chat"].traffic.shape == "office-hours"


def test_what_the_starter_comments_out_is_valid_too(tmp_path: Path, catalog: Catalog) -> None:
    lines = starter_text("all").splitlines()
    text = "\n".join(line.removeprefix("#") if line.startswith(("#  ", "#budget")) else line for line in lines)
    problem = load_problem(written(tmp_path, text), catalog).problem
    assert problem.workloads["summaries"].deferrable is not None
    assert problem.procurement.where.providers == ["aws", "lambda"]
    assert problem.budget is not None


def test_the_json_schema_is_current() -> None:
    again = "run: python -c 'from planner.problem.json_schema import write; write()'"
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == json.loads(schema_text()), again


def test_the_reference_page_is_current() -> None:
    again = "run: python -c 'from planner.problem.json_schema import write; write()'"
    assert PAGE_FILE.read_text(encoding="utf-8") == page_text(), again


def test_the_reference_page_explains_every_section() -> None:
    for name in Problem.model_json_schema()["$defs"]:
        assert f"\n## {name}\n" in page_text()


def test_reading_a_problem_loads_neither_pandas_nor_a_solver() -> None:
    code = (
        "import sys, planner.problem.read, planner.traffic.reduce;"
        "print([name for name in ('pandas', 'scipy', 'pulp', 'highspy') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
