"""Messages of other systems as they came: packed, compressed and sealed in blocks by trail and week.

The Merkle root of a block is the tree hash of its messages (RFC 6962 section 2.1). A block is sealed with
AES-256-GCM under the key of its trail and week; destroying that key erases all that stands in them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby

import orjson
from sqlalchemy import Table, bindparam, insert, select, text

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.crypto.merkle import tree_hash
from gateway.errors import Busy, Defect, Outdated
from gateway.record.events import Received
from gateway.stores import tables
from gateway.stores.database import Database, Rows
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

MOST_MESSAGES = 64
MOST_OCTETS = 1024 * 1024
"""A block ends before it grows beyond either; one message alone may be larger."""

Place = tuple[int, int]
"""Block and the number of a message in it."""

_OF_THIS_TIME = frozenset({"structured-data", "trace"})
"""Fields of the header that say how a message came, not what it is."""
_LEVEL = 1
_LENGTH = 4
_LEAST = 6
"""Fields of what is known of a message; one more where it claims a name that is not its sender's."""
_DIGEST = 16
_GROUPS = (1, 4, 16, MOST_MESSAGES)
_MADE, _ITEM = 22, 6
"""Bits of a key below its milliseconds (`stores.keys`); those a place in a block takes."""
_KEPT_KEYS = 256
_SEEN, _KEY = tables.event_seen.c, tables.slot_key.c
_WHOSE = (_KEY.trail == bindparam("trail"), _KEY.slot == bindparam("slot"))
_WRAPPED = select(_KEY.wrapped).where(*_WHOSE)
_STANDS = _WRAPPED.where(_KEY.wrapped == bindparam("wrapped")).with_for_update(read=True, key_share=True)
_ADD_KEY = text(
    "INSERT INTO slot_key (trail, slot, wrapped) VALUES (:trail, :slot, :wrapped) ON CONFLICT DO NOTHING"
)
_FIND_SEEN = select(_SEEN.digest).where(
    _SEEN.slot == bindparam("slot"), _SEEN.digest.in_(bindparam("digests", expanding=True))
)
_ADD_SEEN = insert(tables.event_seen)


def digest_of(message: Received) -> bytes:
    """What tells a message that came before: its sender, its header but for what differs, and itself."""
    found = blake2b(digest_size=_DIGEST)
    header = [each for each in message.header if each[0] not in _OF_THIS_TIME]
    head = orjson.dumps([message.form, message.sender or message.address, header])
    found.update(len(head).to_bytes(_LENGTH, "big") + head)
    found.update(message.raw)
    return found.digest()


def key_of(place: Place) -> int:
    """The key of the event in a place: the same each time, so that an event noted again is there once.

    As other keys it begins with the milliseconds of its block; those of one block follow each other.
    """
    block, item = place
    return block >> _MADE << _MADE | item << _MADE - _ITEM | block & (1 << _MADE - _ITEM) - 1


class SeenStore:
    """Remembers messages, so that one sent again is kept once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, slot: int, digests: Sequence[bytes]) -> set[bytes]:
        """Those of a week that are here already."""
        found: set[bytes] = set()
        for start in range(0, len(digests), MOST_MESSAGES):
            part = digests[start : start + MOST_MESSAGES]
            size = next(each for each in _GROUPS if each >= len(part))
            asked = [*part, *[part[-1]] * (size - len(part))]
            rows = await self._database.fetch(_FIND_SEEN, {"slot": slot, "digests": asked})
            found.update(bytes(row.digest) for row in rows)
        return found

    def note(self, work: UnitOfWork, slot: int, digests: Iterable[bytes]) -> None:
        """Notes messages; Outdated at the commit when another worker took one of them meanwhile."""
        clash = Outdated("a message was taken by somebody else meanwhile")
        rows = [{"slot": slot, "digest": each} for each in digests]
        if rows:
            work.record(_ADD_SEEN, *rows, clash=clash)


class BlockStore:
    """Notes blocks of messages in one table, and reads messages again."""

    def __init__(
        self,
        database: Database,
        keys: KeyTree,
        new_key: Callable[[], int],
        table: Table = tables.event_block,
    ) -> None:
        self._database = database
        self._keys = keys
        self._new_key = new_key
        self._table = table
        self._insert = insert(table)
        self._plain: dict[bytes, bytes] = {}

    async def put(
        self, work: UnitOfWork, trail: int, slot: int, messages: Sequence[Received], now: datetime
    ) -> list[Place]:
        """Notes messages in as many blocks as they need; where each will stand.

        The commit raises Outdated when the key of the week was destroyed meanwhile.
        """
        if not messages:
            return []
        plain, wrapped = await self._key(trail, slot)
        places: list[Place] = []
        for part in _parts(messages):
            block, root = self._new_key(), tree_hash([each.raw for each in part])
            bound = _bound(block, trail, slot, len(part), root)
            row = {"id": block, "trail": trail, "slot": slot, "at": millis(now), "count": len(part)}
            work.write(self._insert, {**row, "root": root, "body": seal_text(plain, bound, _packed(part))})
            places += [(block, item) for item in range(len(part))]
        _must_stand(work, trail, slot, wrapped)
        return places

    async def read(self, places: Iterable[Place]) -> dict[Place, Received]:
        """Messages by their places; those whose block or key is gone are left out."""
        wanted = sorted(set(places))
        items = {block: [item for _, item in each] for block, each in groupby(wanted, lambda place: place[0])}
        found: dict[Place, Received] = {}
        for row in await self._rows(list(items)):
            messages = self._opened(row)
            found |= {(row.id, item): messages[item] for item in items[row.id] if item < len(messages)}
        return found

    async def messages(self, block: int) -> list[Received]:
        """All messages of one block, in their order; none when it or its key is gone."""
        rows = await self._rows([block])
        return self._opened(rows[0]) if rows else []

    async def held(self, work: UnitOfWork, blocks: Sequence[int]) -> dict[int, list[Received]]:
        """All messages of some blocks, by block, without those whose key is gone.

        The commit raises Outdated when the key of a week was destroyed meanwhile.
        """
        found = {}
        for row in await self._rows(blocks):
            found[row.id] = self._opened(row)
            _must_stand(work, row.trail, row.slot, bytes(row.wrapped))
        return found

    async def between(self, trail: int, after: int, before: int, most: int) -> list[int]:
        """The first blocks of a trail whose number is above one and below another, in order."""
        block = self._table.c
        query = select(block.id).where(block.trail == trail, block.id > after, block.id < before)
        return [row.id for row in await self._database.fetch(query.order_by(block.id).limit(most))]

    async def _rows(self, blocks: Sequence[int]) -> Rows:
        if not blocks:
            return ()
        table, key = self._table, tables.slot_key
        same = (key.c.trail == table.c.trail) & (key.c.slot == table.c.slot)
        query = select(*table.c, key.c.wrapped).join(key, same).where(table.c.id.in_(blocks))
        return await self._database.fetch(query)

    def _opened(self, row: object) -> list[Received]:
        told = row._mapping  # type: ignore[attr-defined]  # noqa: SLF001 - how SQLAlchemy names its columns
        bound = _bound(told["id"], told["trail"], told["slot"], told["count"], bytes(told["root"]))
        return list(_unpacked(open_text(self._unwrapped(bytes(told["wrapped"])), bound, bytes(told["body"]))))

    async def _key(self, trail: int, slot: int) -> tuple[bytes, bytes]:
        """The key of a week, plain and wrapped; made by whoever needs it first."""
        values = {"trail": trail, "slot": slot}
        rows = await self._database.fetch(_WRAPPED, values)
        if not rows:
            work = UnitOfWork()
            work.write(_ADD_KEY, {**values, "wrapped": self._keys.new_record_key()[1]})
            await self._database.apply([work])
            rows = await self._database.fetch(_WRAPPED, values)
        if not rows:
            raise Busy("the key of the week is being destroyed; try again")
        wrapped = bytes(rows[0].wrapped)
        return self._unwrapped(wrapped), wrapped

    def _unwrapped(self, wrapped: bytes) -> bytes:
        if wrapped not in self._plain:
            if len(self._plain) >= _KEPT_KEYS:
                self._plain.clear()
            self._plain[wrapped] = self._keys.record_key(wrapped)
        return self._plain[wrapped]


def _must_stand(work: UnitOfWork, trail: int, slot: int, wrapped: bytes) -> None:
    gone = Outdated("the key of the week was destroyed meanwhile")
    work.check(_STANDS, gone, {"trail": trail, "slot": slot, "wrapped": wrapped})


# --- the form of a block -------------------------------------------------------------------------


def _bound(block: int, trail: int, slot: int, count: int, root: bytes) -> bytes:
    """A block opens in its own place only."""
    return b"block|%d|%d|%d|%d|%b" % (block, trail, slot, count, root)


def _parts(messages: Sequence[Received]) -> Iterator[list[Received]]:
    part: list[Received] = []
    size = 0
    for each in messages:
        if part and (len(part) == MOST_MESSAGES or size + len(each.raw) > MOST_OCTETS):
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each.raw)
    if part:
        yield part


def _packed(messages: Iterable[Received]) -> bytes:
    """Each message after what is known of it, both behind their lengths (4 octets, big-endian)."""
    pieces: list[bytes] = []
    for each in messages:
        told = [each.form, millis(each.at), each.sender, each.address, each.header, each.fault]
        head = orjson.dumps(told if each.claimed is None else [*told, each.claimed])
        for piece in (head, each.raw):
            pieces += (len(piece).to_bytes(_LENGTH, "big"), piece)
    return zlib.compress(b"".join(pieces), _LEVEL)


def _unpacked(body: bytes) -> Iterator[Received]:
    data = memoryview(zlib.decompress(body))
    at = 0

    def piece() -> bytes:
        nonlocal at
        end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "big")
        found = bytes(data[at + _LENGTH : end])
        at = end
        return found

    while at < len(data):
        head, raw = orjson.loads(piece()), piece()
        if not _LEAST <= len(head) <= _LEAST + 1:
            raise Defect("a block holds a message of another form")
        form, when, sender, address, header, fault = head[:_LEAST]
        yield Received(
            raw=raw,
            form=form,
            at=datetime.fromtimestamp(when / 1000, UTC),
            sender=sender,
            address=address,
            header=tuple((name, value) for name, value in header),
            fault=fault,
            claimed=head[_LEAST] if len(head) > _LEAST else None,
        )
