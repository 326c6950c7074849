"""Identities of all domains: what was told of them, and whom they belong to (ITI TF-2 3.8, 3.9, 3.30).

Demographics and the traits that matching compares are sealed under the record key of each identity. What can
be looked up are keyed hashes only (`patient_token`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row as DatabaseRow
from sqlalchemy import (
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Defect, Outdated
from gateway.matching.blocks import Row, Wanted
from gateway.record.demographics import NOTHING, Demographics, dump, load
from gateway.record.patients import Identity, State
from gateway.record.people import PatientId
from gateway.stores import patient_tokens, tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_P, _K, _T = tables.patient.c, tables.record_key.c, tables.patient_token.c
_COLUMNS = (
    _P.key,
    _P.head,
    _P.person,
    _P.root,
    _P.extension,
    _P.state,
    _P.version,
    _P.demographics,
    _P.traits,
    _P.changed_at,
    _K.wrapped,
)
_HEAD = tables.patient.alias("likely")
_ROWS = select(*_COLUMNS).join(tables.record_key, _K.patient_key == _P.key)
_BY_ID = _ROWS.where(_P.root == bindparam("root"), _P.extension == bindparam("extension"))
_BY_KEYS = _ROWS.where(_P.key.in_(bindparam("keys", expanding=True)))
_BY_HEADS = _ROWS.where(_P.head.in_(bindparam("heads", expanding=True)))
_OF_PERSONS = _ROWS.where(
    _P.person.in_(
        select(_HEAD.c.person).where(
            _HEAD.c.key.in_(bindparam("keys", expanding=True)), _HEAD.c.head == _HEAD.c.key
        )
    )
)
_MEMBERS = _ROWS.where(_P.person.in_(bindparam("persons", expanding=True)))


def _having(others: int) -> Select[Any]:
    """All members of the persons of whom an identity has a token of a group, and one of each other group."""
    found = (
        select(_P.person)
        .distinct()
        .select_from(tables.patient_token.join(tables.patient, _P.key == _T.patient_key))
        .where(_T.token.in_(bindparam("tokens", expanding=True)), _SHOWN)
    )
    for number in range(others):
        member, token = tables.patient.alias(f"member{number}"), tables.patient_token.alias(f"token{number}")
        # One inside the other: the members of a person are few, the rows of a token may be many.
        has = exists().where(
            token.c.token.in_(bindparam(f"others{number}", expanding=True)),
            token.c.patient_key == member.c.key,
        )
        found = found.where(exists().where(member.c.person == _P.person, has))
    limited = found.limit(bindparam("most")).subquery()
    return _ROWS.join(limited, limited.c.person == _P.person)


def _rows_of_tokens() -> Select[Any]:
    rows = select(_T.patient_key).where(_T.token.in_(bindparam("tokens", expanding=True)))
    return select(func.count().label("count")).select_from(rows.limit(bindparam("most")).subquery())


_SHOWN = and_(_P.head == _P.key, _P.state != State.REMOVED.value)
OTHERS = 2
"""So many further groups of tokens narrow a search."""
_HAVING = tuple(_having(number) for number in range(OTHERS + 1))
_ROWS_OF_TOKENS = _rows_of_tokens()
_ALL = _ROWS.where(_SHOWN).order_by(_P.key).limit(bindparam("most"))
_FOLLOWING = _ROWS.where(_P.key > bindparam("after")).order_by(_P.key).limit(bindparam("most"))
_RENEW = (
    update(tables.patient)
    .where(_P.key == bindparam("b_key"), _P.version == bindparam("b_version"))
    .values(traits=bindparam("b_traits"))
)
_POPULATION = select(func.count().label("count")).where(_P.head == _P.key)
_INSERT = insert(tables.patient)
_INSERT_KEY = insert(tables.record_key)
_INSERT_VERSION = insert(tables.patient_version)
_CHANGE = (
    update(tables.patient)
    .where(_P.key == bindparam("b_key"), _P.version == bindparam("b_version"))
    .values(
        version=bindparam("b_next"),
        demographics=bindparam("b_demographics"),
        traits=bindparam("b_traits"),
        changed_at=bindparam("b_at"),
    )
)
_MOVE = (
    update(tables.patient)
    .where(
        _P.key == bindparam("b_key"),
        _P.head == bindparam("b_head"),
        _P.person == bindparam("b_person"),
        _P.state == bindparam("b_state"),
    )
    .values(head=bindparam("b_new_head"), person=bindparam("b_new_person"), state=bindparam("b_new_state"))
)


@dataclass(frozen=True, slots=True)
class Held:
    """An identity with what is sealed under its record key; `changed_at` in epoch milliseconds."""

    identity: Identity
    record_key: bytes
    sealed: bytes | None
    sealed_traits: bytes | None
    changed_at: int

    @property
    def told(self) -> Demographics:
        """What its source told."""
        if self.sealed is None:
            return NOTHING
        return load(open_text(self.record_key, _context(self.identity.key), self.sealed))

    @property
    def traits(self) -> bytes | None:
        """What matching compares, packed."""
        if self.sealed_traits is None:
            return None
        return open_text(self.record_key, _traits_context(self.identity.key), self.sealed_traits)


def _filled_up(values: Sequence[int]) -> list[int]:
    """The values with the last one repeated: of lists of all lengths, few statements are prepared."""
    length = 1 << (len(values) - 1).bit_length()
    return [*values, *([values[-1]] * (length - len(values)))]


def _context(key: int) -> bytes:
    return b"demographics|%d" % key


def _traits_context(key: int) -> bytes:
    return b"traits|%d" % key


class IdentityStore:
    """Reads at once; changes are noted in the unit of work, each with what it expects to find."""

    def __init__(self, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> None:
        self._database = database
        self._keys = keys
        self.new_key = new_key

    async def held(self, asked: PatientId) -> Held | None:
        """The identity of this domain and value, merged and removed ones too; None when nobody told of it."""
        rows = await self._database.fetch(_BY_ID, {"root": asked.root, "extension": asked.extension})
        return self._held(rows[0]) if rows else None

    async def record_of(self, work: UnitOfWork, asked: PatientId) -> tuple[int, bytes] | None:
        """Key and record key of an identity in use, be it one that begins with this unit of work."""
        if (made := work.made.get(asked)) is not None:
            return made
        held = await self.held(asked)
        if held is None or held.identity.merged or held.identity.state is State.REMOVED:
            return None
        return held.identity.key, held.record_key

    async def by_keys(self, keys: Iterable[int]) -> list[Held]:
        """Identities by record key."""
        return await self._many(_BY_KEYS, "keys", keys)

    async def chains(self, heads: Iterable[int]) -> list[Held]:
        """Identities with all that was merged into them."""
        return await self._many(_BY_HEADS, "heads", heads)

    async def members(self, persons: Iterable[int]) -> list[Held]:
        """The identities of persons, with those that were merged into one of them."""
        return await self._many(_MEMBERS, "persons", persons)

    async def _many(self, query: Select[Any], name: str, values: Iterable[int]) -> list[Held]:
        given = sorted(set(values))
        if not given:
            return []
        return [self._held(row) for row in await self._database.fetch(query, {name: _filled_up(given)})]

    async def like(self, wanted: Wanted) -> list[int]:
        """Record keys of identities that may be the same person: one for each row they are found by."""
        if not wanted.tokens:
            return []
        rows = await self._database.fetch(patient_tokens.LIKE, patient_tokens.values(wanted))
        return [row.key for row in rows]

    async def persons_of(self, keys: Sequence[int], most: int) -> list[Held]:
        """All members of up to `most` persons that some keys belong to, those named most often first."""
        likeliest = [key for key, _ in Counter(keys).most_common(most)]
        if not likeliest:
            return []
        return [
            self._held(row)
            for row in await self._database.fetch(_OF_PERSONS, {"keys": _filled_up(likeliest)})
        ]

    async def having(self, tokens: Sequence[int], others: Sequence[Sequence[int]], most: int) -> list[Held]:
        """All members of up to `most` persons who have a token of a group and one of each of the others."""
        given = {"tokens": _filled_up(tokens), "most": most}
        given |= {f"others{number}": _filled_up(each) for number, each in enumerate(others)}
        return [self._held(row) for row in await self._database.fetch(_HAVING[len(others)], given)]

    async def rows_of(self, tokens: Sequence[int], most: int) -> int:
        """How many rows some tokens have; counting ends at `most`."""
        given = {"tokens": _filled_up(tokens), "most": most}
        return int((await self._database.fetch(_ROWS_OF_TOKENS, given))[0][0])

    async def all(self, most: int) -> list[Held]:
        """The first identities by key that are neither merged nor removed."""
        return [self._held(row) for row in await self._database.fetch(_ALL, {"most": most})]

    async def following(self, after: int, most: int) -> list[Held]:
        """The next identities by key, merged and removed ones too."""
        given = {"after": after, "most": most}
        return [self._held(row) for row in await self._database.fetch(_FOLLOWING, given)]

    async def rows_between(self, first: int, last: int) -> dict[int, frozenset[Row]]:
        """The rows of identities by key. They are ordered by token: this passes over all there are."""
        found: dict[int, set[Row]] = {}
        for row in await self._database.fetch(patient_tokens.BETWEEN, {"first": first, "last": last}):
            found.setdefault(row.patient_key, set()).add(patient_tokens.read(row))
        return {key: frozenset(rows) for key, rows in found.items()}

    async def population(self) -> int:
        """Number of identities that were not merged into another."""
        return int((await self._database.fetch(_POPULATION))[0][0])

    def _held(self, row: DatabaseRow[Any]) -> Held:
        return Held(
            Identity(
                key=row.key,
                head=row.head,
                person=row.person,
                id=PatientId(row.extension, row.root),
                state=State(row.state),
                version=row.version,
            ),
            self._keys.record_key(row.wrapped),
            row.demographics,
            row.traits,
            row.changed_at,
        )

    def create(
        self,
        work: UnitOfWork,
        identity: Identity,
        told: Demographics,
        traits: bytes | None,
        rows: Iterable[Row],
        at: datetime,
    ) -> None:
        """Notes a new identity with a record key of its own; Outdated when another request was faster."""
        record_key, wrapped = self._keys.new_record_key()
        key = identity.key
        work.made[identity.id] = (key, record_key)
        row = {
            "key": key,
            "head": identity.head,
            "person": identity.person,
            "root": identity.id.root,
            "extension": identity.id.extension,
            "state": identity.state.value,
            "version": 1,
            "demographics": seal_text(record_key, _context(key), dump(told.known())),
            "traits": seal_text(record_key, _traits_context(key), traits) if traits else None,
            "created_at": millis(at),
            "changed_at": millis(at),
        }
        work.write(_INSERT, row, otherwise=Outdated("the same patient is being fed by another message"))
        work.write(
            _INSERT_KEY, {"patient_key": key, "master_version": self._keys.version, "wrapped": wrapped}
        )
        patient_tokens.add(work, key, rows)

    def change(
        self,
        work: UnitOfWork,
        held: Held,
        told: Demographics,
        traits: bytes,
        *,
        added: Iterable[Row],
        dropped: Iterable[Row],
        at: datetime,
    ) -> None:
        """Notes new demographics; what was told before is kept as a version."""
        key, version = held.identity.key, held.identity.version
        changed = Outdated("the patient was changed by another message")
        before = {
            "patient_key": key,
            "version": version,
            "changed_at": held.changed_at,
            "demographics": held.sealed,
        }
        work.write(_INSERT_VERSION, before, otherwise=changed)
        row = {
            "b_key": key,
            "b_version": version,
            "b_next": version + 1,
            "b_demographics": seal_text(held.record_key, _context(key), dump(told)),
            "b_traits": seal_text(held.record_key, _traits_context(key), traits),
            "b_at": millis(at),
        }
        work.write(_CHANGE, row, expect=1, otherwise=changed)
        patient_tokens.change(work, key, added, dropped, changed)

    def renew(
        self, work: UnitOfWork, held: Held, traits: bytes, *, added: Iterable[Row], dropped: Iterable[Row]
    ) -> None:
        """Notes other traits and rows of demographics that stay what they are."""
        key = held.identity.key
        changed = Outdated("the patient was changed by another message")
        row = {
            "b_key": key,
            "b_version": held.identity.version,
            "b_traits": seal_text(held.record_key, _traits_context(key), traits),
        }
        work.write(_RENEW, row, expect=1, otherwise=changed)
        patient_tokens.change(work, key, added, dropped, changed)

    def move(self, work: UnitOfWork, before: Identity, after: Identity) -> None:
        """Notes a head, person or state, perhaps the same; Outdated when it is not what was read."""
        if before.key != after.key:
            raise Defect("an identity can only become another state of itself")
        row = {
            "b_key": before.key,
            "b_head": before.head,
            "b_person": before.person,
            "b_state": before.state.value,
            "b_new_head": after.head,
            "b_new_person": after.person,
            "b_new_state": after.state.value,
        }
        work.write(_MOVE, row, expect=1, otherwise=Outdated("the patient was changed by another message"))
