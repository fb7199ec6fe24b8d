"""A mistake in a catalog file is told with its file, line, value and remedy; never as a traceback."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from planner.catalog.check import CHECKS, check_catalog
from planner.catalog.load import load_catalog
from planner.catalog.shipped import shipped_folder
from planner.errors import CatalogError

TODAY = date(2026, 11, 24)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogs to spoil."""
    return Path(shutil.copytree(shipped_folder("catalogs"), tmp_path / "catalogs"))


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    """Replace the first `old` of a file, which must be there."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def complaints(folder: Path) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    return [str(complaint) for complaint in caught.value.complaints]


def test_a_misspelled_gpu_is_told_with_its_line_and_the_close_names(folder: Path):
    spoil(folder, "prices/lambda.csv", ",h100-sxm,8,", ",h100-smx,8,")
    lines = (folder / "prices/lambda.csv").read_text(encoding="utf-8").splitlines()
    (line,) = [number for number, text in enumerate(lines, 1) if "h100-smx" in text]
    (said,) = complaints(folder)
    assert said.startswith(f"prices/lambda.csv:{line} gpu\n")
    assert '"h100-smx" is not in gpus.csv.' in said and "Did you mean h100-sxm" in said


def test_a_price_that_is_no_number_is_told_with_its_value(folder: Path):
    spoil(folder, "prices/gmi.csv", ",2.1,", ",2.1 USD,")
    (said,) = complaints(folder)
    assert said.startswith("prices/gmi.csv:2 usd_h\n") and '"2.1 USD"' in said


def test_a_price_of_zero_is_refused(folder: Path):
    spoil(folder, "prices/gmi.csv", ",2.1,", ",0,")
    assert "greater than 0" in complaints(folder)[0]


@pytest.mark.parametrize("word", ["nan", "inf"])
def test_a_price_that_is_not_finite_is_refused(folder: Path, word: str):
    spoil(folder, "prices/gmi.csv", ",2.1,", f",{word},")
    assert complaints(folder)[0].startswith("prices/gmi.csv:2 usd_h\n")


def test_a_missing_column_is_named(folder: Path):
    spoil(folder, "gpus.csv", "memory_gib", "memory_gb")
    said = complaints(folder)
    assert "gpus.csv:1\n  the column memory_gib is missing." in said
    assert 'gpus.csv:1\n  no column "memory_gb" is known here.  Did you mean memory_gib?' in said


def test_an_unknown_term_lists_what_is_possible(folder: Path):
    spoil(folder, "prices/gmi.csv", ",on-demand,", ",ondemand,")
    (said,) = complaints(folder)
    assert '"ondemand" is not one of on-demand, spot' in said and "Did you mean on-demand?" in said


def test_an_empty_cell_that_is_needed_is_told(folder: Path):
    spoil(folder, "prices/gmi.csv", ",datacenter,", ",,")
    assert complaints(folder) == ["prices/gmi.csv:2 tier\n  the cell is empty, and a value is needed."]


def test_a_row_with_a_cell_too_many_is_told(folder: Path):
    spoil(folder, "prices/gmi.csv", ",2.1,", ",2,1,")
    (said,) = complaints(folder)
    assert said.startswith("prices/gmi.csv:2\n  17 cells where the header has 16")


def test_the_same_offer_twice_points_at_the_first(folder: Path):
    path = folder / "prices/gmi.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + text.splitlines()[1] + "\n", encoding="utf-8")
    (said,) = complaints(folder)
    assert said.startswith("prices/gmi.csv:4\n") and "prices/gmi.csv:2" in said


def test_a_missing_file_is_named(folder: Path):
    (folder / "egress.csv").unlink()
    (said,) = complaints(folder)
    assert "egress.csv" in said and "there is no such file" in said


def test_a_folder_that_is_not_there_names_every_file(tmp_path: Path):
    assert len(complaints(tmp_path / "nowhere")) == 14


def test_a_file_that_is_not_utf8_is_told(folder: Path):
    (folder / "prices/gmi.csv").write_bytes(b"provider,caf\xe9\n")
    (said,) = complaints(folder)
    assert said.startswith("prices/gmi.csv\n") and "not UTF-8" in said


def test_a_file_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read(folder: Path):
    path = folder / "prices/gmi.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert any(offer.provider == "gmi" for offer in load_catalog(folder).offers)


def test_all_mistakes_of_all_files_come_at_once(folder: Path):
    spoil(folder, "prices/gmi.csv", ",2.1,", ",two,")
    spoil(folder, "prices/crusoe.csv", ",3.45,", ",-3.45,")
    spoil(folder, "egress.csv", "aws,0,", "aws,none,")
    assert len(complaints(folder)) == 3


def test_a_bad_gpu_file_is_not_told_again_for_every_offer(folder: Path):
    spoil(folder, "gpus.csv", ",nvidia,", ",nvida,")
    (said,) = complaints(folder)
    assert "Did you mean nvidia?" in said


def found(folder: Path) -> list[str]:
    return [str(complaint) for complaint in check_catalog(folder, TODAY)]


CROSS_CHECKS = {
    "names_exist": ("benchmarks.csv", "deepseek-r1,", "deepseek-r11,", "is not in models.csv"),
    "aliases_are_unambiguous": ("gpus.csv", "h100-nvl,", "h100-nvl,H200|", "already means"),
    "weeks_are_whole": ("shape_hours.csv", "flat,5,1\n", "flat,5,2\n", "must be 1"),
    "histograms_are_whole": ("lengths.csv", ",0.01428733,", ",0.11428733,", "must sum to 1"),
    "dates_have_been": ("prices/crusoe.csv", "2026-06-01", "2027-06-01", "after today"),
    "prices_are_sane": ("prices/hyperstack.csv", ",1.9,on-demand", ",0.019,on-demand", "Is it cents"),
    "tiers_follow_each_other": ("egress.csv", "gcp,1024,", "gcp,2048,", "the tier before ends at"),
    "parts_make_no_more_than_a_gpu": ("mig.csv", ",0.2500,0.25,5.81,", ",0.2500,0.35,5.81,", "more than the whole GPU"),
    "interruptions_are_ranges": ("spot_risk.csv", ",0,0.05,", ",0.5,0.05,", "above the high end"),
}


def test_every_check_across_files_has_a_spoiled_file():
    assert {check.__name__ for check in CHECKS} == {*CROSS_CHECKS, "measurements_are_possible"}


@pytest.mark.parametrize("name", sorted(CROSS_CHECKS))
def test_a_mistake_that_only_other_rows_reveal_is_found(folder: Path, name: str):
    file, old, new, words = CROSS_CHECKS[name]
    spoil(folder, file, old, new)
    said = found(folder)
    assert said and all(words in complaint for complaint in said)
    assert all(complaint.startswith(file) for complaint in said)


def test_a_rate_faster_than_memory_is_found(folder: Path):
    path = folder / "benchmarks.csv"
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    tpot = header.split(",").index("tpot_ms")
    cells = next(r.split(",") for r in rows if r.startswith("llama-3.1-70b,h200-sxm,1,1") and "closed-loop" in r)
    cells[tpot] = "1.5"  # 69.5 GB of fp8 weights over 4,800 GB/s take 14.5 ms
    path.write_text("\n".join([header, *rows, ",".join(cells)]) + "\n", encoding="utf-8")
    (said,) = found(folder)
    assert "tpot_ms" in said and "14.48 ms" in said


def test_a_commitment_dearer_than_paying_by_the_hour_is_found(folder: Path):
    path = folder / "prices/gmi.csv"
    dearer = path.read_text(encoding="utf-8").splitlines()[1].replace(",2.1,on-demand,", ",2.2,1y,")
    path.write_text(path.read_text(encoding="utf-8") + dearer + "\n", encoding="utf-8")
    (said,) = found(folder)
    assert said.startswith("prices/gmi.csv:4 usd_h\n") and "2.2 USD/h for 1y is more than 2.1 for on-demand" in said


def test_a_price_list_sells_no_machine_for_good(folder: Path):
    spoil(folder, "prices/gmi.csv", ",on-demand,", ",bought,")
    assert any("prices/gmi.csv:2 term" in said and "procurement.purchases" in said for said in found(folder))
