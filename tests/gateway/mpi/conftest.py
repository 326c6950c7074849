"""An index of patients on both databases, and people to tell it of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Outdated
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.patients import PatientFeed, PatientMerge, PersonChange
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.work import UnitOfWork
from tests.gateway.mpi.searching import Asking

AFFINITY, CITY, VALLEY, STATE = "2.999.1.1", "2.999.3", "2.999.4", "2.999.5"


@dataclass(frozen=True)
class Told:
    """People as sources tell of them."""

    anna: Demographics
    bruno: Demographics

    def with_number(self, told: Demographics, number: str) -> Demographics:
        return replace(told, identifiers=(PatientId(number, STATE),))


TOLD = Told(
    anna=Demographics(
        names=(PersonName(family="Schmit", given=("Anna", "Marie")),),
        birth_date="19801224",
        sex="F",
        addresses=(Address(lines=("12, rue de la Gare",), city="Esch", postcode="L-4040"),),
        telecoms=(Telecom(value="+352621123456"),),
    ),
    bruno=Demographics(
        names=(PersonName(family="Ferreira da Silva", given=("Bruno",)),),
        birth_date="19750503",
        sex="M",
        addresses=(Address(lines=("3, um Bierg",), city="Diekirch", postcode="L-9210"),),
        telecoms=(Telecom(value="+352691654321"),),
    ),
)


class Index:
    """The index over one database: requests that are written at once, and what stands after them."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.mpi = record.index.mpi

    def do(self, method: str, *arguments: Any, **named: Any) -> tuple[PersonChange, ...]:
        work = UnitOfWork()
        call = self.record.asking(work)
        changes: tuple[PersonChange, ...] = self.record.run(
            getattr(self.record.index, method)(call, *arguments, **named)
        )
        self.record.commit(work)
        return changes

    def feed(
        self, told: Demographics, *identifiers: PatientId, whole: bool = False
    ) -> tuple[PersonChange, ...]:
        return self.do(
            "feed", PatientFeed(identifiers=identifiers, demographics=told, message_id="1", whole=whole)
        )

    def merge(self, survivor: PatientId, subsumed: PatientId) -> tuple[PersonChange, ...]:
        return self.do("merge", PatientMerge(survivor=survivor, subsumed=subsumed, message_id="1"))

    def held(self, identity: PatientId) -> Any:
        return self.record.run(self.mpi.store.held(identity))

    def person(self, identity: PatientId) -> int:
        return int(self.held(identity).identity.person)

    def together(self, *identities: PatientId) -> bool:
        return len({self.person(each) for each in identities}) == 1

    def last(self, identity: PatientId) -> int:
        """The last operation that moved an identity."""
        events = self.record.run(self.mpi.history.of_patients([self.held(identity).identity.key]))
        return int(events[-1].operation)

    def reviews(self) -> list[Any]:
        return list(self.record.run(self.record.database.fetch(select(tables.patient_review))))

    def state(self) -> list[tuple[Any, ...]]:
        """Who is whom, and what is known of them."""
        rows = self.record.run(self.record.database.fetch(select(tables.patient)))
        found = [(row.extension, row.root, row.head, row.person, row.state, self.told(row)) for row in rows]
        return sorted(found, key=lambda each: each[:2])

    def told(self, row: Any) -> Demographics:
        told: Demographics = self.held(PatientId(row.extension, row.root)).told
        return told

    def at_once(self, *requests: Callable[[Any], Any]) -> list[Any]:
        """Requests that read before any of them is written, each tried again when another was faster."""

        async def one(request: Callable[[Any], Any]) -> None:
            for _ in range(5):
                work = UnitOfWork()
                await request(self.record.asking(work))
                try:
                    await self.record.committer.commit(work)
                except Outdated:
                    continue
                return
            raise AssertionError("tried five times")

        return list(self.record.all(*(one(each) for each in requests)))


@pytest.fixture
def told() -> Told:
    return TOLD


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest, tmp_path: Path, opened: Callable[..., Any]) -> Iterator[Index]:
    """An empty index."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
    else:
        path = tmp_path / "record.db"
        shutil.copy(request.getfixturevalue("migrated"), path)
        url = f"sqlite:///{path}"
    record = opened(url, tmp_path / "content")
    yield Index(record)
    record.close()


@pytest.fixture
def ids() -> Callable[[str], PatientId]:
    """ids("city:7") and the like."""
    roots = {"xad": AFFINITY, "city": CITY, "valley": VALLEY, "state": STATE}

    def make(text: str) -> PatientId:
        domain, _, value = text.partition(":")
        return PatientId(value, roots[domain])

    return make


def shown(changes: Sequence[PersonChange]) -> list[tuple[tuple[PatientId, ...], tuple[PatientId, ...]]]:
    return [(each.before, each.after) for each in changes]


@pytest.fixture
def ask(index: Index) -> Asking:
    return Asking(index)
