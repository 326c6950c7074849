"""Writes what was measured: tables in Markdown, the curve as a picture."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from operator import add
from os import cpu_count
from pathlib import Path

from . import theirs
from .curve import Line, Panel, draw
from .measure import Point, best, counts, curve, upper_bound
from .ours import Run
from .theirs import Theirs

PRECISION = 0.9999
_THRESHOLDS = [each / 2 for each in range(-16, 81)]
_MARKS = list(range(-8, 41, 4))
_PICTURE = "matching-quality.svg"


@dataclass(frozen=True, slots=True)
class Measured:
    """One set of records, our run over it, Splink's, and ours with a model trained on the set itself."""

    name: str
    held: int
    run: Run
    other: Theirs | None = None
    trained: Run | None = None


@dataclass(slots=True, kw_only=True)
class Figures:
    """All that goes into the report."""

    model: str
    command: str
    populations: list[Measured] = field(default_factory=list)
    febrl: list[Measured] = field(default_factory=list)
    alone: tuple[int, int, int] | None = None


def text(figures: Figures) -> str:
    """The tables, one after the other."""
    parts = [_table("Registrations", registrations(figures.populations))]
    parts.append(_table("Pairs", pairs(figures.populations)))
    compared = [each for each in figures.populations if each.other is not None]
    if compared:
        parts.append(_table(f"Beside Splink, at a precision of {PRECISION}", beside(compared)))
    if figures.febrl:
        parts.append(_table("FEBRL", febrl(figures.febrl)))
    parts.append(_table("By what rule", rules(figures.populations)))
    policied = [each for each in figures.populations if each.run.policies]
    if policied:
        parts.append(_table("What the policy changes", policies(policied)))
    if figures.alone:
        parts.append(_alone(*figures.alone))
    return "\n\n".join(parts) + "\n"


def registrations(measured: Sequence[Measured]) -> list[str]:
    """What became of each registration."""
    header = (
        "set",
        "records held",
        "known persons",
        "joined the right one",
        "joined a wrong one",
        "wrong, at most (95 %)",
        "review tasks per 1,000",
        "of these right",
        "right one reached",
        "candidates",
        "ms each",
    )
    rows = [_registered(each) for each in measured]
    return _rows(header, [*rows, _together(measured)] if len(measured) > 1 else rows)


def _together(measured: Sequence[Measured]) -> tuple[object, ...]:
    outcomes = [each.run.outcomes for each in measured]
    known, right, wrong = (
        sum(getattr(each, name) for each in outcomes) for name in ("known", "joined_right", "joined_wrong")
    )
    return (
        "all together",
        "",
        f"{known:,}",
        _percent(right, known),
        f"{wrong} of {right + wrong:,}",
        f"{1e4 * upper_bound(wrong, right + wrong):.2f} in 10,000",
        *[""] * 5,
    )


def _registered(each: Measured) -> tuple[object, ...]:
    run, counted = each.run, each.run.outcomes
    links = counted.joined_right + counted.joined_wrong
    return (
        each.name,
        f"{each.held:,}",
        f"{counted.known:,}",
        _percent(counted.joined_right, counted.known),
        f"{counted.joined_wrong} of {links:,}",
        f"{1e4 * upper_bound(counted.joined_wrong, links):.1f} in 10,000",
        f"{counted.per_thousand_tasks():.1f}",
        _percent(counted.tasks_right, counted.tasks),
        _percent(counted.reached, counted.known),
        f"{run.candidates / counted.registrations:.1f}",
        f"{1e3 * run.seconds / counted.registrations:.2f}",
    )


def pairs(measured: Iterable[Measured]) -> list[str]:
    """Every registration against every record held before, two by two."""
    header = ("set", "true pairs", "share a token", "linked", "precision", "wrong pairs")
    return _rows(header, [_paired(each) for each in measured])


def _paired(each: Measured) -> tuple[object, ...]:
    point = linked(each.run)
    return (
        each.name,
        f"{point.true:,}",
        _percent(each.run.found, each.run.true),
        _percent(point.right, point.true),
        f"{point.precision:.5f}",
        point.wrong,
    )


def linked(run: Run) -> Point:
    """The pairs that are joined as the model is delivered."""
    return curve(run.pairs, run.true, [run.automatic])[0]


def beside(measured: Iterable[Measured]) -> list[str]:
    """The same records, the same truth, two programs; and our weights without our rules."""
    header = (
        "set",
        "program",
        "pairs: recall",
        "joined the right one",
        "joined a wrong one",
        "tasks per 1,000",
        "right one reached",
    )
    return _rows(header, [row for each in measured for row in _both(each)])


def _both(each: Measured) -> list[tuple[object, ...]]:
    run, other, counted = each.run, each.other, each.run.outcomes
    if other is None:
        return []
    plain = best(run.weighed, run.true, PRECISION)
    links = best(theirs.links(other.registrations), counted.known, PRECISION)
    tasks, reached = _tasks(other, links.bits, counted.reached)
    return [
        (
            each.name,
            "ours, as delivered",
            f"{linked(run).recall:.4f}",
            _percent(counted.joined_right, counted.known),
            counted.joined_wrong,
            f"{counted.per_thousand_tasks():.0f}",
            _percent(counted.reached, counted.known),
        ),
        ("", f"our weights, no rules, from {plain.bits:.1f} bits", f"{plain.recall:.4f}", "", "", "", ""),
        (
            "",
            f"Splink, from {links.bits:.1f} bits",
            f"{best(other.pairs, run.true, PRECISION).recall:.4f}",
            _percent(links.right, counted.known),
            links.wrong,
            f"{1000 * tasks / counted.registrations:.0f}",
            _percent(reached, counted.known),
        ),
    ]


def _tasks(other: Theirs, automatic: float, wanted: int) -> tuple[int, int]:
    """The fewest tasks with which Splink's scores reach as many right ones, or the most they can."""
    tasks = reached = 0
    for lowest in range(20, -5, -1):
        tasks, reached = theirs.reviews(other.registrations, automatic, lowest)
        if reached >= wanted:
            break
    return tasks, reached


def febrl(measured: Iterable[Measured]) -> list[str]:
    """The labelled sets that others use; no wrong pair is allowed in the last three columns."""
    header = (
        "set",
        "true pairs",
        "share a token",
        "linked",
        "wrong pairs",
        "right one reached",
        "our weights, no rules: recall",
        "the same, trained on the set",
        "Splink: recall",
    )
    return _rows(header, [_labelled(each) for each in measured])


def _labelled(each: Measured) -> tuple[object, ...]:
    run, counted = each.run, each.run.outcomes
    point = linked(run)
    trained = each.trained or run
    return (
        each.name,
        f"{run.true:,}",
        f"{run.completeness:.4f}",
        f"{point.recall:.4f}",
        point.wrong,
        _percent(counted.reached, counted.known),
        f"{best(run.weighed, run.true, 1.0).recall:.4f}",
        f"{best(trained.weighed, run.true, 1.0).recall:.4f}",
        f"{best(each.other.pairs, run.true, 1.0).recall:.4f}" if each.other else "",
    )


def rules(measured: Sequence[Measured]) -> list[str]:
    """What linked, what was asked, in all sets together."""
    outcomes = [each.run.outcomes for each in measured]
    told = (
        ("linked", reduce(add, (each.joined_by for each in outcomes))),
        ("of these wrong", reduce(add, (each.wrong_by for each in outcomes))),
        ("review tasks", reduce(add, (each.tasks_by for each in outcomes))),
    )
    return _rows(("what", "how often, by rule"), [(name, counts(by)) for name, by in told])


def policies(measured: Iterable[Measured]) -> list[str]:
    """The same registrations under each policy."""
    header = (
        "set",
        "policy",
        "joined the right one",
        "joined a wrong one",
        "wrong, at most (95 %)",
        "review tasks per 1,000",
        "right one reached",
    )
    rows = []
    for each in measured:
        for policy, counted in each.run.policies.items():
            links = counted.joined_right + counted.joined_wrong
            rows.append(
                (
                    each.name,
                    policy,
                    _percent(counted.joined_right, counted.known),
                    counted.joined_wrong,
                    f"{1e4 * upper_bound(counted.joined_wrong, links):.1f} in 10,000",
                    f"{counted.per_thousand_tasks():.1f}",
                    _percent(counted.reached, counted.known),
                )
            )
    return _rows(header, rows)


def _rows(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _alone(joined: int, right: int, true: int) -> str:
    return (
        "## From nothing, with nobody reviewing\n\n"
        f"All records of 20,000 persons in random order: {_percent(right, true)} of {true:,} true pairs "
        f"end in one person; {joined - right} of {joined:,} joined pairs are wrong, where every member of a "
        "cluster counts with every other."
    )


def picture(measured: Measured) -> str:
    """Wrong links and recall against the threshold."""
    run = measured.run
    lines = [("rules and weights", run.pairs), ("weights alone", run.weighed)]
    if measured.other:
        lines.append(("Splink", measured.other.pairs))
    drawn = [(name, curve(scored, run.true, _THRESHOLDS)) for name, scored in lines]
    wrong = [Line(name, [(p.bits, 1e4 * (1 - p.precision)) for p in points]) for name, points in drawn]
    recall = [Line(name, [(p.bits, p.recall) for p in points]) for name, points in drawn]
    return draw(
        "Precision and recall against the threshold",
        "threshold: bits above even odds",
        _MARKS,
        [
            Panel(
                title="Wrong pairs of 10,000 joined (at the bottom: none)",
                lines=wrong,
                ticks=(0.1, 1, 10, 100, 1000),
                log=True,
            ),
            Panel(title="Recall", lines=recall, ticks=(0, 0.2, 0.4, 0.6, 0.8, 1)),
        ],
    )


def write(folder: Path, figures: Figures) -> None:
    """The report and its picture; what stands in the report above the figures is kept."""
    page = folder / "matching-quality.md"
    kept = (
        page.read_text(encoding="utf-8").split(_MARK)[0]
        if page.is_file()
        else "# Quality of the matching\n\n"
    )
    first = next((each for each in figures.populations if each.other), figures.populations[0])
    (folder / _PICTURE).write_text(picture(first), encoding="utf-8")
    seen = f"![Precision and recall against the threshold]({_PICTURE})"
    parts = (kept + _MARK, _circumstances(figures), seen, text(figures))
    page.write_text("\n\n".join(parts), encoding="utf-8")


_MARK = "<!-- figures: written by conformance.matching, edit above only -->"


def _circumstances(figures: Figures) -> str:
    said = next((each.other.said.split(",")[0] for each in figures.populations if each.other), "")
    with_splink = f", {said}" if said else ""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on "
        f"{cpu_count()} cores ({platform.machine()}), model {figures.model}{with_splink}. To repeat:\n\n"
        f"    {figures.command}"
    )


def _table(title: str, rows: Sequence[str]) -> str:
    return "\n".join((f"## {title}", "", *rows))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "none"
