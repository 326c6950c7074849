"""Asks directory and index of patients what a professional and a patient have in common; remembers pairs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from gateway.directory.book import ProviderDirectory
from gateway.record.access import Grant, Scope
from gateway.record.directory import Entry
from gateway.record.events import patient_of
from gateway.stores.patients import PatientStore
from gateway.watch.event import Kin
from gateway.watch.kinship import Home, kin_of

PAIRS, PEOPLE = 50_000, 5_000
REFRESH_MS = 600_000
"""Who is in the directory is asked again after ten minutes, in the time of the events."""
_PARTS = 4


@dataclass(slots=True)
class Relations:
    """Each pair is asked for once as long as it is remembered."""

    directory: ProviderDirectory
    patients: PatientStore
    _pairs: OrderedDict[tuple[str, str], Kin | None] = field(default_factory=OrderedDict)
    _homes: OrderedDict[str, tuple[int, Home | None]] = field(default_factory=OrderedDict)

    async def between(self, person: str, patient: str, at: int) -> Kin | None:
        """What they have in common; `patient` is a CX, `at` the time of the event."""
        pair = (person, patient)
        if pair not in self._pairs:
            self._pairs[pair] = await self._ask(person, patient, at)
            _shorten(self._pairs, PAIRS)
        return self._pairs[pair]

    async def _ask(self, person: str, patient: str, at: int) -> Kin | None:
        home = await self._home(person, at)
        identity = patient_of(patient)
        if home is None or identity is None:
            return None
        record = await self.patients.find(identity)
        if record is None:
            return None
        scope = Scope(grants={record.key: Grant(rank=0)}, identities={record.key: record.shown})
        told = await self.patients.demographics(scope, record)
        return kin_of(home, told, (identity.extension, record.shown.extension))

    async def _home(self, person: str, at: int) -> Home | None:
        asked, home = self._homes.get(person, (at - REFRESH_MS, None))
        if at - asked >= REFRESH_MS:
            home = await self._read(person)
            self._homes[person] = (at, home)
            _shorten(self._homes, PEOPLE)
        return home

    async def _read(self, person: str) -> Home | None:
        """One entry of that name, or nobody can say who it is."""
        keys = {row.key for row in await self.directory.called([person], "")}
        found = await self.directory.store.keyed(list(keys)) if len(keys) == 1 else []
        return home_of(found[0]) if found else None


def home_of(entry: Entry) -> Home:
    """What an entry says of a professional as a private person."""
    numbers = [each.split(":") for each in _values(entry, "hcidentifier")]
    return Home(
        family=next(iter(_values(entry, "sn")), ""),
        given=" ".join(_values(entry, "givenname") or _values(entry, "cn")),
        numbers=frozenset(each[2].strip() for each in numbers if len(each) == _PARTS and each[2].strip()),
        addresses=_values(entry, "homepostaladdress"),
    )


def _values(entry: Entry, name: str) -> tuple[str, ...]:
    found = entry.attributes.get(name)
    return found.values if found else ()


def _shorten(held: OrderedDict[Any, Any], most: int) -> None:
    while len(held) > most:
        held.popitem(last=False)
