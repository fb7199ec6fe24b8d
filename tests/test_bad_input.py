"""Every kind of bad problem file: the place and the remedy are named, and nothing is evaluated."""

from __future__ import annotations

import os
import re
from pathlib import Path

import plans
import pytest

from planner.catalog.load import Catalog, load_catalog
from planner.errors import ProblemError
from planner.problem.read import load_problem, read_problem
from planner.traffic.reduce import reduce_traffic

GOOD = """\
name: test
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {peak_req_s: 5, shape: office-hours, input_tok: 1000, output_tok: 250}
    slo: {ttft_ms: 800, tpot_ms: 50}
procurement: {}
"""

TRAFFIC = "{peak_req_s: 5, shape: office-hours, input_tok: 1000, output_tok: 250}"
SLO = "{ttft_ms: 800, tpot_ms: 50}"


def swap(old: str, new: str) -> str:
    """The good file with one piece replaced."""
    assert old in GOOD
    return GOOD.replace(old, new)


def traffic(text: str) -> str:
    return swap(TRAFFIC, text)


def buying(text: str) -> str:
    return swap("procurement: {}", f"procurement: {text}")


BILLION_LAUGHS = "name: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"k{n}: &{'abcdefghij'[n + 1]} [{', '.join(['*' + 'abcdefghij'[n]] * 9)}]\n" for n in range(9)
)
TWENTY_FOUR = str([1] * 24)
ZEROS = str([0] * 168)
ONES = str([1] * 168)


def sized(models: str, rule: str = "") -> str:
    """The good file with these models and a rule about them."""
    return swap("models: [llama-3.1-8b]", f"models: [{models}]" + (f"\n    {rule}" if rule else ""))


SEEN = "evidence: own, observed_on: 2026-11-01"
SMALL = f"{{model: llama-3.1-8b, quality: {{score: 0.7, {SEEN}}}}}"

# what is wrong | the file | where | words of the message
CASES = [
    (
        "no score",
        sized("llama-3.1-8b", "min_quality: 0.5"),
        "5  workloads.chat.min_quality",
        "0.5 is asked, and llama-3.1-8b has no score.  Add `quality: {score, evidence, observed_on}`",
    ),
    (
        "floor above every score",
        sized(SMALL, "min_quality: 0.75"),
        "5  workloads.chat.min_quality",
        "0.75 is above every score: the best is llama-3.1-8b in bf16 with 0.7.  Ask for at most 0.7",
    ),
    (
        "mean above every score",
        sized(SMALL, "mean_quality_at_least: 70"),
        "5  workloads.chat.mean_quality_at_least",
        "70 is above every score",
    ),
    (
        "a score for a precision that is not accepted",
        sized(SMALL.replace("score: 0.7", "score: 0.7, by_precision: {int4: 0.6}")),
        "4  workloads.chat.models[0].quality.by_precision.int4",
        "int4 is scored but not accepted: llama-3.1-8b may run in bf16, fp8.  Add int4 to `precisions`",
    ),
    (
        "a score without evidence",
        sized("{model: llama-3.1-8b, quality: {score: 0.7, observed_on: 2026-11-01}}"),
        "4  workloads.chat.models[0].quality.evidence",
        "is missing",
    ),
    (
        "shares that leave requests over",
        sized("{model: llama-3.1-8b, max_share: 0.6}"),
        "4  workloads.chat.models",
        "the models may serve 0.6 of the requests together, and nothing the rest",
    ),
    (
        "too few providers for their share",
        GOOD + "apis: {allow: false}\nspread: {max_providers: 1, max_provider_traffic_share: 0.6}\n",
        "9  spread.max_providers",
        "1 x max_provider_traffic_share of 0.6 is 0.6 of the requests, and no API serves the rest.",
    ),
    ("unknown key", swap("slo:", "slow:"), "6  workloads.chat.slow", "no such key.  Did you mean slo?"),
    ("unknown top key", swap("procurement:", "procurment:"), "7  procurment", "Did you mean procurement?"),
    (
        "unknown key in slo",
        swap("ttft_ms", "ttft_p95_ms"),
        "6  workloads.chat.slo.ttft_p95_ms",
        "mean ttft_ms?",
    ),
    (
        "typo in model",
        swap("llama-3.1-8b", "lama-3.1-8b"),
        "4  workloads.chat.models[0]",
        "mean llama-3.1-8b?",
    ),
    (
        "typo in model of a variant",
        swap("[llama-3.1-8b]", "[{model: llama-3.3-70, precisions: [fp8]}]"),
        "4  workloads.chat.models[0].model",
        "mean llama-3.3-70b?",
    ),
    (
        "typo in a variant's key",
        swap("[llama-3.1-8b]", "[{model: llama-3.1-8b, precison: [fp8]}]"),
        "4  workloads.chat.models[0].precison",
        "mean precisions?",
    ),
    (
        "model is a number",
        swap("[llama-3.1-8b]", "[8]"),
        "4  workloads.chat.models[0]",
        "8 stands where a name or a group of keys (model",
    ),
    (
        "no list of models",
        swap("[llama-3.1-8b]", "llama-3.1-8b"),
        "4  workloads.chat.models",
        "Write [llama-3.1-8b]",
    ),
    (
        "empty list of models",
        swap("[llama-3.1-8b]", "[]"),
        "4  workloads.chat.models",
        "at least one is needed",
    ),
    (
        "model twice",
        swap("b]", "b, Llama-3.1-8B]"),
        "4  workloads.chat.models[1]",
        "listed twice.  Keep it once",
    ),
    ("typo in GPU", buying("{where: {gpus: [h100-sxn]}}"), "7  procurement.where.gpus[0]", "mean h100-sxm?"),
    (
        "a GPU name that is several",
        buying(
            "{existing: [{provider: aws, gpu: h100, gpus: 8, count: 1, usd_h: 50}]}",
        ),
        "7  procurement.existing[0].gpu",
        "h100-sxm or",
    ),
    (
        "seconds for ms",
        swap("800", "2.5"),
        "6  workloads.chat.slo.ttft_ms",
        "faster than any GPU.  Did you mean 2500",
    ),
    (
        "seconds per token",
        swap("tpot_ms: 50", "tpot_ms: 0.05"),
        "6  workloads.chat.slo.tpot_ms",
        "mean 50 (ms)?",
    ),
    (
        "negative number",
        traffic("{peak_req_s: -5, input_tok: 1, output_tok: 2}"),
        "5  workloads.chat.traffic.peak_req_s",
        "Did you mean 5?",
    ),
    (
        "unknown workload that must go on",
        GOOD + "resilience: {workloads: [chatt]}\n",
        "8  resilience.workloads[0]",
        'there is no workload "chatt".  Possible: chat.  Did you mean chat?',
    ),
    (
        "one provider that may be lost",
        GOOD + "apis: {allow: false}\nspread: {max_providers: 1}\nresilience: {provider: true}\n",
        "9  spread.max_providers",
        "none is left when a provider is lost (resilience.provider).  Allow two",
    ),
    (
        "one region that may be lost",
        GOOD + "apis: {allow: false}\nspread: {max_regions: 1}\nresilience: {region: true}\n",
        "9  spread.max_regions",
        "none is left when a region is lost (resilience.region)",
    ),
    (
        "replicas kept for work that waits",
        GOOD.replace("    slo:", "    min_replicas: 1\n    deferrable: {}\n    slo:"),
        "6  workloads.chat.min_replicas",
        "work that may wait needs no replica",
    ),
    ("spot rules without spot", GOOD + "spot: {kept_share: 0.5}\n", "8  spot.kept_share", "nothing runs on spot"),
    (
        "a promise of nothing",
        GOOD + "resilience: {machine: false, workloads: [chat]}\n",
        "8  resilience.machine",
        "promises nothing",
    ),
    ("NaN", swap("ttft_ms: 800", "ttft_ms: .nan"), "6  workloads.chat.slo.ttft_ms", "nan is not an amount"),
    (
        "nan as a word",
        swap("ttft_ms: 800", "ttft_ms: nan"),
        "6  workloads.chat.slo.ttft_ms",
        '"nan" is not a number',
    ),
    ("infinity", swap("ttft_ms: 800", "ttft_ms: .inf"), "6  workloads.chat.slo.ttft_ms", "leave the key out"),
    (
        "overflow",
        swap("ttft_ms: 800", "ttft_ms: 1e999"),
        "6  workloads.chat.slo.ttft_ms",
        "leave the key out",
    ),
    (
        "zero latency",
        swap("ttft_ms: 800", "ttft_ms: 0"),
        "6  workloads.chat.slo.ttft_ms",
        "must be more than 0",
    ),
    (
        "end before first token",
        swap("tpot_ms: 50", "e2e_ms: 500"),
        "6  workloads.chat.slo.e2e_ms",
        "Raise e2e_ms or lower ttft_ms",
    ),
    (
        "percentile",
        swap("tpot_ms: 50", "percentile: 95"),
        "6  workloads.chat.slo.percentile",
        "Did you mean p95?",
    ),
    ("empty traffic", traffic("{}"), "5  workloads.chat.traffic", "Add exactly one of: peak_req_s"),
    (
        "zero traffic",
        traffic("{peak_req_s: 0, input_tok: 1, output_tok: 2}"),
        "5  workloads.chat.traffic.peak_req_s",
        "Remove a workload",
    ),
    (
        "traffic missing",
        swap(f"    traffic: {TRAFFIC}\n", ""),
        "3  workloads.chat.traffic",
        "is missing: how much arrives",
    ),
    (
        "two volumes",
        swap("peak_req_s: 5", "peak_req_s: 5, tokens_month: 1e9"),
        "5  workloads.chat.traffic.tokens_month",
        "Keep exactly one",
    ),
    (
        "users without their requests",
        swap("peak_req_s: 5", "users: 500"),
        "5  workloads.chat.traffic.requests_user_day",
        "Add `requests_user_day:`",
    ),
    (
        "millions left out",
        swap("peak_req_s: 5", "tokens_month: 500"),
        "5  workloads.chat.traffic.tokens_month",
        "mean 500 million",
    ),
    (
        "no lengths",
        swap(", output_tok: 250", ""),
        "5  workloads.chat.traffic.output_tok",
        "Add `output_tok:`",
    ),
    (
        "lengths twice",
        swap("output_tok: 250", "output_tok: 250, lengths: azure2023-conv"),
        "5  workloads.chat.traffic.lengths",
        "Keep one of them",
    ),
    (
        "unknown lengths",
        traffic("{peak_req_s: 5, lengths: azure2023-con}"),
        "5  workloads.chat.traffic.lengths",
        "mean azure2023-conv?",
    ),
    (
        "shares in percent",
        traffic("{peak_req_s: 5, lengths: [{input_tok: 9, output_tok: 9, share: 100}]}"),
        "5  workloads.chat.traffic.lengths",
        "look like percent",
    ),
    (
        "hours of one day",
        swap("shape: office-hours", f"hours: {TWENTY_FOUR}"),
        "5  workloads.chat.traffic.hours",
        "24 numbers seven times",
    ),
    (
        "hours all zero",
        swap("shape: office-hours", f"hours: {ZEROS}"),
        "5  workloads.chat.traffic.hours",
        "all 168 hours are 0",
    ),
    (
        "shape and hours",
        swap("shape:", f"hours: {ONES}, shape:"),
        "5  workloads.chat.traffic.hours",
        "Keep one of them",
    ),
    (
        "unknown shape",
        swap("office-hours", "office-hour"),
        "5  workloads.chat.traffic.shape",
        "Did you mean office-hours?",
    ),
    (
        "burst below one",
        swap("peak_req_s: 5", "peak_req_s: 5, burst_factor: 0.5"),
        "5  workloads.chat.traffic.burst_factor",
        "at least 1",
    ),
    (
        "number in words",
        swap("peak_req_s: 5", "peak_req_s: five"),
        "5  workloads.chat.traffic.peak_req_s",
        '"five" is text, and a number',
    ),
    (
        "number in quotes",
        swap("peak_req_s: 5", 'peak_req_s: "1,500"'),
        "5  workloads.chat.traffic.peak_req_s",
        "without quotes or commas: 1500",
    ),
    ("thousands comma", swap("1000", "12,000"), "5  workloads.chat.traffic.000", "12_000"),
    (
        "nothing after the colon",
        traffic("\n      classes:"),
        "6  workloads.chat.traffic.classes",
        "nothing is written after",
    ),
    (
        "true as a number",
        swap("peak_req_s: 5", "peak_req_s: true"),
        "5  workloads.chat.traffic.peak_req_s",
        "true is not a number",
    ),
    (
        "fraction of a count",
        swap("peak_req_s: 5", "peak_req_s: 5, classes: 2.5"),
        "5  workloads.chat.traffic.classes",
        "Write 2 or 3",
    ),
    ("text for a section", swap(SLO, "fast"), "6  workloads.chat.slo", "Possible here: ttft_ms"),
    (
        "list for a section",
        swap(SLO, "[800]"),
        "6  workloads.chat.slo",
        "a list stands where a group of keys belongs",
    ),
    ("number for a name", swap("name: test", "name: 70"), "1  name", 'in quotes: "70"'),
    ("name missing", swap("name: test\n", ""), "1  name", "is missing"),
    ("yes for true", GOOD + "apis: {allow: yes}\n", "8  apis.allow", "Write true or false"),
    (
        "percent for a share",
        GOOD + "performance: {memory_share: 90}\n",
        "8  performance.memory_share",
        "Did you mean 0.9?",
    ),
    (
        "alert in percent",
        GOOD + "budget: {usd_month: 9000, alert_share: 80}\n",
        "8  budget.alert_share",
        "Did you mean 0.8?",
    ),
    (
        "no budget at all",
        GOOD + "budget: {usd_month: 0}\n",
        "8  budget.usd_month",
        "Leave the key out for no limit",
    ),
    (
        "unknown provider",
        buying("{where: {providers: [lambada]}}"),
        "7  procurement.where.providers[0]",
        "Did you mean lambda?",
    ),
    (
        "provider glob for nothing",
        buying("{where: {providers: [zz*]}}"),
        "7  procurement.where.providers[0]",
        '"zz*": no such name',
    ),
    ("unknown country", buying("{where: {countries: [XX]}}"), "7  procurement.where.countries[0]", "Known:"),
    (
        "allowed and excluded",
        buying("{where: {providers: [aws], exclude_providers: [a*]}}"),
        "7  procurement.where.exclude_providers",
        "Take it out of one of the lists",
    ),
    (
        "nothing satisfies all",
        buying("{where: {vendors: [amd], gpus: [h100-sxm]}}"),
        "7  procurement.where",
        "no offer satisfies all of",
    ),
    ("unknown term", buying("{terms: [on-demnd]}"), "7  procurement.terms[0]", "Did you mean on-demand?"),
    ("only spot", buying("{terms: [spot]}"), "7  procurement.terms", "`interruptible: true` to a workload"),
    ("term too long", buying("{terms: [3y]}"), "7  procurement.terms[0]", "Add `max_term_months: 36`"),
    (
        "quota of nothing",
        buying("{quotas: [{terms: [spot]}]}"),
        "7  procurement.quotas[0]",
        "Add `max_gpus:`",
    ),
    ("only quotes, none given", buying("{only_quotes: true}"), "7  procurement.only_quotes", "Add `quotes:`"),
    (
        "no date",
        buying("{quotes: [{provider: x, gpu: l4, gpus: 1, usd_h: 1, term: spot, observed_on: 2026, source: me}]}"),
        "7  procurement.quotes[0].observed_on",
        "as 2026-11-20",
    ),
    (
        "spot share without spot",
        swap("slo:", "spot_max_share: 0.5\n    slo:"),
        "6  workloads.chat.spot_max_share",
        "Add `interruptible: true`",
    ),
    (
        "a window without hours",
        swap("slo:", "deferrable: {hours_of_day: 20-20}\n    slo:"),
        "6  workloads.chat.deferrable.hours_of_day",
        "no hours in it",
    ),
    (
        "a window that is none",
        swap("slo:", "deferrable: {hours_of_day: night}\n    slo:"),
        "6  workloads.chat.deferrable.hours_of_day",
        "as 20-06",
    ),
    ("missing trace", traffic("{trace: nothing.csv}"), "5  workloads.chat.traffic.trace", "no such file"),
    (
        "trace from an address",
        traffic("{trace: 'https://x.org/t.csv'}"),
        "5  workloads.chat.traffic.trace",
        "Download it",
    ),
    ("trace is a folder", traffic("{trace: .}"), "5  workloads.chat.traffic.trace", "is not a file"),
    (
        "two workloads of one name",
        swap("procurement: {}", "  chat: {}"),
        "7  workloads.chat",
        "written twice, first on line 3",
    ),
    (
        "key twice",
        swap("peak_req_s: 5", "peak_req_s: 5, peak_req_s: 6"),
        "5  workloads.chat.traffic.peak_req_s",
        "written twice",
    ),
    ("YAML tag", swap("name: test", "name: !!python/object/apply:os.system [ls]"), "1  name", "tag"),
    ("own tag", swap("name: test", "name: !secret test"), "1  name", "plain data.  Remove it"),
    ("merge key", swap("slo: {", "slo: {<<: {}, "), "6  workloads.chat.slo.<<", "Write the keys out"),
    ("billion laughs", BILLION_LAUGHS, "6  k4[0]", "100,000 values"),
    ("alias of itself", "name: &a [*a]\n", "1  name[0]", "nothing finished above it"),
    ("too deep", "name: " + "[" * 40 + "]" * 40, "1  name[0][0][0]", "nested more than 20 deep"),
    ("much too deep", "name: " + "[" * 3000 + "]" * 3000, "1", "nested more than 20 deep"),
    ("tab", swap("    models", "\tmodels"), "4", "YAML indents with spaces"),
    ("syntax", swap("[llama-3.1-8b]", "[llama-3.1-8b"), "5", "Look for a missing colon, quote or bracket"),
    ("control character", swap("test", "te\x07st"), "1", "plain text"),
    ("list at top", "- name: test\n", "1", "is a list; a problem is a group of keys"),
    ("one word", "hello\n", "1", "is a single value"),
    ("only a comment", "# nothing\n", "1", "is empty"),
    ("two documents", GOOD + "---\nname: b\n", "8", "Remove the `---`"),
    ("list as a key", GOOD + "? [a, b]\n: 1\n", "8", "a key must be a single word"),
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def complaints_of(path: Path, catalog: Catalog) -> list[tuple[str, str]]:
    with pytest.raises(ProblemError) as raised:
        load_problem(path, catalog)
    assert raised.value.exit_code == 2
    return [(complaint.where, complaint.what) for complaint in raised.value.complaints]


@pytest.mark.parametrize(("text", "where", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_is_placed_and_says_what_to_do(
    text: str, where: str, words: str, tmp_path: Path, catalog: Catalog
) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    complaints = complaints_of(path, catalog)
    matching = [what for place, what in complaints if place.startswith(f"{path}:{where}")]
    assert matching, f"nothing said at {where}, but {complaints}"
    assert any(words in what for what in matching), matching
    for _, what in complaints:
        assert not re.search(r"Input should|[Ii]nvalid|Traceback|pydantic|NoneType", what), what


def test_the_good_file_is_good(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_problem(path, catalog).problem.name == "test"


def test_one_mistake_is_told_once_and_alone(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(swap("peak_req_s: 5", "peak_req_s: -5"), encoding="utf-8")
    # The volume is wrong, not missing: "add a volume" beside it would mislead.
    assert [place for place, _ in complaints_of(path, catalog)] == [f"{path}:5  workloads.chat.traffic.peak_req_s"]


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "problem.yaml"
    text = (
        swap("llama-3.1-8b", "lama-3.1-8b")
        .replace("ttft_ms: 800", "ttft_ms: 0.8")
        .replace("peak_req_s: 5", "peak_req_s: x")
    )
    path.write_text(text.replace("office-hours", "offic-hours") + "budget: {usd: 3}\n", encoding="utf-8")
    assert [place.split("  ")[1] for place, _ in complaints_of(path, catalog)] == [
        "workloads.chat.models[0]",
        "workloads.chat.traffic.peak_req_s",
        "workloads.chat.traffic.shape",
        "workloads.chat.slo.ttft_ms",
        "budget.usd_month",
        "budget.usd",
    ]


def test_a_file_of_nothing_but_mistakes_is_cut_at_fifty(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(GOOD + "".join(f"key{n}: 1\n" for n in range(80)), encoding="utf-8")
    complaints = complaints_of(path, catalog)
    assert len(complaints) == 51
    assert "30 more mistakes" in dict(complaints)[str(path)]


def test_a_missing_problem_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"none\.yaml\n  no such file.*plan init"):
        read_problem(tmp_path / "none.yaml")


def test_a_folder_is_not_a_problem_file(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="is a folder; give the problem file inside it"):
        read_problem(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ProblemError, match="is not a file"):
        read_problem(tmp_path / "pipe.yaml")


@pytest.mark.parametrize("content", [b"", b"\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_bytes(content)
    with pytest.raises(ProblemError, match="is empty; a problem needs at least"):
        read_problem(path)


def test_bytes_that_are_no_text_are_placed(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_bytes(b"name: test\ntitle: caf\xe9\n")
    with pytest.raises(ProblemError, match=r"problem\.yaml:2\n  byte 0xe9 is not UTF-8 text\.  Save the file as UTF-8"):
        read_problem(path)


def test_a_huge_file_is_refused_by_its_size_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    with path.open("wb") as file:
        file.truncate(200_000_000)  # sparse: takes no disk
    with pytest.raises(ProblemError, match=r"200\.0 MB; a problem file has at most 1 MB.*trace"):
        read_problem(path)


def test_a_huge_trace_is_refused_by_its_size(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(traffic("{trace: t.csv}"), encoding="utf-8")
    with (tmp_path / "t.csv").open("wb") as file:
        file.truncate(300_000_000)
    assert "at most 200 MB are read" in dict(complaints_of(path, catalog))[f"{path}:5  workloads.chat.traffic.trace"]


def test_a_file_of_brackets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text("name: " + "[" * 900_000, encoding="utf-8")
    with pytest.raises(ProblemError, match="nested more than 20 deep"):
        read_problem(path)


def test_a_tag_runs_nothing(tmp_path: Path) -> None:
    target = tmp_path / "made"
    path = tmp_path / "problem.yaml"
    path.write_text(swap("name: test", f"name: !!python/object/apply:os.mkdir ['{target}']"), encoding="utf-8")
    with pytest.raises(ProblemError):
        read_problem(path)
    assert not target.exists()


def test_bad_rows_of_a_trace_are_counted_and_the_first_ten_placed(tmp_path: Path, catalog: Catalog) -> None:
    rows = [f"2026-11-20T09:{n % 60:02}:00Z,100,10" for n in range(60)]
    rows[2] = "yesterday,100,10"
    rows[3] = "2026-11-20T09:03:00Z,-1,10"
    rows[4] = "2026-11-20T09:04:00Z,100"
    rows[20:40] = ["2026-11-20T09:00:00Z,nan,ten"] * 20
    (tmp_path / "t.csv").write_text("timestamp,input_tok,output_tok\n" + "\n".join(rows) + "\n", encoding="utf-8")
    path = tmp_path / "problem.yaml"
    path.write_text(traffic("{trace: t.csv}"), encoding="utf-8")
    read = load_problem(path, catalog)
    with pytest.raises(ProblemError) as raised:
        reduce_traffic(read.problem, read.folder, catalog)
    complaints = raised.value.complaints
    trace = tmp_path / "t.csv"
    assert [each.where for each in complaints[:4]] == [
        f"{trace}:4  timestamp",
        f"{trace}:5  input_tok",
        f"{trace}:6  output_tok",
        f"{trace}:22  input_tok, output_tok",
    ]
    assert '"yesterday" is not a time as 2026-11-20T09:00:00Z' in complaints[0].what
    assert len(complaints) == 11  # ten rows and the count of 3 + 20
    assert complaints[-1].what.startswith("23 rows cannot be read; the first 10 are above.  None is left out")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "a,b,c\n1,2,3\n",
            "no column for it; the header holds: a, b, c.  Name the columns timestamp,input_tok",
        ),
        ("timestamp,input_tok,output_tok\n", "0 requests within 0 s"),
        ("timestamp,input_tok,output_tok\n1,1,1\n1,1,1,1,1\n", ":3\n  more fields than the header names"),
        ("timestamp,input_tok,output_tok\n1,1,1\n1,1,1,1\n", ":3\n  more fields than the header names"),
        ('timestamp,input_tok,output_tok\n"1,1,1\n', "a quote that is not closed"),
        (
            "timestamp,input_tok,output_tok\n1,1,1\n40000000,1,1\n",
            "463 days apart; a trace covers at most a year",
        ),
        ("timestamp,input_tok,output_tok\n1763000000000,1,1\n", "seconds \\(not milliseconds\\)"),
    ],
)
def test_a_trace_that_says_nothing_is_refused(content: str, words: str, tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    path = tmp_path / "problem.yaml"
    path.write_text(traffic("{trace: t.csv}"), encoding="utf-8")
    read = load_problem(path, catalog)
    with pytest.raises(ProblemError, match=words):
        reduce_traffic(read.problem, read.folder, catalog)


def test_a_plan_in_place_of_its_problem_is_told_in_one_line(tmp_path):
    path = tmp_path / "plan.json"
    plans.enterprise().write(path)
    with pytest.raises(ProblemError) as told:
        read_problem(path)
    assert [str(one.what) for one in told.value.complaints] == [
        "is a plan that was written with -o, no problem.  Give the file that it was made from."
    ]
