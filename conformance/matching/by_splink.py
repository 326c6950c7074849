"""Scores pairs of records with Splink, for comparison; run by a Python that has Splink 5 with DuckDB.

Reads a CSV of normalised records (unique_id, family, given, birth_date, sex, postcode, street, number,
phone, matricule), trains as the documentation of Splink advises, writes pairs: left, right, weight in bits.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import duckdb
import splink
import splink.comparison_level_library as levels
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SAMPLE, SEED = 2e6, 1
BLOCKS = (
    ("matricule",),
    ("phone", "substr(given, 1, 3)"),
    ("birth_date", "substr(family, 1, 3)"),
    ("birth_date", "substr(given, 1, 3)"),
    ("birth_date", "postcode"),
    ("family", "given", "substr(birth_date, 1, 4)"),
    ("family", "given", "substr(birth_date, 6, 5)"),
    ("family", "given", "postcode"),
)
"""The same idea as the engine's own blocking, in the terms of Splink."""


def main() -> int:
    """Trains, predicts, writes; what it took goes to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--lowest", type=float, default=-4.0, help="weight of the weakest pair written, bits")
    options = parser.parse_args()
    begun = time.perf_counter()
    linker = _trained(options.records)
    predicted = linker.inference.predict(threshold_match_weight=options.lowest)
    rows = predicted.as_duckdbpyrelation().project("unique_id_l, unique_id_r, match_weight").fetchall()
    with options.pairs.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    print(f"splink {splink.__version__}, {len(rows)} pairs, {time.perf_counter() - begun:.0f} s")
    return 0


def _trained(path: Path) -> Linker:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE told AS SELECT * FROM read_csv(?, header=true, all_varchar=true, nullstr='')",
        [str(path)],
    ).fetchall()
    frame = DuckDBAPI(connection=connection).register("told")
    filled = {
        name
        for name in ("sex", "phone", "matricule", "postcode", "street")
        if connection.execute(f"SELECT count({name}) FROM told").fetchall()[0][0]  # noqa: S608 - a fixed name
    }
    linker = Linker(frame, _settings(filled), log_level=40)
    strict = [block_on("family", "given", "birth_date")]
    if "matricule" in filled:
        strict.append(block_on("matricule", "given"))
    linker.training.estimate_probability_two_random_records_match(strict, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLE, seed=SEED)
    for rule in (block_on("birth_date"), block_on("family", "given")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    return linker


def _settings(filled: set[str]) -> SettingsCreator:
    chosen = [
        comparisons.NameComparison("given").configure(term_frequency_adjustments=True),
        comparisons.NameComparison("family").configure(term_frequency_adjustments=True),
        comparisons.DateOfBirthComparison("birth_date", input_is_string=True),
    ]
    if "sex" in filled:
        chosen.append(comparisons.ExactMatch("sex"))
    if "street" in filled:
        chosen.append(_address())
    if "phone" in filled:
        chosen.append(comparisons.ExactMatch("phone"))
    if "matricule" in filled:
        chosen.append(comparisons.DamerauLevenshteinAtThresholds("matricule", [1]))
    blocks = [block_on(*rule) for rule in BLOCKS if all(name not in _OPTIONAL - filled for name in rule)]
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=chosen,
        blocking_rules_to_generate_predictions=blocks,
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


_OPTIONAL = {"phone", "matricule", "postcode"}


def _address() -> object:
    same = "{0}_l = {0}_r".format
    return comparisons.CustomComparison(
        output_column_name="address",
        comparison_levels=[
            levels.CustomLevel("street_l IS NULL OR street_r IS NULL").configure(is_null_level=True),
            levels.CustomLevel(" AND ".join(map(same, ("postcode", "street", "number")))),
            levels.CustomLevel(" AND ".join(map(same, ("postcode", "street")))),
            levels.CustomLevel(same("postcode")),
            levels.ElseLevel(),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
