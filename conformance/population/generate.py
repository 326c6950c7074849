"""An invented population of Luxembourg and its commuters, as several systems recorded it.

No real person is in it. The same seed gives the same records. Who a record is about stays outside the record,
so that nothing under test can read it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from gateway.record.demographics import Demographics
from gateway.record.people import PatientId

from .matricule import MATRICULE_ROOT
from .names import Draw
from .people import Person, Registrar
from .records import SYSTEMS, Clerk, Rates, is_newborn

__all__ = ["MATRICULE_ROOT", "Rates", "SourceRecord", "population"]

_RECORDS = Draw((1, 2, 3, 4, 5), (25, 32, 24, 12, 7))
_SAME_SYSTEM_AGAIN = 0.02
_SCATTER, _NUMBERS = 2_654_435_761, 1 << 32
"""An odd factor makes of a count every number once, in no visible order."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One system's record: whom it is about, by number, and what a matcher may see of it."""

    person: int
    identity: PatientId
    told: Demographics


def population(persons: int, seed: int, rates: Rates | None = None) -> Iterator[SourceRecord]:
    """The records of so many persons, 2.4 for each; those of one person and of a household stay together."""
    rng = Random(seed)  # noqa: S311 - no secret is drawn
    clerk = Clerk(rng, rates or Rates())
    written = 0
    for household in Registrar(rng).households():
        for person in household:
            if person.number > persons:
                return
            for system, told in _records(rng, clerk, person):
                written += 1
                yield SourceRecord(person.number, PatientId(_value(written), system), told)
        # Households refer to themselves in circles, which would wait for the collector.
        for person in household:
            person.relatives.clear()


def _records(rng: Random, clerk: Clerk, person: Person) -> Iterator[tuple[str, Demographics]]:
    systems = rng.sample(SYSTEMS, _RECORDS(rng))
    if len(systems) > 1 and rng.random() < _SAME_SYSTEM_AGAIN:
        systems[1] = systems[0]
    for place, system in enumerate(systems):
        if place == 0 and is_newborn(person):
            yield system.root, clerk.newborn(person, system)
        else:
            yield system.root, clerk.record(person, system)


def _value(count: int) -> str:
    return f"{count * _SCATTER % _NUMBERS:010d}"
