"""What one request does to identities, gathered first and noted once: moves, events, who is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.matching.blocks import Row, Wanted
from gateway.matching.statuses import HIDDEN
from gateway.mpi.context import Asking, Mpi
from gateway.record.patients import Identity, PersonChange, State
from gateway.record.people import PatientId
from gateway.stores import patient_tokens
from gateway.stores.identities import Held
from gateway.stores.identity_history import Operation

Decision = Mapping[str, Any]


class Changes:
    """The identities a request has looked at, and what becomes of them. Each is written once, at `finish`."""

    def __init__(self, mpi: Mpi, call: Asking, kind: str, *, undoes: int | None = None) -> None:
        self.mpi = mpi
        self.call = call
        self.operation = Operation(
            key=mpi.store.new_key(),
            kind=kind,
            actor=call.principal.subject,
            trace_id=call.trace_id,
            at=call.at,
            undoes=undoes,
        )
        self._before: dict[int, Identity | None] = {}
        self._after: dict[int, Identity] = {}
        self._decisions: dict[int, Decision] = {}
        self._told: set[int] = set()
        self._held: dict[int, Held] = {}
        self._status: dict[int, str | None] = {}
        self._leaned_on: set[int] = set()
        self._counted: list[tuple[Wanted, int]] = []
        self._rows: Counter[Row] = Counter()

    def see(self, held: Iterable[Held]) -> None:
        """Identities as they are; whoever is to be moved must have been seen, with all of its person."""
        for each in held:
            if each.identity.key not in self._after:
                self._before[each.identity.key] = each.identity
                self._after[each.identity.key] = each.identity
                self._held[each.identity.key] = each

    def add(self, identity: Identity, decision: Decision | None = None, *, status: str | None = None) -> None:
        """An identity that was not there; one that begins as a person of its own has no event."""
        self._before[identity.key] = None
        self._after[identity.key] = identity
        self._status[identity.key] = status
        if decision is not None:
            self._decisions[identity.key] = decision

    def tell(self, key: int, status: str | None) -> None:
        """The demographics of an identity changed; `status` is the code of table 0445 it has now."""
        self._told.add(key)
        self._status[key] = status

    def count(self, wanted: Wanted, found: int) -> None:
        """Who may be the same had so many rows when it was looked for; nobody may add one meanwhile."""
        self._counted.append((wanted, found))

    def rows(self, added: Iterable[Row], dropped: Iterable[Row] = ()) -> None:
        """Rows that this request itself adds and drops."""
        self._rows.update(added)
        self._rows.subtract(dropped)

    def now(self, key: int) -> Identity:
        """An identity as it will be."""
        return self._after[key]

    def of_person(self, person: int) -> list[Identity]:
        """The identities of a person as they will be, merged ones left out."""
        return [each for each in self._after.values() if each.person == person and not each.merged]

    def alone(self, key: int) -> int:
        """A person for an identity that leaves: its own number, unless others are called by that."""
        taken = any(each.person == key for other, each in self._after.items() if other != key)
        return self.mpi.store.new_key() if taken else key

    def chain(self, head: int) -> list[int]:
        """An identity, and those that were merged into it."""
        return [key for key, each in self._after.items() if each.head == head]

    def move(
        self,
        keys: Iterable[int],
        decision: Decision,
        *,
        person: int | None = None,
        head: int | None = None,
        state: State | None = None,
    ) -> None:
        """Gives identities another person, head or state; `decision` says why."""
        for key in keys:
            old = self._after[key]
            self._after[key] = replace(
                old,
                person=old.person if person is None else person,
                head=old.head if head is None else head,
                state=old.state if state is None else state,
            )
            self._decisions[key] = decision

    def move_person(self, person: int, to: int, decision: Decision) -> None:
        """All identities of a person go to another."""
        self.move([key for key, each in self._after.items() if each.person == person], decision, person=to)

    def finish(self) -> tuple[PersonChange, ...]:
        """Notes moves and events; gives the persons whose identifiers are not what they were."""
        for wanted, found in self._counted:
            own = sum(number for row, number in self._rows.items() if wanted.covers(row))
            patient_tokens.guard(self.call.work, wanted, found + own)
        # In the order of the keys, so that two requests that cross wait for each other only one way.
        for key, after in sorted(self._after.items()):
            before = self._before[key]
            if before is not None and (before != after or key in self._leaned_on):
                self.mpi.store.move(self.call.work, before, after)
            if before != after and (before is not None or after.person != after.key):
                decision = self._decisions.get(key)
                text = orjson.dumps(decision).decode() if decision is not None else None
                event = self.mpi.store.new_key()
                self.mpi.history.moved(self.call.work, self.operation, event, before, after, text)
        return tuple(self._changed())

    def moves(self) -> Iterator[tuple[Identity, Identity, Decision | None]]:
        """Identities that were there and become another state of themselves, with why."""
        for key, after in sorted(self._after.items()):
            before = self._before[key]
            if before is not None and before != after:
                yield before, after, self._decisions.get(key)

    def hold(self, keys: Iterable[int]) -> None:
        """Identities that nobody may move meanwhile, since somebody leans on them."""
        self._leaned_on.update(keys)

    def _changed(self) -> Iterable[PersonChange]:
        """As others may see it: whoever has a status that hides it is not told of."""
        merged = self._merged()
        touched = self._touched() | merged.keys()
        before = self._shown(self._before.values(), touched, self._was_hidden)
        after = self._shown(self._after.values(), touched, self._is_hidden)
        for person in sorted(touched):
            was, will = before.get(person, ()), after.get(person, ())
            change = PersonChange(
                person=person,
                before=was,
                after=will,
                told=tuple(self._told_of(person)),
                merged=merged.get(person, ()),
                replaced_by=self._replacing(person, after) if was and not will else None,
            )
            if not change.empty:
                yield change

    def _touched(self) -> set[int]:
        """Persons who gain or lose an identity, or of whom something new was told."""
        was = {(each.person, each.key) for each in self._before.values() if each is not None and _there(each)}
        will = {(each.person, each.key) for each in self._after.values() if _there(each)}
        return {person for person, _ in was ^ will} | {self._after[key].person for key in self._told}

    def _told_of(self, person: int) -> Iterable[PatientId]:
        for key in self._told:
            if self._after[key].person == person and not self._is_hidden(key):
                yield self._after[key].id

    def _merged(self) -> dict[int, tuple[tuple[PatientId, PatientId], ...]]:
        """Identifiers that ended, with the one they ended in, by the person of that."""
        found: dict[int, tuple[tuple[PatientId, PatientId], ...]] = {}
        for key, after in self._after.items():
            before, head = self._before[key], self._after.get(after.head)
            ended = before is not None and not before.merged and after.merged
            if ended and head is not None and not self._was_hidden(key):
                found[head.person] = (*found.get(head.person, ()), (after.id, head.id))
        return found

    def _replacing(self, person: int, after: Mapping[int, tuple[PatientId, ...]]) -> int | None:
        """Where the identities of a person that ended are now, if that is a person who is shown."""
        now = (self._after[key].person for key, was in self._before.items() if was and was.person == person)
        return next((each for each in now if each in after), None)

    def _shown(
        self, identities: Iterable[Identity | None], persons: Container[int], hidden: Callable[[int], bool]
    ) -> dict[int, tuple[PatientId, ...]]:
        found: dict[int, list[PatientId]] = {}
        for each in identities:
            if each is not None and each.person in persons and _there(each) and not hidden(each.key):
                found.setdefault(each.person, []).append(each.id)
        return {person: tuple(self.mpi.ordered(ids)) for person, ids in found.items()}

    def _was_hidden(self, key: int) -> bool:
        held = self._held.get(key)
        return held is not None and held.told.status in HIDDEN

    def _is_hidden(self, key: int) -> bool:
        return self._status[key] in HIDDEN if key in self._status else self._was_hidden(key)


def _there(identity: Identity) -> bool:
    return not identity.merged and identity.state is not State.REMOVED
