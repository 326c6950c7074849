"""Random merges, links, unlinks, renames and updates, taken back one by one, return to the start.

PASSERELLE_SEQUENCES says how many; documents are registered under some of the identities.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import Refused
from gateway.record.demographics import Demographics, complete
from gateway.record.patients import PatientMerge
from gateway.record.people import PatientId
from gateway.stores.search import ENTRY

SEQUENCES = int(os.environ.get("PASSERELLE_SEQUENCES", "12"))
STEPS = 8
DOMAINS = ("xad", "city", "valley")

Ids = Callable[[str], PatientId]


class Life:
    """One sequence over identities of its own; `backs` take its steps back."""

    def __init__(self, index: Any, ids: Ids, seed: int, told: Any) -> None:
        self.index, self.random, self.seed, self.told = index, random.Random(seed), seed, told  # noqa: S311 - repeatable
        self.all = [ids(f"{domain}:{seed}-{number}") for domain in DOMAINS for number in range(3)]
        self.ids = ids
        self.backs: list[Callable[[], Any]] = []

    def begin(self) -> None:
        for each in self.all:
            person = self.random.choice([self.told.anna, self.told.bruno, Demographics(sex="F")])
            self.index.feed(person, each)

    def step(self) -> None:
        kind = self.random.choice(["merge", "link", "unlink", "rename", "update", "merge"])
        one, other = self.random.sample(self.all, 2)
        try:
            getattr(self, kind)(one, other)
        except Refused:
            return

    def merge(self, one: PatientId, other: PatientId) -> None:
        other = self.random.choice([each for each in self.all if each.root == one.root and each != one])
        self._undoable("merge", PatientMerge(survivor=one, subsumed=other, message_id="1"))

    def rename(self, one: PatientId, _other: PatientId) -> None:
        fresh = PatientId(f"{self.seed}-new-{len(self.backs)}", one.root)
        self._undoable("rename", PatientMerge(survivor=fresh, subsumed=one, message_id="1"))

    def link(self, one: PatientId, other: PatientId) -> None:
        self._undoable("link", one, other, "-")

    def unlink(self, one: PatientId, other: PatientId) -> None:
        self._undoable("unlink", one, other, "-")

    def _undoable(self, method: str, *arguments: Any) -> None:
        before = self._events()
        self.index.do(method, *arguments)
        if fresh := self._events()[len(before) :]:
            operation = fresh[0].operation
            self.backs.append(lambda: self.index.do("undo", operation))

    def _events(self) -> list[Any]:
        rows = [self.index.held(each) for each in self.all]
        keys = [each.identity.key for each in rows if each is not None]
        return list(self.index.record.run(self.index.mpi.history.of_patients(keys)))

    def update(self, one: PatientId, _other: PatientId) -> None:
        """What an update moves is taken back like a merge; what it tells by telling the old again."""
        before, events = self.index.held(one).told, self._events()
        self.index.feed(Demographics(marital_status=self.random.choice("MSDW"), language="fr"), one)
        assert len(self._events()) == len(events), "traits that matching does not compare move nobody"
        self.backs.append(lambda: self.index.feed(complete(before), one))

    def documents(self) -> list[tuple[str, int]]:
        record = self.index.record
        found = []
        for each in self.all:
            known = record.run(record.patients.find(each))
            if known is not None and not known.subsumed:
                rows = record.run(record.registry.find(record.scope(each), ENTRY, (), 100))
                found.append((each.extension, len(rows)))
        return found

    def state(self) -> list[Any]:
        """Of the identities that were there at the start; those that came by renaming stay, alone."""
        names = {(each.extension, each.root) for each in self.all}
        return [row for row in self.index.state() if row[:2] in names]


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_taken_back_step_by_step_all_is_as_it_was(
    index: Any, told: Any, ids: Ids, make: Any, seed: int
) -> None:
    life = Life(index, ids, seed, told)
    life.begin()
    for number in range(2):
        entry = make.entry(patient=life.all[number])
        index.record.register(make.submission(entry, patient=life.all[number]), make)
    start, documents = life.state(), life.documents()
    for _ in range(STEPS):
        life.step()
    for back in reversed(life.backs):
        back()
    assert life.state() == start
    assert life.documents() == documents
