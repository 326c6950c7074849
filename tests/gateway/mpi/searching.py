"""Persons to be searched for, and the questions about them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import select

from gateway.errors import Meaning, Refused
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.patients import Identity, Person, State
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

AFFINITY, CITY, VALLEY, STATE = "2.999.1.1", "2.999.3", "2.999.4", "2.999.5"
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FAMILIES = (
    "Müller",
    "Muller",
    "Mueller",
    "Müll",
    "da Silva",
    "Silva Costa",
    "O'Brien",
    "Xu",
    "Schmit-Weber",
    "Weber",
)
GIVEN = ("Anna", "Anne-Marie", "Ana", "Zoé", "Jo", "Marie", "Léa")
DATES = ("19800131", "19800201", "198002", "1980", "19800229", None)
POSTCODES = ("L-4040", "4041", "54290", "")
NUMBERS = ("+352621123456", "621123457", "anna@example.org")


class Asking:
    """Queries of one index."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.record = index.record

    def persons(self, *, node: str = "hospital", **wanted: Any) -> tuple[Person, ...]:
        query = DemographicsQuery(**wanted)
        found: tuple[Person, ...] = self.record.run(
            self.record.index.search(self.record.asking(node=node), query)
        )
        return found

    def ids(self, **wanted: Any) -> set[PatientId]:
        return {identifier for each in self.persons(**wanted) for identifier in each.identifiers}

    def refusal(self, **wanted: Any) -> Meaning:
        with pytest.raises(Refused) as caught:
            self.persons(**wanted)
        (problem,) = caught.value.problems
        assert problem.location == "query"
        return problem.meaning


def named(family: str = "", *given_names: str, exact: bool = False) -> dict[str, Any]:
    return {"names": ((NameWanted(family=family, given=given_names, exact=exact),),)}


def having(field: Field, *values: str) -> dict[str, Any]:
    return {"criteria": (Criterion(field=field, values=values),)}


def born(low: str | None, high: str | None) -> dict[str, Any]:
    return {"born": (DateRange(low=low, high=high),)}


def somebody(chance: random.Random) -> Demographics:
    pick = chance.choice
    return Demographics(
        names=tuple(
            PersonName(family=pick(FAMILIES), given=tuple(chance.sample(GIVEN, chance.randint(0, 2))))
            for _ in range(chance.randint(1, 2))
        ),
        birth_date=pick(DATES),
        sex=pick("FM"),
        addresses=(Address(city=pick(("Esch", "Trier")), postcode=pick(POSTCODES)),),
        telecoms=(Telecom(value=pick(NUMBERS)),),
    )


def populate(ask: Asking, identities: int, seed: int) -> None:
    """Persons of one to three identities, some of them merged, removed or hidden."""
    chance, mpi, work = random.Random(seed), ask.index.mpi, UnitOfWork()  # noqa: S311 - no secret
    person = 0
    for number in range(identities):
        key = mpi.store.new_key()
        person = key if not person or chance.random() < 0.5 else person
        told = replace(somebody(chance), status=chance.choice((None, None, None, "VALI", "CACH")))
        identity = Identity(
            key=key,
            head=key if person == key or chance.random() < 0.8 else person,
            person=person,
            id=PatientId(str(number), chance.choice((AFFINITY, CITY, VALLEY))),
            state=chance.choice((State.ACTIVE, State.ACTIVE, State.ACTIVE, State.FROZEN, State.REMOVED)),
        )
        traits = mpi.matcher.traits(told, identity.id)
        rows = mpi.matcher.rows(traits, told)
        mpi.store.create(work, identity, told, mpi.matcher.pack(traits), rows, ask.record.asking().at)
    ask.record.commit(work)


def all_keys(ask: Asking) -> list[int]:
    rows = ask.record.run(ask.record.database.fetch(select(tables.patient.c.key)))
    return [row[0] for row in rows]
