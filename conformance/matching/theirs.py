"""Has Splink score the same records, in a Python of its own, and reads what it found."""

from __future__ import annotations

import csv
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.matching import Traits

from .measure import Scored
from .ours import Split

_COLUMNS = (
    "unique_id", "family", "given", "birth_date", "sex", "postcode", "street", "number", "phone", "matricule",
)  # fmt: skip
_PROGRAM = Path(__file__).with_name("by_splink.py")


@dataclass(frozen=True, slots=True)
class Theirs:
    """Splink's pairs of which one was registered, and for each registration its likeliest persons."""

    pairs: list[Scored]
    found: int
    registrations: list[Registration]
    said: str


@dataclass(frozen=True, slots=True)
class Registration:
    """Persons that were held when it came, with the weight of the best record of each; and who it is."""

    person: int
    known: bool
    persons: dict[int, float]


def run(python: Path, data: Split) -> Theirs:
    """Score all pairs of these records; the truth stays here."""
    with tempfile.TemporaryDirectory(prefix="passerelle-splink-") as name:
        records, pairs = Path(name) / "records.csv", Path(name) / "pairs.csv"
        _write(records, [each.traits for each in (*data.held, *data.registered)])
        command = [str(python), str(_PROGRAM), str(records), str(pairs)]
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=name).stdout
        return _read(_pairs(pairs), data, said.strip().splitlines()[-1])


def _write(path: Path, records: Sequence[Traits]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows((number, *_row(each)) for number, each in enumerate(records))


def _row(traits: Traits) -> tuple[str, ...]:
    day = traits.full_date
    return (
        " ".join(traits.family),
        " ".join(traits.given),
        f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else "",
        traits.sex,
        traits.postcode,
        traits.street,
        traits.number,
        min(traits.phones, default=""),
        traits.matricule or "",
    )


def _pairs(path: Path) -> Iterator[tuple[int, int, float]]:
    with path.open(newline="") as file:
        for left, right, weight in csv.reader(file):
            yield int(left), int(right), float(weight)


def _read(pairs: Iterator[tuple[int, int, float]], data: Split, said: str) -> Theirs:
    truth = [each.person for each in (*data.held, *data.registered)]
    first = len(data.held)
    scored: list[Scored] = []
    persons: list[dict[int, float]] = [{} for _ in data.registered]
    for left, right, weight in pairs:
        new, old = max(left, right), min(left, right)
        if new < first:
            continue
        scored.append(Scored(weight, truth[new] == truth[old]))
        likeliest = persons[new - first]
        likeliest[truth[old]] = max(weight, likeliest.get(truth[old], weight))
    seen = {each.person for each in data.held}
    registrations = []
    for each, likeliest in zip(data.registered, persons, strict=True):
        registrations.append(Registration(each.person, each.person in seen, likeliest))
        seen.add(each.person)
    return Theirs(scored, sum(each.same for each in scored), registrations, said)


def links(registrations: Sequence[Registration]) -> list[Scored]:
    """For each registration the link to its likeliest person, were the threshold low enough."""
    best = [max(each.persons.items(), key=lambda held: held[1], default=None) for each in registrations]
    return [
        Scored(likeliest[1], likeliest[0] == each.person)
        for each, likeliest in zip(registrations, best, strict=True)
        if likeliest is not None
    ]


def reviews(registrations: Sequence[Registration], automatic: float, lowest: float) -> tuple[int, int]:
    """Tasks if all persons from `lowest` on are shown where none is joined; and right ones reached in all."""
    tasks = reached = 0
    for each in registrations:
        shown = {person: bits for person, bits in each.persons.items() if bits >= lowest}
        best = max(shown, key=lambda person: shown[person], default=None)
        if best is not None and shown[best] >= automatic:
            reached += best == each.person
            continue
        tasks += len(shown)
        reached += each.person in shown
    return tasks, reached
