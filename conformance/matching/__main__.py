"""Measures the matching of patients: `python -m conformance.matching`, or `passerelle matching quality`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from gateway.config import shipped
from gateway.config.matching import Policy
from gateway.matching import MatchModel, estimate, load_model
from gateway.matching.trial import known_pairs, random_pairs

from ..population.generate import population
from . import febrl, ours, report, theirs
from .report import Figures, Measured

_EACH_ALONE, _RANDOM_PAIRS = 20_000, 200_000
_ELSEWHERE = {"--febrl": "FOLDER", "--splink": "PYTHON", "--model": "FILE"}
_POLICIES: tuple[Policy, ...] = ("A", "B", "C")


def arguments() -> argparse.Namespace:
    """How many, which sets, and where the report goes."""
    parser = argparse.ArgumentParser(prog="conformance.matching", description=__doc__)
    parser.add_argument("--persons", type=int, default=40_000, help="of the invented population")
    parser.add_argument("--registrations", type=int, default=20_000, help="records that come one by one")
    parser.add_argument("--seed", type=int, action="append", help="may be repeated; default 7")
    parser.add_argument("--model", type=Path, default=None, help="model.toml; default the one delivered")
    parser.add_argument("--febrl", type=Path, help="folder of dataset1.csv … dataset4b.csv")
    parser.add_argument("--splink", type=Path, help="a Python that has splink 5 with duckdb")
    parser.add_argument(
        "--large", type=int, action="append", help="further sizes, without Splink; may be repeated"
    )
    parser.add_argument("--alone", action="store_true", help="also from nothing, with nobody reviewing")
    parser.add_argument("--report", type=Path, help="folder for matching-quality.md and its picture")
    return parser.parse_args()


def main() -> int:
    """Runs what was asked for, prints the tables, writes the report."""
    options = arguments()
    model = load_model(options.model or shipped("matching/model.toml"))
    figures = Figures(model=model.version, command=_command(sys.argv[1:]))
    seeds = options.seed or [7]
    _measure(figures, options, model, [(options.persons, seed) for seed in seeds])
    if options.febrl:
        figures.febrl.extend(_febrl(options, model))
    if options.alone:
        records = list(ours.seen(population(_EACH_ALONE, 7), model))
        figures.alone = ours.alone(ours.shuffled(records, 7), model)
    if options.report:
        report.write(options.report, figures)
    _measure(figures, options, model, [(persons, seeds[0]) for persons in options.large or ()], large=True)
    print(report.text(figures))
    if options.report:
        report.write(options.report, figures)
    return 0


def _command(told: Sequence[str]) -> str:
    """The command to repeat it: where files are is everybody's own."""
    parts = ["python -m conformance.matching"]
    for option, value in pairwise((*told, "")):
        if option.startswith("--") and option != "--report":
            given = "" if value.startswith("--") else _ELSEWHERE.get(option, value)
            parts += filter(None, (option, given))
    return " ".join(parts)


def _measure(
    figures: Figures,
    options: argparse.Namespace,
    model: MatchModel,
    sizes: Sequence[tuple[int, int]],
    *,
    large: bool = False,
) -> None:
    """Measures populations of so many persons and such a seed; the large ones without Splink."""
    for persons, seed in sizes:
        data = ours.split(ours.seen(population(persons, seed), model), persons, options.registrations, seed)
        other = theirs.run(options.splink, data) if options.splink and not large else None
        run = ours.register(data, model, policies=_POLICIES if large else ())
        measured = Measured(f"{persons:,} persons, seed {seed}", len(data.held), run, other)
        figures.populations.append(measured)
        print("\n".join(report.registrations([measured])), flush=True)


def _febrl(options: argparse.Namespace, model: MatchModel) -> Iterator[Measured]:
    for number in febrl.FILES:
        trained = model
        for with_id in (True, False):
            records = list(ours.seen(febrl.read(options.febrl, number, with_id=with_id), model))
            if with_id:
                traits = [each.traits for each in records]
                trained = estimate(known_pairs(traits), random_pairs(traits, _RANDOM_PAIRS), model)
            data = ours.Split([], ours.shuffled(records, number))
            other = theirs.run(options.splink, data) if options.splink else None
            name = f"FEBRL {number}, {'with' if with_id else 'without'} the number"
            done, there = ours.register(data, model), ours.register(data, trained)
            yield Measured(name, len(records), done, other, trained=there)


if __name__ == "__main__":
    sys.exit(main())
